//! Where the credential code comes from. Never from an argument: those are seen by every process of the machine.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use veritally_board_api::files;
use veritally_crypto::credential::CredentialCode;
use zeroize::Zeroizing;

/// The variable that is read when no option is given.
const VARIABLE: &str = "VERITALLY_CODE";

/// Where the credential code is.
#[derive(clap::Args)]
pub(crate) struct CodeArguments {
    /// A file with the credential code, readable by its owner only.
    #[arg(long, value_name = "FILE", conflicts_with = "code_fd")]
    code_file: Option<PathBuf>,
    /// An open file descriptor with the credential code.
    #[arg(long, value_name = "N")]
    code_fd: Option<u32>,
}

impl CodeArguments {
    /// Reads the code.
    pub(crate) fn read(&self) -> anyhow::Result<CredentialCode> {
        let text = match (&self.code_file, self.code_fd) {
            (Some(path), _) => file(path)?,
            (None, Some(descriptor)) => file(Path::new(&format!("/dev/fd/{descriptor}")))?,
            (None, None) => match std::env::var(VARIABLE) {
                Ok(text) => Zeroizing::new(text),
                Err(_) => Zeroizing::new(rpassword::prompt_password("Credential code: ").context(
                    "no credential code: give --code-file, --code-fd or the variable VERITALLY_CODE, or run this in a \
                     terminal",
                )?),
            },
        };
        Ok(CredentialCode::parse(&text)?)
    }
}

fn file(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let bytes = files::read_secret(path)?;
    let text = std::str::from_utf8(&bytes).with_context(|| format!("{} is not text", path.display()))?;
    Ok(Zeroizing::new(text.to_owned()))
}
