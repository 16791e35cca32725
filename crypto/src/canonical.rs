//! Canonical JSON: RFC 8785 in the restricted profile of specs/encoding.md.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Entries are at most this long: a C2SP entry bundle frames each with 16 bits.
pub const MAX_LEAF_BYTES: usize = 65_535;

/// Integers stay below 2^53, where every JSON reader agrees on them.
pub const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Why bytes are no canonical entry.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CanonicalError {
    /// Longer than [`MAX_LEAF_BYTES`].
    #[error("{0} bytes are more than the {MAX_LEAF_BYTES} that one entry may have")]
    TooLong(usize),
    /// Not JSON of this type: a missing, unknown, repeated or ill-formed member.
    #[error("not an entry of this type: {0}")]
    Malformed(String),
    /// The same meaning in other bytes: spaces, order, escapes, leading zeros.
    #[error("not in canonical form (RFC 8785): members sorted, no white space, shortest escapes")]
    NotCanonical,
    /// The value has something that the profile leaves out (a float, a null, an integer from 2^53 on).
    #[error("the profile of specs/encoding.md has no {0}")]
    OutsideProfile(&'static str),
}

/// Writes a value canonically.
///
/// # Errors
/// [`CanonicalError::OutsideProfile`] for floats, nulls, negative and large integers.
pub fn to_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    let value = serde_json::to_value(value).map_err(|e| CanonicalError::Malformed(e.to_string()))?;
    let mut out = Vec::new();
    write(&value, &mut out)?;
    Ok(out)
}

/// Reads a value, accepting only its canonical bytes.
///
/// # Errors
/// [`CanonicalError`]; never panics, whatever the bytes.
pub fn from_bytes<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> Result<T, CanonicalError> {
    let value: T = parse(bytes)?;
    if to_bytes(&value)? == bytes { Ok(value) } else { Err(CanonicalError::NotCanonical) }
}

/// As [`from_bytes`], faster, for a type whose members are declared in sorted order (a test keeps that).
///
/// # Errors
/// [`CanonicalError`].
pub(crate) fn from_bytes_sorted<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> Result<T, CanonicalError> {
    let value: T = parse(bytes)?;
    let again = serde_json::to_vec(&value).map_err(|e| CanonicalError::Malformed(e.to_string()))?;
    if again == bytes { Ok(value) } else { Err(CanonicalError::NotCanonical) }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CanonicalError> {
    serde_json::from_slice(bytes).map_err(|e| CanonicalError::Malformed(e.to_string()))
}

fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    match value {
        Value::Null => return Err(CanonicalError::OutsideProfile("null")),
        Value::Bool(b) => out.extend_from_slice(if *b { b"true" } else { b"false" }),
        Value::Number(n) => match n.as_u64() {
            Some(n) if n <= MAX_INTEGER => out.extend_from_slice(n.to_string().as_bytes()),
            _ => return Err(CanonicalError::OutsideProfile("number other than an integer from 0 to 2^53 - 1")),
        },
        Value::String(text) => write_string(text, out)?,
        Value::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(members) => {
            // serde_json's map may keep insertion order when another crate asks for it: sort here.
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| name.as_bytes());
            out.push(b'{');
            for (i, (name, member)) in members.into_iter().enumerate() {
                if !name.is_ascii() {
                    return Err(CanonicalError::OutsideProfile("member name beyond ASCII"));
                }
                if i > 0 {
                    out.push(b',');
                }
                write_string(name, out)?;
                out.push(b':');
                write(member, out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

/// serde_json's escapes are those of RFC 8785 section 3.2.2.2: two-character ones where they exist, else \u00xx.
fn write_string(text: &str, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    serde_json::to_writer(out, text).map_err(|e| CanonicalError::Malformed(e.to_string()))
}
