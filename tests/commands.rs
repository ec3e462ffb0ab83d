//! The commands as people and scripts use them: the real program, its output, its exit codes.
#![allow(clippy::unwrap_used)] // a failed step fails the test
use std::net::TcpListener;
use std::process::{Command, Output};

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
