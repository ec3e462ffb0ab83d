use estafette_actors::domain::mobile::Mobile;
use estafette_actors::ports::SystemClock;

use super::*;

fn open(folder: &Path, most: usize) -> Lists {
    Lists::open(folder.join("suppressions.redb"), KeyedHash::new([7; 32]), Arc::new(SystemClock), most).unwrap()
}

fn institution(cbe: &str) -> Institution {
    Institution(cbe.parse().unwrap())
}

fn mobile(text: &str) -> Mobile {
    Mobile::parse(text).unwrap()
}

fn suppression(text: &str, channel: Option<Channel>) -> Suppression {
    Suppression { who: Identifier::Mobile(mobile(text)), channel, why: Bar::Suppressed }
}

#[tokio::test]
async fn an_entry_bars_its_sender_only_and_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, others) = (institution("0403019261"), institution("0206731645"));
    let citizen = Recipient { mobile: Some(mobile("+32470123456")), ..Recipient::default() };
    let lists = open(folder.path(), 10);
    let added = lists.add(ours, vec![suppression("+32470123456", Some(Channel::SMS))]).await.unwrap();
    drop(lists);
    let lists = open(folder.path(), 10);
    assert_eq!(lists.bar(ours, &citizen, Channel::SMS), Some(Bar::Suppressed));
    assert_eq!(lists.bar(ours, &citizen, Channel::GOVAPP), None);
    assert_eq!(lists.bar(others, &citizen, Channel::SMS), None);
    assert_eq!(lists.list(ours, None, 10).await.unwrap(), added);
    assert!(lists.list(others, None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_entry_for_all_channels_bars_each_until_its_owner_takes_it_off() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, others) = (institution("0403019261"), institution("0206731645"));
    let citizen = Recipient { mobile: Some(mobile("+32470123456")), ..Recipient::default() };
    let lists = open(folder.path(), 10);
    let consent = Suppression { why: Bar::ConsentWithdrawn, ..suppression("+32470123456", None) };
    let added = lists.add(ours, vec![consent]).await.unwrap();
    for channel in [Channel::SMS, Channel::GOVAPP, Channel::EBOX] {
        assert_eq!(lists.bar(ours, &citizen, channel), Some(Bar::ConsentWithdrawn));
    }
    assert_eq!(lists.find(ours, consent.who, &[Channel::SMS]), added);
    let again = lists.add(ours, vec![consent]).await.unwrap();
    assert_eq!(again, added, "it keeps its time");
    assert_eq!(lists.remove(others, vec![added[0].id]).await, Ok(0));
    assert_eq!(lists.remove(ours, vec![added[0].id]).await, Ok(1));
    assert_eq!(lists.bar(ours, &citizen, Channel::SMS), None);
}

#[tokio::test]
async fn a_full_list_takes_nothing_of_a_request() {
    let folder = tempfile::tempdir().unwrap();
    let lists = open(folder.path(), 1);
    let two = vec![suppression("+32470123456", None), suppression("+32470123457", None)];
    let ours = institution("0403019261");
    assert_eq!(lists.add(ours, two).await, Err(SuppressionError::Full));
    assert!(lists.list(ours, None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_withdrawn_consent_is_not_weakened_by_a_stop_and_a_stop_is_strengthened_by_it() {
    let folder = tempfile::tempdir().unwrap();
    let ours = institution("0403019261");
    let stop = suppression("+32470123456", Some(Channel::SMS));
    let consent = Suppression { why: Bar::ConsentWithdrawn, ..stop };
    let citizen = Recipient { mobile: Some(mobile("+32470123456")), ..Recipient::default() };
    // Full with one: telling it again needs no place.
    let lists = open(folder.path(), 1);
    let first = lists.add(ours, vec![stop]).await.unwrap();
    let stronger = lists.add(ours, vec![consent]).await.unwrap();
    assert_eq!((stronger[0].why, stronger[0].since), (Bar::ConsentWithdrawn, first[0].since));
    assert_eq!(lists.add(ours, vec![stop]).await.unwrap(), stronger, "a STOP gave the consent back");
    drop(lists);
    let lists = open(folder.path(), 1);
    assert_eq!(lists.bar(ours, &citizen, Channel::SMS), Some(Bar::ConsentWithdrawn));
    assert_eq!(lists.remove(ours, vec![stronger[0].id]).await, Ok(1));
    // Both in one request, in either order.
    for both in [vec![consent, stop], vec![stop, consent]] {
        let added = lists.add(ours, both).await.unwrap();
        assert_eq!(added.last().unwrap().why, Bar::ConsentWithdrawn);
        assert_eq!(lists.list(ours, None, 9).await.unwrap()[0].why, Bar::ConsentWithdrawn);
        assert_eq!(lists.remove(ours, vec![added[0].id]).await, Ok(1));
    }
}

#[test]
fn a_record_keeps_its_form_and_tells_no_number() {
    let held = Held { channel: Some(Channel::SMS), why: Bar::ConsentWithdrawn, since: Timestamp::from_millis(258) };
    let mut golden = vec![1, 2];
    golden.extend(b"sms\0\0\0\0\0\0\0\0\0");
    golden.extend([0, 0, 0, 0, 0, 0, 1, 2]);
    assert_eq!(pack(held).as_slice(), golden);
    assert!(unpack(&[2; RECORD]).is_none() && unpack(&[1, 1]).is_none());
}
