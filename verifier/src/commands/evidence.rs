//! `evidence FOLDER`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use veritally_verifier::evidence::{Evidence, Weight};

use super::status;

/// `evidence`.
#[derive(Args)]
pub(crate) struct Show {
    /// A folder that a verifier, a witness, a trustee or a voter's program wrote.
    folder: PathBuf,
}

pub(crate) fn run(arguments: &Show) -> anyhow::Result<ExitCode> {
    let evidence = Evidence::read(&arguments.folder)?;
    let checked = evidence.check();
    print!("{evidence}\n\n");
    match &checked {
        Ok(Weight::Proof) => println!("HOLDS: the board's own signatures show it; nobody needs to be believed."),
        Ok(Weight::Testimony) => {
            println!("FITS TOGETHER: the signatures are the board's; the rest is the word of who noticed it.");
        }
        Err(error) => println!("DOES NOT HOLD: {error}."),
    }
    if evidence.manifest.is_none() {
        println!("The election's description is not in the folder: ask somebody else whether the key is the board's.");
    }
    Ok(status(checked.is_ok()))
}
