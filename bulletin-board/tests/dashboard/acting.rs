//! What the dashboard does to elections, and what it keeps beside them.

use std::sync::atomic::Ordering;

use veritally_board::admin_store::{AdminStore as _, Kind, Role};
use veritally_crypto::leaves::{Extension, ExtensionTag};
use veritally_crypto::record::Phase;
use veritally_crypto::signature;

use crate::common::now_ms;
use crate::fixture::{Fixture, ID, file, run_by_board};

const SURE: &str = "csrf=token&sure=on";
const DAY_MS: u64 = 24 * 3_600_000;

impl Fixture {
    async fn phase(&self) -> Phase {
        self.running.board.status().await.unwrap().phase
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn voting_is_opened_and_the_election_abandoned_by_a_button_and_archived_only_then() {
    // In two minutes: by then the board would open by itself, but its clock is not the dashboard's.
    let fixture = Fixture::start_with(1, |manifest| {
        run_by_board(manifest);
        manifest.schedule.opens_at_ms = now_ms() + 120_000;
    })
    .await;
    let early = fixture.manage("open", SURE).await;
    assert!(early.0 == 422 && early.2.contains("has not come yet"), "{early:?}");
    fixture.later(121_000);
    let opened = fixture.manage("open", SURE).await;
    assert!(opened.1.ends_with("done=open"), "{opened:?}");
    assert_eq!(fixture.phase().await, Phase::Open);
    fixture.later(1);
    assert_eq!(fixture.manage("open", SURE).await.0, 422, "once");
    let archived = fixture.manage("archive", SURE).await;
    assert!(archived.0 == 422 && archived.2.contains("published or abandoned"), "{archived:?}");
    assert_eq!(fixture.manage("abandon", &format!("{SURE}&reason=")).await.0, 422, "without a reason");
    let done = fixture.manage("abandon", &format!("{SURE}&reason=Two+names+were+wrong.")).await;
    assert!(done.1.ends_with("done=abandon"), "{done:?}");
    assert_eq!(fixture.phase().await, Phase::Abandoned);
    let (_, _, public) = fixture.ask(false, "/e/sample", None, "").await;
    assert!(public.contains("Two names were wrong."));
    // Into the archive, and out again.
    assert!(fixture.manage("archive", SURE).await.1.ends_with("done=archive"));
    assert_eq!(fixture.store.count(Kind::Archived, "").await.unwrap(), 1);
    let (_, _, page) = fixture.ask(false, ID, Some(Role::Manager), "").await;
    assert!(page.contains("/unarchive") && !page.contains("/archive\""));
    assert!(fixture.manage("unarchive", SURE).await.1.ends_with("done=unarchive"));
    assert_eq!(fixture.store.count(Kind::Archived, "").await.unwrap(), 0);
    assert_eq!(fixture.manage("unarchive", SURE).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_overdue_after_its_time_on_every_page_and_an_extension_moves_it() {
    let mut fixture = Fixture::start(1).await;
    assert!(fixture.manage("voters", &file("list", "id,name\n1,Ada\n")).await.1.ends_with("done=voters"));
    fixture.running.sample.open().unwrap();
    let opening = fixture.running.sample.entries.last().unwrap().clone();
    fixture.running.post(opening).await;
    let overdue = async |fixture: &Fixture| {
        for role in [Role::Owner, Role::Manager] {
            fixture.sign_in(role).await;
        }
        let (_, _, home) = fixture.ask(false, "/admin", Some(Role::Manager), "").await;
        let (_, _, page) = fixture.ask(false, ID, Some(Role::Manager), "").await;
        let said = [home, page].map(|page| page.contains("time is over: delete it"));
        assert_eq!(said[0], said[1]);
        said[0]
    };
    let closes_at_ms = fixture.running.board.status().await.unwrap().closes_at_ms;
    fixture.clock.0.store(closes_at_ms + 30 * DAY_MS, Ordering::SeqCst);
    assert!(!overdue(&fixture).await);
    fixture.later(1);
    assert!(overdue(&fixture).await);
    // Voting goes on for ten days more, and so does the list.
    let sample = &fixture.running.sample;
    let until = closes_at_ms + 10 * DAY_MS;
    let extension =
        Extension { administrator: 1, closes_at_ms: until, signature: None, time_ms: now_ms(), tag: ExtensionTag };
    let signed = signature::sign(extension, &sample.fingerprint(), &sample.administrator).unwrap();
    fixture.running.post(veritally_crypto::canonical::to_bytes(&signed).unwrap()).await;
    assert!(!overdue(&fixture).await);
    fixture.later(10 * DAY_MS);
    assert!(overdue(&fixture).await);
    assert!(fixture.manage("delete-voters", SURE).await.1.ends_with("done=delete-voters"));
    assert!(!overdue(&fixture).await);
    for kind in [Kind::VoterList, Kind::ListSummary] {
        assert_eq!(fixture.store.count(kind, "").await.unwrap(), 0, "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_list_is_said_in_the_readers_language() {
    let fixture = Fixture::start(1).await;
    let list = file("list", "id,email\n1,a@example.org\n1,b@example.org\n");
    let (status, _, said) = fixture.manage("voters?lang=de", &list).await;
    assert!(status == 422 && said.contains("Zeile 3") && said.contains("steht schon in Zeile 2"), "{said}");
    let list = file("list", "id,name,email\n1,=1+1,@x\n");
    assert_eq!(fixture.manage("voters", &list).await.0, 303);
    let (_, _, csv) = fixture.ask(false, &format!("{ID}/voters.csv"), Some(Role::Manager), "").await;
    assert_eq!(csv, "id,name,email\n1,'=1+1,'@x\n");
}
