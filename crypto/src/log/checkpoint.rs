//! Checkpoints of C2SP tlog-checkpoint: origin, tree size and root hash in a signed note.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::note::{Note, NoteError, NoteVerifier};
use super::parse_decimal;
use crate::hash::Hash;
use crate::leaves::Head;
use crate::signature::{SigningSecret, VerificationKey};

/// Why a text is no checkpoint of this log.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The note itself.
    #[error("checkpoint: {0}")]
    Note(#[from] NoteError),
    /// Not origin, decimal size and base64 root.
    #[error("not a checkpoint: expected three lines with origin, tree size and root hash")]
    Malformed,
    /// Lines that no monitor can audit; specs/protocol.md section 9 has none.
    #[error("the checkpoint carries extension lines, which this log never writes")]
    Extension,
    /// Another log's.
    #[error("this is a checkpoint of {found:?}, not of {expected:?}")]
    Origin {
        /// The log that was meant.
        expected: String,
        /// The log that the checkpoint names.
        found: String,
    },
}

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: String,
    /// Number of entries.
    pub tree_size: u64,
    /// Merkle tree hash of them.
    pub root: Hash,
}

impl Checkpoint {
    /// The checkpoint of a head.
    #[must_use]
    pub fn new(origin: impl Into<String>, head: &Head) -> Self {
        Self { origin: origin.into(), tree_size: head.tree_size, root: head.root }
    }

    /// Size and root.
    #[must_use]
    pub fn head(&self) -> Head {
        Head { root: self.root, tree_size: self.tree_size }
    }

    /// Reads the text of a note.
    ///
    /// # Errors
    /// [`CheckpointError::Malformed`], [`CheckpointError::Extension`].
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.strip_suffix('\n').ok_or(CheckpointError::Malformed)?.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(CheckpointError::Malformed);
        };
        if lines.next().is_some() {
            return Err(CheckpointError::Extension);
        }
        if origin.is_empty() {
            return Err(CheckpointError::Malformed);
        }
        let tree_size = parse_decimal(size).ok_or(CheckpointError::Malformed)?;
        let root = parse_hash(root).ok_or(CheckpointError::Malformed)?;
        Ok(Self { origin: origin.to_owned(), tree_size, root })
    }
}

/// The text that is signed.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.tree_size, STANDARD.encode(self.root.0))
    }
}

/// 32 bytes in padded base64.
pub(super) fn parse_hash(text: &str) -> Option<Hash> {
    STANDARD.decode(text).ok()?.try_into().ok().map(Hash)
}

/// A checkpoint whose signature by the log was verified, or just made; with all signatures of its note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: Note,
}

impl SignedCheckpoint {
    /// Signs with the log's key; the signature is named by the origin.
    ///
    /// # Errors
    /// [`NoteError`] when the origin can't name a key.
    pub fn sign(checkpoint: Checkpoint, key: &SigningSecret) -> Result<Self, NoteError> {
        let note = Note::sign(checkpoint.to_string(), &checkpoint.origin, key)?;
        Ok(Self { checkpoint, note })
    }

    /// Reads a checkpoint and verifies that the log with this origin and key signed it.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn parse(text: &str, origin: &str, key: &VerificationKey) -> Result<Self, CheckpointError> {
        let note = Note::parse(text)?;
        note.verify(&NoteVerifier::log(origin, *key)?)?;
        let checkpoint = Checkpoint::parse(note.text())?;
        if checkpoint.origin != origin {
            return Err(CheckpointError::Origin { expected: origin.to_owned(), found: checkpoint.origin });
        }
        Ok(Self { checkpoint, note })
    }

    /// What was signed.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note, with the signatures of witnesses.
    #[must_use]
    pub fn note(&self) -> &Note {
        &self.note
    }
}

/// The file `checkpoint`.
impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.note.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    const ROOT: &str = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";

    fn example() -> Checkpoint {
        let text = format!("example.com/behind-the-sofa\n20852163\n{ROOT}\n");
        Checkpoint::parse(&text).unwrap()
    }

    #[test]
    fn the_example_of_c2sp_reads_and_prints() {
        assert_eq!(example().tree_size, 20_852_163);
        assert_eq!(example().to_string(), format!("example.com/behind-the-sofa\n20852163\n{ROOT}\n"));
    }

    #[test]
    fn a_signed_checkpoint_verifies_under_its_own_key_and_origin_only() {
        let key = SigningSecret::from_seed(&[1; 32]);
        let signed = SignedCheckpoint::sign(example(), &key).unwrap();
        let text = signed.to_string();
        let origin = "example.com/behind-the-sofa";
        assert_eq!(SignedCheckpoint::parse(&text, origin, &key.verification_key()).unwrap(), signed);
        let other = SigningSecret::from_seed(&[2; 32]).verification_key();
        assert!(SignedCheckpoint::parse(&text, origin, &other).is_err());
        assert!(SignedCheckpoint::parse(&text, "example.com/sofa", &key.verification_key()).is_err());
        let bigger = text.replace("20852163", "20852164");
        assert!(SignedCheckpoint::parse(&bigger, origin, &key.verification_key()).is_err());
    }

    #[test]
    fn a_checkpoint_of_another_log_signed_by_this_key_is_refused() {
        let key = SigningSecret::from_seed(&[1; 32]);
        let note = Note::sign(example().to_string(), "example.com/other", &key).unwrap().to_string();
        let parsed = SignedCheckpoint::parse(&note, "example.com/other", &key.verification_key());
        assert!(matches!(parsed, Err(CheckpointError::Origin { .. })));
    }

    #[test]
    fn extension_lines_are_refused_even_when_signed() {
        let key = SigningSecret::from_seed(&[1; 32]);
        let note = Note::sign(format!("{}more\n", example()), "example.com/behind-the-sofa", &key).unwrap();
        let parsed = SignedCheckpoint::parse(&note.to_string(), "example.com/behind-the-sofa", &key.verification_key());
        assert_eq!(parsed, Err(CheckpointError::Extension));
    }

    #[test]
    fn malformed_checkpoints_are_refused() {
        let refuse = |text: String| assert!(Checkpoint::parse(&text).is_err(), "{text:?}");
        for text in ["", "\n", "a\n1\n", "\n\n\n"] {
            refuse(text.to_owned());
        }
        for size in ["", "01", "-1", "+1", "1 ", "0x1", "9007199254740992", "99999999999999999999999"] {
            refuse(format!("a\n{size}\n{ROOT}\n"));
        }
        for root in ["", "AAAA", ROOT.trim_end_matches('='), "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J="] {
            refuse(format!("a\n1\n{root}\n"));
        }
        refuse(format!("\n1\n{ROOT}\n"));
        refuse(format!("a\n1\n{ROOT}"));
        assert!(Checkpoint::parse(&format!("a\n0\n{ROOT}\n")).is_ok());
    }
}
