//! The binary: everything is in the library.

fn main() -> std::process::ExitCode {
    stackgen::cli::main(std::env::args_os()).into()
}
