//! One kept HTTP/1.1 connection that sends prepared bytes and understands just enough of the answer.
//!
//! Invariant: one request at a time, and an answer is read to its end, so that the next one starts at its first byte. It must stay
//! cheaper than what it measures: no headers are built, and a body is only found the end of.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, bail, ensure};
use futures_util::FutureExt as _;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The largest answer that is understood.
const ANSWER_MAX: usize = 1 << 20;

/// Where requests go: an address, and how to speak there.
#[derive(Clone)]
pub struct Place {
    address: SocketAddr,
    /// What `Host` says.
    pub host: Box<str>,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Place {
    /// An address that is spoken to without TLS.
    pub fn at(address: SocketAddr) -> Self {
        Self { address, host: address.to_string().into(), tls: None }
    }

    /// Of the scheme, host and port of a URL; a host's first address counts. With https the authorities of a PEM file are
    /// believed, or those of the system.
    pub async fn of(url: &reqwest::Url, authorities: Option<&Path>) -> anyhow::Result<Self> {
        let name = url.host_str().context("give http://HOST:PORT or https://HOST")?;
        let port = url.port_or_known_default().context("give a port")?;
        let found = tokio::net::lookup_host((name.trim_matches(['[', ']']), port)).await;
        let address = found.ok().and_then(|mut all| all.next()).with_context(|| format!("nobody is named {name}"))?;
        let host = url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}")).into();
        let tls = match url.scheme() {
            "http" => None,
            "https" => {
                let server = ServerName::try_from(name.to_owned()).with_context(|| format!("{name} is no name"))?;
                Some((connector(authorities)?, server))
            }
            other => bail!("{other} is not spoken: give http or https"),
        };
        Ok(Self { address, host, tls })
    }

    /// Connects.
    pub async fn connect(&self) -> anyhow::Result<Connection> {
        let stream = TcpStream::connect(self.address).await.with_context(|| format!("connect to {}", self.address))?;
        stream.set_nodelay(true)?;
        let stream = match &self.tls {
            None => Stream::Plain(stream),
            Some((connector, server)) => {
                let shaken = connector.connect(server.clone(), stream).await;
                Stream::Tls(Box::new(shaken.with_context(|| format!("speak TLS with {}", self.host))?))
            }
        };
        Ok(Connection { stream, buffer: vec![0; 4096], filled: 0, body_at: 0, is_kept: true })
    }
}

fn connector(authorities: Option<&Path>) -> anyhow::Result<TlsConnector> {
    let mut roots = rustls::RootCertStore::empty();
    if let Some(file) = authorities {
        let unreadable = || format!("{} can't be read as PEM", file.display());
        for certificate in CertificateDer::pem_file_iter(file).with_context(unreadable)? {
            roots.add(certificate.with_context(unreadable)?).with_context(unreadable)?;
        }
    } else {
        for certificate in rustls_native_certs::load_native_certs().certs {
            // The system's list has certificates that rustls does not take; the others do.
            let _ = roots.add(certificate);
        }
    }
    ensure!(!roots.is_empty(), "no authority to believe: give ca_file, or install those of the system");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth())))
}

/// Connections to one place, kept while nobody uses them.
pub struct Pool {
    /// Where they go.
    pub place: Place,
    idle: Mutex<Vec<Connection>>,
}

impl Pool {
    /// No connection yet.
    pub fn new(place: Place) -> Self {
        Self { place, idle: Mutex::default() }
    }

    /// Sends a request over a kept connection, or a new one, and looks at the answer's status and body.
    pub async fn exchange<T>(&self, request: &[u8], look: impl FnOnce(u16, &[u8]) -> T) -> anyhow::Result<T> {
        let mut connection = loop {
            let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match kept {
                // The peer may end what is not used.
                Some(kept) if !kept.is_open() => {}
                Some(kept) => break kept,
                None => break self.place.connect().await?,
            }
        };
        let status = connection.exchange(request).await?;
        let told = look(status, connection.body());
        if connection.is_kept {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
        Ok(told)
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    async fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(bytes).await,
            Self::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }

    async fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer).await,
            Self::Tls(stream) => stream.read(buffer).await,
        }
    }
}

/// A connection.
pub struct Connection {
    stream: Stream,
    buffer: Vec<u8>,
    filled: usize,
    body_at: usize,
    is_kept: bool,
}

impl Connection {
    /// Connects without TLS.
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        Place::at(address).connect().await
    }

    /// Whether the peer has neither closed it nor sent what nobody asked for.
    fn is_open(&self) -> bool {
        let (stream, is_tls) = match &self.stream {
            Stream::Plain(stream) => (stream, false),
            Stream::Tls(stream) => (stream.get_ref().0, true),
        };
        match stream.peek(&mut [0]).now_or_never() {
            None => true,
            // Tickets of a TLS session come when they come.
            Some(seen) => is_tls && seen.is_ok_and(|bytes| bytes > 0),
        }
    }

    /// Sends the beginning of a request; [`Connection::exchange`] sends its rest.
    pub async fn send(&mut self, part: &[u8]) -> anyhow::Result<()> {
        Ok(self.stream.write_all(part).await?)
    }

    /// Sends a whole request, and gives the status of its answer when all of it was read.
    pub async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<u16> {
        self.stream.write_all(request).await?;
        self.filled = 0;
        let mut known: Option<Head> = None;
        loop {
            if let Some(head) = &known
                && let Some(end) = head.end(&self.buffer[..self.filled])?
            {
                ensure!(self.filled == end, "the answer was followed by bytes that nobody asked for");
                return Ok(head.status);
            }
            if self.filled == self.buffer.len() {
                ensure!(self.filled < ANSWER_MAX, "an answer is longer than {ANSWER_MAX} bytes");
                self.buffer.resize(self.filled * 2, 0);
            }
            let read = self.stream.read(&mut self.buffer[self.filled..]).await?;
            if read == 0
                && let Some(Head { status, body: Body::UntilClosed, .. }) = known
            {
                return Ok(status);
            }
            ensure!(read > 0, "the connection was closed before the answer was whole");
            self.filled += read;
            if known.is_none()
                && let Some(head) = head(&self.buffer[..self.filled])?
            {
                self.body_at = head.length;
                self.is_kept = head.is_kept;
                known = Some(head);
            }
        }
    }

    /// The head of the last answer, without the line of its status.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let head = std::str::from_utf8(&self.buffer[..self.body_at.min(self.filled)]).unwrap_or_default();
        head.split("\r\n").filter_map(|line| line.split_once(": "))
    }

    /// The body of the last answer, with the lengths of its chunks where it came in chunks.
    pub fn body(&self) -> &[u8] {
        &self.buffer[self.body_at.min(self.filled)..self.filled]
    }
}

struct Head {
    status: u16,
    length: usize,
    body: Body,
    is_kept: bool,
}

enum Body {
    Sized(usize),
    Chunked,
    UntilClosed,
}

impl Head {
    /// Where the answer ends in these bytes; none while more must come.
    fn end(&self, bytes: &[u8]) -> anyhow::Result<Option<usize>> {
        let end = match self.body {
            Body::Sized(body) => Some(self.length + body),
            Body::Chunked => chunks_end(bytes, self.length)?,
            Body::UntilClosed => None,
        };
        Ok(end.filter(|end| *end <= bytes.len()))
    }
}

/// Where the last chunk and its trailer end, once they are there.
fn chunks_end(bytes: &[u8], mut at: usize) -> anyhow::Result<Option<usize>> {
    let line_end = |from: usize| bytes[from..].windows(2).position(|two| two == b"\r\n").map(|length| from + length);
    loop {
        let Some(end) = bytes.get(at..).and_then(|_| line_end(at)) else { return Ok(None) };
        let text = std::str::from_utf8(&bytes[at..end]).unwrap_or_default();
        let digits = text.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(digits, 16).ok().filter(|size| *size <= ANSWER_MAX);
        let size = size.context("a chunk of the answer has no length that can be believed")?;
        at = end + 2;
        if size == 0 {
            break;
        }
        at += size + 2;
    }
    loop {
        let Some(end) = line_end(at) else { return Ok(None) };
        if end == at {
            return Ok(Some(end + 2));
        }
        at = end + 2;
    }
}

/// The head of an answer, once it is whole; what is said before the answer (100, 103) is not expected.
fn head(bytes: &[u8]) -> anyhow::Result<Option<Head>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&bytes[..end]).context("the head of an answer is not text")?;
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let status = first.get(9..12).and_then(|digits| digits.parse().ok()).context("the answer has no status")?;
    let (mut body, mut is_kept) = (None, !first.starts_with("HTTP/1.0"));
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") && body.is_none() {
            body = Some(Body::Sized(value.trim().parse().context("content-length is no number")?));
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            ensure!(value.trim().eq_ignore_ascii_case("chunked"), "the answer is encoded as{value}, which is not read");
            body = Some(Body::Chunked);
        } else if name.eq_ignore_ascii_case("connection") {
            is_kept = !value.trim().eq_ignore_ascii_case("close");
        }
    }
    // Without a length a body ends with the connection; on one that is kept there is none.
    let none = if is_kept || matches!(status, 204 | 304) { Body::Sized(0) } else { Body::UntilClosed };
    Ok(Some(Head { status, length: end + 4, body: body.unwrap_or(none), is_kept }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_in_pieces_is_not_taken_for_whole() {
        let sized = b"HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\n\r\nhello".as_slice();
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=1\r\nhello\r\nA\r\n0123456789\r\n0\r\nx: y\r\n\r\n";
        for (answer, status) in [(sized, 202), (chunked.as_slice(), 200)] {
            let told = head(answer).unwrap().unwrap();
            assert_eq!((told.status, told.is_kept), (status, true));
            for length in 0..answer.len() {
                let part = &answer[..length];
                if let Some(told) = head(part).unwrap() {
                    assert_eq!(told.end(part).unwrap(), None, "{length}");
                } else {
                    assert!(length < told.length);
                }
            }
            assert_eq!(told.end(answer).unwrap(), Some(answer.len()));
        }
    }

    #[test]
    fn an_answer_without_a_length_ends_with_its_connection() {
        let told = head(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhel").unwrap().unwrap();
        assert!(!told.is_kept && matches!(told.body, Body::UntilClosed));
        let told = head(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().unwrap();
        assert!(told.is_kept && matches!(told.body, Body::Sized(0)));
    }

    #[test]
    fn what_can_not_be_read_is_an_error_and_no_figure() {
        assert!(head(b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n").is_err());
        assert!(head(b"HTTP/1.1\r\n\r\n").is_err());
        assert!(head(b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n").is_err());
        let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let endless = [chunked.as_slice(), b"ffffffffffff\r\n"].concat();
        assert!(head(&endless).unwrap().unwrap().end(&endless).is_err());
    }
}
