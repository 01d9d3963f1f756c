//! Reasons in words.

use super::text::kind_and_name;
use super::{FileRemedy, Reason};

/// Returns a reason in words; `None` where the verdict says it already.
pub(super) fn why(reason: &Reason) -> Option<String> {
    Some(match reason {
        Reason::Missing | Reason::ConfigDrift { .. } | Reason::ChangedByHand | Reason::Down => {
            return None;
        }
        Reason::FileChanged { remedy: how } => return remedy(how),
        Reason::DependencyRestarted { dependency } => {
            format!("{} is restarted", kind_and_name(dependency).1)
        }
        Reason::ImageChanged => "its tag names another image now".to_owned(),
        Reason::Locked => "stack.lock pins another image than its tag names".to_owned(),
        Reason::DependencyReplaced { dependency } => {
            format!("{} is replaced", kind_and_name(dependency).1)
        }
        Reason::NotRunning { state } => format!("it {state}"),
        Reason::Paused => "it is paused".to_owned(),
        Reason::WrongName { name } => {
            format!("it is called {name}, left from an interrupted replacement or renamed by hand")
        }
        Reason::Leftover => "an interrupted replacement left a second container".to_owned(),
        Reason::TooMany => "more than the scale asks for".to_owned(),
        Reason::Orphan => "no longer in stack.toml".to_owned(),
        Reason::OtherFolder { folder } => {
            format!("it was made from {folder}, which its labels say as long as it lives")
        }
        Reason::Forced => "asked for".to_owned(),
        Reason::Unseen { why } => why.clone(),
    })
}

/// Returns what a change came about by, for the end of its first line.
pub(super) fn remark(reason: &Reason) -> Option<&'static str> {
    match reason {
        Reason::ChangedByHand => Some("changed by hand"),
        Reason::FileChanged { .. } => Some("its file changed"),
        Reason::Missing
        | Reason::ConfigDrift { .. }
        | Reason::ImageChanged
        | Reason::Locked
        | Reason::DependencyReplaced { .. }
        | Reason::DependencyRestarted { .. }
        | Reason::OtherFolder { .. }
        | Reason::NotRunning { .. }
        | Reason::Paused
        | Reason::WrongName { .. }
        | Reason::Leftover
        | Reason::TooMany
        | Reason::Orphan
        | Reason::Forced
        | Reason::Down
        | Reason::Unseen { .. } => None,
    }
}

/// Returns what brings a new content to its process, and what would be gentler.
fn remedy(remedy: &FileRemedy) -> Option<String> {
    Some(match remedy {
        FileRemedy::Reload { how } => format!("{how}, and its process runs on"),
        FileRemedy::Restart {
            is_replaced: true, ..
        } => "the file was replaced, and the container sees the old one until its next start"
            .to_owned(),
        FileRemedy::Restart {
            is_declared: true, ..
        } => "its reload is not for all of these files".to_owned(),
        FileRemedy::Restart { .. } => {
            "no reload is declared; `update.reload = \"SIGHUP\"` would spare the restart".to_owned()
        }
        FileRemedy::Start => return None,
    })
}
