//! Trustees of an election in preparation: invited by link, they answer with their public files.

use askama::Template;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use veritally_crypto::hash::Hash;
use veritally_crypto::manifest::{TrusteeKeys, text};

use super::drafts::{Draft, TrusteeDraft, find, keep, number};
use super::{Answer, Form, Page, Refusal, Visit, Words, token};
use crate::admin_store::Kind;

/// Most trustees that are invited to one election.
const MAX_TRUSTEES: usize = 50;

/// What a trustee's token leads to.
#[derive(Serialize, Deserialize)]
struct Invited {
    draft: String,
}

/// What the wizard's page of trustees says: invites one, takes one away.
pub(super) async fn change(
    visit: &Visit<'_>,
    key: &str,
    draft: &mut Draft,
    form: &Form,
    button: &str,
) -> Result<(), Refusal> {
    draft.quorum = number(form, "quorum", draft.quorum);
    draft.agreement_quorum = number(form, "agreement_quorum", draft.agreement_quorum);
    let store = &visit.dashboard.store;
    let name = form.text("trustee");
    if button == "invite" && !name.is_empty() && draft.trustees.len() < MAX_TRUSTEES {
        let token = token()?;
        let invited = serde_json::to_vec(&Invited { draft: key.to_owned() }).map_err(|_| Refusal::Internal)?;
        store.put(Kind::Trustee, &Hash::of(token.as_bytes()).to_string(), invited, visit.dashboard.now_ms()).await?;
        draft.trustees.push(TrusteeDraft { name: name.chars().take(200).collect(), token, keys: None });
        visit.note("trustee-invited", key, name).await?;
    }
    let removed = button.strip_prefix("remove-").and_then(|n| n.parse::<usize>().ok());
    if let Some(i) = removed.filter(|&i| i < draft.trustees.len()) {
        let gone = draft.trustees.remove(i);
        store.take(Kind::Trustee, &Hash::of(gone.token.as_bytes()).to_string()).await?;
        visit.note("trustee-removed", key, gone.name).await?;
    }
    Ok(())
}

#[derive(Template)]
#[template(path = "admin/invitation.html")]
struct InvitationPage {
    p: Page,
    w: Words,
    token: String,
    name: String,
    trustee: String,
    fingerprint: Option<String>,
    problem: Option<&'static str>,
}

/// The draft that a trustee's token belongs to, and which trustee.
async fn invited(visit: &Visit<'_>, token: &str) -> Result<(String, Draft, usize), Refusal> {
    let now_ms = visit.dashboard.now_ms();
    let by_address = format!("invitation {}", visit.customer);
    visit.dashboard.guard.attempt(&[&by_address], now_ms).map_err(Refusal::TooOften)?;
    let bytes = visit.dashboard.store.find(Kind::Trustee, &Hash::of(token.as_bytes()).to_string()).await?;
    let Some(invited) = bytes.and_then(|bytes| serde_json::from_slice::<Invited>(&bytes).ok()) else {
        return Err(Refusal::NotFound);
    };
    visit.dashboard.guard.withdraw(&by_address, now_ms);
    let draft = find(visit, &invited.draft).await?;
    let at = draft.trustees.iter().position(|trustee| trustee.token == token).ok_or(Refusal::NotFound)?;
    Ok((invited.draft, draft, at))
}

pub(super) async fn page(visit: &Visit<'_>, token: &str) -> Answer {
    page_with(visit, token, None).await
}

async fn page_with(visit: &Visit<'_>, token: &str, problem: Option<&'static str>) -> Answer {
    let (_, draft, at) = invited(visit, token).await?;
    let trustee = draft.trustees.get(at).ok_or(Refusal::NotFound)?;
    let page = InvitationPage {
        p: Page::new(visit.w.t("invitation"), visit.asked, visit.web),
        w: visit.w,
        token: token.to_owned(),
        name: text(&draft.name, visit.w.0.tag()).to_owned(),
        trustee: trustee.name.clone(),
        fingerprint: trustee.fingerprint(),
        problem,
    };
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok(visit.page_with(status, &page))
}

/// Takes a trustee's public file.
pub(super) async fn answer(visit: &Visit<'_>, token: &str, form: &Form) -> Answer {
    let _one_at_a_time = visit.dashboard.drafting.lock().await;
    let (key, mut draft, at) = invited(visit, token).await?;
    let keys = form.file("keys").and_then(|file| serde_json::from_slice::<TrusteeKeys>(file).ok());
    let Some(keys) = keys else { return page_with(visit, token, Some("bad_trustee_file")).await };
    let other = draft
        .trustees
        .iter()
        .enumerate()
        .any(|(i, trustee)| i != at && trustee.keys.as_ref().is_some_and(|k| k.identity_key == keys.identity_key));
    if other {
        return page_with(visit, token, Some("trustee_twice")).await;
    }
    let trustee = draft.trustees.get_mut(at).ok_or(Refusal::NotFound)?;
    trustee.keys = Some(keys);
    let fingerprint = trustee.fingerprint().unwrap_or_default();
    visit.note_as(trustee.name.clone(), "trustee-keys", &key, fingerprint).await?;
    keep(visit, &key, &draft).await?;
    page_with(visit, token, None).await
}
