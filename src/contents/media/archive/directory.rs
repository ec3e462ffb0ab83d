//! The directory of a ZIP archive, and what stands before each file.
//!
//! Invariant: what is read is bounded by the number of files that may be there; each entry that is given out has a good name, is packed
//! by a method that is taken, and lies before the directory.
use std::io::{self, Read, Seek, SeekFrom};

use super::{Ended, Refused};

/// The end of the directory, without its comment, and the longest comment.
const END: usize = 22;
const COMMENT: usize = 65_535;
/// An entry without its name, and what stands before a file without its name.
const ENTRY: usize = 46;
const LOCAL: usize = 30;
/// Bytes of a name.
const NAME: usize = 1_024;
/// Bytes of the directory for each file that may be there: 46, a name, and what Office writes beside it.
const EACH: u64 = 512;
/// Bytes between two files where sizes follow the first: with or without a signature, in 32 or 64 bits.
const SLACK: u64 = 24;
const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
const SIZES_FOLLOW: u16 = 1 << 3;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// The field that has sizes which 32 bits don't hold.
const LARGE: u16 = 1;
const UNIX: u8 = 3;
const KIND: u32 = 0o170_000;
const LINK: u32 = 0o120_000;

/// A file in an archive, as the directory tells of it.
#[derive(Debug)]
pub struct Entry {
    pub name: Vec<u8>,
    pub is_deflated: bool,
    pub crc: u32,
    pub packed: u64,
    pub size: u64,
    pub offset: u64,
    flags: u16,
    method: u16,
}

/// The directory: its files in the order in which they lie, and where it begins.
#[derive(Debug)]
pub struct Directory {
    pub entries: Vec<Entry>,
    pub start: u64,
    sizes_follow: bool,
}

impl Directory {
    /// How much room there may be behind a file that ends there.
    pub fn slack(&self, end: u64) -> u64 {
        if self.sizes_follow && end > 0 { SLACK } else { 0 }
    }
}

fn two(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|two| two.try_into().ok()).map_or(0, u16::from_le_bytes)
}

fn four(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn eight(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at + 8).and_then(|eight| eight.try_into().ok()).map(u64::from_le_bytes)
}

/// Reads the directory of an archive with `most` files; `told` is the bound in the refusal.
pub fn directory<R: Read + Seek>(source: &mut R, size: u64, most: u32, told: u32) -> Result<Directory, Ended> {
    let (count, length, start) = end(source, size)?;
    if count > most {
        return Err(Refused::Entries(told).into());
    }
    if count == 0 {
        return Err(Refused::Nothing.into());
    }
    if length > EACH * u64::from(most.max(16)) {
        return Err(Refused::Damaged("its directory is too long").into());
    }
    let mut bytes = vec![0; length as usize];
    source.seek(SeekFrom::Start(start))?;
    source.read_exact(&mut bytes)?;
    let mut rest = &bytes[..];
    let mut entries = Vec::with_capacity(count as usize);
    for _ in 0..count {
        entries.push(entry(&mut rest)?);
    }
    if !rest.is_empty() {
        return Err(Refused::Damaged("something is behind its directory").into());
    }
    entries.sort_by_key(|entry: &Entry| entry.offset);
    let sizes_follow = entries.iter().any(|entry| entry.flags & SIZES_FOLLOW != 0);
    Ok(Directory { entries, start, sizes_follow })
}

/// How many files there are, and how long the directory is and where.
fn end<R: Read + Seek>(source: &mut R, size: u64) -> Result<(u32, u64, u64), Ended> {
    let damaged = Refused::Damaged("its directory is missing");
    let tail_length = size.min((END + COMMENT) as u64);
    let mut tail = vec![0; tail_length as usize];
    source.seek(SeekFrom::Start(size - tail_length))?;
    source.read_exact(&mut tail)?;
    // The last one whose comment ends with the archive.
    let is_end = |at: &usize| {
        let rest = &tail[*at..];
        rest.starts_with(b"PK\x05\x06") && rest.len() == END + usize::from(two(rest, 20))
    };
    let at = (0..=tail.len().checked_sub(END).ok_or(damaged)?).rev().find(is_end).ok_or(damaged)?;
    let rest = &tail[at..];
    let (disks, count) = ((two(rest, 4), two(rest, 6)), (two(rest, 8), two(rest, 10)));
    let (length, start) = (u64::from(four(rest, 12)), u64::from(four(rest, 16)));
    if disks != (0, 0) || count.0 != count.1 {
        return Err(Refused::Damaged("it has several volumes").into());
    }
    // Nothing is between the directory and its end but the end of a large archive (ZIP64), which says the same in more bits.
    let here = size - tail_length + at as u64;
    let between = here.checked_sub(start.checked_add(length).ok_or(damaged)?).ok_or(damaged)?;
    if !matches!(between, 0 | 76) {
        return Err(damaged.into());
    }
    Ok((u32::from(count.0), length, start))
}

fn entry(rest: &mut &[u8]) -> Result<Entry, Ended> {
    let damaged = Refused::Damaged("its directory can't be read");
    let head = rest.get(..ENTRY).filter(|head| head.starts_with(b"PK\x01\x02")).ok_or(damaged)?;
    let (flags, method) = (two(head, 8), two(head, 10));
    let (name, extra, comment) = (two(head, 28).into(), usize::from(two(head, 30)), usize::from(two(head, 32)));
    let all = rest.get(ENTRY..ENTRY + name + extra + comment).ok_or(damaged)?;
    let (name, extra) = (all[..name].to_vec(), &all[name..name + extra]);
    *rest = &rest[ENTRY + all.len()..];
    if flags & ENCRYPTED != 0 {
        return Err(Refused::Encrypted.into());
    }
    if !matches!(method, STORED | DEFLATED) {
        return Err(Refused::Method.into());
    }
    if head[5] == UNIX && (four(head, 38) >> 16) & KIND == LINK {
        return Err(Refused::Link.into());
    }
    if !is_name(&name) {
        return Err(Refused::Name.into());
    }
    let (mut size, mut packed, mut offset) =
        (u64::from(four(head, 24)), u64::from(four(head, 20)), u64::from(four(head, 42)));
    // In this order, those that 32 bits don't hold.
    let mut large = field(extra, LARGE).unwrap_or_default();
    for value in [&mut size, &mut packed, &mut offset] {
        if *value == u64::from(u32::MAX) {
            *value = eight(large, 0).ok_or(damaged)?;
            large = &large[8..];
        }
    }
    Ok(Entry { name, is_deflated: method == DEFLATED, crc: four(head, 16), packed, size, offset, flags, method })
}

/// One of the fields that stand behind a name.
fn field(mut extra: &[u8], wanted: u16) -> Option<&[u8]> {
    while extra.len() >= 4 {
        let (kind, length) = (two(extra, 0), usize::from(two(extra, 2)));
        let content = extra.get(4..4 + length)?;
        if kind == wanted {
            return Some(content);
        }
        extra = &extra[4 + length..];
    }
    None
}

/// Whether a name stays in the folder in which it is unpacked, on any system.
fn is_name(name: &[u8]) -> bool {
    let is_separator = |byte: &u8| matches!(byte, b'/' | b'\\');
    let mut parts = name.split(|byte| is_separator(byte)).peekable();
    let is_good = |part: &[u8], is_last: bool| (is_last || !part.is_empty()) && part != b".." && part != b".";
    let mut good = true;
    while let Some(part) = parts.next() {
        good = good && is_good(part, parts.peek().is_none());
    }
    // The letter of a drive, or another stream of a file.
    good && !name.is_empty()
        && name.len() <= NAME
        && !name.iter().any(|byte| *byte < 0x20 || matches!(byte, b':' | 0x7f))
}

impl Entry {
    /// Holds what stands before the file against the directory; gives where the file begins.
    pub fn check_local<R: Read + Seek>(&self, source: &mut R) -> Result<u64, Ended> {
        let mut head = [0; LOCAL];
        source.seek(SeekFrom::Start(self.offset))?;
        source.read_exact(&mut head).map_err(cut)?;
        let mut name = vec![0; usize::from(two(&head, 26))];
        source.read_exact(&mut name).map_err(cut)?;
        let told = (u64::from(four(&head, 18)), u64::from(four(&head, 22)));
        let is_told = |told: u64, known: u64| told == known || told == u64::from(u32::MAX);
        let sizes = (is_told(told.0, self.packed) && is_told(told.1, self.size) && four(&head, 14) == self.crc)
            || self.flags & SIZES_FOLLOW != 0;
        // Bit 11 says only in which characters the name is.
        let flags = two(&head, 6) & !(1 << 11) == self.flags & !(1 << 11);
        if !head.starts_with(&super::MAGIC) || name != self.name || two(&head, 8) != self.method || !flags || !sizes {
            return Err(Refused::Disagrees.into());
        }
        Ok(self.offset + (LOCAL + name.len()) as u64 + u64::from(two(&head, 28)))
    }
}

/// An end in the middle is the archive's fault, unless the place of the content has trouble.
fn cut(error: io::Error) -> Ended {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Refused::Damaged("a file in it is cut off").into(),
        _ => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_in_its_folder() {
        for good in [&b"a"[..], b"a/b.txt", b"folder/", b"a\\b", b"..a", b"\xe9t\xe9.txt"] {
            assert!(is_name(good), "{}", String::from_utf8_lossy(good));
        }
        let long = vec![b'a'; NAME + 1];
        for bad in
            [&b""[..], b"../a", b"a/../b", b"a\\..\\b", b"/a", b"\\a", b"C:a", b"a\0b", b"a//b", b"./a", b"..", &long]
        {
            assert!(!is_name(bad), "{}", String::from_utf8_lossy(bad));
        }
    }
}
