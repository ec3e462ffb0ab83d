//! A broker's callback address: keeps what it is sent, and answers as the test says.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use serde_json::Value;
use tokio::sync::mpsc;

/// A callback as it came.
pub(crate) struct Posted {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) secret: Option<String>,
    pub(crate) body: Value,
}

struct Desk {
    tell: mpsc::UnboundedSender<Posted>,
    answers: Mutex<VecDeque<u16>>,
}

/// What stands for the broker.
pub(crate) struct Broker {
    pub(crate) address: SocketAddr,
    posted: mpsc::UnboundedReceiver<Posted>,
    desk: Data<Desk>,
    server: ServerHandle,
}

async fn take(request: HttpRequest, body: Bytes, desk: Data<Desk>) -> HttpResponse {
    let status = desk.answers.lock().expect("no panic before").pop_front().unwrap_or(200);
    let status = reqwest::StatusCode::from_u16(status).expect("a status").as_u16();
    if status == 200 {
        let secret = request.headers().get("X-Callback-Secret");
        let posted = Posted {
            method: request.method().to_string(),
            path: request.path().to_owned(),
            query: request.query_string().to_owned(),
            secret: secret.and_then(|secret| secret.to_str().ok()).map(str::to_owned),
            body: serde_json::from_slice(&body).unwrap_or_default(),
        };
        // A test that ended reads no more.
        let _ = desk.tell.send(posted);
    }
    HttpResponse::build(actix_web::http::StatusCode::from_u16(status).expect("a status")).finish()
}

impl Broker {
    pub(crate) fn start() -> Self {
        Self::listen(([127, 0, 0, 1], 0).into())
    }

    pub(crate) fn listen(address: SocketAddr) -> Self {
        let (tell, posted) = mpsc::unbounded_channel();
        let desk = Data::new(Desk { tell, answers: Mutex::default() });
        let shared = desk.clone();
        let server = HttpServer::new(move || App::new().app_data(shared.clone()).default_service(web::to(take)))
            .workers(1)
            .disable_signals()
            .bind(address)
            .expect("a free port");
        let address = server.addrs()[0];
        let server = server.run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self { address, posted, desk, server: handle }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The next requests get these statuses, and are not kept.
    pub(crate) fn answer(&self, statuses: &[u16]) {
        self.desk.answers.lock().expect("no panic before").extend(statuses);
    }

    /// The next callback; fails when none comes in 10 s.
    pub(crate) async fn next(&mut self) -> Posted {
        let next = tokio::time::timeout(Duration::from_secs(10), self.posted.recv()).await;
        next.expect("a callback within 10 s").expect("the server runs")
    }

    pub(crate) fn next_now(&mut self) -> Option<Posted> {
        self.posted.try_recv().ok()
    }

    pub(crate) async fn stop(self) -> SocketAddr {
        self.server.stop(false).await;
        self.address
    }
}
