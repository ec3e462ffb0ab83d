//! The devices of a citizen at GovApp with their public keys, for senders that encrypt end to end.
use actix_web::{HttpRequest, HttpResponse, get, web};
use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::failure::Failure;
use estafette_actors::domain::jwe::{ALG, ENC};
use estafette_actors::domain::submission::{Identifier, Recipient};
use estafette_actors::ports::ReceiverKey;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::answer::json;
use super::caller::Caller;
use super::listing::{identifier, query, unknown};
use super::problem::{Fault, Kind, Problem, refuses, sets};
use super::submission::today;
use super::{examples, schemas};

/// The devices of a recipient.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Receivers, example = examples::receivers)]
pub struct ReceiversAnswer {
    /// Active devices; none when GovApp doesn't reach the recipient now.
    receivers: Vec<ReceiverAnswer>,
    /// The only key algorithm taken.
    #[schema(example = "RSA-OAEP-256")]
    alg: &'static str,
    /// The only content algorithm taken.
    #[schema(example = "A256GCM")]
    enc: &'static str,
}

/// A device.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Receiver)]
pub struct ReceiverAnswer {
    /// Its id: the name of its member in `content.encrypted`.
    #[schema(value_type = uuid::Uuid)]
    id: String,
    /// The modulus of its RSA-2048 key in padded base64url, as GovApp gives it; the exponent is 65537.
    public_key: String,
    /// The same key as a JWK (RFC 7517).
    jwk: Jwk,
}

/// A public key.
#[derive(Debug, Serialize, ToSchema)]
pub struct Jwk {
    /// RSA.
    kty: &'static str,
    /// The modulus in base64url.
    n: String,
    /// The exponent in base64url.
    e: &'static str,
    /// enc.
    #[serde(rename = "use")]
    usage: &'static str,
    /// RSA-OAEP-256.
    alg: &'static str,
}

impl ReceiverAnswer {
    fn of(key: &ReceiverKey) -> Self {
        let n = URL_SAFE_NO_PAD.encode(&key.modulus);
        let jwk = Jwk { kty: "RSA", n, e: "AQAB", usage: "enc", alg: ALG };
        Self { id: key.receiver.to_string(), public_key: URL_SAFE.encode(&key.modulus), jwk }
    }
}

refuses!(Finding: sets::KEYED, &[Kind::InvalidQuery, Kind::Overloaded, Kind::Restarting]);

/// The devices of a recipient at GovApp with their public keys, to encrypt a content end to end.
#[utoipa::path(
    operation_id = "receivers",
    tag = "messages",
    params(("recipient" = schemas::Identifier, Query, description = "mobile: or niss: and the number")),
    responses(
        (status = 200, description = "The devices, perhaps none", body = ReceiversAnswer),
        Finding,
    ),
)]
#[get("/v1/recipients/receivers")]
pub async fn receivers(request: HttpRequest, app: web::Data<App>, caller: Caller) -> Result<HttpResponse, Problem> {
    let wrong = |detail: String| Problem::InvalidQuery(vec![Fault::new("recipient", detail)]);
    let mut recipient = None;
    for (name, value) in query(&request)? {
        if name != "recipient" {
            return Err(unknown(&name, "recipient"));
        }
        recipient = Some(identifier(&value, today(app.parts.broker.now())).map_err(wrong)?);
    }
    let recipient = match recipient {
        Some(Identifier::Mobile(mobile)) => Recipient { mobile: Some(mobile), ..Recipient::default() },
        Some(Identifier::Niss(niss)) => Recipient { niss: Some(niss), ..Recipient::default() },
        Some(Identifier::Cbe(_)) => return Err(wrong("GovApp knows citizens: give mobile: or niss:".to_owned())),
        None => return Err(wrong("missing: give mobile: or niss: and the number".to_owned())),
    };
    caller.reaches().check(&recipient).map_err(|what| wrong(what.to_owned()))?;
    let mut govapp = app.parts.transports.iter().filter(|transport| transport.channel() == Channel::GOVAPP);
    let asked = govapp.find_map(|transport| transport.receivers(recipient));
    let found = match asked {
        Some(asked) => asked.await.map_err(|failure| match failure {
            Failure::Throttled => Problem::Overloaded(std::time::Duration::from_secs(1)),
            _ => Problem::Restarting,
        })?,
        None => Vec::new(),
    };
    let receivers = found.iter().map(ReceiverAnswer::of).collect();
    Ok(json(HttpResponse::Ok(), &ReceiversAnswer { receivers, alg: ALG, enc: ENC }))
}
