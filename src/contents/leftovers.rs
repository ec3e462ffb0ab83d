//! What a kill left half taken in a folder: files whose name ends with `#` and a number, which `object_store` gives to what is being
//! written and does not list.
use std::path::Path;
use std::time::{Duration, SystemTime};

use estafette_actors::domain::time::Timestamp;

/// Takes away those that were last written to before a moment; gives how many.
pub fn sweep(folder: &Path, before: Timestamp) -> std::io::Result<u64> {
    let before = SystemTime::UNIX_EPOCH + Duration::from_millis(before.millis());
    let mut swept = 0;
    for sub_folder in std::fs::read_dir(folder)? {
        let sub_folder = sub_folder?;
        if !sub_folder.file_type()?.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(sub_folder.path())? {
            let entry = entry?;
            let is_half =
                entry.file_name().to_string_lossy().rsplit_once('#').is_some_and(|(_, number)| is_number(number));
            // One that is renamed or removed meanwhile is none any more.
            let is_old = || entry.metadata().and_then(|meta| meta.modified()).is_ok_and(|at| at < before);
            if is_half && is_old() && std::fs::remove_file(entry.path()).is_ok() {
                swept += 1;
            }
        }
    }
    Ok(swept)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
