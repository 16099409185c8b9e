//! Where a webhook may lead: to the internet, and into networks that an operator names, nowhere else. Checked of the address that is then
//! connected to, whatever the name said a moment before.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;
use url::{Host, Url};

/// Most bytes of a webhook's URL.
pub const MAX_URL_BYTES: usize = 1_024;

/// What webhooks may reach.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// Networks that may be reached although they are not the internet.
    pub networks: Vec<IpNet>,
    /// Whether `http:` is let be: what is sent can then be read, and its answer forged, on the way.
    pub plain_http: bool,
}

/// Why a URL can't be called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is no URL that can be called.
    #[error(
        "must be an https URL of at most {MAX_URL_BYTES} bytes, without user, password, fragment and spaces"
    )]
    Url,
    /// It leads where webhooks must not go.
    #[error("leads to {0}, which is not an address of the internet")]
    Forbidden(IpAddr),
}

impl Reach {
    /// Checks a URL as far as that can be done without asking for its name's addresses.
    ///
    /// # Errors
    /// [`Error`].
    pub fn check(&self, text: &str) -> Result<Url, Error> {
        // A URL's parser drops them in silence, and what is called would not be what was asked for.
        let stray = |letter: char| letter.is_control() || letter.is_whitespace();
        if text.len() > MAX_URL_BYTES || text.contains(stray) {
            return Err(Error::Url);
        }
        let url = Url::parse(text).map_err(|_| Error::Url)?;
        let scheme = url.scheme() == "https" || self.plain_http && url.scheme() == "http";
        let plain = url.username().is_empty() && url.password().is_none();
        if !scheme || !plain || url.fragment().is_some() {
            return Err(Error::Url);
        }
        match url.host() {
            Some(Host::Ipv4(address)) => self.check_address(address.into())?,
            Some(Host::Ipv6(address)) => self.check_address(address.into())?,
            Some(Host::Domain(_)) => {}
            None => return Err(Error::Url),
        }
        Ok(url)
    }

    /// Those of a name's addresses that may be connected to, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Forbidden`] where there are some, but none of the internet.
    pub fn choose(
        &self,
        addresses: impl IntoIterator<Item = SocketAddr>,
        limit: usize,
    ) -> Result<Vec<SocketAddr>, Error> {
        let (mut chosen, mut forbidden) = (Vec::new(), None);
        for address in addresses {
            match self.check_address(address.ip()) {
                Ok(()) if chosen.len() < limit => chosen.push(address),
                Ok(()) => {}
                Err(error) => forbidden = Some(error),
            }
        }
        match forbidden {
            Some(error) if chosen.is_empty() => Err(error),
            _ => Ok(chosen),
        }
    }

    fn check_address(&self, address: IpAddr) -> Result<(), Error> {
        let address = address.to_canonical();
        let named = self
            .networks
            .iter()
            .any(|network| network.contains(&address));
        if named || is_public(address) {
            Ok(())
        } else {
            Err(Error::Forbidden(address))
        }
    }
}

/// Whether an address is one of the internet. What the registries of special-purpose addresses (RFC 6890, IANA) list as not globally
/// reachable is none; so are the ways by which an IPv6 address leads to an IPv4 one.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        // The clouds' metadata services, too: 169.254.169.254.
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation()
        || a == 0
        // Carriers' own networks; Alibaba's metadata service (100.100.100.200) is in it.
        || a == 100 && (64..128).contains(&b)
        || (a, b, c) == (192, 0, 0)
        || (a, b, c) == (192, 88, 99)
        || a == 198 && (18..20).contains(&b)
        || a >= 240
        // Azure's wire server, an address of the internet that only its machines reach.
        || address == Ipv4Addr::new(168, 63, 129, 16);
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    // All that is given out to the internet is in 2000::/3; excluded from it are 2001::/23 (protocols, Teredo among them), documentation
    // (2001:db8::/32, 3fff::/20) and 6to4 (2002::/16), which carries an IPv4 address. NAT64 (64:ff9b::/96) is outside.
    let global = segments[0] & 0xe000 == 0x2000;
    let protocols = segments[0] == 0x2001 && segments[1] < 0x200;
    let documentation = segments[0] == 0x2001 && segments[1] == 0xdb8
        || segments[0] == 0x3fff && segments[1] < 0x1000;
    let six_to_four = segments[0] == 0x2002;
    global && !protocols && !documentation && !six_to_four
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strict() -> Reach {
        Reach::default()
    }

    #[test]
    fn only_the_internet_is_reached() {
        for address in [
            "127.0.0.1",
            "127.8.8.8",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.100.100.200",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.0.192",
            "198.18.0.1",
            "240.0.0.1",
            "168.63.129.16",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "2001:db8::1",
            "2001::1",
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert!(strict().check_address(address).is_err(), "{address}");
        }
        for address in [
            "1.1.1.1",
            "93.184.216.34",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "2a00:1450::8a",
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert!(strict().check_address(address).is_ok(), "{address}");
        }
    }

    #[test]
    fn a_named_network_is_reached_and_no_other() {
        let reach = Reach {
            networks: vec!["10.0.0.0/8".parse().unwrap()],
            plain_http: true,
        };
        assert!(reach.check("http://10.1.2.3:8080/hook").is_ok());
        assert!(reach.check("http://[::ffff:10.1.2.3]/").is_ok());
        assert!(reach.check("http://127.0.0.1/").is_err());
    }

    #[test]
    fn urls_are_plain_and_https() {
        assert!(strict().check("https://example.org/hook?a=b").is_ok());
        for url in [
            "http://example.org/",
            "ftp://example.org/",
            "https://a@example.org/",
            "https://a:b@example.org/",
            "https://example.org/#x",
            "example.org",
            "https://",
            "file:///etc/passwd",
            "https://example.org/\r\nhook",
            " https://example.org/",
        ] {
            assert_eq!(strict().check(url), Err(Error::Url), "{url}");
        }
        // However an address is written.
        for url in [
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://[::1]/",
            "https://127.1/",
        ] {
            assert!(
                matches!(strict().check(url), Err(Error::Forbidden(_))),
                "{url}"
            );
        }
        let long = format!("https://example.org/{}", "x".repeat(MAX_URL_BYTES));
        assert_eq!(strict().check(&long), Err(Error::Url));
    }

    #[test]
    fn of_a_names_addresses_only_public_ones_are_connected_to() {
        let sockets = |list: &[&str]| {
            list.iter()
                .map(|text| text.parse().unwrap())
                .collect::<Vec<SocketAddr>>()
        };
        let mixed = sockets(&["127.0.0.1:443", "1.1.1.1:443", "8.8.8.8:443"]);
        assert_eq!(strict().choose(mixed, 1), Ok(sockets(&["1.1.1.1:443"])));
        let inside = strict().choose(sockets(&["10.0.0.1:443"]), 4);
        assert!(matches!(inside, Err(Error::Forbidden(_))));
        assert_eq!(strict().choose(Vec::new(), 4), Ok(Vec::new()));
    }
}
