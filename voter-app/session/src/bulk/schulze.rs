//! The Schulze order of pairwise counts, to compare a verified result with.
//!
//! ⚠ Written on purpose in another way than the protocol's: path strengths by searching the graph for each strength
//! instead of Floyd and Warshall, layers by who beats whom instead of by taking away who is unbeaten.

/// Strength of the strongest path from each to each, by winning votes. `wins[a][b]`: ballots that rank a before b.
#[must_use]
pub fn path_strengths(wins: &[Vec<u64>]) -> Vec<Vec<u64>> {
    let n = wins.len();
    let strength = |from: usize, to: usize| {
        // The weakest link of a path is one of the counts.
        let mut candidates: Vec<u64> = wins.iter().flatten().copied().filter(|count| *count > 0).collect();
        candidates.sort_unstable_by(|a, b| b.cmp(a));
        candidates.dedup();
        candidates.into_iter().find(|&least| reaches(wins, from, to, least)).unwrap_or(0)
    };
    (0..n).map(|a| (0..n).map(|b| if a == b { 0 } else { strength(a, b) }).collect()).collect()
}

fn at(matrix: &[Vec<u64>], a: usize, b: usize) -> u64 {
    matrix.get(a).and_then(|row| row.get(b)).copied().unwrap_or(0)
}

/// Whether a way of victories of at least this many votes leads from one to the other.
fn reaches(wins: &[Vec<u64>], from: usize, to: usize, least: u64) -> bool {
    let mut seen = vec![from];
    let mut next = vec![from];
    while let Some(a) = next.pop() {
        for b in 0..wins.len() {
            if !seen.contains(&b) && at(wins, a, b) >= least && at(wins, a, b) > at(wins, b, a) {
                seen.push(b);
                next.push(b);
            }
        }
    }
    seen.contains(&to)
}

/// The order in layers, best first: each stands one below the lowest of those whose paths to it are stronger than back.
#[must_use]
pub fn order(strengths: &[Vec<u64>]) -> Vec<Vec<usize>> {
    let n = strengths.len();
    let mut layer = vec![0usize; n];
    // No chain of victories is longer than n − 1: the relation is transitive.
    for _ in 0..n {
        for a in 0..n {
            let beaters = (0..n).filter(|&b| at(strengths, b, a) > at(strengths, a, b));
            let below = beaters.filter_map(|b| layer.get(b)).map(|above| above + 1).max().unwrap_or(0);
            if let Some(layer) = layer.get_mut(a) {
                *layer = below;
            }
        }
    }
    let in_layer = |i: usize| layer.iter().zip(0..).filter(|(l, _)| **l == i).map(|(_, a)| a).collect::<Vec<_>>();
    (0..n).map(in_layer).filter(|group| !group.is_empty()).collect()
}
