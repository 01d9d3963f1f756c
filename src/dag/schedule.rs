//! When a DAG is due.
//!
//! The rules are those that Airflow's cron timetables were measured to follow:
//!
//! - A cron expression is read in the DAG's time zone. Where it fires in every hour, elapsed time counts: over a clock change it fires in
//!   both passes of the repeated hour and not in the missing one. Any other one keeps to the wall clock: what falls into the gap is
//!   shifted by it, and a time that comes twice fires at the second pass.
//! - `start_date` is itself the first fire if it is on one.
//! - `every` counts from `start_date`; without one, from the anchor that the caller gives (`watch` gives the moment it began), and
//!   the first fire is one interval after that.
//! - Without catch-up, of the fires that were missed only the latest is run.

use std::time::Duration;

use jiff::tz::{Disambiguation, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::model::{Cron, Dag, Form, Schedule};

/// When a DAG is due.
#[derive(Debug, Clone)]
pub struct Timetable {
    rhythm: Rhythm,
    zone: TimeZone,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    catchup: bool,
}

#[derive(Debug, Clone)]
enum Rhythm {
    Cron(Cron),
    Every {
        interval: SignedDuration,
        anchor: Timestamp,
    },
}

/// One fire of a schedule, and the interval that its run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fire {
    /// When it is due; the end of the interval, as at Airflow's `CronDataIntervalTimetable`.
    pub at: Timestamp,
    /// The fire before: the start of the interval.
    pub logical_date: Timestamp,
}

/// Why a DAG has no timetable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// No such time zone.
    #[error("there is no time zone {0:?}")]
    UnknownZone(String),
    /// An interval that is no interval.
    #[error("an interval has to be longer than nothing and shorter than a century")]
    BadInterval,
    /// A date that no clock shows.
    #[error("{0} is out of range")]
    BadDate(jiff::civil::DateTime),
}

/// The longest look back for the fire before: what a date of five fields can be away.
const HORIZON: SignedDuration = SignedDuration::from_hours(24 * 366 * 41);

impl Timetable {
    /// Returns when `dag` is due by its schedule; `None` where it runs only when asked.
    ///
    /// # Errors
    /// [`ScheduleError`].
    pub fn new<F: Form>(dag: &Dag<F>, anchor: Timestamp) -> Result<Option<Self>, ScheduleError> {
        let zone = TimeZone::get(&dag.timezone)
            .map_err(|_| ScheduleError::UnknownZone(dag.timezone.clone()))?;
        let instant = |date: Option<jiff::civil::DateTime>| {
            date.map(|date| resolve(date, &zone).ok_or(ScheduleError::BadDate(date)))
                .transpose()
        };
        let (start, end) = (instant(dag.start_date)?, instant(dag.end_date)?);
        let rhythm = match &dag.schedule {
            Schedule::Manual => return Ok(None),
            Schedule::Cron(cron) => Rhythm::Cron(cron.clone()),
            Schedule::Every(interval) => Rhythm::Every {
                interval: to_signed(*interval)?,
                anchor: start.unwrap_or(anchor),
            },
        };
        Ok(Some(Self {
            rhythm,
            zone,
            start,
            end,
            catchup: dag.catchup,
        }))
    }

    /// Returns the first fire at `from` or later.
    pub fn next(&self, from: Timestamp) -> Option<Timestamp> {
        let from = self.start.map_or(from, |start| from.max(start));
        let fire = match &self.rhythm {
            Rhythm::Cron(cron) if cron.is_every_hour() => next_elapsed(cron, &self.zone, from),
            Rhythm::Cron(cron) => next_by_wall_clock(cron, &self.zone, from),
            Rhythm::Every { interval, anchor } => self.next_interval(*interval, *anchor, from),
        }?;
        self.end.is_none_or(|end| fire <= end).then_some(fire)
    }

    /// Returns the first `count` fires at `from` or later.
    pub fn fires(&self, from: Timestamp, count: usize) -> Vec<Timestamp> {
        let mut fires = Vec::new();
        let mut from = Some(from);
        while fires.len() < count
            && let Some(fire) = from.and_then(|from| self.next(from))
        {
            fires.push(fire);
            from = fire.checked_add(1.nanosecond()).ok();
        }
        fires
    }

    /// Returns the latest fire at `at` or earlier.
    pub fn previous(&self, at: Timestamp) -> Option<Timestamp> {
        let mut window = SignedDuration::from_mins(61);
        loop {
            let from = at.checked_sub(window).unwrap_or(Timestamp::MIN);
            let mut latest = None;
            let mut next = self.next(from);
            while let Some(fire) = next.filter(|fire| *fire <= at) {
                latest = Some(fire);
                next = fire
                    .checked_add(1.nanosecond())
                    .ok()
                    .and_then(|from| self.next(from));
            }
            let is_all = window > HORIZON || self.start.is_some_and(|start| from <= start);
            if latest.is_some() || is_all {
                return latest;
            }
            window = window.checked_mul(5)?;
        }
    }

    /// Returns the interval that the run of a fire is for: from the fire before to this one.
    pub fn interval(&self, fire: Timestamp) -> Fire {
        // The first fire has one before it by the rhythm alone.
        let unbounded = Self {
            start: None,
            end: None,
            ..self.clone()
        };
        let before = match &self.rhythm {
            Rhythm::Every { interval, .. } => fire.checked_sub(*interval).ok(),
            Rhythm::Cron(_) => fire
                .checked_sub(1.nanosecond())
                .ok()
                .and_then(|at| unbounded.previous(at)),
        };
        Fire {
            at: fire,
            logical_date: before.unwrap_or(fire),
        }
    }

    /// Returns the fires that are to be run at `now`, the oldest first. `last` is the latest fire that was run; without one, a DAG that
    /// catches up begins with `start_date`, any other one with the latest fire that is past.
    pub fn due(&self, last: Option<Timestamp>, now: Timestamp, limit: usize) -> Vec<Fire> {
        let after = |fire: Timestamp| fire.checked_add(1.nanosecond()).unwrap_or(Timestamp::MAX);
        let from = match (last, self.start) {
            (Some(last), _) => Some(after(last)),
            (None, Some(start)) => Some(start),
            (None, None) => None,
        };
        let fires = match from {
            Some(from) if self.catchup => self
                .fires(from, limit)
                .into_iter()
                .filter(|fire| *fire <= now)
                .collect(),
            _ => self
                .previous(now)
                .filter(|fire| from.is_none_or(|from| *fire >= from))
                .into_iter()
                .take(limit)
                .collect::<Vec<_>>(),
        };
        fires.into_iter().map(|fire| self.interval(fire)).collect()
    }

    fn next_interval(
        &self,
        interval: SignedDuration,
        anchor: Timestamp,
        from: Timestamp,
    ) -> Option<Timestamp> {
        // Without a start_date the anchor is the moment of watching, which is no fire itself.
        let first = match self.start {
            Some(start) => start,
            None => anchor.checked_add(interval).ok()?,
        };
        if from <= first {
            return Some(first);
        }
        let (gone, step) = (from.duration_since(first).as_nanos(), interval.as_nanos());
        let count = (gone + step - 1) / step;
        let ahead = SignedDuration::from_nanos_i128(count.checked_mul(step)?);
        first.checked_add(ahead).ok()
    }
}

/// Returns the next `count` fires of a DAG from a time on, itself included.
///
/// # Errors
/// [`ScheduleError`].
pub fn next<F: Form>(
    dag: &Dag<F>,
    from: Timestamp,
    count: usize,
) -> Result<Vec<Timestamp>, ScheduleError> {
    Ok(Timetable::new(dag, from)?.map_or_else(Vec::new, |timetable| timetable.fires(from, count)))
}

fn to_signed(interval: Duration) -> Result<SignedDuration, ScheduleError> {
    SignedDuration::try_from(interval)
        .ok()
        .filter(|interval| {
            interval.is_positive() && *interval < SignedDuration::from_hours(24 * 36_525)
        })
        .ok_or(ScheduleError::BadInterval)
}

/// Returns the instant of a time on the wall: shifted by the gap where it is missing, the second one where it comes twice.
fn resolve(time: jiff::civil::DateTime, zone: &TimeZone) -> Option<Timestamp> {
    zone.to_ambiguous_timestamp(time)
        .disambiguate(Disambiguation::Later)
        .ok()
}

/// The next fire by the wall clock. A time in a gap comes later than its place among the others, so the least of all that could be
/// first is taken.
fn next_by_wall_clock(cron: &Cron, zone: &TimeZone, from: Timestamp) -> Option<Timestamp> {
    // A gap within the last day shifted times from before it to after `from`.
    let day_before = from.checked_sub(25.hours()).unwrap_or(Timestamp::MIN);
    let shift = zone.to_offset(from).seconds() - zone.to_offset(day_before).seconds();
    let start = zone.to_datetime(from);
    let mut civil = start
        .checked_sub(SignedDuration::from_secs(i64::from(shift.max(0))))
        .unwrap_or(start);
    let mut best: Option<Timestamp> = None;
    loop {
        civil = match cron.next_civil(civil) {
            Some(civil) => civil,
            None => return best,
        };
        if best.is_some_and(|best| civil > zone.to_datetime(best)) {
            return best;
        }
        if let Some(fire) = resolve(civil, zone).filter(|fire| *fire >= from) {
            best = Some(best.map_or(fire, |best| best.min(fire)));
        }
        civil = civil.checked_add(1.minute()).ok()?;
    }
}

/// The next fire by elapsed time: the first minute whose time on the wall matches.
fn next_elapsed(cron: &Cron, zone: &TimeZone, from: Timestamp) -> Option<Timestamp> {
    let mut at = whole_minute(from)?;
    loop {
        let civil = zone.to_datetime(at);
        if cron.matches(civil) {
            return Some(at);
        }
        at = if cron.matches_date(civil.date()) {
            at.checked_add(1.minute()).ok()?
        } else {
            let day = cron.next_civil(civil)?.date();
            let midnight = zone
                .to_ambiguous_timestamp(day.at(0, 0, 0, 0))
                .disambiguate(Disambiguation::Earlier)
                .ok()?;
            midnight.max(at.checked_add(1.minute()).ok()?)
        };
    }
}

fn whole_minute(at: Timestamp) -> Option<Timestamp> {
    let past = at.as_nanosecond().rem_euclid(60_000_000_000);
    match past {
        0 => Some(at),
        _ => Timestamp::from_nanosecond(at.as_nanosecond() - past + 60_000_000_000).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use indexmap::IndexMap;

    use crate::model::{Resolved, Runner};

    fn dag(schedule: Schedule, timezone: &str) -> Dag<Resolved> {
        Dag {
            description: None,
            schedule,
            timezone: timezone.into(),
            start_date: None,
            end_date: None,
            catchup: false,
            max_active_runs: 16,
            max_active_tasks: 16,
            runner: Runner::Stackgen,
            tags: Vec::new(),
            params: IndexMap::new(),
            tasks: IndexMap::new(),
        }
    }

    fn cron(text: &str, timezone: &str) -> Dag<Resolved> {
        dag(Schedule::Cron(Cron::parse(text).unwrap()), timezone)
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn fires(dag: &Dag<Resolved>, from: &str, count: usize) -> Vec<String> {
        let fires = next(dag, at(from), count).unwrap();
        fires.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn clock_changes_are_passed_as_airflow_does() {
        for (text, zone, from, expected) in [
            // The missing 02:30 comes an hour later, once a day.
            (
                "30 2 * * *",
                "Europe/Paris",
                "2026-03-28T00:00:00Z",
                "2026-03-28T01:30:00Z 2026-03-29T01:30:00Z 2026-03-30T00:30:00Z",
            ),
            // The repeated 02:30 fires at the second pass alone.
            (
                "30 2 * * *",
                "Europe/Paris",
                "2026-10-24T12:00:00Z",
                "2026-10-25T01:30:00Z 2026-10-26T01:30:00Z",
            ),
            // Every hour is elapsed time: no fire in the gap, two in the overlap.
            (
                "30 * * * *",
                "Europe/Paris",
                "2026-03-29T00:00:00Z",
                "2026-03-29T00:30:00Z 2026-03-29T01:30:00Z 2026-03-29T02:30:00Z",
            ),
            (
                "30 * * * *",
                "Europe/Paris",
                "2026-10-24T23:00:00Z",
                "2026-10-24T23:30:00Z 2026-10-25T00:30:00Z 2026-10-25T01:30:00Z 2026-10-25T02:30:00Z",
            ),
            // Two that land on one instant fire once, and in the order of instants.
            (
                "0,30 2,3 * * *",
                "Europe/Paris",
                "2026-03-29T00:00:00Z",
                "2026-03-29T01:00:00Z 2026-03-29T01:30:00Z 2026-03-30T00:00:00Z",
            ),
            // A day that is left out.
            (
                "0 12 * * *",
                "Pacific/Apia",
                "2011-12-29T00:00:00Z",
                "2011-12-29T22:00:00Z 2011-12-30T22:00:00Z 2011-12-31T22:00:00Z",
            ),
        ] {
            let expected: Vec<&str> = expected.split(' ').collect();
            assert_eq!(
                fires(&cron(text, zone), from, expected.len()),
                expected,
                "{text} {zone} {from}"
            );
        }
    }

    #[test]
    fn start_and_end_are_fires_themselves() {
        let mut dag = cron("0 6 * * *", "UTC");
        dag.start_date = Some("2026-03-01T06:00".parse().unwrap());
        dag.end_date = Some("2026-03-03T06:00".parse().unwrap());
        assert_eq!(
            fires(&dag, "2020-01-01T00:00:00Z", 9),
            [
                "2026-03-01T06:00:00Z",
                "2026-03-02T06:00:00Z",
                "2026-03-03T06:00:00Z"
            ]
        );
        dag.start_date = Some("2026-03-01T06:00:01".parse().unwrap());
        assert_eq!(
            fires(&dag, "2020-01-01T00:00:00Z", 1),
            ["2026-03-02T06:00:00Z"]
        );
    }

    #[test]
    fn an_interval_counts_from_start_date_or_from_the_anchor() {
        let mut every = dag(Schedule::Every(Duration::from_secs(10)), "UTC");
        let timetable = Timetable::new(&every, at("2026-03-01T00:00:03Z"))
            .unwrap()
            .unwrap();
        assert_eq!(
            timetable.next(at("2026-03-01T00:00:03Z")),
            Some(at("2026-03-01T00:00:13Z"))
        );
        assert_eq!(
            timetable.next(at("2026-03-01T00:00:14Z")),
            Some(at("2026-03-01T00:00:23Z"))
        );
        every.start_date = Some("2026-03-01T00:00:00".parse().unwrap());
        let timetable = Timetable::new(&every, at("2026-03-01T00:00:03Z"))
            .unwrap()
            .unwrap();
        assert_eq!(
            timetable.next(at("2026-03-01T00:00:03Z")),
            Some(at("2026-03-01T00:00:10Z"))
        );
        assert_eq!(
            timetable.next(at("2026-03-01T00:00:10Z")),
            Some(at("2026-03-01T00:00:10Z"))
        );
    }

    #[test]
    fn of_missed_fires_the_latest_is_run_unless_all_are_to_be_caught_up() {
        let mut dag = cron("0 0 * * *", "UTC");
        dag.start_date = Some("2026-03-01T00:00".parse().unwrap());
        let due = |dag: &Dag<Resolved>, last: Option<&str>, now: &str| {
            let timetable = Timetable::new(dag, at(now)).unwrap().unwrap();
            let due = timetable.due(last.map(at), at(now), 10);
            due.iter()
                .map(|fire| fire.at.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            due(&dag, None, "2026-03-04T12:00:00Z"),
            ["2026-03-04T00:00:00Z"]
        );
        assert_eq!(
            due(&dag, Some("2026-03-04T00:00:00Z"), "2026-03-04T12:00:00Z"),
            Vec::<String>::new()
        );
        assert_eq!(
            due(&dag, Some("2026-03-01T00:00:00Z"), "2026-03-04T12:00:00Z"),
            ["2026-03-04T00:00:00Z"]
        );
        dag.catchup = true;
        assert_eq!(
            due(&dag, Some("2026-03-01T00:00:00Z"), "2026-03-03T12:00:00Z"),
            ["2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z"]
        );
        let timetable = Timetable::new(&dag, at("2026-03-04T00:00:00Z"))
            .unwrap()
            .unwrap();
        let fire = timetable.interval(at("2026-03-01T00:00:00Z"));
        assert_eq!(fire.logical_date, at("2026-02-28T00:00:00Z"));
    }
}
