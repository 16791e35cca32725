//! Code and specs/ have the same checks and entry types.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use veritally_verifier::checks::Check;

const VERIFICATION: &str = include_str!("../../specs/verification.md");

#[test]
fn ids_and_names_of_checks_are_those_of_the_spec() {
    let headings = VERIFICATION.lines().filter_map(|line| line.strip_prefix("### "));
    let expected: Vec<_> = Check::ALL.iter().map(|check| format!("{} {}", check.id(), check.name())).collect();
    assert_eq!(headings.collect::<Vec<_>>(), expected);
    let ids: Vec<_> = Check::ALL.iter().map(|check| check.id()).collect();
    let numbers: Vec<_> = (1..=ids.len()).map(|n| format!("V{n}")).collect();
    assert_eq!(ids, numbers);
}

#[test]
fn the_spec_has_every_meaning_word_by_word() {
    let flowing = VERIFICATION.split_whitespace().collect::<Vec<_>>().join(" ");
    for check in Check::ALL {
        assert!(flowing.contains(check.meaning()), "{}: {}", check.id(), check.meaning());
    }
}
