//! Notices: tells holders of mailboxes by e-mail, GovApp or SMS that something came.
//!
//! [`follow`] reads the feeds of events and puts what is to be told into the book, [`deliver`] takes it out when it is due: by mail
//! ([`mail`], [`smtp`]) or as a message of the broker ([`message`]). What a notice says is in [`wording`], what comes back in [`bounce`],
//! and whose a mail was in [`token`]. When what is told is decided by `domain/mailbox/notice.rs`.
//!
//! Invariant: nothing is lost, whatever is down and whenever the program is killed; a kill repeats a few mails at most, under the same
//! Message-ID. No NISS, no name and nothing of a document is in a notice.
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use estafette_actors::domain::backoff::Backoff;
use estafette_actors::domain::language::Language;
use estafette_actors::domain::mailbox::MailboxId;
use estafette_actors::domain::mailbox::notice::{FEEDS, Ways};
use estafette_actors::domain::strategy::Strategy;
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::Clock;
use estafette_actors::ports::mailbox::{Access, Change, Mailboxes, Trouble};
use tokio::time::Instant;

pub use crate::store::notices::Depths;
use crate::store::notices::{self as store, Book, Place};

pub mod bounce;
mod deliver;
mod figures;
mod follow;
pub mod mail;
pub mod message;
pub mod smtp;
pub mod token;
pub mod wording;

use bounce::Came;
use figures::Figures;
use smtp::Smtp;
use token::{Purpose, Tokens};

/// How long what is under way may take to end.
const CLOSING: Duration = Duration::from_secs(5);

/// As whom messages go.
#[derive(Clone, Debug)]
pub struct Messages {
    /// The sending institution.
    pub institution: Institution,
    /// Its language, where the holder gave none.
    pub default_language: Language,
    /// How they go; never into the mailbox that they are about.
    pub strategy: Arc<Strategy>,
}

/// How notices go.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The data folder, where the book lies.
    pub folder: PathBuf,
    /// The origin of the pages, without a slash at its end.
    pub public_url: Box<str>,
    /// Mail; none for none.
    pub mail: Option<mail::Settings>,
    /// Messages; none for none.
    pub messages: Option<Messages>,
    /// The hour of the day's digests in Brussels, 0 to 23.
    pub digest_hour: u8,
    /// How often it is looked what came and what is due.
    pub look: Duration,
    /// When a mail is tried again that was not taken; afterwards it is given up. That the server is away is no attempt.
    pub again: Backoff,
    /// How long a server that takes nothing is left alone, at first and at most.
    pub pause: (Duration, Duration),
}

impl Settings {
    /// The usual ones, without any way to go.
    pub fn new(folder: impl Into<PathBuf>, public_url: &str) -> Self {
        let again = Backoff {
            first: Duration::from_secs(300),
            factor: 3.0,
            max: Duration::from_secs(6 * 3_600),
            jitter: 0.2,
            attempts: 10,
        };
        Self {
            folder: folder.into(),
            public_url: public_url.trim_end_matches('/').into(),
            mail: None,
            messages: None,
            digest_hour: 8,
            look: Duration::from_secs(1),
            again,
            pause: (Duration::from_secs(5), Duration::from_secs(300)),
        }
    }
}

/// Why they don't open.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The book.
    #[error("notices can't be kept: {0}")]
    Book(#[from] store::Error),
    /// The mailboxes.
    #[error("the feeds of mailboxes can't be read: {0}")]
    Mailboxes(#[from] Trouble),
    /// The certificates.
    #[error("mailbox.notices: the certificates to know the mail server by can't be used: {0}")]
    Certificates(String),
}

/// What came of a mail that came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returned {
    /// No more e-mail goes to that address.
    TurnedOff,
    /// The holder has given another address since.
    OtherAddress,
    /// It did not fail for good, or for a reason that is not the address.
    Passing,
    /// It is no delivery report.
    NoReport,
    /// It came to no address of ours.
    NotOurs,
}

impl Returned {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TurnedOff => "turned_off",
            Self::OtherAddress => "other_address",
            Self::Passing => "passing",
            Self::NoReport => "no_report",
            Self::NotOurs => "not_ours",
        }
    }
}

/// Notices. Clones are the same.
#[derive(Clone)]
pub struct Notices(Arc<Inner>);

struct Inner {
    settings: Settings,
    /// As whom messages go, which may change.
    messages: Option<Arc<ArcSwap<Messages>>>,
    mailboxes: Arc<dyn Mailboxes>,
    book: Arc<Book>,
    tokens: Tokens,
    smtp: Option<Smtp>,
    clock: Arc<dyn Clock>,
    server: Mutex<Server>,
    pace: tokio::sync::Mutex<Option<Instant>>,
    figures: Figures,
    /// Nothing more is begun.
    is_closing: AtomicBool,
    /// Pages of letters that are worked through.
    under_way: AtomicUsize,
}

/// How the mail server fares.
#[derive(Default)]
struct Server {
    /// How often in a row it took nothing.
    failures: u32,
    /// It is left alone until then.
    until: Option<Instant>,
}

impl Notices {
    /// Opens the book; what happens from now on is told. `secret` is one of the data folder.
    pub fn open(
        mut settings: Settings,
        mailboxes: Arc<dyn Mailboxes>,
        secret: &[u8; 32],
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let book = Book::open(settings.folder.join(store::FILE))?;
        for feed in FEEDS {
            let Some(place) = book.place(feed)? else {
                book.follow(feed, Place { after: 0, since: clock.now() }, &[])?;
                continue;
            };
            // Mailboxes that were restored are behind: what comes again under these numbers is something else.
            let last = mailboxes.last_event(feed)?;
            if last < place.after {
                book.follow(feed, Place { after: last, ..place }, &[])?;
            }
        }
        let smtp = settings.mail.as_ref().map(|mail| Smtp::new(mail.smtp.clone(), mail.from.email.domain()));
        let smtp = smtp.transpose().map_err(Error::Certificates)?;
        let messages = settings.messages.take().map(|messages| Arc::new(ArcSwap::from_pointee(messages)));
        Ok(Self(Arc::new(Inner {
            messages,
            tokens: Tokens::new(secret),
            book: Arc::new(book),
            smtp,
            settings,
            mailboxes,
            clock,
            server: Mutex::default(),
            pace: tokio::sync::Mutex::default(),
            figures: Figures::default(),
            is_closing: AtomicBool::new(false),
            under_way: AtomicUsize::new(0),
        })))
    }

    /// Follows the feeds and delivers what is due, for ever; messages go to `submit`.
    pub fn run(&self, submit: Option<Arc<dyn message::Submit>>) -> impl Future<Output = ()> + Send + 'static {
        let inner = Arc::clone(&self.0);
        async move {
            futures_util::join!(follow::run(&inner), deliver::run(&inner, submit));
        }
    }

    /// Begins nothing more, and waits for what is under way, a few seconds at most: what the mail server took is written down then, and not
    /// sent again at the next start.
    pub async fn close(&self) {
        self.0.is_closing.store(true, Ordering::Release);
        let until = Instant::now() + CLOSING;
        while self.0.under_way.load(Ordering::Acquire) > 0 && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// As whom messages go, which may change; none for no messages.
    pub fn messages(&self) -> Option<&Arc<ArcSwap<Messages>>> {
        self.0.messages.as_ref()
    }

    /// Other messages from now on. That there are some, or none, stays as it was at the start.
    pub fn know(&self, messages: Option<Messages>) {
        if let (Some(here), Some(messages)) = (&self.0.messages, messages) {
            here.store(Arc::new(messages));
        }
    }

    /// The ways that are set up.
    pub fn ways(&self) -> Ways {
        self.0.ways()
    }

    /// The book, for backups.
    pub fn book(&self) -> &Arc<Book> {
        &self.0.book
    }

    /// What waits and what was done since the start: names and numbers.
    pub fn figures(&self) -> Vec<(&'static str, u64)> {
        let is_away = self.0.server().until.is_some();
        self.0.figures.told(self.0.book.depths().unwrap_or_default(), is_away)
    }

    /// Whose notices a link stops, and to which address; none where it is no link of ours, or of a mail to an address that the holder has
    /// no more.
    pub fn stops(&self, token: &str) -> Option<(MailboxId, Box<str>)> {
        let named = self.0.tokens.open(Purpose::Unsubscribe, token)?;
        self.0.address_of(&named).ok().flatten().map(|address| (named.mailbox, address))
    }

    /// Reads a mail that came back; where it says that an address is none, no more e-mail goes there.
    pub async fn came_back(&self, mail: Bytes) -> Result<Returned, Trouble> {
        let inner = &self.0;
        let Some(at) = inner.settings.mail.as_ref().and_then(|mail| mail.bounces.as_ref()) else {
            return Ok(Returned::NotOurs);
        };
        let named = match bounce::read(&mail, at, &inner.tokens) {
            Came::Failed(named) => named,
            Came::Passing => return Ok(Returned::Passing),
            Came::NoReport => return Ok(Returned::NoReport),
            Came::NotOurs => return Ok(Returned::NotOurs),
        };
        let Some(address) = inner.address_of(&named)? else { return Ok(Returned::OtherAddress) };
        inner.give_up(named.mailbox, address).await?;
        Ok(Returned::TurnedOff)
    }
}

impl Inner {
    fn ways(&self) -> Ways {
        Ways { mail: self.smtp.is_some(), message: self.messages.is_some() }
    }

    fn server(&self) -> std::sync::MutexGuard<'_, Server> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The address that a token is of, if it is still the holder's.
    fn address_of(&self, named: &token::Named) -> Result<Option<Box<str>>, Trouble> {
        let email = self.mailboxes.mailbox(named.mailbox)?.preferences.email;
        Ok(email.filter(|email| self.tokens.was_to(named, email)))
    }

    /// No more e-mail goes to an address.
    async fn give_up(&self, mailbox: MailboxId, address: Box<str>) -> Result<(), Trouble> {
        self.mailboxes.change(Access::PROGRAM, mailbox, Change::EmailFails(address)).await?;
        Figures::add(&self.figures.bounced);
        Ok(())
    }

    /// Works with the book on a thread that may wait for the disk.
    async fn booked<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Book) -> Result<T, store::Error> + Send + 'static,
    ) -> Result<T, String> {
        let book = Arc::clone(&self.book);
        let done = tokio::task::spawn_blocking(move || work(&book)).await;
        done.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }
}
