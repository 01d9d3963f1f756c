//! Services and DAGs, drawn: as a tree of text, for Graphviz and Mermaid, and as a picture.

mod dot;
mod layout;
mod mermaid;
mod nodes;
mod svg;
mod tree;

pub(crate) use dot::dot;
pub(crate) use mermaid::mermaid;
pub(crate) use nodes::{Group, Node, humane, schedule_words, service_group, task_group};
pub(crate) use svg::svg;
pub(crate) use tree::tree;
