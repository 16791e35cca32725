//! Writes the seeds: `cargo run --example seeds` in this folder. They are committed; run it after a change of a format.

use std::path::Path;

use veritally_crypto::canonical;
use veritally_crypto::ceremony::CeremonyPhase;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::TrusteeId;
use veritally_crypto::leaves::{Abandonment, AbandonmentTag, Base64Bytes, Part};
use veritally_crypto::log::note::NoteVerifier;
use veritally_crypto::log::tiles::encode_entries;
use veritally_crypto::sample::{SampleElection, SampleError};
use veritally_crypto::signature::{SigningSecret, sign};

fn write(target: &str, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join(name), bytes)
}

fn main() -> Result<(), SampleError> {
    let election = veritally_fuzz::election();
    let entries = &election.entries;
    for bytes in entries.iter().chain(&rare_entries()?) {
        let value: serde_json::Value = serde_json::from_slice(bytes)?;
        let name = value["type"].as_str().unwrap_or_default().replace("/v1", "");
        write("leaf", &name, bytes)?;
        match name.as_str() {
            "ballot" => write("ballot", "ballot", bytes)?,
            "spoiled-ballot" => write("spoiled", "spoiled", bytes)?,
            "manifest" => write("manifest", "one-contest", bytes)?,
            _ => {}
        }
    }
    write("manifest", "every-type", &every_type()?)?;
    write("opening", "opening", &canonical::to_bytes(&veritally_fuzz::opening())?)?;
    write("canonical", "opening", &canonical::to_bytes(&veritally_fuzz::opening())?)?;
    write("canonical", "other", br#" {"b":[1,0.5,null,true,-1],"a":"\u0041\n\ud83d\ude00"} "#)?;
    let (checkpoint, receipt) = veritally_fuzz::checkpoint_and_receipt();
    write("note", "checkpoint", checkpoint.to_string().as_bytes())?;
    let verifier = NoteVerifier::log(veritally_fuzz::origin(), election.log_key.verification_key())?;
    write("note", "verifier", verifier.to_string().as_bytes())?;
    write("checkpoint", "signed", checkpoint.to_string().as_bytes())?;
    write("checkpoint", "text", checkpoint.checkpoint().to_string().as_bytes())?;
    write("receipt", "first", receipt.to_string().as_bytes())?;
    let (head, tail) =
        receipt.to_string().split_once("index").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap_or_default();
    write("receipt", "extra", format!("{head}extra AAAA\nindex{tail}").as_bytes())?;
    for (i, path) in ["tile/0/000", "tile/3/x001/x234/067.p/8", "tile/entries/x001/000"].iter().enumerate() {
        write("tile_path", &i.to_string(), path.as_bytes())?;
    }
    let two = [entries[entries.len() - 1].as_slice(), b"entry"];
    write("entry_bundle", "entries", &[&[1][..], &encode_entries(two)?].concat())?;
    write("entry_bundle", "hashes", &[&[0][..], &[7; 32]].concat())?;
    write("credential_code", "code", election.voters[0].code.expose_text().as_bytes())?;
    write("credential_code", "id", b"mayor-2027")?;
    write("credential_code", "hash", Hash::ZERO.to_string().as_bytes())?;
    for prefix in 0..entries.len() as u8 {
        // The next entry altered and signed anew, then the whole of another one.
        let alteration = [2, prefix + 1, 1, 3, 2, 5, 1, prefix, 0];
        write("record", &prefix.to_string(), &[&[prefix, 2][..], &alteration].concat())?;
    }
    Ok(write("record", "raw", &[&[12, 1, 0][..], &entries[3]].concat())?)
}

/// Entries of the types that the sample's election has no use for.
fn rare_entries() -> Result<Vec<Vec<u8>>, SampleError> {
    let rng = &mut veritally_fuzz::rng();
    let mut failed = SampleElection::start((2, 3), |_| {}, rng)?;
    failed.ceremony_until(CeremonyPhase::Confirm, rng)?;
    let honest = failed.entries.len();
    failed.complain(1, TrusteeId(3), rng)?;
    failed.restart(&[])?;
    let key = SigningSecret::from_seed(&failed.administrator.expose_seed());
    let (reason, time_ms) = ("the sample ends here".into(), failed.time_ms);
    failed.append_signed(Abandonment { administrator: 1, reason, signature: None, time_ms, tag: AbandonmentTag }, &key)?;
    let message = failed.entries[1].clone();
    let part = Part {
        chunk: Base64Bytes(message.clone()),
        message: Hash::of(&message),
        part: 0,
        parts: 2,
        signature: None,
        trustee: TrusteeId(1),
        tag: "trustee-commit-part/v1".into(),
    };
    let part = canonical::to_bytes(&sign(part, &failed.fingerprint(), &failed.trustees[0].identity)?)?;
    Ok(failed.entries.into_iter().skip(honest).chain([part]).collect())
}

/// A manifest with a contest of every type.
fn every_type() -> Result<Vec<u8>, SampleError> {
    let mut manifest = (**election_manifest()).clone();
    let rules = [
        r#"{"blank":true,"max":2,"min":1,"seats":1,"type":"choice"}"#,
        r#"{"limit":4,"max":3,"seats":1,"type":"score"}"#,
        r#"{"credits":9,"seats":1,"type":"quadratic"}"#,
        r#"{"first_place":"n-1","min":0,"places":2,"seats":1,"type":"borda"}"#,
        r#"{"seats":1,"type":"condorcet"}"#,
    ];
    let first = manifest.contests.remove(0);
    for (i, rule) in rules.iter().enumerate() {
        let mut contest = first.clone();
        contest.id = veritally_crypto::id::Id::new(format!("contest-{i}"))?;
        contest.rule = serde_json::from_str(rule)?;
        manifest.contests.push(contest);
    }
    manifest.ballot_styles[0].contests = manifest.contests.iter().map(|contest| contest.id.clone()).collect();
    Ok(manifest.to_leaf()?)
}

fn election_manifest() -> &'static veritally_crypto::manifest::CheckedManifest {
    veritally_fuzz::election().state.manifest()
}
