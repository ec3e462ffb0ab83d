//! What the operator looks at across institutions: broadcasts, and the tail of the feed.
use estafette_actors::domain::fact::Fact;
use estafette_actors::domain::id::BroadcastId;
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::{BroadcastView, Position};

use super::layout::BROADCAST_STATE;
use super::look::Look;
use super::{Error, Inner, codec};

/// Broadcasts and facts read at once, at most.
const MOST: usize = 1_000;

/// Why reading the feed ends early.
enum Stop {
    Enough,
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Inner {
    /// Broadcasts before `before`, the newest first.
    pub fn broadcast_views(
        &self,
        owner: Option<Institution>,
        before: Option<BroadcastId>,
        limit: usize,
    ) -> Result<Vec<BroadcastView>, Error> {
        let before = before.map_or(u128::MAX, BroadcastId::as_u128);
        let limit = limit.clamp(1, MOST);
        let mut ids: Vec<u128> = self.broadcasts.known.iter().map(|info| info.key().as_u128()).collect();
        ids.retain(|id| *id < before);
        {
            // Of those on disk as many as all could come from there.
            let look = Look::open(self)?;
            let table = look.derived().open_table(BROADCAST_STATE)?;
            for entry in table.range(..before)?.rev().take(MOST) {
                ids.push(entry?.0.value());
            }
        }
        ids.sort_unstable_by(|a, b| b.cmp(a));
        ids.dedup();
        let mut views = Vec::new();
        for id in ids {
            if views.len() == limit {
                break;
            }
            views.extend(self.broadcast_view(owner, BroadcastId::from_u128(id))?);
        }
        Ok(views)
    }

    /// Facts after `after`, of everybody.
    pub fn tail(&self, after: Position, limit: usize) -> Result<Vec<(Position, Fact)>, Error> {
        let limit = limit.clamp(1, MOST);
        let mut facts = Vec::new();
        let read = self.segments.reader().each_after(after, |position, packed| {
            if facts.len() >= limit {
                return Err(Stop::Enough);
            }
            let institution = packed.institution;
            for codec::Group { subject, at, changes } in packed.groups {
                let fact = |change| Fact { institution, subject: subject.clone(), at, change };
                facts.extend(changes.into_iter().map(|change| (position, fact(change))));
            }
            Ok(())
        });
        match read {
            Ok(()) | Err(Stop::Enough) => Ok(facts),
            Err(Stop::Failed(error)) => Err(error),
        }
    }
}
