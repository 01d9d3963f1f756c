//! The exit codes: what a script learns of a command.

/// How a command ended, for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCode {
    /// Done; where a difference was asked for, there is none.
    Done,
    /// It failed; what was done and what was rolled back was printed.
    Failed,
    /// Differences were found: `plan --exit-code`, `render --check`, `status --exit-code`.
    Differs,
    /// Refused, and nothing was changed: consent is missing, a foreign object is in the way.
    Refused,
    /// The command line is wrong.
    Usage,
    /// An input file is invalid or missing.
    Invalid,
    /// The engine cannot be reached.
    Unreachable,
    /// Another process works on this stack.
    Locked,
    /// A signal ended it.
    Interrupted,
    /// `exec`: the command in the container ended with this.
    OfCommand(u8),
}

impl ExitCode {
    /// Every code of stackgen's own with its number, in the order of the documentation.
    pub const ALL: [(Self, u8); 9] = [
        (Self::Done, 0),
        (Self::Failed, 1),
        (Self::Differs, 2),
        (Self::Refused, 3),
        (Self::Usage, 64),
        (Self::Invalid, 65),
        (Self::Unreachable, 69),
        (Self::Locked, 75),
        (Self::Interrupted, 130),
    ];

    /// Returns the number that the process ends with.
    pub fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Differs => 2,
            Self::Refused => 3,
            Self::Usage => 64,
            Self::Invalid => 65,
            Self::Unreachable => 69,
            Self::Locked => 75,
            Self::Interrupted => 130,
            Self::OfCommand(number) => number,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_the_documented_number() {
        for (code, number) in ExitCode::ALL {
            assert_eq!(code.number(), number, "{code:?}");
        }
    }

    #[test]
    fn no_two_codes_share_a_number() {
        let mut numbers: Vec<u8> = ExitCode::ALL.iter().map(|(_, number)| *number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), ExitCode::ALL.len());
    }
}
