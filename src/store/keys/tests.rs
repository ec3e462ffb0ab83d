//! Keys are good until they are revoked, here or elsewhere, and the file never holds one.
use std::os::unix::fs::PermissionsExt;

use super::*;
use estafette_actors::domain::cbe::Cbe;

const AT: Timestamp = Timestamp::from_millis(1_795_000_000_000);

fn bcss() -> Institution {
    Institution(Cbe::parse("0403019261").unwrap())
}

fn keys() -> (tempfile::TempDir, Keys) {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::open(folder.path()).unwrap();
    (folder, keys)
}

#[test]
fn a_key_is_good_for_its_institution_until_it_is_revoked() {
    let (folder, keys) = keys();
    let (id, key) = keys.create(bcss(), " payroll ", false, AT).unwrap();
    let principal = Principal { institution: bcss(), key: id, test: false, name: "payroll".into() };
    assert_eq!(keys.check(&key), Some(principal.clone()));
    assert_eq!(Keys::open(folder.path()).unwrap().check(&key), Some(principal), "after a restart");

    let revoked = keys.revoke(id.as_str(), AT).unwrap();
    assert_eq!(revoked.revoked_at, Some(AT));
    assert_eq!(keys.check(&key), None);
    assert_eq!(Keys::open(folder.path()).unwrap().check(&key), None);
    let again = keys.revoke(id.as_str(), AT.plus(Duration::from_secs(1))).unwrap();
    assert_eq!(again.revoked_at, Some(AT), "the first revocation counts");
    assert!(matches!(keys.revoke("0000000000", AT), Err(Error::Unknown(_))));
}

#[test]
fn a_key_says_what_it_is_for_and_can_not_be_altered() {
    let (_folder, keys) = keys();
    let (id, live) = keys.create(bcss(), "live", false, AT).unwrap();
    let (_, test) = keys.create(bcss(), "test", true, AT).unwrap();
    assert!(live.starts_with(&format!("est_live_{id}_")), "the prefix says what a leaked key is");
    assert!(test.starts_with("est_test_"));
    assert_eq!(live.len(), "est_live_".len() + 10 + 1 + 43);
    assert!(keys.check(&test).unwrap().test);

    let secret_of_test = &test[test.len() - 43..];
    let last = if live.ends_with('A') { "B" } else { "A" };
    let altered = [
        String::new(),
        "est_live_".to_owned(),
        live.replace("est_live_", "est_test_"),
        live.replace("est_live_", ""),
        format!("{live}A"),
        live[..live.len() - 1].to_owned(),
        format!("{}{last}", &live[..live.len() - 1]),
        format!("est_live_{id}_{secret_of_test}"),
        format!("est_live_0000000000_{}", &live[live.len() - 43..]),
        format!("est_live_{id}_{}", "é".repeat(21) + "a"),
        format!(" {live}"),
    ];
    for altered in altered {
        assert_eq!(keys.check(&altered), None, "{altered}");
    }
}

#[test]
fn a_running_server_sees_what_a_command_made_and_revoked() {
    let (folder, mut server) = keys();
    server.recheck = Duration::ZERO;
    let command = Keys::open(folder.path()).unwrap();
    let (id, key) = command.create(bcss(), "made beside", true, AT).unwrap();
    assert!(server.check(&key).is_some());
    command.revoke(id.as_str(), AT).unwrap();
    assert_eq!(server.check(&key), None);
    let (_, other) = command.create(bcss(), "other", true, AT).unwrap();
    std::fs::remove_file(folder.path().join(file::NAME)).unwrap();
    assert_eq!(server.check(&other), None, "no file, no keys");
}

#[test]
fn the_file_is_not_looked_at_for_each_request() {
    let (folder, mut server) = keys();
    server.recheck = Duration::from_secs(3_600);
    let command = Keys::open(folder.path()).unwrap();
    let (_, key) = command.create(bcss(), "made beside", true, AT).unwrap();
    assert_eq!(server.check(&key), None);
    assert!(server.reload().unwrap(), "asked to, it looks");
    assert!(server.check(&key).is_some());
    assert!(!server.reload().unwrap(), "nothing new");
}

#[test]
fn the_file_holds_no_key_is_its_owners_and_keeps_its_form() {
    let (folder, keys) = keys();
    let (id, key) = keys.create(bcss(), "payroll \"A\"", false, AT).unwrap();
    keys.revoke(id.as_str(), AT).unwrap();
    let path = folder.path().join(file::NAME);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains(&key[key.len() - 43..]));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let sha256 = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, key.as_bytes()));
    let line = format!(
        "{{\"id\":\"{id}\",\"institution\":\"0403019261\",\"name\":\"payroll \\\"A\\\"\",\"test\":false,\
         \"sha256\":\"{sha256}\",\"created_at\":\"{AT}\",\"revoked_at\":\"{AT}\"}}\n"
    );
    assert_eq!(text, line);
}

#[test]
fn a_line_that_is_not_understood_is_an_error_and_a_running_server_keeps_its_keys() {
    let (folder, mut server) = keys();
    let (_, key) = server.create(bcss(), "good", false, AT).unwrap();
    let path = folder.path().join(file::NAME);
    let good = std::fs::read_to_string(&path).unwrap();
    let limited = good.replace("\"test\"", "\"valid_until\":\"2020-01-01T00:00:00Z\",\"test\"");
    for bad in ["{}", "", &limited, &good.replace("0403019261", "0403019262"), &good[..good.len() / 2]] {
        std::fs::write(&path, format!("{good}{bad}\n")).unwrap();
        assert!(matches!(Keys::open(folder.path()), Err(Error::Damaged { line: 2, .. })), "{bad}");
        server.recheck = Duration::ZERO;
        assert!(server.check(&key).is_some());
        assert!(server.create(bcss(), "more", false, AT).is_err(), "nothing is written over what is not understood");
    }
}

#[test]
fn keys_made_at_the_same_time_by_several_are_all_kept() {
    let (folder, keys) = keys();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let own = Keys::open(folder.path()).unwrap();
                for _ in 0..5 {
                    own.create(bcss(), "one of many", false, AT).unwrap();
                }
            });
        }
    });
    assert_eq!(keys.list().unwrap().len(), 20);
}

#[test]
fn a_name_is_plain_text() {
    let (_folder, keys) = keys();
    for name in ["", "  ", "two\nlines", &"x".repeat(101)] {
        assert!(matches!(keys.create(bcss(), name, false, AT), Err(Error::Name)), "{name:?}");
    }
}
