//! The codec against octets of every kind: what is written is read back, and rubbish costs nobody anything.
use bytes::{Bytes, BytesMut};
use estafette_smpp::codec::{Codec, Error, Frame};
use estafette_smpp::pdu::{Address, Bind, Body, Bound, Pdu, ShortMessage, command, next_sequence, relative};
use estafette_smpp::receipt;
use estafette_smpp::{Status, Tlvs, udh};
use proptest::prelude::*;
use tokio_util::codec::Decoder;

fn text(most: usize) -> impl Strategy<Value = Bytes> {
    prop::collection::vec(1_u8..=255, 0..=most).prop_map(Bytes::from)
}

fn address() -> impl Strategy<Value = Address> {
    (0_u8..7, 0_u8..19, text(20)).prop_map(|(ton, npi, digits)| Address { ton, npi, digits })
}

fn tlvs() -> impl Strategy<Value = Tlvs> {
    let one = (any::<u16>(), prop::collection::vec(any::<u8>(), 0..40));
    prop::collection::vec(one, 0..4)
        .prop_map(|all| all.into_iter().fold(Tlvs::default(), |tlvs, (tag, value)| tlvs.with(tag, &value)))
}

fn message() -> impl Strategy<Value = Box<ShortMessage>> {
    let content = prop::collection::vec(any::<u8>(), 0..=254).prop_map(Bytes::from);
    (text(5), address(), address(), any::<[u8; 7]>(), text(16), content, tlvs()).prop_map(
        |(service_type, source, destination, octets, validity, short_message, tlvs)| {
            let [esm_class, protocol_id, priority, registered_delivery, replace, data_coding, default_message] = octets;
            Box::new(ShortMessage {
                service_type,
                source,
                destination,
                esm_class,
                protocol_id,
                priority,
                schedule: Bytes::new(),
                validity,
                registered_delivery,
                replace,
                data_coding,
                default_message,
                short_message,
                tlvs,
            })
        },
    )
}

fn bound() -> impl Strategy<Value = Bound> {
    prop_oneof![Just(Bound::Receiver), Just(Bound::Transmitter), Just(Bound::Transceiver)]
}

fn body() -> impl Strategy<Value = Body> {
    let bind = (text(15), text(8), text(12), any::<u8>(), address()).prop_map(
        |(system_id, password, system_type, interface_version, range)| Bind {
            system_id,
            password,
            system_type,
            interface_version,
            range,
        },
    );
    prop_oneof![
        (bound(), bind).prop_map(|(bound, bind)| Body::Bind(bound, bind)),
        (bound(), text(15), tlvs()).prop_map(|(bound, id, tlvs)| Body::BindResp(bound, id, tlvs)),
        message().prop_map(Body::SubmitSm),
        message().prop_map(Body::DeliverSm),
        text(64).prop_map(Body::SubmitSmResp),
        (text(64), address()).prop_map(|(message_id, source)| Body::QuerySm { message_id, source }),
        (text(64), 1_u8..9).prop_map(|(message_id, state)| Body::QuerySmResp { message_id, state, error: 0 }),
        Just(Body::EnquireLink),
        Just(Body::EnquireLinkResp),
        Just(Body::Unbind),
        Just(Body::UnbindResp),
        Just(Body::DeliverSmResp),
        Just(Body::GenericNack),
        (0x0200_u32..0x0300, prop::collection::vec(any::<u8>(), 0..50))
            .prop_map(|(command, octets)| Body::Other(command, octets.into())),
    ]
}

fn frames(octets: &mut BytesMut, longest: usize) -> (Vec<Frame>, Option<Error>) {
    let mut codec = Codec::of(longest);
    let mut frames = Vec::new();
    loop {
        match codec.decode(octets) {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => return (frames, None),
            Err(error) => return (frames, Some(error)),
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_however_it_is_cut(
        bodies in prop::collection::vec(body(), 1..6), sequence in 1_u32..0x7fff_ffff, cut in any::<prop::sample::Index>()
    ) {
        let pdus: Vec<Pdu> = bodies.into_iter().map(|body| Pdu::request(sequence, body)).collect();
        let mut octets = BytesMut::new();
        for pdu in &pdus {
            pdu.write(&mut octets);
        }
        let mut first = octets.split_to(cut.index(octets.len()));
        let (mut read, error) = frames(&mut first, 72 * 1_024);
        prop_assert!(error.is_none());
        first.unsplit(octets);
        let (rest, error) = frames(&mut first, 72 * 1_024);
        prop_assert!(error.is_none() && first.is_empty());
        read.extend(rest);
        prop_assert_eq!(read, pdus.into_iter().map(Frame::Pdu).collect::<Vec<_>>());
    }

    #[test]
    fn rubbish_neither_panics_nor_takes_more_than_a_pdu(octets in prop::collection::vec(any::<u8>(), 0..400), length in 0_u32..2_000) {
        for believable in [false, true] {
            let mut input = BytesMut::from(&octets[..]);
            if believable && input.len() >= 4 {
                input[..4].copy_from_slice(&length.to_be_bytes());
            }
            let before = input.len();
            let (frames, error) = frames(&mut input, 1_024);
            prop_assert!(frames.len() * 16 <= before);
            prop_assert!(input.capacity() <= before + 1_024 + 64);
            let believed = error.is_none_or(|error| matches!(error, Error::Length { .. }));
            prop_assert!(believed);
        }
    }

    #[test]
    fn a_pdu_of_rubbish_costs_nobody_else_an_answer(
        command in prop_oneof![0_u32..0x20, 0x8000_0000_u32..0x8000_0020, any::<u32>()], octets in prop::collection::vec(any::<u8>(), 0..300)
    ) {
        let answer = Pdu::answer(7, Status::OK, Body::SubmitSmResp(Bytes::from_static(b"0042")));
        let mut input = BytesMut::new();
        Pdu { status: Status::OK, sequence: 6, body: Body::Other(command, octets.into()) }.write(&mut input);
        answer.write(&mut input);
        let (frames, error) = frames(&mut input, 1_024);
        prop_assert!(error.is_none());
        prop_assert_eq!(frames.len(), 2);
        prop_assert_eq!(&frames[1], &Frame::Pdu(answer));
        if let Frame::Pdu(Pdu { body: Body::DeliverSm(message), .. }) = &frames[0] {
            let _ = (receipt::read(message), udh::read(&message.content()), message.tlvs.is_whole());
        }
    }
}

#[test]
fn a_length_that_can_t_be_believed_ends_the_connection() {
    for length in [0_u32, 15, 1_025, u32::MAX] {
        let mut input = BytesMut::from(&length.to_be_bytes()[..]);
        assert!(matches!(frames(&mut input, 1_024), (_, Some(Error::Length { .. }))), "{length}");
        assert!(input.capacity() < 2_048);
    }
}

#[test]
fn a_refusal_without_a_body_is_read() {
    // command_length 16: no message_id at all.
    let octets = [0, 0, 0, 16, 0x80, 0, 0, 4, 0, 0, 0, 0x58, 0, 0, 0, 9];
    let (frames, _) = frames(&mut BytesMut::from(&octets[..]), 1_024);
    let refused = Pdu::answer(9, Status::THROTTLED, Body::SubmitSmResp(Bytes::new()));
    assert_eq!(frames, [Frame::Pdu(refused)]);
}

#[test]
fn the_octets_are_those_of_the_specification() {
    let mut octets = BytesMut::new();
    let bind = Bind {
        system_id: Bytes::from_static(b"SMPP3TEST"),
        password: Bytes::from_static(b"secret08"),
        system_type: Bytes::from_static(b"SUBMIT1"),
        interface_version: 0x34,
        range: Address { ton: 1, npi: 1, digits: Bytes::new() },
    };
    Pdu::request(1, Body::Bind(Bound::Transmitter, bind)).write(&mut octets);
    // The example of section 3.2.3.
    let expected = b"\0\0\0\x2F\0\0\0\x02\0\0\0\0\0\0\0\x01SMPP3TEST\0secret08\0SUBMIT1\0\x34\x01\x01\0";
    assert_eq!(&octets[..], &expected[..]);
}

#[test]
fn sequences_stay_in_their_range_and_times_in_theirs() {
    assert_eq!(next_sequence(0x7fff_ffff), 1);
    assert_eq!(next_sequence(1), 2);
    assert_eq!(relative(3_600), "000000010000000R");
    assert_eq!(relative(2 * 86_400 + 61), "000002000101000R");
    assert_eq!(relative(u64::MAX).len(), 16);
    assert_eq!(Body::EnquireLink.command(), command::ENQUIRE_LINK);
}
