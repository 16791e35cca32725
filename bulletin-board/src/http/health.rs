//! `/health`, `/ready`, and, on a port of their own, the metrics.

use std::convert::Infallible;
use std::sync::Arc;

use http::StatusCode;
use http::header::HeaderValue;
use serde::Serialize;
use veritally_board_api::paths;
use warp::filters::BoxedFilter;
use warp::reply::Response;
use warp::{Filter, Rejection};

use super::{Answer, Context, answer, read, reply};
use crate::health::readiness;
use crate::metrics::{self, Metrics};

/// `GET /health`: there is nothing more to say than that somebody answers.
#[derive(Serialize)]
struct Health {
    status: &'static str,
}

pub(super) fn routes(context: &Context) -> BoxedFilter<(Response,)> {
    let health = warp::path(paths::HEALTH)
        .and(warp::path::end())
        .and(read())
        .and_then(|| answer(std::future::ready(reply::json(StatusCode::OK, &Health { status: "ok" }))));
    let context = context.clone();
    let ready = warp::path(paths::READY)
        .and(warp::path::end())
        .and(read())
        .and_then(move || answer(std::future::ready(ready(&context))));
    health.or(ready).unify().boxed()
}

fn ready(context: &Context) -> Answer {
    reply::json(StatusCode::OK, &readiness(&context.board, &context.outside.clock, *context.shutdown.borrow())?)
}

/// What operators ask and nobody else: `/metrics`, `/health` and `/ready`.
#[must_use]
pub fn private_routes(context: &Context, metrics: &Arc<Metrics>) -> BoxedFilter<(Response,)> {
    let metrics = Arc::clone(metrics);
    let text = warp::path("metrics").and(warp::path::end()).and(read()).map(move || {
        let kind = HeaderValue::from_static(metrics::MEDIA_TYPE);
        reply::respond(StatusCode::OK, kind, reply::NOT_AT_ALL, metrics.encode())
    });
    text.or(routes(context))
        .unify()
        .recover(async |rejection: Rejection| Ok::<_, Infallible>(reply::rejected(&rejection)))
        .unify()
        .map(reply::with_common_headers)
        .boxed()
}
