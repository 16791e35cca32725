//! Proof that a trustee holds the secret of its encryption key; specs/protocol.md section 5, first paragraph.

use rand::CryptoRng;

use crate::group::{EncodedPoint, GroupError, SecretScalar};
use crate::hash::{Hash, Hasher};
use crate::knowledge::{KnowledgeProof, ProofError};
use crate::manifest::TrusteeKeys;
use crate::signature::VerificationKey;
use crate::text::{crockford, grouped};
use crate::transcript::{Transcript, TranscriptProtocol as _};

/// Why a trustee's encryption key is refused.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PossessionError {
    /// No point, or the identity.
    #[error("the encryption key is not usable")]
    Key(#[from] GroupError),
    /// The key is somebody else's, or was proved together with another identity key.
    #[error("no proof that the owner of this identity key holds the secret of this encryption key")]
    Proof(#[from] ProofError),
}

/// `transcript("key-possession")`; [`KnowledgeProof`] appends `v` and draws `c`.
fn statement(identity_key: &VerificationKey, encryption_key: &EncodedPoint) -> Transcript {
    let mut transcript = Transcript::protocol("key-possession");
    transcript.append_message(b"identity-key", &identity_key.0);
    transcript.append_point(b"encryption-key", encryption_key);
    transcript
}

/// Proves possession of the decryption secret d_i, bound to the identity key that signs the trustee's entries.
pub fn prove_possession(
    identity_key: &VerificationKey,
    secret: &SecretScalar,
    rng: &mut impl CryptoRng,
) -> KnowledgeProof {
    let encryption_key = EncodedPoint::from(&secret.public_point());
    KnowledgeProof::prove(statement(identity_key, &encryption_key), secret.expose_secret(), rng)
}

/// Verifies a trustee's proof of possession.
///
/// # Errors
/// [`PossessionError`]: the encryption key is the identity or no point, or the proof does not hold.
pub fn verify_possession(keys: &TrusteeKeys) -> Result<(), PossessionError> {
    let point = keys.encryption_key.decode_non_identity()?;
    keys.proof.verify(statement(&keys.identity_key, &keys.encryption_key), &point)?;
    Ok(())
}

/// What a trustee reads aloud, and others compare, before its keys go into a manifest: `hash("trustee-keys", identity
/// key, encryption key)`.
#[must_use]
pub fn enrolment_fingerprint(keys: &TrusteeKeys) -> Hash {
    Hasher::new("trustee-keys").hash(&Hash(keys.identity_key.0)).point(&keys.encryption_key).finish()
}

/// The first 100 bits of an [`enrolment_fingerprint`], to be read aloud: 20 characters in groups of four.
#[must_use]
pub fn enrolment_words(keys: &TrusteeKeys) -> String {
    grouped(&crockford(&enrolment_fingerprint(keys).0, 20))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;
    use crate::ceremony::tests::fixture::rng;
    use crate::signature::SigningSecret;

    fn keys(seed: u64) -> TrusteeKeys {
        let rng = &mut rng(seed);
        let (identity, secret) = (SigningSecret::generate(rng).verification_key(), SecretScalar::random(rng));
        TrusteeKeys {
            encryption_key: EncodedPoint::from(&secret.public_point()),
            identity_key: identity,
            name: "Ada".into(),
            proof: prove_possession(&identity, &secret, rng),
        }
    }

    #[test]
    fn a_trustee_proves_that_it_holds_its_encryption_key() {
        assert_eq!(verify_possession(&keys(1)), Ok(()));
    }

    #[test]
    fn an_encryption_key_copied_to_another_identity_is_refused() {
        let copied = TrusteeKeys { identity_key: keys(2).identity_key, ..keys(1) };
        assert_eq!(verify_possession(&copied), Err(PossessionError::Proof(ProofError)));
        let exchanged = TrusteeKeys { encryption_key: keys(2).encryption_key, ..keys(1) };
        assert_eq!(verify_possession(&exchanged), Err(PossessionError::Proof(ProofError)));
    }

    #[test]
    fn the_enrolment_fingerprint_is_of_both_keys() {
        let (one, two) = (keys(1), keys(2));
        assert_eq!(enrolment_words(&one).len(), 24);
        assert_eq!(
            enrolment_fingerprint(&one),
            enrolment_fingerprint(&TrusteeKeys { name: "Bo".into(), ..one.clone() })
        );
        for other in [
            TrusteeKeys { identity_key: two.identity_key, ..one.clone() },
            TrusteeKeys { encryption_key: two.encryption_key, ..one.clone() },
        ] {
            assert_ne!(enrolment_words(&other), enrolment_words(&one));
        }
    }

    #[test]
    fn the_identity_is_no_encryption_key() {
        let rng = &mut rng(3);
        let identity_key = keys(1).identity_key;
        let zero = SecretScalar::new(crate::group::Scalar::ZERO);
        let proof = prove_possession(&identity_key, &zero, rng);
        let keys = TrusteeKeys { encryption_key: EncodedPoint::IDENTITY, identity_key, name: String::new(), proof };
        assert_eq!(verify_possession(&keys), Err(PossessionError::Key(GroupError::Identity)));
    }
}
