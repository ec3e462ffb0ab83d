//! The whole program over an SMSC: whom a citizen's STOP stops, and what becomes of messages when the SMSC misbehaves.
use std::time::Duration;

use estafette_actors::domain::fact::Change;
use estafette_actors::domain::submission::Institution;
use estafette_loadtest::Simulators;
use estafette_loadtest::simulators::{MessageIds, SmscSettings};
use reqwest::Method;
use serde_json::{Value, json};

use super::place::{Place, channels, simulators};

const CITIZEN: &str = "+32470123456";
const NISS: &str = "85073003328";
/// Beside the one of every place.
const OTHER: &str = "0206731645";

fn smsc() -> SmscSettings {
    let mut smsc = SmscSettings { address: Some(([127, 0, 0, 1], 0).into()), handsets: 100, ..SmscSettings::default() };
    (smsc.faults.receipts.delay_min_ms, smsc.faults.receipts.delay_max_ms) = (0, 0);
    smsc
}

/// A place that sends over an SMSC, and has a second institution.
struct Line {
    simulators: Simulators,
    place: Place,
    other: String,
}

impl Line {
    async fn start(smsc: SmscSettings, sms: &str) -> Self {
        let simulators = simulators(|settings| {
            settings.smsc = smsc;
            settings.govapp.reachable = 1.0;
        })
        .await;
        let govapp = channels("channels", &simulators);
        let govapp = govapp.split("[channels.sms]").next().unwrap();
        let address = simulators.smsc_address().unwrap();
        let toml = format!(
            "operator = true\n[[institution]]\ncbe = \"{OTHER}\"\nname = \"Other\"\nsender_name = \"8686\"\n{govapp}\
             [channels.sms]\nprovider = \"smpp\"\naddress = \"{address}\"\nsystem_id = \"estafette\"\n\
             password = \"sandbox\"\nreconnect_min_ms = 20\nreconnect_max_ms = 200\nreference_tlv = 5377\n{sms}\n\
             [delivery.sms.retry]\nfirst_ms = 50\nmax_ms = 200\n"
        );
        let place = Place::start(&toml).await;
        let institution = Institution(OTHER.parse().unwrap());
        let other = place.running.core.keys.create(institution, "k", false, place.running.core.broker.now()).unwrap().1;
        Self { simulators, place, other }
    }

    fn own(&self) -> &str {
        &self.place.live
    }

    /// Sends a message and waits until it has gone over a channel.
    async fn send(&self, key: &str, recipient: &Value, strategy: &str, channel: &str) -> Value {
        let message = json!({"recipient": recipient, "strategy": strategy, "content":
            {"title": {"fr": "Bonjour"}, "text": {"fr": "Bonjour"}}});
        let sent: Value = self.place.submit(key, &message).await.json().await.unwrap();
        assert_eq!(sent["attempts"][0]["channel"], channel, "{sent}");
        sent
    }

    /// The citizen writes; ends when it is durable.
    async fn write(&self, to: &str, text: &str) {
        let before = self.place.running.core.broker.words().heard;
        assert!(self.simulators.write(CITIZEN, to, text));
        self.until("it is heard", || self.place.running.core.broker.words().heard > before).await;
    }

    async fn until(&self, what: &str, comes: impl Fn() -> bool) {
        let waiting = async {
            while !comes() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap_or_else(|_| panic!("{what}"));
    }

    /// Whether the citizen is on the list of whose key it is.
    async fn is_stopped(&self, key: &str) -> bool {
        let path = format!("/v1/suppressions?recipient=mobile:%2B{}", &CITIZEN[1..]);
        let list: Value = self.place.ask(key, Method::GET, &path).send().await.unwrap().json().await.unwrap();
        let entries = list["suppressions"].as_array().unwrap_or_else(|| panic!("{list}"));
        !entries.is_empty()
    }

    /// The message, once it has another status.
    async fn settled(&self, message: &Value, is_it: impl Fn(&Value) -> bool) -> Value {
        let path = format!("/v1/messages/{}", message["id"].as_str().unwrap());
        for _ in 0..1_000 {
            let now = self.place.get(&path).await;
            if is_it(&now) {
                return now;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{}", self.place.get(&path).await);
    }

    async fn stop(self) {
        Box::pin(self.place.running.stop()).await;
        self.simulators.stop().await;
    }
}

#[actix_rt::test]
async fn a_stop_reaches_who_wrote_to_the_citizen_by_a_niss() {
    let line = Line::start(smsc(), "").await;
    let known = json!([{"niss": NISS, "mobile": CITIZEN}]);
    let learned = line.place.ask(line.own(), Method::PUT, "/v1/recipients").json(&known).send().await.unwrap();
    assert!(learned.status().is_success());
    line.send(line.own(), &json!({"niss": NISS}), "sms-only", "sms").await;
    line.write("1234", "STOP").await;
    assert!(line.is_stopped(line.own()).await);
    assert!(!line.is_stopped(&line.other).await);
    let again = json!({"recipient": {"niss": NISS}, "strategy": "sms-only", "content": {"text": {"fr": "Encore"}}});
    let again: Value = line.place.submit(line.own(), &again).await.json().await.unwrap();
    assert_eq!((&again["status"], &again["reason"]), (&json!("failed"), &json!("suppressed")), "{again}");
    line.stop().await;
}

#[actix_rt::test]
async fn a_stop_is_not_for_who_reached_the_citizen_over_another_channel() {
    let line = Line::start(smsc(), "").await;
    line.send(&line.other, &json!({"mobile": CITIZEN}), "sms-only", "sms").await;
    // Later, and by a strategy that has an SMS step; but the citizen got it over GovApp.
    line.send(line.own(), &json!({"mobile": CITIZEN}), "govapp-first", "govapp").await;
    line.write("1234", "STOP").await;
    assert!(line.is_stopped(&line.other).await);
    assert!(!line.is_stopped(line.own()).await);
    line.stop().await;
}

#[actix_rt::test]
async fn an_institutions_own_number_goes_before_who_sent_last() {
    let line = Line::start(smsc(), "").await;
    line.send(line.own(), &json!({"mobile": CITIZEN}), "sms-only", "sms").await;
    line.write("8686", "STOP").await;
    assert!(line.is_stopped(&line.other).await);
    assert!(!line.is_stopped(line.own()).await);
    line.stop().await;
}

#[actix_rt::test]
async fn who_answers_nobody_is_counted_and_kept() {
    let line = Line::start(smsc(), "").await;
    line.write("1234", "STOP").await;
    let words = line.place.running.core.broker.words();
    assert_eq!((words.heard, words.stops, words.nobodys), (1, 1, 1));
    let metrics = reqwest::get(format!("{}/metrics", line.place.api)).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("estafette_inbound_messages_total{kind=\"unattributed\"} 1"), "{metrics}");
    let facts = line.place.running.core.broker.archive().tail(0, 100).await.unwrap();
    let heard = facts.iter().find(|(_, fact)| matches!(&fact.change, Change::Heard(heard) if heard.stop.is_some()));
    assert_eq!(heard.map(|(_, fact)| fact.institution), Some(None));
    line.stop().await;
}

#[actix_rt::test]
async fn a_long_sms_whose_answers_are_late_arrives_whole_and_once() {
    let mut slow = smsc();
    (slow.faults.latency_min_ms, slow.faults.latency_max_ms) = (600, 600);
    let line = Line::start(slow, "response_timeout_ms = 400").await;
    let text = "Voici ce que vous recevrez. ".repeat(16);
    let message = json!({"recipient": {"mobile": CITIZEN}, "strategy": "sms-only", "content": {"text": {"fr": text}}});
    let sent: Value = line.place.submit(line.own(), &message).await.json().await.unwrap();
    let done = line.settled(&sent, |now| now["status"] == "delivered").await;
    let (shown, waiting) = line.simulators.shown();
    assert_eq!((shown.len(), waiting), (1, 0), "{done}");
    assert_eq!(shown[0].text, text);
    assert_eq!(done["attempts"].as_array().unwrap().len(), 3, "{done}");
    line.stop().await;
}

#[actix_rt::test]
async fn messages_on_a_link_that_fell_silent_are_sent_again_over_its_successor() {
    let mute = SmscSettings { silent: 1.0, silent_enquiry: 1.0, ..smsc() };
    let line = Line::start(mute, "response_timeout_ms = 300\nenquire_link_ms = 100").await;
    let message = json!({"recipient": {"mobile": CITIZEN}, "strategy": "sms-only", "content": {"text": {"fr": "Un"}}});
    let asked = line.place.ask(line.own(), Method::POST, "/v1/messages").header("prefer", "respond-async");
    let sent: Value = asked.json(&message).send().await.unwrap().json().await.unwrap();
    // Taken, and nobody here can know it.
    line.until("it is taken", || !line.simulators.shown().0.is_empty()).await;
    line.settled(&sent, |now| now["attempts"][0]["possible_duplicate"] == true).await;
    line.simulators.set_smsc(smsc());
    let done = line.settled(&sent, |now| now["status"] == "delivered").await;
    assert_eq!(done["attempts"].as_array().unwrap().len(), 1, "{done}");
    line.stop().await;
}

#[actix_rt::test]
async fn a_receipt_whose_id_has_another_form_than_configured_is_parked_and_counted() {
    // The SMSC answers in hexadecimal and reports in decimal; here both are expected to be the same.
    let line = Line::start(SmscSettings { message_ids: MessageIds::HexThenDec, ..smsc() }, "").await;
    let sent = line.send(line.own(), &json!({"mobile": CITIZEN}), "sms-only", "sms").await;
    let parked = || line.place.running.core.broker.journal().figures().parked;
    line.until("it is parked", || parked() == 1).await;
    let metrics = reqwest::get(format!("{}/metrics", line.place.api)).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("estafette_journal_parked_receipts 1"), "{metrics}");
    let now = line.settled(&sent, |_| true).await;
    assert_eq!(now["attempts"][0]["status"], "sent", "{now}");
    // The next one is served as if nothing had been.
    line.send(line.own(), &json!({"mobile": CITIZEN}), "sms-only", "sms").await;
    line.until("the other is parked too", || parked() == 2).await;
    line.stop().await;
}
