//! V30 to V32: re-issued credentials, published tests, complaints and restarts of the key ceremony.

use serde_json::{Value, json};
use veritally_crypto::ceremony::CeremonyPhase;
use veritally_crypto::credential::CredentialCode;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::TrusteeId;
use veritally_crypto::sample::SampleError;
use veritally_crypto::signature::SigningSecret;

use super::lab::{GUEST, answers};
use super::setup::case;
use super::{Case, Lab, Stage, Tampered, edited, signed_anew};

type Made = Result<Tampered, SampleError>;

const REGISTRAR: &str = "registrar";

pub(super) const CASES: &[Case] = &[
    case(
        "reissue-after-voting",
        "V30",
        REGISTRAR,
        "Somebody who has voted gets another credential, to vote again.",
        || {
            let mut lab = Lab::at(Stage::Voted)?;
            let old = credential(&lab, GUEST)?;
            let new = fresh(&mut lab);
            reissued(lab, &old, &new)
        },
    ),
    case("reissue-of-a-stranger", "V30", REGISTRAR, "A credential is replaced that is not on the roll.", || {
        let mut lab = Lab::at(Stage::Voted)?;
        let (old, new) = (fresh(&mut lab), fresh(&mut lab));
        reissued(lab, &old, &new)
    }),
    case("reissue-to-another-voter", "V30", REGISTRAR, "Two voters' credentials become one.", || {
        let lab = Lab::at(Stage::Opened)?;
        let (old, new) = (credential(&lab, GUEST)?, credential(&lab, 5)?);
        reissued(lab, &old, &new)
    }),
    case("test-in-another-name", "V31", "stranger", "Somebody publishes a test that its voter did not make.", || {
        spoiled(|lab, e| {
            let other = lab.record.election.voters.get(5).ok_or("no such voter")?;
            let slot = lab.record.election.state.voter(other.credential.public()).ok_or("not on the roll")?;
            e["credential"] = json!(other.entry.credential);
            e["counter"] = json!(slot.counter + 1);
            e["previous"] = json!(slot.last_hash);
            Ok(())
        })
    }),
    case("test-of-a-ballot-that-is-over", "V31", "voter", "A published test claims to be older than a ballot.", || {
        spoiled(|_, e| {
            e["counter"] = json!(1);
            e["previous"] = json!(Hash::ZERO);
            Ok(())
        })
    }),
    case("complaint-without-proof", "V32", "trustee", "A trustee complains, and does not prove what it opens.", || {
        let mut lab = Lab::at(Stage::Begun)?;
        let election = &mut lab.record.election;
        election.ceremony_until(CeremonyPhase::Confirm, &mut lab.rng)?;
        let honest = election.dealer(1)?.complain_anyway(election.state.ceremony(), TrusteeId(1), &mut lab.rng)?;
        lab.record.publish(&mut lab.rng)?;
        let key = lab.record.trustee_key(2)?;
        let bytes = edited(&serde_json::to_vec(&honest)?, |e| e["shared"] = e["proof"]["v_base"].clone())?;
        put(lab, &bytes, &key)
    }),
    case("restart-without-cause", "V32", "administrator", "A trustee who spoke is left out as absent.", || {
        let mut lab = Lab::at(Stage::Begun)?;
        let election = &mut lab.record.election;
        election.ceremony_until(CeremonyPhase::Reveal, &mut lab.rng)?;
        election.ceremony_step(0, &mut lab.rng)?;
        let time_ms = election.time_ms;
        lab.record.publish(&mut lab.rng)?;
        let restart = json!({"administrator": 1, "attempt": 2, "time_ms": time_ms, "type": "ceremony-restart/v1",
            "excluded": [{"reason": "absent", "trustee": 1}]});
        let key = lab.record.administrator_key();
        put(lab, &veritally_crypto::canonical::to_bytes(&restart)?, &key)
    }),
    case("restart-out-of-number", "V32", "administrator", "An attempt is left out.", || {
        let mut lab = Lab::at(Stage::Begun)?;
        let election = &mut lab.record.election;
        election.ceremony_until(CeremonyPhase::Reveal, &mut lab.rng)?;
        let time_ms = election.time_ms;
        lab.record.publish(&mut lab.rng)?;
        let restart = json!({"administrator": 1, "attempt": 3, "time_ms": time_ms, "type": "ceremony-restart/v1", "excluded": []});
        let key = lab.record.administrator_key();
        put(lab, &veritally_crypto::canonical::to_bytes(&restart)?, &key)
    }),
];

/// A voter's credential, as entries hold it.
fn credential(lab: &Lab, voter: usize) -> Result<Value, SampleError> {
    Ok(json!(lab.record.election.voters.get(voter).ok_or("no such voter")?.entry.credential))
}

fn fresh(lab: &mut Lab) -> Value {
    json!(CredentialCode::random(&mut lab.rng).credential(&lab.record.election.fingerprint()).public().0)
}

fn reissue(lab: &Lab, old: &Value, new: &Value) -> Result<Vec<u8>, SampleError> {
    let time_ms = lab.record.election.time_ms;
    let entry = json!({"new": new, "old": old, "time_ms": time_ms, "type": "reissue/v1"});
    let bytes = veritally_crypto::canonical::to_bytes(&entry)?;
    signed_anew(&bytes, &lab.record.election.fingerprint(), &lab.record.registrar_key())
}

fn reissued(lab: Lab, old: &Value, new: &Value) -> Made {
    let entry = reissue(&lab, old, new)?;
    lab.insert(entry)
}

/// A guest's published test with an edit, put in after everybody voted.
fn spoiled(edit: impl FnOnce(&Lab, &mut Value) -> Result<(), SampleError>) -> Made {
    let mut lab = Lab::at(Stage::Voted)?;
    let made = lab.record.election.spoiled(GUEST, &answers("guest", "b", 0)?, &mut lab.rng)?;
    let mut value = serde_json::to_value(&made)?;
    edit(&lab, &mut value)?;
    let entry = veritally_crypto::canonical::to_bytes(&value)?;
    lab.insert(entry)
}

/// Signs and puts in; nothing comes behind it.
fn put(mut lab: Lab, entry: &[u8], key: &SigningSecret) -> Made {
    let entry = signed_anew(entry, &lab.record.election.fingerprint(), key)?;
    lab.put(entry);
    lab.tampered()
}
