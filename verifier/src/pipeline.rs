//! From files to parsed entries with verified ballots, bundle by bundle, on all cores.
//!
//! While [`crate::audit`] applies the entries in order on a thread of its own, the bundles behind them are read, parsed and
//! hashed here and their ballots verified; nothing here depends on order. A few bundles are one portion, whose ballots are
//! folded into one equation.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use rand::SeedableRng as _;
use rand::rngs::{StdRng, SysRng};
use rayon::ScopeFifo;
use rayon::prelude::*;
use veritally_crypto::ballot::{BallotContext, BallotError, EncryptedBallot, VerifiedBallot};
use veritally_crypto::canonical::CanonicalError;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::LeafIndex;
use veritally_crypto::leaves::Leaf;
use veritally_crypto::log::tiles::{TILE_WIDTH, TilePath, bundles_of, decode_entries};

use crate::VerifyError;
use crate::checks::tree::leaf_hash;
use crate::source::{Content, Source, SourceError, limit, locate};

/// Bytes of bundles that are under way. Parsed they take about three times as much. One bundle has at most 16 MiB; one portion
/// is always under way.
const AHEAD_BYTES: u64 = 8 << 20;

/// What a file counts for at least: of a stranger's empty files not too many are under way either.
const LEAST_BYTES: u64 = AHEAD_BYTES / 256;

/// Bundles of a portion, at most.
const PORTION: usize = 4;

/// Ballots whose checks are folded into one equation, at most: a portion of full bundles. The gain from more is small, and a
/// core is busy for some 120 ms.
const BATCH: usize = PORTION * TILE_WIDTH as usize;

/// Bytes of ballots in one equation, so that the work on bundles with large ballots is spread over the cores too.
const BATCH_BYTES: usize = 1536 << 10;

/// Bytes of bundles from which on a portion is full, at most: with many threads it is less, so that each has two portions.
const PORTION_BYTES: u64 = 1 << 20;

/// Why a bundle is not there.
const MISSING: &str = "is missing";

/// An entry as it was found.
#[derive(Debug)]
pub(crate) enum Body {
    /// Anything but a ballot, with its bytes.
    Leaf(Box<Leaf>, Vec<u8>),
    /// A ballot whose proof is not looked at yet.
    Ballot(EncryptedBallot),
    /// A ballot whose proof holds.
    Verified(VerifiedBallot),
    /// A ballot whose proof does not hold.
    BadBallot(EncryptedBallot, BallotError),
    /// Not a canonical entry.
    Malformed(CanonicalError, Vec<u8>),
    /// In other hands for the moment.
    Taken,
}

/// An entry.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) index: LeafIndex,
    pub(crate) leaf_hash: Hash,
    pub(crate) body: Body,
}

/// The entries of one file.
#[derive(Debug)]
pub(crate) struct Bundle {
    pub(crate) path: TilePath,
    pub(crate) entries: Vec<Entry>,
    /// Where each entry's length stands in the file.
    pub(crate) offsets: Vec<u32>,
}

/// A file that is to be read.
#[derive(Debug, Clone, Copy)]
struct Located {
    /// As the size of the tree says.
    wanted: TilePath,
    /// As it lies there.
    found: TilePath,
}

/// Why there is no bundle where there should be one; what comes behind can't be put in order.
pub(crate) type Broken = (TilePath, &'static str);

/// What became of a file.
type Prepared = Result<Bundle, Broken>;

/// Of one file after the other.
type Portion = Vec<Prepared>;

type Outcome = Result<Portion, VerifyError>;

/// The bundles of a record, in order, prepared on the threads of a pool while those before are looked at.
pub(crate) struct Bundles<'a> {
    source: &'a dyn Source,
    /// The first entry that is wanted.
    from: LeafIndex,
    tiles: Box<dyn Iterator<Item = TilePath> + Send + 'a>,
    /// The rest of the portion that is handed out.
    ready: VecDeque<Prepared>,
    /// Portions under way, with the sizes of their files.
    ahead: VecDeque<(u64, Receiver<Outcome>)>,
    ahead_bytes: u64,
    /// Bytes from which on a portion is full.
    portion_bytes: u64,
    /// What ballots are verified with, from the opening on.
    context: Option<Arc<BallotContext>>,
}

impl<'a> Bundles<'a> {
    /// For the entries from `from` on, with so many threads.
    pub(crate) fn new(source: &'a dyn Source, from: LeafIndex, tree_size: u64, threads: usize) -> Self {
        Self {
            source,
            from,
            tiles: Box::new(bundles_of(from, tree_size)),
            ready: VecDeque::new(),
            ahead: VecDeque::new(),
            ahead_bytes: 0,
            portion_bytes: PORTION_BYTES.min(AHEAD_BYTES / (2 * threads.max(1) as u64)),
            context: None,
        }
    }

    /// The next bundle; `None` at the end. `context` is that of the entries applied so far.
    pub(crate) fn next(
        &mut self,
        scope: &ScopeFifo<'a>,
        context: Option<Arc<BallotContext>>,
    ) -> Option<Result<Prepared, VerifyError>> {
        if self.context.is_none() {
            self.context = context;
            self.verify_ahead(scope);
        }
        self.fill(scope);
        if self.ready.is_empty() {
            let (size, outcome) = self.ahead.pop_front()?;
            self.ahead_bytes -= size;
            match receive(&outcome) {
                Ok(portion) => self.ready = portion.into(),
                Err(error) => return Some(Err(error)),
            }
            // The threads have something to do while these are looked at.
            self.fill(scope);
        }
        self.ready.pop_front().map(Ok)
    }

    fn fill(&mut self, scope: &ScopeFifo<'a>) {
        while self.ahead.is_empty() || self.ahead_bytes < AHEAD_BYTES {
            let (files, end, size) = self.locate_portion();
            if files.is_empty() && end.is_none() {
                break;
            }
            let (source, from, context) = (self.source, self.from, self.context.clone());
            let prepare = move || {
                let portion = files.into_iter().map(|file| read(source, file, from)).collect::<Result<Portion, _>>();
                let mut portion = portion?;
                portion.extend(end.transpose()?.map(Err));
                verify(portion, context.as_deref())
            };
            self.ahead_bytes += size;
            self.ahead.push_back((size, spawn(scope, prepare)));
        }
    }

    /// The next files, why there are none behind them, and what they all count for.
    fn locate_portion(&mut self) -> (Vec<Located>, Option<Result<Broken, SourceError>>, u64) {
        let (mut files, mut size) = (vec![], 0);
        while files.len() < PORTION && size < self.portion_bytes {
            let Some(wanted) = self.tiles.next() else { break };
            match locate(self.source, wanted) {
                Ok(Some((found, bytes))) => {
                    files.push(Located { wanted, found });
                    size += bytes.max(LEAST_BYTES);
                }
                found => {
                    // Nothing behind it is looked for, however many entries the checkpoint speaks of.
                    self.tiles = Box::new(std::iter::empty());
                    return (files, Some(found.map(|_| (wanted, MISSING))), size.max(LEAST_BYTES));
                }
            }
        }
        (files, None, size)
    }

    /// What was read before there was a context. What is ready by now is left to who applies it.
    fn verify_ahead(&mut self, scope: &ScopeFifo<'a>) {
        let Some(context) = &self.context else { return };
        for (_, outcome) in &mut self.ahead {
            let (read, context) = (receive(outcome), Arc::clone(context));
            *outcome = spawn(scope, move || verify(read?, Some(&context)));
        }
    }
}

fn spawn<'a>(scope: &ScopeFifo<'a>, task: impl FnOnce() -> Outcome + Send + 'a) -> Receiver<Outcome> {
    let (sender, receiver) = sync_channel(1);
    scope.spawn_fifo(move |_| {
        // Nobody waits any more when something before it could not be read.
        let _ = sender.send(task());
    });
    receiver
}

fn receive(outcome: &Receiver<Outcome>) -> Outcome {
    // The sender is dropped without a word only if its thread panicked.
    outcome.recv().unwrap_or(Err(VerifyError::System("threads")))
}

/// Verifies the ballots of these bundles if there is a `context` yet.
fn verify(mut portion: Portion, context: Option<&BallotContext>) -> Outcome {
    if let Some(context) = context {
        verify_ballots(portion.iter_mut().flatten().flat_map(|bundle| &mut bundle.entries), context)?;
    }
    Ok(portion)
}

fn read(source: &dyn Source, file: Located, from: LeafIndex) -> Result<Prepared, SourceError> {
    let Located { wanted, found } = file;
    let bytes = match source.read(&found.to_string(), limit(found.kind()))? {
        Content::Bytes(bytes) => bytes,
        Content::Missing => return Ok(Err((wanted, MISSING))),
        Content::Unreadable(_) => return Ok(Err((wanted, "is too large, or no plain file"))),
    };
    let Ok(entries) = decode_entries(&bytes, found.width()) else {
        return Ok(Err((wanted, "is damaged: it does not hold as many entries as it should")));
    };
    let (mut wanted_entries, mut offsets, mut offset) = (vec![], vec![], 0u32);
    for (entry, index) in entries.into_iter().zip(wanted.range()) {
        // A bundle has at most 16 MiB.
        let next = offset.saturating_add(2 + u32::try_from(entry.len()).unwrap_or(u32::MAX));
        if index >= from {
            offsets.push(offset);
            wanted_entries.push((index, entry));
        }
        offset = next;
    }
    let parse = |(index, entry)| Entry { index, leaf_hash: leaf_hash(entry), body: parse(entry) };
    // In parallel for the sake of rolls, whose parts fill a bundle with 16 MiB.
    Ok(Ok(Bundle { path: found, entries: wanted_entries.into_par_iter().map(parse).collect(), offsets }))
}

fn parse(bytes: &[u8]) -> Body {
    // Of all entries only ballots begin with the member `a`: they are parsed once.
    if bytes.starts_with(b"{\"a\":") {
        match EncryptedBallot::parse(bytes) {
            Ok(ballot) => return Body::Ballot(ballot),
            Err(BallotError::Canonical(error)) => return Body::Malformed(error, bytes.to_vec()),
            Err(_) => {}
        }
    }
    match Leaf::parse(bytes) {
        Ok(Leaf::Ballot(_)) => EncryptedBallot::parse(bytes)
            .map_or_else(|e| Body::Malformed(CanonicalError::Malformed(e.to_string()), bytes.to_vec()), Body::Ballot),
        Ok(leaf) => Body::Leaf(Box::new(leaf), bytes.to_vec()),
        Err(error) => Body::Malformed(error, bytes.to_vec()),
    }
}

/// Verifies all ballots among these entries that are not verified yet, on all cores.
pub(crate) fn verify_ballots<'a>(
    entries: impl IntoIterator<Item = &'a mut Entry>,
    context: &BallotContext,
) -> Result<(), VerifyError> {
    let bodies = entries.into_iter().map(|entry| &mut entry.body);
    let mut ballots: Vec<&mut Body> = bodies.filter(|body| matches!(body, Body::Ballot(_))).collect();
    let bytes = ballots.iter().map(|body| if let Body::Ballot(ballot) = body { ballot.bytes().len() } else { 0 }).max();
    let batch = (BATCH_BYTES / bytes.unwrap_or(0).max(1)).clamp(1, BATCH);
    ballots.par_chunks_mut(batch).try_for_each(|batch| {
        // Weights of the folded equation come from a generator that is seeded afresh by the operating system each time.
        let mut rng = StdRng::try_from_rng(&mut SysRng).map_err(|_| VerifyError::System("randomness"))?;
        let take = |body: &mut &mut Body| match std::mem::replace(*body, Body::Taken) {
            Body::Ballot(ballot) => Some(ballot),
            _ => None,
        };
        let taken: Vec<_> = batch.iter_mut().filter_map(take).collect();
        for (body, verdict) in batch.iter_mut().zip(context.verify_batch(taken, &mut rng)) {
            **body = match verdict {
                Ok(verified) => Body::Verified(verified),
                Err((ballot, error)) => Body::BadBallot(ballot, error),
            };
        }
        Ok(())
    })
}
