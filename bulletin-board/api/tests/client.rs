//! The client against servers that are slow, full, or no boards at all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use veritally_board_api::{Client, ClientError, Problem, ProblemKind, Submitted};

/// Gives these answers one after the other, each on its own connection.
async fn server(answers: Vec<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 64 << 10];
            let _ = stream.read(&mut request).await;
            // The client may hang up before it got all of a long answer.
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    format!("http://{address}")
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len())
}

fn problem(kind: ProblemKind, retry_after_s: Option<u64>) -> String {
    let mut problem = Problem::new(kind, "because");
    problem.retry_after_s = retry_after_s;
    let body = serde_json::to_string(&problem).unwrap();
    answer(&format!("{} X", kind.status()), "Content-Type: application/problem+json\r\n", &body)
}

fn election(url: &str, patience: Duration) -> veritally_board_api::ElectionClient {
    Client::new(url).unwrap().with_patience(patience).election("village".parse().unwrap())
}

#[tokio::test]
async fn what_was_put_off_is_sent_again_after_the_time_that_the_board_names() {
    let answers = vec![
        problem(ProblemKind::QueueFull, Some(1)),
        String::new(),
        answer("502 Bad Gateway", "", "<html>proxy</html>"),
        answer("201 Created", "", "a receipt"),
    ];
    let url = server(answers).await;
    let start = Instant::now();
    let submitted = election(&url, Duration::from_secs(20)).submit_ballot(b"ballot".to_vec()).await.unwrap();
    assert_eq!(submitted, Submitted::Receipt { text: "a receipt".into(), new: true });
    assert!(start.elapsed() >= Duration::from_millis(500), "half of Retry-After at least");
}

#[tokio::test]
async fn refusals_that_time_does_not_heal_are_not_repeated() {
    for kind in [ProblemKind::Rejected, ProblemKind::Stopped, ProblemKind::BallotInvalid, ProblemKind::Internal] {
        let url = server(vec![problem(kind, None)]).await;
        let error = election(&url, Duration::from_secs(20)).submit_ballot(b"ballot".to_vec()).await.unwrap_err();
        assert!(error.is(kind), "{error}");
    }
}

#[tokio::test]
async fn patience_ends() {
    let url = server(vec![problem(ProblemKind::QueueFull, Some(60)); 3]).await;
    let start = Instant::now();
    let error = election(&url, Duration::from_secs(3)).submit_ballot(b"ballot".to_vec()).await.unwrap_err();
    assert!(error.is(ProblemKind::QueueFull) && start.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn answers_longer_than_their_kind_are_not_read() {
    let url = server(vec![answer("200 OK", "", &"x".repeat(200_000))]).await;
    let error = election(&url, Duration::ZERO).checkpoint().await.unwrap_err();
    assert!(matches!(error, ClientError::TooLong { .. }), "{error}");
}

#[tokio::test]
async fn what_is_no_board_is_told_apart() {
    let html = "Content-Type: text/html\r\n";
    let url = server(vec![answer("200 OK", html, "<html></html>")]).await;
    assert!(matches!(election(&url, Duration::ZERO).status().await, Err(ClientError::Malformed { .. })));
    for status in ["404 Not Found", "302 Found", "500 Oops"] {
        let url = server(vec![answer(status, "Location: http://127.0.0.1:1/\r\n", "{}")]).await;
        assert!(
            matches!(election(&url, Duration::ZERO).status().await, Err(ClientError::Unexpected { .. })),
            "{status}"
        );
    }
}
