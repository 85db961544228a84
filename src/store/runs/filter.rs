//! A Bloom filter of about ten bits a key: one in a hundred absent keys costs a look into a run.

/// Bits set by each key.
const PROBES: u64 = 7;

/// Says surely that a key is not in a run, or that it may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filter {
    bits: Vec<u8>,
}

impl Filter {
    pub(super) fn with_capacity(keys: usize) -> Self {
        Self { bits: vec![0; (keys * 10 / 8).max(8)] }
    }

    pub(super) const fn of_bytes(bits: Vec<u8>) -> Self {
        Self { bits }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bits
    }

    pub(super) fn insert(&mut self, key: &[u8]) {
        for bit in self.places(key) {
            self.bits[bit / 8] |= 1 << (bit % 8);
        }
    }

    pub(super) fn may_contain(&self, key: &[u8]) -> bool {
        !self.bits.is_empty() && self.places(key).all(|bit| self.bits[bit / 8] & (1 << (bit % 8)) != 0)
    }

    fn places(&self, key: &[u8]) -> impl Iterator<Item = usize> + use<> {
        let size = (self.bits.len() as u64 * 8).max(1);
        let (first, second) = hashes(key);
        (0..PROBES).map(move |probe| {
            let at = first.wrapping_add(second.wrapping_mul(probe)) % size;
            usize::try_from(at).expect("filters fit in memory")
        })
    }
}

/// Two hashes of a key (FNV-1a and a finisher): keys are mostly uniform already.
fn hashes(key: &[u8]) -> (u64, u64) {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in key {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let mixed = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29), hash | 1)
}
