//! Evidence as a checker sees it: whatever comes in which order, the chain holds.
use estafette_actors::domain::mailbox::evidence::Step::{self, *};
use futures_util::future::join_all;

use super::*;
use crate::evidence::{self, Bundle, ProviderKey, check};

#[derive(Clone, Copy, Debug)]
enum Deeds {
    Activate,
    Deactivate,
    Notify,
    Read,
}

const ALL: [Deeds; 4] = [Deeds::Activate, Deeds::Deactivate, Deeds::Notify, Deeds::Read];
const LONG: u32 = 5;

/// The deeds of a number: it is active first, where there is a rest.
fn deeds(number: u64) -> Vec<Deeds> {
    (0..LONG).map(|place| ALL[(number / 4_u64.pow(place) % 4) as usize]).collect()
}

fn starts_active(number: u64) -> bool {
    number >= 4_u64.pow(LONG)
}

async fn activate(mailboxes: &Mailboxes, number: u64) {
    mailboxes.change(holder(number), citizen(number), Change::Activate(Preferences::default())).await.unwrap();
}

/// A document that is gone is not found, and nothing else goes wrong.
async fn take(mailboxes: &Mailboxes, number: u64, deed: Deeds, is_there: bool) {
    let (id, mailbox) = (letter(number).id, citizen(number));
    let done = match deed {
        Deeds::Activate => return activate(mailboxes, number).await,
        Deeds::Deactivate => mailboxes.change(holder(number), mailbox, Change::Deactivate).await.map(drop),
        Deeds::Notify => mailboxes.notified(mailbox, id).await,
        Deeds::Read => mailboxes.read(holder(number), mailbox, id, true).await.map(drop),
    };
    let is_of_the_document = matches!(deed, Deeds::Notify | Deeds::Read);
    assert_eq!(done, if is_there || !is_of_the_document { Ok(()) } else { Err(Trouble::NotFound) });
}

/// The steps of a chain that holds.
async fn held(mailboxes: &Mailboxes, key: &ProviderKey, number: u64) -> Vec<Step> {
    let document = letter(number);
    let records = mailboxes.evidence(citizen(number), document.id).await.unwrap();
    let report = check(&Bundle::new(&document, records, key.keys()).json(), Some(key.keys()));
    assert!(report.is_right(), "{:?}, active: {}: {report:?}", deeds(number), starts_active(number));
    report.records.iter().filter_map(|record| record.step).collect()
}

fn signing(folder: &tempfile::TempDir) -> Arc<ProviderKey> {
    let secrets = folder.path().join("secrets");
    Arc::new(ProviderKey::open(&evidence::Settings { key_file: None, secrets, earlier: None }).unwrap())
}

fn opened(folder: &tempfile::TempDir, key: &Arc<ProviderKey>, clock: &Arc<Hand>) -> Mailboxes {
    let (signer, clock) = (Arc::clone(key) as Arc<dyn Signer>, Arc::clone(clock) as Arc<dyn Clock>);
    Mailboxes::open(settings(folder.path()), [7; 32], signer, clock).unwrap()
}

async fn expire(mailboxes: &Mailboxes, clock: &Hand) {
    let now = clock.on(100 * A_DAY);
    while mailboxes.tick(now).await.unwrap().has_more {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_holds_whatever_comes_in_which_order() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Hand::new());
    let key = signing(&folder);
    let mailboxes = opened(&folder, &key, &clock);
    let numbers = 0..2 * 4_u64.pow(LONG);
    // Some at a time: more at once are refused.
    for from in numbers.clone().step_by(256) {
        join_all((from..from + 256).map(async |number| {
            if starts_active(number) {
                activate(&mailboxes, number).await;
            }
            publish(&mailboxes, letter(number), vec![citizen(number)]).await.unwrap();
            for deed in deeds(number) {
                take(&mailboxes, number, deed, true).await;
            }
            held(&mailboxes, &key, number).await;
        }))
        .await;
    }
    expire(&mailboxes, &clock).await;
    for from in numbers.step_by(256) {
        join_all((from..from + 256).map(async |number| {
            for deed in ALL {
                take(&mailboxes, number, deed, false).await;
            }
            let steps = held(&mailboxes, &key, number).await;
            let last = if deeds(number).iter().any(|deed| matches!(deed, Deeds::Read)) {
                ContentHandover
            } else {
                ContentConsignmentFailure
            };
            assert!(steps.contains(&last), "{steps:?}");
        }))
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_read_is_consigned_when_its_holder_comes() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Hand::new());
    let key = signing(&folder);
    let mailboxes = opened(&folder, &key, &clock);
    let nobody = [SubmissionAcceptance, ContentConsignmentFailure];
    for (number, deeds, expected) in [
        (1, &[Deeds::Activate][..], &[][..]),
        (2, &[Deeds::Notify], &[NotificationForAcceptance]),
        (3, &[Deeds::Activate, Deeds::Notify], &[ContentConsignment, NotificationForAcceptance]),
        (4, &[Deeds::Activate, Deeds::Read], &[ContentConsignment, ContentHandover]),
        (
            5,
            &[Deeds::Notify, Deeds::Activate, Deeds::Read],
            &[NotificationForAcceptance, ContentConsignment, ContentHandover],
        ),
    ] {
        publish(&mailboxes, letter(number), vec![citizen(number)]).await.unwrap();
        for deed in deeds {
            take(&mailboxes, number, *deed, true).await;
        }
        assert_eq!(held(&mailboxes, &key, number).await, [&nobody[..], expected].concat(), "{deeds:?}");
    }
}
