//! Office files before 2007: compound files (MS-CFB), told apart by the stream that the program keeps in the root.
//!
//! Invariant: of a file only its header, its table of sectors where that is needed, and a bounded part of its directory are read.
//! `infer` looks for the class of the root, which some programs don't write, and reads the whole directory.
use std::io::{Read, Seek, SeekFrom};

use estafette_actors::domain::mailbox::media::MediaType;

use super::Unsound;
use super::reading::store_trouble;

/// First bytes.
pub const MAGIC: [u8; 8] = [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];
/// Bytes of the header, and of an entry of the directory.
const HEADER: usize = 512;
const ENTRY: usize = 128;
/// Sectors of the directory that are read.
const SECTORS: usize = 512;
/// Places of the table of sectors that stand in the header; with these a file has 6.8 MB, beyond which the table has a chain of its own.
const IN_HEADER: usize = 109;
/// Links of that chain.
const CHAIN: usize = 256;
const NONE: u32 = 0xffff_ffff;
const LAST: u32 = 0xffff_fffa;

/// Whether it is the file of that program.
pub fn verify<R: Read + Seek>(declared: MediaType, source: &mut R, size: u64) -> Result<(), Unsound> {
    let streams: &[&str] = match declared {
        MediaType::Doc => &["WordDocument"],
        MediaType::Xls => &["Workbook", "Book"],
        _ => &["PowerPoint Document"],
    };
    let damaged = Unsound::NotThat { declared, why: "its compound file is damaged" };
    let names = match Compound::open(source, size).and_then(|mut compound| compound.root()) {
        Ok(Some(names)) => names,
        Ok(None) => return Err(damaged),
        Err(error) => return Err(store_trouble(&error).unwrap_or(damaged)),
    };
    if names.iter().any(|name| streams.iter().any(|stream| name.eq_ignore_ascii_case(stream))) {
        return Ok(());
    }
    let has = |wanted: &str| names.iter().any(|name| name.eq_ignore_ascii_case(wanted));
    Err(match () {
        () if has("EncryptedPackage") => Unsound::Other { declared, found: "an encrypted Office document" },
        () if has("WordDocument") => Unsound::Other { declared, found: MediaType::Doc.as_str() },
        () if has("Workbook") || has("Book") => Unsound::Other { declared, found: MediaType::Xls.as_str() },
        () if has("PowerPoint Document") => Unsound::Other { declared, found: MediaType::Ppt.as_str() },
        () => Unsound::NotThat { declared, why: "its compound file is of another program" },
    })
}

struct Compound<'a, R> {
    source: &'a mut R,
    size: u64,
    header: [u8; HEADER],
    /// Bytes of a sector.
    sector: u64,
    /// The sector of the table that was read last.
    table: Option<(u32, Vec<u8>)>,
}

fn number(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(NONE, u32::from_le_bytes)
}

impl<'a, R: Read + Seek> Compound<'a, R> {
    fn open(source: &'a mut R, size: u64) -> std::io::Result<Self> {
        let mut header = [0; HEADER];
        source.seek(SeekFrom::Start(0))?;
        source.read_exact(&mut header)?;
        // 512 or 4,096 bytes; any other is as damaged as one that can't be read.
        let sector = if header[0x1e] == 12 { 4_096 } else { 512 };
        Ok(Self { source, size, header, sector, table: None })
    }

    fn read(&mut self, sector: u32) -> std::io::Result<Option<Vec<u8>>> {
        let start = (u64::from(sector) + 1) * self.sector;
        if sector >= LAST || start >= self.size {
            return Ok(None);
        }
        // The last one may be cut.
        let mut bytes = Vec::with_capacity(self.sector as usize);
        self.source.seek(SeekFrom::Start(start))?;
        self.source.take(self.sector).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Which sector follows one.
    fn next(&mut self, sector: u32) -> std::io::Result<Option<u32>> {
        let places = self.sector as usize / 4;
        let (table, place) = (sector as usize / places, sector as usize % places);
        let table =
            if table < IN_HEADER { number(&self.header, 0x4c + 4 * table) } else { self.chained(table - IN_HEADER)? };
        if self.table.as_ref().is_none_or(|(read, _)| *read != table) {
            self.table = self.read(table)?.map(|bytes| (table, bytes));
        }
        Ok(self.table.as_ref().map(|(_, bytes)| number(bytes, 4 * place)))
    }

    /// The sector of the table that a place behind those of the header names.
    fn chained(&mut self, mut place: usize) -> std::io::Result<u32> {
        let places = self.sector as usize / 4 - 1;
        let mut link = number(&self.header, 0x44);
        for _ in 0..CHAIN {
            let Some(bytes) = self.read(link)? else { break };
            if place < places {
                return Ok(number(&bytes, 4 * place));
            }
            place -= places;
            link = number(&bytes, 4 * places);
        }
        Ok(NONE)
    }

    /// The names in the root; none when they can't be read.
    fn root(&mut self) -> std::io::Result<Option<Vec<String>>> {
        let mut directory = Vec::new();
        let mut sector = number(&self.header, 0x30);
        for _ in 0..SECTORS {
            let Some(bytes) = self.read(sector)? else { break };
            directory.extend_from_slice(&bytes);
            match self.next(sector)? {
                Some(next) => sector = next,
                None => break,
            }
        }
        let entries: Vec<&[u8]> = directory.chunks_exact(ENTRY).collect();
        let Some(root) = entries.first().filter(|root| root[0x42] == 5) else { return Ok(None) };
        // A tree by left (0x44) and right (0x48), from the root's child (0x4c); each is looked at once.
        let (mut waiting, mut seen, mut names) = (vec![number(root, 0x4c)], vec![false; entries.len()], Vec::new());
        while let Some(place) = waiting.pop() {
            let place = place as usize;
            let Some(entry) = entries.get(place).filter(|_| !std::mem::replace(&mut seen[place], true)) else {
                continue;
            };
            let length = usize::from(u16::from_le_bytes([entry[0x40], entry[0x41]])).clamp(2, 64) - 2;
            let units: Vec<u16> =
                entry[..length].chunks_exact(2).map(|two| u16::from_le_bytes([two[0], two[1]])).collect();
            names.push(String::from_utf16_lossy(&units));
            waiting.extend([number(entry, 0x44), number(entry, 0x48)]);
        }
        Ok(Some(names))
    }
}
