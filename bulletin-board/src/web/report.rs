//! The page of a verification report, and the report itself.

use askama::Template;
use http::StatusCode;
use warp::reply::Response;

use super::admin::{Report, ReportStatus, ReportVerdict};
use super::public::{not_found, page};
use super::view::{Head, Time};
use super::words::Words;
use super::{Asked, Page, Web, download, html};
use crate::election::Election;

#[derive(Template)]
#[template(path = "report.html")]
struct ReportPage {
    p: Page,
    w: Words,
    e: Head,
    origin: String,
    by: String,
    time: Time,
    report: Report,
}

impl ReportPage {
    fn passed(&self) -> bool {
        self.report.verdict == ReportVerdict::Pass
    }

    /// Class of the line, key of the text.
    fn status(&self, status: &ReportStatus) -> (&'static str, &'static str) {
        match status {
            ReportStatus::Pass => ("yes", "check_pass"),
            ReportStatus::Fail => ("no", "check_fail"),
            ReportStatus::NotApplicable => ("wait", "check_not_applicable"),
            ReportStatus::NotReached => ("wait", "check_not_reached"),
        }
    }
}

pub(super) async fn exists(web: &Web, election: &Election) -> bool {
    match &web.dashboard {
        Some(dashboard) => dashboard.report(election).await.is_ok_and(|stored| stored.is_some()),
        None => false,
    }
}

/// The page, or the file.
pub(super) async fn respond(web: &Web, election: &Election, asked: &Asked, file: bool) -> Response {
    let Some(dashboard) = &web.dashboard else { return not_found(web, asked) };
    let stored = dashboard.report(election).await.ok().flatten();
    let Some((stored, report)) = stored.and_then(|stored| stored.report().map(|report| (stored, report))) else {
        return not_found(web, asked);
    };
    if file {
        return download("application/json", &format!("{}-report.json", election.id()), stored.json);
    }
    let (p, w, e) = page(web, election, asked, "report");
    let (origin, by, time) = (asked.origin(), stored.by, Time::new(stored.time_ms));
    html(StatusCode::OK, asked, &ReportPage { p, w, e, origin, by, time, report })
}
