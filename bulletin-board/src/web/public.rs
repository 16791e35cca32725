//! The public pages.

use std::convert::Infallible;
use std::sync::Arc;

use askama::Template;
use http::StatusCode;
use veritally_crypto::ballot::EncryptedBallot;
use veritally_crypto::ceremony::CeremonyPhase;
use veritally_crypto::id::Id;
use veritally_crypto::manifest::text;
use veritally_crypto::record::Phase;
use warp::filters::BoxedFilter;
use warp::filters::path::Tail;
use warp::reply::Response;
use warp::{Filter, Rejection};

use super::chart::Line;
use super::outcome::{self, ContestOutcome};
use super::view::{
    self, CHART_POINTS, ContestView, EntryView, Head, STEPS, SumView, Time, TrusteeView, TurnoutLine, WitnessView,
};
use super::words::Words;
use super::{Asked, Page, Web, asked, download, html, record_tar, report};
use crate::election::Election;
use crate::log_reader::{self, Code};

/// Entries on a page of the log.
const PAGE_ENTRIES: u64 = 25;

pub(super) fn routes(web: &Web) -> BoxedFilter<(Response,)> {
    let (list, one) = (web.clone(), web.clone());
    let read = warp::get().or(warp::head()).unify();
    let list = warp::path::end().and(read).and(asked()).map(move |asked: Asked| elections(&list, &asked));
    let one = warp::path("e")
        .and(warp::path::param())
        .and(warp::path::tail())
        .and(read)
        .and(asked())
        .and_then(move |id: Id, tail: Tail, asked| election(one.clone(), id, tail, asked));
    list.or(one).unify().boxed()
}

struct ElectionLine {
    id: String,
    name: String,
    phase_key: String,
    opens: Time,
    closes: Time,
    fingerprint: String,
}

#[derive(Template)]
#[template(path = "elections.html")]
struct ElectionsPage {
    p: Page,
    w: Words,
    elections: Vec<ElectionLine>,
}

fn elections(web: &Web, asked: &Asked) -> Response {
    let w = asked.words();
    let mut all = web.board.summaries();
    all.sort_by_key(|e| (e.phase >= Phase::Published, std::cmp::Reverse(e.opens_at_ms)));
    let line = |e: veritally_board_api::ElectionSummary| ElectionLine {
        id: e.election.to_string(),
        name: text(&e.name, w.0.tag()).to_owned(),
        phase_key: format!("phase_{}", e.phase),
        opens: Time::new(e.opens_at_ms),
        closes: Time::new(e.closes_at_ms),
        fingerprint: e.fingerprint.to_string(),
    };
    let page =
        ElectionsPage { p: Page::new(w.t("elections"), asked, web), w, elections: all.into_iter().map(line).collect() };
    html(StatusCode::OK, asked, &page)
}

#[derive(Template)]
#[template(path = "not_found.html")]
struct NotFoundPage {
    p: Page,
    w: Words,
}

pub(super) fn not_found(web: &Web, asked: &Asked) -> Response {
    let w = asked.words();
    html(StatusCode::NOT_FOUND, asked, &NotFoundPage { p: Page::new(w.t("not_here"), asked, web), w })
}

/// Pages of one election; a path that none has goes on to the next routes.
async fn election(web: Web, id: Id, tail: Tail, asked: Asked) -> Result<Response, Rejection> {
    const KNOWN: [&str; 10] = [
        "",
        "ballots",
        "trustees",
        "result",
        "verify",
        "report",
        "record.tar",
        "result.csv",
        "result.json",
        "report.json",
    ];
    if !KNOWN.contains(&tail.as_str()) {
        return Err(warp::reject::not_found());
    }
    let Ok(election) = web.board.election(&id) else { return Ok(not_found(&web, &asked)) };
    let answered: Result<Response, Infallible> = Ok(match tail.as_str() {
        "ballots" => ballots(&web, &election, &asked).await,
        "trustees" => trustees(&web, &election, &asked),
        "result" => result(&web, &election, &asked).await,
        "verify" => verify(&web, &election, &asked).await,
        "report" => report::respond(&web, &election, &asked, false).await,
        "report.json" => report::respond(&web, &election, &asked, true).await,
        "record.tar" => record_tar::respond(election),
        "result.csv" => result_csv(&web, &election, &asked),
        "result.json" => result_json(&web, &election, &asked).await,
        _ => overview(&web, &election, &asked).await,
    });
    answered.map_err(|never| match never {})
}

pub(super) fn page(web: &Web, election: &Election, asked: &Asked, tab: &'static str) -> (Page, Words, Head) {
    let w = asked.words();
    let head = Head::new(election, w, tab, &asked.host);
    let title = if tab == "overview" { head.name.clone() } else { format!("{} – {}", w.t(tab), head.name) };
    (Page::new(title, asked, web), w, head)
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    p: Page,
    w: Words,
    e: Head,
    counts: veritally_crypto::record::Counts,
    tree_size: u64,
    root: String,
    checkpoint: String,
    chart: Option<Line>,
    from: Time,
    to: Time,
    turnout: Vec<TurnoutLine>,
    contests: Vec<ContestView>,
    styles: Vec<(String, String)>,
    groups: Vec<String>,
    floor: u64,
    weights_may_identify: bool,
    tally: Option<(String, Vec<SumView>)>,
    witnesses: Vec<WitnessView>,
    /// The size of the largest log that a quorum of them cosigned.
    witnessed: u64,
    witness_quorum: u64,
    administrators: Vec<(String, String, bool)>,
    registrar: (String, String),
    trustees: Vec<String>,
    entries: Vec<EntryView>,
    /// Voters confirm by mail.
    by_mail: bool,
}

impl OverviewPage {
    fn replaced(&self) -> u64 {
        self.counts.ballots_cast.saturating_sub(self.counts.ballots_counted)
    }
}

async fn overview(web: &Web, election: &Election, asked: &Asked) -> Response {
    let (p, w, e) = page(web, election, asked, "overview");
    let (manifest, snapshot) = (election.manifest(), election.snapshot());
    let now_ms = election.status().time_ms;
    let (chart, turnout, entries) = web
        .histories
        .with(election, |history| {
            let points = history.sampled(CHART_POINTS);
            let from = history.opened_at_ms.unwrap_or(manifest.schedule.opens_at_ms);
            let to = history.closed_at_ms.unwrap_or(now_ms);
            (Line::new(&points, from, to), view::turnout(history), view::latest(history, manifest, w, 8))
        })
        .await;
    let by_mail = match &web.dashboard {
        Some(dashboard) => dashboard.confirmations().required(election).await.unwrap_or_default(),
        None => false,
    };
    let cosigned = web.witnesses.status(election);
    let page = OverviewPage {
        by_mail,
        counts: snapshot.counts,
        tree_size: snapshot.head.tree_size,
        root: snapshot.head.root.to_string(),
        checkpoint: snapshot.checkpoint.to_string(),
        from: Time::new(chart.as_ref().map_or(0, |chart| chart.from_ms)),
        to: Time::new(chart.as_ref().map_or(0, |chart| chart.to_ms)),
        chart,
        turnout,
        contests: view::contests(manifest, w),
        styles: view::styles(manifest, w),
        groups: manifest.groups.iter().map(|g| text(&g.name, w.0.tag()).to_owned()).collect(),
        floor: manifest.floor,
        weights_may_identify: manifest.weights_may_identify,
        tally: view::tally(manifest, &snapshot, w),
        witnesses: view::witnesses(manifest, &cosigned),
        witnessed: cosigned.tree_size,
        witness_quorum: manifest.witness_quorum,
        administrators: manifest
            .administrators
            .iter()
            .map(|a| (a.name.clone(), a.key.to_string(), a.held_by_board))
            .collect(),
        registrar: (manifest.registrar.name.clone(), manifest.registrar.key.to_string()),
        trustees: manifest.trustees.iter().map(|t| t.name.clone()).collect(),
        entries,
        p,
        w,
        e,
    };
    html(StatusCode::OK, asked, &page)
}

struct Found {
    code: String,
    full_code: String,
    public_id: String,
    counter: u64,
    style: String,
    index: u64,
    /// Whether no later ballot of the voter replaced it.
    counts: bool,
    receipt: String,
}

struct LogLine {
    index: u64,
    kind: String,
    code: String,
    public_id: String,
    counter: u64,
    style: String,
}

#[derive(Template)]
#[template(path = "ballots.html")]
struct BallotsPage {
    p: Page,
    w: Words,
    e: Head,
    code: String,
    /// The catalog's key of why nothing was found.
    problem: Option<&'static str>,
    found: Option<Found>,
    tree_size: u64,
    lines: Vec<LogLine>,
    older: Option<u64>,
    newer: bool,
    log_key: String,
}

async fn ballots(web: &Web, election: &Election, asked: &Asked) -> Response {
    let (p, w, e) = page(web, election, asked, "ballots");
    let tree_size = election.snapshot().head.tree_size;
    let code = asked.query.get("code").map(|code| code.trim().to_owned()).unwrap_or_default();
    let (found, problem) = match code.as_str() {
        "" => (None, None),
        code => match look_up(election, code, w).await {
            Ok(found) => (Some(found), None),
            Err(problem) => (None, Some(problem)),
        },
    };
    let end = asked.query.get("before").and_then(|n| n.parse().ok()).map_or(tree_size, |n: u64| n.min(tree_size));
    let start = end.saturating_sub(PAGE_ENTRIES);
    let leaves = election.store().leaves(election.id(), start..end).await.unwrap_or_default();
    let mut lines: Vec<_> = (start..).zip(&leaves).map(|(index, leaf)| line(election, index, leaf, w)).collect();
    lines.reverse();
    let page = BallotsPage {
        code,
        problem,
        found,
        tree_size,
        lines,
        older: (start > 0).then_some(start),
        newer: end < tree_size,
        log_key: election.manifest().log.key.to_string(),
        p,
        w,
        e,
    };
    html(StatusCode::OK, asked, &page)
}

fn line(election: &Election, index: u64, leaf: &[u8], w: Words) -> LogLine {
    let style_name = |id: &Id| {
        let style = election.manifest().ballot_styles.iter().find(|style| style.id == *id);
        style.map_or("", |style| text(&style.name, w.0.tag())).to_owned()
    };
    match EncryptedBallot::parse(leaf) {
        Ok(ballot) => LogLine {
            index,
            kind: view::kind_name("ballot", w),
            code: ballot.confirmation_code(&election.manifest().fingerprint()).to_string(),
            public_id: ballot.credential().public_id(),
            counter: ballot.leaf().counter,
            style: style_name(&ballot.leaf().style),
        },
        Err(_) => {
            let kind = veritally_crypto::leaves::Leaf::parse(leaf)
                .map(|leaf| leaf.type_name().trim_end_matches("/v1").to_owned())
                .unwrap_or_default();
            let (code, public_id, style) = (String::new(), String::new(), String::new());
            LogLine { index, kind: view::kind_name(&kind, w), code, public_id, counter: 0, style }
        }
    }
}

async fn look_up(election: &Election, code: &str, w: Words) -> Result<Found, &'static str> {
    // Without capital letters a code of 64 digits is the same.
    let parsed = Code::parse(code).or_else(|| Code::parse(&code.to_ascii_lowercase())).ok_or("not_a_code")?;
    let unreadable = |_| "service_unavailable";
    let found = log_reader::find(election.store(), election.id(), &parsed).await.map_err(unreadable)?;
    let index = match found.as_slice() {
        [] => return Err("not_found"),
        [index] => *index,
        _ => return Err("ambiguous"),
    };
    let leaf = election.store().leaves(election.id(), index..index + 1).await.map_err(unreadable)?.pop();
    let leaf = leaf.ok_or("not_found")?;
    // A code of 64 digits may be the hash of an entry that is no ballot.
    let ballot = EncryptedBallot::parse(&leaf).map_err(|_| "not_found")?;
    let receipt = log_reader::receipt(election.store(), election.id(), &election.manifest().log, index).await;
    let full_code = ballot.confirmation_code(&election.manifest().fingerprint());
    let LogLine { code, public_id, counter, style, .. } = line(election, index, &leaf, w);
    let last =
        election.with_state(|state| state.voter(ballot.credential()).is_some_and(|v| v.last_hash == ballot.hash()));
    Ok(Found {
        code,
        full_code: full_code.0.to_string(),
        public_id,
        counter,
        style,
        index,
        counts: last,
        receipt: receipt.map_err(|_| "service_unavailable")?,
    })
}

#[derive(Template)]
#[template(path = "trustees.html")]
struct TrusteesPage {
    p: Page,
    w: Words,
    e: Head,
    n: u64,
    k: u64,
    q: u64,
    steps: Vec<&'static str>,
    trustees: Vec<TrusteeView>,
    complete: bool,
    missing: String,
    agreements: u64,
    shares: u64,
}

fn trustees(web: &Web, election: &Election, asked: &Asked) -> Response {
    let (p, w, e) = page(web, election, asked, "trustees");
    let manifest = election.manifest();
    let page = election.with_state(|state| {
        let missing = state.ceremony().missing();
        let names = missing.iter().filter_map(|id| manifest.trustee(*id)).map(|t| t.name.as_str());
        TrusteesPage {
            n: manifest.trustee_count(),
            k: manifest.quorum,
            q: manifest.agreement_quorum,
            steps: STEPS.iter().map(|(key, _)| *key).collect(),
            trustees: view::trustees(state),
            complete: state.ceremony().phase() == CeremonyPhase::Complete,
            missing: names.collect::<Vec<_>>().join(", "),
            agreements: state.agreements().len() as u64,
            shares: state.shares().iter().filter(|share| share.shares.is_ok()).count() as u64,
            p,
            w,
            e,
        }
    });
    html(StatusCode::OK, asked, &page)
}

#[derive(Template)]
#[template(path = "result.html")]
struct ResultPage {
    p: Page,
    w: Words,
    e: Head,
    outcomes: Vec<ContestOutcome>,
    counts: veritally_crypto::record::Counts,
    weighted: bool,
    report: bool,
}

async fn result(web: &Web, election: &Election, asked: &Asked) -> Response {
    let (p, w, e) = page(web, election, asked, "result");
    let outcomes = election.with_state(|state| outcome::outcomes(state, w)).unwrap_or_default();
    let weighted = outcomes.iter().any(|outcome| outcome.weight != outcome.ballots);
    let counts = election.snapshot().counts;
    let report = report::exists(web, election).await;
    html(StatusCode::OK, asked, &ResultPage { p, w, e, outcomes, counts, weighted, report })
}

#[derive(Template)]
#[template(path = "verify.html")]
struct VerifyPage {
    p: Page,
    w: Words,
    e: Head,
    origin: String,
    decrypted: bool,
    published: bool,
    report: bool,
}

async fn verify(web: &Web, election: &Election, asked: &Asked) -> Response {
    let (p, w, e) = page(web, election, asked, "verify");
    let page = VerifyPage {
        origin: asked.origin(),
        decrypted: matches!(e.phase, Phase::Decrypted | Phase::Published),
        published: e.phase == Phase::Published,
        report: report::exists(web, election).await,
        p,
        w,
        e,
    };
    html(StatusCode::OK, asked, &page)
}

fn result_csv(web: &Web, election: &Arc<Election>, asked: &Asked) -> Response {
    match election.with_state(|state| outcome::to_csv(state, asked.words())) {
        Some(csv) => download("text/csv; charset=utf-8", &format!("{}.csv", election.id()), csv),
        None => not_found(web, asked),
    }
}

async fn result_json(web: &Web, election: &Arc<Election>, asked: &Asked) -> Response {
    let index = web
        .histories
        .with(election, |history| history.noted.iter().rev().find(|noted| noted.kind == "result").map(|n| n.index))
        .await;
    let Some(index) = index else { return not_found(web, asked) };
    match election.store().leaves(election.id(), index..index + 1).await.ok().and_then(|mut leaves| leaves.pop()) {
        Some(leaf) => download("application/json", &format!("{}-result.json", election.id()), leaf),
        None => not_found(web, asked),
    }
}
