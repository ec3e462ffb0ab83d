//! What a reload says to hold at once does, and what it would open is refused.
use std::net::TcpListener;

use estafette_actors::domain::mailbox::ClientId;

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

#[actix_rt::test]
async fn clients_portals_and_providers_that_are_said_to_hold_hold() {
    let folder = tempfile::tempdir().unwrap();
    let names = r#"names = { fr = "A", nl = "A", de = "A", en = "A" }"#;
    let mailbox = "[mailbox]\nenabled = true\npublic_url = \"http://127.0.0.1\"\n\
        [mailbox.sign_in]\nissuer = \"http://127.0.0.1:9/openid\"\n";
    let client = |id: &str, events: bool| {
        format!("[[mailbox.client]]\nid = \"{id}\"\nportal = true\nevents = {events}\n{names}\n")
    };
    let elsewhere = |url: &str| {
        let described = names.replace("names", "descriptions");
        format!(
            "[[mailbox.provider_elsewhere]]\nid = \"finances\"\n{names}\n{described}\nurl = \"{url}\"\n\
             activated_on = \"2026-01-01\"\ntechnical_contact = \"help@example.be\"\n"
        )
    };
    let running = start(folder.path(), &format!("{mailbox}{}", client("paperbox", false))).await;
    let ebox = running.core.ebox.as_ref().unwrap();
    let client_of = |id: &str| ebox.registry.client(&ClientId::parse(id).unwrap());
    let offered = || -> Vec<String> {
        let portals = ebox.pages.as_ref().unwrap().portals.load();
        portals.iter().map(|portal| portal.id.as_str().to_owned()).collect()
    };
    assert!(!client_of("paperbox").unwrap().follows_events);
    assert_eq!(offered(), ["paperbox"]);

    let both = [client("paperbox", true), client("letterbank", false), elsewhere("https://example.be")].concat();
    write(folder.path(), &format!("{mailbox}{both}"));
    let told = running.reload().await.unwrap();
    assert!(!told.is_empty() && told.iter().all(|one| one.applies == Applies::Now), "{told:?}");
    assert!(told.iter().any(|one| one.key == "mailbox.client.paperbox.events"), "{told:?}");
    assert!(client_of("paperbox").unwrap().follows_events && client_of("letterbank").is_some());
    assert_eq!(offered(), ["paperbox", "letterbank"]);
    assert_eq!(ebox.live.asked(), ["finances"]);

    // What can't be is refused as a whole, and nothing of it holds.
    write(folder.path(), &format!("{mailbox}{}", elsewhere("http://10.0.0.1")));
    let refused = running.reload().await.unwrap_err();
    assert!(refused.contains("finances"), "{refused}");
    assert_eq!(offered(), ["paperbox", "letterbank"]);

    write(folder.path(), mailbox);
    running.reload().await.unwrap();
    assert!(client_of("paperbox").is_none() && offered().is_empty() && ebox.live.asked().is_empty());
    running.stop().await;
}

#[actix_rt::test]
async fn what_notices_go_as_follows_a_reload_and_a_backup_has_their_book_before_the_mailboxes() {
    let folder = tempfile::tempdir().unwrap();
    let backups = tempfile::tempdir().unwrap();
    let toml = |horizon: &str, language: &str| {
        format!(
            "[mailbox]\nenabled = true\npublic_url = \"http://127.0.0.1\"\n\
             [mailbox.sign_in]\nissuer = \"http://127.0.0.1:9/openid\"\n\
             [mailbox.notices]\ninstitution = \"0206731645\"\nstrategy = \"soon\"\n\
             [backup]\nfolder = \"{}\"\n\
             [[institution]]\ncbe = \"0206731645\"\nname = \"Example\"\ndefault_language = \"{language}\"\n\
             [[strategy]]\nname = \"soon\"\n[[strategy.step]]\nchannel = \"sms\"\nhorizon = \"{horizon}\"\n",
            backups.path().display()
        )
    };
    let running = start(folder.path(), &toml("15m", "fr")).await;
    let messages = running.core.ebox.as_ref().unwrap().notices.as_ref().unwrap().messages().unwrap();
    let before = messages.load_full();
    write(folder.path(), &toml("20m", "de"));
    let told = running.reload().await.unwrap();
    assert!(!told.is_empty() && told.iter().all(|one| one.applies == Applies::Now), "{told:?}");
    let after = messages.load_full();
    assert!(before.strategy != after.strategy && after.strategy.name == before.strategy.name);
    assert_eq!(format!("{:?}", after.default_language), "De");

    let made = running.controls.data.backup("one").unwrap();
    let place = |name| made.files.iter().position(|file| file.name == name).unwrap();
    assert!(place(store::notices::FILE) < place(store::mailbox::FILE));
    running.stop().await;
}

#[actix_rt::test]
async fn delivery_over_the_e_box_may_change_to_the_own_one_where_there_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let remote = "[channels.ebox]\nbase_url = \"http://127.0.0.1:9/registry\"\ntoken_url = \"http://127.0.0.1:9/token\"\n\
        client_id = \"a\"\nclient_secret = \"a\"\nsender_application_id = \"a\"\nmessage_type_id = \"a\"\n";
    let own = "[channels.ebox]\nplace = \"own\"\n";
    let running = start(folder.path(), remote).await;
    // The e-Box itself needs a restart, and the channel the e-Box.
    write(folder.path(), &format!("{own}[mailbox]\nenabled = true\n"));
    let refused = running.reload().await.unwrap_err();
    assert!(refused.contains("restart") && refused.contains("mailbox.enabled"), "{refused}");
    running.stop().await;

    write(folder.path(), &format!("{remote}[mailbox]\nenabled = true\n"));
    let running = start(folder.path(), &format!("{remote}[mailbox]\nenabled = true\n")).await;
    write(folder.path(), &format!("{own}[mailbox]\nenabled = true\n"));
    assert!(running.reload().await.unwrap().iter().all(|one| one.applies == Applies::Now));
    let channel = &running.core.transports()[0];
    assert!(channel.is_ready() && channel.can_tell().contains("mailbox"), "{}", channel.can_tell());
    running.stop().await;
}
