//! Paths of tiles print as they were read, and what they name is in a tree.
#![no_main]

use libfuzzer_sys::fuzz_target;
use veritally_crypto::log::{MAX_TREE_SIZE, TilePath};

fuzz_target!(|path: &str| {
    if let Ok(tile) = TilePath::parse(path) {
        assert_eq!(tile.to_string(), path);
        assert!(tile.is_in(MAX_TREE_SIZE));
        assert_eq!(TilePath::new(tile.kind(), tile.index(), tile.width()), Ok(tile));
        assert_eq!(tile.full().range().start, tile.range().start);
        let _ = tile.stored_hashes();
    }
});
