//! Small elections for the tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, dead_code)]

mod board;

#[allow(unused_imports)]
pub use board::{Board, Trick};
use std::path::Path;
use std::process::{Command, Output};

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use veritally_crypto::contests::{Answer, Answers, Choice, ChoiceAnswer};
use veritally_crypto::log::checkpoint::{Checkpoint, SignedCheckpoint};
use veritally_crypto::log::merkle::{Frontier, InclusionProof, leaf_hash};
use veritally_crypto::log::receipt::Receipt;
use veritally_crypto::manifest::{BallotStyle, Group, Manifest};
use veritally_crypto::sample::{SampleElection, choice_contest, choose, english, id};
use veritally_verifier::report::Status;
use veritally_verifier::sample::SampleRecord;
use veritally_verifier::source::Memory;
use veritally_verifier::{NoProgress, Options, Report, Source, verify};

pub fn rng() -> StdRng {
    StdRng::seed_from_u64(7)
}

pub fn check(source: &dyn Source) -> Report {
    verify(source, &Options::default(), &NoProgress).unwrap()
}

/// Two contests (`chair`: 1 of 5, on all ballots; `budget`: 1 to 2 of 3 or blank, for members), two styles, three
/// groups, floor 2, trustees 2 of 3.
pub fn two_styles(manifest: &mut Manifest) {
    let rule = Choice { blank: true, max: 2, min: 1, seats: 1, undervotes: false };
    manifest.contests.push(choice_contest("budget", 3, rule).unwrap());
    let ids = |contests: &[&str]| contests.iter().map(|c| id(c).unwrap()).collect();
    manifest.ballot_styles = vec![
        BallotStyle { contests: ids(&["chair", "budget"]), id: id("member").unwrap(), name: english("Members") },
        BallotStyle { contests: ids(&["chair"]), id: id("guest").unwrap(), name: english("Guests") },
    ];
    let group = |name: &str| Group { id: id(name).unwrap(), name: english(name) };
    manifest.groups = vec![group("north"), group("east"), group("south")];
    manifest.floor = 2;
    manifest.casts_per_credential = 2;
}

/// Style, group and weight of the sample's voters: four in the north and the east, five in the south, three of them
/// with weight 3.
pub const VOTERS: [(&str, &str, u64); 13] = [
    ("member", "north", 1),
    ("member", "north", 1),
    ("guest", "north", 1),
    ("guest", "north", 1),
    ("member", "east", 1),
    ("member", "east", 1),
    ("guest", "east", 1),
    ("guest", "east", 1),
    ("member", "south", 1),
    ("member", "south", 1),
    ("member", "south", 3),
    ("member", "south", 3),
    ("guest", "south", 3),
];

pub fn answers(style: &str, chair: &str, budget: Option<&[&str]>) -> Answers {
    let mut answers = choose("chair", &[chair], false).unwrap();
    if style == "member" {
        let selections = budget.unwrap_or_default().iter().map(|s| id(s).unwrap()).collect();
        let answer = ChoiceAnswer { blank: budget.is_none(), selections };
        answers.insert(id("budget").unwrap(), Answer::Choice(answer));
    }
    answers
}

/// The manifest alone, with an edit.
pub fn begun(edit: impl FnOnce(&mut Manifest)) -> SampleElection {
    let edit = |manifest: &mut Manifest| {
        two_styles(manifest);
        edit(manifest);
    };
    SampleElection::start((2, 3), edit, &mut rng()).unwrap()
}

/// Opened, nobody voted.
pub fn opened() -> SampleElection {
    let mut election = begun(|_| {});
    let rng = &mut rng();
    election.ceremony(rng).unwrap();
    election.roll(&VOTERS, rng).unwrap();
    election.open().unwrap();
    election
}

pub fn vote(election: &mut SampleElection, voter: usize, chair: &str, budget: Option<&[&str]>) {
    let answers = answers(VOTERS[voter].0, chair, budget);
    election.cast(voter, &answers, &mut rng()).unwrap();
}

/// Everybody voted; voter 0 twice: first for e, then for a.
pub fn voted() -> SampleElection {
    let mut election = opened();
    vote(&mut election, 0, "e", None);
    election.tally_head().unwrap();
    for voter in 1..VOTERS.len() {
        vote(&mut election, voter, ["a", "b", "c"][voter % 3], Some(&["a", "c"][..1 + voter % 2]));
    }
    vote(&mut election, 0, "a", Some(&["b"]));
    election.tally_head().unwrap();
    election
}

/// To the end.
pub fn finished() -> SampleElection {
    let mut election = voted();
    election.finish(&mut rng()).unwrap();
    election
}

pub fn record(election: SampleElection) -> SampleRecord {
    SampleRecord::new(election, &mut rng()).unwrap()
}

pub fn files(election: SampleElection) -> Memory {
    record(election).files().unwrap()
}

/// Exactly this check fails, with these culprits, and its message has these words; what passes or is not reached is
/// up to the cheat.
pub fn fails_only(report: &Report, id: &str, entries: &[u64], words: &str) {
    let messages: Vec<_> = report.checks.iter().map(|c| format!("{} {:?}: {}", c.id, c.status, c.message)).collect();
    assert_eq!(report.failed(), [id], "{}", messages.join("\n"));
    let check = report.check(id).unwrap();
    assert_eq!(check.entries, entries, "{}", check.message);
    assert!(check.message.contains(words), "{}", check.message);
    assert!(!report.passed());
}

pub fn status(report: &Report, id: &str) -> Status {
    report.check(id).unwrap().status
}

/// What a board serves of the first `size` entries.
pub fn beginning(record: &mut SampleRecord, size: usize) -> Memory {
    let whole = record.log.clone();
    record.log.truncate(size);
    let files = serve(record, record.files().unwrap());
    record.log = whole;
    files
}

/// With `manifest`, which boards serve beside the static files.
pub fn serve(record: &SampleRecord, files: Memory) -> Memory {
    let mut files = files;
    files.0.insert("manifest".into(), record.log[0].clone());
    files
}

/// A receipt for an entry, in the tree of the first `size` entries.
pub fn receipt(record: &SampleRecord, index: u64, size: usize) -> String {
    let (mut frontier, mut stored) = (Frontier::new(), vec![]);
    record.log[..size].iter().for_each(|entry| frontier.push_with(leaf_hash(entry), |hash| stored.push(hash)));
    let checkpoint = Checkpoint::new(record.election.state.manifest().log.origin.clone(), &frontier.head());
    let signed = SignedCheckpoint::sign(checkpoint, &record.election.log_key).unwrap();
    Receipt::new(index, InclusionProof::prove(index, size as u64, &stored).unwrap(), &signed).to_string()
}

/// Runs the program.
pub fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_veritally-verifier")).args(arguments).output().unwrap()
}

pub fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

pub fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
