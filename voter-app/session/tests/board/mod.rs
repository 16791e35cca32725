//! A small board for tests: the real protocol over real HTTP, and tricks that no honest board plays.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, dead_code)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use veritally_board_api::answers::Service;
use veritally_board_api::{Link, Problem, ProblemKind, Status, Tally};
use veritally_crypto::ballot::EncryptedBallot;
use veritally_crypto::contests::{Borda, Choice, Condorcet, FirstPlace, Quadratic, Rule, Score};
use veritally_crypto::hash::Hash;
use veritally_crypto::log::merkle::{Frontier, InclusionProof, leaf_hash};
use veritally_crypto::log::receipt::Receipt;
use veritally_crypto::log::tiles::{TileKind, TilePath, encode_entries, encode_hashes};
use veritally_crypto::log::{Checkpoint, SignedCheckpoint};
use veritally_crypto::manifest::{BallotStyle, Manifest};
use veritally_crypto::record::RecordState;
use veritally_crypto::sample::{SampleElection, choice_contest, english, id};
use veritally_session::{OpenRequest, StateDirectory};

/// A contest of each type, four selections each; the style `short` has the choice and the Condorcet contest only.
pub fn every_type(manifest: &mut Manifest) {
    let rules = [
        ("choice", Rule::Choice(Choice { blank: true, max: 2, min: 1, seats: 1, undervotes: true })),
        ("score", Rule::Score(Score { limit: 8, max: 5, seats: 1 })),
        ("quadratic", Rule::Quadratic(Quadratic { credits: 9, seats: 1 })),
        ("borda", Rule::Borda(Borda { first_place: FirstPlace::N, min: 0, places: 3, seats: 1 })),
        ("condorcet", Rule::Condorcet(Condorcet { seats: 1 })),
    ];
    let plain = || Choice { blank: false, max: 1, min: 1, seats: 1, undervotes: false };
    manifest.contests = rules
        .into_iter()
        .map(|(name, rule)| {
            let mut contest = choice_contest(name, 4, plain()).unwrap();
            contest.rule = rule;
            contest
        })
        .collect();
    let all: Vec<_> = manifest.contests.iter().map(|contest| contest.id.clone()).collect();
    let short = vec![all[0].clone(), all[4].clone()];
    manifest.ballot_styles = vec![
        BallotStyle { contests: all, id: id("all").unwrap(), name: english("All") },
        BallotStyle { contests: short, id: id("short").unwrap(), name: english("Short") },
    ];
}

/// The board's state and its tricks.
pub struct Inner {
    pub election: SampleElection,
    /// Entries served in place of the logged ones.
    pub replaced: HashMap<usize, Vec<u8>>,
    /// Answers to ballots that get lost, after this many that arrive.
    pub lose_answers_after: Option<usize>,
    /// Receipts are for entry 1, whatever was sent.
    pub wrong_receipts: bool,
    /// Ballots are "accepted" and never logged.
    pub swallow: bool,
    /// Refuse ballots like this.
    pub refuse: Option<Problem>,
    /// What the board's clock shows; no status and no events without.
    pub clock_ms: Option<u64>,
    /// Streams of events that are still served.
    pub streams: usize,
    /// Every ballot that arrived, repetitions included.
    pub posted: Vec<Vec<u8>>,
    /// After this many signed heads, another log is shown.
    pub other_log: Option<(usize, Vec<Vec<u8>>)>,
    /// Entries are not served any more.
    pub withhold_entries: bool,
}

pub struct Board {
    pub inner: Arc<Mutex<Inner>>,
    pub link: Link,
    pub state: tempfile::TempDir,
}

impl Board {
    /// Serves an election until the test ends.
    pub async fn serve(election: SampleElection) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let link = format!("veritally://{address}/sample?fp={}", election.fingerprint());
        let inner = Inner {
            election,
            replaced: HashMap::new(),
            lose_answers_after: None,
            wrong_receipts: false,
            swallow: false,
            refuse: None,
            clock_ms: None,
            streams: 0,
            posted: vec![],
            other_log: None,
            withhold_entries: false,
        };
        let inner = Arc::new(Mutex::new(inner));
        let shared = inner.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = shared.clone();
                tokio::spawn(async move { _ = connection(stream, &shared).await });
            }
        });
        Self { inner, link: Link::parse(&link).unwrap(), state: tempfile::tempdir().unwrap() }
    }

    /// With this many voters, opened.
    pub async fn open(voters: usize) -> Self {
        Self::serve(SampleElection::open_with(voters, &mut rand::rng()).unwrap()).await
    }

    /// With a contest of each type, and voters of these styles and weights, opened.
    pub async fn of_every_type(voters: &[(&str, u64)]) -> Self {
        let rng = &mut rand::rng();
        let mut election = SampleElection::start((2, 3), every_type, rng).unwrap();
        election.ceremony(rng).unwrap();
        let roll: Vec<_> = voters.iter().map(|(style, weight)| (*style, "all", *weight)).collect();
        election.roll(&roll, rng).unwrap();
        election.open().unwrap();
        Self::serve(election).await
    }

    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// A request that is made once.
    pub fn request(&self) -> OpenRequest {
        let mut request = OpenRequest::new(self.link.clone(), StateDirectory::new(self.state.path()));
        request.patience = Duration::ZERO;
        request
    }

    /// The code on a voter's letter.
    pub fn code(&self, voter: usize) -> veritally_crypto::credential::CredentialCode {
        self.lock().election.voters[voter].code.clone()
    }
}

async fn connection(mut stream: TcpStream, inner: &Mutex<Inner>) -> std::io::Result<()> {
    let mut buffer = vec![];
    loop {
        let end = loop {
            if let Some(at) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        let head = String::from_utf8(buffer.drain(..end).collect()).unwrap().to_lowercase();
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
        while buffer.len() < length {
            stream.read_buf(&mut buffer).await?;
        }
        let body: Vec<u8> = buffer.drain(..length).collect();
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let Some((status, kind, answer)) = inner.lock().unwrap().answer(&path, &body) else { return Ok(()) };
        let head = format!("HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", answer.len());
        stream.write_all(&[head.as_bytes(), &answer].concat()).await?;
    }
}

type Answer = Option<(u16, &'static str, Vec<u8>)>;

fn plain(bytes: impl Into<Vec<u8>>) -> Answer {
    Some((200, "application/octet-stream", bytes.into()))
}

fn refuse(problem: &Problem) -> Answer {
    Some((problem.status, "application/problem+json", serde_json::to_vec(problem).unwrap()))
}

impl Inner {
    fn entries(&self) -> Vec<Vec<u8>> {
        let entry = |(i, bytes): (usize, &Vec<u8>)| self.replaced.get(&i).unwrap_or(bytes).clone();
        self.election.entries.iter().enumerate().map(entry).collect()
    }

    /// Goes back to the first entries, of which none is a ballot, as if nothing else had ever been logged.
    pub fn rewind(&mut self, size: usize) {
        let entries = std::mem::take(&mut self.election.entries);
        self.election.state = RecordState::start(&entries[0]).unwrap();
        self.election.entries.push(entries[0].clone());
        for entry in &entries[1..size] {
            self.election.append(entry.clone()).unwrap();
        }
    }

    /// The stored hashes and the frontier of what was logged.
    fn tree(&self) -> (Frontier, Vec<Hash>) {
        let (mut frontier, mut stored) = (Frontier::new(), vec![]);
        for entry in &self.election.entries {
            frontier.push_with(leaf_hash(entry), |hash| stored.push(hash));
        }
        (frontier, stored)
    }

    pub fn checkpoint(&self) -> SignedCheckpoint {
        let checkpoint = Checkpoint::new("example.org/sample", &self.tree().0.head());
        SignedCheckpoint::sign(checkpoint, &self.election.log_key).unwrap()
    }

    fn receipt(&self, index: usize) -> String {
        let (frontier, stored) = self.tree();
        let proof = InclusionProof::prove(index as u64, frontier.size(), &stored).unwrap();
        Receipt::new(index as u64, proof, &self.checkpoint()).to_string()
    }

    fn answer(&mut self, path: &str, body: &[u8]) -> Answer {
        let not_found = Problem::new(ProblemKind::NotFound, "");
        match path.strip_prefix("/e/sample/") {
            Some("manifest") => plain(self.entries()[0].clone()),
            Some("checkpoint") => {
                match self.other_log.take() {
                    Some((0, entries)) => self.election.entries = entries,
                    Some((heads, entries)) => self.other_log = Some((heads - 1, entries)),
                    None => {}
                }
                plain(self.checkpoint().to_string())
            }
            Some(tile) if tile.starts_with("tile/entries/") && self.withhold_entries => refuse(&not_found),
            Some("ballots") => self.ballot(body),
            Some("entries") => self.entry(body),
            Some("status") if self.clock_ms.is_some() => plain(serde_json::to_vec(&self.status()).unwrap()),
            Some("events") if self.streams > 0 => {
                self.streams -= 1;
                plain(self.news())
            }
            Some(tile) if tile.starts_with("tile/") => match TilePath::parse(tile).unwrap() {
                tile if tile.is_in(self.election.entries.len() as u64) => self.tile(tile),
                _ => refuse(&not_found),
            },
            Some(receipt) if receipt.starts_with("receipts/") => refuse(&Problem::new(ProblemKind::UnknownEntry, "")),
            _ => refuse(&not_found),
        }
    }

    fn status(&self) -> Status {
        let state = &self.election.state;
        Status {
            checkpoint: String::new(),
            closes_at_ms: state.closes_at_ms(),
            counts: state.counts(),
            election: id("sample").unwrap(),
            fingerprint: self.election.fingerprint(),
            head: self.tree().0.head(),
            opens_at_ms: 0,
            phase: state.phase(),
            service: Service::Serving,
            time_ms: self.clock_ms.unwrap_or_default(),
        }
    }

    /// A stream of events that breaks off.
    fn news(&self) -> String {
        let state = &self.election.state;
        let head = state.tally_head(0);
        let tally = serde_json::to_string(&Tally { head, sums: state.running_tally().encode() }).unwrap();
        let status = serde_json::to_string(&self.status()).unwrap();
        format!(
            "event: status\ndata: {status}\nid: 1\n\nevent: tally\ndata: {tally}\n\n: alive\n\nevent: status\ndata: {{"
        )
    }

    fn tile(&self, tile: TilePath) -> Answer {
        match tile.kind() {
            TileKind::Entries => {
                let entries = self.entries();
                let range = tile.range();
                let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
                plain(encode_entries(entries[range].iter().map(Vec::as_slice)).unwrap())
            }
            TileKind::Hashes(_) => {
                let stored = self.tree().1;
                let hashes: Vec<_> =
                    tile.stored_hashes().iter().map(|&i| stored[usize::try_from(i).unwrap()]).collect();
                plain(encode_hashes(&hashes))
            }
        }
    }

    fn entry(&mut self, body: &[u8]) -> Answer {
        match self.election.append(body.to_vec()) {
            Ok(()) => Some((201, "text/plain", self.receipt(self.election.entries.len() - 1).into_bytes())),
            Err(rejection) => {
                let problem = Problem::new(ProblemKind::Rejected, rejection.to_string());
                refuse(&problem.with_code(rejection.code()))
            }
        }
    }

    fn ballot(&mut self, body: &[u8]) -> Answer {
        self.posted.push(body.to_vec());
        if let Some(problem) = &self.refuse {
            return refuse(problem);
        }
        if self.swallow {
            return Some((202, "application/json", b"{}".to_vec()));
        }
        let known = self.election.entries.iter().position(|entry| entry == body);
        let index = match known {
            Some(index) => index,
            None => {
                let ballot = EncryptedBallot::parse(body).unwrap();
                if let Err(rejection) = self.election.submit(ballot, &mut rand::rng()) {
                    return refuse(
                        &Problem::new(ProblemKind::Rejected, rejection.to_string()).with_code(rejection.code()),
                    );
                }
                self.election.entries.len() - 1
            }
        };
        match &mut self.lose_answers_after {
            Some(0) => return None,
            Some(arriving) => *arriving -= 1,
            None => {}
        }
        let receipt = self.receipt(if self.wrong_receipts { 1 } else { index });
        Some((if known.is_some() { 200 } else { 201 }, "text/plain", receipt.into_bytes()))
    }
}
