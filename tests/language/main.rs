//! What is made of the one description of the language: what the decoder takes, the JSON Schema, and the two references in docs/.

mod decoder;
mod walk;
