//! Receipts: C2SP tlog-proof, the text that shows that an entry is in the log.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::checkpoint::{CheckpointError, SignedCheckpoint, parse_hash};
use super::merkle::{InclusionProof, MAX_PROOF_HASHES, ProofError, leaf_hash};
use super::note::MAX_NOTE_BYTES;
use super::{Checkpoint, parse_decimal};
use crate::id::LeafIndex;
use crate::signature::VerificationKey;

/// First line of a receipt.
const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// Longest receipt that is read: a note, 64 hashes of 45 bytes, and 4 KiB of extra data.
pub const MAX_RECEIPT_BYTES: usize = MAX_NOTE_BYTES + (8 << 10);

/// Why a text is no receipt, or a receipt does not hold.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReceiptError {
    /// Not the format.
    #[error("not a receipt (c2sp.org/tlog-proof@v1): {0}")]
    Malformed(&'static str),
    /// The checkpoint in it.
    #[error("receipt: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The inclusion proof in it.
    #[error("receipt: {0}")]
    Proof(#[from] ProofError),
}

/// A receipt as read or made; [`Receipt::verify`] tells whether it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The entry's index.
    pub index: LeafIndex,
    /// From the entry to the checkpoint's root.
    pub proof: InclusionProof,
    /// Opaque and unauthenticated; the board writes none.
    pub extra: Option<Vec<u8>>,
    /// The checkpoint, verbatim, not yet verified.
    checkpoint: String,
}

impl Receipt {
    /// A receipt for entry `index` in the tree of `checkpoint`.
    #[must_use]
    pub fn new(index: LeafIndex, proof: InclusionProof, checkpoint: &SignedCheckpoint) -> Self {
        Self { index, proof, extra: None, checkpoint: checkpoint.to_string() }
    }

    /// Reads a receipt. Nothing is verified.
    ///
    /// # Errors
    /// [`ReceiptError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, ReceiptError> {
        use ReceiptError::Malformed;
        if text.len() > MAX_RECEIPT_BYTES {
            return Err(Malformed("too long"));
        }
        let (head, checkpoint) = text.split_once("\n\n").ok_or(Malformed("no checkpoint"))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(FIRST_LINE) {
            return Err(Malformed("its first line is another one"));
        }
        let extra = lines.next_if(|line| line.starts_with("extra "));
        let extra = extra.and_then(|line| line.strip_prefix("extra ")).map(|data| STANDARD.decode(data));
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(parse_decimal);
        let hashes = lines.map(parse_hash).collect::<Option<Vec<_>>>().ok_or(Malformed("a line that is no hash"))?;
        if hashes.len() > MAX_PROOF_HASHES {
            return Err(Malformed("too many hashes"));
        }
        Ok(Self {
            index: index.ok_or(Malformed("no index"))?,
            proof: InclusionProof(hashes),
            extra: extra.transpose().map_err(|_| Malformed("extra data that is no base64"))?,
            checkpoint: checkpoint.to_owned(),
        })
    }

    /// Verifies that the log with this origin and key holds these bytes, and returns where and in which tree.
    ///
    /// # Errors
    /// [`ReceiptError::Checkpoint`], [`ReceiptError::Proof`].
    pub fn verify(
        &self,
        entry: &[u8],
        origin: &str,
        log_key: &VerificationKey,
    ) -> Result<(LeafIndex, Checkpoint), ReceiptError> {
        let signed = SignedCheckpoint::parse(&self.checkpoint, origin, log_key)?;
        self.proof.verify(self.index, &leaf_hash(entry), &signed.checkpoint().head())?;
        Ok((self.index, signed.checkpoint().clone()))
    }

    /// The checkpoint, verbatim and unverified.
    #[must_use]
    pub fn checkpoint_text(&self) -> &str {
        &self.checkpoint
    }
}

/// The file `….tlog-proof`.
impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.proof.0 {
            writeln!(f, "{}", STANDARD.encode(hash.0))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;
    use crate::hash::Hash;
    use crate::log::merkle::Frontier;
    use crate::signature::SigningSecret;

    const ORIGIN: &str = "board.example/village";

    fn key() -> SigningSecret {
        SigningSecret::from_seed(&[3; 32])
    }

    fn entry(i: u64) -> Vec<u8> {
        format!("entry {i}").into_bytes()
    }

    fn receipt(index: u64, size: u64) -> Receipt {
        let mut frontier = Frontier::new();
        let mut stored: Vec<Hash> = Vec::new();
        for i in 0..size {
            frontier.push_with(leaf_hash(&entry(i)), |hash| stored.push(hash));
        }
        let proof = InclusionProof::prove(index, size, &stored).unwrap();
        let checkpoint = SignedCheckpoint::sign(Checkpoint::new(ORIGIN, &frontier.head()), &key()).unwrap();
        Receipt::new(index, proof, &checkpoint)
    }

    #[test]
    fn a_receipt_survives_its_text_and_verifies() {
        for (index, size) in [(0, 1), (0, 2), (5, 13), (255, 257), (299, 300)] {
            let mut receipt = receipt(index, size);
            for extra in [None, Some(b"more".to_vec())] {
                receipt.extra = extra;
                let again = Receipt::parse(&receipt.to_string()).unwrap();
                assert_eq!(again, receipt);
                let (found, checkpoint) = again.verify(&entry(index), ORIGIN, &key().verification_key()).unwrap();
                assert_eq!((found, checkpoint.tree_size), (index, size));
            }
        }
    }

    #[test]
    fn a_receipt_for_another_entry_index_log_or_key_is_refused() {
        let receipt = receipt(5, 13);
        let public = key().verification_key();
        assert!(receipt.verify(&entry(6), ORIGIN, &public).is_err());
        assert!(receipt.verify(&entry(5), "board.example/town", &public).is_err());
        let stranger = SigningSecret::from_seed(&[4; 32]).verification_key();
        assert!(receipt.verify(&entry(5), ORIGIN, &stranger).is_err());
        for index in [4, 6, 13, 1 << 52] {
            let moved = Receipt { index, ..receipt.clone() };
            assert!(moved.verify(&entry(5), ORIGIN, &public).is_err());
        }
        let short = Receipt { proof: InclusionProof(receipt.proof.0[1..].to_vec()), ..receipt.clone() };
        assert!(short.verify(&entry(5), ORIGIN, &public).is_err());
    }

    #[test]
    fn malformed_receipts_are_refused() {
        let good = receipt(1, 3).to_string();
        Receipt::parse(&good).unwrap();
        for bad in [
            String::new(),
            good.replace("@v1", "@v2"),
            good.replace("index 1", "index 01"),
            good.replace("index 1", "index -1"),
            good.replace("index 1\n", ""),
            good.replace("index 1", "extra !\nindex 1"),
            good.replace("index 1", "index 1\nAAAA"),
            good.replace("\n\n", "\n"),
            good.replace("index 1\n", &format!("index 1\n{}", format!("{}\n", STANDARD.encode([0; 32])).repeat(65))),
        ] {
            assert!(Receipt::parse(&bad).is_err(), "{bad:?}");
        }
        assert!(Receipt::parse(&"x".repeat(MAX_RECEIPT_BYTES + 1)).is_err());
    }
}
