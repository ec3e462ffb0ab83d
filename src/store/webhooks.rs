//! Webhooks and how far each was told, in a file of their own: they live long, are few, and follow
//! from no fact.
//!
//! The secrets in it sign what we send, so the file is as private as the data folder around it.
use std::path::Path;

use estafette_actors::domain::submission::Institution;
use estafette_actors::domain::webhook::{Progress, Webhook};
use estafette_actors::ports::{self, ArchiveError};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use super::{Error, codec, database};

type Key = (u32, &'static str);

const WEBHOOK: TableDefinition<Key, &[u8]> = TableDefinition::new("webhook");
const PROGRESS: TableDefinition<Key, &[u8]> = TableDefinition::new("progress");
/// Those that are told of tests too: beside the records, whose form does not change.
const INCLUDE_TEST: TableDefinition<Key, ()> = TableDefinition::new("include_test");
const CACHE_BYTES: usize = 4 << 20;
/// The file in the data folder.
pub const FILE: &str = "webhooks.redb";

/// The file.
#[derive(Debug)]
pub struct Webhooks {
    database: Database,
}

impl Webhooks {
    /// Opens the file, or makes it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let database = database::open(path.as_ref(), CACHE_BYTES)?;
        let write = database.begin_write()?;
        write.open_table(WEBHOOK)?;
        write.open_table(PROGRESS)?;
        write.open_table(INCLUDE_TEST)?;
        write.commit()?;
        Ok(Self { database })
    }

    /// Copies what is kept into a file of a backup.
    pub fn copy_to(&self, path: &Path) -> Result<(), Error> {
        super::backup::copy_table(&self.database, path, WEBHOOK).map_err(Box::new)?;
        super::backup::copy_table(&self.database, path, PROGRESS).map_err(Box::new)?;
        super::backup::copy_table(&self.database, path, INCLUDE_TEST).map_err(Box::new)?;
        Ok(())
    }

    fn all(&self) -> Result<Vec<(Webhook, Progress)>, Error> {
        let read = self.database.begin_read()?;
        let (webhooks, progress) = (read.open_table(WEBHOOK)?, read.open_table(PROGRESS)?);
        let include_test = read.open_table(INCLUDE_TEST)?;
        let mut all = Vec::new();
        for entry in webhooks.iter()? {
            let (key, bytes) = entry?;
            let told = progress.get(key.value())?.map(|bytes| codec::decode(bytes.value())).transpose()?;
            let webhook: Webhook = codec::decode(bytes.value())?;
            let include_test = include_test.get(key.value())?.is_some();
            all.push((Webhook { include_test, ..webhook }, told.unwrap_or_default()));
        }
        Ok(all)
    }

    fn keep(&self, webhook: &Webhook, progress: Option<&Progress>) -> Result<(), Error> {
        let write = self.database.begin_write()?;
        {
            let key = (codec::institution_number(webhook.institution), &*webhook.name);
            write.open_table(WEBHOOK)?.insert(key, codec::encode(webhook).as_slice())?;
            let mut include_test = write.open_table(INCLUDE_TEST)?;
            if webhook.include_test {
                include_test.insert(key, ())?;
            } else {
                include_test.remove(key)?;
            }
            if let Some(progress) = progress {
                write.open_table(PROGRESS)?.insert(key, codec::encode(progress).as_slice())?;
            }
        }
        Ok(write.commit()?)
    }

    fn forget(&self, institution: Institution, name: &str) -> Result<(), Error> {
        let write = self.database.begin_write()?;
        {
            let key = (codec::institution_number(institution), name);
            write.open_table(WEBHOOK)?.remove(key)?;
            write.open_table(PROGRESS)?.remove(key)?;
            write.open_table(INCLUDE_TEST)?.remove(key)?;
        }
        Ok(write.commit()?)
    }

    fn told(&self, notes: &[(Institution, Box<str>, Progress)]) -> Result<(), Error> {
        let write = self.database.begin_write()?;
        {
            let webhooks = write.open_table(WEBHOOK)?;
            let mut table = write.open_table(PROGRESS)?;
            for (institution, name, progress) in notes {
                let key = (codec::institution_number(*institution), &**name);
                // One that was removed meanwhile stays removed.
                if webhooks.get(key)?.is_some() {
                    table.insert(key, codec::encode(progress).as_slice())?;
                }
            }
        }
        Ok(write.commit()?)
    }
}

fn told(error: Error) -> ArchiveError {
    ArchiveError(error.to_string())
}

impl ports::Webhooks for Webhooks {
    fn load(&self) -> Result<Vec<(Webhook, Progress)>, ArchiveError> {
        self.all().map_err(told)
    }

    fn put(&self, webhook: &Webhook, progress: Option<&Progress>) -> Result<(), ArchiveError> {
        self.keep(webhook, progress).map_err(told)
    }

    fn remove(&self, institution: Institution, name: &str) -> Result<(), ArchiveError> {
        self.forget(institution, name).map_err(told)
    }

    fn note(&self, notes: &[(Institution, Box<str>, Progress)]) -> Result<(), ArchiveError> {
        self.told(notes).map_err(told)
    }
}

#[cfg(test)]
mod tests {
    use estafette_actors::domain::event::Place;
    use estafette_actors::domain::time::Timestamp;
    use estafette_actors::domain::webhook::{Overdue, Secret};
    use estafette_actors::ports::Webhooks as _;

    use super::*;

    fn webhook(name: &str) -> Webhook {
        Webhook {
            institution: Institution("0403019261".parse().unwrap()),
            name: name.into(),
            url: "https://x.be/".into(),
            types: vec!["message.settled".into()],
            secrets: vec![Secret { key: vec![1, 2].into(), until: None }],
            created_at: Timestamp::from_millis(5),
            off: None,
            include_test: false,
        }
    }

    fn progress() -> Progress {
        let place = Place { position: 7, index: 1 };
        let overdue = Overdue { place, tries: 2, since: Timestamp::from_millis(3), next: Timestamp::from_millis(9) };
        Progress { done: place, overdue: vec![overdue], delivered: 4, ..Progress::default() }
    }

    #[test]
    fn what_was_kept_is_there_after_a_kill_and_what_was_removed_does_not_come_back() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join(FILE);
        let webhooks = Webhooks::open(&path).unwrap();
        let kept = Webhook { include_test: true, ..webhook("a") };
        webhooks.put(&webhook("a"), Some(&Progress::default())).unwrap();
        webhooks.put(&kept, None).unwrap();
        webhooks.put(&webhook("b"), None).unwrap();
        let (owner, told) = (webhook("a").institution, progress());
        webhooks.note(&[(owner, "a".into(), told.clone())]).unwrap();
        webhooks.remove(owner, "b").unwrap();
        webhooks.note(&[(owner, "b".into(), told.clone())]).unwrap();
        // A kill leaves the file as it is.
        let copy = folder.path().join("copy.redb");
        std::fs::copy(&path, &copy).unwrap();
        let again = Webhooks::open(&copy).unwrap();
        let saved = folder.path().join("saved.redb");
        again.copy_to(&saved).unwrap();
        assert_eq!(Webhooks::open(&saved).unwrap().load().unwrap(), again.load().unwrap());
        assert_eq!(again.load().unwrap(), [(kept, told)]);
        again.put(&webhook("a"), None).unwrap();
        assert!(!again.load().unwrap()[0].0.include_test);
    }

    #[test]
    fn the_format_on_disk_is_the_same_as_ever() {
        let golden = [
            1, 252, 253, 149, 5, 24, 1, 97, 13, 104, 116, 116, 112, 115, 58, 47, 47, 120, 46, 98, 101, 47, 1, 15, 109,
            101, 115, 115, 97, 103, 101, 46, 115, 101, 116, 116, 108, 101, 100, 1, 2, 1, 2, 0, 5, 0,
        ];
        assert_eq!(codec::encode(&webhook("a")), golden);
        assert_eq!(codec::encode(&progress()), [1, 7, 1, 0, 1, 7, 1, 2, 3, 9, 0, 4, 0, 0]);
    }
}
