//! What text a stack becomes: the compose file, the Airflow DAG files and the task definitions.
//!
//! **Invariant:** same input, same bytes, and no value of this machine. What is decided is decided in `view`; templates hold layout, and
//! every value goes through a typed filter, so that no text of stack.toml can change the structure of a file. `minijinja` stays in here.

mod error;
mod facts;
mod json;
mod meant;
mod python;
mod request;
mod template_scan;
mod template_set;
mod template_text;
mod view;
mod yaml;

pub use error::*;
pub use facts::host_facts;
pub use request::*;
pub use view::{WorkerNeeds, template_data, worker_lacks, worker_needs};
