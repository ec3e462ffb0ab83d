//! The admin port shows registers to operators, and the audit trail keeps that it did.
use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use estafette::admin::{self, Control, Kept};
use estafette::config;
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::register::{Deed, Face};
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::desk::{Desk, ION, JAN, OLD, UNKNOWN};

struct Keeping(Desk);

impl Control for Keeping {
    fn register(&self) -> Option<Kept> {
        let institutions = ["0403019261", "0206731645"].map(|cbe| Institution(cbe.parse().unwrap())).to_vec();
        Some(Kept { register: self.0.store.register(), institutions })
    }
}

async fn listen(broker: estafette_actors::broker::Broker, control: Arc<dyn Control>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let text = "[admin]\npassword = \"operator\"\nviewer_password = \"viewer\"\n";
    let settings = Arc::new(ArcSwap::from_pointee(config::parse(Some(text), Vec::new()).unwrap().admin));
    tokio::spawn(admin::serve_with(listener, broker, settings, control, std::future::pending()));
    address
}

async fn talk(address: SocketAddr, password: &str, command: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("AUTH {password}\r\n{command}\r\nQUIT\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.replace("\r\n", " ")
}

#[actix_rt::test]
async fn find_shows_rows_of_all_registers_and_is_itself_in_the_trail() {
    let desk = Desk::open().await;
    for month in 1..=3 {
        desk.inscribe(JAN, &format!("2026-{month:02}-01"), Some(&format!("2026-{month:02}-20"))).await;
    }
    let (store, broker) = (desk.store.clone(), desk.world.broker.clone());
    let address = listen(broker, Arc::new(Keeping(desk))).await;
    let shown = talk(address, "operator", &format!("FIND NISS {JAN}")).await;
    assert_eq!(shown.matches("PENSIONER").count(), 3, "{shown}");
    assert!(shown.contains("0403019261") && shown.contains("2026-03-20") && !shown.contains(JAN), "{shown}");
    let line = store.last().await;
    assert_eq!((line.deed, line.access.face, &*line.access.legal_context), (Deed::Consult, Face::Admin, "operator"));
    assert!(line.about.is_some());

    let replaced = talk(address, "operator", &format!("FIND NISS {OLD}")).await;
    assert!(replaced.contains("replaced_by") && replaced.contains(JAN), "{replaced}");
    let viewed = talk(address, "viewer", &format!("FIND NISS {OLD}")).await;
    assert!(viewed.contains("PENSIONER") && !viewed.contains(JAN), "a viewer is told no number: {viewed}");
    let lines = store.deeds().await.len();
    for niss in [ION, UNKNOWN] {
        assert!(talk(address, "operator", &format!("FIND NISS {niss}")).await.contains("*0"), "{niss}");
    }
    assert_eq!(
        store.deeds().await[lines..],
        [(Deed::Consult, "nothing".to_owned()), (Deed::Consult, "nothing".to_owned())]
    );
    assert!(talk(address, "operator", "FIND MOBILE 0470123456").await.contains("*0"));
    assert_eq!(store.deeds().await.len(), lines + 2);
}

#[actix_rt::test]
async fn register_counts_rows_and_files_that_wait() {
    let desk = Desk::open().await;
    desk.inscribe(JAN, "2026-01-01", None).await;
    desk.ask(Method::PUT, "/v1/register/subscriptions/DIMONA").json(&json!({})).send().await.unwrap();
    let event = format!("{}\n", json!({"niss": JAN, "on": "2026-01-02", "kind": "DIMONA"}));
    desk.upload("/v1/register/events", "application/x-ndjson", &event).await;
    desk.store.end_day().await;
    let broker = desk.world.broker.clone();
    let address = listen(broker.clone(), Arc::new(Keeping(desk))).await;
    let shown = talk(address, "viewer", "REGISTER").await;
    for part in ["rows :1", "unwritten_bytes :", "audit_waiting :", "vouchers_waiting :1", "PENSIONER :1", "0206731645"]
    {
        assert!(shown.contains(part), "{part} is missing: {shown}");
    }
    let help = talk(address, "viewer", "HELP REGISTER").await;
    assert!(help.contains("Rows of each register"), "{help}");
    assert!(talk(address, "viewer", "COMMAND DOCS register").await.contains("group $8 register"));
    let none = listen(broker, Arc::new(admin::Nothing)).await;
    assert!(talk(none, "operator", "REGISTER").await.contains("-ERR no register is kept here"));
}
