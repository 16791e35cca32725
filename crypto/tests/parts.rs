//! Messages in parts: a ceremony whose messages are longer than an entry, and what is refused of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use veritally_crypto::canonical::{self, MAX_LEAF_BYTES};
use veritally_crypto::ceremony::CeremonyPhase;
use veritally_crypto::contests::{Choice, Rule};
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::{CHUNK_BYTES, CommitTag, Leaf, Part, RevealTag, split};
use veritally_crypto::manifest::{BallotStyle, Manifest, Selection};
use veritally_crypto::record::Rejection;
use veritally_crypto::sample::{SampleElection, choice_contest, english, id};
use veritally_crypto::signature::sign;

/// Two contests of 400 options: 800 keys, so reveals of 1,600 points.
fn many_rows(m: &mut Manifest) {
    let any = Choice { blank: false, max: 400, min: 0, seats: 1, undervotes: false };
    let contest = |name: &str| {
        let mut contest = choice_contest(name, 2, any.clone()).unwrap();
        contest.rule = Rule::Choice(any.clone());
        contest.selections =
            (1..=400).map(|i| Selection { id: id(&format!("s{i}")).unwrap(), name: english("x") }).collect();
        contest
    };
    m.contests = vec![contest("one"), contest("two")];
    m.ballot_styles[0].contests = vec![id("one").unwrap()];
    m.ballot_styles.push(BallotStyle {
        contests: vec![id("two").unwrap()],
        id: id("other").unwrap(),
        name: english("x"),
    });
}

fn sample() -> (SampleElection, StdRng) {
    let mut rng = StdRng::seed_from_u64(3);
    (SampleElection::start((2, 3), many_rows, &mut rng).unwrap(), rng)
}

/// Trustee 1's reveal, in parts, when it is time for it.
fn reveal_parts(election: &mut SampleElection, rng: &mut StdRng) -> Vec<Vec<u8>> {
    let fingerprint = election.fingerprint();
    for i in 0..3 {
        let commit = election.dealer(i).unwrap().commit();
        let commit = sign(commit, &fingerprint, &election.trustees[i].identity).unwrap();
        for entry in
            split(&commit, CommitTag::NAME, election.trustees[i].id, &fingerprint, &election.trustees[i].identity)
                .unwrap()
        {
            election.append(entry).unwrap();
        }
    }
    let reveal = election.dealer(0).unwrap().reveal(election.state.ceremony(), rng).unwrap();
    let trustee = &election.trustees[0];
    let reveal = sign(reveal, &fingerprint, &trustee.identity).unwrap();
    split(&reveal, RevealTag::NAME, trustee.id, &fingerprint, &trustee.identity).unwrap()
}

#[test]
fn a_ceremony_whose_messages_are_longer_than_an_entry_completes() {
    let (mut election, mut rng) = sample();
    election.ceremony(&mut rng).unwrap();
    assert_eq!(election.state.ceremony().phase(), CeremonyPhase::Complete);
    let parts = election.entries.iter().filter(|e| matches!(Leaf::parse(e), Ok(Leaf::Part(_)))).count();
    assert!(parts >= 6, "{parts} parts");
    assert!(election.entries.iter().all(|entry| entry.len() <= MAX_LEAF_BYTES));
}

#[test]
fn parts_out_of_order_or_of_another_message_are_refused_and_a_new_beginning_is_not() {
    let (mut election, mut rng) = sample();
    let parts = reveal_parts(&mut election, &mut rng);
    assert_eq!(parts.len(), 3);
    let refused = |election: &mut SampleElection, part: &[u8]| {
        let error = election.append(part.to_vec()).unwrap_err();
        assert!(matches!(error, Rejection::Part { .. }), "{error}");
    };
    refused(&mut election, &parts[1]);
    election.append(parts[0].clone()).unwrap();
    refused(&mut election, &parts[2]);
    election.append(parts[1].clone()).unwrap();
    refused(&mut election, &parts[1]);
    // A trustee that crashed begins again.
    election.append(parts[0].clone()).unwrap();
    refused(&mut election, &parts[2]);
    election.append(parts[1].clone()).unwrap();
    election.append(parts[2].clone()).unwrap();
    for part in &parts[1..] {
        assert!(election.append(part.clone()).is_err(), "the message is complete");
    }
}

#[test]
fn parts_that_lie_about_themselves_are_refused() {
    let (mut election, mut rng) = sample();
    let parts = reveal_parts(&mut election, &mut rng);
    let fingerprint = election.fingerprint();
    let altered = |election: &SampleElection, bytes: &[u8], edit: &dyn Fn(&mut Part)| {
        let Leaf::Part(mut part) = Leaf::parse(bytes).unwrap() else { panic!("not a part") };
        edit(&mut part);
        part.signature = None;
        canonical::to_bytes(&sign(part, &fingerprint, &election.trustees[0].identity).unwrap()).unwrap()
    };
    let edits: [&dyn Fn(&mut Part); 4] =
        [&|p| p.parts = 1, &|p| p.parts = 1_000_000, &|p| p.chunk.0.truncate(100), &|p| p.chunk.0.clear()];
    for edit in edits {
        let bytes = altered(&election, &parts[0], edit);
        assert!(matches!(election.append(bytes).unwrap_err(), Rejection::Part { .. }));
    }
    // Signed by another trustee.
    let bytes = altered(&election, &parts[0], &|p| p.trustee = veritally_crypto::id::TrusteeId(2));
    assert_eq!(election.append(bytes).unwrap_err().code(), "signature");
    // A chunk that does not add up to the announced hash shows with the last part.
    let wrong = altered(&election, &parts[0], &|p| p.chunk.0[7] ^= 1);
    election.append(wrong).unwrap();
    election.append(parts[1].clone()).unwrap();
    let size = election.state.head();
    assert!(matches!(election.append(parts[2].clone()).unwrap_err(), Rejection::Part { .. }));
    assert_eq!(election.state.head(), size, "nothing changed");
    let mut other = altered(&election, &parts[0], &|p| p.message = Hash::of(b"other"));
    election.append(std::mem::take(&mut other)).unwrap();
}

/// The bound follows from the manifest's own sizes: here the longest message is 226 kB, of which 8 may come in parts.
#[test]
fn a_trustee_logs_no_more_parts_than_its_messages_need() {
    let (mut election, mut rng) = sample();
    let parts = reveal_parts(&mut election, &mut rng);
    let bytes = 8 * election.state.manifest().longest_message_bytes();
    let mut logged = 0;
    while logged + CHUNK_BYTES <= bytes {
        election.append(parts[0].clone()).unwrap();
        logged += CHUNK_BYTES;
    }
    let refused = election.append(parts[0].clone()).unwrap_err();
    assert!(refused.to_string().contains("too many parts"), "{refused}");
    assert!(logged < 8 << 20, "{logged}");
}

#[test]
fn all_parts_of_a_message_are_of_its_type_and_come_in_its_phase() {
    let (mut election, mut rng) = sample();
    let parts = reveal_parts(&mut election, &mut rng);
    let fingerprint = election.fingerprint();
    let renamed = |bytes: &[u8], tag: &str| {
        let Leaf::Part(mut part) = Leaf::parse(bytes).unwrap() else { panic!("not a part") };
        part.tag = tag.into();
        canonical::to_bytes(&sign(part, &fingerprint, &election.trustees[0].identity).unwrap()).unwrap()
    };
    let (other, shares, unknown) = (
        renamed(&parts[0], "trustee-shares-part/v1"),
        renamed(&parts[0], "decryption-share-part/v1"),
        renamed(&parts[0], "opening-part/v1"),
    );
    assert_eq!(election.append(shares).unwrap_err().code(), "phase");
    assert_eq!(election.append(unknown).unwrap_err().code(), "not-canonical");
    election.append(other).unwrap();
    assert_eq!(election.append(parts[1].clone()).unwrap_err().code(), "part");
}
