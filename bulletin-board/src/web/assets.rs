//! What pages load: built into the program, under names that change with the content, so that they are kept for ever.

use std::sync::LazyLock;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Response as HttpResponse, StatusCode};
use veritally_crypto::hash::Hash;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::Response;

struct Asset {
    name: &'static str,
    content_type: &'static str,
    body: &'static [u8],
    /// The beginning of its SHA-256, part of its address.
    hash: String,
}

const CSS: &str = "text/css; charset=utf-8";
const MODULE: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    [
        ("board.css", CSS, &include_bytes!("assets/board.css")[..]),
        ("live.js", MODULE, include_bytes!("assets/live.js")),
        ("proof.js", MODULE, include_bytes!("assets/proof.js")),
        ("icon.svg", SVG, include_bytes!("assets/icon.svg")),
    ]
    .into_iter()
    .map(|(name, content_type, body)| {
        let hash = Hash::of(body).to_string().chars().take(16).collect();
        Asset { name, content_type, body, hash }
    })
    .collect()
});

/// The address of an asset.
pub(super) fn url(name: &str) -> String {
    let hash = ASSETS.iter().find(|asset| asset.name == name).map_or("", |asset| &asset.hash);
    format!("/assets/{hash}/{name}")
}

pub(super) fn routes() -> BoxedFilter<(Response,)> {
    warp::path("assets")
        .and(warp::path::param())
        .and(warp::path::param())
        .and(warp::path::end())
        .and(warp::get().or(warp::head()).unify())
        .and_then(async |hash: String, name: String| {
            let found = ASSETS.iter().find(|asset| asset.name == name && asset.hash == hash);
            found.map(serve).ok_or_else(warp::reject::not_found)
        })
        .boxed()
}

fn serve(asset: &Asset) -> Response {
    let mut response = HttpResponse::new(asset.body.into());
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    response
}
