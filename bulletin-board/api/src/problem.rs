//! Refusals: RFC 9457 problem details with stable `type` tags.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What goes before the tag in `type`.
const PREFIX: &str = "urn:veritally:problem:";

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $tag:literal, $status:literal, $title:literal;)*) => {
        /// Everything that a board's refusal can mean. The tags are stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ProblemKind {
            $($(#[$doc])* $name,)*
            /// A tag that this version does not know.
            Other,
        }

        impl ProblemKind {
            /// All kinds that this version sends.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The stable tag, last part of `type`.
            #[must_use]
            pub fn tag(self) -> &'static str {
                match self {
                    $(Self::$name => $tag,)*
                    Self::Other => "other",
                }
            }

            /// The HTTP status.
            #[must_use]
            pub fn status(self) -> u16 {
                match self {
                    $(Self::$name => $status,)*
                    Self::Other => 500,
                }
            }

            /// A short, constant description.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)*
                    Self::Other => "Unknown problem",
                }
            }
        }
    };
}

kinds! {
    /// No such path.
    NotFound = "not-found", 404, "There is nothing here";
    /// No election with this id.
    UnknownElection = "unknown-election", 404, "This board has no such election";
    /// No entry with this code.
    UnknownEntry = "unknown-entry", 404, "No entry with this code is in the log";
    /// A short code that fits several entries.
    AmbiguousCode = "ambiguous-code", 409, "Several entries begin with this code";
    /// The path takes other methods.
    MethodNotAllowed = "method-not-allowed", 405, "This path does not take this method";
    /// A query, header, code or path segment that is none.
    BadRequest = "bad-request", 400, "The request is malformed";
    /// The body did not arrive in time.
    BodyTimeout = "body-timeout", 408, "The request's body did not arrive in time";
    /// The body is larger than an entry may be.
    TooLarge = "too-large", 413, "The body is larger than an entry may be";
    /// Not the canonical bytes of an entry of this kind.
    NotCanonical = "not-canonical", 400, "The body is not a canonical log entry";
    /// The ballot's proof does not hold.
    BallotInvalid = "ballot-invalid", 422, "The ballot's proof does not hold";
    /// The record's rules do not admit the entry now; `code` says which.
    Rejected = "rejected", 409, "The election's rules do not admit this entry now";
    /// The time for voting is over.
    VotingEnded = "voting-ended", 409, "Voting has ended";
    /// The entry's time is not the board's.
    ClockSkew = "clock-skew", 422, "The entry's time is too far from the board's clock";
    /// A manifest that this board can't keep.
    ManifestRefused = "manifest-refused", 422, "This board can't keep a log for this manifest";
    /// Another election has this id.
    ElectionExists = "election-exists", 409, "Another election has this id on this board";
    /// A byte range outside the file.
    RangeNotSatisfiable = "range-not-satisfiable", 416, "The file has no such bytes";
    /// Too many requests of one address.
    AddressLimited = "address-limited", 429, "Too many requests came from your address; try again";
    /// No or a wrong operator's token.
    Unauthorized = "unauthorized", 401, "The operator's token is missing or wrong";
    /// The voter must confirm by mail first; `detail` says where.
    ConfirmationNeeded = "confirmation-needed", 403, "This election asks you to confirm by mail before you cast";
    /// Many ballots with invalid proofs came for this credential or from this address.
    InvalidBallots = "invalid-ballots", 429, "Too many ballots with invalid proofs came; try again";
    /// Too many ballots wait to be checked.
    QueueFull = "queue-full", 503, "Too many entries are waiting; try again";
    /// The store failed; nothing was acknowledged.
    StoreUnavailable = "store-unavailable", 503, "The board can't store entries now; try again";
    /// The election is not sequenced here any more.
    Stopped = "stopped", 503, "This board does not write this election's log any more";
    /// The board is shutting down.
    ShuttingDown = "shutting-down", 503, "The board is shutting down; try again";
    /// `GET /ready` when the board should get no requests.
    NotReady = "not-ready", 503, "The board is not ready";
    /// Our fault.
    Internal = "internal", 500, "The board failed";
}

impl ProblemKind {
    /// The kind with this `type`, [`Self::Other`] if it is unknown.
    #[must_use]
    pub fn of_type(uri: &str) -> Self {
        let tag = uri.strip_prefix(PREFIX);
        tag.and_then(|tag| Self::ALL.iter().copied().find(|kind| kind.tag() == tag)).unwrap_or(Self::Other)
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            Self::QueueFull
                | Self::StoreUnavailable
                | Self::ShuttingDown
                | Self::BodyTimeout
                | Self::AddressLimited
                | Self::NotReady
                | Self::InvalidBallots
        )
    }
}

/// A refusal: the body of every answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// For [`ProblemKind::Rejected`] and [`ProblemKind::BallotInvalid`]: the rule, see `Rejection::code`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What happened and what to do, in English.
    pub detail: String,
    /// Seconds after which to try again, as in the header `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
    /// The HTTP status.
    pub status: u16,
    /// The kind in words.
    pub title: String,
    /// The kind: a URI that stays the same.
    #[serde(rename = "type")]
    pub uri: String,
}

impl Problem {
    /// A problem of this kind.
    #[must_use]
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            code: None,
            detail: detail.into(),
            retry_after_s: None,
            status: kind.status(),
            title: kind.title().to_owned(),
            uri: format!("{PREFIX}{}", kind.tag()),
        }
    }

    /// Names the rule.
    #[must_use]
    pub fn with_code(mut self, code: &str) -> Self {
        self.code = Some(code.to_owned());
        self
    }

    /// Says when to try again.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> ProblemKind {
        ProblemKind::of_type(&self.uri)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.detail.is_empty() { f.write_str(&self.title) } else { write!(f, "{}: {}", self.title, self.detail) }
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_kind_has_its_own_tag_and_survives_the_wire() {
        let tags: BTreeSet<_> = ProblemKind::ALL.iter().map(|kind| kind.tag()).collect();
        assert_eq!(tags.len(), ProblemKind::ALL.len());
        for &kind in ProblemKind::ALL {
            let problem = Problem::new(kind, "because").with_code("x").with_retry_after(3);
            let again: Problem = serde_json::from_str(&serde_json::to_string(&problem).unwrap()).unwrap();
            assert_eq!(again, problem);
            assert_eq!(again.kind(), kind);
            assert!((400..600).contains(&kind.status()));
        }
        assert_eq!(ProblemKind::of_type("about:blank"), ProblemKind::Other);
    }
}
