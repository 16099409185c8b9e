//! One kept-alive connection, driven by hand: requests are bytes that were made before, and of an answer only what is asked for is read.
//!
//! A client library spends more on a request than the server does on answering it from memory. Where both share a machine, that is taken
//! from the server.

use std::{fmt, io, net::SocketAddr, ops::Range, time::Duration};

use hyper::StatusCode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};

use super::{Failure, Outcome};

/// An answer that takes longer is given up; the command's outcome is unknown then.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// A connection that was idle for longer is replaced: the server ends one after 5 s.
const IDLE: Duration = Duration::from_secs(3);
/// Room for a read; more where the answer says that it is longer.
const READ_BYTES: usize = 8 * 1024;
/// Headers of an answer at most.
const MAX_HEADERS: usize = 48;

/// A connection to a server, made when it is first needed. One request at a time.
#[derive(Debug)]
pub struct Wire {
    addr: SocketAddr,
    stream: Option<TcpStream>,
    used_at: Instant,
    buffer: Vec<u8>,
}

/// An answer, in the connection's buffer.
#[derive(Debug, Clone, Copy)]
pub struct Heard<'a> {
    /// Status.
    pub status: StatusCode,
    /// `ETag`, where there is one.
    pub etag: Option<&'a [u8]>,
    /// Body.
    pub body: &'a [u8],
}

impl Heard<'_> {
    /// How it counts.
    pub fn outcome(&self) -> Outcome {
        Outcome::of_answer(self.status, self.body)
    }

    /// A field of the JSON that the body is, without reading the rest: what follows the first `"name":`, without quotes.
    pub fn field(&self, name: &str) -> Option<&str> {
        let body = std::str::from_utf8(self.body).ok()?;
        let quoted = format!("\"{name}\":");
        let value = &body[body.find(&quoted)? + quoted.len()..];
        if let Some(text) = value.strip_prefix('"') {
            return text.split('"').next();
        }
        value.split([',', '}']).next()
    }
}

/// Where the parts of an answer are.
#[derive(Debug)]
struct Head {
    status: StatusCode,
    etag: Option<Range<usize>>,
    body: Range<usize>,
    closes: bool,
}

impl Wire {
    /// No connection is opened yet.
    pub fn new(addr: SocketAddr) -> Self {
        Self {
            addr,
            stream: None,
            used_at: Instant::now(),
            buffer: Vec::new(),
        }
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn exchange(&mut self, request: &[u8]) -> Result<Heard<'_>, Failure> {
        let exchange = timeout(ANSWER_TIMEOUT, self.exchange_within(request)).await;
        let head = match exchange {
            Ok(Ok(head)) => head,
            Ok(Err(failure)) => {
                self.stream = None;
                return Err(failure);
            }
            Err(_) => {
                self.stream = None;
                return Err(Failure::Unknown("timeout".to_owned()));
            }
        };
        if head.closes {
            self.stream = None;
        }
        Ok(Heard {
            status: head.status,
            etag: head.etag.map(|range| &self.buffer[range]),
            body: &self.buffer[head.body],
        })
    }

    async fn exchange_within(&mut self, request: &[u8]) -> Result<Head, Failure> {
        let unknown = |error: io::Error| Failure::Unknown(error.to_string());
        let stream = match self.stream.take().filter(|_| self.used_at.elapsed() < IDLE) {
            Some(stream) => stream,
            None => connect(self.addr).await?,
        };
        let stream = self.stream.insert(stream);
        stream.write_all(request).await.map_err(unknown)?;
        self.buffer.clear();
        let head = loop {
            read(stream, &mut self.buffer).await?;
            if let Some(head) = parse(&self.buffer)? {
                break head;
            }
        };
        self.buffer
            .reserve(head.body.end.saturating_sub(self.buffer.len()));
        while self.buffer.len() < head.body.end {
            read(stream, &mut self.buffer).await?;
        }
        self.used_at = Instant::now();
        Ok(head)
    }

    /// Sends a request whose answer has no end; hands over the connection, and what it has brought since the headers.
    ///
    /// # Errors
    /// [`Failure`]; an answer other than 200 is one, too.
    pub async fn follow(mut self, request: &[u8]) -> Result<(TcpStream, Vec<u8>), Failure> {
        let mut stream = connect(self.addr).await?;
        let sent = stream.write_all(request).await;
        sent.map_err(|error| Failure::Unknown(error.to_string()))?;
        let end = loop {
            let read = timeout(ANSWER_TIMEOUT, read(&mut stream, &mut self.buffer)).await;
            read.map_err(|_| Failure::Unknown("timeout".to_owned()))??;
            let mut lines = self.buffer.windows(4);
            if let Some(end) = lines.position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let first = self.buffer.split(|byte| *byte == b'\r').next();
        let first = String::from_utf8_lossy(first.unwrap_or_default());
        if first.contains(" 200") {
            Ok((stream, self.buffer.split_off(end)))
        } else {
            Err(Failure::NotSent(format!("answered {first}")))
        }
    }
}

async fn connect(addr: SocketAddr) -> Result<TcpStream, Failure> {
    let not_sent = |error: io::Error| Failure::NotSent(format!("connect: {error}"));
    let stream = TcpStream::connect(addr).await.map_err(not_sent)?;
    stream.set_nodelay(true).map_err(not_sent)?;
    Ok(stream)
}

async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<(), Failure> {
    if buffer.capacity() == buffer.len() {
        buffer.reserve(READ_BYTES);
    }
    match stream.read_buf(buffer).await {
        Ok(0) => Err(Failure::Unknown("connection closed".to_owned())),
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::Unknown(error.to_string())),
    }
}

/// The head of an answer, once all of it is there.
fn parse(buffer: &[u8]) -> Result<Option<Head>, Failure> {
    let unreadable = |why: &dyn fmt::Display| Failure::Unknown(format!("unreadable: {why}"));
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let end = match response.parse(buffer) {
        Ok(httparse::Status::Complete(end)) => end,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(unreadable(&error)),
    };
    let status = StatusCode::from_u16(response.code.unwrap_or_default());
    let status = status.map_err(|error| unreadable(&error))?;
    let (mut length, mut etag, mut closes) = (None, None, false);
    for header in response.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            length = std::str::from_utf8(header.value)
                .ok()
                .and_then(|length| length.parse::<usize>().ok());
        } else if header.name.eq_ignore_ascii_case("etag") {
            let start = header.value.as_ptr() as usize - buffer.as_ptr() as usize;
            etag = Some(start..start + header.value.len());
        } else if header.name.eq_ignore_ascii_case("connection") {
            closes = header.value.eq_ignore_ascii_case(b"close");
        }
    }
    let has_no_body = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let length = match length {
        _ if has_no_body => 0,
        Some(length) => length,
        None => return Err(unreadable(&"an answer without a length")),
    };
    Ok(Some(Head {
        status,
        etag,
        body: end..end + length,
        closes,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_once_its_head_is_there() {
        let text = b"HTTP/1.1 200 OK\r\nETag: \"7\"\r\nContent-Length: 5\r\n\r\nhello";
        for cut in 0..text.len() - 5 {
            assert!(parse(&text[..cut]).unwrap().is_none(), "{cut}");
        }
        let head = parse(text).unwrap().unwrap();
        assert_eq!(
            (&text[head.etag.unwrap()], &text[head.body]),
            (&b"\"7\""[..], &b"hello"[..])
        );
        assert!(parse(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }

    #[test]
    fn an_unchanged_answer_has_no_body() {
        let text = b"HTTP/1.1 304 Not Modified\r\nconnection: close\r\n\r\n";
        let head = parse(text).unwrap().unwrap();
        assert!(head.body.is_empty() && head.closes);
    }

    #[test]
    fn fields_are_found_without_reading_the_rest() {
        let heard = Heard {
            status: StatusCode::OK,
            etag: None,
            body: br#"{"entry_id":"e1","ahead":12,"last":null}"#,
        };
        assert_eq!(heard.field("entry_id"), Some("e1"));
        assert_eq!(heard.field("ahead"), Some("12"));
        assert_eq!(heard.field("last"), Some("null"));
        assert_eq!(heard.field("other"), None);
    }
}
