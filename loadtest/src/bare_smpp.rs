//! The raw limit of sending over SMPP: a bare loop of the codec against an SMSC.
//!
//! Invariant: one bind, never more than a window of submissions without an answer, and each receipt acknowledged as it comes. It
//! stores nothing and decides nothing: what it gets done is what the two ends of the socket allow.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use estafette_smpp::codec::{Codec, Frame};
use estafette_smpp::pdu::{Address, Bind, Body, Bound, Pdu, ShortMessage, next_sequence};
use estafette_smpp::{Line, Status};

use crate::simulators::SmscSettings;

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub struct Work<'a> {
    /// Messages, to one number.
    pub messages: u64,
    /// Submissions without an answer at most.
    pub window: u64,
    /// What each says.
    pub text: &'static str,
    /// Whether a receipt is asked for, and waited for.
    pub receipts: bool,
    /// Who may bind there.
    pub account: &'a SmscSettings,
}

/// Sends, and gives the time from the bind to the last answer or receipt.
///
/// Fails when the SMSC refuses anything, or hangs up.
pub async fn send(smsc: SocketAddr, work: Work<'_>) -> anyhow::Result<Duration> {
    let stream = tokio::net::TcpStream::connect(smsc).await.with_context(|| format!("connect to the SMSC {smsc}"))?;
    stream.set_nodelay(true)?;
    let mut line = Line::over(stream, Codec::default());
    let bind = Bind {
        system_id: work.account.system_id.clone().unwrap_or_default().into(),
        password: work.account.password.clone().unwrap_or_default().into(),
        interface_version: 0x34,
        ..Bind::default()
    };
    line.put(&Pdu::request(1, Body::Bind(Bound::Transceiver, bind)));
    let submission = Body::SubmitSm(Box::new(ShortMessage {
        destination: Address { ton: 1, npi: 1, digits: "32470123456".into() },
        registered_delivery: u8::from(work.receipts),
        short_message: work.text.into(),
        ..ShortMessage::default()
    }));
    let wanted = if work.receipts { work.messages } else { 0 };
    let (mut sequence, mut asked, mut answered, mut receipts) = (1, 0, 0, 0);
    let mut bound = None;
    loop {
        while let Some(frame) = line.take()? {
            match frame {
                Frame::Pdu(Pdu { body: Body::BindResp(..), status: Status::OK, .. }) => bound = Some(Instant::now()),
                Frame::Pdu(Pdu { body: Body::SubmitSmResp(_), status: Status::OK, .. }) => answered += 1,
                Frame::Pdu(Pdu { body: Body::DeliverSm(_), sequence, .. }) => {
                    receipts += 1;
                    line.put(&Pdu::answer(sequence, Status::OK, Body::DeliverSmResp));
                }
                other => bail!("the SMSC said what the bare loop has no use for: {other:?}"),
            }
        }
        if answered == work.messages && receipts >= wanted {
            return Ok(bound.context("the SMSC did not bind")?.elapsed());
        }
        while bound.is_some() && asked < work.messages && asked - answered < work.window {
            sequence = next_sequence(sequence);
            line.put(&Pdu::request(sequence, submission.clone()));
            asked += 1;
        }
        line.turn(true).await.context("the SMSC hung up")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Channel;
    use crate::{Settings, Simulators};

    #[tokio::test]
    async fn every_message_is_in_the_ledger_and_no_receipt_is_left() {
        let mut settings = Settings::default();
        settings.address.set_port(0);
        settings.smsc.address = Some(settings.address);
        settings.smsc.faults.receipts.delay_max_ms = 60;
        let simulators = Simulators::start(settings.clone()).await.unwrap();
        let work = Work { messages: 500, window: 10, text: "Bonjour", receipts: true, account: &settings.smsc };
        send(simulators.smsc_address().unwrap(), work).await.unwrap();
        assert_eq!(simulators.count(Channel::Smsc).total, 500);
        let stranger = SmscSettings { password: Some("wrong".into()), ..settings.smsc.clone() };
        let refused = send(simulators.smsc_address().unwrap(), Work { account: &stranger, ..work }).await;
        assert!(refused.is_err(), "a wrong password gives no figure");
    }
}
