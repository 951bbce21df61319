//! How much one network address may ask for before it has logged in.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use crate::bucket::Bucket;
use crate::limits::{AcceptLimits, Rate};

/// One connection that did not end in a login costs this much; one unit comes back each second.
const FAILURE_COST: usize = 12;

/// Addresses that have connections, or recently failed to log in.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    known: HashMap<IpAddr, Address>,
}

#[derive(Debug)]
struct Address {
    open: usize,
    failures: Bucket,
}

impl Addresses {
    /// Whether one more connection from `ip` is let in. If so, [`Addresses::close`] must follow.
    pub(super) fn open(&mut self, ip: IpAddr, limits: &AcceptLimits, now: Duration) -> bool {
        let Some(key) = key(ip) else { return true };
        if !self.known.contains_key(&key) && self.known.len() >= limits.addresses {
            self.forget(now);
            if self.known.len() >= limits.addresses {
                return false;
            }
        }
        let burst = limits.failures_per_address.saturating_mul(FAILURE_COST as u32);
        let address = self.known.entry(key).or_insert_with(|| Address {
            open: 0,
            failures: Bucket::new(Rate { per_second: 1, burst }, now),
        });
        if address.open >= limits.connections_per_address
            || !address.failures.take(FAILURE_COST, now)
        {
            return false;
        }
        address.open += 1;
        true
    }

    /// A connection from `ip` logged in: it was no failure.
    pub(super) fn logged_in(&mut self, ip: IpAddr) {
        if let Some(address) = key(ip).and_then(|key| self.known.get_mut(&key)) {
            address.failures.give_back(FAILURE_COST);
        }
    }

    /// A connection from `ip` ended.
    pub(super) fn close(&mut self, ip: IpAddr) {
        if let Some(address) = key(ip).and_then(|key| self.known.get_mut(&key)) {
            address.open = address.open.saturating_sub(1);
        }
    }

    /// Forgets addresses that have nothing open and nothing to answer for.
    pub(super) fn forget(&mut self, now: Duration) {
        self.known.retain(|_, address| address.open > 0 || !address.failures.is_full(now));
    }
}

/// What is counted as one address; nothing for loopback.
fn key(ip: IpAddr) -> Option<IpAddr> {
    match ip.to_canonical() {
        ip if ip.is_loopback() => None,
        IpAddr::V6(v6) => {
            let network = v6.to_bits() & !u128::from(u64::MAX);
            Some(IpAddr::V6(Ipv6Addr::from_bits(network)))
        }
        v4 @ IpAddr::V4(_) => Some(v4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn connections_of_one_address_are_counted() {
        let limits = AcceptLimits { failures_per_address: 1000, ..AcceptLimits::default() };
        let (mut addresses, now) = (Addresses::default(), Duration::ZERO);
        for _ in 0..limits.connections_per_address {
            assert!(addresses.open(ip("192.0.2.1"), &limits, now));
        }
        assert!(!addresses.open(ip("192.0.2.1"), &limits, now));
        assert!(addresses.open(ip("192.0.2.2"), &limits, now));
        assert!((0..1000).all(|_| addresses.open(ip("127.0.0.1"), &limits, now)));
        addresses.close(ip("192.0.2.1"));
        assert!(addresses.open(ip("192.0.2.1"), &limits, now));
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let limits = AcceptLimits { connections_per_address: 1, ..AcceptLimits::default() };
        let (mut addresses, now) = (Addresses::default(), Duration::ZERO);
        assert!(addresses.open(ip("2001:db8::1"), &limits, now));
        assert!(!addresses.open(ip("2001:db8::2"), &limits, now));
        assert!(addresses.open(ip("2001:db8:0:1::1"), &limits, now));
    }

    #[test]
    fn failures_run_out_and_logins_do_not_count() {
        let limits = AcceptLimits::default();
        let mut addresses = Addresses::default();
        let mut attempt = |login: bool, at: u64| {
            let now = Duration::from_secs(at);
            let open = addresses.open(ip("192.0.2.1"), &limits, now);
            if open && login {
                addresses.logged_in(ip("192.0.2.1"));
            }
            if open {
                addresses.close(ip("192.0.2.1"));
            }
            open
        };
        assert!((0..100).all(|_| attempt(true, 0)));
        assert!((0..10).all(|_| attempt(false, 0)));
        assert!(!attempt(false, 11));
        assert!(attempt(false, 12));
        assert!(!attempt(false, 12));
    }

    #[test]
    fn the_memory_of_addresses_is_bounded() {
        let limits = AcceptLimits { addresses: 2, ..AcceptLimits::default() };
        let (mut addresses, now) = (Addresses::default(), Duration::ZERO);
        assert!(addresses.open(ip("192.0.2.1"), &limits, now));
        assert!(addresses.open(ip("192.0.2.2"), &limits, now));
        assert!(!addresses.open(ip("192.0.2.3"), &limits, now));
        addresses.close(ip("192.0.2.1"));
        assert!(!addresses.open(ip("192.0.2.3"), &limits, now), "its failure still counts");
        assert!(addresses.open(ip("192.0.2.3"), &limits, Duration::from_secs(12)));
    }
}
