//! `stackgen sockets`: host sockets and their permissions.

use crate::cli::context::Context;
use crate::cli::table::columns;
use crate::cli::ui::{WARNING, styled};
use crate::cli::{CommandResult, ExitCode, Failure};
use crate::engine::sockets::fix_socket;
use crate::model::ObservedSocket;
use crate::reconcile::{SocketState, sockets};
use crate::stackfile::Concern;

/// Looks at the host sockets of stack.toml and sets their permissions.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do with sockets.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Command {
    /// Show mode, owner and group of each, as they are and as they should be; exit 2 if they differ.
    Check {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Set mode, owner and group as stack.toml says.
    Fix {
        /// Do not ask. Rights for everybody take `allow_world_access` in stack.toml all the same.
        #[arg(short, long)]
        yes: bool,
    },
}

pub(crate) fn run(context: &Context, args: &Args) -> CommandResult {
    let project = context.checked(Concern::File)?;
    let sockets = sockets(project.template()?);
    match &args.command {
        Command::Check { json } => check(context, &sockets, *json),
        Command::Fix { yes } => fix(context, &sockets, *yes),
    }
}

fn check(context: &Context, sockets: &[SocketState], json: bool) -> CommandResult {
    if json {
        let list: Vec<_> = sockets.iter().map(to_json).collect();
        context.ui.data(serde_json::Value::from(list).to_string())?;
    } else if sockets.is_empty() {
        context.ui.words("stack.toml has no [sockets]");
    } else {
        context.ui.data(table(sockets))?;
    }
    if sockets.iter().all(SocketState::is_fine) {
        return Ok(ExitCode::Done);
    }
    if sockets.iter().any(|socket| socket.fix.is_some()) {
        context.ui.words("Set them with: stackgen sockets fix");
    }
    Ok(ExitCode::Differs)
}

fn fix(context: &Context, sockets: &[SocketState], yes: bool) -> CommandResult {
    let fixes: Vec<_> = sockets
        .iter()
        .filter_map(|socket| socket.fix.as_ref())
        .collect();
    context.ui.data(table(sockets))?;
    if fixes.is_empty() {
        let unusable = sockets.iter().find(|socket| !socket.is_fine());
        return match unusable {
            Some(socket) => Err(Failure::new(
                ExitCode::Failed,
                format!("{}: {}", socket.path.display(), socket.words()),
            )),
            None => {
                context.ui.words("Nothing is to be done.");
                Ok(ExitCode::Done)
            }
        };
    }
    if let Some(socket) = sockets.iter().find(|socket| socket.opens_to_everybody()) {
        context.ui.words(format!(
            "{}: everybody on this host gets access to {}",
            styled(WARNING, "warning"),
            socket.path.display()
        ));
    }
    if !yes && !agrees(context, fixes.len())? {
        return Err(Failure::new(ExitCode::Refused, "nothing was changed"));
    }
    for fix in fixes {
        fix_socket(fix)?;
        context.ui.words(format!("{}  set", fix.path.display()));
    }
    Ok(ExitCode::Done)
}

fn agrees(context: &Context, count: usize) -> Result<bool, Failure> {
    let things = if count == 1 {
        "1 socket"
    } else {
        "these sockets"
    };
    match context.ui.ask(&format!("Change {things}? [y/N]")) {
        Some(answer) => Ok(matches!(answer.as_str(), "y" | "Y" | "yes")),
        None => Err(Failure::new(
            ExitCode::Refused,
            "nobody can be asked, and nothing was changed",
        )
        .hint("agree beforehand: stackgen sockets fix -y")),
    }
}

fn table(sockets: &[SocketState]) -> String {
    let mut rows = vec![["SOCKET", "PATH", "MODE", "OWNER", "GROUP", "STATE"].map(str::to_owned)];
    rows.extend(sockets.iter().map(|socket| {
        let [mode, owner, group] = socket.columns();
        [
            socket.name.to_string(),
            socket.path.display().to_string(),
            mode,
            owner,
            group,
            socket.words(),
        ]
    }));
    columns(&rows)
}

fn to_json(socket: &SocketState) -> serde_json::Value {
    let observed = match &socket.observed {
        ObservedSocket::Present { mode, uid, gid, .. } => {
            serde_json::json!({"mode": format!("{mode:04o}"), "uid": uid, "gid": gid})
        }
        _ => serde_json::Value::Null,
    };
    serde_json::json!({
        "name": socket.name.as_str(),
        "path": socket.path,
        "observed": observed,
        "desired": {
            "mode": socket.mode.map(|mode| format!("{mode:04o}")),
            "owner": socket.owner,
            "group": socket.group,
        },
        "fine": socket.is_fine(),
        "state": socket.words(),
    })
}
