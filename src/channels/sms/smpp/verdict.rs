//! What the answers and receipts of an SMSC mean here: the one table.
//!
//! Invariant: an answer with an error means that the SMSC does not have the message; no answer means that nobody can tell.
//!
//! | command_status | outcome |
//! |---|---|
//! | ROK | sent |
//! | RTHROTTLED 0x58, RMSGQFUL 0x14 | throttled: back off, send again |
//! | RSYSERR 0x08, RSUBMITFAIL 0x45, RX_T_APPN 0x64, RUNKNOWNERR 0xff | channel_down, tried again |
//! | RINVBNDSTS 0x04, RBINDFAIL, RINVPASWD, RINVSYSID | channel_down (our bind; logged) |
//! | RINVDSTADR 0x0b, RINVDSTTON 0x50, RINVDSTNPI 0x51 | unreachable |
//! | RINVMSGLEN 0x01, RINVESMCLASS 0x43, RINVOPTPARSTREAM 0xc0 to 0xc4 | invalid_content |
//! | any other | rejected_by_channel |
//!
//! | state | status |
//! |---|---|
//! | ENROUTE, ACCEPTD | sent |
//! | DELIVRD | delivered |
//! | EXPIRED | channel_expired |
//! | DELETED, UNDELIV, REJECTD | failed, rejected_by_channel |
//! | UNKNOWN, and any other | nothing: acknowledged and counted |
use estafette_actors::domain::failure::Failure;
use estafette_actors::domain::life::Outcome;
use estafette_actors::domain::status::AttemptStatus;
use estafette_smpp::Status;
use estafette_smpp::receipt::State;

use super::settings::ReceiptId;

/// What an answer with an error says.
pub(super) fn refused(status: Status) -> Outcome {
    let failure = match status {
        Status::THROTTLED | Status::QUEUE_FULL => return Outcome::Throttled(None),
        Status::SYSTEM_ERROR
        | Status::SUBMIT_FAILED
        | Status::RECEIVER_TEMPORARY
        | Status::UNKNOWN_ERROR
        | Status::INVALID_BIND_STATUS
        | Status::BIND_FAILED
        | Status::INVALID_PASSWORD
        | Status::INVALID_SYSTEM_ID => Failure::ChannelDown,
        Status::INVALID_DESTINATION | Status::INVALID_DESTINATION_TON | Status::INVALID_DESTINATION_NPI => {
            Failure::Unreachable
        }
        Status::INVALID_MESSAGE_LENGTH | Status::INVALID_ESM_CLASS | Status(0xC0..=0xC4) => Failure::InvalidContent,
        _ => Failure::RejectedByChannel,
    };
    Outcome::Is(AttemptStatus::Failed(failure), None)
}

/// What a state says.
pub(super) fn status(state: State) -> Option<AttemptStatus> {
    Some(match state {
        State::Enroute | State::Accepted => AttemptStatus::Sent,
        State::Delivered => AttemptStatus::Delivered,
        State::Expired => AttemptStatus::ChannelExpired,
        State::Deleted | State::Undeliverable | State::Rejected => AttemptStatus::Failed(Failure::RejectedByChannel),
        State::Unknown => return None,
    })
}

/// The id of an answer as this channel's reference: in the form that receipts will have it.
pub(super) fn of_answer(form: ReceiptId, id: &str) -> Box<str> {
    match form {
        ReceiptId::AsIs => Some(id.into()),
        ReceiptId::HexToDec => u128::from_str_radix(id, 16).ok().map(|number| number.to_string().into()),
        ReceiptId::DecToHex => id.parse::<u128>().ok().map(|number| format!("{number:x}").into()),
    }
    // An id that is no number goes as it is: some providers mix both.
    .unwrap_or_else(|| id.into())
}

/// The id of a receipt as this channel's reference. Where numbers are compared, zeros before them and the case of
/// letters say nothing; where ids are opaque they do.
pub(super) fn of_receipt(form: ReceiptId, id: &str) -> Box<str> {
    match form {
        ReceiptId::AsIs => Some(id.into()),
        ReceiptId::HexToDec => id.parse::<u128>().ok().map(|number| number.to_string().into()),
        ReceiptId::DecToHex => u128::from_str_radix(id, 16).ok().map(|number| format!("{number:x}").into()),
    }
    .unwrap_or_else(|| id.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(failure: Failure) -> Outcome {
        Outcome::Is(AttemptStatus::Failed(failure), None)
    }

    #[test]
    fn each_command_status_has_its_outcome() {
        for (status, outcome) in [
            (0x58, Outcome::Throttled(None)),
            (0x14, Outcome::Throttled(None)),
            (0x08, is(Failure::ChannelDown)),
            (0x45, is(Failure::ChannelDown)),
            (0x64, is(Failure::ChannelDown)),
            (0x0B, is(Failure::Unreachable)),
            (0x01, is(Failure::InvalidContent)),
            (0xC3, is(Failure::InvalidContent)),
            (0x0A, is(Failure::RejectedByChannel)),
            (0x65, is(Failure::RejectedByChannel)),
            (0x400, is(Failure::RejectedByChannel)),
        ] {
            assert_eq!(refused(Status(status)), outcome, "{status:#x}");
        }
    }

    #[test]
    fn what_passes_is_tried_again_and_what_does_not_is_not() {
        let retryable = |status| match refused(Status(status)) {
            Outcome::Is(AttemptStatus::Failed(failure), _) => failure.is_retryable(),
            _ => true,
        };
        assert!([0x08, 0x14, 0x45, 0x58, 0x64].into_iter().all(retryable));
        assert!(![0x01, 0x0A, 0x0B, 0x43, 0x65].into_iter().any(retryable));
    }

    #[test]
    fn an_id_is_the_same_in_the_answer_and_in_the_receipt() {
        for (form, answer, receipt) in [
            (ReceiptId::AsIs, "007", "007"),
            (ReceiptId::AsIs, "00aF", "00aF"),
            (ReceiptId::HexToDec, "0A1B", "2587"),
            (ReceiptId::HexToDec, "a1b", "0000002587"),
            (ReceiptId::DecToHex, "0000002587", "A1B"),
            (ReceiptId::DecToHex, "2587", "00000a1b"),
            (ReceiptId::HexToDec, "no-number", "no-number"),
        ] {
            assert_eq!(of_answer(form, answer), of_receipt(form, receipt), "{form:?} {answer}");
        }
        assert_ne!(of_answer(ReceiptId::AsIs, "007"), of_receipt(ReceiptId::AsIs, "7"));
    }

    #[test]
    fn each_state_has_its_status() {
        for (state, _) in State::ALL {
            assert_eq!(status(state).is_none(), state == State::Unknown, "{state:?}");
        }
        assert_eq!(status(State::Delivered), Some(AttemptStatus::Delivered));
        assert_eq!(status(State::Expired), Some(AttemptStatus::ChannelExpired));
    }
}
