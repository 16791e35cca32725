//! What a trustee reads aloud before its keys go into a manifest, and what others compare it with.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};
use veritally_crypto::ceremony::{enrolment_fingerprint, enrolment_words};
use veritally_crypto::manifest::TrusteeKeys;
use veritally_verifier::terminal::printable;

/// For a terminal: name, 20 characters to read aloud, and the whole fingerprint as a QR code.
#[must_use]
pub fn show(keys: &TrusteeKeys) -> String {
    let fingerprint = enrolment_fingerprint(keys).to_string();
    let (name, words) = (printable(&keys.name), enrolment_words(keys));
    let mut text = format!("name         {name}\nread aloud   {words}\n");
    text.push_str(&format!("fingerprint  {fingerprint}\n"));
    // A terminal is dark: the light squares are the ones that are drawn.
    if let Ok(code) = QrCode::with_error_correction_level(fingerprint.as_bytes(), EcLevel::L) {
        let image = code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
        text.push_str(&image);
        text.push('\n');
    }
    text
}
