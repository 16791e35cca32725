//! Paths below a board's address: the one place that spells them.

use veritally_crypto::id::Id;

/// Elections of the board (GET), a new one (POST with the operator's token).
pub const ELECTIONS: &str = "elections";
/// The board's name and log key.
pub const BOARD: &str = "board";
/// First segment of everything that belongs to one election.
pub const ELECTION: &str = "e";

/// Below an election: POST a ballot.
pub const BALLOTS: &str = "ballots";
/// Below an election: POST an official's entry.
pub const ENTRIES: &str = "entries";
/// Below an election: GET the receipt of an entry by confirmation code, short code or SHA-256 of the entry.
pub const RECEIPTS: &str = "receipts";
/// Below an election: where it stands.
pub const STATUS: &str = "status";
/// Below an election: server-sent events.
pub const EVENTS: &str = "events";
/// Below an election: the signed tree head (C2SP tlog-checkpoint).
pub const CHECKPOINT: &str = "checkpoint";
/// Below an election: tiles and entry bundles (C2SP tlog-tiles).
pub const TILE: &str = "tile";
/// Below an election: leaf 0.
pub const MANIFEST: &str = "manifest";

/// Below an election: who cosigned which checkpoint.
pub const WITNESSES: &str = "witnesses";
/// Whether the board runs at all.
pub const HEALTH: &str = "health";
/// Whether it should get requests.
pub const READY: &str = "ready";

/// A path of the interface, and what may be done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// As in `specs/openapi.yaml`: `{name}` stands for one segment, `{index}` for one to seven.
    pub template: &'static str,
    /// A short name, for metrics and logs.
    pub name: &'static str,
    /// GET includes HEAD, but for the events.
    pub methods: &'static [&'static str],
}

const fn route(name: &'static str, template: &'static str, methods: &'static [&'static str]) -> Route {
    Route { template, name, methods }
}

/// Everything that programs may ask a board; pages for people are not among it. The server lets nothing through that is
/// not listed here, and a test compares the list with `specs/openapi.yaml`.
pub const ROUTES: &[Route] = &[
    route("board", "/board", &["GET"]),
    route("elections", "/elections", &["GET", "POST"]),
    route("health", "/health", &["GET"]),
    route("ready", "/ready", &["GET"]),
    // GET is a page for people.
    route("ballots", "/e/{election}/ballots", &["GET", "POST"]),
    route("entries", "/e/{election}/entries", &["POST"]),
    route("receipts", "/e/{election}/receipts/{code}", &["GET"]),
    route("status", "/e/{election}/status", &["GET"]),
    route("events", "/e/{election}/events", &["GET"]),
    route("witnesses", "/e/{election}/witnesses", &["GET"]),
    route("checkpoint", "/e/{election}/checkpoint", &["GET"]),
    route("manifest", "/e/{election}/manifest", &["GET"]),
    route("partial-bundle", "/e/{election}/tile/entries/{index}.p/{width}", &["GET"]),
    route("bundle", "/e/{election}/tile/entries/{index}", &["GET"]),
    route("partial-tile", "/e/{election}/tile/{level}/{index}.p/{width}", &["GET"]),
    route("tile", "/e/{election}/tile/{level}/{index}", &["GET"]),
];

impl Route {
    /// The route that a request's path belongs to.
    #[must_use]
    pub fn of(path: &str) -> Option<&'static Self> {
        let segments: Vec<_> = path.strip_prefix('/')?.split('/').take(MAX_SEGMENTS + 1).collect();
        ROUTES.iter().find(|route| {
            let template: Vec<_> = route.template.split('/').skip(1).collect();
            fits(&template, &segments)
        })
    }

    /// Whether it takes this method.
    #[must_use]
    pub fn takes(&self, method: &str) -> bool {
        let events = self.template.ends_with(EVENTS);
        self.methods.contains(&if method == "HEAD" && !events { "GET" } else { method })
    }
}

/// Most segments of a path: those of a tile in the largest log.
const MAX_SEGMENTS: usize = 16;

fn fits(template: &[&str], path: &[&str]) -> bool {
    let (Some((expected, template)), Some((segment, rest))) = (template.split_first(), path.split_first()) else {
        return template.is_empty() && path.is_empty();
    };
    if let Some(suffix) = expected.strip_prefix("{index}") {
        let ends = path.iter().enumerate().filter(|(_, segment)| segment.ends_with(suffix));
        return ends.map(|(i, _)| i).any(|i| path.get(i + 1..).is_some_and(|rest| fits(template, rest)));
    }
    let fitting = if expected.starts_with('{') { !segment.is_empty() } else { expected == segment };
    fitting && fits(template, rest)
}

/// `e/<election>/<rest>`.
#[must_use]
pub fn in_election(election: &Id, rest: &str) -> String {
    format!("{ELECTION}/{election}/{rest}")
}

/// `receipts/<code>`.
#[must_use]
pub fn receipt(code: &str) -> String {
    format!("{RECEIPTS}/{code}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    #[test]
    fn every_path_belongs_to_the_route_that_it_looks_like() {
        let of = |path: &str| Route::of(path).map(|route| route.template);
        for (path, template) in [
            ("/board", Some("/board")),
            ("/board/", None),
            ("/", None),
            ("", None),
            ("/e/x/status", Some("/e/{election}/status")),
            ("/e//status", None),
            ("/e/x/status/y", None),
            ("/e/x/tile/0/000", Some("/e/{election}/tile/{level}/{index}")),
            ("/e/x/tile/0/x001/x002/003", Some("/e/{election}/tile/{level}/{index}")),
            ("/e/x/tile/0/x001/002.p/7", Some("/e/{election}/tile/{level}/{index}.p/{width}")),
            ("/e/x/tile/entries/000", Some("/e/{election}/tile/entries/{index}")),
            ("/e/x/tile/entries/000.p/1", Some("/e/{election}/tile/entries/{index}.p/{width}")),
            ("/e/x/tile/0", None),
            ("/e/x/tile", None),
        ] {
            assert_eq!(of(path), template, "{path}");
        }
        assert!(Route::of(&"/x".repeat(10_000)).is_none());
        let events = Route::of("/e/x/events").unwrap();
        assert!(events.takes("GET") && !events.takes("HEAD"));
        assert!(Route::of("/board").unwrap().takes("HEAD"));
    }
}
