//! Voters who confirm by mail, and who would like to get around it.

use veritally_board::admin_store::{AdminStore as _, Kind};
use veritally_board_api::ProblemKind;
use veritally_crypto::canonical;
use veritally_crypto::leaves::{Closing, ClosingTag};
use veritally_crypto::manifest::Texts;
use veritally_crypto::signature;

use crate::common::{Running, now_ms};
use crate::fixture::{Fixture, LIST, file};

#[tokio::test(flavor = "multi_thread")]
async fn a_ballot_is_let_in_once_its_voter_has_confirmed_by_mail() {
    let mut fixture = Fixture::start(4).await;
    let missing = fixture.manage("confirm-by-mail", "csrf=token&sure=on").await;
    assert!(missing.0 == 422 && missing.2.contains("voter list first"), "{missing:?}");
    fixture.open_by_mail(LIST).await;
    let ballot = fixture.running.ballot(0, "a").bytes().to_vec();
    let problem = fixture.send(ballot.clone()).await.unwrap_err();
    assert_eq!((problem.kind(), problem.status), (ProblemKind::ConfirmationNeeded, 403));
    assert!(problem.detail.contains(&format!("{}{}", fixture.url, fixture.page(0))), "{}", problem.detail);
    let (status, _, page) = fixture.ask(false, &fixture.page(0), None, "").await;
    assert!(status == 200 && page.contains(&fixture.credential(0).public_id()));
    let code = fixture.mailed(0, "ADA@example.org").await.unwrap();
    let (to, text) = fixture.mails.lock().unwrap()[0].clone();
    assert_eq!(to, "ada@example.org");
    assert!(text.contains(&fixture.credential(0).public_id()) && text.contains("holds for 15 minutes"), "{text}");
    assert!(fixture.try_code(0, "1", &code).await, "by id as well as by address");
    fixture.send(ballot.clone()).await.unwrap();
    fixture.send(ballot).await.unwrap();
    fixture.cast(0).await.unwrap();
    // Of the others nobody has; what is no ballot is refused for what it is.
    assert_eq!(fixture.cast(1).await, Err(ProblemKind::ConfirmationNeeded));
    assert_eq!(fixture.send(b"{}".to_vec()).await.unwrap_err().kind(), ProblemKind::NotCanonical);
    let (_, _, page) = fixture.ask(false, "/e/sample", None, "").await;
    assert!(page.contains("id=\"by-mail\""));
    // The list is needed until the end; with it goes what links voters and credentials.
    let kept = fixture.manage("delete-voters", "csrf=token&sure=on").await;
    assert!(kept.0 == 422 && kept.2.contains("once voting has ended"));
    let sample = &fixture.running.sample;
    let closing = Closing { administrator: 1, signature: None, time_ms: now_ms(), tag: ClosingTag };
    let signed = signature::sign(closing, &sample.fingerprint(), &sample.administrator).unwrap();
    let closing = canonical::to_bytes(&signed).unwrap();
    fixture.running.post(closing).await;
    fixture.manage("delete-voters", "csrf=token&sure=on").await;
    for kind in [Kind::Confirmation, Kind::Confirmed, Kind::VoterList] {
        assert_eq!(fixture.store.count(kind, "").await.unwrap(), 0, "{kind:?}");
    }
    fixture.test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_of_the_board_are_not_guessed_used_twice_or_used_by_others() {
    let mut fixture = Fixture::start(4).await;
    fixture.open_by_mail(LIST).await;
    // Who is not on the list, or shares an address, gets nothing, and the page says the same.
    let said = fixture.ask(true, &fixture.page(0), None, "do=send&who=eve%40example.org").await.2;
    assert!(said.contains("If eve@example.org is on the voter list"));
    for nobody in ["eve%40example.org", "both%40example.org", "", "ada%40example.org%0d%0aBcc%3a+eve%40example.org"] {
        assert_eq!(fixture.mailed(0, nobody).await, None, "{nobody}");
    }
    // Five tries, however many at once; then not even the right one.
    let code = fixture.mailed(0, "1").await.unwrap();
    let wrong = |i: u32| format!("{:06}", (code.parse::<u32>().unwrap() + 1 + i) % 1_000_000);
    let guesses: Vec<_> = (0..12).map(wrong).collect();
    assert!(
        futures_util::future::join_all(guesses.iter().map(|guess| fixture.try_code(0, "1", guess)))
            .await
            .iter()
            .all(|ok| !ok)
    );
    assert!(!fixture.try_code(0, "1", &code).await, "tried too often");
    // A new code replaces the old one; it ends after a quarter of an hour; three in that time.
    let second = fixture.mailed(0, "1").await.unwrap();
    assert!(code == second || !fixture.try_code(0, "1", &code).await);
    fixture.later(15 * 60_000);
    assert!(!fixture.try_code(0, "1", &second).await, "its time is over");
    let third = fixture.mailed(0, "1").await.unwrap();
    // A code is for one voter and one credential.
    assert!(!fixture.try_code(1, "1", &third).await);
    assert!(!fixture.try_code(0, "2", &third).await);
    assert!(fixture.try_code(0, "1", &third).await);
    assert!(!fixture.try_code(0, "1", &third).await, "used");
    // One credential a voter, one voter a credential.
    assert_eq!(fixture.mailed(1, "1").await, None, "confirmed with another credential");
    let graces = fixture.mailed(0, "2").await.unwrap();
    assert!(!fixture.try_code(0, "2", &graces).await, "it is somebody else's");
    assert_eq!(fixture.cast(1).await, Err(ProblemKind::ConfirmationNeeded));
    fixture.cast(0).await.unwrap();
    // Three mails in a quarter of an hour, ten a day.
    fixture.later(16 * 60_000);
    for _ in 0..3 {
        assert!(fixture.mailed(1, "2").await.is_some());
    }
    assert_eq!(fixture.mailed(1, "2").await, None);
    // Whoever asks too often for anybody waits.
    for _ in 0..60 {
        fixture.ask(true, &fixture.page(2), None, "do=send&who=nobody").await;
    }
    assert_eq!(fixture.ask(true, &fixture.page(2), None, "do=send&who=3").await.0, 429);
    fixture.test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gets_another_credential_confirms_it_in_the_place_of_the_old_one() {
    let mut fixture = Fixture::start(2).await;
    fixture.open_by_mail("id,email\n1,ada@example.org\n2,grace@example.org\n").await;
    let code = fixture.mailed(0, "1").await.unwrap();
    assert!(fixture.try_code(0, "1", &code).await);
    let Running { sample, rng, .. } = &mut fixture.running;
    sample.reissue(0, rng).unwrap();
    let entry = String::from_utf8(sample.entries.last().unwrap().clone()).unwrap();
    let refused = fixture.manage("reissue", &file("reissue", "{}")).await;
    assert!(refused.0 == 422 && refused.2.contains("this is no re-issue"), "{refused:?}");
    let posted = fixture.manage("reissue", &file("reissue", &entry)).await;
    assert!(posted.1.ends_with("done=reissue"), "{posted:?}");
    assert_eq!(fixture.cast(0).await, Err(ProblemKind::ConfirmationNeeded));
    let code = fixture.mailed(0, "1").await.unwrap();
    assert!(fixture.try_code(0, "1", &code).await);
    let again = fixture.running.sample.voters[0].credential.public();
    assert_eq!(fixture.credential(0), again);
    fixture.test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_would_lock_voters_out_is_refused_whenever_it_comes() {
    let mut fixture = Fixture::start(2).await;
    let without = "id,name,email\n1,Ada,ada@example.org\n2,Grace,\n";
    let hostile = "id,name,email\n1,Ada,ada@example.org\n2,Grace,\"grace@example.org, eve@example.org\"\n";
    let header = "id,name,email\n1,Ada,ada@example.org\n2,Grace,\"grace@example.org>\nBcc: eve@example.org\"\n";
    for list in [without, hostile, header] {
        assert!(fixture.manage("voters", &file("list", list)).await.1.ends_with("done=voters"));
        let asked = fixture.manage("confirm-by-mail", "csrf=token&sure=on").await;
        assert!(asked.0 == 422 && asked.2.contains("no mail address"), "{asked:?}");
    }
    fixture.open_by_mail("id,name,email\n1,Ada,ada@example.org\n2,Grace,grace@example.org\n").await;
    for list in [without, hostile, header] {
        let (status, _, said) = fixture.manage("voters", &file("list", list)).await;
        assert!(status == 422 && said.contains("no mail address"), "{said}");
    }
    // The list before is still there.
    assert!(fixture.mailed(0, "2").await.is_some());
    fixture.test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_in_an_elections_name_becomes_a_header_or_a_line_of_the_boards_mail() {
    let name = "Council\r\nBcc: eve@example.org\r\n\r\nCode: 000000";
    let edit = |manifest: &mut veritally_crypto::manifest::Manifest| {
        manifest.name = manifest.languages.iter().map(|l| (l.clone(), name.to_owned())).collect::<Texts>();
    };
    let mut fixture = Fixture::start_with(1, edit).await;
    fixture.open_by_mail("id,email\n1,ada@example.org\n").await;
    let code = fixture.mailed(0, "1").await.unwrap();
    let (to, mail) = fixture.mails.lock().unwrap()[0].clone();
    assert_eq!(to, "ada@example.org");
    let (headers, body) = mail.split_once("\n\n").unwrap();
    assert!(!headers.to_lowercase().lines().any(|line| line.starts_with("bcc:")), "{headers}");
    assert_eq!(headers.lines().filter(|line| line.starts_with("Subject:")).count(), 1, "{headers}");
    let codes: Vec<_> = body.lines().filter_map(|line| line.strip_prefix("Code: ")).collect();
    assert_eq!(codes, [code.as_str()], "{body}");
    assert!(fixture.try_code(0, "1", &code).await);
    fixture.test.stop().await;
}
