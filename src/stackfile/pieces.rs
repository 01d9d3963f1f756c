//! Parses a long TOML text piece by piece, so that of what the parser needs on the way only a little is there at a time.
//!
//! The parser holds all words of a text, all their meanings and a tree of its own before ours can be made: 30 MiB for 5000 services,
//! which was half of what `check` took. A text falls apart at its headers, and what it means is the sum of its pieces but where two of
//! them speak of one table. Wherever that could matter, or anything is wrong, nothing is said here and the text is parsed as a whole.

use toml::de::DeTable;

use crate::model::FileId;

use super::tree::{Node, Table, Value, from_toml};

/// About so many bytes make a piece.
const PIECE: usize = 32 * 1024;

/// Parses a text in pieces; `None` where it has to be parsed as a whole: it is short, or has a mistake, or tables that its pieces share
/// in other ways than as the parents of others.
pub(super) fn parse(file: FileId, text: &str) -> Option<Node> {
    in_pieces_of(PIECE, file, text)
}

fn in_pieces_of(bytes: usize, file: FileId, text: &str) -> Option<Node> {
    let mut root: Option<Node> = None;
    let mut start = 0;
    while start < text.len() {
        let end = next_header(text, start + bytes);
        if start == 0 && end == text.len() {
            return None;
        }
        // A piece that is cut within a string or list is never closed, which is an error. So a piece without any ends where its last
        // statement does, and the next one begins with a header.
        let (table, errors) = DeTable::parse_recoverable(&text[start..end]);
        if !errors.is_empty() {
            return None;
        }
        let piece = from_toml(file, start, table);
        match (&mut root, piece.value) {
            (Some(root), Value::Table(above)) => join(text, root.table_mut()?, *above)?,
            (root, value) => *root = Some(Node { value, ..piece }),
        }
        start = end;
    }
    root
}

/// Returns where the first line from a byte on begins that may be the header of a table. Lists of tables are not parted from each other.
fn next_header(text: &str, from: usize) -> usize {
    let bytes = text.as_bytes();
    let rest = bytes.get(from..).unwrap_or_default();
    let found = rest
        .windows(3)
        .position(|three| three[0] == b'\n' && three[1] == b'[' && three[2] != b'[');
    found.map_or(bytes.len(), |at| from + at + 1)
}

/// Adds the tables of a later piece; `None` where the parser might have made something else of both together.
fn join(text: &str, below: &mut Table, above: Table) -> Option<()> {
    for (key, node) in above {
        match below.get_mut(&key) {
            None => {
                below.insert(key, node);
            }
            Some(base) => {
                // Only a table that no header opens, as `a` in `[a.b]`, stands where its key does. The earlier one may have a header
                // of its own, but may not be closed by a brace.
                let is_parent = node.at == node.key && !text[base.at.span()].starts_with('{');
                match (&mut base.value, node.value) {
                    (Value::Table(below), Value::Table(above)) if is_parent => {
                        join(text, below, *above)?;
                    }
                    _ => return None,
                }
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: FileId = FileId(3);

    fn whole(text: &str) -> (Node, bool) {
        let (table, errors) = DeTable::parse_recoverable(text);
        (from_toml(FILE, 0, table), errors.is_empty())
    }

    /// Compares the pieces with the whole, in which the order of keys counts too.
    fn same(text: &str) -> Option<()> {
        let node = in_pieces_of(1, FILE, text)?;
        let (expected, is_right) = whole(text);
        assert!(is_right, "only the whole has a mistake:\n{text}");
        assert_eq!(format!("{node:?}"), format!("{expected:?}"), "{text}");
        Some(())
    }

    #[test]
    fn pieces_mean_what_the_whole_does() {
        for text in [
            "a = 1\n[b]\nc = 2\n[d]\ne = 'x'\n",
            "[s.a]\nx = 1\n[t]\n[s.b]\ny = [\n1,\n2]\n[s.c.d]\n[s.c.e]\nz = 1",
            "[dags.p]\nx = 1\n[dags.p.tasks.one]\ny = 2\n[dags.p.tasks.two]\n\n# end\n",
            "a.b = 1\n[a.c]\nd = 1\n[e]\n",
            "[a]\nb.c = 1\n[a.b.d]\ne = 1\n",
            "[a]\r\nb = 1\r\n[c]\r\nd = \"é\"\r\n[\"a\".'e']\r\n",
            "\u{feff}a = 1\n[b]\nc = 1\n",
            "[[a]]\nb = 1\n[[a]]\nb = 2\n[c]\n",
            "[a]\nb = 1\n[\n c]\n",
        ] {
            if whole(text).1 {
                assert_eq!(same(text), Some(()), "{text}");
            }
        }
    }

    #[test]
    fn what_pieces_cannot_tell_is_left_to_the_whole() {
        for text in [
            "",
            "[a]\nb = 1\n",
            "[a]\nb = 1\n[a]\nc = 1\n",
            "[a.b]\nc = 1\n[a]\nd = 1\n",
            "[a]\nb = { c = 1 }\n[a.b.d]\n",
            "a = { b.c = 1 }\n[a.b.d]\n",
            "[a]\nb = 1\n[a.b]\n",
            "[a]\nb = [1]\n[c]\n[a.b.d]\n",
            "[[a]]\nb = 1\n[c]\n[[a]]\nb = 2\n",
            "[[a]]\nb = 1\n[a.c]\nd = 1\n",
            "a = '''\n[b]\nc = 1\n'''\n",
            "a = [\n[1],\n[2]]\n",
            "[a]\nb = \n[c]\n",
            "[a]\nb.c = 1\n[a.b]\nd = 1\n",
        ] {
            assert_eq!(in_pieces_of(1, FILE, text), None, "{text}");
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "it reads its examples")]
    fn every_file_of_the_tests_is_the_same_in_pieces() {
        let mut folders = vec![std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR"))];
        let (mut seen, mut same_in_pieces) = (0, 0);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                if path.is_dir() && !path.is_symlink() && name != "target" && !name.starts_with('.')
                {
                    folders.push(path);
                } else if let Ok(text) = std::fs::read_to_string(&path) {
                    seen += 1;
                    same_in_pieces += usize::from(same(&text).is_some());
                }
            }
        }
        assert!(same_in_pieces > 50, "{same_in_pieces} of {seen}");
    }

    proptest::proptest! {
        #[test]
        fn random_headers_and_keys_are_the_same_in_pieces(
            lines in proptest::collection::vec(
                "(\\[[ab](\\.[ab]){0,2}\\]|\\[\\[[ab](\\.[ab])?\\]\\]|[abc](\\.[ab])?( = 1| = \\{a = 1\\}| = \\{a\\.b = 1\\}| = \\[1\\]|))",
                1..9,
            ),
        ) {
            let _ = same(&lines.join("\n"));
        }
    }
}
