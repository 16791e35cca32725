//! The board's pages, the registrar's mails and letters, and the desktop app call the same things by the same words, in
//! each language. The app's words are the measure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// After English, in the order of the board's files.
const LANGUAGES: [&str; 3] = ["de", "fr", "es"];
/// One English word, two things: a check that was made and "check this!"; what is left to do and what to do now.
const DIFFERENT: [&str; 2] = ["public check", "admin to_do"];

/// Texts of the board that are the app's to the letter, whatever values stand in them.
const SAME: &[(&str, &str)] = &[
    ("public blank", "Blank vote"),
    ("public blank_choice", "Blank vote: none of these"),
    ("public confirmation_code", "Confirmation code"),
    ("public rule_approval", "Check all that you approve of."),
    ("public rule_borda", "Put your favourite first, then the next. You can rank up to {n}."),
    ("public rule_borda_one", "Put your favourite first. You can rank {n}."),
    ("public rule_choice", "Choose {min} to {max}."),
    ("public rule_choice_exactly", "Choose exactly {n}."),
    ("public rule_choice_most", "Choose at most {n}."),
    ("public rule_choice_one", "Choose one."),
    (
        "public rule_condorcet",
        "Put your favourite first. Several may share a place. Those that you leave out share the last place.",
    ),
    (
        "public rule_quadratic",
        "You have {credits} credits. 1 vote costs 1 credit, 2 votes cost 4, 3 votes cost 9, and so on.",
    ),
    ("public rule_score", "Give each a score from 0 (worst) to {max} (best)."),
    ("public rule_score_limit", "Give each a score from 0 to {max}. All scores together may be at most {limit}."),
    ("public turnout", "Turnout"),
    ("public winners", "Elected: {names}"),
    ("registrar fingerprint", "Fingerprint of the election"),
    ("registrar subject", "Your voting code"),
];

/// What voters meet in several places: whenever an English text says the word, its translations say one of these, in the
/// app too, so that this table can't drift away from it.
const TERMS: &[(&str, [&[&str]; 3])] = &[
    ("ballot", [&["stimmzettel", "zettel"], &["bulletin"], &["papeleta"]]),
    ("blank", [&["enthalt"], &["blanc"], &["blanco"]]),
    ("confirmation code", [&["prüfcode"], &["code de confirmation"], &["código de confirmación"]]),
    ("credit", [&["guthabenpunkt"], &["crédit"], &["crédito"]]),
    ("e-mail", [&["e-mail"], &["courriel"], &["correo"]]),
    ("election", [&["wahl"], &["élection", "électoral"], &["votaci", "electoral"]]),
    ("fingerprint", [&["fingerabdr"], &["empreinte"], &["huella"]]),
    ("letter", [&["brief"], &["lettre"], &["carta", "letra"]]),
    (
        "public number",
        [
            &["öffentliche nummer", "öffentlichen nummer"],
            &["numéro public", "numéros publics"],
            &["número público", "números públicos"],
        ],
    ),
    ("receipt", [&["beleg"], &["reçu"], &["resguardo"]]),
    ("result", [&["ergebnis"], &["résultat"], &["resultado"]]),
    ("test ballot", [&["probestimmzettel"], &["bulletin de test", "bulletins de test"], &["papeleta de prueba"]]),
    ("tie", [&["gleichstand"], &["égalité", "ex æquo"], &["empate"]]),
    ("trustee", [&["treuhänd"], &["dépositaire"], &["custodio"]]),
    ("turnout", [&["beteiligung"], &["participation"], &["participación"]]),
    ("voting code", [&["stimmcode"], &["code de vote"], &["código de voto"]]),
];

/// A text's name, English, and the translations.
type Said = (String, String, [String; 3]);

/// Upper case, colons and full stops are a matter of place, values of the moment.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in text.trim_matches([' ', '.', ':', '…', '\u{a0}']).to_lowercase().replace('\'', "’").chars() {
        match c {
            '{' => inside = true,
            '}' => {
                inside = false;
                out.push_str("{}");
            }
            c if !inside => out.push(c),
            _ => {}
        }
    }
    out
}

/// Whether a text has a word in it, also in the plural, and not as a part of a longer one or of a file's name.
fn says(text: &str, word: &str) -> bool {
    let text = text.to_lowercase().replace("letters and digits", "").replace("letters, digits", "");
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].trim_start_matches('s');
        let (next, then) = (after.chars().next(), after.chars().nth(1));
        let part = |c: char| c.is_alphanumeric() || c == '-';
        let file = next == Some('.') && then.is_some_and(part);
        !before.is_some_and(part) && !next.is_some_and(part) && !file
    })
}

/// The string that the quoted lines of an entry make.
fn unquoted<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    lines
        .map(|line| line.trim().trim_start_matches('"').trim_end_matches('"'))
        .collect::<String>()
        .replace("\\\"", "\"")
}

/// English to translation, from a file of gettext; of what depends on a number, one and many.
fn gettext(path: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(path).unwrap();
    let mut all = BTreeMap::new();
    for entry in text.split("\n\n") {
        let entry = format!("\n{entry}");
        let field = |name: &str| {
            let (_, rest) = entry.split_once(&format!("\n{name} \""))?;
            Some(unquoted(format!("\"{rest}").lines().take_while(|line| line.starts_with('"'))))
        };
        if let (Some(id), Some(translation)) = (field("msgid"), field("msgstr").or_else(|| field("msgstr[0]"))) {
            all.insert(id, translation);
        }
        if let (Some(id), Some(translation)) = (field("msgid_plural"), field("msgstr[1]")) {
            all.entry(id).or_insert(translation);
        }
    }
    all
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// What the app says; named by itself.
fn app() -> Vec<Said> {
    let all = LANGUAGES.map(|language| gettext(&root().join(format!("voter-app/po/{language}.po"))));
    let english = all[0].keys().filter(|id| !id.is_empty() && all.iter().all(|one| one.contains_key(*id)));
    english.map(|id| (id.clone(), id.clone(), [0, 1, 2].map(|i: usize| all[i][id].clone()))).collect()
}

/// What the board's pages and its own mails say.
fn board() -> Vec<Said> {
    let mut all = vec![];
    for file in ["public", "admin"] {
        let text = fs::read_to_string(root().join(format!("bulletin-board/src/web/words/{file}.toml"))).unwrap();
        let words: BTreeMap<String, [String; 4]> = toml::from_str(&text).unwrap();
        all.extend(words.into_iter().map(|(name, [en, de, fr, es])| (format!("{file} {name}"), en, [de, fr, es])));
    }
    all
}

/// What the registrar's mails and letters say: the strings of the four blocks of `WORDS`, in order.
fn registrar() -> Vec<Said> {
    const NAMES: [&str; 14] = [
        "language",
        "subject",
        "greeting",
        "intro",
        "code",
        "public_number",
        "link",
        "fingerprint",
        "ends",
        "help",
        "keep",
        "reminder_subject",
        "reminder_intro",
        "reminder_lost",
    ];
    let source = fs::read_to_string(root().join("bulletin-board/registrar/src/credentials.rs")).unwrap();
    let words = source.split("pub const WORDS").nth(1).unwrap().split("\n];").next().unwrap();
    let blocks: Vec<Vec<String>> = words
        .split("\n    Words {")
        .skip(1)
        .map(|block| block.split('"').skip(1).step_by(2).map(continued).collect())
        .collect();
    assert_eq!(
        blocks.iter().map(|block| (block.len(), block[0].as_str())).collect::<Vec<_>>(),
        ["en", "de", "fr", "es"].map(|l| (14, l))
    );
    let of = |i: usize| {
        (format!("registrar {}", NAMES[i]), blocks[0][i].clone(), [1, 2, 3].map(|l: usize| blocks[l][i].clone()))
    };
    (1..NAMES.len()).map(of).collect()
}

/// A literal of several lines.
fn continued(literal: &str) -> String {
    let mut lines = literal.split("\\\n");
    let first = lines.next().unwrap_or_default().to_owned();
    lines.fold(first, |all, line| all + line.trim_start())
}

#[test]
fn what_is_the_same_in_english_is_the_same_in_every_language() {
    let app: BTreeMap<String, [String; 3]> = app().into_iter().map(|(_, en, rest)| (plain(&en), rest)).collect();
    let mut compared = 0;
    for (name, english, translations) in board().into_iter().chain(registrar()) {
        let Some(expected) = app.get(&plain(&english)) else { continue };
        compared += 1;
        for ((language, app), ours) in LANGUAGES.iter().zip(expected).zip(translations) {
            let same = plain(app) == plain(&ours) || DIFFERENT.contains(&name.as_str());
            assert!(same, "{name}, {language}: {ours:?}, the app says {app:?}");
        }
    }
    assert!(compared >= 20, "only {compared} texts are shared: the files were not read as they should be");
}

#[test]
fn texts_that_voters_see_here_and_there_are_the_same_to_the_letter() {
    let app: BTreeMap<String, [String; 3]> = app().into_iter().map(|(name, _, rest)| (name, rest)).collect();
    let ours: BTreeMap<String, (String, [String; 3])> =
        board().into_iter().chain(registrar()).map(|(name, en, rest)| (name, (en, rest))).collect();
    for (name, message) in SAME {
        let (english, translations) = ours.get(*name).unwrap_or_else(|| panic!("{name} is gone"));
        let expected = app.get(*message).unwrap_or_else(|| panic!("the app says {message:?} no more"));
        assert_eq!(plain(english), plain(message), "{name}");
        for ((language, app), ours) in LANGUAGES.iter().zip(expected).zip(translations) {
            assert_eq!(plain(app), plain(ours), "{name}, {language}");
        }
    }
}

#[test]
fn one_thing_has_one_word_in_app_board_mails_and_letters() {
    let sources = [("app", app()), ("board", board()), ("registrar", registrar())];
    let (mut wrong, mut used) = (vec![], BTreeMap::<&str, Vec<&str>>::new());
    for (source, texts) in &sources {
        for (name, english, translations) in texts {
            for (term, words) in TERMS.iter().filter(|(term, _)| says(english, term)) {
                used.entry(term).or_default().push(source);
                for ((language, words), text) in LANGUAGES.iter().zip(words).zip(translations) {
                    let text = text.to_lowercase();
                    if !words.iter().any(|word| text.contains(word)) {
                        wrong.push(format!("{source}, {name}: {term:?} is none of {words:?} in {language}: {text}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (term, _) in TERMS {
        let used = used.get(term).map(Vec::as_slice).unwrap_or_default();
        assert!(used.contains(&"app") && used.iter().any(|source| *source != "app"), "{term:?}: only {used:?} say it");
    }
}
