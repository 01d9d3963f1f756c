//! Images whose contents change under the same name.

use crate::model::{ContainerPath, Form, ImageReference};

use super::super::Code;
use super::Linting;

/// Tells images without a tag, or with the tag `latest`. A service that is built has a name of its own choice.
pub(super) fn unpinned<F: Form>(linting: &mut Linting<'_, F>) {
    let code = Code::UnpinnedImage;
    for (path, options) in linting.containers() {
        let Some(image) = options.image.as_ref().and_then(F::known) else {
            continue;
        };
        let service = match path {
            ContainerPath::Service(name) => linting.stack.service(name),
            ContainerPath::Task(..) => None,
        };
        let is_built = service.is_some_and(|service| service.more.contains_key("build"));
        let Some((name, label)) = moving(image).filter(|_| !is_built) else {
            continue;
        };
        let message = format!("{path} runs {image}, which is another image after each release");
        let help = format!("name a version, as in \"{name}:VERSION\"");
        linting.value(code, &path.join("image"), message, label, &help);
    }
}

/// Returns the name of an image that moves, and why it does.
fn moving(image: &ImageReference) -> Option<(&str, &'static str)> {
    let text = image.as_str();
    if text.contains('@') {
        return None;
    }
    let start = text.rfind('/').map_or(0, |at| at + 1);
    match text[start..].split_once(':') {
        None => Some((text, "no tag means latest")),
        Some((name, "latest")) => Some((&text[..start + name.len()], "")),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_but_latest_or_a_digest_pins_an_image() {
        let digest = "a@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        for (text, expected) in [
            ("redis", Some("redis")),
            ("redis:latest", Some("redis")),
            ("host:5000/team/app", Some("host:5000/team/app")),
            ("host:5000/team/app:latest", Some("host:5000/team/app")),
            ("redis:7.2", None),
            ("mlflow:local", None),
            (digest, None),
        ] {
            let image = ImageReference::parse(text).expect(text);
            assert_eq!(moving(&image).map(|(name, _)| name), expected, "{text}");
        }
    }
}
