//! The raw limit of accepting: an HTTP handler whose every request is one row in redb, many rows a commit.
//!
//! Invariant: durable before the answer, with the same redb settings and the same way to gather a commit as the broker's writer. It checks
//! nothing, keeps no state and has no key to look up: what it gets done is what socket and disk allow.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use actix_web::web::ServiceConfig;
use actix_web::{HttpResponse, web};
use anyhow::Context;
use bytes::Bytes;
use redb::{Database, TableDefinition};
use tokio::sync::oneshot;

use super::served::Served;

/// As the broker's default.
const CACHE_BYTES: usize = 64 << 20;
/// Rows of a commit at most.
const COMMIT_ROWS: usize = 16_384;
const ROWS: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("rows");

struct Row {
    body: Bytes,
    durable: oneshot::Sender<u64>,
}

/// The server, until it is stopped.
pub struct Bare {
    /// Where it listens.
    pub address: SocketAddr,
    served: Served,
    writer: JoinHandle<anyhow::Result<()>>,
}

impl Bare {
    /// Starts it over a new file in `folder`. `trigger` is how long a commit waits for more rows once it has two.
    pub async fn start(folder: &Path, trigger: Duration) -> anyhow::Result<Self> {
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES);
        let database = builder.create(folder.join("bare.redb")).context("create the file of the raw limit")?;
        let (rows, taken) = channel();
        let writer =
            std::thread::Builder::new().name("bare-writer".into()).spawn(move || write(&database, &taken, trigger))?;
        let routes = move |app: &mut ServiceConfig| {
            let app = app.app_data(web::Data::new(rows.clone()));
            app.route("/v1/messages", web::post().to(accept)).route("/v1/register/rows", web::post().to(accept));
        };
        let served = Served::start("bare-http", routes).await?;
        Ok(Self { address: served.address, served, writer })
    }

    /// Stops it, and fails when it failed meanwhile.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.served.stop().await?;
        let joined = tokio::task::spawn_blocking(move || self.writer.join());
        joined.await?.unwrap_or_else(|_| anyhow::bail!("the writer of the raw limit failed"))
    }
}

async fn accept(body: Bytes, rows: web::Data<Sender<Row>>) -> HttpResponse {
    let (durable, done) = oneshot::channel();
    if rows.send(Row { body, durable }).is_err() {
        return HttpResponse::ServiceUnavailable().finish();
    }
    match done.await {
        Ok(id) => HttpResponse::Accepted()
            .content_type("application/json")
            .body(format!(r#"{{"id":"{id:032x}","status":"waiting"}}"#)),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

fn write(database: &Database, rows: &Receiver<Row>, trigger: Duration) -> anyhow::Result<()> {
    let mut last = 0;
    while let Ok(first) = rows.recv() {
        let batch = gather(rows, first, trigger);
        let transaction = database.begin_write()?;
        {
            let mut table = transaction.open_table(ROWS)?;
            for (index, row) in batch.iter().enumerate() {
                table.insert(last + index as u64, row.body.as_ref())?;
            }
        }
        transaction.commit()?;
        for row in batch {
            // Whoever hung up has no use for it.
            let _ = row.durable.send(last);
            last += 1;
        }
    }
    Ok(())
}

/// All that is there, and what comes within `trigger` once there are two.
fn gather(rows: &Receiver<Row>, first: Row, trigger: Duration) -> Vec<Row> {
    let mut batch = vec![first];
    let mut deadline = None;
    while batch.len() < COMMIT_ROWS {
        let next = rows.try_recv().ok().or_else(|| {
            (batch.len() > 1).then_some(())?;
            let deadline = *deadline.get_or_insert_with(|| Instant::now() + trigger);
            rows.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
        });
        match next {
            Some(row) => batch.push(row),
            None => break,
        }
    }
    batch
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::closed;
    use crate::load::request::Requests;
    use redb::{ReadableDatabase, ReadableTableMetadata};
    use std::sync::Arc;

    #[tokio::test]
    async fn every_answer_of_the_raw_limit_is_a_row_on_disk() {
        let folder = tempfile::tempdir().unwrap();
        let bare = Bare::start(folder.path(), Duration::from_millis(1)).await.unwrap();
        let requests = Arc::new(Requests::submissions(bare.address, "key", "respond-async"));
        let round = closed::run(bare.address, &requests, 8, Duration::from_millis(200), 202).await.unwrap();
        bare.stop().await.unwrap();
        let database = Database::open(folder.path().join("bare.redb")).unwrap();
        let rows = database.begin_read().unwrap().open_table(ROWS).unwrap().len().unwrap();
        assert!(!round.latency.is_empty() && rows >= round.latency.len(), "{rows} rows");
    }
}
