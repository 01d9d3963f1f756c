//! `.env`, and the env files of services.

use crate::case::Ends::{Fine, Refused};
use crate::case::{Folder, cases, each};

const SERVICE: &str = "[services.a]\nimage = \"x:1\"\n";

fn with(folder: &Folder<'_>, env: impl AsRef<[u8]>) {
    folder.stack(SERVICE);
    folder.write(".env", env);
}

/// A service whose env file is `a.env`.
fn of_service(folder: &Folder<'_>, env: impl AsRef<[u8]>) {
    folder.stack(format!("{SERVICE}env_file = \"a.env\"\n"));
    folder.write("a.env", env);
}

cases! {
    an_env_of_100_mb("check", Refused(&[".env", "larger than 4 MiB"])) |folder| {
        folder.stack(SERVICE);
        folder.sparse(".env", 100_000_000);
    };
    an_env_that_is_no_text("check", Refused(&[".env", "not UTF-8"])) |folder| with(folder, b"A=\xff\n");
    an_env_of_zeros("check", Refused(&[".env", "NUL"])) |folder| {
        folder.stack(SERVICE);
        folder.sparse(".env", 4_000_000);
    };
    an_env_that_is_a_folder("check", Refused(&[".env", "not a file"])) |folder| {
        folder.stack(SERVICE);
        folder.folder(".env");
    };
    an_env_that_is_a_pipe("check", Refused(&[".env", "not a file"])) |folder| {
        folder.stack(SERVICE);
        folder.pipe(".env");
    };
    an_env_that_never_ends("check", Refused(&[".env", "not a file"])) |folder| {
        folder.stack(SERVICE);
        folder.link(".env", "/dev/zero");
    };
    an_env_of_many_variables("check", Refused(&[".env", "variables in one file"])) |folder| with(folder, each(400_000, |n| format!("V{n}=1\n")));
    an_env_up_to_the_bound("check", Fine) |folder| with(folder, each(9_000, |n| format!("V{n}={}\n", "x".repeat(100))));
    an_env_of_short_names("check", Refused(&[".env"])) |folder| with(folder, "A=1\n".repeat(1_000_000));
    an_env_of_bare_names("check", Refused(&[".env"])) |folder| with(folder, each(500_000, |n| format!("A{n}\n")));
    an_env_with_a_value_of_4_mib("check", Refused(&[".env", "too long"])) |folder| with(folder, format!("A={}\n", "x".repeat(4_000_000)));
    an_env_of_kibibytes("check", Fine) |folder| with(folder, each(60, |n| format!("A{n}={}\n", "x".repeat(65_000))));
    an_env_that_doubles("check", Refused(&[".env", "too long"])) |folder| with(folder, format!("A0=xxxxxxxx\n{}", each(60, |n| format!("A{}=$A{n}$A{n}\n", n + 1))));
    an_env_10_000_deep("check", Refused(&[".env", "nested deeper than 64"])) |folder| with(folder, format!("A={}{}\n", "${A:-".repeat(10_000), "}".repeat(10_000)));
    an_env_with_open_braces("check", Refused(&[".env"])) |folder| with(folder, format!("A={}\n", "${".repeat(1_900_000)));
    an_env_of_dollars("check", Refused(&[".env", "variables"])) |folder| with(folder, format!("A={}\n", "$a".repeat(1_900_000)));
    an_env_with_open_quotes("check", Refused(&[".env"])) |folder| with(folder, "A=\"\\\"\n".repeat(500_000));
    an_env_of_mistakes("check", Refused(&[".env", "errors"])) |folder| with(folder, "no variable here\n".repeat(200_000));
    an_env_line_of_4_mib("check", Refused(&[".env"])) |folder| with(folder, " a".repeat(2_000_000));
    an_env_name_of_a_mebibyte("check", Refused(&[".env"])) |folder| with(folder, format!("{}=${{A:?{}}}\n", "N".repeat(1_000_000), "m".repeat(1_000_000)));
    an_env_example_of_100_mb("check", Refused(&[".env.example", "larger than 4 MiB"])) |folder| {
        folder.stack(SERVICE);
        folder.sparse(".env.example", 100_000_000);
    };
    an_env_file_of_100_mb("check", Refused(&["a.env", "larger than 4 MiB"])) |folder| {
        of_service(folder, "");
        folder.sparse("a.env", 100_000_000);
    };
    an_env_file_that_is_no_text("check", Refused(&["a.env", "not UTF-8"])) |folder| of_service(folder, b"A=\xff\n");
    an_env_file_of_many_variables("check", Refused(&["a.env"])) |folder| of_service(folder, each(400_000, |n| format!("V{n}=1\n")));
    an_env_file_that_doubles("check", Refused(&["a.env", "too long"])) |folder| of_service(folder, format!("A0=xxxxxxxx\n{}", each(60, |n| format!("A{}=$A{n}$A{n}\n", n + 1))));
    a_raw_env_file_of_many_lines("check", Refused(&["a.env"])) |folder| {
        folder.stack(format!("{SERVICE}env_file = [{{ path = \"a.env\", format = \"raw\" }}]\n"));
        folder.write("a.env", each(500_000, |n| format!("A{n}\n")));
    };
    a_large_env_file_of_many_services("check", Refused(&["env"])) |folder| {
        folder.stack(each(1_000, |n| format!("[services.s{n}]\nimage = \"x:1\"\nenv_file = \"a.env\"\n")));
        folder.write("a.env", each(5_000, |n| format!("V{n}={}\n", "x".repeat(300))));
    };
    a_long_value_of_many_services("check", Refused(&["env"])) |folder| {
        folder.stack(each(1_000, |n| format!("[services.s{n}]\nimage = \"x:1\"\nenv_file = \"a.env\"\n")));
        folder.write("a.env", format!("A={}\n", "x".repeat(900_000)));
    };
    an_env_file_that_a_service_names_often("check", Refused(&["env"])) |folder| {
        folder.stack(format!("{SERVICE}env_file = [{}]\n", "\"a.env\",".repeat(20_000)));
        folder.write("a.env", each(50, |n| format!("V{n}={}\n", "x".repeat(30))));
    };
    three_thousand_env_files("check", Refused(&["one file too many"])) |folder| {
        folder.stack(format!("{SERVICE}env_file = [{}]\n", each(3_000, |n| format!("\"e/{n}.env\","))));
        (0..3_000).for_each(|n| folder.write(&format!("e/{n}.env"), "A=1\n"));
    };
}
