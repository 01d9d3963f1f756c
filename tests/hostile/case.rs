//! One case: its folder, the command that is run there, and how that has to end.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// No command may take more at its peak, whatever it reads.
const MEMORY_MIB: f64 = 64.0;
/// What `check` takes of a release build for a stack of one service. Of a debug build it is more, since its code is much larger; what
/// a case takes beyond it is the same in both.
const RELEASE_BASE_MIB: f64 = 16.0;
/// What a message may hold all together: 100 mistakes of a few lines each.
const MESSAGE_BYTES: usize = 96 * 1024;
/// No line of it may be longer than a few paths and names.
const LINE_BYTES: usize = 2_000;
/// A debug build is about ten times as slow as a release build; longer than this is a hang.
const DEADLINE_SECONDS: &str = "120";

/// Runs a command, waits, and writes its status and its peak memory in KiB: only `wait4` tells the latter exactly.
const WAITER: &str = "
import os, signal, subprocess, sys
process = subprocess.Popen(sys.argv[3:], stdin=subprocess.DEVNULL)
signal.signal(signal.SIGALRM, lambda *_: process.kill())
signal.alarm(int(sys.argv[2]))
_, status, used = os.wait4(process.pid, 0)
open(sys.argv[1], 'w').write(f'{os.waitstatus_to_exitcode(status)} {used.ru_maxrss}')
";

/// How a command has to end.
pub(crate) enum Ends {
    /// With exit code 65, and all of these words on stderr.
    Refused(&'static [&'static str]),
    /// With exit code 0: it is large and no mistake.
    Fine,
}

pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) command: &'static str,
    pub(crate) ends: Ends,
    pub(crate) make: fn(&Folder<'_>),
}

/// Makes a test of every case, and the list of them.
macro_rules! cases {
    ($($name:ident($command:literal, $ends:expr) $make:expr;)*) => {
        $(
            #[test]
            fn $name() {
                crate::case::named(ALL, stringify!($name)).holds();
            }
        )*
        pub(crate) const ALL: &[&crate::case::Case] = &[
            $(&crate::case::Case {
                name: stringify!($name),
                command: $command,
                ends: $ends,
                make: $make,
            },)*
        ];
    };
}
pub(crate) use cases;

pub(crate) fn named(cases: &[&'static Case], name: &str) -> &'static Case {
    let found = cases.iter().find(|case| case.name == name);
    found.expect("it is in the list")
}

/// The folder of a case.
pub(crate) struct Folder<'a>(pub(crate) &'a Path);

impl Folder<'_> {
    pub(crate) fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.0.join(path);
        std::fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a folder");
        std::fs::write(path, bytes).expect("it can be written");
    }

    /// Writes a file of zeros that takes no room on the disk.
    pub(crate) fn sparse(&self, path: &str, bytes: u64) {
        self.write(path, "");
        let file = std::fs::OpenOptions::new()
            .write(true)
            .open(self.0.join(path));
        file.and_then(|file| file.set_len(bytes))
            .expect("it can be made longer");
    }

    pub(crate) fn folder(&self, path: &str) {
        std::fs::create_dir_all(self.0.join(path)).expect("a folder");
    }

    pub(crate) fn link(&self, path: &str, target: &str) {
        std::os::unix::fs::symlink(target, self.0.join(path)).expect("a link");
    }

    pub(crate) fn pipe(&self, path: &str) {
        let made = Command::new("mkfifo").arg(self.0.join(path)).status();
        assert!(made.expect("mkfifo runs").success());
    }

    /// Writes stack.toml with a name and what is given.
    pub(crate) fn stack(&self, text: impl AsRef<str>) {
        self.write(
            "stack.toml",
            format!("[stack]\nname = \"h\"\n{}", text.as_ref()),
        );
    }
}

/// Returns texts of all numbers below `count`, in one.
pub(crate) fn each(count: usize, text: impl Fn(usize) -> String) -> String {
    let mut all = String::new();
    for number in 0..count {
        write!(all, "{}", text(number)).expect("a String takes all");
    }
    all
}

struct Run {
    code: i32,
    peak_mib: f64,
    said: String,
}

fn run(folder: &Path, command: &str) -> Run {
    let result = folder.join(".result");
    let output = Command::new("python3")
        .args(["-c", WAITER])
        .arg(&result)
        .arg(DEADLINE_SECONDS)
        .arg(env!("CARGO_BIN_EXE_stackgen"))
        .args(command.split(' '))
        .current_dir(folder)
        .env_remove("COMPOSE_PROFILES")
        .env_remove("COMPOSE_PROJECT_NAME")
        .stdin(Stdio::null())
        .output()
        .expect("python3 runs");
    // `check` tells mistakes on stdout; what import and render print is no message.
    let words = match command.ends_with("check") {
        true => [output.stdout, output.stderr].concat(),
        false => output.stderr,
    };
    let said = String::from_utf8(words).expect("it says text");
    let result = std::fs::read_to_string(&result).unwrap_or_else(|error| panic!("{error}: {said}"));
    let (code, peak) = result.split_once(' ').expect("two numbers");
    Run {
        code: code.parse().expect("a number"),
        peak_mib: peak.parse::<f64>().expect("a number") / 1024.0,
        said,
    }
}

/// Returns how much more than a release build this one takes for nothing.
fn surplus_mib() -> f64 {
    let folder = tempfile::tempdir().expect("a folder");
    Folder(folder.path()).stack("[services.a]\nimage = \"x:1\"\n");
    (run(folder.path(), "check").peak_mib - RELEASE_BASE_MIB).max(0.0)
}

impl Case {
    /// Writes the folder of it, with what is to be run there.
    pub(crate) fn write(&self, folder: &Path) {
        let own = Folder(folder);
        own.write(".command", self.command);
        own.write(
            ".exit",
            match self.ends {
                Ends::Refused(_) => "65",
                Ends::Fine => "0",
            },
        );
        (self.make)(&own);
    }

    pub(crate) fn holds(&self) {
        let folder = tempfile::tempdir().expect("a folder");
        self.write(folder.path());
        let run = run(folder.path(), self.command);
        let peak = run.peak_mib - surplus_mib();
        let start: String = run.said.chars().take(2_000).collect();
        let told = format!("exit {}, {peak:.0} MiB: {start}", run.code);
        match self.ends {
            Ends::Refused(words) => {
                assert_eq!(run.code, 65, "{told}");
                for word in words {
                    assert!(run.said.contains(word), "{word:?} is missing; {told}");
                }
            }
            Ends::Fine => assert_eq!(run.code, 0, "{told}"),
        }
        let longest = run.said.lines().map(str::len).max().unwrap_or_default();
        assert!(longest <= LINE_BYTES, "a line of {longest} bytes; {told}");
        let length = run.said.len();
        // An import tells all that it could not carry.
        let is_refused = matches!(self.ends, Ends::Refused(_));
        assert!(
            !is_refused || length <= MESSAGE_BYTES,
            "{length} bytes; {told}"
        );
        assert!(!run.said.contains("panicked"), "{told}");
        assert!(peak <= MEMORY_MIB, "{told}");
    }
}
