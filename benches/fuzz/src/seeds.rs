//! What the targets begin with: valid inputs of every kind. `seeds/` has them as files, for the fuzzer;
//! `VERITALLY_WRITE_SEEDS=1 cargo test -p veritally-benches --test fuzzed` writes those anew after a change of a format.

use veritally_crypto::canonical;
use veritally_crypto::ceremony::CeremonyPhase;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::TrusteeId;
use veritally_crypto::leaves::{Abandonment, AbandonmentTag, Base64Bytes, Head, Part};
use veritally_crypto::log::note::NoteVerifier;
use veritally_crypto::log::tiles::encode_entries;
use veritally_crypto::log::{Checkpoint, SignedCheckpoint};
use veritally_crypto::sample::{SampleElection, SampleError};
use veritally_crypto::signature::{SigningSecret, VerificationKey, sign};
use veritally_verifier::evidence::{Evidence, Finding, LogIdentity};

use super::{EVIDENCE_FILES, checkpoint_and_receipt, election, every_type, origin, rng, the_opening};

/// A target's name, the seed's own name, and its bytes.
pub type Seed = (&'static str, String, Vec<u8>);

/// All of them.
///
/// # Errors
/// None that occurs.
pub fn seeds() -> Result<Vec<Seed>, SampleError> {
    let mut all = vec![];
    let mut add = |target, name: &str, bytes: &[u8]| all.push((target, name.to_owned(), bytes.to_vec()));
    let election = election();
    let entries = &election.entries;
    for bytes in entries.iter().chain(&rare_entries()?) {
        let value: serde_json::Value = serde_json::from_slice(bytes)?;
        let name = value["type"].as_str().unwrap_or_default().replace("/v1", "");
        add("leaf", &name, bytes);
        match name.as_str() {
            "ballot" => add("ballot", "ballot", bytes),
            "spoiled-ballot" => add("spoiled", "spoiled", bytes),
            "manifest" => add("manifest", "one-contest", bytes),
            _ => {}
        }
    }
    add("manifest", "every-type", &every_type().to_leaf()?);
    add("opening", "opening", &canonical::to_bytes(the_opening())?);
    add("canonical", "opening", &canonical::to_bytes(the_opening())?);
    add("canonical", "other", br#" {"b":[1,0.5,null,true,-1],"a":"\u0041\n\ud83d\ude00"} "#);
    log(&mut add)?;
    add("credential_code", "code", election.voters[0].code.expose_text().as_bytes());
    add("credential_code", "id", b"mayor-2027");
    add("credential_code", "hash", Hash::ZERO.to_string().as_bytes());
    for prefix in 0..entries.len() as u8 {
        // The next entry altered and signed anew, then the whole of another one.
        let alteration = [2, prefix + 1, 1, 3, 2, 5, 1, prefix, 0];
        add("record", &prefix.to_string(), &[&[prefix, 2][..], &alteration].concat());
    }
    add("record", "raw", &[&[12, 1, 0][..], &entries[3]].concat());
    files(&mut add);
    Ok(all)
}

type Add<'a> = &'a mut dyn FnMut(&'static str, &str, &[u8]);

/// Notes, receipts, tiles, and what is kept or asked about a log.
fn log(add: Add<'_>) -> Result<(), SampleError> {
    let entries = &election().entries;
    let (checkpoint, receipt) = checkpoint_and_receipt();
    let (signed, key) = (checkpoint.to_string(), election().log_key.verification_key());
    add("note", "checkpoint", signed.as_bytes());
    add("note", "verifier", NoteVerifier::log(origin(), key)?.to_string().as_bytes());
    add("checkpoint", "signed", signed.as_bytes());
    add("checkpoint", "text", checkpoint.checkpoint().to_string().as_bytes());
    let receipt = receipt.to_string();
    add("receipt", "first", receipt.as_bytes());
    add("receipt", "extra", receipt.replacen("index", "extra AAAA\nindex", 1).as_bytes());
    for (i, path) in ["tile/0/000", "tile/3/x001/x234/067.p/8", "tile/entries/x001/000"].iter().enumerate() {
        add("tile_path", &i.to_string(), path.as_bytes());
    }
    let two = [entries[entries.len() - 1].as_slice(), b"entry"];
    add("entry_bundle", "entries", &[&[1][..], &encode_entries(two)?].concat());
    add("entry_bundle", "hashes", &[&[0][..], &[7; 32]].concat());
    let hash = base64_of(&Hash::of(b"a"));
    add("witness_request", "first", format!("old 0\n\n{signed}").as_bytes());
    add("witness_request", "later", format!("old 7\n{hash}\n{hash}\n\n{signed}").as_bytes());
    let log = LogIdentity { origin: origin().to_owned(), key };
    let other = Checkpoint::new(origin(), &Head { tree_size: 1, root: Hash::of(b"another log") });
    let second = SignedCheckpoint::sign(other, &election().log_key)?.to_string();
    for finding in [
        Finding::Fork { first: signed.clone(), second, passage: None },
        Finding::Stalled { first: signed.clone(), reason: "it does not answer".into() },
        Finding::BadEntry {
            first: signed,
            entry: entries[0].clone(),
            index: 0,
            inclusion: vec![],
            reason: "V3".into(),
        },
    ] {
        let (kind, manifest) = (finding.kind(), Some(entries[0].clone()));
        let evidence = Evidence { log: log.clone(), manifest, noticed_ms: 1, noticed_by: "the fuzzer".into(), finding };
        let folder = tempfile::tempdir()?;
        let written = evidence.write(folder.path()).map_err(std::io::Error::other)?;
        let parts = EVIDENCE_FILES.map(|name| std::fs::read(written.join(name)).unwrap_or_default());
        add("evidence", kind, &parts.join(&0));
    }
    Ok(())
}

fn base64_of(hash: &Hash) -> String {
    VerificationKey(hash.0).to_string()
}

/// What people write, and what mail servers do.
fn files(add: Add<'_>) {
    let head = "# TITLE: Chair\n# NUMBER ALTERNATIVES: 3\n# NUMBER VOTERS: 3\n# NUMBER UNIQUE ORDERS: 2\n\
                # ALTERNATIVE NAME 1: Ada\n# ALTERNATIVE NAME 2: Bo\n# ALTERNATIVE NAME 3: Cy\n";
    let categories = "# TITLE: Chair\n# NUMBER ALTERNATIVES: 2\n# NUMBER VOTERS: 2\n# NUMBER CATEGORIES: 2\n\
                      # CATEGORY NAME 1: yes\n# CATEGORY NAME 2: no\n# ALTERNATIVE NAME 1: Ada\n# ALTERNATIVE NAME 2: Bo\n";
    for (format, name, text) in [
        (0, "soi", format!("{head}2: 1,2\n1: 3\n")),
        (1, "soc", format!("{head}2: 1,2,3\n1: 3,1,2\n")),
        (2, "toi", format!("{head}2: {{1,2}}\n1: 3,{{1,2}}\n")),
        (3, "toc", format!("{head}2: {{1,2}},3\n1: 3,{{1,2}}\n")),
        (4, "cat", format!("{categories}1: {{1,2}},{{}}\n1: 1,2\n")),
        (5, "blt", "3 1\n-2\n2 1 3 0\n1 3=1 0\n0\n\"Ada\"\n\"Bo\"\n\"Cy\"\n\"Chair\"\n".into()),
        (6, "csv", "contest-0,contest-1,contest-4,count\na;b,a:3;b:1,a>b,2\nblank,,,1\n".into()),
    ] {
        add("ballot_file", name, &[&[format][..], text.as_bytes()].concat());
    }
    let code = election().voters[0].code.expose_text();
    add("code_list", "codes", format!("id,code,fingerprint\n17,{},{}\n", *code, Hash::ZERO).as_bytes());
    add("voter_list", "ids", b"id\n1\n2\n");
    add("voter_list", "all", b"id,name,email,weight,style,group\n1,\"Ada, L.\",ada@example.org,2,all,all\n");
    for (i, text) in ["a,b", "blank", "a:3,b:1", "a>b=c", ""].iter().enumerate() {
        add("marks", &i.to_string(), &[&[0][..], text.as_bytes()].concat());
    }
    let fingerprint = Hash::ZERO;
    add("link", "ours", format!("veritally://vote.example:8443/boards/committee?fp={fingerprint}").as_bytes());
    add("link", "loopback", b"veritally+https://[::1]/committee");
    add("link", "browser", b"https://vote.example/e/committee/");
    let mail = "From: MAILER-DAEMON@mx.example.org\nSubject: Undelivered\nMIME-Version: 1.0\n\
                Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\n\n--b\n\
                Content-Type: text/plain\n\nSorry.\n\n--b\nContent-Type: message/delivery-status\n\n\
                Reporting-MTA: dns; mx.example.org\n\nFinal-Recipient: rfc822; v1@example.org\nAction: failed\n\
                Status: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1\n    no such mailbox\n\n--b\n\
                Content-Type: message/rfc822\n\nMessage-ID: <abc@example.org>\n\nbody\n--b--\n";
    add("bounce", "message", mail.as_bytes());
    let from = "From a@b Mon Feb  1 10:00:00 2027";
    add("bounce", "mbox", format!("{from}\n{mail}\n{from}\n{mail}").as_bytes());
}

/// Entries of the types that the sample's election has no use for.
fn rare_entries() -> Result<Vec<Vec<u8>>, SampleError> {
    let rng = &mut rng();
    let mut failed = SampleElection::start((2, 3), |_| {}, rng)?;
    failed.ceremony_until(CeremonyPhase::Confirm, rng)?;
    let honest = failed.entries.len();
    failed.complain(1, TrusteeId(3), rng)?;
    failed.restart(&[])?;
    let key = SigningSecret::from_seed(&failed.administrator.expose_seed());
    let (reason, time_ms) = ("the sample ends here".into(), failed.time_ms);
    failed
        .append_signed(Abandonment { administrator: 1, reason, signature: None, time_ms, tag: AbandonmentTag }, &key)?;
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
