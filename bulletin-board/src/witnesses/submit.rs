//! One checkpoint to one witness: C2SP tlog-witness, `POST <prefix>/add-checkpoint`.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Response, StatusCode, header};
use url::Url;
use veritally_crypto::log::ConsistencyProof;
use veritally_crypto::log::note::{Note, NoteSignature, NoteVerifier};

use crate::election::Election;
use crate::log_reader;

/// Longest time for one request.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest answer that is read: some signature lines.
const MAX_ANSWER_BYTES: usize = 16 << 10;
/// How often a witness may correct us about what it saw last.
const MAX_CORRECTIONS: usize = 3;

/// Why a witness did not cosign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// No connection, a time-out, a proxy's answer.
    #[error("the witness can't be reached: {0}")]
    Unreachable(String),
    /// It can't now.
    #[error("the witness is busy (status {status})")]
    Busy { status: u16, retry_after: Option<Duration> },
    /// 404.
    #[error("the witness does not know this log: its operator must add origin and key")]
    UnknownLog,
    /// 403.
    #[error("the witness knows this log with another key")]
    UnknownKey,
    /// ⚠ 422: what it has cosigned is not the beginning of this log.
    #[error("THE WITNESS REFUSES: this log is no continuation of what it cosigned before")]
    Inconsistent,
    /// ⚠ It has cosigned more than this log has.
    #[error(
        "THE WITNESS HAS COSIGNED {0} entries, more than this log has: the board lost some, or its key is used elsewhere"
    )]
    Ahead(u64),
    /// Not the protocol.
    #[error("the witness's answer can't be used: {0}")]
    Malformed(&'static str),
    /// Another status.
    #[error("the witness answers with status {0}")]
    Status(u16),
    /// Our own store.
    #[error("the log can't be read: {0}")]
    Store(String),
}

impl Failure {
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// A cosignature that verifies.
#[derive(Debug, Clone)]
pub(super) struct Cosigned {
    pub(super) size: u64,
    pub(super) time_s: u64,
    pub(super) line: NoteSignature,
}

/// A checkpoint for a witness.
#[derive(Debug, Clone)]
pub(super) struct Submission {
    pub(super) url: Url,
    pub(super) verifier: NoteVerifier,
    /// What the witness cosigned last, as far as is known.
    pub(super) old: u64,
    pub(super) size: u64,
    pub(super) text: Arc<str>,
}

/// For all witnesses.
pub(super) fn client() -> Result<reqwest::Client, String> {
    // Elsewhere in this process a provider may be installed already; it is the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder().timeout(TIMEOUT).connect_timeout(TIMEOUT).no_proxy();
    builder.redirect(reqwest::redirect::Policy::none()).build().map_err(|error| error.to_string())
}

impl Submission {
    pub(super) async fn run(mut self, http: &reqwest::Client, election: &Election) -> Result<Cosigned, Failure> {
        for _ in 0..MAX_CORRECTIONS {
            let body = self.body(election).await?;
            let url = format!("{}/add-checkpoint", self.url.as_str().trim_end_matches('/'));
            let answer = http.post(url).body(body).send().await.map_err(|error| unreachable(&error))?;
            match answer.status() {
                StatusCode::OK => return self.cosigned(&text(answer).await?),
                StatusCode::CONFLICT => {
                    let size = text(answer).await?.trim_end().parse().map_err(|_| Failure::Malformed("no size"))?;
                    if size > self.size {
                        return Err(Failure::Ahead(size));
                    }
                    self.old = size;
                }
                StatusCode::NOT_FOUND => return Err(Failure::UnknownLog),
                StatusCode::FORBIDDEN => return Err(Failure::UnknownKey),
                StatusCode::UNPROCESSABLE_ENTITY => return Err(Failure::Inconsistent),
                status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                    let after = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
                    let retry_after = after.and_then(|text| text.parse().ok()).map(Duration::from_secs);
                    return Err(Failure::Busy { status: status.as_u16(), retry_after });
                }
                status => return Err(Failure::Status(status.as_u16())),
            }
        }
        Err(Failure::Malformed("it names another size each time"))
    }

    /// `old <size>`, the proof's hashes, an empty line, the checkpoint.
    async fn body(&self, election: &Election) -> Result<String, Failure> {
        let proof = if self.old == self.size {
            ConsistencyProof(Vec::new())
        } else {
            let proof = log_reader::consistency(election.store(), election.id(), self.old, self.size).await;
            proof.map_err(|error| Failure::Store(error.to_string()))?
        };
        let mut body = format!("old {}\n", self.old);
        for hash in proof.0 {
            // Writing to a string does not fail.
            let _ = writeln!(body, "{}", STANDARD.encode(hash.0));
        }
        body.push('\n');
        body.push_str(&self.text);
        Ok(body)
    }

    fn cosigned(&self, answer: &str) -> Result<Cosigned, Failure> {
        for line in answer.lines() {
            let Ok(line) = NoteSignature::parse(line) else { continue };
            let Ok(mut note) = Note::parse(&self.text) else { continue };
            if note.add(line.clone()).is_ok()
                && let Some(time_s) = self.verifier.cosigned(&note)
            {
                return Ok(Cosigned { size: self.size, time_s, line });
            }
        }
        Err(Failure::Malformed("no cosignature of the witness's key in the manifest"))
    }
}

fn unreachable(error: &reqwest::Error) -> Failure {
    let mut reason = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        reason = format!("{reason}: {inner}");
        source = inner.source();
    }
    Failure::Unreachable(reason)
}

async fn text(mut answer: Response) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| unreachable(&error))? {
        if bytes.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(Failure::Malformed("it is too long"));
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes).map_err(|_| Failure::Malformed("it is no text"))
}
