//! A pure model of "my elections": what is known of each, what was found when it was looked at again, and a timer.
//!
//! As in [`crate::flow`]: [`Overview::handle`] takes an [`Event`] and returns [`Effect`]s, which
//! [`crate::watch::Watcher`] carries out. Whatever the program does, an alarm stays: evidence does not go away because a
//! board shows something else later.

use std::path::Path;

use veritally_crypto::hash::Hash;

use crate::flow::{Job, Trouble};
use crate::watch::{BallotCard, Card, Rechecked, ResultInfo, Turnout};

/// Between looks at all elections, seconds.
pub const RECHECK_S: u64 = 15 * 60;

/// What happens.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The program starts, or the voter wants everything looked at again, or a ballot was cast.
    Refresh,
    /// The voter opens an election's page: its turnout is followed.
    Show(Hash),
    /// The voter leaves it.
    Hide,
    /// The voter wants the whole record verified on this device.
    Verify(Hash),
    /// An answer to [`Effect::List`].
    Listed(Job, Result<Vec<Card>, Trouble>),
    /// An answer to [`Effect::Recheck`].
    Rechecked(Job, Hash, Result<Box<Rechecked>, Trouble>),
    /// News from [`Effect::Follow`].
    Turnout(Hash, Turnout),
    /// How far [`Effect::Verify`] is.
    Verifying(Job, Hash, u64, u64),
    /// An answer to [`Effect::Verify`].
    Verified(Job, Hash, Result<Box<ResultInfo>, Trouble>),
    /// An answer to [`Effect::Wait`].
    TimeIsUp(Job),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// Read the local state. Answered by [`Event::Listed`].
    List(Job),
    /// Look at an election again. Answered by [`Event::Rechecked`].
    Recheck(Job, Hash),
    /// Follow an election's turnout, and no other's. Answered by any number of [`Event::Turnout`].
    Follow(Hash),
    /// Follow nothing. Not answered.
    Unfollow,
    /// Verify the whole record. Answered by [`Event::Verified`].
    Verify(Job, Hash),
    /// Wait. Answered by [`Event::TimeIsUp`].
    Wait {
        /// For the answer.
        job: Job,
        /// How long.
        seconds: u64,
    },
}

/// The whole record's verification.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Verification {
    /// Not asked for.
    #[default]
    No,
    /// So much of so much; the download first, then the checks.
    Busy(u64, u64),
    /// Verified on this device.
    Done(Box<ResultInfo>),
    /// The record could not be had.
    Failed(Trouble),
}

/// One election of the list.
#[derive(Debug)]
pub struct Watched {
    card: Card,
    checking: Option<Job>,
    checked: Option<Box<Rechecked>>,
    trouble: Option<Trouble>,
    alarm: Option<Trouble>,
    turnout: Option<Turnout>,
    verifying: Option<Job>,
    verification: Verification,
}

impl Watched {
    fn new(card: Card) -> Self {
        Self {
            card,
            checking: None,
            checked: None,
            trouble: None,
            alarm: None,
            turnout: None,
            verifying: None,
            verification: Verification::No,
        }
    }

    /// What the local state has.
    #[must_use]
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// The ballots: as seen in the log just now, or else as stored.
    #[must_use]
    pub fn ballots(&self) -> &[BallotCard] {
        self.checked.as_ref().map_or(&self.card.ballots, |checked| &checked.ballots)
    }

    /// The last look that succeeded.
    #[must_use]
    pub fn checked(&self) -> Option<&Rechecked> {
        self.checked.as_deref()
    }

    /// Whether it is being looked at.
    #[must_use]
    pub fn is_checking(&self) -> bool {
        self.checking.is_some()
    }

    /// Why the last look failed.
    #[must_use]
    pub fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref().or(self.card.trouble.as_ref())
    }

    /// The board was caught, now or earlier: to be said loudly.
    #[must_use]
    pub fn is_alarmed(&self) -> bool {
        self.alarm.is_some() || !self.card.evidence.is_empty()
    }

    /// At what it was caught, in this session.
    #[must_use]
    pub fn alarm(&self) -> Option<&Trouble> {
        self.alarm.as_ref()
    }

    /// A folder with evidence, to be shown and handed on.
    #[must_use]
    pub fn evidence(&self) -> Option<&Path> {
        let now = self.alarm.as_ref().and_then(|alarm| alarm.evidence.as_deref());
        now.or_else(|| self.card.evidence.last().map(AsRef::as_ref))
    }

    /// The latest turnout that was heard of.
    #[must_use]
    pub fn turnout(&self) -> Option<&Turnout> {
        self.turnout.as_ref().or_else(|| self.checked.as_ref()?.turnout.as_ref())
    }

    /// The whole record's verification.
    #[must_use]
    pub fn verification(&self) -> &Verification {
        &self.verification
    }

    /// "Counted: your ballot is in this result": verified on this device, nothing failed, there is a result, and the
    /// voter's last ballot is the one that counts.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        match &self.verification {
            Verification::Done(result) => {
                let published = !result.report.contests.is_empty();
                result.report.passed() && published && result.ballots.iter().any(|ballot| ballot.counted)
            }
            _ => false,
        }
    }

    fn caught(&mut self, trouble: &Trouble) {
        if trouble.is_evidence() {
            self.alarm = Some(trouble.clone());
        }
    }
}

/// The model.
#[derive(Debug, Default)]
pub struct Overview {
    elections: Vec<Watched>,
    trouble: Option<Trouble>,
    shown: Option<Hash>,
    listing: Option<Job>,
    timer: Option<Job>,
    jobs: u64,
}

impl Overview {
    /// An empty list; [`Event::Refresh`] fills it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The elections, by fingerprint.
    #[must_use]
    pub fn elections(&self) -> &[Watched] {
        &self.elections
    }

    /// The election whose page is open.
    #[must_use]
    pub fn shown(&self) -> Option<&Watched> {
        self.elections.iter().find(|watched| Some(watched.card.fingerprint) == self.shown)
    }

    /// The local state can't be read.
    #[must_use]
    pub fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }

    /// Whether anything is being read or looked at.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.listing.is_some() || self.elections.iter().any(Watched::is_checking)
    }

    /// Whether any board was caught.
    #[must_use]
    pub fn is_alarmed(&self) -> bool {
        self.elections.iter().any(Watched::is_alarmed)
    }

    fn job(&mut self) -> Job {
        self.jobs += 1;
        Job(self.jobs)
    }

    fn find(&mut self, fingerprint: Hash) -> Option<&mut Watched> {
        self.elections.iter_mut().find(|watched| watched.card.fingerprint == fingerprint)
    }

    /// Takes what happened; returns what is to be done.
    pub fn handle(&mut self, event: Event) -> Vec<Effect> {
        match event {
            Event::Refresh => {
                let job = self.job();
                self.listing = Some(job);
                vec![Effect::List(job)]
            }
            Event::TimeIsUp(job) if self.timer == Some(job) => self.handle(Event::Refresh),
            Event::TimeIsUp(_) => vec![],
            Event::Listed(job, outcome) if self.listing == Some(job) => {
                self.listing = None;
                self.listed(outcome)
            }
            Event::Listed(..) => vec![],
            Event::Show(fingerprint) => self.show(fingerprint),
            Event::Hide => {
                self.shown = None;
                vec![Effect::Unfollow]
            }
            Event::Rechecked(job, fingerprint, outcome) => self.rechecked(job, fingerprint, outcome),
            Event::Turnout(fingerprint, turnout) => {
                if let Some(watched) = self.find(fingerprint) {
                    watched.turnout = Some(turnout);
                }
                vec![]
            }
            Event::Verify(fingerprint) => self.verify(fingerprint),
            Event::Verifying(job, fingerprint, done, total) => {
                if let Some(watched) = self.find(fingerprint).filter(|watched| watched.verifying == Some(job)) {
                    watched.verification = Verification::Busy(done, total);
                }
                vec![]
            }
            Event::Verified(job, fingerprint, outcome) => self.verified(job, fingerprint, outcome),
        }
    }

    /// What was known of an election stays known.
    fn listed(&mut self, outcome: Result<Vec<Card>, Trouble>) -> Vec<Effect> {
        let timer = self.job();
        self.timer = Some(timer);
        let mut effects = vec![Effect::Wait { job: timer, seconds: RECHECK_S }];
        match outcome {
            Ok(cards) => {
                self.trouble = None;
                let mut before = std::mem::take(&mut self.elections);
                for card in cards {
                    let known = before.iter().position(|watched| watched.card.fingerprint == card.fingerprint);
                    let mut watched = known.map_or_else(|| Watched::new(card.clone()), |at| before.swap_remove(at));
                    watched.card = card;
                    self.elections.push(watched);
                }
            }
            Err(trouble) => self.trouble = Some(trouble),
        }
        for at in 0..self.elections.len() {
            let job = self.job();
            let Some(watched) = self.elections.get_mut(at) else { continue };
            if watched.card.link.is_some() && watched.checking.is_none() {
                watched.checking = Some(job);
                effects.push(Effect::Recheck(job, watched.card.fingerprint));
            }
        }
        effects
    }

    fn show(&mut self, fingerprint: Hash) -> Vec<Effect> {
        if self.find(fingerprint).is_none() {
            return vec![];
        }
        self.shown = Some(fingerprint);
        vec![Effect::Follow(fingerprint)]
    }

    fn rechecked(&mut self, job: Job, fingerprint: Hash, outcome: Result<Box<Rechecked>, Trouble>) -> Vec<Effect> {
        let Some(watched) = self.find(fingerprint).filter(|watched| watched.checking == Some(job)) else {
            return vec![];
        };
        watched.checking = None;
        match outcome {
            Ok(checked) => {
                watched.trouble = None;
                for ballot in &checked.ballots {
                    if let crate::watch::Place::NotFound(trouble) = &ballot.place {
                        watched.caught(trouble);
                    }
                }
                watched.turnout = checked.turnout.or(watched.turnout);
                watched.checked = Some(checked);
            }
            Err(trouble) => {
                watched.caught(&trouble);
                watched.trouble = Some(trouble);
            }
        }
        vec![]
    }

    fn verify(&mut self, fingerprint: Hash) -> Vec<Effect> {
        let job = self.job();
        let Some(watched) = self.find(fingerprint).filter(|watched| watched.verifying.is_none()) else { return vec![] };
        watched.verifying = Some(job);
        watched.verification = Verification::Busy(0, 0);
        vec![Effect::Verify(job, fingerprint)]
    }

    fn verified(&mut self, job: Job, fingerprint: Hash, outcome: Result<Box<ResultInfo>, Trouble>) -> Vec<Effect> {
        let Some(watched) = self.find(fingerprint).filter(|watched| watched.verifying == Some(job)) else {
            return vec![];
        };
        watched.verifying = None;
        watched.verification = match outcome {
            Ok(result) => {
                if let Some(trouble) = &result.caught {
                    watched.caught(trouble);
                }
                Verification::Done(result)
            }
            Err(trouble) => {
                watched.caught(&trouble);
                Verification::Failed(trouble)
            }
        };
        vec![]
    }
}
