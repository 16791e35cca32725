//! Crockford base32 for what people read and type: codes, confirmation codes, public ids.

/// Digits without I, L, O, U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The first `count` base32 digits (5 bits each, most significant bit first) of `bytes`.
#[must_use]
pub fn crockford(bytes: &[u8], count: usize) -> String {
    (0..count)
        .map(|digit| {
            let value = (0..5).fold(0usize, |value, i| {
                let bit = digit * 5 + i;
                let byte = bytes.get(bit / 8).copied().unwrap_or(0);
                (value << 1) | usize::from((byte >> (7 - bit % 8)) & 1)
            });
            char::from(ALPHABET.get(value).copied().unwrap_or(b'0'))
        })
        .collect()
}

/// Groups of four separated by hyphens.
#[must_use]
pub fn grouped(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() + digits.len() / 4);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && i % 4 == 0 {
            out.push('-');
        }
        out.push(c);
    }
    out
}

/// Reads digits as a person types them: either case, hyphens and spaces ignored, O for 0, I and L for 1.
/// Returns one value 0…31 per digit, or the first character that is none.
///
/// # Errors
/// The culprit character.
pub fn digits(text: &str) -> Result<Vec<u8>, char> {
    text.chars()
        .filter(|c| !matches!(c, '-' | ' ' | '\t' | '\r' | '\n'))
        .map(|c| {
            let upper = match c.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            };
            ALPHABET.iter().position(|&a| char::from(a) == upper).and_then(|p| u8::try_from(p).ok()).ok_or(c)
        })
        .collect()
}

/// Packs base32 digits, most significant bit first; the last byte is padded with zero bits.
#[must_use]
pub fn pack(digits: &[u8]) -> Vec<u8> {
    let mut out = vec![0u8; (digits.len() * 5).div_ceil(8)];
    for (i, digit) in digits.iter().enumerate() {
        for j in 0..5 {
            if digit >> (4 - j) & 1 == 1 {
                let bit = i * 5 + j;
                if let Some(byte) = out.get_mut(bit / 8) {
                    *byte |= 0x80 >> (bit % 8);
                }
            }
        }
    }
    out
}
