//! What a stack, its observed counterpart and their names are.
//!
//! **Invariant:** only values and pure functions. This room imports no other one, reads nothing and knows no engine.

mod attribute;
mod build;
mod causes;
mod checks;
mod container;
mod cron;
mod desired;
mod image;
mod image_lock;
mod limits;
mod name;
mod observed;
mod path;
mod pipeline;
mod policy;
mod quantity;
mod rare;
mod resource;
mod secret;
mod service;
mod source;
mod stack;
mod template;
mod template_parse;
mod user_file;
mod value;

pub use attribute::*;
pub use build::*;
pub use causes::*;
pub use container::*;
pub use cron::*;
pub use desired::*;
pub use image::*;
pub use image_lock::*;
pub use limits::*;
pub use name::*;
pub use observed::*;
pub use path::*;
pub use pipeline::*;
pub use policy::*;
pub use quantity::*;
pub use rare::*;
pub use resource::*;
pub use secret::*;
pub use service::*;
pub use source::*;
pub use stack::*;
pub use template::*;
pub use template_parse::*;
pub use user_file::*;
pub use value::*;
