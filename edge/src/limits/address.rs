//! Whose address a request counts under.
//!
//! ```text
//!  client ──▶ proxy ──▶ proxy ──▶ here        X-Forwarded-For: anything, client, proxy
//!                         peer                                            ◀── read from the right, proxies of ours skipped
//! ```
//!
//! Each proxy appends the address that it was spoken to from. So the first from the right that is no proxy of ours is true, and what stands
//! left of it is whatever that client made up.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::HeaderMap;
use ipnet::{IpNet, Ipv4Net};
use serde::Deserialize;

/// Proxies that a request may have passed: more are not looked through.
const MAX_HOPS: usize = 16;
/// Bits before the IPv4 address in an IPv6 address that holds one (RFC 4291 2.5.5.2).
const MAPPED_PREFIX: u8 = 96;

/// Where a request came from, as the accept loop saw it (an extension of the request).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// Networks, each an address or a CIDR block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

/// A text that names no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither an address nor a network such as 10.0.0.0/8")]
pub struct NoNetwork(String);

impl Networks {
    /// Reads each text as an address or a CIDR block.
    ///
    /// # Errors
    /// [`NoNetwork`], for the first that is neither.
    pub fn read<T: AsRef<str>>(texts: &[T]) -> Result<Self, NoNetwork> {
        let read = |text: &T| {
            let text = text.as_ref().trim();
            let block = text.parse::<IpNet>().ok();
            let single = || text.parse().map(|ip: IpAddr| IpNet::from(ip)).ok();
            block
                .or_else(single)
                .map(unmapped)
                .ok_or_else(|| NoNetwork(text.to_owned()))
        };
        texts.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Whether an address is of one of them.
    pub fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// An IPv4 network that is written as IPv6 (`::ffff:10.0.0.0/104`), as the IPv4 network that addresses are compared with.
fn unmapped(network: IpNet) -> IpNet {
    let IpNet::V6(wide) = network else {
        return network;
    };
    let length = wide.prefix_len().checked_sub(MAPPED_PREFIX);
    let address = wide.addr().to_ipv4_mapped();
    let narrow = address
        .zip(length)
        .map(|(v4, length)| Ipv4Net::new(v4, length));
    narrow.and_then(Result::ok).map_or(network, IpNet::from)
}

/// The header that the proxies append to. Only one is read: a proxy hands on what a client wrote into the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedHeader {
    /// `X-Forwarded-For: client, proxy`.
    #[default]
    XForwardedFor,
    /// `Forwarded: for=client;proto=https, for=proxy` (RFC 7239).
    Forwarded,
}

impl ForwardedHeader {
    fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        }
    }

    /// The elements of one line, from the left.
    fn elements(self, line: &[u8]) -> Vec<&[u8]> {
        match self {
            Self::XForwardedFor => line.split(|byte| *byte == b',').collect(),
            Self::Forwarded => unquoted(line, b','),
        }
    }

    /// The address in one element of the header.
    fn address(self, element: &[u8]) -> Option<IpAddr> {
        let node = match self {
            Self::XForwardedFor => element,
            Self::Forwarded => unquoted(element, b';').into_iter().find_map(|pair| {
                let equals = pair.iter().position(|byte| *byte == b'=')?;
                let is_for = pair[..equals].trim_ascii().eq_ignore_ascii_case(b"for");
                is_for.then_some(&pair[equals + 1..])
            })?,
        };
        read_node(std::str::from_utf8(node).ok()?)
    }
}

/// The client's address: the peer's where it is no proxy of ours, else the first from the right that is none. `None` where there is none
/// but proxies, or one of them wrote what is no address: then nobody knows whom to count.
pub(super) fn client(
    peer: IpAddr,
    headers: &HeaderMap,
    header: ForwardedHeader,
    proxies: &Networks,
) -> Option<IpAddr> {
    let peer = peer.to_canonical();
    if !proxies.contain(peer) {
        return Some(peer);
    }
    let lines = headers.get_all(header.name()).into_iter().rev();
    let elements = lines.flat_map(|line| header.elements(line.as_bytes()).into_iter().rev());
    for element in elements.take(MAX_HOPS) {
        let address = header.address(element)?;
        if !proxies.contain(address) {
            return Some(address);
        }
    }
    None
}

/// What an address counts as: an IPv6 subscriber has a /64 at least, and may take any address in it.
pub(super) fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

/// The parts of a text between separators. One within quotes is none: a proxy may quote what its client wrote. Where a quote does not end,
/// the client wrote it without the proxy's doing, and quotes mean nothing.
fn unquoted(text: &[u8], separator: u8) -> Vec<&[u8]> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if *byte == separator && !quoted => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if quoted {
        return text.split(|byte| *byte == separator).collect();
    }
    parts.push(&text[start..]);
    parts
}

/// An address with or without a port, with or without quotes and brackets.
fn read_node(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let bracketed = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let address = bracketed.unwrap_or(text).parse::<IpAddr>();
    let with_port = || text.parse().map(|socket: SocketAddr| socket.ip());
    address
        .or_else(|_| with_port())
        .ok()
        .map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const PROXY: &str = "10.0.0.7";

    fn proxies() -> Networks {
        Networks::read(&["10.0.0.0/8", "2001:db8:ff::1"]).unwrap()
    }

    fn seen(peer: &str, header: ForwardedHeader, lines: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header.name(), HeaderValue::from_str(line).unwrap());
        }
        client(peer.parse().unwrap(), &headers, header, &proxies()).map(|ip| ip.to_string())
    }

    fn forwarded(peer: &str, lines: &[&str]) -> Option<String> {
        seen(peer, ForwardedHeader::XForwardedFor, lines)
    }

    #[test]
    fn nobody_but_a_proxy_of_ours_is_believed() {
        let own = forwarded("203.0.113.9", &["198.51.100.1"]);
        assert_eq!(own.as_deref(), Some("203.0.113.9"));
        let told = forwarded(PROXY, &["198.51.100.1"]);
        assert_eq!(told.as_deref(), Some("198.51.100.1"));
        let mapped = forwarded("::ffff:10.0.0.7", &["198.51.100.1"]);
        assert_eq!(mapped.as_deref(), Some("198.51.100.1"));
    }

    #[test]
    fn what_a_client_made_up_stands_left_of_its_address() {
        for lines in [
            &["1.1.1.1, 198.51.100.1"] as &[&str],
            &["1.1.1.1, 10.0.0.1, 198.51.100.1, 10.0.0.2"],
            &["1.1.1.1", "198.51.100.1"],
            &["nonsense, 198.51.100.1:4711, 2001:db8:ff::1"],
        ] {
            let client = forwarded(PROXY, lines);
            assert_eq!(client.as_deref(), Some("198.51.100.1"), "{lines:?}");
        }
    }

    #[test]
    fn where_only_proxies_spoke_nobody_is_counted() {
        let many = ["10.0.0.1"; MAX_HOPS].join(",");
        let too_deep = format!("198.51.100.1,{many}");
        for lines in [
            &[] as &[&str],
            &["10.0.0.1, 10.0.0.2"],
            &["198.51.100.1, unknown"],
            &[&too_deep],
        ] {
            assert_eq!(forwarded(PROXY, lines), None, "{lines:?}");
        }
    }

    #[test]
    fn the_other_header_is_the_clients() {
        let mut headers = HeaderMap::new();
        headers.insert("forwarded", HeaderValue::from_static("for=1.1.1.1"));
        headers.insert("x-forwarded-for", HeaderValue::from_static("198.51.100.1"));
        let peer = PROXY.parse().unwrap();
        let client = client(peer, &headers, ForwardedHeader::XForwardedFor, &proxies());
        assert_eq!(client, "198.51.100.1".parse().ok());
    }

    #[test]
    fn the_standard_header_is_read_too() {
        for (line, address) in [
            ("for=1.1.1.1, For=198.51.100.1;proto=https", "198.51.100.1"),
            ("proto=http; for=\"198.51.100.1:80\"", "198.51.100.1"),
            ("for=\"[2001:db8::17]:4711\", for=10.0.0.1", "2001:db8::17"),
            ("for=\"[2001:db8::17]\"", "2001:db8::17"),
            // What stands in quotes, a client may have written.
            ("for=198.51.100.1;host=\"a, for=7.7.7.7\"", "198.51.100.1"),
            ("host=\"x;for=8.8.8.8\";for=198.51.100.1", "198.51.100.1"),
            (
                "for=198.51.100.1;host=\"a\\\", for=10.0.0.2\"",
                "198.51.100.1",
            ),
            ("host=\"x, for=198.51.100.1", "198.51.100.1"),
        ] {
            let client = seen(PROXY, ForwardedHeader::Forwarded, &[line]);
            assert_eq!(client.as_deref(), Some(address), "{line}");
        }
        for line in ["for=unknown", "for=_hidden", "proto=https"] {
            assert_eq!(seen(PROXY, ForwardedHeader::Forwarded, &[line]), None);
        }
    }

    #[test]
    fn an_ipv6_subscriber_counts_once_and_a_mapped_address_as_what_it_is() {
        let counted = |text: &str| counted(text.parse().unwrap()).to_string();
        assert_eq!(counted("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(counted("2001:db8:1:2:ffff::"), "2001:db8:1:2::");
        assert_ne!(counted("2001:db8:1:3::1"), "2001:db8:1:2::");
        assert_eq!(counted("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(counted("192.0.2.1"), "192.0.2.1");
    }

    #[test]
    fn a_network_written_as_ipv6_is_the_network_that_it_maps() {
        let networks = Networks::read(&["::ffff:10.0.0.0/104", "::ffff:192.0.2.1"]).unwrap();
        for (address, is_in) in [
            ("10.9.9.9", true),
            ("192.0.2.1", true),
            ("192.0.2.2", false),
        ] {
            assert_eq!(
                networks.contain(address.parse().unwrap()),
                is_in,
                "{address}"
            );
        }
    }

    #[test]
    fn what_is_no_network_is_named() {
        let error = Networks::read(&["127.0.0.1", "proxy.example"]).unwrap_err();
        assert!(error.to_string().contains("proxy.example"), "{error}");
    }
}
