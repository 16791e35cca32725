//! V1 and V2: what was voted on, and whether it is the election that was meant.

use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::Leaf;
use veritally_crypto::manifest::text;
use veritally_crypto::record::RecordState;

use super::Check;
use crate::audit::Audit;
use crate::findings::Conclusion;
use crate::pipeline::Body;
use crate::words::count;

/// Leaf 0.
pub(crate) fn start(audit: &mut Audit<'_>, body: Body) {
    let (bytes, manifest) = match body {
        Body::Leaf(leaf, bytes) => match *leaf {
            Leaf::Manifest(manifest) => (bytes, Some(manifest)),
            _ => (bytes, None),
        },
        Body::Malformed(_, bytes) => (bytes, None),
        Body::Ballot(ballot) | Body::BadBallot(ballot, _) => (ballot.bytes().to_vec(), None),
        Body::Verified(ballot) => (ballot.ballot().bytes().to_vec(), None),
        Body::Taken => return,
    };
    audit.fingerprint = Some(Hash::of(&bytes));
    audit.manifest = manifest;
    match RecordState::start(&bytes) {
        Ok(state) => audit.state = Some(state),
        Err(rejection) => {
            audit.findings.fail(Check::Manifest, 0, format!("{rejection}."));
            audit.obstruct(Check::Manifest, 0);
        }
    }
}

pub(crate) fn conclude(audit: &mut Audit<'_>) -> [(Check, Conclusion); 2] {
    let name = audit.manifest.as_ref().map_or(String::new(), |manifest| {
        let language = manifest.languages.first().map_or("en", String::as_str);
        let (k, n) = (manifest.quorum, manifest.trustee_count());
        format!(
            "“{}”: {}, {k} of {n} trustees decrypt.",
            text(&manifest.name, language),
            count(manifest.contests.len() as u64, "contest", "contests")
        )
    });
    if audit.checkpoint.head().is_some_and(|head| head.tree_size == 0) {
        audit.findings.fail(Check::Manifest, None, "The log has no entries.");
        audit.obstruct(Check::Manifest, None);
    }
    let manifest = audit.reached(audit.state.is_some(), name, "");
    let fingerprint = match (audit.options.fingerprint, audit.fingerprint) {
        (Some(known), Some(found)) if known == found => Conclusion::Holds("It is the one that you gave.".into()),
        (Some(known), Some(found)) => {
            let sentence = format!("the fingerprint is {found}, you gave {known}.");
            audit.findings.fail(Check::Fingerprint, 0, sentence);
            Conclusion::Holds(String::new())
        }
        (None, Some(found)) => Conclusion::NotApplicable(format!(
            "Not compared with a known fingerprint. Compare {found} with the one on a letter or an official notice."
        )),
        (_, None) => audit.reached(false, "", ""),
    };
    [(Check::Manifest, manifest), (Check::Fingerprint, fingerprint)]
}
