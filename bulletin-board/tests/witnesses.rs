//! The board and its witnesses, over real HTTP: one that cosigns, and others with every way to fail.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;
#[path = "common/program.rs"]
mod program;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{Running, now_ms, receipt};
use program::Program;
use veritally_board::http::server::{Plain, ServerLimits, serve};
use veritally_board_api::answers::{Readiness, Witnesses};
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::Head;
use veritally_crypto::log::cosignature::cosign;
use veritally_crypto::log::note::{Note, NoteVerifier};
use veritally_crypto::log::{Checkpoint, ConsistencyProof};
use veritally_crypto::manifest::NamedKey;
use veritally_crypto::signature::SigningSecret;
use warp::Filter as _;

fn name(number: u8) -> String {
    format!("witness.example/w{number}")
}

fn key(number: u8) -> SigningSecret {
    SigningSecret::from_seed(&[100 + number; 32])
}

/// What a witness in these tests does.
#[derive(Clone, Copy)]
enum Behaviour {
    /// As it should.
    Honest,
    /// It signs with another key.
    OtherKey,
    /// Its clock is an hour behind.
    Late,
    /// It answers so.
    Fixed(u16, &'static str),
}

struct State {
    behaviour: Behaviour,
    last: Head,
    requests: usize,
}

/// A witness of these tests' own, so that it can misbehave.
#[derive(Clone)]
struct TestWitness {
    number: u8,
    state: Arc<Mutex<State>>,
    address: SocketAddr,
}

fn cosignature(number: u8, state: &mut State, body: &str) -> (u16, String) {
    let (head, signed) = body.split_once("\n\n").unwrap();
    let mut lines = head.lines();
    let old: u64 = lines.next().unwrap().strip_prefix("old ").unwrap().parse().unwrap();
    let proof = lines.map(|line| Hash(STANDARD.decode(line).unwrap().try_into().unwrap())).collect();
    let note = Note::parse(signed).unwrap();
    let new = Checkpoint::parse(note.text()).unwrap().head();
    if old != state.last.tree_size {
        return (409, format!("{}\n", state.last.tree_size));
    }
    if old > 0 && old < new.tree_size && ConsistencyProof(proof).verify(&state.last, &new).is_err() {
        return (422, String::new());
    }
    state.last = new;
    let (key, time_ms) = match state.behaviour {
        Behaviour::OtherKey => (key(number + 50), now_ms()),
        Behaviour::Late => (key(number), now_ms() - 3_600_000),
        _ => (key(number), now_ms()),
    };
    (200, format!("{}\n", cosign(note.text(), &name(number), &key, time_ms / 1_000).unwrap()))
}

impl TestWitness {
    async fn start(number: u8, behaviour: Behaviour) -> Self {
        let last = Head { root: Hash::ZERO, tree_size: 0 };
        let state = Arc::new(Mutex::new(State { behaviour, last, requests: 0 }));
        let shared = Arc::clone(&state);
        let route =
            warp::path("add-checkpoint").and(warp::post()).and(warp::body::bytes()).map(move |body: bytes::Bytes| {
                let mut state = shared.lock().unwrap();
                state.requests += 1;
                let (status, text) = match state.behaviour {
                    Behaviour::Fixed(status, text) => (status, text.to_owned()),
                    _ => cosignature(number, &mut state, std::str::from_utf8(&body).unwrap()),
                };
                http::Response::builder().status(status).body(text).unwrap()
            });
        let route = route.map(warp::Reply::into_response);
        let route = route.recover(async |_| Ok::<_, Infallible>(warp::reply::Response::default()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (down, going_down) = tokio::sync::watch::channel(false);
        tokio::spawn(async move {
            serve(listener, Plain, route.unify().boxed(), ServerLimits::default(), going_down).await;
            drop(down);
        });
        Self { number, state, address }
    }

    fn behave(&self, behaviour: Behaviour) {
        self.state.lock().unwrap().behaviour = behaviour;
    }
}

impl TestWitness {
    fn verifier(&self) -> NoteVerifier {
        NoteVerifier::witness(name(self.number), key(self.number).verification_key()).unwrap()
    }
}

/// As the manifest and the board's setting name them.
fn named(witnesses: &[TestWitness]) -> (Vec<NamedKey>, String) {
    let keys = witnesses.iter().map(|w| NamedKey { key: key(w.number).verification_key(), name: name(w.number) });
    let addresses = witnesses.iter().map(|w| format!("{}=http://{}/", name(w.number), w.address));
    (keys.collect(), addresses.collect::<Vec<_>>().join(","))
}

async fn told(running: &Running, board: &Program) -> Witnesses {
    let url = format!("{}/e/{}/witnesses", board.url, running.board.id());
    reqwest::Client::builder().no_proxy().build().unwrap().get(url).send().await.unwrap().json().await.unwrap()
}

/// Waits until a witness's problem says this; `None` until it has none.
async fn wait_for_problem(running: &Running, board: &Program, number: u8, expected: Option<&str>) -> Witnesses {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let witnesses = told(running, board).await;
        let problem = witnesses.witnesses.iter().find(|w| w.name == name(number)).unwrap().problem.clone();
        let found = match (&problem, expected) {
            (Some(problem), Some(expected)) => problem.contains(expected),
            (None, None) => true,
            _ => false,
        };
        if found {
            return witnesses;
        }
        assert!(Instant::now() < deadline, "{problem:?} instead of {expected:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn cast(running: &mut Running, voter: usize) -> u64 {
    let ballot = running.ballot(voter, "a");
    let (text, _) = receipt(running.board.submit_ballot(ballot.bytes().to_vec()).await.unwrap());
    running.verify(&ballot, &text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quorum_cosigns_what_is_published_and_others_that_fail_are_named() {
    let behaviours = [
        (Behaviour::Honest, None),
        (Behaviour::Late, None),
        (Behaviour::OtherKey, Some("no cosignature of the witness's key")),
        (Behaviour::Fixed(404, ""), Some("does not know this log")),
        (Behaviour::Fixed(403, ""), Some("with another key")),
        (Behaviour::Fixed(422, ""), Some("REFUSES")),
        (Behaviour::Fixed(409, "999999\n"), Some("HAS COSIGNED 999999")),
        (Behaviour::Fixed(409, "many\n"), Some("no size")),
        (Behaviour::Fixed(409, "1\n"), Some("another size each time")),
        (Behaviour::Fixed(200, "thank you\n"), Some("no cosignature")),
        (Behaviour::Fixed(418, ""), Some("status 418")),
        (Behaviour::Fixed(503, ""), Some("busy")),
    ];
    let mut witnesses = Vec::new();
    for (number, (behaviour, _)) in behaviours.iter().enumerate() {
        witnesses.push(TestWitness::start(number as u8, *behaviour).await);
    }
    // Nobody listens there.
    let nobody = TestWitness { number: 99, address: "127.0.0.1:9".parse().unwrap(), ..witnesses[0].clone() };
    let (keys, addresses) = named(&[&witnesses[..], &[nobody]].concat());
    let directory = tempfile::tempdir().unwrap();
    let board = Program::start(directory.path(), &["--witnesses", &addresses, "--witness-interval", "100ms"]);
    let change = |manifest: &mut veritally_crypto::manifest::Manifest| {
        manifest.witnesses = keys.clone();
        manifest.witness_quorum = 2;
    };
    let mut running = board.election_with(&board.client(), 8, change).await;
    for voter in 0..8 {
        let index = cast(&mut running, voter).await;
        let note = Note::parse(&running.board.checkpoint().await.unwrap()).unwrap();
        assert!(Checkpoint::parse(note.text()).unwrap().tree_size > index, "what was acknowledged is covered");
        for witness in &witnesses[..2] {
            assert!(witness.verifier().cosigned(&note).is_some(), "{note}");
        }
        assert_eq!(note.signatures().len(), 3, "the log's and two cosignatures: {note}");
    }
    for (number, (_, problem)) in behaviours.iter().enumerate() {
        wait_for_problem(&running, &board, number as u8, *problem).await;
    }
    let told = wait_for_problem(&running, &board, 99, Some("can't be reached")).await;
    assert_eq!((told.quorum, told.witnesses.len()), (2, 13));
    let asked = witnesses[5].state.lock().unwrap().requests;
    assert!(asked < 8, "who fails is asked ever more slowly: {asked} times");
    // A witness's clock contradicts ours.
    let ready: Readiness = reqwest::get(format!("{}/ready", board.url)).await.unwrap().json().await.unwrap();
    assert!(ready.warnings.iter().any(|w| w.contains("ahead of witness.example/w1")), "{:?}", ready.warnings);
    assert!(board.terminate());
}

/// Copies a database and its write-ahead log, which a stopped board leaves.
fn copy(data: &Path, from: &str, to: &str) {
    for suffix in ["", "-wal", "-shm"] {
        let (from, to) = (data.join(format!("{from}{suffix}")), data.join(format!("{to}{suffix}")));
        let _ = std::fs::remove_file(&to);
        if suffix != "-shm" && from.exists() {
            std::fs::copy(from, to).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_that_is_down_holds_nobody_up_and_one_that_is_back_refuses_a_rollback() {
    let witness = TestWitness::start(0, Behaviour::Honest).await;
    let (keys, addresses) = named(std::slice::from_ref(&witness));
    let directory = tempfile::tempdir().unwrap();
    let settings = ["--witnesses", &addresses, "--witness-interval", "100ms"];
    let board = Program::start(directory.path(), &settings);
    let change = |manifest: &mut veritally_crypto::manifest::Manifest| {
        manifest.witnesses = keys.clone();
        manifest.witness_quorum = 1;
    };
    let mut running = board.election_with(&board.client(), 12, change).await;
    cast(&mut running, 0).await;
    let size = async |running: &Running| {
        let note = Note::parse(&running.board.checkpoint().await.unwrap()).unwrap();
        let cosigned = witness.verifier().cosigned(&note).is_some();
        (Checkpoint::parse(note.text()).unwrap().tree_size, cosigned)
    };
    assert!(size(&running).await.1);
    witness.behave(Behaviour::Fixed(500, ""));
    let index = cast(&mut running, 1).await;
    wait_for_problem(&running, &board, 0, Some("status 500")).await;
    let start = Instant::now();
    let (published, cosigned) = size(&running).await;
    assert!(published > index && !cosigned && start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    witness.behave(Behaviour::Honest);
    wait_for_problem(&running, &board, 0, None).await;
    common::settled(&running.board).await;
    assert!(size(&running).await.1, "the witness has caught up");
    // An export without the server has the cosignature, too.
    let out = directory.path().join("record");
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let mut export = program::command(&["export", "--election", "sample", "--data"]);
        let (success, text) = program::output(export.arg(directory.path()).arg("--out").arg(&out));
        assert!(success, "{text}");
        let note = Note::parse(&std::fs::read_to_string(out.join("checkpoint")).unwrap()).unwrap();
        if witness.verifier().cosigned(&note).is_some() {
            break;
        }
        assert!(Instant::now() < deadline, "{note}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    // A copy is made; ballots come and are cosigned; the copy is put back.
    assert!(board.terminate());
    copy(directory.path(), "board.db", "copy.db");
    let restart = |running: &mut Running| {
        let board = Program::start(directory.path(), &settings);
        running.board = board.client().election(running.board.id().clone());
        board
    };
    let board = restart(&mut running);
    for voter in 2..6 {
        cast(&mut running, voter).await;
    }
    common::settled(&running.board).await;
    let (lost, cosigned) = size(&running).await;
    assert!(cosigned);
    assert!(board.terminate());
    copy(directory.path(), "copy.db", "board.db");
    let board = restart(&mut running);
    wait_for_problem(&running, &board, 0, Some(&format!("HAS COSIGNED {lost}"))).await;
    assert!(!size(&running).await.1);
    // The log grows over the lost size, with other ballots.
    let mut voter = 6;
    while size(&running).await.0 <= lost {
        cast(&mut running, voter).await;
        voter += 1;
    }
    wait_for_problem(&running, &board, 0, Some("REFUSES")).await;
    assert!(!size(&running).await.1);
    assert_eq!(witness.state.lock().unwrap().last.tree_size, lost, "nothing was cosigned any more");
    assert!(board.log().contains("THE WITNESS REFUSES"));
    assert!(board.terminate());
}
