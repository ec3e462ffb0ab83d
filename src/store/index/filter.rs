//! A filter that tells without the disk that a run does not hold a hash.
//!
//! Invariant: it never says no of a hash that was added. It says yes of about one in a hundred others.
//!
//! It is the split block Bloom filter of Apache Parquet (its specification: "Bloom Filter"): one look-up touches one
//! block of 32 bytes, so one line of the processor's cache, however many runs there are.

/// Bits of memory for an entry.
const BITS_PER_ENTRY: usize = 10;
const WORDS: usize = 8;
/// Bytes of a block.
pub const BLOCK_BYTES: usize = WORDS * size_of::<u32>();
/// From the specification: odd numbers that make eight independent bits of one.
const SALT: [u32; WORDS] =
    [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];

type Block = [u32; WORDS];

/// The filter of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    blocks: Vec<Block>,
}

impl Filter {
    /// An empty filter with room for `entries`. More make it say yes more often, never wrongly no.
    pub fn with_room_for(entries: usize) -> Self {
        Self { blocks: vec![Block::default(); Self::bytes_for(entries as u64) / BLOCK_BYTES] }
    }

    /// Bytes of memory that a filter with room for `entries` takes.
    pub fn bytes_for(entries: u64) -> usize {
        (entries as usize * BITS_PER_ENTRY).div_ceil(BLOCK_BYTES * 8).max(1) * BLOCK_BYTES
    }

    /// Adds a hash.
    pub fn add(&mut self, hash: u64) {
        let at = self.place(hash);
        for (word, bit) in self.blocks[at].iter_mut().zip(bits(hash)) {
            *word |= bit;
        }
    }

    /// Whether the hash may have been added: no is certain.
    pub fn may_hold(&self, hash: u64) -> bool {
        self.blocks[self.place(hash)].iter().zip(bits(hash)).all(|(word, bit)| word & bit != 0)
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        self.blocks.len() * BLOCK_BYTES
    }

    /// As it is kept on disk: the words, least significant byte first.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.blocks.iter().flatten().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// From [`Self::to_bytes`]; `None` when that isn't whole blocks.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() || !bytes.len().is_multiple_of(BLOCK_BYTES) {
            return None;
        }
        let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
        let block = |bytes: &[u8]| {
            let mut block = Block::default();
            for (to, from) in block.iter_mut().zip(bytes.chunks_exact(size_of::<u32>())) {
                *to = word(from);
            }
            block
        };
        Some(Self { blocks: bytes.chunks_exact(BLOCK_BYTES).map(block).collect() })
    }

    /// The upper half of the hash chooses the block, the lower half its bits.
    fn place(&self, hash: u64) -> usize {
        (((hash >> 32) * self.blocks.len() as u64) >> 32) as usize
    }
}

fn bits(hash: u64) -> impl Iterator<Item = u32> {
    SALT.iter().map(move |salt| 1 << ((hash as u32).wrapping_mul(*salt) >> 27))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_added_is_never_denied_not_even_after_the_disk(
            hashes in proptest::collection::vec(any::<u64>(), 0..2000), room in 0_usize..4000,
        ) {
            let mut filter = Filter::with_room_for(room);
            for hash in &hashes {
                filter.add(*hash);
            }
            let again = Filter::from_bytes(&filter.to_bytes()).unwrap();
            prop_assert_eq!(&again, &filter);
            prop_assert!(hashes.iter().all(|hash| again.may_hold(*hash)));
        }
    }

    #[test]
    fn of_what_was_not_added_about_one_in_a_hundred_is_let_through() {
        // Well mixed numbers in a fixed order: those added and those asked for don't overlap.
        let mixed = |n: u64| {
            let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            n ^ (n >> 31)
        };
        let mut filter = Filter::with_room_for(100_000);
        (1..=100_000).for_each(|n| filter.add(mixed(n)));
        let wrong = (100_001..=200_000).filter(|n| filter.may_hold(mixed(*n))).count();
        assert!((200..2000).contains(&wrong), "{wrong} of 100,000");
    }

    #[test]
    fn its_form_on_disk_stays_what_it_was() {
        let mut filter = Filter::with_room_for(1);
        filter.add(0x0123_4567_89ab_cdef);
        #[rustfmt::skip]
        let bytes = [
            0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x00, 0x40, 0x00, 0x00, 0x80, 0x00,
            0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,
        ];
        assert_eq!(filter.to_bytes(), bytes);
        assert_eq!(Filter::from_bytes(&[0; 31]), None);
        assert_eq!(Filter::from_bytes(&[]), None);
    }
}
