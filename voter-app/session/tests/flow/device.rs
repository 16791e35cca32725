//! The device that the model's tests imagine: answers effects, well or badly, and panics at what must never be asked of it.

use veritally_crypto::ballot::{BallotOpening, ConfirmationCode};
use veritally_crypto::contests::{Answers, Choice};
use veritally_crypto::group::EncodedPoint;
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::Head;
use veritally_crypto::manifest::{BallotStyle, Contest, Texts};
use veritally_crypto::record::Phase;
use veritally_crypto::sample::{choice_contest, english, id};
use veritally_crypto::signature::SigningSecret;
use veritally_session::flow::{
    Compared, Effect, ElectionInfo, Event, Flow, Job, Page, ReceiptInfo, SendFailed, TestInfo, Trouble, TroubleKind,
    VoterInfo,
};

pub const CASTS: u64 = 3;

pub fn contests() -> Vec<Contest> {
    let rule = Choice { blank: true, max: 2, min: 1, seats: 1, undervotes: false };
    vec![choice_contest("chair", 3, rule.clone()).unwrap(), choice_contest("board", 2, rule).unwrap()]
}

pub fn election(phase: Phase) -> Box<ElectionInfo> {
    Box::new(ElectionInfo {
        link: None,
        fingerprint: Hash::of(b"manifest"),
        compared: Compared::Link,
        name: english("Election"),
        description: Texts::new(),
        languages: vec!["en".into()],
        board_key: SigningSecret::from_seed(&[1; 32]).verification_key(),
        origin: "example.org/e".into(),
        head: Head { root: Hash::ZERO, tree_size: 9 },
        phase,
        opens_at_ms: 0,
        closes_at_ms: 0,
        administrators: vec![],
        registrar: "Registrar".into(),
        trustees: vec![],
        quorum: 2,
        casts_per_credential: CASTS,
        weights_may_identify: false,
        clock_ahead_ms: None,
        practice_code: None,
    })
}

pub fn voter(ballots_cast: u64, pending: Option<ConfirmationCode>) -> Box<VoterInfo> {
    let contests = contests();
    let style = BallotStyle {
        contests: contests.iter().map(|contest| contest.id.clone()).collect(),
        id: id("all").unwrap(),
        name: english("All"),
    };
    let casts_left = CASTS - ballots_cast.min(CASTS);
    Box::new(VoterInfo {
        public_id: "ABCD".into(),
        style,
        contests,
        weight: 1,
        ballots_cast,
        casts_left,
        pending,
        not_kept: false,
    })
}

pub fn trouble(kind: TroubleKind) -> Trouble {
    Trouble::new(kind, "")
}

pub fn link() -> Event {
    Event::Open("veritally://vote.example/village".into())
}

/// A ballot that the device made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ballot {
    Prepared(u8),
    /// Proved, checked and stored: it may be sent, and nothing else may happen before it is answered.
    Stored(u8),
}

/// What the device would do, and what must never be asked of it.
#[derive(Debug, Default)]
pub struct Device {
    pub ballot: Option<Ballot>,
    pub made: u8,
    pub log: Vec<u8>,
    /// Ballots whose seed and answers were shown: none of them may ever be cast.
    pub opened: Vec<u8>,
    /// Opened ballots that went to the log.
    pub published: u8,
    pub receipts: Vec<u8>,
    /// What the voter saw when choosing Cast, each time.
    pub chosen: Vec<ConfirmationCode>,
    /// Whose receipt is awaited.
    pub awaited: Option<Job>,
}

fn test(ballot: u8) -> Box<TestInfo> {
    let point = EncodedPoint([0; 32]);
    let opening = BallotOpening {
        bits: point,
        code: code(ballot).0,
        counter: 1,
        credential: point,
        data: vec![],
        fingerprint: Hash::of(b"manifest"),
        pad: point,
        previous: Hash::ZERO,
        seed: String::new(),
        selections: Answers::new(),
        style: id("all").unwrap(),
        tag: Default::default(),
    };
    Box::new(TestInfo { opening: Box::new(opening), file: "test.json".into(), qr: None })
}

/// One at a time: the runner hands the credential's state from one to the next.
fn uses_the_credential(effect: &Effect) -> bool {
    use Effect as E;
    matches!(effect, E::Encrypt(..) | E::Spoil(_) | E::Publish(_) | E::Prove(_) | E::Send(_) | E::ReadWholeLog(_))
}

pub fn code(ballot: u8) -> ConfirmationCode {
    ConfirmationCode(Hash::of(&[ballot]))
}

impl Device {
    /// Answers an effect, well or badly. Panics when it is asked for what must not be done.
    pub fn answer(&mut self, effect: Effect, well: bool, variant: u8) -> Option<Event> {
        let offline = || trouble(TroubleKind::Offline);
        Some(match effect {
            Effect::Open(job, ..) | Effect::OpenPractice(job) => {
                Event::Opened(job, if well { Ok(election(Phase::Open)) } else { Err(offline()) })
            }
            Effect::Unlock { job, .. } | Effect::UnlockFile { job, .. } | Effect::UnlockStored(job) => {
                let pending = match self.ballot {
                    Some(Ballot::Stored(ballot)) => Some(code(ballot)),
                    _ => None,
                };
                let info = voter(self.receipts.len() as u64, pending);
                Event::Unlocked(job, if well { Ok(info) } else { Err(trouble(TroubleKind::NotOnRoll)) })
            }
            Effect::ReadWholeLog(job) => {
                let info = voter(self.receipts.len() as u64, None);
                Event::Unlocked(job, if well { Ok(info) } else { Err(offline()) })
            }
            Effect::AskStore(job) | Effect::Forget(job) => Event::Remembered(job, Ok(well)),
            Effect::Encrypt(job, _) => {
                assert!(!matches!(self.ballot, Some(Ballot::Stored(_))), "a cast ballot has no receipt yet");
                if !well {
                    return Some(Event::Encrypted(job, Err(trouble(TroubleKind::SelfCheck))));
                }
                self.made += 1;
                self.ballot = Some(Ballot::Prepared(self.made));
                Event::Encrypted(job, Ok(code(self.made)))
            }
            Effect::Spoil(job) => {
                let Some(Ballot::Prepared(ballot)) = self.ballot else { panic!("only an encrypted ballot is opened") };
                assert!(!self.chosen.contains(&code(ballot)), "a ballot that was chosen to be cast");
                self.ballot = None;
                self.opened.push(ballot);
                // It may not be written, or the device opens another one than it showed.
                let shown = if variant == 1 { ballot.wrapping_add(100) } else { ballot };
                let test = if well || variant == 1 { Ok(test(shown)) } else { Err(trouble(TroubleKind::Storage)) };
                Event::Spoiled(job, test)
            }
            Effect::Prove(job) => {
                let Some(Ballot::Prepared(ballot)) = self.ballot else { panic!("only an encrypted ballot is proved") };
                assert_eq!(self.chosen.last(), Some(&code(ballot)), "another ballot than the one that was shown");
                assert!(!self.opened.contains(&ballot), "an opened ballot is cast");
                self.ballot = well.then_some(Ballot::Stored(ballot));
                Event::Proved(job, if well { Ok(()) } else { Err(trouble(TroubleKind::Storage)) })
            }
            Effect::Send(job) => {
                let Some(Ballot::Stored(ballot)) = self.ballot else { panic!("only a stored ballot is sent") };
                Event::Sent(job, self.send(ballot, well, variant))
            }
            Effect::Wait { job, seconds } => {
                assert!((2..=300).contains(&seconds));
                Event::TimeIsUp(job)
            }
            Effect::Publish(job) => {
                assert!(!self.opened.is_empty(), "only an opened ballot is published");
                self.published += u8::from(well);
                Event::Published(job, if well { Ok(()) } else { Err(offline()) })
            }
            Effect::Discard => {
                assert!(!matches!(self.ballot, Some(Ballot::Stored(_))), "a stored ballot is not thrown away");
                self.ballot = None;
                return None;
            }
            Effect::Lock => {
                if matches!(self.ballot, Some(Ballot::Prepared(_))) {
                    self.ballot = None;
                }
                return None;
            }
            _ => return None,
        })
    }

    pub fn send(&mut self, ballot: u8, well: bool, variant: u8) -> Result<Box<ReceiptInfo>, Box<SendFailed>> {
        // The board takes it, or the network fails before or behind it, or the board refuses.
        let logged = self.log.contains(&ballot);
        if (well || variant == 1) && !logged {
            self.log.push(ballot);
        }
        if well {
            self.ballot = None;
            self.receipts.push(ballot);
            return Ok(Box::new(ReceiptInfo {
                code: code(ballot),
                public_id: "ABCD".into(),
                number: self.receipts.len() as u64,
                index: 1,
                head: Head { root: Hash::ZERO, tree_size: 9 },
                origin: "example.org/e".into(),
                fingerprint: Hash::of(b"manifest"),
                file: None,
            }));
        }
        if variant == 2 && !logged {
            self.ballot = None;
            return Err(Box::new(SendFailed { trouble: trouble(TroubleKind::VotedElsewhere), refused: true }));
        }
        Err(Box::new(SendFailed { trouble: trouble(TroubleKind::Offline), refused: false }))
    }
}

impl Device {
    /// Gives an event to the model, and notes which ballot the voter chose to cast.
    pub fn tell(&mut self, flow: &mut Flow, event: Event) -> Vec<Effect> {
        if let (Event::Cast, Page::Choose { code, .. }) = (&event, flow.page()) {
            self.chosen.push(code);
        }
        flow.handle(event)
    }

    /// Gives an event to the model; what the runner does at once is done, the rest is under way.
    pub fn take(&mut self, flow: &mut Flow, event: Event, under_way: &mut Vec<Effect>) {
        for effect in self.tell(flow, event) {
            match effect {
                Effect::Lock => {
                    // What is on its way into the store or the log gets there; nobody waits for it any more.
                    for effect in under_way.drain(..) {
                        if matches!(effect, Effect::Prove(_) | Effect::Send(_)) {
                            self.answer(effect, true, 0);
                        }
                    }
                    self.awaited = None;
                    self.answer(effect, true, 0);
                }
                Effect::Discard => drop(self.answer(effect, true, 0)),
                effect => {
                    if let Effect::Send(job) = effect {
                        self.awaited = Some(job);
                    }
                    let busy = under_way.iter().any(uses_the_credential);
                    assert!(!(busy && uses_the_credential(&effect)), "{effect:?} beside {under_way:?}");
                    under_way.push(effect);
                }
            }
        }
    }
}

/// Answers everything well until nothing is under way.
pub fn settle(flow: &mut Flow, device: &mut Device, event: Event) {
    let mut under_way = vec![];
    device.take(flow, event, &mut under_way);
    while let Some(effect) = under_way.pop() {
        if let Some(event) = device.answer(effect, true, 0) {
            device.take(flow, event, &mut under_way);
        }
    }
}
