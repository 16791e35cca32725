//! Lists of voters: checked line by line, kept for the registrar, deleted after their time. They are never logged; the roll
//! that the registrar makes of them names nobody.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use veritally_board_api::voters::{LineProblem, Voter, VoterListReader};
use veritally_crypto::record::Phase;

use super::elections::{election_with, find};
use super::list_problems::said;
use super::{Answer, Form, Refusal, Visit, redirect};
use crate::admin_store::{Kind, Role};
use crate::election::Election;
use crate::mailer::is_address;
use crate::web::download;
use crate::web::outcome::defused;
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
}

/// What pages say of a list, made once: the list itself may be long.
#[derive(Clone, Serialize, Deserialize)]
struct Summary {
    count: u64,
    weight: u64,
    /// Voters to whom no mail can be sent.
    without_mail: u64,
    /// id, name, e-mail, style, group, weight of the first lines.
    preview: Vec<[String; 6]>,
}

impl Summary {
    fn new(voters: &[Voter]) -> Self {
        let line = |v: &Voter| {
            let (style, group) = (v.style.to_string(), v.group.to_string());
            [v.id.clone(), v.name.clone(), v.email.clone(), style, group, v.weight.to_string()]
        };
        Self {
            count: voters.len() as u64,
            weight: voters.iter().map(|voter| voter.weight).fold(0, u64::saturating_add),
            without_mail: voters.iter().filter(|voter| !is_address(&voter.email)).count() as u64,
            preview: voters.iter().take(PREVIEW).map(line).collect(),
        }
    }
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

/// When an election's list is to be deleted: an extension moves it.
fn until_ms(closes_at_ms: u64) -> u64 {
    closes_at_ms.saturating_add(RETENTION_MS)
}

pub(super) async fn view(visit: &Visit<'_>, id: &str) -> Result<Option<ListView>, Refusal> {
    let Some(summary) = summary(visit, id).await? else { return Ok(None) };
    let until_ms = until_ms(find(visit, id)?.snapshot().closes_at_ms);
    let allowed = visit.need(Role::Manager).is_ok();
    Ok(Some(ListView {
        count: summary.count,
        weight: summary.weight,
        until: Time::new(until_ms),
        overdue: visit.dashboard.now_ms() > until_ms,
        preview: if allowed { summary.preview } else { vec![] },
        without_mail: summary.without_mail,
    }))
}

/// Elections whose lists should have been deleted.
pub(super) async fn overdue(visit: &Visit<'_>) -> Result<Vec<String>, Refusal> {
    let ids = visit.dashboard.store.list(Kind::ListSummary).await?.into_iter().map(|(id, _)| id);
    let late =
        |id: &String| find(visit, id).is_ok_and(|e| visit.dashboard.now_ms() > until_ms(e.snapshot().closes_at_ms));
    Ok(ids.filter(late).collect())
}

async fn summary(visit: &Visit<'_>, id: &str) -> Result<Option<Summary>, Refusal> {
    let bytes = visit.dashboard.store.find(Kind::ListSummary, id).await?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// Works on a list, off the asynchronous threads: reading a long one takes seconds.
async fn working<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Refusal::Internal)
}

fn parsed(bytes: &[u8]) -> Option<StoredList> {
    serde_json::from_slice(bytes).ok()
}

/// The voter with this id, or with this address if nobody else has it.
pub(super) async fn look_up(visit: &Visit<'_>, id: &str, who: &str) -> Result<Option<Voter>, Refusal> {
    let election = find(visit, id)?;
    let _place = visit.dashboard.searching.acquire().await.map_err(|_| Refusal::Internal)?;
    let Some(list) = visit.dashboard.store.find(Kind::VoterList, id).await? else { return Ok(None) };
    let who = who.to_owned();
    let search = move || {
        let list = parsed(&list)?;
        let voters = VoterListReader::new(election.manifest()).read(list.csv.as_bytes()).unwrap_or_default();
        let by_address = |voter: &&Voter| voter.email.eq_ignore_ascii_case(&who);
        let found = voters.iter().find(|voter| voter.id == who).or_else(|| {
            let mut all = voters.iter().filter(by_address);
            all.next().filter(|_| all.next().is_none())
        });
        found.filter(|voter| !voter.email.is_empty()).cloned()
    };
    working(search).await
}

/// What came of reading a list.
enum Read {
    Good { summary: Summary, stored: Vec<u8> },
    Bad(Vec<LineProblem>),
}

/// Reads a list and keeps it if nothing is wrong with it; else shows every problem with its line.
pub(super) async fn upload(visit: &Visit<'_>, id: &str, form: &Form) -> Answer {
    visit.need(Role::Manager)?;
    let election = find(visit, id)?;
    let file = form.file("list").ok_or(Refusal::Wrong("no_file"))?.clone();
    let reading = Arc::clone(&election);
    let read = move || match VoterListReader::new(reading.manifest()).read(&file) {
        Ok(voters) => {
            let csv = String::from_utf8(file.to_vec()).ok()?;
            Some(Read::Good { summary: Summary::new(&voters), stored: serde_json::to_vec(&StoredList { csv }).ok()? })
        }
        Err(error) => Some(Read::Bad(error.0)),
    };
    let (summary, stored) = match working(read).await?.ok_or(Refusal::Wrong("form_broken"))? {
        Read::Good { summary, stored } => (summary, stored),
        Read::Bad(all) => {
            let mut problems: Vec<_> = all.iter().take(MOST_PROBLEMS).map(|one| said(visit.w, one)).collect();
            if all.len() > MOST_PROBLEMS {
                problems.push(format!("… {}", all.len() - MOST_PROBLEMS));
            }
            visit.note("voters-refused", id, format!("{} problems", all.len())).await?;
            return election_with(visit, id, problems).await;
        }
    };
    // ⚠ Where voters confirm by mail, who has no address could not vote: whenever the list came.
    if summary.without_mail > 0 && visit.dashboard.confirmations.required(&election).await? {
        return Err(Refusal::Wrong("list_without_mail"));
    }
    let (store, now_ms) = (&visit.dashboard.store, visit.dashboard.now_ms());
    let (count, summary) = (summary.count, serde_json::to_vec(&summary).map_err(|_| Refusal::Internal)?);
    store.take(Kind::ListSummary, id).await?;
    store.put(Kind::VoterList, id, stored, now_ms).await?;
    store.put(Kind::ListSummary, id, summary, now_ms).await?;
    visit.note("voters", id, format!("{count} voters")).await?;
    Ok(redirect(&format!("/admin/e/{id}?done=voters")))
}

/// The list for the registrar, in the columns in which it was uploaded. Cells that a spreadsheet would take for a formula
/// are defused: names, addresses and ids do not begin so.
pub(super) async fn download_list(visit: &Visit<'_>, id: &str) -> Answer {
    visit.need(Role::Manager)?;
    find(visit, id)?;
    let list = visit.dashboard.store.find(Kind::VoterList, id).await?.ok_or(Refusal::NotFound)?;
    let csv = working(move || defused_list(&parsed(&list)?.csv)).await?.ok_or(Refusal::Internal)?;
    visit.note("voters-downloaded", id, "").await?;
    Ok(download("text/csv; charset=utf-8", &format!("{id}-voters.csv"), csv))
}

fn defused_list(csv: &str) -> Option<Vec<u8>> {
    let csv = csv.strip_prefix('\u{feff}').unwrap_or(csv);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(csv.as_bytes());
    let mut writer = csv::Writer::from_writer(Vec::new());
    for record in reader.records() {
        writer.write_record(record.ok()?.iter().map(defused)).ok()?;
    }
    writer.into_inner().ok()
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
    visit.dashboard.store.take(Kind::ListSummary, id).await?;
    confirmations.forget(election).await?;
    visit.note("delete-voters", id, "").await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn a_list_is_given_out_again_with_no_cell_that_is_a_formula() {
        let list = "\u{feff}id,name,email\r\n1,\"Ada, \"\"Countess\"\"\",ada@example.org\n=1+1,@x,\"+y\nz\"\n";
        let given = String::from_utf8(defused_list(list).unwrap()).unwrap();
        let expected = "id,name,email\n1,\"Ada, \"\"Countess\"\"\",ada@example.org\n'=1+1,'@x,\"'+y\nz\"\n";
        assert_eq!(given, expected);
    }
}
