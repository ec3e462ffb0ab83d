//! The plain side of publishing: a process that reads each body from its socket into a file, as it comes, and syncs it before it answers.
//!
//! Invariant: it does no more than that. A thread for each connection, no parts, no digest, no second name, no metadata: what it gets done
//! is what the socket and the disk allow.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, ensure};

use crate::load::figures::say;

/// Bytes that are read at a time.
const PIECE: usize = 64 << 10;
/// The longest head of a request, in lines.
const LINES: usize = 100;

/// The process, from where it is started; it ends with this.
pub struct Plain {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
}

impl Plain {
    /// Starts it over an empty folder.
    pub fn start(folder: &Path) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["mailbox", "--plain"])
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("start the plain side")?;
        let mut line = String::new();
        let told = child.stdout.take().context("the plain side says nothing")?;
        BufReader::new(told).read_line(&mut line)?;
        let address = line.trim().parse().context("the plain side did not start")?;
        Ok(Self { address, child })
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        // It may have ended already, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves until it is killed.
pub fn serve(folder: &Path) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    say(&listener.local_addr()?.to_string());
    let (folder, last): (Arc<PathBuf>, _) = (Arc::new(folder.to_owned()), Arc::new(AtomicU64::new(0)));
    for stream in listener.incoming() {
        let (stream, folder, last) = (stream?, Arc::clone(&folder), Arc::clone(&last));
        std::thread::Builder::new().name("plain".into()).spawn(move || {
            // A connection that breaks is the caller's to tell.
            let _ = serve_one(stream, &folder, &last);
        })?;
    }
    Ok(())
}

fn serve_one(stream: TcpStream, folder: &Path, last: &AtomicU64) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(PIECE, stream.try_clone()?);
    let mut stream = stream;
    while let Some(mut left) = head(&mut reader)? {
        let number = last.fetch_add(1, Ordering::Relaxed);
        let mut file = File::create_new(folder.join(number.to_string()))?;
        while left > 0 {
            let piece = reader.fill_buf()?;
            ensure!(!piece.is_empty(), "the body ended early");
            let taken = piece.len().min(left);
            file.write_all(&piece[..taken])?;
            reader.consume(taken);
            left -= taken;
        }
        file.sync_all()?;
        stream.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}")?;
    }
    Ok(())
}

/// The bytes of the body that follows; none at the end of the connection.
fn head(reader: &mut impl BufRead) -> anyhow::Result<Option<usize>> {
    let mut length = None;
    for place in 0..LINES {
        let mut line = String::new();
        if reader.by_ref().take(PIECE as u64).read_line(&mut line)? == 0 {
            ensure!(place == 0, "the head ended early");
            return Ok(None);
        }
        let line = line.trim_end();
        if line.is_empty() {
            return Ok(Some(length.context("no Content-Length")?));
        }
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = Some(value.parse()?);
        }
    }
    anyhow::bail!("the head has too many lines")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_tells_the_length_of_its_body_and_the_end_is_no_head() {
        let mut two = &b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"[..];
        assert_eq!(head(&mut two).unwrap(), Some(3));
        assert_eq!(two, b"abc");
        assert_eq!(head(&mut &b""[..]).unwrap(), None);
        assert!(head(&mut &b"POST / HTTP/1.1\r\n\r\n"[..]).is_err() && head(&mut &b"POST / HTTP/1.1\r\n"[..]).is_err());
    }
}
