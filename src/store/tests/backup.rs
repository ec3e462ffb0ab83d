//! Backups of a store in use, and folders made of them.
use super::*;
use crate::store::backup::{self, Error as Failed};
use crate::store::verify;

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_made_under_load_holds_all_that_was_told_before_it_and_no_half_of_anything() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(settings(dir.path()));
    let before: Vec<MessageId> = (0..50).map(|unique| accept(&store, unique, "sms-only")).collect();
    go(&store, before[7], "sms-only", |state, context| life::begin(state, context, Channel::SMS));
    let stop = std::sync::atomic::AtomicBool::new(false);
    let made = std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let mut unique = 1_000;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                accept(&store, unique, "sms-only");
                unique += 1;
            }
            unique
        });
        let made = store.backup(&other.path().join("backups"), "one", &[]).unwrap();
        let second = store.backup(&other.path().join("backups"), "two", &[]).unwrap();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(writing.join().unwrap() > 1_000, "something was written meanwhile");
        assert!(second.position > made.position);
        made
    });
    let from = other.path().join("backups/one");
    assert_eq!(backup::check(&from).unwrap(), made);
    let into = other.path().join("restored");
    assert_eq!(backup::restore(&from, &into).unwrap(), made);
    let restored = open(settings(&into));
    assert_eq!(restored.inner.position.load(std::sync::atomic::Ordering::Acquire), made.position);
    for id in &before {
        assert_eq!(restored.load(vec![*id]).await.unwrap()[0].as_ref().unwrap().state, store.live(*id).unwrap());
        let view = restored.message(None, *id).await.unwrap().unwrap();
        assert_eq!(view.envelope.content, store.message(None, *id).await.unwrap().unwrap().envelope.content);
    }
    // Indexes are made anew with the secrets that came along.
    assert!(restored.idempotent(7).await.unwrap().is_some());
    assert_eq!(
        drain(&restored, queue(Channel::SMS, Lane::Normal), 64).await.len() as u64,
        restored.depths()[0].messages
    );
    // It goes on: what is accepted there is there.
    let id = accept(&restored, 999_999, "sms-only");
    assert!(restored.message(None, id).await.unwrap().is_some());
    let verdict = restored.verify().unwrap();
    assert_eq!((verdict.wrong, &verdict.told), (0, &Vec::new()));
    assert!(verdict.records > 50 && verdict.values > 0);
    // The one that was copied goes on too.
    accept(&store, 999_998, "sms-only");
    assert_eq!(store.verify().unwrap().wrong, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_store_is_backed_up_too_and_again_without_an_empty_segment() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(settings(dir.path()));
    assert_eq!(store.backup(other.path(), "empty", &[]).unwrap().position, 0);
    accept(&store, 1, "sms-only");
    let first = store.backup(other.path(), "first", &[]).unwrap();
    let second = store.backup(other.path(), "second", &[]).unwrap();
    assert_eq!(first.position, second.position);
    assert_eq!(first.files.len(), second.files.len());
    let stats = store.stats().unwrap();
    assert_eq!(stats.iter().map(|segment| segment.messages).collect::<Vec<_>>(), [1, 0]);
    assert!(stats[0].closed && !stats[1].closed);
    for name in ["empty", "second"] {
        let into = other.path().join(format!("{name}-restored"));
        backup::restore(&other.path().join(name), &into).unwrap();
        open(settings(&into)).close();
    }
}

#[test]
fn what_is_no_whole_backup_is_refused_before_anything_is_made_of_it() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(settings(dir.path()));
    accept(&store, 1, "sms-only");
    for name in ["", ".", "..", "../x", "a/b", ".hidden", "with space", &"x".repeat(65)] {
        assert!(matches!(store.backup(other.path(), name, &[]), Err(Failed::Name)), "{name:?}");
    }
    store.backup(other.path(), "good", &[]).unwrap();
    assert!(matches!(store.backup(other.path(), "good", &[]), Err(Failed::Exists(_))));
    let into = other.path().join("into");
    let good = other.path().join("good");
    assert!(matches!(backup::restore(other.path(), &into), Err(Failed::None(_))));
    assert!(matches!(backup::restore(&good, dir.path()), Err(Failed::NotEmpty(_))));
    let segment = good.join("journal/000001.redb");
    let mut bytes = std::fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segment, &bytes).unwrap();
    assert!(matches!(backup::restore(&good, &into), Err(Failed::Damaged(name)) if name == "journal/000001.redb"));
    assert!(!into.exists(), "nothing was made");
    let list = good.join("BACKUP");
    let told = std::fs::read_to_string(&list).unwrap();
    std::fs::write(&list, told.replace("\"keys.jsonl\"", "\"../keys.jsonl\"").replace("\"VERSION\"", "\"../VERSION\""))
        .unwrap();
    assert!(matches!(backup::check(&good), Err(Failed::Damaged(_))), "a list may name nothing outside");
    std::fs::write(&list, told.replace("\"form\": 1", "\"form\": 2")).unwrap();
    assert!(matches!(backup::check(&good), Err(Failed::Form(2))));
}

#[test]
fn a_record_that_can_not_be_read_is_found_in_a_stopped_folder() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(settings(dir.path()));
    accept(&store, 1, "sms-only");
    accept(&store, 2, "sms-only");
    store.close();
    assert_eq!(verify::verify_of(dir.path()).unwrap().wrong, 0);
    {
        let database = redb::Database::open(dir.path().join("journal/000001.redb")).unwrap();
        let write = database.begin_write().unwrap();
        {
            let mut table = write.open_table(layout::MESSAGE).unwrap();
            table.insert(5, [9, 9, 9].as_slice()).unwrap();
            let mut feed = write.open_table(layout::FEED).unwrap();
            feed.remove(1).unwrap();
        }
        write.commit().unwrap();
    }
    let verdict = verify::verify_of(dir.path()).unwrap();
    assert_eq!(verdict.wrong, 1, "{verdict:?}");
    assert!(verdict.told[0].contains("version 9"), "{verdict:?}");
    let stats = verify::stats_of(dir.path()).unwrap();
    assert_eq!((stats.len(), stats[0].messages), (1, 3));
    assert!(verify::stats_of(&dir.path().join("nowhere")).is_err());
    assert!(!dir.path().join("nowhere").exists(), "a survey makes nothing");
}
