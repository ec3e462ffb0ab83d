//! Who gets a mutation: the institutions that have the NISS in their register, and those that got the right to its mutations.
//!
//! Invariant: nobody gets the mutation of a NISS that neither stands in his register nor in a type that its owner opened to him; and
//! nobody gets an event of a kind that he did not subscribe to.
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::mutation::{Change, Kind};
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::register::Trouble;
use jiff::civil::Date;

use super::super::engine::{Draft, Engine};
use super::super::rows::{self, Row};
use super::super::types::{Known, Types};
use super::super::{ROWS, damaged, dossiers};
use super::subscriptions::Snapshot;

/// A register.
struct Owner {
    number: u32,
    known: Arc<Known>,
    /// The institutions that get the mutations of a type beside its owner, by the type's number.
    open: HashMap<u16, Vec<u32>>,
}

/// All registers, as they are now.
pub struct Holders {
    owners: Vec<Owner>,
    subscriptions: Arc<Snapshot>,
}

impl Holders {
    pub fn new(types: &Types, subscriptions: Arc<Snapshot>) -> Self {
        let owner = |number: u32| {
            let known = types.of(Institution(Cbe::from_trusted_u32(number)))?;
            let mut open: HashMap<u16, Vec<u32>> = HashMap::new();
            for one in known.types.iter() {
                let partners = one.rights.iter().filter(|(_, rights)| rights.mutations);
                let partners: Vec<u32> = partners.map(|(partner, _)| partner.as_u32()).collect();
                if let (Some(type_number), false) = (known.number(&one.code), partners.is_empty()) {
                    open.insert(type_number, partners);
                }
            }
            Some(Owner { number, known, open })
        };
        Self { owners: types.owners().into_iter().filter_map(owner).collect(), subscriptions }
    }

    /// Those who get a mutation; `read` gives the rows of a NISS in a register.
    pub fn of(
        &self,
        mut read: impl FnMut(u32, Niss) -> Result<Vec<Row>, Trouble>,
        niss: Niss,
        on: Date,
        change: &Change,
    ) -> Result<BTreeSet<u32>, Trouble> {
        let mut to = BTreeSet::new();
        for owner in &self.owners {
            let mut rows = read(owner.number, niss)?;
            match change {
                Change::Event { kind, .. } => {
                    rows.retain(|row| row.period.contains(on));
                    self.subscribed(owner, &rows, kind, &mut to);
                    continue;
                }
                // Its rows went there when it was replaced.
                Change::Restored { from } => rows.extend(read(owner.number, *from)?),
                Change::Replaced { .. } | Change::Cancelled | Change::Identified { .. } => {}
            }
            if !rows.is_empty() {
                to.insert(owner.number);
                to.extend(partners(owner, &rows));
            }
        }
        Ok(to)
    }

    /// Those who subscribed to a kind, of these rows.
    fn subscribed(&self, owner: &Owner, rows: &[Row], kind: &Kind, to: &mut BTreeSet<u32>) {
        if rows.is_empty() {
            return;
        }
        let subscription = |institution: u32| self.subscriptions.get(&institution)?.get(kind);
        if let Some(own) = subscription(owner.number) {
            let named = |row: &Row| own.types.iter().any(|code| owner.known.number(code) == Some(row.number));
            if own.types.is_empty() || rows.iter().any(named) {
                to.insert(owner.number);
            }
        }
        // The types that a partner can name are its own: another's counts for it when it named none.
        let in_any = |partner: &u32| subscription(*partner).is_some_and(|theirs| theirs.types.is_empty());
        to.extend(partners(owner, rows).filter(in_any));
    }
}

fn partners(owner: &Owner, rows: &[Row]) -> impl Iterator<Item = u32> {
    rows.iter().filter_map(|row| owner.open.get(&row.number)).flatten().copied()
}

/// The rows of a NISS in a register, as the last durable change left them.
pub fn read(engine: &Engine, owner: u32, niss: Niss) -> Result<Vec<Row>, Trouble> {
    let key = rows::key(owner, niss.as_u64());
    let unpack = |value: Option<&[u8]>| value.map_or(Some(Vec::new()), rows::unpack);
    engine.with(ROWS, &key, unpack)?.ok_or_else(damaged)
}

/// The same as a change sees them.
pub fn read_in(draft: &Draft<'_>, owner: u32, niss: Niss) -> Result<Vec<Row>, Trouble> {
    dossiers::read(draft, &rows::key(owner, niss.as_u64()))
}
