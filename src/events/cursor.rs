//! A place in the feed as a text for senders: an event's id, and the cursor to go on from it.
//!
//! It is opaque: the place in it is sealed with a key of the data folder and bound to its
//! institution, so that it tells nothing of others' traffic, and a forged or borrowed one is
//! recognised. The same place always gives the same text: receivers drop repetitions by it. Where a listing of
//! messages goes on is sealed likewise: the last record looked at may be another institution's. And where rows of a register go
//! on, since it names a citizen.
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use estafette_actors::domain::event::Place;
use estafette_actors::domain::id::MessageId;
use estafette_actors::domain::submission::Institution;

const PREFIX: &str = "evt_";
const PAGE_PREFIX: &str = "page_";
const ROWS_PREFIX: &str = "rows_";
const PLACE: usize = 12;
/// Bytes that are masked at once.
const BLOCK: usize = 32;
const TAG: usize = 12;
/// What tags are for, so that none is taken for another.
const OF_EVENT: &[u8] = b"tag";
const OF_PAGE: &[u8] = b"page";
const OF_ROWS: &[u8] = b"rows";
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
        self.sealed(PREFIX, OF_EVENT, owner, &plain)
    }

    /// The place of a text, if it was written here for this institution.
    pub fn read(&self, owner: Institution, text: &str) -> Option<Place> {
        let plain: [u8; PLACE] = self.opened(PREFIX, OF_EVENT, owner, text)?;
        let (position, index) = (plain[..8].try_into().ok()?, plain[8..].try_into().ok()?);
        Some(Place { position: u64::from_be_bytes(position), index: u32::from_be_bytes(index) })
    }

    /// The text of where an institution's listing of messages goes on.
    pub fn write_page(&self, owner: Institution, after: MessageId) -> String {
        self.sealed(PAGE_PREFIX, OF_PAGE, owner, &after.as_u128().to_be_bytes())
    }

    /// Where a listing goes on, if the text was written here for this institution.
    pub fn read_page(&self, owner: Institution, text: &str) -> Option<MessageId> {
        let plain = self.opened(PAGE_PREFIX, OF_PAGE, owner, text)?;
        Some(MessageId::from_u128(u128::from_be_bytes(plain)))
    }

    /// The text of where a list of rows goes on: any bytes, which it hides, for one institution.
    pub fn write_rows(&self, owner: Institution, plain: &[u8]) -> String {
        let tag = self.tag(OF_ROWS, owner, plain);
        let mut sealed = tag.to_vec();
        sealed.extend(self.masked_long(&tag, plain));
        format!("{ROWS_PREFIX}{}", URL_SAFE_NO_PAD.encode(sealed))
    }

    /// The bytes of such a text, if it was written here for this institution.
    pub fn read_rows(&self, owner: Institution, text: &str) -> Option<Vec<u8>> {
        let sealed = URL_SAFE_NO_PAD.decode(text.strip_prefix(ROWS_PREFIX)?).ok()?;
        let (tag, masked) = sealed.split_at_checked(TAG)?;
        let plain = self.masked_long(tag, masked);
        verify_slices_are_equal(&self.tag(OF_ROWS, owner, &plain), tag).ok()?;
        Some(plain)
    }

    /// As [`Self::masked`], block by block.
    fn masked_long(&self, tag: &[u8], plain: &[u8]) -> Vec<u8> {
        let blocks = plain.chunks(BLOCK).zip(0_u32..);
        let masked = blocks.flat_map(|(block, number)| {
            let mask: [u8; BLOCK] = self.derive(&[b"rows mask", tag, &number.to_be_bytes()]);
            mask.into_iter().zip(block).map(|(mask, byte)| mask ^ byte)
        });
        masked.collect()
    }

    fn sealed<const N: usize>(&self, prefix: &str, of: &[u8], owner: Institution, plain: &[u8; N]) -> String {
        let tag = self.tag(of, owner, plain);
        let mut sealed = Vec::with_capacity(TAG + N);
        sealed.extend_from_slice(&tag);
        sealed.extend_from_slice(&self.masked(&tag, plain));
        let mut text = String::with_capacity(prefix.len() + (TAG + N).div_ceil(3) * 4);
        text.push_str(prefix);
        URL_SAFE_NO_PAD.encode_string(sealed, &mut text);
        text
    }

    fn opened<const N: usize>(&self, prefix: &str, of: &[u8], owner: Institution, text: &str) -> Option<[u8; N]> {
        let sealed = URL_SAFE_NO_PAD.decode(text.strip_prefix(prefix)?).ok()?;
        let (tag, masked) = sealed.split_at_checked(TAG)?;
        let plain = self.masked(tag, masked.try_into().ok()?);
        verify_slices_are_equal(&self.tag(of, owner, &plain), tag).ok()?;
        Some(plain)
    }

    fn tag(&self, of: &[u8], owner: Institution, plain: &[u8]) -> [u8; TAG] {
        self.derive(&[of, owner.to_string().as_bytes(), plain])
    }

    /// What is sealed under a mask that follows from the tag: written twice it is plain again.
    fn masked<const N: usize>(&self, tag: &[u8], plain: &[u8; N]) -> [u8; N] {
        let mut mask: [u8; N] = self.derive(&[b"mask", tag]);
        mask.iter_mut().zip(plain).for_each(|(mask, byte)| *mask ^= byte);
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
        for nonsense in ["", "evt_", "evt_AAAA", "0", "\u{fffd}", "page_", "page_AAAA"] {
            assert_eq!(cursors.read(owner, nonsense), None);
            assert_eq!(cursors.read_page(owner, nonsense), None);
        }
    }

    #[test]
    fn where_a_listing_goes_on_tells_nothing_of_the_message_that_may_be_anothers() {
        let (cursors, owner) = (Cursors::new(&[7; 32]), institution("0403019261"));
        let id: MessageId = "01939f3a-7c1e-7000-8000-000000000001".parse().unwrap();
        let text = cursors.write_page(owner, id);
        assert_eq!(cursors.read_page(owner, &text), Some(id));
        assert_eq!(cursors.read_page(institution("0206731645"), &text), None);
        assert_eq!(cursors.read(owner, &text), None);
        assert_eq!(cursors.read(owner, &text.replace("page_", "evt_")), None);
        let place = vec![7; 45];
        let rows = cursors.write_rows(owner, &place);
        assert_eq!(cursors.read_rows(owner, &rows), Some(place));
        assert_eq!(cursors.read_rows(institution("0206731645"), &rows), None);
        assert_eq!(cursors.read_rows(owner, &text), None);
        let sealed = URL_SAFE_NO_PAD.decode(text.strip_prefix("page_").unwrap()).unwrap();
        let id = id.as_u128().to_be_bytes();
        assert!(id.windows(3).all(|part| sealed.windows(3).all(|other| other != part)), "part of the id is plain");
    }
}
