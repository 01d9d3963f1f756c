//! Texts with variables: read, written, filled in.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| targets::interpolation(text));
