//! Links to elections: `veritally://HOST[:PORT]/ELECTION?fp=HEX`.
//!
//! The fingerprint in a link says *which* election is meant; a board can serve another one under the same name.
//!
//! ```
//! use veritally_board_api::Link;
//!
//! let fingerprint = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
//! let link: Link = format!("veritally://vote.example.org/committee?fp={fingerprint}").parse()?;
//! assert_eq!(link.board.as_str(), "https://vote.example.org/");
//! assert_eq!(link.election.as_str(), "committee");
//! assert_eq!(link.fingerprint.map(|hash| hash.to_string()).as_deref(), Some(fingerprint));
//! # Ok::<(), veritally_board_api::link::LinkError>(())
//! ```

use std::fmt;

use url::Url;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::Id;

use crate::paths;

/// Longest link that is read.
const MAX_LINK_BYTES: usize = 2_048;

/// Why a text is no link to an election.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[error("not a link to an election ({0}): expected veritally://HOST/ELECTION?fp=HEX or https://HOST/e/ELECTION")]
pub struct LinkError(&'static str);

/// An election on a board, and its fingerprint if the link carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The board's address, ending in `/`; http or https.
    pub board: Url,
    /// The election's id.
    pub election: Id,
    /// What the manifest must hash to.
    pub fingerprint: Option<Hash>,
}

impl Link {
    /// Reads a link. `veritally://` means https, or http on a loopback address; `veritally+http://` and
    /// `veritally+https://` say it.
    ///
    /// # Errors
    /// [`LinkError`] with the reason.
    pub fn parse(text: &str) -> Result<Self, LinkError> {
        let text = text.trim();
        if text.len() > MAX_LINK_BYTES {
            return Err(LinkError("too long"));
        }
        let (scheme, rest) = text.split_once("://").ok_or(LinkError("no scheme"))?;
        let (transport, ours) = match scheme.to_ascii_lowercase().as_str() {
            "veritally" => (None, true),
            "veritally+http" => (Some("http"), true),
            "veritally+https" => (Some("https"), true),
            "http" => (Some("http"), false),
            "https" => (Some("https"), false),
            _ => return Err(LinkError("unknown scheme")),
        };
        let parse = |scheme: &str| Url::parse(&format!("{scheme}://{rest}")).map_err(|_| LinkError("not a URL"));
        let mut url = match transport {
            Some(scheme) => parse(scheme)?,
            // The port that is left out depends on the scheme, so the host is looked at first.
            None if is_loopback(&parse("http")?) => parse("http")?,
            None => parse("https")?,
        };
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(LinkError("user names and fragments have no meaning here"));
        }
        let fingerprint = fingerprint(&url)?;
        let (board_path, election) = split_path(url.path(), ours)?;
        let board_path = board_path.to_owned();
        let election = Id::new(election).map_err(|_| LinkError("the election's id is missing or malformed"))?;
        url.set_query(None);
        url.set_path(&board_path);
        Ok(Self { board: url, election, fingerprint })
    }

    /// Whether the board is on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.board)
    }
}

/// Whether a URL's host is a loopback address or `localhost`.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

fn fingerprint(url: &Url) -> Result<Option<Hash>, LinkError> {
    let mut found = None;
    for (name, value) in url.query_pairs() {
        if name != "fp" || found.is_some() {
            return Err(LinkError("the only parameter is fp, once"));
        }
        let hash = Hash::from_hex(&value.to_ascii_lowercase());
        found = Some(hash.map_err(|_| LinkError("the fingerprint is not 64 hexadecimal digits: was the link cut?"))?);
    }
    Ok(found)
}

/// The board's path, ending in `/`, and the election's id.
fn split_path(path: &str, ours: bool) -> Result<(&str, &str), LinkError> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let (before, election) = path.rsplit_once('/').ok_or(LinkError("no election"))?;
    let board =
        if ours { Some(before) } else { before.strip_suffix(paths::ELECTION).and_then(|b| b.strip_suffix('/')) };
    let board = board.ok_or(LinkError("the path does not end in /e/ELECTION"))?;
    path.get(..=board.len()).map(|board| (board, election)).ok_or(LinkError("no election"))
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match (self.board.scheme(), self.is_loopback()) {
            ("https", false) | ("http", true) => "veritally",
            ("https", true) => "veritally+https",
            _ => "veritally+http",
        };
        let address = self.board.as_str().split_once("://").map_or("", |(_, rest)| rest);
        write!(f, "{scheme}://{address}{}", self.election)?;
        if let Some(fingerprint) = &self.fingerprint {
            write!(f, "?fp={fingerprint}")?;
        }
        Ok(())
    }
}

impl std::str::FromStr for Link {
    type Err = LinkError;
    fn from_str(text: &str) -> Result<Self, LinkError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    const FP: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    #[test]
    fn links_name_board_election_and_fingerprint() {
        for (text, board, printed) in [
            ("veritally://vote.example/village", "https://vote.example/", "veritally://vote.example/village"),
            (
                "veritally://vote.example:8443/village/",
                "https://vote.example:8443/",
                "veritally://vote.example:8443/village",
            ),
            ("veritally://127.0.0.1:8080/village", "http://127.0.0.1:8080/", "veritally://127.0.0.1:8080/village"),
            ("veritally://[::1]:8080/village", "http://[::1]:8080/", "veritally://[::1]:8080/village"),
            ("veritally://localhost/village", "http://localhost/", "veritally://localhost/village"),
            ("veritally+http://10.0.0.1/village", "http://10.0.0.1/", "veritally+http://10.0.0.1/village"),
            ("veritally+https://127.0.0.1/village", "https://127.0.0.1/", "veritally+https://127.0.0.1/village"),
            ("https://vote.example/e/village", "https://vote.example/", "veritally://vote.example/village"),
            ("http://vote.example/e/village/", "http://vote.example/", "veritally+http://vote.example/village"),
            ("https://a.example/boards/e/village", "https://a.example/boards/", "veritally://a.example/boards/village"),
            ("  veritally://vote.example/village\n", "https://vote.example/", "veritally://vote.example/village"),
        ] {
            let link = Link::parse(text).unwrap();
            assert_eq!(link.board.as_str(), board, "{text}");
            assert_eq!(link.election.as_str(), "village");
            assert_eq!(link.fingerprint, None);
            assert_eq!(link.to_string(), printed);
            assert_eq!(Link::parse(&link.to_string()).unwrap(), link);
        }
    }

    #[test]
    fn the_fingerprint_travels_in_the_link() {
        for text in
            [format!("veritally://a.example/v?fp={FP}"), format!("https://a.example/e/v?fp={}", FP.to_uppercase())]
        {
            let link = Link::parse(&text).unwrap();
            assert_eq!(link.fingerprint.unwrap().to_string(), FP);
            assert_eq!(link.to_string(), format!("veritally://a.example/v?fp={FP}"));
        }
    }

    #[test]
    fn other_texts_are_no_links() {
        let cut = format!("veritally://a.example/v?fp={}", &FP[..63]);
        let twice = format!("veritally://a.example/v?fp={FP}&fp={FP}");
        for text in [
            "",
            "village",
            "veritally:",
            "veritally://",
            "veritally:///village",
            "veritally://a.example",
            "veritally://a.example/",
            "ftp://a.example/e/village",
            "https://a.example/village",
            "https://a.example/x/village",
            "https://a.example/some/village",
            "veritally://a.example/Village",
            "veritally://a.example/vil lage",
            "veritally://a.example/v?fp=",
            &cut,
            &twice,
            "veritally://a.example/v?x=1",
            "veritally://user@a.example/v",
            "veritally://a.example/v#part",
        ] {
            assert!(Link::parse(text).is_err(), "{text}");
        }
        assert!(Link::parse(&format!("veritally://a.example/{}", "v".repeat(MAX_LINK_BYTES))).is_err());
    }
}
