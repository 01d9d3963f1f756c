//! One strange text in every free place of a stack, rendered and read back.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| targets::strange_text(text));
