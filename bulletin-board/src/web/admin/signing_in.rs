//! Sessions and accounts: password and second factor, signing out, who may.

use askama::Template;
use http::{HeaderMap, StatusCode};
use totp_rs::{Builder, Totp};
use veritally_crypto::hash::Hash;

use super::{
    Answer, COOKIE, Dashboard, Form, Frame, IDLE_MS, LONGEST_MS, Page, Refusal, SESSION_COOKIE, Visit, Words, cookie,
    joining, password, redirect, set_cookie, token,
};
use crate::admin_store::{Account, Role, Session};
use crate::web::view::Time;

/// Pages say so when they ask for themselves again.
const REFRESH: &str = "x-refresh";
/// Longest name of an account.
pub(super) const MAX_NAME: usize = 64;
/// The account that a request's cookie names, if its session lives.
pub(super) async fn who(dashboard: &Dashboard, headers: &HeaderMap) -> Result<Option<(Account, Session)>, Refusal> {
    let header = headers.get(COOKIE).and_then(|value| value.to_str().ok());
    let Some(token) = header.and_then(|all| cookie(all, SESSION_COOKIE)) else { return Ok(None) };
    let (hash, now_ms) = (Hash::of(token.as_bytes()), dashboard.now_ms());
    // A page that brings itself up to date (live.js) is no use of the session: else an open page would keep it for hours.
    let used_ms = if headers.contains_key(REFRESH) { 0 } else { now_ms };
    let Some(session) = dashboard.store.session(&hash, used_ms).await? else { return Ok(None) };
    let over = session.seen_ms + IDLE_MS < now_ms || session.created_ms + LONGEST_MS < now_ms;
    if over {
        dashboard.store.end_session(&hash).await?;
        return Ok(None);
    }
    let account = dashboard.store.account(&session.account).await?.filter(|account| !account.disabled);
    Ok(account.map(|account| (account, session)))
}

#[derive(Template)]
#[template(path = "admin/sign_in.html")]
struct SignInPage {
    p: Page,
    w: Words,
    f: Frame,
    problem: Option<String>,
    name: String,
}

pub(super) fn sign_in_page(visit: &Visit<'_>, problem: Option<(String, String)>) -> Answer {
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let (name, problem) = problem.map_or_else(Default::default, |(name, problem)| (name, Some(problem)));
    let p = Page::new(visit.w.t("sign_in"), visit.asked, visit.web);
    Ok(visit.page_with(status, &SignInPage { p, w: visit.w, f: visit.frame(), problem, name }))
}

/// Password and second factor, both checked before either is said to be wrong.
pub(super) async fn sign_in(visit: &Visit<'_>, form: &Form) -> Answer {
    let dashboard = visit.dashboard;
    let (name, now_ms) = (form.text("name").to_lowercase(), dashboard.now_ms());
    let short: String = name.chars().take(MAX_NAME).collect();
    let (by_name, by_address) = (format!("name {short}"), format!("address {}", visit.customer));
    // ⚠ Before anything is judged, which takes time: else any number at once would be tried.
    dashboard.guard.attempt(&[&by_name, &by_address], now_ms).map_err(Refusal::TooOften)?;
    let account = dashboard.store.account(&name).await?.filter(|account| !account.disabled);
    let known = account.as_ref().map(|account| account.password.clone());
    let right = check_password(dashboard, form.raw("password").to_owned(), known).await?;
    let step = account.as_ref().and_then(|a| check_code(&a.name, &a.totp_secret, form.text("code"), now_ms));
    let account = match (account, step) {
        // A code is used up only together with the right password, and only once.
        (Some(account), Some(step)) if right && dashboard.store.use_totp_step(&account.name, step).await? => account,
        _ => {
            visit.note_as(short, "sign-in-failed", "", "").await?;
            return sign_in_page(visit, Some((name, visit.w.t("sign_in_failed").to_owned())));
        }
    };
    dashboard.guard.forget(&by_name);
    dashboard.guard.withdraw(&by_address, now_ms);
    // Whatever session the browser had ends: nobody can hand somebody a session and wait until they sign in to it.
    if let Some((_, session)) = &visit.who {
        dashboard.store.end_session(&session.token).await?;
    }
    let secret = token()?;
    let session = Session {
        token: Hash::of(secret.as_bytes()),
        account: account.name.clone(),
        csrf: token()?,
        created_ms: now_ms,
        seen_ms: now_ms,
    };
    dashboard.store.add_session(session).await?;
    visit.note_as(account.name, "sign-in", "", "").await?;
    Ok(set_cookie(redirect("/admin"), &format!("{SESSION_COOKIE}={secret}; Path=/; Secure; HttpOnly; SameSite=Strict")))
}

async fn check_password(dashboard: &Dashboard, given: String, known: Option<String>) -> Result<bool, Refusal> {
    if given.len() > password::MAX_BYTES {
        return Ok(false);
    }
    let _place = dashboard.hashing.acquire().await.map_err(|_| Refusal::Internal)?;
    let check = move || password::check(&given, known.as_deref());
    tokio::task::spawn_blocking(check).await.map_err(|_| Refusal::Internal)
}

pub(super) fn totp(name: &str, secret: &[u8]) -> Option<Totp> {
    let builder = Builder::new().with_secret(secret.to_vec()).with_account_name(name.to_owned());
    builder.with_issuer(Some("Veritally".to_owned())).build().ok()
}

/// The step of a right code.
pub(super) fn check_code(name: &str, secret: &[u8], code: &str, now_ms: u64) -> Option<u64> {
    let digits = code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit());
    totp(name, secret).filter(|_| digits)?.check(code, now_ms / 1_000)
}

pub(super) async fn sign_out(visit: &Visit<'_>) -> Answer {
    let (_, session) = visit.account()?;
    visit.dashboard.store.end_session(&session.token).await?;
    visit.note("sign-out", "", "").await?;
    let gone = format!("{SESSION_COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0");
    Ok(set_cookie(redirect("/admin/sign-in"), &gone))
}

struct AccountView {
    name: String,
    role: &'static str,
    created: Time,
    disabled: bool,
}

#[derive(Template)]
#[template(path = "admin/accounts.html")]
struct AccountsPage {
    p: Page,
    w: Words,
    f: Frame,
    accounts: Vec<AccountView>,
    link: Option<String>,
}

pub(super) async fn accounts_page(visit: &Visit<'_>, link: Option<String>) -> Answer {
    visit.need(Role::Owner)?;
    let view = |account: Account| AccountView {
        name: account.name,
        role: account.role.name(),
        created: Time::new(account.created_ms),
        disabled: account.disabled,
    };
    let accounts = visit.dashboard.store.accounts().await?.into_iter().map(view).collect();
    let p = Page::new(visit.w.t("accounts"), visit.asked, visit.web);
    Ok(visit.page(&AccountsPage { p, w: visit.w, f: visit.frame(), accounts, link }))
}

/// Invites somebody, or disables or enables an account.
pub(super) async fn change_accounts(visit: &Visit<'_>, form: &Form) -> Answer {
    let owner = visit.need(Role::Owner)?;
    let store = &visit.dashboard.store;
    match form.text("do") {
        "invite" => {
            let role = Role::parse(form.text("role")).ok_or(Refusal::Wrong("form_broken"))?;
            let token = joining::invite(&*visit.dashboard.store, role, visit.dashboard.now_ms()).await?;
            visit.note("account-invited", "", role.name()).await?;
            accounts_page(visit, Some(format!("{}/admin/join?token={token}", visit.asked.origin()))).await
        }
        change @ ("disable" | "enable") => {
            let name = form.text("name");
            if name == owner.name {
                return Err(Refusal::Wrong("not_yourself"));
            }
            let account = store.account(name).await?.ok_or(Refusal::NotFound)?;
            store.set_disabled(&account.name, change == "disable").await?;
            visit.note(&format!("account-{change}d"), "", account.name).await?;
            Ok(redirect("/admin/accounts?done=saved"))
        }
        _ => Err(Refusal::Wrong("form_broken")),
    }
}
