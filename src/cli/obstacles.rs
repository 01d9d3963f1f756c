//! Refusing a plan that cannot succeed: everything that is in its way at once, and what to do about it.

use crate::model::{KeyPath, Protocol};
use crate::plan::{Note, Plan, note_text};
use crate::reconcile::{Holder, Obstacle, Project, TakenPort};

use super::{ExitCode, Failure};

/// Something that is in the way, in words.
pub(crate) struct InTheWay {
    words: String,
    hint: Option<String>,
}

/// Refuses where anything is in the way. `done` says what was not done.
///
/// # Errors
/// With exit code 3.
pub(crate) fn refuse(in_the_way: Vec<InTheWay>, done: &str) -> Result<(), Failure> {
    let message = match in_the_way.as_slice() {
        [] => return Ok(()),
        [one] => format!("{}; nothing was {done}", one.words),
        several => {
            let lines = several.iter().map(|it| format!("\n  {}", it.words));
            let lines: String = lines.collect();
            format!(
                "{} things are in the way, and nothing was {done}:{lines}",
                several.len()
            )
        }
    };
    let mut failure = Failure::new(ExitCode::Refused, message);
    for hint in in_the_way.into_iter().filter_map(|it| it.hint) {
        if !failure.hints.contains(&hint) {
            failure.hints.push(hint);
        }
    }
    Err(failure)
}

/// Returns what is in the way of a plan at the engine.
pub(crate) fn at_the_engine(plan: &Plan) -> Vec<InTheWay> {
    plan.blockers()
        .map(|note| InTheWay {
            words: note_text(note),
            hint: way_out(plan, note),
        })
        .collect()
}

/// Returns what is in the way of a plan on this machine.
pub(crate) fn on_this_machine(project: &Project, found: &[Obstacle]) -> Vec<InTheWay> {
    let at = |place: &KeyPath| {
        let place = project.places.nearest(place);
        let file = project.sources.file(place.file).path.display();
        format!("{file}:{}", place.line)
    };
    found
        .iter()
        .map(|obstacle| match obstacle {
            Obstacle::Port(taken) => port(taken, &at(&taken.place)),
            Obstacle::MissingSource {
                service,
                path,
                place,
            } => InTheWay {
                words: format!("services.{service} mounts {path}, which is not there ({})", at(place)),
                hint: Some(format!(
                    "make {path}, or let the engine make a folder of it: create_host_path = true in the long form of volumes"
                ))
                .filter(|_| place.keys().first().is_some_and(|key| key == "services"))
                .or_else(|| Some(format!("make {path}, or name another file at {}", at(place)))),
            },
        })
        .collect()
}

fn port(taken: &TakenPort, at: &str) -> InTheWay {
    let (service, port) = (&taken.service, taken.port);
    let protocol = match taken.protocol {
        Protocol::Tcp => String::new(),
        other => format!("/{other}"),
    };
    let holder = match &taken.holder {
        Holder::Container(name) => format!("container {name}"),
        Holder::Process(process) => format!("process {} ({})", process.name, process.pid),
        Holder::Unknown => {
            format!("a process of this machine (sudo ss -lptn 'sport = :{port}' names it)")
        }
    };
    InTheWay {
        words: format!("services.{service} publishes {port}{protocol}, and {holder} has it"),
        hint: Some(format!(
            "stop what has {port}, or publish another port at {at}"
        )),
    }
}

/// Returns what to do about something that a plan cannot be applied for, where there is one thing to do.
fn way_out(plan: &Plan, note: &Note) -> Option<String> {
    let namesake = format!("project {} of ", plan.subject.project);
    Some(match note {
        Note::ForeignInTheWay { owner, .. } if owner.starts_with(&namesake) => {
            "if this stack is to take it over: stackgen apply --adopt; otherwise give this one another name with -p".to_owned()
        }
        Note::ForeignInTheWay { kind: "container", name, .. } => format!(
            "remove or rename it: docker rename {name} NEW, or give the service another container_name"
        ),
        Note::ForeignInTheWay { kind, name, .. } => {
            format!("give it another name in stack.toml, or say external = true to use {kind} {name} as it is")
        }
        Note::ForeignEndpoint { network, container } => {
            format!("docker network disconnect {network} {container}")
        }
        Note::ExternalMissing { kind, name } => format!("docker {kind} create {name}"),
        Note::SubnetTaken { network, .. } => {
            format!("choose another range in networks.{network}.ipam, or leave it to the engine")
        }
        _ => return None,
    })
}
