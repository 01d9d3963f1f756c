//! Makes a failing stack small: takes out what is not needed for it to fail, until everything is.

use crate::tree::Tree;

/// Takes entries and items out, one by one, as long as `fails` holds.
pub fn shrink(tree: &Tree, fails: &dyn Fn(&Tree) -> bool) -> Tree {
    let mut small = tree.clone();
    loop {
        let mut smaller = None;
        for index in 0..size(&small) {
            let mut without = small.clone();
            take_out(&mut without, &mut { index });
            if fails(&without) {
                smaller = Some(without);
                break;
            }
        }
        match smaller {
            Some(smaller) => small = smaller,
            None => return small,
        }
    }
}

/// Returns how many entries and items there are, at every depth.
fn size(tree: &Tree) -> usize {
    match tree {
        Tree::List(items) => items.iter().map(|item| 1 + size(item)).sum(),
        Tree::Table(entries) => entries.iter().map(|(_, value)| 1 + size(value)).sum(),
        _ => 0,
    }
}

/// Takes out the entry or item with this number, counted from the top.
fn take_out(tree: &mut Tree, number: &mut usize) -> bool {
    let count = match tree {
        Tree::List(items) => items.len(),
        Tree::Table(entries) => entries.len(),
        _ => 0,
    };
    for at in 0..count {
        if *number == 0 {
            match tree {
                Tree::List(items) => drop(items.remove(at)),
                Tree::Table(entries) => drop(entries.remove(at)),
                _ => {}
            }
            return true;
        }
        *number -= 1;
        let inner = match tree {
            Tree::List(items) => &mut items[at],
            Tree::Table(entries) => &mut entries[at].1,
            _ => return false,
        };
        if take_out(inner, number) {
            return true;
        }
    }
    false
}
