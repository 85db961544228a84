//! Maps whose keys are digests.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::hash::Hasher;

/// Keys are digests already: their first bytes are as good as any hash of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk::<8>() {
            self.0 ^= u64::from_be_bytes(*first);
        }
    }

    fn write_usize(&mut self, _length: usize) {}
}

/// A map by digests of at least 8 bytes.
pub type ByDigest<K, V> = HashMap<K, V, BuildHasherDefault<FirstBytes>>;
