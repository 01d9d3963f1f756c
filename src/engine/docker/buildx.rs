//! Building through `docker buildx build`, as a process of its own. What may be a secret goes by its environment and never by its words,
//! which everybody on the machine can read.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::model::{BuildSecret, BuildSpec};

/// The folders of docker's plug-ins, beside the user's own.
const PLUGIN_FOLDERS: [&str; 4] = [
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
];

/// Returns whether the docker command has buildx; `folders` are those of `PATH`.
pub(super) fn is_here(config_folder: Option<&Path>, folders: &[PathBuf]) -> bool {
    let own = config_folder.map(|folder| folder.join("cli-plugins"));
    let mut plugins = own.into_iter().chain(PLUGIN_FOLDERS.map(PathBuf::from));
    let has_docker = folders.iter().any(|it| it.join("docker").is_file());
    has_docker && plugins.any(|folder| is_program(&folder.join("docker-buildx")))
}

/// The docker command passes over a plug-in that cannot be run.
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let found = path.metadata();
    found.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// A call of the docker command.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Call {
    /// Its words.
    pub(super) words: Vec<OsString>,
    /// What is set in its environment beside ours.
    pub(super) environment: BTreeMap<String, String>,
    /// What it reads.
    pub(super) input: Option<String>,
}

/// Returns the call that builds an image.
pub(super) fn call(spec: &BuildSpec) -> Call {
    let mut environment = BTreeMap::new();
    let mut words: Vec<String> = ["buildx", "build", "--progress", "plain", "--load"]
        .map(str::to_owned)
        .into();
    let mut add = |flag: &str, value: &str| words.extend([flag.to_owned(), value.to_owned()]);
    add("--tag", spec.image.as_str());
    for tag in &spec.tags {
        add("--tag", tag);
    }
    for (name, value) in &spec.args {
        match value {
            Some(value) if is_minded(name) => {
                add("--build-arg", &format!("{name}={}", value.expose()))
            }
            Some(value) => {
                environment.insert(name.clone(), value.expose().to_owned());
                add("--build-arg", name);
            }
            None => add("--build-arg", name),
        }
    }
    for (index, (id, secret)) in spec.secrets.iter().enumerate() {
        let source = match secret {
            BuildSecret::File(path) => csv(&format!("src={path}")),
            BuildSecret::Text(text) => {
                let variable = format!("STACKGEN_BUILD_SECRET_{index}");
                environment.insert(variable.clone(), text.expose().to_owned());
                format!("env={variable}")
            }
        };
        add(
            "--secret",
            &format!("{},{source}", csv(&format!("id={id}"))),
        );
    }
    for (name, value) in &spec.labels {
        add("--label", &format!("{name}={value}"));
    }
    for (name, value) in &spec.contexts {
        add("--build-context", &format!("{name}={value}"));
    }
    for (name, (soft, hard)) in &spec.ulimits {
        add("--ulimit", &format!("{name}={soft}:{hard}"));
    }
    let lists = [
        ("--cache-from", &spec.cache_from),
        ("--cache-to", &spec.cache_to),
        ("--add-host", &spec.extra_hosts),
        ("--ssh", &spec.ssh),
        ("--allow", &spec.entitlements),
    ];
    for (flag, values) in lists {
        values.iter().for_each(|value| add(flag, value));
    }
    if !spec.platforms.is_empty() {
        add("--platform", &spec.platforms.join(","));
    }
    let singles = [
        ("--target", spec.target.clone()),
        ("--network", spec.network.clone()),
        ("--shm-size", spec.shm_size.map(|size| size.to_string())),
        ("--provenance", spec.provenance.clone()),
        ("--sbom", spec.sbom.clone()),
    ];
    for (flag, value) in singles {
        if let Some(value) = value {
            add(flag, &value);
        }
    }
    let (dockerfile, input) = dockerfile(spec);
    if let Some(dockerfile) = dockerfile {
        add("--file", &dockerfile);
    }
    for (flag, is_on) in [("--no-cache", spec.no_cache), ("--pull", spec.pull)] {
        if is_on {
            words.push(flag.to_owned());
        }
    }
    // What follows is no flag, whatever it looks like.
    words.extend(["--".to_owned(), spec.context.clone()]);
    Call {
        words: words.into_iter().map(OsString::from).collect(),
        environment,
        input,
    }
}

/// Returns where the Dockerfile is, and what is read in its place. buildx takes a relative one from our own folder, and of an address from
/// what is fetched.
fn dockerfile(spec: &BuildSpec) -> (Option<String>, Option<String>) {
    if let Some(text) = &spec.dockerfile_inline {
        return (Some("-".to_owned()), Some(text.clone()));
    }
    let context = Path::new(&spec.context);
    let file = spec.dockerfile.as_ref().map(|file| {
        if context.is_absolute() {
            context.join(file).display().to_string()
        } else {
            file.clone()
        }
    });
    (file, None)
}

/// Returns whether the docker command itself minds a variable, so that a build argument of that name must not be set for it.
fn is_minded(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let begins = [
        "DOCKER_",
        "BUILDX_",
        "BUILDKIT_",
        "LD_",
        "OTEL_",
        "SSH_",
        "XDG_",
    ];
    matches!(name.as_str(), "PATH" | "HOME" | "TMPDIR" | "USER")
        || name.ends_with("_PROXY")
        || begins.iter().any(|begin| name.starts_with(begin))
}

/// Writes a field as buildx reads lists of them.
fn csv(field: &str) -> String {
    if field.contains([',', '"', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Builder, ImageReference, SecretText, ServiceName};

    fn plain() -> BuildSpec {
        BuildSpec {
            service: ServiceName::new("api").unwrap(),
            image: ImageReference::parse("shop-api").unwrap(),
            builder: Builder::Buildx,
            tags: Vec::new(),
            context: "/srv/shop/api".to_owned(),
            dockerfile: None,
            dockerfile_inline: None,
            args: BTreeMap::new(),
            target: None,
            labels: BTreeMap::new(),
            cache_from: Vec::new(),
            cache_to: Vec::new(),
            no_cache: false,
            pull: false,
            network: None,
            shm_size: None,
            extra_hosts: Vec::new(),
            ulimits: BTreeMap::new(),
            platforms: Vec::new(),
            secrets: BTreeMap::new(),
            ssh: Vec::new(),
            contexts: BTreeMap::new(),
            entitlements: Vec::new(),
            provenance: None,
            sbom: None,
        }
    }

    fn line(call: &Call) -> String {
        let words = call.words.iter().map(|word| word.to_string_lossy());
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_key_of_a_build_has_its_flag() {
        let words = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let pair = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
        let spec = BuildSpec {
            tags: words(&["a:1"]),
            dockerfile: Some("Dockerfile.slim".to_owned()),
            target: Some("runtime".to_owned()),
            labels: pair("l", "1"),
            cache_from: words(&["type=local,src=c"]),
            cache_to: words(&["type=inline"]),
            no_cache: true,
            pull: true,
            network: Some("host".to_owned()),
            shm_size: Some(64),
            extra_hosts: words(&["h:1.2.3.4"]),
            ulimits: BTreeMap::from([("nofile".to_owned(), (1, 2))]),
            platforms: words(&["linux/amd64", "linux/arm64"]),
            ssh: words(&["default"]),
            contexts: pair("base", "docker-image://shop-base"),
            entitlements: words(&["network.host"]),
            provenance: Some("false".to_owned()),
            sbom: Some("true".to_owned()),
            ..plain()
        };
        assert_eq!(
            line(&call(&spec)),
            "buildx build --progress plain --load --tag shop-api --tag a:1 --label l=1 \
             --build-context base=docker-image://shop-base --ulimit nofile=1:2 \
             --cache-from type=local,src=c --cache-to type=inline --add-host h:1.2.3.4 \
             --ssh default --allow network.host --platform linux/amd64,linux/arm64 \
             --target runtime --network host --shm-size 64 --provenance false --sbom true \
             --file /srv/shop/api/Dockerfile.slim --no-cache --pull -- /srv/shop/api"
        );
    }

    #[test]
    fn no_value_that_may_be_a_secret_is_among_the_words() {
        let secret = |text: &str| Some(SecretText::new(text));
        let spec = BuildSpec {
            args: BTreeMap::from([
                ("API_TOKEN".to_owned(), secret("hush-1")),
                ("FROM_OUTSIDE".to_owned(), None),
                // The docker command itself would mind it.
                ("DOCKER_HOST".to_owned(), secret("tcp://x")),
            ]),
            secrets: BTreeMap::from([
                ("file".to_owned(), BuildSecret::File("/a,b".to_owned())),
                (
                    "text".to_owned(),
                    BuildSecret::Text(SecretText::new("hush-2")),
                ),
            ]),
            ..plain()
        };
        let call = call(&spec);
        assert_eq!(
            line(&call),
            "buildx build --progress plain --load --tag shop-api --build-arg API_TOKEN \
             --build-arg DOCKER_HOST=tcp://x --build-arg FROM_OUTSIDE \
             --secret id=file,\"src=/a,b\" --secret id=text,env=STACKGEN_BUILD_SECRET_1 \
             -- /srv/shop/api"
        );
        let set: Vec<(&str, &str)> = call
            .environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let expected = [
            ("API_TOKEN", "hush-1"),
            ("STACKGEN_BUILD_SECRET_1", "hush-2"),
        ];
        assert_eq!(set, expected);
        assert!(!format!("{spec:?}").contains("hush"), "{spec:?}");
    }

    #[test]
    fn a_dockerfile_in_the_stack_is_read_from_the_pipe() {
        let spec = BuildSpec {
            dockerfile_inline: Some("FROM x".to_owned()),
            ..plain()
        };
        let call = call(&spec);
        assert!(line(&call).ends_with("--file - -- /srv/shop/api"));
        assert_eq!(call.input.as_deref(), Some("FROM x"));
    }
}
