//! What may be done to an election: each act is explained and asked for on a page of its own, then signed by the board's
//! key and logged like anybody's entry.

use askama::Template;
use bytes::Bytes;
use veritally_crypto::canonical;
use veritally_crypto::leaves::{
    Abandonment, AbandonmentTag, Closing, ClosingTag, ElectionResult, Extension, ExtensionTag, Leaf, Opening,
    OpeningTag, ResultTag,
};
use veritally_crypto::manifest::{Manifest, text};
use veritally_crypto::record::Phase;
use veritally_crypto::signature::{self, SignedEntry};

use super::elections::{election_with, find};
use super::{Answer, Dashboard, Form, Frame, Page, Refusal, Visit, Words, redirect, reports, voters};
use crate::admin::config::parse_time;
use crate::admin_store::{Kind, Role};
use crate::election::{Election, Kind as Submitted};
use crate::web::view::Time;

/// Longest reason for giving an election up.
const MAX_REASON: usize = 2_000;

/// The number of the board's own administrator in a manifest, from 1.
pub(super) fn number(dashboard: &Dashboard, manifest: &Manifest) -> Option<u64> {
    let key = dashboard.key.verification_key();
    (1..).zip(&manifest.administrators).find(|(_, a)| a.held_by_board && a.key == key).map(|(number, _)| number)
}

#[derive(Template)]
#[template(path = "admin/ask.html")]
struct AskPage {
    p: Page,
    w: Words,
    f: Frame,
    id: String,
    name: String,
    action: &'static str,
    title: String,
    explanation: String,
    early: bool,
    counted: u64,
    credentials: u64,
    closes: Time,
    closes_field: String,
    dangerous: bool,
}

const ACTIONS: [&str; 9] =
    ["open", "extend", "close", "publish", "abandon", "archive", "unarchive", "delete-voters", "confirm-by-mail"];

/// What an act will do, and a button.
pub(super) fn ask(visit: &Visit<'_>, id: &str, action: &str) -> Answer {
    visit.need(Role::Manager)?;
    let election = find(visit, id)?;
    let action = ACTIONS.into_iter().find(|known| *known == action).ok_or(Refusal::NotFound)?;
    let (w, snapshot) = (visit.w, election.snapshot());
    let name = text(&election.manifest().name, w.0.tag()).to_owned();
    let closes = Time::new(snapshot.closes_at_ms);
    let page = AskPage {
        p: Page::new(format!("{} – {name}", w.t(&format!("act_{action}"))), visit.asked, visit.web),
        w,
        f: visit.frame(),
        id: id.to_owned(),
        name,
        action,
        title: w.t(&format!("act_{action}")).to_owned(),
        explanation: w.t(&format!("will_{action}")).to_owned(),
        early: action == "close" && visit.dashboard.now_ms() < snapshot.closes_at_ms,
        counted: snapshot.counts.ballots_counted,
        credentials: snapshot.counts.credentials,
        closes_field: closes.machine.chars().take(16).collect(),
        closes,
        dangerous: matches!(action, "close" | "abandon" | "delete-voters"),
    };
    Ok(visit.page(&page))
}

/// Does it.
pub(super) async fn act(visit: &Visit<'_>, id: &str, action: &str, form: &Form) -> Answer {
    visit.need(Role::Manager)?;
    let election = find(visit, id)?;
    match action {
        "roll" => return post(visit, id, &election, form, "roll").await,
        "reissue" => return post(visit, id, &election, form, "reissue").await,
        "report" => return reports::upload(visit, id, &election, form).await,
        _ => {}
    }
    if !ACTIONS.contains(&action) {
        return Err(Refusal::NotFound);
    }
    if !form.ticked("sure") {
        return Err(Refusal::Wrong("not_sure"));
    }
    match action {
        "archive" => {
            if !matches!(election.snapshot().phase, Phase::Published | Phase::Abandoned) {
                return Err(Refusal::Wrong("not_over"));
            }
            visit.dashboard.store.put(Kind::Archived, id, vec![], visit.dashboard.now_ms()).await?;
            visit.note("archive", id, "").await?;
        }
        "unarchive" => {
            visit.dashboard.store.take(Kind::Archived, id).await?.ok_or(Refusal::NotFound)?;
            visit.note("unarchive", id, "").await?;
        }
        "delete-voters" => voters::delete(visit, &election, id).await?,
        "confirm-by-mail" => confirm_by_mail(visit, &election, id).await?,
        _ => log(visit, &election, id, action, form).await?,
    }
    Ok(redirect(&format!("/admin/e/{id}?done={action}")))
}

/// From now on voters confirm by mail before their first ballot is taken.
async fn confirm_by_mail(visit: &Visit<'_>, election: &Election, id: &str) -> Result<(), Refusal> {
    let confirmations = &visit.dashboard.confirmations;
    if !confirmations.possible() {
        return Err(Refusal::Wrong("no_mail_server"));
    }
    let list = voters::view(visit, id).await?.ok_or(Refusal::Wrong("no_list_for_mail"))?;
    if list.without_mail > 0 {
        return Err(Refusal::Wrong("list_without_mail"));
    }
    visit.note("confirm-by-mail", id, "").await?;
    if confirmations.require(election).await? { Ok(()) } else { Err(Refusal::Wrong("too_late_for_mail")) }
}

/// Makes and signs the entry of an act, and logs it.
async fn log(visit: &Visit<'_>, election: &Election, id: &str, action: &str, form: &Form) -> Result<(), Refusal> {
    let (dashboard, manifest) = (visit.dashboard, election.manifest());
    let administrator = number(dashboard, manifest).ok_or(Refusal::Wrong("not_ours"))?;
    let time_ms = dashboard.now_ms();
    let signature = None;
    let (entry, detail) = match action {
        "open" => {
            if time_ms < manifest.schedule.opens_at_ms {
                return Err(Refusal::Wrong("too_early"));
            }
            let found = election.with_state(|state| Some((state.ceremony().keys()?.ceremony, state.roll_hash()?)));
            let (ceremony, roll) = found.ok_or(Refusal::Wrong("not_ready"))?;
            (
                sign(visit, manifest, Opening { administrator, ceremony, roll, signature, time_ms, tag: OpeningTag })?,
                String::new(),
            )
        }
        "extend" => {
            let until = form.text("until");
            let text = if until.len() == 16 { format!("{until}:00Z") } else { until.to_owned() };
            let closes_at_ms = parse_time(&text).ok_or(Refusal::Wrong("bad_time"))?;
            let entry = Extension { administrator, closes_at_ms, signature, time_ms, tag: ExtensionTag };
            (sign(visit, manifest, entry)?, text)
        }
        "close" => {
            (sign(visit, manifest, Closing { administrator, signature, time_ms, tag: ClosingTag })?, String::new())
        }
        "publish" => {
            let decrypted = election.with_state(|state| {
                (state.phase() == Phase::Decrypted).then(|| state.decrypted().map(<[_]>::to_vec)).flatten()
            });
            let contests = decrypted.ok_or(Refusal::Wrong("not_decrypted"))?;
            let entry = ElectionResult { administrator, contests, signature, time_ms, tag: ResultTag };
            (sign(visit, manifest, entry)?, String::new())
        }
        "abandon" => {
            let reason = form.text("reason").to_owned();
            if reason.is_empty() || reason.len() > MAX_REASON {
                return Err(Refusal::Wrong("no_reason"));
            }
            let entry = Abandonment { administrator, reason: reason.clone(), signature, time_ms, tag: AbandonmentTag };
            (sign(visit, manifest, entry)?, reason)
        }
        _ => return Err(Refusal::NotFound),
    };
    // Noted before it is done: an act without a line would be worse than a line without an act.
    visit.note(action, id, detail).await?;
    submit(election, entry).await
}

fn sign<E: SignedEntry + Clone>(
    visit: &Visit<'_>,
    manifest: &veritally_crypto::manifest::CheckedManifest,
    entry: E,
) -> Result<Bytes, Refusal> {
    let because = |e: canonical::CanonicalError| Refusal::Because(e.to_string());
    let signed = signature::sign(entry, &manifest.fingerprint(), &visit.dashboard.key).map_err(because)?;
    Ok(canonical::to_bytes(&signed).map_err(because)?.into())
}

async fn submit(election: &Election, entry: Bytes) -> Result<(), Refusal> {
    let answer = election.submit(Submitted::Entry, entry).await;
    answer.map(|_| ()).map_err(|problem| Refusal::Because(problem.to_string()))
}

/// Entries that the registrar signed, one a line, in order: the roll, or re-issues. What is there already is left.
async fn post(visit: &Visit<'_>, id: &str, election: &Election, form: &Form, what: &'static str) -> Answer {
    let file = form.file(what).ok_or(Refusal::Wrong("no_file"))?;
    let lines: Vec<Bytes> = file.split(|&b| b == b'\n').filter(|l| !l.is_empty()).map(|l| file.slice_ref(l)).collect();
    visit.note(what, id, format!("{} entries", lines.len())).await?;
    for (number, line) in (1..).zip(lines) {
        // Only these are posted here; everything else has a page that asks.
        let expected = match Leaf::parse(&line) {
            Ok(Leaf::RollPart(_) | Leaf::Roll(_)) => what == "roll",
            Ok(Leaf::Reissue(_)) => what == "reissue",
            _ => false,
        };
        if !expected {
            return election_with(visit, id, vec![format!("{number}: {}", visit.w.t(&format!("not_a_{what}")))]).await;
        }
        if let Err(Refusal::Because(text)) = submit(election, line).await {
            return election_with(visit, id, vec![format!("{number}: {text}")]).await;
        }
    }
    Ok(redirect(&format!("/admin/e/{id}?done={what}")))
}
