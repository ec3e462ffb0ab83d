//! The name of a content: 40 hexadecimal digits, of which the first three say in which of 4,096 sub-folders it lies. They follow from
//! the time, so that what comes together lies together and its folder is synced once for all; the others are chance.
//!
//! Invariant: a text that is no such name leads to no file, so that no path is ever made of what somebody else wrote.
use std::fmt;
use std::time::SystemTime;

use aws_lc_rs::rand;
use estafette_actors::ports::mailbox::ContentTrouble;
use object_store::path::Path;

const BYTES: usize = 20;
/// Digits of the name of a sub-folder.
const FOLDER: usize = 3;
/// Seconds after which the next sub-folder's turn comes, as a power of two: all had theirs after three days.
const TURN: u32 = 6;

/// See the head of this file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Name([u8; BYTES]);

impl Name {
    /// A new one, that nobody can guess.
    pub fn random(now: SystemTime) -> Result<Self, ContentTrouble> {
        let mut bytes = [0; BYTES];
        rand::fill(&mut bytes).map_err(|_| ContentTrouble::Store("the system gives no random numbers".to_owned()))?;
        let turn = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs() >> TURN;
        bytes[0] = (turn >> 4) as u8;
        bytes[1] = (turn << 4) as u8 | bytes[1] & 15;
        Ok(Self(bytes))
    }

    /// Reads one.
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f').then(|| (byte as char).to_digit(16)).flatten();
        if text.len() != 2 * BYTES {
            return None;
        }
        let mut bytes = [0; BYTES];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
        }
        Some(Self(bytes))
    }

    /// Where it lies.
    pub fn path(self, prefix: &Path) -> Path {
        let (sub, rest) = self.parts();
        prefix.clone().join(sub).join(rest)
    }

    /// Its sub-folder, and its name there.
    pub fn parts(self) -> (String, String) {
        let mut sub = self.to_string();
        let rest = sub.split_off(FOLDER);
        (sub, rest)
    }

    /// The content that lies there.
    pub fn of_path(path: &Path, prefix: &Path) -> Option<Self> {
        let rest: String = path.prefix_match(prefix)?.map(|part| part.as_ref().to_owned()).collect();
        Self::parse(&rest).filter(|name| name.path(prefix) == *path)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_together_lies_in_one_folder_and_all_folders_have_their_turn() {
        let at = |seconds| Name::random(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds)).unwrap();
        for (seconds, folder) in [(0, "000"), (63, "000"), (64, "001"), (64 * 0xabc + 5, "abc"), (64 * 4_096, "000")] {
            assert_eq!(at(seconds).parts().0, folder, "{seconds}");
        }
        assert!(at(7) != at(7));
    }

    #[test]
    fn a_name_is_found_by_its_path_and_no_path_is_made_of_anything_else() {
        for prefix in [Path::default(), Path::from("documents/e-box")] {
            let name = Name::random(SystemTime::now()).unwrap();
            assert!(Name::parse(&name.to_string()) == Some(name));
            let path = name.path(&prefix);
            assert!(Name::of_path(&path, &prefix) == Some(name));
            let text = path.as_ref().strip_prefix(prefix.as_ref()).unwrap().trim_start_matches('/');
            assert!(text.len() == 41 && text.as_bytes()[FOLDER] == b'/', "{text}");
        }
        let long = "a".repeat(41);
        for bad in ["", "../../../../../../../../../../etc/passwd", "A000000000000000000000000000000000000000", &long] {
            assert!(Name::parse(bad).is_none(), "{bad}");
        }
        let all = "b".repeat(40);
        for bad in [format!("{}/{}", &all[..2], &all[2..]), all.clone(), format!("x/{}/{}", &all[..3], &all[3..])] {
            assert!(Name::of_path(&Path::from(bad.as_str()), &Path::default()).is_none(), "{bad}");
        }
    }
}
