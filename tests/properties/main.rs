//! Random stacks and random texts, through everything that reads and writes them.
//!
//! A stack is made of a number, its seed, so that a gate always sees the same ones. `STACKGEN_PROPERTY_SEED=N` begins with another,
//! `STACKGEN_PROPERTY_CASES=N` checks more or fewer in each test, and a failure names the seed to begin with.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod config;
mod container;
mod coverage;
mod dag;
mod dice;
mod found;
mod layers;
mod maker;
#[path = "../support/peers.rs"]
mod peers;
mod readers;
mod round_trip;
mod service;
mod shrink;
mod stack;
mod texts;
mod tree;

use round_trip::{Failure, check, check_layers};
use tree::Tree;

/// How many stacks one test renders and reads back; there are eight of these tests.
const CASES: u64 = 1_250;

/// How many stacks one test writes in layers besides; there are two of these tests.
const IN_LAYERS: u64 = 1_000;

/// How many stacks one test has with any text in the place of some scalars; there are two of these tests.
const WITH_ANY_TEXT: u64 = 2_000;

/// How many stacks one test shows to Compose; there are four of these tests.
const BY_COMPOSE: u64 = 50;

#[expect(clippy::disallowed_methods, reason = "who explores names seeds")]
fn number(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(default, |text| text.parse().expect("it is a number"))
}

/// The seeds of one of the tests that share `cases` a test.
fn seeds(part: u64, cases: u64) -> std::ops::Range<u64> {
    let cases = number("STACKGEN_PROPERTY_CASES", cases);
    let first = number("STACKGEN_PROPERTY_SEED", 0) + part * cases;
    first..first + cases
}

/// The seeds of all the tests that render and read, as the gate has them.
fn all_seeds() -> std::ops::Range<u64> {
    0..8 * CASES
}

/// How many failures are told at once.
const TOLD: usize = 8;

/// Checks the stacks of one test.
fn survive(part: u64) {
    hold(seeds(part, CASES), stack::stack, |tree, _| check(tree));
}

/// Checks that the stacks of one test mean the same in layers.
fn mean_the_same_in_layers(part: u64) {
    hold(seeds(part, IN_LAYERS), stack::stack, check_layers);
}

/// Checks that a text in the place of any scalar is either told or survives.
fn be_told_or_survive(part: u64) {
    let seeds = seeds(part, WITH_ANY_TEXT);
    hold(seeds, stack::stack_with_any_text, |tree, _| {
        match check(tree) {
            Err(Failure::Read(_)) => Ok(()),
            other => other,
        }
    });
}

/// Checks the stacks of these seeds, and tells the smallest ones that fail.
fn hold(
    seeds: std::ops::Range<u64>,
    make: fn(u64) -> Tree,
    check: fn(&Tree, u64) -> Result<(), Failure>,
) {
    let mut told = Vec::new();
    for seed in seeds {
        let tree = make(seed);
        let Err(failure) = check(&tree, seed) else {
            continue;
        };
        let small = shrink::shrink(&tree, &|tree| {
            check(tree, seed).is_err_and(|other| other.is_like(&failure))
        });
        let failure = check(&small, seed).err().unwrap_or(failure);
        told.push(format!(
            "STACKGEN_PROPERTY_SEED={seed}\n{}\n{failure}",
            small.to_toml()
        ));
        if told.len() == TOLD {
            break;
        }
    }
    assert!(told.is_empty(), "{}", told.join("\n\n"));
}

/// Checks the stacks that one test shows to both generations of Compose.
fn mean_the_same_to_compose(part: u64) {
    let place = tempfile::tempdir().unwrap();
    let place = place.path().canonicalize().unwrap();
    let mut pairs = Vec::new();
    for seed in seeds(part, BY_COMPOSE) {
        let name = format!("STACKGEN_PROPERTY_SEED={seed}");
        pairs.push(config::prepared(name, &stack::stack(seed), &place).unwrap());
    }
    for peer in peers::peers_if_any() {
        let told = config::check(&pairs, &peer, &place);
        assert!(told.is_ok(), "{}", told.unwrap_err());
    }
}

/// Writes a test for each part, so that a runner can spread them.
macro_rules! parts {
    ($check:ident: $($name:ident = $part:literal),*) => {$(
        #[test]
        fn $name() {
            $check($part);
        }
    )*};
}

parts!(survive:
    random_stacks_survive_rendering_and_reading_1 = 0,
    random_stacks_survive_rendering_and_reading_2 = 1,
    random_stacks_survive_rendering_and_reading_3 = 2,
    random_stacks_survive_rendering_and_reading_4 = 3,
    random_stacks_survive_rendering_and_reading_5 = 4,
    random_stacks_survive_rendering_and_reading_6 = 5,
    random_stacks_survive_rendering_and_reading_7 = 6,
    random_stacks_survive_rendering_and_reading_8 = 7
);

parts!(mean_the_same_in_layers:
    random_stacks_mean_the_same_in_layers_1 = 0,
    random_stacks_mean_the_same_in_layers_2 = 1
);

parts!(be_told_or_survive:
    any_text_in_place_of_any_scalar_is_told_or_survives_1 = 0,
    any_text_in_place_of_any_scalar_is_told_or_survives_2 = 1
);

parts!(mean_the_same_to_compose:
    random_stacks_mean_the_same_to_both_generations_of_compose_1 = 0,
    random_stacks_mean_the_same_to_both_generations_of_compose_2 = 1,
    random_stacks_mean_the_same_to_both_generations_of_compose_3 = 2,
    random_stacks_mean_the_same_to_both_generations_of_compose_4 = 3
);
