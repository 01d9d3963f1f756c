//! From arguments to exit code.

use std::ffi::OsString;
use std::pin::Pin;

use clap::error::ErrorKind;

use crate::load::process_environment;

use super::command;
use super::context::Context;
use super::ui::{ERROR, FAINT, styled};
use super::{Cli, Command, CommandResult, ExitCode, Failure, Ui};

/// Runs the program with these arguments and returns how it ends.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match super::parse(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Nobody may be there to read it; the exit code says it all the same.
            error.print().ok();
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::Done,
                _ => ExitCode::Usage,
            };
        }
    };
    let environment = process_environment();
    let global = &cli.global;
    let ui = Ui::new(global.color, global.quiet, global.verbose, &environment);
    let result = context(&cli, ui.clone(), environment).and_then(|context| run(&context, &cli));
    result.unwrap_or_else(|failure| {
        show(&ui, &failure);
        failure.code
    })
}

fn context(
    cli: &Cli,
    ui: Ui,
    environment: std::collections::BTreeMap<String, String>,
) -> Result<Context, Failure> {
    let directory = std::env::current_dir().map_err(|error| {
        Failure::new(
            ExitCode::Invalid,
            format!("cannot tell the current folder: {error}"),
        )
    })?;
    Ok(Context {
        ui,
        global: cli.global.clone(),
        environment,
        directory,
    })
}

/// A command that waits: for the engine, for a file, for time.
type Waiting<'a> = Pin<Box<dyn Future<Output = CommandResult> + 'a>>;

/// Runs a command. One that waits for nothing needs no runtime, and on a small stack to start one would take a third of its time.
fn run(context: &Context, cli: &Cli) -> CommandResult {
    let waiting: Waiting<'_> = match &cli.command {
        Command::Init(args) => return command::init::run(context, args),
        Command::Check(args) => return command::check::run(context, args),
        Command::Render(args) => return command::render::run(context, args),
        Command::Explain(args) => return command::explain::run(context, args),
        Command::Graph(args) => return command::graph::run(context, args),
        Command::Sockets(args) => return command::sockets::run(context, args),
        Command::Completions(args) => return command::completions::run(context, args),
        Command::Man(args) => return command::man::run(context, args),
        Command::Schema(args) => return command::schema::run(context, args),
        Command::Import(args) => Box::pin(command::import::run(context, args)),
        Command::Plan(args) => Box::pin(command::plan::run(context, args)),
        Command::Apply(args) => Box::pin(command::apply::run(context, args)),
        Command::Build(args) => Box::pin(command::build::run(context, args)),
        Command::Lock(args) => Box::pin(command::lock::run(context, args)),
        Command::Pull(args) => Box::pin(command::pull::run(context, args)),
        Command::Down(args) => Box::pin(command::down::run(context, args)),
        Command::Watch(args) => Box::pin(command::watch::run(context, args)),
        Command::Status(args) => Box::pin(command::status::run(context, args)),
        Command::Logs(args) => Box::pin(command::logs::run(context, args)),
        Command::Exec(args) => Box::pin(command::exec::run(context, args)),
        Command::Dag(args) => Box::pin(command::dag::run(context, args)),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(ExitCode::Failed, format!("cannot start: {error}")))?;
    let result = runtime.block_on(waiting);
    // A read of standard input cannot be cancelled; nobody waits for it.
    runtime.shutdown_background();
    result
}

fn show(ui: &Ui, failure: &Failure) {
    if failure.message.is_empty() {
        return;
    }
    ui.loud(format!("{} {}", styled(ERROR, "error:"), failure.message));
    for hint in &failure.hints {
        ui.loud(format!("  {} {hint}", styled(FAINT, "help:")));
    }
}
