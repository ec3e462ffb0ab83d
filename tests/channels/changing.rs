//! Providers that change while letters pass: what is set up alike is not disturbed, and what goes is heard to its end.
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use estafette::channels::{Changing, Guarded, Table, sms};
use estafette_actors::domain::life::Outcome;
use estafette_actors::domain::receipt::About;
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::ports::{Binds, CallbackRequest, Transport};
use estafette_loadtest::Simulators;
use estafette_loadtest::simulators::SmscSettings;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use crate::letter::{MOBILE, mobile, saying};
use crate::several::{Ears, gateway, provider, send};

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(20);

/// Counts the connections to a gateway: those that were made, and those that are there.
#[derive(Clone, Default)]
struct Counted {
    made: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
}

impl Counted {
    /// Stands before a gateway, and gives the address to connect to.
    async fn before(gateway: SocketAddr) -> (Self, SocketAddr) {
        let counted = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let counts = counted.clone();
        tokio::spawn(async move {
            while let Ok((mut here, _)) = listener.accept().await {
                let counts = counts.clone();
                counts.made.fetch_add(1, Ordering::SeqCst);
                counts.open.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    let mut there = TcpStream::connect(gateway).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut here, &mut there).await;
                    counts.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        (counted, address)
    }

    fn now(&self) -> (usize, usize) {
        (self.made.load(Ordering::SeqCst), self.open.load(Ordering::SeqCst))
    }
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LONG, wait).await.unwrap_or_else(|_| panic!("{what}: it never came to that"));
}

fn table(table: Value) -> Arc<dyn Transport> {
    sms::build(&Table::of(table)).unwrap()
}

/// The place with a first transport, listening.
fn changing(first: Value, ears: &Ears) -> (Arc<Changing>, Arc<dyn Transport>, tokio::task::JoinHandle<()>) {
    let place = Arc::new(Changing::new(table(first)));
    let listening = tokio::spawn(place.listen(Arc::new(ears.clone())).unwrap());
    (Arc::clone(&place), place, listening)
}

fn all_bound(channel: &Arc<dyn Transport>) -> bool {
    channel.providers().iter().all(|one| one.binds.is_none_or(|binds| binds.bound == binds.wanted))
}

#[tokio::test]
async fn another_weight_or_country_breaks_no_bind() {
    let (one, two, ears) = (gateway().await, gateway().await, Ears::default());
    let (counted, address) = Counted::before(one.smsc_address().unwrap()).await;
    let providers = |weights: (u32, u32), countries: &[u16]| {
        let (mut first, second) = (provider("one", weights.0, &one), provider("two", weights.1, &two));
        first["address"] = json!(address.to_string());
        first["countries"] = json!(countries);
        json!({ "providers": [first, second] })
    };
    let (place, channel, listening) = changing(providers((1, 1), &[]), &ears);
    until("bound", || all_bound(&channel)).await;
    let sent = send(&channel, 20).await;
    assert_eq!((sent["one"], sent["two"]), (10, 10));

    place.change(table(providers((3, 1), &[])));
    let sent = send(&channel, 20).await;
    assert_eq!((sent["one"], sent["two"]), (15, 5));
    place.change(table(providers((3, 1), &[352])));
    assert_eq!(send(&channel, 4).await.get("one"), None, "the letters go to Belgium");

    until("receipts", || ears.0.lock().unwrap().len() == 44).await;
    assert_eq!(counted.now(), (1, 1), "the bind of the start is the only one");
    assert!(all_bound(&channel));
    listening.abort();
}

#[tokio::test]
async fn a_live_channel_beside_a_simulated_one_keeps_its_binds_too() {
    let (one, other, ears) = (gateway().await, gateway().await, Ears::default());
    let (counted, address) = Counted::before(one.smsc_address().unwrap()).await;
    let (rehearsed, rehearsal) = Counted::before(other.smsc_address().unwrap()).await;
    let at = |address: SocketAddr, gateway: &Simulators, weight: u32| {
        let mut one = provider("one", weight, gateway);
        one["address"] = json!(address.to_string());
        table(json!({ "linger_ms": 0, "providers": [one] }))
    };
    let guarded = |weight| -> Arc<dyn Transport> {
        Arc::new(Guarded::new(at(address, &one, weight), Some(at(rehearsal, &other, 1))))
    };
    let place = Arc::new(Changing::new(guarded(1)));
    let channel: Arc<dyn Transport> = Arc::clone(&place) as _;
    let listening = tokio::spawn(channel.listen(Arc::new(ears.clone())).unwrap());
    until("bound", || counted.now() == (1, 1) && rehearsed.now() == (1, 1) && all_bound(&channel)).await;
    place.change(guarded(7));
    send(&channel, 5).await;
    assert_eq!(channel.providers()[0].weight, 7);
    assert_eq!((counted.now(), rehearsed.now()), ((1, 1), (1, 1)));
    listening.abort();
}

#[tokio::test]
async fn what_was_under_way_over_an_old_bind_ends_there_and_is_heard() {
    let (one, two, ears) = (gateway().await, gateway().await, Ears::default());
    let mut slow = SmscSettings::default();
    (slow.faults.latency_min_ms, slow.faults.latency_max_ms) = (600, 600);
    (slow.faults.receipts.delay_min_ms, slow.faults.receipts.delay_max_ms) = (300, 300);
    one.set_smsc(slow);
    let (counted, address) = Counted::before(one.smsc_address().unwrap()).await;
    let alone = |address: String, linger_ms: u64| {
        json!({
            "provider": "smpp", "address": address, "system_id": "estafette", "password": "sandbox",
            "response_timeout_ms": 2_000, "reconnect_min_ms": 20, "reconnect_max_ms": 200, "linger_ms": linger_ms,
        })
    };
    let (place, channel, listening) = changing(alone(address.to_string(), 0), &ears);
    until("bound", || all_bound(&channel)).await;
    let sending = tokio::spawn(channel.send(saying(mobile(MOBILE), "old")));
    tokio::time::sleep(Duration::from_millis(100)).await;

    place.change(table(alone(two.smsc_address().unwrap().to_string(), 1_000)));
    assert!(!sending.is_finished(), "the letter is under way");
    let (outcome, over) = channel.send_via(saying(mobile(MOBILE), "new")).await;
    assert!(matches!(outcome, Outcome::Is(AttemptStatus::Sent, Some(_))), "{outcome:?}");
    assert_eq!(over, None);
    let Outcome::Is(AttemptStatus::Sent, Some(old)) = sending.await.unwrap() else { panic!("the letter was lost") };
    let heard = || ears.0.lock().unwrap().iter().any(|receipt| receipt.about == About::ChannelReference(old.clone()));
    until("the receipt over the old bind", heard).await;
    until("the old bind goes", || counted.now() == (1, 0)).await;
    assert_eq!(channel.providers()[0].binds, Some(Binds { bound: 1, wanted: 1 }));
    listening.abort();
}

#[tokio::test]
async fn a_provider_that_is_taken_out_is_left_at_once_and_unbound_after_its_receipts() {
    let (one, two, ears) = (gateway().await, gateway().await, Ears::default());
    let mut late = SmscSettings::default();
    (late.faults.receipts.delay_min_ms, late.faults.receipts.delay_max_ms) = (400, 400);
    one.set_smsc(late);
    let (counted, address) = Counted::before(one.smsc_address().unwrap()).await;
    let mut first = provider("one", 1, &one);
    first["address"] = json!(address.to_string());
    let both = json!({ "providers": [first, provider("two", 1, &two)] });
    let (place, channel, listening) = changing(both, &ears);
    until("bound", || all_bound(&channel)).await;
    assert_eq!(send(&channel, 10).await["one"], 5);
    place.change(table(json!({ "linger_ms": 1_500, "providers": [provider("two", 1, &two)] })));
    assert_eq!(send(&channel, 10).await["two"], 10);
    assert_eq!(counted.now(), (1, 1), "its receipts are still to come");
    until("all receipts", || ears.0.lock().unwrap().len() == 20).await;
    until("the bind goes", || counted.now() == (1, 0)).await;
    assert_eq!(channel.providers().len(), 1);
    listening.abort();
}

#[tokio::test]
async fn other_settings_of_the_same_account_are_not_kept_out_by_the_old_bind() {
    let (one, ears) = (gateway().await, Ears::default());
    let (counted, address) = Counted::before(one.smsc_address().unwrap()).await;
    let table_with = |sender: &str| {
        let mut one = provider("one", 1, &one);
        one["address"] = json!(address.to_string());
        one["sender_id"] = json!(sender);
        json!({ "linger_ms": 60_000, "providers": [one] })
    };
    let (place, channel, listening) = changing(table_with("8686"), &ears);
    until("bound", || all_bound(&channel)).await;
    send(&channel, 3).await;
    place.change(table(table_with("8787")));
    until("the old bind goes without waiting for the linger", || counted.now() == (2, 1)).await;
    assert_eq!(send(&channel, 3).await["one"], 3);
    until("receipts over whichever bind", || ears.0.lock().unwrap().len() == 6).await;
    listening.abort();
}

#[tokio::test]
async fn a_callback_under_the_secret_from_before_counts_while_its_letters_last() {
    let web = |secret: &str| {
        json!({
            "base_url": "http://127.0.0.1:1", "api_key": "k", "callback_base": "http://127.0.0.1:2",
            "callback_secret": secret, "linger_ms": 0,
        })
    };
    let callback = |channel: &Arc<dyn Transport>, secret: &str| {
        let query = [("secret", secret), ("MessageId", "007"), ("StatusCode", "200")];
        let query = query.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let request = CallbackRequest { method: "GET".into(), query, ..CallbackRequest::default() };
        channel.receipts_of("ringring", &request).unwrap().is_ok()
    };
    let (place, channel, listening) = changing(web("before"), &Ears::default());
    // What is not polled yet holds its transport as what is under way does.
    let under_way = channel.send(saying(mobile(MOBILE), "old"));
    place.change(table(web("after")));
    assert!(callback(&channel, "before") && callback(&channel, "after") && !callback(&channel, "else"));
    drop(under_way);
    until("the old secret goes", || !callback(&channel, "before")).await;
    assert!(callback(&channel, "after"));
    listening.abort();
}
