//! What the templates see. Every decision on what is written is made here.

mod airflow;
mod attribute;
mod compose;
mod container;
mod jinja;
mod map;
mod tasks;
mod user;

pub(super) use airflow::airflow_view;
pub use airflow::{WorkerNeeds, worker_lacks, worker_needs};
pub(super) use compose::deferred_compose_view;
pub(super) use tasks::tasks_view;
pub use user::template_data;
pub(super) use user::user_views;
