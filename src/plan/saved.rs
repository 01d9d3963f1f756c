//! A plan that is kept to be applied later: what it was made from, in digests that tell nothing, and what has moved since.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::Value;

use super::{Fingerprint, PlanOptions};

/// A plan as it is kept. It holds no step: whoever applies it plans again, and goes on only if nothing has moved.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedPlan {
    /// When it was made.
    pub made: Timestamp,
    /// Which stack it is of.
    pub target: Target,
    /// The options that it was made with; without salt and generation, which are facts of the machine.
    pub options: PlanOptions,
    /// What it was made from.
    pub basis: Basis,
    /// The stack with its `${…}` kept and its secrets masked, for whoever wants to read what was planned.
    pub model: Value,
}

/// Which stack a plan is of, as it was said on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// stack.toml, absolute.
    pub file: PathBuf,
    /// The project name, where one was given.
    pub project: Option<String>,
    /// Overlays in their order.
    pub overlays: Vec<String>,
    /// Profiles that were switched on.
    pub profiles: Vec<String>,
}

/// Everything that a plan was made from. All digests are salted with the salt of the state folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basis {
    /// The version of stackgen.
    pub stackgen: String,
    /// A digest of the salt: with another one no digest says anything.
    pub salt: Fingerprint,
    /// The engine in words: its address, version and API.
    pub engine: String,
    /// Whose rules the hash label follows.
    pub compose: String,
    /// Every file that was read, by its path.
    pub files: BTreeMap<String, Fingerprint>,
    /// Every variable that the environment sets and the files speak of.
    pub variables: BTreeMap<String, Fingerprint>,
    /// Every object that was seen, such as `container shop-web-1`.
    pub objects: BTreeMap<String, Fingerprint>,
    /// Of the whole snapshot.
    pub snapshot: Fingerprint,
    /// Of the plan itself: the very changes and steps that were shown.
    pub plan: Fingerprint,
}

/// Something that is not what it was when a plan was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// `.stackgen` was lost or is another one, so that nothing can be compared.
    Salt,
    /// Another version of stackgen.
    Stackgen {
        /// The one that made the plan.
        was: String,
        /// This one.
        is: String,
    },
    /// Another engine, or the same one in another version.
    Engine {
        /// The one that the plan was made at.
        was: String,
        /// The one that answers.
        is: String,
    },
    /// Another generation of docker compose is installed.
    Compose {
        /// The one that was.
        was: String,
        /// The one that is.
        is: String,
    },
    /// A file that was read.
    File {
        /// Its path.
        path: String,
        /// What became of it.
        how: How,
    },
    /// A variable of the environment.
    Variable {
        /// Its name.
        name: String,
        /// What became of it.
        how: How,
    },
    /// An object at the engine.
    Object {
        /// What it is, such as `container shop-web-1`.
        what: String,
        /// What became of it.
        how: How,
    },
    /// Nothing of the above, and yet another plan comes of it.
    Plan,
}

/// What became of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It was not there.
    New,
    /// It is not there any more.
    Gone,
    /// It is another one.
    Changed,
}

impl std::fmt::Display for Moved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Salt => f.write_str(
                "the salt in .stackgen is not the one of the plan, so that nothing can be compared",
            ),
            Self::Stackgen { was, is } => write!(f, "stackgen was {was} and is {is}"),
            Self::Engine { was, is } => write!(f, "the engine was {was} and is {is}"),
            Self::Compose { was, is } => write!(f, "docker compose was {was} and is {is}"),
            Self::File { path, how } => match how {
                How::New => write!(f, "{path} was not there"),
                How::Gone => write!(f, "{path} is gone"),
                How::Changed => write!(f, "{path} has changed"),
            },
            Self::Variable { name, how } => match how {
                How::New => write!(f, "variable {name} was not set"),
                How::Gone => write!(f, "variable {name} is not set any more"),
                How::Changed => write!(f, "variable {name} has another value"),
            },
            Self::Object { what, how } => match how {
                How::New => write!(f, "{what} was not there"),
                How::Gone => write!(f, "{what} is gone"),
                How::Changed => write!(f, "{what} has changed"),
            },
            Self::Plan => f.write_str("another plan comes of what is there now"),
        }
    }
}

/// Returns everything that moved between two bases; nothing where the plan of the one is exactly the plan of the other.
pub fn moved(was: &Basis, is: &Basis) -> Vec<Moved> {
    if was.salt != is.salt {
        return vec![Moved::Salt];
    }
    let mut all = Vec::new();
    let pair = |was: &String, is: &String| (was != is).then(|| (was.clone(), is.clone()));
    if let Some((was, is)) = pair(&was.stackgen, &is.stackgen) {
        all.push(Moved::Stackgen { was, is });
    }
    if let Some((was, is)) = pair(&was.engine, &is.engine) {
        all.push(Moved::Engine { was, is });
    }
    if let Some((was, is)) = pair(&was.compose, &is.compose) {
        all.push(Moved::Compose { was, is });
    }
    let files = differences(&was.files, &is.files);
    all.extend(files.map(|(path, how)| Moved::File { path, how }));
    let variables = differences(&was.variables, &is.variables);
    all.extend(variables.map(|(name, how)| Moved::Variable { name, how }));
    let objects = differences(&was.objects, &is.objects);
    all.extend(objects.map(|(what, how)| Moved::Object { what, how }));
    if all.is_empty() && (was.snapshot != is.snapshot || was.plan != is.plan) {
        all.push(Moved::Plan);
    }
    all
}

/// Returns what is in one map and not, or not the same, in the other, by name.
fn differences(
    was: &BTreeMap<String, Fingerprint>,
    is: &BTreeMap<String, Fingerprint>,
) -> impl Iterator<Item = (String, How)> + use<> {
    let mut found = BTreeMap::new();
    for (name, digest) in was {
        match is.get(name) {
            None => found.insert(name.clone(), How::Gone),
            Some(other) if other != digest => found.insert(name.clone(), How::Changed),
            Some(_) => None,
        };
    }
    let new = is.keys().filter(|name| !was.contains_key(*name));
    found.extend(new.map(|name| (name.clone(), How::New)));
    found.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(text: &str) -> Fingerprint {
        Fingerprint(text.to_owned())
    }

    fn basis() -> Basis {
        Basis {
            stackgen: "1.0.0".to_owned(),
            salt: digest("salt"),
            engine: "/run/docker.sock, 20.10, API 1.41".to_owned(),
            compose: "2".to_owned(),
            files: [("stack.toml".to_owned(), digest("a"))].into(),
            variables: [("LEVEL".to_owned(), digest("b"))].into(),
            objects: [("container web".to_owned(), digest("c"))].into(),
            snapshot: digest("d"),
            plan: digest("e"),
        }
    }

    #[test]
    fn each_thing_that_moved_is_named() {
        type Change = fn(&mut Basis);
        let cases: [(Change, &str); 12] = [
            (
                |it| it.salt = digest("x"),
                "the salt in .stackgen is not the one of the plan, so that nothing can be compared",
            ),
            (
                |it| it.stackgen = "1.1.0".to_owned(),
                "stackgen was 1.0.0 and is 1.1.0",
            ),
            (
                |it| it.engine = "h".to_owned(),
                "the engine was /run/docker.sock, 20.10, API 1.41 and is h",
            ),
            (
                |it| it.compose = "5".to_owned(),
                "docker compose was 2 and is 5",
            ),
            (
                |it| drop(it.files.insert("stack.toml".to_owned(), digest("x"))),
                "stack.toml has changed",
            ),
            (
                |it| drop(it.files.insert(".env".to_owned(), digest("x"))),
                ".env was not there",
            ),
            (
                |it| drop(it.files.remove("stack.toml")),
                "stack.toml is gone",
            ),
            (
                |it| drop(it.variables.remove("LEVEL")),
                "variable LEVEL is not set any more",
            ),
            (
                |it| drop(it.variables.insert("OTHER".to_owned(), digest("x"))),
                "variable OTHER was not set",
            ),
            (
                |it| drop(it.objects.insert("container web".to_owned(), digest("x"))),
                "container web has changed",
            ),
            (|it| it.objects.clear(), "container web is gone"),
            (
                |it| it.plan = digest("x"),
                "another plan comes of what is there now",
            ),
        ];
        for (change, expected) in cases {
            let mut is = basis();
            change(&mut is);
            let words: Vec<String> = moved(&basis(), &is)
                .iter()
                .map(ToString::to_string)
                .collect();
            assert_eq!(words, [expected]);
        }
        assert_eq!(moved(&basis(), &basis()), []);
    }
}
