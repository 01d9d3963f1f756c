//! Files of this host that containers mount: what is in them, and which of them a container sees.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};

use jiff::Timestamp;
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, Stat};
use sha2::{Digest, Sha256};

use crate::model::{
    ContainerStatus, ContentDigest, InodeId, MountSpecSource, ObservedContainer, ObservedFile,
};

/// What is larger is no file of settings, and its content is not looked at.
const LARGEST: u64 = 4 * 1024 * 1024;

/// Looks at files. What is a folder, no regular file, or not to be seen is left out: nothing is said of it.
pub fn observe_files(paths: &BTreeSet<String>) -> BTreeMap<String, ObservedFile> {
    let look = |path: &String| Some((path.clone(), look_at(path)?));
    paths.iter().filter_map(look).collect()
}

/// Looks at a file. A link is followed, as the engine does. Whatever stands there, this does not wait for it.
fn look_at(path: &str) -> Option<ObservedFile> {
    let stat = rustix::fs::stat(path).ok()?;
    if !is_regular(&stat) {
        return None;
    }
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let Ok(file) = rustix::fs::open(path, flags, Mode::empty()) else {
        return Some(described(&stat, None));
    };
    // Between the two looks it may have become something else.
    let stat = rustix::fs::fstat(&file).ok().filter(is_regular)?;
    Some(described(&stat, digest(&stat, file)))
}

/// Looks at what a running container has where it mounts one of `files`. Only the process itself can tell, and only to those who may see
/// into it; for others nothing is known.
pub fn observe_mounted(
    container: &ObservedContainer,
    files: &BTreeMap<String, ObservedFile>,
) -> BTreeMap<String, ObservedFile> {
    let is_up = matches!(
        container.state.status,
        ContainerStatus::Running | ContainerStatus::Paused
    );
    let mounted = container.config.mounts.iter().filter_map(|mount| {
        let MountSpecSource::Bind { path, .. } = &mount.source else {
            return None;
        };
        Some((&mount.target, files.get(path)?))
    });
    let mut mounted = mounted.peekable();
    if !is_up || mounted.peek().is_none() {
        return BTreeMap::new();
    }
    let Some(root) = root_of(container) else {
        return BTreeMap::new();
    };
    mounted
        .filter_map(|(target, on_host)| {
            Some((target.clone(), look_inside(&root, target, on_host)?))
        })
        .collect()
}

/// Opens the root folder of a container's process, if it is certain that the process is its: its cgroup names it. An engine may run in
/// a machine of its own, where the number means another process.
fn root_of(container: &ObservedContainer) -> Option<OwnedFd> {
    let pid = container.state.pid?;
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    if !groups.contains(container.id.as_str()) {
        return None;
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(format!("/proc/{pid}/root"), flags, Mode::empty()).ok()
}

/// Looks at a path below a root that its owner may have filled with links: none leads out of it.
fn look_inside(root: &OwnedFd, target: &str, on_host: &ObservedFile) -> Option<ObservedFile> {
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let seen = rustix::fs::openat2(root, target, flags, Mode::empty(), resolve).ok()?;
    let stat = rustix::fs::fstat(&seen).ok().filter(is_regular)?;
    let file = described(&stat, None);
    if file.id == on_host.id {
        return Some(on_host.clone());
    }
    let path = format!("/proc/self/fd/{}", seen.as_raw_fd());
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let content = rustix::fs::open(path, flags, Mode::empty()).ok();
    let content = content.and_then(|opened| digest(&stat, opened));
    Some(ObservedFile { content, ..file })
}

fn is_regular(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
}

fn described(stat: &Stat, content: Option<ContentDigest>) -> ObservedFile {
    let nanos = i32::try_from(stat.st_ctime_nsec).unwrap_or_default();
    ObservedFile {
        id: InodeId {
            device: stat.st_dev,
            inode: stat.st_ino,
        },
        changed: Timestamp::new(stat.st_ctime, nanos).ok(),
        content,
    }
}

/// Returns the digest of a file's content; `None` where it is too large, or grows while it is read.
fn digest(stat: &Stat, file: OwnedFd) -> Option<ContentDigest> {
    let size = u64::try_from(stat.st_size).ok()?;
    if size > LARGEST {
        return None;
    }
    let mut content = Vec::with_capacity(usize::try_from(size).ok()? + 1);
    File::from(file)
        .take(LARGEST + 1)
        .read_to_end(&mut content)
        .ok()?;
    let is_whole = content.len() as u64 <= LARGEST;
    is_whole.then(|| ContentDigest::new(Sha256::digest(&content).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_told_by_inode_and_content_and_nothing_else_is_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        std::fs::write(path("a"), "one").unwrap();
        std::fs::write(path("large"), vec![0; LARGEST as usize + 1]).unwrap();
        std::os::unix::fs::symlink("a", path("link")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, path("pipe"), Mode::RUSR).unwrap();
        let names = ["a", "large", "link", "socket", "pipe", ".", "gone"];
        let look = || observe_files(&names.map(path).into());
        let first = look();
        let seen: Vec<&String> = first.keys().collect();
        assert_eq!(seen, [&path("a"), &path("large"), &path("link")]);
        assert_eq!(first[&path("a")], first[&path("link")]);
        assert_eq!(first[&path("large")].content, None);
        std::fs::write(path("b"), "one").unwrap();
        std::fs::rename(path("b"), path("a")).unwrap();
        let second = look();
        assert_ne!(first[&path("a")].id, second[&path("a")].id);
        assert_eq!(first[&path("a")].content, second[&path("a")].content);
        std::fs::write(path("a"), "two").unwrap();
        let third = look();
        assert_eq!(second[&path("a")].id, third[&path("a")].id);
        assert_ne!(second[&path("a")].content, third[&path("a")].content);
        assert!(format!("{third:?}").contains("content: Some(***)"));
    }
}
