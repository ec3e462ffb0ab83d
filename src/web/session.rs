//! Who is signed in.
//!
//! A session is known by 256 random bits in a cookie; what it is about is here, in memory, bounded. So nothing of a person is in the browser, a
//! sign-out is final, and a list of enterprises may be long. A restart ends all sessions: the provider still knows who signed in, and one
//! step brings them back. Invariant: a session ends after its idle time and after its absolute time, whichever is first.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::mailbox::MailboxId;
use estafette_actors::domain::mailbox::reference::RefId;
use estafette_actors::domain::niss::Niss;
use estafette_actors::ports::mailbox::Rights;

/// Between two times that a holder is noted to have looked.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// An enterprise for which somebody may read.
#[derive(Clone, PartialEq, Eq)]
pub struct Enterprise {
    /// Its number.
    pub cbe: Cbe,
    /// Its name, as the sign-in gave it.
    pub name: Option<Box<str>>,
    /// Which rights the person has there.
    pub rights: Vec<RefId>,
}

/// Who signed in, as the provider said.
#[derive(Clone)]
pub struct Identity {
    /// The person.
    pub niss: Niss,
    /// A name for people.
    pub name: Box<str>,
    /// For whom else they may read.
    pub enterprises: Vec<Enterprise>,
    /// What the provider wants to see when they sign out.
    pub id_token: Box<str>,
}

impl Identity {
    /// Whether this person may read there, and what.
    pub fn rights(&self, mailbox: MailboxId) -> Option<Rights> {
        match mailbox {
            MailboxId::Citizen(niss) => (niss == self.niss).then_some(Rights::All),
            MailboxId::Enterprise(_) => Some(Rights::Only(self.enterprise(mailbox)?.rights.clone())),
        }
    }

    /// The enterprise of a mailbox.
    pub fn enterprise(&self, mailbox: MailboxId) -> Option<&Enterprise> {
        self.enterprises.iter().find(|one| MailboxId::Enterprise(one.cbe) == mailbox)
    }
}

struct Session {
    identity: Arc<Identity>,
    mailbox: Option<MailboxId>,
    forms: [u8; 32],
    began: Instant,
    used: Instant,
    looked: Option<Instant>,
}

/// A session as one request sees it.
#[derive(Clone)]
pub struct Signed {
    /// Who.
    pub identity: Arc<Identity>,
    /// In which mailbox; none before one was chosen.
    pub mailbox: Option<MailboxId>,
    id: Box<str>,
    forms: [u8; 32],
}

impl Signed {
    /// What the forms of this session, and of the mailbox that is chosen in it, carry: a form of another mailbox is out of date.
    pub fn token(&self) -> String {
        let mailbox = self.mailbox.map_or([0; 9], |mailbox| {
            let mut some = [1; 9];
            some[1..].copy_from_slice(&mailbox.key().to_be_bytes());
            some
        });
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.forms), &mailbox);
        URL_SAFE_NO_PAD.encode(&tag.as_ref()[..24])
    }

    /// Whether a form carries it.
    pub fn is_token(&self, given: &str) -> bool {
        verify_slices_are_equal(self.token().as_bytes(), given.as_bytes()).is_ok()
    }
}

/// All sessions.
pub struct Sessions {
    known: Mutex<HashMap<Box<str>, Session>>,
    idle: Duration,
    absolute: Duration,
    most: usize,
}

impl Sessions {
    /// Within their bounds.
    pub fn new(idle: Duration, absolute: Duration, most: usize) -> Self {
        Self { known: Mutex::default(), idle, absolute, most: most.max(1) }
    }

    /// Begins one, and gives what its cookie says.
    pub fn begin(&self, identity: Identity, mailbox: Option<MailboxId>, now: Instant) -> String {
        let id = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        let session = Session {
            identity: Arc::new(identity),
            mailbox,
            forms: rand::random(),
            began: now,
            used: now,
            looked: None,
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= self.most {
            known.retain(|_, session| self.lives(session, now));
        }
        if known.len() >= self.most {
            let oldest = known.iter().min_by_key(|(_, session)| session.used).map(|(id, _)| id.clone());
            oldest.and_then(|id| known.remove(&id));
        }
        known.insert(id.clone().into(), session);
        id
    }

    /// The session of a cookie, which is used with this.
    pub fn used(&self, id: &str, now: Instant) -> Option<Signed> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let session = known.get_mut(id)?;
        if !self.lives(session, now) {
            known.remove(id);
            return None;
        }
        session.used = now;
        let identity = Arc::clone(&session.identity);
        Some(Signed { identity, mailbox: session.mailbox, id: id.into(), forms: session.forms })
    }

    /// Another mailbox is read from now on.
    pub fn choose(&self, signed: &Signed, mailbox: MailboxId) {
        self.change(signed, |session| (session.mailbox, session.looked) = (Some(mailbox), None));
    }

    /// Whether it is time to note that the holder looked.
    pub fn looks(&self, signed: &Signed, now: Instant) -> bool {
        self.change(signed, |session| {
            let is_due = session.looked.is_none_or(|last| now.saturating_duration_since(last) >= LOOK_EVERY);
            if is_due {
                session.looked = Some(now);
            }
            is_due
        })
        .unwrap_or(false)
    }

    /// Ends one, for good.
    pub fn end(&self, signed: &Signed) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(&signed.id);
    }

    /// How many there are, with those that ended by themselves and were not looked for since.
    pub fn count(&self) -> usize {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn change<T>(&self, signed: &Signed, change: impl FnOnce(&mut Session) -> T) -> Option<T> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&signed.id).map(change)
    }

    fn lives(&self, session: &Session, now: Instant) -> bool {
        now.saturating_duration_since(session.used) < self.idle
            && now.saturating_duration_since(session.began) < self.absolute
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn somebody() -> Identity {
        let cbe = Cbe::parse("0403019261").unwrap();
        let enterprise = Enterprise { cbe, name: Some("Zaventem".into()), rights: vec![RefId::parse("tax").unwrap()] };
        let niss = Niss::parse("85073003328", jiff::civil::date(2026, 11, 28)).unwrap();
        Identity { niss, name: "An Example".into(), enterprises: vec![enterprise], id_token: "".into() }
    }

    #[test]
    fn a_session_ends_when_it_is_not_used_and_when_its_time_is_over() {
        let minutes = |n: u64| Duration::from_secs(n * 60);
        let (sessions, start) = (Sessions::new(minutes(15), minutes(60), 10), Instant::now());
        let id = sessions.begin(somebody(), None, start);
        assert!(sessions.used(&id, start + minutes(14)).is_some());
        assert!(sessions.used(&id, start + minutes(28)).is_some());
        assert!(sessions.used(&id, start + minutes(43)).is_none(), "not used for 15 minutes");
        assert!(sessions.used(&id, start + minutes(43)).is_none());
        let id = sessions.begin(somebody(), None, start);
        for minute in (10..60).step_by(10) {
            assert!(sessions.used(&id, start + minutes(minute)).is_some());
        }
        assert!(sessions.used(&id, start + minutes(60)).is_none(), "used all the time, and over all the same");
        assert_eq!(sessions.count(), 0);
        assert!(sessions.used("", start).is_none());
    }

    #[test]
    fn a_form_of_another_mailbox_or_session_is_refused() {
        let (sessions, now) = (Sessions::new(Duration::from_secs(60), Duration::from_secs(60), 10), Instant::now());
        let own = MailboxId::Citizen(somebody().niss);
        let id = sessions.begin(somebody(), Some(own), now);
        let before = sessions.used(&id, now).unwrap();
        assert!(before.is_token(&before.token()) && !before.is_token(""));
        sessions.choose(&before, MailboxId::Enterprise(somebody().enterprises[0].cbe));
        let after = sessions.used(&id, now).unwrap();
        assert!(!after.is_token(&before.token()));
        let other = sessions.used(&sessions.begin(somebody(), after.mailbox, now), now).unwrap();
        assert!(!other.is_token(&after.token()));
        sessions.end(&after);
        assert!(sessions.used(&id, now).is_none() && sessions.count() == 1);
    }

    #[test]
    fn above_the_bound_the_session_that_was_not_used_for_longest_goes() {
        let (sessions, now) = (Sessions::new(Duration::from_secs(60), Duration::from_secs(60), 2), Instant::now());
        let [first, second] = [(); 2].map(|()| sessions.begin(somebody(), None, now));
        sessions.used(&first, now + Duration::from_secs(1));
        let third = sessions.begin(somebody(), None, now + Duration::from_secs(2));
        let at = now + Duration::from_secs(3);
        assert_eq!([&first, &second, &third].map(|id| sessions.used(id, at).is_some()), [true, false, true]);
    }

    #[test]
    fn somebody_reads_in_their_own_mailbox_all_and_for_an_enterprise_what_their_rights_say() {
        let somebody = somebody();
        assert_eq!(somebody.rights(MailboxId::Citizen(somebody.niss)), Some(Rights::All));
        let own = Rights::Only(vec![RefId::parse("tax").unwrap()]);
        assert_eq!(somebody.rights(MailboxId::Enterprise(somebody.enterprises[0].cbe)), Some(own));
        assert_eq!(somebody.rights(MailboxId::Enterprise(Cbe::parse("0206731645").unwrap())), None);
        let other = Niss::parse("17073003384", jiff::civil::date(2026, 11, 28)).unwrap();
        assert_eq!(somebody.rights(MailboxId::Citizen(other)), None);
    }
}
