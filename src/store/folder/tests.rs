//! A data folder is refused when it isn't ours, and its secrets last.
use super::*;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_new_folder_is_made_for_its_owner_only_and_opens_again() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("deep").join("data");
    drop(DataFolder::open(&path).unwrap());
    assert_eq!(mode(&path), 0o700);
    let again = DataFolder::open(&path).unwrap();
    assert_eq!(again.path(), path);
}

#[test]
fn a_second_estafette_on_the_same_folder_is_refused_until_the_first_ends() {
    let folder = tempfile::tempdir().unwrap();
    let first = DataFolder::open(folder.path()).unwrap();
    let refused = DataFolder::open(folder.path()).unwrap_err();
    assert!(matches!(refused, Error::Locked(_)));
    assert!(refused.to_string().starts_with("another estafette runs on "));
    drop(first);
    DataFolder::open(folder.path()).unwrap();
}

#[test]
fn a_command_beside_a_running_server_finds_the_folder_good_and_makes_one_when_there_is_none() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("data");
    DataFolder::ensure(&path).unwrap();
    let server = DataFolder::open(&path).unwrap();
    DataFolder::ensure(&path).unwrap();
    drop(server);
    std::fs::write(path.join(VERSION), "estafette data folder\nschema 9\n").unwrap();
    assert!(matches!(DataFolder::ensure(&path), Err(Error::Newer { found: 9, .. })));
}

#[test]
fn a_folder_with_other_files_is_refused_and_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("thesis.txt"), "precious").unwrap();
    assert!(matches!(DataFolder::open(folder.path()), Err(Error::Foreign(_))));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was written there");
    std::fs::write(folder.path().join(VERSION), "1.2.3\n").unwrap();
    assert!(matches!(DataFolder::open(folder.path()), Err(Error::Foreign(_))));
}

#[test]
fn a_crash_before_the_version_was_written_leaves_a_folder_that_opens() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(LOCK), "").unwrap();
    std::fs::write(folder.path().join("VERSION.new"), "estaf").unwrap();
    std::fs::create_dir(folder.path().join("lost+found")).unwrap();
    DataFolder::open(folder.path()).unwrap();
    assert!(check_version(folder.path()).unwrap());
}

#[test]
fn another_form_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ("estafette data folder\nschema 3\n", "has form 3 and this program knows forms up to 2: start the newer"),
        ("estafette data folder\nschema 1\n", "has form 1, which no release of estafette has"),
        ("estafette data folder\nschema one\n", "is damaged: restore"),
        ("estafette data folder\n", "is damaged: restore"),
    ];
    for (text, said) in cases {
        std::fs::write(folder.path().join(VERSION), text).unwrap();
        let error = DataFolder::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_file_is_no_folder_and_a_file_above_neither() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(matches!(DataFolder::open(&file), Err(Error::NotAFolder(_))));
    assert!(matches!(DataFolder::open(file.join("below")), Err(Error::NotAFolder(_))));
}

#[test]
fn a_folder_that_can_not_be_written_to_is_refused() {
    // Not by its mode: tests may run as root, who writes everywhere. A folder where the lock's file should be does it.
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(LOCK)).unwrap();
    assert!(matches!(DataFolder::open(folder.path()), Err(Error::NotWritable { .. })));
}

#[test]
fn a_secret_stays_the_same_and_differs_from_others() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataFolder::open(folder.path()).unwrap();
    let recipients = data.secret("recipients").unwrap();
    assert_ne!(recipients, data.secret("other").unwrap());
    drop(data);
    let data = DataFolder::open(folder.path()).unwrap();
    assert_eq!(data.secret("recipients").unwrap(), recipients);
    assert_eq!(mode(&folder.path().join("secrets/recipients.key")), 0o600);
}

#[test]
fn a_secret_that_is_exposed_or_cut_short_is_refused_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataFolder::open(folder.path()).unwrap();
    data.secret("recipients").unwrap();
    let path = folder.path().join("secrets/recipients.key");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(data.secret("recipients"), Err(Error::Exposed(_))));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&path, "short").unwrap();
    assert!(matches!(data.secret("recipients"), Err(Error::Damaged(_))));
    for name in ["", "../up", "Big", "a b"] {
        assert!(matches!(data.secret(name), Err(Error::SecretName)), "{name}");
    }
}
