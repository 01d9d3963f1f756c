//! What depends on what, by name.

use std::collections::BTreeMap;
use std::hash::Hash;

use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::Dfs;

use crate::model::{Dag, Form, TaskName};

/// Names and what each comes after.
#[derive(Debug, Clone)]
pub struct Graph<N> {
    graph: DiGraph<N, ()>,
    nodes: BTreeMap<N, NodeIndex>,
}

/// Why names with edges between them are no order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError<N: std::fmt::Debug + std::fmt::Display> {
    /// Something comes after a thing that is not there.
    #[error("{name} comes after {after}, which is not there")]
    Unknown {
        /// What comes after it.
        name: N,
        /// What is not there.
        after: N,
    },
    /// The same name twice.
    #[error("{0} is there twice")]
    Twice(N),
    /// They wait for each other; each member comes after the next one, and the last one after the first.
    #[error("{} wait for each other", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Cycle(Vec<N>),
}

impl<N: Clone + Ord + Hash + std::fmt::Debug + std::fmt::Display> Graph<N> {
    /// Makes a graph of names, each with those it comes after.
    ///
    /// # Errors
    /// [`GraphError`].
    pub fn new<'a>(
        items: impl IntoIterator<Item = (&'a N, Vec<&'a N>)>,
    ) -> Result<Self, GraphError<N>>
    where
        N: 'a,
    {
        let items: Vec<_> = items.into_iter().collect();
        let mut graph = DiGraph::new();
        let mut nodes = BTreeMap::new();
        for (name, _) in &items {
            if nodes
                .insert((*name).clone(), graph.add_node((*name).clone()))
                .is_some()
            {
                return Err(GraphError::Twice((*name).clone()));
            }
        }
        for (name, after) in items {
            for before in after {
                let Some(from) = nodes.get(before) else {
                    return Err(GraphError::Unknown {
                        name: name.clone(),
                        after: before.clone(),
                    });
                };
                graph.update_edge(*from, nodes[name], ());
            }
        }
        let graph = Self { graph, nodes };
        match graph.cycle() {
            Some(cycle) => Err(GraphError::Cycle(cycle)),
            None => Ok(graph),
        }
    }

    /// Returns the names so that each stands behind all that it comes after; otherwise in the given order.
    pub fn order(&self) -> Vec<N> {
        let mut order = Vec::with_capacity(self.graph.node_count());
        let mut open: Vec<NodeIndex> = self.graph.node_indices().collect();
        let mut done = vec![false; self.graph.node_count()];
        while !open.is_empty() {
            let before = open.len();
            open.retain(|node| {
                let is_ready = self
                    .graph
                    .neighbors_directed(*node, petgraph::Incoming)
                    .all(|before| done[before.index()]);
                if is_ready {
                    done[node.index()] = true;
                    order.push(self.graph[*node].clone());
                }
                !is_ready
            });
            if open.len() == before {
                // Only a cycle stands still, and `new` lets none through.
                break;
            }
        }
        order
    }

    /// Returns all names that come after `name`, however far, without itself.
    pub fn all_after(&self, name: &N) -> Vec<N> {
        let Some(start) = self.nodes.get(name) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        let mut search = Dfs::new(&self.graph, *start);
        while let Some(node) = search.next(&self.graph) {
            if node != *start {
                found.push(node);
            }
        }
        found.sort();
        found
            .into_iter()
            .map(|node| self.graph[node].clone())
            .collect()
    }

    /// Returns one cycle: a walk within a strongly connected part, until it comes back to where it was.
    fn cycle(&self) -> Option<Vec<N>> {
        let part = petgraph::algo::tarjan_scc(&self.graph)
            .into_iter()
            .find(|part| part.len() > 1 || self.graph.contains_edge(part[0], part[0]))?;
        let mut walk = vec![*part.iter().min()?];
        loop {
            let last = *walk.last()?;
            let next = self
                .graph
                .neighbors_directed(last, petgraph::Incoming)
                .find(|node| part.contains(node))?;
            if let Some(start) = walk.iter().position(|node| *node == next) {
                let cycle = walk.drain(start..);
                return Some(cycle.map(|node| self.graph[node].clone()).collect());
            }
            walk.push(next);
        }
    }
}

/// Returns the graph of a DAG's tasks.
///
/// # Errors
/// [`GraphError`]; a checked stack has none.
pub fn tasks<F: Form>(dag: &Dag<F>) -> Result<Graph<TaskName>, GraphError<TaskName>> {
    Graph::new(
        dag.tasks
            .iter()
            .map(|(name, task)| (name, task.after.iter().collect())),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(text: &str) -> Result<Graph<String>, GraphError<String>> {
        let items: Vec<(String, Vec<String>)> = text
            .split(';')
            .map(|item| {
                let (name, after) = item.split_once(':').unwrap_or((item, ""));
                let after = after.split_whitespace().map(str::to_owned).collect();
                (name.trim().to_owned(), after)
            })
            .collect();
        Graph::new(
            items
                .iter()
                .map(|(name, after)| (name, after.iter().collect())),
        )
    }

    #[test]
    fn each_stands_behind_what_it_comes_after() {
        let graph = graph("load: scrape; index: scrape; serve: index; scrape").unwrap();
        assert_eq!(graph.order(), ["scrape", "load", "index", "serve"]);
        assert_eq!(
            graph.all_after(&"scrape".to_owned()),
            ["load", "index", "serve"]
        );
    }

    #[test]
    fn what_is_no_order_is_told() {
        assert_eq!(
            graph("a: c; b: a; c: b; d: a").err(),
            Some(GraphError::Cycle(vec!["a".into(), "c".into(), "b".into()]))
        );
        assert_eq!(
            graph("a: a").err(),
            Some(GraphError::Cycle(vec!["a".into()]))
        );
        assert!(matches!(
            graph("a: x").err(),
            Some(GraphError::Unknown { .. })
        ));
        assert!(matches!(graph("a;a").err(), Some(GraphError::Twice(_))));
    }
}
