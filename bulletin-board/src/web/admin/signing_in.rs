//! Sessions and accounts: password and second factor, one-time invitations, signing out.

use askama::Template;
use http::{HeaderMap, StatusCode};
use qrcode::QrCode;
use qrcode::render::svg;
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use totp_rs::{Builder, Secret, Totp};
use veritally_crypto::hash::Hash;

use super::{
    Answer, COOKIE, Dashboard, Form, Frame, IDLE_MS, LONGEST_MS, Page, Refusal, SESSION_COOKIE, Visit, Words, cookie,
    password, redirect, set_cookie, token,
};
use crate::admin_store::{Account, AdminStoreError, Kind, Role, Session};
use crate::web::view::Time;

/// An invitation holds for so long, in milliseconds.
const INVITATION_MS: u64 = 7 * 24 * 3_600 * 1_000;
/// Longest name of an account.
const MAX_NAME: usize = 64;
/// Bytes of a second factor's secret (RFC 4226 recommends 20).
const SECRET_BYTES: usize = 20;

#[derive(Serialize, Deserialize)]
struct Invitation {
    role: Role,
    until_ms: u64,
}

/// Makes a one-time invitation and returns its token.
pub(super) async fn invite(dashboard: &Dashboard, role: Role) -> Result<String, AdminStoreError> {
    let failed = || AdminStoreError::Damaged("no randomness".into());
    let token = token().map_err(|_| failed())?;
    let invitation = Invitation { role, until_ms: dashboard.now_ms() + INVITATION_MS };
    let bytes = serde_json::to_vec(&invitation).map_err(|_| failed())?;
    let key = Hash::of(token.as_bytes()).to_string();
    dashboard.store.put(Kind::Invitation, &key, bytes, dashboard.now_ms()).await?;
    Ok(token)
}

/// The account that a request's cookie names, if its session lives.
pub(super) async fn who(dashboard: &Dashboard, headers: &HeaderMap) -> Result<Option<(Account, Session)>, Refusal> {
    let header = headers.get(COOKIE).and_then(|value| value.to_str().ok());
    let Some(token) = header.and_then(|all| cookie(all, SESSION_COOKIE)) else { return Ok(None) };
    let (hash, now_ms) = (Hash::of(token.as_bytes()), dashboard.now_ms());
    let Some(session) = dashboard.store.session(&hash, now_ms).await? else { return Ok(None) };
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
    let (by_name, by_address) = (format!("name {name}"), format!("address {}", visit.address));
    let waits = [&by_name, &by_address].into_iter().filter_map(|who| dashboard.guard.wait_s(who, now_ms));
    if let Some(seconds) = waits.max() {
        return Err(Refusal::TooOften(seconds));
    }
    let account = dashboard.store.account(&name).await?.filter(|account| !account.disabled);
    let known = account.as_ref().map(|account| account.password.clone());
    let right = check_password(dashboard, form.raw("password").to_owned(), known).await?;
    let step = account.as_ref().and_then(|a| check_code(&a.name, &a.totp_secret, form.text("code"), now_ms));
    let account = match (account, step) {
        // A code is used up only together with the right password, and only once.
        (Some(account), Some(step)) if right && dashboard.store.use_totp_step(&account.name, step).await? => account,
        _ => {
            dashboard.guard.failed(&by_name, now_ms);
            dashboard.guard.failed(&by_address, now_ms);
            visit.note_as(name.chars().take(MAX_NAME).collect(), "sign-in-failed", "", "").await?;
            return sign_in_page(visit, Some((name, visit.w.t("sign_in_failed").to_owned())));
        }
    };
    dashboard.guard.succeeded(&by_name);
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

fn totp(name: &str, secret: &[u8]) -> Option<Totp> {
    let builder = Builder::new().with_secret(secret.to_vec()).with_account_name(name.to_owned());
    builder.with_issuer(Some("Veritally".to_owned())).build().ok()
}

/// The step of a right code.
fn check_code(name: &str, secret: &[u8], code: &str, now_ms: u64) -> Option<u64> {
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

#[derive(Template)]
#[template(path = "admin/join.html")]
struct JoinPage {
    p: Page,
    w: Words,
    f: Frame,
    problem: Option<&'static str>,
    token: String,
    name: String,
    secret: String,
    qr: String,
    min: usize,
}

fn join_with(
    visit: &Visit<'_>,
    status: StatusCode,
    form: (&str, &str, &Secret),
    problem: Option<&'static str>,
) -> Answer {
    let (token, name, secret) = form;
    let uri = totp(if name.is_empty() { "administrator" } else { name }, secret.as_bytes());
    let uri = uri.and_then(|totp| totp.to_url().ok()).ok_or(Refusal::Internal)?;
    let page = JoinPage {
        p: Page::new(visit.w.t("join"), visit.asked, visit.web),
        w: visit.w,
        f: visit.frame(),
        problem,
        token: token.to_owned(),
        name: name.to_owned(),
        secret: secret.to_base32(),
        qr: qr(&uri).ok_or(Refusal::Internal)?,
        min: password::MIN_CHARACTERS,
    };
    Ok(visit.page_with(status, &page))
}

/// A QR code as an SVG element.
pub(super) fn qr(text: &str) -> Option<String> {
    let image = QrCode::new(text).ok()?.render::<svg::Color<'_>>().min_dimensions(200, 200).build();
    image.find("<svg").and_then(|at| image.get(at..)).map(str::to_owned)
}

pub(super) fn join_page(visit: &Visit<'_>) -> Answer {
    let mut bytes = vec![0u8; SECRET_BYTES];
    crate::data_dir::rng().map_err(|_| Refusal::Internal)?.fill_bytes(&mut bytes);
    let token = visit.asked.query.get("token").map_or("", String::as_str);
    join_with(visit, StatusCode::OK, (token, "", &Secret::from(bytes)), None)
}

/// Makes the invited account. The invitation is used up when everything else is right.
pub(super) async fn join(visit: &Visit<'_>, form: &Form) -> Answer {
    let dashboard = visit.dashboard;
    let (now_ms, by_address) = (dashboard.now_ms(), format!("join {}", visit.address));
    if let Some(seconds) = dashboard.guard.wait_s(&by_address, now_ms) {
        return Err(Refusal::TooOften(seconds));
    }
    let (token, name, given) = (form.text("token"), form.text("name").to_lowercase(), form.raw("password"));
    let secret = Secret::try_from_base32(form.text("secret")).map_err(|_| Refusal::Wrong("form_broken"))?;
    let again = |problem| join_with(visit, StatusCode::UNPROCESSABLE_ENTITY, (token, &name, &secret), Some(problem));
    let good_name = !name.is_empty()
        && name.len() <= MAX_NAME
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'@'));
    if !good_name {
        return again("bad_name");
    }
    if given.chars().count() < password::MIN_CHARACTERS || given.len() > password::MAX_BYTES {
        return again("bad_password");
    }
    if secret.as_bytes().len() < SECRET_BYTES {
        return Err(Refusal::Wrong("form_broken"));
    }
    let Some(step) = check_code(&name, secret.as_bytes(), form.text("code"), now_ms) else { return again("bad_code") };
    if dashboard.store.account(&name).await?.is_some() {
        return again("name_taken");
    }
    let key = Hash::of(token.as_bytes()).to_string();
    let taken = dashboard.store.take(Kind::Invitation, &key).await?;
    let invitation: Option<Invitation> = taken.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let Some(invitation) = invitation.filter(|invitation| invitation.until_ms > now_ms) else {
        dashboard.guard.failed(&by_address, now_ms);
        return again("bad_invitation");
    };
    let mut salt = [0u8; 16];
    crate::data_dir::rng().map_err(|_| Refusal::Internal)?.fill_bytes(&mut salt);
    let given = given.to_owned();
    let _place = dashboard.hashing.acquire().await.map_err(|_| Refusal::Internal)?;
    let protected = tokio::task::spawn_blocking(move || password::protect(&given, salt)).await;
    let account = Account {
        name: name.clone(),
        role: invitation.role,
        password: protected.ok().flatten().ok_or(Refusal::Internal)?,
        totp_secret: secret.as_bytes().to_vec(),
        disabled: false,
        created_ms: now_ms,
    };
    dashboard.store.add_account(account).await?;
    // The code that was just shown does not sign anybody in.
    dashboard.store.use_totp_step(&name, step).await?;
    visit.note_as(name, "account-made", "", invitation.role.name()).await?;
    Ok(redirect("/admin/sign-in?done=joined"))
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
            let token = invite(visit.dashboard, role).await?;
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
