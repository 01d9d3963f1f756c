//! The one place that writes to the terminal: data to stdout, words to stderr.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use indicatif::{MultiProgress, ProgressDrawTarget};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Writes what a command has to say.
#[derive(Debug, Clone)]
pub struct Ui {
    stdout: ColorChoice,
    stderr: ColorChoice,
    quiet: bool,
    verbose: u8,
    /// `COLUMNS` of the environment, which wins over the terminal.
    columns: Option<usize>,
    /// What is drawn and redrawn on stderr at the moment; other words go above it.
    live: Arc<Mutex<Option<Live>>>,
}

/// An area that is redrawn in place.
#[derive(Debug)]
struct Live {
    area: MultiProgress,
    /// How the terminal was set before.
    before: Option<Termios>,
}

/// The style of what went wrong.
pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
/// The style of what deserves a look.
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// The style of what went well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// The style of what matters less.
pub(crate) const FAINT: Style = Style::new().dimmed();
/// The style of headings.
pub(crate) const STRONG: Style = Style::new().bold();

/// Puts `style` round `text`; a stream without colours takes it off again.
pub(crate) fn styled(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

impl Ui {
    /// Returns a writer for these wishes and this environment.
    pub fn new(
        color: Color,
        quiet: bool,
        verbose: u8,
        environment: &BTreeMap<String, String>,
    ) -> Self {
        let choice = |is_terminal: bool| match color {
            Color::Always => ColorChoice::AlwaysAnsi,
            Color::Never => ColorChoice::Never,
            Color::Auto if is_set(environment, "NO_COLOR") => ColorChoice::Never,
            Color::Auto if is_set(environment, "CLICOLOR_FORCE") => ColorChoice::AlwaysAnsi,
            Color::Auto if environment.get("TERM").is_some_and(|term| term == "dumb") => {
                ColorChoice::Never
            }
            Color::Auto if is_terminal => ColorChoice::AlwaysAnsi,
            Color::Auto => ColorChoice::Never,
        };
        Self {
            stdout: choice(io::stdout().is_terminal()),
            stderr: choice(io::stderr().is_terminal()),
            quiet,
            verbose,
            columns: environment
                .get("COLUMNS")
                .and_then(|text| text.parse().ok()),
            live: Arc::default(),
        }
    }

    /// Writes a line, or several, to stdout.
    ///
    /// # Errors
    /// When nobody reads any more, or the disk is full.
    pub fn data(&self, text: impl AsRef<str>) -> io::Result<()> {
        self.above_live(|| {
            let mut stream = AutoStream::new(io::stdout().lock(), self.stdout);
            write_line(&mut stream, text.as_ref())
        })
    }

    /// Writes a piece of output to stdout as it is, without an end of line.
    ///
    /// # Errors
    /// As [`Ui::data`].
    pub fn bytes(&self, bytes: &[u8]) -> io::Result<()> {
        let mut stream = io::stdout().lock();
        stream.write_all(bytes)?;
        stream.flush()
    }

    /// Writes a piece of output to stderr as it is. That nobody reads it is not an error.
    pub fn error_bytes(&self, bytes: &[u8]) {
        io::stderr().lock().write_all(bytes).ok();
    }

    /// Writes words to stderr, unless `--quiet`. That nobody reads them is not an error.
    pub fn words(&self, text: impl AsRef<str>) {
        if !self.quiet {
            self.loud(text);
        }
    }

    /// Writes words to stderr that `--quiet` does not silence: what went wrong.
    pub fn loud(&self, text: impl AsRef<str>) {
        self.above_live(|| {
            let mut stream = AutoStream::new(io::stderr().lock(), self.stderr);
            write_line(&mut stream, text.as_ref()).ok();
        });
    }

    /// Begins an area on stderr that is redrawn in place, below all other words.
    pub(crate) fn begin_live(&self) -> MultiProgress {
        let area = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        *live = Some(Live {
            area: area.clone(),
            before: hide_control_characters(),
        });
        area
    }

    /// Ends the live area.
    pub(crate) fn end_live(&self) {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        let before = live.take().and_then(|live| live.before);
        if let Some(before) = before.filter(|_| is_in_front()) {
            // A terminal that is gone needs nothing.
            tcsetattr(io::stdin(), OptionalActions::Now, &before).ok();
        }
    }

    fn above_live<T>(&self, write: impl FnOnce() -> T) -> T {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        match live.as_ref() {
            Some(live) => live.area.suspend(write),
            None => write(),
        }
    }

    /// Returns the width of the live area.
    pub(crate) fn live_width(&self) -> usize {
        let terminal = rustix::termios::tcgetwinsize(io::stderr()).ok();
        let columns = terminal.map(|size| usize::from(size.ws_col));
        columns.filter(|columns| *columns > 0).unwrap_or(80)
    }

    /// Asks on the terminal and returns the answer; `None` where nobody can be asked.
    pub fn ask(&self, question: &str) -> Option<String> {
        if !self.can_ask() {
            return None;
        }
        let mut stream = AutoStream::new(io::stderr().lock(), self.stderr);
        write!(stream, "{question} ").ok()?;
        stream.flush().ok()?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).ok()?;
        Some(answer.trim().to_owned())
    }

    /// Returns whether there is someone to ask.
    pub fn can_ask(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Returns whether `--quiet` was given.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Returns whether `--verbose` was given.
    pub fn is_verbose(&self) -> bool {
        self.verbose > 0
    }

    /// Returns whether stderr may be redrawn in place.
    pub fn is_live(&self) -> bool {
        io::stderr().is_terminal() && !self.quiet && self.stderr != ColorChoice::Never
    }

    /// Returns whether stdout is coloured.
    pub fn has_color(&self) -> bool {
        self.stdout != ColorChoice::Never
    }

    /// Returns whether stderr is coloured.
    pub fn has_color_for_words(&self) -> bool {
        self.stderr != ColorChoice::Never
    }

    /// Returns the width of the terminal that stdout is; `None`: it is none, and nothing is cut.
    pub fn width(&self) -> Option<usize> {
        let terminal = || rustix::termios::tcgetwinsize(io::stdout()).ok();
        self.columns
            .or_else(|| terminal().map(|size| usize::from(size.ws_col)))
            .filter(|width| *width > 0)
    }
}

/// Returns whether the terminal is ours to set: it would stop a process in the background that tried.
fn is_in_front() -> bool {
    let ours = rustix::process::getpgrp();
    rustix::termios::tcgetpgrp(io::stdin()).is_ok_and(|front| front == ours)
}

/// Lets the terminal show no `^C` where it is typed, which would be in the middle of what is redrawn; returns how it was set before.
fn hide_control_characters() -> Option<Termios> {
    if !is_in_front() {
        return None;
    }
    let before = tcgetattr(io::stdin()).ok()?;
    let mut quiet = before.clone();
    quiet.local_modes.remove(LocalModes::ECHOCTL);
    tcsetattr(io::stdin(), OptionalActions::Now, &quiet).ok()?;
    Some(before)
}

fn is_set(environment: &BTreeMap<String, String>, name: &str) -> bool {
    environment
        .get(name)
        .is_some_and(|value| !value.is_empty() && (name != "CLICOLOR_FORCE" || value != "0"))
}

fn write_line(stream: &mut impl Write, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        stream.write_all(b"\n")?;
    }
    stream.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_color_wins_over_a_terminal_and_always_wins_over_no_color() {
        let environment = BTreeMap::from([("NO_COLOR".to_owned(), "1".to_owned())]);
        assert!(!Ui::new(Color::Auto, false, 0, &environment).has_color());
        assert!(Ui::new(Color::Always, false, 0, &environment).has_color());
    }
}
