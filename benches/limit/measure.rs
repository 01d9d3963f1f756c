//! Runs a command and prints its peak memory in KiB as the kernel counts it, the largest of it and of what it waited for, behind its own words:
//! measure COMMAND WORD…
//!
//! A process begins with the memory of the one that it was forked from, so that a bench in Python, which is larger than what it measures,
//! would measure itself.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};

unsafe extern "C" {
    /// `wait4(2)`; the third word of `rusage` behind the two times is the peak.
    fn wait4(pid: i32, status: *mut i32, options: i32, usage: *mut [i64; 18]) -> i32;
}

fn main() {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    let child = Command::new(&words[0]).args(&words[1..]).spawn().unwrap();
    let (mut status, mut usage) = (0, [0; 18]);
    // SAFETY: both pointers are to memory of the size that the call fills (`struct rusage` is two times of two words and 14 more).
    unsafe {
        wait4(
            i32::try_from(child.id()).unwrap(),
            &mut status,
            0,
            &mut usage,
        )
    };
    println!("\npeak {}", usage[4]);
    std::process::exit(ExitStatus::from_raw(status).code().unwrap_or(1));
}
