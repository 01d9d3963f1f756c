//! Cron expressions, checked.
//!
//! Airflow reads them by croniter, whose facts this follows: five fields or a preset, ranges that may wrap (`22-2`), `5/15` from five on,
//! `L`, `5#3` and `L5`, and a day of the month beside a weekday meaning either. A sixth field is refused, since everybody takes
//! it for something else; so is a date that never comes.

use std::ops::Range;

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time};

/// A cron expression of five fields or a preset such as `@daily`, as Airflow's cron timetables read them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    text: String,
    fields: Fields,
}

/// Why a text is no cron expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CronError {
    /// What is wrong, such as `25 is not an hour`.
    pub message: String,
    /// The byte range of the field that is wrong, within the expression.
    pub span: Range<usize>,
    /// What the field may hold, such as `hour: 0 to 23`.
    pub label: String,
    /// What to write instead.
    pub help: Option<String>,
}

const PRESETS: [(&str, &str); 8] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@quarterly", "0 0 1 */3 *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

const READING: &str = "minute hour day month weekday; every day at 1:25 is \"25 1 * * *\"";

/// The longest that a date of five fields can be away: the fifth weekday of a February comes every 28 years, but for 2100.
const HORIZON_DAYS: i32 = 366 * 41;

/// What a field means, as sets of bits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Fields {
    minutes: u64,
    hours: u64,
    days: u64,
    has_last_day: bool,
    months: u64,
    weekdays: u64,
    /// For each weekday the bits 1 to 5 of its occurrences in a month.
    nth_weekdays: [u8; 7],
    last_weekdays: u64,
    is_any_day: bool,
    is_any_weekday: bool,
}

/// One of the five fields.
struct Field {
    name: &'static str,
    article: &'static str,
    label: &'static str,
    min: u32,
    max: u32,
    names: &'static [&'static str],
}

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const FIELDS: [Field; 5] = [
    Field {
        name: "minute",
        article: "a",
        label: "minute: 0 to 59",
        min: 0,
        max: 59,
        names: &[],
    },
    Field {
        name: "hour",
        article: "an",
        label: "hour: 0 to 23",
        min: 0,
        max: 23,
        names: &[],
    },
    Field {
        name: "day of the month",
        article: "a",
        label: "day: 1 to 31, or L for the last one",
        min: 1,
        max: 31,
        names: &[],
    },
    Field {
        name: "month",
        article: "a",
        label: "month: 1 to 12, or JAN to DEC",
        min: 1,
        max: 12,
        names: &MONTHS,
    },
    Field {
        name: "weekday",
        article: "a",
        label: "weekday: 0 to 7, or SUN to SAT",
        min: 0,
        max: 7,
        names: &WEEKDAYS,
    },
];

impl Cron {
    /// Parses an expression of five fields, or one of the presets.
    ///
    /// # Errors
    /// [`CronError`] with the field that is wrong; a sixth field and dates that never come, such as 31 February, are errors too.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        let expression = match text.trim() {
            preset if preset.starts_with('@') => PRESETS
                .iter()
                .find(|(name, _)| preset.eq_ignore_ascii_case(name))
                .map(|(_, expression)| *expression)
                .ok_or_else(|| unknown_preset(text))?,
            _ => text,
        };
        let words = words(expression);
        if words.len() != FIELDS.len() {
            return Err(wrong_count(text, &words));
        }
        let mut fields = Fields::default();
        for (index, (span, word)) in words.iter().enumerate() {
            fields
                .read(index, word)
                .map_err(|message| field_error(index, span.clone(), message))?;
        }
        fields.check(&words)?;
        Ok(Self {
            text: text.to_owned(),
            fields,
        })
    }

    /// Returns the expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns whether it fires in every hour of a day on which it fires. Over a clock change such a schedule counts elapsed time; any
    /// other one keeps to the wall clock.
    pub fn is_every_hour(&self) -> bool {
        self.fields.hours == bits(0, 23)
    }

    /// Returns whether it fires at `time` by the clock on the wall; seconds do not matter.
    pub fn matches(&self, time: DateTime) -> bool {
        has(self.fields.minutes, time.minute() as u32)
            && has(self.fields.hours, time.hour() as u32)
            && self.matches_date(time.date())
    }

    /// Returns whether it fires on `date` at all.
    pub fn matches_date(&self, date: Date) -> bool {
        let fields = &self.fields;
        if !has(fields.months, date.month() as u32) {
            return false;
        }
        match (fields.is_any_day, fields.is_any_weekday) {
            (true, true) => true,
            (false, true) => fields.matches_day(date),
            (true, false) => fields.matches_weekday(date),
            (false, false) => fields.matches_day(date) || fields.matches_weekday(date),
        }
    }

    /// Returns the first fire at or after `from` by the clock on the wall, which knows no clock change.
    pub fn next_civil(&self, from: DateTime) -> Option<DateTime> {
        let mut from = match (from.second(), from.subsec_nanosecond()) {
            (0, 0) => from,
            _ => start_of_minute(from)?.checked_add(1.minute()).ok()?,
        };
        for _ in 0..HORIZON_DAYS {
            if let Some(time) = self
                .matches_date(from.date())
                .then(|| self.next_time(from.time()))
                .flatten()
            {
                return Some(from.date().to_datetime(time));
            }
            from = from.date().tomorrow().ok()?.to_datetime(Time::midnight());
        }
        None
    }

    fn next_time(&self, from: Time) -> Option<Time> {
        (from.hour() as u32..24)
            .filter(|hour| has(self.fields.hours, *hour))
            .find_map(|hour| {
                let first = if hour == from.hour() as u32 {
                    from.minute() as u32
                } else {
                    0
                };
                (first..60)
                    .find(|minute| has(self.fields.minutes, *minute))
                    .and_then(|minute| Time::new(hour as i8, minute as i8, 0, 0).ok())
            })
    }
}

impl Fields {
    /// Reads one field; the error is what is wrong with it.
    fn read(&mut self, index: usize, word: &str) -> Result<(), String> {
        let field = &FIELDS[index];
        let mut set = 0;
        for item in word.split(',') {
            match (index, item) {
                (_, "") => return Err(format!("{word:?} has an empty part")),
                (2 | 4, "?") => set |= bits(field.min, field.max),
                (2, "l" | "L") => self.has_last_day = true,
                (4, item) if item.contains('#') => self.read_nth(item)?,
                (4, item) if item.starts_with(['l', 'L']) => {
                    self.last_weekdays |= 1 << (field.value(&item[1..])? % 7);
                }
                (_, item) => set |= field.set(item)?,
            }
        }
        match index {
            0 => self.minutes = set,
            1 => self.hours = set,
            2 => {
                self.days = set;
                self.is_any_day = set == bits(1, 31);
            }
            3 => self.months = set,
            _ => {
                self.weekdays = (set | (set >> 7)) & bits(0, 6);
                self.is_any_weekday = self.weekdays == bits(0, 6);
            }
        }
        Ok(())
    }

    fn read_nth(&mut self, item: &str) -> Result<(), String> {
        let (weekday, nth) = item.split_once('#').unwrap_or((item, ""));
        let weekday = FIELDS[4].value(weekday)? % 7;
        match nth.parse::<u32>() {
            Ok(nth @ 1..=5) => {
                self.nth_weekdays[weekday as usize] |= 1 << nth;
                Ok(())
            }
            _ => Err(format!("{item:?}: after # stands 1 to 5")),
        }
    }

    /// Refuses dates that never come.
    fn check(&self, words: &[(Range<usize>, &str)]) -> Result<(), CronError> {
        let longest = |month: u32| match month {
            2 => 29,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let comes = !self.is_any_weekday
            || self.has_last_day
            || (1..=12)
                .filter(|month| has(self.months, *month))
                .any(|month| self.days & bits(1, longest(month)) != 0);
        if comes {
            return Ok(());
        }
        let (day, month) = (&words[2], &words[3]);
        Err(CronError {
            message: format!("day {} never comes in month {}", day.1, month.1),
            span: day.0.clone(),
            label: "no such date".to_owned(),
            help: Some(format!(
                "the last day of a month is L: \"{} {} L {} {}\"",
                words[0].1, words[1].1, month.1, words[4].1
            )),
        })
    }

    fn matches_day(&self, date: Date) -> bool {
        has(self.days, date.day() as u32)
            || (self.has_last_day && date.day() == date.days_in_month())
    }

    fn matches_weekday(&self, date: Date) -> bool {
        let weekday = date.weekday().to_sunday_zero_offset() as u32;
        let nth = (date.day() - 1) / 7 + 1;
        has(self.weekdays, weekday)
            || self.nth_weekdays[weekday as usize] & (1 << nth) != 0
            || (has(self.last_weekdays, weekday) && date.day() + 7 > date.days_in_month())
    }
}

impl Field {
    /// Returns the set that one item of a list means: `*`, `a`, `a-b`, each with or without `/step`.
    fn set(&self, item: &str) -> Result<u64, String> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => match step.parse::<u32>() {
                Ok(step @ 1..) => (range, Some(step)),
                _ => return Err(format!("{item:?}: after / stands a number from 1 on")),
            },
            None => (item, None),
        };
        let (first, last) = match (range, range.split_once('-'), step) {
            ("*", _, _) => (self.min, self.max),
            (_, Some((first, last)), _) => (self.value(first)?, self.value(last)?),
            (_, None, Some(_)) => (self.value(range)?, self.max),
            (_, None, None) => (self.value(range)?, self.value(range)?),
        };
        // 7 is Sunday once more: a range that wraps must not count Sunday twice.
        let top = if self.max == 7 { 6 } else { self.max };
        let members = if first <= last {
            (first..=last).collect::<Vec<_>>()
        } else {
            (first..=top.max(first)).chain(self.min..=last).collect()
        };
        Ok(members
            .into_iter()
            .step_by(step.unwrap_or(1) as usize)
            .fold(0, |set, member| set | 1 << member))
    }

    fn value(&self, text: &str) -> Result<u32, String> {
        let bad = || format!("{text} is not {} {}", self.article, self.name);
        if let Some(index) = self
            .names
            .iter()
            .position(|name| text.eq_ignore_ascii_case(name))
        {
            return Ok(index as u32 + self.min);
        }
        if text.is_empty() || !text.chars().all(|c| c.is_ascii_digit()) {
            return Err(bad());
        }
        match text.parse() {
            Ok(value) if (self.min..=self.max).contains(&value) => Ok(value),
            _ => Err(bad()),
        }
    }
}

fn bits(first: u32, last: u32) -> u64 {
    (first..=last).fold(0, |set, bit| set | 1 << bit)
}

fn has(set: u64, bit: u32) -> bool {
    set & (1 << bit) != 0
}

fn start_of_minute(time: DateTime) -> Option<DateTime> {
    time.with().second(0).subsec_nanosecond(0).build().ok()
}

fn words(text: &str) -> Vec<(Range<usize>, &str)> {
    text.split_whitespace()
        .map(|word| {
            let start = word.as_ptr() as usize - text.as_ptr() as usize;
            (start..start + word.len(), word)
        })
        .collect()
}

fn field_error(index: usize, span: Range<usize>, message: String) -> CronError {
    CronError {
        message,
        span,
        label: FIELDS[index].label.to_owned(),
        help: Some(READING.to_owned()),
    }
}

fn wrong_count(text: &str, words: &[(Range<usize>, &str)]) -> CronError {
    let span = match words.get(5) {
        Some((sixth, _)) => sixth.start..text.trim_end().len(),
        None => 0..text.len(),
    };
    let help = match words.len() {
        6 | 7 => {
            let five: Vec<&str> = words[..5].iter().map(|(_, word)| *word).collect();
            format!("there are no seconds and no years: \"{}\"", five.join(" "))
        }
        _ => READING.to_owned(),
    };
    CronError {
        message: format!(
            "a cron expression has five fields, this one has {}",
            words.len()
        ),
        span,
        label: "minute hour day month weekday".to_owned(),
        help: Some(help),
    }
}

fn unknown_preset(text: &str) -> CronError {
    let names: Vec<&str> = PRESETS.iter().map(|(name, _)| *name).collect();
    CronError {
        message: format!("{} is no preset", text.trim()),
        span: 0..text.len(),
        label: format!("one of {}", names.join(", ")),
        help: match text.trim() {
            "@once" | "@reboot" => {
                Some("without a schedule it runs when asked: stackgen dag run".to_owned())
            }
            preset if preset.starts_with("@every") => {
                Some("write every = \"15m\" instead of schedule".to_owned())
            }
            _ => None,
        },
    }
}

impl std::fmt::Display for Cron {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_fire_when_croniter_says() {
        for (text, from, fires) in [
            (
                "0 6 * * *",
                "2026-03-01T06:00",
                "2026-03-01T06:00 2026-03-02T06:00",
            ),
            (
                "5/15 * * * *",
                "2026-03-01T00:06",
                "2026-03-01T00:20 2026-03-01T00:35",
            ),
            (
                "0 0 13 * 5",
                "2026-03-01T00:00",
                "2026-03-06T00:00 2026-03-13T00:00 2026-03-20T00:00",
            ),
            (
                "0 22-2 * * *",
                "2026-03-01T01:30",
                "2026-03-01T02:00 2026-03-01T22:00",
            ),
            (
                "50-10/10 * * * *",
                "2026-03-01T00:00",
                "2026-03-01T00:00 2026-03-01T00:10 2026-03-01T00:50",
            ),
            (
                "0 0 * * FRI-MON",
                "2026-03-03T00:00",
                "2026-03-06T00:00 2026-03-07T00:00 2026-03-08T00:00 2026-03-09T00:00 2026-03-13T00:00",
            ),
            ("0 0 * * 7", "2026-03-02T00:00", "2026-03-08T00:00"),
            (
                "0 0 L * *",
                "2026-02-01T00:00",
                "2026-02-28T00:00 2026-03-31T00:00",
            ),
            ("0 0 * * 5#3", "2026-03-01T00:00", "2026-03-20T00:00"),
            ("0 0 * * L5", "2026-03-01T00:00", "2026-03-27T00:00"),
            ("0 0 29 2 *", "2026-03-01T00:00", "2028-02-29T00:00"),
            (
                "0 0 ? JAN ?",
                "2026-03-01T00:00",
                "2027-01-01T00:00 2027-01-02T00:00",
            ),
            (
                "@quarterly",
                "2026-02-01T00:00",
                "2026-04-01T00:00 2026-07-01T00:00",
            ),
            ("@Weekly", "2026-03-02T00:00", "2026-03-08T00:00"),
        ] {
            let cron = Cron::parse(text).unwrap();
            let mut from: DateTime = from.parse().unwrap();
            for fire in fires.split(' ') {
                let next = cron.next_civil(from).unwrap();
                assert_eq!(next, fire.parse().unwrap(), "{text} from {from}");
                from = next.checked_add(1.minute()).unwrap();
            }
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_field() {
        for (text, marked, message) in [
            ("0 25 * * *", "25", "25 is not an hour"),
            ("60 * * * *", "60", "60 is not a minute"),
            ("0 0 0 * *", "0", "0 is not a day of the month"),
            ("0 0 * 13 *", "13", "13 is not a month"),
            ("0 0 * * FRY", "FRY", "FRY is not a weekday"),
            ("0 0 * * 5#6", "5#6", "\"5#6\": after # stands 1 to 5"),
            (
                "*/0 * * * *",
                "*/0",
                "\"*/0\": after / stands a number from 1 on",
            ),
            ("1,,2 * * * *", "1,,2", "\"1,,2\" has an empty part"),
            ("0 0 31 2 *", "31", "day 31 never comes in month 2"),
            ("0 0 15W * *", "15W", "15W is not a day of the month"),
            ("0 0 LW * *", "LW", "LW is not a day of the month"),
            (
                "* * * * * *",
                "*",
                "a cron expression has five fields, this one has 6",
            ),
            (
                "0 0 *",
                "0 0 *",
                "a cron expression has five fields, this one has 3",
            ),
            ("@reboot", "@reboot", "@reboot is no preset"),
            ("", "", "a cron expression has five fields, this one has 0"),
        ] {
            let error = Cron::parse(text).unwrap_err();
            assert_eq!(error.message, message, "{text}");
            assert_eq!(&text[error.span.clone()], marked, "{text}");
        }
        let hour = Cron::parse("0 25 * * *").unwrap_err();
        assert_eq!((hour.span, hour.label.as_str()), (2..4, "hour: 0 to 23"));
    }

    /// Where croner knows a form too, both agree on civil times.
    #[test]
    fn croner_agrees() {
        for text in [
            "*/7 3-5 * * 1-5",
            "0 0 1,15 * *",
            "30 4 L * *",
            "15 10 * */2 MON#2",
            "0 12 13 * 5",
        ] {
            let ours = Cron::parse(text).unwrap();
            let theirs: croner::Cron = text.parse().unwrap();
            let mut at: DateTime = "2026-01-01T00:00".parse().unwrap();
            for _ in 0..200 {
                let zoned = at.to_zoned(jiff::tz::TimeZone::UTC).unwrap();
                let next = theirs
                    .find_next_occurrence(&zoned, true)
                    .unwrap()
                    .datetime();
                assert_eq!(ours.next_civil(at), Some(next), "{text} at {at}");
                at = next.checked_add(1.minute()).unwrap();
            }
        }
    }
}
