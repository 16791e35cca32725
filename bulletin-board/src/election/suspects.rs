//! Who sent ballots whose proofs do not hold.
//!
//! Credentials are public: anybody can send ballots in anybody's name. Their proofs fail, and one failing proof makes
//! its whole batch be checked again in halves. So a credential and an address of which a proof failed lately are
//! suspects: their ballots are checked one by one, aside, where they hold up nobody, and not more of them than a quota.
//! The quota of a credential is counted by address, so that nobody uses up a voter's from elsewhere.
//!
//! Addresses stay in memory, for a while, beside nothing that says whose ballot it was: the credentials here are those
//! of failing ballots, which are in no log.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};
use veritally_crypto::credential::CredentialKey;

/// How long after a failing proof one stays a suspect.
const SUSPICION: Duration = Duration::from_secs(600);
/// Suspects remembered: a few megabytes. Who comes when it is full is checked with the others.
const MOST: usize = 50_000;
/// Ballots of one suspect credential from one address: so many at once, then one in each period.
const CREDENTIAL: (NonZeroU32, Duration) = (NonZeroU32::MIN.saturating_add(2), Duration::from_secs(5));
/// Ballots of one suspect address. Others may sit behind it: they get through, one after the other.
const ADDRESS: (NonZeroU32, Duration) = (NonZeroU32::MIN.saturating_add(9), Duration::from_secs(1));

/// How a ballot is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// In a batch with others.
    Together,
    /// One by one.
    Aside,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Suspect {
    Credential(CredentialKey),
    Address(IpAddr),
}

/// The suspects of one election, and their quotas.
pub(super) struct Suspects {
    since: Mutex<HashMap<Suspect, Instant>>,
    credentials: DefaultKeyedRateLimiter<(CredentialKey, Option<IpAddr>)>,
    addresses: DefaultKeyedRateLimiter<IpAddr>,
}

/// Of IPv6, the network of 64 bits: one customer has all of it.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

fn quota((burst, period): (NonZeroU32, Duration)) -> Quota {
    Quota::with_period(period).unwrap_or(Quota::per_second(NonZeroU32::MIN)).allow_burst(burst)
}

impl Default for Suspects {
    fn default() -> Self {
        Self {
            since: Mutex::default(),
            credentials: DefaultKeyedRateLimiter::hashmap(quota(CREDENTIAL)),
            addresses: DefaultKeyedRateLimiter::hashmap(quota(ADDRESS)),
        }
    }
}

impl Suspects {
    /// Where this ballot is to be checked.
    ///
    /// # Errors
    /// How long to wait: a suspect sent too many.
    pub(super) fn lane(&self, credential: CredentialKey, from: Option<IpAddr>) -> Result<Lane, Duration> {
        let from = from.map(network);
        let (by_credential, by_address) = {
            let since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
            if since.is_empty() {
                return Ok(Lane::Together);
            }
            let is = |suspect| since.get(&suspect).is_some_and(|since| since.elapsed() < SUSPICION);
            (is(Suspect::Credential(credential)), from.filter(|&from| is(Suspect::Address(from))))
        };
        let now = DefaultClock::default().now();
        if by_credential {
            self.credentials.check_key(&(credential, from)).map_err(|until| until.wait_time_from(now))?;
        }
        if let Some(address) = by_address {
            self.addresses.check_key(&address).map_err(|until| until.wait_time_from(now))?;
        }
        Ok(if by_credential || by_address.is_some() { Lane::Aside } else { Lane::Together })
    }

    /// A proof failed.
    pub(super) fn failed(&self, credential: CredentialKey, from: Option<IpAddr>) {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        if since.len() >= MOST {
            since.retain(|_, since| since.elapsed() < SUSPICION);
            self.credentials.retain_recent();
            self.addresses.retain_recent();
        }
        if since.len() < MOST {
            let now = Instant::now();
            since.insert(Suspect::Credential(credential), now);
            if let Some(from) = from {
                since.insert(Suspect::Address(network(from)), now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use veritally_crypto::group::EncodedPoint;

    use super::*;

    fn credential(i: u8) -> CredentialKey {
        CredentialKey(EncodedPoint([i; 32]))
    }

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn who_sent_no_bad_proof_is_checked_with_the_others() {
        let suspects = Suspects::default();
        assert!((0..1_000).all(|_| suspects.lane(credential(1), ip("192.0.2.1")) == Ok(Lane::Together)));
        suspects.failed(credential(2), ip("192.0.2.2"));
        assert!((0..1_000).all(|_| suspects.lane(credential(1), ip("192.0.2.1")) == Ok(Lane::Together)));
    }

    #[test]
    fn a_voter_in_whose_name_others_send_rubbish_gets_through_from_another_address() {
        let suspects = Suspects::default();
        suspects.failed(credential(1), ip("192.0.2.66"));
        let sent: Vec<_> = (0..100).map(|_| suspects.lane(credential(1), ip("192.0.2.66"))).collect();
        assert_eq!(sent.iter().filter(|lane| **lane == Ok(Lane::Aside)).count(), 3);
        let wait = sent[99].unwrap_err();
        assert!(wait > Duration::ZERO && wait <= CREDENTIAL.1, "{wait:?}");
        assert_eq!(suspects.lane(credential(1), ip("192.0.2.1")), Ok(Lane::Aside));
    }

    #[test]
    fn an_address_that_sends_rubbish_in_many_names_has_one_quota() {
        let suspects = Suspects::default();
        suspects.failed(credential(0), ip("2001:db8::1"));
        let through = (1..=100).filter(|&i| suspects.lane(credential(i), ip(&format!("2001:db8::{i:x}"))).is_ok());
        assert_eq!(through.count(), 10);
        assert_eq!(suspects.lane(credential(101), ip("2001:db8:0:1::1")), Ok(Lane::Together));
        assert_eq!(suspects.lane(credential(0), None), Ok(Lane::Aside));
    }

    #[test]
    fn memory_is_bounded() {
        let suspects = Suspects::default();
        for i in 0..u32::try_from(MOST).unwrap() + 10 {
            let mut key = [0; 32];
            key[..4].copy_from_slice(&i.to_be_bytes());
            suspects.failed(CredentialKey(EncodedPoint(key)), None);
        }
        assert_eq!(suspects.since.lock().unwrap().len(), MOST);
    }
}
