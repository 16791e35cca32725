//! The witness's HTTP server: `POST …/add-checkpoint` of C2SP tlog-witness, and `GET …/checkpoint/<SHA-256 of the origin>`,
//! the last cosigned checkpoint. Behind a proxy that speaks TLS.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use veritally_crypto::hash::Hash;

use super::request::MAX_REQUEST_BYTES;
use super::{AddCheckpoint, Witness, WitnessError};

/// Connections at once; more wait in the system's queue.
const CONNECTIONS: usize = 512;
/// A request's head, and then its body, must arrive within this time.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
/// Who neither sends nor takes anything for this time is dropped.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest head.
const MAX_HEAD_BYTES: usize = 16 << 10;

/// Seconds since the Unix epoch, by this machine's clock.
#[must_use]
pub fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Serves until the future is dropped.
pub async fn serve(listener: TcpListener, witness: Arc<Witness>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let witness = Arc::clone(&witness);
        tokio::spawn(async move {
            let _place = place;
            // Connections end with errors all the time; clients see them, nobody else needs to.
            if let Err(error) = connection(stream, witness).await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
}

async fn connection(stream: TcpStream, witness: Arc<Witness>) -> Result<(), hyper::Error> {
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_read_timeout(Some(IDLE_TIMEOUT));
    stream.set_write_timeout(Some(IDLE_TIMEOUT));
    let service = hyper::service::service_fn(move |request| {
        let witness = Arc::clone(&witness);
        async move { Ok::<_, Infallible>(answer(request, witness).await) }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(REQUEST_TIMEOUT).max_header_size(MAX_HEAD_BYTES);
    http.serve_connection(TokioIo::new(Box::pin(stream)), service).await
}

type Answer = Response<Full<Bytes>>;

fn reply(status: StatusCode, content_type: &'static str, text: String) -> Answer {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn plain(status: StatusCode, text: impl std::fmt::Display) -> Answer {
    reply(status, "text/plain; charset=utf-8", format!("{text}\n"))
}

async fn answer(request: Request<Incoming>, witness: Arc<Witness>) -> Answer {
    let path = request.uri().path().to_owned();
    match *request.method() {
        Method::POST if path.ends_with("/add-checkpoint") => add_checkpoint(request, witness).await,
        Method::GET => monitor(&path, &witness),
        _ => plain(StatusCode::NOT_FOUND, "POST add-checkpoint, or GET checkpoint/<SHA-256 of the origin>"),
    }
}

/// For monitors: who this is, and what it cosigned.
fn monitor(path: &str, witness: &Witness) -> Answer {
    if let Some((_, origin)) = path.rsplit_once("/checkpoint/") {
        let found = Hash::from_hex(origin).ok().and_then(|origin| witness.cosigned(&origin));
        let nothing = || plain(StatusCode::NOT_FOUND, "nothing of this log was cosigned");
        return found.map_or_else(nothing, |note| reply(StatusCode::OK, "text/plain; charset=utf-8", note));
    }
    let logs = witness.logs().into_iter().map(|(log, head)| {
        format!("{} {} checkpoint/{}\n", log.origin, head.tree_size, Hash::of(log.origin.as_bytes()))
    });
    plain(StatusCode::OK, format!("{}\n{}", witness.verifier(), logs.collect::<String>()))
}

async fn add_checkpoint(request: Request<Incoming>, witness: Arc<Witness>) -> Answer {
    let body = Limited::new(request.into_body(), MAX_REQUEST_BYTES).collect();
    let body = match tokio::time::timeout(REQUEST_TIMEOUT, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) => return plain(StatusCode::PAYLOAD_TOO_LARGE, "the request is too long, or broke off"),
        Err(_) => return plain(StatusCode::REQUEST_TIMEOUT, "the request did not arrive in time"),
    };
    let cosigned = tokio::task::spawn_blocking(move || {
        let body = std::str::from_utf8(&body).map_err(|_| WitnessError::Request("not UTF-8"))?;
        witness.add_checkpoint(&AddCheckpoint::parse(body)?, now_s())
    });
    match cosigned.await {
        Ok(Ok(cosigned)) => reply(StatusCode::OK, "text/plain; charset=utf-8", format!("{}\n", cosigned.line)),
        Ok(Err(error)) => refusal(&error),
        Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "the witness failed"),
    }
}

/// The status codes of C2SP tlog-witness.
fn refusal(error: &WitnessError) -> Answer {
    use veritally_crypto::log::checkpoint::CheckpointError;
    use veritally_crypto::log::note::NoteError;
    let status = match error {
        WitnessError::UnknownLog(_) => StatusCode::NOT_FOUND,
        WitnessError::Checkpoint(CheckpointError::Note(NoteError::NotSigned(_) | NoteError::BadSignature(_))) => {
            StatusCode::FORBIDDEN
        }
        WitnessError::Conflict(size) => {
            return reply(StatusCode::CONFLICT, "text/x.tlog.size", format!("{size}\n"));
        }
        WitnessError::Fork(_) => StatusCode::CONFLICT,
        WitnessError::Proof(_) => StatusCode::UNPROCESSABLE_ENTITY,
        WitnessError::Request(_) | WitnessError::Checkpoint(_) | WitnessError::OldSize { .. } => {
            StatusCode::BAD_REQUEST
        }
        other => {
            tracing::error!(error = %other, "the witness could not cosign");
            return plain(StatusCode::INTERNAL_SERVER_ERROR, "the witness could not keep its state");
        }
    };
    plain(status, error)
}
