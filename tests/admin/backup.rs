//! BACKUP and `estafette journal`, on the real program.
use std::process::{Command, Output};

use serde_json::Value;

use crate::program::{Program, basis, gateway, sms};
use crate::talk::{ask, until};

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

#[actix_rt::test]
async fn a_restored_backup_is_served_with_its_keys_messages_and_lists() {
    let (address, _taken) = gateway(std::time::Duration::ZERO);
    let folder = tempfile::tempdir().unwrap();
    let backups = folder.path().join("backups");
    let more = format!("{}[backup]\nfolder = \"{}\"\n", sms(&address), backups.display());
    let program = Program::start(&more);
    let answer: Value = program.submit("sms-only").await.json().await.unwrap();
    let id = answer["id"].as_str().unwrap().to_owned();
    until(program.admin, &format!("STATUS {id}"), |told| told["attempts"][0]["status"] == "sent").await;
    let admin = program.admin.to_string();

    let made = estafette(&["journal", "backup", "evening", "--admin", &admin]);
    assert!(made.status.success() && said(&made).starts_with("evening: "), "{}", said(&made));
    let again = ask(program.admin, "BACKUP evening").await;
    assert!(again["error"].as_str().unwrap().contains("exists already"), "{again}");
    let outside = ask(program.admin, "BACKUP ../outside").await;
    assert!(outside["error"].as_str().unwrap().contains("is named by"), "{outside}");
    let later: Value = program.submit("sms-only").await.json().await.unwrap();

    let stats = estafette(&["journal", "stats", "--admin", &admin, "--output", "json"]);
    let stats: Value = serde_json::from_slice(&stats.stdout).unwrap();
    assert_eq!((stats.as_array().unwrap().len(), stats[0]["closed"].as_bool()), (2, Some(true)), "{stats}");
    let verified = estafette(&["journal", "verify", "--admin", &admin]);
    assert!(verified.status.success() && said(&verified).contains(": 0 can't be read."), "{}", said(&verified));
    let data = program.folder.path().join("data");
    let locked = estafette(&["journal", "verify", "--data", data.to_str().unwrap()]);
    assert!(!locked.status.success() && said(&locked).contains("leave --data out"), "{}", said(&locked));

    // Restored beside it, while it runs.
    let other = tempfile::tempdir().unwrap();
    let into = other.path().join("data");
    let evening = backups.join("evening");
    assert!(evening.join("register.redb").exists(), "the register goes along");
    let restore = ["journal", "restore", evening.to_str().unwrap(), "--data", into.to_str().unwrap()];
    let restored = estafette(&restore);
    assert!(restored.status.success(), "{}", said(&restored));
    assert!(said(&estafette(&restore)).contains("is not empty"));
    let verified = estafette(&["journal", "verify", "--data", into.to_str().unwrap()]);
    assert!(verified.status.success(), "{}", said(&verified));
    std::fs::write(other.path().join("estafette.toml"), basis(&other, &more)).unwrap();
    let key = program.key.clone();
    let second = Program::again(other, key);
    assert_eq!(ask(second.admin, &format!("STATUS {id}")).await["attempts"][0]["status"], "sent");
    assert_eq!(second.submit("sms-only").await.status(), 202, "the key is known there");
    let later = later["id"].as_str().unwrap();
    assert!(ask(second.admin, &format!("STATUS {later}")).await["error"].is_string(), "it came after the backup");
    assert!(ask(program.admin, &format!("STATUS {later}")).await["id"].is_string());
}
