//! Where the passphrase of the key file comes from: never the command line, which other users of the machine can see.

use std::io::{self, Read as _};
use std::sync::{Mutex, PoisonError};

use zeroize::Zeroizing;

/// Shorter ones are refused when a key file is made.
pub const MIN_CHARACTERS: usize = 10;
/// Longest that is read from a descriptor.
const MAX_BYTES: usize = 1_024;
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
        source: io::Error,
    },
    /// Ctrl-C at the prompt.
    #[error("interrupted at the prompt; nothing was done")]
    Interrupted,
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
    // A buffer that grows leaves copies behind; read_to_string grows one that is exactly full.
    let mut text = Zeroizing::new(String::with_capacity(2 * MAX_BYTES));
    let file = std::fs::File::open(path).map_err(refuse)?;
    file.take(MAX_BYTES as u64).read_to_string(&mut text).map_err(refuse)?;
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
}

/// Held while the terminal does not echo.
static PROMPT: Mutex<()> = Mutex::new(());

/// Waits until no prompt is open: whoever ends the program before that leaves the terminal without echo.
pub fn wait_for_prompt() {
    drop(PROMPT.lock().unwrap_or_else(PoisonError::into_inner));
}

fn at_terminal(new: bool) -> Result<Zeroizing<String>, PassphraseError> {
    let open = PROMPT.lock().unwrap_or_else(PoisonError::into_inner);
    let typed = typed(new);
    if matches!(typed, Err(PassphraseError::Interrupted)) {
        // The program ends by this error, with the terminal as it was, and not by the signal.
        std::mem::forget(open);
    }
    typed
}

fn typed(new: bool) -> Result<Zeroizing<String>, PassphraseError> {
    let first = prompt("Passphrase of the key file: ")?;
    if new && first != prompt("The same again: ")? {
        return Err(PassphraseError::Differ);
    }
    Ok(first)
}

fn prompt(text: &str) -> Result<Zeroizing<String>, PassphraseError> {
    rpassword::prompt_password(text).map(Zeroizing::new).map_err(|source| match source.kind() {
        // rpassword raises the signal before it sets the terminal right: main.rs catches it.
        io::ErrorKind::Interrupted => PassphraseError::Interrupted,
        _ => PassphraseError::Read {
            from: format!("the terminal (without one, use --passphrase-fd or {VARIABLE})"),
            source,
        },
    })
}
