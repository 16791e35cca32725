//! Making an account with a one-time token, or taking one's own again: an owner invites, the board's first start prints a
//! token, and at the server's own machine `veritally-board account reset` makes one for who lost password or second factor.

use askama::Template;
use http::StatusCode;
use qrcode::QrCode;
use qrcode::render::svg;
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use totp_rs::Secret;
use veritally_crypto::hash::Hash;

use super::signing_in::{MAX_NAME, check_code, totp};
use super::{Answer, Form, Frame, Page, Refusal, Visit, Words, password, redirect, token};
use crate::admin_store::{Account, Activity, AdminStore, AdminStoreError, Kind, Role};

/// An invitation holds for so long, in milliseconds.
const INVITATION_MS: u64 = 7 * 24 * 3_600 * 1_000;
/// A token that gives an account back holds for so long, in milliseconds: it is used at once.
const RESET_MS: u64 = 24 * 3_600 * 1_000;
/// Bytes of a second factor's secret (RFC 4226 recommends 20).
const SECRET_BYTES: usize = 20;

#[derive(Serialize, Deserialize)]
struct Invitation {
    role: Role,
    until_ms: u64,
    /// The account that gets a new password and second factor; without it, one is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<String>,
}

fn key(token: &str) -> String {
    Hash::of(token.as_bytes()).to_string()
}

async fn keep(store: &dyn AdminStore, invitation: &Invitation, now_ms: u64) -> Result<String, AdminStoreError> {
    let failed = || AdminStoreError::Damaged("no randomness".into());
    let token = token().map_err(|_| failed())?;
    let bytes = serde_json::to_vec(invitation).map_err(|_| failed())?;
    store.put(Kind::Invitation, &key(&token), bytes, now_ms).await?;
    Ok(token)
}

/// Makes a one-time invitation and returns its token.
pub(super) async fn invite(store: &dyn AdminStore, role: Role, now_ms: u64) -> Result<String, AdminStoreError> {
    keep(store, &Invitation { role, until_ms: now_ms + INVITATION_MS, account: None }, now_ms).await
}

/// The token with which the first owner makes an account; `None` when there is one already. Each start makes another and
/// takes the one before away: a token in an old log does not make an owner.
pub(super) async fn first(store: &dyn AdminStore, now_ms: u64) -> Result<Option<String>, AdminStoreError> {
    if !store.accounts().await?.is_empty() {
        return Ok(None);
    }
    // Without accounts nobody has invited anybody: they are all of earlier starts.
    store.clear(Kind::Invitation, "").await?;
    invite(store, Role::Owner, now_ms).await.map(Some)
}

/// A token with which the holder of an account sets a new password and second factor, in the place of an earlier one;
/// `None` when there is no such account. Only for who is at the server's own machine: it asks for nothing.
///
/// # Errors
/// [`AdminStoreError`].
pub async fn reset_account(store: &dyn AdminStore, name: &str, now_ms: u64) -> Result<Option<String>, AdminStoreError> {
    let Some(account) = store.account(name).await? else { return Ok(None) };
    for (key, bytes) in store.list(Kind::Invitation).await? {
        let of = serde_json::from_slice::<Invitation>(&bytes).ok().and_then(|invitation| invitation.account);
        if of.as_ref() == Some(&account.name) {
            store.take(Kind::Invitation, &key).await?;
        }
    }
    let activity = Activity {
        number: 0,
        time_ms: now_ms,
        account: String::new(),
        action: "account-reset".into(),
        election: String::new(),
        detail: account.name.clone(),
        address: String::new(),
    };
    store.note(activity).await?;
    let invitation = Invitation { role: account.role, until_ms: now_ms + RESET_MS, account: Some(account.name) };
    keep(store, &invitation, now_ms).await.map(Some)
}

/// What a token invites to, if it holds.
async fn invited(visit: &Visit<'_>, token: &str) -> Result<Option<Invitation>, Refusal> {
    let bytes = visit.dashboard.store.find(Kind::Invitation, &key(token)).await?;
    let invitation: Option<Invitation> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    Ok(invitation.filter(|invitation| invitation.until_ms > visit.dashboard.now_ms()))
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
    /// The account is there already.
    again: bool,
    secret: String,
    qr: String,
    min: usize,
}

/// What the form has, or will have, in it.
struct Filled<'a> {
    token: &'a str,
    name: &'a str,
    again: bool,
    secret: &'a Secret,
}

fn join_with(visit: &Visit<'_>, filled: &Filled<'_>, problem: Option<&'static str>) -> Answer {
    let uri = totp(if filled.name.is_empty() { "administrator" } else { filled.name }, filled.secret.as_bytes());
    let uri = uri.and_then(|totp| totp.to_url().ok()).ok_or(Refusal::Internal)?;
    let title = visit.w.t(if filled.again { "join_again" } else { "join" });
    let page = JoinPage {
        p: Page::new(title, visit.asked, visit.web).keeping("token", filled.token),
        w: visit.w,
        f: visit.frame(),
        problem,
        token: filled.token.to_owned(),
        name: filled.name.to_owned(),
        again: filled.again,
        secret: filled.secret.to_base32(),
        qr: qr(&uri).ok_or(Refusal::Internal)?,
        min: password::MIN_CHARACTERS,
    };
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok(visit.page_with(status, &page))
}

/// A QR code as an SVG element.
fn qr(text: &str) -> Option<String> {
    let image = QrCode::new(text).ok()?.render::<svg::Color<'_>>().min_dimensions(200, 200).build();
    image.find("<svg").and_then(|at| image.get(at..)).map(str::to_owned)
}

pub(super) async fn join_page(visit: &Visit<'_>) -> Answer {
    let mut bytes = vec![0u8; SECRET_BYTES];
    crate::data_dir::rng().map_err(|_| Refusal::Internal)?.fill_bytes(&mut bytes);
    let token = visit.asked.query.get("token").map_or("", String::as_str);
    let account = invited(visit, token).await?.and_then(|invitation| invitation.account);
    let (name, secret) = (account.as_deref().unwrap_or_default(), Secret::from(bytes));
    join_with(visit, &Filled { token, name, again: account.is_some(), secret: &secret }, None)
}

/// Makes the invited account, or gives one back. The token comes first: without one nothing is said about accounts. It
/// is used up when everything else is right.
pub(super) async fn join(visit: &Visit<'_>, form: &Form) -> Answer {
    let dashboard = visit.dashboard;
    let (now_ms, by_address) = (dashboard.now_ms(), format!("join {}", visit.customer));
    dashboard.guard.attempt(&[&by_address], now_ms).map_err(Refusal::TooOften)?;
    let (token, given) = (form.text("token"), form.raw("password"));
    let secret = Secret::try_from_base32(form.text("secret")).map_err(|_| Refusal::Wrong("form_broken"))?;
    if secret.as_bytes().len() < SECRET_BYTES {
        return Err(Refusal::Wrong("form_broken"));
    }
    let mut name = form.text("name").to_lowercase();
    let Some(invitation) = invited(visit, token).await? else {
        let filled = Filled { token, name: &name, again: false, secret: &secret };
        return join_with(visit, &filled, Some("bad_invitation"));
    };
    dashboard.guard.withdraw(&by_address, now_ms);
    let account = invitation.account.as_deref();
    if let Some(account) = account {
        account.clone_into(&mut name);
    }
    let filled = Filled { token, name: &name, again: account.is_some(), secret: &secret };
    let again = |problem| join_with(visit, &filled, Some(problem));
    let good_name = !name.is_empty()
        && name.len() <= MAX_NAME
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'@'));
    if !good_name {
        return again("bad_name");
    }
    if given.chars().count() < password::MIN_CHARACTERS || given.len() > password::MAX_BYTES {
        return again("bad_password");
    }
    let Some(step) = check_code(&name, secret.as_bytes(), form.text("code"), now_ms) else { return again("bad_code") };
    if account.is_none() && dashboard.store.account(&name).await?.is_some() {
        return again("name_taken");
    }
    if dashboard.store.take(Kind::Invitation, &key(token)).await?.is_none() {
        return again("bad_invitation");
    }
    let password = protect(visit, given).await?;
    let totp_secret = secret.as_bytes().to_vec();
    if account.is_some() {
        dashboard.store.renew_account(&name, &password, totp_secret).await?;
    } else {
        if dashboard.store.accounts().await?.is_empty() {
            // The first owner invites who else there is: no token of another start is left.
            dashboard.store.clear(Kind::Invitation, "").await?;
        }
        let (role, created_ms) = (invitation.role, now_ms);
        let account = Account { name: name.clone(), role, password, totp_secret, disabled: false, created_ms };
        dashboard.store.add_account(account).await?;
    }
    // The code that was just shown does not sign anybody in.
    dashboard.store.use_totp_step(&name, step).await?;
    let action = if account.is_some() { "account-renewed" } else { "account-made" };
    visit.note_as(name.clone(), action, "", invitation.role.name()).await?;
    Ok(redirect("/admin/sign-in?done=joined"))
}

async fn protect(visit: &Visit<'_>, given: &str) -> Result<String, Refusal> {
    let mut salt = [0u8; 16];
    crate::data_dir::rng().map_err(|_| Refusal::Internal)?.fill_bytes(&mut salt);
    let given = given.to_owned();
    let _place = visit.dashboard.hashing.acquire().await.map_err(|_| Refusal::Internal)?;
    let protected = tokio::task::spawn_blocking(move || password::protect(&given, salt)).await;
    protected.ok().flatten().ok_or(Refusal::Internal)
}
