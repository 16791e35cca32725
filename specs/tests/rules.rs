//! If a rule can be a test, it is one: dependency direction, transcript labels, links between pages.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// What our packages depend on, build and test dependencies left out: names and versions.
struct Dependencies {
    /// What they name themselves.
    direct: BTreeMap<String, BTreeSet<(String, String)>>,
    /// And what that brings with it, transitively.
    all: BTreeMap<String, BTreeSet<(String, String)>>,
}

fn dependencies() -> Dependencies {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |v: &serde_json::Value| v.as_str().unwrap().to_owned();
    let packages: BTreeMap<String, (String, String)> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| (text(&p["id"]), (text(&p["name"]), text(&p["version"]))))
        .collect();
    let mut edges: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for node in metadata["resolve"]["nodes"].as_array().unwrap() {
        let normal = node["deps"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|dep| dep["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"].is_null()));
        edges.insert(text(&node["id"]), normal.map(|dep| text(&dep["pkg"])).collect());
    }
    let mut found = Dependencies { direct: BTreeMap::new(), all: BTreeMap::new() };
    for (id, (name, _)) in packages.iter().filter(|(_, (name, _))| name.starts_with("veritally-")) {
        let (mut seen, mut next) = (BTreeSet::new(), edges[id].clone());
        found.direct.insert(name.clone(), next.iter().map(|id| packages[id].clone()).collect());
        while let Some(id) = next.pop() {
            if seen.insert(id.clone()) {
                next.extend(edges[&id].iter().cloned());
            }
        }
        found.all.insert(name.clone(), seen.iter().map(|id| packages[id].clone()).collect());
    }
    found
}

fn names(of: &BTreeSet<(String, String)>) -> BTreeSet<&str> {
    of.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn packages_depend_in_one_direction_only() {
    let dependencies = dependencies().all;
    let ours = |package: &str| -> BTreeSet<String> {
        names(&dependencies[package]).iter().filter(|n| n.starts_with("veritally-")).map(ToString::to_string).collect()
    };
    let set = |names: &[&str]| names.iter().map(|n| format!("veritally-{n}")).collect::<BTreeSet<_>>();
    assert_eq!(ours("veritally-crypto"), set(&[]));
    assert_eq!(ours("veritally-board-api"), set(&["crypto"]));
    assert_eq!(ours("veritally-board"), set(&["board-api", "crypto"]));
    assert_eq!(ours("veritally-registrar"), set(&["board-api", "crypto"]));
    assert_eq!(ours("veritally-verifier"), set(&["board-api", "crypto"]));
    assert!(ours("veritally-trustee").is_subset(&set(&["board-api", "crypto", "verifier"])));
    assert!(ours("veritally-session").is_subset(&set(&["board-api", "crypto", "verifier"])));
    let used = dependencies.keys().flat_map(|package| ours(package)).collect::<BTreeSet<_>>();
    assert!(
        used.is_disjoint(&set(&["benches", "specs", "board"])),
        "nobody builds on the server or on tests: {used:?}"
    );
}

#[test]
fn voters_verifiers_and_boards_link_one_curve_and_the_protocol_no_network() {
    let dependencies = dependencies().all;
    for package in ["crypto", "board-api", "board", "registrar", "verifier", "session"] {
        let all = &dependencies[&format!("veritally-{package}")];
        let curves: Vec<_> = all.iter().filter(|(name, _)| name == "curve25519-dalek").collect();
        assert_eq!(curves.len(), 1, "{package}: {curves:?}");
    }
    let crypto = names(&dependencies["veritally-crypto"]);
    for forbidden in ["tokio", "reqwest", "hyper", "rusqlite", "warp"] {
        assert!(!crypto.contains(forbidden), "crypto must not depend on {forbidden}");
    }
}

#[test]
fn only_the_board_links_databases_and_only_the_app_links_widgets() {
    let dependencies = dependencies().all;
    let linking = |library: &str| -> BTreeSet<&str> {
        let linking = dependencies.iter().filter(|(_, all)| names(all).contains(library));
        linking.map(|(package, _)| package.as_str()).collect()
    };
    for server in ["rusqlite", "tokio-postgres", "warp"] {
        assert_eq!(linking(server), BTreeSet::from(["veritally-board"]), "{server}");
    }
    for widgets in ["gtk4", "libadwaita"] {
        assert_eq!(linking(widgets), BTreeSet::from(["veritally-app"]), "{widgets}");
    }
}

#[test]
fn the_app_itself_uses_no_cryptography_and_no_network() {
    let direct = dependencies().direct;
    let app = names(&direct["veritally-app"]);
    assert!(app.contains("veritally-session"), "{app:?}");
    for forbidden in [
        "curve25519-dalek",
        "ed25519-dalek",
        "merlin",
        "sha2",
        "age",
        "oo7",
        "reqwest",
        "rustls",
        "hyper",
        "http",
        "url",
    ] {
        assert!(!app.contains(forbidden), "the app must leave {forbidden} to the session");
    }
    no_word_of(&["std::net", "tokio::net", "gio::Socket", "reqwest"], "voter-app/src");
}

#[test]
fn the_protocol_has_no_files_no_clock_and_no_randomness_of_its_own() {
    let forbidden = ["std::fs", "std::net", "std::env", "std::process", "SystemTime", "Instant", "SysRng", "ThreadRng"];
    no_word_of(&[&forbidden[..], &["rand::rng(", "OsRng", "tokio"]].concat(), "crypto/src");
}

/// None of these stands in the code of a folder.
fn no_word_of(words: &[&str], folder: &str) {
    let mut files = vec![];
    rust_files(&root().join(folder), &mut files);
    assert!(files.len() > 20, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        // Examples in documentation are other programs.
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for word in words {
                assert!(!line.contains(word), "{} has {word}", file.display());
            }
        }
    }
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The string literals that follow `marker` in the code of crypto, tests left out.
fn literals(marker: &str) -> BTreeSet<String> {
    let mut files = vec![];
    rust_files(&root().join("crypto/src"), &mut files);
    let mut found = BTreeSet::new();
    for file in files {
        if file.to_string_lossy().contains("tests") {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for (at, _) in code.match_indices(marker) {
            let rest = &code[at + marker.len()..];
            found.insert(rest[..rest.find('"').unwrap()].to_owned());
        }
    }
    found
}

/// Private transcripts: nobody else computes them.
const PRIVATE: [&str; 3] = ["batch", "coefficients-seed", "share-check"];

#[test]
fn every_hash_and_transcript_label_in_the_code_stands_in_the_specification() {
    let spec =
        std::fs::read_to_string(root().join("specs/protocol.md")).unwrap().replace("\n   ", "").replace('\n', " ");
    // The ceremony has helpers of its own, which begin every transcript and hash alike.
    let transcripts: BTreeSet<_> = literals("protocol(\"").union(&literals("transcript(\"")).cloned().collect();
    assert!(transcripts.contains("ballot") && transcripts.len() >= 12, "{transcripts:?}");
    for label in transcripts.iter().filter(|l| !PRIVATE.contains(&l.as_str())) {
        let mentioned =
            spec.contains(&format!("transcript(\"{label}\")")) || spec.contains(&format!("transcript( \"{label}\")"));
        assert!(mentioned, "transcript {label} is not in specs/protocol.md");
    }
    let hashes: BTreeSet<_> = literals("Hasher::new(\"").union(&literals("hasher(\"")).cloned().collect();
    assert!(hashes.contains("relation") && hashes.len() >= 9, "{hashes:?}");
    for label in &hashes {
        assert!(spec.contains(&format!("hash(\"{label}\"")), "hash {label} is not in specs/protocol.md");
    }
    for marker in ["challenge_scalar(b\"", "challenge_bytes(b\""] {
        for label in literals(marker).iter().filter(|l| !["coefficient", "weight"].contains(&l.as_str())) {
            let mentioned =
                ["challenge", "challenge_bytes"].iter().any(|c| spec.contains(&format!("{c}(\"{label}\")")));
            assert!(mentioned, "challenge {label} is not in specs/protocol.md");
        }
    }
}

#[test]
fn every_entry_type_in_the_code_stands_in_the_encoding() {
    let spec = std::fs::read_to_string(root().join("specs/encoding.md")).unwrap();
    let mut types = 0;
    for file in ["leaves.rs", "manifest.rs", "ballot/opening.rs"] {
        let code = std::fs::read_to_string(root().join("crypto/src").join(file)).unwrap();
        for line in code.lines().filter(|line| line.starts_with("tag!(")) {
            let name = line.split('"').nth(1).unwrap();
            assert!(spec.contains(&format!("`{name}`")), "{name} is not in specs/encoding.md");
            types += 1;
        }
    }
    assert!(types >= 18, "{types}");
}

/// Every Markdown page of the repository: in its folders, what is built and what is hidden left out.
fn pages() -> Vec<PathBuf> {
    let (mut pages, mut folders) = (vec![], vec![root()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy();
            if path.is_dir() && !["target", "vendor", "node_modules"].contains(&&*name) && !name.starts_with('.') {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "md") {
                pages.push(path);
            }
        }
    }
    pages
}

#[test]
fn every_page_of_the_specifications_is_listed() {
    let list = std::fs::read_to_string(root().join("specs/README.md")).unwrap();
    let specs = root().join("specs");
    let listed = pages().into_iter().filter(|page| page.parent() == Some(specs.as_path()));
    let names: Vec<_> = listed.map(|page| page.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names.iter().filter(|name| *name != "README.md") {
        assert!(list.contains(&format!("]({name})")), "specs/README.md does not list {name}");
    }
}

#[test]
fn links_between_the_pages_lead_somewhere() {
    let pages = pages();
    assert!(pages.len() > 20, "{pages:?}");
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (target, heading) =
                link.split_once('#').map_or((link, None), |(target, heading)| (target, Some(heading)));
            if target.contains("://") {
                continue;
            }
            let target = if target.is_empty() { page.clone() } else { page.parent().unwrap().join(target) };
            assert!(target.exists(), "{}: {link}", page.display());
            if let Some(heading) = heading {
                let headings = headings(&target);
                assert!(headings.contains(heading), "{}: {link} names none of {headings:?}", page.display());
            }
        }
    }
}

/// The headings of a page, as links name them.
fn headings(page: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(page).unwrap();
    let anchor = |heading: &str| -> String {
        let plain = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = plain.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    text.lines().filter(|line| line.starts_with('#')).map(anchor).collect()
}

/// Names in backticks on the `- Test:` lines of the threat model.
#[test]
fn every_test_that_the_threat_model_names_exists() {
    let text = std::fs::read_to_string(root().join("specs/threat-model.md")).unwrap();
    let mut code = String::new();
    for folder in ["crypto", "bulletin-board", "trustee", "voter-app", "verifier", "benches", "specs"] {
        let mut files = vec![];
        rust_files(&root().join(folder), &mut files);
        code.extend(files.iter().map(|file| std::fs::read_to_string(file).unwrap()));
    }
    code.push_str(&std::fs::read_to_string(root().join("scripts/lib/faults")).unwrap());
    let mut names = 0;
    for item in text.split("- Test:").skip(1) {
        let item = item.split("\n\n").next().unwrap().split("\n- ").next().unwrap();
        // With underscores a test, with hyphens a case of the tampered corpus.
        let plain = |name: &&str| name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        let named = |name: &&str| {
            (name.contains('_') || name.contains('-')) && !name.starts_with('-') && !name.starts_with("veritally-")
        };
        for name in item.split('`').skip(1).step_by(2).filter(plain).filter(named) {
            let exists = [format!("fn {name}("), format!("{name}() {{"), format!("\"{name}\",")];
            let exists = exists.iter().any(|text| code.contains(text));
            assert!(exists, "specs/threat-model.md names the test {name}, which does not exist");
            names += 1;
        }
    }
    // And the tables of section 5.
    let tables = text.split("\n## 5. ").nth(1).unwrap().lines().filter(|line| line.starts_with("| "));
    for name in tables.flat_map(|line| line.split('`').skip(1).step_by(2)).filter(|name| name.contains('_')) {
        assert!(
            code.contains(&format!("fn {name}(")),
            "specs/threat-model.md names the test {name}, which does not exist"
        );
        names += 1;
    }
    assert!(names > 100, "{names}");
    // Each attack has a number of its own, by which people refer to it.
    let mut numbers: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("**A")?.split_once('.')).collect();
    numbers.sort_unstable();
    numbers.windows(2).for_each(|pair| assert_ne!(pair[0].0, pair[1].0, "{} and {}", pair[0].1, pair[1].1));
}
