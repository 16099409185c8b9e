//! Where a server is.

use std::net::{SocketAddr, ToSocketAddrs};

use anyhow::Context;

/// The address that a URL of the form `http://HOST:PORT` names.
///
/// # Errors
/// A URL of another form, or a host that has no address.
pub fn address(url: &str) -> anyhow::Result<SocketAddr> {
    let host = url
        .strip_prefix("http://")
        .with_context(|| format!("{url} does not begin with http://"))?
        .trim_end_matches('/');
    let mut found = host
        .to_socket_addrs()
        .with_context(|| format!("{host} is no host and port"))?;
    found
        .next()
        .with_context(|| format!("{host} has no address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_addresses() {
        let expected: SocketAddr = ([127, 0, 0, 1], 81).into();
        assert_eq!(address("http://127.0.0.1:81/").unwrap(), expected);
        assert!(address("127.0.0.1:81").is_err());
    }
}
