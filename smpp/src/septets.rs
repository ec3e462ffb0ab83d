//! Septets packed into octets, eight of them in seven (3GPP TS 23.038, 6.1.2.1): for SMSCs that take their default alphabet packed.
//!
//! Invariant: what is packed comes back from its octets. Behind a user data header septets begin at a septet's boundary, so fill
//! bits stand before them (TS 23.040, 9.2.3.24). Which septet is which character is its users' to know.

/// The bits before the first septet behind a header of so many octets (its length octet included).
pub const fn fill_bits(header: usize) -> usize {
    (7 - header * 8 % 7) % 7
}

/// How many octets so many septets take, behind a header of so many octets.
pub const fn octets(septets: usize, header: usize) -> usize {
    (fill_bits(header) + septets * 7).div_ceil(8)
}

/// Packs septets, behind a header of so many octets (0 for none). Where seven bits are left at the end they are a carriage
/// return, since zeros would be one more character (6.1.2.3.1).
pub fn pack(septets: &[u8], header: usize) -> Vec<u8> {
    let mut packed = vec![0_u8; octets(septets.len(), header)];
    let mut bit = fill_bits(header);
    let spare = packed.len() * 8 - bit - septets.len() * 7;
    for septet in septets.iter().copied().chain((spare == 7).then_some(RETURN)) {
        let wide = u16::from(septet & 0x7F) << (bit % 8);
        packed[bit / 8] |= wide as u8;
        if wide > 0xFF {
            packed[bit / 8 + 1] |= (wide >> 8) as u8;
        }
        bit += 7;
    }
    packed
}

/// The septets of octets behind a header of so many octets. Where the last of them may be nothing but filling (a carriage
/// return, or zeros), it is left out.
pub fn unpack(packed: &[u8], header: usize) -> Vec<u8> {
    let fill = fill_bits(header);
    let count = (packed.len() * 8).saturating_sub(fill) / 7;
    let one = |place: usize| {
        let bit = fill + place * 7;
        let low = u16::from(packed[bit / 8]);
        let high = packed.get(bit / 8 + 1).copied().map_or(0, u16::from);
        ((high << 8 | low) >> (bit % 8)) as u8 & 0x7F
    };
    let mut septets: Vec<u8> = (0..count).map(one).collect();
    // Only then were seven bits left over.
    let was_spare = count > 0 && octets(count - 1, header) == packed.len();
    if was_spare && septets.last().is_some_and(|last| [0, RETURN].contains(last)) {
        septets.pop();
    }
    septets
}

const RETURN: u8 = 0x0D;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn septets_stand_in_octets_as_the_standard_has_them() {
        // The well-known example: "hellohello" in nine octets.
        let packed = [0xE8, 0x32, 0x9B, 0xFD, 0x46, 0x97, 0xD9, 0xEC, 0x37];
        assert_eq!(pack(b"hellohello", 0), packed);
        assert_eq!(unpack(&packed, 0), b"hellohello");
        assert_eq!((octets(160, 0), octets(153, 6), fill_bits(6), fill_bits(7)), (140, 134, 1, 0));
    }

    #[test]
    fn what_only_fills_the_last_octet_is_no_character() {
        for (text, filled) in [(&b"STOP IT"[..], 7), (b"STOP NOW", 7)] {
            assert_eq!(pack(text, 0).len(), filled);
            assert_eq!(unpack(&pack(text, 0), 0), text);
        }
        // Others fill with zeros.
        let mut zeros = pack(b"STOP IT", 0);
        zeros[6] &= 0x01;
        assert_eq!(unpack(&zeros, 0), b"STOP IT");
    }

    proptest! {
        #[test]
        fn every_septet_comes_back(septets in prop::collection::vec(1_u8..0x0D, 0..200), header in 0_usize..12) {
            let packed = pack(&septets, header);
            prop_assert_eq!(packed.len(), octets(septets.len(), header));
            prop_assert_eq!(unpack(&packed, header), septets);
        }

        #[test]
        fn no_octets_make_it_panic(octets in prop::collection::vec(any::<u8>(), 0..200), header in 0_usize..300) {
            let _ = unpack(&octets, header);
        }
    }
}
