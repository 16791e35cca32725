//! V1, V11 to V15: manifest, trustees, roll, schedule.

use serde_json::{Value, json};
use veritally_crypto::credential::{CredentialCode, CredentialKey};
use veritally_crypto::group::EncodedPoint;
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::RollEntry;
use veritally_crypto::sample::{OPENS_AT_MS, SampleError, id};
use veritally_verifier::sample::collusion;

use super::{Case, Lab, Stage, Tampered, edited};

type Made = Result<Tampered, SampleError>;

pub(super) const CASES: &[Case] = &[
    case("manifest-one-trustee-decrypts", "V1", ADMIN, "One of three trustees can decrypt alone.", || {
        manifest(|m| m["quorum"] = json!(1))
    }),
    case("manifest-agreement-below-quorum", "V1", ADMIN, "Fewer trustees agree than decrypt.", || {
        manifest(|m| m["agreement_quorum"] = json!(1))
    }),
    case("manifest-trustee-twice", "V1", ADMIN, "One person holds the keys of two trustees.", || {
        manifest(|m| m["trustees"][1] = m["trustees"][0].clone())
    }),
    case("manifest-trustee-without-key", "V1", ADMIN, "A trustee does not prove that it has its key.", || {
        manifest(|m| m["trustees"][1]["proof"] = m["trustees"][0]["proof"].clone())
    }),
    case("manifest-style-of-nothing", "V1", ADMIN, "A ballot style has a contest that there is not.", || {
        manifest(|m| m["ballot_styles"][0]["contests"] = json!(["nothing"]))
    }),
    case("manifest-language-without-text", "V1", ADMIN, "Some voters would get a ballot without text.", || {
        manifest(|m| m["languages"] = json!(["en", "de"]))
    }),
    case("manifest-ends-before-it-begins", "V1", ADMIN, "Voting ends before it begins.", || {
        manifest(|m| m["schedule"]["closes_at_ms"] = json!(OPENS_AT_MS - 1))
    }),
    case("reveal-without-knowledge", "V11", TRUSTEE, "A trustee does not know the secret it commits to.", || {
        published(("trustee-reveal/v1", 1), |e| swap(&mut e["proof"], "z", "v"))
    }),
    case(
        "reveal-of-other-commitments",
        "V11",
        TRUSTEE,
        "A trustee reveals something else than it committed to.",
        || published(("trustee-reveal/v1", 1), |e| swap_items(&mut e["commitments"], 0, 1)),
    ),
    case("reveal-over-other-commits", "V11", TRUSTEE, "A trustee reveals for another list of commits.", || {
        published(("trustee-reveal/v1", 2), |e| e["commits"] = hash("other commits"))
    }),
    case("package-without-proof", "V11", TRUSTEE, "A package's sender does not know its ephemeral secret.", || {
        published(("trustee-shares/v1", 0), |e| {
            let proof = e["packages"][1]["proof"].clone();
            e["packages"][0]["proof"] = proof;
        })
    }),
    case("package-missing", "V11", TRUSTEE, "A trustee gives another one no share.", || {
        published(("trustee-shares/v1", 0), |e| {
            e["packages"].as_array_mut().map(Vec::pop);
        })
    }),
    case("package-copied", "V11", TRUSTEE, "A trustee copies a package, to have it opened by a complaint.", || {
        let lab = Lab::at(Stage::Published)?;
        let first: Value = serde_json::from_slice(&lab.find("trustee-shares/v1", 0)?)?;
        lab.with_forged(("trustee-shares/v1", 1), |e| e["packages"][1] = first["packages"][1].clone())
    }),
    case("confirmation-of-another-ceremony", "V11", TRUSTEE, "A trustee confirms another transcript.", || {
        published(("trustee-confirm/v1", 0), |e| e["ceremony"] = hash("another transcript"))
    }),
    case("rehearsal-with-wrong-shares", "V11", TRUSTEE, "A trustee can't decrypt in the rehearsal.", || {
        published(("trustee-rehearsal/v1", 2), |e| swap_items(&mut e["shares"], 0, 1))
    }),
    case("keys-all-equal", "V12", "trustees", "All election keys are the same one.", || {
        let mut lab = Lab::at(Stage::Begun)?;
        for entry in collusion::equal_keys(&lab.record.election, &mut lab.rng)? {
            lab.put(entry);
        }
        // That the keys are equal shows with the last reveal.
        lab.culprits = lab.culprits.pop().into_iter().collect();
        lab.tampered()
    }),
    case("roll-voter-twice", "V13", REGISTRAR, "A credential is on the roll twice.", || {
        published(ROLL_PART, |e| e["entries"][1] = e["entries"][0].clone())
    }),
    case("roll-not-sorted", "V13", REGISTRAR, "The roll is in the order of the registrar's list of names.", || {
        published(ROLL_PART, |e| swap_items(&mut e["entries"], 0, 1))
    }),
    case("roll-without-a-key", "V13", REGISTRAR, "A credential is no public key: nobody can vote with it.", || {
        on_roll(EncodedPoint([0xff; 32]), false)
    }),
    case("roll-identity", "V13", REGISTRAR, "A credential is the identity: everybody knows its secret.", || {
        on_roll(EncodedPoint::IDENTITY, false)
    }),
    case(
        "roll-identity-replaced",
        "V13",
        REGISTRAR,
        "A credential was the identity, and is replaced by a true one.",
        || on_roll(EncodedPoint::IDENTITY, true),
    ),
    case("roll-unknown-style", "V13", REGISTRAR, "A voter gets a ballot that there is not.", || {
        published(ROLL_PART, |e| e["entries"][0]["style"] = json!("king"))
    }),
    case("roll-unknown-group", "V13", REGISTRAR, "A voter belongs to a group that there is not.", || {
        published(ROLL_PART, |e| e["entries"][0]["group"] = json!("nowhere"))
    }),
    case("roll-without-weight", "V13", REGISTRAR, "A voter's vote counts nothing.", || {
        published(ROLL_PART, |e| e["entries"][0]["weight"] = json!(0))
    }),
    case("roll-too-heavy", "V13", REGISTRAR, "A voter has more votes than the election allows in all.", || {
        published(ROLL_PART, |e| e["entries"][0]["weight"] = json!(1 << 21))
    }),
    case("roll-other-count", "V13", REGISTRAR, "The roll's end names more voters than there are.", || {
        published(("roll/v1", 0), |e| e["count"] = json!(7))
    }),
    case("roll-other-weight", "V13", REGISTRAR, "The roll's end names another total weight.", || {
        published(("roll/v1", 0), |e| e["total_weight"] = json!(5))
    }),
    case("roll-other-hash", "V13", REGISTRAR, "The roll's end is of another roll.", || {
        published(("roll/v1", 0), |e| e["hash"] = hash("another roll"))
    }),
    case("opening-too-early", "V14", ADMIN, "Voting begins before the announced time.", || {
        published(OPENING, |e| e["time_ms"] = json!(OPENS_AT_MS - 1))
    }),
    case("opening-too-late", "V14", ADMIN, "Voting begins after its end.", || {
        published(OPENING, |e| e["time_ms"] = json!(OPENS_AT_MS + 90_000_000))
    }),
    case("opening-on-other-keys", "V14", ADMIN, "Voting begins on other keys than the trustees'.", || {
        published(OPENING, |e| e["ceremony"] = hash("other keys"))
    }),
    case("opening-on-another-roll", "V14", ADMIN, "Voting begins on another roll than the published one.", || {
        published(OPENING, |e| e["roll"] = hash("another roll"))
    }),
    case("extension-that-shortens", "V15", ADMIN, "The end of voting is moved forward.", || {
        let lab = Lab::at(Stage::Voted)?;
        let entry = super::entries::extension(&lab, -1)?;
        lab.insert(entry)
    }),
    case("abandonment-without-reason", "V15", ADMIN, "The election is given up, and nobody says why.", || {
        let lab = Lab::at(Stage::Voted)?;
        let opening = lab.find("opening/v1", 0)?;
        let entry = lab.forged(&opening, |e| {
            let time = e["time_ms"].clone();
            *e = json!({"administrator": 1, "reason": "", "time_ms": time, "type": "abandonment/v1"});
        })?;
        lab.insert(entry)
    }),
];

const ADMIN: &str = "administrator";
const TRUSTEE: &str = "trustee";
const REGISTRAR: &str = "registrar";
const ROLL_PART: (&str, usize) = ("roll-part/v1", 0);
const OPENING: (&str, usize) = ("opening/v1", 0);

pub(super) const fn case(
    name: &'static str,
    check: &'static str,
    by: &'static str,
    what: &'static str,
    make: fn() -> Made,
) -> Case {
    Case { name, check, by, what, make }
}

/// A whole election whose manifest is another one.
fn manifest(edit: impl FnOnce(&mut Value)) -> Made {
    let mut lab = Lab::at(Stage::Published)?;
    let forged = edited(&lab.entry(0)?, edit)?;
    lab.put_at(0, forged)?;
    lab.tampered()
}

/// A whole election with one entry edited and signed by whom it names.
fn published(which: (&str, usize), edit: impl FnOnce(&mut Value)) -> Made {
    Lab::at(Stage::Published)?.with_forged(which, edit)
}

/// A whole election with this credential on the roll too, which does not vote; it may be replaced before others do.
fn on_roll(credential: EncodedPoint, replaced: bool) -> Made {
    let mut lab = Lab::at(Stage::Keyed)?;
    lab.accuse_next();
    lab.enroll(&[RollEntry { credential, group: id("north")?, style: id("guest")?, weight: 1 }])?;
    if replaced {
        let fingerprint = lab.record.election.fingerprint();
        let new = CredentialCode::random(&mut lab.rng).credential(&fingerprint).public();
        lab.record.election.log_reissue(CredentialKey(credential), new)?;
    }
    lab.finish()
}

fn hash(text: &str) -> Value {
    json!(Hash::of(text.as_bytes()))
}

/// Exchanges two members: both are 32 bytes in base64.
fn swap(value: &mut Value, one: &str, other: &str) {
    let (a, b) = (value[one].clone(), value[other].clone());
    (value[one], value[other]) = (b, a);
}

fn swap_items(list: &mut Value, one: usize, other: usize) {
    if let Some(list) = list.as_array_mut() {
        list.swap(one, other);
    }
}
