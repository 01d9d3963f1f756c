//! `stackgen logs`: what services print.

use std::sync::Arc;

use anstyle::AnsiColor;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::cli::context::Context;
use crate::cli::interrupt::Interrupt;
use crate::cli::ui::styled;
use crate::cli::{CommandResult, ExitCode, Failure};
use crate::compose::labels;
use crate::engine::{Engine, EngineError, LogOptions};
use crate::model::{Observed, ServiceName};
use crate::plan::ContainerRef;
use crate::reconcile::Session;

/// Shows the output of services, each line with its service.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The services; default: all.
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,
    /// Wait for more.
    #[arg(short, long)]
    pub follow: bool,
    /// Only the last lines of each container.
    #[arg(short = 'n', long, value_name = "LINES")]
    pub tail: Option<u64>,
    /// Begin each line with its time.
    #[arg(short, long)]
    pub timestamps: bool,
    /// Leave out the names.
    #[arg(long)]
    pub no_log_prefix: bool,
}

pub(crate) async fn run(context: &Context, args: &Args) -> CommandResult {
    let (_, session) = context.session().await?;
    let services = context.services(&session, &args.services)?;
    let observed = session.observe().await?;
    let sources = sources(&session, &observed, &services);
    if sources.is_empty() {
        context
            .ui
            .words("No container of it is there. Start it with: stackgen apply");
        return Ok(ExitCode::Done);
    }
    let interrupt = Interrupt::listen(&context.ui, ["", ""])?;
    let width = sources
        .iter()
        .map(|source| source.prefix.len())
        .max()
        .unwrap_or(0);
    let (sender, mut lines) = mpsc::channel(256);
    let mut readers = JoinSet::new();
    for (index, source) in sources.into_iter().enumerate() {
        let prefix = prefix(index, &source.prefix, width, args.no_log_prefix);
        let options = LogOptions {
            follow: args.follow,
            tail: args.tail,
            since: None,
            timestamps: args.timestamps,
        };
        let engine = Arc::clone(&session.engine);
        readers.spawn(read(
            engine,
            source.container,
            options,
            prefix,
            sender.clone(),
        ));
    }
    drop(sender);
    loop {
        tokio::select! {
            line = lines.recv() => match line {
                Some(line) => context.ui.data(line)?,
                None => break,
            },
            () = interrupt.stop.gently.cancelled() => return Ok(ExitCode::Interrupted),
        }
    }
    while let Some(ended) = readers.join_next().await {
        ended.map_err(|error| Failure::new(ExitCode::Failed, error.to_string()))??;
    }
    Ok(ExitCode::Done)
}

struct Source {
    container: ContainerRef,
    prefix: String,
}

/// Returns the containers to read, in the order of stack.toml.
fn sources(session: &Session, observed: &Observed, services: &[ServiceName]) -> Vec<Source> {
    let mut sources = Vec::new();
    for name in session.stack.services().keys() {
        if !services.is_empty() && !services.contains(name) {
            continue;
        }
        for container in session.containers_of(observed, name) {
            sources.push(Source {
                container: ContainerRef::Id(container.id.clone()),
                prefix: match container.config.labels.get(labels::CONTAINER_NUMBER) {
                    Some(number) => format!("{name}-{number}"),
                    None => name.to_string(),
                },
            });
        }
    }
    sources
}

const COLORS: [AnsiColor; 6] = [
    AnsiColor::Cyan,
    AnsiColor::Yellow,
    AnsiColor::Green,
    AnsiColor::Magenta,
    AnsiColor::Blue,
    AnsiColor::BrightCyan,
];

fn prefix(index: usize, name: &str, width: usize, none: bool) -> String {
    if none {
        return String::new();
    }
    let style = COLORS[index % COLORS.len()].on_default();
    styled(style, format!("{name:<width$}  | "))
}

/// Sends whole lines, so that two containers never share one.
async fn read(
    engine: Arc<dyn Engine>,
    container: ContainerRef,
    options: LogOptions,
    prefix: String,
    lines: mpsc::Sender<String>,
) -> Result<(), EngineError> {
    let mut chunks = engine.logs(&container, &options).await?;
    let mut rest = Vec::new();
    while let Some(chunk) = chunks.next().await {
        rest.extend_from_slice(&chunk?.bytes);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            let text = String::from_utf8_lossy(&line);
            // Nobody reads any more: that is how a pipe ends.
            if lines
                .send(format!("{prefix}{}", text.trim_end_matches(['\r', '\n'])))
                .await
                .is_err()
            {
                return Ok(());
            }
        }
    }
    if !rest.is_empty() {
        lines
            .send(format!("{prefix}{}", String::from_utf8_lossy(&rest)))
            .await
            .ok();
    }
    Ok(())
}
