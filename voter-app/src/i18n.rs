//! Texts in the voter's language: gettext's, so that `.ui` files and code share one catalogue.

use std::path::PathBuf;

use gettextrs::{bind_textdomain_codeset, bindtextdomain, textdomain};

/// Name of the catalogue.
pub const DOMAIN: &str = "veritally";

/// Finds the catalogues. GTK takes the language from the environment (`LANGUAGE`, `LC_ALL`, `LC_MESSAGES`, `LANG`) when it
/// starts; without a catalogue for it, the texts are English.
pub fn start() {
    // Errors mean that the texts stay English.
    let _ = bindtextdomain(DOMAIN, catalogues());
    let _ = bind_textdomain_codeset(DOMAIN, "UTF-8");
    let _ = textdomain(DOMAIN);
}

/// Installed beside the program, else where the build left them.
fn catalogues() -> PathBuf {
    let installed = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.parent()?.join("share/locale")));
    installed
        .filter(|folder| folder.join("de/LC_MESSAGES/veritally.mo").exists())
        .unwrap_or_else(|| PathBuf::from(concat!(env!("OUT_DIR"), "/locale")))
}

/// A text in the voter's language.
pub fn tr(text: &str) -> String {
    gettextrs::gettext(text)
}

/// A text with `{name}` replaced by what stands for it.
pub fn tr_with(text: &str, values: &[(&str, &str)]) -> String {
    fill(tr(text), values)
}

/// A text about a number: `one`, or `other` with `{n}`; languages have their own rules for which.
pub fn tr_count(one: &str, other: &str, n: u64) -> String {
    let text = gettextrs::ngettext(one, other, u32::try_from(n).unwrap_or(u32::MAX));
    fill(text, &[("n", &n.to_string())])
}

/// Marks a text for the catalogues that is translated later.
pub fn mark(text: &'static str) -> &'static str {
    text
}

fn fill(mut text: String, values: &[(&str, &str)]) -> String {
    for (name, value) in values {
        text = text.replace(&format!("{{{name}}}"), value);
    }
    text
}

/// The language whose texts the election should show: the first of the environment's that it has, else its first.
pub fn election_language(offered: &[String]) -> String {
    let wanted = gtk::glib::language_names();
    let fits =
        |wanted: &str| offered.iter().find(|o| o.as_str() == wanted || wanted.split(['_', '.', '-']).next() == Some(o));
    wanted.iter().find_map(|w| fits(w)).or(offered.first()).cloned().unwrap_or_default()
}
