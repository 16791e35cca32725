//! The honest election of the corpus, up to any stage, always the same one; and what a cheat may do to it.

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::Value;
use veritally_crypto::ballot::EncryptedBallot;
use veritally_crypto::contests::{Answer, Answers, Choice, ChoiceAnswer};
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::RollEntry;
use veritally_crypto::manifest::{BallotStyle, Group, Manifest};
use veritally_crypto::sample::{SampleElection, SampleError, choice_contest, choose, english, id};
use veritally_crypto::signature::SigningSecret;
use veritally_verifier::sample::SampleRecord;

use super::{Tampered, edited, signed_anew};

/// How far the honest election is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The manifest.
    Begun,
    /// The ceremony is complete.
    Keyed,
    /// The roll, too.
    Enrolled,
    /// Nobody voted.
    Opened,
    /// Everybody voted, voter 0 twice; voters 1 and 4 may vote once more.
    Voted,
    /// Voting ended.
    Closed,
    /// Two trustees agreed.
    Agreed,
    /// Two trustees decrypted.
    Decrypted,
    /// The result is there.
    Published,
}

/// Style and group of the voters; weights are 1. Two contests (`chair`: 1 of 3, on all ballots; `budget`: 1 to 2 of 3 or
/// blank, for members), two groups, floor 2, trustees 2 of 3, two casts a credential.
const VOTERS: [(&str, &str, u64); 6] = [
    ("member", "north", 1),
    ("member", "north", 1),
    ("guest", "north", 1),
    ("member", "south", 1),
    ("member", "south", 1),
    ("guest", "south", 1),
];

/// The voters who are members.
pub(super) const MEMBER: usize = 1;
/// The first guest.
pub(super) const GUEST: usize = 2;

fn small(manifest: &mut Manifest) -> Result<(), SampleError> {
    let one = Choice { blank: false, max: 1, min: 1, seats: 1, undervotes: false };
    let two = Choice { blank: true, max: 2, min: 1, seats: 1, undervotes: false };
    manifest.contests = vec![choice_contest("chair", 3, one)?, choice_contest("budget", 3, two)?];
    let ids = |contests: &[&str]| contests.iter().map(|c| id(c)).collect::<Result<Vec<_>, _>>();
    manifest.ballot_styles = vec![
        BallotStyle { contests: ids(&["chair", "budget"])?, id: id("member")?, name: english("Members") },
        BallotStyle { contests: ids(&["chair"])?, id: id("guest")?, name: english("Guests") },
    ];
    manifest.groups =
        vec![Group { id: id("north")?, name: english("North") }, Group { id: id("south")?, name: english("South") }];
    manifest.floor = 2;
    manifest.casts_per_credential = 2;
    Ok(())
}

/// A filled-in ballot: the chair, and for members the first `budget` selections (none: blank).
pub(super) fn answers(style: &str, chair: &str, budget: usize) -> Result<Answers, SampleError> {
    let mut answers = choose("chair", &[chair], false)?;
    if style == "member" {
        let selections = ["a", "b", "c"].iter().take(budget).map(|s| id(s)).collect::<Result<_, _>>()?;
        answers.insert(id("budget")?, Answer::Choice(ChoiceAnswer { blank: budget == 0, selections }));
    }
    Ok(answers)
}

/// An honest election, its published record, and the hands of who cheats.
#[derive(Debug)]
pub struct Lab {
    /// The record.
    pub record: SampleRecord,
    pub(super) rng: StdRng,
    stage: Stage,
    /// The entries that show the cheat.
    pub(super) culprits: Vec<u64>,
}

impl Lab {
    /// The corpus's election at a stage.
    ///
    /// # Errors
    /// None that the sample itself causes.
    pub fn at(stage: Stage) -> Result<Self, SampleError> {
        Self::with(stage, |_| {})
    }

    /// With an edit of the manifest, which must obey the rules.
    ///
    /// # Errors
    /// When the manifest is refused.
    pub fn with(stage: Stage, edit: impl FnOnce(&mut Manifest)) -> Result<Self, SampleError> {
        let mut rng = StdRng::seed_from_u64(6);
        let mut problem = None;
        let edit = |manifest: &mut Manifest| {
            problem = small(manifest).err();
            edit(manifest);
        };
        let election = SampleElection::start((2, 3), edit, &mut rng)?;
        if let Some(problem) = problem {
            return Err(problem);
        }
        let record = SampleRecord::new(election, &mut rng)?;
        let mut lab = Self { record, rng, stage: Stage::Begun, culprits: vec![] };
        while lab.stage < stage {
            lab.step()?;
        }
        lab.record.publish(&mut lab.rng)?;
        Ok(lab)
    }

    /// The honest election's next stage.
    pub(super) fn step(&mut self) -> Result<(), SampleError> {
        let (election, rng) = (&mut self.record.election, &mut self.rng);
        self.stage = match self.stage {
            Stage::Begun => {
                election.ceremony(rng)?;
                Stage::Keyed
            }
            Stage::Keyed => {
                return self.enroll(&[]);
            }
            Stage::Enrolled => {
                election.open()?;
                Stage::Opened
            }
            Stage::Opened => {
                election.cast(0, &answers("member", "c", 0)?, rng)?;
                election.tally_head()?;
                for (voter, (style, _, _)) in VOTERS.iter().enumerate().skip(1) {
                    let chair = if voter % 3 == 0 { "b" } else { "a" };
                    election.cast(voter, &answers(style, chair, 1 + voter % 2)?, rng)?;
                }
                election.cast(0, &answers("member", "a", 1)?, rng)?;
                election.tally_head()?;
                Stage::Voted
            }
            Stage::Voted => {
                election.close()?;
                Stage::Closed
            }
            Stage::Closed => {
                (0..2).try_for_each(|trustee| election.agree(trustee))?;
                Stage::Agreed
            }
            Stage::Agreed => {
                (0..2).try_for_each(|trustee| election.share(trustee, rng))?;
                Stage::Decrypted
            }
            Stage::Decrypted | Stage::Published => {
                election.publish()?;
                Stage::Published
            }
        };
        Ok(())
    }

    /// The next stage after [`Stage::Keyed`]: the roll, with others on it whose credentials nobody looks at.
    pub(super) fn enroll(&mut self, others: &[RollEntry]) -> Result<(), SampleError> {
        self.record.election.roll_with(&VOTERS, others, &mut self.rng)?;
        self.stage = Stage::Enrolled;
        Ok(())
    }

    /// Everybody else goes on honestly to the end.
    ///
    /// # Errors
    /// None that the sample itself causes.
    pub fn finish(mut self) -> Result<Tampered, SampleError> {
        while self.stage < Stage::Published {
            self.step()?;
        }
        self.record.publish(&mut self.rng)?;
        self.tampered()
    }

    /// As [`Self::finish`], after some honest votes more.
    ///
    /// # Errors
    /// None that the sample itself causes.
    pub(super) fn finish_after_more_votes(mut self) -> Result<Tampered, SampleError> {
        self.record.publish(&mut self.rng)?;
        self.stage = Stage::Voted;
        for voter in [3, 4] {
            let ballot = self.ballot(voter, "b")?;
            self.record.election.submit(ballot, &mut self.rng)?;
        }
        self.finish()
    }

    /// As far as it is.
    ///
    /// # Errors
    /// None that the sample itself causes.
    pub fn tampered(&self) -> Result<Tampered, SampleError> {
        let fingerprint = Some(Hash::of(&self.entry(0)?));
        Ok(Tampered { files: self.record.files()?, fingerprint, culprits: self.culprits.clone() })
    }

    /// The next published entry is the culprit.
    pub(super) fn accuse_next(&mut self) {
        self.culprits.push(self.record.log.len() as u64);
    }

    /// Puts in an entry, the culprit.
    pub(super) fn put(&mut self, entry: Vec<u8>) {
        self.accuse_next();
        self.record.insert(entry);
    }

    /// Another entry in the place of the honest one: the culprit.
    pub(super) fn put_at(&mut self, place: usize, entry: Vec<u8>) -> Result<(), SampleError> {
        self.culprits.push(place as u64);
        *self.record.log.get_mut(place).ok_or("no such entry")? = entry;
        Ok(())
    }

    /// Puts in an entry, then everybody else goes on honestly.
    ///
    /// # Errors
    /// None that the sample itself causes.
    pub fn insert(mut self, entry: Vec<u8>) -> Result<Tampered, SampleError> {
        self.put(entry);
        self.finish()
    }

    /// An entry of the published log.
    pub(super) fn entry(&self, index: usize) -> Result<Vec<u8>, SampleError> {
        Ok(self.record.log.get(index).ok_or("no such entry")?.clone())
    }

    /// Where the entries of a type are in the published log.
    pub(super) fn places(&self, type_name: &str) -> Vec<usize> {
        let tag = format!("\"type\":\"{type_name}\"");
        let is_one = |entry: &[u8]| entry.windows(tag.len()).any(|window| window == tag.as_bytes());
        self.record.log.iter().enumerate().filter(|(_, entry)| is_one(entry)).map(|(i, _)| i).collect()
    }

    /// The `n`-th entry of a type.
    pub(super) fn find(&self, type_name: &str, n: usize) -> Result<Vec<u8>, SampleError> {
        self.entry(*self.places(type_name).get(n).ok_or("no such entry")?)
    }

    /// The key of who signs entries of a type.
    pub(super) fn key(&self, entry: &[u8]) -> Result<SigningSecret, SampleError> {
        let value: Value = serde_json::from_slice(entry)?;
        match (value.get("trustee").and_then(Value::as_u64), value.get("type").and_then(Value::as_str)) {
            (Some(trustee), _) => self.record.trustee_key(trustee),
            (None, Some("roll-part/v1" | "roll/v1")) => Ok(self.record.registrar_key()),
            _ => Ok(self.record.administrator_key()),
        }
    }

    /// An entry after an edit, signed by whom it names.
    pub(super) fn forged(&self, entry: &[u8], edit: impl FnOnce(&mut Value)) -> Result<Vec<u8>, SampleError> {
        let forged = edited(entry, edit)?;
        signed_anew(&forged, &self.record.election.fingerprint(), &self.key(entry)?)
    }

    /// The published record with the `n`-th entry of a type edited and signed by whom it names. Nothing behind it is made
    /// anew but the tree and the checkpoint.
    pub(super) fn with_forged(
        mut self,
        (type_name, n): (&str, usize),
        edit: impl FnOnce(&mut Value),
    ) -> Result<Tampered, SampleError> {
        let place = *self.places(type_name).get(n).ok_or("no such entry")?;
        let forged = self.forged(&self.entry(place)?, edit)?;
        self.put_at(place, forged)?;
        self.tampered()
    }

    /// A voter's next honest ballot, not sent.
    pub(super) fn ballot(&mut self, voter: usize, chair: &str) -> Result<EncryptedBallot, SampleError> {
        let (style, _, _) = VOTERS.get(voter).ok_or("no such voter")?;
        self.record.election.ballot(voter, &answers(style, chair, 1)?, &mut self.rng)
    }
}
