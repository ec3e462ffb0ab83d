//! Requests as bytes, made before the clock runs.
//!
//! Invariant: every request of a set names another valid recipient or message, so that no cache of one flatters a figure.

use std::net::SocketAddr;

use estafette_loadtest::mobile;
use serde_json::json;

/// How many different ones a set has.
const DISTINCT: u64 = 20_000;

/// In which legal context a register is asked.
pub const LEGAL_CONTEXT: &str = "LOAD:2026";

/// Prepared requests, taken in turn.
pub struct Requests(Vec<Box<[u8]>>);

impl Requests {
    /// Submissions of single messages by SMS, with this `Prefer`.
    pub fn submissions(address: SocketAddr, key: &str, prefer: &str) -> Self {
        let one = |index| {
            let body = json!({
                "recipient": { "mobile": mobile::generate(index) },
                "strategy": "sms-only",
                "content": { "text": {
                    "fr": "Votre rendez-vous est demain a 10 h. Repondez STOP pour ne plus rien recevoir.",
                    "nl": "Uw afspraak is morgen om 10 u. Antwoord STOP om niets meer te ontvangen.",
                } },
                "sender_reference": format!("load-{index}"),
            });
            let headers = format!("Authorization: Bearer {key}\r\nPrefer: {prefer}\r\n");
            post(address, "/v1/messages", &headers, &body)
        };
        Self((0..DISTINCT).map(one).collect())
    }

    /// What a broker would ask of the SMS gateway itself.
    pub fn gateway(address: SocketAddr, api_key: &str) -> Self {
        let one = |index| {
            let body = json!({
                "ApiKey": api_key,
                "To": &mobile::generate(index)[1..],
                "Message": "Votre rendez-vous est demain a 10 h. Repondez STOP pour ne plus rien recevoir.",
                "Reference": format!("direct-{index}"),
                "MessageEncoding": "Auto",
            });
            post(address, "/ringring/sms/v1/Message", "", &body)
        };
        Self((0..DISTINCT).map(one).collect())
    }

    /// What a sender would ask of Kannel's smsbox, with the same text; with a receipt where `told` says to whom.
    pub fn sendsms(address: SocketAddr, told: Option<SocketAddr>) -> Self {
        let text = "Votre+rendez-vous+est+demain+a+10+h.+Repondez+STOP+pour+ne+plus+rien+recevoir.";
        // 19: delivered, not delivered, or refused by the SMSC. So each message is told once.
        let told = told.map(|told| format!("&dlr-mask=19&dlr-url=http%3A%2F%2F{}%3A{}%2F", told.ip(), told.port()));
        let told = told.unwrap_or_default();
        let one = |index| {
            let to = &mobile::generate(index)[1..];
            let path = format!("/cgi-bin/sendsms?username=load&password=load&from=8686&to=%2B{to}&text={text}{told}");
            get(address, &path).into()
        };
        Self((0..DISTINCT).map(one).collect())
    }

    /// What a broker would ask of GovApp itself, for receivers that are known.
    pub fn notifications(address: SocketAddr, token: &str, receivers: &[String], body: &serde_json::Value) -> Self {
        let one = |index: u64| {
            let mut body = body.clone();
            body["messageCorrelationId"] = json!(format!("direct-{index}"));
            let receiver = &receivers[index as usize % receivers.len()];
            let path = format!("/govapp/api/v1/pushNotifications/notifications/receivers/{receiver}/notifications");
            post(address, &path, &format!("Authorization: Bearer {token}\r\n"), &body)
        };
        Self((0..DISTINCT).map(one).collect())
    }

    /// The same, to so many receivers in each call.
    pub fn notifications_to_many(
        address: SocketAddr,
        token: &str,
        receivers: &[String],
        most: usize,
        body: &serde_json::Value,
    ) -> Self {
        let one = |(call, receivers): (usize, &[String])| {
            let own = |(place, id): (usize, &String)| json!({ "id": id, "messageCorrelationId": format!("direct-{call}-{place}") });
            let mut body = body.clone();
            body["messageCorrelationId"] = json!(format!("direct-{call}"));
            body["receivers"] = receivers.iter().enumerate().map(own).collect();
            let path = "/govapp/api/v1/pushNotifications/notifications";
            post(address, path, &format!("Authorization: Bearer {token}\r\n"), &body)
        };
        Self(receivers.chunks_exact(most).enumerate().map(one).collect())
    }

    /// Looks at single messages or rows, by their ids.
    pub fn statuses<'i>(address: SocketAddr, key: &str, ids: impl Iterator<Item = &'i str>) -> Self {
        Self(ids.map(|id| get_as(address, &format!("/v1/messages/{id}"), key).into()).collect())
    }

    /// Calls of the register, one for each body.
    pub fn register(address: SocketAddr, key: &str, path: &str, bodies: impl Iterator<Item = String>) -> Self {
        let headers = format!("Authorization: Bearer {key}\r\nLegal-Context: {LEGAL_CONTEXT}\r\n");
        Self(bodies.map(|body| post_text(address, path, &headers, &body)).collect())
    }

    /// These, as they are.
    pub fn of(requests: Vec<Vec<u8>>) -> Self {
        Self(requests.into_iter().map(Vec::into_boxed_slice).collect())
    }

    /// The one of this turn.
    pub fn get(&self, turn: usize) -> &[u8] {
        &self.0[turn % self.0.len()]
    }
}

/// A `GET` of a kept connection.
pub fn get(address: SocketAddr, path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").into_bytes()
}

/// A `GET` of a kept connection, with a bearer token.
pub fn get_as(address: SocketAddr, path: &str, token: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n").into_bytes()
}

/// The head of a `PUT` whose body follows.
pub fn put(address: SocketAddr, path: &str, key: &str, media_type: &str, length: usize) -> Vec<u8> {
    let head = format!("PUT {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\n");
    format!("{head}Content-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n").into_bytes()
}

/// The head of a call of the register with this method whose body follows in chunks.
pub fn register_chunked(address: SocketAddr, method: &str, path: &str, key: &str, media_type: &str) -> Vec<u8> {
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\n");
    format!("{head}Legal-Context: {LEGAL_CONTEXT}\r\nContent-Type: {media_type}\r\nTransfer-Encoding: chunked\r\n\r\n")
        .into_bytes()
}

/// The body of a request of this set, with its head taken off.
pub fn body(request: &[u8]) -> &[u8] {
    let head = request.windows(4).position(|four| four == b"\r\n\r\n");
    head.map_or(request, |end| &request[end + 4..])
}

fn post(address: SocketAddr, path: &str, headers: &str, body: &serde_json::Value) -> Box<[u8]> {
    post_text(address, path, headers, &body.to_string())
}

fn post_text(address: SocketAddr, path: &str, headers: &str, body: &str) -> Box<[u8]> {
    let length = body.len();
    let head = format!("POST {path} HTTP/1.1\r\nHost: {address}\r\n{headers}Content-Type: application/json\r\n");
    format!("{head}Content-Length: {length}\r\n\r\n{body}").into_bytes().into()
}
