//! Answers of every contest type: as people type them, and made of rankings.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod board;

use veritally_crypto::contests::{
    Answer, AnswerError, BordaAnswer, ChoiceAnswer, CondorcetAnswer, QuadraticAnswer, ScoreAnswer,
};
use veritally_crypto::id::Id;
use veritally_crypto::manifest::{CheckedManifest, Contest};
use veritally_crypto::sample::{SampleElection, id};
use veritally_session::ballot_files::{BallotFile, ConvertError, Converter, FileProblem, Format, LineError, parse};
use veritally_session::marks::{Marks, MarksError, nothing};

fn manifest() -> CheckedManifest {
    (**SampleElection::start((1, 1), board::every_type, &mut rand::rng()).unwrap().state.manifest()).clone()
}

fn contest(name: &str) -> Contest {
    manifest().contests.iter().find(|contest| contest.id.as_str() == name).unwrap().clone()
}

fn ids(text: &str) -> Vec<Id> {
    text.chars().map(|c| id(&c.to_string()).unwrap()).collect()
}

fn groups(text: &str) -> Vec<Vec<Id>> {
    text.split(' ').filter(|group| !group.is_empty()).map(ids).collect()
}

fn read(name: &str, text: &str) -> Result<Answer, MarksError> {
    Marks::parse(text, ',')?.answer(&contest(name))
}

fn borda(ranking: &str) -> Answer {
    Answer::Borda(BordaAnswer { ranking: ids(ranking) })
}

fn condorcet(ranking: &str) -> Answer {
    Answer::Condorcet(CondorcetAnswer { ranking: groups(ranking) })
}

#[test]
fn every_type_has_its_own_way_to_be_written() {
    let choice = |blank, chosen: &str| Answer::Choice(ChoiceAnswer { blank, selections: ids(chosen) });
    assert_eq!(read("choice", "a, b").unwrap(), choice(false, "ab"));
    assert_eq!(read("choice", "").unwrap(), choice(false, ""));
    assert_eq!(read("choice", "blank").unwrap(), choice(true, ""));
    let numbers = [(id("a").unwrap(), 3), (id("b").unwrap(), 0)];
    let scores = Answer::Score(ScoreAnswer { scores: numbers.clone().into() });
    assert_eq!(read("score", "a:3,b: 0").unwrap(), scores);
    assert_eq!(read("score", "").unwrap(), Answer::Score(ScoreAnswer { scores: [].into() }));
    let votes = Answer::Quadratic(QuadraticAnswer { votes: numbers.into() });
    assert_eq!(read("quadratic", " a:3 , b:0").unwrap(), votes);
    assert_eq!(read("borda", "c > a>b").unwrap(), borda("cab"));
    assert_eq!(read("borda", "c").unwrap(), borda("c"));
    assert_eq!(read("borda", "").unwrap(), borda(""));
    assert_eq!(read("condorcet", "c>a=b").unwrap(), condorcet("c ab"));
    assert_eq!(read("condorcet", "a=b").unwrap(), condorcet("ab"));
    assert_eq!(read("condorcet", "d").unwrap(), condorcet("d"));
}

#[test]
fn what_is_written_in_another_types_way_is_refused_with_the_right_one() {
    for (name, text) in [
        ("choice", "a>b"),
        ("choice", "a:1"),
        ("score", "a"),
        ("score", "a>b"),
        ("quadratic", "a,b"),
        ("borda", "a,b"),
        ("borda", "a:1"),
        ("condorcet", "a,b"),
    ] {
        assert!(matches!(read(name, text), Err(MarksError::Form { .. })), "{name} {text}");
    }
    assert_eq!(read("borda", "a>b=c"), Err(MarksError::Tied(id("borda").unwrap())));
    assert!(matches!(read("score", "a:1,a:1"), Err(MarksError::Answer(AnswerError::Repeated { .. }))));
    for name in ["score", "quadratic", "borda", "condorcet"] {
        assert!(matches!(read(name, "blank"), Err(MarksError::Answer(AnswerError::Blank(_)))));
    }
    for text in ["a:", "a:-1", "a:+1", "a:1.5", "a:1,b", "a:99999999999999999999"] {
        assert!(matches!(read("score", text), Err(MarksError::Value(_))), "{text}");
    }
    for text in ["a,", ",", "A", "a;b", "a>", ">a", "a=>b", "a>b,c", ":1"] {
        assert!(matches!(read("condorcet", text), Err(MarksError::Id(..))), "{text}");
    }
}

#[test]
fn nothing_is_said_openly_where_that_is_allowed_else_by_blank() {
    assert_eq!(nothing(&contest("choice")), Some(read("choice", "blank").unwrap()));
    assert_eq!(nothing(&contest("score")), Some(read("score", "").unwrap()));
    assert_eq!(nothing(&contest("condorcet")), Some(condorcet("")));
    let mut strict = contest("borda");
    assert_eq!(nothing(&strict), Some(borda("")));
    let veritally_crypto::contests::Rule::Borda(rule) = &mut strict.rule else { panic!("no Borda contest") };
    rule.min = 1;
    assert_eq!(nothing(&strict), None);
}

fn toi(lines: &[&str]) -> BallotFile {
    let mut text = format!("# NUMBER ALTERNATIVES: 4\n# NUMBER VOTERS: {}\n", lines.len());
    (1..=4).for_each(|i| text += &format!("# ALTERNATIVE NAME {i}: {i}\n"));
    lines.iter().for_each(|line| text += &format!("1: {line}\n"));
    parse(Format::Toi, text.as_bytes()).unwrap()
}

fn convert(file: &BallotFile, name: &str) -> Result<Vec<Answer>, LineError> {
    let manifest = manifest();
    let contest = id(name).unwrap();
    let converter = Converter::new(&manifest, file, Some(&contest)).unwrap();
    let answers = file.ballots.iter().map(|ballot| converter.answers(ballot, &id("all").unwrap()));
    answers.map(|answers| answers.map(|mut answers| answers.remove(&contest).unwrap())).collect()
}

#[test]
fn a_ranking_is_a_borda_ballot_unless_it_has_ties_or_too_many_places() {
    let file = toi(&["3,1,2", "4"]);
    assert_eq!(convert(&file, "borda").unwrap(), [borda("cab"), borda("d")]);
    let tied = convert(&toi(&["3,1,2", "4,{1,2}"]), "borda").unwrap_err();
    let problem = FileProblem::Convert(ConvertError::Marks(MarksError::Tied(id("borda").unwrap())));
    assert_eq!(tied, LineError { line: 8, problem });
    assert!(tied.to_string().starts_with("line 8: selections are tied"), "{tied}");
    let too_many = convert(&toi(&["3,1,2,4"]), "borda").unwrap_err();
    let overvote = AnswerError::Overvote { contest: id("borda").unwrap(), chosen: 4, max: 3 };
    assert_eq!(too_many, LineError { line: 7, problem: FileProblem::Convert(ConvertError::Answer(overvote)) });
}

#[test]
fn a_ranking_is_a_condorcet_ballot_with_its_ties() {
    let file = toi(&["3,{1,2}", "{1,2},4,3", "2"]);
    assert_eq!(convert(&file, "condorcet").unwrap(), [condorcet("c ab"), condorcet("ab d c"), condorcet("b")]);
    let blt = "4 1\n-1\n1 1 3=2 0\n1 0\n0\n\"A\"\n\"B\"\n\"C\"\n\"D\"\n";
    let blt = parse(Format::Blt, blt.as_bytes()).unwrap();
    assert_eq!(convert(&blt, "condorcet").unwrap(), [condorcet("cb"), condorcet("")]);
}

#[test]
fn ballots_that_say_nothing_of_a_contests_type_are_refused() {
    let cat = "# NUMBER ALTERNATIVES: 2\n# NUMBER VOTERS: 1\n# NUMBER CATEGORIES: 2\n# ALTERNATIVE NAME 1: A\n\
               # ALTERNATIVE NAME 2: B\n# ALTERNATIVE NAME 3: C\n# ALTERNATIVE NAME 4: D\n1: 1,2\n";
    let cat = cat.replace("ALTERNATIVES: 2", "ALTERNATIVES: 4");
    let cat = parse(Format::Cat, cat.as_bytes()).unwrap();
    let cases = [(toi(&["1"]), "score"), (toi(&["1"]), "quadratic"), (cat.clone(), "condorcet"), (cat, "score")];
    for (file, name) in &cases {
        let refused = convert(file, name).unwrap_err();
        assert!(matches!(refused.problem, FileProblem::Convert(ConvertError::Type { .. })), "{name}: {refused}");
    }
}

#[test]
fn a_plain_csv_answers_contests_of_every_type() {
    let manifest = manifest();
    let text = "choice,score,quadratic,borda,condorcet\na;b,a:3;b:5,a:2,a>b>c,a>b=c\nblank,,,,\n";
    let file = parse(Format::Csv, text.as_bytes()).unwrap();
    let converter = Converter::new(&manifest, &file, None).unwrap();
    let all = id("all").unwrap();
    let answers = converter.answers(&file.ballots[0], &all).unwrap();
    for (name, text) in
        [("choice", "a,b"), ("score", "a:3,b:5"), ("quadratic", "a:2"), ("borda", "a>b>c"), ("condorcet", "a>b=c")]
    {
        assert_eq!(answers[&id(name).unwrap()], read(name, text).unwrap());
    }
    assert_eq!(converter.answers(&file.ballots[1], &all).unwrap()[&id("borda").unwrap()], borda(""));
    // The rule's own limits are explained with the line.
    let over = parse(Format::Csv, b"choice,quadratic\na,a:2\na,a:3;b:1\n").unwrap();
    let refused = Converter::new(&manifest, &over, None).unwrap().answers(&over.ballots[1], &all).unwrap_err();
    assert!(refused.to_string().starts_with("line 3: ") && refused.to_string().contains("budget of 9"), "{refused}");
}
