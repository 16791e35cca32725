//! The ceremony on one page, to print, to read aloud from and to sign: self-contained HTML made from an exported record.

use std::fmt::Write as _;

use veritally_board_api::html::escaped;
use veritally_crypto::ceremony::{CeremonyPhase, enrolment_words};
use veritally_crypto::hash::Hash;
use veritally_crypto::id::TrusteeId;
use veritally_crypto::leaves::Leaf;
use veritally_crypto::log::tiles::{MAX_BUNDLE_BYTES, bundles_of, decode_entries};
use veritally_crypto::manifest::text;
use veritally_crypto::record::RecordState;
use veritally_crypto::text::{crockford, grouped};
use veritally_verifier::Source;
use veritally_verifier::source::SourceError;

const STYLE: &str = "body{font:11pt/1.35 serif;margin:2em auto;max-width:48em}h1{font-size:1.4em}h2{font-size:1.1em}\
table{border-collapse:collapse;width:100%}td,th{border:1px solid #555;padding:.2em .4em;text-align:left;vertical-align:top}\
code{font:9pt monospace;overflow-wrap:anywhere}.blank{height:2em;min-width:8em}@page{margin:1.5cm}";

/// A line of the log that belongs to the ceremony.
struct Step {
    index: u64,
    what: String,
    hash: Hash,
}

/// The page of a verified record. `made` is the time of printing, for people.
///
/// # Errors
/// [`SourceError`] when the record can't be read again.
pub fn html(source: &dyn Source, state: &RecordState, made: &str) -> Result<String, SourceError> {
    let manifest = state.manifest();
    let language = manifest.languages.first().map_or("en", String::as_str);
    let name = escaped(text(&manifest.name, language));
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Key ceremony: {name}</title><style>{STYLE}</style>\
         <h1>Key ceremony: {name}</h1>"
    );
    let fingerprint = state.fingerprint();
    // Writing to a string does not fail.
    let _ = write!(
        page,
        "<p>Fingerprint of the election, to be read aloud: <b>{}</b><br><code>{fingerprint}</code></p>\
         <p>{} trustees are named, {} decrypt together, {} must agree to the final log. Printed {}.</p>",
        grouped(&crockford(&fingerprint.0, 20)),
        manifest.trustee_count(),
        manifest.quorum,
        manifest.agreement_quorum,
        escaped(made),
    );
    trustees(&mut page, state);
    steps(&mut page, source, state)?;
    outcome(&mut page, state);
    page.push_str("<h2>Present</h2><table><tr><th>Name<th>Role<th>From<th>To<th>Signature</tr>");
    for _ in 0..manifest.trustee_count().clamp(4, 12) {
        page.push_str("<tr><td class=\"blank\"><td><td><td><td class=\"blank\"></tr>");
    }
    page.push_str("</table></html>\n");
    Ok(page)
}

fn trustees(page: &mut String, state: &RecordState) {
    page.push_str(
        "<h2>Trustees</h2><p>Each reads its own characters from its own machine (<code>veritally-trustee fingerprint</code>); \
         the others compare them with this page.</p><table><tr><th>No.<th>Name<th>Enrolment fingerprint<th>Takes part<th>\
         Compared (time, initials)</tr>",
    );
    let excluded = state.excluded();
    for (number, keys) in (1..).zip(&state.manifest().trustees) {
        let out = excluded.iter().find(|exclusion| exclusion.trustee == TrusteeId(number));
        let part = out.map_or("yes".into(), |exclusion| format!("left out ({})", exclusion.reason));
        let (name, words) = (escaped(&keys.name), enrolment_words(keys));
        let _ = write!(page, "<tr><td>{number}<td>{name}<td><b>{words}</b><td>{part}<td class=\"blank\"></tr>");
    }
    page.push_str("</table>");
}

fn steps(page: &mut String, source: &dyn Source, state: &RecordState) -> Result<(), SourceError> {
    page.push_str("<h2>Steps, as in the log</h2><table><tr><th>Entry<th>What<th>SHA-256 of the entry<th>Time</tr>");
    for step in read_steps(source, state)? {
        let short: String = step.hash.to_string().chars().take(32).collect();
        let _ = write!(page, "<tr><td>{}<td>{}<td><code>{short}…</code><td></tr>", step.index, escaped(&step.what));
    }
    page.push_str("</table>");
    Ok(())
}

fn outcome(page: &mut String, state: &RecordState) {
    let (ceremony, head) = (state.ceremony(), state.head());
    page.push_str("<h2>Outcome</h2><ul>");
    for complaint in state.complaints() {
        let _ = write!(page, "<li>Entry {}, attempt {}: {}.", complaint.index, complaint.attempt, complaint.judged);
    }
    let attempt = ceremony.parameters().attempt();
    match ceremony.keys() {
        Some(keys) => {
            let _ = write!(
                page,
                "<li>Attempt {attempt} is complete: {} election keys.<li>Ceremony hash, to be read aloud: <b>{}</b><br>\
                 <code>{}</code>",
                keys.keys.len(),
                grouped(&crockford(&keys.ceremony.0, 20)),
                keys.ceremony
            );
        }
        None if ceremony.has_failed() => {
            let _ = write!(page, "<li>Attempt {attempt} has failed.");
        }
        None => {
            let phase = ceremony.phase();
            let missing = crate::status::names(&ceremony.missing());
            let _ = write!(page, "<li>Attempt {attempt} is in its {phase} phase; awaited: {missing}.");
        }
    }
    let _ = write!(page, "<li>Log: {} entries, root <code>{}</code></ul>", head.tree_size, head.root);
}

fn read_steps(source: &dyn Source, state: &RecordState) -> Result<Vec<Step>, SourceError> {
    let mut steps = vec![];
    for tile in bundles_of(0, state.head().tree_size) {
        let Some(bytes) = source.read(&tile.to_string(), MAX_BUNDLE_BYTES)?.bytes() else { break };
        let Ok(entries) = decode_entries(&bytes, tile.width()) else { break };
        for (index, entry) in (tile.range().start..).zip(entries) {
            let Ok(leaf) = Leaf::parse(entry) else { continue };
            if let Some(what) = describe(&leaf) {
                steps.push(Step { index, what, hash: Hash::of(entry) });
            }
        }
    }
    Ok(steps)
}

fn describe(leaf: &Leaf) -> Option<String> {
    let said =
        |attempt: u64, trustee: TrusteeId, phase: CeremonyPhase| Some(format!("attempt {attempt}: {trustee}, {phase}"));
    match leaf {
        Leaf::Manifest(_) => Some("manifest".into()),
        Leaf::Commit(m) => said(m.attempt, m.trustee, CeremonyPhase::Commit),
        Leaf::Reveal(m) => said(m.attempt, m.trustee, CeremonyPhase::Reveal),
        Leaf::Shares(m) => said(m.attempt, m.trustee, CeremonyPhase::Shares),
        Leaf::Confirm(m) => said(m.attempt, m.trustee, CeremonyPhase::Confirm),
        Leaf::Rehearsal(m) => said(m.attempt, m.trustee, CeremonyPhase::Rehearsal),
        Leaf::Part(m) if m.tag.starts_with("trustee-") => {
            Some(format!("{}: part {} of {} ({})", m.trustee, m.part + 1, m.parts, m.tag))
        }
        Leaf::Complaint(m) => Some(format!("attempt {}: {} complains of {}", m.attempt, m.trustee, m.dealer)),
        Leaf::Restart(m) => {
            let out: Vec<_> = m.excluded.iter().map(|e| format!("{} ({})", e.trustee, e.reason)).collect();
            let out = if out.is_empty() { "nobody".into() } else { out.join(", ") };
            Some(format!("administrator {} restarts: attempt {}, left out: {out}", m.administrator, m.attempt))
        }
        _ => None,
    }
}
