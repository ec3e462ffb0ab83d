//! What an error of the disk or the bucket says to who publishes or reads.
//!
//! Invariant: neither an address, nor a name of a content, nor anything of a key is in the words.
use std::error::Error;
use std::io::{self, ErrorKind};

use estafette_actors::ports::mailbox::ContentTrouble;

/// Characters of the words.
const WORDS: usize = 120;

/// What it is.
pub fn trouble(error: &object_store::Error) -> ContentTrouble {
    match error {
        object_store::Error::NotFound { .. } => ContentTrouble::Gone,
        _ => cause(error).map_or_else(|| ContentTrouble::Store(words(error)), io_trouble),
    }
}

/// Of the system.
pub fn io_trouble(error: &io::Error) -> ContentTrouble {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => ContentTrouble::Full,
        ErrorKind::NotFound => ContentTrouble::Gone,
        kind => ContentTrouble::Store(kind.to_string()),
    }
}

/// The error of the system behind an error; HTTP has such errors too, which are about the connection.
fn cause(error: &object_store::Error) -> Option<&io::Error> {
    match error {
        object_store::Error::Generic { store: "LocalFileSystem", source } => {
            let mut cause: Option<&(dyn Error + 'static)> = Some(source.as_ref());
            while let Some(error) = cause {
                if let Some(found) = error.downcast_ref::<io::Error>() {
                    return Some(found);
                }
                cause = error.source();
            }
            None
        }
        _ => None,
    }
}

/// In words. Those of `object_store` say which request to which address, ` - `, and why; S3 adds a body, which may echo the key's name.
pub fn words(error: &object_store::Error) -> String {
    match error {
        object_store::Error::NotFound { .. } => "it is gone".to_owned(),
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
            "it refuses us: check its key and its rights".to_owned()
        }
        object_store::Error::Generic { source, .. } => {
            let whole = source.to_string();
            let why = whole.rsplit_once(" - ").map_or(whole.as_str(), |(_, why)| why);
            let why = why.split(['<', '{', '\n', '(']).next().unwrap_or_default().trim_end_matches([' ', ':']);
            let is_told = whole.contains(" - ") && !why.contains("://");
            if is_told { why.chars().take(WORDS).collect() } else { "it failed".to_owned() }
        }
        _ => "it failed".to_owned(),
    }
}

/// Whether a part was asked for that is beyond the end.
pub fn is_out_of_range(error: &object_store::Error) -> bool {
    let object_store::Error::Generic { source, .. } = error else { return false };
    let told = source.to_string();
    told.contains("status code: 416")
        || told.starts_with("Requested range")
        || told.contains("Wanted range starting at")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(store: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> object_store::Error {
        object_store::Error::Generic { store, source: source.into() }
    }

    #[test]
    fn a_full_disk_is_told_as_such_and_nothing_of_a_key_or_an_address() {
        for (errno, expected) in [(28, ContentTrouble::Full), (122, ContentTrouble::Full), (2, ContentTrouble::Gone)] {
            let local = generic("LocalFileSystem", io::Error::from_raw_os_error(errno));
            assert_eq!(trouble(&local), expected, "{errno}");
        }
        let s3 = "Error performing PUT http://10.0.0.1/documents/abc/def in 3.1s - Server returned non-2xx status code: \
                  503 Service Unavailable: <Error><AWSAccessKeyId>AKIA1</AWSAccessKeyId></Error>";
        let told = trouble(&generic("S3", s3));
        let expected = "Server returned non-2xx status code: 503 Service Unavailable";
        assert_eq!(told, ContentTrouble::Store(expected.to_owned()));
        for hidden in
            ["Error performing GET http://10.0.0.1/x", "x - error for url (http://10.0.0.1/x)", "y - at http://h/"]
        {
            let told = words(&generic("S3", hidden));
            assert!(!told.contains("10.0.0.1") && !told.contains("://"), "{told}");
        }
        let denied = object_store::Error::PermissionDenied { path: "abc".into(), source: "AKIA1".into() };
        assert_eq!(words(&denied), "it refuses us: check its key and its rights");
    }
}
