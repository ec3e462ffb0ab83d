//! An endpoint that counts the requests it gets and answers each with 204: the cheapest sender that can be told anything.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpResponse, HttpServer};
use anyhow::Context;
use tokio::sync::oneshot;

/// The endpoint, until it is stopped.
pub struct Counter {
    /// Where it listens, whatever the path and the method.
    pub address: SocketAddr,
    count: Arc<AtomicU64>,
    server: ServerHandle,
    thread: JoinHandle<anyhow::Result<()>>,
}

impl Counter {
    /// Starts it on a free port of this machine, with a thread of its own.
    pub async fn start() -> anyhow::Result<Self> {
        let count = Arc::new(AtomicU64::new(0));
        let (tell, told) = oneshot::channel();
        let shared = Arc::clone(&count);
        let thread = std::thread::Builder::new()
            .name("counter".into())
            .spawn(move || actix_web::rt::System::new().block_on(serve(shared, tell)))?;
        let (address, server) = told.await.context("the counting endpoint does not start")?;
        Ok(Self { address, count, server, thread })
    }

    /// Requests so far.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Stops it, and fails when it failed meanwhile.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.server.stop(false).await;
        let joined = tokio::task::spawn_blocking(move || self.thread.join());
        joined.await?.unwrap_or_else(|_| anyhow::bail!("the thread of the counting endpoint failed"))
    }
}

async fn serve(count: Arc<AtomicU64>, tell: oneshot::Sender<(SocketAddr, ServerHandle)>) -> anyhow::Result<()> {
    let count = Data::from(count);
    let server = HttpServer::new(move || App::new().app_data(count.clone()).default_service(web::to(take)))
        .workers(1)
        .keep_alive(Duration::from_secs(75))
        .disable_signals()
        .shutdown_timeout(1)
        .bind("127.0.0.1:0")?;
    let address = server.addrs().first().copied().context("no address was bound")?;
    let server = server.run();
    let _ = tell.send((address, server.handle()));
    Ok(server.await?)
}

// The body is read, so that the connection can be kept.
async fn take(_body: Bytes, count: Data<AtomicU64>) -> HttpResponse {
    count.fetch_add(1, Ordering::Relaxed);
    HttpResponse::NoContent().finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::peer::Connection;
    use crate::load::request;

    #[tokio::test]
    async fn each_request_counts_once_on_any_path() {
        let counter = Counter::start().await.unwrap();
        let mut connection = Connection::open(counter.address).await.unwrap();
        for path in ["/", "/dlr?number=1"] {
            assert_eq!(connection.exchange(&request::get(counter.address, path)).await.unwrap(), 204);
        }
        assert_eq!(counter.count(), 2);
        counter.stop().await.unwrap();
    }
}
