//! What is made of the one description of the language: what the decoder takes, the JSON Schema, and the two references in docs/.

#![expect(
    clippy::disallowed_methods,
    reason = "tests read and write their own files and run programs"
)]

mod attributes;
#[path = "../cli/bad_files.rs"]
mod bad_files;
mod decoder;
mod documents;
#[path = "../support/peers.rs"]
mod peers;
mod reference;
mod schema;
mod walk;
