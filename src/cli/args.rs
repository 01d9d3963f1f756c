//! The command line: global flags and one variant per command.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

use super::Color;
use super::command::{
    apply, build, check, completions, dag, down, exec, explain, graph, import, init, lock, logs,
    man, plan, pull, render, schema, sockets, status, watch,
};
use super::help::with_words;

/// One stack.toml becomes a running data platform.
///
/// stack.toml is looked for here and in the parent folders. Data goes to stdout, words go to stderr.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "stackgen",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags that every command takes, before or behind its name. (`-f`, `--file` is added by [`parse`]: `logs` has its own `-f`.)
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Global {
    /// Set by [`parse`].
    #[arg(skip)]
    pub file: Option<PathBuf>,
    /// Use this project name instead of the one in stack.toml.
    #[arg(short = 'p', long = "project-name", global = true, value_name = "NAME")]
    pub project: Option<String>,
    /// Merge [overlays.NAME] over the file; may be given several times.
    #[arg(long, global = true, value_name = "NAME")]
    pub overlay: Vec<String>,
    /// Switch on the services of a profile; also COMPOSE_PROFILES.
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Vec<String>,
    /// The engine: unix:///path or tcp://host:port. Else DOCKER_HOST, else Docker's current context.
    #[arg(short = 'H', long, global = true, value_name = "URL")]
    pub host: Option<String>,
    /// Say only what went wrong.
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Say more.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// When to colour.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
}

/// A command with its own flags.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Write a starter stack.toml, or make one of the compose file that is here.
    Init(init::Args),
    /// Turn compose files into a stack.toml.
    Import(import::Args),
    /// Look for mistakes in stack.toml.
    Check(check::Args),
    /// Write docker-compose.yml and the task definitions to generated/.
    Render(render::Args),
    /// Show what differs between stack.toml and what runs.
    #[command(visible_alias = "diff")]
    Plan(plan::Args),
    /// Write down which image each tag stands for.
    Lock(lock::Args),
    /// Make what runs be as stack.toml says.
    Apply(apply::Args),
    /// Build the images of services that have a build.
    Build(build::Args),
    /// Pull the images of services.
    Pull(pull::Args),
    /// Stop and remove what apply made; volumes stay unless asked for.
    Down(down::Args),
    /// Follow the files and the engine, repair drift, run the schedules.
    Watch(watch::Args),
    /// Show desired and running, health, drift and last runs.
    #[command(visible_alias = "ps")]
    Status(status::Args),
    /// Show what services print.
    Logs(logs::Args),
    /// Run a command in a running service.
    Exec(exec::Args),
    /// Say what a code of check means.
    Explain(explain::Args),
    /// Draw services and DAGs.
    Graph(graph::Args),
    /// Run DAGs and look at their runs.
    Dag(dag::Args),
    /// Look at host sockets and set their permissions.
    Sockets(sockets::Args),
    /// Print what a shell needs to complete stackgen's commands and flags.
    Completions(completions::Args),
    /// Print the manual page, or write all of them to a folder.
    Man(man::Args),
    /// Print a JSON Schema of stack.toml.
    Schema(schema::Args),
}

/// Reads the command line.
///
/// # Errors
/// What clap says, `--help` and `--version` too.
pub fn parse<I, T>(arguments: I) -> Result<Cli, clap::Error>
where
    I: IntoIterator<Item = T>,
    T: Into<std::ffi::OsString> + Clone,
{
    let matches = command_line().try_get_matches_from(arguments)?;
    let mut cli = Cli::from_arg_matches(&matches)?;
    cli.global.file = innermost_file(&matches);
    Ok(cli)
}

/// Returns clap's description of the command line, with `-f` and `--file` at every level, and with examples.
pub fn command_line() -> clap::Command {
    with_words(with_file(Cli::command()))
}

const FILE: &str = "file";

/// Adds `--file` to a command and all below it. The short `-f` stays `--follow` where there is such a flag.
fn with_file(command: clap::Command) -> clap::Command {
    let has_follow = command
        .get_arguments()
        .any(|argument| argument.get_short() == Some('f'));
    let file = Arg::new(FILE)
        .long("file")
        .value_name("FILE")
        .value_parser(clap::value_parser!(PathBuf))
        .help("Use this stack.toml")
        .display_order(0);
    let file = if has_follow { file } else { file.short('f') };
    let names: Vec<String> = command
        .get_subcommands()
        .map(|sub| sub.get_name().to_owned())
        .collect();
    names.into_iter().fold(command.arg(file), |command, name| {
        command.mut_subcommand(name, with_file)
    })
}

fn innermost_file(matches: &ArgMatches) -> Option<PathBuf> {
    let here = matches.get_one::<PathBuf>(FILE).cloned();
    matches
        .subcommand()
        .and_then(|(_, below)| innermost_file(below))
        .or(here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command_line().debug_assert();
    }

    #[test]
    fn the_file_may_stand_before_and_behind_the_command() {
        for line in [
            "stackgen -f a.toml check",
            "stackgen check -f a.toml",
            "stackgen dag list --file a.toml",
        ] {
            let cli = parse(line.split(' ')).expect(line);
            assert_eq!(cli.global.file, Some(PathBuf::from("a.toml")), "{line}");
        }
    }

    #[test]
    fn logs_follows_by_f() {
        let cli = parse("stackgen -f a.toml logs -f web".split(' ')).expect("it parses");
        assert_eq!(cli.global.file, Some(PathBuf::from("a.toml")));
        let Command::Logs(logs) = cli.command else {
            panic!("not logs")
        };
        assert!(logs.follow);
        assert_eq!(logs.services, ["web"]);
    }
}
