use proptest::prelude::*;

use crate::log::NodeHash;
use crate::log::PROOF_FILE_BYTES_MAX;
use crate::log::ProofFile;

/// Entry 5 of the eight-leaf tree, with a cosignature, as other implementations make it.
const GOLDEN: &str = "c2sp.org/tlog-proof@v1
index 5
vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=
yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA=
037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=

audit.example/log/0
8
XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=

— audit.example/log/0 U/3H91DXYOHyaFCvGjzuC1fSiaQsZ8QC5VgPjx1aZSIcO4rprCEfOs2sBY1RdF4DxAbIeQD8rNiR1kjMbKc/JhDeygQ=
— witness.example/w1 IDJKvgAAAABlU/EAVUJL7W01XMD/8ODgDoFuQP8oWJZT+Hm0gnFu5Z5o8OI8LU3oCLMRg6Ar+SY8KCpSpu2DI9SCCgW0G4MmATQZAw==
";

const HASH: &str = "vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=";

#[test]
fn a_proof_is_written_as_by_others() {
    let file = ProofFile::parse(GOLDEN.as_bytes()).unwrap();
    assert_eq!((file.index, file.inclusion.len(), file.checkpoint.size), (5, 3, 8));
    assert_eq!(file.note.signatures().len(), 2);
    assert_eq!(file.to_string(), GOLDEN);
    let ProofFile { inclusion, note, .. } = file.clone();
    assert_eq!(ProofFile::new(5, inclusion.clone(), note.clone()), Ok(file));
    assert!(ProofFile::new(8, inclusion, note.clone()).is_err(), "no entry of this checkpoint");
    assert!(ProofFile::new(5, vec![NodeHash([0; 32]); 64], note).is_err());
    let extra = GOLDEN.replacen("index", "extra YQ==\nindex", 1);
    let with_extra = ProofFile::parse(extra.as_bytes()).unwrap();
    assert_eq!((with_extra.extra.as_slice(), with_extra.to_string()), (&b"a"[..], extra));
}

#[test]
fn what_is_no_proof_is_refused_with_its_line() {
    let with = |old: &str, new: &str| GOLDEN.replacen(old, new, 1).into_bytes();
    for (name, line, bytes) in [
        ("nothing", 1, Vec::new()),
        ("another version", 1, with("@v1", "@v2")),
        ("an empty extra", 2, with("index", "extra \nindex")),
        ("an extra that is not base 64", 2, with("index", "extra YQ\nindex")),
        ("two extras", 3, with("index", "extra YQ==\nextra YQ==\nindex")),
        ("the extra after the index", 3, with("index 5\n", "index 5\nextra YQ==\n")),
        ("no index", 2, with("index 5\n", "")),
        ("a zero before the index", 2, with("index 5", "index 05")),
        ("an index beyond the checkpoint", 2, with("index 5", "index 8")),
        ("an index beyond any", 2, with("index 5", "index 18446744073709551616")),
        ("a hash cut", 4, with("yoVO", "")),
        ("a blank line too many", 7, with("\n\n", "\n\n\n")),
        ("no blank line", 6, with("\n\n", "\n")),
        ("64 hashes", 66, with(HASH, &[HASH; 62].join("\n"))),
        ("no signature", 11, with("— ", "- ")),
        ("a root cut", 9, with("Xcna", "")),
        ("too long", 1, vec![b'\n'; PROOF_FILE_BYTES_MAX + 1]),
    ] {
        let fault = ProofFile::parse(&bytes).expect_err(name);
        assert_eq!(fault.line, line, "{name}: {fault}");
    }
}

proptest! {
    #[test]
    fn a_changed_proof_is_refused_or_has_no_second_spelling(at in any::<prop::sample::Index>(), byte: u8, cut: bool) {
        let mut bytes = GOLDEN.as_bytes().to_vec();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        if let Ok(file) = ProofFile::parse(&bytes) {
            prop_assert_eq!(file.to_string().into_bytes(), bytes);
        }
    }

    #[test]
    fn what_is_written_is_read(index in 0_u64..8, inclusion in prop::collection::vec(any::<[u8; 32]>(), 0..63), extra in prop::collection::vec(any::<u8>(), 0..50)) {
        let note = ProofFile::parse(GOLDEN.as_bytes()).unwrap().note;
        let mut file = ProofFile::new(index, inclusion.into_iter().map(NodeHash).collect(), note).unwrap();
        file.extra = extra;
        prop_assert_eq!(ProofFile::parse(file.to_string().as_bytes()), Ok(file));
    }

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..2000), text in "(c2sp.org/tlog-proof@v1\n)?(index 5\n|extra YQ==\n|\n){0,9}") {
        prop_assert!(ProofFile::parse(&bytes).is_err());
        prop_assert!(ProofFile::parse(text.as_bytes()).is_err());
    }
}
