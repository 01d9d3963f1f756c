//! Which ends of the tasks before it let a task run: Airflow's trigger rules.

use crate::model::TriggerRule;

use super::TaskEnd;

/// How the tasks before a task stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Upstream {
    /// How many there are.
    pub total: usize,
    /// Those that succeeded.
    pub success: usize,
    /// Those that failed, or were stopped.
    pub failed: usize,
    /// Those that were not run, since one before them failed.
    pub upstream_failed: usize,
    /// Those that were skipped.
    pub skipped: usize,
}

/// What a trigger rule makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is not decided yet.
    Wait,
    /// The task may run.
    Run,
    /// The task is not run and counts as this.
    End(TaskEnd),
}

impl Upstream {
    /// Counts the tasks before a task; `None` is one that has not ended.
    pub fn count(ends: impl IntoIterator<Item = Option<TaskEnd>>) -> Self {
        let mut upstream = Self::default();
        for end in ends {
            upstream.total += 1;
            match end {
                None => {}
                Some(TaskEnd::Success) => upstream.success += 1,
                Some(TaskEnd::Failed | TaskEnd::Cancelled) => upstream.failed += 1,
                Some(TaskEnd::UpstreamFailed) => upstream.upstream_failed += 1,
                Some(TaskEnd::Skipped) => upstream.skipped += 1,
            }
        }
        upstream
    }

    fn has_failure(self) -> bool {
        self.failed + self.upstream_failed > 0
    }

    fn is_done(self) -> bool {
        self.success + self.failed + self.upstream_failed + self.skipped == self.total
    }
}

/// Returns what `rule` makes of the tasks before a task. A task with none before it runs, whatever its rule.
///
/// The table is Airflow's, as measured on 2.11 and 3.3. Where Airflow's outcome hangs on which end it sees first (`all_success` with
/// a skipped and a failed task before it), failure wins here, whatever the order: a skip by `all_success` waits for all of them.
pub fn decide(rule: TriggerRule, upstream: Upstream) -> Verdict {
    let Upstream {
        total,
        success,
        failed,
        skipped,
        ..
    } = upstream;
    let (done, failure) = (upstream.is_done(), upstream.has_failure());
    let skip = Verdict::End(TaskEnd::Skipped);
    let fail = Verdict::End(TaskEnd::UpstreamFailed);
    // The first line that applies decides; `Wait` where none does.
    let table: &[(bool, Verdict)] = match rule {
        _ if total == 0 => &[(true, Verdict::Run)],
        TriggerRule::Always => &[(true, Verdict::Run)],
        TriggerRule::AllSuccess => &[
            (failure, fail),
            (done && skipped > 0, skip),
            (done, Verdict::Run),
        ],
        TriggerRule::AllFailed => &[(success + skipped > 0, skip), (done, Verdict::Run)],
        TriggerRule::AllDone => &[(done, Verdict::Run)],
        TriggerRule::AllDoneMinOneSuccess => &[
            (skipped > 0, skip),
            (done && success == 0, fail),
            (done, Verdict::Run),
        ],
        TriggerRule::AllSkipped => &[(success > 0 || failure, skip), (done, Verdict::Run)],
        TriggerRule::OneSuccess => &[
            (success > 0, Verdict::Run),
            (done && skipped == total, skip),
            (done, fail),
        ],
        TriggerRule::OneFailed => &[(failure, Verdict::Run), (done, skip)],
        TriggerRule::OneDone => &[(success + failed > 0, Verdict::Run), (done, skip)],
        TriggerRule::NoneFailed => &[(failure, fail), (done, Verdict::Run)],
        TriggerRule::NoneFailedMinOneSuccess => &[
            (failure, fail),
            (done && skipped == total, skip),
            (done, Verdict::Run),
        ],
        TriggerRule::NoneSkipped => &[(skipped > 0, skip), (done, Verdict::Run)],
    };
    table
        .iter()
        .find(|(applies, _)| *applies)
        .map_or(Verdict::Wait, |(_, verdict)| *verdict)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of AIRFLOW's measured rules: each row is a rule and, for a set of upstream states (S success, F failed, K skipped,
    /// U upstream failed, . not ended), what becomes of the task (run, skip, fail, wait).
    const TABLE: &str = "
        all_success                 SS run   SK skip  SF fail  SU fail  S. wait  F. fail  K. wait  KF fail  .. wait
        all_failed                  FF run   FU run   SF skip  KF skip  F. wait  S. skip  K. skip  .. wait
        all_done                    SS run   SF run   KU run   S. wait  F. wait  .. wait
        all_done_min_one_success    SS run   SF run   SK skip  K. skip  FF fail  FU fail  F. wait  S. wait
        all_skipped                 KK run   SK skip  KF skip  KU skip  K. wait  S. skip  F. skip  U. skip
        one_success                 SF run   S. run   KK skip  FF fail  KF fail  UU fail  F. wait  K. wait
        one_failed                  FS run   F. run   U. run   SS skip  SK skip  KK skip  S. wait
        one_done                    S. run   F. run   KK skip  UU skip  KU skip  K. wait  U. wait
        none_failed                 SS run   KK run   SK run   SF fail  U. fail  S. wait  K. wait
        none_failed_min_one_success SS run   SK run   KK skip  KF fail  U. fail  K. wait  S. wait
        none_skipped                SS run   SF run   FU run   SK skip  K. skip  S. wait  F. wait
        always                      .. run   F. run   SS run   KK run
    ";

    fn end(letter: char) -> Option<TaskEnd> {
        match letter {
            'S' => Some(TaskEnd::Success),
            'F' => Some(TaskEnd::Failed),
            'K' => Some(TaskEnd::Skipped),
            'U' => Some(TaskEnd::UpstreamFailed),
            _ => None,
        }
    }

    #[test]
    fn every_rule_decides_as_airflow_does() {
        let mut seen = 0;
        for row in TABLE.lines().filter(|row| !row.trim().is_empty()) {
            let words: Vec<&str> = row.split_whitespace().collect();
            let (rule, _) = TriggerRule::ALL
                .into_iter()
                .find(|(_, name)| *name == words[0])
                .unwrap();
            seen += 1;
            for case in words[1..].chunks(2) {
                let expected = match case[1] {
                    "run" => Verdict::Run,
                    "skip" => Verdict::End(TaskEnd::Skipped),
                    "fail" => Verdict::End(TaskEnd::UpstreamFailed),
                    _ => Verdict::Wait,
                };
                let upstream = Upstream::count(case[0].chars().map(end));
                assert_eq!(decide(rule, upstream), expected, "{} {}", words[0], case[0]);
            }
        }
        assert_eq!(seen, TriggerRule::ALL.len());
    }

    #[test]
    fn a_task_with_none_before_it_runs_whatever_its_rule() {
        for (rule, name) in TriggerRule::ALL {
            assert_eq!(decide(rule, Upstream::default()), Verdict::Run, "{name}");
        }
    }

    #[test]
    fn a_decision_never_changes_when_more_tasks_end() {
        let ends = ['S', 'F', 'K', 'U'];
        for (rule, name) in TriggerRule::ALL {
            for first in ends {
                let early = decide(rule, Upstream::count([end(first), None]));
                for second in ends {
                    let late = decide(rule, Upstream::count([end(first), end(second)]));
                    let other_way = decide(rule, Upstream::count([end(second), end(first)]));
                    assert_eq!(late, other_way, "{name} {first}{second}");
                    assert_ne!(late, Verdict::Wait, "{name} {first}{second}");
                    assert!(
                        early == Verdict::Wait || early == late || early == Verdict::Run,
                        "{name} {first} then {second}: {early:?}, {late:?}"
                    );
                }
            }
        }
    }
}
