//! Max-min shares among those who compete for one thing: start-time fair queueing (Goyal, Vin and Cheng, 1996), with costs
//! in parts. Pure.
//!
//! Each member has a tag: the parts that it was served, on a scale that all share. The one with the least tag is next. A
//! member that comes back takes the least tag of those who stayed, never less: who was idle, or kept back by a limit of its
//! own, earns no credit, and what it left was the others'.
//!
//! A member may be backlogged and have nothing in hand, because its next page is being read from disk. It keeps its tag
//! meanwhile, and the others may not go further ahead of it than a lead, so that what is read first does not decide who is
//! served more.
use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

/// Where a member stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has something that may go.
    Ready,
    /// It has something on disk, and nothing in hand: others wait for it within the lead.
    Reading,
    /// Nothing of it may go.
    Idle,
}

#[derive(Debug)]
struct Member {
    tag: u64,
    standing: Standing,
}

/// Who is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next<K> {
    /// This member.
    Member(K),
    /// One whose page is being read: all that is in hand is too far ahead of it.
    Reading,
    /// Nobody.
    Nobody,
}

/// Members and their tags. Each operation takes time logarithmic in their number.
#[derive(Debug)]
pub struct Fair<K> {
    members: HashMap<K, Member>,
    ready: BTreeSet<(u64, K)>,
    reading: BTreeSet<(u64, K)>,
    /// The greatest tag at which anybody was served: where the scale stands when nobody is backlogged.
    served_at: u64,
}

impl<K> Default for Fair<K> {
    fn default() -> Self {
        Self { members: HashMap::new(), ready: BTreeSet::new(), reading: BTreeSet::new(), served_at: 0 }
    }
}

impl<K: Copy + Ord + Hash> Fair<K> {
    /// The tag of whoever is backlogged and was served least.
    fn least(&self) -> Option<u64> {
        let first = |set: &BTreeSet<(u64, K)>| set.first().map(|(tag, _)| *tag);
        first(&self.ready).into_iter().chain(first(&self.reading)).min()
    }

    /// A member stands there from now on.
    pub fn stand(&mut self, key: K, standing: Standing) {
        let now = self.least().unwrap_or(self.served_at);
        let member = self.members.entry(key).or_insert(Member { tag: 0, standing: Standing::Idle });
        if member.standing == standing {
            return;
        }
        match member.standing {
            Standing::Ready => self.ready.remove(&(member.tag, key)),
            Standing::Reading => self.reading.remove(&(member.tag, key)),
            Standing::Idle => {
                member.tag = member.tag.max(now);
                false
            }
        };
        member.standing = standing;
        match standing {
            Standing::Ready => self.ready.insert((member.tag, key)),
            Standing::Reading => self.reading.insert((member.tag, key)),
            Standing::Idle => false,
        };
    }

    /// Who is next, when nobody may be further ahead than `lead` of one that is being read for.
    pub fn next(&self, lead: u64) -> Next<K> {
        match (self.ready.first(), self.reading.first()) {
            (None, None) => Next::Nobody,
            (None, Some(_)) => Next::Reading,
            (Some((tag, _)), Some((least, _))) if *tag > least.saturating_add(lead) => Next::Reading,
            (Some((_, key)), _) => Next::Member(*key),
        }
    }

    /// A member was served something of this cost.
    pub fn served(&mut self, key: K, cost: u64) {
        let Some(member) = self.members.get_mut(&key) else { return };
        let before = member.tag;
        member.tag = before.saturating_add(cost);
        self.served_at = self.served_at.max(member.tag);
        let set = match member.standing {
            Standing::Ready => &mut self.ready,
            Standing::Reading => &mut self.reading,
            Standing::Idle => return,
        };
        set.remove(&(before, key));
        set.insert((member.tag, key));
    }

    /// Nothing more is kept of a member.
    pub fn forget(&mut self, key: K) {
        self.stand(key, Standing::Idle);
        self.members.remove(&key);
    }

    /// Those who are backlogged, the one that was served least first.
    pub fn backlogged(&self) -> impl Iterator<Item = K> + '_ {
        let (mut ready, mut reading) = (self.ready.iter().peekable(), self.reading.iter().peekable());
        std::iter::from_fn(move || {
            let from_ready = match (ready.peek(), reading.peek()) {
                (Some(one), Some(other)) => one <= other,
                (one, _) => one.is_some(),
            };
            if from_ready { ready.next() } else { reading.next() }.map(|(_, key)| *key)
        })
    }

    /// How many are backlogged.
    pub fn crowd(&self) -> usize {
        self.ready.len() + self.reading.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Serves `picks` of the members' costs and gives what each got.
    fn serve(fair: &mut Fair<u8>, costs: &[u64], picks: usize) -> Vec<u64> {
        let mut got = vec![0; costs.len()];
        for _ in 0..picks {
            let Next::Member(key) = fair.next(0) else { panic!("somebody is ready") };
            got[usize::from(key)] += costs[usize::from(key)];
            fair.served(key, costs[usize::from(key)]);
        }
        got
    }

    #[test]
    fn shares_are_of_parts_and_not_of_messages() {
        let mut fair = Fair::default();
        (0..3).for_each(|key| fair.stand(key, Standing::Ready));
        let got = serve(&mut fair, &[1, 2, 8], 1_300);
        assert!(got.iter().max().unwrap() - got.iter().min().unwrap() <= 8, "{got:?}");
    }

    #[test]
    fn whoever_was_idle_earns_no_credit_and_gains_none_by_leaving() {
        let mut fair = Fair::default();
        (0..2).for_each(|key| fair.stand(key, Standing::Ready));
        fair.stand(1, Standing::Idle);
        serve(&mut fair, &[1, 1], 1_000);
        fair.stand(1, Standing::Ready);
        assert_eq!(serve(&mut fair, &[1, 1], 100), [50, 50]);
        // One long message, gone and back: it waits for its turn all the same.
        fair.served(1, 40);
        fair.stand(1, Standing::Idle);
        fair.stand(1, Standing::Ready);
        assert_eq!(serve(&mut fair, &[1, 1], 40), [40, 0]);
    }

    #[test]
    fn whose_page_is_being_read_is_not_left_behind() {
        let mut fair = Fair::default();
        (0..2).for_each(|key| fair.stand(key, Standing::Ready));
        fair.stand(1, Standing::Reading);
        let mut ahead = 0;
        while fair.next(8) == Next::Member(0) {
            fair.served(0, 1);
            ahead += 1;
        }
        assert_eq!((ahead, fair.next(8)), (9, Next::Reading));
        assert_eq!(fair.backlogged().collect::<Vec<_>>(), [1, 0]);
        fair.stand(1, Standing::Ready);
        assert_eq!(serve(&mut fair, &[1, 1], 9), [0, 9]);
    }
}
