//! Host ports that go from one container of a plan to another.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{ContainerStatus, ObservedContainer};

use super::planner::Planner;
use super::protocol::host_port;
use super::slots::{Course, Slot, Slots};

impl<'a> Planner<'a> {
    /// Stops what gives up a port that another container of the plan takes, before anything else of it is done: the other one cannot be
    /// started earlier, and may be what the new container waits for.
    pub(super) fn hand_over_ports(&mut self, slots: &Slots<'a>) {
        let mut takers: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        let givers: Vec<(&Slot<'a>, &ObservedContainer, Vec<String>)> = slots
            .iter()
            .filter(|slot| slot.course == Course::Replace)
            .flat_map(|slot| slot.others.iter().map(move |old| (slot, *old)))
            .filter(|(_, old)| old.state.status == ContainerStatus::Running)
            .map(|(slot, old)| (slot, old, given_up(slot, old)))
            .filter(|(_, _, ports)| !ports.is_empty())
            .collect();
        if givers.is_empty() {
            return;
        }
        for slot in slots.iter().filter(|slot| starts_anew(slot)) {
            for port in &slot.spec.config.ports {
                let changes = takers.entry(host_port(port)).or_default();
                changes.insert(slot.change);
            }
        }
        for (slot, old, ports) in givers {
            let is_taken = |port: &&String| takers.contains_key(*port);
            let ports: Vec<&String> = ports.iter().filter(is_taken).collect();
            if ports.is_empty() {
                continue;
            }
            let stop = self.stop(slot, old, self.pulls.clone());
            for port in ports {
                self.freed.entry(port.clone()).or_default().push(stop);
            }
            self.stopped.insert(old.id.clone(), stop);
        }
    }
}

/// Returns the ports of an old container that the new one does not have.
fn given_up(slot: &Slot<'_>, old: &ObservedContainer) -> Vec<String> {
    let kept: BTreeSet<String> = slot.spec.config.ports.iter().map(host_port).collect();
    let ports = old.config.ports.iter().map(host_port);
    ports.filter(|port| !kept.contains(port)).collect()
}

fn starts_anew(slot: &Slot<'_>) -> bool {
    match slot.course {
        Course::Create | Course::Replace | Course::Adjust => true,
        Course::Nothing | Course::Blocked | Course::Restart => false,
    }
}
