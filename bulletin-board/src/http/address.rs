//! Who asks: the address behind a trusted proxy, and how much one address may ask.
//!
//! Addresses are kept in memory, for counting, and go nowhere else: no log line, metric or table holds one. (The one
//! exception is the dashboard's activity log, of who signs in to administer.)

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};
use http::HeaderMap;
use ipnet::IpNet;

/// Hops of `X-Forwarded-For` that are looked at, from its end.
const MAX_HOPS: usize = 16;

/// The name of the header in which proxies tell for whom they ask.
pub(super) const FORWARDED_FOR: &str = "x-forwarded-for";

/// Who sent a request, as an extension of it: the peer, or who a trusted proxy says is behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

fn contains(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

/// Proxies whose word is taken for whom they ask.
#[derive(Debug, Clone, Default)]
pub struct Forwarders(Vec<IpNet>);

impl Forwarders {
    /// These networks; nobody else's `X-Forwarded-For` is read.
    #[must_use]
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Whether this peer is one.
    #[must_use]
    pub fn trusts(&self, peer: IpAddr) -> bool {
        contains(&self.0, peer.to_canonical())
    }

    /// For whom a peer asks: from the end of `X-Forwarded-For`, the first address that is no trusted proxy. What stands
    /// before it was written by somebody whom nobody vouches for.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> ClientAddress {
        let mut client = peer.to_canonical();
        if !self.trusts(client) {
            return ClientAddress(client);
        }
        let lines: Vec<_> = headers.get_all(FORWARDED_FOR).iter().rev().take(MAX_HOPS).collect();
        let hops = lines.iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.rsplit(','));
        for hop in hops.take(MAX_HOPS) {
            let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
            client = address.to_canonical();
            if !self.trusts(client) {
                break;
            }
        }
        ClientAddress(client)
    }
}

/// What one address may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressLimits {
    /// Requests a second that read; ten times as many at once.
    pub reads_per_second: NonZeroU32,
    /// Requests a second that write; ten times as many at once. A polling place or a company sits behind one address.
    pub writes_per_second: NonZeroU32,
    /// Connections at once.
    pub connections: u32,
    /// Not limited at all.
    pub unlimited: Vec<IpNet>,
}

impl Default for AddressLimits {
    fn default() -> Self {
        Self {
            reads_per_second: NonZeroU32::new(200).unwrap_or(NonZeroU32::MIN),
            writes_per_second: NonZeroU32::new(20).unwrap_or(NonZeroU32::MIN),
            connections: 256,
            unlimited: loopback(),
        }
    }
}

/// Addresses of this machine: the administrator's own programs, and proxies that nobody configured.
#[must_use]
pub fn loopback() -> Vec<IpNet> {
    ["127.0.0.0/8", "::1/128"].iter().filter_map(|network| network.parse().ok()).collect()
}

/// Counts what addresses do. Of IPv6 the network of 64 bits counts, since one customer has all of it.
pub struct AddressBook {
    limits: AddressLimits,
    reads: DefaultKeyedRateLimiter<IpAddr>,
    writes: DefaultKeyedRateLimiter<IpAddr>,
    connections: Arc<Mutex<HashMap<IpAddr, u32>>>,
}

/// A counted connection, until it is dropped.
pub struct Connected {
    key: Option<IpAddr>,
    connections: Arc<Mutex<HashMap<IpAddr, u32>>>,
}

impl Drop for Connected {
    fn drop(&mut self) {
        let Some(key) = self.key else { return };
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = connections.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                connections.remove(&key);
            }
        }
    }
}

/// Whom an address stands for when it is counted: of IPv6 its network of 64 bits.
pub(crate) fn customer(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

fn quota(per_second: NonZeroU32) -> Quota {
    Quota::per_second(per_second).allow_burst(per_second.saturating_mul(NonZeroU32::new(10).unwrap_or(NonZeroU32::MIN)))
}

impl AddressBook {
    /// An empty one.
    #[must_use]
    pub fn new(limits: AddressLimits) -> Self {
        let reads = DefaultKeyedRateLimiter::hashmap(quota(limits.reads_per_second));
        let writes = DefaultKeyedRateLimiter::hashmap(quota(limits.writes_per_second));
        Self { limits, reads, writes, connections: Arc::default() }
    }

    /// A connection of this address; `None` if it has too many.
    #[must_use]
    pub fn connect(&self, peer: IpAddr, forwarders: &Forwarders) -> Option<Connected> {
        let connections = Arc::clone(&self.connections);
        if self.is_unlimited(peer) || forwarders.trusts(peer) {
            return Some(Connected { key: None, connections });
        }
        let key = customer(peer);
        {
            let mut counts = connections.lock().unwrap_or_else(PoisonError::into_inner);
            let count = counts.entry(key).or_default();
            if *count >= self.limits.connections {
                return None;
            }
            *count += 1;
        }
        Some(Connected { key: Some(key), connections })
    }

    /// Counts a request.
    ///
    /// # Errors
    /// How long to wait when there were too many.
    pub fn request(&self, ClientAddress(address): ClientAddress, writes: bool) -> Result<(), Duration> {
        if self.is_unlimited(address) {
            return Ok(());
        }
        let limiter = if writes { &self.writes } else { &self.reads };
        limiter.check_key(&customer(address)).map_err(|until| until.wait_time_from(DefaultClock::default().now()))
    }

    fn is_unlimited(&self, address: IpAddr) -> bool {
        contains(&self.limits.unlimited, address.to_canonical())
    }

    /// Forgets addresses that did nothing lately: to be called every few seconds, so that memory stays bounded.
    pub fn forget(&self) {
        for limiter in [&self.reads, &self.writes] {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }

    /// Addresses remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.reads.len().max(self.writes.len())
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn forwarders() -> Forwarders {
        Forwarders::new(vec!["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()])
    }

    fn client(peer: &str, lines: &[&str]) -> IpAddr {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, line.parse().unwrap());
        }
        forwarders().client(ip(peer), &headers).0
    }

    #[test]
    fn only_a_trusted_proxy_may_say_for_whom_it_asks() {
        assert_eq!(client("192.0.2.1", &["203.0.113.7"]), ip("192.0.2.1"));
        assert_eq!(client("10.0.0.1", &["203.0.113.7"]), ip("203.0.113.7"));
        assert_eq!(client("::ffff:10.0.0.1", &["203.0.113.7"]), ip("203.0.113.7"));
        assert_eq!(client("::1", &["2001:db8::7"]), ip("2001:db8::7"));
        assert_eq!(client("10.0.0.1", &[]), ip("10.0.0.1"));
    }

    #[test]
    fn what_a_client_writes_before_the_proxies_line_is_not_believed() {
        assert_eq!(client("10.0.0.1", &["127.0.0.1, 198.51.100.2, 203.0.113.7"]), ip("203.0.113.7"));
        assert_eq!(client("10.0.0.1", &["127.0.0.1", "203.0.113.7, 10.0.0.2"]), ip("203.0.113.7"));
        assert_eq!(client("10.0.0.1", &["203.0.113.7, nonsense"]), ip("10.0.0.1"));
        assert_eq!(client("10.0.0.1", &["203.0.113.7, nonsense, 10.0.0.9"]), ip("10.0.0.9"));
        let long = format!("203.0.113.7{}", ", 10.0.0.2".repeat(1_000));
        assert_eq!(client("10.0.0.1", &[&long]), ip("10.0.0.2"));
    }

    #[test]
    fn an_address_has_its_quota_and_others_have_theirs() {
        let limits = AddressLimits { writes_per_second: NonZeroU32::MIN, ..AddressLimits::default() };
        let book = AddressBook::new(limits);
        let ask = |address: &str| book.request(ClientAddress(ip(address)), true);
        assert!((0..10).all(|_| ask("203.0.113.7").is_ok()));
        let wait = ask("203.0.113.7").unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(1), "{wait:?}");
        assert!(ask("203.0.113.8").is_ok());
        assert!(book.request(ClientAddress(ip("203.0.113.7")), false).is_ok(), "reading has its own");
        // One customer, many addresses.
        assert!((0..10).all(|i| ask(&format!("2001:db8::{i:x}")).is_ok()));
        assert!(ask("2001:db8::ffff").is_err() && ask("2001:db8:0:1::").is_ok());
        assert!((0..1_000).all(|_| ask("127.0.0.1").is_ok()), "this machine is not limited");
        assert_eq!(book.len(), 4);
        book.forget();
        assert_eq!(book.len(), 4, "still limited");
    }

    #[test]
    fn an_address_has_so_many_connections() {
        let book = AddressBook::new(AddressLimits { connections: 2, ..AddressLimits::default() });
        let none = Forwarders::default();
        let (one, two) = (book.connect(ip("203.0.113.7"), &none), book.connect(ip("203.0.113.7"), &none));
        assert!(one.is_some() && two.is_some() && book.connect(ip("203.0.113.7"), &none).is_none());
        assert!(book.connect(ip("203.0.113.8"), &none).is_some());
        drop(one);
        assert!(book.connect(ip("203.0.113.7"), &none).is_some());
        let proxy = [(); 3].map(|()| book.connect(ip("10.0.0.1"), &forwarders()));
        assert!(proxy.iter().all(Option::is_some), "a proxy stands for many");
        drop((two, proxy));
        assert!(book.connections.lock().unwrap().is_empty());
    }
}
