//! A server of a record's files that does what a test tells it: not a board, but what a board could do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, dead_code)]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use veritally_board_api::problem::MEDIA_TYPE;
use veritally_board_api::{Link, Problem, ProblemKind};
use veritally_crypto::hash::Hash;
use veritally_verifier::source::Memory;

/// What it does with a path instead of serving the file.
#[derive(Debug, Clone)]
pub enum Trick {
    /// Bytes without end.
    Endless,
    /// A head that says more bytes than come.
    Short,
    /// Takes the question and never answers.
    Mute,
    /// A byte, and then silence.
    Silent,
    /// Sends the client elsewhere.
    Redirect(String),
    /// A status.
    Status(&'static str),
}

#[derive(Debug, Default)]
struct Shown {
    files: BTreeMap<String, Vec<u8>>,
    tricks: BTreeMap<String, Trick>,
    asked: Vec<String>,
}

/// The server.
#[derive(Debug, Clone)]
pub struct Board {
    pub address: String,
    shown: Arc<Mutex<Shown>>,
}

impl Board {
    /// Serves files under `/e/sample/`, each connection on a thread of its own.
    pub fn serve(files: Memory) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let board = Self { address: listener.local_addr().unwrap().to_string(), shown: Arc::default() };
        board.show(files);
        let shown = board.shown.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let shown = shown.clone();
                std::thread::spawn(move || answer(stream.unwrap(), &shown));
            }
        });
        board
    }

    /// Serves these files from now on.
    pub fn show(&self, files: Memory) {
        self.shown.lock().unwrap().files = files.0;
    }

    /// Does this with a path from now on.
    pub fn trick(&self, path: &str, trick: Trick) {
        self.shown.lock().unwrap().tricks.insert(path.into(), trick);
    }

    /// Does nothing unusual from now on.
    pub fn behave(&self) {
        self.shown.lock().unwrap().tricks.clear();
    }

    /// What was asked for since the last time.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.shown.lock().unwrap().asked)
    }

    pub fn link(&self, fingerprint: Option<Hash>) -> Link {
        let fp = fingerprint.map(|fp| format!("?fp={fp}")).unwrap_or_default();
        Link::parse(&format!("veritally://{}/sample{fp}", self.address)).unwrap()
    }
}

fn answer(mut stream: TcpStream, shown: &Mutex<Shown>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let Some(path) = lines.next().and_then(|line| line.split(' ').nth(1).map(str::to_owned)) else { return };
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    let path = path.strip_prefix("/e/sample/").unwrap_or(&path).to_owned();
    let (file, trick) = {
        let mut shown = shown.lock().unwrap();
        shown.asked.push(path.clone());
        (shown.files.get(&path).cloned(), shown.tricks.get(&path).cloned())
    };
    // Clients hang up when they have seen enough.
    let _ = match (trick, file) {
        (Some(trick), _) => play(&mut stream, &trick),
        (None, Some(body)) => send(&mut stream, "200 OK", "", body.len(), &body),
        (None, None) => {
            let body = serde_json::to_vec(&Problem::new(ProblemKind::NotFound, "")).unwrap();
            send(&mut stream, "404 Not Found", &format!("Content-Type: {MEDIA_TYPE}\r\n"), body.len(), &body)
        }
    };
}

fn send(stream: &mut TcpStream, status: &str, more: &str, length: usize, body: &[u8]) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{more}Connection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)
}

fn play(stream: &mut TcpStream, trick: &Trick) -> std::io::Result<()> {
    match trick {
        Trick::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            loop {
                stream.write_all(&[b'x'; 64 << 10])?;
            }
        }
        Trick::Short => send(stream, "200 OK", "", 1_000_000, b"x"),
        Trick::Mute => {
            std::thread::sleep(Duration::from_secs(600));
            Ok(())
        }
        Trick::Silent => {
            send(stream, "200 OK", "", 1_000, b"x")?;
            std::thread::sleep(Duration::from_secs(600));
            Ok(())
        }
        Trick::Redirect(to) => send(stream, "302 Found", &format!("Location: {to}\r\n"), 0, b""),
        Trick::Status(status) => send(stream, status, "", 0, b""),
    }
}
