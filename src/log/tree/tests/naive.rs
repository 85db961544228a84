//! RFC 6962 section 2.1 word for word, slow. What was hashed once is remembered.

use std::cell::RefCell;
use std::collections::BTreeMap;

use sha2::Digest;
use sha2::Sha256;

use crate::log::LeafHash;
use crate::log::NodeHash;
use crate::log::Root;

pub(super) struct Naive<'a> {
    leaves: &'a [LeafHash],
    known: RefCell<BTreeMap<(u64, u64), NodeHash>>,
}

impl<'a> Naive<'a> {
    pub(super) fn new(leaves: &'a [LeafHash]) -> Self {
        Self { leaves, known: RefCell::default() }
    }

    pub(super) fn root(&self, size: u64) -> Root {
        if size == 0 { Root(Sha256::digest(b"").into()) } else { Root(self.mth(0, size).0) }
    }

    /// `MTH(D[start:end])`.
    fn mth(&self, start: u64, end: u64) -> NodeHash {
        if end - start == 1 {
            return NodeHash(self.leaves[usize::try_from(start).unwrap()].0);
        }
        if let Some(known) = self.known.borrow().get(&(start, end)) {
            return *known;
        }
        let middle = start + below(end - start);
        let bytes = [&[1][..], &self.mth(start, middle).0, &self.mth(middle, end).0].concat();
        let hash = NodeHash(Sha256::digest(bytes).into());
        self.known.borrow_mut().insert((start, end), hash);
        hash
    }

    /// `PATH(m, D[n])` of section 2.1.1.
    pub(super) fn inclusion(&self, index: u64, size: u64) -> Vec<NodeHash> {
        self.path(index, 0, size)
    }

    fn path(&self, m: u64, start: u64, end: u64) -> Vec<NodeHash> {
        if end - start == 1 {
            return Vec::new();
        }
        let k = below(end - start);
        let (mut path, other) = if m < k {
            (self.path(m, start, start + k), self.mth(start + k, end))
        } else {
            (self.path(m - k, start + k, end), self.mth(start, start + k))
        };
        path.push(other);
        path
    }

    /// `PROOF(m, D[n])` of section 2.1.2.
    pub(super) fn consistency(&self, old: u64, new: u64) -> Vec<NodeHash> {
        self.subproof(old, 0, new, true)
    }

    fn subproof(&self, m: u64, start: u64, end: u64, whole: bool) -> Vec<NodeHash> {
        if m == end - start {
            return if whole { Vec::new() } else { vec![self.mth(start, end)] };
        }
        let k = below(end - start);
        let (mut proof, other) = if m <= k {
            (self.subproof(m, start, start + k, whole), self.mth(start + k, end))
        } else {
            (self.subproof(m - k, start + k, end, false), self.mth(start, start + k))
        };
        proof.push(other);
        proof
    }
}

/// The largest power of two that is smaller than n.
fn below(n: u64) -> u64 {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}
