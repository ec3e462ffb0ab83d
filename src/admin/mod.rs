//! The TCP admin port: RESP2, RESP3 and typed lines, so that redis-cli, any Redis client and `nc`
//! work on a running broker.
//!
//! Invariant: nobody can make it keep more than a command of 64 KiB, an answer that he reads, and
//! a place among a stated number of connections. It reads the broker's observable state and
//! hands orders to the actors; it decides nothing.
mod broadcasts;
mod commands;
mod connection;
mod control;
mod dead;
mod docs;
mod info;
mod limits;
mod messages;
mod monitor;
mod program;
mod register;
mod reply;
mod request;
mod usage;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use estafette_actors::broker::Broker;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::config;

pub use control::{Control, Kept, Nothing, Outcome};

/// How the port behaves.
pub type Settings = config::Admin;

/// A pause after the system refused a connection (out of files, mostly).
const AFTER_A_REFUSAL: Duration = Duration::from_millis(50);

/// What a client may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Look, and change nothing.
    Viewer,
    /// Everything.
    Operator,
}

/// What all connections share.
struct Desk {
    broker: Broker,
    settings: Arc<ArcSwap<Settings>>,
    control: Arc<dyn Control>,
    /// For work that reads all of the disk.
    heavy: Semaphore,
    started: Instant,
    connections: usize,
    places: Arc<Semaphore>,
    next: AtomicU64,
}

/// Serves a broker of which only the actors are there; see [`serve_with`].
pub async fn serve(listener: TcpListener, broker: Broker, settings: Settings, shutdown: impl Future<Output = ()>) {
    let settings = Arc::new(ArcSwap::from_pointee(settings));
    serve_with(listener, broker, settings, Arc::new(Nothing), shutdown).await;
}

/// Serves until `shutdown` ends; connections end with it. Other `settings` hold at once, but for the
/// number of connections.
pub async fn serve_with(
    listener: TcpListener,
    broker: Broker,
    settings: Arc<ArcSwap<Settings>>,
    control: Arc<dyn Control>,
    shutdown: impl Future<Output = ()>,
) {
    let connections = settings.load().connections;
    let desk = Arc::new(Desk {
        broker,
        settings,
        control,
        heavy: Semaphore::new(1),
        started: Instant::now(),
        connections,
        places: Arc::new(Semaphore::new(connections)),
        next: AtomicU64::new(1),
    });
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => return,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "the admin port can't take a connection");
                tokio::time::sleep(AFTER_A_REFUSAL).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&desk.places).try_acquire_owned() else {
            // A fresh socket takes a line without waiting; if not, closing says enough.
            let _ = stream.try_write(b"-ERR too many connections; close one and try again\r\n");
            continue;
        };
        let (desk, number) = (Arc::clone(&desk), desk.next.fetch_add(1, Ordering::Relaxed));
        connections.spawn(async move {
            connection::Connection::new(stream, desk, number).run().await;
            drop(place);
        });
    }
}
