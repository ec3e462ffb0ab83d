//! One kept HTTP/1.1 connection that sends prepared bytes and understands just enough of the answer.
//!
//! Invariant: one request at a time, and an answer is read to its end, so that the next one starts at its first byte. It must stay
//! cheaper than what it measures: no headers are built, no body is parsed.

use std::net::SocketAddr;

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The largest answer that is understood.
const ANSWER_MAX: usize = 64 * 1024;

/// A connection.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
    body_at: usize,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; 4096], filled: 0, body_at: 0 })
    }

    /// Sends a whole request, and gives the status of its answer when all of it was read.
    pub async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<u16> {
        self.stream.write_all(request).await?;
        self.filled = 0;
        let mut whole: Option<(u16, usize)> = None;
        loop {
            if self.filled == self.buffer.len() {
                ensure!(self.filled < ANSWER_MAX, "an answer is longer than {ANSWER_MAX} bytes");
                self.buffer.resize(self.filled * 2, 0);
            }
            let read = self.stream.read(&mut self.buffer[self.filled..]).await?;
            ensure!(read > 0, "the connection was closed before the answer was whole");
            self.filled += read;
            if whole.is_none()
                && let Some(head) = head(&self.buffer[..self.filled])?
            {
                self.body_at = head.length;
                whole = Some((head.status, head.length + head.body));
            }
            if let Some((status, length)) = whole
                && self.filled >= length
            {
                ensure!(self.filled == length, "the answer was followed by bytes that nobody asked for");
                return Ok(status);
            }
        }
    }

    /// The body of the last answer.
    pub fn body(&self) -> &[u8] {
        &self.buffer[self.body_at.min(self.filled)..self.filled]
    }
}

struct Head {
    status: u16,
    length: usize,
    body: usize,
}

/// The head of an answer, once it is whole.
fn head(bytes: &[u8]) -> anyhow::Result<Option<Head>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&bytes[..end]).context("the head of an answer is not text")?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.get(9..12)).and_then(|digits| digits.parse().ok());
    let status = status.context("the answer has no status")?;
    let mut body = None;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            body = Some(value.trim().parse().context("content-length is no number")?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            bail!("the answer comes in chunks, which this generator does not read");
        }
    }
    // An answer without a length has a body only when the connection ends with it, which kept ones don't.
    Ok(Some(Head { status, length: end + 4, body: body.unwrap_or(0) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_in_pieces_is_not_taken_for_whole() {
        let answer = b"HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\n\r\nhello";
        assert!(head(&answer[..30]).unwrap().is_none());
        let head = head(answer).unwrap().unwrap();
        assert_eq!((head.status, head.length + head.body), (202, answer.len()));
    }

    #[test]
    fn what_can_not_be_read_is_an_error_and_no_figure() {
        assert!(head(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
        assert!(head(b"HTTP/1.1\r\n\r\n").is_err());
        assert!(head(b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n").is_err());
    }
}
