//! Ctrl-C and SIGTERM, as the two stages of a [`Stop`].

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use crate::exec::Stop;

use super::{ExitCode, Failure, Ui};

/// Listens for signals while it is held.
pub(crate) struct Interrupt {
    /// What the work is to mind.
    pub(crate) stop: Stop,
    _listener: JoinSet<()>,
}

impl Interrupt {
    /// Begins to listen. `words` are said at the first and at the second signal; a third one ends the process at once.
    pub(crate) fn listen(ui: &Ui, words: [&'static str; 2]) -> Result<Self, Failure> {
        let failed = |error| {
            Failure::new(
                ExitCode::Failed,
                format!("cannot listen for signals: {error}"),
            )
        };
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let stop = Stop::default();
        let (stages, ui) = (stop.clone(), ui.clone());
        let mut listener = JoinSet::new();
        listener.spawn(async move {
            for stage in 0.. {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                match stage {
                    0 => stages.gently.cancel(),
                    1 => stages.now.cancel(),
                    _ => {
                        ui.end_live();
                        std::process::exit(ExitCode::Interrupted.number().into())
                    }
                }
                if let Some(words) = words.get(stage).filter(|words| !words.is_empty()) {
                    ui.loud(words);
                }
            }
        });
        Ok(Self {
            stop,
            _listener: listener,
        })
    }

    /// Returns whether anybody asked to stop.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.gently.is_cancelled()
    }
}
