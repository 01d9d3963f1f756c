//! Files that templates of the user's make.

use indexmap::IndexMap;

use super::{Json, Template};

/// What stands in the path of a [`UserFile`] for the name of a thing.
pub const NAME_IN_PATH: &str = "{name}";

/// An entry of `[render.files]`: a file, or one for each thing of a kind, beyond those that stackgen makes by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserFile {
    /// Where it goes, below the folder of generated files; [`NAME_IN_PATH`] stands for the name of the thing.
    pub path: String,
    /// The file name of its template in `templates/`.
    pub template: String,
    /// For each of what there is a file; `None`: one file.
    pub for_each: Option<ForEach>,
    /// What the template sees as `values`. Texts stay as they are written.
    pub values: IndexMap<String, Json<Template>>,
}

impl UserFile {
    /// Returns the path of the file for the thing of this name.
    pub fn path_for(&self, name: &str) -> String {
        self.path.replace(NAME_IN_PATH, name)
    }
}

/// The things that may each have a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForEach {
    /// Services.
    Services,
    /// Networks.
    Networks,
    /// Volumes.
    Volumes,
    /// DAGs.
    Dags,
}

impl ForEach {
    /// Every kind with its word in stack.toml, which is also the name of its table.
    pub const ALL: [(&'static str, Self); 4] = [
        ("services", Self::Services),
        ("networks", Self::Networks),
        ("volumes", Self::Volumes),
        ("dags", Self::Dags),
    ];

    /// Returns the word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Services => "services",
            Self::Networks => "networks",
            Self::Volumes => "volumes",
            Self::Dags => "dags",
        }
    }
}
