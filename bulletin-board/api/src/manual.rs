//! Man pages and shell completions, made from what `--help` says: every program's hidden command `manual`, for who packages
//! or installs it. `scripts/test package` reads what is written.

use std::io;
use std::path::{Path, PathBuf};

use clap::Command;
use clap_complete::Shell;

use crate::files::FileError;

/// Arguments of the command `manual`.
#[derive(Debug, Clone, clap::Args)]
pub struct Manual {
    /// The folder below which man pages and completions go: /usr/local/share, ~/.local/share, or where a package is made
    share: PathBuf,
}

impl Manual {
    /// Writes a man page for the program and each of its commands, and completions for bash, zsh and fish.
    ///
    /// # Errors
    /// [`FileError::Io`].
    pub fn write(&self, command: Command) -> Result<(), FileError> {
        let name = command.get_name().to_owned();
        for (shell, folder) in [
            (Shell::Bash, "bash-completion/completions"),
            (Shell::Zsh, "zsh/site-functions"),
            (Shell::Fish, "fish/vendor_completions.d"),
        ] {
            let completions = |folder: &Path| {
                let written = clap_complete::generate_to(shell, &mut command.clone(), &name, folder)?;
                // bash-completion looks for the command's name, without an ending.
                if shell == Shell::Bash { std::fs::rename(written, folder.join(&name)) } else { Ok(()) }
            };
            self.below(folder, completions)?;
        }
        self.below("man/man1", |folder| clap_mangen::generate_to(command, folder))
    }

    fn below(&self, folder: &str, write: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), FileError> {
        let path = self.share.join(folder);
        let written = std::fs::create_dir_all(&path).and_then(|()| write(&path));
        written.map_err(|source| FileError::Io { action: "write to", path, source })
    }
}
