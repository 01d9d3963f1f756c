//! Text of stack.toml, its mistakes and what it renders to.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| targets::stack_toml(text));
