//! Section 2: a whole record, an entry against every rule, and messages in parts.

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use veritally_crypto::ballot::EncryptedBallot;
use veritally_crypto::leaves::Leaf;
use veritally_crypto::record::{RecordState, Rejection};

use super::{Case, array};

/// Judges one entry, as a board does; `entries` are those before it, and it joins them when it is admitted.
pub fn apply(state: &mut RecordState, entries: &mut Vec<Vec<u8>>, bytes: &[u8]) -> Result<(), Rejection> {
    let leaf = Leaf::parse(bytes)?;
    if matches!(leaf, Leaf::Ballot(_)) {
        let ballot = EncryptedBallot::parse(bytes)?;
        // Outside the open phase there is nothing to verify a ballot with, or no reason to.
        let Some(context) = state.ballot_context().cloned() else { return Err(state.precheck(&ballot).unwrap_err()) };
        let superseded = state.superseded(&ballot).map(|index| entries[usize::try_from(index).unwrap()].clone());
        // Form before roll, the rest of the rules before the proof.
        let verified = context.verify(ballot.clone(), &mut StdRng::seed_from_u64(3));
        if !matches!(verified, Err(veritally_crypto::ballot::BallotError::Check(_))) {
            state.apply_ballot(&verified?, superseded.as_deref())?;
        } else {
            state.precheck(&ballot)?;
            verified?;
        }
    } else {
        state.apply(&leaf, bytes)?;
    }
    entries.push(bytes.to_vec());
    Ok(())
}

/// The state after these entries.
pub fn replay(entries: &[Vec<u8>]) -> Result<RecordState, Rejection> {
    let mut state = RecordState::start(&entries[0])?;
    let mut before = vec![entries[0].clone()];
    for entry in &entries[1..] {
        apply(&mut state, &mut before, entry)?;
    }
    Ok(state)
}

fn whole(case: Case<'_>) {
    let entries = case.file.entries("entries");
    let mut state = RecordState::start(&entries[0]).unwrap();
    let mut before = vec![entries[0].clone()];
    let mut phases = vec![json!(state.phase())];
    for entry in &entries[1..] {
        apply(&mut state, &mut before, entry).unwrap();
        phases.push(json!(state.phase()));
    }
    assert_eq!(Value::Array(phases), case.value["phases"]);
    assert_eq!(state.fingerprint().0, array(&case.value["fingerprint"]));
    assert_eq!(state.roll_hash().unwrap().0, array(&case.value["roll"]));
    let counts = state.counts();
    assert_eq!(
        [counts.ballots_cast, counts.ballots_counted, counts.ballots_spoiled, counts.credentials_reissued],
        ["ballots_cast", "ballots_counted", "ballots_spoiled", "credentials_reissued"].map(|name| case.number(name))
    );
    assert_eq!(state.running_tally().digest().0, array(&case.value["tally"]));
    assert_eq!(json!(state.closing_head()), case.value["closing_head"]);
    assert_eq!(state.head().root.0, array(&case.value["root"]));
    assert_eq!(json!(state.decrypted()), case.value["counts"]);
}

/// Admits all of `tail` but the last; what becomes of the last.
fn last(entries: &[Vec<u8>], tail: &[Vec<u8>]) -> (RecordState, Result<(), Rejection>) {
    let mut state = replay(entries).unwrap();
    let mut before = entries.to_vec();
    let (last, others) = tail.split_last().unwrap();
    for entry in others {
        apply(&mut state, &mut before, entry).unwrap();
    }
    let verdict = apply(&mut state, &mut before, last);
    (state, verdict)
}

fn tail(case: Case<'_>) -> Vec<Vec<u8>> {
    case.list("entries").iter().map(|e| e.as_str().unwrap().as_bytes().to_vec()).collect()
}

pub fn record(kind: &str, case: Case<'_>) {
    if kind == "record" {
        return whole(case);
    }
    let mut entries = case.file.entries("entries");
    entries.truncate(usize::try_from(case.number("after")).unwrap());
    let (state, verdict) = last(&entries, &tail(case));
    match kind {
        "refused" => assert_eq!(verdict.unwrap_err().code(), case.text("code")),
        "admitted" => {
            verdict.unwrap();
            assert_eq!(json!(state.phase()), case.value["phase"]);
            let bad = state.shares().iter().filter(|entry| entry.shares.is_err()).count();
            assert_eq!(bad as u64, case.number("bad_shares"));
        }
        other => panic!("unread kind {other}"),
    }
}

pub fn parts(kind: &str, case: Case<'_>) {
    let entries = case.file.entries("entries");
    let sequence: Vec<usize> = serde_json::from_value(case.value["sequence"].clone()).unwrap();
    let sequence: Vec<Vec<u8>> = sequence.into_iter().map(|i| entries[i].clone()).collect();
    let (first, rest) = sequence.split_at(3);
    let (state, verdict) = last(first, rest);
    match kind {
        "refused" => assert_eq!(verdict.unwrap_err().code(), case.text("code")),
        "admitted" => {
            verdict.unwrap();
            let posted = state.ceremony().missing().iter().all(|trustee| trustee.0 != 1);
            assert_eq!(Some(posted), case.value["revealed"].as_bool());
        }
        other => panic!("unread kind {other}"),
    }
}
