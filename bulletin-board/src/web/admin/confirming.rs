//! The page on which voters confirm by mail: reached from the voting program, in any browser, without a session.

use askama::Template;
use http::StatusCode;
use veritally_crypto::manifest::text;

use super::confirmations::{Asking, credential};
use super::elections::find;
use super::{Answer, Form, Page, Refusal, Visit, Words};

/// Longest address or id.
const MAX_WHO: usize = 320;

/// How far the voter is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The address names no credential that may vote.
    Nobody,
    Ask,
    Code,
    Done,
}

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage {
    p: Page,
    w: Words,
    id: String,
    name: String,
    public_id: String,
    credential: String,
    who: String,
    step: Step,
    problem: Option<&'static str>,
}

/// What the voter gave: the address of the page, and the form.
#[derive(Clone, Copy)]
struct Given<'a> {
    id: &'a str,
    credential: &'a str,
    who: &'a str,
}

async fn show(visit: &Visit<'_>, given: Given<'_>, step: Step, problem: Option<&'static str>) -> Answer {
    let election = find(visit, given.id)?;
    if !visit.dashboard.confirmations.required(&election).await? {
        return Err(Refusal::NotFound);
    }
    let name = text(&election.manifest().name, visit.w.0.tag()).to_owned();
    let credential = credential(&election, given.credential);
    let page = ConfirmPage {
        p: Page::new(format!("{} – {name}", visit.w.t("confirm")), visit.asked, visit.web),
        w: visit.w,
        id: given.id.to_owned(),
        name,
        public_id: credential.map(|credential| credential.public_id()).unwrap_or_default(),
        credential: given.credential.to_owned(),
        who: given.who.to_owned(),
        step: if credential.is_some() { step } else { Step::Nobody },
        problem,
    };
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok(visit.page_with(status, &page))
}

pub(super) async fn page(visit: &Visit<'_>, id: &str, credential: &str) -> Answer {
    show(visit, Given { id, credential, who: "" }, Step::Ask, None).await
}

/// Asks for a code, or gives one.
pub(super) async fn answer(visit: &Visit<'_>, id: &str, hex: &str, form: &Form) -> Answer {
    let election = find(visit, id)?;
    if !visit.dashboard.confirmations.required(&election).await? {
        return Err(Refusal::NotFound);
    }
    let who: String = form.text("who").chars().take(MAX_WHO).collect();
    let given = Given { id, credential: hex, who: &who };
    let Some(credential) = credential(&election, given.credential) else {
        return show(visit, given, Step::Nobody, None).await;
    };
    let asking = Asking { election: &election, who: &who, credential };
    if form.text("do") != "confirm" {
        visit.dashboard.confirmations.begin(visit, &asking).await?;
        return show(visit, given, Step::Code, None).await;
    }
    let code: String = form.text("code").chars().filter(|c| !c.is_whitespace()).collect();
    if visit.dashboard.confirmations.finish(visit, &asking, &code).await? {
        show(visit, given, Step::Done, None).await
    } else {
        show(visit, given, Step::Code, Some("confirm_wrong")).await
    }
}
