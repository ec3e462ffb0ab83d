//! ZIP archives: whether one can be unpacked by whoever gets it without harm.
//!
//! Its directory is read first, then each file in the order in which it lies, unpacked within bounds and thrown away. Refused are: more
//! files, bytes or depth than the bounds; files that lie over each other; a directory that says something else than what lies before each
//! file; names that lead out of the folder; links; what is packed otherwise than by deflate, or encrypted, so that nobody can look
//! at it; archives of another kind inside one that is no Office file.
//!
//! Invariant: no number that the archive tells is believed; memory is the directory (bounded) and one piece. Source: the format is that
//! of PKWARE's APPNOTE 6.3; that files may lie over each other, and make 281 TB of 10 MB, is due to D. Fifield (2019).
use std::collections::{HashMap, HashSet};
use std::io::{self, Read, Seek, SeekFrom, Write};

use flate2::Crc;
use flate2::bufread::DeflateDecoder;

use self::directory::{Entry, directory};
use super::Unsound;
use super::reading::store_trouble;

mod directory;

/// First bytes of one with files in it.
pub const MAGIC: [u8; 4] = *b"PK\x03\x04";
/// Bytes that are unpacked at a time.
const PIECE: usize = 64 << 10;
/// Bytes in which the ratio does not count yet: small files of zeros are common.
const UNCOUNTED: u64 = 16 << 20;
/// Bytes of an archive inside that are kept in memory; more go to a file without a name.
const IN_MEMORY: usize = 1 << 20;
/// Bytes of a file that is wanted.
const WANTED: u64 = 1 << 20;
/// First bytes of archives of other kinds.
const OTHERS: [&[u8]; 6] =
    [b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\x1f\x8b\x08", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"BZh"];

/// How much there may be in an archive, with those inside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Files.
    pub entries: u32,
    /// Bytes when they are unpacked.
    pub unpacked: u64,
    /// Times as many bytes as the archive has, once they are more than 16 MiB.
    pub ratio: u32,
    /// How deep archives may be in archives; 1 for none.
    pub depth: u8,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { entries: 10_000, unpacked: 512 << 20, ratio: 200, depth: 3 }
    }
}

/// Why an archive is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It can't be read.
    #[error("it is damaged or cut off ({0}): pack it again")]
    Damaged(&'static str),
    /// Nothing is in it.
    #[error("no file is in it")]
    Nothing,
    /// Too many files.
    #[error("more than {0} files are in it: send fewer")]
    Entries(u32),
    /// Too much.
    #[error("it has more than {0} bytes when it is unpacked: send less")]
    Unpacked(u64),
    /// Packed as no honest file is.
    #[error("it becomes more than {0} times as large when it is unpacked, as archives do that are to do harm")]
    Ratio(u32),
    /// Archives in archives.
    #[error("archives are in it more than {0} deep: unpack those inside")]
    Depth(u8),
    /// Files over each other.
    #[error("files in it lie over each other or leave gaps, as in archives that are to do harm: pack it again")]
    Overlap,
    /// The directory and what is before a file disagree.
    #[error("its directory says something else than the files in it: pack it again")]
    Disagrees,
    /// A name.
    #[error("the name of a file in it leads out of the folder, or is none: rename it")]
    Name,
    /// The same name twice.
    #[error("two files in it have the same name: rename one")]
    Twice,
    /// A link.
    #[error("a link is in it: put the file itself in")]
    Link,
    /// Encrypted.
    #[error("it is encrypted, so that nobody can look for viruses in it: send it without a password")]
    Encrypted,
    /// Another method.
    #[error("it is packed in a way that is not taken: use deflate, as ZIP does by itself")]
    Method,
    /// Another kind of archive inside.
    #[error("an archive of another kind is in it: put its files in instead")]
    Other,
}

/// What was found in an archive that is in order.
#[derive(Debug, Default)]
pub struct Survey {
    /// The names of the files.
    pub names: HashSet<Vec<u8>>,
    /// The first file that lies in it.
    pub first: Vec<u8>,
    /// The files that were wanted, where they are there and small.
    pub wanted: HashMap<&'static str, Vec<u8>>,
}

/// What is left of the bounds.
struct Left<'a> {
    bounds: &'a Bounds,
    entries: u32,
    unpacked: u64,
    /// Bytes of the outermost archive.
    size: u64,
}

/// Why the look ended.
enum Ended {
    Refused(Refused),
    Io(io::Error),
}

impl From<Refused> for Ended {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Looks through an archive.
pub fn survey<R: Read + Seek>(
    source: &mut R,
    size: u64,
    bounds: &Bounds,
    wanted: &[&'static str],
) -> Result<Survey, Unsound> {
    let mut left = Left { bounds, entries: 0, unpacked: 0, size };
    level(source, size, &mut left, wanted, 1).map_err(|ended| match ended {
        Ended::Refused(refused) => refused.into(),
        Ended::Io(error) => store_trouble(&error).unwrap_or(Refused::Damaged("it can't be unpacked").into()),
    })
}

/// One archive; `depth` is 1 for the outermost.
fn level<R: Read + Seek>(
    source: &mut R,
    size: u64,
    left: &mut Left,
    wanted: &[&'static str],
    depth: u8,
) -> Result<Survey, Ended> {
    let found = directory(source, size, left.bounds.entries - left.entries, left.bounds.entries)?;
    let mut survey = Survey::default();
    left.entries += found.entries.len() as u32;
    for entry in &found.entries {
        if !survey.names.insert(entry.name.clone()) {
            return Err(Refused::Twice.into());
        }
    }
    // An Office file may hold pictures that are packed for themselves; nobody unpacks those.
    let is_office = [&b"[Content_Types].xml"[..], b"mimetype"].iter().any(|name| survey.names.contains(*name));
    let mut end = 0;
    for entry in &found.entries {
        // Where sizes follow a file, its end is that of these (12 to 24 bytes).
        if entry.offset < end || entry.offset > end + found.slack(end) {
            return Err(Refused::Overlap.into());
        }
        end = one(source, entry, left, wanted, depth, is_office, &mut survey)?;
        if end > found.start {
            return Err(Refused::Overlap.into());
        }
    }
    if found.start > end + found.slack(end) {
        return Err(Refused::Overlap.into());
    }
    survey.first = found.entries.first().map(|entry| entry.name.clone()).unwrap_or_default();
    Ok(survey)
}

/// One file; gives where it ends.
fn one<R: Read + Seek>(
    source: &mut R,
    entry: &Entry,
    left: &mut Left,
    wanted: &[&'static str],
    depth: u8,
    is_office: bool,
    survey: &mut Survey,
) -> Result<u64, Ended> {
    let start = entry.check_local(source)?;
    let end = start.checked_add(entry.packed).ok_or(Refused::Overlap)?;
    source.seek(SeekFrom::Start(start))?;
    let wanted = wanted.iter().find(|name| name.as_bytes() == entry.name).filter(|_| depth == 1);
    let mut sink = Sink { head: Vec::new(), kept: wanted.map(|_| Vec::new()), inner: None };
    let packed = io::BufReader::with_capacity(PIECE, (&mut *source).take(entry.packed));
    if entry.is_deflated {
        let mut unpacking = DeflateDecoder::new(packed);
        unpack(&mut unpacking, entry, left, &mut sink)?;
        if unpacking.total_in() != entry.packed {
            return Err(Refused::Disagrees.into());
        }
    } else {
        unpack(&mut { packed }, entry, left, &mut sink)?;
    }
    if !is_office && OTHERS.iter().any(|magic| sink.head.starts_with(magic)) {
        return Err(Refused::Other.into());
    }
    if let (Some(name), Some(kept)) = (wanted, sink.kept) {
        survey.wanted.insert(name, kept);
    }
    if let Some(mut inner) = sink.inner {
        if depth >= left.bounds.depth {
            return Err(Refused::Depth(left.bounds.depth).into());
        }
        level(&mut inner, entry.size, left, &[], depth + 1)?;
    }
    Ok(end)
}

/// Where what is unpacked goes.
struct Sink {
    head: Vec<u8>,
    /// Of a file that is wanted.
    kept: Option<Vec<u8>>,
    /// Of an archive inside.
    inner: Option<tempfile::SpooledTempFile>,
}

impl Sink {
    fn take(&mut self, piece: &[u8]) -> io::Result<()> {
        if self.head.is_empty() {
            self.head = piece[..piece.len().min(8)].to_vec();
            self.inner = piece.starts_with(&MAGIC).then(|| tempfile::spooled_tempfile(IN_MEMORY));
        }
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(piece);
        }
        self.inner.as_mut().map_or(Ok(()), |inner| inner.write_all(piece))
    }
}

/// Unpacks a file to its end, and holds it against its directory.
fn unpack(source: &mut impl Read, entry: &Entry, left: &mut Left, sink: &mut Sink) -> Result<(), Ended> {
    let mut piece = vec![0; PIECE];
    let (mut crc, mut size) = (Crc::new(), 0);
    loop {
        let mut read = 0;
        // The first bytes are looked at together.
        while read < piece.len() {
            match source.read(&mut piece[read..])? {
                0 => break,
                more => read += more,
            }
        }
        if read == 0 {
            break;
        }
        size += read as u64;
        left.unpacked += read as u64;
        if left.unpacked > left.bounds.unpacked {
            return Err(Refused::Unpacked(left.bounds.unpacked).into());
        }
        if left.unpacked > UNCOUNTED && left.unpacked / u64::from(left.bounds.ratio.max(1)) > left.size {
            return Err(Refused::Ratio(left.bounds.ratio).into());
        }
        if size > entry.size {
            return Err(Refused::Disagrees.into());
        }
        if sink.kept.is_some() && size > WANTED {
            return Err(Refused::Damaged("a part that says what it is is too large").into());
        }
        crc.update(&piece[..read]);
        sink.take(&piece[..read])?;
    }
    if size != entry.size || crc.sum() != entry.crc {
        return Err(Refused::Damaged("a file in it is not as its directory says").into());
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod packing;
#[cfg(test)]
mod tests;
