//! Lets through what `paths::ROUTES` lists: so the list is complete, and the interface's description with it.

use http::Method;
use veritally_board_api::paths::Route;
use warp::filters::path::FullPath;
use warp::reject::Reject;
use warp::{Filter, Rejection};

/// A path of the interface with a method that it does not take.
#[derive(Debug)]
pub(super) struct WrongMethod(pub(super) &'static Route);

impl Reject for WrongMethod {}

/// Passes requests of the interface.
pub(super) fn gate() -> impl Filter<Extract = (), Error = Rejection> + Clone {
    warp::path::full()
        .and(warp::method())
        .and_then(async |path: FullPath, method: Method| match Route::of(path.as_str()) {
            Some(route) if route.takes(method.as_str()) => Ok(()),
            Some(route) => Err(warp::reject::custom(WrongMethod(route))),
            None => Err(warp::reject::not_found()),
        })
        .untuple_one()
}
