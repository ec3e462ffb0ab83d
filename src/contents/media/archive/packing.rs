//! Makes ZIP archives for tests, honest ones and others.
use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;

/// A file in one. What is not given is as an honest program writes it.
#[derive(Clone, Default)]
pub struct Packed<'a> {
    pub name: &'a [u8],
    pub content: &'a [u8],
    pub is_stored: bool,
    pub sizes_follow: bool,
    /// Flags beside those that follow from the others.
    pub flags: u16,
    pub method: Option<u16>,
    /// What the directory says its size is.
    pub told_size: Option<u32>,
    /// Its name before the file, where it is another one.
    pub local_name: Option<&'a [u8]>,
    /// Unix mode.
    pub mode: u32,
    /// Bytes that are put before it, and behind its packed bytes as a part of these.
    pub before: &'a [u8],
    pub behind: &'a [u8],
}

pub fn file<'a>(name: &'a str, content: &'a [u8]) -> Packed<'a> {
    Packed { name: name.as_bytes(), content, ..Packed::default() }
}

pub fn deflated(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn put(into: &mut Vec<u8>, two: &[u16]) {
    into.extend(two.iter().flat_map(|value| value.to_le_bytes()));
}

fn put4(into: &mut Vec<u8>, four: &[u32]) {
    into.extend(four.iter().flat_map(|value| value.to_le_bytes()));
}

/// An archive of these files, in this order.
pub fn pack(files: &[Packed<'_>]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for one in files {
        archive.extend(one.before);
        let offset = archive.len() as u32;
        let mut data = if one.is_stored { one.content.to_vec() } else { deflated(one.content) };
        data.extend(one.behind);
        let mut crc = flate2::Crc::new();
        crc.update(one.content);
        let (crc, packed, size) = (crc.sum(), data.len() as u32, one.content.len() as u32);
        let flags = one.flags | u16::from(one.sizes_follow) << 3;
        let method = one.method.unwrap_or(if one.is_stored { 0 } else { 8 });
        let local_name = one.local_name.unwrap_or(one.name);
        archive.extend(b"PK\x03\x04");
        put(&mut archive, &[20, flags, method, 0, 0x21]);
        put4(&mut archive, &if one.sizes_follow { [0; 3] } else { [crc, packed, size] });
        put(&mut archive, &[local_name.len() as u16, 0]);
        archive.extend(local_name);
        archive.extend(&data);
        if one.sizes_follow {
            archive.extend(b"PK\x07\x08");
            put4(&mut archive, &[crc, packed, size]);
        }
        directory.extend(b"PK\x01\x02");
        put(&mut directory, &[0x0314, 20, flags, method, 0, 0x21]);
        put4(&mut directory, &[crc, packed, one.told_size.unwrap_or(size)]);
        put(&mut directory, &[one.name.len() as u16, 0, 0, 0, 0]);
        put4(&mut directory, &[one.mode << 16, offset]);
        directory.extend(one.name);
    }
    let start = archive.len() as u32;
    archive.extend(&directory);
    end(&mut archive, files.len() as u16, directory.len() as u32, start);
    archive
}

/// The end of a directory.
pub fn end(archive: &mut Vec<u8>, count: u16, length: u32, start: u32) {
    archive.extend(b"PK\x05\x06");
    put(archive, &[0, 0, count, count]);
    put4(archive, &[length, start]);
    put(archive, &[0]);
}
