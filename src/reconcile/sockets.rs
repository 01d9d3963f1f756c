//! Host sockets as they are and as they should be.

use std::path::PathBuf;

use crate::engine::sockets::{group_id, observe_socket, user_id};
use crate::model::{Form, ObservedSocket, SocketName, Stack};
use crate::plan::SocketFix;

/// One socket, as it is and as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketState {
    /// Its name in stack.toml.
    pub name: SocketName,
    /// Its path.
    pub path: PathBuf,
    /// As it is.
    pub observed: ObservedSocket,
    /// The mode it should have.
    pub mode: Option<u32>,
    /// The owner it should have.
    pub owner: Option<String>,
    /// The group it should have.
    pub group: Option<String>,
    /// Whether it may be missing.
    pub optional: bool,
    /// What would put it right; `None` where nothing has to be done, or nothing can be.
    pub fix: Option<SocketFix>,
}

/// Looks at every socket of a stack.
pub fn sockets<F: Form>(stack: &Stack<F>) -> Vec<SocketState> {
    let states = stack.sockets().iter().map(|(name, socket)| {
        let observed = observe_socket(&socket.path);
        let fix = SocketFix {
            socket: name.clone(),
            path: socket.path.clone(),
            mode: socket.mode,
            owner: socket.owner.clone(),
            group: socket.group.clone(),
            allow_world_access: socket.allow_world_access,
        };
        let state = SocketState {
            name: name.clone(),
            path: socket.path.clone(),
            observed,
            mode: socket.mode,
            owner: socket.owner.clone(),
            group: socket.group.clone(),
            optional: socket.optional,
            fix: None,
        };
        let fix = state.differs().then_some(fix);
        SocketState { fix, ..state }
    });
    states.collect()
}

impl SocketState {
    /// Returns whether it is there and something about it has to be set.
    fn differs(&self) -> bool {
        let ObservedSocket::Present { mode, uid, gid, .. } = &self.observed else {
            return false;
        };
        self.mode.is_some_and(|wanted| wanted != *mode)
            || self
                .owner
                .as_ref()
                .is_some_and(|name| user_id(name) != Some(*uid))
            || self
                .group
                .as_ref()
                .is_some_and(|name| group_id(name) != Some(*gid))
    }

    /// Returns whether nothing has to be done.
    pub fn is_fine(&self) -> bool {
        match &self.observed {
            ObservedSocket::Present { .. } => self.fix.is_none(),
            ObservedSocket::Missing => self.optional,
            ObservedSocket::NotASocket { .. } | ObservedSocket::Unknown { .. } => false,
        }
    }

    /// Returns whether putting it right gives rights to everybody on the host.
    pub fn opens_to_everybody(&self) -> bool {
        self.fix
            .as_ref()
            .and_then(|fix| fix.mode)
            .is_some_and(|mode| mode & 0o007 != 0)
    }

    /// Returns mode, owner and group as text, `observed → desired` where they differ.
    pub fn columns(&self) -> [String; 3] {
        let ObservedSocket::Present { mode, uid, gid, .. } = &self.observed else {
            return ["-", "-", "-"].map(str::to_owned);
        };
        let arrow = |now: String, wanted: Option<String>| match wanted {
            Some(wanted) => format!("{now} → {wanted}"),
            None => now,
        };
        let wanted_mode = self.mode.filter(|wanted| wanted != mode);
        let wanted_owner = self
            .owner
            .clone()
            .filter(|name| user_id(name) != Some(*uid));
        let wanted_group = self
            .group
            .clone()
            .filter(|name| group_id(name) != Some(*gid));
        [
            arrow(
                format!("{mode:04o}"),
                wanted_mode.map(|mode| format!("{mode:04o}")),
            ),
            arrow(uid.to_string(), wanted_owner),
            arrow(gid.to_string(), wanted_group),
        ]
    }

    /// Returns its state in words.
    pub fn words(&self) -> String {
        match &self.observed {
            ObservedSocket::Present { .. } if self.fix.is_some() => "differs".to_owned(),
            ObservedSocket::Present { .. } => "as it should be".to_owned(),
            ObservedSocket::Missing if self.optional => "not there (optional)".to_owned(),
            ObservedSocket::Missing => "not there".to_owned(),
            ObservedSocket::NotASocket { what } => format!("not a socket but {what}"),
            ObservedSocket::Unknown { why } => format!("unknown: {why}"),
        }
    }
}
