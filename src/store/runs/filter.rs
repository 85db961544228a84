//! A Bloom filter of about twelve bits a key in blocks of one cache line: two in a hundred absent keys cost a look into
//! a run, and every other key one line of memory.

/// Bits set by each key.
const PROBES: u32 = 6;

/// Bits for each key.
const BITS_A_KEY: usize = 12;

/// Bytes of a block.
const BLOCK_BYTES: usize = 64;

/// Says surely that a key is not in a run, or that it may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filter {
    /// Whole blocks.
    bits: Vec<u8>,
}

impl Filter {
    pub(super) fn with_capacity(keys: usize) -> Self {
        Self { bits: vec![0; (keys * BITS_A_KEY).div_ceil(8 * BLOCK_BYTES).max(1) * BLOCK_BYTES] }
    }

    /// `None` for bytes that are no whole blocks.
    pub(super) fn of_bytes(bits: Vec<u8>) -> Option<Self> {
        (bits.len().is_multiple_of(BLOCK_BYTES) && !bits.is_empty()).then_some(Self { bits })
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bits
    }

    pub(super) fn insert(&mut self, key: Hashed) {
        let start = self.block(key);
        for (byte, bit) in key.probes() {
            self.bits[start + byte] |= bit;
        }
    }

    pub(super) fn may_contain(&self, key: Hashed) -> bool {
        let block = &self.bits[self.block(key)..][..BLOCK_BYTES];
        key.probes().all(|(byte, bit)| block[byte] & bit != 0)
    }

    fn block(&self, key: Hashed) -> usize {
        let blocks = (self.bits.len() / BLOCK_BYTES) as u128;
        let block = (u128::from(key.0) * blocks) >> 64;
        usize::try_from(block).expect("filters fit in memory") * BLOCK_BYTES
    }
}

/// A key, hashed once for the filters of all runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hashed(u64);

impl Hashed {
    pub(super) fn of(key: &[u8]) -> Self {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let (chunks, rest) = key.as_chunks::<8>();
        for chunk in chunks {
            hash = mixed(hash ^ u64::from_be_bytes(*chunk));
        }
        for byte in rest {
            hash = mixed(hash ^ u64::from(*byte));
        }
        Self(hash)
    }

    /// Byte within a block, and bit within it. Which block it is says nothing of them.
    fn probes(self) -> impl Iterator<Item = (usize, u8)> {
        let bits = mixed(self.0);
        (0..PROBES).map(move |probe| {
            let bit = (bits >> (9 * probe)) & 511;
            (usize::try_from(bit / 8).expect("nine bits"), 1 << (bit % 8))
        })
    }
}

/// The end of SplitMix64.
const fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
