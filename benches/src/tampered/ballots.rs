//! V16 to V21: ballots that a voter's device or the board should not have made or taken.

use serde_json::{Value, json};
use veritally_crypto::ballot::EncryptedBallot;
use veritally_crypto::credential::{Credential, CredentialCode};
use veritally_crypto::group::{EncodedPoint, EncodedScalar, RistrettoPoint, Scalar, random_scalar};
use veritally_crypto::hash::Hash;
use veritally_crypto::sample::{SampleError, id};
use veritally_verifier::sample::forger;

use super::lab::{GUEST, MEMBER, answers};
use super::setup::case;
use super::{Case, Lab, Stage, Tampered, edited};

type Made = Result<Tampered, SampleError>;

const VOTER: &str = "voter";
const BOARD: &str = "board";

pub(super) const CASES: &[Case] = &[
    case("ballot-of-another-style", "V16", VOTER, "A guest fills in the members' ballot.", || {
        prepared(|lab| {
            let voter = lab.record.election.voters.get(GUEST).ok_or("no such voter")?;
            let key = voter.credential.public();
            let record = lab.record.election.state.voter(key).ok_or("not on the roll")?;
            let slot = ("member", record.counter + 1, record.last_hash);
            let credential = voter.code.credential(&lab.record.election.fingerprint());
            cast(lab, slot, &credential)
        })
    }),
    case("ballot-with-a-response-too-few", "V16", VOTER, "A ballot says nothing of its last option.", || {
        altered(|e| {
            e["f"].as_array_mut().map(Vec::pop);
        })
    }),
    case("ballot-with-a-count-too-many", "V16", VOTER, "A ballot has one more encrypted count than its style.", || {
        altered(|e| {
            let first = e["data"][0].clone();
            if let Some(data) = e["data"].as_array_mut() {
                data.push(first);
            }
        })
    }),
    case("ballot-without-encryption", "V16", VOTER, "A ballot's pad hides nothing.", || {
        altered(|e| e["pad"] = json!(EncodedPoint::IDENTITY))
    }),
    case("ballot-with-no-point", "V16", VOTER, "A ballot has bytes that are no point of the group.", || {
        altered(|e| e["bits"] = json!(EncodedPoint([0xff; 32])))
    }),
    case("ballot-with-no-scalar", "V16", VOTER, "A ballot has a number beyond the group's order.", || {
        altered(|e| e["z_1"] = json!(EncodedScalar([0xff; 32])))
    }),
    case("ballot-by-a-stranger", "V17", "stranger", "Somebody votes who is not on the roll.", || {
        prepared(|lab| {
            let credential = CredentialCode::random(&mut lab.rng).credential(&lab.record.election.fingerprint());
            cast(lab, ("guest", 1, Hash::ZERO), &credential)
        })
    }),
    case("ballot-sent-again", "V18", BOARD, "The board counts a voter's first ballot in place of the last.", || {
        let lab = Lab::at(Stage::Voted)?;
        let first = lab.find("ballot/v1", 0)?;
        lab.insert(first)
    }),
    case("ballot-with-a-counter-left-out", "V18", VOTER, "A voter's ballot skips a number.", || {
        slot(|counter, last| (counter + 2, last))
    }),
    case("ballot-with-another-history", "V18", VOTER, "A ballot follows one that was never cast.", || {
        slot(|counter, _| (counter + 1, Hash::of(b"never cast")))
    }),
    case(
        "ballot-beyond-the-limit",
        "V19",
        BOARD,
        "The board takes a third ballot of a voter who may cast two.",
        || {
            let mut lab = Lab::at(Stage::Voted)?;
            let ballot = lab.ballot(0, "c")?.bytes().to_vec();
            lab.insert(ballot)
        },
    ),
    case("ballot-with-a-copied-pad", "V20", VOTER, "Two ballots share their encryption's randomness.", copied_pad),
    case("proof-of-other-bits", "V21", VOTER, "Check 1: the responses do not open the commitment.", || {
        counted(GUEST, |e| more(e, "z_1"))
    }),
    case("proof-that-bits-are-bits", "V21", VOTER, "Check 2: an option may have been chosen seven times.", || {
        counted(GUEST, |e| more(e, "z_2"))
    }),
    case("proof-of-the-pad", "V21", VOTER, "Check 3: the pad is not what the proof is about.", || {
        counted(GUEST, |e| add_point(e, "e_pad"))
    }),
    case("proof-of-the-counts", "V21", VOTER, "Check 4: the counts are not the options that were chosen.", || {
        counted(GUEST, |e| add_point(e, "e_data"))
    }),
    case(
        "proof-of-the-credential",
        "V21",
        BOARD,
        "Check 5: the ballot was not made by the credential's holder.",
        || counted(GUEST, |e| more(e, "z_4")),
    ),
    case("vote-raised-after-the-proof", "V21", BOARD, "A vote was added to an encrypted count.", || {
        counted_so_far(MEMBER, |e| {
            if let Ok(sum) = add(&e["data"][0]) {
                e["data"][0] = sum;
            }
        })
    }),
    case("votes-exchanged-after-the-proof", "V21", BOARD, "Two encrypted counts of a ballot changed places.", || {
        counted_so_far(MEMBER, |e| {
            if let Some(data) = e["data"].as_array_mut() {
                data.swap(0, 1);
            }
        })
    }),
    case("ballot-in-another-name", "V21", BOARD, "A guest's ballot is taken as another guest's.", || {
        let mut lab = Lab::at(Stage::Opened)?;
        let mine: Value = serde_json::from_slice(lab.ballot(GUEST, "a")?.bytes())?;
        let other = lab.record.election.voters.get(5).ok_or("no such voter")?.entry.credential;
        admit(lab, &edited(&serde_json::to_vec(&mine)?, |e| e["credential"] = json!(other))?)
    }),
];

/// Makes an entry after everybody voted, puts it in, goes on.
fn prepared(make: impl FnOnce(&mut Lab) -> Result<Vec<u8>, SampleError>) -> Made {
    let mut lab = Lab::at(Stage::Voted)?;
    let entry = make(&mut lab)?;
    lab.insert(entry)
}

/// A ballot of this style, counter and history, with a proof that holds.
fn cast(
    lab: &mut Lab,
    (style, counter, previous): (&str, u64, Hash),
    credential: &Credential,
) -> Result<Vec<u8>, SampleError> {
    let context = lab.record.election.state.ballot_context().cloned().ok_or("not open")?;
    let answers = answers(style, "a", 1)?;
    let ballot = context.prepare(&id(style)?, &answers, credential.public(), counter, previous, &mut lab.rng)?;
    Ok(ballot.cast(credential, &mut lab.rng)?.bytes().to_vec())
}

/// A guest's honest ballot with members of another form.
fn altered(edit: impl FnOnce(&mut Value)) -> Made {
    prepared(|lab| edited(lab.ballot(GUEST, "a")?.bytes(), edit))
}

/// A voter's ballot with another counter or history.
fn slot(choose: impl FnOnce(u64, Hash) -> (u64, Hash)) -> Made {
    prepared(|lab| {
        let election = &lab.record.election;
        let voter = election.voters.get(GUEST).ok_or("no such voter")?;
        let record = election.state.voter(voter.credential.public()).ok_or("not on the roll")?;
        let (counter, previous) = choose(record.counter, record.last_hash);
        let credential = voter.code.credential(&election.fingerprint());
        cast(lab, ("guest", counter, previous), &credential)
    })
}

fn copied_pad() -> Made {
    let mut lab = Lab::at(Stage::Opened)?;
    let context = lab.record.election.state.ballot_context().cloned().ok_or("not open")?;
    let r = random_scalar(&mut lab.rng);
    let mut ballots = vec![];
    for voter in [GUEST, 5] {
        let voter = lab.record.election.voters.get(voter).ok_or("no such voter")?;
        let answers = answers("guest", "a", 0)?;
        ballots.push(forger::ballot_with_nonce(&context, voter, (1, Hash::ZERO), &answers, r, &mut lab.rng)?);
    }
    let copy = ballots.pop().ok_or("no ballot")?;
    lab.record.election.submit(ballots.pop().ok_or("no ballot")?, &mut lab.rng)?;
    lab.record.publish(&mut lab.rng)?;
    lab.put(copy.bytes().to_vec());
    lab.finish_after_more_votes()
}

/// A board that counts a ballot whose proof does not hold.
fn counted(voter: usize, edit: impl FnOnce(&mut Value)) -> Made {
    let mut lab = Lab::at(Stage::Voted)?;
    let ballot = lab.ballot(voter, "b")?;
    admit(lab, &edited(ballot.bytes(), edit)?)
}

/// As [`counted`], while people vote: what such ballots add up to can't be decrypted, or shows in the counts, too.
fn counted_so_far(voter: usize, edit: impl FnOnce(&mut Value)) -> Made {
    let mut lab = Lab::at(Stage::Voted)?;
    let ballot = lab.ballot(voter, "b")?;
    lab.accuse_next();
    lab.record.admit_unverified(EncryptedBallot::parse(&edited(ballot.bytes(), edit)?)?)?;
    lab.record.election.tally_head()?;
    lab.record.publish(&mut lab.rng)?;
    lab.tampered()
}

fn admit(mut lab: Lab, ballot: &[u8]) -> Made {
    lab.accuse_next();
    lab.record.admit_unverified(EncryptedBallot::parse(ballot)?)?;
    lab.finish_after_more_votes()
}

fn more(entry: &mut Value, member: &str) {
    let scalar = serde_json::from_value::<EncodedScalar>(entry[member].clone()).ok().and_then(|z| z.decode().ok());
    if let Some(scalar) = scalar {
        entry[member] = json!(EncodedScalar::from(&(scalar + Scalar::ONE)));
    }
}

/// The point plus G: one vote more, where the point is an encrypted count.
fn add(point: &Value) -> Result<Value, SampleError> {
    let point = serde_json::from_value::<EncodedPoint>(point.clone())?.decode()?;
    Ok(json!(EncodedPoint::from(&(point + RistrettoPoint::mul_base(&Scalar::ONE)))))
}

fn add_point(entry: &mut Value, member: &str) {
    if let Ok(sum) = add(&entry[member]) {
        entry[member] = sum;
    }
}
