//! Digests of what is in files, as labels hold them. They tell nothing about a content to whoever lacks the salt and reads labels only.

use std::collections::BTreeMap;
use std::fmt;

use sha2::{Digest, Sha256};

use crate::model::{ContentDigest, FileSpec, MountSpec, MountSpecSource, ObservedFile};

/// How many hexadecimal digits of a digest a label holds: enough that no two contents meet.
const DIGITS: usize = 32;

/// What files were like when a container was made, by the path inside: the text of a label.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileDigests {
    /// The salt of all digests.
    pub salt: String,
    /// Each file's digest and, of a mounted one, its inode.
    pub files: BTreeMap<String, (String, Option<u64>)>,
}

impl FileDigests {
    /// Returns the digests of files that are copied into a container.
    pub fn of_copied(salt: &str, files: &[FileSpec]) -> Self {
        let file = |file: &FileSpec| {
            let digest = copied_digest(salt, file);
            (file.target.clone(), (digest, None))
        };
        Self {
            salt: salt.to_owned(),
            files: files.iter().map(file).collect(),
        }
    }

    /// Returns the digests of the mounted files whose content was seen.
    pub fn of_mounted(
        salt: &str,
        mounts: &[MountSpec],
        seen: &BTreeMap<String, ObservedFile>,
    ) -> Self {
        let file = |mount: &MountSpec| {
            let MountSpecSource::Bind { path, .. } = &mount.source else {
                return None;
            };
            let seen = seen.get(path)?;
            let digest = mounted_digest(salt, seen.content.as_ref()?);
            Some((mount.target.clone(), (digest, Some(seen.id.inode))))
        };
        Self {
            salt: salt.to_owned(),
            files: mounts.iter().filter_map(file).collect(),
        }
    }

    /// Reads a label. What is not understood is left out: nothing is known of it then.
    pub fn parse(label: &str) -> Self {
        let (salt, files) = label.split_once(':').unwrap_or((label, ""));
        let file = |entry: &str| {
            let (facts, target) = entry.split_once('=')?;
            let (digest, inode) = match facts.split_once('@') {
                Some((digest, inode)) => (digest, Some(inode.parse().ok()?)),
                None => (facts, None),
            };
            Some((unescaped(target), (digest.to_owned(), inode)))
        };
        Self {
            salt: salt.to_owned(),
            files: files.split(',').filter_map(file).collect(),
        }
    }
}

impl fmt::Display for FileDigests {
    /// Writes `SALT:DIGEST@INODE=PATH,…`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.salt)?;
        for (index, (target, (digest, inode))) in self.files.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{digest}")?;
            if let Some(inode) = inode {
                write!(f, "@{inode}")?;
            }
            write!(f, "={}", escaped(target))?;
        }
        Ok(())
    }
}

fn escaped(target: &str) -> String {
    target.replace('%', "%25").replace(',', "%2C")
}

fn unescaped(target: &str) -> String {
    target.replace("%2C", ",").replace("%25", "%")
}

/// Returns a digest of a file that is copied into a container: its content, owner and mode.
pub fn copied_digest(salt: &str, file: &FileSpec) -> String {
    let numbers = [file.uid, file.gid, file.mode].map(u32::to_be_bytes);
    let content = file.content.expose().as_bytes();
    digest([salt.as_bytes(), numbers.as_flattened(), content])
}

/// Returns a digest of a file that is mounted.
pub fn mounted_digest(salt: &str, content: &ContentDigest) -> String {
    digest([salt.as_bytes(), content.bytes()])
}

/// Every part enters with its length, so that no two lists of parts give one input.
fn digest<const N: usize>(parts: [&[u8]; N]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    let mut hex = super::hash::hex(&digest.finalize());
    hex.truncate(DIGITS);
    hex
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SecretText;

    #[test]
    fn a_label_is_read_as_it_was_written() {
        let file = |target: &str, content: &str| FileSpec {
            target: target.to_owned(),
            content: SecretText::new(content),
            uid: 0,
            gid: 0,
            mode: 0o444,
        };
        let files = [file("/a,b%2C=c@d", "one"), file("/run/x", "two")];
        let mut digests = FileDigests::of_copied("salt", &files);
        digests
            .files
            .insert("/m".to_owned(), ("ff".to_owned(), Some(7)));
        let text = digests.to_string();
        assert!(!text.contains("one"), "{text}");
        assert_eq!(FileDigests::parse(&text), digests);
        // Of the labels of an earlier version nothing is known.
        assert_eq!(FileDigests::parse("salt:00ff").files, BTreeMap::new());
        assert_eq!(FileDigests::parse("").files, BTreeMap::new());
    }
}
