//! Where a relay is, and how to know that it is the right one.

use std::net::IpAddr;

/// Port of a relay that names none.
const TLS_PORT: u16 = 443;
/// Port of a relay on this machine that names none.
const LOOPBACK_PORT: u16 = 4433;

/// A relay as the link names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayAddr {
    name: String,
    host: String,
    port: u16,
    pin: Option<[u8; 32]>,
}

/// The text names no host, or no valid port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the address of a relay")]
pub struct BadRelayAddr;

impl RelayAddr {
    /// Reads `host`, `host:port`, or an IPv6 address in brackets with or without a port. With
    /// `pin`, the SHA-256 of its certificate, that certificate counts and no other; without, one
    /// that this computer trusts. Only a relay on this machine may do without TLS.
    ///
    /// # Errors
    /// [`BadRelayAddr`].
    pub fn parse(name: &str, pin: Option<[u8; 32]>) -> Result<Self, BadRelayAddr> {
        let (host, port) = match name.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']').ok_or(BadRelayAddr)?;
                let _: std::net::Ipv6Addr = host.parse().map_err(|_| BadRelayAddr)?;
                let port = rest.strip_prefix(':');
                if port.is_none() && !rest.is_empty() {
                    return Err(BadRelayAddr);
                }
                (host, port)
            }
            None => match name.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (name, None),
            },
        };
        let of_a_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        if host.is_empty() || !host.chars().all(of_a_host) {
            return Err(BadRelayAddr);
        }
        let mut address =
            Self { name: name.to_owned(), host: host.to_owned(), port: TLS_PORT, pin };
        if !address.uses_tls() {
            address.port = LOOPBACK_PORT;
        }
        if let Some(port) = port {
            address.port = port.parse().map_err(|_| BadRelayAddr)?;
        }
        Ok(address)
    }

    /// The name exactly as it was given: what a login is bound to and a pseudonym derived from.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Everything but a relay on this machine without a pin.
    #[must_use]
    pub fn uses_tls(&self) -> bool {
        let loopback = self
            .host
            .parse()
            .map_or(self.host == "localhost", |ip: IpAddr| ip.to_canonical().is_loopback());
        self.pin.is_some() || !loopback
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn pin(&self) -> Option<[u8; 32]> {
        self.pin
    }

    /// Host and port as they stand in a URL.
    pub(super) fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority(name: &str) -> Option<String> {
        RelayAddr::parse(name, None).ok().map(|address| address.authority())
    }

    #[test]
    fn addresses_are_read() {
        assert_eq!(authority("relay.example").as_deref(), Some("relay.example:443"));
        assert_eq!(authority("relay.example:8443").as_deref(), Some("relay.example:8443"));
        assert_eq!(authority("127.0.0.1").as_deref(), Some("127.0.0.1:4433"));
        assert_eq!(authority("[2001:db8::1]:9").as_deref(), Some("[2001:db8::1]:9"));
        assert_eq!(authority("[::1]").as_deref(), Some("[::1]:4433"));
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in ["", ":", ":80", "a:", "a:99999", "a b", "a/b", "u@h", "[::1", "[::1]9", "[a]"] {
            assert_eq!(authority(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn only_this_machine_goes_without_tls() {
        let tls = |name, pin| RelayAddr::parse(name, pin).unwrap().uses_tls();
        for local in ["localhost", "127.0.0.1:1", "127.9.9.9", "[::1]:1", "[::ffff:127.0.0.1]"] {
            assert!(!tls(local, None), "{local}");
            assert!(tls(local, Some([0; 32])), "{local}");
        }
        for other in ["localhost.example", "192.168.0.1", "[::2]", "0.0.0.0", "127.0.0.1.example"] {
            assert!(tls(other, None), "{other}");
        }
    }
}
