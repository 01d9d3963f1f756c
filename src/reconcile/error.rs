//! What can go wrong between a file and what runs.

use crate::engine::EngineError;
use crate::load::LoadError;
use crate::render::RenderError;
use crate::store::StoreError;
use crate::watch::WatchError;

use super::HasMistakes;

/// Why a stack could not be rendered, planned, applied or watched.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// A file cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The stack has mistakes, which the project holds.
    #[error(transparent)]
    Mistakes(#[from] HasMistakes),
    /// A template cannot be rendered.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// Something cannot be kept on disk, or another process is at work.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine failed or does not answer.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Files cannot be followed.
    #[error(transparent)]
    Watch(#[from] WatchError),
}
