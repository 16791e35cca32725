//! Reading a request's body: bounded in size and time.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use veritally_board_api::{Problem, ProblemKind};
use veritally_crypto::canonical::MAX_LEAF_BYTES;

/// Longest time for a whole body: 64 KiB at 20 kbit/s.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads a log entry.
pub(super) async fn entry<B: Buf>(body: impl Stream<Item = Result<B, warp::Error>>) -> Result<Bytes, Problem> {
    match tokio::time::timeout(BODY_TIMEOUT, collect(body)).await {
        Ok(result) => result,
        Err(_elapsed) => Err(Problem::new(ProblemKind::BodyTimeout, "")),
    }
}

async fn collect<B: Buf>(body: impl Stream<Item = Result<B, warp::Error>>) -> Result<Bytes, Problem> {
    let mut body = std::pin::pin!(body);
    let mut bytes = BytesMut::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|e| Problem::new(ProblemKind::BadRequest, format!("The body broke off: {e}.")))?;
        if bytes.len() + chunk.remaining() > MAX_LEAF_BYTES {
            let detail = format!("An entry has at most {MAX_LEAF_BYTES} bytes.");
            return Err(Problem::new(ProblemKind::TooLarge, detail));
        }
        bytes.extend_from_slice(chunk.chunk());
    }
    Ok(bytes.freeze())
}
