//! `veritally-voter` itself, against a board.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod board;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use board::Board;

struct Ran {
    success: bool,
    shown: String,
}

impl Ran {
    /// What stands behind `label` on a line of its own.
    fn value(&self, label: &str) -> &str {
        self.shown
            .lines()
            .find_map(|line| line.strip_prefix(label))
            .unwrap_or_else(|| panic!("no {label}: {}", self.shown))
    }
}

fn run(board: &Board, arguments: &str, code: Option<usize>) -> Ran {
    let arguments = arguments.replace("LINK", &board.link.to_string());
    let mut command = Command::new(env!("CARGO_BIN_EXE_veritally-voter"));
    command.current_dir(board.state.path()).args(arguments.split_whitespace());
    command.args(["--state", "state", "--patience", "0"]).env_remove("VERITALLY_CODE").stdin(Stdio::null());
    if let Some(voter) = code {
        command.env("VERITALLY_CODE", board.code(voter).expose_text().to_lowercase());
    }
    let output = tokio::task::block_in_place(|| command.output().unwrap());
    let shown = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    for voter in &board.lock().election.voters {
        assert!(!shown.contains(voter.code.expose_text().as_str()), "a code was printed");
    }
    Ran { success: output.status.success(), shown }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voter_killed_between_casting_and_receipt_finds_the_ballot_and_it_counts_once() {
    let board = Board::open(1).await;
    // The board logs the ballot, and its answers get lost: the program asks again and again.
    board.lock().lose_answers_after = Some(0);
    let mut voter = Command::new(env!("CARGO_BIN_EXE_veritally-voter"))
        .current_dir(board.state.path())
        .args(["cast", "--link", &board.link.to_string(), "--choose", "chair=b", "--yes"])
        .args(["--state", "state", "--patience", "600"])
        .env("VERITALLY_CODE", board.code(0).expose_text().as_str())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while board.lock().posted.is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    // SIGKILL.
    voter.kill().unwrap();
    voter.wait().unwrap();
    board.lock().lose_answers_after = None;
    // Other choices than before: the stored ballot goes first, as it is.
    let again = run(&board, "cast --link LINK --choose chair=c --yes", Some(0));
    assert!(again.success && again.shown.contains("it is sent again now"), "{}", again.shown);
    let status = run(&board, "status --link LINK --json", Some(0));
    let status: serde_json::Value = serde_json::from_str(&status.shown).unwrap();
    assert_eq!(status["ballots"], 1);
    let check = run(&board, "check --json", None);
    let check: serde_json::Value = serde_json::from_str(&check.shown).unwrap();
    assert!(check[0]["ballots"][0]["entry"].is_u64() && check[0]["failed"].is_null(), "{check}");
    let inner = board.lock();
    assert!(inner.posted.iter().all(|bytes| *bytes == inner.posted[0]), "the same bytes each time");
    assert_eq!(inner.election.state.counts().ballots_cast, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoiled_ballot_is_published_only_while_it_is_the_next_ones_turn() {
    let board = Board::open(1).await;
    assert!(run(&board, "spoil --link LINK --choose chair=d --yes --out spoiled.json", Some(0)).success);
    let published = run(&board, "publish-spoiled spoiled.json --link LINK", Some(0));
    assert!(published.success && published.shown.contains("published: entry"), "{}", published.shown);
    assert_eq!(board.lock().election.state.counts().ballots_spoiled, 1);
    assert!(run(&board, "spoil --link LINK --choose chair=d --yes --out late.json", Some(0)).success);
    assert!(run(&board, "cast --link LINK --choose chair=b --yes", Some(0)).success);
    assert!(!run(&board, "publish-spoiled late.json --link LINK", Some(0)).success, "its turn is over");
}

fn secret(path: &Path, text: &str, mode: u32) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voter_casts_checks_and_votes_again() {
    let board = Board::open(2).await;
    let code = board.code(0).expose_text().to_string() + "\n";
    secret(&board.state.path().join("code"), &code, 0o600);
    secret(&board.state.path().join("open-code"), &code, 0o644);
    let cast = run(&board, "cast --link LINK --choose chair=b --code-file code --yes", None);
    assert!(cast.success, "{}", cast.shown);
    assert_eq!(cast.value("all its bits: ").len(), 64);
    let check = run(&board, "check", None);
    assert!(check.success && check.shown.contains(cast.value("confirmation code: ")), "{}", check.shown);
    assert!(run(&board, "cast --link LINK --choose chair=c --yes", Some(0)).success);
    let status = run(&board, "status --link LINK", Some(0));
    assert_eq!(status.value("ballots in the log: "), "2", "{}", status.shown);
    for (arguments, reason) in [
        ("cast --link LINK --choose chair=b --code-file open-code --yes", "chmod 600"),
        ("cast --link LINK --choose chair=b,c --code-file code --yes", "overvote"),
        ("cast --link LINK --choose mayor=b --code-file code --yes", "no contest mayor"),
        ("cast --link LINK --choose b --code-file code --yes", "chair=a"),
        ("cast --link LINK --choose chair=b --code-file code", "--yes"),
        ("cast --link LINK --choose chair=b --yes", "no credential code"),
    ] {
        let refused = run(&board, arguments, None);
        assert!(!refused.success && refused.shown.contains(reason), "{arguments}: {}", refused.shown);
    }
    assert_eq!(board.lock().election.state.counts().ballots_cast, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoiled_ballot_is_checked_with_all_bits_of_its_code() {
    let board = Board::open(1).await;
    let spoiled = run(&board, "spoil --link LINK --choose chair=d --yes --out spoiled.json", Some(0));
    assert!(spoiled.success, "{}", spoiled.shown);
    let bits = spoiled.value("all its bits: ").to_owned();
    let good = run(&board, &format!("check-spoiled spoiled.json --link LINK --code {bits}"), None);
    assert!(good.success && good.shown.contains("chair: D"), "{}", good.shown);
    let without = run(&board, "check-spoiled spoiled.json", None);
    assert!(!without.success, "nothing was compared: {}", without.shown);
    assert!(without.shown.contains("NOT CHECKED"), "{}", without.shown);
    let other = format!("check-spoiled spoiled.json --link LINK --code {}", "0".repeat(64));
    assert!(!run(&board, &other, None).success);
    let short = format!("check-spoiled spoiled.json --link LINK --code {}", spoiled.value("confirmation code: "));
    let short = run(&board, &short, None);
    assert!(!short.success && short.shown.contains("64 hexadecimal digits"), "{}", short.shown);
    let path = board.state.path().join("spoiled.json");
    let lie = std::fs::read_to_string(&path).unwrap().replace("\"d\"", "\"e\"");
    std::fs::write(&path, lie).unwrap();
    let lie = run(&board, "check-spoiled spoiled.json --link LINK", None);
    assert!(!lie.success && lie.shown.contains("cheated"), "{}", lie.shown);
    assert!(board.lock().posted.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_ballots_are_cast_from_files_and_the_totals_printed() {
    let board = Board::open(6).await;
    let mut codes = "id,name,code\n".to_owned();
    for (voter, number) in board.lock().election.voters.iter().zip(1..) {
        codes += &format!("v{number},,{}\n", voter.code.expose_text().as_str());
    }
    secret(&board.state.path().join("codes.csv"), &codes, 0o600);
    std::fs::write(board.state.path().join("ballots.csv"), "count,chair\n3,b\n2,e\n1,a\n").unwrap();
    let many = "cast-many --link LINK --ballots ballots.csv --credentials codes.csv --totals totals.json";
    let cast = run(&board, many, None);
    assert!(cast.success, "{}", cast.shown);
    assert_eq!((cast.value("total chair b "), cast.value("total chair c ")), ("3", "0"));
    let totals = std::fs::read_to_string(board.state.path().join("totals.json")).unwrap();
    assert!(totals.contains("\"id\": \"e\"") && totals.contains("\"count\": 2"));
    let report = |c: u64| {
        format!(
            r#"{{"verdict":"pass","contests":[{{"id":"chair","selections":[{{"id":"a","count":1}},
        {{"id":"b","count":3}},{{"id":"c","count":{c}}},{{"id":"d","count":0}},{{"id":"e","count":2}}]}}]}}"#
        )
    };
    for (c, equal) in [(0, true), (1, false)] {
        std::fs::write(board.state.path().join("report.json"), report(c)).unwrap();
        let compared = run(&board, "compare --report report.json --totals totals.json", None);
        assert_eq!(compared.success, equal, "{}", compared.shown);
    }
    assert_eq!(run(&board, "describe --ballots ballots.csv --count", None).shown, "6\n");
    let again = run(&board, many, None);
    assert!(again.success && again.shown.contains("an earlier run had cast 6"), "{}", again.shown);
    assert_eq!(board.lock().election.state.counts().ballots_cast, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_contest_type_is_voted_on_in_its_own_words_or_from_a_file() {
    let board = Board::of_every_type(&[("all", 1), ("all", 1)]).await;
    let answers = ["choice=a,b", "score=a:3,b:5", "quadratic=a:2", "borda=a>b>c", "condorcet=a>b=c"];
    let cast_command = |answers: &[&str]| {
        let chosen: String = answers.iter().map(|answer| format!(" --choose {answer}")).collect();
        format!("cast --link LINK --yes{chosen}")
    };
    let cast = run(&board, &cast_command(&answers), Some(0));
    assert!(cast.success, "{}", cast.shown);
    for (contest, shown) in [
        ("choice", "A, B"),
        ("score", "A: 3, B: 5"),
        ("quadratic", "A: 2"),
        ("borda", "A > B > C"),
        ("condorcet", "A > B = C"),
    ] {
        assert_eq!(cast.value(&format!("{contest}: ")), shown);
    }
    let in_file = r#"{"borda":{"ranking":["d"],"type":"borda"},"choice":{"blank":true,"selections":[],"type":"choice"},
        "condorcet":{"ranking":[["d"],["a","c"]],"type":"condorcet"},"quadratic":{"type":"quadratic","votes":{"d":3}},
        "score":{"scores":{"c":1},"type":"score"}}"#;
    std::fs::write(board.state.path().join("answers.json"), in_file).unwrap();
    let cast = run(&board, "cast --link LINK --yes --answers answers.json", Some(1));
    assert!(cast.success, "{}", cast.shown);
    assert_eq!((cast.value("choice: "), cast.value("condorcet: ")), ("blank", "D > A = C"));
    for (answer, reason) in [
        ("score=a", "write each id with its number"),
        ("score=a:6", "at most 5"),
        ("score=a:5,b:5", "10 used of a budget of 8"),
        ("quadratic=a:2,b:3", "13 used of a budget of 9"),
        ("borda=a>b=c", "ranks strictly"),
        ("borda=a>b>c>d", "overvote"),
        ("borda=a,b", "write a ranking"),
        ("condorcet=a>b>a", "twice"),
        ("choice=a>b", "write the chosen ids"),
    ] {
        let contest = answer.split('=').next().unwrap();
        let with_it = answers.map(|other| if other.starts_with(contest) { answer } else { other });
        let refused = run(&board, &cast_command(&with_it), Some(0));
        assert!(!refused.success && refused.shown.contains(reason), "{answer}: {}", refused.shown);
    }
    assert_eq!(board.lock().election.state.counts().ballots_cast, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn pairwise_counts_and_their_order_are_compared() {
    let board = Board::open(1).await;
    let row = |id: &str, count: u64| format!(r#"{{"id":"{id}","count":{count}}}"#);
    let rows = [("a>b", 3), ("a>c", 2), ("b>a", 1), ("b>c", 4), ("c>a", 2), ("c>b", 0)].map(|(id, n)| row(id, n));
    let totals = format!(r#"[{{"id":"chair","rows":[{}]}}]"#, rows.join(","));
    std::fs::write(board.state.path().join("totals.json"), totals).unwrap();
    let report = r#"{"verdict":"pass","contests":[{"id":"chair","selections":[{"id":"a"},{"id":"b"},{"id":"c"}],
        "pairwise":[[0,3,2],[1,0,4],[2,0,0]],"path_strengths":[[0,3,3],[0,0,4],[0,0,0]],
        "ranking":[["a"],["b"],["c"]]}]}"#;
    let compare = |report: &str| {
        std::fs::write(board.state.path().join("report.json"), report).unwrap();
        run(&board, "compare --report report.json --totals totals.json", None)
    };
    let same = compare(report);
    assert!(same.success && same.shown.contains("chair a>b: decrypted 3 = cast 3"), "{}", same.shown);
    assert!(same.shown.contains("chair order: decrypted (a > b > c) = cast (a > b > c)"), "{}", same.shown);
    for (from, to) in [
        ("[0,3,2]", "[0,4,2]"),
        (r#"[["a"],["b"],["c"]]"#, r#"[["a","b"],["c"]]"#),
        ("[0,3,3]", "[0,3,2]"),
        (r#""ranking""#, r#""other""#),
        (r#""id":"chair""#, r#""id":"mayor""#),
    ] {
        let differs = compare(&report.replace(from, to));
        assert!(!differs.success && differs.shown.contains("NOT EQUAL"), "{from}: {}", differs.shown);
    }
}
