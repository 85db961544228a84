//! The map in its simplest form: all keys, and everything hashed again whenever somebody asks.

use std::collections::BTreeMap;

use sha2::Digest;
use sha2::Sha256;

/// Keys and values of any length below 128, as the published vectors have them; a key is padded with 00 FF FF FF ….
#[derive(Clone, Debug, Default)]
pub(super) struct Naive(pub(super) BTreeMap<Vec<u8>, Vec<u8>>);

type Pair<'a> = (&'a [u8], &'a [u8]);
type Step = (usize, [u8; 32]);

impl Naive {
    pub(super) fn root(&self) -> [u8; 32] {
        tree(&self.pairs())
    }

    /// The key at the place of `key`, its value, and its path from the leaf up.
    pub(super) fn prove(&self, key: &[u8]) -> Option<(Vec<u8>, Vec<u8>, Vec<Step>)> {
        let mut pairs = self.pairs();
        let mut path = Vec::new();
        while pairs.len() > 1 {
            let bit = division(&pairs);
            let (own, other): (Vec<Pair<'_>>, Vec<Pair<'_>>) =
                pairs.iter().partition(|pair| bit_of(pair.0, bit) == bit_of(key, bit));
            path.push((bit, tree(&other)));
            pairs = own;
        }
        path.reverse();
        pairs.first().map(|pair| (pair.0.to_vec(), pair.1.to_vec(), path))
    }

    fn pairs(&self) -> Vec<Pair<'_>> {
        self.0.iter().map(|(key, value)| (&key[..], &value[..])).collect()
    }
}

fn tree(pairs: &[Pair<'_>]) -> [u8; 32] {
    match pairs {
        [] => Sha256::digest(b"").into(),
        [(key, value)] => {
            let (key_len, value_len) = (u8::try_from(key.len()).unwrap(), u8::try_from(value.len()).unwrap());
            Sha256::digest([&[0, key_len], *key, &[value_len], value].concat()).into()
        }
        _ => {
            let bit = division(pairs);
            let (right, left): (Vec<Pair<'_>>, Vec<Pair<'_>>) = pairs.iter().partition(|pair| bit_of(pair.0, bit));
            let bit: &[u8] = &match bit {
                0..128 => vec![u8::try_from(bit).unwrap()],
                128..16384 => vec![u8::try_from(bit % 128).unwrap() | 128, u8::try_from(bit / 128).unwrap()],
                _ => unreachable!("no key is that long"),
            };
            Sha256::digest([&[1], bit, &tree(&left), &tree(&right)].concat()).into()
        }
    }
}

/// The first bit in which not all keys agree.
fn division(pairs: &[Pair<'_>]) -> usize {
    (0..2048).find(|bit| pairs.iter().any(|pair| bit_of(pair.0, *bit) != bit_of(pairs[0].0, *bit))).unwrap()
}

fn bit_of(key: &[u8], bit: usize) -> bool {
    let byte = match (bit / 8).cmp(&key.len()) {
        std::cmp::Ordering::Less => key[bit / 8],
        std::cmp::Ordering::Equal => 0,
        std::cmp::Ordering::Greater => 0xff,
    };
    byte >> (7 - bit % 8) & 1 == 1
}
