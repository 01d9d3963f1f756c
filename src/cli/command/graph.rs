//! `stackgen graph`: services and DAGs, drawn.

use crate::cli::context::{Context, unknown};
use crate::cli::graph_view::{dot, service_nodes, task_nodes, tree};
use crate::cli::ui::{STRONG, styled};
use crate::cli::{CommandResult, ExitCode};
use crate::model::DagName;
use crate::stackfile::Concern;

/// Draws what depends on what. Needs neither an engine nor values for variables.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// How to draw.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
    /// Only this DAG; default: services and all DAGs.
    #[arg(long, value_name = "NAME")]
    pub dag: Option<String>,
}

/// How a graph is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A tree of text.
    Text,
    /// Graphviz.
    Dot,
}

pub(crate) fn run(context: &Context, args: &Args) -> CommandResult {
    let project = context.checked(Concern::File)?;
    let stack = project.template()?;
    let mut groups = Vec::new();
    if args.dag.is_none() {
        groups.push(("services".to_owned(), service_nodes(stack)));
    }
    for (name, dag) in stack.dags() {
        if args
            .dag
            .as_ref()
            .is_none_or(|wanted| wanted == name.as_str())
        {
            groups.push((format!("dag {name}"), task_nodes(dag)));
        }
    }
    if let (Some(name), true) = (&args.dag, groups.is_empty()) {
        return Err(unknown(
            "DAG",
            name,
            stack.dags().keys().map(DagName::as_str),
        ));
    }
    if args.format == Format::Dot {
        context.ui.data(dot(stack.name().as_str(), &groups))?;
        return Ok(ExitCode::Done);
    }
    for (index, (title, nodes)) in groups.iter().enumerate() {
        let gap = if index == 0 { "" } else { "\n" };
        let things = if title == "services" {
            "services"
        } else {
            "tasks"
        };
        let title = title.strip_prefix("dag ").unwrap_or(stack.name().as_str());
        let title = styled(STRONG, title);
        context
            .ui
            .data(format!("{gap}{title}  {} {things}\n", nodes.len()))?;
        context.ui.data(tree(nodes))?;
    }
    Ok(ExitCode::Done)
}
