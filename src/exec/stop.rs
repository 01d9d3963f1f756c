//! How work is asked to stop.

use tokio_util::sync::CancellationToken;

/// The two stages of stopping.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Nothing new is started; what is at work is finished.
    pub gently: CancellationToken,
    /// Waits are given up, and what was begun is put back.
    pub now: CancellationToken,
}
