//! Writing answers and problems: the one place.

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{Response as HttpResponse, StatusCode};
use serde::Serialize;
use veritally_board_api::problem::MEDIA_TYPE;
use veritally_board_api::{Problem, ProblemKind};
use warp::Rejection;
use warp::reply::Response;

use super::gate::WrongMethod;

/// The content does not change any more.
pub(super) const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// The content changes with the next entry: a cache may keep it, but must ask each time.
pub(super) const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");
/// Nobody should keep it.
pub(super) const NOT_AT_ALL: HeaderValue = HeaderValue::from_static("no-store");

pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(super) const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
pub(super) const BINARY: HeaderValue = HeaderValue::from_static("application/octet-stream");

pub(super) fn respond(
    status: StatusCode,
    content_type: HeaderValue,
    cache: HeaderValue,
    body: impl Into<Bytes>,
) -> Response {
    let mut response = HttpResponse::new(body.into().into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response.headers_mut().insert(CACHE_CONTROL, cache);
    response
}

pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Result<Response, Problem> {
    let body = serde_json::to_vec(value).map_err(|error| {
        tracing::error!(%error, "an answer can't be written");
        Problem::new(ProblemKind::Internal, "")
    })?;
    Ok(respond(status, JSON, NOT_AT_ALL, body))
}

pub(super) fn text(status: StatusCode, cache: HeaderValue, text: String) -> Response {
    respond(status, TEXT, cache, text)
}

/// With a header whose value is known to be ASCII.
pub(super) fn with_header(mut response: Response, name: HeaderName, value: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}

pub(super) fn problem(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // A problem is made of strings and integers: it can be written.
    let body = serde_json::to_vec(problem).unwrap_or_default();
    let mut response = respond(status, HeaderValue::from_static(MEDIA_TYPE), NOT_AT_ALL, body);
    if let Some(seconds) = problem.retry_after_s {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// What fits no route.
pub(super) fn rejected(rejection: &Rejection) -> Response {
    use warp::reject::{InvalidHeader, MethodNotAllowed};
    if let Some(WrongMethod(route)) = rejection.find() {
        let allowed = if route.takes("HEAD") { "GET, HEAD, " } else { "GET, " };
        let methods = route.methods.join(", ").replace("GET", allowed.trim_end_matches(", "));
        return with_header(problem(&Problem::new(ProblemKind::MethodNotAllowed, "")), ALLOW, &methods);
    }
    let kind = if rejection.find::<MethodNotAllowed>().is_some() {
        ProblemKind::MethodNotAllowed
    } else if rejection.find::<InvalidHeader>().is_some() {
        ProblemKind::BadRequest
    } else if rejection.is_not_found() {
        ProblemKind::NotFound
    } else {
        tracing::error!(?rejection, "a filter failed");
        ProblemKind::Internal
    };
    problem(&Problem::new(kind, ""))
}

/// On every answer.
pub(super) fn with_common_headers(response: Response) -> Response {
    with_header(response, X_CONTENT_TYPE_OPTIONS, "nosniff")
}
