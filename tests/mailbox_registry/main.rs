//! The e-Box for programs over real sockets: mailboxes and contents on disk, in a folder of each test's own.
#![allow(clippy::unwrap_used)] // a failed step fails the test
#[path = "../../actors/tests/support/mod.rs"]
mod support;

#[path = "../api/mod.rs"]
mod api;

mod consult;
mod desk;
mod events;
mod evidence;
mod federation;
mod issuer;
mod link;
mod multicast;
mod operator;
mod publish;
mod refusals;
mod rights;

use crate::desk::{Desk, FIRM, JAN, OFFICIAL};
use crate::issuer::of;

/// Serves the face until its standard input ends, for `tests/interop/mailbox`.
#[actix_rt::test]
#[ignore = "a server for other programs; see tests/interop/mailbox"]
async fn serve_for_others() {
    let desk = Desk::open().await;
    println!("\nAPI {}", desk.face.base);
    println!("KEY {}", api::KEY);
    // With evidence to be asked for.
    let registered = serde_json::json!({"registeredMail": true});
    println!("MESSAGE {}", desk.publish(&desk::letter_to("citizen", JAN, registered)).await);
    let token = |name: &str, client: &str, scope: &str, (kind, number): (&str, &str)| {
        let mut says = of(client, kind, number);
        says["scope"] = scope.into();
        says["exp"] = (jiff::Timestamp::now().as_second() + 3_600).into();
        println!("{name} {}", desk.issuer.token(&says));
    };
    token("TOKEN", "sender", "ebox:consult ebox:publish ebox:preferences", ("citizen", JAN));
    token("CONSULT", OFFICIAL, "ebox:consult", ("citizen", JAN));
    token("ENTERPRISE", OFFICIAL, "ebox:consult", ("enterprise", FIRM));
    token("PREFERENCES", OFFICIAL, "ebox:preferences", ("citizen", JAN));
    println!("READY");
    let ended = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    ended.await.unwrap().unwrap();
}
