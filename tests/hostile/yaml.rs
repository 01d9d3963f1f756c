//! Compose files that are imported.

use crate::case::Ends::{Fine, Refused};
use crate::case::{Folder, cases, each};

fn with(folder: &Folder<'_>, yaml: impl AsRef<[u8]>) {
    folder.write("c.yml", yaml);
}

const VALUES: &[&str] = &["c.yml:", "more than"];

/// A file that includes or extends nothing, with a service of `count` labels.
fn labels(count: usize) -> String {
    let labels = each(count, |n| format!("      l{n}: x\n"));
    format!("services:\n  base:\n    image: x:1\n    labels:\n{labels}")
}

cases! {
    yaml_of_100_mb("import c.yml --stdout", Refused(&["c.yml", "larger than 4 MiB"])) |folder| folder.sparse("c.yml", 100_000_000);
    yaml_that_is_no_text("import c.yml --stdout", Refused(&["c.yml", "not UTF-8"])) |folder| with(folder, b"services: {a: {image: \xff}}\n");
    yaml_of_zeros("import c.yml --stdout", Refused(&["c.yml"])) |folder| folder.sparse("c.yml", 4_000_000);
    yaml_that_is_a_folder("import c.yml --stdout", Refused(&["c.yml", "not a file"])) |folder| folder.folder("c.yml");
    yaml_that_never_ends("import c.yml --stdout", Refused(&["c.yml", "not a file"])) |folder| folder.link("c.yml", "/dev/zero");
    yaml_with_a_key_twice("import c.yml --stdout", Refused(&["c.yml:4", "twice"])) |folder| with(folder, "services:\n  a:\n    image: x:1\n    image: y:1\n");
    yaml_with_a_service_twice("import c.yml --stdout", Refused(&["c.yml:4", "twice"])) |folder| with(folder, "services:\n  a:\n    image: x:1\n  a:\n    image: y:1\n");
    yaml_lists_10_000_deep("import c.yml --stdout", Refused(&["c.yml:", "nested deeper than 64"])) |folder| with(folder, format!("x-a: {}{}\n", "[".repeat(10_000), "]".repeat(10_000)));
    yaml_maps_10_000_deep("import c.yml --stdout", Refused(&["c.yml:", "nested deeper than 64"])) |folder| with(folder, format!("x-a: {}1{}\n", "{a: ".repeat(10_000), "}".repeat(10_000)));
    yaml_blocks_2_000_deep("import c.yml --stdout", Refused(&["c.yml:", "nested deeper than 64"])) |folder| with(folder, each(2_000, |n| format!("{}a:\n", " ".repeat(n))));
    yaml_dashes_10_000_deep("import c.yml --stdout", Refused(&["c.yml:", "nested deeper than 64"])) |folder| with(folder, format!("x-a:\n  {}1\n", "- ".repeat(10_000)));
    yaml_of_question_marks("import c.yml --stdout", Refused(&["c.yml:"])) |folder| with(folder, "? ".repeat(1_000_000));
    a_billion_laughs("import c.yml --stdout", Refused(VALUES)) |folder| {
        let lines = each(30, |n| format!("x-{}: &a{} [{}]\n", n + 1, n + 1, vec![format!("*a{n}"); 10].join(",")));
        with(folder, format!("x-0: &a0 [lol,lol,lol]\n{lines}services: {{a: {{image: x}}}}\n"));
    };
    a_long_text_many_times("import c.yml --stdout", Refused(VALUES)) |folder| {
        with(folder, format!("x-a: &a {}\nx-b: [{}]\nservices: {{a: {{image: x}}}}\n", "x".repeat(500_000), "*a,".repeat(100_000)));
    };
    a_long_text_in_labels("import c.yml --stdout", Refused(VALUES)) |folder| {
        with(folder, format!("x-a: &a {}\nservices:\n  a:\n    image: x:1\n    labels:\n{}", "x".repeat(100_000), each(3_000, |n| format!("      l{n}: *a\n"))));
    };
    a_long_key_many_times("import c.yml --stdout", Refused(VALUES)) |folder| {
        with(folder, format!("x-a: &a\n  {}: 1\nx-b: [{}]\nservices: {{a: {{image: x}}}}\n", "k".repeat(900), "*a,".repeat(10_000)));
    };
    merge_keys_that_double("import c.yml --stdout", Refused(VALUES)) |folder| {
        let lines = each(40, |n| format!("x-{}: &a{}\n  k{n}: *a{n}\n  l{n}: *a{n}\n  <<: [*a{n}, *a{n}]\n", n + 1, n + 1));
        with(folder, format!("x-0: &a0 {{a: 1, b: 2}}\n{lines}services: {{a: {{image: x}}}}\n"));
    };
    an_alias_of_itself("import c.yml --stdout", Refused(&["c.yml:", "alias"])) |folder| with(folder, "x-a: &a [*a]\n");
    many_small_values("import c.yml --stdout", Refused(VALUES)) |folder| with(folder, format!("x-a: [{}]\nservices: {{a: {{image: x}}}}\n", "1,".repeat(250_000)));
    many_small_maps("import c.yml --stdout", Refused(VALUES)) |folder| with(folder, format!("x-a: [{}]\nservices: {{a: {{image: x}}}}\n", "{a: 1},".repeat(120_000)));
    many_lines_of_values("import c.yml --stdout", Refused(VALUES)) |folder| with(folder, format!("services:\n{}", each(100_000, |n| format!("  s{n}: {{image: x}}\n"))));
    many_labels("import c.yml --stdout", Refused(VALUES)) |folder| with(folder, labels(200_000));
    many_anchors("import c.yml --stdout", Refused(VALUES)) |folder| with(folder, format!("x-a: [{}]\nservices: {{a: {{image: x}}}}\n", each(150_000, |n| format!("&a{n} 1,"))));
    values_up_to_the_bound("import c.yml --stdout", Fine) |folder| with(folder, labels(9_000));
    services_up_to_the_bound("import c.yml --stdout", Fine) |folder| with(folder, format!("services:\n{}", each(1_000, |n| format!("  s{n}:\n    image: busybox:1.36\n    restart: unless-stopped\n    environment:\n      INDEX: \"{n}\"\n    labels:\n      tier: flat\n"))));
    one_text_of_4_mib("import c.yml --stdout", Refused(VALUES)) |folder| with(folder, format!("services:\n  a:\n    image: x:1\n    command: \"{}\"\n", "x".repeat(4_000_000)));
    comments_of_4_mib("import c.yml --stdout", Refused(VALUES)) |folder| with(folder, format!("services:\n{}  a:\n    image: x:1\n", "  # much ado\n".repeat(300_000)));
    one_key_of_4_mib("import c.yml --stdout", Refused(&["c.yml:"])) |folder| with(folder, format!("{}: 1\n", "k".repeat(4_000_000)));
    a_quote_never_closed("import c.yml --stdout", Refused(&["c.yml:"])) |folder| with(folder, format!("a: \"{}", "x".repeat(4_000_000)));
    two_documents("import c.yml --stdout", Refused(&["c.yml:", "second document"])) |folder| with(folder, "a: 1\n---\nb: 1\n");
    tags_without_end("import c.yml --stdout", Refused(&["c.yml:"])) |folder| with(folder, format!("a: {} 1\n", "!a".repeat(1_000_000)));
    an_anchor_of_a_mebibyte("import c.yml --stdout", Refused(VALUES)) |folder| with(folder, format!("x-a: &{} {{a: 1}}\nservices: {{a: {{image: x}}}}\n", "a".repeat(1_500_000)));
    an_anchor_name_used_often("import c.yml --stdout", Refused(VALUES)) |folder| {
        let name = "a".repeat(900);
        with(folder, format!("x-a: &{name} 1\nx-b: [{}]\nservices: {{a: {{image: x}}}}\n", format!("*{name} ,").repeat(4_000)));
    };
    many_mistakes_in_yaml("import c.yml --stdout", Fine) |folder| with(folder, format!("services:\n{}", each(1_000, |n| format!("  s{n}: {{image: x, foo{n}: 1, bar: 2, networks: [n{n}]}}\n"))));
    services_that_share_much("import c.yml --stdout", Fine) |folder| {
        let labels = each(100, |n| format!("      l{n}: x\n"));
        with(folder, format!("services:\n{}", each(59, |n| format!("  s{n}:\n    image: x{n}\n    labels:\n      own{n}: 1\n{labels}"))));
    };
    a_file_that_includes_itself("import c.yml --stdout", Refused(&["c.yml:", "without end"])) |folder| with(folder, "include: [c.yml]\nservices: {a: {image: x}}\n");
    a_file_that_includes_itself_twice("import c.yml --stdout", Refused(&["c.yml:"])) |folder| with(folder, "include: [c.yml, c.yml]\nservices: {a: {image: x}}\n");
    includes_that_double("import c.yml --stdout", Refused(&["yml:"])) |folder| {
        with(folder, "include: [i0.yml, i0.yml]\nservices: {a: {image: x}}\n");
        (0..30).for_each(|n| folder.write(&format!("i{n}.yml"), format!("include: [i{}.yml, i{}.yml]\nservices: {{b: {{image: x}}}}\n", n + 1, n + 1)));
        folder.write("i30.yml", "services: {c: {image: x}}\n");
    };
    many_included_files("import c.yml --stdout", Refused(&["yml:", "more than"])) |folder| {
        with(folder, format!("include: [{}]\n", each(2_500, |n| format!("i/{n}.yml,"))));
        (0..2_500).for_each(|n| folder.write(&format!("i/{n}.yml"), format!("services: {{s{n}: {{image: x, labels: [{}]}}}}\n", "a=b,".repeat(20))));
    };
    one_include_many_times("import c.yml --stdout", Refused(&["yml:", "more than"])) |folder| {
        with(folder, format!("include: [{}]\n", "b.yml,".repeat(20_000)));
        folder.write("b.yml", labels(5_000));
    };
    an_include_of_yaml_100_mb("import c.yml --stdout", Refused(&["b.yml", "larger than 4 MiB"])) |folder| {
        with(folder, "include: [b.yml]\n");
        folder.sparse("b.yml", 100_000_000);
    };
    an_include_bomb("import c.yml --stdout", Refused(&["b.yml:", "more than"])) |folder| {
        with(folder, "include: [b.yml]\n");
        folder.write("b.yml", format!("x-a: [{}]\n", "1,".repeat(250_000)));
    };
    services_that_extend_each_other("import c.yml --stdout", Refused(&["c.yml:", "without end"])) |folder| with(folder, "services: {a: {extends: {service: b}}, b: {extends: {service: a}}}\n");
    a_large_base_of_many("import c.yml --stdout", Refused(&["c.yml:", "more than"])) |folder| {
        with(folder, format!("{}{}", labels(2_000), each(2_000, |n| format!("  s{n}: {{extends: base}}\n"))));
    };
    a_base_with_a_long_text("import c.yml --stdout", Refused(&["c.yml:", "more than"])) |folder| {
        with(folder, format!("services:\n  base:\n    image: x:1\n    command: {}\n{}", "x".repeat(300_000), each(1_000, |n| format!("  s{n}: {{extends: base}}\n"))));
    };
    a_long_chain_of_extends("import c.yml --stdout", Refused(&["c.yml:"])) |folder| {
        with(folder, format!("services:\n  s0: {{image: x}}\n{}", each(5_000, |n| format!("  s{}: {{extends: s{n}}}\n", n + 1))));
    };
    a_base_in_a_bomb("import c.yml --stdout", Refused(&["b.yml:", "more than"])) |folder| {
        with(folder, "services: {a: {extends: {file: b.yml, service: b}}}\n");
        folder.write("b.yml", format!("x-a: [{}]\n", "1,".repeat(250_000)));
    };
    an_env_file_of_yaml_is_not_read("import c.yml --stdout", Fine) |folder| {
        with(folder, "services: {a: {image: x, env_file: [big.env]}}\n");
        folder.sparse("big.env", 100_000_000);
    };
    many_long_paths("import sub/c.yml --stdout", Refused(&["sub/b", "more than"])) |folder| {
        folder.write("sub/c.yml", format!("include: [{}]\n", each(300, |n| format!("{}b{n}.yml,", "x/../".repeat(400)))));
        (0..300).for_each(|n| folder.write(&format!("sub/b{n}.yml"), format!("services: {{s{n}: {{image: x, volumes: [{}]}}}}\n", "./a:/b,".repeat(500))));
    };
}
