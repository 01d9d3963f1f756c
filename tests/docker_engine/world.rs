//! One test's engine, project and containers.

use crate::support::{BUSYBOX, Project, ensure_busybox, is_left_out};
use futures_util::StreamExt;
use stackgen::engine::docker::DockerEngine;
use stackgen::engine::{Engine, EngineError, ExecSpec, LogChunk, OutputStream, Performed};
use stackgen::model::{
    ContainerConfig, ContainerSpec, ImageReference, IpamPoolSpec, NetworkSpec, ObservedContainer,
    ProjectName, Scope, ServiceName,
};
use stackgen::plan::{Action, ContainerRef};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

pub(crate) const PROJECT: &str = "com.docker.compose.project";

/// One test's engine and project.
pub(crate) struct World {
    pub(crate) engine: DockerEngine,
    pub(crate) project: Project,
}

impl World {
    /// `None` where tests against an engine are left out on purpose.
    pub(crate) fn new(test: &str) -> Option<Self> {
        if is_left_out(test) {
            return None;
        }
        ensure_busybox();
        let engine = DockerEngine::connect(None).unwrap();
        let project = Project::new("docker-test");
        Some(Self { engine, project })
    }

    pub(crate) fn labels(&self) -> BTreeMap<String, String> {
        BTreeMap::from([(PROJECT.to_owned(), self.project.name.clone())])
    }

    /// A container that does nothing until it is told to stop, and then stops at once.
    pub(crate) fn spec(&self, name: &str) -> ContainerSpec {
        let mut config = ContainerConfig::new(ImageReference::parse(BUSYBOX).unwrap());
        config.labels = self.labels();
        config.network_mode = Some("none".to_owned());
        config.init = Some(true);
        config.command = Some(words(&["sleep", "600"]));
        ContainerSpec {
            name: self.project.of(name),
            service: Some(ServiceName::new(name).unwrap()),
            number: 1,
            image_id: None,
            config,
            files: Vec::new(),
        }
    }

    pub(crate) async fn act(&self, action: Action) -> Performed {
        match self.engine.perform(&action).await {
            Ok(done) => done,
            Err(error) => panic!("{}: {error}", action.name()),
        }
    }

    pub(crate) async fn create(&self, spec: &ContainerSpec) -> ContainerRef {
        match self
            .act(Action::CreateContainer(Box::new(spec.clone())))
            .await
        {
            Performed::Created(id) => ContainerRef::Id(id),
            other => panic!("not created: {other:?}"),
        }
    }

    pub(crate) async fn start(&self, container: &ContainerRef) -> Performed {
        let container = container.clone();
        self.act(Action::StartContainer { container }).await
    }

    pub(crate) async fn stop(
        &self,
        container: &ContainerRef,
        grace: Option<Duration>,
    ) -> Performed {
        let container = container.clone();
        self.act(Action::StopContainer { container, grace }).await
    }

    pub(crate) async fn network(&self, name: &str, subnet: Option<&str>) -> String {
        let name = self.project.of(name);
        let spec = NetworkSpec {
            name: name.clone(),
            driver: String::new(),
            options: BTreeMap::new(),
            // The engine publishes no ports on an internal one.
            internal: subnet.is_none(),
            attachable: false,
            enable_ipv4: None,
            enable_ipv6: None,
            labels: self.labels(),
            ipam_driver: None,
            ipam_options: BTreeMap::new(),
            pools: subnet
                .map(|subnet| IpamPoolSpec {
                    subnet: Some(subnet.to_owned()),
                    ..Default::default()
                })
                .into_iter()
                .collect(),
        };
        self.act(Action::CreateNetwork(Box::new(spec))).await;
        name
    }

    pub(crate) async fn look(&self, container: &ContainerRef) -> ObservedContainer {
        self.engine.inspect(container).await.unwrap().unwrap()
    }

    /// Looks until `is_so`, and fails after a while.
    pub(crate) async fn until(
        &self,
        container: &ContainerRef,
        is_so: impl Fn(&ObservedContainer) -> bool,
    ) -> ObservedContainer {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let seen = self.look(container).await;
            if is_so(&seen) {
                return seen;
            }
            assert!(Instant::now() < end, "never came: {:?}", seen.state);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) async fn run(
        &self,
        container: &ContainerRef,
        command: &[&str],
    ) -> (String, String, Option<i64>) {
        let spec = ExecSpec {
            container: container.clone(),
            command: words(command),
            environment: BTreeMap::from([("GREETING".to_owned(), Some("hello".to_owned()))]),
            user: None,
            working_dir: Some("/tmp".to_owned()),
            privileged: false,
        };
        let session = self.engine.exec(&spec).await.unwrap();
        let (out, error) = collect(session.output).await;
        let state = self.engine.exec_state(&session.id).await.unwrap();
        assert!(!state.is_running);
        (out, error, state.exit_code)
    }

    pub(crate) fn scope(&self) -> Scope {
        Scope {
            project: ProjectName::new(self.project.name.clone()).unwrap(),
            images: BTreeSet::from([ImageReference::parse(BUSYBOX).unwrap()]),
            networks: BTreeSet::new(),
            volumes: BTreeSet::new(),
            container_names: BTreeSet::new(),
            sockets: BTreeMap::new(),
            files: BTreeSet::new(),
        }
    }
}

/// The beginning of a subnet that two runs of these tests at a time do not share.
pub(crate) fn subnet() -> String {
    format!("10.213.{}", std::process::id() % 250)
}

pub(crate) fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

pub(crate) fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

pub(crate) async fn collect(
    mut output: impl futures_util::Stream<Item = Result<LogChunk, EngineError>> + Unpin,
) -> (String, String) {
    let (mut out, mut error) = (String::new(), String::new());
    while let Some(chunk) = output.next().await {
        let chunk = chunk.unwrap();
        let text = String::from_utf8_lossy(&chunk.bytes).into_owned();
        match chunk.stream {
            OutputStream::Stdout => out.push_str(&text),
            OutputStream::Stderr => error.push_str(&text),
        }
    }
    (out, error)
}
