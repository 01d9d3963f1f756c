//! Quantities with their units: bytes, CPUs, durations, as Compose writes them.

use std::fmt;
use std::time::Duration;

/// A number of bytes; -1 means without limit where the attribute allows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub i64);

/// A number of CPUs in units of a thousand-millionth, as the Engine API's `NanoCpus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NanoCpus(pub i64);

/// A text that is not the quantity it was meant to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// A bare number where a duration stands.
    #[error("a duration needs a unit")]
    DurationWithoutUnit,
    /// Not a duration.
    #[error("{0:?} is not a duration")]
    BadDuration(String),
    /// Not a size.
    #[error("{0:?} is not a size")]
    BadSize(String),
    /// Not a number of CPUs.
    #[error("{0:?} is not a number of CPUs")]
    BadCpus(String),
}

const DURATION_UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// Nanoseconds in a week, `w`: Compose takes it beside Go's own units.
const WEEK: u64 = 7 * 86_400_000_000_000;

/// Parses a duration as Compose does: Go's units and `d` and `w`, such as `1m30s` or `1.5h`; `0` alone needs no unit.
///
/// # Errors
/// [`QuantityError::DurationWithoutUnit`] for a bare number, [`QuantityError::BadDuration`] for anything else.
pub fn parse_duration(text: &str) -> Result<Duration, QuantityError> {
    let bad = || QuantityError::BadDuration(text.to_owned());
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return Err(QuantityError::DurationWithoutUnit);
    }
    let mut total: f64 = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(bad)?;
        let number: f64 = rest[..digits].parse().map_err(|_| bad())?;
        rest = &rest[digits..];
        let letters = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        let unit = &rest[..letters];
        let nanos = match unit {
            "w" => WEEK,
            _ => {
                DURATION_UNITS
                    .iter()
                    .find(|(name, _)| *name == unit)
                    .ok_or_else(bad)?
                    .1
            }
        };
        total += number * nanos as f64;
        rest = &rest[letters..];
    }
    // The bound is Go's int64 of nanoseconds, which Compose and the engine use.
    if text.is_empty() || total > i64::MAX as f64 {
        return Err(bad());
    }
    Ok(Duration::from_nanos(total.round() as u64))
}

/// Writes a duration as Go does: `1m30s`, `1.5s`, `500ms`, `0s`.
pub fn format_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let fraction = |nanos: u128, unit: u128| {
        let text = format!(
            "{}.{:0width$}",
            nanos / unit,
            nanos % unit,
            width = unit.ilog10() as usize
        );
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    match nanos {
        0 => "0s".to_owned(),
        1..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => format!("{}µs", fraction(nanos, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", fraction(nanos, 1_000_000)),
        _ => {
            let (minutes, rest) = (nanos / 60_000_000_000, nanos % 60_000_000_000);
            let seconds = fraction(rest, 1_000_000_000);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, minutes) => format!("{minutes}m{seconds}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

/// Writes a float as Compose does: the shortest digits, with an exponent for the very large and the very small.
pub fn format_float(number: f64) -> String {
    // From this power of ten on Go writes an exponent.
    const LARGEST_POWER: i32 = 6;
    let scientific = format!("{number:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let power: i32 = exponent.parse().unwrap_or_default();
    if (-4..LARGEST_POWER).contains(&power) || number == 0.0 {
        return number.to_string();
    }
    let sign = if power < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", power.abs())
}

impl Bytes {
    /// Parses a size as Compose does: `512m`, `1.5GiB`, `64kb`, `1024`; every unit is binary.
    ///
    /// # Errors
    /// [`QuantityError::BadSize`].
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        let bad = || QuantityError::BadSize(text.to_owned());
        if text == "-1" {
            return Ok(Self(-1));
        }
        let lower = text.trim().to_ascii_lowercase();
        let digits = lower
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(lower.len());
        let number: f64 = lower[..digits].parse().map_err(|_| bad())?;
        let power = match lower[digits..]
            .trim()
            .trim_end_matches('b')
            .trim_end_matches('i')
        {
            "" => 0,
            "k" => 1,
            "m" => 2,
            "g" => 3,
            "t" => 4,
            "p" => 5,
            _ => return Err(bad()),
        };
        let bytes = number * 1024f64.powi(power);
        if bytes > i64::MAX as f64 {
            Err(bad())
        } else {
            Ok(Self(bytes as i64))
        }
    }
}

impl fmt::Display for Bytes {
    /// Writes the size for people: `2GiB`, `1.5MiB`, `-1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = ["B", "KiB", "MiB", "GiB", "TiB"];
        let mut power = 0;
        let mut value = self.0 as f64;
        while value >= 1024.0 && power + 1 < units.len() {
            value /= 1024.0;
            power += 1;
        }
        if self.0 < 0 {
            return write!(f, "{}", self.0);
        }
        let text = format!("{value:.2}");
        write!(
            f,
            "{}{}",
            text.trim_end_matches('0').trim_end_matches('.'),
            units[power]
        )
    }
}

impl NanoCpus {
    /// Parses a number of CPUs such as `0.5`.
    ///
    /// # Errors
    /// [`QuantityError::BadCpus`].
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        match text.trim().parse::<f64>() {
            Ok(cpus) if cpus.is_finite() && cpus >= 0.0 => Ok(Self((cpus * 1e9).round() as i64)),
            _ => Err(QuantityError::BadCpus(text.to_owned())),
        }
    }
}

impl fmt::Display for NanoCpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0 as f64 / 1e9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written_as_compose_does() {
        for (text, written) in [
            ("90s", "1m30s"),
            ("1d", "24h0m0s"),
            ("1w", "168h0m0s"),
            ("10us", "10µs"),
            ("0", "0s"),
            ("1.5s", "1.5s"),
            ("500ms", "500ms"),
            ("1h0m0.25s", "1h0m0.25s"),
        ] {
            assert_eq!(
                parse_duration(text).map(format_duration),
                Ok(written.to_owned()),
                "{text}"
            );
        }
        assert_eq!(
            parse_duration("10"),
            Err(QuantityError::DurationWithoutUnit)
        );
        for text in ["", "s", "10x", "ten", "1s1", "-1s"] {
            assert_eq!(parse_duration(text).ok(), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_binary() {
        for (text, bytes) in [
            ("512m", 536_870_912),
            ("1.5G", 1_610_612_736),
            ("64kb", 65_536),
            ("1KiB", 1024),
            ("7", 7),
            ("-1", -1),
        ] {
            assert_eq!(Bytes::parse(text), Ok(Bytes(bytes)), "{text}");
        }
        assert!(Bytes::parse("lots").is_err());
        assert_eq!(Bytes(1_610_612_736).to_string(), "1.5GiB");
    }
}
