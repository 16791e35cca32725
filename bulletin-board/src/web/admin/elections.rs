//! The list of elections, one election's page with statistics, the activity log.

use std::sync::Arc;

use askama::Template;
use veritally_crypto::ceremony::CeremonyPhase;
use veritally_crypto::id::Id;
use veritally_crypto::manifest::{Group, text};
use veritally_crypto::record::{Counts, Phase};

use super::drafts::Draft;
use super::voters::ListView;
use super::{Answer, Frame, Page, Refusal, Visit, Words, voters};
use crate::admin_store::{Activity, Kind, Role};
use crate::election::{Election, Snapshot};
use crate::telemetry::Figures;
use crate::web::chart::{self, Line};
use crate::web::download;
use crate::web::history::History;
use crate::web::outcome::defused;
use crate::web::view::{self, CHART_POINTS, Time, TrusteeView, TurnoutLine};

/// Lines of the activity log on a page.
const PAGE_LINES: u64 = 50;
/// Lines in a downloaded activity log.
const MOST_LINES: u64 = 1_000_000;

pub(super) fn find(visit: &Visit<'_>, id: &str) -> Result<Arc<Election>, Refusal> {
    let id = Id::new(id).map_err(|_| Refusal::NotFound)?;
    visit.dashboard.board.election(&id).map_err(|_| Refusal::NotFound)
}

struct ElectionLine {
    id: String,
    name: String,
    phase_key: String,
    opens: Time,
    closes: Time,
    archived: bool,
    /// Its voter list should have been deleted.
    overdue: bool,
}

struct DraftLine {
    key: String,
    name: String,
    id: String,
}

#[derive(Template)]
#[template(path = "admin/home.html")]
struct HomePage {
    p: Page,
    w: Words,
    f: Frame,
    elections: Vec<ElectionLine>,
    archived: Vec<ElectionLine>,
    drafts: Vec<DraftLine>,
}

impl HomePage {
    fn overdue_in_archive(&self) -> bool {
        self.archived.iter().any(|line| line.overdue)
    }
}

pub(super) async fn home(visit: &Visit<'_>) -> Answer {
    visit.need(Role::Observer)?;
    let (w, store) = (visit.w, &visit.dashboard.store);
    let put_away: Vec<String> = store.list(Kind::Archived).await?.into_iter().map(|(key, _)| key).collect();
    let overdue = voters::overdue(visit).await?;
    let mut all = visit.dashboard.board.summaries();
    all.sort_by_key(|e| std::cmp::Reverse(e.opens_at_ms));
    let line = |e: veritally_board_api::ElectionSummary| ElectionLine {
        name: text(&e.name, w.0.tag()).to_owned(),
        phase_key: format!("phase_{}", e.phase),
        opens: Time::new(e.opens_at_ms),
        closes: Time::new(e.closes_at_ms),
        archived: put_away.contains(&e.election.to_string()),
        overdue: overdue.contains(&e.election.to_string()),
        id: e.election.to_string(),
    };
    let (archived, elections) = all.into_iter().map(line).partition(|line| line.archived);
    let draft = |(key, bytes): (String, Vec<u8>)| {
        let draft: Draft = serde_json::from_slice(&bytes).ok()?;
        Some(DraftLine { key, name: text(&draft.name, w.0.tag()).to_owned(), id: draft.election })
    };
    let drafts = store.list(Kind::Draft).await?.into_iter().filter_map(draft).collect();
    let p = Page::new(w.t("administration"), visit.asked, visit.web);
    Ok(visit.page(&HomePage { p, w, f: visit.frame(), elections, archived, drafts }))
}

struct GroupLine {
    name: String,
    voted: u64,
    on_roll: u64,
    /// Of 1,000.
    length: u64,
}

/// Turnout by group, with names in the language `tag`.
fn group_lines(election: &Election, snapshot: &Snapshot, history: &History, tag: &str) -> Vec<GroupLine> {
    let line = |(index, group): (usize, &Group)| {
        let sums = snapshot.tally.iter().flat_map(|tally| &tally.sums);
        let voted = sums.filter(|sum| sum.group == index).map(|sum| sum.ballots).sum();
        let on_roll = history.on_roll.get(&group.id).copied().unwrap_or(0);
        GroupLine { name: text(&group.name, tag).to_owned(), voted, on_roll, length: chart::bar(voted, on_roll) }
    };
    election.manifest().groups.iter().enumerate().map(line).collect()
}

/// `1.2 MB`.
fn megabytes(bytes: u64) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000)
}

#[derive(Template)]
#[template(path = "admin/election.html")]
struct ElectionPage {
    p: Page,
    w: Words,
    f: Frame,
    id: String,
    name: String,
    phase: Phase,
    link: String,
    fingerprint: String,
    counts: Counts,
    tree_size: u64,
    opens: Time,
    closes: Time,
    ours: bool,
    keys_stand: bool,
    roll_stands: bool,
    may_open_now: bool,
    chart: Option<Line>,
    from: Time,
    to: Time,
    turnout: Vec<TurnoutLine>,
    groups: Vec<GroupLine>,
    figures: Figures,
    queued: usize,
    storage: String,
    trustees: Vec<TrusteeView>,
    steps: Vec<&'static str>,
    missing: String,
    list: Option<ListView>,
    problems: Vec<String>,
    archived: bool,
    activity: Vec<ActivityView>,
    /// Whether the board can send mail.
    mail_possible: bool,
    /// Voters who have confirmed, where they must.
    confirmed: Option<u64>,
}

impl ElectionPage {
    fn phase_key(&self) -> String {
        format!("phase_{}", self.phase)
    }

    /// Codes can still be re-issued.
    fn may_vote_later(&self) -> bool {
        self.phase <= Phase::Open
    }

    fn latency(&self) -> String {
        let shown =
            |micros: u64| if micros < 1_000 { format!("{micros} µs") } else { format!("{} ms", micros / 1_000) };
        self.figures
            .latency_us
            .map_or_else(|| "–".to_owned(), |all| all.map(|us| format!("≤ {}", shown(us))).join(" / "))
    }

    /// The acts that the phase allows: the catalog's key, the path, whether it is dangerous.
    fn acts(&self) -> Vec<(&'static str, &'static str, bool)> {
        let mut acts = match self.phase {
            Phase::Setup => vec![("act_open", "open", false)],
            Phase::Open => vec![("act_extend", "extend", false), ("act_close", "close", true)],
            Phase::Decrypted => vec![("act_publish", "publish", false)],
            _ => vec![],
        };
        if !matches!(self.phase, Phase::Published | Phase::Abandoned) {
            acts.push(("act_abandon", "abandon", true));
        } else if !self.archived {
            acts.push(("act_archive", "archive", false));
        } else {
            acts.push(("act_unarchive", "unarchive", false));
        }
        acts
    }
}

pub(super) async fn election(visit: &Visit<'_>, id: &str) -> Answer {
    election_with(visit, id, vec![]).await
}

/// The page, with what is wrong with an upload.
pub(super) async fn election_with(visit: &Visit<'_>, id: &str, problems: Vec<String>) -> Answer {
    visit.need(Role::Observer)?;
    let election = find(visit, id)?;
    let (w, manifest, snapshot) = (visit.w, election.manifest(), election.snapshot());
    let now_ms = visit.dashboard.now_ms();
    let (chart, turnout, groups) = visit
        .web
        .histories
        .with(&election, |history| {
            let from = history.opened_at_ms.unwrap_or(manifest.schedule.opens_at_ms);
            let to = history.closed_at_ms.unwrap_or(now_ms);
            let groups = group_lines(&election, &snapshot, history, w.0.tag());
            (Line::new(&history.sampled(CHART_POINTS), from, to), view::turnout(history), groups)
        })
        .await;
    let list = voters::view(visit, id).await?;
    let archived = visit.dashboard.store.find(Kind::Archived, id).await?.is_some();
    let activity =
        visit.dashboard.store.activity(u64::MAX, Some(id), 12).await?.into_iter().map(activity_view).collect();
    let confirmations = &visit.dashboard.confirmations;
    let confirmed = match confirmations.required(&election).await? {
        true => Some(confirmations.count(&election).await?),
        false => None,
    };
    let page = election.with_state(|state| {
        let missing = state.ceremony().missing();
        let names = missing.iter().filter_map(|id| manifest.trustee(*id)).map(|t| t.name.as_str());
        ElectionPage {
            p: Page::new(text(&manifest.name, w.0.tag()), visit.asked, visit.web),
            w,
            f: visit.frame(),
            id: id.to_owned(),
            name: text(&manifest.name, w.0.tag()).to_owned(),
            phase: snapshot.phase,
            link: format!("veritally://{}/{id}?fp={}", visit.asked.host, manifest.fingerprint()),
            fingerprint: manifest.fingerprint().to_string(),
            counts: snapshot.counts,
            tree_size: snapshot.head.tree_size,
            opens: Time::new(manifest.schedule.opens_at_ms),
            closes: Time::new(snapshot.closes_at_ms),
            ours: super::acts::number(visit.dashboard, manifest).is_some(),
            keys_stand: state.ceremony().phase() == CeremonyPhase::Complete,
            roll_stands: state.roll_hash().is_some(),
            may_open_now: now_ms >= manifest.schedule.opens_at_ms,
            from: Time::new(chart.as_ref().map_or(0, |chart| chart.from_ms)),
            to: Time::new(chart.as_ref().map_or(0, |chart| chart.to_ms)),
            chart,
            turnout,
            groups,
            figures: election.telemetry().figures(),
            queued: election.queued(),
            storage: visit.dashboard.storage_bytes().map_or_else(|| "–".to_owned(), megabytes),
            trustees: view::trustees(state),
            steps: view::STEPS.iter().map(|(key, _)| *key).collect(),
            missing: names.collect::<Vec<_>>().join(", "),
            list,
            archived,
            activity,
            problems: problems.clone(),
            mail_possible: confirmations.possible(),
            confirmed,
        }
    });
    let status = if problems.is_empty() { http::StatusCode::OK } else { http::StatusCode::UNPROCESSABLE_ENTITY };
    Ok(visit.page_with(status, &page))
}

struct ActivityView {
    number: u64,
    time: Time,
    account: String,
    action: String,
    election: String,
    detail: String,
    address: String,
}

fn activity_view(a: Activity) -> ActivityView {
    let Activity { number, time_ms, account, action, election, detail, address } = a;
    ActivityView { number, time: Time::new(time_ms), account, action, election, detail, address }
}

#[derive(Template)]
#[template(path = "admin/activity.html")]
struct ActivityPage {
    p: Page,
    w: Words,
    f: Frame,
    lines: Vec<ActivityView>,
    older: Option<u64>,
}

pub(super) async fn activity(visit: &Visit<'_>) -> Answer {
    visit.need(Role::Observer)?;
    let before = visit.asked.query.get("before").and_then(|n| n.parse().ok()).unwrap_or(u64::MAX);
    let lines = visit.dashboard.store.activity(before, None, PAGE_LINES).await?;
    let lines: Vec<_> = lines.into_iter().map(activity_view).collect();
    let older = lines.last().map(|line| line.number).filter(|&number| number > 1);
    let p = Page::new(visit.w.t("activity"), visit.asked, visit.web);
    Ok(visit.page(&ActivityPage { p, w: visit.w, f: visit.frame(), lines, older }))
}

pub(super) async fn activity_csv(visit: &Visit<'_>) -> Answer {
    visit.need(Role::Observer)?;
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut write = |fields: [&str; 6]| writer.write_record(fields.map(defused)).map_err(|_| Refusal::Internal);
    write(["time", "account", "action", "election", "detail", "address"])?;
    for line in visit.dashboard.store.activity(u64::MAX, None, MOST_LINES).await? {
        let time = Time::new(line.time_ms).machine;
        write([&time, &line.account, &line.action, &line.election, &line.detail, &line.address])?;
    }
    let csv = writer.into_inner().map_err(|_| Refusal::Internal)?;
    Ok(download("text/csv; charset=utf-8", "activity.csv", csv))
}
