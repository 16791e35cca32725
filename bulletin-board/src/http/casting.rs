//! The writing side: ballots and officials' entries.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Buf;
use futures_util::Stream;
use http::StatusCode;
use http::header::LOCATION;
use veritally_board_api::{Problem, paths};
use veritally_crypto::hash::Hash;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use super::address::ClientAddress;
use super::{Answer, Context, answer, body, election, reply};
use crate::election::{Election, Kind, Outcome, Sequenced};

pub(super) fn routes(context: &Context) -> BoxedFilter<(Response,)> {
    let post = |path: &'static str, kind: Kind| {
        election(context)
            .and(warp::path(path))
            .and(warp::path::end())
            .and(warp::post())
            .and(warp::ext::optional())
            .and(warp::body::stream())
            .and_then(move |election, from, body| answer(submit(election, kind, from, body)))
    };
    post(paths::BALLOTS, Kind::Ballot).or(post(paths::ENTRIES, Kind::Entry)).unify().boxed()
}

/// An address that tells clients apart: behind a proxy that is not among the trusted ones, all have this machine's.
fn known(from: Option<ClientAddress>) -> Option<IpAddr> {
    from.map(|ClientAddress(address)| address).filter(|address| !address.is_loopback())
}

async fn submit<B: Buf>(
    election: Result<Arc<Election>, Problem>,
    kind: Kind,
    from: Option<ClientAddress>,
    body: impl Stream<Item = Result<B, warp::Error>>,
) -> Answer {
    let election = election?;
    let bytes = body::entry(body).await?;
    let hash = Hash::of(&bytes);
    let location = format!("/{}", paths::in_election(election.id(), &paths::receipt(&hash.to_string())));
    let response = match election.submit_from(kind, bytes, known(from)).await? {
        Outcome::Sequenced(Sequenced { receipt, new, .. }) => {
            let status = if new { StatusCode::CREATED } else { StatusCode::OK };
            reply::text(status, reply::NOT_AT_ALL, receipt)
        }
        Outcome::Pending(_) => reply::text(StatusCode::ACCEPTED, reply::NOT_AT_ALL, String::new()),
    };
    Ok(reply::with_header(response, LOCATION, &location))
}
