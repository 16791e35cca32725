//! Where the passphrase of the key file comes from: never the command line, which other users of the machine can see.

use std::io::Read as _;

use zeroize::Zeroizing;

/// Shorter ones are refused when a key file is made.
pub const MIN_CHARACTERS: usize = 10;
/// Longest that is read from a descriptor.
const MAX_BYTES: u64 = 1_024;
/// The environment variable.
pub const VARIABLE: &str = "VERITALLY_PASSPHRASE";

/// Why there is no passphrase.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PassphraseError {
    /// The descriptor or terminal can't be read.
    #[error("can't read the passphrase from {from}: {source}")]
    Read {
        /// Where from.
        from: String,
        /// Why not.
        source: std::io::Error,
    },
    /// Nothing was given.
    #[error("the passphrase is empty")]
    Empty,
    /// Too easy to guess.
    #[error("the passphrase is too short: use at least {MIN_CHARACTERS} characters, better five random words")]
    Short,
    /// Typed differently the second time.
    #[error("the two passphrases differ; nothing was written")]
    Differ,
}

/// Reads the passphrase: from descriptor `fd` if given, else from `VERITALLY_PASSPHRASE`, else at the terminal.
/// With `new` it is asked for twice at the terminal and must be long enough.
///
/// # Errors
/// [`PassphraseError`].
pub fn read(fd: Option<i32>, new: bool) -> Result<Zeroizing<String>, PassphraseError> {
    let passphrase = if let Some(fd) = fd {
        from_descriptor(fd)?
    } else if let Ok(value) = std::env::var(VARIABLE) {
        Zeroizing::new(value)
    } else {
        at_terminal(new)?
    };
    if passphrase.is_empty() {
        return Err(PassphraseError::Empty);
    }
    if new && passphrase.chars().count() < MIN_CHARACTERS {
        return Err(PassphraseError::Short);
    }
    Ok(passphrase)
}

/// The first line that a descriptor gives; /dev/fd opens it without taking ownership of a foreign descriptor.
fn from_descriptor(fd: i32) -> Result<Zeroizing<String>, PassphraseError> {
    let path = format!("/dev/fd/{fd}");
    let refuse = |source| PassphraseError::Read { from: format!("descriptor {fd}"), source };
    let mut text = Zeroizing::new(String::new());
    let file = std::fs::File::open(path).map_err(refuse)?;
    file.take(MAX_BYTES).read_to_string(&mut text).map_err(refuse)?;
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
}

fn at_terminal(new: bool) -> Result<Zeroizing<String>, PassphraseError> {
    let refuse = |source| PassphraseError::Read {
        from: format!("the terminal (without one, use --passphrase-fd or {VARIABLE})"),
        source,
    };
    let first = Zeroizing::new(rpassword::prompt_password("Passphrase of the key file: ").map_err(refuse)?);
    if new {
        let again = Zeroizing::new(rpassword::prompt_password("The same again: ").map_err(refuse)?);
        if first != again {
            return Err(PassphraseError::Differ);
        }
    }
    Ok(first)
}
