//! Image references.

use std::fmt;

/// A reference to an image, such as `postgres:13` or `host:5000/team/app@sha256:…`, kept as the user wrote it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageReference(String);

/// Why a text is no image reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// Nothing at all.
    #[error("the image is empty")]
    Empty,
    /// A colon with nothing after it.
    #[error("{0:?} has an empty tag")]
    EmptyTag(String),
    /// Upper-case letters, which only tags may have.
    #[error("{0:?} has upper-case letters in its repository")]
    UpperCase(String),
    /// Anything else.
    #[error("{0:?} is not an image reference")]
    Malformed(String),
}

impl ImageReference {
    /// Parses a reference by the grammar of the distribution project: `[host[:port]/]path[:tag][@digest]`.
    ///
    /// # Errors
    /// [`ImageError`] with what is wrong.
    pub fn parse(text: &str) -> Result<Self, ImageError> {
        let malformed = || ImageError::Malformed(text.to_owned());
        if text.is_empty() {
            return Err(ImageError::Empty);
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (text, None),
        };
        let tag_at = name.rfind(':').filter(|at| !name[*at..].contains('/'));
        let (repository, tag) = match tag_at {
            Some(at) => (&name[..at], Some(&name[at + 1..])),
            None => (name, None),
        };
        if tag == Some("") {
            return Err(ImageError::EmptyTag(text.to_owned()));
        }
        let is_tag = |tag: &str| {
            tag.len() <= 128
                && !tag.starts_with(['.', '-'])
                && tag
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
        };
        let is_digest = |digest: &str| {
            digest.split_once(':').is_some_and(|(kind, hex)| {
                !kind.is_empty() && hex.len() >= 32 && hex.chars().all(|c| c.is_ascii_hexdigit())
            })
        };
        let (host, path) = match repository.split_once('/') {
            Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => {
                (Some(host), path)
            }
            _ => (None, repository),
        };
        let is_part = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
                && part.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
                && part.chars().all(|c| {
                    c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.' | '-')
                })
        };
        if path.chars().any(|c| c.is_ascii_uppercase()) {
            return Err(ImageError::UpperCase(text.to_owned()));
        }
        let is_host = |host: &str| {
            host.chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']'))
        };
        let well_formed = path.split('/').all(is_part)
            && tag.is_none_or(is_tag)
            && digest.is_none_or(is_digest)
            && host.is_none_or(is_host);
        if well_formed {
            Ok(Self(text.to_owned()))
        } else {
            Err(malformed())
        }
    }

    /// Returns the reference without tag and digest.
    pub fn repository(&self) -> &str {
        let name = self.0.split_once('@').map_or(&*self.0, |(name, _)| name);
        match name.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => repository,
            _ => name,
        }
    }

    /// Returns the digest that the reference names.
    pub fn digest(&self) -> Option<&str> {
        self.0.split_once('@').map(|(_, digest)| digest)
    }

    /// Returns the image of the same repository with this digest.
    pub fn at_digest(&self, digest: &str) -> Self {
        Self(format!("{}@{digest}", self.repository()))
    }

    /// Returns the reference as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_takes_the_place_of_the_tag() {
        for (text, repository) in [
            ("busybox", "busybox"),
            ("host:5000/a/b", "host:5000/a/b"),
            ("host:5000/a/b:1", "host:5000/a/b"),
            ("a:1@sha256:0123456789abcdef0123456789abcdef", "a"),
        ] {
            let image = ImageReference::parse(text).unwrap();
            assert_eq!(image.repository(), repository);
            let pinned = image.at_digest("sha256:00");
            assert_eq!(pinned.as_str(), format!("{repository}@sha256:00"));
            assert_eq!(pinned.digest(), Some("sha256:00"));
        }
    }

    #[test]
    fn references_follow_the_distribution_grammar() {
        for good in [
            "postgres",
            "postgres:13",
            "apache/airflow:2.10.5",
            "localhost:5000/a/b:1",
            "a@sha256:0123456789abcdef0123456789abcdef",
        ] {
            assert!(ImageReference::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "apache/airflow:",
            "Apache/airflow",
            "a b",
            "a//b",
            "-a",
            "a:-t",
            "a@sha256:xyz",
        ] {
            assert!(ImageReference::parse(bad).is_err(), "{bad}");
        }
    }
}
