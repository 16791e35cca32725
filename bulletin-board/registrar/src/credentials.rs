//! Reading the file of codes again, to send or print what is in it.

use std::collections::HashMap;

use veritally_crypto::hash::Hash;
use veritally_crypto::manifest::{CheckedManifest, text};
use zeroize::Zeroizing;

use crate::codes::COLUMNS;

/// One voter's line in the file of codes.
pub struct CodeRow {
    /// The registrar's name for the voter.
    pub id: String,
    /// For the greeting; may be empty.
    pub name: String,
    /// May be empty: then a letter is needed.
    pub email: String,
    /// The secret.
    pub code: Zeroizing<String>,
    /// What a look-up shows.
    pub public_id: String,
    /// Ballot style, reporting group and weight, as in the file.
    pub(crate) class: [String; 3],
}

/// Why a file of codes can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// Not such a file.
    #[error("not a file of codes: its columns must be {}", COLUMNS.join(","))]
    Columns,
    /// A line that can't be read.
    #[error("the file of codes: {0}")]
    Csv(#[from] csv::Error),
    /// Codes of another election.
    #[error("line {line}: this code is for the election {found}, not {expected}")]
    Fingerprint {
        /// Where.
        line: u64,
        /// Of the manifest.
        expected: Hash,
        /// In the file.
        found: String,
    },
}

/// Reads the file; every code must be for the election with this fingerprint.
///
/// # Errors
/// [`CredentialsError`].
pub fn read(file: &[u8], fingerprint: &Hash) -> Result<Vec<CodeRow>, CredentialsError> {
    let mut reader = csv::Reader::from_reader(file);
    if reader.headers()? != COLUMNS.as_slice() {
        return Err(CredentialsError::Columns);
    }
    let expected = fingerprint.to_string();
    let mut all = vec![];
    for (line, record) in (2..).zip(reader.records()) {
        let record = record?;
        let field = |i: usize| printable(record.get(i).unwrap_or_default());
        if field(8) != expected {
            return Err(CredentialsError::Fingerprint { line, expected: *fingerprint, found: field(8) });
        }
        let code = Zeroizing::new(field(3));
        let class = [field(5), field(6), field(7)];
        all.push(CodeRow { id: field(0), name: field(1), email: field(2), code, public_id: field(4), class });
    }
    Ok(all)
}

/// Joins files of codes, in the order in which they were made: who got another code has the last one.
#[must_use]
pub fn join(files: Vec<Vec<CodeRow>>) -> Vec<CodeRow> {
    let mut all: Vec<CodeRow> = vec![];
    let mut positions = HashMap::new();
    for one in files.into_iter().flatten() {
        match positions.get(&one.id).and_then(|&position: &usize| all.get_mut(position)) {
            Some(old) => *old = one,
            None => {
                positions.insert(one.id.clone(), all.len());
                all.push(one);
            }
        }
    }
    all
}

/// Without what could begin a new line or header in a mail.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

/// The words of a mail or letter, by language.
pub struct Words {
    /// Language tag.
    pub language: &'static str,
    subject: &'static str,
    greeting: &'static str,
    intro: &'static str,
    /// Labels: code, public id, link, fingerprint, voting ends, help.
    pub labels: [&'static str; 6],
    keep: &'static str,
    reminder: Reminder,
}

/// The words of a reminder.
struct Reminder {
    subject: &'static str,
    intro: &'static str,
    lost: &'static str,
}

/// All languages, English first.
pub const WORDS: [Words; 4] = [
    Words {
        language: "en",
        subject: "Your voting code",
        greeting: "Hello",
        intro: "you may vote in this election. Install the voting program, open the link with it and type the code.",
        labels: ["Code (secret)", "Public number", "Link", "Fingerprint of the election", "Voting ends", "Help"],
        keep: "Whoever has the code can vote in your place: keep it to yourself. Compare the fingerprint and, after \
               voting, the public number with what the board shows.",
        reminder: Reminder {
            subject: "You can still vote",
            intro: "when this was sent, no ballot of yours had arrived. Open the link with the voting program and type the \
                    code that you were sent. If you don’t want to vote, or have just voted, there is nothing to do.",
            lost: "This message has no code. Nobody will ask you for yours. If you have lost it, ask for help.",
        },
    },
    Words {
        language: "de",
        subject: "Ihr Stimmcode",
        greeting: "Guten Tag",
        intro: "Sie dürfen an dieser Wahl teilnehmen. Installieren Sie das Wahlprogramm, öffnen Sie damit den Link und \
                geben Sie den Code ein.",
        labels: [
            "Code (geheim)",
            "Öffentliche Nummer",
            "Link",
            "Fingerabdruck der Wahl",
            "Ende der Abstimmung",
            "Hilfe",
        ],
        keep: "Wer den Code hat, kann an Ihrer Stelle abstimmen: behalten Sie ihn für sich. Vergleichen Sie den \
               Fingerabdruck und nach der Stimmabgabe die öffentliche Nummer mit dem, was das Wahlbrett zeigt.",
        reminder: Reminder {
            subject: "Sie können noch abstimmen",
            intro: "Als diese Nachricht verschickt wurde, war kein Stimmzettel von Ihnen eingegangen. Öffnen Sie den Link mit \
                    dem Wahlprogramm und geben Sie den Code ein, den Sie bekommen haben. Wenn Sie nicht abstimmen möchten \
                    oder es gerade getan haben, ist nichts zu tun.",
            lost: "Diese Nachricht enthält keinen Code. Niemand wird Sie nach Ihrem fragen. Wenn Sie ihn verloren haben, \
                   bitten Sie um Hilfe.",
        },
    },
    Words {
        language: "fr",
        subject: "Votre code de vote",
        greeting: "Bonjour",
        intro: "vous pouvez voter à cette élection. Installez le programme de vote, ouvrez le lien avec lui et saisissez \
                le code.",
        labels: ["Code (secret)", "Numéro public", "Lien", "Empreinte de l’élection", "Fin du vote", "Aide"],
        keep: "Qui a le code peut voter à votre place : gardez-le pour vous. Comparez l’empreinte et, après le vote, \
               le numéro public avec ce que montre le tableau.",
        reminder: Reminder {
            subject: "Vous pouvez encore voter",
            intro: "à l’envoi de ce message, aucun bulletin de votre part n’était arrivé. Ouvrez le lien avec le programme de \
                    vote et saisissez le code que vous avez reçu. Si vous ne voulez pas voter, ou venez de le faire, il n’y a \
                    rien à faire.",
            lost: "Ce message ne contient pas de code. Personne ne vous demandera le vôtre. Si vous l’avez perdu, demandez de \
                   l’aide.",
        },
    },
    Words {
        language: "es",
        subject: "Su código de voto",
        greeting: "Buenos días",
        intro: "usted puede participar en esta votación. Instale el programa de voto, abra con él el enlace y escriba el código.",
        labels: [
            "Código (secreto)",
            "Número público",
            "Enlace",
            "Huella de la votación",
            "Fin de la votación",
            "Ayuda",
        ],
        keep: "Quien tenga el código puede votar en su lugar: guárdelo para usted. Compare la huella y, después de votar, \
               el número público con lo que muestra el tablón.",
        reminder: Reminder {
            subject: "Todavía puede votar",
            intro: "al enviar este mensaje no había llegado ninguna papeleta suya. Abra el enlace con el programa de voto y \
                    escriba el código que recibió. Si no quiere votar, o acaba de hacerlo, no tiene que hacer nada.",
            lost: "Este mensaje no lleva ningún código. Nadie le pedirá el suyo. Si lo ha perdido, pida ayuda.",
        },
    },
];

/// The words of the election's languages; English when it has none of these.
#[must_use]
pub fn words_of(manifest: &CheckedManifest) -> Vec<&'static Words> {
    let of = |tag: &String| WORDS.iter().find(|words| tag.split('-').next() == Some(words.language));
    let found: Vec<_> = manifest.languages.iter().filter_map(of).collect();
    if found.is_empty() { WORDS.iter().take(1).collect() } else { found }
}

/// What does not differ between voters.
pub struct Occasion<'a> {
    /// The election.
    pub manifest: &'a CheckedManifest,
    /// Its link, with fingerprint.
    pub link: &'a str,
    /// When voting ends, for people.
    pub ends: &'a str,
    /// Whom to ask.
    pub help: &'a str,
}

impl Occasion<'_> {
    /// The subject line, in the election's first language.
    #[must_use]
    pub fn subject(&self) -> String {
        self.subject_of(|words| words.subject)
    }

    /// The same of a reminder.
    #[must_use]
    pub fn reminder_subject(&self) -> String {
        self.subject_of(|words| words.reminder.subject)
    }

    fn subject_of(&self, of: impl Fn(&Words) -> &'static str) -> String {
        let all = words_of(self.manifest);
        let words = all.first().map_or("", |words| of(words));
        let language = self.manifest.languages.first().map_or("en", String::as_str);
        printable(&format!("{words}: {}", text(&self.manifest.name, language)))
    }

    /// The lines of one voter's message in one language: name of the election, greeting, labels with values, advice.
    #[must_use]
    pub fn message(&self, words: &Words, to: &CodeRow) -> Message {
        let fingerprint = self.manifest.fingerprint().to_string();
        let values = [to.code.as_str(), &to.public_id, self.link, &fingerprint, self.ends, self.help];
        Message {
            election: printable(text(&self.manifest.name, words.language)),
            greeting: greeting(words, to),
            intro: words.intro,
            facts: words
                .labels
                .iter()
                .zip(values)
                .map(|(label, value)| (*label, Zeroizing::new(value.to_owned())))
                .collect(),
            keep: words.keep,
        }
    }

    /// A reminder, in all of the election's languages: without the code.
    #[must_use]
    pub fn reminder(&self, to: &CodeRow) -> Zeroizing<String> {
        let fingerprint = self.manifest.fingerprint().to_string();
        let one = |words: &&Words| {
            let [_, _, link, print, ends, help] = words.labels;
            let facts = [(link, self.link), (print, &fingerprint), (ends, self.ends), (help, self.help)];
            let facts: String = facts.iter().map(|(label, value)| format!("{label}: {value}\n")).collect();
            let election = printable(text(&self.manifest.name, words.language));
            let Reminder { intro, lost, .. } = words.reminder;
            format!("{election}\n\n{}\n{intro}\n\n{facts}\n{lost}\n", greeting(words, to))
        };
        Zeroizing::new(words_of(self.manifest).iter().map(one).collect::<Vec<_>>().join("\n-- \n\n"))
    }

    /// The whole mail, in all of the election's languages.
    #[must_use]
    pub fn mail(&self, to: &CodeRow) -> Zeroizing<String> {
        let one = |words: &&Words| {
            let message = self.message(words, to);
            let facts = message.facts.iter().map(|(label, value)| format!("{label}: {}\n", value.as_str()));
            let facts: String = facts.collect();
            format!("{}\n\n{}\n{}\n\n{facts}\n{}\n", message.election, message.greeting, message.intro, message.keep)
        };
        Zeroizing::new(words_of(self.manifest).iter().map(one).collect::<Vec<_>>().join("\n-- \n\n"))
    }
}

fn greeting(words: &Words, to: &CodeRow) -> String {
    format!("{} {},", words.greeting, to.name).replace(" ,", ",")
}

/// One voter's message in one language.
pub struct Message {
    /// The election's name.
    pub election: String,
    /// With the voter's name, if the list has it.
    pub greeting: String,
    /// What the letter is for.
    pub intro: &'static str,
    /// What is needed to vote, each with its label: code, public id, link, fingerprint, the end, whom to ask.
    pub facts: Vec<(&'static str, Zeroizing<String>)>,
    /// That the code is secret.
    pub keep: &'static str,
}
