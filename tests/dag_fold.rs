//! The fold of a run: whatever the DAG and however its tries end, nothing begins too early, everything ends, and a replay at every point
//! comes to the same.

#![allow(
    clippy::unwrap_used,
    reason = "a test ends where something is not as it should be"
)]

use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use stackgen::dag::{
    Command, Failure, IllegalTransition, Outcome, RunCause, RunEvent, RunHeader, RunState, TaskEnd,
    TaskShape, TaskState,
};
use stackgen::model::{DagName, RunId, TaskName, TriggerRule};

fn task(number: usize) -> TaskName {
    TaskName::new(format!("t{number}")).unwrap()
}

/// A DAG of up to eight tasks; each comes after some of those before it.
fn header() -> impl Strategy<Value = RunHeader> {
    let shape = (any::<u8>(), 0..TriggerRule::ALL.len(), 0..3_u32, 1..4_u32);
    (proptest::collection::vec(shape, 1..8), 1..4_u32).prop_map(|(shapes, places)| RunHeader {
        run_id: RunId::new("r").unwrap(),
        dag: DagName::new("d").unwrap(),
        cause: RunCause::Manual,
        at: Timestamp::UNIX_EPOCH,
        logical_date: Timestamp::UNIX_EPOCH,
        data_interval_end: Timestamp::UNIX_EPOCH,
        params: serde_json::Value::Null,
        tasks: shapes
            .into_iter()
            .enumerate()
            .map(|(number, (mask, rule, retries, weight))| TaskShape {
                name: task(number),
                after: (0..number)
                    .filter(|before| mask & (1 << before) != 0)
                    .map(task)
                    .collect(),
                trigger_rule: TriggerRule::ALL[rule].0,
                retries,
                retry_delay: Duration::from_secs(30),
                retry_exponential_backoff: number % 2 == 0,
                max_retry_delay: None,
                priority_weight: weight,
            })
            .collect(),
        max_active_tasks: places,
    })
}

/// Plays a run to its end. `choices` say which of the pending things happens next and how tries end.
fn play(header: RunHeader, choices: &[u8], cancel_at: Option<usize>) -> (RunState, Vec<RunEvent>) {
    let (mut state, mut pending) = RunState::begin(header.clone()).unwrap();
    let mut events = vec![RunEvent::Started(header)];
    let mut at_work: Vec<(TaskName, u32)> = Vec::new();
    let mut now = Timestamp::UNIX_EPOCH;
    for step in 0..10_000 {
        if state.end().is_some() {
            return (state, events);
        }
        now += Duration::from_secs(1);
        let choice = usize::from(choices[step % choices.len()]);
        let total = pending.len() + at_work.len();
        assert!(total > 0, "the run stands still: {state:?}");
        let event = if Some(step) == cancel_at {
            RunEvent::CancelRequested { at: now }
        } else if choice % total < pending.len() {
            match pending.remove(choice % total) {
                Command::Start { task, attempt } => {
                    if !matches!(state.task(&task).unwrap().state(), TaskState::Ended(_)) {
                        at_work.push((task.clone(), attempt));
                    }
                    RunEvent::AttemptStarted {
                        task,
                        attempt,
                        at: now,
                    }
                }
                Command::ScheduleRetry { task, due, .. } => {
                    now = now.max(due);
                    RunEvent::RetryDue { task, at: now }
                }
                Command::Cancel { .. } => continue,
                Command::Finish { state } => RunEvent::Finished { state, at: now },
            }
        } else {
            let (task, attempt) = at_work.remove(choice % total - pending.len());
            let outcome = match choice / 8 % 4 {
                0 | 1 => Outcome::Success,
                2 => Outcome::Skipped,
                _ if state.cancel_requested().is_some() => Outcome::Cancelled,
                _ => Outcome::Failed(Failure {
                    exit_code: Some(1),
                    message: "exit code 1".into(),
                }),
            };
            RunEvent::AttemptFinished {
                task,
                attempt,
                outcome,
                at: now,
            }
        };
        match state.step(&event) {
            Ok(commands) => {
                pending.extend(commands);
                events.push(event);
            }
            // What a cancellation overtook.
            Err(error) => assert!(state.cancel_requested().is_some(), "{error}: {event:?}"),
        }
    }
    panic!("the run does not end: {state:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_run_ends_and_every_prefix_replays_to_the_same(
        header in header(),
        choices in proptest::collection::vec(any::<u8>(), 40),
        cancel_at in proptest::option::of(0..20_usize),
    ) {
        let (state, events) = play(header, &choices, cancel_at);
        for (name, task) in state.tasks() {
            prop_assert!(task.end().is_some(), "{name} has no end");
            let tries = task.attempts().len() as u32;
            prop_assert!(tries <= task.shape().retries + 1);
            prop_assert!(task.attempts().iter().all(|attempt| attempt.end.is_some()));
        }
        // The live fold and the replay agree at every point, and so does what is left to be done.
        let RunEvent::Started(header) = &events[0] else { unreachable!() };
        let (mut live, _) = RunState::begin(header.clone()).unwrap();
        for known in 1..=events.len() {
            let (replayed, outstanding) = RunState::replay(&events[..known]).unwrap();
            prop_assert_eq!(&replayed, &live);
            prop_assert_eq!(outstanding, live.outstanding());
            prop_assert_eq!(live.event_count(), known as u64);
            if let Some(next) = events.get(known) {
                live.step(next).unwrap();
            }
        }
        prop_assert_eq!(live, state);
    }

    #[test]
    fn no_task_begins_before_its_rule_lets_it_and_places_are_kept(
        header in header(),
        choices in proptest::collection::vec(any::<u8>(), 40),
    ) {
        let (_, events) = play(header, &choices, None);
        let RunEvent::Started(header) = &events[0] else { unreachable!() };
        let (mut state, _) = RunState::begin(header.clone()).unwrap();
        for event in &events[1..] {
            if let RunEvent::AttemptStarted { task, attempt: 1, .. } = event {
                let shape = state.task(task).unwrap().shape().clone();
                let ends: Vec<Option<TaskEnd>> = shape
                    .after
                    .iter()
                    .map(|before| state.task(before).unwrap().end())
                    .collect();
                if shape.trigger_rule == TriggerRule::AllSuccess {
                    prop_assert!(ends.iter().all(|end| *end == Some(TaskEnd::Success)));
                }
                if shape.trigger_rule == TriggerRule::AllDone {
                    prop_assert!(ends.iter().all(Option::is_some));
                }
            }
            state.step(event).unwrap();
            let at_work = state
                .tasks()
                .filter(|(_, task)| matches!(task.state(), TaskState::Running { .. }))
                .count();
            prop_assert!(at_work <= header.max_active_tasks as usize);
        }
    }

    #[test]
    fn a_second_end_of_a_try_is_refused_and_changes_nothing(
        header in header(),
        choices in proptest::collection::vec(any::<u8>(), 40),
    ) {
        let (_, events) = play(header, &choices, None);
        for (index, event) in events.iter().enumerate() {
            if let RunEvent::AttemptFinished { task, attempt, .. } = event {
                let (mut state, _) = RunState::replay(&events[..=index]).unwrap();
                let before = state.clone();
                prop_assert_eq!(
                    state.step(event),
                    Err(IllegalTransition::NotAtWork { task: task.clone(), attempt: *attempt })
                );
                prop_assert_eq!(state, before);
            }
        }
    }

    #[test]
    fn retries_wait_as_long_as_airflow_lets_them(
        header in header(),
        choices in proptest::collection::vec(any::<u8>(), 40),
    ) {
        let (_, events) = play(header, &choices, None);
        for (index, event) in events.iter().enumerate() {
            if let RunEvent::AttemptFinished { task, attempt, at, .. } = event {
                let (state, _) = RunState::replay(&events[..=index]).unwrap();
                let task = state.task(task).unwrap();
                if let TaskState::RetryScheduled { due, .. } = task.state() {
                    let wait = due.duration_since(*at).as_secs();
                    let base = 30 << (attempt - 1);
                    if task.shape().retry_exponential_backoff {
                        prop_assert!((base..2 * base).contains(&wait), "{wait} of {base}");
                    } else {
                        prop_assert_eq!(wait, 30);
                    }
                }
            }
        }
    }
}
