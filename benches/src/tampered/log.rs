//! V2 to V7: another election, the checkpoint, its witnesses, the files of the log.

use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::Head;
use veritally_crypto::log::checkpoint::{Checkpoint, SignedCheckpoint};
use veritally_crypto::log::cosignature::cosign;
use veritally_crypto::log::note::Note;
use veritally_crypto::manifest::NamedKey;
use veritally_crypto::sample::SampleError;
use veritally_crypto::signature::SigningSecret;
use veritally_verifier::sample::tree_files;
use veritally_verifier::source::Memory;

use super::setup::case;
use super::{Case, Lab, Stage, Tampered};

type Made = Result<Tampered, SampleError>;

const BOARD: &str = "board";

pub(super) const CASES: &[Case] = &[
    case(
        "another-election",
        "V2",
        BOARD,
        "A flawless record, of another election than the one that was meant.",
        || {
            let tampered = Lab::with(Stage::Published, |m| m.dispute_window_ms = 1)?.tampered()?;
            let fingerprint = Lab::at(Stage::Begun)?.tampered()?.fingerprint;
            Ok(Tampered { fingerprint, culprits: vec![0], ..tampered })
        },
    ),
    case("checkpoint-by-another-key", "V3", BOARD, "Somebody else than the log signed for the entries.", || {
        let mut lab = Lab::at(Stage::Published)?;
        lab.record.election.log_key = SigningSecret::from_seed(&[9; 32]);
        lab.tampered()
    }),
    case("checkpoint-of-another-log", "V3", BOARD, "The log's key signed this as the content of another log.", || {
        checkpoint(|lab, head| {
            let other = Checkpoint::new("example.org/other", &head);
            Ok(SignedCheckpoint::sign(other, &lab.record.election.log_key)?.to_string())
        })
    }),
    case("checkpoint-with-a-note-on-it", "V3", BOARD, "The checkpoint has a line that nobody can audit.", || {
        checkpoint(|lab, head| {
            let origin = &lab.record.election.state.manifest().log.origin;
            let text = format!("{}for your eyes only\n", Checkpoint::new(origin.as_str(), &head));
            Ok(Note::sign(text, origin, &lab.record.election.log_key)?.to_string())
        })
    }),
    case("checkpoint-without-signature", "V3", BOARD, "The board does not sign for its entries.", || {
        checkpoint(|lab, head| {
            let origin = &lab.record.election.state.manifest().log.origin;
            let text = Checkpoint::new(origin.as_str(), &head).to_string();
            Ok(Note::sign(text, "somebody.example", &SigningSecret::from_seed(&[9; 32]))?.to_string())
        })
    }),
    case("witnesses-missing", "V4", BOARD, "No witness cosigned.", || witnessed(|_, _| Ok(vec![]))),
    case("witnesses-too-few", "V4", BOARD, "One of two witnesses cosigned, two are needed.", || {
        witnessed(|text, _| Ok(vec![cosign(text, "w1.example", &witness_key(1), TIME_S)?]))
    }),
    case(
        "witness-twice",
        "V4",
        BOARD,
        "One witness's cosignature stands there twice, once under another name.",
        || {
            witnessed(|text, _| {
                let key = witness_key(1);
                Ok(vec![cosign(text, "w1.example", &key, TIME_S)?, cosign(text, "w2.example", &key, TIME_S)?])
            })
        },
    ),
    case("witness-of-an-older-log", "V4", BOARD, "A witness's cosignature was taken from an older checkpoint.", || {
        witnessed(|text, older| {
            let one = cosign(text, "w1.example", &witness_key(1), TIME_S)?;
            Ok(vec![one, cosign(older, "w2.example", &witness_key(2), TIME_S)?])
        })
    }),
    case("root-of-other-entries", "V5", BOARD, "The board signed for other entries than it serves.", || {
        checkpoint(|lab, head| sign(lab, Head { root: Hash::of(b"other entries"), ..head }))
    }),
    case("ballots-in-another-order", "V5", BOARD, "Two ballots changed places after the board had signed.", || {
        let mut lab = Lab::at(Stage::Voted)?;
        let signed = lab.tampered()?.files.0.remove("checkpoint").ok_or("no checkpoint")?;
        let (one, other) = pair(&lab, "ballot/v1", 2)?;
        lab.record.log.swap(one, other);
        let mut tampered = lab.tampered()?;
        tampered.files.0.insert("checkpoint".into(), signed);
        Ok(tampered)
    }),
    case("entries-missing", "V5", BOARD, "The board does not serve the entries that it signed for.", || {
        files(&[0], |lab, files| drop(files.0.remove(&bundle(lab))))
    }),
    case("entries-cut-off", "V5", BOARD, "The file of entries ends before the last one does.", || {
        files(&[0], |lab, files| {
            files.0.get_mut(&bundle(lab)).map(|bytes| bytes.pop());
        })
    }),
    case("result-withheld", "V5", BOARD, "The board signed for a result that it does not serve.", || {
        files(&[0], |lab, files| {
            let shorter = lab.record.log.split_last().map(|(_, rest)| rest).unwrap_or_default();
            files.0.remove(&bundle(lab));
            let entries = tree_files(shorter).unwrap_or_default().into_iter();
            files.0.extend(entries.filter(|(path, _)| path.starts_with("tile/entries")));
        })
    }),
    case("tile-with-another-hash", "V6", BOARD, "Receipts are proved from another hash than the entry's.", || {
        tile(|bytes| {
            if let Some(byte) = bytes.get_mut(40) {
                *byte ^= 1;
            }
        })
    }),
    case("tile-cut-off", "V6", BOARD, "A file of hashes is too short.", || tile(|bytes| bytes.truncate(32))),
    case("tile-with-more", "V6", BOARD, "A file of hashes has more than the tree.", || tile(|bytes| bytes.push(0))),
    case("tile-missing", "V6", BOARD, "No file of hashes: nobody can prove a receipt.", || {
        files(&[0], |lab, files| drop(files.0.remove(&hashes(lab))))
    }),
    case("entries-not-signed-for", "V7", BOARD, "The board serves an entry that it did not sign for.", || {
        files(&[], |lab, files| {
            let mut longer = lab.record.log.clone();
            longer.extend(lab.record.log.get(1).cloned());
            for (path, bytes) in tree_files(&longer).unwrap_or_default() {
                files.0.entry(path).or_insert(bytes);
            }
        })
    }),
    case("another-history", "V7", BOARD, "An earlier version of the files has two entries in another order.", || {
        files(&[0], |lab, files| {
            let mut earlier = lab.record.log.get(..12).unwrap_or_default().to_vec();
            earlier.swap(10, 11);
            files.0.extend(tree_files(&earlier).unwrap_or_default());
        })
    }),
    case("files-of-no-log", "V7", BOARD, "A file among the tiles belongs to no log.", || {
        files(&[], |_, files| drop(files.0.insert("tile/5/000".into(), vec![0; 8_192])))
    }),
];

const TIME_S: u64 = 1_798_850_000;

fn witness_key(number: u8) -> SigningSecret {
    SigningSecret::from_seed(&[number; 32])
}

fn bundle(lab: &Lab) -> String {
    format!("tile/entries/000.p/{}", lab.record.log.len())
}

fn hashes(lab: &Lab) -> String {
    format!("tile/0/000.p/{}", lab.record.log.len())
}

fn sign(lab: &Lab, head: Head) -> Result<String, SampleError> {
    Ok(String::from_utf8(lab.record.checkpoint(&head)?)?)
}

/// The first two entries of a type from the `n`-th on.
fn pair(lab: &Lab, type_name: &str, n: usize) -> Result<(usize, usize), SampleError> {
    let places = lab.places(type_name);
    match places.get(n..n + 2) {
        Some(&[one, other]) => Ok((one, other)),
        _ => Err("no such entries".into()),
    }
}

/// An honest record with other files. The culprits are the first entries of those that are missing or wrong.
fn files(culprits: &[u64], edit: impl FnOnce(&Lab, &mut Memory)) -> Made {
    let mut lab = Lab::at(Stage::Published)?;
    lab.culprits = culprits.to_vec();
    let mut tampered = lab.tampered()?;
    edit(&lab, &mut tampered.files);
    Ok(tampered)
}

fn tile(edit: impl FnOnce(&mut Vec<u8>)) -> Made {
    files(&[0], |lab, files| {
        files.0.get_mut(&hashes(lab)).map(edit);
    })
}

/// An honest record with another checkpoint.
fn checkpoint(make: impl FnOnce(&Lab, Head) -> Result<String, SampleError>) -> Made {
    let lab = Lab::at(Stage::Published)?;
    let mut tampered = lab.tampered()?;
    tampered.files.0.insert("checkpoint".into(), make(&lab, lab.record.head())?.into_bytes());
    Ok(tampered)
}

type Lines = Vec<veritally_crypto::log::note::NoteSignature>;

/// An election with two witnesses who must both cosign; `lines` gets the texts of the last checkpoint and of an older one.
fn witnessed(lines: impl FnOnce(&str, &str) -> Result<Lines, SampleError>) -> Made {
    let named =
        |number: u8| NamedKey { key: witness_key(number).verification_key(), name: format!("w{number}.example") };
    let lab = Lab::with(Stage::Published, |m| {
        m.witnesses = vec![named(1), named(2)];
        m.witness_quorum = 2;
    })?;
    let head = lab.record.head();
    let mut note = Note::parse(&sign(&lab, head)?)?;
    let older =
        Checkpoint::new(lab.record.election.state.manifest().log.origin.as_str(), &Head { tree_size: 5, ..head });
    for line in lines(note.text(), &older.to_string())? {
        note.add(line)?;
    }
    let mut tampered = lab.tampered()?;
    tampered.files.0.insert("checkpoint".into(), note.to_string().into_bytes());
    Ok(tampered)
}
