//! The two files: opening them, and writing and reading the tables.
use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use redb::{Database, ReadOnlyTable, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

use super::super::database;
use super::overlay::{self, Map, Maps, Overlay};
use super::{Error, Settings, Shared, Table, draft, log};

const META: TableDefinition<&str, u64> = TableDefinition::new("engine");
/// Key of [`META`]: the place in the log up to which the tables are true.
const APPLIED: &str = "applied";
/// The log is small and read only when opened.
const LOG_CACHE_BYTES: usize = 8 << 20;

fn definition(name: &str) -> TableDefinition<'_, &'static [u8], &'static [u8]> {
    TableDefinition::new(name)
}

/// The tables, as of one moment.
pub struct Reader(Vec<ReadOnlyTable<&'static [u8], &'static [u8]>>);

impl Reader {
    pub fn new(tables: &Database, names: &[&str]) -> Result<Self, redb::Error> {
        let read = tables.begin_read()?;
        let open = |name: &&str| read.open_table(definition(name));
        Ok(Self(names.iter().map(open).collect::<Result<_, _>>()?))
    }

    pub fn with<R>(&self, table: Table, key: &[u8], look: impl FnOnce(Option<&[u8]>) -> R) -> Result<R, redb::Error> {
        let found = self.0[usize::from(table.0)].get(key)?;
        Ok(look(found.as_ref().map(redb::AccessGuard::value)))
    }

    pub fn range(
        &self,
        table: Table,
        bounds: (Bound<&[u8]>, Bound<&[u8]>),
    ) -> Result<redb::Range<'static, &'static [u8], &'static [u8]>, redb::Error> {
        Ok(self.0[usize::from(table.0)].range::<&[u8]>(bounds)?)
    }
}

/// What [`open`] found.
pub struct Opened {
    pub tables: Database,
    pub log: Database,
    pub overlay: Overlay,
    pub applied: u64,
}

/// Opens both files, or makes them, and reads what the tables lack.
pub fn open(settings: &Settings) -> Result<Opened, Error> {
    let (tables_path, log_path) = (settings.tables_path(), settings.log_path());
    let disk = |path: &Path| {
        let path = path.to_owned();
        move |error: redb::Error| Error::Disk { path, reason: error.to_string() }
    };
    let tables = database::open(&tables_path, settings.cache_bytes);
    let tables = tables.map_err(|error| disk(&tables_path)(error.into()))?;
    let applied = prepare(&tables, settings.tables).map_err(disk(&tables_path))?;
    let reader = Reader::new(&tables, settings.tables).map_err(disk(&tables_path))?;
    let log = database::open(&log_path, LOG_CACHE_BYTES).map_err(|error| disk(&log_path)(error.into()))?;
    let count = settings.tables.len();
    let mut active = Maps::new(count);
    let found = log::read(&log, applied, |value| log::unpack(value, count, &mut active));
    let found = found.map_err(disk(&log_path))?.ok_or_else(|| Error::Damaged(log_path.clone()))?;
    if found.first.is_some_and(|first| first > applied + 1) {
        return Err(Error::Gap(log_path));
    }
    let overlay = Overlay {
        active,
        frozen: draft::none(count),
        reader: Arc::new(reader),
        position: found.last.max(applied),
        bytes: found.bytes,
    };
    Ok(Opened { tables, log, overlay, applied })
}

/// Makes the tables that are missing; gives the place up to which they are true.
fn prepare(tables: &Database, names: &[&str]) -> Result<u64, redb::Error> {
    let mut write = tables.begin_write()?;
    write.set_quick_repair(true);
    for name in names {
        write.open_table(definition(name))?;
    }
    let applied = write.open_table(META)?.get(APPLIED)?.map_or(0, |place| place.value());
    write.commit()?;
    Ok(applied)
}

impl Shared {
    pub(super) fn tables_failed(&self, error: redb::Error) -> Error {
        Error::Disk { path: self.settings.tables_path(), reason: error.to_string() }
    }

    /// Brings layers, the newest last, into the tables, which are true up to a place of the log then: all in one commit. Durable
    /// when it returns. Several smaller commits with pauses between them were no better for those who wait for the log.
    pub(super) fn write(&self, layers: &[&Maps], applied: u64) -> Result<Reader, redb::Error> {
        let mut write = self.tables.begin_write()?;
        // The last commit decides how long opening after a kill takes, and each may be the last.
        write.set_quick_repair(true);
        for (place, name) in self.settings.tables.iter().enumerate() {
            let layers: Vec<&Map> = layers.iter().map(|maps| maps.table(Table(place as u8))).collect();
            let changes: Vec<Change<'_>> = if let [one] = layers[..] {
                one.iter().map(|(key, value)| (&**key, value.as_deref())).collect()
            } else {
                let merged: BTreeMap<_, _> = layers.iter().flat_map(|map| map.iter()).collect();
                merged.into_iter().map(|(key, value)| (&**key, value.as_deref())).collect()
            };
            if !changes.is_empty() {
                write_table(&write, name, &changes)?;
            }
        }
        write.open_table(META)?.insert(APPLIED, applied)?;
        write.commit()?;
        Reader::new(&self.tables, self.settings.tables)
    }
}

/// A key, and its value.
type Change<'m> = (&'m [u8], Option<&'m [u8]>);

/// Writes changes of one table in the order of their keys.
fn write_table(write: &WriteTransaction, name: &str, changes: &[Change<'_>]) -> Result<(), redb::Error> {
    let mut table = write.open_table(definition(name))?;
    let last = table.last()?.map(|(key, _)| key.value().to_vec());
    let known = changes.partition_point(|(key, _)| last.as_ref().is_some_and(|last| *key <= &last[..]));
    for (key, value) in &changes[..known] {
        match value {
            Some(value) => table.insert(key, value)?,
            None => table.remove(key)?,
        };
    }
    // Behind the end no place has to be looked for.
    let mut end = table.upper_bound_mut(Bound::<&[u8]>::Unbounded)?;
    for (key, value) in &changes[known..] {
        if let Some(value) = value {
            end.insert_before(key, value).map_err(unordered)?;
        }
    }
    end.close()?;
    Ok(())
}

fn unordered(error: redb::CursorError) -> redb::Error {
    redb::Error::Io(std::io::Error::other(error.to_string()))
}

/// See [`super::Engine::copy_to`].
pub fn copy(shared: &Shared, path: &Path) -> Result<(), Error> {
    super::flusher::flush(shared)?;
    // A view of one moment is taken in the flusher's absence; what comes in later is not in it.
    let (reader, applied) = {
        let _one = super::lock(&shared.flushing);
        let overlay = overlay::read(&shared.overlay);
        (Arc::clone(&overlay.reader), shared.applied.load(std::sync::atomic::Ordering::Acquire))
    };
    let copied = || -> Result<(), redb::Error> {
        let target = Database::builder().set_cache_size(LOG_CACHE_BYTES).create(path)?;
        let mut write = target.begin_write()?;
        write.set_quick_repair(true);
        for (place, name) in shared.settings.tables.iter().enumerate() {
            let mut table = write.open_table(definition(name))?;
            let mut end = table.upper_bound_mut(Bound::<&[u8]>::Unbounded)?;
            for row in reader.range(Table(place as u8), (Bound::Unbounded, Bound::Unbounded))? {
                let (key, value) = row?;
                end.insert_before(key.value(), value.value()).map_err(unordered)?;
            }
            end.close()?;
        }
        write.open_table(META)?.insert(APPLIED, applied)?;
        Ok(write.commit()?)
    };
    copied().map_err(|error| Error::Disk { path: path.to_owned(), reason: error.to_string() })
}
