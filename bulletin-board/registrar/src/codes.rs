//! The file of codes: what the letters are printed from. The one secret that the registrar makes.
//!
//! CSV with the columns `id,name,email,code,public_id,style,group,weight,fingerprint`, one line a voter in the list's
//! order. The public id is what a look-up on the board shows beside a confirmation code; the fingerprint says which
//! election the code is for and belongs on the letter.

use zeroize::Zeroizing;

use crate::issue::Issued;

/// The header of the file.
pub const COLUMNS: [&str; 9] = ["id", "name", "email", "code", "public_id", "style", "group", "weight", "fingerprint"];

/// Writes the file's bytes.
///
/// # Errors
/// None in practice: the writer's target is memory.
///
/// # Security
/// The bytes are erased on drop, except for copies that the growing buffer left behind: run this where memory is not
/// shared, with core dumps off.
pub fn to_csv(issued: &Issued) -> Result<Zeroizing<Vec<u8>>, csv::Error> {
    // About 170 bytes a voter; a buffer that grows would leave copies.
    let buffer = Vec::with_capacity((issued.voters.len() + 1).saturating_mul(256));
    let mut writer = csv::Writer::from_writer(buffer);
    writer.write_record(COLUMNS)?;
    let fingerprint = issued.fingerprint.to_string();
    for one in &issued.voters {
        let voter = &one.voter;
        writer.write_record([
            voter.id.as_str(),
            &voter.name,
            &voter.email,
            &one.code.expose_text(),
            &one.credential.public_id(),
            voter.style.as_str(),
            voter.group.as_str(),
            &voter.weight.to_string(),
            &fingerprint,
        ])?;
    }
    writer.into_inner().map(Zeroizing::new).map_err(|e| csv::Error::from(e.into_error()))
}
