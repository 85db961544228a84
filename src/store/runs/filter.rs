//! A Bloom filter of sixteen bits a key in blocks of one cache line: one or two in a thousand absent keys cost a look
//! into a run, which may come from the disk, and every other key one line of memory.

/// Bits set by each key.
const PROBES: u32 = 7;

/// Bits for each key.
const BITS_A_KEY: usize = 16;

/// A key of a tag and a digest has at least so many bytes.
const DIGEST_KEY_BYTES: usize = 17;

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
        let block = (u128::from(key.block) * blocks) >> 64;
        usize::try_from(block).expect("filters fit in memory") * BLOCK_BYTES
    }
}

/// A key, hashed once for the filters of all runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hashed {
    block: u64,
    bits: u64,
}

impl Hashed {
    /// Most keys are a tag and a digest. The digest alone says in which block a key is, so that keys in ascending order
    /// fill the blocks in order.
    pub(super) fn of(key: &[u8]) -> Self {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let (chunks, rest) = key.as_chunks::<8>();
        for chunk in chunks {
            hash = mixed(hash ^ u64::from_be_bytes(*chunk));
        }
        for byte in rest {
            hash = mixed(hash ^ u64::from(*byte));
        }
        let digest = key.get(1..9).and_then(<[u8]>::first_chunk).filter(|_| key.len() >= DIGEST_KEY_BYTES);
        Self { block: digest.map_or(hash, |digest| u64::from_be_bytes(*digest)), bits: hash }
    }

    /// Byte within a block, and bit within it.
    fn probes(self) -> impl Iterator<Item = (usize, u8)> {
        let bits = mixed(self.bits);
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
