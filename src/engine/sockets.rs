//! Sockets of this host: their mode, owner and group. Never follows a link, never touches anything but a socket.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;

use crate::model::ObservedSocket;
use crate::plan::SocketFix;

use super::{EngineError, Performed};

/// Rights for everybody.
const WORLD: u32 = 0o007;

/// The permission bits of a mode.
const PERMISSIONS: u32 = 0o7777;

/// What a socket was like before it was changed, so that the change can be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketBefore {
    /// Permission bits.
    pub mode: u32,
    /// The owner's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
}

/// Looks at a socket without following a link.
pub fn observe_socket(path: &Path) -> ObservedSocket {
    match rustix::fs::lstat(path) {
        Ok(stat) => match other_kind(&stat) {
            Some(what) => ObservedSocket::NotASocket {
                what: what.to_owned(),
            },
            None => {
                let SocketBefore { mode, uid, gid } = before(&stat);
                ObservedSocket::Present {
                    mode,
                    uid,
                    gid,
                    owners: names(uid, "/etc/passwd"),
                    groups: names(gid, "/etc/group"),
                }
            }
        },
        Err(Errno::NOENT | Errno::NOTDIR) => ObservedSocket::Missing,
        Err(error) => ObservedSocket::Unknown {
            why: error.to_string(),
        },
    }
}

/// Changes mode, owner and group of a socket.
///
/// # Errors
/// As [`fix_socket_from`].
pub fn fix_socket(fix: &SocketFix) -> Result<Performed, EngineError> {
    Ok(match fix_socket_from(fix)? {
        Some(_) => Performed::Done,
        None => Performed::WasSo,
    })
}

/// Changes mode, owner and group of a socket, and returns what it was like; `None` where it was so already.
///
/// Everything happens through one descriptor that was opened without following links and seen to be a socket, so that the path cannot be
/// swapped in between.
///
/// # Errors
/// [`EngineError::Socket`] where there is no socket, rights for everybody are asked for without `allow_world_access`, a name is not
/// known, or more rights are needed; then `command` is what to run.
pub fn fix_socket_from(fix: &SocketFix) -> Result<Option<SocketBefore>, EngineError> {
    let refuse = |message: String| failure(fix, message, None);
    if let Some(mode) = fix.mode
        && mode & WORLD != 0
        && !fix.allow_world_access
    {
        return Err(refuse(format!(
            "mode {mode:04o} gives rights to everybody; say allow_world_access = true if that is meant"
        )));
    }
    let uid = number(fix, fix.owner.as_deref(), "/etc/passwd", "user")?;
    let gid = number(fix, fix.group.as_deref(), "/etc/group", "group")?;
    let socket = open(fix)?;
    let stat = rustix::fs::fstat(&socket).map_err(|error| refuse(error.to_string()))?;
    if let Some(what) = other_kind(&stat) {
        return Err(refuse(format!("it is {what} and no socket")));
    }
    let was = before(&stat);
    let new_uid = uid.filter(|uid| *uid != was.uid);
    let new_gid = gid.filter(|gid| *gid != was.gid);
    let new_mode = fix.mode.filter(|mode| *mode != was.mode);
    if new_uid.is_none() && new_gid.is_none() && new_mode.is_none() {
        return Ok(None);
    }
    let denied = |error: Errno| match error {
        Errno::PERM | Errno::ACCESS => failure(
            fix,
            "changing it needs more rights".to_owned(),
            Some(command(fix, new_mode, new_uid, new_gid)),
        ),
        other => refuse(other.to_string()),
    };
    // The owner first: a change of owner clears set-id bits, and a mode set before would open the socket to the wrong group for a moment.
    if new_uid.is_some() || new_gid.is_some() {
        let flags = AtFlags::EMPTY_PATH | AtFlags::SYMLINK_NOFOLLOW;
        let (uid, gid) = (new_uid.map(Uid::from_raw), new_gid.map(Gid::from_raw));
        rustix::fs::chownat(&socket, "", uid, gid, flags).map_err(denied)?;
    }
    if let Some(mode) = new_mode {
        // fchmod refuses such a descriptor; the name below /proc/self leads to the very object that it holds.
        let name = format!("/proc/self/fd/{}", socket.as_fd().as_raw_fd());
        rustix::fs::chmod(name, Mode::from_raw_mode(mode)).map_err(denied)?;
    }
    Ok(Some(was))
}

fn open(fix: &SocketFix) -> Result<OwnedFd, EngineError> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, &fix.path, flags, Mode::empty()).map_err(|error| match error {
        Errno::NOENT | Errno::NOTDIR => failure(fix, "it is not there".to_owned(), None),
        Errno::ACCESS => failure(
            fix,
            "its folder cannot be searched".to_owned(),
            Some(command(fix, fix.mode, None, None)),
        ),
        other => failure(fix, other.to_string(), None),
    })
}

fn before(stat: &Stat) -> SocketBefore {
    SocketBefore {
        mode: stat.st_mode & PERMISSIONS,
        uid: stat.st_uid,
        gid: stat.st_gid,
    }
}

/// Returns what it is if it is no socket.
fn other_kind(stat: &Stat) -> Option<&'static str> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Socket => None,
        FileType::Symlink => Some("a symbolic link"),
        FileType::Directory => Some("a folder"),
        FileType::RegularFile => Some("a file"),
        FileType::Fifo => Some("a pipe"),
        FileType::CharacterDevice | FileType::BlockDevice => Some("a device"),
        FileType::Unknown => Some("something unknown"),
    }
}

/// Resolves a user or group that is given by name or number.
fn number(
    fix: &SocketFix,
    text: Option<&str>,
    table: &str,
    kind: &str,
) -> Result<Option<u32>, EngineError> {
    let Some(text) = text else { return Ok(None) };
    match id(text, table) {
        Some(number) => Ok(Some(number)),
        None => Err(failure(
            fix,
            format!("{table} knows no {kind} {text:?}"),
            None,
        )),
    }
}

/// Returns the number of a user that is given by name or number; `None` where this host knows no such name.
pub fn user_id(text: &str) -> Option<u32> {
    id(text, "/etc/passwd")
}

/// Returns the number of a group that is given by name or number; `None` where this host knows no such name.
pub fn group_id(text: &str) -> Option<u32> {
    id(text, "/etc/group")
}

fn id(text: &str, table: &str) -> Option<u32> {
    text.parse()
        .ok()
        .or_else(|| lookup(&std::fs::read_to_string(table).ok()?, text))
}

/// Returns the names that a table of this host has for a number; none where it cannot be read.
fn names(id: u32, table: &str) -> Vec<String> {
    names_in(&std::fs::read_to_string(table).unwrap_or_default(), id)
}

fn names_in(table: &str, id: u32) -> Vec<String> {
    let id = id.to_string();
    let lines = table.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == id).then(|| name.to_owned())
    });
    lines.collect()
}

/// Finds the number of `name` in the text of /etc/passwd or /etc/group: both have it in the third field.
fn lookup(table: &str, name: &str) -> Option<u32> {
    table.lines().find_map(|line| {
        let mut fields = line.split(':');
        let is_it = fields.next() == Some(name);
        is_it.then(|| fields.nth(1)?.parse().ok()).flatten()
    })
}

/// Returns the one command that does the same with more rights.
fn command(fix: &SocketFix, mode: Option<u32>, uid: Option<u32>, gid: Option<u32>) -> String {
    let path = fix.path.display().to_string();
    let path = shell_words::quote(&path);
    let owner = match (uid, gid) {
        (Some(uid), Some(gid)) => Some(format!("sudo chown {uid}:{gid} {path}")),
        (Some(uid), None) => Some(format!("sudo chown {uid} {path}")),
        (None, Some(gid)) => Some(format!("sudo chgrp {gid} {path}")),
        (None, None) => None,
    };
    let mode = mode.map(|mode| format!("sudo chmod {mode:04o} {path}"));
    let parts: Vec<String> = owner.into_iter().chain(mode).collect();
    parts.join(" && ")
}

fn failure(fix: &SocketFix, message: String, command: Option<String>) -> EngineError {
    EngineError::Socket {
        path: fix.path.display().to_string(),
        message,
        command,
    }
}

#[cfg(test)]
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test ends with whatever else it finds"
)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::model::SocketName;

    struct Host {
        folder: tempfile::TempDir,
        _listener: UnixListener,
    }

    impl Host {
        fn new(mode: u32) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.sock");
            let listener = UnixListener::bind(&path).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            Self {
                folder,
                _listener: listener,
            }
        }

        fn fix(&self, file: &str, mode: Option<u32>) -> SocketFix {
            SocketFix {
                socket: SocketName::new("a").unwrap(),
                path: self.folder.path().join(file),
                mode,
                owner: None,
                group: None,
                allow_world_access: false,
            }
        }

        fn mode(&self) -> u32 {
            match observe_socket(&self.folder.path().join("a.sock")) {
                ObservedSocket::Present { mode, .. } => mode,
                other => panic!("no socket: {other:?}"),
            }
        }
    }

    fn message(error: EngineError) -> String {
        match error {
            EngineError::Socket { message, .. } => message,
            other => panic!("another kind of error: {other}"),
        }
    }

    #[test]
    fn mode_is_set_once_and_what_it_was_is_told() {
        let host = Host::new(0o600);
        let fix = host.fix("a.sock", Some(0o660));
        let was = fix_socket_from(&fix).unwrap().unwrap();
        assert_eq!((was.mode, host.mode()), (0o600, 0o660));
        assert_eq!(fix_socket(&fix), Ok(Performed::WasSo));
    }

    #[test]
    fn links_files_and_nothing_are_told_apart_and_left_alone() {
        let host = Host::new(0o600);
        let path = |name: &str| host.folder.path().join(name);
        symlink(path("a.sock"), path("link.sock")).unwrap();
        std::fs::write(path("file"), "").unwrap();
        std::fs::set_permissions(path("file"), PermissionsExt::from_mode(0o600)).unwrap();
        for (name, word) in [("link.sock", "link"), ("file", "file")] {
            let ObservedSocket::NotASocket { what } = observe_socket(&path(name)) else {
                panic!("{name} was taken for a socket");
            };
            assert!(what.contains(word), "{what}");
            let error = fix_socket(&host.fix(name, Some(0o660))).unwrap_err();
            assert!(message(error).contains(word));
        }
        assert_eq!(host.mode(), 0o600, "the link was followed");
        let file = std::fs::metadata(path("file")).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600);
        assert_eq!(observe_socket(&path("gone")), ObservedSocket::Missing);
        assert!(fix_socket(&host.fix("gone", Some(0o660))).is_err());
    }

    #[test]
    fn rights_for_everybody_need_the_users_word() {
        let host = Host::new(0o600);
        let mut fix = host.fix("a.sock", Some(0o666));
        assert!(message(fix_socket(&fix).unwrap_err()).contains("allow_world_access"));
        assert_eq!(host.mode(), 0o600);
        fix.allow_world_access = true;
        assert_eq!(fix_socket(&fix), Ok(Performed::Done));
        assert_eq!(host.mode(), 0o666);
    }

    #[test]
    fn unknown_names_are_refused_before_anything_is_changed() {
        let host = Host::new(0o600);
        let mut fix = host.fix("a.sock", Some(0o660));
        fix.group = Some("no-such-group-here".to_owned());
        assert!(message(fix_socket(&fix).unwrap_err()).contains("no-such-group-here"));
        assert_eq!(host.mode(), 0o600);
    }

    #[test]
    fn names_are_found_whole_in_the_tables() {
        let table = "root:x:0:\ndocker2:x:7:\ndocker:x:998:me,you\nbroken\n";
        assert_eq!(lookup(table, "docker"), Some(998));
        assert_eq!(lookup(table, "dock"), None);
        assert_eq!(lookup(table, "broken"), None);
        assert_eq!(names_in(table, 7), ["docker2"]);
        assert_eq!(names_in("root:x:0:\ntoor:x:0:\n", 0), ["root", "toor"]);
        assert!(names_in(table, 99).is_empty());
    }

    #[test]
    fn the_command_for_more_rights_does_exactly_what_is_missing() {
        let host = Host::new(0o600);
        let mut fix = host.fix("a.sock", None);
        fix.path = "/run/it's here.sock".into();
        assert_eq!(
            command(&fix, Some(0o660), None, Some(998)),
            r"sudo chgrp 998 '/run/it'\''s here.sock' && sudo chmod 0660 '/run/it'\''s here.sock'"
        );
    }
}
