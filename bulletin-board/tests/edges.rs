//! What the board shows to the internet: TLS, proxies, limits, settings, logs, metrics, an orderly end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;
#[path = "common/program.rs"]
mod program;

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use common::receipt;
use program::{Program, command, output};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use reqwest::{Certificate, StatusCode};
use veritally_board_api::answers::Readiness;
use veritally_board_api::{Problem, ProblemKind};
use veritally_crypto::hash::Hash;

/// A client that comes from this loopback address.
fn http_from(address: &str) -> reqwest::Client {
    let address: IpAddr = address.parse().unwrap();
    reqwest::Client::builder().no_proxy().local_address(address).build().unwrap()
}

/// Sets up reqwest's TLS, as the board's client does.
fn set_up_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn certificate(directory: &Path, number: u8) -> Certificate {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".into(), format!("n{number}.example")]).unwrap();
    std::fs::write(directory.join("key.pem"), signing_key.serialize_pem()).unwrap();
    std::fs::write(directory.join("chain.pem"), cert.pem()).unwrap();
    Certificate::from_pem(cert.pem().as_bytes()).unwrap()
}

fn trusting(certificate: Certificate) -> reqwest::Client {
    set_up_tls();
    let builder = reqwest::Client::builder().no_proxy().tls_certs_only([certificate]);
    builder.timeout(Duration::from_secs(10)).build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_spoken_and_a_new_certificate_is_taken_up_without_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let first = trusting(certificate(directory.path(), 1));
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (chain, key) = (path("chain.pem"), path("key.pem"));
    let board = Program::start(directory.path(), &["--tls-certificate", &chain, "--tls-key", &key]);
    let url = format!("https://localhost:{}/health", board.address().split(':').next_back().unwrap());
    assert_eq!(first.get(&url).send().await.unwrap().status(), StatusCode::OK);
    let second = trusting(certificate(directory.path(), 2));
    board.signal("HUP");
    board.wait_for("new certificate is in use");
    assert_eq!(second.get(&url).send().await.unwrap().status(), StatusCode::OK);
    // A certificate and somebody else's key: the old pair stays.
    let old_key = std::fs::read(&key).unwrap();
    certificate(directory.path(), 3);
    std::fs::write(&key, old_key).unwrap();
    board.signal("HUP");
    board.wait_for("the old one stays");
    let again = trusting(Certificate::from_pem(&std::fs::read(&chain).unwrap()).unwrap());
    assert!(again.get(&url).send().await.is_err());
    // Found without a signal, too.
    let fourth = trusting(certificate(directory.path(), 4));
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while fourth.get(&url).send().await.is_err() {
        assert!(std::time::Instant::now() < deadline, "{}", board.log());
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    // Who speaks no TLS is dropped.
    let mut plain = TcpStream::connect(board.address()).unwrap();
    plain.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    assert!(board.terminate());
    let bad = ["--tls-certificate", &key, "--tls-key", &key];
    let (success, text) = output(command(&["serve", "--data", &path("other"), "--name", "x"]).args(bad));
    assert!(!success && text.contains("expected certificates"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_asks_too_much_waits_and_others_do_not() {
    let directory = tempfile::tempdir().unwrap();
    let settings = ["--reads-per-second", "1", "--unlimited-addresses", "127.0.0.1"];
    let board = Program::start(directory.path(), &[&settings[..], &["--trusted-proxies", "127.0.0.9"]].concat());
    let url = format!("{}/board", board.url);
    let ask = async |client: &reqwest::Client, forwarded: &str| {
        client.get(&url).header("x-forwarded-for", forwarded).send().await.unwrap()
    };
    let (busy, other, proxy, unlimited) =
        (http_from("127.0.0.7"), http_from("127.0.0.8"), http_from("127.0.0.9"), http_from("127.0.0.1"));
    for i in 0..10 {
        // An invented header does not help.
        assert_eq!(ask(&busy, &format!("203.0.113.{i}")).await.status(), StatusCode::OK);
    }
    let refused = ask(&busy, "203.0.113.99").await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(refused.json::<Problem>().await.unwrap().kind(), ProblemKind::AddressLimited);
    assert_eq!(ask(&other, "").await.status(), StatusCode::OK);
    for i in 0..30 {
        assert_eq!(ask(&unlimited, "").await.status(), StatusCode::OK);
        assert_eq!(ask(&proxy, &format!("203.0.113.{i}")).await.status(), StatusCode::OK, "behind a proxy are many");
    }
    for _ in 0..10 {
        ask(&proxy, "198.51.100.4, 203.0.113.200").await;
    }
    assert_eq!(ask(&proxy, "198.51.100.5, 203.0.113.200").await.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(board.terminate());
}

#[test]
fn an_address_has_so_many_connections_and_idle_ones_end() {
    let directory = tempfile::tempdir().unwrap();
    let settings = ["--max-connections-per-address", "3", "--unlimited-addresses", "127.0.0.9", "--header-timeout"];
    let board = Program::start(directory.path(), &[&settings[..], &["1s"]].concat());
    let mut connections: Vec<_> = (0..6).map(|_| TcpStream::connect(board.address()).unwrap()).collect();
    let mut closed_at_once = 0;
    for connection in &mut connections {
        connection.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        closed_at_once += usize::from(matches!(connection.read(&mut [0]), Ok(0)));
    }
    assert_eq!(closed_at_once, 3);
    for connection in &mut connections {
        connection.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        assert!(connection.read(&mut [0; 512]).is_ok(), "an idle connection is closed");
    }
    assert!(TcpStream::connect(board.address()).is_ok());
    assert!(board.terminate());
}

#[test]
fn flags_come_before_the_environment_and_that_before_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("board.toml");
    std::fs::write(&file, "data = \"/file\"\nname = \"file\"\nmax_connections = 7\nheader_timeout = \"3s\"\n").unwrap();
    let serve = || {
        let mut command = command(&["serve", "--show-config", "--config"]);
        command.arg(&file).env("VERITALLY_BOARD_NAME", "environment").env("VERITALLY_BOARD_DATA", "/environment");
        command
    };
    let (success, text) = output(serve().args(["--name", "flag"]));
    assert!(success, "{text}");
    for line in ["data = \"/environment\"", "name = \"flag\"", "max_connections = 7", "header_timeout = \"3s\""] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    for (variable, value, expected) in [
        ("VERITALLY_BOARD_LISTEN", "here", "the environment variable VERITALLY_BOARD_LISTEN"),
        ("VERITALLY_BOARD_LISTN", "127.0.0.1:1", "VERITALLY_BOARD_LISTN"),
        ("VERITALLY_BOARD_TLS_KEY", "key.pem", "tls_certificate and tls_key"),
        ("VERITALLY_BOARD_CONFIG", "/nonexistent", "configuration file"),
    ] {
        let mut command = serve();
        if variable.ends_with("CONFIG") {
            command = program::command(&["serve", "--show-config"]);
        }
        let (success, text) = output(command.env(variable, value));
        assert!(!success && text.contains(expected), "{variable}: {text}");
    }
    let (success, text) = output(serve().args(["--listen", "there"]));
    assert!(!success && text.contains("--listen") && !text.contains("environment variable"), "{text}");
    std::fs::write(&file, "max_conections = 7\n").unwrap();
    let (success, text) = output(&mut serve());
    assert!(!success && text.contains("board.toml") && text.contains("max_conections"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_and_health_are_there_for_operators() {
    let directory = tempfile::tempdir().unwrap();
    let settings = ["--metrics-listen", "127.0.0.1:0", "--log-format", "json"];
    let board = Program::start(directory.path(), &settings);
    board.wait_for("metrics");
    let log = board.log();
    let line = log.lines().find(|line| line.contains("\"metrics\"")).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    let private = format!("http://{}", line["fields"]["address"].as_str().unwrap());
    let mut running = board.election(&board.client(), 3).await;
    for voter in 0..2 {
        let ballot = running.ballot(voter, "a");
        receipt(running.board.submit_ballot(ballot.bytes().to_vec()).await.unwrap());
    }
    let http = http_from("127.0.0.1");
    let get = async |url: String| http.get(url).send().await.unwrap();
    assert_eq!(get(format!("{}/metrics", board.url)).await.status(), StatusCode::NOT_FOUND, "not for everybody");
    let ready: Readiness = get(format!("{}/ready", board.url)).await.json().await.unwrap();
    assert_eq!(ready, Readiness { elections: 1, stopped: vec![], warnings: vec![] });
    assert_eq!(get(format!("{private}/health")).await.status(), StatusCode::OK);
    let answer = get(format!("{private}/metrics")).await;
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    let text = answer.text().await.unwrap();
    assert!(text.ends_with("# EOF\n"));
    let scraped = prometheus_parse::Scrape::parse(text.lines().map(|line| Ok(line.to_owned()))).unwrap();
    let value = |name: &str, label: (&str, &str)| {
        let found = scraped.samples.iter().find(|s| s.metric == name && s.labels.get(label.0) == Some(label.1));
        match found.unwrap_or_else(|| panic!("{name} {label:?} in {text}")).value {
            prometheus_parse::Value::Counter(value)
            | prometheus_parse::Value::Gauge(value)
            | prometheus_parse::Value::Untyped(value) => value,
            ref other => panic!("{other:?}"),
        }
    };
    assert_eq!(value("veritally_board_requests_total", ("route", "ballots")), 2.0);
    assert_eq!(value("veritally_board_ballots_cast", ("election", "sample")), 2.0);
    assert_eq!(value("veritally_board_writable", ("election", "sample")), 1.0);
    assert_eq!(value("veritally_board_queue_entries", ("election", "sample")), 0.0);
    // Every entry of the log after the manifest came in some commit.
    let sum = |name: &str| -> f64 {
        let line =
            text.lines().find_map(|line| line.strip_prefix(&format!("veritally_board_{name}{{election=\"sample\"}} ")));
        line.unwrap_or_else(|| panic!("{name} in {text}")).parse().unwrap()
    };
    let logged = value("veritally_board_log_entries", ("election", "sample")) - 1.0;
    assert_eq!(sum("batch_entries_sum"), logged);
    assert!(sum("commit_seconds_count") >= 1.0 && sum("commit_seconds_count") <= logged);
    assert!(sum("commit_seconds_sum") > 0.0);
    assert!(!text.contains("127.0.0.1"), "no address is a label");
    assert!(board.terminate());
}

/// Everything that the board wrote: its log at the finest level, and every file in its folder.
fn written(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.is_file()).map(|p| (p.display().to_string(), std::fs::read(p).unwrap())).collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_log_line_and_no_file_joins_an_address_to_a_ballot() {
    let directory = tempfile::tempdir().unwrap();
    let settings = ["--trusted-proxies", "127.0.0.9", "--log-format", "json"];
    let board = Program::start_with(directory.path(), &settings, |command| {
        command.env("RUST_LOG", "trace");
    });
    let mut running = board.election(&board.client(), 3).await;
    let url = format!("{}/e/sample", board.url);
    let (voter, proxy) = (http_from("127.0.0.77"), http_from("127.0.0.9"));
    let ballot = running.ballot(0, "a");
    let code = ballot.confirmation_code(&running.sample.fingerprint());
    let hash = Hash::of(ballot.bytes()).to_string();
    let sent = voter.post(format!("{url}/ballots")).body(ballot.bytes().to_vec()).send().await.unwrap();
    assert_eq!(sent.status(), StatusCode::CREATED);
    let behind = running.ballot(1, "b");
    let post = proxy.post(format!("{url}/ballots")).header("x-forwarded-for", "203.0.113.77");
    assert_eq!(post.body(behind.bytes().to_vec()).send().await.unwrap().status(), StatusCode::CREATED);
    for path in [format!("receipts/{}", code.short()), format!("receipts/{hash}")] {
        assert_eq!(voter.get(format!("{url}/{path}")).send().await.unwrap().status(), StatusCode::OK);
    }
    let altered = String::from_utf8(ballot.bytes().to_vec()).unwrap().replace("\"counter\":1", "\"counter\":2");
    let refused = voter.post(format!("{url}/ballots")).body(altered).send().await.unwrap();
    assert!(refused.status().is_client_error());
    let files = written(directory.path());
    assert!(files.iter().any(|(name, bytes)| name.ends_with("board.log") && holds(bytes, "answered")));
    for (name, bytes) in &files {
        for address in ["127.0.0.77", "127.0.0.9", "203.0.113.77"] {
            assert!(!holds(bytes, address), "{name} holds the address {address}");
        }
    }
    // Nor does the log say which ballot came when.
    let log = board.log();
    let credential = running.sample.voters[0].entry.credential.to_string();
    for secret in [hash.as_str(), &code.to_string(), &code.short(), &credential] {
        assert!(!log.contains(secret), "the log holds {secret}");
    }
    assert!(board.terminate());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_that_ends_finishes_what_it_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let board = Program::start(directory.path(), &[]);
    let mut running = board.election(&board.client(), 64).await;
    let ballots: Vec<_> = (0..64).map(|voter| running.ballot(voter, "c").bytes().to_vec()).collect();
    let client = board.client().election("sample".parse().unwrap());
    let sent: Vec<_> = ballots
        .iter()
        .map(|ballot| {
            let (client, ballot) = (client.clone(), ballot.clone());
            tokio::spawn(async move { client.submit_ballot(ballot).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(15)).await;
    assert!(board.terminate(), "an orderly end");
    let mut acknowledged = Vec::new();
    for (sent, ballot) in sent.into_iter().zip(&ballots) {
        if let Ok(submitted) = sent.await.unwrap() {
            acknowledged.push((ballot.clone(), receipt(submitted).0));
        }
    }
    let board = Program::start(directory.path(), &[]);
    let client = board.client().election("sample".parse().unwrap());
    for (ballot, text) in &acknowledged {
        assert_eq!(client.receipt(&Hash::of(ballot).to_string()).await.unwrap().as_ref(), Some(text));
    }
    let cast = client.status().await.unwrap().counts.ballots_cast;
    assert!(cast as usize >= acknowledged.len(), "{cast} of {} acknowledged", acknowledged.len());
    assert!(board.terminate());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_served_as_static_files_are() {
    let directory = tempfile::tempdir().unwrap();
    let board = Program::start(directory.path(), &[]);
    let mut running = board.election(&board.client(), 3).await;
    let (http, base) = (http_from("127.0.0.1"), format!("{}/e/sample", board.url));
    let whole = async |path: &str| http.get(format!("{base}/{path}")).send().await.unwrap();
    for (path, cache) in [
        ("checkpoint", "no-cache"),
        ("manifest", "public, max-age=31536000, immutable"),
        ("tile/0/000.p/5", "public, max-age=31536000, immutable"),
        ("tile/entries/000.p/5", "public, max-age=31536000, immutable"),
    ] {
        let answer = whole(path).await;
        let headers = answer.headers().clone();
        assert_eq!(
            (&headers["cache-control"], &headers["accept-ranges"]),
            (&cache.parse().unwrap(), &"bytes".parse().unwrap())
        );
        let (tag, body) = (headers["etag"].clone(), answer.bytes().await.unwrap());
        let head = http.head(format!("{base}/{path}")).send().await.unwrap();
        assert_eq!((&head.headers()["etag"], &head.headers()["content-length"]), (&tag, &headers["content-length"]));
        assert!(head.bytes().await.unwrap().is_empty());
        let get = |name: &str, value: &str| http.get(format!("{base}/{path}")).header(name, value);
        let known = get("if-none-match", tag.to_str().unwrap()).send().await.unwrap();
        assert_eq!((known.status(), &known.headers()["etag"]), (StatusCode::NOT_MODIFIED, &tag));
        let part = get("range", "bytes=4-9").send().await.unwrap();
        assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(part.headers()["content-range"], format!("bytes 4-9/{}", body.len()));
        assert_eq!(part.bytes().await.unwrap(), body.slice(4..10));
        let old = get("range", "bytes=4-9").header("if-range", "\"old\"").send().await.unwrap();
        assert_eq!((old.status(), old.bytes().await.unwrap()), (StatusCode::OK, body));
        let beyond = get("range", "bytes=9999999-").send().await.unwrap();
        assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
        assert_eq!(beyond.json::<Problem>().await.unwrap().kind(), ProblemKind::RangeNotSatisfiable);
    }
    // A changed checkpoint has another tag; a tile that is not complete is not there.
    let before = whole("checkpoint").await.headers()["etag"].clone();
    let ballot = running.ballot(0, "a");
    receipt(running.board.submit_ballot(ballot.bytes().to_vec()).await.unwrap());
    assert_ne!(whole("checkpoint").await.headers()["etag"], before);
    assert_eq!(whole("tile/0/000").await.status(), StatusCode::NOT_FOUND);
    assert!(board.terminate());
}
