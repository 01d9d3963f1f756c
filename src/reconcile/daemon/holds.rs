//! How often a resource is repaired before it is left alone.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A repair that has to be done again within this time did not last.
const CALM: Duration = Duration::from_secs(60);
/// So many failures in a row end the repairs.
pub(super) const LIMIT: u32 = 5;

/// What was tried for each resource, by its name.
#[derive(Debug, Default)]
pub(super) struct Holds {
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    failures: u32,
    last: Instant,
    has_succeeded: bool,
}

/// Whether a resource may be repaired now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Permission {
    /// It may.
    Go,
    /// Not before this moment.
    NotBefore(Instant),
    /// Not at all: it failed too often.
    Never,
}

impl Holds {
    /// Returns whether `name` may be repaired.
    pub(super) fn permission(&self, name: &str, now: Instant) -> Permission {
        let Some(entry) = self.entries.get(name) else {
            return Permission::Go;
        };
        match entry.failures {
            0 => Permission::Go,
            LIMIT.. => Permission::Never,
            failures => {
                let until = entry.last + Duration::from_secs(1 << failures);
                if now >= until {
                    Permission::Go
                } else {
                    Permission::NotBefore(until)
                }
            }
        }
    }

    /// Returns what may be tried again the soonest, and when.
    pub(super) fn next(&self, now: Instant) -> Option<(String, Instant)> {
        let waiting = self
            .entries
            .keys()
            .filter_map(|name| match self.permission(name, now) {
                Permission::NotBefore(until) => Some((name.clone(), until)),
                Permission::Go | Permission::Never => None,
            });
        waiting.min_by_key(|(_, until)| *until)
    }

    /// Returns how often `name` failed in a row.
    pub(super) fn failures(&self, name: &str) -> u32 {
        self.entries.get(name).map_or(0, |entry| entry.failures)
    }

    /// Notes that `name` was repaired, or that this failed, and returns how many failures in a row that makes. One that had to be done
    /// again so soon counts as a failure of the one before.
    pub(super) fn tried(&mut self, name: &str, now: Instant, has_succeeded: bool) -> u32 {
        let before = self.entries.get(name);
        let relapsed = before
            .is_some_and(|entry| entry.has_succeeded && now.duration_since(entry.last) < CALM);
        let failures = match (has_succeeded, relapsed) {
            (true, false) => 0,
            (true, true) | (false, _) => before.map_or(0, |entry| entry.failures) + 1,
        };
        let entry = Entry {
            failures,
            last: now,
            has_succeeded,
        };
        self.entries.insert(name.to_owned(), entry);
        failures
    }

    /// Forgets what has been well for a while. `differing` are the names that still differ.
    pub(super) fn forget_calm(&mut self, differing: &[String], now: Instant) {
        self.entries.retain(|name, entry| {
            differing.contains(name) || now.duration_since(entry.last) < CALM
        });
    }

    /// Forgets everything: the file was edited, and what failed may work now.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "an instant has no other origin")]
    fn repairs_wait_longer_and_longer_and_end_after_five_failures() {
        let start = Instant::now();
        let mut holds = Holds::default();
        assert_eq!(holds.permission("web", start), Permission::Go);
        for failure in 1..=4 {
            assert_eq!(holds.tried("web", start, false), failure);
            let until = start + Duration::from_secs(1 << failure);
            assert_eq!(holds.permission("web", start), Permission::NotBefore(until));
            assert_eq!(holds.permission("web", until), Permission::Go);
        }
        holds.tried("web", start, false);
        assert_eq!(
            holds.permission("web", start + CALM * 10),
            Permission::Never
        );
        assert_eq!(holds.permission("api", start), Permission::Go);
        holds.clear();
        assert_eq!(holds.permission("web", start), Permission::Go);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "an instant has no other origin")]
    fn a_repair_that_does_not_last_is_a_failure_and_a_calm_one_is_forgotten() {
        let start = Instant::now();
        let mut holds = Holds::default();
        assert_eq!(holds.tried("web", start, true), 0);
        assert_eq!(holds.tried("web", start + Duration::from_secs(5), true), 1);
        holds.forget_calm(&[], start + Duration::from_secs(90));
        assert_eq!(holds.tried("web", start + Duration::from_secs(91), true), 0);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "an instant has no other origin")]
    fn a_repair_that_works_at_the_second_try_is_no_failure_any_more() {
        let start = Instant::now();
        let mut holds = Holds::default();
        assert_eq!(holds.tried("web", start, false), 1);
        assert_eq!(holds.tried("web", start + Duration::from_secs(2), true), 0);
    }
}
