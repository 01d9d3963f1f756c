//! The live lines of an apply: one for each thing at work, and for each that has come to an end a line that stays.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::ui::{ERROR, FAINT, GOOD, Ui, WARNING, styled};

/// How often a live line turns its sign.
const TICK: Duration = Duration::from_millis(100);
/// Names are given at most so many columns, and on a narrow terminal a third of it.
const NAME_COLUMNS: usize = 28;

/// How something came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It is as it should be.
    Well,
    /// It failed.
    Failed,
    /// It was put back.
    Back,
    /// It was given up.
    GivenUp,
}

/// The live lines, as long as they are held.
pub(super) struct LiveLines {
    ui: Ui,
    area: MultiProgress,
    /// The lines by change.
    lines: BTreeMap<usize, (ProgressBar, Instant)>,
    /// The last line, which counts.
    total: ProgressBar,
    name_columns: usize,
    width: usize,
    unicode: bool,
    ended: usize,
    of: usize,
}

impl LiveLines {
    /// Begins with nothing at work. `names` are those of everything that may be, for the width of their column.
    pub(super) fn new<'n>(ui: &Ui, unicode: bool, names: impl Iterator<Item = &'n str>) -> Self {
        let area = ui.begin_live();
        let width = ui.live_width();
        let (mut longest, mut of) = (0, 0);
        for name in names {
            longest = longest.max(name.width());
            of += 1;
        }
        let total = area.add(ProgressBar::new_spinner());
        total.set_style(style("  {msg} {seconds}", unicode));
        total.enable_steady_tick(TICK);
        let live = Self {
            ui: ui.clone(),
            area,
            lines: BTreeMap::new(),
            total,
            name_columns: longest.min(NAME_COLUMNS).min(width / 3),
            width,
            unicode,
            ended: 0,
            of,
        };
        live.count();
        live
    }

    /// Says in the line of a change what it is at.
    pub(super) fn say(&mut self, change: usize, name: &str, words: &str) {
        let name = padded(name, self.name_columns);
        let (area, total, unicode) = (&self.area, &self.total, self.unicode);
        let (line, _) = self.lines.entry(change).or_insert_with(|| {
            let line = area.insert_before(total, ProgressBar::new_spinner());
            line.set_style(style(
                "{spinner} {prefix} {seconds:>7}  {wide_msg}",
                unicode,
            ));
            line.set_prefix(name);
            line.enable_steady_tick(TICK);
            (line, Instant::now())
        });
        // A line is one line, whatever an engine or a builder says.
        line.set_message(words.lines().next().unwrap_or_default().to_owned());
    }

    /// Ends the line of a change: it stays above those that are at work.
    pub(super) fn end(&mut self, change: usize, name: &str, end: End, words: &str) {
        let took = self.lines.remove(&change).map(|(line, since)| {
            line.finish_and_clear();
            self.area.remove(&line);
            since.elapsed()
        });
        let (mark, plain, style) = match end {
            End::Well => ("✓", "+", GOOD),
            End::Failed => ("✗", "x", ERROR),
            End::Back => ("↩", "<", WARNING),
            End::GivenUp => ("–", "-", FAINT),
        };
        let mark = if self.unicode { mark } else { plain };
        let took = took.map_or_else(String::new, seconds);
        let name = padded(name, self.name_columns);
        let words = words.lines().next().unwrap_or_default();
        let head = format!("{name} {took:>7}  ");
        let room = self.width.saturating_sub(2 + head.width());
        let line = format!("{} {head}{}", styled(style, mark), shortened(words, room));
        // That nobody reads it is not an error.
        self.area.println(line.trim_end()).ok();
        if end == End::Well {
            self.ended += 1;
        }
        self.count();
    }

    /// Returns which changes are at work still.
    pub(super) fn at_work(&self) -> Vec<usize> {
        self.lines.keys().copied().collect()
    }

    /// Takes the last line away; what has ended stays.
    pub(super) fn close(&self) {
        self.total.finish_and_clear();
        self.area.clear().ok();
        self.ui.end_live();
    }

    fn count(&self) {
        self.total
            .set_message(format!("{} of {} done", self.ended, self.of));
    }
}

fn style(template: &str, unicode: bool) -> ProgressStyle {
    let style = ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .with_key("seconds", |state: &ProgressState, out: &mut dyn Write| {
            // A line without its seconds is still a line.
            out.write_str(&seconds(state.elapsed())).ok();
        });
    style.tick_chars(if unicode {
        "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ "
    } else {
        "|/-\\ "
    })
}

/// Returns a time as people read it beside others, such as `3.2 s` or `2 min 05 s`.
fn seconds(time: Duration) -> String {
    let whole = time.as_secs();
    if whole < 60 {
        format!("{:.1} s", time.as_secs_f64())
    } else {
        format!("{}m {:02} s", whole / 60, whole % 60)
    }
}

/// Returns a text in exactly so many columns.
fn padded(text: &str, columns: usize) -> String {
    let text = shortened(text, columns);
    let gap = columns.saturating_sub(text.width());
    text + &" ".repeat(gap)
}

/// Returns as much of a text as has room.
fn shortened(text: &str, room: usize) -> String {
    if text.width() <= room {
        return text.to_owned();
    }
    let mut used = 1;
    let fits = |c: &char| {
        used += c.width().unwrap_or(0);
        used <= room
    };
    let mut short: String = text.chars().take_while(fits).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_columns_whatever_is_in_it() {
        assert_eq!(padded("web", 5), "web  ");
        assert_eq!(padded("airflow-webserver", 8), "airflow…");
        assert_eq!(padded("日本語", 5).width(), 5);
        assert_eq!(shortened("日本語", 4).width(), 3);
        assert_eq!(seconds(Duration::from_millis(3250)), "3.2 s");
        assert_eq!(seconds(Duration::from_secs(125)), "2m 05 s");
    }
}
