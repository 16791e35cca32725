//! What pages show: plain data, filled in by who does the work.

use std::path::PathBuf;

use veritally_board_api::Link;
use veritally_crypto::ballot::{BallotOpening, ConfirmationCode};
use veritally_crypto::hash::Hash;
use veritally_crypto::id::LeafIndex;
use veritally_crypto::leaves::Head;
use veritally_crypto::manifest::{BallotStyle, Contest, Texts};
use veritally_crypto::record::Phase;
use veritally_crypto::signature::VerificationKey;

/// A device's clock that differs more than this from the board's is said to be off.
pub const CLOCK_TOLERANCE_MS: u64 = 5 * 60 * 1000;

/// With what the election's fingerprint was compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// With nothing: voters must be told to compare it with their letter.
    Nothing,
    /// With the one in the link.
    Link,
    /// With the one that the voter typed from the letter.
    Letter,
    /// A practice election has no letter.
    Practice,
}

/// An election that was opened: its manifest and log were checked.
#[derive(Debug, Clone, PartialEq)]
pub struct ElectionInfo {
    /// Where it is served; `None` for practice.
    pub link: Option<Link>,
    /// SHA-256 of the manifest: which election this is.
    pub fingerprint: Hash,
    /// With what it was compared.
    pub compared: Compared,
    /// By language.
    pub name: Texts,
    /// By language.
    pub description: Texts,
    /// The election's languages, the first one is its own.
    pub languages: Vec<String>,
    /// Signs the log.
    pub board_key: VerificationKey,
    /// The log's name.
    pub origin: String,
    /// The signed head that was checked.
    pub head: Head,
    /// Where the election stands, as the board tells it; what was checked may be older.
    pub phase: Phase,
    /// Milliseconds since the Unix epoch, UTC.
    pub opens_at_ms: u64,
    /// As far as is known, extensions included.
    pub closes_at_ms: u64,
    /// Their names.
    pub administrators: Vec<String>,
    /// Who issues codes: whom to ask about a lost one.
    pub registrar: String,
    /// Their names.
    pub trustees: Vec<String>,
    /// Trustees who together can decrypt.
    pub quorum: u64,
    /// Ballots that each voter may cast; the last one counts.
    pub casts_per_credential: u64,
    /// Whether results may be split so finely by weight that a vote shows; voters must be told.
    pub weights_may_identify: bool,
    /// This device's clock less the board's, milliseconds; `None` when the board told no time.
    pub clock_ahead_ms: Option<i64>,
    /// In a practice election, the code to type.
    pub practice_code: Option<String>,
}

impl ElectionInfo {
    /// Whether nothing counts here.
    #[must_use]
    pub fn is_practice(&self) -> bool {
        self.compared == Compared::Practice
    }

    /// Whether this device's clock, or the board's, is so wrong that times on the pages mislead.
    #[must_use]
    pub fn is_clock_off(&self) -> bool {
        self.clock_ahead_ms.is_some_and(|ahead| ahead.unsigned_abs() > CLOCK_TOLERANCE_MS)
    }
}

/// What a credential may vote on, and what is known of its ballots.
#[derive(Debug, Clone, PartialEq)]
pub struct VoterInfo {
    /// As printed on the letter.
    pub public_id: String,
    /// Its style.
    pub style: BallotStyle,
    /// The style's contests, in the manifest's order.
    pub contests: Vec<Contest>,
    /// How much the vote counts.
    pub weight: u64,
    /// Ballots cast so far, as far as is known: if not 0, the next one replaces the last one.
    pub ballots_cast: u64,
    /// How many more may be cast.
    pub casts_left: u64,
    /// A ballot that was cast, stored, and has no receipt yet: it goes out first.
    pub pending: Option<ConfirmationCode>,
    /// The secret store was asked to keep the code and did not. Voting goes on without.
    pub not_kept: bool,
}

/// A ballot that was opened to test the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestInfo {
    /// Selections, seed and ciphertext.
    pub opening: Box<BallotOpening>,
    /// Where the opened ballot was written.
    pub file: PathBuf,
    /// The file's content, if it is short enough for a QR code.
    pub qr: Option<String>,
}

impl TestInfo {
    /// The code that must come out on the other device, all its bits.
    #[must_use]
    pub fn code(&self) -> ConfirmationCode {
        ConfirmationCode(self.opening.code)
    }
}

/// What a confirmation code's QR code holds: all 256 bits, in capitals, which QR codes store shortest.
#[must_use]
pub fn code_qr(code: &ConfirmationCode) -> String {
    code.0.to_string().to_uppercase()
}

/// A ballot that is in the box: its receipt was verified by this device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptInfo {
    /// To be looked up by anybody.
    pub code: ConfirmationCode,
    /// The voter's pseudonym, shown beside the code.
    pub public_id: String,
    /// Which of the credential's ballots, from 1; those before are replaced.
    pub number: u64,
    /// Its place in the log.
    pub index: LeafIndex,
    /// The signed log that holds it.
    pub head: Head,
    /// The log's name.
    pub origin: String,
    /// Which election.
    pub fingerprint: Hash,
    /// Where the receipt is stored; `None` for practice.
    pub file: Option<PathBuf>,
}
