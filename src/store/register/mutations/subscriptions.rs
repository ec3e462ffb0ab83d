//! Subscriptions to kinds of events: on disk by institution and kind, in memory for whoever asks.
//!
//! Invariant: what is in memory was durable before.
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use arc_swap::ArcSwap;
use estafette_actors::domain::mutation::{Kind, Subscription};
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::register::{Access, Deed, Trouble};

use super::super::super::codec;
use super::super::audit::{Audit, Line, Told};
use super::super::engine::{Draft, Engine};
use super::super::{SUBSCRIPTIONS, damaged};
use super::book::number;

/// Subscriptions of one institution at most.
const EACH: usize = 1_000;

/// By the number of the institution.
pub type Snapshot = HashMap<u32, BTreeMap<Kind, Subscription>>;

/// Those of all institutions.
pub struct Subscriptions(Arc<ArcSwap<Snapshot>>);

impl Subscriptions {
    /// Reads all of them.
    pub fn load(engine: &Engine) -> Result<Self, Trouble> {
        let (mut all, mut is_whole) = (Snapshot::new(), true);
        engine.scan(SUBSCRIPTIONS, &[], None, |key, value| {
            let read = key.split_first_chunk().zip(codec::decode::<Subscription>(value).ok());
            let Some(((owner, _), one)) = read else {
                is_whole = false;
                return ControlFlow::Break(());
            };
            all.entry(u32::from_be_bytes(*owner)).or_default().insert(one.kind, one);
            ControlFlow::Continue(())
        })?;
        if is_whole { Ok(Self(Arc::new(ArcSwap::from_pointee(all)))) } else { Err(damaged()) }
    }

    /// All, as they are now.
    pub fn all(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// Those of an institution, by kind.
    pub fn of(&self, owner: Institution) -> Vec<Subscription> {
        let all = self.0.load();
        all.get(&number(owner)).map(|theirs| theirs.values().cloned().collect()).unwrap_or_default()
    }

    /// Subscribes, or changes a subscription.
    pub fn put(
        &self,
        draft: &mut Draft<'_>,
        owner: Institution,
        mut subscription: Subscription,
    ) -> Result<(), Trouble> {
        subscription.types.sort_unstable();
        subscription.types.dedup();
        let key = key(owner, &subscription.kind);
        if draft.get(SUBSCRIPTIONS, &key)?.is_none() && count(draft, owner)? >= EACH {
            return Err(Trouble::Conflict("a register has 1000 subscriptions at most: end one that there is"));
        }
        draft.put(SUBSCRIPTIONS, &key, codec::encode(&subscription));
        self.change_after(draft, owner, move |theirs| {
            theirs.insert(subscription.kind, subscription);
        });
        Ok(())
    }

    /// Ends a subscription.
    pub fn remove(&self, draft: &mut Draft<'_>, owner: Institution, kind: &Kind) -> Result<(), Trouble> {
        let key = key(owner, kind);
        if draft.get(SUBSCRIPTIONS, &key)?.is_none() {
            return Err(Trouble::NotFound);
        }
        draft.remove(SUBSCRIPTIONS, &key);
        let kind = *kind;
        self.change_after(draft, owner, move |theirs| {
            theirs.remove(&kind);
        });
        Ok(())
    }

    fn change_after(
        &self,
        draft: &mut Draft<'_>,
        owner: Institution,
        change: impl FnOnce(&mut BTreeMap<Kind, Subscription>) + Send + 'static,
    ) {
        let all = Arc::clone(&self.0);
        draft.after(move || {
            // Only the writer thread comes here.
            let mut now = Snapshot::clone(&all.load());
            change(now.entry(number(owner)).or_default());
            all.store(Arc::new(now));
        });
    }
}

fn count(draft: &Draft<'_>, owner: Institution) -> Result<usize, Trouble> {
    let (from, until) = (number(owner).to_be_bytes(), (number(owner) + 1).to_be_bytes());
    let mut count = 0;
    draft.scan(SUBSCRIPTIONS, &from, Some(&until), |_, _| {
        count += 1;
        ControlFlow::Continue(())
    })?;
    Ok(count)
}

fn key(owner: Institution, kind: &Kind) -> Vec<u8> {
    [&number(owner).to_be_bytes(), kind.as_str().as_bytes()].concat()
}

/// Writes the line of a change.
pub fn audit(draft: &mut Draft<'_>, audit: &Audit, access: &Access, kind: Kind) -> Result<(), Trouble> {
    let lines = [Line { about: None, code: 1, outcome: 0 }];
    let (codes, outcomes) = ([kind], ["done"]);
    let deed = Deed::Subscribe;
    audit.write(draft, &Told { access, deed, register: None, codes: &codes, outcomes: &outcomes, lines: &lines })
}
