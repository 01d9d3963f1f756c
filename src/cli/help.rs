//! What `--help` says beyond the flags: the commands in groups, and an example or two of each.

use clap::Command;
use clap::builder::styling::{Style, Styles};

/// The commands by what they are for, in the order in which one meets them.
const GROUPS: [(&str, &[&str]); 5] = [
    ("Begin", &["init", "import"]),
    (
        "Look",
        &["check", "plan", "status", "logs", "graph", "explain"],
    ),
    (
        "Make it so",
        &["render", "build", "pull", "lock", "apply", "watch", "down"],
    ),
    ("Work in it", &["exec", "dag", "sockets"]),
    ("Set up", &["schema", "completions", "man", "help"]),
];

/// Lines to type, by command; `#` begins a remark. Every command has one.
const EXAMPLES: &[(&str, &[&str])] = &[
    ("init", &["stackgen init", "stackgen init --starter"]),
    (
        "import",
        &[
            "stackgen import docker-compose.yml",
            "stackgen import compose.yml compose.prod.yml --stdout",
        ],
    ),
    (
        "check",
        &["stackgen check", "stackgen check --format short"],
    ),
    (
        "render",
        &[
            "stackgen render",
            "stackgen render --check     # in CI: exit 2 and a diff if generated/ is stale",
            "stackgen render --overlay prod",
            "stackgen render --data      # what templates of your own see",
        ],
    ),
    (
        "plan",
        &[
            "stackgen plan",
            "stackgen plan web           # web and what it depends on",
            "stackgen plan --exit-code   # in scripts: 2 if anything differs",
            "stackgen plan --out p.plan  # then: stackgen apply ./p.plan",
        ],
    ),
    (
        "apply",
        &[
            "stackgen apply",
            "stackgen apply web --no-deps",
            "stackgen apply -y --prune",
            "stackgen apply ./p.plan     # exactly the plan that was saved",
            "stackgen apply --pull always   # the newest images first",
        ],
    ),
    (
        "build",
        &[
            "stackgen build",
            "stackgen build api --no-cache -v   # with the builder's words",
        ],
    ),
    (
        "lock",
        &[
            "stackgen lock",
            "stackgen lock --update   # what the registries say now",
            "stackgen lock --check    # in CI: exit 2 if it differs",
        ],
    ),
    (
        "pull",
        &["stackgen pull", "stackgen pull web --include-deps"],
    ),
    ("down", &["stackgen down", "stackgen down --volumes"]),
    (
        "watch",
        &["stackgen watch", "stackgen watch --json --no-schedules"],
    ),
    (
        "status",
        &["stackgen status", "stackgen status --json --exit-code"],
    ),
    (
        "logs",
        &["stackgen logs -f web", "stackgen logs --tail 100"],
    ),
    (
        "exec",
        &[
            "stackgen exec postgres psql -U airflow",
            "stackgen exec --user root web -- sh -c id",
        ],
    ),
    (
        "graph",
        &[
            "stackgen graph",
            "stackgen graph --format svg > stack.svg",
            "stackgen graph --format mermaid --dag pipeline",
        ],
    ),
    ("explain", &["stackgen explain unknown-key"]),
    ("dag list", &["stackgen dag list"]),
    ("dag show", &["stackgen dag show pipeline"]),
    (
        "dag run",
        &[
            "stackgen dag run pipeline",
            "stackgen dag run pipeline --new",
        ],
    ),
    ("dag retry", &["stackgen dag retry pipeline load"]),
    ("dag cancel", &["stackgen dag cancel pipeline"]),
    ("dag status", &["stackgen dag status pipeline"]),
    ("dag logs", &["stackgen dag logs pipeline load -f"]),
    (
        "dag next",
        &[
            "stackgen dag next pipeline",
            "stackgen dag next pipeline --from 2026-03-29T00:00:00Z",
        ],
    ),
    ("sockets check", &["stackgen sockets check"]),
    ("sockets fix", &["stackgen sockets fix"]),
    (
        "schema",
        &[
            "stackgen schema > stack.schema.json   # then: #:schema ./stack.schema.json in stack.toml",
        ],
    ),
    (
        "completions",
        &[
            "stackgen completions bash > ~/.local/share/bash-completion/completions/stackgen",
            "stackgen completions zsh > ~/.zfunc/_stackgen",
            "stackgen completions fish > ~/.config/fish/completions/stackgen.fish",
        ],
    ),
    (
        "man",
        &[
            "stackgen man | man -l -",
            "stackgen man /usr/local/share/man/man1",
        ],
    ),
];

/// Adds groups and examples to a command line.
pub(super) fn with_words(command: Command) -> Command {
    let listed = grouped(&command);
    let (heading, reset) = heading(&command);
    let command = command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{listed}\n{heading}Options:{reset}\n{{options}}{{after-help}}"
    ));
    EXAMPLES.iter().fold(command, |command, (path, lines)| {
        let names: Vec<&str> = path.split(' ').collect();
        with_examples(command, &names, lines)
    })
}

fn heading(command: &Command) -> (String, String) {
    let style = command.get_styles().get_header();
    (style.render().to_string(), style.render_reset().to_string())
}

/// Returns the list of commands, each group under its heading; a command in no group comes last, so that none is lost.
fn grouped(command: &Command) -> String {
    let styles: &Styles = command.get_styles();
    let (header, literal) = (styles.get_header(), styles.get_literal());
    let all: Vec<&Command> = command
        .get_subcommands()
        .filter(|inner| !inner.is_hide_set())
        .collect();
    let width = all.iter().map(|inner| inner.get_name().len()).max();
    let width = width.unwrap_or_default().max("help".len());
    let mut text = String::new();
    let mut write = |heading: &str, members: &[&Command]| {
        if members.is_empty() {
            return;
        }
        text.push_str(&format!("\n{header}{heading}:{header:#}\n"));
        for member in members {
            text.push_str(&line(member, width, literal));
        }
    };
    for (heading, names) in GROUPS {
        let of = |name: &str| all.iter().find(|inner| inner.get_name() == name).copied();
        let members: Vec<&Command> = names.iter().filter_map(|name| of(name)).collect();
        write(heading, &members);
    }
    let is_grouped = |name: &str| GROUPS.iter().any(|(_, names)| names.contains(&name));
    let others = all.iter().filter(|inner| !is_grouped(inner.get_name()));
    write("Others", &others.copied().collect::<Vec<_>>());
    text
}

fn line(command: &Command, width: usize, style: &Style) -> String {
    let name = command.get_name();
    let gap = " ".repeat(width - name.len() + 2);
    let about = command.get_about().map(ToString::to_string);
    let about = about.unwrap_or_default();
    let aliases: Vec<&str> = command.get_visible_aliases().collect();
    let also = match aliases.as_slice() {
        [] => String::new(),
        aliases => format!(" [also: {}]", aliases.join(", ")),
    };
    format!("  {style}{name}{style:#}{gap}{about}{also}\n")
}

fn with_examples(command: Command, path: &[&str], lines: &[&str]) -> Command {
    let Some((name, rest)) = path.split_first() else {
        let (heading, reset) = heading(&command);
        let lines: Vec<String> = lines.iter().map(|line| format!("  {line}")).collect();
        let text = format!("{heading}Examples:{reset}\n{}", lines.join("\n"));
        return command.after_help(text);
    };
    if command.find_subcommand(name).is_none() {
        return command;
    }
    command.mut_subcommand(name, |inner| with_examples(inner, rest, lines))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{command_line, parse};

    fn leaves(command: &Command, above: &str, found: &mut Vec<String>) {
        for inner in command
            .get_subcommands()
            .filter(|inner| !inner.is_hide_set())
        {
            let path = format!("{above} {}", inner.get_name());
            match inner.has_subcommands() {
                true => leaves(inner, &path, found),
                false => found.push(path.trim_start().to_owned()),
            }
        }
    }

    #[test]
    fn every_command_has_an_example_and_a_group() {
        let mut commands = Vec::new();
        leaves(&command_line(), "", &mut commands);
        for command in &commands {
            let has_example = EXAMPLES.iter().any(|(path, _)| path == command);
            assert!(has_example, "give `{command}` a line in EXAMPLES");
            let first = command.split(' ').next().unwrap_or_default();
            let has_group = GROUPS.iter().any(|(_, names)| names.contains(&first));
            assert!(has_group, "put `{command}` into GROUPS");
        }
        for (path, _) in EXAMPLES {
            assert!(commands.iter().any(|command| command == path), "{path}");
        }
    }

    #[test]
    fn every_example_is_a_command_line() {
        for line in EXAMPLES.iter().flat_map(|(_, lines)| *lines) {
            let typed = line.split(['#', '|', '>']).next().unwrap_or_default();
            let words = shell_words::split(typed).expect(line);
            parse(words).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }
}
