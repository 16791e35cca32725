//! The writing side: ballots and officials' entries.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Buf;
use futures_util::Stream;
use http::StatusCode;
use http::header::{HOST, LOCATION};
use veritally_board_api::{Problem, paths};
use veritally_crypto::hash::Hash;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use super::address::ClientAddress;
use super::{Answer, Context, answer, body, election, reply};
use crate::election::{Election, Kind, Outcome, Sequenced};
use crate::web::{Dashboard, origin};

pub(super) fn routes(context: &Context) -> BoxedFilter<(Response,)> {
    let post = |path: &'static str, kind: Kind| {
        let dashboard = context.dashboard.clone();
        election(context)
            .and(warp::path(path))
            .and(warp::path::end())
            .and(warp::post())
            .and(warp::ext::optional())
            .and(warp::header::optional(HOST.as_str()))
            .and(warp::body::stream())
            .and_then(move |election, from, host: Option<String>, body| {
                let gate = dashboard.clone().map(|dashboard| Gate { dashboard, host: host.unwrap_or_default() });
                answer(submit(election, kind, gate.filter(|_| kind == Kind::Ballot), from, body))
            })
    };
    post(paths::BALLOTS, Kind::Ballot).or(post(paths::ENTRIES, Kind::Entry)).unify().boxed()
}

/// An address that tells clients apart: behind a proxy that is not among the trusted ones, all have this machine's.
fn known(from: Option<ClientAddress>) -> Option<IpAddr> {
    from.map(|ClientAddress(address)| address).filter(|address| !address.is_loopback())
}

/// Holds back ballots of voters who must confirm first.
struct Gate {
    dashboard: Arc<Dashboard>,
    /// This board's name as the client has it.
    host: String,
}

impl Gate {
    async fn admit(self, election: &Election, bytes: &[u8]) -> Result<(), Problem> {
        let begin = Instant::now();
        let admitted = self.dashboard.confirmations().admit(election, bytes, &origin(&self.host)).await;
        if let Err(problem) = &admitted {
            election.telemetry().note(&Err(problem.clone()), begin.elapsed());
        }
        admitted
    }
}

async fn submit<B: Buf>(
    election: Result<Arc<Election>, Problem>,
    kind: Kind,
    gate: Option<Gate>,
    from: Option<ClientAddress>,
    body: impl Stream<Item = Result<B, warp::Error>>,
) -> Answer {
    let election = election?;
    let bytes = body::entry(body).await?;
    if let Some(gate) = gate {
        gate.admit(&election, &bytes).await?;
    }
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
