mod damaged;
mod naive;

use std::convert::Infallible;

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use data_encoding::BASE64;
use sha2::Sha256;

use crate::log::Frontier;
use crate::log::LeafHash;
use crate::log::NodeHash;
use crate::log::Nodes;
use crate::log::ProofFault;
use crate::log::ProveError;
use crate::log::Root;
use crate::log::TreeHead;
use crate::log::prove_consistency;
use crate::log::prove_inclusion;
use crate::log::root_at;
use crate::log::tree::tests::naive::Naive;
use crate::log::verify_consistency;
use crate::log::verify_inclusion;

/// All sizes up to here are tried with all proofs.
const SIZE_MAX: u64 = 300;

/// Complete subtrees by level, as tiles would hold them.
struct Levels(Vec<Vec<NodeHash>>);

impl Levels {
    fn over(leaves: &[LeafHash]) -> Self {
        let mut levels = vec![leaves.iter().map(|leaf| NodeHash::from(*leaf)).collect::<Vec<_>>()];
        while let Some(below) = levels.last().filter(|below| below.len() > 1) {
            let above = below.as_chunks::<2>().0.iter().map(|[left, right]| NodeHash::over(left, right)).collect();
            levels.push(above);
        }
        Self(levels)
    }
}

impl Nodes for Levels {
    type Error = Infallible;

    fn node(&self, level: u8, index: u64) -> Result<NodeHash, Infallible> {
        Ok(self.0[usize::from(level)][usize::try_from(index).unwrap()])
    }
}

/// The inputs of the eight leaves that every implementation of RFC 6962 is tried with.
const EIGHT: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];

/// Their published roots, by size.
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn leaves(count: u64) -> Vec<LeafHash> {
    (0..count).map(|number| LeafHash::of(&number.to_be_bytes())).collect()
}

/// The head of each size up to the number of leaves.
fn heads(leaves: &[LeafHash]) -> Vec<TreeHead> {
    let mut frontier = Frontier::new();
    let mut heads = vec![TreeHead::EMPTY];
    for leaf in leaves {
        frontier.push(*leaf);
        heads.push(TreeHead { size: frontier.size(), root: frontier.root() });
    }
    heads
}

fn base64(hash: &str) -> NodeHash {
    NodeHash(BASE64.decode(hash.as_bytes()).unwrap().try_into().unwrap())
}

#[test]
fn the_published_figures_of_the_eight_leaf_tree() {
    let leaves = EIGHT.map(LeafHash::of);
    let (nodes, heads) = (Levels::over(&leaves), heads(&leaves));
    for (size, root) in (0..).zip(ROOTS) {
        let root = Root::parse(root).unwrap();
        assert_eq!(heads[usize::try_from(size).unwrap()], TreeHead { size, root });
        assert_eq!(root_at(&nodes, size), Ok(root));
    }
    assert_eq!(
        LeafHash::of(b"L123456").to_string(),
        "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
    );
    let [right, left] =
        ["yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA=", "037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc="].map(base64);
    let included = [base64("vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms="), right, left];
    assert_eq!(prove_inclusion(&nodes, 5, 8), Ok(included.to_vec()));
    assert_eq!(verify_inclusion(leaves[5], 5, heads[8], &included), Ok(()));
    let extended = [base64("DrxdNDf74tsVi58Sah0RjjCBgQMdCpSfje3t68VY72o="), right, left];
    assert_eq!(prove_consistency(&nodes, 6, 8), Ok(extended.to_vec()));
    assert_eq!(verify_consistency(heads[6], heads[8], &extended), Ok(()));
}

#[test]
fn every_root_and_every_proof_is_the_naive_one_and_verifies() {
    let leaves = leaves(SIZE_MAX);
    let (nodes, heads, naive) = (Levels::over(&leaves), heads(&leaves), Naive::new(&leaves));
    for (size, head) in (0..).zip(&heads) {
        assert_eq!(head.root, naive.root(size), "the frontier at {size}");
        assert_eq!(root_at(&nodes, size), Ok(head.root), "the nodes at {size}");
        for (index, leaf) in (0..size).zip(&leaves) {
            let proof = prove_inclusion(&nodes, index, size).unwrap();
            assert_eq!(proof, naive.inclusion(index, size), "{index} in {size}");
            assert_eq!(verify_inclusion(*leaf, index, *head, &proof), Ok(()), "{index} in {size}");
        }
        for (old, older) in (1..=size).zip(&heads[1..]) {
            let proof = prove_consistency(&nodes, old, size).unwrap();
            assert_eq!(proof, naive.consistency(old, size), "{old} to {size}");
            assert_eq!(verify_consistency(*older, *head, &proof), Ok(()), "{old} to {size}");
        }
    }
}

#[test]
fn another_implementation_has_the_same_roots_and_proofs() {
    let leaves = leaves(SIZE_MAX);
    let (nodes, heads) = (Levels::over(&leaves), heads(&leaves));
    let joined = |proof: Vec<NodeHash>| proof.iter().flat_map(|hash| hash.0).collect::<Vec<u8>>();
    let mut other = MemoryBackedTree::<Sha256, [u8; 8]>::new();
    for (size, head) in (1u64..).zip(&heads[1..]) {
        other.push((size - 1).to_be_bytes());
        assert_eq!(other.root().as_bytes()[..], head.root.0, "at {size}");
        for index in 0..size {
            let theirs = other.prove_inclusion(usize::try_from(index).unwrap());
            let ours = joined(prove_inclusion(&nodes, index, size).unwrap());
            assert_eq!(theirs.as_bytes(), ours, "{index} in {size}");
        }
        for old in 1..size {
            let theirs = other.prove_consistency(usize::try_from(size - old).unwrap());
            let ours = joined(prove_consistency(&nodes, old, size).unwrap());
            assert_eq!(theirs.as_bytes(), ours, "{old} to {size}");
        }
    }
}

#[test]
fn a_frontier_is_kept_as_its_parts() {
    let mut frontier = Frontier::new();
    for leaf in leaves(SIZE_MAX) {
        frontier.push(leaf);
        let (size, hashes) = (frontier.size(), frontier.hashes().to_vec());
        assert_eq!(Frontier::from_parts(size, hashes.clone()), Some(frontier.clone()));
        assert_eq!(Frontier::from_parts(size, hashes[1..].to_vec()), None, "one hash is missing at {size}");
        let more = [&hashes[..], &hashes[..1]].concat();
        assert_eq!(Frontier::from_parts(size, more), None, "one hash is too many at {size}");
    }
    assert_eq!(Frontier::from_parts(0, Vec::new()), Some(Frontier::new()));
    assert_eq!(Frontier::from_parts(1 << 63, vec![NodeHash([0; 32])]), None, "no tree is that large");
}

#[test]
fn nothing_is_proved_beyond_a_tree() {
    let nodes = Levels::over(&leaves(9));
    for (index, size) in [(0, 0), (1, 0), (9, 9), (u64::MAX, 9), (u64::MAX, u64::MAX)] {
        assert_eq!(prove_inclusion(&nodes, index, size), Err(ProveError::IndexBeyondSize { index, size }));
        let tree = TreeHead { size, root: Root::EMPTY };
        let fault = ProofFault::IndexBeyondSize { index, size };
        assert_eq!(verify_inclusion(LeafHash::NONE, index, tree, &[]), Err(fault));
    }
    assert_eq!(prove_consistency(&nodes, 9, 8), Err(ProveError::OldBeyondNew { old: 9, new: 8 }));
    assert_eq!(prove_consistency(&nodes, 0, 8), Ok(Vec::new()), "what a witness that knows nothing is sent");
    assert_eq!(prove_consistency(&nodes, 8, 8), Ok(Vec::new()));
}

#[test]
fn a_hash_that_cannot_be_read_is_no_proof() {
    struct Torn;
    impl Nodes for Torn {
        type Error = (u8, u64);

        fn node(&self, level: u8, index: u64) -> Result<NodeHash, (u8, u64)> {
            Err((level, index))
        }
    }
    assert_eq!(root_at(&Torn, 0), Ok(Root::EMPTY));
    assert_eq!(root_at(&Torn, 6), Err((2, 0)));
    assert_eq!(prove_inclusion(&Torn, 0, 1), Ok(Vec::new()));
    assert_eq!(prove_inclusion(&Torn, 5, 6), Err(ProveError::Nodes((2, 0))));
    assert_eq!(prove_consistency(&Torn, 6, 8), Err(ProveError::Nodes((2, 0))));
}
