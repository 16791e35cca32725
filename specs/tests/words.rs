//! The board's pages and the desktop app say the same thing in the same words, in each language.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// After English, in the order of the board's files.
const LANGUAGES: [&str; 3] = ["de", "fr", "es"];
/// One English word, two things: a check that was made and "check this!"; what is left to do and what to do now.
const DIFFERENT: [&str; 2] = ["check", "to_do"];

/// Upper case, colons and full stops are a matter of place.
fn plain(text: &str) -> String {
    text.trim_matches([' ', '.', ':', '…']).to_lowercase().replace('\'', "’")
}

/// The string that the quoted lines of an entry make.
fn unquoted<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    lines
        .map(|line| line.trim().trim_start_matches('"').trim_end_matches('"'))
        .collect::<String>()
        .replace("\\\"", "\"")
}

/// English to translation, from a file of gettext.
fn gettext(path: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(path).unwrap();
    let entry = |entry: &str| {
        let (_, rest) = entry.split_once("msgid ")?;
        let (id, translation) = rest.split_once("\nmsgstr ")?;
        let translation = unquoted(translation.lines().take_while(|line| line.starts_with('"')));
        Some((plain(&unquoted(id.lines())), plain(&translation)))
    };
    text.split("\n\n").filter_map(entry).collect()
}

#[test]
fn board_and_app_use_the_same_words() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let app = LANGUAGES.map(|language| gettext(&root.join(format!("voter-app/po/{language}.po"))));
    let mut compared = 0;
    for file in ["public.toml", "admin.toml"] {
        let text = fs::read_to_string(root.join("bulletin-board/src/web/words").join(file)).unwrap();
        let words: BTreeMap<String, [String; 4]> = toml::from_str(&text).unwrap();
        for (name, [english, translations @ ..]) in words {
            for ((language, app), board) in LANGUAGES.iter().zip(&app).zip(translations) {
                let Some(app) = app.get(&plain(&english)) else { continue };
                compared += 1;
                let same = *app == plain(&board) || DIFFERENT.contains(&name.as_str());
                assert!(same, "{file}, {name}, {language}: the board says {board:?}, the app {app:?}");
            }
        }
    }
    assert!(compared >= 30, "only {compared} texts are shared: the files were not read as they should be");
}
