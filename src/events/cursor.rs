//! A place in the feed as a text for senders: an event's id, and the cursor to go on from it.
//!
//! It is opaque: the place in it is sealed with a key of the data folder and bound to its
//! institution, so that it tells nothing of others' traffic, and a forged or borrowed one is
//! recognised. The same place always gives the same text: receivers drop repetitions by it.
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use estafette_actors::domain::event::Place;
use estafette_actors::domain::submission::Institution;

const PREFIX: &str = "evt_";
const PLACE: usize = 12;
const TAG: usize = 12;
/// Characters of a cursor.
pub const LENGTH: usize = PREFIX.len() + (PLACE + TAG) * 4 / 3;

/// Makes and reads cursors.
#[derive(Clone, Debug)]
pub struct Cursors {
    key: hmac::Key,
}

impl Cursors {
    /// With the secret of the data folder.
    pub fn new(secret: &[u8]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, secret) }
    }

    /// The text of a place in an institution's feed.
    pub fn write(&self, owner: Institution, place: Place) -> String {
        let mut plain = [0; PLACE];
        plain[..8].copy_from_slice(&place.position.to_be_bytes());
        plain[8..].copy_from_slice(&place.index.to_be_bytes());
        let tag = self.tag(owner, &plain);
        let mut sealed = [0; TAG + PLACE];
        sealed[..TAG].copy_from_slice(&tag);
        sealed[TAG..].copy_from_slice(&self.masked(&tag, &plain));
        let mut text = String::with_capacity(LENGTH);
        text.push_str(PREFIX);
        URL_SAFE_NO_PAD.encode_string(sealed, &mut text);
        text
    }

    /// The place of a text, if it was written here for this institution.
    pub fn read(&self, owner: Institution, text: &str) -> Option<Place> {
        let sealed: [u8; TAG + PLACE] = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?.try_into().ok()?;
        let (tag, masked) = (&sealed[..TAG], &sealed[TAG..]);
        let plain = self.masked(tag, masked);
        verify_slices_are_equal(&self.tag(owner, &plain), tag).ok()?;
        let (position, index) = (plain[..8].try_into().ok()?, plain[8..].try_into().ok()?);
        Some(Place { position: u64::from_be_bytes(position), index: u32::from_be_bytes(index) })
    }

    fn tag(&self, owner: Institution, plain: &[u8; PLACE]) -> [u8; TAG] {
        self.derive(&[b"tag", owner.to_string().as_bytes(), plain])
    }

    /// The place under a mask that follows from the tag: written twice it is plain again.
    fn masked(&self, tag: &[u8], place: &[u8]) -> [u8; PLACE] {
        let mut mask: [u8; PLACE] = self.derive(&[b"mask", tag]);
        mask.iter_mut().zip(place).for_each(|(mask, byte)| *mask ^= byte);
        mask
    }

    fn derive<const N: usize>(&self, parts: &[&[u8]]) -> [u8; N] {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            context.update(part);
        }
        let mut derived = [0; N];
        derived.copy_from_slice(&context.sign().as_ref()[..N]);
        derived
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn institution(cbe: &str) -> Institution {
        Institution(cbe.parse().unwrap())
    }

    #[test]
    fn a_cursor_is_read_by_its_owner_only_and_any_other_text_by_nobody() {
        let (cursors, owner) = (Cursors::new(&[7; 32]), institution("0403019261"));
        for place in [Place::default(), Place { position: 258, index: 3 }, Place::behind(u64::MAX)] {
            let text = cursors.write(owner, place);
            assert_eq!(text.len(), LENGTH);
            assert_eq!(text, cursors.write(owner, place), "the same event has the same id");
            assert_eq!(cursors.read(owner, &text), Some(place));
            assert_eq!(cursors.read(institution("0206731645"), &text), None);
            assert_eq!(Cursors::new(&[8; 32]).read(owner, &text), None);
            for at in 0..text.len() {
                let mut forged = text.clone().into_bytes();
                forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
                assert_eq!(cursors.read(owner, std::str::from_utf8(&forged).unwrap()), None, "at {at}");
            }
        }
        for nonsense in ["", "evt_", "evt_AAAA", "0", "\u{fffd}"] {
            assert_eq!(cursors.read(owner, nonsense), None);
        }
    }
}
