//! What `.cargo/deny.toml` says about licences, versions and sources holds for everything that is linked into the programs.
//! cargo-deny checks the same, and advisories, where it is installed; this test needs nothing but cargo.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().unwrap().iter()
}

/// `.cargo/deny.toml`, as JSON.
fn policy() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cargo/deny.toml");
    serde_json::to_value(toml::from_str::<toml::Table>(&std::fs::read_to_string(path).unwrap()).unwrap()).unwrap()
}

fn metadata(target: &str) -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--all-features", "--filter-platform", target])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// `name@1.2` names the crate's versions 1.2.x.
fn is(package: &Value, spec: &str) -> bool {
    let (name, version) = spec.split_once('@').unwrap_or((spec, ""));
    let found = text(&package["version"]);
    text(&package["name"]) == name
        && (version.is_empty() || found.strip_prefix(version).is_some_and(|rest| rest.starts_with('.')))
}

/// Packages that are linked or build something, from our programs on; not entered where `stop` says so.
fn linked<'a>(metadata: &'a Value, policy: &Value, stop: impl Fn(&Value) -> bool) -> Vec<&'a Value> {
    let packages: BTreeMap<&str, &Value> = items(&metadata["packages"]).map(|p| (text(&p["id"]), p)).collect();
    let nodes: BTreeMap<&str, &Value> = items(&metadata["resolve"]["nodes"]).map(|n| (text(&n["id"]), n)).collect();
    let excluded: Vec<&str> = items(&policy["graph"]["exclude"]).map(text).collect();
    let mut next: Vec<&str> = items(&metadata["workspace_members"]).map(text).collect();
    next.retain(|id| !excluded.contains(&text(&packages[id]["name"])));
    let mut seen = BTreeSet::new();
    while let Some(id) = next.pop() {
        if seen.insert(id) && !stop(packages[id]) {
            let used = items(&nodes[id]["deps"]).filter(|d| items(&d["dep_kinds"]).any(|k| k["kind"] != "dev"));
            next.extend(used.map(|d| text(&d["pkg"])));
        }
    }
    seen.into_iter().map(|id| packages[id]).collect()
}

/// Whether an SPDX expression (`/` is an old `OR`) can be met with what is allowed.
fn allowed(expression: &str, allow: &BTreeSet<&str>) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ").replace(" WITH ", "~");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let (met, rest) = any(&tokens, allow);
    assert!(rest.is_empty(), "no SPDX expression: {expression}");
    met
}

/// Terms with `OR` between them; what is left of the tokens.
fn any<'a>(tokens: &'a [&'a str], allow: &BTreeSet<&str>) -> (bool, &'a [&'a str]) {
    let (mut met, mut rest) = all(tokens, allow);
    while let ["OR", after @ ..] = rest {
        let (next, left) = all(after, allow);
        (met, rest) = (met | next, left);
    }
    (met, rest)
}

/// Terms with `AND` between them.
fn all<'a>(tokens: &'a [&'a str], allow: &BTreeSet<&str>) -> (bool, &'a [&'a str]) {
    let (mut met, mut rest) = one(tokens, allow);
    while let ["AND", after @ ..] = rest {
        let (next, left) = one(after, allow);
        (met, rest) = (met & next, left);
    }
    (met, rest)
}

fn one<'a>(tokens: &'a [&'a str], allow: &BTreeSet<&str>) -> (bool, &'a [&'a str]) {
    match tokens {
        ["(", inside @ ..] => {
            let (met, rest) = any(inside, allow);
            (met, rest.strip_prefix(&[")"]).expect("a closing parenthesis"))
        }
        [licence, rest @ ..] => (allow.contains(licence.replace('~', " WITH ").as_str()), rest),
        [] => panic!("an expression ends too early"),
    }
}

#[test]
fn everything_that_is_linked_has_an_allowed_licence_and_comes_from_the_registry() {
    let policy = policy();
    let allow: BTreeSet<&str> = items(&policy["licenses"]["allow"]).map(text).collect();
    let metadata = metadata(text(&policy["graph"]["targets"][0]));
    let banned: Vec<&str> = items(&policy["bans"]["deny"]).map(|ban| text(&ban["crate"])).collect();
    let linked = linked(&metadata, &policy, |_| false);
    assert!(linked.len() > 300, "{}", linked.len());
    for package in linked {
        let name = text(&package["name"]);
        let licence = package["license"].as_str().unwrap_or_else(|| panic!("{name} has no licence"));
        assert!(allowed(licence, &allow), "{name}: {licence} is not among the licences of .cargo/deny.toml");
        let registry = package["source"].as_str().is_none_or(|source| source.starts_with("registry+"));
        assert!(registry, "{name} comes from {}", package["source"]);
        assert!(!banned.contains(&name), "{name} is banned by .cargo/deny.toml");
    }
}

#[test]
fn licences_are_judged_as_spdx_says() {
    let allow = BTreeSet::from(["MIT", "Apache-2.0 WITH LLVM-exception"]);
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0-only", false),
        ("MIT OR GPL-3.0-only", true),
        ("GPL-3.0-only/MIT", true),
        ("MIT AND GPL-3.0-only", false),
        ("(MIT OR GPL-3.0-only) AND ISC", false),
        ("ISC OR (MIT AND Apache-2.0 WITH LLVM-exception)", true),
        ("Apache-2.0", false),
    ] {
        assert_eq!(allowed(expression, &allow), expected, "{expression}");
    }
}

#[test]
fn a_crate_is_linked_in_two_versions_only_with_a_reason() {
    let policy = policy();
    let specs = |list: &str| -> Vec<String> {
        items(&policy["bans"][list]).map(|entry| text(&entry["crate"]).to_owned()).collect()
    };
    let (skip, trees) = (specs("skip"), specs("skip-tree"));
    let metadata = metadata(text(&policy["graph"]["targets"][0]));
    let linked = linked(&metadata, &policy, |package| trees.iter().any(|tree| is(package, tree)));
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in linked.iter().filter(|p| !skip.iter().chain(&trees).any(|spec| is(p, spec))) {
        versions.entry(text(&package["name"])).or_default().push(text(&package["version"]));
    }
    let twice: Vec<_> = versions.iter().filter(|(_, versions)| versions.len() > 1).collect();
    assert!(twice.is_empty(), "in two versions, without a reason in .cargo/deny.toml: {twice:?}");
}
