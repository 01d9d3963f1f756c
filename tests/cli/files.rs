//! Rendering and drawing.

use crate::command::{Folder, GOOD};

#[test]
fn what_was_rendered_is_clean_until_someone_edits() {
    let folder = Folder::new(GOOD);
    folder.run(&["render", "--check"]).ends(2);
    folder.run(&["render"]).ends(0);
    let clean = folder.run(&["render", "--check"]).ends(0);
    assert_eq!(clean.stdout, "");
    let compose = folder.read("generated/docker-compose.yml");
    assert!(compose.contains("busybox:1.36"), "{compose}");
    folder.write(
        "generated/docker-compose.yml",
        &compose.replace("1.36", "1.35"),
    );
    let edited = folder.run(&["render", "--check"]).ends(2);
    assert!(edited.stdout.contains("1.35"), "{}", edited.stdout);
    assert!(edited.stdout.contains("1.36"), "{}", edited.stdout);
    assert!(folder.read("generated/docker-compose.yml").contains("1.35"));
}

#[test]
fn printing_writes_nothing() {
    let folder = Folder::new(GOOD);
    let before = folder.paths();
    let ran = folder.run(&["render", "--stdout"]).ends(0);
    assert!(ran.stdout.contains("services:"), "{}", ran.stdout);
    assert_eq!(folder.paths(), before);
}

#[test]
fn the_graph_is_drawn_for_people_and_for_graphviz() {
    let folder = Folder::new(GOOD);
    let tree = folder.run(&["graph"]).ends(0).stdout;
    assert!(
        tree.contains("web\n└─ job   once, after web started"),
        "{tree}"
    );
    assert!(tree.contains("first"), "{tree}");
    let dot = folder.run(&["graph", "--format", "dot"]).ends(0).stdout;
    assert!(dot.starts_with("digraph \"good\" {"), "{dot}");
    assert!(
        dot.contains("\"services:web\" -> \"services:job\" [label=\"started\"];"),
        "{dot}"
    );
    let one = folder.run(&["graph", "--dag", "local"]).ends(0).stdout;
    assert!(!one.contains("web"), "{one}");
}

#[test]
fn the_graph_is_drawn_for_markdown_and_as_a_picture() {
    let folder = Folder::new(GOOD);
    let mermaid = folder.run(&["graph", "--format", "mermaid"]).ends(0).stdout;
    let arrow = "    g0n0 -->|\"started\"| g0n1\n";
    assert!(mermaid.contains(arrow), "{mermaid}");
    let svg = folder.run(&["graph", "--format", "svg"]).ends(0).stdout;
    assert!(svg.starts_with("<svg "), "{svg}");
    assert!(svg.contains(">busybox:1.36</text>"), "{svg}");
    assert!(
        svg.contains("<title>job after web started</title>"),
        "{svg}"
    );
    let again = folder.run(&["graph", "--format", "svg"]).ends(0).stdout;
    assert_eq!(svg, again);
}

#[test]
fn the_picture_in_the_docs_is_of_the_stack_beside_it() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = Folder::empty();
    let file = root.join("stack.toml");
    let file = file.to_str().expect("a path");
    let svg = folder
        .run(&["graph", "--format", "svg", "-f", file])
        .ends(0);
    let path = root.join("docs/platform.svg");
    if std::env::var_os("STACKGEN_BLESS").is_some() {
        std::fs::write(&path, &svg.stdout).expect("it is written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == svg.stdout,
        "draw it anew: stackgen graph --format svg > docs/platform.svg"
    );
}

#[test]
fn every_shell_and_every_command_has_its_file() {
    let folder = Folder::empty();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = folder.run(&["completions", shell]).ends(0).stdout;
        assert!(script.contains("overlay"), "{shell}: {script}");
    }
    let page = folder.run(&["man"]).ends(0).stdout;
    assert!(page.contains(".TH stackgen 1"), "{page}");
    folder.run(&["man", "pages"]).ends(0);
    for name in ["stackgen", "stackgen-apply", "stackgen-dag-run"] {
        let page = folder.read(&format!("pages/{name}.1"));
        let name = name.replace('-', "\\-");
        assert!(page.contains(&format!("{name} \\-")), "{page}");
    }
}

#[test]
fn a_template_of_ones_own_makes_a_file_like_any_other() {
    let stack = format!(
        "{GOOD}\n[render.files.\"sites/{{name}}.conf\"]\ntemplate = \"site.j2\"\nfor_each = \"services\"\nvalues = {{ port = 80 }}\n"
    );
    let folder = Folder::new(&stack);
    folder.write("templates/site.j2", "{{ item.name }}:{{ values.port }}\n");
    folder.run(&["render"]).ends(0);
    assert_eq!(folder.read("generated/sites/web.conf"), "web:80\n");
    folder.run(&["render", "--check"]).ends(0);
    folder.write("templates/site.j2", "{{ item.name }}\n");
    let edited = folder.run(&["render", "--check"]).ends(2);
    assert!(
        edited.stdout.contains("-web:80\n+web\n"),
        "{}",
        edited.stdout
    );
    let data = folder.run(&["render", "--data"]).ends(0).json();
    assert_eq!(data["services"]["job"]["depends_on"]["web"], "started");
}

#[test]
fn a_mistake_in_a_template_is_shown_with_its_line_and_nothing_is_written() {
    let folder = Folder::new(&format!("{GOOD}\n[render.files]\n\"a.txt\" = \"a.j2\"\n"));
    folder.write("templates/a.j2", "fine\n  {{ stack.nmae }}\n");
    let before = folder.paths();
    for command in ["render", "check"] {
        let ran = folder.run(&[command]).ends(65);
        let said = ran.stdout + &ran.stderr;
        assert!(said.contains("bad-template"), "{said}");
        assert!(said.contains("templates/a.j2:2:3"), "{said}");
        assert!(said.contains("{{ stack.nmae }}"), "{said}");
        assert!(said.contains("did you mean name?"), "{said}");
    }
    assert_eq!(folder.paths(), before);
}

#[test]
fn sockets_are_compared_and_set_only_with_consent() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::empty();
    let path = folder.path().join("a.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&path).expect("a socket");
    let set = |mode| std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).expect("set");
    let mode = || {
        std::fs::metadata(&path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    set(0o600);
    let stack = format!(
        "[stack]\nname = \"s\"\n[sockets.a]\npath = \"{}\"\nmode = \"0660\"\n",
        path.display()
    );
    folder.write("stack.toml", &stack);
    let checked = folder.run(&["sockets", "check"]).ends(2);
    assert!(checked.stdout.contains("0600 → 0660"), "{}", checked.stdout);
    folder.run(&["sockets", "fix"]).ends(3);
    assert_eq!(mode(), 0o600, "nobody agreed");
    folder.run(&["sockets", "fix", "-y"]).ends(0);
    assert_eq!(mode(), 0o660);
    folder.run(&["sockets", "check"]).ends(0);
    folder.write("stack.toml", &stack.replace("0660", "0666"));
    folder.run(&["sockets", "fix", "-y"]).ends(65);
    assert_eq!(
        mode(),
        0o660,
        "rights for everybody take allow_world_access"
    );
}

#[test]
fn a_file_that_is_not_rendered_any_more_is_told_and_removed() {
    let folder = Folder::new(&format!(
        "{GOOD}\n[render.files]\n\"notes/a.txt\" = \"a.j2\"\n\"b.txt\" = \"a.j2\"\n"
    ));
    folder.write("templates/a.j2", "{{ stack.name }}\n");
    folder.run(&["render"]).ends(0);
    folder.write("stack.toml", GOOD);
    folder.write("generated/b.txt", "mine\n");
    let told = folder.run(&["render", "--check"]).ends(2);
    let gone = "--- a/generated/notes/a.txt\n+++ /dev/null\n";
    assert!(told.stdout.contains(gone), "{}", told.stdout);
    assert_eq!(folder.read("generated/notes/a.txt"), "good\n");
    let said = folder.run(&["render"]).ends(0).stderr;
    assert!(said.contains("removed    generated/notes/a.txt"), "{said}");
    assert!(said.contains("warning: generated/b.txt is not"), "{said}");
    assert!(!folder.path().join("generated/notes").exists());
    assert_eq!(folder.read("generated/b.txt"), "mine\n");
}
