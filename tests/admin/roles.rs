//! Who may do what.
use estafette::admin;
use estafette::config::Secret;

use crate::talk::{serve, settings, talk};

fn guarded() -> admin::Settings {
    let (password, viewer_password) = (Some(Secret::new("open sesame")), Some(Secret::new("look")));
    admin::Settings { password, viewer_password, ..settings() }
}

#[actix_rt::test]
async fn a_viewer_may_look_and_change_nothing() {
    let (address, _world) = serve(guarded()).await;
    let id = "01939f3a-7c1e-7000-8000-000000000001";
    let alone =
        ["PING", "INFO", "CHANNELS", "CHANNEL sms", "LATENCY", "BOTTLENECK", "DEAD", "BROADCASTS", "HELP", "MONITOR"];
    for command in alone {
        let told = talk(address, format!("AUTH look\r\n{command}\r\n").as_bytes()).await;
        assert!(
            told.starts_with("+OK\r\n") && !told.contains("-NOPERM") && !told.contains("-ERR"),
            "{command}: {told}"
        );
    }
    for command in [
        "CHANNEL sms PAUSE".to_owned(),
        "channel sms RATE 5".to_owned(),
        "CHANNEL sms DRAIN".to_owned(),
        format!("CANCEL {id}"),
        "BACKUP x".to_owned(),
        "SHUTDOWN".to_owned(),
        "SHUTDOWN NOW".to_owned(),
        "CONFIG RELOAD".to_owned(),
        format!("RETRY {id}"),
        format!("BROADCAST {id} PAUSE"),
    ] {
        let told = talk(address, format!("AUTH viewer look\r\n{command}\r\n").as_bytes()).await;
        assert!(told.starts_with("+OK\r\n-NOPERM "), "{command}: {told}");
        let told = talk(address, format!("AUTH operator 'open sesame'\r\n{command}\r\n").as_bytes()).await;
        assert!(told.starts_with("+OK\r\n") && !told.contains("-NOPERM"), "{command}: {told}");
    }
}

#[actix_rt::test]
async fn a_name_of_a_role_must_fit_the_password() {
    let (address, _world) = serve(guarded()).await;
    for (words, fits) in [
        ("viewer look", true),
        ("default look", true),
        ("operator 'open sesame'", true),
        ("default 'open sesame'", true),
        ("operator look", false),
        ("viewer 'open sesame'", false),
        ("viewer ''", false),
    ] {
        let auth = talk(address, format!("AUTH {words}\r\n").as_bytes()).await;
        let hello = talk(address, format!("HELLO 3 AUTH {words}\r\n").as_bytes()).await;
        assert_eq!(auth.starts_with("+OK"), fits, "{words}: {auth}");
        assert_eq!(hello.starts_with("%7"), fits, "{words}: {hello}");
    }
}

#[actix_rt::test]
async fn who_becomes_the_operator_may_change_things_from_then_on() {
    let (address, _world) = serve(guarded()).await;
    let told = talk(address, b"AUTH look\r\nCHANNEL sms PAUSE\r\nAUTH 'open sesame'\r\nCHANNEL sms PAUSE\r\n").await;
    assert!(told.starts_with("+OK\r\n-NOPERM ") && told.ends_with("\r\n+OK\r\n+OK\r\n"), "{told}");
}
