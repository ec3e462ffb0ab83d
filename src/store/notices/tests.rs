//! The book: what is put in comes out once, in its order, also after it was closed without a word.
use estafette_actors::domain::mailbox::notice::Waits;
use estafette_actors::domain::niss::Niss;

use super::*;

const PLACE: Place = Place { after: 1, since: Timestamp::ZERO };

fn mailbox(number: u64) -> MailboxId {
    MailboxId::Citizen(Niss::from_trusted_u64(85_000_000_000 + number))
}

fn document(number: u64) -> DocumentId {
    DocumentId::new(at(1), number)
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn new(who: u64, what: u64, due: u64) -> Entry {
    Entry::InDigest(mailbox(who), document(what), Waits::New, Way::Mail, at(due))
}

fn urgent(who: u64, what: u64, due: u64) -> Entry {
    Entry::AtOnce(mailbox(who), document(what), Way::Mail, at(due))
}

fn done(letter: Letter, counted: u64) -> (Letter, Settled) {
    (letter, Settled::Done { counted, next: at(900) })
}

/// Rows that say when letters are due.
type Rows<'r> = redb::Table<'r, (u64, u64, u128), ()>;

struct Kept {
    folder: tempfile::TempDir,
}

impl Kept {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn open(&self) -> Book {
        Book::open(self.folder.path().join(FILE)).unwrap()
    }
}

fn follow(book: &Book, entries: &[Entry]) {
    book.follow(Audience::Citizen, PLACE, entries).unwrap();
}

#[test]
fn a_mailbox_has_one_digest_whatever_comes_and_registered_mail_goes_before_it() {
    let kept = Kept::new();
    let book = kept.open();
    assert_eq!(book.place(Audience::Citizen).unwrap(), None);
    follow(&book, &[new(1, 1, 500), new(1, 2, 600), new(2, 3, 400), urgent(1, 4, 700), urgent(2, 5, 100)]);
    assert_eq!(book.place(Audience::Citizen).unwrap(), Some(PLACE));
    assert_eq!(book.place(Audience::Enterprise).unwrap(), None);
    let who = |now, limit| -> Vec<_> {
        let due = book.due(Way::Mail, at(now), limit).unwrap();
        due.iter().map(|letter| (letter.mailbox, letter.document)).collect()
    };
    assert_eq!(who(99, 10), []);
    assert_eq!(who(100, 10), [(mailbox(2), Some(document(5)))]);
    let all =
        [(mailbox(2), Some(document(5))), (mailbox(1), Some(document(4))), (mailbox(2), None), (mailbox(1), None)];
    assert_eq!(who(1_000, 10), all);
    assert_eq!(who(1_000, 3), all[..3]);
    assert_eq!(book.due(Way::Message, at(1_000), 10).unwrap(), []);
    assert_eq!(book.digest(mailbox(1)).unwrap().0, Digest { new: 2, ..Digest::default() });
    let depths = Depths { mails: 2, mail_digests: 2, documents: 3, ..Depths::default() };
    assert_eq!(book.depths().unwrap(), depths);
}

#[test]
fn what_was_read_meanwhile_is_not_told() {
    let kept = Kept::new();
    let book = kept.open();
    follow(&book, &[new(1, 1, 500), new(1, 2, 500), urgent(1, 3, 100)]);
    follow(&book, &[Entry::Over(mailbox(1), document(1)), Entry::Over(mailbox(1), document(3))]);
    let due = book.due(Way::Mail, at(1_000), 10).unwrap();
    assert_eq!(due.iter().map(|letter| letter.document).collect::<Vec<_>>(), [None]);
    assert_eq!(book.digest(mailbox(1)).unwrap().0.new, 1);
    follow(&book, &[Entry::Over(mailbox(1), document(2)), Entry::Over(mailbox(7), document(7))]);
    let (digest, counted) = book.digest(mailbox(1)).unwrap();
    assert!(digest.is_empty());
    book.settle(&[done(due[0], counted)]).unwrap();
    assert_eq!(book.depths().unwrap(), Depths::default());
}

#[test]
fn a_document_counts_once_for_its_strongest_reason() {
    let kept = Kept::new();
    let book = kept.open();
    let entry = |waits| Entry::InDigest(mailbox(1), document(1), waits, Way::Mail, at(500));
    follow(&book, &[entry(Waits::New), entry(Waits::Expires), entry(Waits::Unread)]);
    assert_eq!(book.digest(mailbox(1)).unwrap().0, Digest { expiring: 1, ..Digest::default() });
}

#[test]
fn what_comes_while_a_digest_is_under_way_is_told_in_the_next() {
    let kept = Kept::new();
    let book = kept.open();
    follow(&book, &[new(1, 1, 500), new(2, 9, 500)]);
    let letter = book.due(Way::Mail, at(500), 1).unwrap()[0];
    let (digest, counted) = book.digest(mailbox(1)).unwrap();
    assert_eq!(digest.new, 1);
    follow(&book, &[new(1, 2, 500)]);
    book.settle(&[done(letter, counted)]).unwrap();
    assert_eq!(book.due(Way::Mail, at(899), 10).unwrap().len(), 1, "the other mailbox's");
    let next = book.due(Way::Mail, at(900), 10).unwrap();
    let next = next.iter().find(|letter| letter.mailbox == mailbox(1)).unwrap();
    assert!(next.number != letter.number && book.digest(mailbox(1)).unwrap().0.new == 1);
    // An end that is told once more ends nothing else.
    book.settle(&[done(letter, u64::MAX)]).unwrap();
    assert_eq!(book.digest(mailbox(1)).unwrap().0.new, 1);
}

#[test]
fn a_letter_keeps_its_number_through_failures_and_a_kill_and_may_go_the_other_way() {
    let kept = Kept::new();
    let book = kept.open();
    follow(&book, &[urgent(1, 1, 100)]);
    let first = book.due(Way::Mail, at(100), 10).unwrap()[0];
    book.settle(&[(first, Settled::Later { due: at(300), has_failed: true })]).unwrap();
    drop(book);
    let book = kept.open();
    assert_eq!(book.due(Way::Mail, at(299), 10).unwrap(), []);
    let again = book.due(Way::Mail, at(300), 10).unwrap()[0];
    assert_eq!(again, Letter { attempts: 1, ..first });
    book.settle(&[(again, Settled::Later { due: at(400), has_failed: false })]).unwrap();
    book.settle(&[(again, Settled::Moved(Way::Message))]).unwrap();
    assert_eq!(book.due(Way::Mail, at(1_000), 10).unwrap(), []);
    let moved = book.due(Way::Message, at(1_000), 10).unwrap();
    assert_eq!(moved, [Letter { way: Way::Message, ..again }]);
    book.settle(&[(moved[0], Settled::Gone)]).unwrap();
    assert_eq!(book.depths().unwrap(), Depths::default());
}

#[test]
fn who_is_not_to_be_told_loses_all_that_waited_and_nobody_else_does() {
    let kept = Kept::new();
    let book = kept.open();
    follow(&book, &[new(1, 1, 500), new(1, 2, 500), new(2, 3, 500)]);
    let letter = book.due(Way::Mail, at(500), 1).unwrap()[0];
    book.settle(&[(letter, Settled::Gone)]).unwrap();
    assert_eq!(book.depths().unwrap(), Depths { mail_digests: 1, documents: 1, ..Depths::default() });
}

#[test]
fn a_backup_has_all_of_it() {
    let kept = Kept::new();
    let book = kept.open();
    follow(&book, &[new(1, 1, 500), urgent(2, 2, 100)]);
    let copy = kept.folder.path().join("copy.redb");
    book.copy_to(&copy).unwrap();
    let copy = Book::open(copy).unwrap();
    assert_eq!(copy.depths().unwrap(), book.depths().unwrap());
    assert_eq!(copy.due(Way::Mail, at(500), 9).unwrap(), book.due(Way::Mail, at(500), 9).unwrap());
    assert_eq!(copy.place(Audience::Citizen).unwrap(), Some(PLACE));
}

#[test]
fn a_backup_that_is_made_while_letters_come_and_go_is_of_one_moment() {
    let kept = Kept::new();
    let book = kept.open();
    let is_over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            for n in 0.. {
                if is_over.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
                follow(&book, &[urgent(n, n, 100), new(n, n, 500)]);
                let due = book.due(Way::Mail, at(100), 1).unwrap();
                if n % 2 == 1 {
                    book.settle(&[done(due[0], 0)]).unwrap();
                }
            }
        });
        for n in 0..20 {
            let path = kept.folder.path().join(format!("{n}.redb"));
            book.copy_to(&path).unwrap();
            let copy = Database::open(&path).unwrap();
            let read = copy.begin_read().unwrap();
            let due: u64 = DUE.iter().map(|table| read.open_table(*table).unwrap().len().unwrap()).sum();
            let letters = read.open_table(LETTERS).unwrap().len().unwrap();
            if due != letters {
                is_over.store(true, std::sync::atomic::Ordering::Relaxed);
            }
            assert_eq!(due, letters);
        }
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn letters_that_nothing_says_to_be_due_go_after_the_next_start_and_rows_without_a_letter_hold_nobody_up() {
    let kept = Kept::new();
    let book = kept.open();
    follow(&book, &[urgent(1, 1, 100), urgent(2, 2, 200)]);
    let rows = |book: &Book, change: fn(&mut Rows<'_>)| {
        let write = book.database.begin_write().unwrap();
        change(&mut write.open_table(DUE[0]).unwrap());
        write.commit().unwrap();
    };
    rows(&book, |due| drop(due.insert((1, mailbox(9).key(), 9), ()).unwrap()));
    let first = book.due(Way::Mail, at(1_000), 1).unwrap();
    assert_eq!(first[0].mailbox, mailbox(1));
    rows(&book, |due| due.retain(|_, ()| false).unwrap());
    assert_eq!(book.due(Way::Mail, at(1_000), 9).unwrap(), []);
    drop(book);
    let book = kept.open();
    let due = book.due(Way::Mail, at(1_000), 9).unwrap();
    assert_eq!(due.iter().map(|letter| letter.mailbox).collect::<Vec<_>>(), [mailbox(1), mailbox(2)]);
    assert_eq!(book.depths().unwrap(), Depths { mails: 2, ..Depths::default() });
}

#[test]
fn a_book_that_was_made_again_or_restored_has_no_name_of_a_letter_twice() {
    let kept = Kept::new();
    let book = kept.open();
    follow(&book, &[urgent(1, 1, 100)]);
    let letter = book.due(Way::Mail, at(100), 1).unwrap()[0];
    let name = letter.name(book.epoch());
    let copy = kept.folder.path().join("copy.redb");
    book.copy_to(&copy).unwrap();
    drop(book);
    let again = kept.open();
    assert_eq!(again.due(Way::Mail, at(100), 1).unwrap()[0].name(again.epoch()), name, "the same book");
    let restored = Book::open(copy).unwrap();
    assert_eq!(restored.due(Way::Mail, at(100), 1).unwrap()[0], letter);
    assert_ne!(letter.name(restored.epoch()), name);
    let anew = Kept::new().open();
    follow(&anew, &[urgent(1, 1, 100)]);
    assert_ne!(anew.due(Way::Mail, at(100), 1).unwrap()[0].name(anew.epoch()), name);
    let others =
        [Letter { number: 9, ..letter }, Letter { mailbox: mailbox(2), ..letter }, Letter { document: None, ..letter }];
    assert!(others.iter().all(|other| other.name(again.epoch()) != name));
}

#[test]
fn a_letter_that_was_handed_over_stays_until_that_is_proven_also_when_it_was_read() {
    let kept = Kept::new();
    let book = kept.open();
    follow(&book, &[urgent(1, 1, 100)]);
    let letter = book.due(Way::Mail, at(100), 1).unwrap()[0];
    book.settle(&[(letter, Settled::HandedOver { due: at(300) })]).unwrap();
    follow(&book, &[Entry::Over(mailbox(1), document(1))]);
    assert_eq!(book.due(Way::Mail, at(299), 1).unwrap(), []);
    let again = book.due(Way::Mail, at(300), 1).unwrap()[0];
    assert_eq!(again, Letter { is_handed_over: true, ..letter });
    book.settle(&[done(again, 0)]).unwrap();
    assert_eq!(book.depths().unwrap(), Depths::default());
}

#[test]
fn a_hundred_thousand_wait_on_disk_and_are_read_in_pages() {
    let kept = Kept::new();
    let book = kept.open();
    let entries: Vec<Entry> = (0..100_000).map(|n| new(n * 7_919 % 100_000, n, 500)).collect();
    for page in entries.chunks(1_000) {
        follow(&book, page);
    }
    let waiting = book.depths().unwrap();
    assert_eq!((waiting.mail_digests, waiting.documents), (100_000, 100_000));
    let mut told = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let page = book.due(Way::Mail, at(500), 64).unwrap();
        assert_eq!(page.len(), 64);
        let settled: Vec<_> = page.iter().map(|letter| done(*letter, book.digest(letter.mailbox).unwrap().1)).collect();
        assert!(page.iter().all(|letter| told.insert(letter.mailbox.key())), "one is told twice");
        book.settle(&settled).unwrap();
    }
    assert_eq!(book.depths().unwrap().documents, 100_000 - 20 * 64);
}

#[test]
fn records_stay_what_they_were_on_disk() {
    let place = codec::encode(&Place { after: 7, since: at(258) });
    assert_eq!(place, [1, 7, 251, 2, 1]);
    let record = Record { way: Way::Message, due: at(5), attempts: 2, number: 3, since: at(4), is_handed_over: true };
    assert_eq!(codec::encode(&record), [1, 1, 5, 2, 3, 4, 1]);
    let waiting = codec::encode(&Waiting { waits: Waits::Expires, number: 9 });
    assert_eq!(waiting, [1, 2, 9]);
}
