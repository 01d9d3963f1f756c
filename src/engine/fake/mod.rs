//! An engine in memory that copies what Docker was measured to do: names of containers are unique and names of networks are not, a
//! volume is made once however often, a start of what runs succeeds, ports clash at the start, and defaults are filled in.
//!
//! Time is tokio's, so that a test with paused time waits for nothing. Ids are counted, so that two runs are alike.

mod command;
mod images;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{Notify, broadcast, mpsc};
use tokio::task::JoinSet;

use crate::compose::labels::PROJECT;
use crate::model::{
    Builder, ContainerConfig, EngineFacts, ImageReference, Observed, ObservedContainer,
    ObservedFile, ObservedImage, ObservedNetwork, ObservedVolume, Scope,
};
use crate::plan::{Action, ContainerRef};

use super::{
    ActionProgress, Engine, EngineError, EngineEvent, ExecSession, ExecSpec, ExecState,
    ListedContainer, LogChunk, LogOptions, OutputStream, Performed,
};

use world::{Due, World};

/// What the containers of one service do once they are started.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Script {
    /// Ends so long after its start, with this code; `None`: runs on.
    pub exits: Option<(Duration, i64)>,
    /// Becomes healthy so long after its start, where it has a check; `None`: at once.
    pub healthy_after: Option<Duration>,
    /// Becomes unhealthy instead.
    pub is_unhealthy: bool,
    /// What it writes.
    pub output: String,
    /// The one command that fails in it.
    pub failing_command: Option<String>,
}

/// What goes wrong at one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The engine fails and does nothing.
    Refuse,
    /// Whoever makes the call panics, and nothing is done.
    Panic,
    /// The call is lost on its way: nothing is done, and no answer comes in time.
    LoseCall,
    /// The call is done, and its answer is lost.
    LoseAnswer,
    /// The call is done and never answered, as for a process that is killed. [`FakeEngine::killed`] tells when.
    Kill,
}

/// An engine in memory.
#[derive(Clone)]
pub struct FakeEngine {
    inner: Arc<Inner>,
}

struct Inner {
    world: Mutex<World>,
    events: broadcast::Sender<EngineEvent>,
    killed: Notify,
    /// What happens later to containers: aborted with the engine.
    later: Mutex<JoinSet<()>>,
}

impl Default for FakeEngine {
    fn default() -> Self {
        Self::new()
    }
}

impl FakeEngine {
    /// Returns an engine with nothing in it.
    pub fn new() -> Self {
        let (events, _) = broadcast::channel(1024);
        Self {
            inner: Arc::new(Inner {
                world: Mutex::new(World::default()),
                events,
                killed: Notify::new(),
                later: Mutex::new(JoinSet::new()),
            }),
        }
    }

    /// Puts an image there, with defaults for containers of it.
    pub fn add_image(&self, image: ObservedImage) {
        self.world()
            .images
            .insert(image.defaults.image.clone(), image);
    }

    /// Puts an image without defaults there.
    pub fn add_plain_image(&self, image: &ImageReference, id: &str) {
        let id = crate::model::ImageId::new(id).unwrap_or_else(|_| world::image_id(image));
        self.add_image(ObservedImage::new(id, ContainerConfig::new(image.clone())));
    }

    /// Takes an image away.
    pub fn remove_image(&self, image: &ImageReference) {
        self.world().images.remove(image);
    }

    /// Lets an image be pulled that is not there.
    pub fn offer_image(&self, image: &ImageReference) {
        self.world().registry.insert(image.clone());
    }

    /// Says what containers of a service do, from their next start on.
    pub fn script(&self, service: &str, script: Script) {
        self.world().scripts.insert(service.to_owned(), script);
    }

    /// Puts a file on the host, or another in its place.
    pub fn add_file(&self, path: &str, file: ObservedFile) {
        self.world().files.insert(path.to_owned(), file);
    }

    /// Counts the ids of what is made from a number on, so that they are not those of what was put there.
    pub fn count_from(&self, number: u64) {
        self.world().made = number;
    }

    /// Puts a container there as if somebody else had made it.
    pub fn add_container(&self, container: ObservedContainer) {
        self.world()
            .containers
            .insert(container.id.clone(), container);
    }

    /// Puts a network there.
    pub fn add_network(&self, network: ObservedNetwork) {
        self.world().networks.push(network);
    }

    /// Puts a volume there.
    pub fn add_volume(&self, volume: ObservedVolume) {
        self.world().volumes.insert(volume.name.clone(), volume);
    }

    /// Changes a container behind everybody's back.
    pub fn change(&self, name: &str, change: impl FnOnce(&mut ObservedContainer)) {
        let mut world = self.world();
        if let Some(container) = world.containers.values_mut().find(|it| it.name == name) {
            change(container);
        }
    }

    /// Lets the call with this number, from 1, go wrong.
    pub fn fail_call(&self, number: usize, fault: Fault) {
        self.world().fault = Some((number, fault));
    }

    /// Forgets the calls so far and any fault to come.
    pub fn reset_calls(&self) {
        let mut world = self.world();
        world.calls.clear();
        world.fault = None;
    }

    /// Returns every performed call in order, such as `start_container web`.
    pub fn calls(&self) -> Vec<String> {
        self.world().calls.clone()
    }

    /// Returns when a call was killed.
    pub async fn killed(&self) {
        self.inner.killed.notified().await;
    }

    /// Returns all containers by name.
    pub fn containers(&self) -> BTreeMap<String, ObservedContainer> {
        let world = self.world();
        let containers = world.containers.values();
        containers.map(|it| (it.name.clone(), it.clone())).collect()
    }

    /// Returns all networks.
    pub fn networks(&self) -> Vec<ObservedNetwork> {
        self.world().networks.clone()
    }

    /// Returns all volumes by name.
    pub fn volumes(&self) -> BTreeMap<String, ObservedVolume> {
        self.world().volumes.clone()
    }

    /// Returns the names of all networks, sorted.
    pub fn network_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .world()
            .networks
            .iter()
            .map(|it| it.name.clone())
            .collect();
        names.sort();
        names
    }

    /// Returns the names of all volumes.
    pub fn volume_names(&self) -> Vec<String> {
        self.world().volumes.keys().cloned().collect()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        // A test that panicked while it held the lock has failed already.
        self.inner
            .world
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets something happen to a container later, unless it was started anew or stopped by then.
    fn schedule(&self, due: Due) {
        let engine = Arc::downgrade(&self.inner);
        let mut later = self
            .inner
            .later
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        later.spawn(async move {
            tokio::time::sleep(due.after).await;
            if let Some(inner) = engine.upgrade() {
                let mut world = inner.world.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(event) = world.happen(&due) {
                    let _ = inner.events.send(event);
                }
            }
        });
    }

    fn carry_out(&self, action: &Action) -> Result<Performed, EngineError> {
        let (result, events, due) = {
            let mut world = self.world();
            let result = world.perform(action);
            (
                result,
                std::mem::take(&mut world.events),
                std::mem::take(&mut world.due),
            )
        };
        for event in events {
            let _ = self.inner.events.send(event);
        }
        for due in due {
            self.schedule(due);
        }
        result
    }
}

impl Engine for FakeEngine {
    fn facts(&self) -> BoxFuture<'_, Result<EngineFacts, EngineError>> {
        async { Ok(world::facts()) }.boxed()
    }

    fn observe<'a>(&'a self, scope: &'a Scope) -> BoxFuture<'a, Result<Observed, EngineError>> {
        async move { Ok(self.world().observe(scope)) }.boxed()
    }

    fn inspect<'a>(
        &'a self,
        container: &'a ContainerRef,
    ) -> BoxFuture<'a, Result<Option<ObservedContainer>, EngineError>> {
        async move { Ok(self.world().find(container).cloned()) }.boxed()
    }

    fn find<'a>(
        &'a self,
        labels: &'a BTreeMap<String, String>,
    ) -> BoxFuture<'a, Result<Vec<ObservedContainer>, EngineError>> {
        async move {
            let all = self.containers().into_values();
            let carries = |it: &ObservedContainer| {
                let own = &it.config.labels;
                labels
                    .iter()
                    .all(|(name, value)| own.get(name) == Some(value))
            };
            Ok(all.filter(carries).collect())
        }
        .boxed()
    }

    fn list<'a>(
        &'a self,
        labels: &'a BTreeMap<String, String>,
    ) -> BoxFuture<'a, Result<Vec<ListedContainer>, EngineError>> {
        async move {
            let found = self.find(labels).await?.into_iter();
            let listed = found.map(|it| ListedContainer {
                id: it.id,
                name: it.name,
                status: it.state.status,
            });
            Ok(listed.collect())
        }
        .boxed()
    }

    fn projects(&self) -> BoxFuture<'_, Result<BTreeSet<String>, EngineError>> {
        async move {
            let all = self.containers().into_values();
            let project = |it: ObservedContainer| it.config.labels.get(PROJECT).cloned();
            Ok(all.filter_map(project).collect())
        }
        .boxed()
    }

    fn perform<'a>(&'a self, action: &'a Action) -> BoxFuture<'a, Result<Performed, EngineError>> {
        async move {
            // A call takes its turn, so that others get theirs.
            tokio::task::yield_now().await;
            let what = world::describe(action);
            let fault = {
                let mut world = self.world();
                world.calls.push(what.clone());
                let number = world.calls.len();
                world
                    .fault
                    .filter(|(at, _)| *at == number)
                    .map(|(_, fault)| fault)
            };
            let lost = |what| EngineError::TimedOut { what, seconds: 30 };
            match fault {
                None => self.carry_out(action),
                Some(Fault::Refuse) => Err(EngineError::Failed {
                    what,
                    message: "made to fail".to_owned(),
                    status: 500,
                }),
                Some(Fault::Panic) => panic!("made to panic"),
                Some(Fault::LoseCall) => Err(lost(what)),
                Some(Fault::LoseAnswer) => {
                    self.carry_out(action)?;
                    Err(lost(what))
                }
                Some(Fault::Kill) => {
                    let _ = self.carry_out(action);
                    self.inner.killed.notify_one();
                    std::future::pending().await
                }
            }
        }
        .boxed()
    }

    fn registry_digest<'a>(
        &'a self,
        image: &'a ImageReference,
    ) -> BoxFuture<'a, Result<String, EngineError>> {
        async move { self.world().digest(image) }.boxed()
    }

    fn builder(&self) -> Builder {
        Builder::Engine
    }

    fn perform_telling<'a>(
        &'a self,
        action: &'a Action,
        progress: &'a mpsc::Sender<ActionProgress>,
    ) -> BoxFuture<'a, Result<Performed, EngineError>> {
        async move {
            for told in images::told_of(action) {
                let _ = progress.send(told).await;
            }
            self.perform(action).await
        }
        .boxed()
    }

    fn events(
        &self,
    ) -> BoxFuture<'_, Result<BoxStream<'static, Result<EngineEvent, EngineError>>, EngineError>>
    {
        let receiver = self.inner.events.subscribe();
        let stream = futures_util::stream::unfold(receiver, |mut receiver| async move {
            // Whoever lags behind loses the stream, as at Docker.
            receiver
                .recv()
                .await
                .ok()
                .map(|event| (Ok(event), receiver))
        });
        async move { Ok(stream.boxed()) }.boxed()
    }

    fn logs<'a>(
        &'a self,
        container: &'a ContainerRef,
        _options: &'a LogOptions,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<LogChunk, EngineError>>, EngineError>> {
        async move {
            let bytes = bytes::Bytes::from(self.world().output_of(container));
            let chunk = LogChunk {
                stream: OutputStream::Stdout,
                bytes,
            };
            Ok(futures_util::stream::iter([Ok(chunk)]).boxed())
        }
        .boxed()
    }

    fn exec<'a>(&'a self, spec: &'a ExecSpec) -> BoxFuture<'a, Result<ExecSession, EngineError>> {
        async move {
            if self.world().find(&spec.container).is_none() {
                return Err(world::not_found(&spec.container));
            }
            let output = futures_util::stream::empty().boxed();
            Ok(ExecSession {
                id: "exec".to_owned(),
                output,
            })
        }
        .boxed()
    }

    fn exec_state<'a>(&'a self, _id: &'a str) -> BoxFuture<'a, Result<ExecState, EngineError>> {
        async {
            Ok(ExecState {
                is_running: false,
                exit_code: Some(0),
                pid: 0,
            })
        }
        .boxed()
    }
}
