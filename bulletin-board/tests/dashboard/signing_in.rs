//! Who signs in, and who would like to: many guesses at once, planted sessions, old tokens, lost passwords.

use std::sync::atomic::Ordering;

use futures_util::future::join_all;
use veritally_board::admin_store::{AdminStore as _, Kind, Role};
use veritally_board::web::reset_account;
use veritally_crypto::hash::Hash;

use crate::fixture::{Fixture, ID};

const PASSWORD: &str = "correct horse battery staple";
/// A time step of the second factor, in milliseconds: a code is used once.
const STEP_MS: u64 = 30_000;

/// A fixture with the account `ada`, whose password is [`PASSWORD`].
async fn with_ada() -> Fixture {
    let fixture = Fixture::start(1).await;
    let (_, _, page) =
        fixture.ask(true, "/admin/accounts", Some(Role::Owner), "csrf=token&do=invite&role=manager").await;
    let token = page.split("join?token=").nth(1).unwrap().split('<').next().unwrap();
    assert_eq!(fixture.join("192.0.2.200", token, "ada", PASSWORD).await.0, 303);
    fixture.later(STEP_MS);
    fixture
}

fn counted(answers: &[u16], status: u16) -> usize {
    answers.iter().filter(|answer| **answer == status).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_guesses_at_once_no_more_are_judged_than_may() {
    let fixture = with_ada().await;
    // In one account's name, from two addresses.
    let guesses = (0..50).map(|i| {
        let fixture = &fixture;
        async move { fixture.try_password(["192.0.2.1", "192.0.2.2"][i % 2], "ada", &format!("guess number {i}")).await }
    });
    let answers = join_all(guesses).await;
    assert_eq!((counted(&answers, 422), counted(&answers, 429)), (8, 42), "{answers:?}");
    assert_eq!(fixture.try_password("192.0.2.3", "ada", PASSWORD).await, 429, "not even with the right one");
    let noted = fixture.store.activity(u64::MAX, None, 100).await.unwrap();
    assert_eq!(noted.iter().filter(|line| line.action == "sign-in-failed").count(), 8);
    // In many names, from two addresses.
    let guesses = (0..50).map(|i| {
        let fixture = &fixture;
        async move { fixture.try_password(["192.0.2.4", "192.0.2.5"][i % 2], &format!("name{i}"), PASSWORD).await }
    });
    let answers = join_all(guesses).await;
    assert_eq!((counted(&answers, 422), counted(&answers, 429)), (16, 34), "{answers:?}");
    // Afterwards ada gets in, and who gets in has not failed.
    fixture.later(15 * 60_000);
    for _ in 0..10 {
        fixture.later(STEP_MS);
        assert_eq!(fixture.try_password("192.0.2.6", "ada", PASSWORD).await, 303);
    }
    assert_eq!(fixture.try_password("192.0.2.6", "ada", PASSWORD).await, 422, "the code was used");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_of_ipv6_addresses_is_one_guesser() {
    let fixture = Fixture::start(1).await;
    for i in 0..8 {
        let address = format!("2001:db8:0:1::{i:x}");
        assert_eq!(fixture.try_password(&address, &format!("name{i}"), "a wrong password").await, 422);
    }
    assert_eq!(fixture.try_password("2001:db8:0:1:ffff::1", "name9", "a wrong password").await, 429);
    assert_eq!(fixture.try_password("2001:db8:0:2::1", "name9", "a wrong password").await, 422);
    // The activity log has the address itself.
    let noted = fixture.store.activity(u64::MAX, None, 100).await.unwrap();
    assert!(noted.iter().any(|line| line.address == "2001:db8:0:1::7"));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_start_has_one_token_for_the_first_account_and_no_other_is_left() {
    let fixture = Fixture::without_accounts(1, |_| {}).await;
    let first = fixture.dashboard.first_token().await.unwrap().unwrap();
    let second = fixture.dashboard.first_token().await.unwrap().unwrap();
    assert_eq!(fixture.store.count(Kind::Invitation, "").await.unwrap(), 1);
    let (status, said) = fixture.join("192.0.2.1", &first, "eve", PASSWORD).await;
    assert!(status == 422 && said.contains("This token does not hold"), "{said}");
    assert_eq!(fixture.join("192.0.2.1", &second, "ada", PASSWORD).await.0, 303);
    assert_eq!(fixture.store.count(Kind::Invitation, "").await.unwrap(), 0);
    assert_eq!(fixture.dashboard.first_token().await.unwrap(), None);
    let accounts = fixture.store.accounts().await.unwrap();
    assert_eq!(accounts.iter().map(|a| (a.name.as_str(), a.role)).collect::<Vec<_>>(), [("ada", Role::Owner)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_nobody_learns_which_accounts_there_are() {
    let fixture = with_ada().await;
    let mut said = vec![];
    for name in ["ada", "nobody"] {
        let (status, page) = fixture.join("192.0.2.1", "no-token", name, PASSWORD).await;
        assert_eq!(status, 422);
        said.push(page.replace(&format!("value=\"{name}\""), "NAME"));
    }
    // Apart from the picture of the second factor, which has the name in it.
    let text = |page: &str| {
        page.split("<svg")
            .map(|part| part.split_once("</svg>").map_or(part, |(_, rest)| rest).to_owned())
            .collect::<String>()
    };
    assert_eq!(text(&said[0]), text(&said[1]));
    assert!(said[0].contains("This token does not hold"));
    for _ in 0..6 {
        assert_eq!(fixture.join("192.0.2.1", "no-token", "ada", PASSWORD).await.0, 422);
    }
    assert_eq!(fixture.join("192.0.2.1", "no-token", "ada", PASSWORD).await.0, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_when_it_is_not_used_or_has_lasted_long() {
    const MINUTE_MS: u64 = 60_000;
    let fixture = Fixture::start(1).await;
    let signed_in = async || fixture.ask(false, "/admin", Some(Role::Manager), "").await.0 == 200;
    let refreshed = async || {
        let request = fixture.http.get(format!("{}{ID}", fixture.url)).header("x-refresh", "live");
        request.header("cookie", "__Host-session=manager").send().await.unwrap().status().as_u16() == 200
    };
    assert!(signed_in().await);
    fixture.later(30 * MINUTE_MS);
    assert!(signed_in().await, "half an hour is not longer than half an hour");
    fixture.later(30 * MINUTE_MS + 1);
    assert!(!signed_in().await);
    assert_eq!(fixture.store.session(&Hash::of(b"manager"), 0).await.unwrap(), None, "it is gone");
    // A page that only brings itself up to date does not keep it.
    fixture.sign_in(Role::Manager).await;
    for _ in 0..3 {
        fixture.later(10 * MINUTE_MS);
        assert!(refreshed().await);
    }
    fixture.later(1);
    assert!(!refreshed().await);
    // Used all the time, it ends after half a day.
    fixture.sign_in(Role::Manager).await;
    for _ in 0..36 {
        assert!(signed_in().await);
        fixture.later(20 * MINUTE_MS);
    }
    assert!(signed_in().await, "twelve hours");
    fixture.later(1);
    assert!(!signed_in().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_somebody_planted_is_not_the_one_that_is_signed_in_to() {
    let fixture = with_ada().await;
    // Mallory, an observer, has a live session and puts its cookie into ada's browser.
    let code = fixture.totp();
    let body = format!("csrf=token&name=ada&password={}&code={code}", PASSWORD.replace(' ', "+"));
    let url = format!("{}/admin/sign-in", fixture.url);
    let request = fixture.http.post(url).header("cookie", "__Host-session=observer");
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 303);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    let token = cookie.split(['=', ';']).nth(1).unwrap();
    assert!(token.len() == 64 && token != "observer", "{cookie}");
    for attribute in ["Secure", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert_eq!(fixture.ask(false, "/admin", Some(Role::Observer), "").await.0, 303, "the planted one has ended");
    let session = fixture.store.session(&Hash::of(token.as_bytes()), 0).await.unwrap().unwrap();
    assert_eq!(session.account, "ada");
    assert_ne!(session.csrf, "token");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_lost_password_or_device_gets_the_account_back_with_a_token_of_the_servers_machine() {
    let fixture = with_ada().await;
    let now_ms = || fixture.clock.0.load(Ordering::SeqCst);
    assert_eq!(reset_account(&*fixture.store, "nobody", now_ms()).await.unwrap(), None);
    let old = reset_account(&*fixture.store, "ada", now_ms()).await.unwrap().unwrap();
    let token = reset_account(&*fixture.store, "ada", now_ms()).await.unwrap().unwrap();
    assert_eq!(fixture.try_password("192.0.2.1", "ada", PASSWORD).await, 303, "until it is used, nothing changes");
    let ours = fixture.store.account("ada").await.unwrap().unwrap();
    let (_, _, page) = fixture.ask(false, &format!("/admin/join?token={token}"), None, "").await;
    assert!(page.contains("Your account again") && page.contains("value=\"ada\""), "{page}");
    fixture.later(STEP_MS);
    let new = "another horse battery staple";
    assert_eq!(fixture.join("192.0.2.1", &old, "ada", new).await.0, 422, "a newer token replaces it");
    // Whatever name is sent, it is for this account; the role stays.
    assert_eq!(fixture.join("192.0.2.1", &token, "owner", new).await.0, 303);
    assert_eq!(fixture.join("192.0.2.1", &token, "ada", new).await.0, 422, "it holds once");
    fixture.later(STEP_MS);
    assert_eq!(fixture.try_password("192.0.2.1", "ada", PASSWORD).await, 422);
    assert_eq!(fixture.try_password("192.0.2.1", "ada", new).await, 303);
    let renewed = fixture.store.account("ada").await.unwrap().unwrap();
    assert_eq!((renewed.role, renewed.created_ms), (ours.role, ours.created_ms));
    // For a day.
    let late = reset_account(&*fixture.store, "ada", now_ms()).await.unwrap().unwrap();
    fixture.later(24 * 3_600_000);
    assert_eq!(fixture.join("192.0.2.1", &late, "ada", PASSWORD).await.0, 422);
    let noted = fixture.store.activity(u64::MAX, None, 100).await.unwrap();
    assert_eq!(noted.iter().filter(|line| line.action == "account-reset" && line.detail == "ada").count(), 3);
    assert!(noted.iter().any(|line| line.action == "account-renewed" && line.account == "ada"));
}
