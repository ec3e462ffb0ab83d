//! Where an answer of rows ended, as a text that means something to the one who asked the same question, and to nobody else.
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::register::{Place, Question};

use crate::api::Hash;

const TAG: usize = 8;

/// Seals places with the key of the data.
#[derive(Clone, Copy)]
pub struct Places<'h> {
    hash: &'h Hash,
}

impl<'h> Places<'h> {
    /// With the keyed hash of requests.
    pub fn new(hash: &'h Hash) -> Self {
        Self { hash }
    }

    /// The seal of a question: who asks, of whose register, for which rows.
    pub fn of(self, asking: Institution, owner: Institution, asked: &Question) -> Seal<'h> {
        let niss = asked.niss.map(Niss::as_u64);
        let period = asked.period.map(|period| (period.begin(), period.end()));
        let context = format!("register rows {asking} {owner} {niss:?} {:?} {period:?} ", asked.code);
        Seal { hash: self.hash, context }
    }
}

/// The seal of one question.
pub struct Seal<'h> {
    hash: &'h Hash,
    context: String,
}

impl Seal<'_> {
    /// A place as a text. It says no number: the mask hides it.
    pub fn write(&self, place: &Place) -> String {
        let mut plain = serde_json::to_vec(&(place.niss.as_u64(), place.begin, &place.code)).unwrap_or_default();
        let tag = self.tag(&plain);
        self.mask(tag, &mut plain);
        let sealed: Vec<u8> = tag.into_iter().chain(plain).collect();
        URL_SAFE_NO_PAD.encode(sealed)
    }

    /// The place of a text that this seal wrote.
    pub fn open(&self, text: &str) -> Option<Place> {
        let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (tag, masked) = sealed.split_first_chunk::<TAG>()?;
        let mut plain = masked.to_vec();
        self.mask(*tag, &mut plain);
        if self.tag(&plain) != *tag {
            return None;
        }
        let (niss, begin, code) = serde_json::from_slice(&plain).ok()?;
        Some(Place { niss: Niss::from_trusted_u64(niss), code, begin })
    }

    fn tag(&self, plain: &[u8]) -> [u8; TAG] {
        let mut bytes = self.context.clone().into_bytes();
        bytes.extend_from_slice(plain);
        (self.hash)(&bytes).to_be_bytes()
    }

    /// Written twice it is plain again.
    fn mask(&self, tag: [u8; TAG], bytes: &mut [u8]) {
        for (count, piece) in bytes.chunks_mut(TAG).enumerate() {
            let mut seed = format!("{}mask {count} ", self.context).into_bytes();
            seed.extend_from_slice(&tag);
            let mask = (self.hash)(&seed).to_be_bytes();
            piece.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use estafette_actors::domain::dossier::Code;

    use super::*;

    fn hash() -> Hash {
        Arc::new(|bytes| {
            use std::hash::{DefaultHasher, Hasher};
            let mut hasher = DefaultHasher::new();
            hasher.write(bytes);
            hasher.finish()
        })
    }

    #[test]
    fn a_place_is_opened_for_the_same_question_only_and_shows_no_number() {
        let (hash, day) = (hash(), jiff::civil::date(2026, 11, 23));
        let (one, other) = (Institution("0403019261".parse().unwrap()), Institution("0206731645".parse().unwrap()));
        let place = Place {
            niss: Niss::parse("85073003328", day).unwrap(),
            code: Code::parse("A".repeat(32).as_str()).unwrap(),
            begin: day,
        };
        let (places, asked) = (Places::new(&hash), Question::default());
        let text = places.of(one, one, &asked).write(&place);
        assert!(text.len() <= 128, "the schema takes 128: {}", text.len());
        let decoded = URL_SAFE_NO_PAD.decode(&text).unwrap();
        assert!(!decoded.windows(11).any(|part| part == b"85073003328"));
        assert_eq!(places.of(one, one, &Question { limit: 9, ..asked.clone() }).open(&text), Some(place));
        assert_eq!(places.of(one, other, &asked).open(&text), None);
        assert_eq!(places.of(other, one, &asked).open(&text), None);
        let narrower = Question { code: Some(Code::parse("B").unwrap()), ..asked.clone() };
        assert_eq!(places.of(one, one, &narrower).open(&text), None);
        for wrong in ["", "AAAA", "%", &text[..20], &text.replace(&text[..1], "_")] {
            assert_eq!(places.of(one, one, &asked).open(wrong), None, "{wrong}");
        }
    }
}
