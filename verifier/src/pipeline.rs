//! From files to parsed entries with verified ballots, window by window, on all cores.
//!
//! A window is some megabytes of consecutive entry bundles. While one is applied in order by [`crate::audit`], the next
//! one is read, parsed, hashed and its ballots verified here; nothing here depends on order.

use rand::SeedableRng as _;
use rand::rngs::{StdRng, SysRng};
use rayon::prelude::*;
use veritally_crypto::ballot::{BallotContext, BallotError, EncryptedBallot, VerifiedBallot};
use veritally_crypto::canonical::CanonicalError;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::LeafIndex;
use veritally_crypto::leaves::Leaf;
use veritally_crypto::log::tiles::{TilePath, bundles_of, decode_entries};

use crate::VerifyError;
use crate::checks::tree::leaf_hash;
use crate::source::{Content, Source, SourceError, limit, locate};

/// Bytes of entries in a window. Parsed they take about four times as much, and two windows are under way; one bundle
/// of 16 MiB still fits a window of its own.
const WINDOW_BYTES: u64 = 6 << 20;

/// Ballots whose checks are folded into one equation: the gain from more is small, and a core is busy for some 40 ms.
const BATCH: usize = 256;

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

/// Consecutive bundles, and why there is no next one if there should be.
#[derive(Debug, Default)]
pub(crate) struct Window {
    pub(crate) bundles: Vec<Bundle>,
    pub(crate) broken: Option<(TilePath, &'static str)>,
}

/// A file that is to be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Located {
    /// As the size of the tree says.
    wanted: TilePath,
    /// As it lies there.
    found: TilePath,
}

/// The files of a window.
#[derive(Debug, Default)]
pub(crate) struct Files {
    files: Vec<Located>,
    /// Entries before this one went by already.
    from: LeafIndex,
    /// The one behind them, if it should be there and is not.
    missing: Option<TilePath>,
}

/// Which files are read together.
pub(crate) struct Plan<'a> {
    source: &'a dyn Source,
    /// The first entry that is wanted.
    from: LeafIndex,
    tiles: Box<dyn Iterator<Item = TilePath> + Send + 'a>,
    /// Taken from `tiles`, too large for the window before.
    held: Option<(Located, u64)>,
}

impl<'a> Plan<'a> {
    /// For the entries from `from` on.
    pub(crate) fn new(source: &'a dyn Source, from: LeafIndex, tree_size: u64) -> Self {
        Self { source, from, tiles: Box::new(bundles_of(from, tree_size)), held: None }
    }

    /// The files of the next window; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Files>, SourceError> {
        let (mut files, mut bytes) = (vec![], 0);
        loop {
            let (located, size) = match self.held.take() {
                Some(held) => held,
                None => {
                    let Some(wanted) = self.tiles.next() else { break };
                    let Some((found, size)) = locate(self.source, wanted)? else {
                        return Ok(Some(Files { files, from: self.from, missing: Some(wanted) }));
                    };
                    (Located { wanted, found }, size)
                }
            };
            if !files.is_empty() && bytes + size > WINDOW_BYTES {
                self.held = Some((located, size));
                break;
            }
            bytes += size;
            files.push(located);
        }
        Ok((!files.is_empty()).then_some(Files { files, from: self.from, missing: None }))
    }
}

/// Reads, parses, hashes, and verifies ballots if there is a `context` yet.
pub(crate) fn prepare(
    source: &dyn Source,
    Files { files, from, missing }: Files,
    context: Option<&BallotContext>,
) -> Result<Window, VerifyError> {
    let read: Vec<Result<Bundle, (TilePath, &'static str)>> =
        files.par_iter().map(|file| read(source, *file, from)).collect::<Result<_, _>>()?;
    let mut window = Window { bundles: vec![], broken: missing.map(|path| (path, MISSING)) };
    for bundle in read {
        match bundle {
            Ok(bundle) => window.bundles.push(bundle),
            // What comes behind can't be put in order.
            Err(broken) => {
                window.broken = Some(broken);
                break;
            }
        }
    }
    if let Some(context) = context {
        verify_ballots(window.bundles.iter_mut().flat_map(|bundle| &mut bundle.entries), context)?;
    }
    Ok(window)
}

fn read(
    source: &dyn Source,
    file: Located,
    from: LeafIndex,
) -> Result<Result<Bundle, (TilePath, &'static str)>, SourceError> {
    let Located { wanted, found } = file;
    let bytes = match source.read(&found.to_string(), limit(found.kind()))? {
        Content::Bytes(bytes) => bytes,
        Content::Missing => return Ok(Err((wanted, MISSING))),
        Content::Unreadable(_) => return Ok(Err((wanted, "is too large, or no plain file"))),
    };
    let Ok(entries) = decode_entries(&bytes, found.width()) else {
        return Ok(Err((wanted, "is damaged: it does not hold as many entries as it should")));
    };
    let (mut parsed, mut offsets, mut offset) = (vec![], vec![], 0u32);
    for (entry, index) in entries.into_iter().zip(wanted.range()) {
        // A bundle has at most 16 MiB.
        let next = offset.saturating_add(2 + u32::try_from(entry.len()).unwrap_or(u32::MAX));
        if index >= from {
            offsets.push(offset);
            parsed.push(Entry { index, leaf_hash: leaf_hash(entry), body: parse(entry) });
        }
        offset = next;
    }
    Ok(Ok(Bundle { path: found, entries: parsed, offsets }))
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
    entries: impl Iterator<Item = &'a mut Entry>,
    context: &BallotContext,
) -> Result<(), VerifyError> {
    let mut ballots: Vec<&mut Body> =
        entries.map(|entry| &mut entry.body).filter(|body| matches!(body, Body::Ballot(_))).collect();
    ballots.par_chunks_mut(BATCH).try_for_each(|batch| {
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
