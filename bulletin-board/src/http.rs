//! The board over HTTP: routes in groups, handlers that return an answer or a problem, one place that writes either.
//!
//! Nothing here decides anything about elections. `server` runs these filters in our own accept loop.

use std::convert::Infallible;
use std::sync::Arc;

use tokio::sync::watch;
use veritally_board_api::Problem;
use veritally_board_api::paths;
use veritally_crypto::id::Id;
use warp::filters::BoxedFilter;
use warp::reply::Response;
use warp::{Filter, Rejection};
use zeroize::Zeroizing;

use crate::board::Board;
use crate::election::Election;
use crate::web::{self, Dashboard};

pub mod address;
mod body;
mod casting;
mod elections;
mod events;
mod file;
mod gate;
mod health;
mod outside;
mod record;
mod reply;
pub mod server;
pub mod tls;

pub use health::private_routes;
pub use outside::Outside;

/// What handlers share.
#[derive(Clone)]
pub struct Context {
    /// The elections.
    pub board: Arc<Board>,
    /// Who has it may create elections.
    pub operator_token: Arc<Zeroizing<String>>,
    /// The administrator's pages, if there are any.
    pub dashboard: Option<Arc<Dashboard>>,
    /// Becomes true when the board shuts down: streams end then.
    pub shutdown: watch::Receiver<bool>,
    /// What the board knows of others.
    pub outside: Outside,
}

/// What a handler gives.
type Answer = Result<Response, Problem>;

/// All routes. Never rejects: what fits no route is a problem, too.
#[must_use]
pub fn routes(context: &Context) -> BoxedFilter<(Response,)> {
    let interface = elections::routes(context)
        .or(health::routes(context))
        .unify()
        .or(casting::routes(context))
        .unify()
        .or(record::routes(context))
        .unify()
        .or(events::routes(context))
        .unify();
    gate::gate()
        .and(interface)
        .or(web::routes(&context.board, context.dashboard.as_ref(), &context.outside.witnesses))
        .unify()
        .recover(async |rejection: Rejection| Ok::<_, Infallible>(reply::rejected(&rejection)))
        .unify()
        .map(reply::with_common_headers)
        .boxed()
}

/// GET and HEAD.
fn read() -> impl Filter<Extract = (), Error = Rejection> + Clone {
    warp::get().or(warp::head()).unify()
}

/// `e/{election}`: the election, or why it is not served.
fn election(
    context: &Context,
) -> impl Filter<Extract = (Result<Arc<Election>, Problem>,), Error = Rejection> + Clone + use<> {
    let board = Arc::clone(&context.board);
    warp::path(paths::ELECTION).and(warp::path::param()).map(move |id: Id| board.election(&id))
}

/// Runs a handler and writes what it gives.
async fn answer(handler: impl Future<Output = Answer>) -> Result<Response, Infallible> {
    Ok(handler.await.unwrap_or_else(|problem| reply::problem(&problem)))
}
