//! The real program and its providers: each is shown with how it does, and may change while the program runs.
use estafette_loadtest::Simulators;
use estafette_loadtest::simulators::{Settings as World, SmscSettings};
use serde_json::{Value, json};

use crate::program::{Program, basis, sms};
use crate::talk::{ask, until};

async fn gateway() -> Simulators {
    let smsc = SmscSettings { address: Some(([127, 0, 0, 1], 0).into()), ..SmscSettings::default() };
    Simulators::start(World { address: ([127, 0, 0, 1], 0).into(), smsc, ..World::default() }).await.unwrap()
}

fn provider(name: &str, weight: u32, gateway: &Simulators) -> String {
    format!(
        "[[channels.sms.providers]]\nname = \"{name}\"\nweight = {weight}\nprovider = \"smpp\"\naddress = \"{}\"\n\
         system_id = \"estafette\"\npassword = \"sandbox\"\nbinds = 2\nreconnect_min_ms = 20\nreconnect_max_ms = 100\n",
        gateway.smsc_address().unwrap()
    )
}

/// Puts another configuration in force, and gives what is told of it.
async fn reload(program: &Program, more: &str) -> Value {
    std::fs::write(program.config(), basis(&program.folder, more)).unwrap();
    ask(program.admin, "CONFIG RELOAD").await
}

/// Where a provider of SMS is, when it is as wanted.
async fn until_provider(program: &Program, name: &str, wanted: impl Fn(&Value) -> bool) {
    let is_so = |told: &Value| {
        let providers = told["providers"].as_array().into_iter().flatten();
        providers.filter(|one| one["name"] == name).any(&wanted)
    };
    until(program.admin, "CHANNEL sms", is_so).await;
}

async fn metric(program: &Program, name: &str, provider: &str) -> String {
    let text = reqwest::get(format!("{}/metrics", program.api)).await.unwrap().text().await.unwrap();
    let line = format!("{name}{{channel=\"sms\",provider=\"{provider}\"}} ");
    let line = text.lines().find_map(|told| told.strip_prefix(&line));
    line.unwrap_or_else(|| panic!("{name} of {provider} is not in {text}")).to_owned()
}

#[actix_rt::test]
async fn operators_see_which_provider_is_down_and_with_how_many_binds() {
    let (one, two) = (gateway().await, gateway().await);
    let program = Program::start(&format!("{}{}", provider("one", 3, &one), provider("two", 1, &two)));
    for name in ["one", "two"] {
        until_provider(&program, name, |told| {
            told["state"] == "up" && told["binds"] == json!({"bound": 2, "wanted": 2})
        })
        .await;
        assert_eq!(metric(&program, "estafette_provider_up", name).await, "1");
        assert_eq!(metric(&program, "estafette_provider_share", name).await, "1");
        assert_eq!(metric(&program, "estafette_provider_binds", name).await, "2");
    }
    one.stop().await;
    until_provider(&program, "one", |told| told["state"] == "down" && told["binds"]["bound"] == 0).await;
    assert_eq!(metric(&program, "estafette_provider_up", "one").await, "0");
    assert_eq!(metric(&program, "estafette_provider_binds", "one").await, "0");
    assert_eq!(metric(&program, "estafette_provider_binds_wanted", "one").await, "2");
    let info = ask(program.admin, "INFO channels").await;
    let info = info.as_str().unwrap();
    assert!(info.contains("sms_provider_one:provider=smpp,state=down,weight=3,share=16/16,binds=0/2"), "{info}");
    assert!(info.contains("sms_provider_two:provider=smpp,state=up,weight=1,share=16/16,binds=2/2"), "{info}");
    // A channel with one provider says as much of it.
    assert_eq!(ask(program.admin, "CHANNELS").await[0]["providers"][1]["name"], "two");
}

#[actix_rt::test]
async fn providers_come_and_go_without_a_restart() {
    let (one, two) = (gateway().await, gateway().await);
    let program = Program::start(&provider("one", 1, &one));
    until_provider(&program, "one", |told| told["binds"]["bound"] == 2).await;

    let told = reload(&program, &format!("{}{}", provider("one", 0, &one), provider("two", 1, &two))).await;
    assert_eq!(told["after_a_restart"], 0, "{told}");
    let changed = told["changed"].as_array().unwrap();
    let weight = json!({"key": "channels.sms.providers.one.weight", "old": 1, "new": 0, "applies": "now"});
    assert!(changed.contains(&weight), "{told}");
    assert!(changed.iter().any(|one| one["key"] == "channels.sms.providers.two.address"), "{told}");
    assert!(!told.to_string().contains("sandbox"), "a password is shown");
    until_provider(&program, "two", |told| told["binds"]["bound"] == 2).await;
    let submitted: Value = program.submit("sms-only").await.json().await.unwrap();
    let status = format!("STATUS {}", submitted["id"].as_str().unwrap());
    let status = until(program.admin, &status, |told| told["attempts"][0]["status"] == "delivered").await;
    assert_eq!(status["attempts"][0]["provider"], "two", "{status}");

    // A wrong table of a provider changes nothing at all.
    let wrong = reload(&program, &format!("{}[delivery.sms]\nwindow = 3\n", provider("two", 5_000, &two))).await;
    assert!(wrong["error"].as_str().unwrap().contains("0 to 1000"), "{wrong}");
    assert_eq!(ask(program.admin, "CHANNEL sms").await["window"], 256);
    assert_eq!(ask(program.admin, "CHANNEL sms").await["providers"].as_array().unwrap().len(), 2);

    assert_eq!(metric(&program, "estafette_provider_up", "one").await, "1");
    reload(&program, &provider("two", 1, &two)).await;
    assert_eq!(ask(program.admin, "CHANNEL sms").await["providers"].as_array().unwrap().len(), 1);
    assert_eq!(metric(&program, "estafette_provider_up", "one").await, "0", "one that is gone is not said to be up");
    assert_eq!(program.submit("sms-only").await.status(), 202);

    // The channel as a whole needs a restart, and is what it was until then.
    let gone = reload(&program, "").await;
    assert!(gone["changed"].as_array().unwrap().iter().all(|one| one["applies"] == "restart"), "{gone}");
    until_provider(&program, "two", |told| told["state"] == "up").await;
}

#[actix_rt::test]
async fn a_number_that_became_an_institution_s_own_is_heard_for_it() {
    let gateway = gateway().await;
    let table = provider("one", 1, &gateway);
    let program = Program::start(&table);
    until_provider(&program, "one", |told| told["binds"]["bound"] == 2).await;
    let own = format!("sender_names = [\"An institution\", \"8686\"]\n{table}");
    assert_eq!(reload(&program, &own).await["after_a_restart"], 0);
    assert!(gateway.write("+32470123456", "8686", "STOP"));
    let list = || async {
        let list = reqwest::Client::new().get(format!("{}/v1/suppressions", program.api)).bearer_auth(&program.key);
        list.send().await.unwrap().text().await.unwrap()
    };
    for _ in 0..1_000 {
        if list().await.contains("suppressed") {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the citizen's word was for nobody: {}", list().await);
}

#[actix_rt::test]
async fn the_limits_of_an_institution_are_told_as_they_hold_now() {
    let gateway = gateway().await;
    let table = provider("one", 1, &gateway);
    let program = Program::start(&table);
    let limits = || async {
        let asked = reqwest::Client::new().get(format!("{}/v1/limits", program.api)).bearer_auth(&program.key);
        asked.send().await.unwrap().json::<Value>().await.unwrap()
    };
    let unlimited = json!({"channel": "sms", "provider": "smpp", "per_second": null});
    assert_eq!(limits().await["channels"], json!([unlimited]));
    assert_eq!(limits().await["sender_names"], json!(["An institution"]));
    let more = format!(
        "sender_name = \"AN INST\"\nsender_names = [\"8686\"]\n[channels.sms]\ncountries = [352, 32]\n{table}\
         [delivery.sms]\ninstitution_rate_per_second = 5\n"
    );
    reload(&program, &more).await;
    let told = limits().await;
    let sms = json!({
        "channel": "sms", "provider": "smpp", "per_second": null, "institution_per_second": 5, "countries": [32, 352],
    });
    assert_eq!(told["channels"], json!([sms]));
    assert_eq!(told["sender_names"], json!(["AN INST", "8686"]));
}

#[actix_rt::test]
async fn a_provider_that_stands_alone_is_down_when_its_channel_is() {
    let more = "[delivery.sms]\nbreaker_failures = 1\nbreaker_pause_ms = 60000\n";
    let program = Program::start(&format!("{}{more}", sms("http://127.0.0.1:1")));
    assert_eq!(ask(program.admin, "CHANNEL sms").await["providers"][0]["state"], "up");
    program.submit("sms-only").await;
    let told = until(program.admin, "CHANNEL sms", |told| told["state"] == "down").await;
    let provider = &told["providers"][0];
    assert_eq!((&provider["name"], &provider["state"]), (&json!("ringring"), &json!("down")), "{told}");
    assert_eq!(metric(&program, "estafette_provider_up", "ringring").await, "0");
}
