//! From arguments to exit code.

use std::ffi::OsString;

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

fn run(context: &Context, cli: &Cli) -> CommandResult {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(ExitCode::Failed, format!("cannot start: {error}")))?;
    let result = runtime.block_on(dispatch(context, &cli.command));
    // A read of standard input cannot be cancelled; nobody waits for it.
    runtime.shutdown_background();
    result
}

async fn dispatch(context: &Context, command: &Command) -> CommandResult {
    match command {
        Command::Init(args) => command::init::run(context, args),
        Command::Import(args) => command::import::run(context, args).await,
        Command::Check(args) => command::check::run(context, args),
        Command::Render(args) => command::render::run(context, args),
        Command::Plan(args) => command::plan::run(context, args).await,
        Command::Apply(args) => command::apply::run(context, args).await,
        Command::Down(args) => command::down::run(context, args).await,
        Command::Watch(args) => command::watch::run(context, args).await,
        Command::Status(args) => command::status::run(context, args).await,
        Command::Logs(args) => command::logs::run(context, args).await,
        Command::Exec(args) => command::exec::run(context, args).await,
        Command::Explain(args) => command::explain::run(context, args),
        Command::Graph(args) => command::graph::run(context, args),
        Command::Dag(args) => command::dag::run(context, args).await,
        Command::Sockets(args) => command::sockets::run(context, args),
        Command::Completions(args) => command::completions::run(context, args),
        Command::Man(args) => command::man::run(context, args),
        Command::Schema(args) => command::schema::run(context, args),
    }
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
