//! Compose files on their way to stack.toml.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| targets::yaml_import(text));
