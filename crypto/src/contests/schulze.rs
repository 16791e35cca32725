//! From a pairwise matrix to a Condorcet winner and the Schulze order (Schulze 2011, winning votes).

use super::Outcome;

/// Strength of the strongest path from a to b, by winning votes: Floyd and Warshall over minimum and maximum.
#[must_use]
pub fn path_strengths(matrix: &[Vec<u64>]) -> Vec<Vec<u64>> {
    let n = matrix.len();
    let at = |m: &[Vec<u64>], a: usize, b: usize| m.get(a).and_then(|row| row.get(b)).copied().unwrap_or(0);
    let direct = |a: usize, b: usize| if at(matrix, a, b) > at(matrix, b, a) { at(matrix, a, b) } else { 0 };
    let mut paths: Vec<Vec<u64>> = (0..n).map(|a| (0..n).map(|b| direct(a, b)).collect()).collect();
    for via in 0..n {
        for a in (0..n).filter(|a| *a != via) {
            for b in (0..n).filter(|b| *b != via && *b != a) {
                let through = at(&paths, a, via).min(at(&paths, via, b));
                if let Some(best) = paths.get_mut(a).and_then(|row| row.get_mut(b)) {
                    *best = (*best).max(through);
                }
            }
        }
    }
    paths
}

/// The Schulze order in layers: each holds those whom nobody left beats. Within a layer nothing tells them apart, but a
/// selection may also be tied with some of the next layer: seats are given by `seated`, not by layers.
#[must_use]
pub fn order(paths: &[Vec<u64>]) -> Vec<Vec<usize>> {
    let at = |a: usize, b: usize| paths.get(a).and_then(|row| row.get(b)).copied().unwrap_or(0);
    let mut left: Vec<usize> = (0..paths.len()).collect();
    let mut groups = vec![];
    while !left.is_empty() {
        // Schulze's relation is transitive, so somebody is unbeaten.
        let unbeaten: Vec<usize> =
            left.iter().copied().filter(|&a| left.iter().all(|&b| at(a, b) >= at(b, a))).collect();
        if unbeaten.is_empty() {
            groups.push(std::mem::take(&mut left));
        } else {
            left.retain(|a| !unbeaten.contains(a));
            groups.push(unbeaten);
        }
    }
    groups
}

/// Who beats everybody else in direct comparison.
#[must_use]
pub fn condorcet_winner(matrix: &[Vec<u64>]) -> Option<usize> {
    let at = |a: usize, b: usize| matrix.get(a).and_then(|row| row.get(b)).copied().unwrap_or(0);
    (0..matrix.len()).find(|&a| (0..matrix.len()).all(|b| b == a || at(a, b) > at(b, a)))
}

/// Who has a seat in every order that the paths allow, and who in some but not in all: nothing breaks a tie.
fn seated(paths: &[Vec<u64>], seats: usize) -> (Vec<usize>, Vec<usize>) {
    let n = paths.len();
    let at = |a: usize, b: usize| paths.get(a).and_then(|row| row.get(b)).copied().unwrap_or(0);
    let beaten = |a: usize| (0..n).filter(|&b| at(a, b) > at(b, a)).count();
    let beaters = |a: usize| (0..n).filter(|&b| at(b, a) > at(a, b)).count();
    let (certain, open): (Vec<_>, Vec<_>) = (0..n).partition(|&a| n - beaten(a) <= seats);
    (certain, open.into_iter().filter(|&a| beaters(a) < seats).collect())
}

pub(super) fn outcome(matrix: Vec<Vec<u64>>, seats: usize) -> Outcome {
    let paths = path_strengths(&matrix);
    let ranking = order(&paths);
    let (winners, tied) = seated(&paths, seats);
    let method = if condorcet_winner(&matrix).is_some() { "Schulze; Condorcet winner" } else { "Schulze" };
    Outcome { winners, tied, method, ranking, pairwise: Some(matrix), path_strengths: Some(paths) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    /// The example of 45 voters in Schulze's paper: order E > A > C > B > D.
    #[test]
    fn the_order_of_the_published_example_comes_out() {
        let ballots = [
            (5, "ACBED"),
            (5, "ADECB"),
            (8, "BEDAC"),
            (3, "CABED"),
            (7, "CAEBD"),
            (2, "CBADE"),
            (7, "DCEBA"),
            (8, "EBADC"),
        ];
        let mut matrix = vec![vec![0u64; 5]; 5];
        for (count, ranking) in ballots {
            let order: Vec<usize> = ranking.bytes().map(|b| usize::from(b - b'A')).collect();
            for (i, a) in order.iter().enumerate() {
                for b in &order[i + 1..] {
                    matrix[*a][*b] += count;
                }
            }
        }
        let paths = path_strengths(&matrix);
        assert_eq!(paths[0], [0, 28, 28, 30, 24]);
        assert_eq!(paths[4], [25, 28, 28, 31, 0]);
        assert_eq!(order(&paths), [vec![4], vec![0], vec![2], vec![1], vec![3]]);
        assert_eq!(condorcet_winner(&matrix), None);
        assert_eq!(outcome(matrix, 1).winners, [4]);
    }

    #[test]
    fn ties_are_reported_as_ties() {
        let matrix = vec![vec![0, 3, 3], vec![3, 0, 3], vec![1, 1, 0]];
        let result = outcome(matrix, 1);
        assert_eq!((result.winners, result.tied), (vec![], vec![0, 1]));
        assert_eq!(outcome(vec![vec![0, 3], vec![3, 0]], 2).winners, [0, 1]);
        // a beats c, b is tied with both: the second seat is b's or c's, and a may even come second.
        let matrix = vec![vec![0, 2, 3], vec![2, 0, 2], vec![1, 2, 0]];
        let result = outcome(matrix, 2);
        assert_eq!((result.winners, result.tied), (vec![0], vec![1, 2]));
    }
}
