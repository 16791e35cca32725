//! The judge of a log: after some entries of the sample's record come altered ones, in any order, signed anew or not.
//! Nothing panics; what is refused leaves no trace, so that the honest rest is still admitted.

use serde_json::Value;
use veritally_crypto::ballot::{EncryptedBallot, VerifiedBallot};
use veritally_crypto::canonical;
use veritally_crypto::leaves::Leaf;
use veritally_crypto::record::{RecordState, Rejection};

use super::{election, resigned, rng};

/// Instructions, taken from the front of the input; zeros when it has ended.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first)
    }

    fn number(&mut self) -> usize {
        self.byte() << 8 | self.byte()
    }
}

/// Edits the value at this position among all values within a value, itself first.
fn edit(value: &mut Value, position: &mut usize, how: &mut dyn FnMut(&mut Value)) {
    if *position == 0 {
        how(value);
    }
    *position = position.wrapping_sub(1);
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| edit(item, position, how)),
        Value::Object(members) => members.values_mut().for_each(|member| edit(member, position, how)),
        _ => {}
    }
}

fn entry(number: usize) -> &'static [u8] {
    let entries = &election().entries;
    &entries[number % entries.len()]
}

fn json(entry: &[u8]) -> Value {
    serde_json::from_slice(entry).expect("the sample's entries are JSON")
}

/// A value somewhere in the sample's record.
fn other_value(input: &mut Input<'_>) -> Value {
    let mut other = json(entry(input.byte()));
    let mut found = Value::Null;
    edit(&mut other, &mut input.number(), &mut |value| found = value.take());
    found
}

/// One of the sample's entries, a few values of it changed.
fn altered_entry(input: &mut Input<'_>) -> Vec<u8> {
    let mut whole = json(entry(input.byte()));
    for _ in 0..input.byte() % 4 {
        let (mut position, kind) = (input.byte(), input.byte());
        let argument = input.byte();
        let replacement = if kind % 4 == 0 { other_value(input) } else { Value::from(kind << (argument % 48)) };
        edit(&mut whole, &mut position, &mut |value| match value {
            Value::Number(n) if kind % 4 == 1 => *value = n.as_u64().map_or(0, |n| n.wrapping_add(1)).into(),
            Value::Number(n) if kind % 4 == 2 => *value = n.as_u64().map_or(0, |n| n.saturating_sub(1)).into(),
            Value::String(text) if kind % 4 == 1 => drop(text.pop()),
            Value::String(text) if kind % 4 == 2 => text.push(char::from(b'0' + (argument % 64) as u8)),
            Value::Array(items) if !items.is_empty() => match kind % 4 {
                0 => items.push(replacement.clone()),
                1 => drop(items.remove(argument % items.len())),
                2 => items.push(items[argument % items.len()].clone()),
                _ => items.reverse(),
            },
            Value::Object(members) if kind % 4 == 3 => members.retain(|name, _| !name.ends_with(char::is_numeric)),
            _ => *value = replacement.clone(),
        });
    }
    canonical::to_bytes(&whole).unwrap_or_default()
}

fn apply(state: &mut RecordState, bytes: &[u8], log: &[Vec<u8>], trusted: bool) -> Result<(), Rejection> {
    let leaf = Leaf::parse(bytes)?;
    let Leaf::Ballot(_) = leaf else { return state.apply(&leaf, bytes) };
    let ballot = EncryptedBallot::parse(bytes)?;
    state.precheck(&ballot)?;
    let superseded = state.superseded(&ballot).and_then(|index| log.get(usize::try_from(index).ok()?));
    let superseded = superseded.cloned();
    let verified = match state.ballot_context() {
        Some(context) if !trusted => context.verify(ballot, &mut rng())?,
        _ => VerifiedBallot::trust_stored(ballot)?,
    };
    state.apply_ballot(&verified, superseded.as_deref())
}

/// All that is cheap to see of a state.
fn seen(state: &RecordState) -> String {
    let head = state.tally_head(0);
    let parts = (state.roll_parts(), state.closes_at_ms(), state.tally_head_due(), state.shares().len());
    format!("{:?} {:?} {head:?} {parts:?} {:?}", state.head(), state.phase(), state.decrypted())
}

/// Instructions for altering and appending.
pub fn record(bytes: &[u8]) -> bool {
    let input = &mut Input(bytes);
    let honest = &election().entries;
    let mut state = RecordState::start(&honest[0]).expect("the sample's manifest is right");
    let mut log = vec![honest[0].clone()];
    let prefix = 1 + input.byte() % honest.len();
    for bytes in &honest[1..prefix.min(honest.len())] {
        apply(&mut state, bytes, &log, true).expect("the sample's record is right");
        log.push(bytes.clone());
    }
    for _ in 0..input.byte() % 8 {
        let mode = input.byte() % 3;
        let mut bytes = if mode == 0 { std::mem::take(&mut input.0).to_vec() } else { altered_entry(input) };
        if mode == 2
            && let Some(signed) = Leaf::parse(&bytes).ok().and_then(resigned)
        {
            bytes = signed;
        }
        let before = seen(&state);
        match apply(&mut state, &bytes, &log, false) {
            Ok(()) => {
                log.push(bytes);
                assert_eq!(state.head().tree_size, log.len() as u64);
            }
            Err(error) => {
                assert_eq!(seen(&state), before, "refused with {error}, and yet something changed");
                assert!(!error.code().is_empty());
            }
        }
    }
    // If nothing was admitted, the honest rest still is.
    if log.len() == prefix {
        for bytes in &honest[prefix..] {
            apply(&mut state, bytes, &log, true).expect("a refused entry leaves no trace");
            log.push(bytes.clone());
        }
        assert_eq!(state.head(), election().state.head());
    }
    true
}
