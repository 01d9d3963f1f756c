//! `stackgen exec`: a command in a running service.

use futures_util::StreamExt;

use crate::cli::context::Context;
use crate::cli::{CommandResult, ExitCode, Failure};
use crate::compose::labels;
use crate::engine::{ExecSpec, OutputStream};
use crate::model::{ContainerStatus, ObservedContainer};
use crate::plan::ContainerRef;

/// Runs a command in a container of a running service and ends with its exit code.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The service.
    #[arg(value_name = "SERVICE")]
    pub service: String,
    /// The user; default: the service's.
    #[arg(short, long, value_name = "USER")]
    pub user: Option<String>,
    /// The folder; default: the service's.
    #[arg(short, long, value_name = "FOLDER")]
    pub workdir: Option<String>,
    /// A variable, NAME=VALUE.
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub env: Vec<String>,
    /// The number of the container, where the service has several.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub index: u32,
    /// The command.
    #[arg(
        value_name = "COMMAND",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub command: Vec<String>,
}

pub(crate) async fn run(context: &Context, args: &Args) -> CommandResult {
    let (_, session) = context.session().await?;
    let services = context.services(&session, std::slice::from_ref(&args.service))?;
    let observed = session.observe().await?;
    let container = services
        .iter()
        .flat_map(|name| session.containers_of(&observed, name))
        .filter(|container| container.state.status == ContainerStatus::Running)
        .find(|container| number_of(container) == args.index)
        .ok_or_else(|| {
            let what = format!("no container {} of {} runs", args.index, args.service);
            Failure::new(ExitCode::Failed, what)
                .hint(format!("start it with: stackgen apply {}", args.service))
        })?;
    let spec = ExecSpec {
        container: ContainerRef::Id(container.id.clone()),
        command: args.command.clone(),
        environment: args.env.iter().map(|text| variable(text)).collect(),
        user: args.user.clone(),
        working_dir: args.workdir.clone(),
        privileged: false,
    };
    let mut session_of_command = session.engine.exec(&spec).await?;
    while let Some(chunk) = session_of_command.output.next().await {
        let chunk = chunk?;
        match chunk.stream {
            OutputStream::Stdout => context.ui.bytes(&chunk.bytes)?,
            OutputStream::Stderr => context.ui.error_bytes(&chunk.bytes),
        }
    }
    let state = session.engine.exec_state(&session_of_command.id).await?;
    match state.exit_code.map(u8::try_from) {
        Some(Ok(0)) => Ok(ExitCode::Done),
        Some(Ok(code)) => Ok(ExitCode::OfCommand(code)),
        Some(Err(_)) | None => Err(Failure::new(ExitCode::Failed, "the command did not end")),
    }
}

fn number_of(container: &ObservedContainer) -> u32 {
    let number = container.config.labels.get(labels::CONTAINER_NUMBER);
    number.and_then(|text| text.parse().ok()).unwrap_or(1)
}

fn variable(text: &str) -> (String, Option<String>) {
    match text.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (text.to_owned(), None),
    }
}
