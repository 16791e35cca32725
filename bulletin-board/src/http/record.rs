//! The reading side: status, receipts, and the log as static files.

use std::sync::Arc;

use http::StatusCode;
use veritally_board_api::{Problem, ProblemKind, paths};
use veritally_crypto::hash::Hash;
use veritally_crypto::log::tiles::TilePath;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::filters::path::Tail;
use warp::reply::Response;

use super::file::{Conditions, File, conditions};
use super::{Answer, Context, Outside, answer, election, read, reply};
use crate::election::Election;
use crate::log_reader::{self, Code};

pub(super) fn routes(context: &Context) -> BoxedFilter<(Response,)> {
    let file = |path: &'static str| election(context).and(warp::path(path)).and(warp::path::end()).and(read());
    let status = file(paths::STATUS).and_then(|election| answer(status(election)));
    let outside = context.outside.clone();
    let checkpoint = file(paths::CHECKPOINT).and(conditions()).and_then(move |election, conditions| {
        let outside = outside.clone();
        answer(async move { checkpoint(election, &outside, &conditions).await })
    });
    let outside = context.outside.clone();
    let witnesses = file(paths::WITNESSES).and_then(move |election| {
        let outside = outside.clone();
        answer(async move { witnesses(election, &outside).await })
    });
    let manifest = file(paths::MANIFEST)
        .and(conditions())
        .and_then(|election, conditions| answer(async move { manifest(election, &conditions).await }));
    let tile =
        election(context).and(warp::path(paths::TILE)).and(warp::path::tail()).and(read()).and(conditions()).and_then(
            |election, tail: Tail, conditions| answer(async move { tile(election, tail, &conditions).await }),
        );
    let receipt = election(context)
        .and(warp::path(paths::RECEIPTS))
        .and(warp::path::param())
        .and(warp::path::end())
        .and(read())
        .and_then(|election, code: String| answer(receipt(election, code)));
    let log = tile.or(checkpoint).unify().or(manifest).unify();
    log.or(status).unify().or(receipt).unify().or(witnesses).unify().boxed()
}

type Found = Result<Arc<Election>, Problem>;

async fn status(election: Found) -> Answer {
    let election = election?;
    let snapshot = election.refreshed().await;
    reply::json(StatusCode::OK, &election.status_of(&snapshot))
}

async fn checkpoint(election: Found, outside: &Outside, conditions: &Conditions) -> Answer {
    let text = outside.witnesses.checkpoint(&*election?).await;
    let file = File::changing(&Hash::of(text.as_bytes()).to_string());
    Ok(file.known(conditions).unwrap_or_else(|| file.reply(text.into(), conditions)))
}

async fn witnesses(election: Found, outside: &Outside) -> Answer {
    reply::json(StatusCode::OK, &outside.witnesses.status(&*election?))
}

async fn manifest(election: Found, conditions: &Conditions) -> Answer {
    let election = election?;
    let file = File::immutable_json(&election.manifest().fingerprint().to_string());
    if let Some(known) = file.known(conditions) {
        return Ok(known);
    }
    let leaf = election.store().leaves(election.id(), 0..1).await.map_err(|e| unreadable(&election, &e))?.pop();
    Ok(file.reply(leaf.unwrap_or_default(), conditions))
}

async fn tile(election: Found, tail: Tail, conditions: &Conditions) -> Answer {
    let election = election?;
    let path = format!("{}/{}", paths::TILE, tail.as_str());
    let not_found = |detail: String| Problem::new(ProblemKind::NotFound, detail);
    let tile = TilePath::parse(&path).map_err(|e| not_found(e.to_string()))?;
    let mut size = election.snapshot().head.tree_size;
    if !tile.is_in(size) {
        size = election.refreshed().await.head.tree_size;
    }
    if !tile.is_in(size) {
        return Err(not_found(format!("The log has {size} entries: this tile is not complete yet.")));
    }
    // A path of a log has one content, ever.
    let file = File::immutable(&format!("{}/{tile}", election.manifest().fingerprint()));
    if let Some(known) = file.known(conditions) {
        return Ok(known);
    }
    let bytes = log_reader::tile(election.store(), election.id(), tile).await;
    Ok(file.reply(bytes.map_err(|e| unreadable(&election, &e))?, conditions))
}

async fn receipt(election: Found, code: String) -> Answer {
    let election = election?;
    let unknown = || Problem::new(ProblemKind::UnknownEntry, "Compare the code with your copy, digit by digit.");
    let code = Code::parse(&code).ok_or_else(|| {
        Problem::new(ProblemKind::BadRequest, "A code has 20 letters and digits, or 64 hexadecimal digits.")
    })?;
    let found =
        log_reader::find(election.store(), election.id(), &code).await.map_err(|e| unreadable(&election, &e))?;
    let index = match found.as_slice() {
        [] => return Err(unknown()),
        [index] => *index,
        _ => return Err(Problem::new(ProblemKind::AmbiguousCode, "Use the code of 64 digits (in the QR code).")),
    };
    let log = &election.manifest().log;
    let receipt = log_reader::receipt(election.store(), election.id(), log, index).await;
    Ok(reply::text(StatusCode::OK, reply::NOT_AT_ALL, receipt.map_err(|e| unreadable(&election, &e))?))
}

fn unreadable(election: &Election, error: &dyn std::fmt::Display) -> Problem {
    tracing::error!(election = %election.id(), %error, "the log can't be read");
    Problem::new(ProblemKind::StoreUnavailable, "The log can't be read now.").with_retry_after(3)
}
