//! `stackgen lock`: the file that says which image each tag stands for.

use std::collections::BTreeSet;

use crate::cli::context::Context;
use crate::cli::{CommandResult, ExitCode};
use crate::model::{ImageKey, ImageLock, LockedImage};
use crate::store::{IMAGE_LOCK, read_image_lock, write_image_lock};

/// Writes stack.lock: which image each tag of stack.toml stands for. `apply --locked` then uses exactly those, whatever becomes of the tags.
///
/// Taken from the images that are here, else from their registries. An image that no registry has, since it was built or loaded here, is
/// locked by its id, which only this engine knows.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Write nothing; exit 2 if stack.lock is not as it would be written.
    #[arg(long)]
    pub check: bool,
    /// Ask the registries what the tags stand for now, of images that are here too.
    #[arg(long)]
    pub update: bool,
}

pub(crate) async fn run(context: &Context, args: &Args) -> CommandResult {
    let (project, session) = context.session().await?;
    let folder = &project.sources.folder;
    let made = session.make_lock(args.update).await?;
    // A file that is not understood is as good as none where it is written anew.
    let before = match args.check {
        true => read_image_lock(folder)?,
        false => read_image_lock(folder).unwrap_or_default(),
    };
    let before = before.unwrap_or_default();
    for line in differences(&before, &made) {
        context.ui.words(line);
    }
    if args.check {
        if before == made {
            return Ok(ExitCode::Done);
        }
        context.ui.loud(format!(
            "{IMAGE_LOCK} differs. Write it with: stackgen lock"
        ));
        return Ok(ExitCode::Differs);
    }
    let path = write_image_lock(folder, &made)?;
    let count = made.images.len();
    let images = if count == 1 { "image" } else { "images" };
    context
        .ui
        .words(format!("Locked {count} {images} in {}", path.display()));
    let by_id = made.images.iter();
    let by_id = by_id.filter(|(_, image)| matches!(image, LockedImage::Id(_)));
    for (key, _) in by_id {
        context.ui.words(format!(
            "{} is locked by its id: no registry has it, and only this engine knows it",
            name(key)
        ));
    }
    Ok(ExitCode::Done)
}

fn name((image, platform): &ImageKey) -> String {
    match platform {
        Some(platform) => format!("{image} ({platform})"),
        None => image.to_string(),
    }
}

fn differences(before: &ImageLock, after: &ImageLock) -> Vec<String> {
    let keys: BTreeSet<&ImageKey> = before.images.keys().chain(after.images.keys()).collect();
    let short = |image: Option<&LockedImage>| {
        image.map_or_else(|| "(none)".to_owned(), |it| it.short().to_owned())
    };
    keys.into_iter()
        .filter(|key| before.images.get(key) != after.images.get(key))
        .map(|key| {
            let (old, new) = (before.images.get(key), after.images.get(key));
            format!("{}  {} → {}", name(key), short(old), short(new))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ImageReference;

    #[test]
    fn every_image_that_moved_is_named() {
        let key = |name: &str| (ImageReference::parse(name).unwrap(), None);
        let digest = |text: &str| LockedImage::Digest(format!("sha256:{text}"));
        let before = ImageLock {
            images: [(key("a"), digest("11")), (key("b"), digest("22"))].into(),
        };
        let after = ImageLock {
            images: [(key("a"), digest("11")), (key("c"), digest("33"))].into(),
        };
        assert_eq!(
            differences(&before, &after),
            ["b  22 → (none)", "c  (none) → 33"]
        );
    }
}
