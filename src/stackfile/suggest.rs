//! The name that was probably meant.

/// Nobody mistypes a longer name by a letter and asks what was meant.
const LONGEST: usize = 100;

/// Returns the one known name that `name` is probably a slip of: within two edits, or the only one that holds it or is held by it.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut best: Option<(usize, &str)> = None;
    let mut holding = Vec::new();
    if name.len() > LONGEST {
        return None;
    }
    let lower = name.to_lowercase();
    let length = name.chars().count();
    // Two edits turn any two-letter word into any other one.
    let allowed = 2.min(length.saturating_sub(1) / 2);
    for candidate in known {
        if candidate == name || candidate.len() > LONGEST {
            continue;
        }
        // A difference in length takes as many edits.
        if candidate.chars().count().abs_diff(length) <= allowed {
            let distance = strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
            if distance <= allowed && best.is_none_or(|(least, _)| distance < least) {
                best = Some((distance, candidate));
            }
        }
        let shorter = name.len().min(candidate.len());
        if shorter >= 3 && (candidate.contains(name) || name.contains(candidate)) {
            holding.push(candidate);
        }
    }
    match (best, holding.as_slice()) {
        (Some((_, candidate)), _) => Some(candidate),
        (None, [only]) => Some(only),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_the_name_that_was_meant() {
        let known = ["restart", "ports", "image", "airflow-worker", "db"];
        for (name, expected) in [
            ("restrat", Some("restart")),
            ("port", Some("ports")),
            ("Image", Some("image")),
            ("worker", Some("airflow-worker")),
            ("xy", None),
            ("something", None),
        ] {
            assert_eq!(nearest(name, known), expected, "{name}");
        }
    }
}
