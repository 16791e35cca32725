//! The whole record as a tar file, made while it is sent: one file of the log in memory at a time.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, stream};
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use tokio::sync::mpsc;
use veritally_crypto::log::tiles;
use warp::Reply as _;
use warp::reply::Response;

use crate::election::Election;
use crate::log_reader;

/// Tar pads to blocks of this size and ends with two empty ones.
const BLOCK: usize = 512;

/// What a checkpoint covers, and that checkpoint last: a file that breaks off has none.
pub(super) fn respond(election: Arc<Election>) -> Response {
    let name = format!("attachment; filename=\"{}.tar\"", election.id());
    let mut response = warp::reply::stream(parts(election)).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-tar"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(value) = HeaderValue::from_str(&name) {
        headers.insert(CONTENT_DISPOSITION, value);
    }
    response
}

type Part = Result<Bytes, std::io::Error>;

/// A task of its own reads ahead by one file, and ends when the reader is gone.
fn parts(election: Arc<Election>) -> impl Stream<Item = Part> + Send + Sync {
    let (send, receive) = mpsc::channel(1);
    tokio::spawn(async move {
        let failed = write(&election, &send).await.err();
        if let Some(error) = failed {
            tracing::error!(election = %election.id(), %error, "a record could not be sent whole");
            let _ = send.send(Err(error)).await;
        }
    });
    stream::unfold(receive, async |mut receive| receive.recv().await.map(|part| (part, receive)))
}

async fn write(election: &Election, send: &mpsc::Sender<Part>) -> Result<(), std::io::Error> {
    let snapshot = election.snapshot();
    let size = snapshot.head.tree_size;
    for tile in tiles::bundles_of(0, size).chain(tiles::tiles_of(size)) {
        let bytes = log_reader::tile(election.store(), election.id(), tile).await.map_err(std::io::Error::other)?;
        if send.send(file(&tile.to_string(), &bytes)).await.is_err() {
            return Ok(());
        }
    }
    let mut end = file("checkpoint", snapshot.checkpoint.as_bytes())?.to_vec();
    end.resize(end.len() + 2 * BLOCK, 0);
    let _ = send.send(Ok(end.into())).await;
    Ok(())
}

fn file(path: &str, bytes: &[u8]) -> Result<Bytes, std::io::Error> {
    let mut header = tar::Header::new_ustar();
    header.set_path(path)?;
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    let mut out = Vec::with_capacity(BLOCK + bytes.len().next_multiple_of(BLOCK));
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(bytes);
    out.resize(out.len().next_multiple_of(BLOCK), 0);
    Ok(out.into())
}
