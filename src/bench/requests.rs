//! Requests as bytes, made once where they can be.

use std::{fmt::Display, io::Write, net::SocketAddr};

/// A header: its name, and what it says.
pub(super) type Header<'a> = (&'a str, &'a dyn Display);

/// A GET.
pub(super) fn get(host: SocketAddr, path: &str, headers: &[Header<'_>]) -> Vec<u8> {
    request("GET", host, path, headers, "")
}

/// A POST of JSON; of nothing where `body` is empty.
pub(super) fn post(host: SocketAddr, path: &str, headers: &[Header<'_>], body: &str) -> Vec<u8> {
    request("POST", host, path, headers, body)
}

/// Any request.
pub(super) fn request(
    method: &str,
    host: SocketAddr,
    path: &str,
    headers: &[Header<'_>],
    body: &str,
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1_024);
    let mut line = |line: std::fmt::Arguments<'_>| {
        bytes
            .write_fmt(line)
            .expect("a vector takes whatever is written");
    };
    line(format_args!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n"));
    for (name, value) in headers {
        line(format_args!("{name}: {value}\r\n"));
    }
    if body.is_empty() && method == "GET" {
        line(format_args!("\r\n"));
    } else {
        if !body.is_empty() {
            line(format_args!("content-type: application/json\r\n"));
        }
        line(format_args!("content-length: {}\r\n\r\n{body}", body.len()));
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_what_http_wants() {
        let host: SocketAddr = ([127, 0, 0, 1], 80).into();
        assert_eq!(
            get(host, "/a", &[("x", &1)]),
            b"GET /a HTTP/1.1\r\nhost: 127.0.0.1:80\r\nx: 1\r\n\r\n"
        );
        assert!(post(host, "/a", &[], "{}").ends_with(b"content-length: 2\r\n\r\n{}"));
        assert!(post(host, "/a", &[], "").ends_with(b"\r\ncontent-length: 0\r\n\r\n"));
    }
}
