//! A plan as JSON: one entry a resource, with what differs, why, and the engine calls.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::plan::{self, FieldChange, FileRemedy, Note, Plan, Reason, Shown};

/// Returns a plan in the shape of `plan --json`. Ids are those of resources; a secret is `***` on both sides, with `secret` set; of a
/// content, with `content` set, both sides say where it comes from.
pub fn json(plan: &Plan) -> Value {
    let steps: Vec<Value> = (0..plan.changes.len()).map(|id| step(plan, id)).collect();
    json!({
        "project": plan.subject.project,
        "changes": plan.change_count(),
        "blocked": plan.blockers().next().is_some(),
        "fingerprint": plan.fingerprint.0,
        "steps": steps,
        "notes": plan.notes.iter().map(note).collect::<Vec<_>>(),
    })
}

fn step(plan: &Plan, id: usize) -> Value {
    let change = &plan.changes[id];
    let own = plan.steps.iter().filter(|step| step.change == id);
    let actions: Vec<&str> = own.clone().map(|step| step.action.name()).collect();
    let needs: BTreeSet<usize> = own
        .flat_map(|step| step.needs.union(&step.after))
        .map(|need| plan.steps[need.0].change)
        .filter(|need| *need != id)
        .collect();
    json!({
        "id": id,
        "resource": change.resource.to_string(),
        "verdict": change.verdict.name(),
        "reasons": change.reasons.iter().map(reason).collect::<Vec<_>>(),
        "fields": change.fields.iter().map(field).collect::<Vec<_>>(),
        "actions": actions,
        "needs": needs,
        "loses_data": change.loses_data,
    })
}

fn field(field: &FieldChange) -> Value {
    let show = |side: &Option<Shown>| side.as_ref().map(ToString::to_string);
    let is_secret = [&field.old, &field.new]
        .into_iter()
        .any(|side| *side == Some(Shown::Secret));
    let is_content = [&field.old, &field.new]
        .into_iter()
        .any(|side| matches!(side, Some(Shown::Content(_))));
    json!({
        "path": field.path.to_string(),
        "old": show(&field.old),
        "new": show(&field.new),
        "secret": is_secret,
        "content": is_content,
    })
}

/// Returns a reason as its name, with what it is about behind a colon.
fn reason(reason: &Reason) -> String {
    match reason {
        Reason::Missing => "missing".to_owned(),
        Reason::ConfigDrift { .. } => "config_drift".to_owned(),
        Reason::ChangedByHand => "changed_by_hand".to_owned(),
        Reason::FileChanged { remedy } => match remedy {
            FileRemedy::Reload { .. } => "file_changed: reload".to_owned(),
            FileRemedy::Restart {
                is_replaced: true, ..
            } => "file_changed: replaced".to_owned(),
            FileRemedy::Restart { .. } => "file_changed: restart".to_owned(),
            FileRemedy::Start => "file_changed: start".to_owned(),
        },
        Reason::DependencyRestarted { dependency } => format!("dependency_restarted: {dependency}"),
        Reason::ImageChanged => "image_changed".to_owned(),
        Reason::Locked => "locked".to_owned(),
        Reason::DependencyReplaced { dependency } => format!("dependency_replaced: {dependency}"),
        Reason::NotRunning { state } => format!("not_running: {state}"),
        Reason::Paused => "paused".to_owned(),
        Reason::WrongName { name } => format!("wrong_name: {name}"),
        Reason::Leftover => "leftover".to_owned(),
        Reason::TooMany => "too_many".to_owned(),
        Reason::Orphan => "orphan".to_owned(),
        Reason::OtherFolder { folder } => format!("other_folder: {folder}"),
        Reason::Forced => "forced".to_owned(),
        Reason::Down => "down".to_owned(),
        Reason::Unseen { why } => format!("unseen: {why}"),
    }
}

fn note(note: &Note) -> Value {
    let kind = match note {
        Note::LeftOut { .. } => "left_out",
        Note::OrphanKept { .. } => "orphan_kept",
        Note::ForeignInTheWay { .. } => "foreign_in_the_way",
        Note::NotOurs { .. } => "not_ours",
        Note::ForeignEndpoint { .. } => "foreign_endpoint",
        Note::SubnetTaken { .. } => "subnet_taken",
        Note::VolumeProtected { .. } => "volume_protected",
        Note::ExternalMissing { .. } => "external_missing",
        Note::SocketGrant { .. } => "socket_grant",
        Note::SocketAbsent { .. } => "socket_absent",
        Note::SocketUnusable { .. } => "socket_unusable",
        Note::ImageMissing { .. } => "image_missing",
        Note::NotLocked { .. } => "not_locked",
        Note::LockMoved { .. } => "lock_moved",
        Note::NotSupported { .. } => "not_supported",
        Note::EngineTooOld { .. } => "engine_too_old",
        Note::StaleComposeHash { .. } => "stale_compose_hash",
        Note::NotWell { .. } => "not_well",
        Note::TaskNeeds { .. } => "task_needs",
        Note::DriftIgnored { .. } => "drift_ignored",
        Note::DriftKept { .. } => "drift_kept",
        Note::Unseen { .. } => "unseen",
    };
    json!({"kind": kind, "text": plan::note_text(note), "blocks": note.blocks()})
}
