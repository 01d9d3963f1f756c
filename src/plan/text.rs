//! The plan as text, for people and tests alike.

use std::collections::BTreeMap;
use std::fmt::Write;

use similar::TextDiff;
use unicode_width::UnicodeWidthStr;

use crate::key_path;
use crate::model::ServiceName;

use super::away::away;
use super::columns::{beside, cut, table, whole_or_cut, wrapped};
use super::reason_text::{remark, why};
use super::rest::{images_here, rest};
use super::{
    Action, Change, FieldChange, Note, OrphanKind, Plan, Reason, Resource, Shown, TextOptions,
    Verdict,
};

/// Returns `plan` as `stackgen plan` prints it on standard output: the sign in column 1, one line for each thing that is made or
/// removed, the fields of what is changed, and what it costs. Nothing in it depends on colour.
pub fn text(plan: &Plan, options: &TextOptions<'_>) -> String {
    let mut out = heading(plan);
    let differs: Vec<&Change> = plan
        .changes
        .iter()
        .filter(|change| is_told(change))
        .collect();
    let (short, long): (Vec<&Change>, Vec<&Change>) = differs
        .iter()
        .partition(|change| change.fields.is_empty() && is_simple(change));
    let rows: Vec<Vec<String>> = short.iter().map(|change| row(change, options)).collect();
    if !rows.is_empty() {
        out.push('\n');
        out.push_str(&table(&rows, options));
    }
    for change in &long {
        out.push('\n');
        block(&mut out, change, options);
    }
    if let Some(rest) = rest(plan).filter(|_| !differs.is_empty() && !options.verbose) {
        let _ = write!(out, "\n    {rest}\n");
    }
    if options.verbose {
        let same = plan
            .changes
            .iter()
            .filter(|change| change.verdict == Verdict::Nothing);
        let rows: Vec<Vec<String>> = same.map(|change| row(change, options)).collect();
        if !rows.is_empty() {
            let _ = write!(out, "\n{}", table(&rows, options));
        }
    }
    let remarks = remarks(plan, options);
    if !remarks.is_empty() {
        let _ = write!(out, "\n{remarks}");
    }
    let summary = summary(plan);
    if !summary.is_empty() {
        let _ = write!(out, "\n{summary}");
    }
    out
}

/// Returns whether a change has lines of its own. Images to pull are told in one line.
fn is_told(change: &Change) -> bool {
    change.verdict != Verdict::Nothing && !matches!(change.resource, Resource::Image(_))
}

/// Returns whether one line says everything about a change.
fn is_simple(change: &Change) -> bool {
    matches!(change.verdict, Verdict::Create | Verdict::Remove)
}

fn heading(plan: &Plan) -> String {
    let subject = &plan.subject;
    let services = count(subject.services, "service");
    let differ = plan.changes.iter().filter(|change| is_told(change)).count();
    let unknown = plan
        .changes
        .iter()
        .filter(|change| change.verdict == Verdict::Unknown)
        .count();
    let differ = differ - unknown;
    let mut text = format!("{}: {services}", subject.project);
    if subject.running == 0 {
        text.push_str(", nothing running");
    } else if subject.running < subject.services {
        let _ = write!(text, ", {} running", subject.running);
    }
    let is_down = |change: &Change| change.reasons.contains(&Reason::Down);
    if plan.changes.iter().any(is_down) {
        return format!("{text}, to be taken down\n");
    }
    if !plan.has_changes() && unknown == 0 && plan.blockers().next().is_none() {
        let others = others(plan);
        let others = if others.is_empty() {
            String::new()
        } else {
            format!(", {others}")
        };
        return format!("{text}{others}: all as stack.toml says\n");
    }
    if subject.running > 0 {
        let _ = write!(
            text,
            ", {differ} {} from stack.toml",
            if differ == 1 { "differs" } else { "differ" }
        );
    }
    if unknown > 0 {
        let _ = write!(text, ", {unknown} unknown");
    }
    text.push('\n');
    text
}

/// Returns what there is beside services, such as `1 network, 3 volumes`.
fn others(plan: &Plan) -> String {
    let of = |kind: &dyn Fn(&Resource) -> bool, word: &str| {
        let number = plan
            .changes
            .iter()
            .filter(|change| kind(&change.resource))
            .count();
        (number > 0).then(|| count(number, word))
    };
    [
        of(&|it| matches!(it, Resource::Network(_)), "network"),
        of(&|it| matches!(it, Resource::Volume(_)), "volume"),
        of(&|it| matches!(it, Resource::Socket(_)), "socket"),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join(", ")
}

pub(super) fn count(number: usize, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

/// Returns the sign of a change, which says what it costs.
fn sign(change: &Change) -> &'static str {
    if change.loses_data {
        return "!!";
    }
    match change.verdict {
        Verdict::Nothing => "",
        Verdict::Unknown => "?",
        Verdict::Create | Verdict::Start => "+",
        Verdict::Update | Verdict::Reload => "~",
        Verdict::Restart => "^",
        Verdict::Recreate => "-/+",
        Verdict::Remove => "-",
    }
}

fn verdict(change: &Change) -> &'static str {
    match change.verdict {
        Verdict::Update => "update in place",
        Verdict::Unknown => "unknown, left alone",
        Verdict::Nothing => "as it should be",
        Verdict::Create
        | Verdict::Reload
        | Verdict::Start
        | Verdict::Restart
        | Verdict::Recreate
        | Verdict::Remove => change.verdict.name(),
    }
}

/// Returns the kind and name of a resource; the number of a container is told from the second on.
pub(super) fn kind_and_name(resource: &Resource) -> (&'static str, String) {
    match resource {
        Resource::Image(name) => ("image", name.clone()),
        Resource::Network(name) => ("network", name.to_string()),
        Resource::Volume(name) => ("volume", name.to_string()),
        Resource::Socket(name) => ("socket", name.to_string()),
        Resource::Service(name, 1) => ("service", name.to_string()),
        Resource::Service(name, number) => ("service", format!("{name} #{number}")),
        Resource::Orphan(kind, name) => (orphan_word(*kind), name.clone()),
    }
}

fn orphan_word(kind: OrphanKind) -> &'static str {
    match kind {
        OrphanKind::Container => "container",
        OrphanKind::Network => "network",
        OrphanKind::Volume => "volume",
    }
}

fn row(change: &Change, options: &TextOptions<'_>) -> Vec<String> {
    let (kind, name) = kind_and_name(&change.resource);
    let summary = &change.summary;
    let ports: Vec<String> = summary
        .ports
        .iter()
        .map(|port| format!(":{port}"))
        .collect();
    let mut after = Vec::new();
    if summary.once {
        after.push("once".to_owned());
    }
    if !summary.after.is_empty() && change.verdict == Verdict::Create {
        after.push(format!("after {}", summary.after.join(", ")));
    }
    if change.verdict == Verdict::Remove {
        after.extend(change.reasons.iter().filter_map(why));
    }
    vec![
        sign(change).to_owned(),
        kind.to_owned(),
        name,
        verdict(change).to_owned(),
        whole_or_cut(&summary.what, options.width * 2 / 5, options),
        ports.join(" "),
        after.join(", "),
    ]
}

fn block(out: &mut String, change: &Change, options: &TextOptions<'_>) {
    let (kind, name) = kind_and_name(&change.resource);
    let head = format!("{:<3} {kind} {name}: {}", sign(change), verdict(change));
    let remark = change.reasons.iter().find_map(remark);
    let _ = writeln!(out, "{}", beside(head, remark.unwrap_or_default(), options));
    for field in &change.fields {
        field_line(out, change, field, options);
    }
    // What a field says already is no reason beside it.
    let is_shown = |reason: &&Reason| {
        let says = matches!(reason, Reason::NotRunning { .. } | Reason::Paused);
        says && change
            .fields
            .iter()
            .any(|field| field.path == key_path!["state"])
    };
    for reason in change
        .reasons
        .iter()
        .filter(|it| !is_shown(it))
        .filter_map(why)
    {
        let _ = writeln!(out, "{}", wrapped("    why", &reason, options.width));
    }
}

/// Both values of a field get at least so many columns.
const LEAST_VALUES: usize = 30;

fn field_line(out: &mut String, change: &Change, field: &FieldChange, options: &TextOptions<'_>) {
    let mut place = (options.place)(&change.resource, &field.path).unwrap_or_default();
    let path = field.path.to_string();
    let head = format!("    {path:<30} ");
    let is_long = head.width() + place.width() + LEAST_VALUES > options.width;
    let head = if is_long {
        // The values get a line of their own.
        let path = whole_or_cut(
            &path,
            options.width.saturating_sub(place.width() + 8),
            options,
        );
        let _ = writeln!(out, "{}", beside(format!("    {path}"), &place, options));
        place.clear();
        " ".repeat(8)
    } else {
        head
    };
    let room = options.width.saturating_sub(
        head.width()
            + 3
            + if place.is_empty() {
                0
            } else {
                place.width() + 2
            },
    );
    if options.verbose
        && let (Some(Shown::Plain(old)), Some(Shown::Plain(new))) = (&field.old, &field.new)
        && (old.contains('\n') || new.contains('\n'))
    {
        let _ = writeln!(
            out,
            "{}",
            beside(head.trim_end().to_owned(), &place, options)
        );
        let diff = TextDiff::from_lines(old, new);
        for line in diff
            .unified_diff()
            .context_radius(2)
            .missing_newline_hint(false)
            .to_string()
            .lines()
        {
            let _ = writeln!(out, "      {line}");
        }
        return;
    }
    let is_secret = |side: &Option<Shown>| matches!(side, Some(Shown::Secret));
    let values = if is_secret(&field.old) && is_secret(&field.new) {
        "differs (secret)".to_owned()
    } else if let (Some(Shown::Content(_)), Some(Shown::Content(origin))) = (&field.old, &field.new)
    {
        format!("{origin} changed")
    } else {
        let each = if options.verbose {
            usize::MAX
        } else {
            room / 2
        };
        let show = |side: &Option<Shown>| match side {
            None => "(none)".to_owned(),
            Some(Shown::Secret) => "***".to_owned(),
            Some(Shown::Content(origin)) => origin.clone(),
            Some(Shown::Plain(text)) => cut(&quoted(text), each),
        };
        format!("{} → {}", show(&field.old), show(&field.new))
    };
    let line = format!("{head}{values}");
    let _ = writeln!(out, "{}", beside(line, &place, options));
}

/// Returns a text in quotes; numbers, sizes and flags stand for themselves.
fn quoted(text: &str) -> String {
    let is_bare = text.starts_with(|c: char| c.is_ascii_digit() || c == '-')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
    if is_bare || matches!(text, "true" | "false" | "attached") {
        text.to_owned()
    } else {
        format!("{text:?}")
    }
}

/// Returns the lines between the changes and the last line: pulls, sockets, what is left out, what is away, the order.
fn remarks(plan: &Plan, options: &TextOptions<'_>) -> String {
    let mut lines: Vec<(&str, String)> = Vec::new();
    let brought = images(plan);
    let count_here = images_here(plan, &brought);
    for (label, images) in &brought {
        if !images.is_empty() {
            lines.push((label, images.join(", ")));
        }
    }
    if let Some(last) = lines.last_mut() {
        last.1.push_str(&match count_here {
            0 => String::new(),
            1 => "; the other image is here".to_owned(),
            others => format!("; the other {others} images are here"),
        });
    }
    let notes = plan
        .notes
        .iter()
        .filter(|note| is_worth_telling(note, plan, options));
    lines.extend(notes.map(|note| note_line(note, options)));
    lines.extend(away(plan));
    for (index, wave) in waves(plan).into_iter().enumerate() {
        let label = if index == 0 { "Order" } else { "" };
        lines.push((label, format!("{}  {}", index + 1, wave.join(", "))));
    }
    let mut out = String::new();
    for (label, line) in lines {
        let _ = writeln!(out, "{}", wrapped(label, &line, options.width));
    }
    out
}

/// Returns what is pulled and what is built.
fn images(plan: &Plan) -> [(&'static str, Vec<String>); 3] {
    let (mut pulled, mut built, mut tagged) = (Vec::new(), Vec::new(), Vec::new());
    for step in &plan.steps {
        if let Action::PullImage { image, .. } = &step.action {
            pulled.push(image.to_string());
        } else if let Action::BuildImage(spec) = &step.action {
            built.push(spec.image.to_string());
        } else if let Action::TagImage { source, image } = &step.action {
            let digest = source
                .rsplit_once("sha256:")
                .map_or(&**source, |(_, it)| it);
            let short = digest.get(..12).unwrap_or(digest);
            tagged.push(format!("{image} as {short}, as it is locked"));
        }
    }
    [("To pull", pulled), ("To build", built), ("To tag", tagged)]
}

/// Returns whether a note tells something: where nothing is to be done, what is as it should be is not gone through once more, and what
/// could not be seen has its own entry already where it is one of the stack's.
fn is_worth_telling(note: &Note, plan: &Plan, options: &TextOptions<'_>) -> bool {
    if matches!(note, Note::Unseen { .. }) {
        return !plan.changes.iter().any(|change| {
            let mut reasons = change.reasons.iter();
            reasons.any(|it| matches!((it, note), (Reason::Unseen { why }, Note::Unseen { why: own, .. }) if why == own))
        });
    }
    let is_quiet = matches!(
        note,
        Note::LeftOut { running: false, .. } | Note::SocketGrant { .. } | Note::SocketAbsent { .. }
    );
    !(is_quiet && plan.is_empty() && !options.verbose)
}

fn names(services: &[ServiceName]) -> String {
    services
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

/// Returns a note in words.
pub fn note_text(note: &Note) -> String {
    note_line(note, &TextOptions::default()).1
}

fn note_line(note: &Note, options: &TextOptions<'_>) -> (&'static str, String) {
    match note {
        Note::LeftOut {
            service,
            profiles,
            running,
        } => {
            let runs = if *running {
                ", runs and is left alone"
            } else {
                ""
            };
            (
                "Left out",
                format!("{service} (profile {}){runs}", profiles.join(", ")),
            )
        }
        Note::OrphanKept { kind, name } => {
            let word = orphan_word(*kind);
            let how = match kind {
                OrphanKind::Volume => "volumes are never pruned",
                OrphanKind::Container | OrphanKind::Network => "--prune removes it",
            };
            (
                "Note",
                format!("{word} {name} is no longer in stack.toml; {how}"),
            )
        }
        Note::ForeignInTheWay { kind, name, owner } => (
            "Blocked",
            format!("{kind} {name} is in the way and belongs to {owner}"),
        ),
        Note::NotOurs { kind, name, why } => ("Left alone", format!("{kind} {name} {why}")),
        Note::ForeignEndpoint { network, container } => (
            "Blocked",
            format!("network {network} is to be removed, and container {container} is on it"),
        ),
        Note::SubnetTaken {
            network,
            subnet,
            by,
        } => (
            "Blocked",
            format!("networks.{network} asks for {subnet}, which overlaps with {by}"),
        ),
        Note::VolumeProtected { name } => (
            "Note",
            format!("volume {name} stays: policy.prevent_destroy names it"),
        ),
        Note::ExternalMissing { kind, name } => {
            ("Blocked", format!("external {kind} {name} is not there"))
        }
        Note::SocketGrant {
            socket,
            services,
            gid,
        } => {
            let how = gid
                .map(|gid| format!(", by group {gid}"))
                .unwrap_or_default();
            let text = format!(
                "{socket}: {} ({}){how}",
                if services.len() == 1 {
                    "1 service gets it".to_owned()
                } else {
                    format!("{} services get it", services.len())
                },
                names(services)
            );
            ("Sockets", text)
        }
        Note::SocketAbsent { socket } => (
            "Sockets",
            format!("{socket}: not there, and optional; no mount"),
        ),
        Note::SocketUnusable { socket, why } => ("Blocked", format!("socket {socket}: {why}")),
        Note::NotLocked { image, why } => ("Blocked", format!("image {image}: {why}")),
        Note::LockMoved {
            image,
            locked,
            here,
        } => {
            let text = format!(
                "image {image} is locked as {locked}, and {here} is here: --locked keeps to the lock, `stackgen lock` takes what is here"
            );
            ("Moved", text)
        }
        Note::ImageMissing { image, service } => {
            let text = format!(
                "image {image} of {service} is not here, and it is not to be pulled or built"
            );
            ("Blocked", text)
        }
        Note::NotSupported { what, why } => ("Blocked", format!("{what}: {why}")),
        Note::EngineTooOld { what, needs, has } => {
            let version = |(major, minor): (u32, u32)| format!("{major}.{minor}");
            let (needs, has) = (version(*needs), version(*has));
            let text = format!("{what} needs an engine with API {needs}, and this one has {has}");
            ("Blocked", text)
        }
        Note::StaleComposeHash { service } => {
            let text = format!(
                "`docker compose up` would recreate {service} once: its hash label keeps the old value"
            );
            ("Note", text)
        }
        Note::NotWell {
            service,
            number,
            state,
        } => {
            let name = kind_and_name(&Resource::Service(service.clone(), *number)).1;
            ("Not well", format!("{name} runs and is {state}"))
        }
        Note::TaskNeeds { task, services } => {
            ("Tasks", format!("{task} needs {}", names(services)))
        }
        Note::DriftIgnored { path } => ("Left", format!("{path}: drift ignored by policy")),
        Note::DriftKept { resource, fields } => {
            let (kind, name) = kind_and_name(resource);
            let paths: Vec<String> = fields.iter().map(|field| told(field, options)).collect();
            let text = format!(
                "{kind} {name} differs and is left as it is: {}",
                paths.join("; ")
            );
            ("Note", text)
        }
        Note::Unseen { what, why } => ("Note", format!("{what} could not be seen: {why}")),
    }
}

fn told(field: &FieldChange, options: &TextOptions<'_>) -> String {
    let show = |side: &Option<Shown>| match side {
        None => "(none)".to_owned(),
        Some(Shown::Secret) => "***".to_owned(),
        Some(Shown::Content(origin)) => origin.clone(),
        Some(Shown::Plain(text)) => cut(&quoted(text), options.width / 4),
    };
    format!("{} {} → {}", field.path, show(&field.old), show(&field.new))
}

/// Returns the services by the wave in which their containers are started: all of a wave at once, each after those it waits for.
fn waves(plan: &Plan) -> Vec<Vec<String>> {
    let mut depth = vec![0usize; plan.steps.len()];
    let mut waves: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for step in &plan.steps {
        // A wave ends where somebody has to be waited for or started first: within one change the steps are one.
        let own = |id: &super::StepId| plan.steps[id.0].change == step.change;
        let needs = step.needs.iter();
        depth[step.id.0] = needs
            .map(|id| depth[id.0] + usize::from(!own(id) && starts(&plan.steps, *id)))
            .max()
            .unwrap_or(0);
        let is_start = matches!(
            step.action,
            Action::StartContainer { .. } | Action::RestartContainer { .. }
        );
        if is_start {
            let name = kind_and_name(&plan.changes[step.change].resource).1;
            waves.entry(depth[step.id.0]).or_default().push(name);
        }
    }
    let waves: Vec<Vec<String>> = waves.into_values().collect();
    // One container has no order.
    if waves.iter().map(Vec::len).sum::<usize>() < 2 {
        Vec::new()
    } else {
        waves
    }
}

fn starts(steps: &[super::Step], id: super::StepId) -> bool {
    matches!(
        steps[id.0].action,
        Action::StartContainer { .. } | Action::RestartContainer { .. } | Action::Await { .. }
    )
}

/// Returns the names of what could not be seen and is left alone.
fn unseen(plan: &Plan) -> String {
    let unknown = plan.changes.iter();
    let unknown = unknown.filter(|change| change.verdict == Verdict::Unknown);
    let names: Vec<String> = unknown.map(|it| kind_and_name(&it.resource).1).collect();
    names.join(", ")
}

/// Returns the last line: what happens, and whether data is lost.
fn summary(plan: &Plan) -> String {
    if plan.is_empty() {
        // The first line has said it, or what is blocked or unknown says why.
        return match unseen(plan) {
            names if names.is_empty() => String::new(),
            names => format!("Plan: no step for {names}. Look again with: stackgen plan\n"),
        };
    }
    if !plan.has_changes() {
        let waits = plan.steps.iter().map(|step| &plan.changes[step.change]);
        let names: Vec<String> = waits.map(|it| kind_and_name(&it.resource).1).collect();
        return format!(
            "Plan: nothing to change; apply waits for {}.\n",
            names.join(", ")
        );
    }
    let order = [
        Verdict::Create,
        Verdict::Start,
        Verdict::Update,
        Verdict::Reload,
        Verdict::Restart,
        Verdict::Recreate,
        Verdict::Remove,
    ];
    let told: Vec<&Change> = plan
        .changes
        .iter()
        .filter(|change| is_told(change))
        .collect();
    let parts: Vec<String> = order
        .iter()
        .filter_map(|verdict| {
            let number = told
                .iter()
                .filter(|change| change.verdict == *verdict)
                .count();
            (number > 0).then(|| format!("{number} to {}", verdict.name()))
        })
        .collect();
    let parts = if parts.is_empty() {
        "images to bring".to_owned()
    } else {
        parts.join(", ")
    };
    let lost: Vec<String> = told
        .iter()
        .filter(|change| change.loses_data)
        .map(|change| {
            let (kind, name) = kind_and_name(&change.resource);
            format!("{kind} {name}")
        })
        .collect();
    let interrupts = told.iter().any(|change| change.verdict > Verdict::Start);
    let cost = match (lost.is_empty(), interrupts) {
        (false, _) => format!("DATA IS LOST: {}.", lost.join(", ")),
        (true, true) => "No data is lost.".to_owned(),
        (true, false) => "Nothing is interrupted, no data is lost.".to_owned(),
    };
    let unseen = match unseen(plan) {
        names if names.is_empty() => String::new(),
        names => format!(" No step for {names}."),
    };
    format!("Plan: {parts}. {cost}{unseen}\n")
}
