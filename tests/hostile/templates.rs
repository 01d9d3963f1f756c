//! Templates of the user's.

use crate::case::Ends::{Fine, Refused};
use crate::case::{Folder, cases, each};

/// A stack that renders one file from one template.
fn with(folder: &Folder<'_>, template: impl AsRef<[u8]>) {
    folder.stack("[services.a]\nimage = \"x:1\"\n[render.files]\n\"a.txt\" = \"a.j2\"\n");
    folder.write("templates/a.j2", template);
}

/// A mistake of the template, told with its place.
const BOUNDS: &[&str] = &["a.j2:"];
const WORK: &[&str] = &["a.j2:", "takes more work or room"];

cases! {
    a_template_of_100_mb("render", Refused(&["a.j2", "larger than"])) |folder| {
        with(folder, "");
        folder.sparse("templates/a.j2", 100_000_000);
    };
    a_template_that_is_no_text("render", Refused(&["a.j2", "not UTF-8"])) |folder| with(folder, b"\xff\xfe");
    a_template_that_is_a_folder("render", Refused(&["a.j2", "not a file"])) |folder| {
        with(folder, "");
        std::fs::remove_file(folder.0.join("templates/a.j2")).expect("it is there");
        folder.folder("templates/a.j2");
    };
    a_template_that_is_a_pipe("render", Refused(&["b.j2", "not a file"])) |folder| {
        with(folder, "");
        folder.pipe("templates/b.j2");
    };
    templates_of_20_mib("render", Refused(&[".j2", "larger than"])) |folder| {
        with(folder, "");
        (0..6).for_each(|n| folder.write(&format!("templates/b{n}.j2"), "x".repeat(4_000_000)));
    };
    templates_by_the_thousand("render", Refused(&["one file too many"])) |folder| {
        with(folder, "");
        (0..3_000).for_each(|n| folder.write(&format!("templates/b{n}.j2"), ""));
    };
    a_margin_of_a_gigabyte("render", Refused(BOUNDS)) |folder| with(folder, "{{ services|json(1000000000) }}");
    an_indent_of_a_gigabyte("render", Refused(BOUNDS)) |folder| with(folder, "{{ services|yaml_block(1000000000) }}");
    the_indent_of_jinja("render", Refused(BOUNDS)) |folder| with(folder, "{{ 'a\\nb\\nc'|indent(1000000000) }}");
    a_format_of_a_gigabyte("render", Refused(BOUNDS)) |folder| with(folder, "{{ '%1000000000s'|format('x') }}");
    a_sum_without_end("render", Refused(&["a.j2:", "words and signs"])) |folder| with(folder, format!("{{{{ {}1 }}}}", "1+".repeat(400_000)));
    a_chain_of_filters("render", Refused(&["a.j2:", "words and signs"])) |folder| with(folder, format!("{{{{ 'a'{} }}}}", "|upper".repeat(100_000)));
    a_chain_of_names("render", Refused(&["a.j2:", "words and signs"])) |folder| with(folder, format!("{{{{ services{} }}}}", ".a".repeat(200_000)));
    a_chain_of_calls("render", Refused(&["a.j2:", "words and signs"])) |folder| with(folder, format!("{{{{ range{} }}}}", "()".repeat(200_000)));
    a_chain_of_conditions("render", Refused(&["a.j2:", "words and signs"])) |folder| with(folder, format!("{{{{ {}1 }}}}", "1 if 0 else ".repeat(50_000)));
    not_without_end("render", Refused(&["a.j2:", "words and signs"])) |folder| with(folder, format!("{{{{ {}1 }}}}", "not ".repeat(200_000)));
    minus_without_end("render", Refused(&["a.j2:", "words and signs"])) |folder| with(folder, format!("{{{{ {}1 }}}}", "- ".repeat(200_000)));
    elif_without_end("render", Refused(BOUNDS)) |folder| with(folder, format!("{{% if 0 %}}{}{{% endif %}}", "{% elif 0 %}".repeat(80_000)));
    parentheses_10_000_deep("render", Refused(BOUNDS)) |folder| with(folder, format!("{{{{ {}1{} }}}}", "(".repeat(10_000), ")".repeat(10_000)));
    blocks_10_000_deep("render", Refused(BOUNDS)) |folder| with(folder, format!("{}{}", "{% if 1 %}".repeat(10_000), "{% endif %}".repeat(10_000)));
    a_template_of_tags("render", Refused(&["a.j2:", "words and signs"])) |folder| with(folder, "{{1}}".repeat(200_000));
    a_line_of_a_mebibyte_with_a_slip("render", Refused(&["a.j2:"])) |folder| with(folder, format!("{}{{{{ nothing }}}}", "x".repeat(900_000)));
    a_name_of_many_bytes("render", Refused(&["a.j2:"])) |folder| with(folder, format!("{{{{ {} }}}}", "n".repeat(900_000)));
    a_text_that_doubles("render", Refused(WORK)) |folder| with(folder, "{% set ns = namespace(x='xxxxxxxx') %}{% for i in range(40) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x|length }}");
    a_text_that_doubles_in_lines("render", Refused(WORK)) |folder| with(folder, format!("{{% set x = 'xxxxxxxx' %}}{}{{{{ x }}}}", "{% set x = x + x %}\n".repeat(40)));
    a_text_times_a_billion("render", Refused(BOUNDS)) |folder| with(folder, "{{ 'x' * 1000000000 }}");
    a_text_times_a_million_many_times("render", Refused(WORK)) |folder| with(folder, "{% for i in range(1000) %}{{ 'x' * 1000000 }}{% endfor %}");
    texts_that_are_kept("render", Refused(WORK)) |folder| with(folder, "{% set ns = namespace(x=[]) %}{% for i in range(1000) %}{% set ns.x = ns.x + ['x' * 1000000] %}{% endfor %}");
    a_text_that_is_replaced("render", Refused(WORK)) |folder| with(folder, "{% set ns = namespace(x='xx') %}{% for i in range(40) %}{% set ns.x = ns.x|replace('x', 'xxxx') %}{% endfor %}");
    a_text_that_is_joined("render", Refused(WORK)) |folder| with(folder, "{% set ns = namespace(x='xx') %}{% for i in range(40) %}{% set ns.x = [ns.x, ns.x, ns.x]|join(ns.x) %}{% endfor %}");
    a_list_in_itself("render", Refused(BOUNDS)) |folder| with(folder, "{% set ns = namespace(x=[1]) %}{% for i in range(5000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x|json }}");
    a_list_that_doubles("render", Refused(BOUNDS)) |folder| with(folder, "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x|json }}");
    a_list_that_doubles_as_yaml("render", Refused(BOUNDS)) |folder| with(folder, "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x|yaml_block(2) }}");
    a_list_that_doubles_as_python("render", Refused(BOUNDS)) |folder| with(folder, "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x|python }}");
    deep_maps_as_yaml("render", Refused(BOUNDS)) |folder| with(folder, "{% set ns = namespace(x={'a': 'b'}) %}{% for i in range(3000) %}{% set ns.x = {'a': ns.x} %}{% endfor %}{{ ns.x|yaml_block(0) }}");
    loops_in_loops("render", Refused(WORK)) |folder| with(folder, "{% for i in range(9999) %}{% for j in range(9999) %}{% for k in range(9999) %}{% endfor %}{% endfor %}{% endfor %}");
    a_range_of_a_billion("render", Refused(BOUNDS)) |folder| with(folder, "{{ range(1000000000)|list|length }}");
    an_output_of_gigabytes("render", Refused(WORK)) |folder| with(folder, format!("{{% for i in range(9999) %}}{}{{% endfor %}}", "x".repeat(100_000)));
    a_capture_of_gigabytes("render", Refused(WORK)) |folder| with(folder, format!("{{% set c %}}{{% for i in range(9999) %}}{}{{% endfor %}}{{% endset %}}", "x".repeat(100_000)));
    a_macro_of_itself("render", Refused(BOUNDS)) |folder| with(folder, "{% macro m(x) %}{{ m(x ~ x) }}{% endmacro %}{{ m('xx') }}");
    a_template_that_includes_itself("render", Refused(BOUNDS)) |folder| with(folder, "{% include 'a.j2' %}");
    a_template_that_extends_itself("render", Refused(BOUNDS)) |folder| with(folder, "{% extends 'a.j2' %}");
    a_loop_of_itself("render", Refused(BOUNDS)) |folder| with(folder, "{% for x in [1] recursive %}{{ loop([1, 2]) }}{% endfor %}");
    all_services_for_each_service("render", Refused(&["a.j2:"])) |folder| {
        folder.stack(format!("{}[render.files]\n\"${{name}}.txt\" = {{ template = \"a.j2\", for_each = \"services\" }}\n", each(1_000, |n| format!("[services.s{n}]\nimage = \"x:1\"\n"))));
        folder.write("templates/a.j2", "{% for name, s in services|items %}{{ s.compose|json }}{% endfor %}");
    };
    one_template_for_many_files("render", Refused(&["a.j2"])) |folder| {
        folder.stack(format!("[services.a]\nimage = \"x:1\"\n[render.files]\n{}", each(1_000, |n| format!("\"f{n}.txt\" = \"a.j2\"\n"))));
        folder.write("templates/a.j2", "x".repeat(900_000));
    };
    own_compose_template("render", Refused(&["docker-compose.yml.j2:"])) |folder| {
        folder.stack("[services.a]\nimage = \"x:1\"\n");
        folder.write("templates/docker-compose.yml.j2", "{% for i in range(9999) %}{% for j in range(9999) %}x{% endfor %}{% endfor %}");
    };
    a_plain_template_is_fine("render", Fine) |folder| {
        folder.stack(format!("{}[render.files]\n\"a.txt\" = \"a.j2\"\n", each(300, |n| format!("[services.s{n}]\nimage = \"x:1\"\n"))));
        folder.write("templates/a.j2", "{% for name, service in services|items %}{{ name }}: {{ service.compose|json(2) }}\n{{ service.compose|yaml_block(4) }}\n{% endfor %}");
    };
}
