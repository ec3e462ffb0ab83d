//! One bind: connects, binds, and again after a pause when the link is lost.
//!
//! Invariant: what is asked here is answered once: by the SMSC, or with [`Reply::Lost`] when it may have been written, or
//! given back when it was not. At most a window of requests is without an answer.
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::Ear;
use estafette_smpp::codec::{Codec, Error, Frame};
use estafette_smpp::pdu::{Body, Bound, Pdu};
use estafette_smpp::{Line, Status};
use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use super::Memory;
use super::parts::Part;
use super::session::Session;
use super::settings::{Shared, Terms};

/// Between two complaints about the same bind.
const COMPLAIN_EVERY: Duration = Duration::from_secs(30);

/// A connection, with TLS or without.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// The connection as a session has it.
pub(super) type Wire = Line<Box<dyn Stream>>;

/// What became of a request.
#[derive(Debug)]
pub(super) enum Reply {
    /// The SMSC answered.
    Answer(Status, Body),
    /// It may have got it, and did not answer in time, or the link was lost.
    Lost,
    /// It was not written, since it is not valid any more.
    Expired,
}

/// What is asked.
pub(super) struct Asked {
    pub(super) body: Body,
    /// The part of a letter that it brings.
    pub(super) part: Option<Part>,
    /// After this it must not be written.
    pub(super) valid_until: Option<Timestamp>,
}

/// What becomes of it; given back when it was never written.
pub(super) type Answered = Result<Reply, Box<Asked>>;

/// A request on its way to the session.
pub(super) struct Order {
    pub(super) asked: Asked,
    pub(super) reply: oneshot::Sender<Answered>,
    pub(super) place: OwnedSemaphorePermit,
}

impl Order {
    /// It was never written.
    fn give_back(self) {
        // Whoever asked may be gone.
        let _ = self.reply.send(Err(Box::new(self.asked)));
    }
}

/// The bind.
pub(super) struct Bind {
    place: usize,
    pub(super) terms: Shared,
    pub(super) memory: Arc<Memory>,
    bound: Arc<watch::Sender<usize>>,
    stands: AtomicBool,
    window: Arc<Semaphore>,
    orders: mpsc::Sender<Order>,
    taken: Mutex<mpsc::Receiver<Order>>,
    closing: watch::Receiver<bool>,
}

/// Why a bind did not come about, or ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    #[error(transparent)]
    Wire(#[from] Error),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("no answer in time")]
    Silent,
    #[error("the SMSC refused the bind with command_status {0}; check system_id and password")]
    Refused(Status),
    #[error("the SMSC ended the bind")]
    Unbound,
    #[error("the SMSC answered a bind with something else")]
    Strange,
    #[error("the program ends")]
    Closed,
}

impl Bind {
    pub(super) fn new(
        place: usize,
        terms: Shared,
        bound: Arc<watch::Sender<usize>>,
        memory: Arc<Memory>,
        closing: watch::Receiver<bool>,
    ) -> Self {
        let (orders, taken) = mpsc::channel(terms.window);
        let (window, taken) = (Arc::new(Semaphore::new(terms.window)), Mutex::new(taken));
        Self { place, terms, memory, bound, stands: AtomicBool::new(false), window, orders, taken, closing }
    }

    /// Whether it is bound.
    pub(super) fn stands(&self) -> bool {
        self.stands.load(Ordering::Acquire)
    }

    /// Whether its window has a free place.
    pub(super) fn has_room(&self) -> bool {
        self.window.available_permits() > 0
    }

    /// Asks the SMSC; gives the request back when it was never written.
    pub(super) async fn ask(&self, asked: Asked) -> Answered {
        let Ok(place) = Arc::clone(&self.window).acquire_owned().await else { return Err(Box::new(asked)) };
        if !self.stands() {
            return Err(Box::new(asked));
        }
        let (reply, answer) = oneshot::channel();
        if let Err(unsent) = self.orders.send(Order { asked, reply, place }).await {
            return Err(Box::new(unsent.0.asked));
        }
        // A session that panicked drops what it had: it may have been written.
        answer.await.unwrap_or(Ok(Reply::Lost))
    }

    fn set(&self, stands: bool) {
        if self.stands.swap(stands, Ordering::AcqRel) != stands {
            self.bound.send_modify(|bound| *bound = if stands { *bound + 1 } else { *bound - 1 });
        }
    }

    /// Keeps it bound, until it is to be closed.
    pub(super) async fn keep(self: Arc<Self>, ear: Arc<dyn Ear>) {
        let mut orders = self.taken.lock().await;
        let mut failures = 0_u32;
        let mut complained: Option<tokio::time::Instant> = None;
        let mut closing = self.closing.clone();
        loop {
            let run = AssertUnwindSafe(self.run(&mut orders, &ear, &mut failures)).catch_unwind();
            let why = match run.await {
                Ok(Lost::Closed) => break,
                Ok(why) => why.to_string(),
                Err(_) => "a panic in the session".to_owned(),
            };
            self.set(false);
            while let Ok(order) = orders.try_recv() {
                order.give_back();
            }
            if complained.is_none_or(|at| at.elapsed() >= COMPLAIN_EVERY) {
                complained = Some(tokio::time::Instant::now());
                let (address, bind) = (&self.terms.address, self.place);
                tracing::warn!(%address, bind, why, "the bind to the SMSC was lost; connecting again");
            }
            let pause = tokio::time::sleep(pause(&self.terms, failures));
            failures = failures.saturating_add(1);
            tokio::pin!(pause);
            loop {
                tokio::select! {
                    () = &mut pause => break,
                    () = closed(&mut closing) => break,
                    Some(order) = orders.recv() => order.give_back(),
                }
            }
        }
        self.set(false);
        while let Some(order) = orders.recv().await {
            order.give_back();
        }
    }

    async fn run(&self, orders: &mut mpsc::Receiver<Order>, ear: &Arc<dyn Ear>, failures: &mut u32) -> Lost {
        let mut closing = self.closing.clone();
        let connected = tokio::time::timeout(self.terms.connect, connect(&self.terms));
        tokio::pin!(connected);
        let connected = loop {
            tokio::select! {
                connected = &mut connected => break connected,
                () = closed(&mut closing) => return Lost::Closed,
                // Came between the end of the last session and now.
                Some(order) = orders.recv() => order.give_back(),
            }
        };
        let wire = match connected {
            Ok(Ok(wire)) => wire,
            Ok(Err(lost)) => return lost,
            Err(_) => return Lost::Silent,
        };
        tracing::info!(address = %self.terms.address, bind = self.place, "bound to the SMSC");
        self.set(true);
        let began = tokio::time::Instant::now();
        let lost = Session::new(wire, &self.terms, &self.memory, Arc::clone(ear)).run(orders, closing).await;
        // One that is closed as soon as it is bound is left alone as long as one that is refused.
        if began.elapsed() > self.terms.reconnect.1.min(Duration::from_secs(5)) {
            *failures = 0;
        }
        lost
    }
}

/// Until the program ends.
pub(super) async fn closed(closing: &mut watch::Receiver<bool>) {
    if closing.wait_for(|closing| *closing).await.is_err() {
        // Nobody is left who could say so.
        std::future::pending::<()>().await;
    }
}

/// How long to wait before connecting again: doubled with each failure, and between half of it and all of it by chance, so
/// that many binds don't come at once.
fn pause(terms: &Terms, failures: u32) -> Duration {
    let (least, most) = terms.reconnect;
    let whole = least.saturating_mul(1 << failures.min(16)).min(most);
    whole.mul_f64(0.5 + rand::random::<f64>() / 2.0)
}

async fn connect(terms: &Terms) -> Result<Wire, Lost> {
    let stream = TcpStream::connect(&terms.address).await?;
    stream.set_nodelay(true)?;
    let stream: Box<dyn Stream> = match &terms.tls {
        Some((connector, name)) => Box::new(connector.connect(name.clone(), stream).await?),
        None => Box::new(stream),
    };
    let mut wire = Line::over(stream, Codec::default());
    wire.put(&Pdu::request(1, Body::Bind(Bound::Transceiver, terms.bind.clone())));
    loop {
        match wire.take()? {
            Some(Frame::Pdu(Pdu { status, body: Body::BindResp(..), .. })) => {
                return if status.is_ok() { Ok(wire) } else { Err(Lost::Refused(status)) };
            }
            Some(Frame::Pdu(Pdu { status, sequence: 0 | 1, body: Body::GenericNack })) => {
                return Err(Lost::Refused(status));
            }
            // Some send an enquire_link at once.
            Some(Frame::Pdu(Pdu { sequence, body: Body::EnquireLink, .. })) => {
                wire.put(&Pdu::answer(sequence, Status::OK, Body::EnquireLinkResp));
            }
            Some(Frame::Pdu(Pdu { body: Body::Unbind, .. })) => return Err(Lost::Unbound),
            Some(Frame::Malformed { sequence: 1, .. }) => return Err(Lost::Strange),
            Some(_) => {}
            None => wire.turn(true).await?,
        }
    }
}
