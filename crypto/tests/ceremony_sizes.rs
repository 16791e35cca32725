//! How large a ceremony gets and how long it takes: `cargo test -p veritally-crypto --all-features --test ceremony_sizes --
//! --nocapture` prints the rows of specs/ceremony-sizes.md; the largest with VERITALLY_SOAK=1.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use veritally_crypto::ceremony::CeremonyPhase;
use veritally_crypto::contests::Choice;
use veritally_crypto::leaves::{Leaf, MAX_MESSAGE_BYTES};
use veritally_crypto::record::RecordState;
use veritally_crypto::sample::{SampleElection, choice_contest, id};

/// `rows` selections in contests of at most 200; gives the log.
fn measure(n: u64, k: u64, rows: u16) -> Vec<Vec<u8>> {
    let rng = &mut StdRng::seed_from_u64(1);
    let rule = || Choice { blank: false, max: 1, min: 1, seats: 1, undervotes: false };
    let sizes = (0..rows.div_ceil(200)).map(|i| u8::try_from((rows - i * 200).min(200)).unwrap());
    let contests: Vec<_> = (0..).zip(sizes).map(|(i, size)| (format!("c{i}"), size)).collect();
    let edit = |m: &mut veritally_crypto::manifest::Manifest| {
        m.max_total_weight = 1_000;
        m.contests = contests
            .iter()
            .map(|(name, size)| {
                let mut contest = choice_contest(name, *size, rule()).unwrap();
                for (i, selection) in contest.selections.iter_mut().enumerate() {
                    selection.id = id(&format!("s{i}")).unwrap();
                }
                contest
            })
            .collect();
        m.ballot_styles = contests
            .iter()
            .map(|(name, _)| {
                let mut style = m.ballot_styles[0].clone();
                (style.id, style.contests) = (id(name).unwrap(), vec![id(name).unwrap()]);
                style
            })
            .collect();
    };
    let mut election = SampleElection::start((k, n), edit, rng).unwrap();
    let mut spent: Vec<Duration> = vec![];
    for phase in [
        CeremonyPhase::Reveal,
        CeremonyPhase::Shares,
        CeremonyPhase::Confirm,
        CeremonyPhase::Rehearsal,
        CeremonyPhase::Complete,
    ] {
        let started = Instant::now();
        election.ceremony_until(phase, rng).unwrap();
        spent.push(started.elapsed() / u32::try_from(n).unwrap());
    }
    let started = Instant::now();
    let mut state = RecordState::start(&election.entries[0]).unwrap();
    let mut message = 0;
    let mut parts = 0;
    for entry in &election.entries[1..] {
        let leaf = Leaf::parse(entry).unwrap();
        if let Leaf::Part(part) = &leaf {
            parts = if part.part == 0 { part.chunk.0.len() } else { parts + part.chunk.0.len() };
            message = message.max(parts);
        }
        message = message.max(entry.len());
        state.apply(&leaf, entry).unwrap();
    }
    let replay = started.elapsed();
    assert!(state.ceremony().keys().is_some() && message < MAX_MESSAGE_BYTES);
    let bytes: usize = election.entries.iter().map(Vec::len).sum();
    let ms = |d: &Duration| format!("{:.0}", d.as_secs_f64() * 1_000.0);
    println!(
        "| {n} | {k} | {rows} | {} | {:.2} | {:.0} | {} | {} |",
        election.entries.len(),
        bytes as f64 / 1e6,
        message as f64 / 1e3,
        spent.iter().map(ms).collect::<Vec<_>>().join(" / "),
        ms(&replay)
    );
    election.entries
}

#[test]
fn ceremonies_of_several_sizes_fit_the_log() {
    println!("| n | k | rows | entries | MB in all | kB, longest message | ms a trustee: each phase | ms to verify |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    measure(3, 2, 5);
    measure(5, 3, 100);
    // scripts/test sets it to 0 in its usual rounds.
    if std::env::var("VERITALLY_SOAK").is_ok_and(|value| value == "1") {
        measure(20, 11, 400);
    }
}
