//! What a download that was killed has left in its folder.

use std::path::Path;

/// Deepest folder of a log: `tile/entries/x000/x000`.
const MAX_DEPTH: usize = 5;

/// Removes what a download that was killed has left half written: no log has such files, so that the verification, which is
/// right to, would refuse the copy for ever.
pub(super) fn clear_unfinished(folder: &Path) {
    clear(folder, false, 0);
}

/// The names of unfinished files, as the library `tempfile` makes them.
fn is_unfinished(name: &str) -> bool {
    name.strip_prefix(".tmp").is_some_and(|rest| rest.len() == 6 && rest.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// Below the folder itself, only in `tile`: the rest of it may be anything.
fn clear(folder: &Path, in_tile: bool, depth: usize) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.filter_map(Result::ok) {
        let (Ok(kind), name) = (entry.file_type(), entry.file_name()) else { continue };
        let name = name.to_string_lossy();
        if kind.is_dir() && depth < MAX_DEPTH && (in_tile || name == "tile") {
            clear(&entry.path(), true, depth + 1);
        } else if kind.is_file() && is_unfinished(&name) {
            // What can't be removed, the verification will name.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn what_a_killed_download_left_is_removed_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir_all(at("tile/entries/x000")).unwrap();
        std::fs::create_dir_all(at("elsewhere")).unwrap();
        let unfinished = [".tmpAb12yZ", "tile/.tmp000000", "tile/entries/x000/.tmpabcdef"];
        let others =
            ["checkpoint", ".tmp", ".tmpabcdefg", "tile/000", "tile/entries/.tmpabcde-", "elsewhere/.tmpabcdef"];
        for name in unfinished.iter().chain(&others) {
            std::fs::write(at(name), name).unwrap();
        }
        clear_unfinished(dir.path());
        assert!(unfinished.iter().all(|name| !at(name).exists()) && others.iter().all(|name| at(name).exists()));
        clear_unfinished(&at("not-there"));
    }
}
