//! An endpoint that counts the requests it gets and answers each with 204: the cheapest sender that can be told anything.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::HttpResponse;
use actix_web::web::{self, Bytes, Data, ServiceConfig};

use crate::load::served::Served;

/// The endpoint, until it is stopped.
pub struct Counter {
    /// Where it listens, whatever the path and the method.
    pub address: SocketAddr,
    count: Arc<AtomicU64>,
    served: Served,
}

impl Counter {
    /// Starts it.
    pub async fn start() -> anyhow::Result<Self> {
        let count = Arc::new(AtomicU64::new(0));
        let shared = Data::from(Arc::clone(&count));
        let routes = move |config: &mut ServiceConfig| {
            config.app_data(shared.clone()).default_service(web::to(take));
        };
        let served = Served::start("counter", routes).await?;
        Ok(Self { address: served.address, count, served })
    }

    /// Requests so far.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Stops it, and fails when it failed meanwhile.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.served.stop().await
    }
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
