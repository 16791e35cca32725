//! The board's pages: rendered here, readable without JavaScript, kept up to date with it.
//!
//! They show what the log says and decide nothing. Everything they load comes from this program (`assets`), under a
//! policy that forbids inline scripts and styles and any other host.
//!
//! - [`words`]: the texts in four languages.
//! - `public`: elections, ballots, trustees, results; `view` makes what their templates show.
//! - `admin`: the administrator's dashboard.
//! - `history`: what a log says over time, read once and kept.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use askama::Template;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, COOKIE, HeaderName, HeaderValue, SET_COOKIE};
use http::{HeaderMap, Response as HttpResponse, StatusCode};
use warp::filters::BoxedFilter;
use warp::reply::Response;
use warp::{Filter, Rejection};

use crate::board::Board;
use crate::witnesses::Witnessing;

mod admin;
mod assets;
mod chart;
mod history;
mod outcome;
mod public;
mod record_tar;
mod report;
mod view;
pub mod words;

pub use admin::{Confirmations, Dashboard, reset_account};
use history::Histories;
use words::{Language, Words};

/// Only what this program serves; no inline script, no inline style, no frame, no other host.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Remembers the language that a reader chose.
const LANGUAGE_COOKIE: &str = "lang";

/// What the pages share.
#[derive(Clone)]
pub struct Web {
    board: Arc<Board>,
    histories: Arc<Histories>,
    dashboard: Option<Arc<Dashboard>>,
    witnesses: Arc<Witnessing>,
}

impl Web {
    /// Pages over a board.
    #[must_use]
    pub fn new(board: Arc<Board>, dashboard: Option<Arc<Dashboard>>, witnesses: Arc<Witnessing>) -> Self {
        Self { board, histories: Arc::default(), dashboard, witnesses }
    }
}

/// All pages and assets; without a dashboard, the public ones.
#[must_use]
pub fn routes(
    board: &Arc<Board>,
    dashboard: Option<&Arc<Dashboard>>,
    witnesses: &Arc<Witnessing>,
) -> BoxedFilter<(Response,)> {
    let web = Web::new(Arc::clone(board), dashboard.cloned(), Arc::clone(witnesses));
    let public = assets::routes().or(public::routes(&web)).unify();
    match dashboard {
        Some(dashboard) => public.or(admin::routes(&web, dashboard)).unify().boxed(),
        None => public.boxed(),
    }
}

/// A reader's request, as far as pages look at it.
#[derive(Debug, Clone)]
struct Asked {
    path: String,
    query: HashMap<String, String>,
    language: Language,
    /// The language came with this request: remember it.
    chosen: bool,
    host: String,
}

impl Asked {
    fn new(path: &str, query: &str, headers: &HeaderMap) -> Self {
        let query: HashMap<String, String> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let header = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let cookie = header(COOKIE).and_then(|all| cookie(all, LANGUAGE_COOKIE)).and_then(Language::parse);
        let asked = query.get("lang").and_then(|tag| Language::parse(tag));
        let accepted = || header(http::header::ACCEPT_LANGUAGE).and_then(Language::accepted);
        let language = asked.or(cookie).or_else(accepted).unwrap_or(Language::En);
        let host = header(http::header::HOST).unwrap_or_default().to_owned();
        Self { path: path.to_owned(), query, language, chosen: asked.is_some(), host }
    }

    /// This board's address as the reader has it.
    fn origin(&self) -> String {
        origin(&self.host)
    }

    fn words(&self) -> Words {
        Words(self.language)
    }
}

/// The address of the board whose `Host` this is: without TLS only on this machine.
pub(crate) fn origin(host: &str) -> String {
    let local = host.starts_with("127.0.0.1") || host.starts_with("localhost");
    format!("{}://{host}", if local { "http" } else { "https" })
}

/// The value of a cookie.
fn cookie<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header.split(';').find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

/// GET and HEAD of anything, with what pages look at.
fn asked() -> impl Filter<Extract = (Asked,), Error = Rejection> + Clone {
    let query = warp::query::raw().or_else(async |_| Ok::<_, Rejection>((String::new(),)));
    warp::path::full().and(query).and(warp::header::headers_cloned()).map(
        |path: warp::path::FullPath, query: String, headers: HeaderMap| Asked::new(path.as_str(), &query, &headers),
    )
}

/// What every page has around it.
struct Page {
    title: String,
    path: String,
    /// What was asked for, which the same page in another language is asked for, too.
    query: BTreeMap<String, String>,
    board: String,
}

impl Page {
    fn new(title: impl Into<String>, asked: &Asked, web: &Web) -> Self {
        // What was just done is said once.
        let kept = |(name, _): &(&String, &String)| !matches!(name.as_str(), "lang" | "done");
        let query = asked.query.iter().filter(kept).map(|(name, value)| (name.clone(), value.clone())).collect();
        Self { title: title.into(), path: asked.path.clone(), query, board: web.board.info().origin_prefix }
    }

    /// With a value that came in a form: the page in another language needs it in its address.
    fn keeping(mut self, name: &str, value: &str) -> Self {
        if !value.is_empty() {
            self.query.insert(name.to_owned(), value.to_owned());
        }
        self
    }

    /// This page in another language.
    fn in_language(&self, tag: &str) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.query).append_pair("lang", tag);
        format!("{}?{}", self.path, query.finish())
    }

    /// Where an asset is.
    fn asset(&self, name: &str) -> String {
        assets::url(name)
    }

    /// Tag, name, whether it is this page's.
    fn languages(&self, w: &Words) -> [(&'static str, &'static str, bool); 4] {
        Language::ALL.map(|language| (language.tag(), language.name(), language == w.0))
    }
}

/// Writes a page.
fn html(status: StatusCode, asked: &Asked, template: &impl Template) -> Response {
    let body = template.render().unwrap_or_else(|error| {
        tracing::error!(%error, "a page can't be written");
        String::new()
    });
    let status = if body.is_empty() { StatusCode::INTERNAL_SERVER_ERROR } else { status };
    let mut response = HttpResponse::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(http::header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(http::header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.insert(http::header::VARY, HeaderValue::from_static("accept-language, cookie"));
    if asked.chosen {
        let tag = asked.language.tag();
        let value = format!("{LANGUAGE_COOKIE}={tag}; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly");
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.append(SET_COOKIE, value);
        }
    }
    response
}

/// A file to save. `name` is made of an election's id and fixed text: it needs no quoting.
fn download(content_type: &'static str, name: &str, body: impl Into<bytes::Bytes>) -> Response {
    let mut response = HttpResponse::new(body.into().into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(http::header::CONTENT_DISPOSITION, value);
    }
    response
}
