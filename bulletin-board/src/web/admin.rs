//! The administrator's dashboard: accounts, elections, statistics, activity.
//!
//! Every request comes through [`handle`]: it finds the session, checks the role that a path asks for, for forms that they
//! come from a page of this board and carry the session's token, and only then calls what the path names. What an
//! administrator does to an election is an entry of its log, signed by the board's own key, which the manifest lists as
//! held by the board; nothing here goes around `Election::submit`.
//!
//! - `signing_in`: sessions, passwords, second factors, accounts; `joining`: how one is made, or got back. `guard`: how
//!   often somebody may try.
//! - `elections`, `acts`: what there is, and what may be done to it. `drafts`: elections in preparation; `invitations`:
//!   their trustees. `voters`: lists. `confirmations`, `confirming`: voters who confirm by mail.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use askama::Template;
use bytes::{Buf, Bytes};
use futures_util::Stream;
use http::header::{COOKIE, HeaderValue, LOCATION, SET_COOKIE};
use http::{HeaderMap, Method, Response as HttpResponse, StatusCode};
use tokio::sync::Semaphore;
use veritally_crypto::hash::Hash;
use veritally_crypto::signature::SigningSecret;
use warp::filters::BoxedFilter;
use warp::reply::Response;
use warp::{Filter, Rejection};

use super::words::Words;
use super::{Asked, Page, Web, asked, cookie, html};
use crate::admin_store::{Account, Activity, AdminStore, AdminStoreError, Role, Session};
use crate::board::Board;
use crate::clock::Clock;
use crate::http::address::{ClientAddress, customer};
use crate::mailer::Mailer;

mod acts;
mod confirmations;
mod confirming;
mod drafts;
mod elections;
mod form;
mod guard;
mod invitations;
mod joining;
mod list_problems;
mod manifest;
mod password;
mod reports;
mod signing_in;
mod voters;

pub use confirmations::Confirmations;
use form::Form;
use guard::Guard;
pub use joining::reset_account;
pub(super) use reports::{Report, Status as ReportStatus, Verdict as ReportVerdict};

/// Failures to sign in, of an account or address, after which it waits.
const MOST_FAILURES: usize = 8;
/// Holds the session's token. The prefix makes browsers insist on `Secure`, `Path=/` and no `Domain`.
const SESSION_COOKIE: &str = "__Host-session";
/// A session that is not used for this time ends, in milliseconds.
const IDLE_MS: u64 = 30 * 60 * 1_000;
/// A session ends after this time in any case, in milliseconds.
const LONGEST_MS: u64 = 12 * 3_600 * 1_000;

/// What the dashboard works on.
pub struct Dashboard {
    board: Arc<Board>,
    store: Arc<dyn AdminStore>,
    /// Signs what administrators do here.
    key: Arc<SigningSecret>,
    clock: Arc<dyn Clock>,
    guard: Guard,
    /// Hashing a password takes 19 MiB and some time: few at once.
    hashing: Semaphore,
    /// A draft is read, changed and kept by one at a time.
    drafting: tokio::sync::Mutex<()>,
    /// A voter list is searched by one at a time: it may be long.
    searching: Semaphore,
    confirmations: Confirmations,
    /// The board's folder, for how much it holds.
    folder: PathBuf,
}

impl Dashboard {
    /// On a store; `key` is the board's own administrator's key, `mailer` sends voters' one-time codes.
    #[must_use]
    pub fn new(
        board: Arc<Board>,
        store: Arc<dyn AdminStore>,
        key: Arc<SigningSecret>,
        clock: Arc<dyn Clock>,
        mailer: Option<Mailer>,
        folder: &Path,
    ) -> Self {
        let confirmations = Confirmations::new(Arc::clone(&store), Arc::clone(&clock), mailer);
        Self {
            board,
            store,
            key,
            clock,
            guard: Guard::new(MOST_FAILURES),
            hashing: Semaphore::new(2),
            drafting: tokio::sync::Mutex::default(),
            searching: Semaphore::new(1),
            confirmations,
            folder: folder.to_owned(),
        }
    }

    /// Which ballots wait for their voters' confirmation.
    #[must_use]
    pub fn confirmations(&self) -> &Confirmations {
        &self.confirmations
    }

    /// The token with which the first owner makes an account, in the place of an earlier one; `None` when there is an
    /// account already.
    ///
    /// # Errors
    /// [`AdminStoreError`].
    pub async fn first_token(&self) -> Result<Option<String>, AdminStoreError> {
        joining::first(&*self.store, self.now_ms()).await
    }

    /// Bytes of the files in the board's folder.
    fn storage_bytes(&self) -> Option<u64> {
        let files = std::fs::read_dir(&self.folder).ok()?.filter_map(|file| file.ok()?.metadata().ok());
        Some(files.map(|file| file.len()).sum())
    }

    fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }
}

/// Why a page is not shown.
#[derive(Debug)]
enum Refusal {
    /// Go to the sign-in page.
    SignIn,
    NotFound,
    /// Another role is needed, or the form is not this session's.
    Forbidden(&'static str),
    /// The catalog's key of what is wrong.
    Wrong(&'static str),
    /// What is wrong, in words of another part of the program.
    Because(String),
    TooLarge,
    TooOften(u64),
    Internal,
}

impl From<AdminStoreError> for Refusal {
    fn from(error: AdminStoreError) -> Self {
        tracing::error!(%error, "the dashboard's database");
        Self::Internal
    }
}

type Answer = Result<Response, Refusal>;

/// Who asks, and what every page needs.
struct Visit<'a> {
    web: &'a Web,
    dashboard: &'a Dashboard,
    asked: &'a Asked,
    w: Words,
    /// From where, for the activity log.
    address: String,
    /// Who that is when tries are counted.
    customer: String,
    /// The signed-in account and its session.
    who: Option<(Account, Session)>,
}

impl Visit<'_> {
    fn account(&self) -> Result<(&Account, &Session), Refusal> {
        self.who.as_ref().map(|(account, session)| (account, session)).ok_or(Refusal::SignIn)
    }

    /// The account, if its role is enough.
    fn need(&self, role: Role) -> Result<&Account, Refusal> {
        let (account, _) = self.account()?;
        if account.role >= role { Ok(account) } else { Err(Refusal::Forbidden("role_forbids")) }
    }

    fn frame(&self) -> Frame {
        let who = self.who.as_ref();
        Frame {
            csrf: who.map(|(_, session)| session.csrf.clone()).unwrap_or_default(),
            name: who.map(|(account, _)| account.name.clone()).unwrap_or_default(),
            role: who.map_or(Role::Observer, |(account, _)| account.role),
            // Only texts of the catalog are shown: an address can't put words on a page.
            notice: self.asked.query.get("done").map(|key| format!("done_{key}")).filter(|key| self.w.t(key) != key),
        }
    }

    fn page(&self, template: &impl Template) -> Response {
        self.page_with(StatusCode::OK, template)
    }

    fn page_with(&self, status: StatusCode, template: &impl Template) -> Response {
        let mut response = html(status, self.asked, template);
        response.headers_mut().insert(http::header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        response
    }

    /// Writes a line of the activity log.
    async fn note(&self, action: &str, election: &str, detail: impl Into<String>) -> Result<(), Refusal> {
        let account = self.who.as_ref().map(|(account, _)| account.name.clone()).unwrap_or_default();
        self.note_as(account, action, election, detail).await
    }

    async fn note_as(
        &self,
        account: String,
        action: &str,
        election: &str,
        detail: impl Into<String>,
    ) -> Result<(), Refusal> {
        let activity = Activity {
            number: 0,
            time_ms: self.dashboard.now_ms(),
            account,
            action: action.to_owned(),
            election: election.to_owned(),
            detail: detail.into().chars().take(500).collect(),
            address: self.address.clone(),
        };
        Ok(self.dashboard.store.note(activity).await?)
    }
}

/// What a dashboard's page has around it.
struct Frame {
    csrf: String,
    name: String,
    role: Role,
    notice: Option<String>,
}

impl Frame {
    fn manages(&self) -> bool {
        self.role >= Role::Manager
    }

    fn owns(&self) -> bool {
        self.role >= Role::Owner
    }
}

#[derive(Template)]
#[template(path = "admin/refused.html")]
struct RefusedPage {
    f: Frame,
    p: Page,
    w: Words,
    text: String,
}

/// All of the dashboard: `/admin/…`, `/invitation/…` for trustees, `/confirm/…` for voters.
pub(super) fn routes(web: &Web, dashboard: &Arc<Dashboard>) -> BoxedFilter<(Response,)> {
    let (web, dashboard) = (web.clone(), Arc::clone(dashboard));
    let place = warp::path("admin").map(|| "admin").or(warp::path("invitation").map(|| "invitation")).unify();
    let place = place.or(warp::path("confirm").map(|| "confirm")).unify();
    place
        .and(warp::path::tail())
        .and(warp::method())
        .and(asked())
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional::<ClientAddress>())
        .and(warp::body::stream())
        .and_then(
            move |place: &'static str,
                  tail: warp::path::Tail,
                  method,
                  asked,
                  headers,
                  peer: Option<ClientAddress>,
                  body| {
                let (web, dashboard) = (web.clone(), Arc::clone(&dashboard));
                async move {
                    let path = format!("{place}/{}", tail.as_str());
                    let request = Request { path, method, headers, peer: peer.map(|ClientAddress(address)| address) };
                    Ok::<_, Rejection>(handle(&web, &dashboard, &asked, request, body).await)
                }
            },
        )
        .boxed()
}

struct Request {
    path: String,
    method: Method,
    headers: HeaderMap,
    peer: Option<IpAddr>,
}

async fn handle<B: Buf>(
    web: &Web,
    dashboard: &Dashboard,
    asked: &Asked,
    request: Request,
    body: impl Stream<Item = Result<B, warp::Error>> + Send + 'static,
) -> Response {
    let text = |address: Option<IpAddr>| address.map(|address| address.to_string()).unwrap_or_default();
    let (address, customer) = (text(request.peer), text(request.peer.map(customer)));
    let mut visit = Visit { web, dashboard, asked, w: asked.words(), address, customer, who: None };
    let answered = async {
        visit.who = signing_in::who(dashboard, &request.headers).await?;
        let path = request.path.trim_end_matches('/').split('/').collect::<Vec<_>>();
        match request.method {
            Method::GET | Method::HEAD => show(&visit, &path).await,
            Method::POST => {
                same_site(&request.headers)?;
                // Who is not signed in can't make the board read much.
                let limit = if visit.who.is_some() { form::MAX_BYTES } else { form::MAX_STRANGER_BYTES };
                let form = Form::read(&request.headers, body, limit).await?;
                if let Some((_, session)) = &visit.who {
                    form.check_token(&session.csrf)?;
                }
                act(&visit, &path, &form).await
            }
            _ => Err(Refusal::NotFound),
        }
    }
    .await;
    answered.unwrap_or_else(|refusal| refused(&visit, refusal))
}

/// Forms come from this board's own pages: browsers say so, and no other site can say otherwise.
fn same_site(headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if text("sec-fetch-site").is_some_and(|site| site != "same-origin") {
        return Err(Refusal::Forbidden("form_foreign"));
    }
    let origin = text("origin").and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    match (origin, text("host")) {
        (Some(origin), Some(host)) if origin != host => Err(Refusal::Forbidden("form_foreign")),
        _ => Ok(()),
    }
}

async fn show(visit: &Visit<'_>, path: &[&str]) -> Answer {
    match path {
        ["admin", "sign-in"] => signing_in::sign_in_page(visit, None),
        ["admin", "join"] => joining::join_page(visit).await,
        ["invitation", token] => invitations::page(visit, token).await,
        ["confirm", id, credential] => confirming::page(visit, id, credential).await,
        ["admin"] => elections::home(visit).await,
        ["admin", "accounts"] => signing_in::accounts_page(visit, None).await,
        ["admin", "activity"] => elections::activity(visit).await,
        ["admin", "activity.csv"] => elections::activity_csv(visit).await,
        ["admin", "e", id] => elections::election(visit, id).await,
        ["admin", "e", id, "voters.csv"] => voters::download_list(visit, id).await,
        ["admin", "e", id, "voted.csv"] => voters::voted(visit, id).await,
        // An upload that was refused is shown under its own address; loaded again, that is the election's page.
        ["admin", "e", id, "voters" | "roll" | "reissue" | "report"] => elections::election(visit, id).await,
        ["admin", "e", id, action] => acts::ask(visit, id, action),
        ["admin", "d", draft, step] => drafts::page(visit, draft, step).await,
        _ => Err(visit.account().err().unwrap_or(Refusal::NotFound)),
    }
}

async fn act(visit: &Visit<'_>, path: &[&str], form: &Form) -> Answer {
    match path {
        ["admin", "sign-in"] => signing_in::sign_in(visit, form).await,
        ["admin", "join"] => joining::join(visit, form).await,
        ["invitation", token] => invitations::answer(visit, token, form).await,
        ["confirm", id, credential] => confirming::answer(visit, id, credential, form).await,
        ["admin", "sign-out"] => signing_in::sign_out(visit).await,
        ["admin", "accounts"] => signing_in::change_accounts(visit, form).await,
        ["admin", "new"] => drafts::begin(visit, form).await,
        ["admin", "d", draft, step] => drafts::save(visit, draft, step, form).await,
        ["admin", "e", id, "voters"] => voters::upload(visit, id, form).await,
        ["admin", "e", id, action] => acts::act(visit, id, action, form).await,
        _ => Err(visit.account().err().unwrap_or(Refusal::NotFound)),
    }
}

fn refused(visit: &Visit<'_>, refusal: Refusal) -> Response {
    let w = visit.w;
    let (status, text) = match refusal {
        Refusal::SignIn => return redirect("/admin/sign-in"),
        Refusal::NotFound => (StatusCode::NOT_FOUND, w.t("not_here").to_owned()),
        Refusal::Forbidden(key) => (StatusCode::FORBIDDEN, w.t(key).to_owned()),
        Refusal::Wrong(key) => (StatusCode::UNPROCESSABLE_ENTITY, w.t(key).to_owned()),
        Refusal::Because(text) => (StatusCode::UNPROCESSABLE_ENTITY, text),
        Refusal::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, w.t("form_too_large").to_owned()),
        Refusal::TooOften(seconds) => (StatusCode::TOO_MANY_REQUESTS, w.f("too_often", seconds.div_ceil(60))),
        Refusal::Internal => (StatusCode::INTERNAL_SERVER_ERROR, w.t("internal").to_owned()),
    };
    let f = visit.frame();
    let p = Page::new(w.t("refused"), visit.asked, visit.web);
    visit.page_with(status, &RefusedPage { f, p, w, text })
}

fn redirect(to: &str) -> Response {
    let mut response = HttpResponse::new(Bytes::new().into());
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(http::header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(value) = HeaderValue::from_str(to) {
        response.headers_mut().insert(LOCATION, value);
    }
    response
}

fn set_cookie(mut response: Response, value: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().append(SET_COOKIE, value);
    }
    response
}

/// 256 random bits as text.
fn token() -> Result<String, Refusal> {
    let mut bytes = [0u8; 32];
    let mut rng = crate::data_dir::rng().map_err(|_| Refusal::Internal)?;
    rand::Rng::fill_bytes(&mut rng, &mut bytes);
    Ok(Hash(bytes).to_string())
}
