//! Finds and reads every file that decides what a stack is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use toml::{Table, Value};

use crate::model::{FileRole, SourceFile, Sources, TEMPLATE_BYTES, TomlBudget};

use super::LoadError;
use super::text::{ReadBudget, read_text};

/// How many entries of folders the patterns of one stack may look at.
const ENTRIES: usize = 100_000;
/// As how many entries a pattern itself counts.
const PATTERN_ENTRIES: usize = 100;
/// No pattern may be longer.
const PATTERN_BYTES: usize = 1_000;

/// Which stack to load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The file; absent: stack.toml in `directory` or the nearest folder above it.
    pub file: Option<PathBuf>,
    /// Where to look.
    pub directory: PathBuf,
    /// The environment of the process.
    pub environment: BTreeMap<String, String>,
}

/// Fills in paths that hold `${…}`: what the texts mean is not known in this room.
pub type FillPaths<'a> = &'a dyn Fn(&Sources, &BTreeSet<String>) -> Vec<String>;

/// Reads stack.toml, its includes and every env file. An `env_file` whose path holds `${…}` becomes known by `fill`, after all other
/// files were read.
///
/// # Errors
/// [`LoadError`] where stack.toml is missing, or a file is too large, no text or not readable. A missing include is in the sources without
/// its text.
pub fn load(request: &Request, fill: FillPaths<'_>) -> Result<Sources, LoadError> {
    let main = find_main(request)?;
    let missing = || LoadError::Missing {
        path: main.clone(),
        named_by: "-f".to_owned(),
    };
    let folder = match main.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => request.directory.clone(),
    };
    let folder = std::fs::canonicalize(&folder).map_err(|_| missing())?;
    let text = read_text(&main)?.ok_or_else(missing)?;
    let name = main.file_name().map_or_else(|| main.clone(), PathBuf::from);
    let mut loading = Loading::new(folder, request.environment.clone());
    let raw = loading.raw_table(&text);
    loading.push(name, FileRole::Main, Some(text));
    loading.read_includes(&raw)?;
    loading.read_stack_env(&raw)?;
    loading.raw.push(raw);
    loading.read_service_env(fill)?;
    loading.read_service_files(fill)?;
    loading.read_templates()?;
    Ok(loading.sources)
}

/// Returns the text of every `templates/*.j2` beside stack.toml, by file name.
pub fn templates(sources: &Sources) -> BTreeMap<String, String> {
    let found = sources
        .with_role(FileRole::Template)
        .filter_map(|(_, file)| {
            let name = file.path.file_name()?.to_string_lossy().into_owned();
            Some((name, file.text.as_deref()?.to_owned()))
        });
    found.collect()
}

/// Returns the environment of this process; what is not UTF-8 is left out, since no stack.toml could name it.
pub fn process_environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

fn find_main(request: &Request) -> Result<PathBuf, LoadError> {
    if let Some(file) = &request.file {
        let path = request.directory.join(file);
        return if path.exists() {
            Ok(path)
        } else {
            Err(LoadError::Missing {
                path,
                named_by: "-f".to_owned(),
            })
        };
    }
    let start =
        std::fs::canonicalize(&request.directory).unwrap_or_else(|_| request.directory.clone());
    start
        .ancestors()
        .map(|folder| folder.join("stack.toml"))
        .find(|path| path.is_file())
        .ok_or(LoadError::NoStackFile { directory: start })
}

/// Returns the files of a folder, sorted by name; none where there is no such folder.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let mut paths = entries_of(folder)?;
    paths.retain(|path| !path.is_dir());
    Ok(paths)
}

/// Returns what is in a folder, sorted by name; nothing where there is no such folder.
fn entries_of(folder: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let failed = |source| LoadError::Read {
        path: folder.to_owned(),
        source,
    };
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        // A pipe stays, so that it is told; a link to nothing is what some editors lock files with.
        if path.exists() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Returns a list of texts, or one text as a list.
fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => items
            .iter()
            .filter_map(|item| item.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}

struct Loading {
    sources: Sources,
    raw: Vec<Table>,
    read: ReadBudget,
    words: TomlBudget,
    /// How many entries of folders were looked at.
    seen: usize,
}

impl Loading {
    fn new(folder: PathBuf, environment: BTreeMap<String, String>) -> Self {
        Self {
            sources: Sources {
                folder,
                files: Vec::new(),
                environment,
            },
            raw: Vec::new(),
            read: ReadBudget::default(),
            words: TomlBudget::default(),
            seen: 0,
        }
    }

    /// Returns what can be read of a TOML text; what is wrong with it is said elsewhere. A text without the words that name other files
    /// is not parsed here at all, which halves the reading of a large one; only an escape could hide such a word in a quoted key.
    fn raw_table(&mut self, text: &str) -> Table {
        let words = ["include", "env_file", "\\"];
        if !words.iter().any(|word| text.contains(word)) {
            return Table::new();
        }
        match self.words.take(text) {
            Ok(()) => toml::from_str(text).unwrap_or_default(),
            Err(_) => Table::new(),
        }
    }

    fn push(&mut self, path: PathBuf, role: FileRole, text: Option<String>) {
        if let (FileRole::Include, Some(text)) = (role, &text) {
            let raw = self.raw_table(text);
            self.raw.push(raw);
        }
        self.sources.files.push(SourceFile {
            path,
            role,
            text: text.map(Into::into),
        });
    }

    /// Returns a path as it is shown: relative to the folder where it is below it.
    fn shown(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.sources.folder)
            .unwrap_or(path)
            .to_owned()
    }

    fn read_includes(&mut self, raw: &Table) -> Result<(), LoadError> {
        let stack = raw.get("stack").and_then(Value::as_table);
        let mut seen = BTreeSet::new();
        for pattern in texts(stack.and_then(|stack| stack.get("include"))) {
            let paths = self.expand(&pattern)?;
            for path in paths {
                if seen.insert(path.clone()) {
                    let text = self.read.read(&path)?;
                    let shown = self.shown(&path);
                    self.push(shown, FileRole::Include, text);
                }
            }
        }
        Ok(())
    }

    /// Returns the files that a pattern of `include` means; a plain name means that file, whether it is there or not. A pattern is matched
    /// against paths as they would be written in stack.toml: the folder's own path may hold what looks like a wildcard.
    fn expand(&mut self, pattern: &str) -> Result<Vec<PathBuf>, LoadError> {
        let has_wildcard = |text: &str| text.contains(['*', '?', '[', '{']);
        if !has_wildcard(pattern) {
            return Ok(vec![self.sources.folder.join(pattern)]);
        }
        let too_wide = || LoadError::PatternTooWide {
            pattern: pattern.to_owned(),
        };
        // Alternatives and stars cost the matcher more than they are long.
        self.seen += PATTERN_ENTRIES;
        if pattern.len() > PATTERN_BYTES || self.seen > ENTRIES {
            return Err(too_wide());
        }
        // Without `./`, which no path below has.
        let parts = Path::new(pattern).components();
        let wanted: PathBuf = parts.filter(|part| *part != Component::CurDir).collect();
        let glob = globset::GlobBuilder::new(&wanted.to_string_lossy())
            .literal_separator(true)
            .build()
            .map_err(|source| LoadError::BadPattern {
                pattern: pattern.to_owned(),
                source,
            })?
            .compile_matcher();
        let is_fixed = |part: &Component<'_>| !has_wildcard(&part.as_os_str().to_string_lossy());
        let fixed: PathBuf = wanted.components().take_while(is_fixed).collect();
        // As deep as the pattern goes, so that `services/*.toml` never walks a data folder beside it.
        let depth = if pattern.contains("**") {
            usize::MAX
        } else {
            wanted.components().count()
        };
        let mut found = Vec::new();
        let mut folders = vec![fixed];
        while let Some(folder) = folders.pop() {
            let at = self.sources.folder.join(&folder);
            let files = files_of(&at)?;
            self.seen += files.len() + 1;
            if self.seen > ENTRIES {
                return Err(too_wide());
            }
            let files = files.into_iter();
            found.extend(files.filter(|path| glob.is_match(below(&folder, path))));
            if folder.components().count() + 1 < depth {
                let inner = folders_of(&at)?;
                folders.extend(inner.iter().map(|path| below(&folder, path)));
            }
        }
        found.sort();
        Ok(found)
    }

    fn read_templates(&mut self) -> Result<(), LoadError> {
        let mut bytes = 0;
        // A folder in place of a template is told when it is read.
        for path in entries_of(&self.sources.folder.join("templates"))? {
            if path.extension().is_some_and(|extension| extension == "j2") {
                let text = self.read.read(&path)?;
                bytes += text.as_ref().map_or(0, String::len);
                if bytes > TEMPLATE_BYTES {
                    return Err(LoadError::TemplatesTooLarge { path });
                }
                let shown = self.shown(&path);
                self.push(shown, FileRole::Template, text);
            }
        }
        Ok(())
    }

    fn read_stack_env(&mut self, raw: &Table) -> Result<(), LoadError> {
        let stack = raw.get("stack").and_then(Value::as_table);
        let named = stack.and_then(|stack| stack.get("env_files"));
        let paths = match named {
            Some(value) => texts(Some(value)),
            None => vec![".env".to_owned()],
        };
        for path in paths {
            let path = self.sources.folder.join(path);
            let text = self.read.read(&path)?;
            let shown = self.shown(&path);
            self.push(shown, FileRole::StackEnv, text);
        }
        let example = self.sources.folder.join(".env.example");
        if let Some(text) = self.read.read(&example)? {
            self.push(".env.example".into(), FileRole::EnvExample, Some(text));
        }
        Ok(())
    }

    fn read_service_env(&mut self, fill: FillPaths<'_>) -> Result<(), LoadError> {
        let mut paths = BTreeSet::new();
        for table in &self.raw {
            collect_env_files(table, &mut paths);
        }
        let (open, mut paths): (BTreeSet<_>, BTreeSet<_>) =
            paths.into_iter().partition(|path| path.contains('$'));
        if !open.is_empty() {
            paths.extend(fill(&self.sources, &open));
        }
        for path in paths {
            let path = self.sources.folder.join(path);
            let text = self.read.read(&path)?;
            let shown = self.shown(&path);
            self.push(shown, FileRole::ServiceEnv, text);
        }
        Ok(())
    }

    fn read_service_files(&mut self, fill: FillPaths<'_>) -> Result<(), LoadError> {
        let mut paths = BTreeSet::new();
        for table in &self.raw {
            collect_service_files(table, &mut paths);
        }
        let (open, mut paths): (BTreeSet<_>, BTreeSet<_>) =
            paths.into_iter().partition(|path| path.contains('$'));
        if !open.is_empty() {
            paths.extend(fill(&self.sources, &open));
        }
        for path in paths {
            let path = self.sources.folder.join(path);
            let text = self.read.read(&path)?;
            let shown = self.shown(&path);
            self.push(shown, FileRole::ServiceFile, text);
        }
        Ok(())
    }
}

/// Returns the last part of `path` in `folder`.
fn below(folder: &Path, path: &Path) -> PathBuf {
    folder.join(path.file_name().unwrap_or_default())
}

fn folders_of(folder: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let failed = |source| LoadError::Read {
        path: folder.to_owned(),
        source,
    };
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // Links to folders are not followed, so that a walk ends.
        if entry.file_type().map_err(failed)?.is_dir() {
            folders.push(entry.path());
        }
    }
    Ok(folders)
}

/// Collects what any `env_file` key names, wherever it stands: in a service, a mixin, an overlay or a task.
fn collect_env_files(table: &Table, found: &mut BTreeSet<String>) {
    for (key, value) in table {
        match value {
            value if key == "env_file" => collect_paths(value, found),
            Value::Table(inner) => collect_env_files(inner, found),
            _ => {}
        }
    }
}

/// Collects what any `label_file` key names, and the seccomp profiles that any `security_opt` does.
fn collect_service_files(table: &Table, found: &mut BTreeSet<String>) {
    for (key, value) in table {
        match value {
            value if key == "label_file" => collect_paths(value, found),
            value if key == "security_opt" => {
                let mut options = BTreeSet::new();
                collect_paths(value, &mut options);
                let paths = options.iter().filter_map(|it| it.strip_prefix("seccomp="));
                let paths = paths.filter(|path| !matches!(*path, "unconfined" | "builtin"));
                found.extend(paths.map(str::to_owned));
            }
            Value::Table(inner) => collect_service_files(inner, found),
            _ => {}
        }
    }
}

fn collect_paths(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(path) => {
            found.insert(path.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| collect_paths(item, found)),
        Value::Table(table) => table.values().for_each(|value| collect_paths(value, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_the_same_in_any_folder_and_with_any_spelling() {
        let root = tempfile::tempdir().unwrap();
        for project in ["plain", "[odd] *{x}"] {
            let folder = root.path().join(project);
            for file in ["services/a.toml", "services/deep/b.toml", "c.toml"] {
                let path = folder.join(file);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, "").unwrap();
            }
            let mut loading = Loading::new(folder.clone(), BTreeMap::new());
            for (pattern, files) in [
                ("services/*.toml", vec!["services/a.toml"]),
                ("./services/*.toml", vec!["services/a.toml"]),
                ("*/*/*.toml", vec!["services/deep/b.toml"]),
                (
                    "services/**/*.toml",
                    vec!["services/a.toml", "services/deep/b.toml"],
                ),
                ("none/*.toml", vec![]),
            ] {
                let found = loading.expand(pattern).unwrap();
                let found: Vec<_> = found.iter().map(|path| loading.shown(path)).collect();
                let files: Vec<PathBuf> = files.into_iter().map(PathBuf::from).collect();
                assert_eq!(found, files, "{pattern} in {project}");
            }
        }
    }
}
