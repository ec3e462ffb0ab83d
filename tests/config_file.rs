//! The configuration: the file that explains it tells the truth, and mistakes come all at once.
use std::net::SocketAddr;

use estafette::config::{self, Error};
use estafette_actors::domain::channel::Channel;

const FILE: &str = include_str!("../config/estafette.toml");

fn no_variables() -> Vec<(String, String)> {
    Vec::new()
}

fn variables(given: &[(&str, &str)]) -> Vec<(String, String)> {
    given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn mistakes(toml: &str, given: &[(&str, &str)]) -> Vec<String> {
    match config::parse(Some(toml), variables(given)) {
        Err(Error::Mistakes(mistakes)) => mistakes.iter().map(ToString::to_string).collect(),
        other => panic!("no mistakes found: {other:?}"),
    }
}

fn as_json(value: &figment::value::Value) -> serde_json::Value {
    serde_json::to_value(value).expect("figment values are plain")
}

fn table(toml: &str) -> serde_json::Value {
    use figment::providers::{Format, Toml};
    as_json(&figment::Figment::from(Toml::string(toml)).extract().expect("the file is TOML"))
}

/// The file with its examples switched on.
fn with_examples() -> String {
    FILE.lines().map(|line| line.strip_prefix("#: ").unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_file_holds_every_key_with_its_default_and_no_other() {
    let mut defaults = config::defaults();
    let lists = defaults.as_object_mut().unwrap();
    assert_eq!(lists.remove("institution"), Some(serde_json::json!([])));
    assert_eq!(lists.remove("strategy"), Some(serde_json::json!([])));
    let mailbox = lists["mailbox"].as_object_mut().unwrap();
    for list in ["client", "provider_elsewhere"] {
        assert_eq!(mailbox.remove(list), Some(serde_json::json!([])));
    }
    assert_eq!(table(FILE), defaults);
}

#[test]
fn an_empty_file_is_a_whole_configuration() {
    let config = config::parse(None, no_variables()).unwrap();
    assert_eq!(config.http.address, SocketAddr::from(([127, 0, 0, 1], 8080)));
    assert_eq!(config.delivery.len(), 3);
    assert!(config.strategies.iter().any(|strategy| &*strategy.name == "govapp-first"));
}

#[test]
fn the_examples_in_the_file_can_be_switched_on_and_hold_every_key_of_a_list() {
    let text = with_examples();
    let config = config::parse(Some(&text), no_variables()).unwrap();
    assert_eq!(config.institutions.len(), 1);
    let own = config.strategies.last().unwrap();
    assert_eq!((&*own.name, own.steps.len()), ("govapp-then-sms-soon", 2));
    assert_eq!(own.steps[0].horizon.as_secs(), 15 * 60);

    let whole = table(&text);
    let keys = |value: &serde_json::Value| {
        let mut keys: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    let known = |key: &str, table: &str| {
        let told = mistakes(&format!("{table}\n{key} = 1"), &[]).join("\n");
        let list = told.split("here are known ").nth(1).unwrap().lines().next().unwrap().to_owned();
        let mut list: Vec<_> = list.split(", ").map(str::to_owned).collect();
        list.sort();
        list
    };
    assert_eq!(keys(&whole["institution"][0]), known("zzz", "[[institution]]"));
    assert_eq!(keys(&whole["strategy"][0]), known("zzz", "[[strategy]]"));
    assert_eq!(keys(&whole["strategy"][0]["step"][0]), known("zzz", "[[strategy]]\n[[strategy.step]]"));
}

#[test]
fn a_limit_of_nothing_is_refused_and_one_that_is_left_out_is_none() {
    let keys = ["rate_per_second", "institution_rate_per_second", "recipient_parts"];
    let table = |value: u32| keys.map(|key| format!("{key} = {value}\n")).concat();
    let told = mistakes(&format!("[delivery.sms]\n{}", table(0)), &[]);
    assert_eq!(told.len(), 3, "{told:?}");
    for key in keys {
        let start = format!("delivery.sms.{key}: 0 would let nothing through");
        assert!(told.iter().any(|told| told.starts_with(&start)), "{key}: {told:?}");
    }
    let config = config::parse(Some(&format!("[delivery.sms]\n{}", table(7))), no_variables()).unwrap();
    let (sms, other) = (&config.delivery[&Channel::SMS], &config.delivery[&Channel::GOVAPP]);
    let given = (sms.rate, sms.institution_rate, sms.recipient.map(|limit| limit.parts));
    let seven = std::num::NonZeroU32::new(7);
    assert_eq!(given, (seven, seven, seven));
    assert!(other.rate.is_none() && other.institution_rate.is_none() && other.recipient.is_none());
}

#[test]
fn all_mistakes_are_told_at_once_each_with_its_key() {
    let told = mistakes(
        r#"
        colour = "red"
        [http]
        adress = "127.0.0.1:1"
        workers = "many"
        [delivery.sms]
        window = 0
        retry = { factor = 0.5, tries = 3 }
        [[institution]]
        cbe = "0403019262"
        [[strategy]]
        name = "Loud"
        [[strategy.step]]
        channel = "pigeon"
        horizon = "soon"
        [channels.TELEX]
        "#,
        &[("ESTAFETTE__JOURNAL__RETENTION_DAYS", "900"), ("ESTAFETTE__LOG__FORMAT", "xml")],
    );
    for key in [
        "colour: no such key",
        "http.adress: no such key",
        "http.workers: give a whole number",
        "delivery.sms.window: 0 is out of bounds; give 1 to 100000",
        "delivery.sms.retry.factor",
        "delivery.sms.retry.tries: no such key",
        "institution.0.cbe: the last two digits",
        "institution.0.name: missing",
        "strategy.0.step.0.channel: no such channel",
        "strategy.0.step.0.horizon: not a span of time",
        "channels.TELEX: not a channel name",
        "journal.retention_days: 900 is out of bounds",
        "log.format: unknown; give text or json",
    ] {
        assert!(told.iter().any(|mistake| mistake.starts_with(key)), "{key} is missing in {told:#?}");
    }
    assert_eq!(told.len(), 13, "{told:#?}");
}

#[test]
fn a_variable_goes_before_the_file_and_a_number_may_be_a_password() {
    let given = [
        ("ESTAFETTE__ADMIN__PASSWORD", "00123"),
        ("ESTAFETTE__DELIVERY__SMS__WINDOW", "7"),
        ("ESTAFETTE__CHANNELS__SMS__API_KEY", "007"),
        ("ESTAFETTE__CHANNELS__SMS__TIMEOUT_MS", "700"),
        ("ESTAFETTE_CONFIG", "ignored"),
        ("HOME", "/root"),
    ];
    let config = config::parse(Some("[delivery.sms]\nwindow = 9\npage = 10"), variables(&given)).unwrap();
    let tables = serde_json::json!({ "sms": { "api_key": "007", "timeout_ms": 700 } });
    assert_eq!(config.channel_tables(), tables);
    assert!(!format!("{config:?}").contains("007"));
    assert_eq!(config.admin.password.unwrap().expose(), "00123");
    assert_eq!(config.delivery[&Channel::SMS].window, 7);
    assert_eq!(config.delivery[&Channel::SMS].page, 10);
    let told = mistakes("", &[("ESTAFETTE__HTTP__WORKERS", "two")]);
    assert_eq!(told, ["http.workers (from ESTAFETTE__HTTP__WORKERS): give a whole number"]);
}

#[test]
fn an_admin_port_that_others_reach_needs_a_password() {
    let told = mistakes("[admin]\naddress = \"0.0.0.0:7070\"", &[]);
    assert!(told[0].starts_with("admin.password:"), "{told:?}");
    let given = variables(&[("ESTAFETTE__ADMIN__PASSWORD", "open sesame")]);
    let config = config::parse(Some("[admin]\naddress = \"0.0.0.0:7070\""), given).unwrap();
    assert!(!format!("{config:?}").contains("sesame"));
}

#[test]
fn prices_are_exact() {
    let config = config::parse(None, no_variables()).unwrap();
    assert_eq!(config.prices.price("sms", 3).0, 135_000);
    assert!(mistakes("[prices.sms]\nper_part = 0.0000001", &[])[0].starts_with("prices.sms.per_part: too fine"));
    assert!(mistakes("[prices.sms]\nper_part = -1.0", &[])[0].contains("out of bounds"));
}

#[test]
fn what_is_not_toml_is_told_with_its_place() {
    let told = mistakes("[http\n", &[]);
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("line 1"), "{told:?}");
}

#[test]
fn mistakes_of_the_channels_are_told_with_all_others_each_with_its_whole_key() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("estafette.toml");
    let text = r#"
        [http]
        workers = "many"
        [channels.govapp]
        base_url = "nowhere"
        tokn = "s3cret"
        timeout_ms = 0
        [channels.sms]
        [[channels.sms.providers]]
        name = "a"
        provider = "smpp"
        address = "smsc"
        system_id = "name"
        password = "much too long"
        binds = 99
        window = "wide"
        [[channels.sms.providers]]
        name = "b"
        weight = 5000
        [channels.fax]
        [sandbox.channels.ebox]
        base_url = 7
    "#;
    std::fs::write(&path, text).unwrap();
    let source = config::Source { path: Some(path), environment: no_variables() };
    let Err(error) = estafette::app::Configured::load(&source) else { panic!("accepted") };
    let told = error.to_string();
    for key in [
        "http.workers: ",
        "channels.govapp.base_url: give an http or https address",
        "channels.govapp.tokn: no such key",
        "channels.govapp.token: missing",
        "channels.govapp.timeout_ms: ",
        "channels.sms.providers.0.address: ",
        "channels.sms.providers.0.password: ",
        "channels.sms.providers.0.binds: give 1 to 32",
        "channels.sms.providers.0.window: give a whole number",
        "channels.sms.providers.1.weight: ",
        "channels.sms.providers.1.base_url: missing",
        "channels.sms.providers.1.api_key: missing",
        "channels.fax: no channel of this build",
        "sandbox.channels.ebox.base_url: ",
        "sandbox.channels.ebox.client_secret: missing",
    ] {
        let found = told.lines().filter(|line| line.trim_start().starts_with(key)).count();
        assert_eq!(found, 1, "{key} in {told}");
    }
    assert!(!told.contains("s3cret") && !told.contains("much too long"), "{told}");
}

#[test]
fn every_bound_that_has_a_key_reaches_what_it_bounds() {
    use std::time::Duration;
    let toml = r"
        [http]
        request_timeout_seconds = 2
        head_timeout_seconds = 3
        keep_alive_seconds = 4
        callback_bytes = 5000
        envelope_bytes = 20000
        uploads = 6
        reported_rows = 7
        [journal]
        parked_receipts = 1001
        unwritten_states = 2000
        waiting_batches = 17
        [lookup]
        days = 8
        idempotency_hours = 9
        [messages]
        wait_seconds = 1
        wait_max_seconds = 2
        validity_hours = 3
        validity_max_hours = 4
        [actors]
        mailbox = 2048
        restarts = 1
        restarts_within_seconds = 2
        restart_pause_ms = 3
        [registry]
        unreachable_seconds = 5
    ";
    let (seconds, hours) = (Duration::from_secs, |hours: u64| Duration::from_secs(hours * 3_600));
    let config = config::parse(Some(toml), no_variables()).unwrap();
    let made = estafette::app::Configured::of(&config).unwrap();
    let (http, parts, store) = (&made.faces.http, &made.blueprint, &made.blueprint.store);
    assert_eq!([http.body_timeout, http.head_timeout, http.keep_alive], [2, 3, 4].map(seconds));
    assert_eq!((http.callback_bytes, http.envelope_bytes, http.uploads, http.reported_rows), (5_000, 20_000, 6, 7));
    assert_eq!([http.wait_default, http.wait_max], [1, 2].map(seconds));
    assert_eq!([http.validity_default, http.validity_max], [3, 4].map(hours));
    assert_eq!((store.max_parked, store.max_dirty, store.max_backlog), (1_001, 2_000, 17));
    assert_eq!([store.retention, store.idempotency_retention], [8 * 24, 9].map(hours));
    assert_eq!((parts.mailbox, parts.believed), (2_048, seconds(5)));
    assert_eq!((parts.budget.restarts, parts.budget.within), (1, seconds(2)));
    assert_eq!(parts.budget.first_pause, Duration::from_millis(3));
    let longer = "[messages]\nwait_seconds = 3\nwait_max_seconds = 2\nvalidity_hours = 9\nvalidity_max_hours = 8\n";
    let told = mistakes(longer, &[]);
    assert!(told[0].starts_with("messages.wait_seconds: ") && told[1].starts_with("messages.validity_hours: "));
}
