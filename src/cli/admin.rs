//! A client of the admin port, for the commands that speak to a running broker there.
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, bail};
use redis_protocol::resp3::decode::complete::decode;
use redis_protocol::resp3::types::OwnedFrame;
use serde_json::{Map, Value};

/// Connecting takes no longer.
const PATIENCE: Duration = Duration::from_secs(5);
/// An answer takes no longer: a backup of a large journal takes a while.
const LONG: Duration = Duration::from_secs(3_600);
/// An answer is no longer.
const MOST_BYTES: usize = 64 << 20;

/// Where the admin port is, and who asks.
#[derive(Clone, Debug, clap::Args)]
pub struct Port {
    /// Address of the admin port
    #[arg(long, env = "ESTAFETTE_ADMIN", default_value = "127.0.0.1:7070", value_name = "HOST:PORT")]
    admin: String,
    /// Its password, where one is set
    #[arg(long, env = "ESTAFETTE_ADMIN_PASSWORD", hide_env_values = true, value_name = "PASSWORD")]
    password: Option<String>,
}

impl Port {
    /// Gives one command; its answer as JSON. An error is told as it was said.
    pub fn ask(&self, words: &[&str]) -> anyhow::Result<Value> {
        use std::net::ToSocketAddrs;
        let address = self.admin.to_socket_addrs().ok().and_then(|mut all| all.next());
        let address = address.with_context(|| format!("{} is no address; give HOST:PORT", self.admin))?;
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)
            .with_context(|| format!("no broker answers at {}; is it running?", self.admin))?;
        stream.set_read_timeout(Some(LONG))?;
        let hello = match &self.password {
            Some(password) => vec!["HELLO", "3", "AUTH", "default", password],
            None => vec!["HELLO", "3"],
        };
        let mut read = Vec::new();
        for words in [hello.as_slice(), words] {
            write(&mut stream, words)?;
            let answer = answer(&mut stream, &mut read)?;
            if words.first() != Some(&"HELLO") {
                return Ok(answer);
            }
        }
        bail!("the admin port gave no answer")
    }
}

fn write(stream: &mut TcpStream, words: &[&str]) -> std::io::Result<()> {
    let mut frame = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        frame.extend(format!("${}\r\n{word}\r\n", word.len()).bytes());
    }
    stream.write_all(&frame)
}

fn answer(stream: &mut TcpStream, read: &mut Vec<u8>) -> anyhow::Result<Value> {
    let mut piece = vec![0; 64 << 10];
    loop {
        if let Some((frame, length)) = decode(read).context("the admin port does not speak its protocol")? {
            read.drain(..length);
            return value(frame);
        }
        let count = stream.read(&mut piece).context("the admin port did not answer")?;
        if count == 0 || read.len() > MOST_BYTES {
            bail!("the admin port ended the connection");
        }
        read.extend_from_slice(&piece[..count]);
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

fn value(frame: OwnedFrame) -> anyhow::Result<Value> {
    Ok(match frame {
        OwnedFrame::SimpleError { data, .. } => bail!("{data}"),
        OwnedFrame::BlobError { data, .. } => bail!("{}", text(data)),
        OwnedFrame::BlobString { data, .. }
        | OwnedFrame::SimpleString { data, .. }
        | OwnedFrame::VerbatimString { data, .. } => Value::from(text(data)),
        OwnedFrame::Number { data, .. } => Value::from(data),
        OwnedFrame::Double { data, .. } => Value::from(data),
        OwnedFrame::Boolean { data, .. } => Value::from(data),
        OwnedFrame::Array { data, .. } => data.into_iter().map(value).collect::<anyhow::Result<Vec<_>>>()?.into(),
        OwnedFrame::Map { data, .. } => {
            let mut pairs = Map::new();
            for (name, inner) in data {
                let name = value(name)?.as_str().unwrap_or_default().to_owned();
                pairs.insert(name, value(inner)?);
            }
            Value::Object(pairs)
        }
        _ => Value::Null,
    })
}
