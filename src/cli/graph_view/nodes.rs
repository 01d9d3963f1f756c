//! What a graph is drawn of: the services of a stack and the tasks of its DAGs, each with a few words.

use crate::model::{
    ContainerOptions, Dag, HttpTask, Lifecycle, Operator, Schedule, Segment, Service, Stack, Task,
    TaskKind, Template, TemplateText, Templated, mask_url_passwords,
};

/// Things that are drawn together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    /// What they are: `services`, or `dag NAME`.
    pub(crate) title: String,
    /// A word on the whole, such as a schedule.
    pub(crate) note: String,
    /// The things, in the file's order.
    pub(crate) nodes: Vec<Node>,
}

/// A thing with what it comes after and a few words about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    /// Its name.
    pub(crate) name: String,
    /// What it comes after, with the word for the state that it waits for.
    pub(crate) after: Vec<(String, String)>,
    /// How a task is done, such as `docker` or `exec in web`; empty for a service.
    pub(crate) kind: String,
    /// What it runs: an image, a request.
    pub(crate) what: String,
    /// What else is worth knowing, such as `once` or `needs postgres healthy`.
    pub(crate) facts: Vec<String>,
    /// Whether it is switched off.
    pub(crate) is_off: bool,
}

impl Node {
    /// Returns kind and facts in one line.
    pub(crate) fn note(&self) -> String {
        let kind = (!self.kind.is_empty()).then_some(&self.kind);
        let words: Vec<&str> = kind
            .into_iter()
            .chain(&self.facts)
            .map(String::as_str)
            .collect();
        words.join(", ")
    }

    /// Returns kind and what it runs in one line.
    pub(crate) fn work(&self) -> String {
        let words = [self.kind.as_str(), self.what.as_str()];
        let words = words.into_iter().filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join(" \u{b7} ")
    }
}

/// Returns the services of a stack.
pub(crate) fn service_group(stack: &Stack<Template>) -> Group {
    let services = stack.services().iter();
    let nodes = services.map(|(name, service)| Node {
        name: name.to_string(),
        after: service
            .depends_on
            .iter()
            .map(|(other, dependency)| (other.to_string(), dependency.condition.to_string()))
            .collect(),
        kind: String::new(),
        what: image(&service.container),
        facts: service_facts(stack, service),
        is_off: !stack.is_active(service),
    });
    Group {
        title: "services".to_owned(),
        note: String::new(),
        nodes: nodes.collect(),
    }
}

fn service_facts(stack: &Stack<Template>, service: &Service<Template>) -> Vec<String> {
    let mut facts = Vec::new();
    if service.lifecycle != Lifecycle::Daemon {
        facts.push("once".to_owned());
    }
    if service.scale != 1 {
        facts.push(format!("{} containers", service.scale));
    }
    if !stack.is_active(service) {
        let profiles: Vec<_> = service.profiles.iter().map(ToString::to_string).collect();
        facts.push(format!("off: profile {}", profiles.join(", ")));
    }
    facts
}

/// Returns the tasks of a DAG.
pub(crate) fn task_group(name: &str, dag: &Dag<Template>) -> Group {
    let nodes = dag.tasks.iter().map(|(name, task)| Node {
        name: name.to_string(),
        after: task
            .after
            .iter()
            .map(|other| (other.to_string(), String::new()))
            .collect(),
        kind: match &task.kind {
            TaskKind::Exec(exec) => format!("exec in {}", exec.service),
            kind => kind.name().to_owned(),
        },
        what: match &task.kind {
            TaskKind::Docker(container) => image(container),
            TaskKind::Http(http) => request(http),
            TaskKind::Exec(_) | TaskKind::Bash(_) => String::new(),
        },
        facts: task_facts(task),
        is_off: false,
    });
    Group {
        title: format!("dag {name}"),
        note: schedule_words(dag),
        nodes: nodes.collect(),
    }
}

fn task_facts(task: &Task<Template>) -> Vec<String> {
    let mut facts = Vec::new();
    let needs: Vec<_> = task
        .needs
        .iter()
        .map(|(service, condition)| format!("{service} {condition}"))
        .collect();
    if !needs.is_empty() {
        facts.push(format!("needs {}", needs.join(", ")));
    }
    match task.retries {
        0 => {}
        1 => facts.push("1 retry".to_owned()),
        retries => facts.push(format!("{retries} retries")),
    }
    facts
}

fn image(container: &ContainerOptions<Template>) -> String {
    container.image.as_ref().map(shown).unwrap_or_default()
}

fn request(http: &HttpTask<Template>) -> String {
    mask_url_passwords(&format!("{} {}", shown(&http.method), shown(&http.url)))
}

/// Returns a value for people: a variable as its default, or as `${NAME}` where it has none. No value of this machine gets in.
fn shown<T: std::fmt::Display>(value: &Templated<T>) -> String {
    match value {
        Templated::Literal(value) => value.to_string(),
        Templated::Raw(text) => shown_text(text),
    }
}

fn shown_text(text: &TemplateText) -> String {
    let pieces = text.segments.iter().map(|segment| match segment {
        Segment::Plain(plain) => plain.clone(),
        Segment::Variable(variable) => match &variable.operator {
            Operator::Default(_, default) => shown_text(default),
            Operator::None | Operator::Required(..) | Operator::Alternative(..) => {
                format!("${{{}}}", variable.name)
            }
        },
    });
    pieces.collect()
}

/// Returns a schedule in words: the cron expression and its zone, `every 15m`, or `when asked`.
pub(crate) fn schedule_words(dag: &Dag<Template>) -> String {
    match &dag.schedule {
        Schedule::Manual => "when asked".to_owned(),
        Schedule::Cron(cron) => format!("{cron}  {}", dag.timezone),
        Schedule::Every(interval) => format!("every {}", humane(*interval)),
    }
}

/// Returns a duration as stack.toml writes it: `90s`, `15m`, `2h`.
pub(crate) fn humane(duration: std::time::Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        _ if duration.subsec_millis() > 0 => format!("{}ms", duration.as_millis()),
        seconds if seconds > 0 && seconds % 3600 == 0 => format!("{}h", seconds / 3600),
        seconds if seconds > 0 && seconds % 60 == 0 => format!("{}m", seconds / 60),
        seconds => format!("{seconds}s"),
    }
}

#[cfg(test)]
pub(super) mod sample {
    //! Made-up nodes for the tests of each way to draw.

    use super::{Group, Node};

    pub(in super::super) fn node(name: &str, after: &[(&str, &str)], fact: &str) -> Node {
        let facts = [fact].into_iter().filter(|fact| !fact.is_empty());
        Node {
            name: name.into(),
            after: after
                .iter()
                .map(|(a, b)| ((*a).into(), (*b).into()))
                .collect(),
            kind: String::new(),
            what: String::new(),
            facts: facts.map(ToOwned::to_owned).collect(),
            is_off: false,
        }
    }

    pub(in super::super) fn group(nodes: Vec<Node>) -> Group {
        Group {
            title: "services".into(),
            note: String::new(),
            nodes,
        }
    }
}
