//! The body of `POST /add-checkpoint`.

use std::fmt;

use veritally_crypto::hash::Hash;
use veritally_crypto::log::MAX_TREE_SIZE;
use veritally_crypto::log::merkle::ConsistencyProof;
use veritally_crypto::log::note::MAX_NOTE_BYTES;
use veritally_crypto::signature::VerificationKey;

use super::WitnessError;

/// Most proof lines (C2SP tlog-witness).
const MAX_PROOF_LINES: usize = 63;
/// Longest body: a note, and 63 lines of 45 bytes.
pub(super) const MAX_REQUEST_BYTES: usize = MAX_NOTE_BYTES + (8 << 10);

/// A request to cosign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size that the witness cosigned last.
    pub old_size: u64,
    /// From there to the checkpoint.
    pub proof: ConsistencyProof,
    /// The checkpoint, signed by its log; verbatim.
    pub checkpoint: String,
}

impl AddCheckpoint {
    /// Reads a body. Nothing is verified.
    ///
    /// # Errors
    /// [`WitnessError::Request`].
    pub fn parse(body: &str) -> Result<Self, WitnessError> {
        use WitnessError::Request;
        if body.len() > MAX_REQUEST_BYTES {
            return Err(Request("too long"));
        }
        let (head, checkpoint) = body.split_once("\n\n").ok_or(Request("no empty line"))?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old ")).and_then(decimal);
        let old_size = old.ok_or(Request("the first line is not `old SIZE`"))?;
        let hashes = lines.map(hash).collect::<Option<Vec<_>>>().ok_or(Request("a line that is no hash"))?;
        if hashes.len() > MAX_PROOF_LINES {
            return Err(Request("more than 63 hashes"));
        }
        Ok(Self { old_size, proof: ConsistencyProof(hashes), checkpoint: checkpoint.to_owned() })
    }
}

/// ASCII decimal without leading zeroes.
fn decimal(text: &str) -> Option<u64> {
    let plain = text == "0" || (!text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()));
    text.parse().ok().filter(|size| plain && *size <= MAX_TREE_SIZE)
}

/// 32 bytes in padded base64: written as keys are.
fn hash(line: &str) -> Option<Hash> {
    let key: VerificationKey = serde_json::from_value(serde_json::Value::String(line.to_owned())).ok()?;
    Some(Hash(key.0))
}

/// The body.
impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old_size)?;
        for hash in &self.proof.0 {
            writeln!(f, "{}", VerificationKey(hash.0))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    #[test]
    fn a_request_survives_its_text_and_other_texts_are_none() {
        for hashes in [vec![], vec![Hash::of(b"a"), Hash::of(b"b")]] {
            let checkpoint = "log.example\n3\nx\n\n\u{2014} log.example AAAA\n".to_owned();
            let request = AddCheckpoint { old_size: 2, proof: ConsistencyProof(hashes), checkpoint };
            assert_eq!(AddCheckpoint::parse(&request.to_string()).unwrap(), request);
        }
        let zero = format!("{}\n", VerificationKey([0; 32]));
        let many = format!("old 1\n{}\nnote", zero.repeat(64));
        for bad in ["", "old 1", "old 01\n\nx", "old -1\n\nx", "old +1\n\nx", "new 1\n\nx", "old 1\nAAAA\n\nx", &many] {
            assert!(AddCheckpoint::parse(bad).is_err(), "{bad:?}");
        }
        assert!(AddCheckpoint::parse(&format!("old 1\n{}\nnote", zero.repeat(63))).is_ok());
    }
}
