//! Downloading the log and replaying it through [`RecordState`], bundle by bundle, off the asynchronous threads.

use std::collections::{BTreeSet, HashMap};
use std::pin::pin;

use futures_util::StreamExt as _;
use rayon::prelude::*;
use veritally_board_api::client::Bundle;
use veritally_crypto::ballot::{EncryptedBallot, VerifiedBallot};
use veritally_crypto::id::LeafIndex;
use veritally_crypto::leaves::{Head, Leaf};
use veritally_crypto::log::tiles::{TILE_WIDTH, TileError};
use veritally_crypto::record::{Phase, RecordState, Rejection};

use crate::SessionError;
use crate::board::Board;
use crate::election::{Depth, OnRead};

/// Ballots verified at once by one core: larger batches are hardly faster.
const BATCH: usize = 64;

/// Entries before the present bundle that ballots in it supersede.
type Superseded = HashMap<LeafIndex, Vec<u8>>;

/// Replays up to the opening, or all of the tree. The result's head is to be compared with the signed one.
pub(super) async fn replay(
    board: &Board,
    leaf_0: &[u8],
    head: Head,
    depth: Depth,
    on_read: &OnRead<'_>,
) -> Result<RecordState, SessionError> {
    let mut state = RecordState::start(leaf_0).map_err(SessionError::Manifest)?;
    let mut bundles = pin!(board.bundles(1, head.tree_size));
    while let Some(bundle) = bundles.next().await {
        let bundle = bundle?;
        let superseded = fetch_superseded(board, &state, &bundle, head.tree_size).await?;
        let work = tokio::task::spawn_blocking(move || apply(state, &bundle, &superseded, depth));
        state = work.await.map_err(|_| SessionError::Interrupted)??;
        on_read(state.head().tree_size, head.tree_size);
        if depth == Depth::Opening && state.phase() != Phase::Setup {
            break;
        }
    }
    Ok(state)
}

/// Applies a bundle's entries; ballots that follow each other are verified together.
fn apply(
    mut state: RecordState,
    bundle: &Bundle,
    superseded: &Superseded,
    depth: Depth,
) -> Result<RecordState, SessionError> {
    let mut ballots: Vec<(LeafIndex, EncryptedBallot)> = vec![];
    let entries: HashMap<LeafIndex, &[u8]> = bundle.entries().collect();
    let find = |index: LeafIndex| entries.get(&index).copied().or_else(|| superseded.get(&index).map(Vec::as_slice));
    for (index, bytes) in bundle.entries() {
        let refuse = |rejection: Rejection| SessionError::Record { index, rejection };
        let leaf = Leaf::parse(bytes).map_err(|e| refuse(e.into()))?;
        if matches!(leaf, Leaf::Ballot(_)) {
            ballots.push((index, EncryptedBallot::parse(bytes).map_err(|e| refuse(e.into()))?));
            continue;
        }
        apply_ballots(&mut state, std::mem::take(&mut ballots), find)?;
        state.apply(&leaf, bytes).map_err(refuse)?;
        if depth == Depth::Opening && state.phase() != Phase::Setup {
            return Ok(state);
        }
    }
    apply_ballots(&mut state, ballots, find)?;
    Ok(state)
}

fn apply_ballots<'a>(
    state: &mut RecordState,
    ballots: Vec<(LeafIndex, EncryptedBallot)>,
    find: impl Fn(LeafIndex) -> Option<&'a [u8]>,
) -> Result<(), SessionError> {
    let Some((first, _)) = ballots.first() else { return Ok(()) };
    let phase = Rejection::Phase { entry: "ballot", phase: state.phase() };
    let context = state.ballot_context().cloned();
    let context = context.ok_or(SessionError::Record { index: *first, rejection: phase })?;
    let verify = |batch: &[(LeafIndex, EncryptedBallot)]| -> Vec<Result<(LeafIndex, VerifiedBallot), SessionError>> {
        let (indexes, ballots): (Vec<LeafIndex>, Vec<EncryptedBallot>) = batch.iter().cloned().unzip();
        let verdicts = context.verify_batch(ballots, &mut rand::rng());
        let verdicts = indexes.into_iter().zip(verdicts).map(|(index, verdict)| match verdict {
            Ok(ballot) => Ok((index, ballot)),
            Err((_, error)) => Err(SessionError::Record { index, rejection: error.into() }),
        });
        verdicts.collect()
    };
    let verified: Vec<_> = ballots.par_chunks(BATCH).flat_map_iter(verify).collect::<Result<_, _>>()?;
    for (index, ballot) in verified {
        let old = state.superseded(ballot.ballot()).and_then(&find);
        state.apply_ballot(&ballot, old).map_err(|rejection| SessionError::Record { index, rejection })?;
    }
    Ok(())
}

/// The ballots before this bundle that ballots in it supersede: the state keeps their hashes only.
async fn fetch_superseded(
    board: &Board,
    state: &RecordState,
    bundle: &Bundle,
    tree_size: u64,
) -> Result<Superseded, SessionError> {
    let mut found = Superseded::new();
    if state.counts().ballots_cast == 0 {
        return Ok(found);
    }
    let wanted: BTreeSet<LeafIndex> = bundle
        .entries()
        .filter_map(|(_, bytes)| EncryptedBallot::parse(bytes).ok())
        .filter_map(|ballot| state.superseded(&ballot))
        .collect();
    let bundles: BTreeSet<u64> = wanted.iter().map(|index| index / TILE_WIDTH).collect();
    for number in bundles {
        let first = number * TILE_WIDTH;
        let mut bundles = pin!(board.bundles(first, tree_size.min(first + TILE_WIDTH)));
        while let Some(bundle) = bundles.next().await {
            let bundle = bundle?;
            let entries = bundle.entries().filter(|(index, _)| wanted.contains(index));
            found.extend(entries.map(|(index, bytes)| (index, bytes.to_vec())));
        }
    }
    if found.len() == wanted.len() {
        Ok(found)
    } else {
        Err(TileError::Content("it lacks entries of this tree").into())
    }
}
