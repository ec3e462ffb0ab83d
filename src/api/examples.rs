//! One example of each body of the OpenAPI document. They tell one story, with the same message and broadcast in all of them;
//! the interoperability tests hold each to its schema.
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use estafette_actors::domain::jwe::{ALG, ENC};
use serde_json::{Value, json};

use crate::events::schemas::CURSOR;

/// A message.
pub const ID: &str = "01939f3a-7c1e-7000-8000-000000000001";
/// A broadcast.
pub const BROADCAST: &str = "01939f3a-7c1e-7000-8800-000000000002";
/// A time.
pub const TIME: &str = "2026-11-23T08:30:00.000Z";
/// An entry of the suppression list.
pub const ENTRY: &str = "5f1c0b7a9d3e4f60812a3b4c5d6e7f80";
/// A citizen's device.
pub const RECEIVER: &str = "0b0c8a3e-6f1d-4e0a-9c51-6a2f4d8e7b90";

/// A JWE of the right form, with nothing in it.
pub fn jwe() -> String {
    let header = format!(r#"{{"alg":"{ALG}","enc":"{ENC}"}}"#);
    let parts: [&[u8]; 5] = [header.as_bytes(), &[0; 256], &[0; 12], &[0; 32], &[0; 16]];
    parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".")
}

/// The modulus of an RSA-2048 key, in base64url.
fn modulus() -> String {
    URL_SAFE_NO_PAD.encode([0xa5; 256])
}

pub fn submission() -> Value {
    json!({
        "recipient": {"mobile": "+32470123456"},
        "strategy": "govapp-first",
        "content": {"title": {"fr": "Rappel", "nl": "Herinnering"}, "text": {"fr": "Votre dossier est prêt.", "nl": "Uw dossier is klaar."}},
        "priority": "normal",
        "sender_reference": "dossier-17",
    })
}

pub fn answer() -> Value {
    json!({
        "id": ID, "status": "delivered", "reason": null, "settled_at": "2026-11-23T08:30:01.200Z",
        "attempts": [{
            "step": 0, "retry": 0, "channel": "govapp", "provider": "govapp", "status": "delivered", "failure": null,
            "started_at": TIME, "ended_at": "2026-11-23T08:30:01.200Z", "channel_reference": "7f0c", "possible_duplicate": false,
        }],
        "sender_reference": "dossier-17",
        "links": {"self": format!("/v1/messages/{ID}")},
    })
}

pub fn accepted() -> Value {
    json!({
        "id": ID, "status": "waiting", "reason": "in_progress", "settled_at": null, "attempts": [],
        "links": {"self": format!("/v1/messages/{ID}")},
    })
}

pub fn messages() -> Value {
    json!({
        "messages": [{
            "id": ID, "status": "delivered", "reason": null, "strategy": "govapp-first", "sender_reference": "dossier-17",
            "accepted_at": TIME, "href": format!("/v1/messages/{ID}"),
        }],
        "next": format!("/v1/messages?status=delivered&after={ID}"),
    })
}

pub fn window() -> Value {
    json!({
        "time_zone": "Europe/Brussels",
        "hours": [
            {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "08:00", "until": "20:00"},
            {"days": ["sat"], "from": "10:00", "until": "18:00"},
        ],
    })
}

pub fn new_broadcast() -> Value {
    json!({
        "strategy": "govapp-first",
        "content": {"text": {"fr": "Bonjour {{NAME}}", "nl": "Goeiedag {{NAME}}"}},
        "window": window(),
        "sender_reference": "campaign-3",
    })
}

pub fn broadcast() -> Value {
    let this = format!("/v1/broadcasts/{BROADCAST}");
    json!({
        "id": BROADCAST, "phase": "started", "strategy": "govapp-first", "priority": "bulk", "rows": 1250, "by_status": {"waiting": 50, "delivered": 1200}, "variables": ["NAME"],
        "sender_reference": "campaign-3", "created_at": TIME, "started_at": "2026-11-23T08:31:00.000Z",
        "not_before": null, "valid_until": "2026-11-24T08:30:00.000Z", "window": window(), "opens_at": null,
        "per_second": 46.2, "expected_end": "2026-11-23T08:31:28.000Z",
        "links": {"self": this, "recipients": format!("{this}/recipients"), "report": format!("{this}/report")},
    })
}

pub fn started() -> Value {
    json!({"duplicates": 2, "broadcast": broadcast()})
}

pub fn row() -> Value {
    json!({"key": "a-1", "recipient": {"mobile": "0470123457"}, "language": "fr", "variables": {"NAME": "Awa"}})
}

/// Rows of an upload as NDJSON.
pub fn rows_ndjson() -> Value {
    let rows = [row(), json!({"key": "a-2", "recipient": {"niss": "85073003328"}, "variables": {"NAME": "Jef"}})];
    rows.map(|row| format!("{row}\n")).concat().into()
}

/// Rows of an upload as CSV.
pub fn rows_csv() -> Value {
    "key,mobile,niss,language,var.NAME\r\na-1,0470123457,,fr,Awa\r\na-2,,85073003328,,Jef\r\n".into()
}

pub fn tally() -> Value {
    let detail = "the last two digits of this NISS don't fit the others: check the number for a typing mistake";
    json!({"accepted": 1249, "refused": 1, "errors": [{"line": 3, "column": "niss", "detail": detail}]})
}

pub fn outcome() -> Value {
    json!({"id": ID, "key": "a-1", "status": "delivered", "reason": null, "step": 0})
}

/// A report as NDJSON.
pub fn report_ndjson() -> Value {
    format!("{}\n", outcome()).into()
}

/// A report as CSV.
pub fn report_csv() -> Value {
    format!("id,key,status,reason,step\r\n{ID},a-1,delivered,,0\r\n").into()
}

pub fn event() -> Value {
    json!({
        "id": CURSOR, "type": "message.settled", "time": TIME,
        "data": {"message": ID, "sender_reference": "dossier-17", "status": "delivered"},
    })
}

pub fn events() -> Value {
    json!({"events": [event()], "next": CURSOR, "has_more": false})
}

/// A stream of server-sent events.
pub fn stream() -> Value {
    format!("retry: 3000\n\nid: {CURSOR}\nevent: message.settled\ndata: {}\n\n", event()).into()
}

pub fn new_webhook() -> Value {
    json!({"url": "https://receiver.example.be/estafette", "types": ["message.settled", "webhook.disabled"]})
}

pub fn webhook() -> Value {
    json!({
        "name": "main", "url": "https://receiver.example.be/estafette", "types": ["message.settled", "webhook.disabled"],
        "include_test": false, "state": "on", "reason": null, "off_since": null, "failing_since": null, "created_at": TIME, "delivered": 1250,
        "overdue": 0, "given_up": 0, "gaps": 0, "redelivering": false, "told_until": CURSOR,
    })
}

/// A webhook that was just set up.
pub fn new_secret() -> Value {
    let mut webhook = webhook();
    webhook["secret"] = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDAAAAAAAAAAA=".into();
    webhook
}

pub fn trial() -> Value {
    json!({"delivered": true, "status": 204, "reason": null, "took_ms": 42})
}

pub fn part() -> Value {
    json!({"after": "oldest", "until": "newest"})
}

pub fn forecast() -> Value {
    json!({
        "steps": [
            {"step": 0, "track": 0, "channel": "govapp", "reachable": "ask", "skipped": false, "price_micro_eur": 0, "wait_s": 0},
            {"step": 1, "track": 0, "channel": "sms", "reachable": "yes", "skipped": false, "price_micro_eur": 45_000,
             "wait_s": 3},
        ],
        "language": "fr",
        "sms": {"alphabet": "ucs2", "units": 23, "parts": 1, "forces_ucs2_more": 0,
                "forces_ucs2": [{"character": "ê", "code": "U+00EA", "times": 1, "place": 4}]},
        "languages": [
            {"language": "fr", "chosen": true, "alphabet": "ucs2", "units": 23, "parts": 1},
            {"language": "nl", "chosen": false, "alphabet": "gsm", "units": 21, "parts": 1},
        ],
        "price": {"least_micro_eur": 0, "most_micro_eur": 45_000, "least": "0.00 EUR", "most": "0.045 EUR"},
        "end": {"starts_at": TIME, "settled_by": TIME, "valid_until": TIME},
        "warnings": [],
    })
}

pub fn strategy() -> Value {
    json!({
        "name": "govapp-first", "on_unknown": "resend",
        "steps": [
            {"track": 0, "channel": "govapp", "condition": "reachable", "success": "sent", "horizon_s": 3600, "otherwise": "next"},
            {"track": 0, "channel": "sms", "condition": "always", "success": "delivered", "horizon_s": 86_400, "otherwise": "end"},
        ],
    })
}

pub fn limits() -> Value {
    json!({
        "body_bytes": 524_288, "upload_bytes": 4_294_967_296_u64, "uploads": 4, "reported_rows": 1000, "title_characters": 150,
        "text_characters": 5000, "html_bytes": 32_768, "variable_characters": 1000, "reference_characters": 100,
        "sender_name_characters": 40, "sender_names": ["Commune"], "encrypted_receivers": 20, "encrypted_bytes": 32_768, "page": 500, "wait_default_s": 10, "wait_max_s": 30, "validity_default_s": 86_400,
        "validity_max_s": 2_592_000, "events_page": 1000, "events_kept_s": 2_592_000, "event_streams": 8, "webhooks": 10,
        "webhook_gives_up_h": 72, "retention_days": 7, "requests_per_second": null, "requests_burst": null,
        "channels": [{"channel": "sms", "provider": "ringring", "per_second": 50, "institution_per_second": 10, "countries": [32, 352]}],
    })
}

pub fn person() -> Value {
    json!({"niss": "85073003328", "mobile": "+32470123456", "language": "nl", "govapp": true})
}

pub fn persons() -> Value {
    json!([person(), {"cbe": "0403019261", "mailbox": true}])
}

pub fn learned() -> Value {
    json!({"accepted": 2})
}

pub fn receivers() -> Value {
    let jwk = json!({"kty": "RSA", "n": modulus(), "e": "AQAB", "use": "enc", "alg": ALG});
    json!({"receivers": [{"id": RECEIVER, "public_key": format!("{}==", modulus()), "jwk": jwk}], "alg": ALG, "enc": ENC})
}

pub fn new_suppression() -> Value {
    json!({"mobile": "+32470123456", "channel": "sms", "why": "consent_withdrawn"})
}

pub fn new_suppressions() -> Value {
    json!([new_suppression(), {"niss": "85073003328"}])
}

pub fn suppressions() -> Value {
    json!({"suppressions": [{"id": ENTRY, "channel": "sms", "why": "consent_withdrawn", "since": TIME}], "next": null})
}

pub fn ready() -> Value {
    json!({"ready": true, "reason": null, "down": [], "webhooks_off": 0})
}

pub fn not_ready() -> Value {
    json!({"ready": false, "reason": "the program is about to end", "down": [], "webhooks_off": 0})
}
