//! Ballot files: the formats, what is refused and where, the conversion to answers, and real ballots when they are
//! here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use veritally_crypto::contests::{Answer, AnswerError, Answers, Choice};
use veritally_crypto::id::Id;
use veritally_crypto::manifest::CheckedManifest;
use veritally_crypto::sample::{SampleElection, choice_contest, choose, english, id};
use veritally_session::ballot_files::{
    self, BallotFile, ContestType, ConvertError, Converter, DescribeError, FileBallot, FileProblem, Format, LineError,
    MAX_BALLOTS, Quorums, describe, parse,
};
use veritally_session::marks::{Marks, MarksError};

/// A PrefLib file with three alternatives.
fn preflib(kind: &str, voters: u64, lines: &[&str]) -> String {
    let mut text = format!("# DATA TYPE: {kind}\n# NUMBER ALTERNATIVES: 3\n# NUMBER VOTERS: {voters}\n");
    text += &format!("# NUMBER UNIQUE ORDERS: {}\n# NUMBER CATEGORIES: 2\n", lines.len());
    text += "# ALTERNATIVE NAME 1: Ada\n# ALTERNATIVE NAME 2: Grace: the second\n# ALTERNATIVE NAME 3: Alan\n";
    text + &lines.join("\n") + "\n"
}

fn refused(format: Format, text: &str) -> (u64, FileProblem) {
    let LineError { line, problem } = parse(format, text.as_bytes()).unwrap_err();
    (line, problem)
}

fn rankings(file: &BallotFile) -> Vec<(u64, Vec<Vec<usize>>)> {
    let ranking = |ballot: &FileBallot| match ballot {
        FileBallot::Ranking(groups) | FileBallot::Categories(groups) => groups.clone(),
        FileBallot::Marks(_) => panic!("marks"),
    };
    file.ballots.iter().map(|one| (one.count, ranking(&one.ballot))).collect()
}

#[test]
fn preflib_files_of_all_kinds_are_read() {
    let soi = parse(Format::Soi, preflib("soi", 5, &["3: 2", "2: 3,1"]).as_bytes()).unwrap();
    assert_eq!(soi.alternatives, ["Ada", "Grace: the second", "Alan"]);
    assert_eq!(rankings(&soi), [(3, vec![vec![1]]), (2, vec![vec![2], vec![0]])]);
    assert_eq!((soi.count(), soi.ballots[1].line), (5, 10));
    let soc = parse(Format::Soc, preflib("soc", 1, &["1: 1, 2 ,3"]).as_bytes()).unwrap();
    assert_eq!(rankings(&soc), [(1, vec![vec![0], vec![1], vec![2]])]);
    let toi = parse(Format::Toi, preflib("toi", 2, &["1: {1,2}", "1: 3,{ 2 , 1 }"]).as_bytes()).unwrap();
    assert_eq!(rankings(&toi), [(1, vec![vec![0, 1]]), (1, vec![vec![2], vec![1, 0]])]);
    let toc = parse(Format::Toc, preflib("toc", 1, &["1: {1,2},3"]).as_bytes()).unwrap();
    assert_eq!(rankings(&toc), [(1, vec![vec![0, 1], vec![2]])]);
    let cat = parse(Format::Cat, preflib("cat", 4, &["2: {},{1,2,3}", "1: 2,{1,3}", "1: {1,2}"]).as_bytes()).unwrap();
    assert_eq!(rankings(&cat)[0], (2, vec![vec![], vec![0, 1, 2]]));
    assert_eq!(rankings(&cat)[1], (1, vec![vec![1], vec![0, 2]]));
}

#[test]
fn a_malformed_preflib_line_is_refused_with_its_number() {
    let one = |line: &str| refused(Format::Toi, &preflib("toi", 2, &["1: 1", line]));
    let alternative = |text: &str| (10, FileProblem::Alternative(text.into(), 3));
    assert_eq!(one("1: 4"), alternative("4"));
    assert_eq!(one("1: 0"), alternative("0"));
    assert_eq!(one("1: 1,"), alternative(""));
    assert_eq!(one("1: 1,,2"), alternative(""));
    assert_eq!(one("1: +1"), alternative("+1"));
    assert_eq!(one("1: {1,}"), alternative(""));
    assert_eq!(one("1: 1,2,1"), (10, FileProblem::Repeated(1)));
    assert_eq!(one("1: {1,2},2"), (10, FileProblem::Repeated(2)));
    assert_eq!(one("1: {1,2"), (10, FileProblem::Braces));
    assert_eq!(one("1: {1,2}3"), (10, FileProblem::Braces));
    assert_eq!(one("1: {}"), (10, FileProblem::Empty));
    assert_eq!(one("1:"), (10, FileProblem::Empty));
    assert_eq!(one("1,2"), (10, FileProblem::NoCount));
    for count in ["0", "-1", "1.5", "", "99999999999999999999"] {
        assert_eq!(one(&format!("{count}: 1")), (10, FileProblem::Count(count.into())));
    }
    assert_eq!(one(&format!("{MAX_BALLOTS}: 1")), (10, FileProblem::TooMany));
    assert_eq!(one("# NUMBER VOTERS: 2"), (10, FileProblem::LateHeader));
    assert_eq!(refused(Format::Soi, &preflib("soi", 1, &["1: {1,2}"])), (9, FileProblem::Tie("soi")));
    let incomplete = FileProblem::Incomplete { found: 2, expected: 3, format: "soc" };
    assert_eq!(refused(Format::Soc, &preflib("soc", 1, &["1: 1,2"])), (9, incomplete));
    let categories = FileProblem::Categories { found: 3, expected: 2 };
    assert_eq!(refused(Format::Cat, &preflib("cat", 1, &["1: 1,2,3"])), (9, categories));
}

#[test]
fn a_preflib_file_must_hold_what_it_announces() {
    let sum = |what, found, announced| (0, FileProblem::Sum { what, found, announced });
    assert_eq!(refused(Format::Soi, &preflib("soi", 4, &["3: 2"])), sum("NUMBER VOTERS", 3, 4));
    let good = preflib("soi", 3, &["3: 2"]);
    parse(Format::Soi, good.as_bytes()).unwrap();
    let cut = good.replace("UNIQUE ORDERS: 1", "UNIQUE ORDERS: 2");
    assert_eq!(refused(Format::Soi, &cut), sum("NUMBER UNIQUE ORDERS", 1, 2));
    let unnamed = good.replace("# ALTERNATIVE NAME 3: Alan\n", "");
    assert!(matches!(refused(Format::Soi, &unnamed).1, FileProblem::Sum { what: "ALTERNATIVE NAME", .. }));
    assert!(matches!(refused(Format::Toc, &good).1, FileProblem::DataType { .. }));
    for (from, to) in [
        ("# NUMBER VOTERS: 3\n", ""),
        ("# NUMBER ALTERNATIVES: 3\n", ""),
        ("ALTERNATIVES: 3", "ALTERNATIVES: 2000"),
        ("ALTERNATIVES: 3", "ALTERNATIVES: x"),
        ("NAME 3", "NAME 0"),
        ("NAME 3", "NAME 2"),
        ("VOTERS: 3", "VOTERS: -3"),
    ] {
        assert!(matches!(refused(Format::Soi, &good.replace(from, to)).1, FileProblem::Header(_)), "{from} → {to}");
    }
    assert!(matches!(
        refused(Format::Cat, &preflib("cat", 1, &["1: 1"]).replace("CATEGORIES", "x")).1,
        FileProblem::Header(_)
    ));
    assert_eq!(refused(Format::Soi, "").1, FileProblem::NoBallots);
    assert_eq!(refused(Format::Soi, &preflib("soi", 0, &[])).1, FileProblem::NoBallots);
    let latin1 = [good.as_bytes(), b"1: \xe9\n"].concat();
    assert_eq!(parse(Format::Soi, &latin1).unwrap_err(), LineError { line: 10, problem: FileProblem::Encoding });
}

const BLT: &str = "# a comment\n4 2 # four candidates\n-4\n3 1 2=3 0 # tie\n2 4 3 0\n5 0\n0\n\"Ada \"\"the first\"\"\"\n\"Grace #2\"\n\
                   \"Alan\" # comment\n\"Gone\"\nThe title";

#[test]
fn blt_files_have_ties_comments_withdrawn_candidates_and_quoted_names() {
    for text in [BLT.to_owned(), BLT.replace("\nThe title", ""), BLT.replace('\n', "\r\n")] {
        let file = parse(Format::Blt, text.as_bytes()).unwrap();
        assert_eq!(file.alternatives, ["Ada \"the first\"", "Grace #2", "Alan", "Gone"]);
        assert_eq!(rankings(&file), [(3, vec![vec![0], vec![1, 2]]), (2, vec![vec![2]]), (5, vec![])]);
    }
}

#[test]
fn a_malformed_blt_line_is_refused_with_its_number() {
    let with = |from: &str, to: &str| refused(Format::Blt, &BLT.replace(from, to));
    assert_eq!(with("4 2 #", "4 #"), (2, FileProblem::BltFirstLine));
    assert_eq!(with("4 2 #", "4 2 1 #"), (2, FileProblem::BltFirstLine));
    assert_eq!(with("4 2 #", "0 2 #"), (2, FileProblem::BltFirstLine));
    assert_eq!(with("-4\n", "-5\n"), (3, FileProblem::Alternative("5".into(), 4)));
    assert_eq!(with("2 4 3 0", "2 4 3"), (5, FileProblem::BltEnd));
    assert_eq!(with("2 4 3 0", "2 0 3 0"), (5, FileProblem::BltEnd));
    assert_eq!(with("2 4 3 0", "2 3 5 0"), (5, FileProblem::Alternative("5".into(), 4)));
    assert_eq!(with("2 4 3 0", "2 3= 0"), (5, FileProblem::Alternative(String::new(), 4)));
    assert_eq!(with("2 4 3 0", "2 3 3 0"), (5, FileProblem::Repeated(3)));
    assert_eq!(with("2 4 3 0", "1.5 3 0"), (5, FileProblem::Count("1.5".into())));
    assert_eq!(with("2 4 3 0", "-2"), (5, FileProblem::BltEnd));
    assert_eq!(with("\"Alan\"", "Alan"), (10, FileProblem::BltName(3)));
    assert_eq!(with("\"Alan\"", "\"Al\"an\""), (10, FileProblem::BltName(3)));
    assert_eq!(with("\"Alan\"", "\"\""), (10, FileProblem::BltName(3)));
    assert_eq!(with("\"Gone\"\nThe title", ""), (10, FileProblem::BltCut));
    assert_eq!(with("The title", "The title\nmore"), (13, FileProblem::BltTrailing));
    assert!(matches!(refused(Format::Blt, "").1, FileProblem::BltCut));
}

#[test]
fn the_plain_csv_names_selections_by_id() {
    let file = parse(Format::Csv, b"\xef\xbb\xbfcount,chair,board\n2,a,\"b; c\"\n1,blank,\n").unwrap();
    assert_eq!(file.contests, [id("chair").unwrap(), id("board").unwrap()]);
    let FileBallot::Marks(marks) = &file.ballots[0].ballot else { panic!("no marks") };
    assert_eq!(marks[&id("board").unwrap()], Marks::Listed(vec![id("b").unwrap(), id("c").unwrap()]));
    let FileBallot::Marks(marks) = &file.ballots[1].ballot else { panic!("no marks") };
    assert_eq!((&marks[&id("chair").unwrap()], &marks[&id("board").unwrap()]), (&Marks::Blank, &Marks::default()));
    assert_eq!((file.count(), file.ballots[1].line), (3, 3));
    assert_eq!(parse(Format::Csv, b"chair\na\nb\n").unwrap().count(), 2);
}

#[test]
fn a_malformed_plain_csv_is_refused_with_its_line() {
    assert!(matches!(refused(Format::Csv, "Chair\na\n"), (1, FileProblem::Column(_))));
    assert!(matches!(refused(Format::Csv, "chair,chair\na,a\n"), (1, FileProblem::Column(_))));
    assert!(matches!(refused(Format::Csv, "count\n1\n"), (1, FileProblem::Column(_))));
    let not_an_id = |text: &str| FileProblem::Mark(MarksError::Id(text.into(), ';'));
    assert_eq!(refused(Format::Csv, "chair\na\nB\n"), (3, not_an_id("B")));
    assert_eq!(refused(Format::Csv, "chair\na;\n"), (2, not_an_id("")));
    assert_eq!(refused(Format::Csv, "chair\na>>b\n"), (2, not_an_id("")));
    assert_eq!(refused(Format::Csv, "chair\na:3;b\n"), (2, FileProblem::Mark(MarksError::Value("b".into()))));
    assert_eq!(refused(Format::Csv, "chair,count\na\n"), (2, FileProblem::Fields { found: 1, expected: 2 }));
    assert_eq!(refused(Format::Csv, "chair,count\na,x\n"), (2, FileProblem::Count("x".into())));
    assert_eq!(refused(Format::Csv, "chair\n").1, FileProblem::NoBallots);
    assert_eq!(refused(Format::Csv, "").1, FileProblem::Column(String::new()));
}

#[test]
fn a_ballot_file_describes_its_election() {
    let quorums = Quorums { quorum: 2, agreement_quorum: 3 };
    let described = |name: &str, format, text: &str| {
        let file = parse(format, text.as_bytes()).unwrap();
        toml::from_str::<toml::Table>(&describe(Path::new(name), &file, None, quorums).unwrap()).unwrap()
    };
    let titled = format!("# TITLE: Who \"leads\"?\n{}", preflib("cat", 1, &["1: {},{1,2}"]));
    let cat = described("dir/Some_Vote 1.cat", Format::Cat, &titled);
    assert_eq!(cat["election"].as_str(), Some("some-vote-1"));
    assert_eq!(cat["name"].as_str(), Some("Who \"leads\"?"));
    assert_eq!(cat["agreement_quorum"].as_integer(), Some(3));
    let contest = cat["contests"][0].as_table().unwrap();
    assert_eq!((contest["rule"]["min"].as_integer(), contest["rule"]["max"].as_integer()), (Some(0), Some(3)));
    assert_eq!(contest["selections"][1]["name"].as_str(), Some("Grace: the second"));
    let blt = described("ward.blt", Format::Blt, BLT);
    assert_eq!((blt["name"].as_str(), blt["max_total_weight"].as_integer()), (Some("The title"), Some(10)));
    assert_eq!(blt["contests"][0]["rule"]["blank"].as_bool(), Some(true), "five ballots rank nobody");
    let csv = parse(Format::Csv, b"chair\na\n").unwrap();
    assert_eq!(describe(Path::new("a.csv"), &csv, None, quorums), Err(DescribeError::PlainCsv));
}

#[test]
fn a_ballot_file_is_described_as_the_type_that_is_asked_for() {
    let quorums = Quorums { quorum: 2, agreement_quorum: 2 };
    let described = |format, text: &str, kind| {
        let file = parse(format, text.as_bytes()).unwrap();
        describe(Path::new("ward"), &file, Some(kind), quorums)
            .map(|text| toml::from_str::<toml::Table>(&text).unwrap()["contests"][0]["rule"].clone())
    };
    let soi = preflib("soi", 1, &["1: 2,3"]);
    let rule = |text: &str| toml::from_str::<toml::Table>(text).unwrap()["rule"].clone();
    let borda = |min| format!("rule = {{ type = 'borda', first_place = 'n', min = {min}, places = 3, seats = 1 }}");
    assert_eq!(described(Format::Soi, &soi, ContestType::Borda).unwrap(), rule(&borda(1)));
    let four = borda(0).replace("places = 3", "places = 4");
    assert_eq!(described(Format::Blt, BLT, ContestType::Borda).unwrap(), rule(&four), "five ballots rank nobody");
    let condorcet = rule("rule = { type = 'condorcet', seats = 1 }");
    assert_eq!(described(Format::Soi, &soi, ContestType::Condorcet).unwrap(), condorcet);
    let cat = preflib("cat", 1, &["1: {},{1,2}"]);
    assert_eq!(described(Format::Cat, &cat, ContestType::Approval).unwrap()["type"].as_str(), Some("choice"));
    for (format, text, kind) in [
        (Format::Soi, &soi, ContestType::Approval),
        (Format::Cat, &cat, ContestType::Condorcet),
        (Format::Cat, &cat, ContestType::Choice),
    ] {
        assert!(matches!(described(format, text, kind), Err(DescribeError::Type { .. })));
    }
}

#[test]
fn damaged_files_are_read_or_refused_and_never_a_panic() {
    use rand::{RngExt as _, SeedableRng as _};
    let rng = &mut rand::rngs::StdRng::seed_from_u64(1);
    let csv = "count,chair,board\n2,a:3,\"b; c\"\n1,blank,a>b=c\n".to_owned();
    let cat = preflib("cat", 4, &["2: {},{1,2,3}", "1: 2,{1,3}", "1: {1,2}"]);
    for (format, text) in [(Format::Cat, cat), (Format::Blt, BLT.to_owned()), (Format::Csv, csv)] {
        for _ in 0..5_000 {
            let mut bytes = text.clone().into_bytes();
            for _ in 0..rng.random_range(1..4) {
                let at = rng.random_range(0..bytes.len());
                match rng.random_range(0..3) {
                    0 => bytes[at] = rng.random(),
                    1 => bytes.truncate(at.max(1)),
                    _ => bytes.insert(at, b"0,;=>:{}\"-#\n"[rng.random_range(0..12)]),
                }
            }
            _ = parse(format, &bytes);
        }
    }
}

#[test]
fn a_file_without_a_known_extension_is_refused() {
    for (name, format) in
        [("a.SOI", Some(Format::Soi)), ("x/a.b.blt", Some(Format::Blt)), ("soi", None), ("a.txt", None)]
    {
        assert_eq!(Format::of_path(Path::new(name)), format);
    }
    assert!(ballot_files::read(Path::new("no-such-file.soi")).unwrap_err().to_string().contains("no-such-file.soi"));
}

/// An election whose only contest has `selections` selections.
fn election(selections: u8, rule: Choice) -> CheckedManifest {
    let edit = |m: &mut veritally_crypto::manifest::Manifest| {
        m.contests = vec![choice_contest("chair", selections, rule).unwrap()];
    };
    (**SampleElection::start((1, 1), edit, &mut rand::rng()).unwrap().state.manifest()).clone()
}

const ONE: Choice = Choice { blank: false, max: 1, min: 1, seats: 1, undervotes: false };

fn convert(manifest: &CheckedManifest, file: &BallotFile) -> Result<Vec<Answers>, LineError> {
    let converter = Converter::new(manifest, file, None).unwrap();
    file.ballots.iter().map(|ballot| converter.answers(ballot, &id("all").unwrap())).collect()
}

#[test]
fn a_first_preference_is_the_choice_and_ties_for_it_are_refused() {
    let file = parse(Format::Toi, preflib("toi", 2, &["1: 3,{1,2}", "1: {1,2},3"]).as_bytes()).unwrap();
    let manifest = election(3, ONE);
    let converter = Converter::new(&manifest, &file, None).unwrap();
    let style = id("all").unwrap();
    assert_eq!(converter.answers(&file.ballots[0], &style).unwrap(), choose("chair", &["c"], false).unwrap());
    let refused = converter.answers(&file.ballots[1], &style).unwrap_err();
    assert_eq!(refused, LineError { line: 10, problem: FileProblem::Convert(ConvertError::TiedFirst) });
    assert!(refused.to_string().starts_with("line 10: first preferences are tied"));
}

#[test]
fn an_empty_ballot_is_left_open_or_blank_or_refused() {
    let file = parse(Format::Cat, preflib("cat", 2, &["1: {},{1,2,3}", "1: {1,3},2"]).as_bytes()).unwrap();
    let approval = election(3, Choice { blank: false, max: 3, min: 0, seats: 1, undervotes: false });
    let answers = convert(&approval, &file).unwrap();
    assert_eq!(answers, [choose("chair", &[], false).unwrap(), choose("chair", &["a", "c"], false).unwrap()]);
    let with_blank = election(3, Choice { blank: true, max: 3, min: 1, seats: 1, undervotes: false });
    assert_eq!(convert(&with_blank, &file).unwrap()[0], choose("chair", &[], true).unwrap());
    let refused =
        convert(&election(3, Choice { blank: false, max: 3, min: 1, seats: 1, undervotes: false }), &file).unwrap_err();
    assert!(matches!(refused.problem, FileProblem::Convert(ConvertError::Nothing(_))));
    let refused =
        convert(&election(3, Choice { blank: false, max: 1, min: 0, seats: 1, undervotes: false }), &file).unwrap_err();
    assert_eq!(refused.line, 10);
    let overvote = FileProblem::Convert(ConvertError::Answer(AnswerError::Overvote {
        contest: id("chair").unwrap(),
        chosen: 2,
        max: 1,
    }));
    assert_eq!(refused.problem, overvote);
}

#[test]
fn a_file_that_does_not_fit_the_election_is_refused() {
    let file = parse(Format::Soi, preflib("soi", 1, &["1: 1"]).as_bytes()).unwrap();
    let four = election(4, ONE);
    assert!(matches!(Converter::new(&four, &file, None), Err(ConvertError::Alternatives { .. })));
    let other = id("other").unwrap();
    assert!(matches!(Converter::new(&election(3, ONE), &file, Some(&other)), Err(ConvertError::NoContest(_))));
    let csv = parse(Format::Csv, b"mayor\na\n").unwrap();
    assert!(matches!(Converter::new(&four, &csv, None), Err(ConvertError::NoContest(_))));
    let csv = parse(Format::Csv, b"chair\nz\n").unwrap();
    let refused = convert(&four, &csv).unwrap_err();
    assert!(matches!(
        refused.problem,
        FileProblem::Convert(ConvertError::Answer(AnswerError::UnknownSelection { .. }))
    ));
}

#[test]
fn several_contests_and_styles_need_a_word_on_which() {
    let election = SampleElection::start(
        (1, 1),
        |m| {
            m.contests.push(
                choice_contest("board", 3, Choice { blank: true, max: 2, min: 1, seats: 2, undervotes: false })
                    .unwrap(),
            );
            m.ballot_styles[0].contests = vec![id("chair").unwrap(), id("board").unwrap()];
            let short = veritally_crypto::manifest::BallotStyle {
                contests: vec![id("board").unwrap()],
                id: id("short").unwrap(),
                name: english("Short"),
            };
            m.ballot_styles.push(short);
        },
        &mut rand::rng(),
    )
    .unwrap();
    let manifest = election.state.manifest();
    let (all, short, board) = (id("all").unwrap(), id("short").unwrap(), id("board").unwrap());
    let soi = parse(Format::Soi, preflib("soi", 1, &["1: 2,3"]).as_bytes()).unwrap();
    assert!(matches!(Converter::new(manifest, &soi, None), Err(ConvertError::WhichContest)));
    let converter = Converter::new(manifest, &soi, Some(&board)).unwrap();
    assert_eq!(converter.answers(&soi.ballots[0], &short).unwrap(), choose("board", &["b"], false).unwrap());
    // `chair` can neither be left open nor blank.
    assert!(matches!(
        converter.answers(&soi.ballots[0], &all).unwrap_err().problem,
        FileProblem::Convert(ConvertError::Nothing(_))
    ));
    let csv = parse(Format::Csv, b"chair,board\na,b;c\n,blank\n").unwrap();
    let converter = Converter::new(manifest, &csv, None).unwrap();
    assert_eq!(converter.answers(&csv.ballots[0], &all).unwrap().len(), 2);
    assert_eq!(converter.answers(&csv.ballots[1], &short).unwrap(), choose("board", &[], true).unwrap());
    assert!(matches!(
        converter.answers(&csv.ballots[0], &short).unwrap_err().problem,
        FileProblem::Convert(ConvertError::NotOnStyle { .. })
    ));
}

/// The folder with real ballots, which is not part of the project.
fn data(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("VERITALLY_DATA").map_or(beside, PathBuf::from);
    let path = folder.join(name);
    if path.exists() {
        return Some(path);
    }
    // Not by println: the test harness would swallow it.
    _ = writeln!(std::io::stderr(), "skipped: no {name} (set VERITALLY_DATA to the folder with real ballots)");
    None
}

/// How often each selection is chosen.
fn count(manifest: &CheckedManifest, file: &BallotFile) -> BTreeMap<Id, u64> {
    let mut counts = BTreeMap::new();
    for (answers, ballot) in convert(manifest, file).unwrap().iter().zip(&file.ballots) {
        let Answer::Choice(chosen) = answers.values().next().unwrap() else { panic!("no choice") };
        for selection in &chosen.selections {
            *counts.entry(selection.clone()).or_default() += ballot.count;
        }
    }
    counts
}

#[test]
fn first_preferences_of_baulkham_hills_add_up_to_its_49266_voters() {
    let Some(path) = data("baulkham-hills-2015.soi") else { return };
    let file = ballot_files::read(&path).unwrap();
    assert_eq!((file.count(), file.alternatives.len(), file.ballots.len()), (49_266, 5, 245));
    assert_eq!(count(&election(5, ONE), &file).values().sum::<u64>(), 49_266);
}

#[test]
fn first_preferences_of_maitland_add_up_to_its_53050_voters() {
    let Some(path) = data("maitland-2019.soi") else { return };
    let file = ballot_files::read(&path).unwrap();
    assert_eq!(count(&election(8, ONE), &file).values().sum::<u64>(), 53_050);
}

#[test]
fn first_preferences_of_brechin_and_edzell_add_up_to_its_3933_ballots() {
    let Some(path) = data("angus-2022-brechin-and-edzell.blt") else { return };
    let file = ballot_files::read(&path).unwrap();
    assert_eq!(file.alternatives[3], "Jill BROWN SCOTT \"Independent\"");
    assert_eq!(count(&election(5, ONE), &file).values().sum::<u64>(), 3_933);
}

#[test]
fn approvals_of_gy_les_nonains_are_those_of_365_voters() {
    let Some(path) = data("gy-les-nonains-2002.cat") else { return };
    let file = ballot_files::read(&path).unwrap();
    assert_eq!((file.count(), file.alternatives.len()), (365, 16));
    let counts = count(&election(16, Choice { blank: false, max: 16, min: 0, seats: 1, undervotes: false }), &file);
    // The same, read in the simplest way.
    let text = std::fs::read_to_string(&path).unwrap();
    for (number, letter) in [(1, "a"), (6, "f"), (16, "p")] {
        let mut expected = 0;
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (how_many, rest) = line.split_once(": ").unwrap();
            let first = match rest.strip_prefix('{') {
                Some(inside) => inside.split_once('}').unwrap().0,
                None => rest.split_once(',').unwrap().0,
            };
            if first.split(',').any(|n| n == number.to_string()) {
                expected += how_many.parse::<u64>().unwrap();
            }
        }
        assert_eq!(counts[&id(letter).unwrap()], expected);
    }
}
