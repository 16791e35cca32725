//! Passwords: argon2id with OWASP's first parameters (19 MiB, two passes, one lane).

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use subtle::ConstantTimeEq as _;

/// Shortest password, in characters.
pub(super) const MIN_CHARACTERS: usize = 12;
/// Longest, in bytes: longer ones only cost time.
pub(super) const MAX_BYTES: usize = 1_024;

const HASH_BYTES: usize = 32;

fn hash(password: &str, salt: &[u8]) -> Option<[u8; HASH_BYTES]> {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT);
    let mut out = [0; HASH_BYTES];
    argon2.hash_password_into(password.as_bytes(), salt, &mut out).ok()?;
    Some(out)
}

/// `salt$hash`, both in base64. Blocks for some ten milliseconds.
pub(super) fn protect(password: &str, salt: [u8; 16]) -> Option<String> {
    Some(format!("{}${}", STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash(password, &salt)?)))
}

/// Whether it is the password. Takes as long when there is nothing to compare it with.
pub(super) fn check(password: &str, protected: Option<&str>) -> bool {
    let parts = protected.and_then(|text| text.split_once('$'));
    let decoded = parts.and_then(|(s, h)| Some((STANDARD_NO_PAD.decode(s).ok()?, STANDARD_NO_PAD.decode(h).ok()?)));
    let (salt, expected) = decoded.unwrap_or_else(|| (vec![0; 16], vec![]));
    hash(password, &salt).is_some_and(|found| bool::from(found.as_slice().ct_eq(&expected)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn a_password_is_known_again_and_no_other_is() {
        let protected = protect("correct horse battery", [7; 16]).unwrap();
        assert!(check("correct horse battery", Some(&protected)));
        for (password, protected) in [("correct horse batterY", Some(protected.as_str())), ("", None), ("", Some("$"))]
        {
            assert!(!check(password, protected));
        }
    }
}
