//! The model of a voter's way, without a display: no sequence of events casts twice, loses a receipt or sends anything but a
//! ballot that was checked and stored.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod device;

use std::collections::BTreeSet;

use device::{Ballot, Device, code, election, link, settle};
use proptest::prelude::*;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::Id;
use veritally_crypto::record::Phase;
use veritally_crypto::sample::id;
use veritally_session::flow::{Compared, Edit, Effect, Event, Flow, Job, Page, Publishing, TroubleKind};
use zeroize::Zeroizing;

/// What happens next: a person does something, or an effect under way is answered, the oldest or any other.
#[derive(Debug, Clone)]
enum Step {
    User(u8),
    Answer {
        which: usize,
        well: bool,
        variant: u8,
    },
    /// An answer that was given already comes again.
    Late(usize),
}

fn user(which: u8) -> Event {
    let first = || id("a").unwrap();
    match which {
        0 => link(),
        1 => Event::OpenPractice,
        2..=6 => Event::Continue,
        7 => Event::Back,
        8 | 9 => Event::EnterCode { text: good_code(), remember: false },
        10 => Event::TypeCode(Zeroizing::new("AB".into())),
        11..=13 => Event::Edit(Edit::Mark { selection: first(), on: true }),
        14 => Event::Edit(Edit::Mark { selection: id("b").unwrap(), on: false }),
        15..=17 => Event::Encrypt,
        18..=21 => Event::Cast,
        22 | 29 | 30 => Event::Test,
        23 => Event::RetryNow,
        24 => Event::ReadWholeLog,
        25 => Event::VoteAgain,
        26 => Event::GoTo(0),
        27 | 31 => Event::Publish,
        _ => Event::Leave,
    }
}

fn good_code() -> Zeroizing<String> {
    use rand::SeedableRng as _;
    let rng = &mut rand::rngs::StdRng::seed_from_u64(7);
    veritally_crypto::credential::CredentialCode::random(rng).expose_text()
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let answer = (0..3usize, prop::bool::weighted(0.75), 0..3u8);
    let step = prop_oneof![
        6 => (0..32u8).prop_map(Step::User),
        5 => answer.prop_map(|(which, well, variant)| Step::Answer { which, well, variant }),
        1 => (0..8usize).prop_map(Step::Late),
    ];
    prop::collection::vec(step, 0..160)
}

/// Runs a session up to the choice between Cast and Test, so that random steps begin where it matters.
fn at_the_choice(device: &mut Device) -> Flow {
    let mut flow = Flow::new();
    let mark = || Event::Edit(Edit::Mark { selection: id("a").unwrap(), on: true });
    let code = || Event::EnterCode { text: good_code(), remember: false };
    for event in [link(), Event::Continue, code(), mark(), Event::Continue, mark(), Event::Continue, Event::Encrypt] {
        settle(&mut flow, device, event);
    }
    flow
}

fn same_answer(event: &Event) -> Option<Event> {
    Some(match event {
        Event::Encrypted(job, outcome) => Event::Encrypted(*job, outcome.clone()),
        Event::Proved(job, outcome) => Event::Proved(*job, outcome.clone()),
        Event::Spoiled(job, outcome) => Event::Spoiled(*job, outcome.clone()),
        Event::Published(job, outcome) => Event::Published(*job, outcome.clone()),
        Event::Sent(job, outcome) => Event::Sent(*job, outcome.clone()),
        Event::Unlocked(job, outcome) => Event::Unlocked(*job, outcome.clone()),
        Event::TimeIsUp(job) => Event::TimeIsUp(*job),
        _ => return None,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_events_casts_twice_loses_a_receipt_or_sends_what_was_not_checked(
        begun in any::<bool>(),
        steps in steps(),
    ) {
        let mut device = Device::default();
        let mut flow = if begun { at_the_choice(&mut device) } else { Flow::new() };
        let mut under_way: Vec<Effect> = vec![];
        let mut answered: Vec<Event> = vec![];
        for step in steps {
            let event = match step {
                Step::User(which) => Some(user(which)),
                Step::Answer { which, well, variant } if !under_way.is_empty() => {
                    let effect = under_way.remove(which % under_way.len());
                    let event = device.answer(effect, well, variant);
                    answered.extend(event.as_ref().and_then(same_answer));
                    event
                }
                Step::Late(which) if !answered.is_empty() => same_answer(&answered[which % answered.len()]),
                _ => None,
            };
            let Some(event) = event else { continue };
            let fresh = matches!(step, Step::Answer { .. });
            let came = match &event {
                Event::Sent(job, Ok(receipt)) if fresh && device.awaited == Some(*job) => Some(receipt.number),
                _ => None,
            };
            device.take(&mut flow, event, &mut under_way);
            // A ballot is in the log at most once, and never without the voter's choice.
            let distinct: BTreeSet<u8> = device.log.iter().copied().collect();
            prop_assert_eq!(distinct.len(), device.log.len());
            prop_assert!(device.log.len() <= device.chosen.len());
            // What was opened for a test is never cast.
            prop_assert!(device.opened.iter().all(|opened| !device.log.contains(opened)));
            // A receipt that comes while it is awaited is shown.
            if let Some(number) = came {
                let shown = matches!(flow.page(), Page::Receipt { receipt, .. } if receipt.number == number);
                prop_assert!(shown, "{:?}", flow.page());
            }
        }
        // Whatever happened: who comes back finds a ballot that was cast, gets its receipt, and it is in the log once.
        device.take(&mut flow, Event::Leave, &mut under_way);
        let stored = match device.ballot {
            Some(Ballot::Stored(ballot)) => Some(ballot),
            _ => None,
        };
        for event in [link(), Event::Continue, Event::EnterCode { text: good_code(), remember: false }] {
            settle(&mut flow, &mut device, event);
        }
        if let Some(ballot) = stored {
            let shown = matches!(flow.page(), Page::Receipt { receipt, .. } if receipt.code == code(ballot));
            prop_assert!(shown, "{:?}", flow.page());
            prop_assert_eq!(device.log.iter().filter(|logged| **logged == ballot).count(), 1);
        }
    }
}

#[test]
fn a_second_click_on_cast_does_nothing_and_the_receipt_is_shown() {
    let mut device = Device::default();
    let mut flow = at_the_choice(&mut device);
    let proving = device.tell(&mut flow, Event::Cast);
    assert!(matches!(proving[..], [Effect::Prove(_)]));
    for event in [Event::Cast, Event::Test, Event::Encrypt, Event::Back] {
        assert!(flow.handle(event).is_empty());
    }
    let proved = device.answer(proving.into_iter().next().unwrap(), true, 0).unwrap();
    settle(&mut flow, &mut device, proved);
    assert!(matches!(flow.page(), Page::Receipt { casts_left: 2, .. }));
    assert_eq!(device.log.len(), 1);
    settle(&mut flow, &mut device, Event::VoteAgain);
    let Page::Contest { voter, draft, .. } = flow.page() else { panic!("{:?}", flow.page()) };
    assert_eq!(voter.ballots_cast, 1);
    assert!(!draft.is_begun(), "the old choices are gone");
}

#[test]
fn after_a_test_a_fresh_ballot_is_encrypted_but_not_while_the_opened_one_is_published() {
    let mut device = Device::default();
    let mut flow = at_the_choice(&mut device);
    settle(&mut flow, &mut device, Event::Test);
    let Page::Tested { test, publishing: Publishing::No, .. } = flow.page() else { panic!("{:?}", flow.page()) };
    assert_eq!(test.code(), code(1));
    let publish = device.tell(&mut flow, Event::Publish).pop().unwrap();
    for event in [Event::Encrypt, Event::Back, Event::Publish] {
        assert!(flow.handle(event).is_empty());
        assert!(matches!(flow.page(), Page::Tested { publishing: Publishing::Busy, .. }));
    }
    let published = device.answer(publish, true, 0).unwrap();
    flow.handle(published);
    settle(&mut flow, &mut device, Event::Encrypt);
    assert!(matches!(flow.page(), Page::Choose { tests: 1, code: fresh, .. } if fresh == code(2)));
    settle(&mut flow, &mut device, Event::Cast);
    assert!(matches!(flow.page(), Page::Receipt { .. }));
    assert_eq!((device.opened, device.log, device.published), (vec![1], vec![2], 1));
}

#[test]
fn choices_that_were_not_cast_are_known_on_every_page_where_leaving_would_lose_them() {
    let mut device = Device::default();
    let mut flow = Flow::new();
    let mark = || Event::Edit(Edit::Mark { selection: id("a").unwrap(), on: true });
    let code = || Event::EnterCode { text: good_code(), remember: false };
    for (event, unsaved) in [
        (link(), false),
        (Event::Continue, false),
        (code(), false),
        (mark(), true),
        (Event::Continue, true),
        (mark(), true),
        (Event::Continue, true),
        (Event::Encrypt, true),
        (Event::Test, true),
        (Event::Encrypt, true),
        (Event::Cast, false),
        (Event::VoteAgain, false),
    ] {
        settle(&mut flow, &mut device, event);
        assert_eq!(flow.has_unsaved_choices(), unsaved, "{:?}", flow.page());
    }
}

#[test]
fn an_offline_board_is_asked_again_with_growing_waits_until_the_receipt_comes() {
    let mut device = Device::default();
    let mut flow = at_the_choice(&mut device);
    let mut effect = device.tell(&mut flow, Event::Cast).pop().unwrap();
    let mut waits = vec![];
    for _ in 0..20 {
        let well = matches!(effect, Effect::Prove(_) | Effect::Wait { .. });
        if let Effect::Wait { seconds, .. } = effect {
            waits.push(seconds);
        }
        let event = device.answer(effect, well, 1).unwrap();
        effect = flow.handle(event).pop().unwrap();
    }
    assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 300]);
    assert!(matches!(effect, Effect::Wait { .. }));
    // The voter does not want to wait: the same ballot goes out at once, and the timer is void.
    let sending = flow.handle(Event::RetryNow).pop().unwrap();
    let event = device.answer(effect, true, 0).unwrap();
    assert!(flow.handle(event).is_empty());
    let event = device.answer(sending, true, 0).unwrap();
    settle(&mut flow, &mut device, event);
    assert!(matches!(flow.page(), Page::Receipt { .. }));
    assert_eq!((device.log.len(), device.chosen.len()), (1, 1));
}

#[test]
fn a_ballot_that_an_earlier_session_stored_goes_out_before_anything_else() {
    let mut device = Device { ballot: Some(Ballot::Stored(9)), ..Device::default() };
    let mut flow = Flow::new();
    settle(&mut flow, &mut device, link());
    flow.handle(Event::Continue);
    let unlock = flow.handle(Event::EnterCode { text: good_code(), remember: false }).pop().unwrap();
    let unlocked = device.answer(unlock, true, 0).unwrap();
    let send = flow.handle(unlocked).pop().unwrap();
    assert!(matches!(send, Effect::Send(_)));
    assert!(matches!(flow.page(), Page::Casting { found: true, .. }));
    let sent = device.answer(send, true, 0).unwrap();
    flow.handle(sent);
    assert!(matches!(flow.page(), Page::Receipt { .. }));
}

#[test]
fn a_ballot_from_another_device_is_explained_and_the_answers_are_kept() {
    let mut device = Device::default();
    let mut flow = at_the_choice(&mut device);
    let prove = device.tell(&mut flow, Event::Cast).pop().unwrap();
    let proved = device.answer(prove, true, 0).unwrap();
    let send = flow.handle(proved).pop().unwrap();
    let refused = device.answer(send, false, 2).unwrap();
    flow.handle(refused);
    assert!(
        matches!(flow.page(), Page::Stopped { trouble, busy: false, .. } if trouble.kind == TroubleKind::VotedElsewhere)
    );
    settle(&mut flow, &mut device, Event::ReadWholeLog);
    let Page::Review { drafts, .. } = flow.page() else { panic!("{:?}", flow.page()) };
    assert!(drafts.iter().all(|draft| draft.is_marked(&Id::new("a").unwrap())));
}

#[test]
fn an_election_that_is_over_can_be_looked_at_but_not_voted_in() {
    let mut flow = Flow::new();
    let effects = flow.handle(link());
    let Effect::Open(job, ..) = effects[0] else { panic!("{effects:?}") };
    flow.handle(Event::Opened(job, Ok(election(Phase::Closed))));
    assert!(matches!(flow.page(), Page::Election { .. }));
    flow.handle(Event::Continue);
    assert!(matches!(flow.page(), Page::Stopped { trouble, .. } if trouble.kind == TroubleKind::Closed));
}

#[test]
fn a_letter_with_another_fingerprint_ends_it() {
    let mut flow = Flow::new();
    let effects = flow.handle(link());
    let Effect::Open(job, ..) = effects[0] else { panic!("{effects:?}") };
    flow.handle(Event::Opened(job, Ok(election(Phase::Open))));
    flow.handle(Event::CompareFingerprint("zebra".into()));
    assert!(matches!(flow.page(), Page::Election { trouble: Some(t), .. } if t.kind == TroubleKind::NotAFingerprint));
    flow.handle(Event::CompareFingerprint(Hash::ZERO.to_string()));
    flow.handle(Event::Continue);
    let Page::Election { trouble: Some(trouble), .. } = flow.page() else { panic!("{:?}", flow.page()) };
    assert!(matches!(trouble.kind, TroubleKind::OtherElection { expected: Hash::ZERO, .. }));
    let printed = Hash::of(b"manifest").to_string().to_uppercase();
    let spaced: String =
        printed.as_bytes().chunks(4).map(|four| format!("{} ", String::from_utf8_lossy(four))).collect();
    flow.handle(Event::CompareFingerprint(spaced));
    assert!(matches!(flow.page(), Page::Election { trouble: None, election } if election.compared == Compared::Letter));
    flow.handle(Event::Continue);
    assert!(matches!(flow.page(), Page::Credential { .. }));
}

#[test]
fn texts_that_are_no_link_and_late_answers_change_nothing() {
    let mut flow = Flow::new();
    assert!(flow.handle(Event::Open("my holiday pictures".into())).is_empty());
    assert!(matches!(flow.page(), Page::Open { trouble: Some(t), .. } if t.kind == TroubleKind::NotALink));
    let first = flow.handle(link());
    let Effect::Open(old, ..) = first[0] else { panic!("{first:?}") };
    assert!(matches!(flow.handle(Event::Back)[..], [Effect::Lock]));
    flow.handle(Event::Opened(old, Ok(election(Phase::Open))));
    assert!(matches!(flow.page(), Page::Open { busy: None, .. }), "a slow board's answer comes too late");
    flow.handle(Event::Opened(Job(99), Ok(election(Phase::Open))));
    assert!(matches!(flow.page(), Page::Open { .. }));
}

#[test]
fn nothing_secret_is_printed() {
    let mut device = Device::default();
    let mut flow = Flow::new();
    settle(&mut flow, &mut device, link());
    flow.handle(Event::Continue);
    let effects = flow.handle(Event::EnterCode { text: good_code(), remember: true });
    let shown = format!("{effects:?}");
    assert!(!shown.contains(good_code().as_str()), "{shown}");
    let flow = at_the_choice(&mut Device::default());
    let shown = format!("{flow:?}");
    assert!(shown.contains("redacted") && !shown.contains("ChoiceAnswer"), "{shown}");
    assert_eq!(format!("{:?}", Publishing::No), "No");
}
