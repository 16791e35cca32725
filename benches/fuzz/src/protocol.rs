//! Decoders of the protocol: what is accepted prints as it was read, and nothing that the sample did not sign holds.

use serde_json::Value;
use veritally_crypto::ballot::{BallotOpening, EncryptedBallot};
use veritally_crypto::canonical;
use veritally_crypto::credential::CredentialCode;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::Id;
use veritally_crypto::leaves::Leaf;
use veritally_crypto::log::note::{Algorithm, Note, NoteVerifier};
use veritally_crypto::log::tiles::{decode_entries, decode_hashes, encode_entries, encode_hashes};
use veritally_crypto::log::{Checkpoint, MAX_TREE_SIZE, Receipt, SignedCheckpoint, TilePath};
use veritally_crypto::manifest::CheckedManifest;
use veritally_crypto::record::RecordState;

use super::{checkpoint_and_receipt, election, origin, rng, says_why, text, the_opening, the_spoiled};

/// A ballot is parsed to the same bytes; its verification ends in a verdict, and nothing but the sample's own ballots is
/// accepted.
pub fn ballot(bytes: &[u8]) -> bool {
    let Ok(ballot) = EncryptedBallot::parse(bytes) else { return false };
    assert_eq!(ballot.bytes(), bytes);
    let election = election();
    let context = election.state.ballot_context().expect("the election was opened");
    let accepted = context.verify(ballot, &mut rng()).is_ok();
    assert!(!accepted || election.entries.iter().any(|entry| entry == bytes), "an altered ballot is accepted");
    true
}

/// What is canonical is written as it was read; any other JSON of the profile has one canonical form.
pub fn canonical(bytes: &[u8]) -> bool {
    if let Ok(value) = canonical::from_bytes::<Value>(bytes) {
        assert_eq!(canonical::to_bytes(&value).as_deref(), Ok(bytes));
        return true;
    }
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return false };
    if let Ok(written) = canonical::to_bytes(&value) {
        assert_eq!(canonical::from_bytes::<Value>(&written).as_ref(), Ok(&value));
    }
    true
}

/// Checkpoints print as they were read; no text but the sample's is one that the log signed.
pub fn checkpoint(bytes: &[u8]) -> bool {
    let Some(text) = text(bytes) else { return false };
    let unsigned = Checkpoint::parse(text).is_ok_and(|checkpoint| {
        assert_eq!(checkpoint.to_string(), text);
        true
    });
    let (sample, _) = checkpoint_and_receipt();
    if let Ok(signed) = SignedCheckpoint::parse(text, origin(), &election().log_key.verification_key()) {
        assert_eq!(signed.to_string(), text);
        assert_eq!(signed.checkpoint(), sample.checkpoint(), "a checkpoint that the log never signed");
        return true;
    }
    unsigned
}

/// Codes as voters type them: what is accepted is one code, printed in one way. Also ids and hashes.
pub fn credential_code(bytes: &[u8]) -> bool {
    let Some(text) = text(bytes) else { return false };
    if let Ok(code) = CredentialCode::parse(text) {
        let printed = code.expose_text();
        let again = CredentialCode::parse(&printed).expect("what is printed is read");
        assert_eq!(*again.expose_text(), *printed);
        assert_eq!(again.credential(&Hash::ZERO).public(), code.credential(&Hash::ZERO).public());
        return true;
    }
    let (id, hash) = (Id::new(text), Hash::from_hex(text));
    if let Ok(id) = &id {
        assert_eq!(id.as_str(), text);
    }
    if let Ok(hash) = &hash {
        assert_eq!(hash.to_string(), text);
    }
    id.is_ok() || hash.is_ok()
}

/// Bundles of entries and tiles of hashes, of the width that the first byte says, are written as they were read.
pub fn entry_bundle(bytes: &[u8]) -> bool {
    let Some((width, bytes)) = bytes.split_first() else { return false };
    let (width, mut read) = (u64::from(*width) + 1, false);
    if let Ok(entries) = decode_entries(bytes, width) {
        assert_eq!(entries.len() as u64, width);
        assert_eq!(encode_entries(entries).as_deref(), Ok(bytes));
        read = true;
    }
    if let Ok(hashes) = decode_hashes(bytes, width) {
        assert_eq!(encode_hashes(&hashes), bytes);
        read = true;
    }
    read
}

/// Whatever is an entry is canonical JSON, by the general reader too, and keeps its type.
pub fn leaf(bytes: &[u8]) -> bool {
    let Ok(leaf) = Leaf::parse(bytes) else { return false };
    let value: Value = canonical::from_bytes(bytes).expect("entries are canonical");
    assert_eq!(value["type"], leaf.type_name());
    true
}

/// A manifest that is accepted begins a record under the fingerprint of its bytes.
pub fn manifest(bytes: &[u8]) -> bool {
    match CheckedManifest::from_leaf(bytes) {
        Ok(manifest) => {
            assert_eq!(manifest.fingerprint(), Hash::of(bytes));
            let state = RecordState::start(bytes);
            assert!(state.is_ok_and(|state| state.fingerprint() == manifest.fingerprint()));
            true
        }
        Err(error) => says_why(&error),
    }
}

/// Signed notes and verifier keys print as they were read.
pub fn note(bytes: &[u8]) -> bool {
    let Some(text) = text(bytes) else { return false };
    let mut read = false;
    if let Ok(note) = Note::parse(text) {
        assert_eq!(note.to_string(), text);
        let key = election().log_key.verification_key();
        let _ = note.verify(&NoteVerifier::log(origin(), key).expect("the origin names a key"));
        read = true;
    }
    for algorithm in [Algorithm::Ed25519, Algorithm::Cosignature] {
        if let Ok(verifier) = NoteVerifier::parse(text, algorithm) {
            assert_eq!(verifier.to_string(), text);
            read = true;
        }
    }
    read
}

/// Opened ballots: canonical, and none but the sample's own (with another seed or selections there is another code)
/// proves anything.
pub fn opening(bytes: &[u8]) -> bool {
    let lenient = serde_json::from_slice::<BallotOpening>(bytes);
    let Ok(opening) = canonical::from_bytes::<BallotOpening>(bytes) else { return false };
    assert_eq!(lenient.ok().as_ref(), Some(&opening));
    let context = election().state.ballot_context().expect("the election was opened");
    if let Ok(code) = opening.verify(context) {
        assert_eq!(code.0, opening.code);
        assert_eq!(&opening, the_opening(), "an altered opening is accepted");
    }
    true
}

/// Receipts print as they were read; none but the sample's holds.
pub fn receipt(bytes: &[u8]) -> bool {
    let Some(text) = text(bytes) else { return false };
    let Ok(receipt) = Receipt::parse(text) else { return false };
    assert_eq!(receipt.to_string(), text);
    let key = election().log_key.verification_key();
    if let Ok((index, _)) = receipt.verify(&election().entries[0], origin(), &key) {
        assert_eq!(index, 0);
        assert!(receipt.proof.0.is_empty());
    }
    assert!(receipt.verify(b"another entry", origin(), &key).is_err());
    true
}

/// Published spoiled ballots: none but the sample's own is believed, byte for byte.
pub fn spoiled(bytes: &[u8]) -> bool {
    let Ok(Leaf::SpoiledBallot(spoiled)) = Leaf::parse(bytes) else { return false };
    let context = election().state.ballot_context().expect("the election was opened");
    if context.open_spoiled(&spoiled).is_ok() {
        assert_eq!(bytes, the_spoiled(), "an altered spoiled ballot is believed");
    }
    true
}

/// Paths of tiles print as they were read, and what they name is in a tree.
pub fn tile_path(bytes: &[u8]) -> bool {
    let Some(path) = text(bytes) else { return false };
    let Ok(tile) = TilePath::parse(path) else { return false };
    assert_eq!(tile.to_string(), path);
    assert!(tile.is_in(MAX_TREE_SIZE));
    assert_eq!(TilePath::new(tile.kind(), tile.index(), tile.width()), Ok(tile));
    assert_eq!(tile.full().range().start, tile.range().start);
    let _ = tile.stored_hashes();
    true
}
