//! V8 to V10, V29: form, order and signatures of entries.

use serde_json::json;
use veritally_crypto::hash::Hash;
use veritally_crypto::sample::SampleError;
use veritally_crypto::signature::SigningSecret;

use super::setup::case;
use super::{Case, Lab, Stage, Tampered, edited, signed_anew};

type Made = Result<Tampered, SampleError>;

const BOARD: &str = "board";
const ADMIN: &str = "administrator";

pub(super) const CASES: &[Case] = &[
    case("entry-with-spaces", "V8", ADMIN, "An entry has a space that the one permitted spelling has not.", || {
        spelled(|text| text.replacen('{', "{ ", 1))
    }),
    case("entry-with-a-hidden-member", "V8", ADMIN, "An entry has a member that no rule knows.", || {
        spelled(|text| text.replacen("\"type\"", "\"secret\":\"vote for A\",\"type\"", 1))
    }),
    case("entry-with-a-member-twice", "V8", ADMIN, "Two programs read different things in an entry.", || {
        spelled(|text| text.replacen("\"administrator\":1", "\"administrator\":1,\"administrator\":1", 1))
    }),
    case("entry-with-members-out-of-order", "V8", ADMIN, "An entry's members are not sorted.", || {
        spelled(|text| {
            text.replacen("{\"administrator\":1,", "{", 1).replacen("\"type\"", "\"administrator\":1,\"type\"", 1)
        })
    }),
    case("entry-with-a-fraction", "V8", ADMIN, "A number is written as a fraction.", || {
        spelled(|text| text.replacen("\"administrator\":1", "\"administrator\":1.0", 1))
    }),
    case("entry-with-a-negative-number", "V8", ADMIN, "A number is negative.", || {
        spelled(|text| text.replacen("\"administrator\":1", "\"administrator\":-1", 1))
    }),
    case("entry-with-null", "V8", ADMIN, "A member is nothing.", || {
        spelled(|text| text.replacen("\"type\"", "\"reason\":null,\"type\"", 1))
    }),
    case("entry-with-something-behind-it", "V8", ADMIN, "Something stands behind an entry's end.", || {
        spelled(|text| format!("{text}\n"))
    }),
    case("entry-without-a-member", "V8", ADMIN, "An entry does not say when it was made.", || {
        let lab = Lab::at(Stage::Voted)?;
        let entry = edited(&extension(&lab, 1)?, |e| {
            e.as_object_mut().map(|members| members.remove("time_ms"));
        })?;
        lab.insert(entry)
    }),
    case("manifest-twice", "V9", BOARD, "A second description of the election.", || {
        let lab = Lab::at(Stage::Voted)?;
        let entry = lab.entry(0)?;
        lab.insert(entry)
    }),
    case("ballot-after-the-end", "V9", BOARD, "A ballot is taken after the end of voting.", || {
        let ballot = Lab::at(Stage::Voted)?.ballot(super::lab::MEMBER, "c")?;
        Lab::at(Stage::Closed)?.insert(ballot.bytes().to_vec())
    }),
    case("ballot-after-the-agreements", "V9", BOARD, "A ballot is taken after the trustees had agreed.", || {
        let ballot = Lab::at(Stage::Voted)?.ballot(super::lab::MEMBER, "c")?;
        Lab::at(Stage::Agreed)?.insert(ballot.bytes().to_vec())
    }),
    case("ballot-before-the-opening", "V9", BOARD, "A ballot is taken before voting begins.", || {
        let ballot = Lab::at(Stage::Opened)?.ballot(super::lab::GUEST, "c")?;
        Lab::at(Stage::Enrolled)?.insert(ballot.bytes().to_vec())
    }),
    case("opening-twice", "V9", ADMIN, "Voting is opened once more.", || again(Stage::Voted, "opening/v1", 0)),
    case("roll-during-voting", "V9", "registrar", "Voters are put on the roll while others vote.", || {
        again(Stage::Voted, "roll-part/v1", 0)
    }),
    case(
        "ceremony-during-voting",
        "V9",
        "trustee",
        "A trustee goes on with the key ceremony while people vote.",
        || again(Stage::Voted, "trustee-rehearsal/v1", 0),
    ),
    case("closing-twice", "V9", ADMIN, "Voting is closed once more.", || again(Stage::Closed, "closing/v1", 0)),
    case("tally-head-after-the-end", "V9", BOARD, "Another sum is published after the end of voting.", || {
        again(Stage::Closed, "tally-head/v1", 0)
    }),
    case("extension-after-the-end", "V9", ADMIN, "Voting is prolonged after it ended.", || {
        let entry = extension(&Lab::at(Stage::Voted)?, 1)?;
        Lab::at(Stage::Closed)?.insert(entry)
    }),
    case("result-twice", "V9", ADMIN, "A second result.", || again(Stage::Published, "result/v1", 0)),
    case("extension-by-a-stranger", "V10", "stranger", "Somebody else signs as the administrator.", || {
        let lab = Lab::at(Stage::Voted)?;
        let entry = extension(&lab, 1)?;
        let entry = signed_anew(&entry, &lab.record.election.fingerprint(), &SigningSecret::from_seed(&[9; 32]))?;
        lab.insert(entry)
    }),
    case("extension-by-nobody", "V10", "stranger", "Nobody signed.", || {
        let lab = Lab::at(Stage::Voted)?;
        let entry = edited(&extension(&lab, 1)?, |e| {
            e.as_object_mut().map(|members| members.remove("signature"));
        })?;
        lab.insert(entry)
    }),
    case("extension-by-an-unknown-administrator", "V10", "stranger", "An administrator that there is not.", || {
        let lab = Lab::at(Stage::Voted)?;
        let entry = lab.forged(&extension(&lab, 1)?, |e| e["administrator"] = json!(2))?;
        lab.insert(entry)
    }),
    case("extension-of-another-election", "V10", ADMIN, "Signed for another election.", || {
        let lab = Lab::at(Stage::Voted)?;
        let entry = extension(&lab, 1)?;
        let entry = signed_anew(&entry, &Hash::of(b"another election"), &lab.record.administrator_key())?;
        lab.insert(entry)
    }),
    case("roll-by-the-administrator", "V10", ADMIN, "The administrator makes the roll.", || {
        by_another(Stage::Published, ("roll-part/v1", 0), |lab| Ok(lab.record.administrator_key()))
    }),
    case("agreement-by-another-trustee", "V10", "trustee", "A trustee agrees in another one's name.", || {
        let lab = Lab::at(Stage::Agreed)?;
        let entry = lab.find("agreement/v1", 1)?;
        let entry = edited(&entry, |e| e["trustee"] = json!(3))?;
        let entry = signed_anew(&entry, &lab.record.election.fingerprint(), &lab.record.trustee_key(2)?)?;
        lab.insert(entry)
    }),
    case("shares-by-another-trustee", "V10", "trustee", "A trustee decrypts in another one's name.", || {
        by_another(Stage::Agreed, ("decryption-share/v1", 0), |lab| lab.record.trustee_key(1))
    }),
    case("result-by-the-registrar", "V10", "registrar", "The registrar publishes the result.", || {
        by_another(Stage::Published, ("result/v1", 0), |lab| Ok(lab.record.registrar_key()))
    }),
    case("entry-of-no-type", "V29", BOARD, "An entry that no rule explains.", || {
        Lab::at(Stage::Voted)?.insert(br#"{"note":"hello","type":"secret/v1"}"#.to_vec())
    }),
    case("entry-of-a-later-version", "V29", BOARD, "An entry of a version that this election does not have.", || {
        Lab::at(Stage::Voted)?.insert(br#"{"type":"ballot/v2"}"#.to_vec())
    }),
];

/// An extension by so many milliseconds, by the administrator.
pub(super) fn extension(lab: &Lab, by_ms: i64) -> Result<Vec<u8>, SampleError> {
    let closes_at_ms = lab.record.election.state.closes_at_ms().saturating_add_signed(by_ms);
    lab.forged(&lab.find("opening/v1", 0)?, |e| {
        let time = e["time_ms"].clone();
        *e = json!({"administrator": 1, "closes_at_ms": closes_at_ms, "time_ms": time, "type": "extension/v1"});
    })
}

/// An honest extension in another spelling, put in while people vote.
fn spelled(spell: impl FnOnce(&str) -> String) -> Made {
    let lab = Lab::at(Stage::Voted)?;
    let entry = String::from_utf8(extension(&lab, 1)?)?;
    lab.insert(spell(&entry).into_bytes())
}

/// An entry of the log once more.
fn again(stage: Stage, type_name: &str, n: usize) -> Made {
    let lab = Lab::at(stage)?;
    let entry = lab.find(type_name, n)?;
    let mut lab = lab;
    lab.put(entry);
    if stage == Stage::Published { lab.tampered() } else { lab.finish() }
}

/// An entry signed by somebody else; at [`Stage::Agreed`] put in as trustee 3's, else in place of the honest one.
fn by_another(
    stage: Stage,
    (type_name, n): (&str, usize),
    key: impl FnOnce(&Lab) -> Result<SigningSecret, SampleError>,
) -> Made {
    let mut lab = Lab::at(stage)?;
    let (fingerprint, key) = (lab.record.election.fingerprint(), key(&lab)?);
    if stage == Stage::Agreed {
        let share = lab.record.share_for_published_log(2, &mut lab.rng)?;
        let entry = lab.record.signed(share, &key)?;
        return lab.insert(entry);
    }
    let place = *lab.places(type_name).get(n).ok_or("no such entry")?;
    let entry = signed_anew(&lab.entry(place)?, &fingerprint, &key)?;
    lab.put_at(place, entry)?;
    lab.tampered()
}
