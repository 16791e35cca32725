//! Making an election: configuration and everybody's public files become a manifest, leaf 0 of a new log.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use veritally_board_api::files::FileError;
use veritally_board_api::{BoardInfo, Client, Link};
use veritally_crypto::hash::Hash;
use veritally_crypto::id::Id;
use veritally_crypto::manifest::{
    Administrator, CheckedManifest, LogIdentity, Manifest, ManifestTag, NamedKey, TrusteeKeys,
};
use veritally_crypto::signature::VerificationKey;

use super::{AdminError, Config, ConfigError};
use crate::clock::{Clock as _, SystemClock};

/// Fewest voters in a published cell, unless the configuration says otherwise.
const FLOOR: u64 = 10;
/// How often a credential may vote.
const CASTS: u64 = 10;
/// Upper bound of the total weight.
const MAX_TOTAL_WEIGHT: u64 = 1_000_000;

/// What goes into a manifest besides the configuration.
pub struct People {
    /// The administrator's public key.
    pub administrator: VerificationKey,
    /// The registrar's public file.
    pub registrar: NamedKey,
    /// The trustees' public files, in order.
    pub trustees: Vec<TrusteeKeys>,
}

/// A new election.
pub struct Created {
    /// Where it is; with its fingerprint.
    pub link: Link,
    /// Leaf 0, the file `manifest.json`.
    pub manifest: Vec<u8>,
    /// SHA-256 of it.
    pub fingerprint: Hash,
    /// By how much the board's clock is ahead of ours, in milliseconds.
    pub clock_ahead_ms: i64,
}

/// Reads somebody's public file.
///
/// # Errors
/// [`FileError`].
pub fn read_public<T: DeserializeOwned>(path: &Path, expected: &'static str) -> Result<T, FileError> {
    let bytes = std::fs::read(path).map_err(FileError::io("read", path))?;
    serde_json::from_slice(&bytes).map_err(|_| FileError::Content { path: PathBuf::from(path), expected })
}

/// q unless somebody says otherwise. DESIGN.md section 2, Decryption: a quorum of witnesses can't cosign a fork; else
/// ⌈(n+k)/2⌉ trustees.
pub(crate) fn default_agreement(n: u64, k: u64, witness_quorum: u64) -> u64 {
    if witness_quorum > 0 { k } else { n.saturating_add(k).div_ceil(2) }
}

/// Makes the manifest for a board.
///
/// # Errors
/// [`AdminError::Config`], [`AdminError::Manifest`] with everything that is wrong.
pub fn manifest(
    config: &Config,
    people: People,
    board: &BoardInfo,
    now_ms: u64,
) -> Result<CheckedManifest, AdminError> {
    let election = Id::new(&*config.election).map_err(ConfigError::from)?;
    let n = people.trustees.len() as u64;
    let k = config.quorum.unwrap_or(n / 2 + 1);
    let q = default_agreement(n, k, config.witness_quorum);
    let administrator =
        Administrator { held_by_board: false, key: people.administrator, name: config.administrator.clone() };
    let mut administrators = vec![administrator];
    if config.board_may_open_and_close {
        let key = board.administrator_key.ok_or_else(|| {
            AdminError::NotNow("this board has no administrator's key: leave out board_may_open_and_close".into())
        })?;
        administrators.push(Administrator { held_by_board: true, key, name: "bulletin board".into() });
    }
    let manifest = Manifest {
        administrators,
        agreement_quorum: config.agreement_quorum.unwrap_or(q),
        ballot_styles: config.styles()?,
        casts_per_credential: config.casts_per_credential.unwrap_or(CASTS),
        contests: config.contests()?,
        description: config.description.as_ref().map_or_else(
            || config.languages.iter().map(|language| (language.clone(), String::new())).collect(),
            |text| config.texts(text),
        ),
        dispute_window_ms: config.dispute_window_ms()?,
        log: LogIdentity { key: board.log_key, origin: board.origin(&election) },
        election,
        floor: config.floor.unwrap_or(FLOOR),
        groups: config.groups()?,
        languages: config.languages.clone(),
        max_total_weight: config.max_total_weight.unwrap_or(MAX_TOTAL_WEIGHT),
        name: config.texts(&config.name),
        quorum: k,
        registrar: people.registrar,
        schedule: config.schedule(now_ms)?,
        trustees: people.trustees,
        tag: ManifestTag,
        weights_may_identify: config.weights_may_identify,
        witness_quorum: config.witness_quorum,
        witnesses: config.witnesses.clone(),
    };
    Ok(CheckedManifest::new(manifest)?)
}

/// Makes the manifest and begins the election on the board.
///
/// # Errors
/// [`AdminError`].
pub async fn create(client: &Client, token: &str, config: &Config, people: People) -> Result<Created, AdminError> {
    let board = client.board_info().await?;
    let now_ms = SystemClock.now_ms();
    let checked = manifest(config, people, &board, now_ms)?;
    let leaf = checked.to_leaf()?;
    client.create_election(leaf.clone(), token).await?;
    let link = Link {
        board: client.board().clone(),
        election: checked.election.clone(),
        fingerprint: Some(checked.fingerprint()),
    };
    let ahead = i64::try_from(board.time_ms).unwrap_or(i64::MAX).saturating_sub_unsigned(now_ms);
    Ok(Created { link, manifest: leaf, fingerprint: checked.fingerprint(), clock_ahead_ms: ahead })
}
