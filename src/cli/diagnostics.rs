//! Draws diagnostics with their source lines, and in the shapes for `grep` and for programs.

use std::fmt::Write as _;

use crate::model::Sources;
use crate::stackfile::{Annotation, Diagnostic, Severity, line_and_column};

use super::source_line::{Excerpt, excerpt};

/// How many errors are drawn unless all are asked for.
const SHOWN: usize = 20;

/// How many other places of one mistake are drawn.
const SECONDARY: usize = 3;

/// How diagnostics are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrawOptions {
    /// Whether to use colours.
    pub color: bool,
    /// The width that text is folded to.
    pub width: usize,
    /// Whether to draw all of them, not only the first twenty.
    pub all: bool,
}

impl Default for DrawOptions {
    fn default() -> Self {
        Self {
            color: false,
            width: 100,
            all: false,
        }
    }
}

/// Draws diagnostics as `stackgen check` shows them, with [`summary`] as the last line; the empty text where there is none.
pub fn draw(diagnostics: &[Diagnostic], sources: &Sources, options: &DrawOptions) -> String {
    if diagnostics.is_empty() {
        return String::new();
    }
    let shown = if options.all {
        diagnostics.len()
    } else {
        SHOWN
    };
    let mut out = String::new();
    for diagnostic in diagnostics.iter().take(shown) {
        Drawing {
            sources,
            options,
            gutter: gutter(diagnostic, sources),
            severity: diagnostic.severity,
            out: &mut out,
        }
        .diagnostic(diagnostic);
        out.push('\n');
    }
    if diagnostics.len() > shown {
        let _ = writeln!(out, "and {} more: --all\n", diagnostics.len() - shown);
    }
    out.push_str(&summary(diagnostics, sources));
    out.push('\n');
    out
}

/// Returns one line on how many mistakes there are, such as `stack.toml: 5 errors. Nothing was done.`
pub fn summary(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    let errors = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.is_error())
        .count();
    let warnings = diagnostics.len() - errors;
    let count = |number: usize, word: &str| {
        let plural = if number == 1 { "" } else { "s" };
        format!("{number} {word}{plural}")
    };
    let path = sources.main().path.display();
    let mut line = format!("{path}: {}", count(errors, "error"));
    if warnings > 0 {
        let _ = write!(line, ", {}", count(warnings, "warning"));
    }
    if errors > 0 {
        line.push_str(". Nothing was done.");
    }
    line
}

/// Draws one line for each diagnostic, for `grep`.
pub fn short(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    diagnostics
        .iter()
        .map(|diagnostic| {
            format!(
                "{}: {}[{}]: {}\n",
                place(&diagnostic.primary, sources),
                diagnostic.severity,
                diagnostic.code,
                diagnostic.message
            )
        })
        .collect()
}

/// Returns the diagnostics in the shape of `check --json`.
pub fn json(diagnostics: &[Diagnostic], sources: &Sources) -> serde_json::Value {
    diagnostics
        .iter()
        .map(|diagnostic| {
            let at = &diagnostic.primary;
            let (line, column) = line_and_column(sources, at.file, at.span.start);
            serde_json::json!({
                "code": diagnostic.code.name(),
                "severity": diagnostic.severity.to_string(),
                "message": diagnostic.message,
                "file": sources.file(at.file).path,
                "line": line,
                "column": column,
                "help": diagnostic.help,
            })
        })
        .collect()
}

/// Returns `file:line:column`.
fn place(at: &Annotation, sources: &Sources) -> String {
    let (line, column) = line_and_column(sources, at.file, at.span.start);
    let path = sources.file(at.file).path.display();
    format!("{path}:{line}:{column}")
}

/// Returns how wide the line numbers of a diagnostic are, two at least.
fn gutter(diagnostic: &Diagnostic, sources: &Sources) -> usize {
    let all =
        std::iter::once(&diagnostic.primary).chain(diagnostic.secondary.iter().take(SECONDARY));
    let widest = all
        .map(|at| line_and_column(sources, at.file, at.span.start).0)
        .max()
        .unwrap_or(1);
    widest.to_string().len().max(2)
}

/// The colours, as ANSI sequences.
#[derive(Clone, Copy)]
enum Tone {
    Severity,
    Bold,
    Frame,
}

/// One diagnostic on its way to text.
struct Drawing<'a> {
    sources: &'a Sources,
    options: &'a DrawOptions,
    gutter: usize,
    severity: Severity,
    out: &'a mut String,
}

impl Drawing<'_> {
    fn diagnostic(&mut self, diagnostic: &Diagnostic) {
        let head = format!("{}[{}]", diagnostic.severity, diagnostic.code);
        let indent = "  ".to_owned();
        let message = format!(": {}", diagnostic.message);
        let folded = fold(&message, self.options.width, head.len(), &indent);
        let line = format!(
            "{}{}\n",
            self.tone(Tone::Severity, &head),
            self.tone(Tone::Bold, &folded)
        );
        self.out.push_str(&line);
        self.block("-->", &diagnostic.primary, '^', &diagnostic.drawing);
        for at in diagnostic.secondary.iter().take(SECONDARY) {
            self.frame("|", "");
            self.block(":::", at, '-', &[]);
        }
        if diagnostic.secondary.len() > SECONDARY {
            let more = diagnostic.secondary.len() - SECONDARY;
            let places = if more == 1 { "place" } else { "places" };
            self.remark("note", &format!("and in {more} more {places}"));
        }
        for note in &diagnostic.notes {
            self.remark("note", note);
        }
        if let Some(help) = &diagnostic.help {
            self.remark("help", help);
        }
    }

    /// Draws a place: its name, and its source line with a mark below it, or a drawing that stands for both.
    fn block(&mut self, arrow: &str, at: &Annotation, mark: char, drawing: &[String]) {
        let is_whole = at.span == (0..0) && drawing.is_empty();
        let name = if is_whole {
            self.sources.file(at.file).path.display().to_string()
        } else {
            place(at, self.sources)
        };
        let line = format!(
            "{}{} {name}\n",
            " ".repeat(self.gutter),
            self.tone(Tone::Frame, arrow)
        );
        self.out.push_str(&line);
        if is_whole {
            return;
        }
        self.frame("|", "");
        if !drawing.is_empty() {
            for line in drawing {
                self.frame("|", &format!("  {line}"));
            }
            self.frame("|", "");
            return;
        }
        let room = self.options.width.saturating_sub(self.gutter + 3);
        let Some(excerpt) = excerpt(self.sources, at, room) else {
            return;
        };
        let number = format!("{:>width$} |", excerpt.number, width = self.gutter);
        let line = format!("{} {}", self.tone(Tone::Frame, &number), excerpt.text);
        self.out.push_str(line.trim_end());
        self.out.push('\n');
        self.mark(&excerpt, mark, &at.label, room);
    }

    fn mark(&mut self, excerpt: &Excerpt, mark: char, label: &str, room: usize) {
        let tone = if mark == '^' {
            Tone::Severity
        } else {
            Tone::Frame
        };
        let marks = mark.to_string().repeat(excerpt.width);
        let blank = " ".repeat(excerpt.column);
        let fits = excerpt.column + excerpt.width + 1 + label.chars().count() <= room;
        let beside = if fits && !label.is_empty() {
            format!(" {label}")
        } else {
            String::new()
        };
        let text = format!("{blank}{}", self.tone(tone, &format!("{marks}{beside}")));
        self.frame("|", &text);
        if !fits {
            let start = room
                .saturating_sub(label.chars().count())
                .min(excerpt.column);
            let indent = " ".repeat(start);
            for line in fold(label, room, 0, "").lines() {
                let line = self.tone(tone, line);
                self.frame("|", &format!("{indent}{line}"));
            }
        }
    }

    fn remark(&mut self, word: &str, text: &str) {
        let start = format!("{}= {word}: ", " ".repeat(self.gutter + 1));
        let indent = " ".repeat(start.len());
        let mut lines = text.lines();
        let first = fold(
            lines.next().unwrap_or_default(),
            self.options.width,
            start.len(),
            &indent,
        );
        self.out.push_str(&start);
        self.out.push_str(&first);
        self.out.push('\n');
        for line in lines {
            let line = fold(line, self.options.width, indent.len(), &indent);
            self.out.push_str(&format!("{indent}{line}\n"));
        }
    }

    fn frame(&mut self, bar: &str, text: &str) {
        let bar = self.tone(Tone::Frame, bar);
        let line = format!("{}{bar} {text}", " ".repeat(self.gutter + 1));
        self.out.push_str(line.trim_end());
        self.out.push('\n');
    }

    fn tone(&self, tone: Tone, text: &str) -> String {
        if !self.options.color || text.is_empty() {
            return text.to_owned();
        }
        let color = match (tone, self.severity) {
            (Tone::Severity, Severity::Error) => "\x1b[1;31m",
            (Tone::Severity, Severity::Warning) => "\x1b[1;33m",
            (Tone::Bold, _) => "\x1b[1m",
            (Tone::Frame, _) => "\x1b[34m",
        };
        format!("{color}{text}\x1b[0m")
    }
}

/// Folds a text at blanks so that no line is longer than `width`; the first line begins after `used` columns.
fn fold(text: &str, width: usize, used: usize, indent: &str) -> String {
    let mut out = String::new();
    let mut column = used;
    for (index, word) in text.split(' ').enumerate() {
        let length = word.chars().count();
        if index > 0 && column + 1 + length > width && column > indent.len() {
            out.push('\n');
            out.push_str(indent);
            column = indent.len();
        } else if index > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}
