//! The program's own e-Box as the channel, over the store alone: what letters and inquiries are told.
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use estafette::channels::mailbox::Own;
use estafette::contents::{self, Place};
use estafette::store::mailbox::{self, Mailboxes};
use estafette_actors::domain::life::Outcome;
use estafette_actors::domain::mailbox::evidence::Signed;
use estafette_actors::domain::mailbox::item::Filter;
use estafette_actors::domain::mailbox::{MailboxId, Preferences};
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::domain::submission::Recipient;
use estafette_actors::ebox::EBox;
use estafette_actors::ports::mailbox::{Access, Change, Mailboxes as _, Rights, Signer, Trouble};
use estafette_actors::ports::{Home, Inquiry, SystemClock, Transport};
use futures_util::future::join_all;
use serde_json::json;

use super::letter;

struct Unsigned;

impl Signer for Unsigned {
    fn sign(&self, _: &[u8]) -> Signed {
        Signed("e30.e30.".into())
    }
}

/// The channel at home, and the mailboxes under it.
fn at_home(folder: &Path, change: impl FnOnce(&mut mailbox::Settings)) -> (Own, Mailboxes) {
    let clock = Arc::new(SystemClock);
    let mut settings = mailbox::Settings::new(folder);
    change(&mut settings);
    let mailboxes = Mailboxes::open(settings, [7; 32], Arc::new(Unsigned), Arc::clone(&clock) as _).unwrap();
    let place = Place::Folder { path: folder.join("contents"), keep_free: 0 };
    let contents = Arc::new(contents::Store::open(contents::Settings::new(place)).unwrap());
    let ebox = EBox::new(Arc::new(mailboxes.clone()), contents, None, clock);
    let own = Own::new(serde_json::from_value(json!({"place": "own"})).unwrap()).unwrap();
    own.at_home(&Home { ebox, mark: Arc::new(|_, _| 5) });
    (own, mailboxes)
}

fn citizen(number: u64) -> Recipient {
    Recipient { niss: Some(Niss::from_trusted_u64(85_073_000_000 + number)), ..Recipient::default() }
}

fn mailbox_of(recipient: &Recipient) -> MailboxId {
    MailboxId::Citizen(recipient.niss.unwrap())
}

fn status(outcome: &Outcome) -> AttemptStatus {
    let Outcome::Is(status, Some(_)) = outcome else { panic!("{outcome:?}") };
    *status
}

#[tokio::test(flavor = "multi_thread")]
async fn each_letter_of_a_call_is_told_whether_somebody_reads_it_for_what_was_there_before_too() {
    let folder = tempfile::tempdir().unwrap();
    let (own, mailboxes) = at_home(folder.path(), |_| ());
    for number in (0..40).step_by(3) {
        let active = Change::Activate(Preferences::default());
        mailboxes.change(Access::PROGRAM, mailbox_of(&citizen(number)), active).await.unwrap();
    }
    let letters = letter::rows((0..40).map(citizen));
    for _ in 0..2 {
        let told = join_all(letters.iter().map(|letter| own.send(letter.clone()))).await;
        for (number, outcome) in told.iter().enumerate() {
            let expected = if number % 3 == 0 { AttemptStatus::Delivered } else { AttemptStatus::Sent };
            assert_eq!(status(outcome), expected, "{number}");
        }
    }
    // One alone is published without a link.
    for (number, expected) in [(0, AttemptStatus::Delivered), (1, AttemptStatus::Sent)] {
        assert_eq!(status(&own.send(letter::letter(citizen(number))).await), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_while_there_is_too_much_to_do_is_told_a_moment_later() {
    let folder = tempfile::tempdir().unwrap();
    let (own, mailboxes) = at_home(folder.path(), |settings| {
        settings.notes_waiting = 1;
        settings.note_within = Duration::from_millis(500);
    });
    let letter = letter::letter(citizen(1));
    assert_eq!(status(&own.send(letter.clone()).await), AttemptStatus::Sent);
    let mailbox = mailbox_of(&citizen(1));
    let look = || mailboxes.items(mailbox, Rights::All, Filter::default(), 0, 10);
    let document = look().await.unwrap().items[0].document.id;
    // A line of the trail waits, and no more than one may.
    mailboxes.read(Access::PROGRAM, mailbox, document, false).await.unwrap();
    assert_eq!(look().await.unwrap_err(), Trouble::Overloaded);
    let told = tokio::time::timeout(Duration::from_secs(60), own.inquire(letter)).await.unwrap();
    assert!(matches!(told, Inquiry::Known(AttemptStatus::Sent, Some(_))), "{told:?}");
}
