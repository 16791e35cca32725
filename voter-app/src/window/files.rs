//! Files that the voter asks for: code, test ballot, receipt, evidence. Read and written off the main loop.

use std::path::PathBuf;

use adw::prelude::*;
use gtk::{gdk, gio, glib};
use veritally_session::flow::{self, Event, code_qr};
use zeroize::Zeroizing;

use super::Window;
use super::show::told;
use crate::i18n::tr;
use crate::pages::Field;
use crate::pdf::{self, Paper};
use crate::scan::{self, Content, Unread};

impl Window {
    /// Asks for a file, and does something with its path.
    fn choose(&self, title: &str, name: Option<&str>, done: impl Fn(&Self, PathBuf) + 'static) {
        let action = if name.is_some() { gtk::FileChooserAction::Save } else { gtk::FileChooserAction::Open };
        let dialog = gtk::FileChooserNative::new(Some(title), Some(&self.shell.window), action, None, None);
        if let Some(name) = name {
            dialog.set_current_name(name);
        }
        dialog.set_modal(true);
        let weak = self.this.clone();
        // The closure keeps the dialog alive until it is answered.
        let alive = std::cell::RefCell::new(Some(dialog.clone()));
        dialog.connect_response(move |dialog, response| {
            let path = dialog.file().and_then(|file| file.path());
            if let (gtk::ResponseType::Accept, Some(path), Some(window)) = (response, path, weak.upgrade()) {
                done(&window, path);
            }
            alive.take();
        });
        dialog.show();
    }

    /// Asks for a file, and puts into a field what it says.
    pub(super) fn read_file(&self, field: Field) {
        let title = match field {
            Field::Link | Field::TestLink => tr("Picture or file with the link"),
            Field::Code => tr("Picture or file with the voting code"),
            Field::TestBallot => tr("Picture or file with the test ballot"),
            Field::TestCode => tr("Picture or file with the confirmation code"),
        };
        self.choose(&title, None, move |window, path| {
            let weak = window.this.clone();
            glib::spawn_future_local(async move {
                let from = path.clone();
                let read = gio::spawn_blocking(move || scan::file(&from)).await;
                let Some(window) = weak.upgrade() else { return };
                match (read.unwrap_or(Err(Unread::File)), field) {
                    // Looks at the file's permissions too.
                    (Ok(Content::Text(_)), Field::Code) => {
                        let remember = window.shell.pages.code.shall_remember();
                        window.handle(Event::EnterCodeFile { path, remember });
                    }
                    (Ok(Content::Picture(text) | Content::Text(text)), _) => window.take_read(field, Ok(text)),
                    (Err(unread), _) => window.take_read(field, Err(unread)),
                }
            });
        });
    }

    /// Puts the clipboard's picture of a QR code, or its text, into a field.
    pub(super) fn paste(&self, field: Field) {
        let clipboard = self.shell.window.clipboard();
        let weak = self.this.clone();
        glib::spawn_future_local(async move {
            let mut read = pasted_picture(&clipboard).await;
            if read.is_err()
                && let Ok(Some(text)) = clipboard.read_text_future().await
            {
                read = Ok(Zeroizing::new(text.to_string()));
            }
            if let Some(window) = weak.upgrade() {
                window.take_read(field, read);
            }
        });
    }

    fn take_read(&self, field: Field, read: Result<Zeroizing<String>, Unread>) {
        let pages = &self.shell.pages;
        match read {
            Ok(text) => match field {
                Field::Link => pages.elections.fill(text.trim()),
                Field::Code => pages.code.fill(text.trim()),
                Field::TestLink | Field::TestBallot | Field::TestCode => pages.second.fill(field, text.trim()),
            },
            Err(Unread::File) => self.shell.toast(&tr("There is neither text nor a picture that can be read.")),
            Err(Unread::NoCode) => self.shell.toast(&tr(
                "No QR code was found in the picture. Take it again: straight, sharp, with some white around the code.",
            )),
        }
    }

    /// Does blocking work elsewhere, and says in passing how it went.
    fn write(&self, said: String, work: impl FnOnce() -> std::io::Result<()> + Send + 'static) {
        let weak = self.this.clone();
        glib::spawn_future_local(async move {
            let written = gio::spawn_blocking(work).await;
            let Some(window) = weak.upgrade() else { return };
            match written {
                Ok(Ok(())) => window.shell.toast(&said),
                Ok(Err(error)) => window.shell.toast(&format!("{} {error}", tr("It could not be written."))),
                Err(_) => window.shell.toast(&tr("It could not be written.")),
            }
        });
    }

    /// Copies a stored file to where the voter wants it.
    fn copy(&self, title: &str, name: &str, from: Option<PathBuf>, said: &'static str) {
        let Some(from) = from else {
            self.shell.toast(&tr("In the practice election nothing is stored."));
            return;
        };
        self.choose(title, Some(name), move |window, to| {
            let from = from.clone();
            window.write(tr(said), move || std::fs::copy(from, to).map(|_| ()));
        });
    }

    pub(super) fn save_test(&self) {
        let file = self.test_file.borrow().clone();
        self.copy(
            &tr("Save the test ballot"),
            "test-ballot.json",
            file,
            crate::i18n::mark("The test ballot is saved."),
        );
    }

    pub(super) fn save_receipt(&self) {
        let file = match self.flow.borrow().page() {
            flow::Page::Receipt { receipt, .. } => receipt.file.clone(),
            _ => return,
        };
        self.copy(&tr("Save the receipt"), "receipt.tlog-proof", file, crate::i18n::mark("The receipt is saved."));
    }

    pub(super) fn print_receipt(&self) {
        let Some(paper) = self.paper() else { return };
        self.choose(&tr("Print the receipt"), Some("receipt.pdf"), move |window, path| {
            let paper = paper.clone();
            window.write(tr("The receipt is printed to the file."), move || {
                let bytes = pdf::render(&paper).map_err(std::io::Error::other)?;
                std::fs::write(path, bytes)
            });
        });
    }

    fn paper(&self) -> Option<Paper> {
        let flow = self.flow.borrow();
        let flow::Page::Receipt { election, receipt, .. } = flow.page() else { return None };
        Some(Paper {
            election: told(election, &election.name).to_owned(),
            code: receipt.code.to_string(),
            payload: code_qr(&receipt.code),
            lines: vec![
                (tr("Public number of your letter"), receipt.public_id.clone()),
                (tr("Place in the public record"), receipt.index.to_string()),
                (tr("Whole confirmation code"), receipt.code.0.to_string()),
                (tr("Fingerprint of the election"), receipt.fingerprint.to_string()),
                (tr("Signed state of the record"), format!("{} / {}", receipt.head.tree_size, receipt.head.root)),
            ],
        })
    }

    pub(super) fn show_evidence(&self) {
        let Some(folder) = self.evidence.borrow().clone() else { return };
        let uri = gio::File::for_path(&folder).uri();
        gtk::show_uri(Some(&self.shell.window), &uri, 0);
        self.shell.toast(&folder.display().to_string());
    }
}

async fn pasted_picture(clipboard: &gdk::Clipboard) -> Result<Zeroizing<String>, Unread> {
    let offered = clipboard.formats().union_deserialize_types();
    if !offered.contains_type(gdk::Texture::static_type()) {
        return Err(Unread::File);
    }
    let picture = clipboard.read_texture_future().await.ok().flatten().ok_or(Unread::File)?;
    gio::spawn_blocking(move || scan::picture(&picture)).await.unwrap_or(Err(Unread::NoCode))
}
