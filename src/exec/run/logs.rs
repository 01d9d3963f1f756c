//! The logs of tries: files that outlive whoever wrote them.

use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rustix::fs::OFlags;

use super::RunProgress;
use super::worker::Job;

/// How often a log is looked at for a new line.
const TAIL_INTERVAL: Duration = Duration::from_millis(200);

/// How much of a log's end is looked at for its last line.
const TAIL_BYTES: u64 = 4096;

/// Opens the log of a try for writing: private, never through a link, and behind what is there already unless `anew`.
pub(super) fn open(path: &Path, anew: bool) -> std::io::Result<std::fs::File> {
    std::fs::OpenOptions::new()
        .create(true)
        .write(true)
        .append(!anew)
        .truncate(anew)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits() as i32)
        .open(path)
}

/// Tells the newest line of a try's log whenever there is one. Never ends.
pub(super) async fn tail(job: &Job) {
    let path = job.log_path();
    let mut seen = 0;
    loop {
        tokio::time::sleep(TAIL_INTERVAL).await;
        let length = std::fs::metadata(&path).map_or(0, |found| found.len());
        if length != seen {
            seen = length;
            tell_last_line(job);
        }
    }
}

/// Tells the newest line of a try's log.
pub(super) fn tell_last_line(job: &Job) {
    if let Some(line) = last_line(&job.log_path()) {
        job.tell(RunProgress::Line {
            task: job.task.clone(),
            line,
        });
    }
}

/// Returns the last line of a file that is not empty; `None` where there is none.
pub fn last_line(path: &Path) -> Option<String> {
    let mut file = std::fs::File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))
        .ok()?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
    Some(plain(line))
}

/// Returns a line without what would move the cursor or colour the terminal, and no longer than anybody reads.
fn plain(line: &str) -> String {
    let mut out = String::new();
    let mut characters = line.trim_end().chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\u{1b}' => {
                if characters.next_if_eq(&'[').is_some() {
                    while characters
                        .next()
                        .is_some_and(|c| !('\u{40}'..='\u{7e}').contains(&c))
                    {}
                }
            }
            '\t' => out.push(' '),
            // What stands before a carriage return was overwritten, as by a progress bar.
            '\r' => out.clear(),
            c if c.is_control() => {}
            c => out.push(c),
        }
        if out.len() > 500 {
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_plain_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.log");
        assert_eq!(last_line(&path), None);
        for (text, line) in [
            ("one\ntwo\n\n", Some("two")),
            ("\u{1b}[31mred\u{1b}[0m\tx", Some("red x")),
            ("10%\r20%\r30%", Some("30%")),
            ("", None),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(last_line(&path).as_deref(), line, "{text:?}");
        }
    }
}
