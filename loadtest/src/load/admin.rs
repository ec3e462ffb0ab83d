//! The admin port, as far as a run needs it: one command, one reply, in RESP.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// The longest text of a reply.
const TEXT_MAX: usize = 1 << 20;
/// How long a reply may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Gives a command and gets all texts of its reply, a line each.
pub async fn ask(address: SocketAddr, command: &[&str]) -> anyhow::Result<String> {
    let asked = async {
        let stream = TcpStream::connect(address).await?;
        let mut stream = BufReader::new(stream);
        let mut frame = format!("*{}\r\n", command.len());
        for word in command {
            write!(frame, "${}\r\n{word}\r\n", word.len())?;
        }
        stream.write_all(frame.as_bytes()).await?;
        reply(&mut stream).await
    };
    let answered = tokio::time::timeout(PATIENCE, asked).await.context("no reply in time").and_then(|reply| reply);
    answered.with_context(|| format!("ask the admin port {address}: {}", command.join(" ")))
}

async fn reply(stream: &mut BufReader<TcpStream>) -> anyhow::Result<String> {
    let mut texts = Vec::new();
    // Values still to come: an array adds its own.
    let mut open: usize = 1;
    while open > 0 {
        open -= 1;
        let mut line = String::new();
        ensure!(stream.read_line(&mut line).await? > 0, "it hung up");
        let line = line.trim_end();
        let (kind, rest) = line.split_at_checked(1).context("an empty line")?;
        match kind {
            "-" | "!" => bail!("it refused: {rest}"),
            "*" | "~" | ">" => open += rest.parse::<usize>().unwrap_or(0),
            "%" => open += 2 * rest.parse::<usize>().unwrap_or(0),
            "$" | "=" => {
                let Ok(length) = rest.parse::<usize>() else { continue };
                ensure!(length <= TEXT_MAX, "a text of {length} bytes");
                let mut text = vec![0; length + 2];
                stream.read_exact(&mut text).await?;
                texts.push(String::from_utf8_lossy(&text[..length]).into_owned());
            }
            _ => texts.push(rest.to_owned()),
        }
    }
    Ok(texts.join("\n"))
}

/// What waits in a queue.
#[derive(Debug, PartialEq, Eq)]
pub struct Depth {
    /// The channel.
    pub channel: String,
    /// The lane.
    pub lane: String,
    /// The institution's CBE number.
    pub institution: String,
    /// How many.
    pub messages: u64,
}

/// The queues in which something waits, as `QUEUES` tells them.
pub async fn queues(address: SocketAddr) -> anyhow::Result<Vec<Depth>> {
    depths(&ask(address, &["QUEUES"]).await?).context("QUEUES does not tell what this program knows")
}

/// Names and values in turn, a line each; a new queue begins where a name comes again.
fn depths(told: &str) -> Option<Vec<Depth>> {
    let mut depths = Vec::new();
    let mut known: HashMap<&str, &str> = HashMap::new();
    let mut lines = told.lines().filter(|line| !line.is_empty()).peekable();
    while let Some(name) = lines.next() {
        known.insert(name, lines.next()?);
        if lines.peek().is_none_or(|next| known.contains_key(next)) {
            let text = |name| known.get(name).map(|text| (*text).to_owned());
            let messages = known.get("messages")?.parse().ok()?;
            depths.push(Depth {
                channel: text("channel")?,
                lane: text("lane")?,
                institution: text("institution")?,
                messages,
            });
            known.clear();
        }
    }
    Some(depths)
}

/// The 99th percentile of the group commits, in milliseconds, as `INFO` tells it.
pub async fn commit_p99_ms(address: SocketAddr) -> anyhow::Result<f64> {
    let info = ask(address, &["INFO"]).await?;
    commit_p99(&info).context("INFO does not tell the p99 of a commit")
}

fn commit_p99(info: &str) -> Option<f64> {
    let pairs = info.lines().filter_map(|line| line.split_once(':'));
    let (name, value) = pairs.into_iter().find(|(name, _)| name.contains("commit") && name.contains("p99"))?;
    let value: f64 = value.trim().parse().ok()?;
    Some(if name.ends_with("_us") { value / 1_000.0 } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_are_told_apart_whatever_else_is_said_of_them() {
        let one = "channel\nsms\nlane\nbulk\ninstitution\n0403019261\nmessages\n7\n";
        let other = "lane\nurgent\nchannel\nebox\nmessages\n2\nweight\n3\ninstitution\n0206731645";
        let depth = |channel: &str, lane: &str, institution: &str, messages| Depth {
            channel: channel.into(),
            lane: lane.into(),
            institution: institution.into(),
            messages,
        };
        let both = vec![depth("sms", "bulk", "0403019261", 7), depth("ebox", "urgent", "0206731645", 2)];
        assert_eq!(depths(&format!("{one}{other}")), Some(both));
        assert_eq!(depths(""), Some(Vec::new()));
        assert_eq!(depths("channel\nsms\nlane"), None);
    }

    #[test]
    fn the_commit_is_found_in_info_with_its_unit() {
        assert_eq!(commit_p99("# journal\r\ncommits:7\r\ncommit_p99_us:2500\r\n"), Some(2.5));
        assert_eq!(commit_p99("commit_p99_ms:2.5"), Some(2.5));
        assert_eq!(commit_p99("commits:7"), None);
    }
}
