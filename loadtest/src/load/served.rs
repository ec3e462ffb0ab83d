//! A small HTTP server of a run, on a free port of this machine and a thread of its own.
//!
//! Invariant: one worker, so that it takes no more of the machine than it must; stopping it leaves no thread behind.

use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpServer};
use anyhow::Context;
use tokio::sync::oneshot;

/// The server, until it is stopped.
pub struct Served {
    /// Where it listens.
    pub address: SocketAddr,
    server: ServerHandle,
    thread: JoinHandle<anyhow::Result<()>>,
}

impl Served {
    /// Starts it with these routes; `name` is its thread's.
    pub async fn start(
        name: &'static str,
        routes: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
    ) -> anyhow::Result<Self> {
        let (tell, told) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name(name.into())
            .spawn(move || actix_web::rt::System::new().block_on(serve(routes, tell)))?;
        let (address, server) = told.await.with_context(|| format!("the server {name} does not start"))?;
        Ok(Self { address, server, thread })
    }

    /// Stops it, and fails when it failed meanwhile.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.server.stop(false).await;
        let joined = tokio::task::spawn_blocking(move || self.thread.join());
        joined.await?.unwrap_or_else(|_| anyhow::bail!("the thread of a server failed"))
    }
}

async fn serve(
    routes: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
    tell: oneshot::Sender<(SocketAddr, ServerHandle)>,
) -> anyhow::Result<()> {
    let server = HttpServer::new(move || App::new().configure(routes.clone()))
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
