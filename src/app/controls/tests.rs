//! What a reload says to hold at once does, and what it would open is refused.
use std::net::TcpListener;

use super::*;
use crate::app::Running;

/// A broker with a configuration that can be read again; the listeners are on loopback, whatever it says.
async fn start(folder: &Path, toml: &str) -> Running {
    let source = Source { path: Some(folder.join("estafette.toml")), environment: Vec::new() };
    write(folder, toml);
    let config = source.load().unwrap();
    let mut configured = Configured::of(&config).unwrap();
    configured.faces.source = Some((source, config.keys.clone()));
    let listener = || TcpListener::bind("127.0.0.1:0").unwrap();
    Running::start(configured.blueprint, configured.faces, listener(), listener()).await.unwrap()
}

fn write(folder: &Path, toml: &str) {
    let data = folder.join("data");
    let text = format!("[data]\nfolder = \"{}\"\n{toml}", data.display());
    std::fs::write(folder.join("estafette.toml"), text).unwrap();
}

#[actix_rt::test]
async fn a_password_is_not_taken_from_a_port_that_others_reach() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path(), "[admin]\naddress = \"0.0.0.0:7070\"\npassword = \"hush\"\n").await;
    let password = || running.controls.admin.load().password.clone().map(|password| password.expose().to_owned());
    // Right by itself: but the address stays until a restart, and the password would not.
    write(folder.path(), "[admin]\naddress = \"127.0.0.1:7070\"\n[delivery.sms]\nwindow = 9\n");
    let refused = running.reload().await.unwrap_err();
    assert!(refused.contains("admin.password") && refused.contains("restart"), "{refused}");
    assert_eq!(password().as_deref(), Some("hush"));
    let shown = admin::Control::configuration(&running.controls).unwrap();
    assert_eq!((&shown["delivery.sms.window"], &shown["admin.password"]), (&json!(256), &json!("(secret)")));

    write(folder.path(), "[admin]\naddress = \"127.0.0.1:7070\"\npassword = \"other\"\n");
    let told = running.reload().await.unwrap();
    assert_eq!(told.iter().filter(|one| one.applies == Applies::Restart).count(), 1, "{told:?}");
    assert_eq!(password().as_deref(), Some("other"));
    running.stop().await;
}

#[actix_rt::test]
async fn a_retention_that_is_said_to_hold_holds() {
    let folder = tempfile::tempdir().unwrap();
    let institution = |days: u64| {
        format!(
            "[[institution]]\ncbe = \"0403019261\"\nname = \"A\"\nretention_days = {days}\nsender_name = \"{days}\"\n"
        )
    };
    let running = start(folder.path(), &institution(7)).await;
    let id = Institution("0403019261".parse().unwrap());
    let kept = || running.core.store.keeps_content_of(id).as_secs() / 86_400;
    assert_eq!(kept(), 7);
    write(folder.path(), &institution(3));
    assert!(running.reload().await.unwrap().iter().all(|one| one.applies == Applies::Now));
    assert_eq!(kept(), 3);
    assert_eq!(running.core.numbers.load().get("3"), Some(&id));
    assert_eq!(running.core.numbers.load().get("7"), None);
    running.stop().await;
}
