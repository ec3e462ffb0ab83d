//! Archives that harm, and those that don't.
use std::io::Cursor;

use proptest::prelude::*;

use super::packing::{Packed, deflated, end, file, pack};
use super::*;

fn look(archive: &[u8]) -> Result<Survey, Refused> {
    look_within(archive, &Bounds::default())
}

fn look_within(archive: &[u8], bounds: &Bounds) -> Result<Survey, Refused> {
    survey(&mut Cursor::new(archive), archive.len() as u64, bounds, &["wanted"]).map_err(|unsound| match unsound {
        Unsound::Archive(refused) => refused,
        other => panic!("{other}"),
    })
}

#[test]
fn an_honest_archive_is_in_order_however_it_was_packed() {
    let text = b"Bonjour, Goedendag, Guten Tag. ".repeat(100);
    let stored = Packed { is_stored: true, ..file("wanted", &text) };
    let followed = Packed { sizes_follow: true, ..file("b/c.txt", &text) };
    let all = pack(&[file("folder/", b""), stored.clone(), followed.clone(), file("last", b"")]);
    let found = look(&all).unwrap();
    assert_eq!(found.first, b"folder/");
    assert_eq!(found.wanted.get("wanted").map(Vec::as_slice), Some(&text[..]));
    assert!(found.names.len() == 4 && found.names.contains(&b"b/c.txt"[..]));
    // Behind the end is a comment.
    let mut commented = pack(&[stored]);
    let length = commented.len();
    commented[length - 2] = 5;
    commented.extend(b"hello");
    assert!(look(&commented).is_ok());
    assert_eq!(look(&pack(&[])).unwrap_err(), Refused::Nothing);
}

#[test]
fn what_becomes_too_much_is_refused_whatever_it_tells_of_itself() {
    let zeros = vec![0; 40 << 20];
    assert_eq!(look(&pack(&[file("a", &zeros)])).unwrap_err(), Refused::Ratio(200));
    // So does a claim that it is small, and a claim that it is huge changes nothing.
    let small = Packed { told_size: Some(10), ..file("a", &zeros) };
    assert_eq!(look(&pack(&[small])).unwrap_err(), Refused::Disagrees);
    let huge = Packed { told_size: Some(u32::MAX - 1), sizes_follow: true, ..file("a", b"small") };
    assert_eq!(look(&pack(&[huge])).unwrap_err(), Refused::Damaged("a file in it is not as its directory says"));
    let bounds = Bounds { unpacked: 1_000, ..Bounds::default() };
    let two = pack(&[file("a", &zeros[..600]), file("b", &zeros[..600])]);
    assert_eq!(look_within(&two, &bounds).unwrap_err(), Refused::Unpacked(1_000));
    assert!(look(&two).is_ok());
    let names: Vec<String> = (0..6).map(|number| number.to_string()).collect();
    let many: Vec<_> = names.iter().map(|name| file(name, b"")).collect();
    let bounds = Bounds { entries: 5, ..Bounds::default() };
    assert_eq!(look_within(&pack(&many), &bounds).unwrap_err(), Refused::Entries(5));
    assert!(look_within(&pack(&many[..5]), &bounds).is_ok());
}

#[test]
fn archives_in_archives_count_together_and_are_so_deep_at_most() {
    let mut nested = pack(&[file("wanted", b"at the bottom")]);
    for depth in 1..=3 {
        let found = look(&nested);
        assert!(found.is_ok(), "{depth}");
        assert!(depth == 1 || found.unwrap().wanted.is_empty(), "only of the outermost");
        nested = pack(&[file("inner.docx", &nested)]);
    }
    assert_eq!(look(&nested).unwrap_err(), Refused::Depth(3));
    let inner = pack(&[file("a", &vec![0; 40 << 20])]);
    assert_eq!(look(&pack(&[file("inner", &inner)])).unwrap_err(), Refused::Ratio(200));
    let twice = pack(&[file("a", &inner[..20]), file("b", b"")]);
    assert_eq!(look(&twice).unwrap_err(), Refused::Damaged("its directory is missing"), "a damaged one inside");
    // Each inner one has fewer files than the bound; together they have more.
    let inner = pack(&[file("1", b""), file("2", b"")]);
    let bounds = Bounds { entries: 5, ..Bounds::default() };
    let together = pack(&[file("a", &inner), file("b", &inner)]);
    assert_eq!(look_within(&together, &bounds).unwrap_err(), Refused::Entries(5));
    // A large one goes to a file meanwhile.
    let noise: Vec<u8> = (0_u32..400_000).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let large = pack(&[Packed { is_stored: true, ..file("noise", &noise) }]);
    assert!(large.len() > IN_MEMORY && look(&pack(&[file("a", &large)])).is_ok());
}

#[test]
fn files_over_each_other_and_bytes_between_them_are_refused() {
    // Two names for the same bytes: what a bomb without nesting is made of.
    let one = pack(&[file("a", b"once")]);
    let start = one.len() - 22 - 47;
    let mut twice = one[..start].to_vec();
    for _ in 0..2 {
        twice.extend(&one[start..start + 47]);
    }
    let last = twice.len() - 1;
    twice[last] = b'b';
    end(&mut twice, 2, 94, start as u32);
    assert_eq!(look(&twice).unwrap_err(), Refused::Overlap);
    for hidden in [
        vec![Packed { before: b"MZ", ..file("a", b"x") }],
        vec![file("a", b"x"), Packed { before: b"between", ..file("b", b"x") }],
        vec![Packed { sizes_follow: true, ..file("a", b"x") }, Packed { before: &[0; 25], ..file("b", b"x") }],
    ] {
        assert_eq!(look(&pack(&hidden)).unwrap_err(), Refused::Overlap);
    }
    let behind = Packed { behind: b"behind what is packed", ..file("a", b"x") };
    assert_eq!(look(&pack(&[behind])).unwrap_err(), Refused::Disagrees);
    let mut trailing = one.clone();
    trailing.extend(b"more");
    assert_eq!(look(&trailing).unwrap_err(), Refused::Damaged("its directory is missing"));
}

#[test]
fn what_nobody_can_look_at_or_unpack_safely_is_refused() {
    let gzip = [b"\x1f\x8b\x08\0", &deflated(b"x")[..]].concat();
    let cases = [
        (vec![Packed { flags: 1, ..file("a", b"x") }], Refused::Encrypted),
        (vec![Packed { method: Some(12), ..file("a", b"x") }], Refused::Method),
        (vec![Packed { mode: 0o120_777, ..file("a", b"/etc/passwd") }], Refused::Link),
        (vec![file("../a", b"x")], Refused::Name),
        (vec![file("a", b"x"), file("a", b"y")], Refused::Twice),
        (vec![file("a.gz", &gzip)], Refused::Other),
        (vec![file("a.7z", b"7z\xbc\xaf\x27\x1c\0\x04")], Refused::Other),
        (vec![Packed { local_name: Some(b"b"), ..file("a", b"x") }], Refused::Disagrees),
    ];
    for (files, refused) in cases {
        assert_eq!(look(&pack(&files)).unwrap_err(), refused);
    }
    assert!(look(&pack(&[file("[Content_Types].xml", b"<x/>"), file("a.emz", &gzip)])).is_ok(), "a picture of Office");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn rubbish_is_refused_and_breaks_nothing(rubbish in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        prop_assert!(look(&[&MAGIC, &rubbish[..]].concat()).is_err());
    }

    #[test]
    fn an_archive_that_was_changed_or_cut_is_looked_at_to_its_end_or_refused(
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let inner = pack(&[file("x", b"inside")]);
        let good = pack(&[file("a", b"first"), Packed { sizes_follow: true, ..file("b", &inner) }, file("c/d", b"last")]);
        let mut changed = good.clone();
        changed[place.index(good.len())] = byte;
        // The order, the times and the attributes of files may change; what is unpacked may not.
        if let Ok(found) = look(&changed) {
            prop_assert_eq!(found.names.len(), 3);
        }
        prop_assert!(look(&good[..cut.index(good.len())]).is_err());
    }
}
