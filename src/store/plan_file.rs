//! Saved plans on disk, in types of their own, so that a change of the domain types cannot change what is on disk unnoticed.
//!
//! Old reader, new data: a format number that is not known is refused. New reader, old data: a plan is short-lived, and one of an older
//! format is refused too, with the command that makes a new one.
//!
//! Format 1: the first.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::model::ServiceName;
use crate::plan::{Basis, Fingerprint, PlanOptions, SavedPlan, Target};

use super::StoreError;
use super::generated::{io, unsafe_path};

/// The format that is written.
const FORMAT: i64 = 1;
/// The key that says what a file is; no other file begins with it.
const MARK: &str = "stackgen_plan";
/// What stands in place of a file's digest while it is made.
const NO_SEAL: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// More than any plan takes. A file is read only up to here.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRecord {
    stackgen_plan: i64,
    /// SHA-256 of the whole text with zeros in this place, against damage.
    sha256: String,
    plan: PlanRecord,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanRecord {
    made: Timestamp,
    target: TargetRecord,
    options: OptionsRecord,
    basis: BasisRecord,
    model: Value,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetRecord {
    file: PathBuf,
    project: Option<String>,
    overlays: Vec<String>,
    profiles: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OptionsRecord {
    services: Vec<String>,
    with_dependencies: bool,
    prune: bool,
    only_missing: bool,
    wait: bool,
    gate_timeout_ms: u64,
    stop_grace_ms: Option<u64>,
    adopt: bool,
    force_recreate: bool,
    #[serde(default)]
    locked: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BasisRecord {
    stackgen: String,
    salt: String,
    engine: String,
    compose: String,
    files: BTreeMap<String, String>,
    variables: BTreeMap<String, String>,
    objects: BTreeMap<String, String>,
    snapshot: String,
    plan: String,
}

/// Writes a plan with mode 0600: beside its place, and moved there when it is whole. Only a plan is written over.
///
/// # Errors
/// [`StoreError::Unsafe`] where a link, or anything but a saved plan, has that name; [`StoreError::Io`].
pub fn write_plan(path: &Path, plan: &SavedPlan) -> Result<(), StoreError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(io("look at", path, error)),
        Ok(found) if found.is_symlink() => {
            return Err(unsafe_path(path, "it is a symbolic link"));
        }
        Ok(found) if !found.is_file() => return Err(unsafe_path(path, "it is not a file")),
        // What was typed by mistake may be the one copy of something.
        Ok(found) if found.len() > 0 && !is_plan(path)? => {
            return Err(unsafe_path(
                path,
                "it is there already and is no saved plan",
            ));
        }
        Ok(_) => {}
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let text = to_text(plan).map_err(|error| io("write", path, error.into()))?;
    // A temporary file has mode 0600 and is never behind a link.
    let mut file = tempfile::Builder::new()
        .prefix(".stackgen-")
        .tempfile_in(folder)
        .map_err(|error| io("write to", folder, error))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.as_file().sync_all())
        .map_err(|error| io("write", path, error))?;
    file.persist(path)
        .map_err(|error| io("write", path, error.error))?;
    fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| io("write to", folder, error))
}

/// Returns whether a file holds a saved plan, of whatever format.
///
/// # Errors
/// [`StoreError::Io`] where it cannot be read.
pub fn is_plan(path: &Path) -> Result<bool, StoreError> {
    let mut head = Vec::new();
    open(path)?
        .take(64)
        .read_to_end(&mut head)
        .map_err(|error| io("read", path, error))?;
    let head = String::from_utf8_lossy(&head);
    let head = head.trim_start().strip_prefix('{').unwrap_or_default();
    Ok(head.trim_start().starts_with(&format!("\"{MARK}\"")))
}

/// Reads a saved plan.
///
/// # Errors
/// [`StoreError::NewerFormat`]; [`StoreError::BadPlan`] for a file that is no plan or a damaged one; [`StoreError::Io`].
pub fn read_plan(path: &Path) -> Result<SavedPlan, StoreError> {
    let bad = |why: String| StoreError::BadPlan {
        path: path.to_owned(),
        why,
    };
    let mut bytes = Vec::new();
    open(path)?
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| io("read", path, error))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(bad("it is too large for a plan".to_owned()));
    }
    let value: Value = match serde_json::from_slice(&bytes) {
        Ok(value) => value,
        Err(_) if !is_plan(path)? => return Err(bad("it is no saved plan".to_owned())),
        Err(error) => return Err(bad(format!("it is damaged: {error}"))),
    };
    let Some(format) = value.get(MARK).and_then(Value::as_i64) else {
        return Err(bad("it is no saved plan".to_owned()));
    };
    if format > FORMAT {
        return Err(StoreError::NewerFormat {
            path: path.to_owned(),
            found: format,
            known: FORMAT,
        });
    }
    if format < FORMAT {
        return Err(bad(format!("its format {format} is not read any more")));
    }
    let record: FileRecord =
        serde_json::from_value(value).map_err(|error| bad(format!("it is damaged: {error}")))?;
    if sealed(&String::from_utf8_lossy(&bytes)) != Some(record.sha256) {
        return Err(bad("it is damaged: its digest is another one".to_owned()));
    }
    from_record(record.plan).map_err(bad)
}

/// Opens a regular file without waiting for anybody. A link is followed: whoever names it means what it leads to.
fn open(path: &Path) -> Result<fs::File, StoreError> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
        .map_err(|error| io("read", path, error))?;
    let found = file.metadata().map_err(|error| io("read", path, error))?;
    if !found.is_file() {
        return Err(unsafe_path(path, "it is not a file"));
    }
    Ok(file)
}

fn to_text(plan: &SavedPlan) -> Result<String, serde_json::Error> {
    let record = FileRecord {
        stackgen_plan: FORMAT,
        sha256: NO_SEAL.to_owned(),
        plan: to_record(plan),
    };
    let text = serde_json::to_string_pretty(&record)? + "\n";
    let seal = sealed(&text).unwrap_or_default();
    Ok(text.replacen(NO_SEAL, &seal, 1))
}

/// Returns the digest of a file's text with zeros where its digest stands; `None` where there is no such place. Of the text and not of
/// what it says, so that no number has to be read and written alike.
fn sealed(text: &str) -> Option<String> {
    const KEY: &str = "\"sha256\": \"";
    let start = text.find(KEY)? + KEY.len();
    let (head, tail) = (text.get(..start)?, text.get(start + NO_SEAL.len()..)?);
    let mut digest = Sha256::new();
    for part in [head, NO_SEAL, tail] {
        digest.update(part);
    }
    let bytes = digest.finalize();
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn to_record(plan: &SavedPlan) -> PlanRecord {
    let (target, options, basis) = (&plan.target, &plan.options, &plan.basis);
    let texts = |digests: &BTreeMap<String, Fingerprint>| {
        let digests = digests.iter();
        digests
            .map(|(name, digest)| (name.clone(), digest.0.clone()))
            .collect()
    };
    PlanRecord {
        made: plan.made,
        target: TargetRecord {
            file: target.file.clone(),
            project: target.project.clone(),
            overlays: target.overlays.clone(),
            profiles: target.profiles.clone(),
        },
        options: OptionsRecord {
            services: options.services.iter().map(ToString::to_string).collect(),
            with_dependencies: options.with_dependencies,
            prune: options.prune,
            only_missing: options.only_missing,
            wait: options.wait,
            gate_timeout_ms: millis(options.gate_timeout),
            stop_grace_ms: options.stop_grace.map(millis),
            adopt: options.adopt,
            force_recreate: options.force_recreate,
            locked: options.locked,
        },
        basis: BasisRecord {
            stackgen: basis.stackgen.clone(),
            salt: basis.salt.0.clone(),
            engine: basis.engine.clone(),
            compose: basis.compose.clone(),
            files: texts(&basis.files),
            variables: texts(&basis.variables),
            objects: texts(&basis.objects),
            snapshot: basis.snapshot.0.clone(),
            plan: basis.plan.0.clone(),
        },
        model: plan.model.clone(),
    }
}

fn from_record(record: PlanRecord) -> Result<SavedPlan, String> {
    let PlanRecord {
        made,
        target,
        options,
        basis,
        model,
    } = record;
    let digests = |texts: BTreeMap<String, String>| {
        let texts = texts.into_iter();
        texts
            .map(|(name, digest)| (name, Fingerprint(digest)))
            .collect()
    };
    let services = options.services.iter().map(ServiceName::new);
    Ok(SavedPlan {
        made,
        target: Target {
            file: target.file,
            project: target.project,
            overlays: target.overlays,
            profiles: target.profiles,
        },
        options: PlanOptions {
            services: services
                .collect::<Result<_, _>>()
                .map_err(|error| error.to_string())?,
            with_dependencies: options.with_dependencies,
            prune: options.prune,
            only_missing: options.only_missing,
            wait: options.wait,
            gate_timeout: Duration::from_millis(options.gate_timeout_ms),
            stop_grace: options.stop_grace_ms.map(Duration::from_millis),
            adopt: options.adopt,
            force_recreate: options.force_recreate,
            locked: options.locked,
            ..PlanOptions::default()
        },
        basis: Basis {
            stackgen: basis.stackgen,
            salt: Fingerprint(basis.salt),
            engine: basis.engine,
            compose: basis.compose,
            files: digests(basis.files),
            variables: digests(basis.variables),
            objects: digests(basis.objects),
            snapshot: Fingerprint(basis.snapshot),
            plan: Fingerprint(basis.plan),
        },
        model,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use serde_json::json;

    use super::*;

    fn plan() -> SavedPlan {
        let digest = |text: &str| Fingerprint(text.to_owned());
        SavedPlan {
            made: "2026-03-02T09:14:07Z".parse().unwrap(),
            target: Target {
                file: "/srv/shop/stack.toml".into(),
                project: Some("shop".to_owned()),
                overlays: vec!["prod".to_owned()],
                profiles: vec!["debug".to_owned()],
            },
            options: PlanOptions {
                services: vec![ServiceName::new("web").unwrap()],
                with_dependencies: false,
                prune: true,
                wait: false,
                gate_timeout: Duration::from_secs(7),
                stop_grace: Some(Duration::from_secs(3)),
                adopt: true,
                force_recreate: true,
                locked: true,
                ..PlanOptions::default()
            },
            basis: Basis {
                stackgen: "1.2.3".to_owned(),
                salt: digest("a"),
                engine: "b".to_owned(),
                compose: "2".to_owned(),
                files: [("stack.toml".to_owned(), digest("c"))].into(),
                variables: [("LEVEL".to_owned(), digest("d"))].into(),
                objects: [("container web".to_owned(), digest("e"))].into(),
                snapshot: digest("f"),
                plan: digest("g"),
            },
            model: json!({"services": {"web": {"image": "${IMAGE}", "cpus": 0.5}}}),
        }
    }

    #[test]
    fn what_is_written_is_read_again_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.plan");
        write_plan(&path, &plan()).unwrap();
        assert_eq!(read_plan(&path).unwrap(), plan());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        // One that was opened wider is private again, and no other file is left behind.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        write_plan(&path, &plan()).unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_newer_or_damaged_plan_is_refused_and_says_which() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.plan");
        write_plan(&path, &plan()).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let read = |text: &str| {
            fs::write(&path, text).unwrap();
            read_plan(&path).unwrap_err().to_string()
        };
        let newer = read(&text.replace("\"stackgen_plan\": 1", "\"stackgen_plan\": 2"));
        assert!(
            newer.ends_with("has format 2, this stackgen knows up to 1"),
            "{newer}"
        );
        for (damaged, why) in [
            (
                text.replace("\"prune\": true", "\"prune\": false"),
                "it is damaged: its digest is another one",
            ),
            (
                text.replace("\"prune\": true", "\"prune\": 1"),
                "it is damaged: invalid type",
            ),
            (
                text.replace("\"prune\"", "\"prune_all\""),
                "it is damaged: unknown field",
            ),
            (text[..text.len() / 2].to_owned(), "it is damaged: EOF"),
            (
                text.replace("\"stackgen_plan\": 1", "\"stackgen_plan\": 0"),
                "its format 0 is not read any more",
            ),
            (
                text.replace("1.2.3", "1.2.4"),
                "it is damaged: its digest is another one",
            ),
            ("{}".to_owned(), "it is no saved plan"),
            ("[stack]\nname = \"x\"\n".to_owned(), "it is no saved plan"),
            (String::new(), "it is no saved plan"),
        ] {
            let error = read(&damaged);
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn no_link_and_no_other_file_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("stack.toml");
        fs::write(&target, "mine").unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        for path in [&target, &link, folder.path()] {
            let refused = write_plan(path, &plan());
            assert!(
                matches!(refused, Err(StoreError::Unsafe { .. })),
                "{}",
                path.display()
            );
        }
        assert_eq!(fs::read_to_string(&target).unwrap(), "mine");
    }
}
