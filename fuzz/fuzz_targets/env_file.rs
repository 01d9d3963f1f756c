//! Env files of a stack and of a service.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| targets::env_file(text));
