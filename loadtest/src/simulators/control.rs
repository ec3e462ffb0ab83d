//! What a test reads and changes while it runs: `/ledger`, `/faults`, `/sandbox`, `/stats`.
//!
//! Invariant: reading changes nothing and is never subject to faults. There is no authentication: the simulators listen where a test asks, on
//! loopback by default.

use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpResponse, http::StatusCode};
use serde::{Deserialize, Serialize};

use super::World;
use crate::Faults;
use crate::ledger::Channel;
use crate::ledger::book::Book;

/// Entries of a page unless the request says otherwise, and at most.
const PAGE: usize = 1_000;
const PAGE_MAX: usize = 50_000;

#[derive(Deserialize)]
pub(crate) struct Asked {
    reference: Option<String>,
    #[serde(default)]
    after: u64,
    limit: Option<usize>,
}

/// `GET /ledger/{channel}`
pub(crate) async fn page(channel: Path<Channel>, asked: Query<Asked>, world: Data<World>) -> HttpResponse {
    let limit = asked.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX);
    HttpResponse::Ok().json(world.desk(*channel).page(asked.reference.as_deref(), asked.after, limit))
}

/// `GET /ledger/{channel}/count`
pub(crate) async fn count(channel: Path<Channel>, world: Data<World>) -> HttpResponse {
    HttpResponse::Ok().json(world.desk(*channel).read(Book::count))
}

/// `DELETE /ledger`
pub(crate) async fn clear(world: Data<World>) -> HttpResponse {
    for channel in Channel::ALL {
        world.desk(channel).clear();
    }
    HttpResponse::NoContent().finish()
}

#[derive(Serialize)]
struct AllFaults {
    govapp: Faults,
    sms: Faults,
    smsc: Faults,
    ebox: Faults,
}

/// `GET /faults`
pub(crate) async fn faults(world: Data<World>) -> HttpResponse {
    HttpResponse::Ok().json(AllFaults {
        govapp: world.govapp.faults(),
        sms: world.sms.faults(),
        smsc: world.smsc.desk.faults(),
        ebox: world.ebox.faults(),
    })
}

/// The channels whose faults change; within one, what is not given goes back to its default.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewFaults {
    govapp: Option<Faults>,
    sms: Option<Faults>,
    smsc: Option<Faults>,
    ebox: Option<Faults>,
}

/// `PUT /faults`
pub(crate) async fn set_faults(new: Json<NewFaults>, world: Data<World>) -> HttpResponse {
    let given =
        [(Channel::Govapp, new.govapp), (Channel::Sms, new.sms), (Channel::Smsc, new.smsc), (Channel::Ebox, new.ebox)];
    for (channel, faults) in given {
        if let Some(Err(error)) = faults.map(|faults| faults.check()) {
            let message = format!("{}: {error}", channel.name());
            return HttpResponse::build(StatusCode::BAD_REQUEST).json(serde_json::json!({ "message": message }));
        }
    }
    for (channel, new) in given {
        if let Some(new) = new {
            world.desk(channel).set_faults(new);
        }
    }
    faults(world).await
}

/// `GET /sandbox`
pub(crate) async fn sandbox() -> HttpResponse {
    HttpResponse::Ok().json(crate::sandbox::table())
}

/// `GET /stats`
pub(crate) async fn stats(world: Data<World>) -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({
        "govapp": world.govapp.figures(),
        "sms": world.sms.figures(),
        "smsc": world.smsc.desk.figures(),
        "ebox": world.ebox.figures(),
        "callbacks": world.callbacks.figures(),
    }))
}

/// A message of a citizen to somebody who is bound here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    /// E.164 digits.
    from: String,
    to: String,
    text: String,
}

/// `POST /smsc/inbound`
pub(crate) async fn inbound(written: Json<Written>, world: Data<World>) -> HttpResponse {
    if world.smsc.write(&written.from, &written.to, &written.text) {
        HttpResponse::Accepted().finish()
    } else {
        super::no_room()
    }
}
