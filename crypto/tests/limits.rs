//! Elections that could not be carried through are refused when they are made: specs/protocol.md section 10.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use veritally_crypto::contests::{Choice, Condorcet, Rule};
use veritally_crypto::leaves::{Abandonment, AbandonmentTag, Closing, ClosingTag, Extension, ExtensionTag};
use veritally_crypto::manifest::{BallotStyle, Group, Manifest};
use veritally_crypto::record::{Phase, Rejection};
use veritally_crypto::sample::{SampleElection, choice_contest, choose, english, id};
use veritally_crypto::signature::SigningSecret;

fn rng() -> StdRng {
    StdRng::seed_from_u64(10)
}

fn refusal((k, n): (u64, u64), edit: impl FnOnce(&mut Manifest)) -> String {
    SampleElection::start((k, n), edit, &mut rng()).unwrap_err().to_string()
}

fn groups(m: &mut Manifest, count: usize) {
    m.groups = (0..count).map(|i| Group { id: id(&format!("g{i}")).unwrap(), name: english("g") }).collect();
}

#[test]
fn an_election_whose_result_tally_or_messages_could_not_be_logged_is_refused() {
    let refused = refusal((2, 3), |m| groups(m, 400));
    assert!(refused.contains("the result could take"), "{refused}");
    // Few rows in many styles and groups: no entry is too long, the running tally is.
    let refused = refusal((2, 3), |m| {
        groups(m, 300);
        let any = Choice { blank: false, max: 1, min: 1, seats: 1, undervotes: false };
        m.contests = vec![choice_contest("chair", 2, any).unwrap()];
        let chair = id("chair").unwrap();
        let style =
            |i| BallotStyle { contests: vec![chair.clone()], id: id(&format!("s{i}")).unwrap(), name: english("s") };
        m.ballot_styles = (0..300).map(style).collect();
    });
    assert!(refused.contains("exceed the 200000"), "{refused}");
    // 55 rankings of 11: 6,050 keys, each with a share for each of 64 trustees.
    let refused = refusal((33, 64), |m| {
        let any = Choice { blank: false, max: 1, min: 1, seats: 1, undervotes: false };
        let contest = |i: usize| {
            let mut contest = choice_contest(&format!("c{i}"), 11, any.clone()).unwrap();
            contest.rule = Rule::Condorcet(Condorcet { seats: 1 });
            contest.selections.iter_mut().for_each(|s| s.name = english("x"));
            contest
        };
        m.contests = (0..55).map(contest).collect();
        let style = |i: usize| BallotStyle {
            contests: vec![id(&format!("c{i}")).unwrap()],
            id: id(&format!("s{i}")).unwrap(),
            name: english("s"),
        };
        m.ballot_styles = (0..55).map(style).collect();
    });
    assert!(refused.contains("a trustee's packages could take"), "{refused}");
}

fn administrator(election: &SampleElection) -> SigningSecret {
    SigningSecret::from_seed(&election.administrator.expose_seed())
}

#[test]
fn a_closing_that_was_signed_before_an_extension_does_not_end_voting() {
    let mut election = SampleElection::open_with(1, &mut rng()).unwrap();
    let key = administrator(&election);
    let end = election.state.closes_at_ms();
    let closing = |time_ms| Closing { administrator: 1, signature: None, time_ms, tag: ClosingTag };
    let (closes_at_ms, time_ms) = (end + 10, end - 5);
    let extension = Extension { administrator: 1, closes_at_ms, signature: None, time_ms, tag: ExtensionTag };
    election.append_signed(extension, &key).unwrap();
    let stale = election.append_signed(closing(end - 6), &key).unwrap_err();
    assert!(matches!(stale, Rejection::Closing(why) if why.contains("before the last extension")), "{stale}");
    assert_eq!(election.state.phase(), Phase::Open);
    election.append_signed(closing(end - 5), &key).unwrap();
}

#[test]
fn a_closing_that_no_administrator_signed_is_refused_before_a_tally_head_is_due() {
    let mut election = SampleElection::open_with(1, &mut rng()).unwrap();
    election.cast(0, &choose("chair", &["a"], false).unwrap(), &mut rng()).unwrap();
    let closing = Closing { administrator: 1, signature: None, time_ms: election.time_ms, tag: ClosingTag };
    assert_eq!(election.state.precheck_closing(&closing).unwrap_err().code(), "signature");
    let signed =
        veritally_crypto::signature::sign(closing, &election.fingerprint(), &administrator(&election)).unwrap();
    assert_eq!(election.state.precheck_closing(&signed), Ok(()));
    assert!(election.state.tally_head_due());
}

#[test]
fn a_wrong_share_entry_that_somebody_logs_again_uses_up_no_try() {
    let rng = &mut rng();
    let mut election = SampleElection::open_with(2, rng).unwrap();
    for voter in 0..2 {
        election.cast(voter, &choose("chair", &["a"], false).unwrap(), rng).unwrap();
    }
    election.close().unwrap();
    election.agree(0).unwrap();
    election.agree(1).unwrap();
    let right = election.decryption_share(0, rng).unwrap();
    let mut wrong = right.clone();
    wrong.contests[0].shares[0].reverse();
    election.submit_share(0, wrong).unwrap();
    let logged = election.entries.last().unwrap().clone();
    for _ in 0..3 {
        let again = election.append(logged.clone()).unwrap_err();
        assert!(again.to_string().contains("in the log already"), "{again}");
    }
    election.submit_share(0, right).unwrap();
}

#[test]
fn an_election_abandoned_after_decryption_keeps_the_shares_that_everybody_can_count_from() {
    let rng = &mut rng();
    let mut election = SampleElection::open_with(1, rng).unwrap();
    election.cast(0, &choose("chair", &["b"], false).unwrap(), rng).unwrap();
    election.close().unwrap();
    for trustee in 0..2 {
        election.agree(trustee).unwrap();
    }
    for trustee in 0..2 {
        election.share(trustee, rng).unwrap();
    }
    let reason = "the result does not please".to_owned();
    let abandonment = Abandonment { administrator: 1, reason, signature: None, time_ms: 1, tag: AbandonmentTag };
    election.append_signed(abandonment, &administrator(&election)).unwrap();
    assert_eq!(election.state.phase(), Phase::Abandoned);
    assert_eq!(election.state.decrypted().unwrap()[0].cells[0].counts, [0, 1, 0, 0, 0]);
    assert!(election.publish().is_err());
}
