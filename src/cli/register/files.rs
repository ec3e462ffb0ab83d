//! Files of the register's commands: sent and written in constant memory.
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::RequestBuilder;
use serde_json::Value;
use tokio::io::AsyncReadExt;

use crate::cli::client::Client;

/// Bytes of a file in one piece of a request.
const PIECE: usize = 64 * 1024;

/// A file to be sent.
pub struct Upload {
    /// To where.
    pub request: RequestBuilder,
    /// The file.
    pub file: PathBuf,
}

/// What one bad line does.
pub fn on_error(keep_good_rows: bool) -> &'static str {
    if keep_good_rows { "keep" } else { "refuse" }
}

fn is_ndjson(file: &Path) -> bool {
    file.extension().is_some_and(|name| name == "ndjson" || name == "jsonl")
}

/// The form in which a file is wanted.
pub fn accept(file: &Path) -> &'static str {
    if is_ndjson(file) { "application/x-ndjson" } else { "text/csv" }
}

/// Reads a JSON document.
pub fn json(file: &Path) -> anyhow::Result<Value> {
    let shown = file.display();
    let text = std::fs::read(file).with_context(|| format!("{shown} can't be read"))?;
    serde_json::from_slice(&text).with_context(|| format!("{shown} is not JSON"))
}

impl Upload {
    /// Sends it, and gives the report.
    pub async fn send(self, client: &Client) -> anyhow::Result<Value> {
        let shown = self.file.display().to_string();
        let file = tokio::fs::File::open(&self.file).await.with_context(|| format!("{shown} can't be opened"))?;
        let style = ProgressStyle::with_template("{msg:10} {bar:40} {bytes}/{total_bytes} {elapsed}")?;
        let progress = ProgressBar::new(file.metadata().await?.len()).with_style(style).with_message("sending");
        let counted = progress.clone();
        let pieces = futures_util::stream::try_unfold(file, move |mut file| {
            let progress = counted.clone();
            async move {
                let mut piece = vec![0; PIECE];
                let read = file.read(&mut piece).await?;
                piece.truncate(read);
                progress.inc(read as u64);
                if read == 0 {
                    progress.set_message("inscribing");
                }
                Ok::<_, std::io::Error>((read > 0).then_some((bytes::Bytes::from(piece), file)))
            }
        });
        let kind = if is_ndjson(&self.file) { "application/x-ndjson" } else { "text/csv" };
        let request = self.request.header("Content-Type", kind).body(reqwest::Body::wrap_stream(pieces));
        let report = client.json(request).await;
        progress.finish_and_clear();
        report
    }
}

/// Writes what is answered to a file, or to standard output. A file is there when it is whole, and not before.
pub async fn download(client: &Client, request: RequestBuilder, file: &Path) -> anyhow::Result<()> {
    let mut answer = client.stream(request).await?;
    let broken = "the answer broke off: what came is not whole; try again";
    if file == Path::new("-") {
        let mut out = std::io::stdout().lock();
        while let Some(piece) = answer.chunk().await.context(broken)? {
            out.write_all(&piece)?;
        }
        return Ok(out.flush()?);
    }
    let shown = file.display();
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut part = tempfile::NamedTempFile::new_in(folder).with_context(|| format!("{shown} can't be written"))?;
    let progress = ProgressBar::new_spinner().with_message("receiving");
    while let Some(piece) = answer.chunk().await.context(broken)? {
        part.write_all(&piece)?;
        progress.inc(piece.len() as u64);
    }
    progress.finish_and_clear();
    part.as_file().sync_all()?;
    part.persist(file).with_context(|| format!("{shown} can't be written"))?;
    Ok(())
}

/// Whether a file of mutations is the one of its voucher.
pub fn check(file: &[u8], voucher: &Value) -> anyhow::Result<()> {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, file);
    let came = digest.as_ref().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    if voucher["sha256"] != came || voucher["bytes"] != file.len() {
        bail!("the file is not the one of its voucher (SHA-256 {came}, {} bytes): fetch it again", file.len());
    }
    Ok(())
}

/// Writes bytes to a file, or to standard output.
pub fn write(to: Option<&Path>, bytes: &[u8]) -> anyhow::Result<()> {
    let Some(file) = to else {
        let mut out = std::io::stdout().lock();
        out.write_all(bytes)?;
        return Ok(out.flush()?);
    };
    std::fs::write(file, bytes).with_context(|| format!("{} can't be written", file.display()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_that_is_not_its_vouchers_is_found_out() {
        let voucher = json!({"sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "bytes": 3});
        assert!(check(b"abc", &voucher).is_ok());
        assert!(check(b"abd", &voucher).is_err());
        assert!(check(b"abc", &json!({"sha256": voucher["sha256"], "bytes": 4})).is_err());
    }
}
