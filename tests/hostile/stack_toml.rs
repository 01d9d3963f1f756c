//! stack.toml and what it includes.

use crate::case::Ends::{Fine, Refused};
use crate::case::{cases, each};

const MIB: usize = 1024 * 1024;

cases! {
    lists_10_000_deep("check", Refused(&["stack.toml", "nested deeper than 64"])) |folder| {
        folder.stack(format!("x-a = {}{}\n", "[".repeat(10_000), "]".repeat(10_000)));
    };
    inline_tables_10_000_deep("check", Refused(&["nested deeper than 64"])) |folder| {
        folder.stack(format!("x-a = {}1{}\n", "{a = ".repeat(10_000), "}".repeat(10_000)));
    };
    a_header_of_10_000_parts("check", Refused(&["nested deeper than 64"])) |folder| {
        folder.stack(format!("[x-a{}]\n", ".a".repeat(10_000)));
    };
    a_key_of_10_000_parts("check", Refused(&["nested deeper than 64"])) |folder| {
        folder.stack(format!("x-a{} = 1\n", ".a".repeat(10_000)));
    };
    brackets_without_end("check", Refused(&["nested deeper than 64"])) |folder| {
        folder.stack(format!("x-a = {}", "[".repeat(4_000_000)));
    };
    a_stack_of_100_mb("check", Refused(&["stack.toml", "larger than 4 MiB"])) |folder| {
        folder.sparse("stack.toml", 100_000_000);
    };
    a_stack_that_is_no_text("check", Refused(&["stack.toml", "not UTF-8"])) |folder| {
        folder.write("stack.toml", b"[stack]\nname = \"\xff\xfe\"\n");
    };
    a_stack_of_zeros("check", Refused(&["stack.toml"])) |folder| {
        folder.sparse("stack.toml", 4_000_000);
    };
    a_key_twice("check", Refused(&["stack.toml", "there twice"])) |folder| {
        folder.stack("[services.a]\nimage = \"x:1\"\nimage = \"y:1\"\n");
    };
    a_table_twice("check", Refused(&["stack.toml", "there twice"])) |folder| {
        folder.stack("[services.a]\nimage = \"x:1\"\n[services.a]\nimage = \"x:1\"\n");
    };
    more_words_than_a_stack_has("check", Refused(&["stack.toml", "words and signs"])) |folder| {
        folder.stack("#\n".repeat(1_900_000));
    };
    many_tables("check", Refused(&["stack.toml", "more than 100000 values"])) |folder| {
        folder.stack(each(400_000, |n| format!("[a{n}]\n")));
    };
    more_numbers_than_a_stack_has("check", Refused(&["stack.toml", "more than 100000 values"])) |folder| {
        folder.stack("[services.a]\nimage = \"x:1\"\nx-list = [".to_owned() + &"1,".repeat(190_000) + "]\nfoo = 1\n");
    };
    forty_thousand_unknown_keys("check", Refused(&["stack.toml"])) |folder| {
        folder.stack(each(40_000, |n| format!("k{n}=1\n")));
    };
    one_long_comment("check", Fine) |folder| {
        folder.stack(format!("#{}\n[services.a]\nimage = \"x:1\"\n", "x".repeat(4_000_000)));
    };
    one_long_description("check", Fine) |folder| {
        folder.stack(format!("description = \"{}\"\n[services.a]\nimage = \"x:1\"\n", "x".repeat(4_000_000)));
    };
    one_long_label("render", Fine) |folder| {
        folder.stack(format!("[services.a]\nimage = \"x:1\"\nlabels.l = \"{}\"\n", "x".repeat(4_000_000)));
    };
    a_quote_that_never_closes("check", Refused(&["stack.toml"])) |folder| {
        folder.stack(format!("description = \"{}", "x".repeat(4_000_000)));
    };
    a_line_of_quotes("check", Refused(&["stack.toml"])) |folder| {
        folder.stack(format!("a = {}", "\"".repeat(4_000_000)));
    };
    a_name_of_a_mebibyte("check", Fine) |folder| {
        folder.stack(format!("[services.{}]\nimage = \"x:1\"\n", "a".repeat(MIB)));
    };
    an_unknown_key_of_a_mebibyte("check", Refused(&["stack.toml"])) |folder| {
        folder.stack(format!("[services.a]\nimage = \"x:1\"\n{} = 1\n", "a".repeat(MIB)));
    };
    a_dependency_of_a_mebibyte("check", Refused(&["stack.toml"])) |folder| {
        folder.stack(format!("[services.a]\nimage = \"x:1\"\ndepends_on = [\"{}\"]\n", "b".repeat(MIB)));
    };
    ten_thousand_mistakes("check", Refused(&["stack.toml", "1000 errors"])) |folder| {
        folder.stack(each(2_500, |n| format!("[services.s{n}]\nimag = \"x:1\"\nprts = 1\ncomand = 2\nenv = 3\n")));
    };
    a_million_dollars("check", Refused(&["stack.toml", "variables"])) |folder| {
        folder.stack(format!("[services.a]\nimage = \"{}\"\n", "$a".repeat(MIB)));
    };
    variables_10_000_deep("check", Refused(&["stack.toml", "nested deeper than 64"])) |folder| {
        folder.stack(format!("[services.a]\nimage = \"{}x{}\"\n", "${A:-".repeat(10_000), "}".repeat(10_000)));
    };
    constants_that_double("check", Refused(&["stack.toml", "too long"])) |folder| {
        let lines = each(40, |n| format!("V{} = \"${{V{n}}}${{V{n}}}\"\n", n + 1));
        folder.stack(format!("[vars]\nV0 = \"xxxxxxxx\"\n{lines}[services.a]\nimage = \"$V40\"\n"));
    };
    a_mebibyte_in_many_places("check", Refused(&["stack.toml", "too long"])) |folder| {
        let lines = each(200, |n| format!("E{n} = \"$V\"\n"));
        folder.stack(format!("[vars]\nV = \"{}\"\n[services.a]\nimage = \"x:1\"\n[services.a.environment]\n{lines}", "x".repeat(MIB)));
    };
    kibibytes_in_many_places("check", Refused(&["stack.toml", "too long"])) |folder| {
        let lines = each(2_000, |n| format!("E{n} = \"$V\"\n"));
        folder.stack(format!("[vars]\nV = \"{}\"\n[services.a]\nimage = \"x:1\"\n[services.a.environment]\n{lines}", "x".repeat(60_000)));
    };
    a_long_text_in_a_mixin_of_many("check", Refused(&["stack.toml"])) |folder| {
        let services = each(500, |n| format!("[services.s{n}]\nimage = \"x:1\"\nmixins = [\"m\"]\n"));
        folder.stack(format!("[mixins.m.labels]\nl = \"{}\"\n{services}", "x".repeat(900_000)));
    };
    a_long_text_in_the_defaults("check", Refused(&["stack.toml"])) |folder| {
        let services = each(500, |n| format!("[services.s{n}]\nimage = \"x:1\"\n"));
        folder.stack(format!("[defaults.service.labels]\nl = \"{}\"\n{services}", "x".repeat(900_000)));
    };
    a_large_mixin_of_many("check", Refused(&["stack.toml", "values"])) |folder| {
        let labels = each(5_000, |n| format!("l{n} = \"\"\n"));
        let services = each(1_000, |n| format!("[services.s{n}]\nimage = \"x:1\"\nmixins = [\"m\"]\n"));
        folder.stack(format!("[mixins.m.labels]\n{labels}{services}"));
    };
    a_mixin_a_thousand_times_in_one("check", Refused(&["stack.toml", "values"])) |folder| {
        let labels = each(5_000, |n| format!("l{n} = \"\"\n"));
        folder.stack(format!("[mixins.m.labels]\n{labels}[services.a]\nimage = \"x:1\"\nmixins = [{}]\n", "\"m\",".repeat(10_000)));
    };
    much_removed_from_much("check", Refused(&["stack.toml", "removed"])) |folder| {
        let (below, above) = (each(20_000, |n| format!("\"a{n}\",")), each(20_000, |n| format!("\"b{n}\",")));
        folder.stack(format!("[mixins.m]\ndns = [{below}]\n[services.s]\nimage = \"x:1\"\nmixins = [\"m\"]\ndns = {{ remove = [{above}] }}\n"));
    };
    many_overlays_of_many_services("check", Fine) |folder| {
        let services = each(300, |n| format!("[services.s{n}]\nimage = \"x:1\"\n"));
        let overlays = each(300, |n| format!("[overlays.o{n}.services.s1]\nimage = \"y:1\"\n"));
        folder.stack(format!("{services}{overlays}"));
    };
    a_chain_of_3_000_services("check", Fine) |folder| {
        folder.stack(each(3_000, |n| format!("[services.s{n}]\nimage = \"x:1\"\ndepends_on = [\"s{}\"]\n", n.saturating_sub(1).max(usize::from(n == 0)))).replacen("depends_on = [\"s1\"]\n", "", 1));
    };
    a_circle_of_3_000_services("check", Refused(&["stack.toml"])) |folder| {
        folder.stack(each(3_000, |n| format!("[services.s{n}]\nimage = \"x:1\"\ndepends_on = [\"s{}\"]\n", (n + 1) % 3_000)));
    };
    everything_depends_on_everything("check", Refused(&["stack.toml"])) |folder| {
        folder.stack(each(150, |n| format!("[services.s{n}]\nimage = \"x:1\"\ndepends_on = [{}]\n", each(150, |m| format!("\"s{m}\",")))));
    };
    all_ports_of_many_services("check", Refused(&["stack.toml", "port"])) |folder| {
        folder.stack(each(200, |n| format!("[services.s{n}]\nimage = \"x:1\"\nports = [\"1-65535:1-65535\"]\nexpose = [\"1-65535\"]\n")));
    };
    an_include_of_100_mb("check", Refused(&["big.toml", "larger than 4 MiB"])) |folder| {
        folder.stack("include = [\"*.toml\"]\n");
        folder.sparse("big.toml", 100_000_000);
    };
    an_include_that_is_no_text("check", Refused(&["b.toml", "not UTF-8"])) |folder| {
        folder.stack("include = [\"b.toml\"]\n");
        folder.write("b.toml", b"# \xc3\x28\n");
    };
    an_include_10_000_deep("check", Refused(&["b.toml", "nested deeper than 64"])) |folder| {
        folder.stack("include = [\"b.toml\"]\n");
        folder.write("b.toml", format!("x = {}\n", "[".repeat(10_000)));
    };
    includes_of_20_mib("check", Refused(&["larger than"])) |folder| {
        folder.stack("include = [\"in/*.toml\"]\n");
        (0..6).for_each(|n| folder.write(&format!("in/{n}.toml"), format!("#{}\n", "x".repeat(4_000_000))));
    };
    three_thousand_includes("check", Refused(&["one file too many"])) |folder| {
        folder.stack("include = [\"in/*.toml\"]\n");
        (0..3_000).for_each(|n| folder.write(&format!("in/{n}.toml"), ""));
    };
    an_include_that_is_a_pipe("check", Refused(&["b.toml", "not a file"])) |folder| {
        folder.stack("include = [\"b.toml\"]\n");
        folder.pipe("b.toml");
    };
    an_include_that_is_a_device("check", Refused(&["b.toml", "not a file"])) |folder| {
        folder.stack("include = [\"b.toml\"]\n");
        folder.link("b.toml", "/dev/zero");
    };
    an_include_that_is_a_folder("check", Refused(&["b.toml", "not a file"])) |folder| {
        folder.stack("include = [\"b.toml\"]\n");
        folder.folder("b.toml");
    };
    a_pattern_of_many_alternatives("check", Fine) |folder| {
        folder.stack(format!("include = [\"{}.toml\"]\n[services.a]\nimage = \"x:1\"\n", "{a,b}*".repeat(150)));
    };
    patterns_by_the_thousand("check", Refused(&["include"])) |folder| {
        folder.stack(format!("include = [{}]\n", each(5_000, |n| format!("\"x{n}/**/*.toml\","))));
    };
    a_stack_that_is_a_folder("-f stack.toml check", Refused(&["stack.toml", "not a file"])) |folder| {
        folder.folder("stack.toml");
    };
    two_thousand_services_are_fine("check", Fine) |folder| {
        folder.stack(flat(2_000));
    };
    two_thousand_services_are_rendered("render", Fine) |folder| {
        folder.stack(flat(2_000));
    };
}

fn flat(count: usize) -> String {
    let service = |n| {
        format!(
            "[services.s{n:04}]\nimage = \"busybox:1.36\"\nrestart = \"unless-stopped\"\nnetworks = [\"net\"]\nenvironment = {{ SERVICE_INDEX = \"{n}\", LOG_LEVEL = \"info\", GENERATION = \"v0\" }}\nlabels = {{ \"com.example.tier\" = \"flat\" }}\n"
        )
    };
    format!(
        "[networks.net]\ndriver = \"bridge\"\n{}",
        each(count, service)
    )
}
