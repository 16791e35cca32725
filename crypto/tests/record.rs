//! The record's rules: phases, roll, tally heads, cells, agreement, shares, result. One test for each way to cheat.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use veritally_crypto::canonical;
use veritally_crypto::credential::CredentialCode;
use veritally_crypto::group::EncodedPoint;
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::{
    Abandonment, AbandonmentTag, Closing, ClosingTag, ElectionResult, Extension, ExtensionTag, Head, Leaf, Reissue,
    ReissueTag, ResultTag, RollEntry, RollPart,
};
use veritally_crypto::manifest::{BallotStyle, Group, Manifest};
use veritally_crypto::record::{Phase, RecordState, Rejection};
use veritally_crypto::sample::{OPENS_AT_MS, SampleElection, SampleError, choose, english, id};
use veritally_crypto::signature::{SigningSecret, sign};

fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

fn rejection(error: SampleError) -> Rejection {
    *error.downcast::<Rejection>().expect("a rejection")
}

/// Votes `choices[i]` (a…e) by voter i.
fn voted(choices: &str, edit: impl FnOnce(&mut Manifest), roll: &[(&str, &str, u64)]) -> (SampleElection, StdRng) {
    let mut rng = rng(1);
    let mut election = SampleElection::start((2, 3), edit, &mut rng).unwrap();
    election.ceremony(&mut rng).unwrap();
    election.roll(roll, &mut rng).unwrap();
    election.open().unwrap();
    for (voter, choice) in choices.chars().enumerate() {
        election.cast(voter, &choose("chair", &[&choice.to_string()], false).unwrap(), &mut rng).unwrap();
    }
    (election, rng)
}

fn plain(choices: &str) -> (SampleElection, StdRng) {
    voted(choices, |_| {}, &vec![("all", "all", 1); choices.len().max(1)])
}

fn counts(election: &SampleElection) -> Vec<(Vec<u64>, usize)> {
    let contest = &election.state.decrypted().unwrap()[0];
    contest.cells.iter().map(|cell| (cell.counts.clone(), cell.groups.len())).collect()
}

#[test]
fn an_election_goes_through_its_phases_to_the_right_counts() {
    let (mut election, mut rng) = plain("aabcecaa");
    assert_eq!(election.state.phase(), Phase::Open);
    election.finish(&mut rng).unwrap();
    assert_eq!(election.state.phase(), Phase::Published);
    assert_eq!(counts(&election), [(vec![4, 1, 2, 0, 1], 1)]);
    let again = election.entries.last().unwrap().clone();
    assert!(matches!(election.append(again).unwrap_err(), Rejection::Phase { phase: Phase::Published, .. }));
}

#[test]
fn a_second_vote_replaces_the_first_and_the_running_tally_follows() {
    let (mut election, mut rng) = plain("ab");
    election.tally_head().unwrap();
    let before = election.state.running_tally().digest();
    election.cast(0, &choose("chair", &["e"], false).unwrap(), &mut rng).unwrap();
    assert_ne!(election.state.running_tally().digest(), before);
    assert!(election.state.tally_head_due());
    let now = election.state.counts();
    assert_eq!((now.ballots_cast, now.ballots_counted), (3, 2));
    election.finish(&mut rng).unwrap();
    assert_eq!(counts(&election), [(vec![0, 1, 0, 0, 1], 1)]);
}

#[test]
fn a_second_vote_needs_the_first_ones_exact_bytes() {
    let (mut election, mut rng) = plain("ab");
    let ballot = election.ballot(0, &choose("chair", &["c"], false).unwrap(), &mut rng).unwrap();
    let verified = election.state.ballot_context().unwrap().verify(ballot, &mut rng).unwrap();
    let other = election.entries.last().unwrap().clone();
    assert_eq!(election.state.apply_ballot(&verified, None).unwrap_err(), Rejection::Superseded);
    assert_eq!(election.state.apply_ballot(&verified, Some(&other)).unwrap_err(), Rejection::Superseded);
}

#[test]
fn weights_multiply_and_any_k_trustees_decrypt_the_same() {
    let roll = [("all", "all", 3), ("all", "all", 1), ("all", "all", 1), ("all", "all", 3)];
    for pair in [[0, 1], [0, 2], [1, 2], [2, 0]] {
        let (mut election, mut rng) = voted("abba", |_| {}, &roll);
        election.close().unwrap();
        for trustee in pair {
            election.agree(trustee).unwrap();
        }
        for trustee in pair {
            election.share(trustee, &mut rng).unwrap();
        }
        assert_eq!(counts(&election), [(vec![6, 2, 0, 0, 0], 1)]);
    }
}

#[test]
fn nothing_opens_before_ceremony_roll_and_time() {
    let mut rng = rng(1);
    let mut election = SampleElection::start((2, 3), |_| {}, &mut rng).unwrap();
    assert!(election.open().is_err());
    election.roll(&[("all", "all", 1)], &mut rng).unwrap();
    assert!(election.open().is_err());
    election.ceremony(&mut rng).unwrap();
    election.time_ms = OPENS_AT_MS - 1;
    assert!(matches!(rejection(election.open().unwrap_err()), Rejection::Opening(_)));
    election.time_ms = OPENS_AT_MS;
    election.open().unwrap();
}

#[test]
fn entries_signed_by_somebody_else_or_for_another_election_are_refused() {
    let (mut election, mut rng) = plain("a");
    election.tally_head().unwrap();
    let size = election.entries.len();
    let closing = Closing { administrator: 1, signature: None, time_ms: OPENS_AT_MS + 1, tag: ClosingTag };
    let stranger = SigningSecret::generate(&mut rng);
    let error = election.append_signed(closing.clone(), &stranger).unwrap_err();
    assert_eq!(error.code(), "signature");
    let other = SampleElection::open_with(1, &mut rng).unwrap();
    let administrator = SigningSecret::from_seed(&election.administrator.expose_seed());
    let foreign = sign(closing.clone(), &other.fingerprint(), &administrator).unwrap();
    assert_eq!(election.append(canonical::to_bytes(&foreign).unwrap()).unwrap_err().code(), "signature");
    let nobody = Closing { administrator: 2, ..closing.clone() };
    assert_eq!(election.append_signed(nobody, &administrator).unwrap_err(), Rejection::UnknownAdministrator(2));
    let unsigned = canonical::to_bytes(&closing).unwrap();
    assert_eq!(election.append(unsigned).unwrap_err().code(), "signature");
    assert_eq!(election.entries.len(), size, "nothing was appended");
    assert_eq!(election.state.head().tree_size, size as u64);
}

#[test]
fn a_ballot_after_closing_is_refused() {
    let (mut election, mut rng) = plain("ab");
    let late = election.ballot(0, &choose("chair", &["c"], false).unwrap(), &mut rng).unwrap();
    election.close().unwrap();
    let error = election.submit(late, &mut rng).unwrap_err();
    assert_eq!(error, Rejection::Phase { entry: "ballot", phase: Phase::Closed });
}

#[test]
fn a_tally_head_that_lies_is_refused_and_closing_needs_one() {
    let (mut election, mut rng) = plain("abc");
    let honest = election.state.tally_head(OPENS_AT_MS);
    for edit in [
        |h: &mut veritally_crypto::leaves::TallyHead| h.ballots += 1,
        |h: &mut veritally_crypto::leaves::TallyHead| h.digest = Hash::of(b"x"),
        |h: &mut veritally_crypto::leaves::TallyHead| h.tree_size += 1,
    ] {
        let mut lie = honest.clone();
        edit(&mut lie);
        assert_eq!(election.append(canonical::to_bytes(&lie).unwrap()).unwrap_err().code(), "tally-head");
    }
    let administrator = SigningSecret::from_seed(&election.administrator.expose_seed());
    let closing = Closing { administrator: 1, signature: None, time_ms: OPENS_AT_MS + 1, tag: ClosingTag };
    assert_eq!(election.append_signed(closing, &administrator).unwrap_err().code(), "closing");
    election.tally_head().unwrap();
    let repeated = canonical::to_bytes(&election.state.tally_head(OPENS_AT_MS)).unwrap();
    assert_eq!(election.append(repeated).unwrap_err().code(), "tally-head");
    election.finish(&mut rng).unwrap();
}

/// Protocol, section 2, "Times": a clock that steps back keeps nobody's entry out.
#[test]
fn tally_heads_reissues_and_abandonments_may_be_dated_before_the_entries_in_front_of_them() {
    let (mut election, mut rng) = voted("a", |_| {}, &[("all", "all", 1), ("all", "all", 1)]);
    let key = |secret: &SigningSecret| SigningSecret::from_seed(&secret.expose_seed());
    let head = election.state.tally_head(1);
    election.append(canonical::to_bytes(&head).unwrap()).unwrap();
    let new = CredentialCode::random(&mut rng).credential(&election.fingerprint()).public().0;
    let old = election.voters[1].entry.credential;
    let reissue = Reissue { new, old, signature: None, time_ms: 1, tag: ReissueTag };
    election.append_signed(reissue, &key(&election.registrar)).unwrap();
    let (reason, tag) = ("a fire".into(), AbandonmentTag);
    let abandonment = Abandonment { administrator: 1, reason, signature: None, time_ms: 1, tag };
    election.append_signed(abandonment, &key(&election.administrator)).unwrap();
    assert_eq!(election.state.phase(), Phase::Abandoned);
}

#[test]
fn the_end_of_voting_moves_only_later() {
    let (mut election, _) = plain("a");
    let administrator = SigningSecret::from_seed(&election.administrator.expose_seed());
    let closes = election.state.closes_at_ms();
    let extension = |closes_at_ms| Extension {
        administrator: 1,
        closes_at_ms,
        signature: None,
        time_ms: OPENS_AT_MS,
        tag: ExtensionTag,
    };
    for earlier in [closes, closes - 1] {
        assert_eq!(election.append_signed(extension(earlier), &administrator).unwrap_err().code(), "extension");
    }
    election.append_signed(extension(closes + 5), &administrator).unwrap();
    assert_eq!(election.state.closes_at_ms(), closes + 5);
}

#[test]
fn fewer_than_q_agreements_release_no_shares_and_fewer_than_k_shares_no_counts() {
    let (mut election, mut rng) = plain("abca");
    election.close().unwrap();
    let early = election.decryption_share(0, &mut rng).unwrap();
    election.agree(0).unwrap();
    assert_eq!(election.state.may_release_shares(), None);
    assert_eq!(rejection(election.submit_share(0, early).unwrap_err()).code(), "phase");
    assert_eq!(rejection(election.agree(0).unwrap_err()).code(), "second-agreement");
    election.agree(2).unwrap();
    assert_eq!(election.state.phase(), Phase::Agreed);
    election.share(0, &mut rng).unwrap();
    assert_eq!(election.state.phase(), Phase::Agreed);
    assert!(election.state.decrypted().is_none() && election.publish().is_err());
    assert_eq!(rejection(election.share(0, &mut rng).unwrap_err()).code(), "share");
    election.share(1, &mut rng).unwrap();
    assert_eq!(counts(&election), [(vec![2, 1, 1, 0, 0], 1)]);
}

/// ⚠ Two heads shown to two trustees: one trustee's agreement counts for one head only, so neither view gets its q.
#[test]
fn two_heads_shown_to_two_trustees_release_nothing() {
    let (mut election, mut rng) = plain("abca");
    election.close().unwrap();
    let head = election.state.closing_head().unwrap();
    for other in [Head { root: Hash::of(b"other"), ..head }, Head { tree_size: head.tree_size - 1, ..head }] {
        assert_eq!(rejection(election.agree_to(1, other).unwrap_err()).code(), "agreement-head");
    }
    election.agree(0).unwrap();
    assert_eq!(election.state.may_release_shares(), None);
    election.agree(1).unwrap();
    // A share for another head is not a share of this election's tally.
    let mut share = election.decryption_share(0, &mut rng).unwrap();
    share.head.root = Hash::of(b"other");
    assert_eq!(rejection(election.submit_share(0, share).unwrap_err()).code(), "share-head");
}

#[test]
fn a_wrong_share_is_logged_dropped_and_named_and_the_rest_combine() {
    let (mut election, mut rng) = plain("abca");
    election.close().unwrap();
    election.agree(0).unwrap();
    election.agree(1).unwrap();
    let mut wrong = |election: &SampleElection| {
        let mut share = election.decryption_share(1, &mut rng).unwrap();
        share.contests[0].shares[0].swap(0, 1);
        share
    };
    let share = wrong(&election);
    election.submit_share(1, share).unwrap();
    let entry = &election.state.shares()[0];
    assert!(entry.shares.as_ref().unwrap_err().contains("trustee 2"), "{:?}", entry.shares);
    assert_eq!(election.state.phase(), Phase::Agreed);
    for _ in 0..2 {
        let share = wrong(&election);
        election.submit_share(1, share).unwrap();
    }
    let share = wrong(&election);
    assert_eq!(rejection(election.submit_share(1, share).unwrap_err()).code(), "share", "no flood");
    election.share(2, &mut rng).unwrap();
    election.share(0, &mut rng).unwrap();
    assert_eq!(counts(&election), [(vec![2, 1, 1, 0, 0], 1)]);
}

#[test]
fn a_result_with_other_counts_is_refused() {
    let (mut election, mut rng) = plain("abca");
    election.close().unwrap();
    for trustee in [0, 1] {
        election.agree(trustee).unwrap();
    }
    for trustee in [0, 1] {
        election.share(trustee, &mut rng).unwrap();
    }
    let mut contests = election.state.decrypted().unwrap().to_vec();
    contests[0].cells[0].counts[4] += 1;
    let administrator = SigningSecret::from_seed(&election.administrator.expose_seed());
    let lie = ElectionResult { administrator: 1, contests, signature: None, time_ms: OPENS_AT_MS, tag: ResultTag };
    assert_eq!(election.append_signed(lie, &administrator).unwrap_err().code(), "result");
    election.publish().unwrap();
}

fn groups(names: &[&str]) -> Vec<Group> {
    names.iter().map(|name| Group { id: id(name).unwrap(), name: english(name) }).collect()
}

#[test]
fn a_cell_under_the_floor_is_merged_with_its_neighbour_and_never_decrypted_alone() {
    let edit = |m: &mut Manifest| {
        m.groups = groups(&["north", "middle", "south", "west"]);
        m.floor = 2;
    };
    // north 3 voters, middle 1 (fails → south), south 2, west 1 (fails, last → the one before)
    let roll: Vec<_> =
        ["north", "north", "north", "middle", "south", "south", "west"].map(|group| ("all", group, 1)).to_vec();
    let (mut election, mut rng) = voted("abacbba", edit, &roll);
    election.finish(&mut rng).unwrap();
    assert_eq!(counts(&election), [(vec![2, 1, 0, 0, 0], 1), (vec![1, 2, 1, 0, 0], 3)]);
}

#[test]
fn a_weight_that_few_share_is_below_the_floor_unless_the_manifest_waives_it() {
    let roll = [("all", "all", 1), ("all", "all", 1), ("all", "all", 5)];
    let (mut election, mut rng) = voted("aab", |m| m.floor = 2, &roll);
    election.finish(&mut rng).unwrap();
    let contest = &election.state.decrypted().unwrap()[0];
    assert!(contest.withheld && contest.cells.is_empty());
    let (mut election, mut rng) = voted(
        "aab",
        |m| {
            m.floor = 2;
            m.weights_may_identify = true;
        },
        &roll,
    );
    election.finish(&mut rng).unwrap();
    assert_eq!(counts(&election), [(vec![2, 5, 0, 0, 0], 1)]);
}

#[test]
fn a_group_without_ballots_counts_zero_and_an_election_without_ballots_ends() {
    let roll = [("all", "north", 1), ("all", "north", 1), ("all", "south", 1)];
    let (mut election, mut rng) = voted("ab", |m| m.groups = groups(&["north", "south"]), &roll);
    election.finish(&mut rng).unwrap();
    assert_eq!(counts(&election), [(vec![1, 1, 0, 0, 0], 1), (vec![0; 5], 1)]);
    let (mut election, mut rng) = plain("");
    election.finish(&mut rng).unwrap();
    assert_eq!(counts(&election), [(vec![0; 5], 1)]);
}

#[test]
fn abandoning_ends_an_election_and_says_why() {
    let (mut election, _) = plain("a");
    let administrator = SigningSecret::from_seed(&election.administrator.expose_seed());
    let abandonment = |reason: &str| Abandonment {
        administrator: 1,
        reason: reason.into(),
        signature: None,
        time_ms: OPENS_AT_MS,
        tag: AbandonmentTag,
    };
    assert_eq!(election.append_signed(abandonment(" "), &administrator).unwrap_err(), Rejection::Reason);
    election.append_signed(abandonment("wrong names"), &administrator).unwrap();
    assert_eq!(election.state.phase(), Phase::Abandoned);
}

#[test]
fn a_roll_that_is_unsorted_repeated_or_over_the_total_weight_is_refused() {
    let mut rng = rng(5);
    let mut election = SampleElection::start((2, 3), |m| m.max_total_weight = 3, &mut rng).unwrap();
    let error = rejection(election.roll(&[("all", "all", 4)], &mut rng).unwrap_err());
    assert_eq!(error.code(), "roll");
    election.voters.clear();
    for (style, group, weight) in [("none", "all", 1), ("all", "none", 1), ("all", "all", 0)] {
        let error = rejection(election.roll(&[(style, group, weight)], &mut rng).unwrap_err());
        assert_eq!(error.code(), "roll");
        election.voters.clear();
    }
    let mut registrar_list = vec![];
    for _ in 0..3 {
        let code = CredentialCode::random(&mut rng);
        let credential = code.credential(&election.fingerprint()).public().0;
        registrar_list.push(RollEntry { credential, group: id("all").unwrap(), style: id("all").unwrap(), weight: 1 });
    }
    registrar_list.sort_by_key(|e| std::cmp::Reverse(e.credential));
    let registrar = SigningSecret::from_seed(&election.registrar.expose_seed());
    let part = |entries: &[RollEntry]| RollPart {
        entries: entries.to_vec(),
        part: 0,
        signature: None,
        tag: veritally_crypto::leaves::RollPartTag,
    };
    assert_eq!(election.append_signed(part(&registrar_list), &registrar).unwrap_err().code(), "roll");
    let twice = [registrar_list[0].clone(), registrar_list[0].clone()];
    assert_eq!(election.append_signed(part(&twice), &registrar).unwrap_err().code(), "roll");
    assert_eq!(election.append_signed(part(&[]), &registrar).unwrap_err().code(), "roll");
    registrar_list.reverse();
    election.append_signed(part(&registrar_list), &registrar).unwrap();
}

#[test]
fn a_credential_that_is_no_group_element_is_refused_or_left_to_who_decodes_it_later() {
    let mut rng = rng(6);
    for wrong in [EncodedPoint::IDENTITY, EncodedPoint([0xff; 32])] {
        let mut election = SampleElection::start((2, 3), |_| {}, &mut rng).unwrap();
        let stranger = RollEntry { credential: wrong, group: id("all").unwrap(), style: id("all").unwrap(), weight: 1 };
        election.roll_with(&[("all", "all", 1)], &[stranger], &mut rng).unwrap();
        let credentials: Vec<_> = election.state.without_ballot().iter().map(|credential| credential.0).collect();
        assert!(credentials.len() == 2 && credentials.contains(&wrong), "{credentials:?}");
        let (manifest, part) = (&election.entries[0], &election.entries[1]);
        let error = RecordState::start(manifest).unwrap().apply(&Leaf::parse(part).unwrap(), part).unwrap_err();
        assert!(error.to_string().contains("not a valid group element"), "{error}");
    }
}

#[test]
fn only_a_ballot_spares_a_credential_the_decoding() {
    let (election, _) = voted("a", |_| {}, &[("all", "all", 1), ("all", "all", 1)]);
    let voted = election.state.voters().find(|voter| voter.counter > 0).unwrap().credential;
    let others = election.state.without_ballot();
    assert!(others.len() == 1 && others[0] != voted);
}

#[test]
fn a_manifest_is_refused_with_every_reason() {
    let refused = |edit: fn(&mut Manifest)| {
        let error = SampleElection::start((2, 3), edit, &mut rng(1)).unwrap_err();
        rejection(error).to_string()
    };
    type Edit = fn(&mut Manifest);
    let cases: [(Edit, &str); 14] = [
        (|m| m.quorum = 1, "need 2·quorum > trustees"),
        (|m| m.quorum = 4, "need 2·quorum > trustees"),
        (|m| m.agreement_quorum = 1, "must lie between the quorum"),
        (|m| m.contests[0].id = id("other").unwrap(), "which does not exist"),
        (|m| m.ballot_styles[0].contests.clear(), "is on no ballot style"),
        (|m| m.contests[0].selections[1].id = id("a").unwrap(), "occurs twice"),
        (|m| m.contests[0].name = english(" "), "is empty"),
        (|m| m.languages.push("fr".into()), "exactly these languages"),
        (|m| m.max_total_weight = (1 << 40) + 1, "max_total_weight"),
        (|m| m.floor = 0, "floor"),
        (|m| m.schedule.closes_at_ms = m.schedule.opens_at_ms, "before it opens"),
        (|m| m.trustees[1].identity_key = m.trustees[0].identity_key, "occurs twice"),
        (|m| m.trustees[1].proof = m.trustees[0].proof, "proof of possession"),
        (|m| m.log.origin = "two words".into(), "origin"),
    ];
    for (edit, expected) in cases {
        let message = refused(edit);
        assert!(message.contains(expected), "{expected}: {message}");
    }
    let both = refused(|m| {
        m.floor = 0;
        m.quorum = 1;
    });
    assert!(both.contains("floor") && both.contains("quorum"), "{both}");
}

#[test]
fn styles_hold_their_own_contests_and_a_ballot_of_another_style_is_refused() {
    use veritally_crypto::contests::Choice;
    let mut rng = rng(6);
    let rule = Choice { blank: true, max: 2, min: 1, seats: 1, undervotes: false };
    let mut election = SampleElection::start(
        (2, 3),
        |m| {
            m.contests.push(veritally_crypto::sample::choice_contest("board", 4, rule).unwrap());
            m.ballot_styles.push(BallotStyle {
                contests: vec![id("chair").unwrap(), id("board").unwrap()],
                id: id("full").unwrap(),
                name: english("Full"),
            });
        },
        &mut rng,
    )
    .unwrap();
    election.ceremony(&mut rng).unwrap();
    election.roll(&[("all", "all", 1), ("full", "all", 1), ("full", "all", 1)], &mut rng).unwrap();
    election.open().unwrap();
    let chair = |choice: &str| choose("chair", &[choice], false).unwrap();
    let both = |choice: &str, board: &[&str], blank| {
        let mut answers = chair(choice);
        answers.extend(choose("board", board, blank).unwrap());
        answers
    };
    election.cast(0, &chair("a"), &mut rng).unwrap();
    election.cast(1, &both("b", &["a", "d"], false), &mut rng).unwrap();
    election.cast(2, &both("a", &[], true), &mut rng).unwrap();
    let context = election.state.ballot_context().unwrap().clone();
    let voter = &election.voters[0];
    let record = election.state.voter(voter.credential.public()).unwrap();
    let prepared = context
        .prepare(
            &id("full").unwrap(),
            &both("a", &["a"], false),
            voter.credential.public(),
            2,
            record.last_hash,
            &mut rng,
        )
        .unwrap();
    let ballot = prepared.cast(&voter.credential, &mut rng).unwrap();
    assert_eq!(election.submit(ballot, &mut rng).unwrap_err().code(), "ballot-style");
    election.finish(&mut rng).unwrap();
    let contests = election.state.decrypted().unwrap();
    assert_eq!(contests[0].cells[0].counts, [2, 1, 0, 0, 0]);
    assert_eq!(contests[1].cells[0].counts, [1, 0, 0, 1, 1], "four selections and blank");
}
