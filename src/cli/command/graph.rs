//! `stackgen graph`: services and DAGs, drawn.

use crate::cli::context::{Context, unknown};
use crate::cli::graph_view::{Group, dot, mermaid, service_group, svg, task_group, tree};
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
    /// Mermaid, as Markdown pages show it.
    Mermaid,
    /// A picture.
    Svg,
}

pub(crate) fn run(context: &Context, args: &Args) -> CommandResult {
    let project = context.checked(Concern::File)?;
    let stack = project.template()?;
    let mut groups = Vec::new();
    if args.dag.is_none() {
        groups.push(service_group(stack));
    }
    for (name, dag) in stack.dags() {
        if args
            .dag
            .as_ref()
            .is_none_or(|wanted| wanted == name.as_str())
        {
            groups.push(task_group(name.as_str(), dag));
        }
    }
    if let (Some(name), true) = (&args.dag, groups.is_empty()) {
        return Err(unknown(
            "DAG",
            name,
            stack.dags().keys().map(DagName::as_str),
        ));
    }
    let name = stack.name().as_str();
    context.ui.data(match args.format {
        Format::Text => text(name, &groups),
        Format::Dot => dot(name, &groups),
        Format::Mermaid => mermaid(name, &groups),
        Format::Svg => svg(name, &groups),
    })?;
    Ok(ExitCode::Done)
}

fn text(name: &str, groups: &[Group]) -> String {
    let drawn = groups.iter().map(|group| {
        let (title, things) = match group.title.strip_prefix("dag ") {
            Some(dag) => (dag, "tasks"),
            None => (name, "services"),
        };
        let title = styled(STRONG, title);
        format!(
            "{title}  {} {things}\n{}",
            group.nodes.len(),
            tree(&group.nodes)
        )
    });
    drawn.collect::<Vec<_>>().join("\n")
}
