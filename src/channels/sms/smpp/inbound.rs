//! What citizens write: from whom, in which letters, and the parts of a long one put together.
//!
//! Invariant: a part is judged only as part of its whole. One whose others are long in coming is handed on as a fragment,
//! marked as such, so that the SMSC gets its answer after a commit here too; it is remembered for the whole.
//! Bounded: whole messages that wait, their octets, and how long. A number or a text is never logged.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use estafette_actors::domain::inbound::Inbound;
use estafette_actors::domain::mobile::Mobile;
use estafette_actors::domain::segment;
use estafette_smpp::coding::{self, Coding};
use estafette_smpp::pdu::{Address, ShortMessage, esm_class};
use estafette_smpp::{septets, tlv, udh};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::settings::Alphabet;

/// Before the SMSC is answered for a part whose others did not come: many bring one message at a time, and wait for that.
const HOLD: Duration = Duration::from_secs(2);
/// How long a part waits for the others.
const PIECES_FOR: Duration = Duration::from_secs(60);
/// Messages that wait for parts at most, and the octets of all of them.
const WAITING: usize = 1_024;
const OCTETS: usize = 512 * 1_024;

/// Sequence numbers of what was brought, and whether it is durable.
pub(super) type Committed = (Vec<u32>, bool);
/// Whom to tell that one is: the session that brought it, and its number there.
pub(super) type Receipted = (mpsc::UnboundedSender<Committed>, u32);

/// Why nothing is made of a message: it says nothing of a citizen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unread {
    /// A short code, a name, or no number at all.
    #[error("its source is no mobile number")]
    Source,
    /// Octets, or an alphabet that nobody asked for.
    #[error("its content is no text")]
    Content,
}

/// Text in units that can be put together before they are read: no pair is torn by a part's end.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Units {
    Septets(Vec<u8>),
    Latin1(Vec<u8>),
    Ucs2(Vec<u8>),
}

impl Units {
    fn of(message: &ShortMessage, alphabet: Alphabet) -> Option<(Option<udh::Part>, Self)> {
        let whole = message.content();
        let (part, content) =
            if message.esm_class & esm_class::UDH == 0 { (sar(message), whole.clone()) } else { udh::read(&whole) };
        let header = whole.len() - content.len();
        let units = match (Coding::of(message.data_coding), alphabet) {
            (Coding::Default, Alphabet::Gsm7) => Self::Septets(content.to_vec()),
            (Coding::Default, Alphabet::Gsm7Packed) => Self::Septets(septets::unpack(&content, header)),
            (Coding::Default, Alphabet::Latin1) | (Coding::Ascii | Coding::Latin1, _) => Self::Latin1(content.to_vec()),
            (Coding::Ucs2, _) => Self::Ucs2(content.to_vec()),
            (Coding::Binary, _) => return None,
        };
        Some((part.filter(|part| part.total > 1), units))
    }

    fn len(&self) -> usize {
        let (Self::Septets(octets) | Self::Latin1(octets) | Self::Ucs2(octets)) = self;
        octets.len()
    }

    /// Puts another behind it; gives that back when it is of another alphabet.
    fn push(&mut self, next: Self) -> Result<(), Self> {
        match (self, next) {
            (Self::Septets(here), Self::Septets(next))
            | (Self::Latin1(here), Self::Latin1(next))
            | (Self::Ucs2(here), Self::Ucs2(next)) => here.extend(next),
            (_, next) => return Err(next),
        }
        Ok(())
    }

    fn text(&self) -> String {
        match self {
            Self::Septets(septets) => segment::from_septets(septets),
            Self::Latin1(octets) => coding::from_latin_1(octets),
            Self::Ucs2(octets) => coding::from_ucs_2(octets),
        }
    }
}

fn text(units: impl IntoIterator<Item = Units>) -> String {
    let mut text = String::new();
    let mut before: Option<Units> = None;
    for next in units {
        let rest = match &mut before {
            Some(here) => here.push(next).err(),
            None => Some(next),
        };
        if let Some(rest) = rest
            && let Some(done) = before.replace(rest)
        {
            text.push_str(&done.text());
        }
    }
    if let Some(last) = before {
        text.push_str(&last.text());
    }
    text
}

/// The part that optional parameters tell, where there is no header.
fn sar(message: &ShortMessage) -> Option<udh::Part> {
    let octet = |tag| message.tlvs.get(tag).and_then(|value| value.first().copied());
    let reference: Bytes = message.tlvs.get(tlv::SAR_REFERENCE)?;
    let reference = u16::from_be_bytes(reference.get(..2)?.try_into().ok()?);
    let part = udh::Part { reference, total: octet(tlv::SAR_TOTAL)?, number: octet(tlv::SAR_NUMBER)? };
    (1..=part.total).contains(&part.number).then_some(part)
}

/// A source as a mobile number. Its type of number says how it is written (5.2.5); where that says nothing, or is wrong, its
/// form does: an SMSC that gives a national number must not cost a citizen the word that was written.
fn sender(source: &Address) -> Option<Mobile> {
    const INTERNATIONAL: u8 = 1;
    const NATIONAL: u8 = 2;
    // Unknown, ISDN (E.164) and national plans have telephone numbers; the others have something else.
    if !matches!(source.npi, 0 | 1 | 8) || !matches!(source.ton, 0..=2) {
        return None;
    }
    let digits = coding::from_latin_1(&source.digits);
    let as_it_is = || Mobile::parse(&digits).ok();
    let international = || {
        let bare = digits.trim_start_matches('+');
        let bare = bare.strip_prefix("00").unwrap_or(bare);
        if bare.starts_with('0') { None } else { Mobile::parse(&format!("+{bare}")).ok() }
    };
    let is_national = source.ton == NATIONAL || (source.ton != INTERNATIONAL && digits.starts_with('0'));
    if is_national { as_it_is().or_else(international) } else { international().or_else(as_it_is) }
}

/// One message, or one part of several.
pub(super) struct Piece {
    from: Mobile,
    to: Box<str>,
    part: Option<udh::Part>,
    units: Units,
}

/// Reads a message; `alphabet` is what this SMSC's data_coding 0 means.
pub(super) fn read(message: &ShortMessage, alphabet: Alphabet) -> Result<Piece, Unread> {
    let from = sender(&message.source).ok_or(Unread::Source)?;
    let to = coding::from_latin_1(&message.destination.digits).into();
    let (part, units) = Units::of(message, alphabet).ok_or(Unread::Content)?;
    Ok(Piece { from, to, part, units })
}

/// Which message a part belongs to.
#[derive(Clone, PartialEq, Eq)]
struct Key {
    from: Mobile,
    to: Box<str>,
    reference: u16,
    total: u8,
}

struct Waiting {
    key: Key,
    since: Instant,
    parts: BTreeMap<u8, Units>,
    /// Parts whose SMSC waits for an answer, since when.
    unanswered: Vec<(u8, Receipted, Instant)>,
}

impl Waiting {
    fn octets(&self) -> usize {
        self.parts.values().map(Units::len).sum()
    }

    /// Its parts that nobody was told of, as fragments, with whom to answer.
    fn fragments(&mut self) -> Told {
        let mut told = Told::default();
        let mut numbers = BTreeSet::new();
        for (number, receipted, _) in std::mem::take(&mut self.unanswered) {
            told.receipted.push(receipted);
            if let Some(units) = self.parts.get(&number).filter(|_| numbers.insert(number)) {
                // The mark keeps its first word from being taken for the message's.
                let text = format!("({number}/{}) {}", self.key.total, units.text()).into();
                told.inbound.push(Inbound { from: self.key.from, to: self.key.to.clone(), text });
            }
        }
        told
    }
}

/// What may be handed on, and whom to answer once it is durable.
#[derive(Default)]
pub(super) struct Told {
    pub(super) inbound: Vec<Inbound>,
    pub(super) receipted: Vec<Receipted>,
}

/// Parts that wait for others, of all binds: an SMSC may bring them over any.
#[derive(Default)]
pub(super) struct Pieces(Mutex<Vec<Waiting>>);

impl Pieces {
    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one; gives what may be handed on now.
    pub(super) fn take(&self, piece: Piece, receipted: Receipted, now: Instant) -> Option<Told> {
        let Piece { from, to, part, units } = piece;
        let Some(part) = part else {
            let inbound = vec![Inbound { from, to, text: units.text().into() }];
            return Some(Told { inbound, receipted: vec![receipted] });
        };
        let key = Key { from, to, reference: part.reference, total: part.total };
        let mut all = self.waiting();
        let place = all.iter().position(|waiting| waiting.key == key).unwrap_or_else(|| {
            all.push(Waiting { key, since: now, parts: BTreeMap::new(), unanswered: Vec::new() });
            all.len() - 1
        });
        let waiting = &mut all[place];
        waiting.unanswered.push((part.number, receipted, now));
        waiting.parts.insert(part.number, units);
        if waiting.parts.len() == usize::from(part.total) {
            let Waiting { key, parts, unanswered, .. } = all.remove(place);
            let inbound = vec![Inbound { from: key.from, to: key.to, text: text(parts.into_values()).into() }];
            return Some(Told {
                inbound,
                receipted: unanswered.into_iter().map(|(_, receipted, _)| receipted).collect(),
            });
        }
        let mut told = Told::default();
        while all.len() > WAITING || all.iter().map(Waiting::octets).sum::<usize>() > OCTETS {
            let fragments = all.remove(0).fragments();
            told.inbound.extend(fragments.inbound);
            told.receipted.extend(fragments.receipted);
        }
        (!told.receipted.is_empty()).then_some(told)
    }

    /// What has waited for long enough, and when to look again.
    pub(super) fn due(&self, now: Instant) -> (Told, Option<Instant>) {
        let mut told = Told::default();
        let mut next: Option<Instant> = None;
        self.waiting().retain_mut(|waiting| {
            let is_over = waiting.since + PIECES_FOR <= now;
            let first = waiting.unanswered.first().map(|(_, _, since)| *since + HOLD);
            if is_over || first.is_some_and(|first| first <= now) {
                let fragments = waiting.fragments();
                told.inbound.extend(fragments.inbound);
                told.receipted.extend(fragments.receipted);
            }
            if is_over {
                tracing::info!("parts of a citizen's message did not come: those that did were kept as fragments");
                return false;
            }
            let wake = waiting.unanswered.first().map_or(waiting.since + PIECES_FOR, |(_, _, since)| *since + HOLD);
            next = Some(next.map_or(wake, |next| next.min(wake)));
            true
        });
        (told, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use estafette_actors::domain::stop;
    use estafette_smpp::Tlvs;

    fn address(ton: u8, npi: u8, digits: &'static str) -> Address {
        Address { ton, npi, digits: Bytes::from(digits) }
    }

    fn said(octets: &[u8], data_coding: u8) -> ShortMessage {
        ShortMessage {
            source: address(1, 1, "32470123456"),
            destination: address(3, 0, "8686"),
            data_coding,
            short_message: Bytes::copy_from_slice(octets),
            ..ShortMessage::default()
        }
    }

    fn part(number: u8, total: u8, content: &[u8], data_coding: u8) -> ShortMessage {
        let part = udh::Part { reference: 9, total, number };
        ShortMessage { esm_class: esm_class::UDH, short_message: part.before(content), ..said(&[], data_coding) }
    }

    #[test]
    fn a_source_is_read_by_its_type_of_number_and_by_its_form() {
        for (ton, npi, digits, e164) in [
            (1, 1, "32470123456", Some("+32470123456")),
            (1, 1, "+32470123456", Some("+32470123456")),
            (1, 1, "0032470123456", Some("+32470123456")),
            (0, 1, "32470123456", Some("+32470123456")),
            (0, 0, "0032470123456", Some("+32470123456")),
            (2, 1, "0470123456", Some("+32470123456")),
            (2, 8, "470123456", Some("+32470123456")),
            (0, 1, "0470123456", Some("+32470123456")),
            // Said to be international, and is not.
            (1, 1, "0470123456", Some("+32470123456")),
            (1, 1, "33612345678", Some("+33612345678")),
            (3, 0, "8686", None),
            (5, 0, "470123456", None),
            (1, 6, "206010123456789", None),
            (1, 1, "", None),
        ] {
            let read = sender(&address(ton, npi, digits)).map(|mobile| mobile.e164());
            assert_eq!(read.as_deref(), e164, "{ton} {npi} {digits}");
        }
    }

    #[test]
    fn the_default_alphabet_is_the_binds_so_that_a_stop_with_an_accent_is_one() {
        let latin = coding::to_latin_1("ARRÊT").unwrap();
        let packed = septets::pack(&segment::to_septets("ARRET").unwrap(), 0);
        let ucs2 = coding::to_ucs_2("ARRÊT");
        for (octets, data_coding, alphabet, text) in [
            (&latin, 0, Alphabet::Latin1, "ARRÊT"),
            (&latin, 3, Alphabet::Gsm7, "ARRÊT"),
            (&packed, 0, Alphabet::Gsm7Packed, "ARRET"),
            (&packed, 0xF1, Alphabet::Gsm7Packed, "ARRET"),
            (&b"ARRET".to_vec(), 0, Alphabet::Gsm7, "ARRET"),
            (&ucs2, 8, Alphabet::Gsm7Packed, "ARRÊT"),
        ] {
            let read = read(&said(octets, data_coding), alphabet).unwrap();
            assert_eq!(read.units.text(), text);
            assert!(stop::asked(&read.units.text()).is_some());
        }
        assert_eq!(read(&said(&latin, 4), Alphabet::Gsm7).err(), Some(Unread::Content));
    }

    fn receipted(number: u32) -> (Receipted, mpsc::UnboundedReceiver<Committed>) {
        let (tell, told) = mpsc::unbounded_channel();
        ((tell, number), told)
    }

    fn take(pieces: &Pieces, message: &ShortMessage, now: Instant) -> Option<Told> {
        pieces.take(read(message, Alphabet::Gsm7Packed).ok().unwrap(), receipted(1).0, now)
    }

    #[test]
    fn parts_become_one_message_in_whatever_order_they_come() {
        let text = "Je voudrais savoir {combien} je recevrai. ".repeat(8);
        let septets = segment::to_septets(&text).unwrap();
        // The cut falls into an escape pair as well as anywhere else.
        let parts: Vec<ShortMessage> = septets
            .chunks(150)
            .enumerate()
            .map(|(place, chunk)| part(place as u8 + 1, 3, &septets::pack(chunk, udh::HEADER), 0))
            .collect();
        assert_eq!(parts.len(), 3);
        let now = Instant::now();
        for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0]] {
            let pieces = Pieces::default();
            assert!(take(&pieces, &parts[order[0]], now).is_none());
            // Brought twice: nothing changes.
            assert!(take(&pieces, &parts[order[0]], now).is_none());
            assert!(take(&pieces, &parts[order[1]], now).is_none());
            let whole = take(&pieces, &parts[order[2]], now).expect("it is whole");
            assert_eq!((&*whole.inbound[0].text, whole.receipted.len()), (text.as_str(), 4));
            assert!(pieces.due(now).1.is_none());
        }
    }

    #[test]
    fn a_part_that_begins_with_stop_is_no_stop_before_its_whole_is_there() {
        let pieces = Pieces::default();
        let now = Instant::now();
        let second = part(2, 2, &coding::to_ucs_2("stop"), 8);
        assert!(take(&pieces, &second, now).is_none());
        let (told, next) = pieces.due(now);
        assert!(told.inbound.is_empty() && next == Some(now + HOLD));
        let (told, next) = pieces.due(now + HOLD);
        assert_eq!((told.inbound.len(), told.receipted.len(), next), (1, 1, Some(now + PIECES_FOR)));
        assert_eq!(stop::asked(&told.inbound[0].text), None, "a fragment is not judged");
        let first = part(1, 2, &coding::to_ucs_2("Le bus ne "), 8);
        let whole = take(&pieces, &first, now + HOLD).expect("it is whole");
        assert_eq!(&*whole.inbound[0].text, "Le bus ne stop");
    }

    #[test]
    fn parts_told_by_optional_parameters_are_parts_too() {
        let sar = |number: u8, text: &str| {
            let tlvs = Tlvs::default().with(tlv::SAR_REFERENCE, &[1, 2]).with(tlv::SAR_TOTAL, &[2]);
            ShortMessage { tlvs: tlvs.with(tlv::SAR_NUMBER, &[number]), ..said(&coding::to_ucs_2(text), 8) }
        };
        let pieces = Pieces::default();
        let now = Instant::now();
        assert!(take(&pieces, &sar(2, "op"), now).is_none());
        assert_eq!(&*take(&pieces, &sar(1, "St"), now).expect("it is whole").inbound[0].text, "Stop");
    }

    #[test]
    fn what_waits_is_bounded_in_number_octets_and_time_and_each_part_is_answered() {
        let pieces = Pieces::default();
        let now = Instant::now();
        let mut answered = 0;
        let many = WAITING as u16 + 100;
        for reference in 0..many {
            let part = udh::Part { reference, total: 2, number: 1 };
            let content = Bytes::from(vec![b'a'; 100]);
            let piece = Piece {
                from: Mobile::parse("0470123456").unwrap(),
                to: "8686".into(),
                part: Some(part),
                units: Units::Latin1(content.to_vec()),
            };
            answered += pieces.take(piece, receipted(1).0, now).map_or(0, |told| told.receipted.len());
            assert!(pieces.waiting().len() <= WAITING);
        }
        assert_eq!(answered, 100);
        let (told, next) = pieces.due(now + PIECES_FOR);
        assert_eq!((told.receipted.len(), next), (WAITING, None));
        let huge = |reference| Piece {
            from: Mobile::parse("0470123456").unwrap(),
            to: "8686".into(),
            part: Some(udh::Part { reference, total: 2, number: 1 }),
            units: Units::Latin1(vec![b'a'; OCTETS / 2]),
        };
        assert!((0..2).all(|reference| pieces.take(huge(reference), receipted(1).0, now).is_none()));
        assert!(pieces.take(huge(2), receipted(1).0, now).is_some());
    }
}
