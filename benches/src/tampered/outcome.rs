//! V22 to V27: running tally, closing, agreements, cells, shares, result.

use serde_json::{Value, json};
use veritally_crypto::hash::Hash;
use veritally_crypto::sample::SampleError;

use super::lab::MEMBER;
use super::setup::case;
use super::{Case, Lab, Stage, Tampered, edited};

type Made = Result<Tampered, SampleError>;

const BOARD: &str = "board";
const ADMIN: &str = "administrator";
const TRUSTEE: &str = "trustee";

pub(super) const CASES: &[Case] = &[
    case("tally-of-other-votes", "V22", BOARD, "The published sum is of other ballots.", || {
        tally_head(|e| e["digest"] = json!(Hash::of(b"another sum")))
    }),
    case("tally-without-the-last-ballot", "V22", BOARD, "The published sum leaves out the last ballot.", || {
        let before = Lab::at(Stage::Voted)?;
        let old: Value = serde_json::from_slice(&before.find("tally-head/v1", 1)?)?;
        tally_head(|e| e["digest"] = old["digest"].clone())
    }),
    case("tally-of-more-ballots", "V22", BOARD, "The published sum claims one ballot more.", || {
        tally_head(|e| e["ballots"] = json!(e["ballots"].as_u64().unwrap_or_default() + 1))
    }),
    case("tally-at-another-place", "V22", BOARD, "A published sum claims to be of another place in the log.", || {
        tally_head(|e| e["tree_size"] = json!(e["tree_size"].as_u64().unwrap_or_default() - 1))
    }),
    case("tally-twice", "V22", BOARD, "A sum is published twice, with no ballot between.", || {
        let mut lab = Lab::at(Stage::Voted)?;
        let size = lab.record.log.len();
        let again = edited(&lab.find("tally-head/v1", 1)?, |e| e["tree_size"] = json!(size))?;
        lab.put(again);
        lab.finish()
    }),
    case(
        "closing-without-the-last-sum",
        "V23",
        ADMIN,
        "Voting is closed before the last ballots are in a sum.",
        || {
            let mut lab = Lab::at(Stage::Voted)?;
            let ballot = lab.ballot(MEMBER, "c")?;
            lab.record.election.submit(ballot, &mut lab.rng)?;
            lab.record.publish(&mut lab.rng)?;
            let closing = closing(&lab, |_| {})?;
            lab.put(closing);
            lab.tampered()
        },
    ),
    case("closing-before-the-opening", "V23", ADMIN, "Voting is said to have ended before it began.", || {
        let mut lab = Lab::at(Stage::Voted)?;
        let opened: Value = serde_json::from_slice(&lab.find("opening/v1", 0)?)?;
        let before = opened["time_ms"].as_u64().unwrap_or_default() - 1;
        let closing = closing(&lab, |e| e["time_ms"] = json!(before))?;
        lab.put(closing);
        lab.tampered()
    }),
    case("agreement-to-another-log", "V24", TRUSTEE, "A trustee agrees to another list of ballots.", || {
        agreement(3, |e| e["head"]["root"] = json!(Hash::of(b"a fork")))
    }),
    case("agreement-to-a-shorter-log", "V24", TRUSTEE, "A trustee agrees to a list without the closing.", || {
        agreement(3, |e| e["head"]["tree_size"] = json!(e["head"]["tree_size"].as_u64().unwrap_or_default() - 1))
    }),
    case("agreement-twice", "V24", TRUSTEE, "A trustee agrees twice.", || agreement(2, |_| {})),
    case("shares-before-agreement", "V24", TRUSTEE, "A trustee decrypts before enough have agreed.", || {
        let mut lab = Lab::at(Stage::Closed)?;
        lab.record.election.agree(0)?;
        lab.record.publish(&mut lab.rng)?;
        let share = lab.record.share_for_published_log(0, &mut lab.rng)?;
        let entry = lab.record.signed(share, &lab.record.trustee_key(1)?)?;
        lab.put(entry);
        lab.tampered()
    }),
    case("result-before-agreement", "V24", ADMIN, "A result is published before the trustees have agreed.", || {
        let result = Lab::at(Stage::Published)?.find("result/v1", 0)?;
        let mut lab = Lab::at(Stage::Closed)?;
        lab.put(result);
        lab.tampered()
    }),
    case(
        "result-without-groups",
        "V25",
        ADMIN,
        "A result shows the total alone, so that nobody sees the groups.",
        || {
            result(|e| {
                let cells = e["contests"][0]["cells"].clone();
                let sum = |i: usize| {
                    cells[0]["counts"][i].as_u64().unwrap_or(0) + cells[1]["counts"][i].as_u64().unwrap_or(0)
                };
                let counts: Vec<u64> = (0..3).map(sum).collect();
                e["contests"][0]["cells"] = json!([{"counts": counts, "groups": ["north", "south"]}]);
            })
        },
    ),
    case("result-withholds-a-contest", "V25", ADMIN, "A result withholds a contest that was decrypted.", || {
        result(|e| {
            e["contests"][1]["cells"] = json!([]);
            e["contests"][1]["withheld"] = json!(true);
        })
    }),
    case("result-leaves-out-a-contest", "V25", ADMIN, "A result has one contest less.", || {
        result(|e| {
            e["contests"].as_array_mut().map(Vec::pop);
        })
    }),
    case("result-with-one-share", "V26", ADMIN, "One trustee decrypted, two are needed; the result is there.", || {
        let result = Lab::at(Stage::Published)?.find("result/v1", 0)?;
        let mut lab = Lab::at(Stage::Agreed)?;
        lab.record.election.share(0, &mut lab.rng)?;
        lab.record.publish(&mut lab.rng)?;
        lab.put(result);
        lab.tampered()
    }),
    case(
        "result-with-a-wrong-share",
        "V26",
        TRUSTEE,
        "Of two trustees one decrypted wrongly; the result is there.",
        || {
            let result = Lab::at(Stage::Published)?.find("result/v1", 0)?;
            let mut lab = Lab::at(Stage::Agreed)?;
            lab.record.election.share(0, &mut lab.rng)?;
            let mut wrong = lab.record.election.decryption_share(1, &mut lab.rng)?;
            wrong.contests.iter_mut().flat_map(|contest| &mut contest.shares).for_each(|cell| cell.reverse());
            lab.record.election.submit_share(1, wrong)?;
            lab.record.publish(&mut lab.rng)?;
            lab.put(result);
            lab.tampered()
        },
    ),
    case("shares-for-another-log", "V26", TRUSTEE, "A trustee decrypts another list of ballots.", || {
        let mut lab = Lab::at(Stage::Agreed)?;
        let mut share = lab.record.share_for_published_log(2, &mut lab.rng)?;
        share.head.root = Hash::of(b"a fork");
        let entry = lab.record.signed(share, &lab.record.trustee_key(3)?)?;
        lab.insert(entry)
    }),
    case("shares-once-more", "V26", TRUSTEE, "A trustee who decrypted correctly posts shares once more.", || {
        let mut lab = Lab::at(Stage::Agreed)?;
        lab.record.election.share(0, &mut lab.rng)?;
        lab.record.publish(&mut lab.rng)?;
        let entry = lab.find("decryption-share/v1", 0)?;
        lab.put(entry);
        lab.tampered()
    }),
    case("result-with-votes-moved", "V27", ADMIN, "Votes are moved from one candidate to another.", || {
        result(|e| {
            if let Some(counts) = e["contests"][0]["cells"][0]["counts"].as_array_mut() {
                counts.swap(0, 1);
            }
        })
    }),
    case("result-with-a-vote-more", "V27", ADMIN, "A candidate has one vote more.", || {
        result(|e| {
            let count = &mut e["contests"][0]["cells"][1]["counts"][0];
            *count = json!(count.as_u64().unwrap_or(0) + 1);
        })
    }),
    case("result-with-groups-exchanged", "V27", ADMIN, "The counts of two groups changed places.", || {
        result(|e| {
            let cells = e["contests"][0]["cells"].clone();
            e["contests"][0]["cells"][0]["counts"] = cells[1]["counts"].clone();
            e["contests"][0]["cells"][1]["counts"] = cells[0]["counts"].clone();
        })
    }),
];

/// One more ballot, and then a tally head that lies.
fn tally_head(edit: impl FnOnce(&mut Value)) -> Made {
    let mut lab = Lab::at(Stage::Voted)?;
    let ballot = lab.ballot(MEMBER, "c")?;
    lab.record.election.submit(ballot, &mut lab.rng)?;
    lab.record.publish(&mut lab.rng)?;
    let honest = lab.record.election.state.tally_head(lab.record.election.time_ms);
    let lie = edited(&serde_json::to_vec(&honest)?, edit)?;
    lab.insert(lie)
}

/// The administrator's closing at this moment, with an edit.
fn closing(lab: &Lab, edit: impl FnOnce(&mut Value)) -> Result<Vec<u8>, SampleError> {
    lab.forged(&lab.find("opening/v1", 0)?, |e| {
        let time = e["time_ms"].clone();
        *e = json!({"administrator": 1, "time_ms": time, "type": "closing/v1"});
        edit(e);
    })
}

/// An agreement of this trustee behind those of trustees 1 and 2.
fn agreement(trustee: u64, edit: impl FnOnce(&mut Value)) -> Made {
    let lab = Lab::at(Stage::Agreed)?;
    let entry = lab.forged(&edited(&lab.find("agreement/v1", 1)?, |e| e["trustee"] = json!(trustee))?, edit)?;
    lab.insert(entry)
}

/// The administrator's result with an edit, in place of the honest one.
fn result(edit: impl FnOnce(&mut Value)) -> Made {
    let result = Lab::at(Stage::Published)?.find("result/v1", 0)?;
    let mut lab = Lab::at(Stage::Decrypted)?;
    let forged = lab.forged(&result, edit)?;
    lab.put(forged);
    lab.tampered()
}
