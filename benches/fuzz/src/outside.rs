//! Decoders outside the protocol: what voters, registrars, witnesses and auditors are handed by others. Each reads within its
//! limits or says why not, and what it accepts means one thing.

use std::io::Write as _;
use std::path::Path;
use std::sync::OnceLock;

use tempfile::TempDir;
use veritally_board_api::Link;
use veritally_board_api::voters::VoterListReader;
use veritally_crypto::hash::Hash;
use veritally_registrar::bounces;
use veritally_session::ballot_files::{self, Converter, Format, MAX_BALLOTS, Quorums, describe};
use veritally_session::credentials;
use veritally_session::marks::Marks;
use veritally_verifier::evidence::Evidence;
use veritally_verifier::witness::AddCheckpoint;

use super::{every_type, says_why, text};

/// Formats of ballot files, by an input's first byte.
const FORMATS: [Format; 7] =
    [Format::Soi, Format::Soc, Format::Toi, Format::Toc, Format::Cat, Format::Blt, Format::Csv];

/// The files of a folder of evidence, in the order of an input's parts; a zero byte ends each.
pub const EVIDENCE_FILES: [&str; 5] = ["evidence.json", "manifest.json", "first.note", "second.note", "entry"];

/// A folder for one run of a target after another.
fn folder() -> TempDir {
    tempfile::tempdir().expect("there is room for temporary files")
}

fn write(path: &Path, bytes: &[u8]) {
    let file = std::fs::File::create(path).and_then(|mut file| file.write_all(bytes));
    file.expect("temporary files can be written");
}

/// A ballot file (PrefLib, BLT, CSV; the first byte says which) has as many ballots as it says, can be described, and each
/// of its ballots is an answer in a contest or names its line.
pub fn ballot_file(bytes: &[u8]) -> bool {
    let Some((format, bytes)) = bytes.split_first() else { return false };
    let format = FORMATS[usize::from(*format) % FORMATS.len()];
    match ballot_files::parse(format, bytes) {
        Ok(file) => {
            assert!((1..=MAX_BALLOTS).contains(&file.count()));
            let quorums = Quorums { quorum: 2, agreement_quorum: 2 };
            let _ = describe(Path::new("ballots"), &file, None, quorums);
            for contest in &every_type().contests {
                let Ok(converter) = Converter::new(every_type(), &file, Some(&contest.id)) else { continue };
                for ballot in file.ballots.iter().take(4) {
                    let _ = converter.answers(ballot, &every_type().ballot_styles[0].id);
                }
            }
            true
        }
        Err(error) => says_why(&error),
    }
}

/// Mail that came back, or a mailbox of it: read twice, it is the same.
pub fn bounce(bytes: &[u8]) -> bool {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let path = FOLDER.get_or_init(folder).path().join("mail");
    write(&path, bytes);
    let found = bounces::read(&path).expect("the file is there");
    assert_eq!(bounces::read(&path).expect("the file is there"), found);
    !found.bounces.is_empty()
}

/// A file of codes: each row names its line and has a code that prints as one.
pub fn code_list(bytes: &[u8]) -> bool {
    match credentials::parse(bytes, &Hash::ZERO) {
        Ok(rows) => {
            assert!(rows.iter().all(|row| row.line > 0 && !row.code.expose_text().is_empty()));
            true
        }
        Err(error) => says_why(&error),
    }
}

/// Evidence against a board: a folder that is read is written and read again as the same, and explained.
pub fn evidence(bytes: &[u8]) -> bool {
    let folder = folder();
    let given = folder.path().join("given");
    std::fs::create_dir(&given).expect("temporary folders can be made");
    for (name, part) in EVIDENCE_FILES.iter().zip(bytes.split(|byte| *byte == 0)) {
        if !part.is_empty() {
            write(&given.join(name), part);
        }
    }
    let Ok(evidence) = Evidence::read(&given) else { return false };
    let _ = evidence.check();
    assert!(!evidence.to_string().is_empty());
    let written = evidence.write(folder.path()).expect("what was read can be written");
    assert_eq!(Evidence::read(&written).expect("what was written is read"), evidence);
    true
}

/// A link prints as a link to the same election.
pub fn link(bytes: &[u8]) -> bool {
    let Some(text) = text(bytes) else { return false };
    let Ok(link) = Link::parse(text) else { return false };
    assert_eq!(Link::parse(&link.to_string()).as_ref(), Ok(&link), "{link}");
    assert!(link.board.path().ends_with('/') && link.board.query().is_none());
    true
}

/// Answers as people write them (the first byte says what separates them) are answers in a contest, or are refused.
pub fn marks(bytes: &[u8]) -> bool {
    let Some((separator, bytes)) = bytes.split_first() else { return false };
    let Some(text) = text(bytes) else { return false };
    let Ok(marks) = Marks::parse(text, if separator % 2 == 0 { ',' } else { ';' }) else { return false };
    for contest in &every_type().contests {
        if let Err(error) = marks.clone().answer(contest) {
            says_why(&error);
        }
    }
    true
}

/// The registrar's list of voters: every voter has a style and a group of the election, or a line is named.
pub fn voter_list(bytes: &[u8]) -> bool {
    let manifest = every_type();
    match VoterListReader::new(manifest).read(bytes) {
        Ok(voters) => {
            assert!(!voters.is_empty());
            for voter in voters {
                assert!(voter.weight > 0);
                assert!(manifest.ballot_styles.iter().any(|style| style.id == voter.style));
                assert!(manifest.groups.iter().any(|group| group.id == voter.group));
            }
            true
        }
        Err(error) => {
            assert!(error.0.iter().all(|problem| problem.line > 0), "{error}");
            false
        }
    }
}

/// Requests to cosign print as they were read.
pub fn witness_request(bytes: &[u8]) -> bool {
    let Some(body) = text(bytes) else { return false };
    let Ok(request) = AddCheckpoint::parse(body) else { return false };
    assert_eq!(request.to_string(), body);
    true
}
