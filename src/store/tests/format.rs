//! The format on disk, held by golden bytes: when one of these fails, old files can't be read any
//! more, and the schema of the data folder has to grow.
use super::*;
use crate::store::codec::{
    BroadcastRecord, ChunkRecord, Group, MessageRecord, Packer, decode, decode_broadcast, encode, encode_broadcast,
    encode_rows, institution_number, institution_of, unpack,
};
use estafette_actors::domain::fact::Subject;
use estafette_actors::domain::failure::Failure;
use estafette_actors::domain::inbound::{Heard, Inbound};
use estafette_actors::domain::life::{Attempt, Phase, Track};
use estafette_actors::domain::price::Money;
use estafette_actors::domain::receipt::{About, Receipt};
use estafette_actors::domain::status::MessageStatus;
use estafette_actors::domain::usage::Used;
use estafette_actors::domain::window::{Clock, Days, Hours, Window};
use estafette_actors::ports::{BroadcastPhase, PackedRows};

/// The name of the zone, one pair of hours: its days as bits, from and until in minutes.
const GOLDEN_WINDOW: &str = "0f4575726f70652f4272757373656c730101fbe001fbb004";

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

fn state() -> State {
    State {
        tracks: vec![Track {
            step: 1,
            retry: 2,
            channel: Channel::SMS,
            phase: Phase::Awaiting { until: Timestamp::from_millis(300) },
            resends: 3,
        }],
        attempts: vec![Attempt { step: 1, retry: 2, status: AttemptStatus::Failed(Failure::Timeout) }],
        settled: Some(MessageStatus::Expired),
        failure: Some(Failure::Cancelled),
        stopped: true,
        noted: Vec::new(),
    }
}

#[test]
fn a_value_of_the_feed_keeps_its_form() {
    let id = MessageId::from_u128(0x0193_9f3a_7c1e_7000_8000_0000_0000_0001);
    let changes = [
        Change::Accepted,
        Change::Queued { track: 0, step: 1, retry: 2, channel: Channel::SMS, not_before: Timestamp::ZERO },
        Change::Moved { step: 1, retry: 2, status: AttemptStatus::Delivered, reference: Some("x".into()) },
    ];
    let chunk = BroadcastId::new(Timestamp::from_millis(1), 0, 5).chunk(3);
    let mut packer = Packer::new(Some(institution()));
    assert!(packer.push(&Subject::Message(id), Timestamp::from_millis(7), &changes));
    assert!(packer.push(&Subject::Rows(chunk, vec![1, 300]), Timestamp::from_millis(8), &[Change::Stopped]));
    let bytes = packer.finish();
    assert_eq!(hex(&bytes), GOLDEN_FEED);
    let packed = unpack(&bytes).unwrap();
    assert_eq!(packed.institution, Some(institution()));
    let first = Group { subject: Subject::Message(id), at: Timestamp::from_millis(7), changes: changes.to_vec() };
    assert_eq!(packed.groups[0], first);
    assert_eq!(packed.groups[1].subject, Subject::Rows(chunk, vec![1, 300]));
}

#[test]
fn what_is_heard_keeps_its_form() {
    let from = Mobile::parse("0470123456").unwrap();
    let heard = Heard::of(Inbound { from, to: "8686".into(), text: "STOP".into() });
    let via = Change::Via { step: 1, retry: 2, provider: "gate".into() };
    let changes = vec![via, Change::Heard(Box::new(heard))];
    let mut packer = Packer::new(Some(institution()));
    assert!(packer.push(&Subject::Nobody, Timestamp::from_millis(7), &changes));
    let bytes = packer.finish();
    assert_eq!(hex(&bytes), GOLDEN_HEARD);
    assert_eq!(unpack(&bytes).unwrap().groups[0].changes, changes);
}

#[test]
fn what_is_metered_keeps_its_form() {
    let changes = vec![Change::Metered { step: 1, retry: 2, channel: Channel::SMS, parts: 3, cost: Money(135_000) }];
    let mut packer = Packer::new(Some(institution()));
    assert!(packer.push(&Subject::Nobody, Timestamp::from_millis(7), &changes));
    let bytes = packer.finish();
    assert_eq!(hex(&bytes), GOLDEN_METERED);
    assert_eq!(unpack(&bytes).unwrap().groups[0].changes, changes);
    let used = Used { messages: 1, parts: 3, cost: Money(135_000) };
    assert_eq!(hex(&encode(&used)), "010103fc580f0200");
    assert_eq!(decode::<Used>(&encode(&used)).unwrap(), used);
}

#[test]
fn where_an_attempt_went_keeps_its_form() {
    let changes = vec![Change::WentTo { step: 1, retry: 2, number: 0x0123_4567_89ab_cdef }];
    let mut packer = Packer::new(Some(institution()));
    assert!(packer.push(&Subject::Nobody, Timestamp::from_millis(7), &changes));
    let bytes = packer.finish();
    assert_eq!(hex(&bytes), GOLDEN_WENT);
    assert_eq!(unpack(&bytes).unwrap().groups[0].changes, changes);
}

#[test]
fn a_file_of_mutations_that_is_ready_keeps_its_form() {
    let changes = vec![Change::MutationsReady { sequence: 300, count: 3, sha256: Box::new([0xab; 32]) }];
    let mut packer = Packer::new(Some(institution()));
    assert!(packer.push(&Subject::Nobody, Timestamp::from_millis(7), &changes));
    let bytes = packer.finish();
    assert_eq!(hex(&bytes), format!("{GOLDEN_MUTATIONS_READY}{}", "ab".repeat(32)));
    assert_eq!(unpack(&bytes).unwrap().groups[0].changes, changes);
}

#[test]
fn a_value_of_the_feed_is_cut_before_it_takes_a_larger_page() {
    let mut packer = Packer::new(None);
    let id = MessageId::from_u128(1);
    let mut pushed = 0;
    while packer.push(&Subject::Message(id), NOW, &[Change::Accepted]) {
        pushed += 1;
    }
    let bytes = packer.finish();
    assert!(bytes.len() <= Packer::LIMIT && bytes.len() > Packer::LIMIT - 64);
    assert_eq!(unpack(&bytes).unwrap().groups.len(), pushed);
}

#[test]
fn facts_that_were_added_later_keep_their_form() {
    let id = MessageId::from_u128(0x0193_9f3a_7c1e_7000_8000_0000_0000_0001);
    let changes = [Change::BroadcastPaused, Change::BroadcastResumed, Change::RetryOf(id)];
    let mut packer = Packer::new(None);
    assert!(packer.push(&Subject::Nobody, Timestamp::from_millis(7), &changes));
    let bytes = packer.finish();
    assert_eq!(hex(&bytes), GOLDEN_LATER_FACTS);
    assert_eq!(unpack(&bytes).unwrap().groups[0].changes, changes);
    let phases = [BroadcastPhase::Draft, BroadcastPhase::Started, BroadcastPhase::Cancelled, BroadcastPhase::Done];
    assert_eq!(hex(&encode(&(phases, BroadcastPhase::Paused))), "010001020304");
}

#[test]
fn states_keep_their_form() {
    let message = MessageRecord { as_of: 9, state: state(), queued_at: vec![(Channel::EBOX, 4)] };
    assert_eq!(hex(&encode(&message)), GOLDEN_MESSAGE_STATE);
    assert_eq!(decode::<MessageRecord>(&encode(&message)).unwrap(), message);
    let noted = State { noted: vec![(1, 2, AttemptStatus::Delivered)], ..state() };
    let noted = MessageRecord { state: noted, ..message };
    assert_eq!(hex(&encode(&noted)), GOLDEN_NOTED_STATE);
    assert_eq!(decode::<MessageRecord>(&encode(&noted)).unwrap(), noted);
    let chunk = ChunkRecord {
        as_of: 9,
        queued_at: vec![(Channel::EBOX, 4)],
        asleep_until: Timestamp::from_millis(2),
        until: Timestamp::from_millis(3),
        rows: 2,
        codes: vec![1, 255],
        exceptions: vec![(1, State::default())],
    };
    assert_eq!(hex(&encode(&chunk)), GOLDEN_CHUNK_STATE);
    assert_eq!(decode::<ChunkRecord>(&encode(&chunk)).unwrap(), chunk);
    let broadcast = BroadcastRecord {
        as_of: 1,
        phase: BroadcastPhase::Started,
        rows: vec![3, 400],
        started: Some((Timestamp::from_millis(5), 6)),
        cancelled: None,
    };
    assert_eq!(hex(&encode(&broadcast)), GOLDEN_BROADCAST_STATE);
    assert_eq!(decode::<BroadcastRecord>(&encode(&broadcast)).unwrap(), broadcast);
}

#[test]
fn a_broadcast_with_a_window_has_it_behind_the_bytes_of_one_without() {
    let without = super::broadcasts::broadcast("sms-only", Timestamp::ZERO, 1);
    let hours = Hours::new(
        Days::default().with("mon").unwrap(),
        Clock::parse("08:00").unwrap(),
        Clock::parse("20:00").unwrap(),
    );
    let window = Window::new("Europe/Brussels", vec![hours.unwrap()]).unwrap();
    let with = Broadcast { window: Some(Arc::new(window)), ..Broadcast::clone(&without) };
    let (short, long) = (encode_broadcast(&without), encode_broadcast(&with));
    assert_eq!(decode_broadcast(&short).unwrap(), *without);
    assert_eq!(decode_broadcast(&long).unwrap(), with);
    assert_eq!(hex(&long), hex(&short) + GOLDEN_WINDOW);
    assert!(decode_broadcast(&[long, vec![0]].concat()).is_err());
}

#[test]
fn records_keep_their_form() {
    let rows = vec![Row {
        key: Some("k".into()),
        recipient: Recipient { mobile: Some(Mobile::parse("0470123456").unwrap()), ..Recipient::default() },
        language: Some(Language::Nl),
        values: vec!["v".into()],
    }];
    assert_eq!(hex(&encode(&rows)), GOLDEN_ROWS);
    assert_eq!(decode::<Vec<Row>>(&encode(&rows)).unwrap(), rows);
    let receipt = Receipt {
        channel: Channel::SMS,
        about: About::ChannelReference("07".into()),
        status: AttemptStatus::Delivered,
        channel_reference: None,
    };
    assert_eq!(hex(&encode(&(NOW, &receipt))), GOLDEN_PARKED);
    let envelope = envelope(1, &strategy("sms-only"));
    assert_eq!(hex(&encode(&*envelope)), GOLDEN_ENVELOPE);
    assert_eq!(decode::<Envelope>(&encode(&*envelope)).unwrap(), *envelope);
}

#[test]
fn what_another_version_wrote_or_a_disk_damaged_is_refused() {
    let mut bytes = encode(&MessageRecord::default());
    bytes.push(0);
    assert!(matches!(decode::<MessageRecord>(&bytes), Err(codec::Error::Damaged(_))));
    bytes[0] = 2;
    assert_eq!(decode::<MessageRecord>(&bytes), Err(codec::Error::Version(2)));
    assert!(unpack(&[]).is_err());
}

#[test]
fn an_institution_is_its_number() {
    assert_eq!(institution_number(institution()), 403_019_261);
    assert_eq!(institution_of(403_019_261), institution());
}

const GOLDEN_FEED: &str = "01fcfd95051800fe010000000000008000701e7c3a9f93010703000100010203736d73000401020201017801feffffffff050000a00070010000000000030201fb2c01080109";
const GOLDEN_METERED: &str = "01fcfd95051803070117010203736d7303fc580f0200";
const GOLDEN_LATER_FACTS: &str = "0100030703111213fe010000000000008000701e7c3a9f9301";
const GOLDEN_HEARD: &str = "01fcfd950518030702150102046761746516fdc0c35e8f0700000004383638360453544f500103";
const GOLDEN_WENT: &str = "01fcfd950518030701180102fdefcdab8967452301";
const GOLDEN_MUTATIONS_READY: &str = "01fcfd95051803070119fb2c0103";
const GOLDEN_MESSAGE_STATE: &str = "010901010203736d7302fb2c010301010205050106010a01010465626f7804";
const GOLDEN_NOTED_STATE: &str = "010901010203736d7302fb2c010301010205050106010a020101010202010465626f7804";
const GOLDEN_CHUNK_STATE: &str = "0109010465626f78040203020201ff01010000000000";
const GOLDEN_BROADCAST_STATE: &str = "0101010203fb900101050600";
const GOLDEN_ROWS: &str = "010101016b0001fdc0c35e8f07000000000101010176";
const GOLDEN_PARKED: &str = "01fd002c165b9301000003736d73010230370200";
const GOLDEN_ENVELOPE: &str = "01fe01000000000000800070002c165b9301fcfd9505180001fdc0c35e8f070000000008736d732d6f6e6c79010003736d730001fc8051010000000000000000000107426f6e6a6f757200000000000000000100fd000d0c619301000000000001057265662d31fd002c165b93010000010101";

#[test]
fn rows_that_are_packed_one_by_one_are_what_all_of_them_make_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(settings(dir.path()));
    for count in [0, 1, 250, 251, 4_064] {
        let rows: Vec<_> = (0..count).map(super::broadcasts::row).collect();
        assert_eq!(encode_rows(&PackedRows::of(&store, &rows)), encode(&rows), "{count}");
    }
}
