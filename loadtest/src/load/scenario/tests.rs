//! Scenarios that can be run, and each way in which one can't.

use std::path::Path;

use super::check::{Scenario, Target, Work, understand};
use super::*;

fn checked(text: &str) -> anyhow::Result<Scenario> {
    understand(text, Path::new("."), |name| (name == "THERE").then(|| "est_live_x".into()))
}

const HEAD: &str = "name = 'x'\nlength_seconds = 10.0\n";
const OWN: &str = "[broker]\n[simulators]\n";
const RATE: &str = "arrivals = { process = 'constant', per_second = 10.0 }\n";

#[test]
fn the_ready_scenarios_can_be_run() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut names = Vec::new();
    for file in std::fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = std::fs::read_to_string(&path).unwrap();
            let scenario =
                understand(&text, &folder, |_| None).unwrap_or_else(|error| panic!("{}: {error:#}", path.display()));
            assert!(!scenario.about.is_empty(), "{}", path.display());
            names.push(path.file_stem().unwrap().to_string_lossy().into_owned());
        }
    }
    names.sort_unstable();
    assert_eq!(names, ["http-endpoint", "mixed", "status-queries", "ten-institutions", "urgent-beside-broadcast"]);
}

#[test]
fn each_sender_has_recipients_that_no_other_has() {
    let text = format!(
        "{HEAD}{OWN}[[sender]]\nname = 'a'\n{RATE}message = {{}}\n[[sender]]\nname = 'b'\nbroadcast = {{ rows = 5000 }}\n\
         [[sender]]\nname = 'c'\ninstitution = 'a'\nstart_seconds = 4.0\n{RATE}request = {{ to = 'broker', path = '/x/{{{{mobile}}}}' }}\n"
    );
    let scenario = checked(&text).unwrap();
    let ranges: Vec<_> = scenario.senders.iter().map(|part| part.recipients.clone()).collect();
    assert_eq!(ranges, [0..100, 100..5_100, 5_100..5_160]);
    let institutions: Vec<_> = scenario.senders.iter().map(|part| part.institution.as_str()).collect();
    assert_eq!(institutions, ["a", "b", "a"]);
    assert!(matches!(scenario.target, Target::Own(_)) && matches!(scenario.senders[1].work, Work::Broadcasts(_)));
    assert_eq!((scenario.senders[0].lane(), scenario.senders[1].lane()), (Some(Lane::Normal), Some(Lane::Bulk)));
}

#[test]
fn faults_are_put_in_order() {
    let fault = |at: u32| format!("[[fault]]\nat_seconds = {at}.0\nchannel = 'sms'\nset = {{ server_error = 0.5 }}\n");
    let text = format!("{HEAD}{OWN}[[sender]]\nname = 'a'\n{RATE}message = {{}}\n{}{}", fault(7), fault(3));
    let at: Vec<f64> = checked(&text).unwrap().faults.iter().map(|fault| fault.at_seconds).collect();
    assert_eq!(at, [3.0, 7.0]);
}

#[test]
fn a_key_of_a_running_broker_may_come_from_the_environment() {
    let running = "[running]\napi = 'http://127.0.0.1:1'\n";
    let with = |key: &str| checked(&format!("{HEAD}{running}[[sender]]\nname = 'a'\n{key}\n{RATE}message = {{}}\n"));
    assert_eq!(with("key_from = 'THERE'").unwrap().senders[0].key.as_deref(), Some("est_live_x"));
    assert!(format!("{:#}", with("key_from = 'GONE'").unwrap_err()).contains("there is no variable GONE"));
    assert!(format!("{:#}", with("").unwrap_err()).contains("key: a sender at a [running] broker needs one"));
}

/// What is wrong, and what the error must name.
const MISTAKES: [(&str, &str); 36] = [
    ("lenght_seconds = 3", "lenght_seconds"),
    ("[broker]\nchanels = []\n[simulators]", "chanels"),
    ("[broker]\nchannels = ['fax']\n[simulators]", "fax"),
    ("[broker]\nchannels = ['smsc']\n[simulators]", "broker.channels"),
    ("[broker]", "simulators: a broker of the run's own"),
    ("[broker]\n[running]\napi = 'http://h:1'\n[simulators]", "broker, running"),
    ("[broker]\nsmpp = true\n[simulators]\nat = 'http://h:1'", "simulators.smsc_at"),
    ("[running]\napi = 'h:1'", "running.api"),
    ("[running]\napi = 'http://h:1/v1'", "running.api"),
    ("[running]\napi = 'http://h:1'\nadmn = 1", "admn"),
    ("[simulators]\nat = 'nowhere'", "simulators.at"),
    ("[simulators]\nsmsc_at = '127.0.0.1:1'", "simulators.smsc_at"),
    ("[simulators.settings.sms.faults]\nlos = 1.0", "los"),
    ("[simulators.settings.sms.faults]\nthrottle = 2.0", "throttle"),
    ("[[fault]]\nat_seconds = 1.0\nchannel = 'sms'", "fault[0]: there are no [simulators]"),
    ("[simulators]\n[[fault]]\nat_seconds = 99.0\nchannel = 'sms'", "fault[0].at_seconds"),
    ("[simulators]\n[[fault]]\nat_seconds = 1.0\nchannel = 'fax'", "fax"),
    ("[simulators]\n[[fault]]\nat_seconds = 1.0\nchannel = 'sms'\nset = { throttle = 3.0 }", "fault[0].set: throttle"),
    ("[[sender]]\nname = 'a'", "arrivals: say when"),
    ("[[sender]]\nname = 'a'\nRATE", "give one of message, broadcast and request"),
    ("[[sender]]\nname = 'a'\nRATE\nmessage = {}\nbroadcast = { rows = 1 }", "give one of message"),
    ("[[sender]]\nname = 'a'\nRATE\nmessage = {}", "there is no [broker] and no [running]"),
    ("[[sender]]\nname = 'a'\nRATE\nmessage = { prority = 'urgent' }", "prority"),
    ("[[sender]]\nname = 'a'\nRATE\nmessage = { priority = 'soon' }", "soon"),
    ("[[sender]]\nname = 'a'\nRATE\nmessage = { wait_seconds = 31 }", "message.wait_seconds"),
    ("[[sender]]\nname = 'a'\nRATE\nmessage = { text = '{{X}}' }", "message.text"),
    ("[[sender]]\nname = 'a'\nbroadcast = { rows = 0 }", "broadcast.rows"),
    ("[[sender]]\nname = 'a'\nRATE\nstart_seconds = 9.0\nstop_seconds = 3.0\nmessage = {}", "stop_seconds"),
    ("[[sender]]\nname = 'a'\nRATE\nin_flight = 0\nmessage = {}", "in_flight"),
    ("[[sender]]\nname = 'a'\nRATE\ntimeout_seconds = 0.0\nmessage = {}", "timeout_seconds"),
    ("[[sender]]\nname = 'a'\narrivals = { process = 'constant', per_second = 0.0 }\nmessage = {}", "per_second"),
    (
        "[[sender]]\nname = 'a'\nRATE\nrequest = { to = 'simulators', path = '/' }",
        "request.to: there are no [simulators]",
    ),
    ("[[sender]]\nname = 'a'\nRATE\nrequest = { to = 'ftp://h', path = '/' }", "request.to: ftp://h"),
    ("[[sender]]\nname = 'a'\nRATE\nrequest = { to = 'http://h', path = '/', expect = [99] }", "request.expect"),
    ("[[sender]]\nname = 'a'\nRATE\nrequest = { to = 'http://h', path = '/{{id}}' }", "request.ids_from"),
    ("[[sender]]\nname = 'a'\nRATE\nrequest = { to = 'http://h', path = '/{{idd}}' }", "{{idd}} is not known"),
];

#[test]
fn each_mistake_is_refused_with_its_key() {
    for (text, named) in MISTAKES {
        let text = format!("{HEAD}{}", text.replace("RATE", RATE));
        let error = format!("{:#}", checked(&text).expect_err(&text));
        assert!(error.contains(named), "{text}\n-> {error}");
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text =
        "name = ''\nlength_seconds = -1.0\nsettle_seconds = -1.0\n[[sender]]\nname = 'a'\n[[sender]]\nname = 'a'\n";
    let error = format!("{:#}", checked(text).unwrap_err());
    for named in ["name: say", "length_seconds", "settle_seconds", "sender.name", "sender[0]", "sender[1]"] {
        assert!(error.contains(named), "{named}: {error}");
    }
}
