//! Whatever bytes arrive: no parser panics, and what is accepted prints as it was read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use proptest::prelude::*;

use crate::log::checkpoint::Checkpoint;
use crate::log::note::{Algorithm, Note, NoteVerifier};
use crate::log::receipt::Receipt;
use crate::log::tiles::{TilePath, decode_entries, decode_hashes, encode_entries, encode_hashes};

/// Pieces of the formats, so that random texts come close to them.
fn near(pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
    let piece = prop_oneof![proptest::sample::select(pieces).prop_map(str::to_owned), "[ -~\n]{0,3}"];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

const NOTE: &[&str] = &[
    "a\n",
    "\n",
    "\n\n",
    "\u{2014} ",
    "name",
    " ",
    "AQIDBAU=",
    "+",
    "1\n",
    "0",
    "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
    "c2sp.org/tlog-proof@v1\n",
    "index ",
    "extra AAAA\n",
];
const PATH: &[&str] = &["tile/", "entries/", "0/", "1/", "x001/", "000", "234", ".p/", "255", "1", "x", "/"];

proptest! {
    #[test]
    fn notes_checkpoints_and_receipts_never_panic(text in near(NOTE)) {
        if let Ok(note) = Note::parse(&text) {
            prop_assert_eq!(note.to_string(), text.clone());
        }
        if let Ok(checkpoint) = Checkpoint::parse(&text) {
            prop_assert_eq!(checkpoint.to_string(), text.clone());
        }
        if let Ok(receipt) = Receipt::parse(&text) {
            prop_assert_eq!(receipt.to_string(), text.clone());
        }
        if let Ok(verifier) = NoteVerifier::parse(&text, Algorithm::Ed25519) {
            prop_assert_eq!(verifier.to_string(), text);
        }
    }

    #[test]
    fn paths_of_tiles_never_panic(path in near(PATH)) {
        if let Ok(tile) = TilePath::parse(&path) {
            prop_assert_eq!(tile.to_string(), path);
            let _ = (tile.range(), tile.stored_hashes(), tile.is_in(u64::MAX), tile.full());
        }
    }

    #[test]
    fn bundles_and_tiles_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), width in 0u64..300) {
        if let Ok(entries) = decode_entries(&bytes, width) {
            prop_assert_eq!(encode_entries(entries).unwrap(), bytes.clone());
        }
        if let Ok(hashes) = decode_hashes(&bytes, width) {
            prop_assert_eq!(encode_hashes(&hashes), bytes);
        }
    }
}
