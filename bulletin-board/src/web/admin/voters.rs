//! Lists of voters: checked line by line, kept for the registrar, deleted after their time. They are never logged; the roll
//! that the registrar makes of them names nobody.

use serde::{Deserialize, Serialize};
use veritally_board_api::voters::{Voter, VoterListReader};
use veritally_crypto::record::Phase;

use super::elections::{election_with, find};
use super::{Answer, Form, Refusal, Visit, redirect};
use crate::admin_store::{Kind, Role};
use crate::election::Election;
use crate::web::download;
use crate::web::view::Time;

/// A list is to be deleted so long after the announced end of voting, in milliseconds.
const RETENTION_MS: u64 = 30 * 24 * 3_600 * 1_000;
/// Lines of a list that are shown.
const PREVIEW: usize = 10;
/// Problems that are shown.
const MOST_PROBLEMS: usize = 200;

#[derive(Serialize, Deserialize)]
struct StoredList {
    csv: String,
    until_ms: u64,
    /// Number of voters.
    count: usize,
    weight: u64,
}

/// A list as its election's page shows it.
pub(super) struct ListView {
    pub count: u64,
    pub weight: u64,
    pub until: Time,
    pub overdue: bool,
    /// id, name, e-mail, style, group, weight; only for those who may see it.
    pub preview: Vec<[String; 6]>,
    pub without_mail: u64,
}

pub(super) async fn view(visit: &Visit<'_>, id: &str) -> Result<Option<ListView>, Refusal> {
    let Some(list) = stored(visit, id).await? else { return Ok(None) };
    let election = find(visit, id)?;
    let voters = VoterListReader::new(election.manifest()).read(list.csv.as_bytes()).unwrap_or_default();
    let allowed = visit.need(Role::Manager).is_ok();
    let line = |v: &Voter| {
        [v.id.clone(), v.name.clone(), v.email.clone(), v.style.to_string(), v.group.to_string(), v.weight.to_string()]
    };
    Ok(Some(ListView {
        count: list.count as u64,
        weight: list.weight,
        until: Time::new(list.until_ms),
        overdue: visit.dashboard.now_ms() > list.until_ms,
        preview: if allowed { voters.iter().take(PREVIEW).map(line).collect() } else { vec![] },
        without_mail: voters.iter().filter(|voter| voter.email.is_empty()).count() as u64,
    }))
}

async fn stored(visit: &Visit<'_>, id: &str) -> Result<Option<StoredList>, Refusal> {
    let bytes = visit.dashboard.store.find(Kind::VoterList, id).await?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// The voter with this id, or with this address if nobody else has it.
pub(super) async fn look_up(visit: &Visit<'_>, id: &str, who: &str) -> Result<Option<Voter>, Refusal> {
    let election = find(visit, id)?;
    let _place = visit.dashboard.searching.acquire().await.map_err(|_| Refusal::Internal)?;
    let Some(list) = stored(visit, id).await? else { return Ok(None) };
    let who = who.to_owned();
    let search = move || {
        let voters = VoterListReader::new(election.manifest()).read(list.csv.as_bytes()).unwrap_or_default();
        let by_address = |voter: &&Voter| voter.email.eq_ignore_ascii_case(&who);
        let found = voters.iter().find(|voter| voter.id == who).or_else(|| {
            let mut all = voters.iter().filter(by_address);
            all.next().filter(|_| all.next().is_none())
        });
        found.filter(|voter| !voter.email.is_empty()).cloned()
    };
    tokio::task::spawn_blocking(search).await.map_err(|_| Refusal::Internal)
}

/// Reads a list and keeps it if nothing is wrong with it; else shows every problem with its line.
pub(super) async fn upload(visit: &Visit<'_>, id: &str, form: &Form) -> Answer {
    visit.need(Role::Manager)?;
    let election = find(visit, id)?;
    let file = form.file("list").ok_or(Refusal::Wrong("no_file"))?;
    let voters = match VoterListReader::new(election.manifest()).read(file) {
        Ok(voters) => voters,
        Err(error) => {
            let mut problems: Vec<_> = error.0.iter().take(MOST_PROBLEMS).map(ToString::to_string).collect();
            if error.0.len() > MOST_PROBLEMS {
                problems.push(format!("… {}", error.0.len() - MOST_PROBLEMS));
            }
            visit.note("voters-refused", id, format!("{} problems", error.0.len())).await?;
            return election_with(visit, id, problems).await;
        }
    };
    let weight = voters.iter().map(|voter| voter.weight).fold(0, u64::saturating_add);
    let csv = String::from_utf8(file.to_vec()).map_err(|_| Refusal::Wrong("form_broken"))?;
    let until_ms = election.snapshot().closes_at_ms + RETENTION_MS;
    let list = StoredList { csv, until_ms, count: voters.len(), weight };
    let bytes = serde_json::to_vec(&list).map_err(|_| Refusal::Internal)?;
    visit.dashboard.store.put(Kind::VoterList, id, bytes, visit.dashboard.now_ms()).await?;
    visit.note("voters", id, format!("{} voters", voters.len())).await?;
    Ok(redirect(&format!("/admin/e/{id}?done=voters")))
}

/// The list as it was uploaded, for the registrar.
pub(super) async fn download_list(visit: &Visit<'_>, id: &str) -> Answer {
    visit.need(Role::Manager)?;
    find(visit, id)?;
    let list = stored(visit, id).await?.ok_or(Refusal::NotFound)?;
    visit.note("voters-downloaded", id, "").await?;
    Ok(download("text/csv; charset=utf-8", &format!("{id}-voters.csv"), list.csv))
}

/// The public ids of those who have voted, for the registrar, who alone knows whose they are. All of it is in the log.
pub(super) async fn voted(visit: &Visit<'_>, id: &str) -> Answer {
    visit.need(Role::Manager)?;
    let election = find(visit, id)?;
    let csv = election.with_state(|state| {
        let voted = state.voters().filter(|voter| voter.counter > 0).map(|voter| voter.credential.public_id() + "\n");
        format!("public_id\n{}", voted.collect::<String>())
    });
    visit.note("voted-downloaded", id, "").await?;
    Ok(download("text/csv; charset=utf-8", &format!("{id}-voted.csv"), csv))
}

/// Deletes the list and, with it, who confirmed which credential.
pub(super) async fn delete(visit: &Visit<'_>, election: &Election, id: &str) -> Result<(), Refusal> {
    // While people vote it is needed: without it nobody could confirm, and who has confirmed could not vote.
    let confirmations = &visit.dashboard.confirmations;
    if confirmations.required(election).await? && election.snapshot().phase <= Phase::Open {
        return Err(Refusal::Wrong("list_needed"));
    }
    visit.dashboard.store.take(Kind::VoterList, id).await?.ok_or(Refusal::NotFound)?;
    confirmations.forget(election).await?;
    visit.note("delete-voters", id, "").await
}
