//! How far a pull is, in words.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::engine::PullProgress;

/// How often a pull is told of where there is no terminal: a log is read later, by people who want to know where the time went.
const EVERY: Duration = Duration::from_secs(5);

/// Decides when a pull has a plain line.
#[derive(Debug, Default)]
pub(crate) struct PullLines {
    told: BTreeMap<usize, (Instant, PullProgress)>,
}

impl PullLines {
    /// Returns the words for the pull of a change; `None` where too little time has passed since the last ones, or nothing has moved.
    pub(crate) fn words(&mut self, change: usize, pull: &PullProgress) -> Option<String> {
        let now = Instant::now();
        let Some((at, last)) = self.told.get(&change) else {
            // Many pulls are over before the first line would be.
            self.told.insert(change, (now, *pull));
            return None;
        };
        if now.duration_since(*at) < EVERY || last == pull {
            return None;
        }
        self.told.insert(change, (now, *pull));
        Some(pull_words(pull))
    }
}

/// Returns how far a pull is, such as `pulling: 3 of 7 layers, 12.4 of 48.0 MB`.
pub(crate) fn pull_words(pull: &PullProgress) -> String {
    if pull.layers == 0 {
        return "pulling".to_owned();
    }
    let layers = format!("{} of {} layers", pull.layers_done, pull.layers);
    if pull.bytes == 0 {
        return format!("pulling: {layers}");
    }
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    format!(
        "pulling: {layers}, {:.1} of {:.1} MB",
        megabytes(pull.bytes_done),
        megabytes(pull.bytes)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(layers_done: usize, bytes_done: u64) -> PullProgress {
        PullProgress {
            layers_done,
            layers: 7,
            bytes_done,
            bytes: 48_000_000,
        }
    }

    #[test]
    fn layers_and_bytes_are_said() {
        assert_eq!(
            pull_words(&at(3, 12_400_000)),
            "pulling: 3 of 7 layers, 12.4 of 48.0 MB"
        );
        assert_eq!(pull_words(&PullProgress::default()), "pulling");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pull_has_a_line_now_and_then_and_only_when_it_moved() {
        let mut lines = PullLines::default();
        let mut told = 0;
        for tenth in 0..200 {
            told += usize::from(lines.words(1, &at(0, tenth)).is_some());
            tokio::time::advance(Duration::from_millis(100)).await;
        }
        assert_eq!(told, 3);
        assert_eq!(lines.words(1, &at(0, 150)), None, "it has not moved");
        assert_eq!(lines.words(2, &at(0, 0)), None, "another one begins");
    }
}
