//! Which process of this machine listens on a port, as far as /proc tells it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::model::Protocol;

/// A process of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Its name.
    pub name: String,
}

/// Returns the process that listens on a port; `None` where /proc does not tell, which it does not of other users' processes.
pub(super) fn listener(port: u16, protocol: Protocol) -> Option<Process> {
    let inodes = inodes(port, protocol);
    if inodes.is_empty() {
        return None;
    }
    let links: BTreeSet<String> = inodes.iter().map(|it| format!("socket:[{it}]")).collect();
    processes().find(|process| {
        let files = fs::read_dir(format!("/proc/{}/fd", process.pid));
        let mut files = files.into_iter().flatten().flatten();
        files.any(|file| {
            let link = fs::read_link(file.path());
            link.is_ok_and(|link| link.to_str().is_some_and(|link| links.contains(link)))
        })
    })
}

/// Returns whether what this process sees of the machine is what a local engine sees: not where it runs in a container that the engine is
/// outside of, and has only the engine's socket inside.
pub(super) fn sees_the_engines_machine() -> bool {
    let mut marks = ["/.dockerenv", "/run/.containerenv"].into_iter();
    let is_inside = marks.any(|mark| Path::new(mark).exists());
    !is_inside || processes().any(|process| process.name == "dockerd")
}

fn processes() -> impl Iterator<Item = Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let name = fs::read_to_string(entry.path().join("comm")).ok()?;
        Some(Process {
            pid,
            name: name.trim_end().to_owned(),
        })
    })
}

/// Returns the inodes of the sockets that listen on a port (proc(5), /proc/net/tcp).
fn inodes(port: u16, protocol: Protocol) -> BTreeSet<String> {
    /// Of TCP the state "listen"; a UDP socket without a peer is in "close".
    const LISTEN: &str = "0A";
    const UNCONNECTED: &str = "07";
    let (tables, state) = match protocol {
        Protocol::Tcp => (["/proc/net/tcp", "/proc/net/tcp6"], LISTEN),
        Protocol::Udp => (["/proc/net/udp", "/proc/net/udp6"], UNCONNECTED),
        Protocol::Sctp => return BTreeSet::new(),
    };
    let end = format!(":{port:04X}");
    let mut found = BTreeSet::new();
    for table in tables {
        let text = fs::read_to_string(table).unwrap_or_default();
        for line in text.lines().skip(1) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (Some(local), Some(at), Some(inode)) = (words.get(1), words.get(3), words.get(9))
            else {
                continue;
            };
            if local.ends_with(&end) && *at == state {
                found.insert((*inode).to_owned());
            }
        }
    }
    found
}
