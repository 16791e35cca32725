//! V8 to V10: what holds for entries of all kinds: form, order, signatures.

use serde::Deserialize;
use veritally_crypto::canonical::CanonicalError;
use veritally_crypto::id::LeafIndex;
use veritally_crypto::leaves::Part;
use veritally_crypto::record::Phase;

use super::Check;
use crate::audit::{Audit, Subject};
use crate::findings::Conclusion;
use crate::words::count;

/// All types of entries, as in specs/encoding.md; a test compares.
pub(crate) const TYPES: [&str; 22] = [
    "manifest/v1",
    "trustee-commit/v1",
    "trustee-reveal/v1",
    "trustee-shares/v1",
    "trustee-confirm/v1",
    "trustee-rehearsal/v1",
    "trustee-complaint/v1",
    "ceremony-restart/v1",
    "decryption-share/v1",
    "<name>-part/v1",
    "roll-part/v1",
    "roll/v1",
    "reissue/v1",
    "opening/v1",
    "ballot/v1",
    "spoiled-ballot/v1",
    "tally-head/v1",
    "extension/v1",
    "closing/v1",
    "agreement/v1",
    "result/v1",
    "abandonment/v1",
];

/// The type that an entry names, if there is no such type.
fn unknown_type(bytes: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Peek {
        #[serde(rename = "type")]
        tag: String,
    }
    let Peek { tag } = serde_json::from_slice(bytes).ok()?;
    let known = TYPES.contains(&tag.as_str()) || Part::message_type_of(&tag).is_some();
    (!known).then(|| tag.chars().take(64).collect())
}

/// An entry that is not canonical, or that no rule explains.
pub(crate) fn malformed(audit: &mut Audit<'_>, index: LeafIndex, error: &CanonicalError, bytes: &[u8]) {
    let (check, sentence, subject) = match unknown_type(bytes) {
        Some(tag) => {
            let sentence = format!("it is of type {tag:?}, which no election has; nobody knows what it is for.");
            (Check::Unexplained, sentence, Subject::Other)
        }
        None => (Check::Canonical, format!("{error}."), Subject::of_malformed(bytes)),
    };
    audit.findings.fail(check, index, sentence);
    audit.obstruct(check, index);
    if audit.state.is_some() {
        audit.refused.add(index, subject);
    }
}

pub(crate) fn conclude(audit: &Audit<'_>) -> [(Check, Conclusion); 3] {
    let complete = audit.complete();
    let replayed = complete && audit.state.is_some();
    let phase = audit.state.as_ref().map_or(Phase::Setup, |state| state.phase());
    let size = count(audit.tree.size(), "entry is", "entries are");
    let order = format!("All entries stand where they may; the election is {phase}.");
    [
        (Check::Canonical, audit.reached(complete, format!("{size} well-formed."), "")),
        (Check::Order, audit.reached(replayed, order, "")),
        (Check::Signatures, audit.reached(replayed, "All officials' entries are signed by them.", "")),
    ]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    #[test]
    fn the_known_types_are_those_of_the_spec() {
        let spec = include_str!("../../../specs/encoding.md");
        let rows = spec.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(tag, _)| tag);
        let mut expected: Vec<_> = rows.filter(|tag| tag.ends_with("/v1")).collect();
        let mut known = TYPES.to_vec();
        expected.sort_unstable();
        known.sort_unstable();
        assert_eq!(known, expected);
    }

    #[test]
    fn only_types_that_no_rule_knows_are_unexplained() {
        assert_eq!(unknown_type(br#"{"type":"secret/v1"}"#).as_deref(), Some("secret/v1"));
        assert_eq!(unknown_type(br#"{"type":"ballot/v1"}"#), None);
        assert_eq!(unknown_type(br#"{"type":"decryption-share-part/v1"}"#), None);
        assert_eq!(unknown_type(br#"{"type":"secret-part/v1"}"#).as_deref(), Some("secret-part/v1"));
        assert_eq!(unknown_type(b"{}"), None);
    }
}
