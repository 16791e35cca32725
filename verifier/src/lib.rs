//! The verifier: checks everything that an election published, and says in plain words what it found.
//!
//! It reads an election's record (a folder, a tar file, or a board's address), replays it entry by entry and reports on
//! the numbered checks V1…V32 of `specs/verification.md`. It trusts nobody: every file is bounded in size before it is
//! read, nothing is taken from a board but bytes, and every failure is named with the entry that shows it.
//!
//! It must never depend on server code. It replays the protocol with `veritally-crypto`'s
//! [`RecordState`](veritally_crypto::record::RecordState), the judge that board and trustees use too; the log's tree is
//! recomputed with another implementation (`ct-merkle`), and a program in another language is `specs/`' business.
//!
//! Where to start reading:
//!
//! - [`verify`] and [`verify_record`]: the whole verification as one call.
//! - [`checks`]: the numbers and names of all checks; its submodules, one for each group.
//! - [`report`]: what comes out; [`terminal`] prints it, [`html`] makes a page of it.
//! - [`follow`]: the same on a live election, step by step.
//! - [`source`]: where records come from.
//! - [`evidence`]: what is kept when a board contradicts what it signed; trustees and voters' programs use it, too.
//! - [`voter`]: receipts and opened ballots, on any device.
//! - [`witness`]: cosigns checkpoints (C2SP tlog-witness), as a server, by asking boards, or inside another program.
//!
//! ```
//! use veritally_crypto::sample::{SampleElection, SampleError, choose};
//! use veritally_verifier::report::Verdict;
//! use veritally_verifier::sample::SampleRecord;
//! use veritally_verifier::{NoProgress, Options, verify};
//!
//! # fn main() -> Result<(), SampleError> {
//! // Whatever the election publishes; for a folder or tar file see `source::open`.
//! let rng = &mut rand::rng();
//! let mut election = SampleElection::open_with(1, rng)?;
//! election.cast(0, &choose("chair", &["a"], false)?, rng)?;
//! let record = SampleRecord::new(election, rng)?.files()?;
//!
//! let report = verify(&record, &Options::default(), &NoProgress)?;
//! assert_eq!(report.verdict, Verdict::Pass);
//! assert_eq!((report.ballots_cast, report.ballots_counted), (1, 1));
//! # Ok(())
//! # }
//! ```
//!
//! Records are streamed: bundles of entries are read, parsed and their ballots verified on all cores, while those before
//! are applied in order. Memory is what `RecordState` keeps (at most 125 bytes a voter, and of each ballot that was cast,
//! superseded ones too, its pad: 38 to 76 bytes in a hash set), 20 bytes a ballot for confirmation codes and positions, and the
//! bundles under way. Where everybody votes once that is less than 250 bytes a voter; each further ballot of a voter takes up
//! to 96 bytes more, so that a manifest's `casts_per_credential` bounds it.

mod audit;
pub mod checks;
pub mod evidence;
mod findings;
pub mod follow;
pub mod html;
mod options;
mod pipeline;
pub mod progress;
pub mod report;
#[cfg(feature = "sample-record")]
pub mod sample;
pub mod source;
pub mod terminal;
pub mod voter;
pub mod witness;
mod words;

pub use audit::{Verified, verify, verify_record};
pub use options::{Options, VerifyError};
pub use progress::{NoProgress, Progress, Stage};
pub use report::Report;
pub use source::Source;
