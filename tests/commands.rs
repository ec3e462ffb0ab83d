//! The commands as people and scripts use them: the real program, its output, its exit codes.
#![allow(clippy::unwrap_used)] // a failed step fails the test
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};

fn estafette(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_estafette"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ESTAFETTE")) {
        command.env_remove(name);
    }
    command.args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_demo_ends_with_0_because_journal_and_ledgers_agree() {
    let output = estafette(&["demo", "--recipients", "300", "--exit", "--port", "0"]);
    let text = said(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("Journal and ledgers agree."), "{text}");
    for channel in ["govapp", "sms", "ebox"] {
        assert!(text.contains(&format!("({channel}): ")), "a receipt of {channel} is shown:\n{text}");
    }
}

#[test]
fn the_demo_and_check_config_print_one_document_for_programs() {
    let output = estafette(&["demo", "--recipients", "60", "--exit", "--port", "0", "--output", "json"]);
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["verdict"]["agree"], &told["verdict"]["faults"]), (&true.into(), &serde_json::json!([])));
    assert!(told["verdict"]["channels"]["ebox"]["taken"].as_u64().unwrap() > 0, "{told}");
    assert!(told["running"].is_null());
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("estafette.toml");
    for (text, in_order, keys) in
        [("", true, vec![]), ("[http]\nworkers = 0\n[channels.fax]\n", false, vec!["http.workers", "channels.fax"])]
    {
        std::fs::write(&config, text).unwrap();
        let output = estafette(&["check-config", config.to_str().unwrap(), "--output", "json"]);
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let named: Vec<&str> =
            told["mistakes"].as_array().unwrap().iter().map(|one| one["key"].as_str().unwrap()).collect();
        assert_eq!((&told["in_order"], named), (&in_order.into(), keys));
        assert_eq!(output.status.success(), in_order);
    }
}

/// A program that goes on after its first document.
struct Running(Child);

impl Running {
    fn start(arguments: &[&str]) -> (Self, serde_json::Value) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_estafette"));
        let mut child = command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let document: String = out.lines().map(Result::unwrap).take_while(|line| line != "}").collect();
        (Self(child), serde_json::from_str(&(document + "}")).unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_simulators_tell_programs_where_they_are() {
    let (_running, told) = Running::start(&["simulate", "--address", "127.0.0.1:0", "--output", "json"]);
    for name in ["govapp", "sms", "smpp", "ebox", "ledgers"] {
        assert!(told[name].as_str().is_some_and(|at| at.contains("127.0.0.1:")), "{name}: {told}");
    }
}

#[test]
fn the_status_of_a_broadcast_is_for_people_unless_a_document_is_asked_for() {
    let (_running, told) = Running::start(&["demo", "--recipients", "20", "--port", "0", "--output", "json"]);
    let at = |name: &str| told["running"][name].as_str().unwrap();
    let (id, api, key) = (told["broadcasts"][0].as_str().unwrap(), at("api"), at("key"));
    let people = said(&estafette(&["status", id, "--api", api, "--key", key]));
    assert!(people.contains(&format!("Id          {id}")) && people.contains("Recipients  "), "{people}");
    let programs = estafette(&["status", id, "--api", api, "--key", key, "--output", "json"]);
    let programs: serde_json::Value = serde_json::from_slice(&programs.stdout).unwrap();
    assert_eq!(programs["id"], id);
}

#[test]
fn a_taken_port_is_told_with_its_address_and_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("estafette.toml");
    let data = folder.path().join("data");
    let text = format!("[http]\naddress = \"{address}\"\n[data]\nfolder = \"{}\"\n", data.display());
    std::fs::write(&config, text).unwrap();
    let output = estafette(&["serve", "--config", config.to_str().unwrap()]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains(&address) && text.contains("choose another address"), "{text}");
}

#[test]
fn a_foreign_data_folder_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("thesis.odt"), "precious").unwrap();
    let path = folder.path().to_str().unwrap();
    let output = estafette(&["key", "new", "--data", path, "--institution", "0403019261", "--name", "x"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains(path), "{text}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was written");
}

#[test]
fn a_wrong_configuration_names_every_wrong_key_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("estafette.toml");
    let wrong = "[http]\nadress = \"127.0.0.1:1\"\nworkers = 0\n[journal]\ntrigger_ms = \"soon\"\n[[institution]]\ncbe = \"1\"\n";
    std::fs::write(&config, wrong).unwrap();
    let output = estafette(&["check-config", config.to_str().unwrap()]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for key in ["http.adress", "http.workers", "journal.trigger_ms", "institution.0.cbe"] {
        assert!(text.contains(key), "{key} is not named:\n{text}");
    }
}

#[test]
fn keys_are_made_listed_and_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let made =
        estafette(&["key", "new", "--data", data, "--institution", "0403019261", "--name", "x", "--output", "json"]);
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    assert!(made["key"].as_str().unwrap().starts_with("est_live_"));
    let id = made["id"].as_str().unwrap();
    assert!(estafette(&["key", "revoke", id, "--data", data]).status.success());
    let listed = said(&estafette(&["key", "list", "--data", data]));
    assert!(listed.contains(id) && listed.contains("revoked"), "{listed}");
    assert!(!listed.contains(made["key"].as_str().unwrap()), "a key is shown once only");
    assert_eq!(estafette(&["key", "revoke", "nobody", "--data", data]).status.code(), Some(1));
}

#[test]
fn a_wrong_call_exits_with_2_and_help_has_examples() {
    assert_eq!(estafette(&["serve", "--nonsense"]).status.code(), Some(2));
    for command in ["serve", "demo", "simulate", "check-config", "key", "send", "broadcast", "status"] {
        let help = said(&estafette(&[command, "--help"]));
        assert!(help.contains("Example") && help.contains(&format!("estafette {command}")), "{command}:\n{help}");
    }
}
