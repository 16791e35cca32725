//! specs/leaf-examples.md: an annotated example of every entry, made from a sample election with a fixed seed. The page is
//! compared with what the code makes; `VERITALLY_WRITE_EXAMPLES=1 cargo test -p veritally-crypto --test leaf_examples`
//! writes it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::Value;
use veritally_crypto::canonical;
use veritally_crypto::ceremony::CeremonyPhase;
use veritally_crypto::id::TrusteeId;
use veritally_crypto::leaves::{Abandonment, AbandonmentTag, Base64Bytes, Extension, ExtensionTag, Part};
use veritally_crypto::sample::{OPENS_AT_MS, SampleElection, choose};
use veritally_crypto::signature::{SigningSecret, sign};

/// What each member means; members of the manifest stand in specs/encoding.md.
const MEANINGS: &[(&str, &str)] = &[
    ("a", "announcement A of the ballot proof"),
    ("administrator", "number of the signing administrator, from 1"),
    ("attempt", "which attempt at the key ceremony, from 1"),
    ("ballots", "counted ballots so far: one a credential"),
    ("bits", "B, the commitment to the ballot's bits; of a spoiled ballot the bits themselves"),
    ("ceremony", "hash of the whole key ceremony"),
    ("chunk", "this part's bytes of the message"),
    ("closes_at_ms", "the new end of voting"),
    ("code", "the confirmation code, all 256 bits"),
    ("commitments", "C, R·k points, key by key: here 5 keys with k = 2"),
    ("commits", "hash of all trustees' commits"),
    ("contests", "contest by contest, in manifest order"),
    ("count", "credentials on the roll"),
    ("counter", "this credential's first, second, … ballot"),
    ("credential", "the voter's public credential, as on the roll"),
    ("data", "encrypted counts, one a secret row of the style"),
    ("dealer", "the trustee that is accused"),
    ("digest", "hash of the running tally"),
    ("e_data", "announcement E_data"),
    ("e_pad", "announcement E_pad"),
    ("entries", "voters, sorted by credential"),
    ("excluded", "whom the restart leaves out, and why"),
    ("f", "responses f, one a bit"),
    ("hash", "of the trustee's coefficient commitments, or of the roll's parts"),
    ("head", "size and root of the log that ends with the closing entry"),
    ("message", "SHA-256 of the whole message"),
    ("new", "the credential that stands in the place of the old one"),
    ("old", "a credential of the roll that has not voted"),
    ("packages", "masked shares for each other trustee"),
    ("pad", "r·G"),
    ("part", "number of this part, from 0"),
    ("parts", "how many parts there are"),
    ("previous", "SHA-256 of the credential's previous ballot; zeros for none"),
    ("proof", "of knowledge of the constant terms or of the credential's secret, or a share proof"),
    ("reason", "for everybody to read"),
    ("roll", "hash of the roll"),
    ("s", "announcement S"),
    ("seed", "from which the nonces are expanded"),
    ("shared", "Z = d·E, which opens the package of the dealer"),
    ("shares", "x·P for each row"),
    ("signature", "the author's, over everything else and the fingerprint"),
    ("style", "id of the ballot style"),
    ("t", "announcement T"),
    ("time_ms", "the author's clock"),
    ("total_weight", "of all credentials"),
    ("tree_size", "the entry's own position"),
    ("trustee", "number of the trustee, from 1"),
    ("type", "what this entry is"),
    ("v", "announcement V"),
    ("z_1", "response z_1"),
    ("z_2", "response z_2"),
    ("z_3", "response z_3"),
    ("z_4", "response z_4, which makes the proof the credential's signature"),
];

/// Long strings and lists are shown by their beginning.
fn shortened(value: &Value) -> Value {
    match value {
        Value::String(text) if text.len() > 24 => {
            Value::String(format!("{}… ({} characters)", &text[..12], text.len()))
        }
        Value::Array(items) if items.len() > 2 => {
            let mut shown: Vec<_> = items[..2].iter().map(shortened).collect();
            shown.push(Value::String(format!("… ({} in all)", items.len())));
            Value::Array(shown)
        }
        Value::Array(items) => Value::Array(items.iter().map(shortened).collect()),
        Value::Object(members) => Value::Object(members.iter().map(|(k, v)| (k.clone(), shortened(v))).collect()),
        other => other.clone(),
    }
}

/// One entry of each type, in the order in which they occur.
fn entries() -> Vec<Vec<u8>> {
    let rng = &mut StdRng::seed_from_u64(2_027);
    let mut election = SampleElection::open_with(3, rng).unwrap();
    election.reissue(2, rng).unwrap();
    election.publish_spoiled(0, &choose("chair", &["a"], false).unwrap(), rng).unwrap();
    for voter in 0..3 {
        election.cast(voter, &choose("chair", &["b"], false).unwrap(), rng).unwrap();
    }
    let fingerprint = election.fingerprint();
    let administrator = SigningSecret::from_seed(&election.administrator.expose_seed());
    let closes_at_ms = election.state.closes_at_ms() + 3_600_000;
    let extension =
        Extension { administrator: 1, closes_at_ms, signature: None, time_ms: OPENS_AT_MS + 5, tag: ExtensionTag };
    election.append_signed(extension, &administrator).unwrap();
    election.finish(rng).unwrap();
    let trustee = &election.trustees[0];
    let part = Part {
        chunk: Base64Bytes(b"the first 36,864 bytes of a reveal".to_vec()),
        message: fingerprint,
        part: 0,
        parts: 3,
        signature: None,
        trustee: trustee.id,
        tag: "trustee-reveal-part/v1".into(),
    };
    let abandonment = Abandonment {
        administrator: 1,
        reason: "the names on the ballot were wrong".into(),
        signature: None,
        time_ms: OPENS_AT_MS,
        tag: AbandonmentTag,
    };
    let part = canonical::to_bytes(&sign(part, &fingerprint, &trustee.identity).unwrap()).unwrap();
    let abandonment = canonical::to_bytes(&sign(abandonment, &fingerprint, &administrator).unwrap()).unwrap();
    election.entries.into_iter().chain(dispute(rng)).chain([part, abandonment]).collect()
}

/// A complaint and a restart, of another ceremony.
fn dispute(rng: &mut StdRng) -> [Vec<u8>; 2] {
    let mut other = SampleElection::start((2, 3), |_| {}, rng).unwrap();
    other.ceremony_until(CeremonyPhase::Confirm, rng).unwrap();
    other.complain(1, TrusteeId(1), rng).unwrap();
    other.restart(&[]).unwrap();
    let restart = other.entries.pop().unwrap();
    [other.entries.pop().unwrap(), restart]
}

fn page() -> String {
    let mut page = String::from(
        "# Every entry by example\n\nMade by `crypto/tests/leaf_examples.rs` from a sample election: a chair, 1 of 5, three trustees of \
         whom two decrypt,\nthree voters. Shown with white space and shortened; an entry has neither. Rules: \
         [encoding.md](encoding.md).\n",
    );
    let meanings: BTreeMap<_, _> = MEANINGS.iter().copied().collect();
    let mut seen = vec![];
    for bytes in entries() {
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        let name = value["type"].as_str().unwrap().to_owned();
        if seen.contains(&name) {
            continue;
        }
        write!(page, "\n## {name}\n\n{} bytes.\n\n", bytes.len()).unwrap();
        for line in serde_json::to_string_pretty(&shortened(&value)).unwrap().lines() {
            writeln!(page, "    {line}").unwrap();
        }
        if name != "manifest/v1" {
            page.push('\n');
            for member in value.as_object().unwrap().keys() {
                let meaning = meanings.get(member.as_str()).unwrap_or_else(|| panic!("{member} has no meaning"));
                writeln!(page, "- `{member}`: {meaning}").unwrap();
            }
        }
        seen.push(name);
    }
    assert_eq!(seen.len(), 22, "{seen:?}");
    page
}

#[test]
fn the_page_of_examples_is_what_the_code_makes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../specs/leaf-examples.md");
    let page = page();
    if std::env::var_os("VERITALLY_WRITE_EXAMPLES").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), page, "run with VERITALLY_WRITE_EXAMPLES=1");
}
