//! An engine that looks on: it hands every call to the fake one, and writes down each that changes an object that is not ours.
//!
//! What is ours it makes out by itself, from labels and from who mounts what, and not by the functions that the planner uses.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "the helpers of tests are outside of #[test] functions"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use stackgen::compose::labels;
use stackgen::engine::fake::FakeEngine;
use stackgen::engine::{
    ActionProgress, Engine, EngineError, EngineEvent, ExecSession, ExecSpec, ExecState,
    ListedContainer, LogChunk, LogOptions, Performed,
};
use stackgen::model::{Builder, EngineFacts, ImageReference, Observed, ObservedContainer, Scope};
use stackgen::plan::{Action, ContainerRef};
use tokio::sync::mpsc;

type Labels = BTreeMap<String, String>;

/// Whose objects may be changed.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    pub(crate) project: String,
    pub(crate) folder: String,
    /// Whether those of the same project from another folder may be, too.
    pub(crate) adopts: bool,
}

impl Owner {
    /// The owner that the stacks of tests have.
    pub(crate) fn shop() -> Self {
        Self {
            project: "shop".to_owned(),
            folder: "/srv/shop".to_owned(),
            adopts: false,
        }
    }

    pub(crate) fn owns(&self, container: &ObservedContainer) -> bool {
        let label = |name| container.config.labels.get(name).map(String::as_str);
        if label(labels::TASK_PROJECT) == Some(&self.project) {
            return true;
        }
        let generated = format!("{}/generated", self.folder);
        let is_here = label(labels::WORKING_DIR).is_some_and(|from| {
            from == self.folder || from == generated || from.starts_with(&format!("{generated}/"))
        });
        label(labels::PROJECT) == Some(&self.project) && (is_here || self.adopts)
    }

    fn owns_object(&self, labels: &Labels, key: &str) -> bool {
        labels.get(labels::PROJECT) == Some(&self.project) && labels.contains_key(key)
    }
}

/// The fake engine under watch.
#[derive(Clone)]
pub(crate) struct Guarded {
    engine: FakeEngine,
    owner: Owner,
    /// Volumes without a name that containers of ours mounted when it began to look.
    anonymous: BTreeSet<String>,
    touched: Arc<Mutex<Vec<String>>>,
}

impl Guarded {
    pub(crate) fn new(engine: &FakeEngine, owner: Owner) -> Self {
        let containers = engine.containers();
        let ours = containers.values().filter(|it| owner.owns(it));
        let volumes = ours.flat_map(|it| it.volumes.values());
        let is_anonymous = |name: &&String| name.len() == 64;
        Self {
            anonymous: volumes.filter(is_anonymous).cloned().collect(),
            engine: engine.clone(),
            owner,
            touched: Arc::default(),
        }
    }

    /// Returns every call so far that changed what is not ours, and forgets them.
    pub(crate) fn take_touched(&self) -> Vec<String> {
        std::mem::take(&mut self.touched.lock().unwrap())
    }

    /// Returns whether an action is about what is ours or is not there.
    fn is_ours(&self, action: &Action) -> bool {
        match action {
            Action::PullImage { .. }
            | Action::BuildImage(_)
            | Action::TagImage { .. }
            | Action::Await { .. }
            | Action::FixSocket(_) => true,
            Action::CreateNetwork(spec) => self.owner.owns_object(&spec.labels, labels::NETWORK),
            Action::CreateVolume(spec) => {
                // Making one that is there already is no error at the engine, and gives somebody else's away as ours.
                let found = self.engine.volumes().remove(&spec.name);
                let labels = found.map_or_else(|| spec.labels.clone(), |it| it.labels);
                self.owner.owns_object(&labels, labels::VOLUME)
            }
            Action::RemoveNetwork { id, .. } => {
                let networks = self.engine.networks();
                let mut found = networks.iter().filter(|it| it.id == *id);
                let owns = |labels| self.owner.owns_object(labels, labels::NETWORK);
                found.all(|it| owns(&it.labels))
            }
            Action::RemoveVolume { name } => {
                let found = self.engine.volumes().remove(name);
                let owner = &self.owner;
                found.is_none_or(|it| owner.owns_object(&it.labels, labels::VOLUME))
                    || self.anonymous.contains(name)
            }
            Action::CreateContainer(spec) => {
                let label = |name| spec.config.labels.get(name);
                let project = [labels::PROJECT, labels::TASK_PROJECT];
                project
                    .iter()
                    .any(|it| label(*it) == Some(&self.owner.project))
            }
            Action::CopyFiles { container, .. }
            | Action::ConnectNetwork { container, .. }
            | Action::DisconnectNetwork { container, .. }
            | Action::StartContainer { container }
            | Action::StopContainer { container, .. }
            | Action::RestartContainer { container, .. }
            | Action::UnpauseContainer { container }
            | Action::SignalContainer { container, .. }
            | Action::RenameContainer { container, .. }
            | Action::UpdateContainer { container, .. }
            | Action::RemoveContainer { container, .. } => self.owns(container),
            Action::RunCommand(run) => self.owns(&run.container),
        }
    }

    fn look_at(&self, action: &Action) {
        if !self.is_ours(action) {
            let call = format!("{} {action:?}", action.name());
            self.touched.lock().unwrap().push(call);
        }
    }

    fn owns(&self, container: &ContainerRef) -> bool {
        // The fake one answers at once.
        let found = self.engine.inspect(container).now_or_never();
        let found = found.and_then(Result::ok).flatten();
        found.is_none_or(|it| self.owner.owns(&it))
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let is_last = Arc::strong_count(&self.touched) == 1;
        if is_last && !std::thread::panicking() {
            assert_eq!(self.take_touched(), Vec::<String>::new(), "not ours");
        }
    }
}

impl Engine for Guarded {
    fn facts(&self) -> BoxFuture<'_, Result<EngineFacts, EngineError>> {
        self.engine.facts()
    }

    fn observe<'a>(&'a self, scope: &'a Scope) -> BoxFuture<'a, Result<Observed, EngineError>> {
        self.engine.observe(scope)
    }

    fn inspect<'a>(
        &'a self,
        container: &'a ContainerRef,
    ) -> BoxFuture<'a, Result<Option<ObservedContainer>, EngineError>> {
        self.engine.inspect(container)
    }

    fn find<'a>(
        &'a self,
        labels: &'a Labels,
    ) -> BoxFuture<'a, Result<Vec<ObservedContainer>, EngineError>> {
        self.engine.find(labels)
    }

    fn list<'a>(
        &'a self,
        labels: &'a Labels,
    ) -> BoxFuture<'a, Result<Vec<ListedContainer>, EngineError>> {
        self.engine.list(labels)
    }

    fn projects(&self) -> BoxFuture<'_, Result<BTreeSet<String>, EngineError>> {
        self.engine.projects()
    }

    fn perform<'a>(&'a self, action: &'a Action) -> BoxFuture<'a, Result<Performed, EngineError>> {
        async move {
            self.look_at(action);
            self.engine.perform(action).await
        }
        .boxed()
    }

    fn registry_digest<'a>(
        &'a self,
        image: &'a ImageReference,
    ) -> BoxFuture<'a, Result<String, EngineError>> {
        self.engine.registry_digest(image)
    }

    fn builder(&self) -> Builder {
        self.engine.builder()
    }

    fn perform_telling<'a>(
        &'a self,
        action: &'a Action,
        progress: &'a mpsc::Sender<ActionProgress>,
    ) -> BoxFuture<'a, Result<Performed, EngineError>> {
        async move {
            self.look_at(action);
            self.engine.perform_telling(action, progress).await
        }
        .boxed()
    }

    fn events(
        &self,
    ) -> BoxFuture<'_, Result<BoxStream<'static, Result<EngineEvent, EngineError>>, EngineError>>
    {
        self.engine.events()
    }

    fn logs<'a>(
        &'a self,
        container: &'a ContainerRef,
        options: &'a LogOptions,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<LogChunk, EngineError>>, EngineError>> {
        self.engine.logs(container, options)
    }

    fn exec<'a>(&'a self, spec: &'a ExecSpec) -> BoxFuture<'a, Result<ExecSession, EngineError>> {
        self.engine.exec(spec)
    }

    fn exec_state<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<ExecState, EngineError>> {
        self.engine.exec_state(id)
    }
}
