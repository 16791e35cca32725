//! Tests of the tree: known answers, comparison with `tlog_tiles`, every proof of small trees, altered proofs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::HashMap;

use crate::hash::Hash;
use crate::leaves::Head;
use crate::log::MAX_TREE_SIZE;
use crate::log::merkle::*;

/// The inputs and roots of the reference tests for RFC 6962 (certificate-transparency's merkle_tree_test).
const INPUTS: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn foreign(hash: &Hash) -> tlog_tiles::Hash {
    tlog_tiles::Hash(hash.0)
}

fn leaf(i: u64) -> Hash {
    leaf_hash(format!("leaf {i}").as_bytes())
}

/// All heads and stored hashes of trees of 0 … size entries.
fn trees(size: u64) -> (Vec<Head>, Vec<Hash>) {
    let mut frontier = Frontier::new();
    let mut stored = Vec::new();
    let mut heads = vec![frontier.head()];
    for i in 0..size {
        frontier.push_with(leaf(i), |hash| stored.push(hash));
        heads.push(frontier.head());
    }
    (heads, stored)
}

#[test]
fn roots_are_the_known_answers_of_rfc_6962() {
    assert_eq!(Frontier::new().root().to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    let mut frontier = Frontier::new();
    for (input, root) in INPUTS.iter().zip(ROOTS) {
        frontier.push(leaf_hash(&hex::decode(input).unwrap()));
        assert_eq!(frontier.root().to_string(), root);
    }
    assert_eq!(frontier.size(), 8);
}

#[test]
fn frontier_and_stored_hashes_agree_with_tlog_tiles() {
    let (heads, stored) = trees(300);
    let foreign_stored: Vec<_> = stored.iter().map(foreign).collect();
    struct Reader(Vec<tlog_tiles::Hash>);
    impl tlog_tiles::HashReader for Reader {
        fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
            Ok(indexes.iter().map(|&i| self.0[usize::try_from(i).unwrap()]).collect())
        }
    }
    let reader = Reader(foreign_stored);
    for head in &heads {
        let size = head.tree_size;
        assert_eq!(tlog_tiles::tree_hash(size, &reader).unwrap().0, head.root.0);
        if size < 300 {
            let expected = tlog_tiles::stored_hashes_for_record_hash(size, foreign(&leaf(size)), &reader).unwrap();
            let start = usize::try_from(stored_hash_index(0, size)).unwrap();
            let ours: Vec<_> = stored[start..start + expected.len()].iter().map(|h| h.0).collect();
            assert_eq!(ours, expected.iter().map(|h| h.0).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_stored_hash_belongs_to_the_entry_that_completed_it() {
    let mut index = 0;
    for entry in 0..1000u64 {
        for level in 0..=u8::try_from((entry + 1).trailing_zeros()).unwrap() {
            assert_eq!(stored_hash_origin(index), Some((entry, level)));
            index += 1;
        }
    }
    assert_eq!(stored_hash_origin(u64::MAX), None);
    assert!(stored_hash_origin(stored_hash_index(0, MAX_TREE_SIZE)).is_some());
}

#[test]
fn every_inclusion_proof_of_small_trees_verifies_and_no_altered_one() {
    let (heads, stored) = trees(70);
    for head in &heads[1..] {
        for index in 0..head.tree_size {
            let proof = InclusionProof::prove(index, head.tree_size, &stored).unwrap();
            proof.verify(index, &leaf(index), head).unwrap();
            assert!(proof.verify(index, &leaf(index + 1), head).is_err());
            assert!(proof.verify(index + 1, &leaf(index), head).is_err());
            for position in 0..proof.0.len() {
                let mut altered = proof.clone();
                altered.0[position].0[31] ^= 1;
                assert_eq!(altered.verify(index, &leaf(index), head), Err(ProofError::Invalid));
            }
            let mut longer = proof.clone();
            longer.0.push(Hash::ZERO);
            assert!(longer.verify(index, &leaf(index), head).is_err());
        }
    }
}

#[test]
fn every_consistency_proof_of_small_trees_verifies_and_no_altered_one() {
    let (heads, stored) = trees(70);
    for new in &heads {
        for old in &heads[..=usize::try_from(new.tree_size).unwrap()] {
            let proof = ConsistencyProof::prove(old.tree_size, new.tree_size, &stored).unwrap();
            proof.verify(old, new).unwrap();
            let forked = Head { root: leaf(1000), ..*old };
            assert!(proof.verify(&forked, new).is_err());
            for position in 0..proof.0.len() {
                let mut altered = proof.clone();
                altered.0[position].0[0] ^= 1;
                assert!(altered.verify(old, new).is_err());
            }
        }
    }
}

#[test]
fn a_frontier_and_what_was_stored_since_prove_every_later_entry() {
    for before in 0..40 {
        let mut frontier = Frontier::new();
        (0..before).for_each(|i| frontier.push(leaf(i)));
        let mut known: HashMap<u64, Hash> = frontier.stored().collect();
        for i in before..before + 40 {
            let mut index = stored_hash_index(0, i);
            frontier.push_with(leaf(i), |hash| {
                known.insert(index, hash);
                index += 1;
            });
        }
        for i in before..before + 40 {
            let proof = InclusionProof::prove(i, frontier.size(), &known).unwrap();
            proof.verify(i, &leaf(i), &frontier.head()).unwrap();
        }
    }
}

#[test]
fn needed_hashes_are_enough() {
    let (heads, stored) = trees(50);
    let fetch = |indexes: Vec<u64>| -> HashMap<u64, Hash> {
        indexes.into_iter().map(|i| (i, stored.stored_hash(i).unwrap())).collect()
    };
    for size in 1..=50u64 {
        for index in 0..size {
            let known = fetch(InclusionProof::needed(index, size).unwrap());
            let head = &heads[usize::try_from(size).unwrap()];
            InclusionProof::prove(index, size, &known).unwrap().verify(index, &leaf(index), head).unwrap();
            let known = fetch(ConsistencyProof::needed(index, size).unwrap());
            assert!(ConsistencyProof::prove(index, size, &known).is_ok());
        }
    }
}

#[test]
fn impossible_requests_are_errors_and_never_panics() {
    let (heads, mut stored) = trees(9);
    assert!(matches!(InclusionProof::prove(9, 9, &stored), Err(ProofError::OutOfRange { .. })));
    assert!(matches!(InclusionProof::prove(0, u64::MAX, &stored), Err(ProofError::OutOfRange { .. })));
    assert!(matches!(ConsistencyProof::prove(9, 8, &stored), Err(ProofError::OutOfRange { .. })));
    assert!(matches!(InclusionProof::prove(3, MAX_TREE_SIZE, &stored), Err(ProofError::MissingHash(_))));
    stored.pop();
    assert!(matches!(InclusionProof::prove(0, 9, &stored), Err(ProofError::MissingHash(_))));
    let long = InclusionProof(vec![Hash::ZERO; MAX_PROOF_HASHES + 1]);
    assert_eq!(long.verify(0, &leaf(0), &heads[9]), Err(ProofError::Invalid));
    for tree_size in [1, 2, 3, MAX_TREE_SIZE, u64::MAX] {
        for length in 0..=MAX_PROOF_HASHES {
            let head = Head { root: Hash::ZERO, tree_size };
            let old = Head { root: leaf(1), tree_size: tree_size / 2 };
            assert!(InclusionProof(vec![Hash::ZERO; length]).verify(tree_size / 2, &leaf(0), &head).is_err());
            assert!(ConsistencyProof(vec![Hash::ZERO; length]).verify(&old, &head).is_err());
        }
    }
}
