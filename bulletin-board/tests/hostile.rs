//! Hostile clients against the real program: they are refused within limits, memory stays bounded, casting goes on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;
#[path = "common/program.rs"]
mod program;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::{Running, receipt};
use program::Program;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// Idle connections that are held at once.
const IDLE: usize = 5_000;
/// Addresses that they come from.
const ADDRESSES: usize = 10;
/// What all attacks together may cost the board, in MiB: 5,000 connections at 16 KiB, and as much again.
const MEMORY_MIB: u64 = 160;

fn rounds() -> usize {
    if std::env::var("VERITALLY_SOAK").is_ok_and(|soak| soak == "1") { 20 } else { 2 }
}

/// A connection that comes from 127.0.1.n.
async fn connect_from(n: usize, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(format!("127.0.1.{}:0", 1 + n % ADDRESSES).parse().unwrap())?;
    socket.connect(to).await
}

/// The status of the answer, or none if the connection was closed without one.
async fn status(stream: &mut TcpStream) -> Option<u16> {
    let mut answer = Vec::new();
    let mut chunk = [0; 4_096];
    while !answer.windows(4).any(|window| window == b"\r\n\r\n") {
        match tokio::time::timeout(Duration::from_secs(30), stream.read(&mut chunk)).await.expect("an answer in time") {
            Ok(0) | Err(_) => break,
            Ok(n) => answer.extend_from_slice(&chunk[..n]),
        }
    }
    String::from_utf8_lossy(&answer).split(' ').nth(1).and_then(|status| status.parse().ok())
}

/// Sends a head that never ends; the board gives up on it.
async fn endless_head(to: SocketAddr) -> usize {
    let mut stream = connect_from(0, to).await.unwrap();
    let _ = stream.write_all(b"GET /board HTTP/1.1\r\n").await;
    let mut sent = 0;
    while stream.write_all(format!("x-{sent}: {}\r\n", "y".repeat(1_000)).as_bytes()).await.is_ok() {
        sent += 1_000;
        assert!(sent < 64 << 20, "the board reads a head for ever");
    }
    sent
}

/// Sends a body that never ends, chunked or announced as huge; what the board took of it.
async fn endless_body(to: SocketAddr, chunked: bool) -> usize {
    let mut stream = connect_from(1, to).await.unwrap();
    let length =
        if chunked { "transfer-encoding: chunked".into() } else { format!("content-length: {}", u64::MAX - 1) };
    let head = format!("POST /e/sample/ballots HTTP/1.1\r\nhost: x\r\n{length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = if chunked { format!("400\r\n{}\r\n", "[".repeat(1_024)) } else { "[".repeat(1_024) };
    let mut sent = 0;
    while let Ok(Ok(())) = tokio::time::timeout(Duration::from_secs(20), stream.write_all(chunk.as_bytes())).await {
        sent += chunk.len();
        assert!(sent < 256 << 20, "the board reads a body for ever");
    }
    let answer = status(&mut stream).await;
    assert!(matches!(answer, Some(413 | 431) | None), "{answer:?}");
    sent
}

/// Bodies that are no entries, however they are made.
fn bad_json() -> Vec<Vec<u8>> {
    let nested = |open: &str, close: &str, n: usize| format!("{}1{}", open.repeat(n), close.repeat(n)).into_bytes();
    vec![
        nested("[", "]", 32_000),
        nested("{\"a\":", "}", 10_000),
        b"[".repeat(65_535),
        br#"{"type":"ballot/v1","type":"ballot/v1"}"#.to_vec(),
        br#"{"counter":1,"counter":2,"type":"ballot/v1"}"#.to_vec(),
        format!("{{\"counter\":{},\"type\":\"ballot/v1\"}}", "9".repeat(60_000)).into_bytes(),
        br#"{"counter":1e999999999,"type":"ballot/v1"}"#.to_vec(),
        br#"{"counter":-0.0,"type":"ballot/v1"}"#.to_vec(),
        br#"{"counter":18446744073709551616,"type":"ballot/v1"}"#.to_vec(),
        format!("\"{}\"", "\\u0000".repeat(10_000)).into_bytes(),
        vec![0xff; 10_000],
        vec![0; 10_000],
        b"\xef\xbb\xbf{}".to_vec(),
    ]
}

/// Casts some ballots while others attack; the slowest one's time.
async fn cast(running: &mut Running, voters: std::ops::Range<usize>) -> Duration {
    let mut slowest = Duration::ZERO;
    for voter in voters {
        let ballot = running.ballot(voter, "a");
        let start = Instant::now();
        let (text, new) = receipt(running.board.submit_ballot(ballot.bytes().to_vec()).await.unwrap());
        slowest = slowest.max(start.elapsed());
        assert!(new);
        running.verify(&ballot, &text);
    }
    slowest
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_clients_are_refused_within_limits_while_casting_goes_on() {
    let files = rlimit::increase_nofile_limit(IDLE as u64 + 500).unwrap_or(1_024);
    let idle = IDLE.min(usize::try_from(files).unwrap_or(0).saturating_sub(500));
    if idle < IDLE {
        println!("only {idle} idle connections: the limit of open files is {files}");
    }
    let directory = tempfile::tempdir().unwrap();
    let per_address = (IDLE / ADDRESSES + 50).to_string();
    let settings = ["--header-timeout", "8s", "--max-connections-per-address", &per_address];
    let limits = ["--unlimited-addresses", "127.0.0.1", "--writes-per-second", "1000"];
    let board = Program::start(directory.path(), &[&settings[..], &limits[..]].concat());
    let to: SocketAddr = board.address().parse().unwrap();
    let per_round = 20;
    let mut running = board.election(&board.client(), rounds() * per_round).await;
    let (before_kib, _) = board.memory_kib();
    for round in 0..rounds() {
        let start = Instant::now();
        let mut connections = Vec::with_capacity(idle);
        for n in 0..idle {
            let mut stream = connect_from(n, to).await.unwrap();
            // Some send nothing, some half a head.
            if n % 2 == 1 {
                stream.write_all(b"POST /e/sample/ballots HTTP/1.1\r\nhost: x\r\ncontent-le").await.unwrap();
            }
            connections.push(stream);
        }
        let opened = start.elapsed();
        let bodies = (0..16).map(|n| tokio::spawn(endless_body(to, n % 2 == 0)));
        let heads = (0..16).map(|_| tokio::spawn(endless_head(to)));
        let attacks: Vec<_> = bodies.chain(heads).collect();
        let slowest = cast(&mut running, round * per_round..(round + 1) * per_round).await;
        let (during_kib, _) = board.memory_kib();
        let mut taken = 0;
        for attack in attacks {
            taken = taken.max(attack.await.unwrap());
        }
        for body in bad_json() {
            for path in ["ballots", "entries"] {
                let http = reqwest::Client::builder().no_proxy().build().unwrap();
                let url = format!("{}/e/sample/{path}", board.url);
                let answer = http.post(url).body(body.clone()).send().await.unwrap().status();
                assert_eq!(answer, 400, "{path} {:?}", String::from_utf8_lossy(&body[..body.len().min(40)]));
            }
        }
        // What was half sent is closed, in its time.
        let closing = Instant::now();
        for mut stream in connections {
            let answer = status(&mut stream).await;
            assert!(matches!(answer, None | Some(408)), "{answer:?}");
        }
        assert!(closing.elapsed() < Duration::from_secs(20), "{:?}", closing.elapsed());
        println!(
            "round {}: {idle} idle connections opened in {opened:.1?}, at most {} KiB of an endless message taken, \
             slowest of {per_round} ballots {slowest:.0?}, memory {} MiB before, {} MiB during",
            round + 1,
            taken >> 10,
            before_kib >> 10,
            during_kib >> 10
        );
        assert!(slowest < Duration::from_secs(5), "casting went on too slowly: {slowest:?}");
    }
    let (_, most_kib) = board.memory_kib();
    let grown = most_kib.saturating_sub(before_kib) >> 10;
    println!("at most {} MiB, {grown} MiB more than before", most_kib >> 10);
    assert!(grown < MEMORY_MIB, "memory grew by {grown} MiB");
    assert_eq!(running.board.status().await.unwrap().counts.ballots_cast as usize, rounds() * per_round);
    assert!(board.terminate());
}
