//! Section 9: Merkle tree, proofs, checkpoints, cosignatures, tiles, receipts.

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::Head;
use veritally_crypto::log::note::Note;
use veritally_crypto::log::tiles::{TileKind, decode_entries, encode_entries};
use veritally_crypto::log::{
    ConsistencyProof, Frontier, InclusionProof, Receipt, SignedCheckpoint, TilePath, leaf_hash,
};
use veritally_crypto::signature::{Signature, VerificationKey};

use super::{Case, array};

fn hashes(value: &Value) -> Vec<Hash> {
    value.as_array().unwrap().iter().map(|h| Hash(array(h))).collect()
}

fn key(case: Case<'_>) -> VerificationKey {
    VerificationKey(array(&case.value["key"]))
}

fn head(case: Case<'_>, size: &str, root: &str) -> Head {
    Head { root: Hash(array(&case.value[root])), tree_size: case.number(size) }
}

fn included(case: Case<'_>) -> bool {
    let (proof, leaf) = (InclusionProof(hashes(&case.value["path"])), Hash(array(&case.value["leaf"])));
    proof.verify(case.number("index"), &leaf, &head(case, "size", "root")).is_ok()
}

fn consistent(case: Case<'_>) -> bool {
    let proof = ConsistencyProof(hashes(&case.value["path"]));
    proof.verify(&head(case, "old_size", "old_root"), &head(case, "size", "root")).is_ok()
}

fn checkpoint(case: Case<'_>) -> Option<SignedCheckpoint> {
    SignedCheckpoint::parse(case.text("note"), case.text("origin"), &key(case)).ok()
}

/// C2SP tlog-cosignature. This crate only keeps the lines; `veritally-verifier` verifies them.
fn cosigned(case: Case<'_>) -> bool {
    let note = Note::parse(case.text("note")).unwrap();
    let (name, key) = (case.text("witness"), key(case));
    let id = Sha256::new().chain_update(name).chain_update([b'\n', 4]).chain_update(key.0).finalize();
    note.signatures().iter().filter(|line| line.name == name && line.key_id == id[..4]).any(|line| {
        let (time, signature) = line.signature.split_first_chunk::<8>().unwrap();
        let message = format!("cosignature/v1\ntime {}\n{}", u64::from_be_bytes(*time), note.text());
        key.verify_bytes(message.as_bytes(), &Signature(signature.try_into().unwrap())).is_ok()
    })
}

fn received(case: Case<'_>) -> bool {
    let receipt = Receipt::parse(case.text("receipt"));
    receipt.is_ok_and(|receipt| receipt.verify(&case.hex("entry"), case.text("origin"), &key(case)).is_ok())
}

fn tile_path(case: Case<'_>) {
    let kind = match case.text("folder") {
        "entries" => TileKind::Entries,
        level => TileKind::Hashes(level.parse().unwrap()),
    };
    let path = TilePath::new(kind, case.number("index"), case.number("width")).unwrap();
    assert_eq!(path.to_string(), case.text("name"));
    assert_eq!(TilePath::parse(case.text("name")).unwrap(), path);
}

fn bundle(case: Case<'_>) {
    let entries: Vec<_> = case.list("entries").iter().map(|e| hex::decode(e.as_str().unwrap()).unwrap()).collect();
    let bytes = case.hex("bytes");
    assert_eq!(encode_entries(entries.iter().map(Vec::as_slice)).unwrap(), bytes);
    assert_eq!(decode_entries(&bytes, entries.len() as u64).unwrap(), entries);
}

pub fn log(kind: &str, case: Case<'_>) {
    match kind {
        "leaf" => assert_eq!(leaf_hash(&case.hex("data")).0, array(&case.value["hash"])),
        "root" => {
            let mut tree = Frontier::new();
            for leaf in case.list("leaves") {
                tree.push(leaf_hash(&hex::decode(leaf.as_str().unwrap()).unwrap()));
            }
            assert_eq!(tree.root().0, array(&case.value["root"]));
        }
        "inclusion" => assert!(included(case)),
        "bad-inclusion" => assert!(!included(case)),
        "consistency" => assert!(consistent(case)),
        "bad-consistency" => assert!(!consistent(case)),
        "checkpoint" => assert_eq!(checkpoint(case).unwrap().checkpoint().head(), head(case, "size", "root")),
        "bad-checkpoint" => assert_eq!(checkpoint(case), None),
        "cosignature" => assert!(cosigned(case)),
        "bad-cosignature" => assert!(!cosigned(case)),
        "receipt" => assert!(received(case)),
        "bad-receipt" => assert!(!received(case)),
        "tile-path" => tile_path(case),
        "bad-tile-path" => assert!(TilePath::parse(case.text("path")).is_err()),
        "bundle" => bundle(case),
        "bad-bundle" => assert!(decode_entries(&case.hex("bytes"), case.number("width")).is_err()),
        other => panic!("unread kind {other}"),
    }
}
