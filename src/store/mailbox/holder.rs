//! What is known of mailboxes as such: whether they are active, what holders want, and whom they let read.
//!
//! When a holder looked in is written late, with the next commit: it is the only thing that a kill may take back.
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use estafette_actors::domain::mailbox::{CONSENTS, Consent, Mailbox, MailboxId, Notice, Preferences};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::mailbox::{Change, Deed, Trouble};

use super::super::codec;
use super::super::engine::{Draft, Engine};
use super::{MAILBOXES, damaged};

/// When holders looked in, and it is not written yet.
#[derive(Default)]
pub struct Consulted(Mutex<HashMap<u64, Timestamp>>);

impl Consulted {
    fn memory(&self) -> MutexGuard<'_, HashMap<u64, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes it to be written; gives whether it is the first that waits. With so many waiting it is let go.
    pub fn note(&self, id: MailboxId, at: Timestamp, most: usize) -> bool {
        let mut waiting = self.memory();
        if waiting.len() < most {
            waiting.insert(id.key(), at);
        }
        waiting.len() == 1
    }

    /// Writes what waits.
    pub fn write(&self, draft: &mut Draft<'_>) -> Result<(), Trouble> {
        let waiting = std::mem::take(&mut *self.memory());
        for (key, at) in waiting {
            let mut mailbox = drafted(draft, key)?;
            mailbox.consulted_at = mailbox.consulted_at.max(Some(at));
            draft.put(MAILBOXES, &key.to_be_bytes(), codec::encode(&mailbox));
        }
        Ok(())
    }
}

fn decode(found: Option<&[u8]>) -> Result<Mailbox, Trouble> {
    found.map_or(Ok(Mailbox::default()), |bytes| codec::decode(bytes).map_err(|_| damaged()))
}

/// What is known of a mailbox, on the writer thread.
pub fn drafted(draft: &Draft<'_>, key: u64) -> Result<Mailbox, Trouble> {
    decode(draft.get(MAILBOXES, &key.to_be_bytes())?.as_deref())
}

/// What is known of a mailbox.
pub fn get(engine: &Engine, consulted: &Consulted, id: MailboxId) -> Result<Mailbox, Trouble> {
    let waiting = consulted.memory().get(&id.key()).copied();
    let mut mailbox = engine.with(MAILBOXES, &id.key().to_be_bytes(), decode)??;
    mailbox.consulted_at = mailbox.consulted_at.max(waiting);
    Ok(mailbox)
}

/// Whether somebody reads it digitally.
pub fn is_active(engine: &Engine, id: MailboxId) -> Result<bool, Trouble> {
    Ok(engine.with(MAILBOXES, &id.key().to_be_bytes(), decode)??.is_active())
}

/// Changes a mailbox; gives what is so now, and what the trail says of it.
pub fn change(
    draft: &mut Draft<'_>,
    id: MailboxId,
    change: Change,
    now: Timestamp,
) -> Result<(Mailbox, Option<Deed>, &'static str), Trouble> {
    let before = drafted(draft, id.key())?;
    let mut mailbox = before.clone();
    let deed = apply(&mut mailbox, change, now)?;
    let is_news = mailbox != before;
    if is_news {
        draft.put(MAILBOXES, &id.key().to_be_bytes(), codec::encode(&mailbox));
    }
    Ok((mailbox, deed, if is_news { "done" } else { "nothing" }))
}

fn apply(mailbox: &mut Mailbox, change: Change, now: Timestamp) -> Result<Option<Deed>, Trouble> {
    Ok(Some(match change {
        Change::Activate(preferences) => {
            mailbox.active_since.get_or_insert(now);
            prefer(mailbox, preferences);
            Deed::Activate
        }
        Change::Deactivate => {
            mailbox.active_since = None;
            Deed::Deactivate
        }
        Change::Prefer(preferences) => {
            prefer(mailbox, preferences);
            Deed::Prefer
        }
        Change::Consent(portal) => {
            let consents = &mut mailbox.consents;
            match consents.iter().position(|one| one.portal == portal) {
                Some(place) if consents[place].withdrawn_at.is_none() => {}
                Some(place) => consents[place] = Consent { portal, given_at: now, withdrawn_at: None },
                None if consents.len() >= CONSENTS => {
                    let full = "100 portals have had a consent in this mailbox, which is the most: withdraw one to one of them";
                    return Err(Trouble::TooMany(full));
                }
                None => consents.push(Consent { portal, given_at: now, withdrawn_at: None }),
            }
            consents.sort_unstable_by(|one, other| one.portal.cmp(&other.portal));
            Deed::Consent
        }
        Change::Withdraw(portal) => {
            if let Some(one) = mailbox.consents.iter_mut().find(|one| one.portal == portal) {
                one.withdrawn_at.get_or_insert(now);
            }
            Deed::Withdraw
        }
        Change::EmailFails(address) => {
            let preferences = &mut mailbox.preferences;
            preferences.email_fails |= preferences.email.as_ref() == Some(&address);
            Deed::Prefer
        }
        // The holder may have given another one meanwhile.
        Change::StopNotices(address) => {
            let preferences = &mut mailbox.preferences;
            if preferences.email.as_ref() == Some(&address) {
                preferences.notice = Notice::None;
            }
            Deed::Prefer
        }
        Change::Consulted => {
            mailbox.consulted_at = mailbox.consulted_at.max(Some(now));
            return Ok(None);
        }
    }))
}

/// An address to which nothing came through is tried again only when another was given.
fn prefer(mailbox: &mut Mailbox, preferences: Preferences) {
    let known = &mailbox.preferences;
    let email_fails = known.email_fails && known.email == preferences.email;
    mailbox.preferences = Preferences { email_fails, ..preferences };
}

#[cfg(test)]
mod tests {
    use estafette_actors::domain::mailbox::ClientId;

    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn an_address_that_fails_does_so_until_another_is_given() {
        let mut mailbox = Mailbox::default();
        let wants = |email: &str| Preferences { email: Some(email.into()), ..Preferences::default() };
        apply(&mut mailbox, Change::Activate(wants("a@example.org")), at(1)).unwrap();
        apply(&mut mailbox, Change::EmailFails("b@example.org".into()), at(2)).unwrap();
        assert!(!mailbox.preferences.email_fails);
        apply(&mut mailbox, Change::EmailFails("a@example.org".into()), at(2)).unwrap();
        apply(&mut mailbox, Change::Prefer(wants("a@example.org")), at(3)).unwrap();
        assert!(mailbox.preferences.email_fails && mailbox.active_since == Some(at(1)));
        apply(&mut mailbox, Change::Prefer(wants("b@example.org")), at(4)).unwrap();
        assert!(!mailbox.preferences.email_fails);
        apply(&mut mailbox, Change::Activate(wants("b@example.org")), at(5)).unwrap();
        assert_eq!(mailbox.active_since, Some(at(1)));
        apply(&mut mailbox, Change::Deactivate, at(6)).unwrap();
        assert!(!mailbox.is_active());
    }

    #[test]
    fn a_link_stops_notices_to_its_address_and_changes_nothing_else() {
        let wanted = |email: &str| Preferences {
            email: Some(email.into()),
            notice: Notice::Email,
            exclusively_digital: true,
            ..Preferences::default()
        };
        let mut mailbox = Mailbox { preferences: wanted("new@example.org"), ..Mailbox::default() };
        apply(&mut mailbox, Change::StopNotices("old@example.org".into()), at(1)).unwrap();
        assert_eq!(mailbox.preferences, wanted("new@example.org"));
        apply(&mut mailbox, Change::StopNotices("new@example.org".into()), at(1)).unwrap();
        assert_eq!(mailbox.preferences, Preferences { notice: Notice::None, ..wanted("new@example.org") });
    }

    #[test]
    fn a_consent_stands_until_it_is_withdrawn_and_a_hundred_portals_are_the_most() {
        let mut mailbox = Mailbox::default();
        let portal = |n: usize| ClientId::parse(&format!("p{n}")).unwrap();
        for n in 0..CONSENTS {
            apply(&mut mailbox, Change::Consent(portal(n)), at(1)).unwrap();
        }
        apply(&mut mailbox, Change::Withdraw(portal(5)), at(2)).unwrap();
        apply(&mut mailbox, Change::Withdraw(portal(5)), at(3)).unwrap();
        let consent = |mailbox: &Mailbox| mailbox.consents.iter().find(|one| one.portal == portal(5)).unwrap().clone();
        assert_eq!(consent(&mailbox).withdrawn_at, Some(at(2)));
        assert!(matches!(apply(&mut mailbox, Change::Consent(portal(100)), at(4)), Err(Trouble::TooMany(_))));
        apply(&mut mailbox, Change::Consent(portal(5)), at(4)).unwrap();
        assert_eq!((consent(&mailbox).given_at, consent(&mailbox).withdrawn_at), (at(4), None));
    }
}
