//! What no record can show, because it is computed twice from the same entries: each second look must be able to fail, and
//! names its entry.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use veritally_crypto::ballot::BallotError;
use veritally_crypto::canonical::CanonicalError;
use veritally_crypto::contests::Choice;
use veritally_crypto::group::{EncodedPoint, RistrettoPoint, Scalar};
use veritally_crypto::hash::Hash;
use veritally_crypto::id::TrusteeId;
use veritally_crypto::leaves::{Base64Bytes, Leaf, Part, RollEntry};
use veritally_crypto::manifest::{Group, ManifestError};
use veritally_crypto::record::Rejection;
use veritally_crypto::sample::{SampleElection, choice_contest, choose, english, id};

use super::{Audit, Subject, verify_record};
use crate::checks::rejections::check_of;
use crate::checks::{cells, counts, tally, trustees};
use crate::report::{CheckReport, Status};
use crate::sample::SampleRecord;
use crate::source::Memory;
use crate::{NoProgress, Options};

/// Four voters in two groups: a a b, and one who stays at home; and where its entries of a type stand.
fn published() -> (Memory, SampleRecord) {
    let rng = &mut StdRng::seed_from_u64(7);
    let one = Choice { blank: false, max: 1, min: 1, seats: 1, undervotes: false };
    let edit = |manifest: &mut veritally_crypto::manifest::Manifest| {
        manifest.contests = vec![choice_contest("chair", 3, one).unwrap()];
        let group = |name: &str| Group { id: id(name).unwrap(), name: english(name) };
        manifest.groups = vec![group("north"), group("south")];
        manifest.floor = 1;
    };
    let mut election = SampleElection::start((2, 3), edit, rng).unwrap();
    let style = election.state.manifest().ballot_styles[0].id.to_string();
    let voters = ["north", "north", "south", "south"].map(|group| (style.as_str(), group, 1));
    election.ceremony(rng).unwrap();
    election.roll(&voters, rng).unwrap();
    election.open().unwrap();
    for (voter, chair) in [(0, "a"), (1, "a"), (2, "b")] {
        election.cast(voter, &choose("chair", &[chair], false).unwrap(), rng).unwrap();
    }
    election.finish(rng).unwrap();
    let record = SampleRecord::new(election, rng).unwrap();
    (record.files().unwrap(), record)
}

/// What follow mode has of a record: everything went by, nothing is concluded.
fn at_the_end_of<'a>(files: &'a Memory, options: &'a Options) -> Audit<'a> {
    let mut audit = Audit::new(files, options).unwrap();
    audit.advance(&NoProgress).unwrap();
    audit
}

fn places(record: &SampleRecord, type_name: &str) -> Vec<u64> {
    let tag = format!("\"type\":\"{type_name}\"");
    let is_one = |entry: &[u8]| entry.windows(tag.len()).any(|window| window == tag.as_bytes());
    (0..).zip(&record.log).filter(|(_, entry)| is_one(entry)).map(|(index, _)| index).collect()
}

fn line<'a>(report: &'a crate::Report, id: &str) -> &'a CheckReport {
    report.check(id).unwrap()
}

#[test]
fn the_entries_that_the_checks_at_the_end_would_name_are_those_of_the_specification() {
    let (files, record) = published();
    let options = Options::default();
    let audit = at_the_end_of(&files, &options);
    let culprits = &audit.facts.culprits;
    let last = |type_name| places(&record, type_name).last().copied();
    assert!(last("trustee-reveal/v1").is_some());
    assert_eq!(culprits.reveal, last("trustee-reveal/v1"));
    assert_eq!(culprits.closing, last("closing/v1"));
    assert_eq!(culprits.counted, last("decryption-share/v1"));
    assert_eq!(culprits.result, last("result/v1"));
    assert!(audit.finish().report.passed());
}

#[test]
fn two_ballots_with_one_readable_code_fail_v28_and_the_later_one_is_named() {
    let (files, record) = published();
    let options = Options::default();
    let mut audit = at_the_end_of(&files, &options);
    let ballots = places(&record, "ballot/v1");
    // Nobody can make such ballots, so the second one's code is put in by hand.
    let ballot = veritally_crypto::ballot::EncryptedBallot::parse(&record.log[usize::try_from(ballots[0]).unwrap()]);
    let mut code = ballot.unwrap().confirmation_code(&record.election.fingerprint());
    code.0.0[31] ^= 1;
    audit.codes.add(&code, ballots[2]);
    let report = audit.finish().report;
    assert_eq!(report.failed(), ["V28"]);
    let (check, first) = (line(&report, "V28"), ballots[0]);
    assert_eq!(check.entries, [ballots[2]]);
    assert!(check.message.contains(&format!("its confirmation code is that of entry {first}.")), "{}", check.message);
}

/// An election in which somebody with this credential is on the roll and stays at home.
fn with_stranger(credential: EncodedPoint) -> (Memory, SampleRecord) {
    let rng = &mut StdRng::seed_from_u64(7);
    let mut election = SampleElection::start((2, 3), |_| {}, rng).unwrap();
    let stranger = RollEntry { credential, group: id("all").unwrap(), style: id("all").unwrap(), weight: 1 };
    election.ceremony(rng).unwrap();
    election.roll_with(&[("all", "all", 1)], &[stranger], rng).unwrap();
    election.open().unwrap();
    election.cast(0, &choose("chair", &["a"], false).unwrap(), rng).unwrap();
    election.finish(rng).unwrap();
    let record = SampleRecord::new(election, rng).unwrap();
    (record.files().unwrap(), record)
}

#[test]
fn a_credential_that_is_no_key_fails_v13_whether_it_is_looked_at_at_once_or_at_the_end() {
    let options = Options::default();
    let good = EncodedPoint::from(&RistrettoPoint::mul_base(&Scalar::ONE));
    for (credential, failed) in
        [(good, vec![]), (EncodedPoint::IDENTITY, vec!["V13"]), (EncodedPoint([0xff; 32]), vec!["V13"])]
    {
        let (files, record) = with_stranger(credential);
        // As follow mode does.
        let audit = at_the_end_of(&files, &options);
        let at_once = audit.finish();
        let at_the_end = verify_record(&files, &options, &NoProgress).unwrap();
        assert_eq!(at_once.report.failed(), failed);
        assert_eq!(at_once.report, at_the_end.report);
        if !failed.is_empty() {
            let part = places(&record, "roll-part/v1");
            assert_eq!(line(&at_once.report, "V13").entries, part);
            // What follows from it, and why; signatures are not looked at behind it.
            for (id, before) in [("V10", ""), ("V14", " to the end")] {
                let (check, part) = (line(&at_once.report, id), part[0]);
                let because = "because of V13 (Electoral roll), entry";
                assert_eq!(check.status, Status::NotReached);
                assert!(check.message.contains(&format!("{before}, {because} {part}.")), "{}", check.message);
            }
        }
        assert_eq!(at_the_end.state.is_some(), failed.is_empty());
        // Before it was looked at, nobody may build on the state.
        let mut audit = Audit::new(&files, &options).unwrap();
        audit.decodes_later = true;
        audit.advance(&NoProgress).unwrap();
        assert!(audit.finish().state.is_none());
    }
}

#[test]
fn what_follows_from_a_refused_ballot_leaves_other_signatures_checked() {
    let (files, record) = published();
    let options = Options::default();
    let mut audit = at_the_end_of(&files, &options);
    let ballots = places(&record, "ballot/v1");
    let subject = Subject::Ballot(record.election.voters[0].credential.public());
    audit.refused.add(ballots[0], subject);
    audit.refuse(ballots[1], subject, None, &Rejection::Counter { found: 2, expected: 1 }, "");
    let report = audit.finish().report;
    assert_eq!((line(&report, "V18").status, line(&report, "V10").status), (Status::NotReached, Status::Pass));
    assert!(report.failed().is_empty());
}

#[test]
fn other_entries_than_were_signed_for_are_noticed() {
    let (files, _) = published();
    let options = Options::default();
    let mut audit = at_the_end_of(&files, &options);
    assert!(audit.is_what_was_signed());
    audit.tree.push(Hash::ZERO);
    assert!(!audit.is_what_was_signed());
}

#[test]
fn a_published_spoiled_ballot_has_a_code_of_its_own_too() {
    let rng = &mut StdRng::seed_from_u64(7);
    let mut election = SampleElection::open_with(2, rng).unwrap();
    let answers = choose("chair", &["a"], false).unwrap();
    election.publish_spoiled(0, &answers, rng).unwrap();
    election.cast(1, &answers, rng).unwrap();
    let record = SampleRecord::new(election, rng).unwrap();
    let report = verify_record(&record.files().unwrap(), &Options::default(), &NoProgress).unwrap().report;
    assert_eq!(line(&report, "V28").message, "2 ballots have codes of their own.");
}

#[test]
fn parts_are_of_the_message_that_they_are_parts_of() {
    let part = |tag: &str| {
        let (trustee, chunk) = (TrusteeId(1), Base64Bytes(vec![0]));
        let (message, tag) = (Hash::ZERO, tag.to_owned());
        Leaf::Part(Part { chunk, message, part: 1, parts: 2, signature: None, trustee, tag })
    };
    assert!(super::reveals(&part("trustee-reveal-part/v1")));
    assert!(!super::reveals(&part("trustee-shares-part/v1")));
    assert_eq!(Subject::of(&part("trustee-reveal-part/v1")), Subject::CeremonyPart(TrusteeId(1)));
    assert_eq!(Subject::of(&part("decryption-share-part/v1")), Subject::SharePart(TrusteeId(1)));
}

#[test]
fn unsound_keys_are_told_whatever_the_ceremony_said() {
    let (_, record) = published();
    let keys = record.election.state.ceremony().keys().unwrap();
    let rows = keys.keys.len();
    assert_eq!(trustees::problem(&keys, rows), None);
    let with = |edit: &dyn Fn(&mut veritally_crypto::ceremony::ElectionKeys)| {
        let mut other = (*keys).clone();
        edit(&mut other);
        trustees::problem(&other, rows).unwrap()
    };
    let g = RistrettoPoint::mul_base(&Scalar::ONE);
    assert!(trustees::problem(&keys, rows + 1).unwrap().contains("election keys for"));
    assert!(with(&|k| k.keys.truncate(rows - 1)).contains("election keys for"));
    assert!(with(&|k| k.encoded.truncate(rows - 1)).contains("election keys for"));
    assert!(with(&|k| k.encoded[1] = k.encoded[0]).contains("are equal"));
    assert!(with(&|k| k.keys[rows - 1] += g).contains(&format!("Election key {rows} is not")));
    // Of 3 trustees the first 2 and the last 2 are looked at: a wrong share of any of them shows.
    for trustee in 0..3 {
        assert!(with(&|k| k.public_shares[trustee][0] += g).contains("Election key 1 is not"), "{trustee}");
    }
    assert!(with(&|k| k.public_shares[2].clear()).contains("is not the trustees' joint key"));
    assert!(with(&|k| k.trustees.swap(0, 2)).contains("is not the trustees' joint key"));
    assert!(with(&|k| k.quorum = 4).contains("fewer trustees"));
}

#[test]
fn cells_that_two_programs_compute_in_different_ways_do_not_agree() {
    let (_, record) = published();
    let state = &record.election.state;
    let expected = cells::expected(state);
    assert_eq!(expected, [Some(vec![(0..1, 2, 2), (1..2, 1, 1)])]);
    assert!(cells::agree(state.cells(), &expected));
    let with = |edit: &dyn Fn(&mut veritally_crypto::tally::ContestCells)| {
        let mut other = state.cells().to_vec();
        edit(&mut other[0]);
        cells::agree(&other, &expected)
    };
    assert!(with(&|_| {}));
    assert!(!with(&|contest| contest.withheld = true));
    assert!(!with(&|contest| contest.cells.truncate(1)));
    assert!(!with(&|contest| contest.cells[0].groups = 0..2));
    assert!(!with(&|contest| contest.cells[0].ballots += 1));
    assert!(!with(&|contest| contest.cells[1].weight += 1));
    assert!(!cells::agree(&[], &expected));
}

#[test]
fn counts_that_no_ballots_come_to_are_told_of_any_cell_and_row() {
    let (_, record) = published();
    let state = &record.election.state;
    let with = |edit: &dyn Fn(&mut veritally_crypto::record::ContestCounts)| {
        let mut other = state.decrypted().unwrap().to_vec();
        edit(&mut other[0]);
        counts::impossible(&other, state.cells(), state.manifest())
    };
    assert_eq!(with(&|_| {}), None);
    for cell in 0..2 {
        for row in 0..3 {
            let sentence = with(&|contest| contest.cells[cell].counts[row] += 1).unwrap();
            assert!(sentence.contains("contest chair"), "{sentence}");
        }
        assert!(with(&|contest| contest.cells[cell].counts.truncate(2)).is_some());
    }
    // One more than the cell's weight, and the sum is right all the same.
    assert!(with(&|contest| contest.cells[1].counts = vec![0, u64::MAX, 0]).is_some());
}

#[test]
fn a_closing_head_that_two_programs_compute_in_different_ways_fails_v5_at_the_closing() {
    let (files, record) = published();
    let options = Options::default();
    for (longer, failed) in [(false, [].as_slice()), (true, &["V5"])] {
        let closing = places(&record, "closing/v1")[0];
        let mut audit = at_the_end_of(&files, &options);
        // The tree as it was at the closing; or one that has lost an entry.
        let end = usize::try_from(closing).unwrap() + usize::from(!longer);
        audit.tree = crate::checks::tree::Tree::default();
        record.log[..end].iter().for_each(|entry| {
            audit.tree.push(veritally_crypto::log::merkle::leaf_hash(entry));
        });
        tally::closing_head(&mut audit, closing);
        let found: Vec<_> =
            audit.findings.failures().map(|(check, entries, _)| (check.id(), entries.to_vec())).collect();
        assert_eq!(found, failed.iter().map(|id| (*id, vec![closing])).collect::<Vec<_>>());
    }
}

#[test]
fn refusals_that_are_found_before_they_get_here_have_their_check_all_the_same() {
    let (_, record) = published();
    let check = |rejection: &Rejection| check_of(rejection, None, &record.election.state).id();
    let canonical = || CanonicalError::Malformed("x".into());
    assert_eq!(check(&Rejection::Canonical(canonical())), "V8");
    assert_eq!(check(&Rejection::Ballot(BallotError::Canonical(canonical()))), "V8");
    assert_eq!(check(&Rejection::Ballot(BallotError::NotABallot)), "V8");
    assert_eq!(check(&Rejection::Ballot(BallotError::Check(1))), "V21");
    assert_eq!(check(&Rejection::UnverifiedBallot), "V21");
    assert_eq!(check(&Rejection::Superseded), "V5");
    assert_eq!(check(&Rejection::Manifest(ManifestError::NotAManifest)), "V1");
}

#[test]
fn a_part_out_of_turn_is_of_the_ceremony_or_of_the_shares_as_the_election_stands() {
    let rng = &mut StdRng::seed_from_u64(7);
    let mut election = SampleElection::open_with(2, rng).unwrap();
    let check = |election: &SampleElection| {
        check_of(&Rejection::Part { trustee: TrusteeId(1), problem: "x" }, None, &election.state).id()
    };
    assert_eq!(check(&election), "V11");
    election.cast(0, &choose("chair", &["a"], false).unwrap(), rng).unwrap();
    election.close().unwrap();
    assert_eq!(check(&election), "V11");
    for trustee in 0..2 {
        election.agree(trustee).unwrap();
    }
    assert_eq!(check(&election), "V26");
    for trustee in 0..2 {
        election.share(trustee, rng).unwrap();
    }
    assert_eq!(check(&election), "V26");
}
