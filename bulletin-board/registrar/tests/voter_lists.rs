//! Lists of voters: what is read, and that everything wrong is named with its line.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::OnceLock;

use veritally_crypto::manifest::{BallotStyle, Group, Manifest};
use veritally_crypto::sample::{SampleElection, english, id};
use veritally_registrar::voters::{LineProblem, Voter, VoterListError, VoterListReader, VoterProblem};

fn simple() -> &'static Manifest {
    static MANIFEST: OnceLock<Manifest> = OnceLock::new();
    MANIFEST.get_or_init(|| {
        let election = SampleElection::start((1, 1), |_| {}, &mut rand::rng()).unwrap();
        (***election.state.manifest()).clone()
    })
}

/// Two styles and two groups.
fn rich() -> Manifest {
    let mut manifest = simple().clone();
    let style = |name| BallotStyle { contests: vec![id("chair").unwrap()], id: id(name).unwrap(), name: english(name) };
    manifest.ballot_styles = vec![style("full"), style("short")];
    let group = |name| Group { id: id(name).unwrap(), name: english(name) };
    manifest.groups = vec![group("north"), group("south")];
    manifest
}

fn read(manifest: &Manifest, list: &str) -> Result<Vec<Voter>, VoterListError> {
    VoterListReader::new(manifest).read(list.as_bytes())
}

fn problems(manifest: &Manifest, list: &str) -> Vec<(u64, VoterProblem)> {
    read(manifest, list).unwrap_err().0.into_iter().map(|LineProblem { line, problem }| (line, problem)).collect()
}

#[test]
fn only_the_id_is_required() {
    let voters = read(simple(), "id\nada\n grace \n").unwrap();
    assert_eq!(voters.iter().map(|v| v.id.as_str()).collect::<Vec<_>>(), ["ada", "grace"]);
    assert!(voters.iter().all(|v| v.weight == 1 && v.style == id("all").unwrap() && v.group == id("all").unwrap()));
}

#[test]
fn columns_stand_in_any_order_and_a_byte_order_mark_is_tolerated() {
    let list = "\u{feff}Group,E-Mail,weight,ID,style,name\r\nsouth,ada@example.org,3,7,short,\"Lovelace, Ada\"\r\n";
    let voters = read(&rich(), list).unwrap();
    let expected = Voter {
        id: "7".into(),
        name: "Lovelace, Ada".into(),
        email: "ada@example.org".into(),
        group: id("south").unwrap(),
        style: id("short").unwrap(),
        weight: 3,
    };
    assert_eq!(voters, [expected]);
}

#[test]
fn every_error_is_reported_with_its_line() {
    let list = "id,weight,style,group\na,1,full,north\n,1,full,north\na,0,full,north\nb,x,long,east\nc,-1,,north\nd\n";
    let found = problems(&rich(), list);
    let lines: Vec<u64> = found.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [3, 4, 4, 5, 5, 5, 6, 6, 7], "{found:#?}");
    assert_eq!(found[0].1, VoterProblem::EmptyId);
    assert_eq!(found[1].1, VoterProblem::Weight("0".into()));
    assert_eq!(found[2].1, VoterProblem::DuplicateId { id: "a".into(), first: 2 });
    assert!(matches!(&found[3].1, VoterProblem::Unknown { column: "style", found, .. } if found == "long"));
    assert!(matches!(&found[4].1, VoterProblem::Unknown { column: "group", choices, .. } if choices == "north, south"));
    assert_eq!(found[5].1, VoterProblem::Weight("x".into()));
    assert!(matches!(&found[6].1, VoterProblem::Unclear { column: "style", .. }));
    assert_eq!(found[8].1, VoterProblem::Fields { found: 1, expected: 4 });
    let report = read(&rich(), list).unwrap_err().to_string();
    assert!(report.contains("9 errors") && report.contains("line 4: the id \"a\" is on line 2 already"), "{report}");
}

#[test]
fn unknown_repeated_and_missing_columns_are_refused() {
    let found = problems(simple(), "id,phone,id\na,1,2\n");
    assert_eq!(found[0], (1, VoterProblem::UnknownColumn("phone".into())));
    assert_eq!(found[1], (1, VoterProblem::RepeatedColumn("id".into())));
    assert!(matches!(&problems(simple(), "name\nAda\n")[..], [(1, VoterProblem::NoIdColumn(_))]));
    assert!(matches!(&problems(simple(), "")[..], [(1, VoterProblem::NoHeader)]));
    assert!(matches!(&problems(simple(), "id\n")[..], [(1, VoterProblem::NoVoters)]));
    let missing: Vec<_> = problems(&rich(), "id\na\nb\n");
    assert!(matches!(&missing[..], [(1, VoterProblem::MissingColumn { column: "style", .. })]), "{missing:?}");
}

#[test]
fn an_unclosed_quotation_mark_and_other_encodings_are_noticed() {
    let long = format!("id,name\na,\"Ada\nb,{}\n", "x".repeat(2_000));
    assert!(matches!(&problems(simple(), &long)[..], [(2, VoterProblem::Fields { .. } | VoterProblem::LongField(_))]));
    let latin1 = VoterListReader::new(simple()).read(b"id,name\na,Andr\xe9\nb,ok\n").unwrap_err();
    assert_eq!(latin1.0, [LineProblem { line: 2, problem: VoterProblem::Encoding }]);
}

#[test]
fn numbered_voters_are_for_elections_with_one_style_and_group() {
    let voters = VoterListReader::new(simple()).numbered(12).unwrap();
    assert_eq!((voters.len(), voters[11].id.as_str()), (12, "v000012"));
    assert!(VoterListReader::new(&rich()).numbered(12).is_err());
    assert!(VoterListReader::new(simple()).numbered(0).is_err());
}
