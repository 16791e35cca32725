//! The verification itself: entries in order, each judged by `RecordState`, each failure reported under its check.
//!
//! What went wrong with one entry does not stop the others from being looked at. A refused entry is left out of the
//! state, and checks that can't be made any more because of it are called *not reached*, not *failed*.

use std::collections::BTreeMap;

use rayon::prelude::*;
use veritally_crypto::ballot::{BallotContext, EncryptedBallot};
use veritally_crypto::credential::CredentialKey;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::LeafIndex;
use veritally_crypto::leaves::{Head, Leaf, RevealTag, TallyHead};
use veritally_crypto::log::tiles::{TILE_WIDTH, TileKind, TilePath};
use veritally_crypto::manifest::Manifest;
use veritally_crypto::record::{RecordState, Rejection};

use crate::checks::log::{CheckpointFile, Listing};
use crate::checks::rejections::check_of;
use crate::checks::tree::Tree;
use crate::checks::{self, Check};
use crate::findings::{Conclusion, Findings};
use crate::options::{Options, VerifyError};
use crate::pipeline::{Body, Bundle, Bundles, Entry, verify_ballots};
use crate::progress::{Progress, Stage};
use crate::report::{Report, Verdict};
use crate::source::{self, MAX_ENTRIES, Source, SourceError};

mod refused;
mod results;
#[cfg(all(test, feature = "sample-record"))]
mod tests;

pub(crate) use refused::{Refused, Subject};

/// A verification's report, and the election's state if nothing failed.
#[derive(Debug)]
pub struct Verified {
    /// The report.
    pub report: Report,
    /// The state after the last entry; `None` when a check failed, so that nobody builds on it.
    pub state: Option<RecordState>,
    /// The state after the last entry when nothing failed but V4: too few witnesses have cosigned, perhaps only not yet.
    /// Good to look at; ⚠ others may be shown another log, so that nothing may be agreed to or decrypted from it.
    pub uncosigned: Option<RecordState>,
}

/// Verifies a record and reports.
///
/// # Errors
/// [`VerifyError`] when the record can't be read. A record that is wrong is no error: the report says so.
pub fn verify(source: &dyn Source, options: &Options, progress: &dyn Progress) -> Result<Report, VerifyError> {
    verify_record(source, options, progress).map(|verified| verified.report)
}

/// As [`verify`], and hands out the final state: what a trustee decrypts from.
///
/// # Errors
/// [`VerifyError`].
pub fn verify_record(source: &dyn Source, options: &Options, progress: &dyn Progress) -> Result<Verified, VerifyError> {
    let mut audit = Audit::new(source, options)?;
    audit.decodes_later = true;
    audit.advance(progress)?;
    if !audit.credentials_decode() {
        // Once more, so that the part of the roll is refused where it stands, with all that follows from it.
        audit = Audit::new(source, options)?;
        audit.advance(progress)?;
    }
    Ok(audit.finish())
}

/// What is remembered of entries that went by, besides what the state keeps.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) opened_at_ms: Option<u64>,
    pub(crate) extensions: u64,
    pub(crate) tally_heads: u64,
    /// Time of the closing, and the announced one.
    pub(crate) closed_at_ms: Option<(u64, u64)>,
    pub(crate) abandoned: Option<String>,
    /// Ballots whose proof holds.
    pub(crate) proofs: u64,
    pub(crate) culprits: Culprits,
}

/// Entries that checks at the end name, should what was computed from the whole record be wrong.
#[derive(Debug, Default)]
pub(crate) struct Culprits {
    /// The last reveal, or part of one: it completed the keys.
    pub(crate) reveal: Option<LeafIndex>,
    pub(crate) closing: Option<LeafIndex>,
    /// What completed the counts: the k-th trustee's shares, or an agreement when nothing is decrypted.
    pub(crate) counted: Option<LeafIndex>,
    pub(crate) result: Option<LeafIndex>,
}

fn reveals(leaf: &Leaf) -> bool {
    match leaf {
        Leaf::Reveal(_) => true,
        Leaf::Part(part) => part.message_type() == Some(RevealTag::NAME),
        _ => false,
    }
}

/// A verification under way.
pub(crate) struct Audit<'a> {
    pub(crate) source: &'a dyn Source,
    pub(crate) options: &'a Options,
    pub(crate) checkpoint: CheckpointFile,
    pub(crate) listing: Listing,
    /// Leaf 0 as it was found, even if it breaks rules.
    pub(crate) manifest: Option<Box<Manifest>>,
    pub(crate) fingerprint: Option<Hash>,
    pub(crate) state: Option<RecordState>,
    pub(crate) tree: Tree,
    pub(crate) findings: Findings,
    pub(crate) refused: Refused,
    pub(crate) facts: Facts,
    pub(crate) codes: checks::whole::Codes,
    /// Where each entry stands in its bundle.
    offsets: Vec<u32>,
    /// The first failure after which something could not be looked at.
    obstacle: Option<(Check, Option<LeafIndex>)>,
    /// The roll's credentials are still to be decoded: at the end, when ballots have decoded most of them. ⚠ Until then there is
    /// no state to hand out.
    decodes_later: bool,
    threads: std::sync::Arc<rayon::ThreadPool>,
}

impl<'a> Audit<'a> {
    pub(crate) fn new(source: &'a dyn Source, options: &'a Options) -> Result<Self, VerifyError> {
        let mut threads = rayon::ThreadPoolBuilder::new();
        if let Some(jobs) = options.jobs {
            threads = threads.num_threads(jobs.get());
        }
        let threads = threads.build().map_err(|_| VerifyError::System("threads"))?;
        let threads = std::sync::Arc::new(threads);
        let mut findings = Findings::default();
        let checkpoint = CheckpointFile::read(source, &mut findings)?;
        let listing = Listing::read(source, checkpoint.tree_size())?;
        let obstacle = checkpoint.head().is_none().then_some((Check::Checkpoint, None));
        Ok(Self {
            source,
            options,
            checkpoint,
            listing,
            manifest: None,
            fingerprint: None,
            state: None,
            tree: Tree::default(),
            findings,
            refused: Refused::default(),
            facts: Facts::default(),
            codes: checks::whole::Codes::default(),
            offsets: vec![],
            obstacle,
            decodes_later: false,
            threads,
        })
    }

    /// Goes on with a larger checkpoint, which the source has by now; the caller has checked that it extends the old one.
    pub(crate) fn extend(&mut self) -> Result<(), VerifyError> {
        self.checkpoint = CheckpointFile::read(self.source, &mut self.findings)?;
        self.listing = Listing::read(self.source, self.tree_size())?;
        Ok(())
    }

    /// Looks at all entries of the checkpoint that did not go by yet.
    pub(crate) fn advance(&mut self, progress: &dyn Progress) -> Result<(), VerifyError> {
        progress.begin(Stage::Verify, self.tree_size().saturating_sub(self.tree.size()));
        self.run(progress)?;
        progress.finish();
        Ok(())
    }

    /// Whether the credentials that no ballot has decoded are group elements other than the identity; on all cores.
    fn credentials_decode(&mut self) -> bool {
        let credentials = self.state.as_ref().map(RecordState::without_ballot);
        let sound = self.all_valid(credentials.into_par_iter().flatten());
        self.decodes_later = !sound;
        sound
    }

    fn all_valid(&self, credentials: impl ParallelIterator<Item = CredentialKey>) -> bool {
        self.threads.install(|| credentials.all(CredentialKey::is_valid))
    }

    pub(crate) fn tree_size(&self) -> u64 {
        self.checkpoint.tree_size()
    }

    /// Entries are applied on this thread, and prepared on those of the pool.
    fn run(&mut self, progress: &dyn Progress) -> Result<(), VerifyError> {
        let threads = std::sync::Arc::clone(&self.threads);
        let end = self.tree_size().min(MAX_ENTRIES);
        let mut bundles = Bundles::new(self.source, self.tree.size(), end, threads.current_num_threads());
        threads.in_place_scope_fifo(|scope| {
            while let Some(bundle) = bundles.next(scope, self.context()) {
                match bundle? {
                    Ok(bundle) => self.apply(bundle, progress)?,
                    Err((path, problem)) => {
                        let entry = self.tree.size();
                        self.findings.fail(Check::Root, entry, format!("the file {path}, which holds it, {problem}."));
                        self.obstruct(Check::Root, entry);
                        break;
                    }
                }
            }
            Ok(())
        })
    }

    fn apply(&mut self, bundle: Bundle, progress: &dyn Progress) -> Result<(), VerifyError> {
        checks::log::earlier_versions(self, &bundle)?;
        self.offsets.extend(&bundle.offsets);
        let count = bundle.entries.len() as u64;
        let mut entries = bundle.entries.into_iter();
        while let Some(mut entry) = entries.next() {
            // Ballots soon behind the opening were read when there was no context yet.
            if let (Body::Ballot(_), Some(context)) = (&entry.body, self.context()) {
                let unverified: Vec<_> = std::iter::once(&mut entry).chain(entries.as_mut_slice()).collect();
                self.threads.install(|| verify_ballots(unverified, &context))?;
            }
            self.entry(entry)?;
        }
        progress.advance(count);
        Ok(())
    }

    fn context(&self) -> Option<std::sync::Arc<BallotContext>> {
        self.state.as_ref()?.ballot_context().cloned()
    }

    fn entry(&mut self, entry: Entry) -> Result<(), VerifyError> {
        let index = entry.index;
        for tile in self.tree.push(entry.leaf_hash) {
            checks::log::compare_tile(self, &tile)?;
        }
        if index == 0 {
            checks::election::start(self, entry.body);
            return Ok(());
        }
        match entry.body {
            Body::Leaf(leaf, bytes) => self.leaf(index, &leaf, &bytes),
            Body::Verified(ballot) => {
                self.facts.proofs += 1;
                checks::ballots::good(self, index, &ballot)?;
            }
            Body::BadBallot(ballot, error) => checks::ballots::bad(self, index, ballot, error)?,
            Body::Ballot(ballot) => checks::ballots::out_of_phase(self, index, &ballot),
            Body::Malformed(error, bytes) => checks::entries::malformed(self, index, &error, &bytes),
            Body::Taken => {}
        }
        Ok(())
    }

    fn leaf(&mut self, index: LeafIndex, leaf: &Leaf, bytes: &[u8]) {
        // On all cores; if one is not, the state itself looks, and refuses the part.
        let decode_here = match leaf {
            Leaf::RollPart(part) if !self.decodes_later => {
                !self.all_valid(part.entries.par_iter().map(|entry| CredentialKey(entry.credential)))
            }
            _ => false,
        };
        let Some(state) = &mut self.state else { return };
        let announced = state.closes_at_ms();
        // After a refusal the state has fewer entries than the log: the position is compared here instead.
        let moved = match leaf {
            Leaf::TallyHead(head) => {
                let of_state = state.head().tree_size;
                let tree_size = if head.tree_size == index { of_state } else { of_state + 1 };
                Some(Leaf::TallyHead(TallyHead { tree_size, ..head.clone() }))
            }
            _ => None,
        };
        let applied = match leaf {
            Leaf::RollPart(part) if !decode_here => state.apply_roll_part_undecoded(part, bytes),
            _ => state.apply(moved.as_ref().unwrap_or(leaf), bytes),
        };
        match applied {
            Ok(()) => self.applied(index, leaf, announced),
            Err(rejection) => self.refuse(index, Subject::of(leaf), Some(leaf), &rejection, ""),
        }
    }

    fn applied(&mut self, index: LeafIndex, leaf: &Leaf, announced: u64) {
        let facts = &mut self.facts;
        if self.state.as_ref().is_some_and(|state| state.decrypted().is_some()) {
            facts.culprits.counted.get_or_insert(index);
        }
        if reveals(leaf) {
            facts.culprits.reveal = Some(index);
        }
        match leaf {
            Leaf::Opening(opening) => facts.opened_at_ms = Some(opening.time_ms),
            Leaf::Extension(_) => facts.extensions += 1,
            Leaf::TallyHead(_) => facts.tally_heads += 1,
            Leaf::Abandonment(abandonment) => facts.abandoned = Some(abandonment.reason.clone()),
            Leaf::Closing(closing) => {
                facts.closed_at_ms = Some((closing.time_ms, announced));
                facts.culprits.closing = Some(index);
                self.refused.closed();
                checks::tally::closing_head(self, index);
            }
            Leaf::SpoiledBallot(spoiled) => {
                self.codes.add(&veritally_crypto::ballot::ConfirmationCode(spoiled.code), index);
            }
            Leaf::DecryptionShare(_) | Leaf::Part(_) => checks::decryption::evidence(self),
            Leaf::Result(_) => facts.culprits.result = Some(index),
            _ => {}
        }
    }

    /// Whether all entries that the checkpoint speaks of went by.
    pub(crate) fn complete(&self) -> bool {
        self.checkpoint.head().is_some_and(|head| head.tree_size == self.tree.size())
    }

    /// Whether the entries that went by are those that the checkpoint commits to.
    pub(crate) fn is_what_was_signed(&self) -> bool {
        self.checkpoint.head() == Some(self.own_head())
    }

    /// The head of the log so far, by this verifier's own tree.
    pub(crate) fn own_head(&self) -> Head {
        Head { root: self.tree.root(), tree_size: self.tree.size() }
    }

    /// An entry is refused: it fails its check, or can't be checked because of one that failed before. `about` says
    /// which thing of several the sentence is about.
    pub(crate) fn refuse(
        &mut self,
        index: LeafIndex,
        subject: Subject,
        leaf: Option<&Leaf>,
        rejection: &Rejection,
        about: &str,
    ) {
        let Some(state) = &self.state else { return };
        let check = check_of(rejection, leaf, state);
        if self.refused.explains(rejection, subject, state) {
            let reason = self.because();
            self.findings.hinder(check, reason.clone());
            // The state looks at phases first, so the signature was not looked at.
            if !matches!(subject, Subject::Ballot(_) | Subject::TallyHead) {
                self.findings.hinder(Check::Signatures, reason);
            }
        } else {
            self.findings.fail(check, index, format!("{about}{rejection}."));
            self.obstruct(check, index);
        }
        self.refused.add(index, subject);
    }

    /// From here on something can't be looked at.
    pub(crate) fn obstruct(&mut self, check: Check, entry: impl Into<Option<LeafIndex>>) {
        self.obstacle.get_or_insert((check, entry.into()));
    }

    /// Why something could not be looked at.
    fn because(&self) -> String {
        match self.obstacle {
            Some((check, Some(entry))) => {
                format!("Could not be checked to the end, because of {check} ({}), entry {entry}.", check.name())
            }
            Some((check, None)) => format!("Could not be checked, because of {check} ({}).", check.name()),
            None => "Could not be checked.".into(),
        }
    }

    /// What to say at the end of a check that needs the election to have come to some point.
    pub(crate) fn reached(&self, reached: bool, holds: impl Into<String>, not_yet: impl Into<String>) -> Conclusion {
        match (reached, self.obstacle) {
            (true, _) => Conclusion::Holds(holds.into()),
            (false, Some(_)) => Conclusion::NotReached(self.because()),
            (false, None) => Conclusion::NotApplicable(not_yet.into()),
        }
    }

    /// The bytes of an entry that went by, read again from the source.
    ///
    /// # Errors
    /// [`SourceError`] when the file can't be read.
    pub(crate) fn read_again(&self, index: LeafIndex) -> Result<Option<Vec<u8>>, SourceError> {
        let offset = usize::try_from(index).ok().and_then(|i| self.offsets.get(i)).copied();
        let (bundle, size) = (index / TILE_WIDTH, self.tree_size());
        let width = (size - bundle * TILE_WIDTH).min(TILE_WIDTH);
        let (Some(offset), Ok(tile)) = (offset, TilePath::new(TileKind::Entries, bundle, width)) else {
            return Ok(None);
        };
        let Some((found, _)) = source::locate(self.source, tile)? else { return Ok(None) };
        let (path, offset) = (found.to_string(), u64::from(offset));
        let length = self.source.read_at(&path, offset, 2)?.and_then(|bytes| bytes.try_into().ok());
        let Some(length) = length.map(u16::from_be_bytes) else { return Ok(None) };
        self.source.read_at(&path, offset + 2, usize::from(length))
    }

    /// The entry of the ballot that this one takes the place of.
    pub(crate) fn superseded(&self, ballot: &EncryptedBallot) -> Result<Option<Vec<u8>>, SourceError> {
        let of_state = self.state.as_ref().and_then(|state| state.superseded(ballot));
        match of_state {
            Some(index) => self.read_again(self.refused.position(index)),
            None => Ok(None),
        }
    }

    /// The report, when there is nothing more to look at.
    pub(crate) fn finish(mut self) -> Verified {
        let mut conclusions = BTreeMap::new();
        conclusions.extend(checks::election::conclude(&mut self));
        conclusions.extend(checks::log::conclude(&mut self));
        conclusions.extend(checks::entries::conclude(&self));
        conclusions.extend(checks::trustees::conclude(&mut self));
        conclusions.extend(checks::roll::conclude(&self));
        conclusions.extend(checks::schedule::conclude(&self));
        conclusions.extend(checks::ballots::conclude(&self));
        conclusions.extend(checks::tally::conclude(&self));
        conclusions.extend(checks::decryption::conclude(&mut self));
        conclusions.extend(checks::whole::conclude(&mut self));
        let mut report = Report::new(self.fingerprint, self.tree_size());
        if let Some(state) = &self.state {
            results::fill(&mut report, state);
        }
        if self.findings.any_failure() {
            report.verdict = Verdict::Fail;
        }
        for &check in Check::ALL {
            let nothing = Conclusion::NotReached(self.because());
            let conclusion = conclusions.remove(&check).unwrap_or(nothing);
            report.checks.push(self.findings.close(check, conclusion));
        }
        let (mut state, mut uncosigned) = (None, None);
        match report.failed().as_slice() {
            _ if self.decodes_later => {}
            [] => state = self.state.take(),
            [only] if *only == Check::Witnesses.id() => uncosigned = self.state.take(),
            _ => {}
        }
        Verified { report, state, uncosigned }
    }
}
