//! The HTTP client of a board: asynchronous, bounded, patient.
//!
//! Every request may be repeated: the same bytes posted twice are one entry with one receipt. So the client repeats
//! what failed on the way or was put off (503, 429), honours `Retry-After`, and gives up when its patience is over. It
//! verifies nothing: receipts, checkpoints and entries are checked by who asked for them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::{Method, Request, StatusCode, header};
use serde::de::DeserializeOwned;
use url::Url;
use veritally_crypto::id::Id;

use crate::answers::{BoardInfo, ElectionSummary};
use crate::link::{Link, is_loopback};
use crate::paths;
use crate::problem::{MEDIA_TYPE, Problem, ProblemKind};

mod election;
mod entries;
mod events;
mod proofs;

pub use election::{ElectionClient, Submitted};
pub use entries::Bundle;
pub use events::{Event, Events};
pub use proofs::TreeError;

/// A connection must stand after this time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest silence within an answer; the board's events have a sign of life every 15 s.
const READ_TIMEOUT: Duration = Duration::from_secs(45);
/// Longest time for one whole request other than events, unless [`Client::with_request_timeout`] says otherwise: a 16 MB
/// bundle at 2 Mbit/s.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(90);
/// First pause before a repetition; doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Longest pause, and most that a `Retry-After` is believed.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long a request is repeated, unless [`Client::with_patience`] says otherwise.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longest JSON answer: 10,000 elections, or a tally of 10,000 sums.
const MAX_JSON_BYTES: usize = 64 << 20;
/// Longest problem that is read.
const MAX_PROBLEM_BYTES: usize = 64 << 10;

/// Why a board could not be asked, or said no.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The board's address.
    #[error("{0:?} is no address of a board: expected http(s)://HOST[:PORT]")]
    Address(String),
    /// No connection, or it broke, in all attempts.
    #[error("can't reach the board at {url}: {reason}")]
    Unreachable {
        /// What was asked.
        url: Url,
        /// Why not.
        reason: String,
    },
    /// The board refused.
    #[error("the board refused: {0}")]
    Refused(Box<Problem>),
    /// A status that no board sends.
    #[error("unexpected answer {status} from {url}: is this a Veritally board?")]
    Unexpected {
        /// What was asked.
        url: Url,
        /// The status.
        status: u16,
    },
    /// More bytes than such an answer may have.
    #[error("the answer of {url} is longer than {limit} bytes")]
    TooLong {
        /// What was asked.
        url: Url,
        /// Most that is read.
        limit: usize,
    },
    /// An answer that is not of its kind.
    #[error("the answer of {url} can't be read: {reason}")]
    Malformed {
        /// What was asked.
        url: Url,
        /// What is wrong.
        reason: String,
    },
    /// The board serves another election under this name.
    #[error("the board's election {election} has fingerprint {found}, expected {expected}: not the election you mean")]
    Fingerprint {
        /// Its id.
        election: Id,
        /// What was expected.
        expected: veritally_crypto::hash::Hash,
        /// What the board serves.
        found: veritally_crypto::hash::Hash,
    },
    /// The HTTP library could not be set up.
    #[error(
        "can't set up HTTP: {0}; TLS needs the system's certificate authorities (Debian: the package ca-certificates)"
    )]
    Setup(String),
}

impl ClientError {
    /// The board's refusal, if it is one.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused(problem) => Some(problem),
            _ => None,
        }
    }

    /// Whether it is a refusal of this kind.
    #[must_use]
    pub fn is(&self, kind: ProblemKind) -> bool {
        self.problem().is_some_and(|problem| problem.kind() == kind)
    }

    /// How long to wait before asking again; `None` when asking again is pointless.
    fn pause(&self, default: Duration) -> Option<Duration> {
        match self {
            Self::Unreachable { .. } => Some(default),
            Self::Unexpected { status: 429 | 502 | 503 | 504, .. } => Some(default),
            Self::Refused(p) if p.kind().is_transient() || p.status == 429 => {
                Some(p.retry_after_s.map_or(default, Duration::from_secs).min(LONGEST_PAUSE))
            }
            _ => None,
        }
    }
}

/// A board.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    board: Arc<Url>,
    patience: Duration,
    request_timeout: Duration,
}

/// A successful answer.
pub(crate) struct Answer {
    pub status: StatusCode,
    pub url: Url,
    pub body: Bytes,
}

impl Answer {
    fn json<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        serde_json::from_slice(&self.body).map_err(|e| self.malformed(e))
    }

    fn text(&self) -> Result<String, ClientError> {
        String::from_utf8(self.body.to_vec()).map_err(|e| self.malformed(e))
    }

    fn malformed(&self, reason: impl ToString) -> ClientError {
        ClientError::Malformed { url: self.url.clone(), reason: reason.to_string() }
    }
}

/// Makes ring the process's TLS provider, unless the program chose one.
pub fn install_tls_provider() {
    // Fails when there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

impl Client {
    /// For the board at this address.
    ///
    /// # Errors
    /// [`ClientError::Address`], [`ClientError::Setup`].
    pub fn new(board: &str) -> Result<Self, ClientError> {
        let mut url = Url::parse(board.trim()).map_err(|_| ClientError::Address(board.to_owned()))?;
        let plain = url.query().is_none() && url.fragment().is_none() && url.has_host();
        if !matches!(url.scheme(), "http" | "https") || !plain {
            return Err(ClientError::Address(board.to_owned()));
        }
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        Self::at(url)
    }

    /// For the election that a link names.
    ///
    /// # Errors
    /// [`ClientError::Setup`].
    pub fn for_link(link: &Link) -> Result<ElectionClient, ClientError> {
        Ok(Self::at(link.board.clone())?.election(link.election.clone()))
    }

    fn at(board: Url) -> Result<Self, ClientError> {
        install_tls_provider();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("veritally/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true);
        if is_loopback(&board) {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|e| ClientError::Setup(chain(&e)))?;
        Ok(Self { http, board: Arc::new(board), patience: PATIENCE, request_timeout: REQUEST_TIMEOUT })
    }

    /// How long failing requests are repeated; zero: once.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Longest time for one whole request other than events, connection and silence included.
    #[must_use]
    pub fn with_request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// The board's address, ending in `/`.
    #[must_use]
    pub fn board(&self) -> &Url {
        &self.board
    }

    /// One of its elections.
    #[must_use]
    pub fn election(&self, election: Id) -> ElectionClient {
        ElectionClient::new(self.clone(), election)
    }

    /// The board's name and log key.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn board_info(&self) -> Result<BoardInfo, ClientError> {
        self.get(paths::BOARD, MAX_JSON_BYTES).await?.json()
    }

    /// All elections.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn elections(&self) -> Result<Vec<ElectionSummary>, ClientError> {
        self.get(paths::ELECTIONS, MAX_JSON_BYTES).await?.json()
    }

    /// Begins an election with this manifest as leaf 0; needs the operator's token.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn create_election(&self, manifest: Vec<u8>, token: &str) -> Result<ElectionSummary, ClientError> {
        let url = self.url(paths::ELECTIONS)?;
        let mut authorization = header::HeaderValue::from_str(&format!("Bearer {}", token.trim()))
            .map_err(|_| ClientError::Setup("the operator's token has characters that no header may have".into()))?;
        authorization.set_sensitive(true);
        let mut request = json_post(url, manifest.into());
        request.headers_mut().insert(header::AUTHORIZATION, authorization);
        self.send(request, MAX_JSON_BYTES).await?.json()
    }

    pub(crate) fn url(&self, path: &str) -> Result<Url, ClientError> {
        self.board.join(path).map_err(|_| ClientError::Address(path.to_owned()))
    }

    pub(crate) async fn get(&self, path: &str, limit: usize) -> Result<Answer, ClientError> {
        self.send(Request::new(Method::GET, self.url(path)?), limit).await
    }

    pub(crate) async fn post(&self, path: &str, body: Bytes, limit: usize) -> Result<Answer, ClientError> {
        self.send(json_post(self.url(path)?, body), limit).await
    }

    /// Sends, repeating what may succeed later, until it succeeds or patience is over.
    pub(crate) async fn send(&self, request: Request, limit: usize) -> Result<Answer, ClientError> {
        let deadline = Instant::now() + self.patience;
        let mut pause = FIRST_PAUSE;
        loop {
            // Bodies are `Bytes`: cloning never fails.
            let copy = request.try_clone().ok_or_else(|| ClientError::Setup("a request can't be repeated".into()))?;
            let error = match self.once(copy, limit).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let Some(wait) = error.pause(pause).map(jittered) else { return Err(error) };
            if Instant::now() + wait > deadline {
                return Err(error);
            }
            tracing::debug!(%error, wait_ms = wait.as_millis(), "repeating a request");
            tokio::time::sleep(wait).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn once(&self, mut request: Request, limit: usize) -> Result<Answer, ClientError> {
        *request.timeout_mut() = Some(self.request_timeout);
        let url = request.url().clone();
        let mut response = self.execute(request).await?;
        let body = read_body(&mut response, limit, &url).await?;
        Ok(Answer { status: response.status(), url, body })
    }

    /// Sends once and reads the head of the answer; a refusal is read whole.
    pub(crate) async fn execute(&self, request: Request) -> Result<reqwest::Response, ClientError> {
        let url = request.url().clone();
        let unreachable = |e| ClientError::Unreachable { url: url.clone(), reason: chain(&e) };
        let mut response = self.http.execute(request).await.map_err(unreachable)?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status().as_u16();
        let is_problem =
            response.headers().get(header::CONTENT_TYPE).is_some_and(|v| v.as_bytes() == MEDIA_TYPE.as_bytes());
        let body = read_body(&mut response, MAX_PROBLEM_BYTES, &url).await?;
        match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) if is_problem => Err(ClientError::Refused(Box::new(problem))),
            _ => Err(ClientError::Unexpected { url, status }),
        }
    }
}

fn json_post(url: Url, body: Bytes) -> Request {
    let mut request = Request::new(Method::POST, url);
    request.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    *request.body_mut() = Some(body.into());
    request
}

async fn read_body(response: &mut reqwest::Response, limit: usize, url: &Url) -> Result<Bytes, ClientError> {
    let mut body = Vec::new();
    loop {
        let chunk = response.chunk().await;
        let chunk = chunk.map_err(|e| ClientError::Unreachable { url: url.clone(), reason: chain(&e) })?;
        let Some(chunk) = chunk else { return Ok(body.into()) };
        if body.len() + chunk.len() > limit {
            return Err(ClientError::TooLong { url: url.clone(), limit });
        }
        body.extend_from_slice(&chunk);
    }
}

/// Between half the pause and all of it, so that many clients do not come back at once.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::RngExt::random_range(&mut rand::rng(), 0.5..=1.0))
}

/// An error with its causes; reqwest's own text leaves them out.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |e| e.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
