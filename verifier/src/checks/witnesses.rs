//! Cosignatures of C2SP tlog-cosignature (`cosignature/v1`): witnesses vouch that a checkpoint extends those before.

use veritally_crypto::log::note::Note;
use veritally_crypto::manifest::NamedKey;
use veritally_crypto::signature::Signature;

use sha2::{Digest as _, Sha256};

/// The signature type of a timestamped Ed25519 cosignature.
const COSIGNATURE: u8 = 0x04;

/// The first 4 bytes of SHA-256(name ‖ "\n" ‖ 0x04 ‖ key).
fn key_id(witness: &NamedKey) -> [u8; 4] {
    let digest = Sha256::new()
        .chain_update(&witness.name)
        .chain_update([b'\n', COSIGNATURE])
        .chain_update(witness.key.0)
        .finalize();
    std::array::from_fn(|i| digest.get(i).copied().unwrap_or_default())
}

/// Whether this witness cosigned the note: `cosignature/v1\ntime <seconds>\n` before its text.
pub(crate) fn cosigned(note: &Note, witness: &NamedKey) -> bool {
    let id = key_id(witness);
    note.signatures().iter().filter(|line| line.name == witness.name && line.key_id == id).any(|line| {
        let Some((time, signature)) = line.signature.split_first_chunk::<8>() else { return false };
        let Ok(signature) = signature.try_into().map(Signature) else { return false };
        let message = format!("cosignature/v1\ntime {}\n{}", u64::from_be_bytes(*time), note.text());
        witness.key.verify_bytes(message.as_bytes(), &signature).is_ok()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use veritally_crypto::signature::SigningSecret;

    use super::*;

    #[test]
    fn a_cosignature_counts_for_its_own_witness_and_text_only() {
        let key = SigningSecret::from_seed(&[3; 32]);
        let witness = NamedKey { key: key.verification_key(), name: "w.example".into() };
        let line = |text: &str| {
            let signature = key.sign_bytes(format!("cosignature/v1\ntime 7\n{text}").as_bytes());
            let mut bytes = key_id(&witness).to_vec();
            bytes.extend_from_slice(&7u64.to_be_bytes());
            bytes.extend_from_slice(&signature.0);
            veritally_crypto::leaves::Base64Bytes(bytes)
        };
        let note = |text: &str, signed: &str| {
            let base64 = serde_json::to_value(line(signed)).unwrap().as_str().unwrap().to_owned();
            Note::parse(&format!("{text}\n\u{2014} w.example {base64}\n")).unwrap()
        };
        assert!(cosigned(&note("a\n1\nx\n", "a\n1\nx\n"), &witness));
        assert!(!cosigned(&note("a\n2\nx\n", "a\n1\nx\n"), &witness));
        let other = NamedKey { key: SigningSecret::from_seed(&[4; 32]).verification_key(), ..witness.clone() };
        assert!(!cosigned(&note("a\n1\nx\n", "a\n1\nx\n"), &other));
        // The log's own kind of signature is no cosignature.
        let plain = Note::sign("a\n1\nx\n", "w.example", &key).unwrap();
        assert!(!cosigned(&plain, &witness));
    }
}
