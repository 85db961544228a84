use data_encoding::BASE64;
use proptest::prelude::*;

use crate::log::Answer;
use crate::log::Body;
use crate::log::Close;
use crate::log::HistoryName;
use crate::log::HistoryValue;
use crate::log::Key;
use crate::log::Leaf;
use crate::log::LeafHash;
use crate::log::MapPath;
use crate::log::MapRoot;
use crate::log::Name;
use crate::log::Neighbour;
use crate::log::NodeHash;
use crate::log::ProofFile;
use crate::log::Seal;
use crate::log::SubjectProof;

const SEAL_PROOF: &str = "c2sp.org/tlog-proof@v1
index 7
vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=

audit.example/log/0
8
XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=

— audit.example/log/0 U/3H91DXYOHyaFCvGjzuC1fSiaQsZ8QC5VgPjx1aZSIcO4rprCEfOs2sBY1RdF4DxAbIeQD8rNiR1kjMbKc/JhDeygQ=
";

fn leaf(index: u64, body: Body) -> Vec<u8> {
    Leaf { index, recorded_at_ms: 5, previous: LeafHash::NONE, body }.encode()
}

fn steps(bits: &[u8]) -> String {
    BASE64.encode(&bits.iter().flat_map(|bit| [&[*bit][..], &[1; 32]].concat()).collect::<Vec<u8>>())
}

fn proof(answer: Answer, leaves: u64, with_inclusion: bool) -> SubjectProof {
    let entry = |index| leaf(index, Body::Close(Close { successor: String::new() }));
    SubjectProof {
        history: HistoryName::Subject(Name::parse("entity/01J00000000000000000000001").unwrap()),
        answer,
        path: MapPath::decode(&[&[7][..], &[1; 32], &[3], &[2; 32]].concat()).unwrap(),
        seal: leaf(7, Body::Seal(Seal { map_root: MapRoot([3; 32]), map_keys: 3, previous: None })),
        leaves: (1..=leaves).map(entry).collect(),
        inclusion: if with_inclusion {
            vec![vec![NodeHash([4; 32]), NodeHash([5; 32])]; usize::try_from(leaves).unwrap()]
        } else {
            Vec::new()
        },
        seal_proof: ProofFile::parse(SEAL_PROOF.as_bytes()).unwrap(),
    }
}

#[test]
fn what_is_written_is_read() {
    let absent = Answer::Absent(Neighbour { key: Key([6; 32]), value: HistoryValue([8; 32]) });
    let mut empty = proof(Answer::Empty, 0, false);
    empty.path = MapPath::default();
    empty.history = HistoryName::Stream(Name::parse("case/01J00000000000000000000003").unwrap());
    for (lines, proof) in [
        (6 + 2, proof(Answer::Present, 2, false)),
        (6 + 4, proof(Answer::Present, 2, true)),
        (6, proof(absent, 0, false)),
        (6, empty),
    ] {
        let text = proof.to_string();
        assert_eq!(text.find("\n\nc2sp.org").map(|at| text[..at].lines().count() + 1), Some(lines), "{text}");
        assert!(text.ends_with(SEAL_PROOF));
        assert_eq!(SubjectProof::parse(text.as_bytes()), Ok(proof));
    }
}

#[test]
fn what_is_no_proof_is_refused_with_its_line() {
    let good = proof(Answer::Present, 2, true).to_string();
    let with = |old: &str, new: &str| {
        assert!(good.contains(old), "{old}");
        good.replacen(old, new, 1)
    };
    let line = |at: usize| good.lines().nth(at - 1).unwrap().to_owned();
    for (name, at, text) in [
        ("nothing", 1, String::new()),
        ("another version", 1, with("@v1", "@v2")),
        ("another kind of history", 2, with("subject ", "object ")),
        ("two names", 2, with("subject ", "subject  ")),
        ("a second spelling of the name", 2, with("entity/01J", "entity/01j")),
        ("present 0", 3, with("present 2", "present 0")),
        ("a zero before the count", 3, with("present 2", "present 02")),
        ("no count", 3, with("present 2", "present")),
        ("absent without a neighbour", 3, with("present 2", "absent")),
        ("a neighbour cut", 3, with("present 2", &format!("absent {}", &"A".repeat(84)))),
        ("empty and something", 3, with("present 2", "empty 0")),
        ("absent with leaves", 6, with("present 2", &format!("absent {}==", "A".repeat(86)))),
        ("empty with a path", 4, with("present 2", "empty")),
        ("empty with leaves", 6, with("present 2", "empty").replace(&line(4), "path ")),
        ("a path cut", 4, with(&line(4), &line(4)[..line(4).len() - 4])),
        ("a path whose bits do not decrease", 4, with(&line(4), &format!("path {}", steps(&[3, 7])))),
        ("a path with a bit twice", 4, with(&line(4), &format!("path {}", steps(&[7, 7])))),
        ("the leaf of another kind as the seal", 5, with(&line(5), &line(6).replace("leaf ", "seal "))),
        ("no path", 4, with(&format!("{}\n", line(4)), "")),
        ("a path that is not base 64", 4, with("path ", "path !")),
        ("a path longer than any", 4, with(&line(4), &format!("path {}", "A".repeat(11_612)))),
        ("no seal", 5, with(&format!("{}\n", line(5)), "")),
        ("a path with padding within", 4, with(&line(4), &format!("path {}", line(4)[5..].replacen('A', "=", 1)))),
        ("a seal that is no leaf", 5, with("seal ", "seal AAAA")),
        ("a leaf less", 7, with(&format!("{}\n", line(7)), "")),
        ("a leaf more", 8, with(&line(7), &format!("{0}\n{0}", line(7)))),
        ("a leaf that is none", 6, with("leaf ", "leaf AAAA")),
        ("a leaf with bytes more", 6, with(&line(6), &format!("{}AAAA", line(6)))),
        ("an inclusion less", 9, with(&format!("{}\n", line(9)), "")),
        ("an inclusion more", 10, with(&line(9), &format!("{0}\n{0}", line(9)))),
        ("an inclusion beside an empty map", 6, {
            let without = with("present 2", "empty").replace(&line(4), "path ");
            without.replace(&format!("{}\n{}\n", line(6), line(7)), "")
        }),
        ("half a hash", 8, with("inclusion ", "inclusion AAAA")),
        ("inclusions before leaves", 6, with("leaf ", "inclusion ")),
        ("no empty line", 10, with("\n\nc2sp", "\nc2sp")),
        ("a fault in the proof of the seal", 12, with("index 7", "index 8")),
        ("a fault in the note", 16, with("audit.example/log/0\n8", "audit.example/log/0\n\u{1}")),
        ("nothing after the empty line", 11, good[..good.find("c2sp").unwrap()].to_owned()),
    ] {
        let fault = SubjectProof::parse(text.as_bytes()).expect_err(name);
        assert_eq!(fault.line, at, "{name}: {fault}");
    }
}

/// Found by the property below: the library decodes `AAA=AAAA`, two encodings one after the other, to five bytes, whose
/// own spelling is another.
#[test]
fn padding_stands_at_the_end_alone() {
    let good = proof(Answer::Present, 2, true).to_string();
    for at in (0..good.len()).filter(|at| good.is_char_boundary(*at) && good.is_char_boundary(at + 1)) {
        let text = format!("{}={}", &good[..at], &good[at + 1..]);
        if let Ok(read) = SubjectProof::parse(text.as_bytes()) {
            assert_eq!(read.to_string(), text, "byte {at}");
        }
    }
}

/// A file says how many leaves follow; whoever believes it before they come can be made to reserve any memory.
#[test]
fn a_count_is_not_believed() {
    let text = proof(Answer::Present, 1, false).to_string().replace("present 1", "present 9223372036854775807");
    assert_eq!(SubjectProof::parse(text.as_bytes()).unwrap_err().line, 7);
}

proptest! {
    #[test]
    fn a_changed_proof_is_refused_or_has_no_second_spelling(at in any::<prop::sample::Index>(), byte: u8, cut: bool) {
        let mut bytes = proof(Answer::Present, 2, true).to_string().into_bytes();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        if let Ok(proof) = SubjectProof::parse(&bytes) {
            prop_assert_eq!(proof.to_string().into_bytes(), bytes);
        }
    }

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..2000), text in "(present 2\n|empty\n|path \n|seal AAAA\n|leaf AAAA\n|\n){0,9}") {
        prop_assert!(SubjectProof::parse(&bytes).is_err());
        let text = format!("probity/subject-proof@v1\nstream case/01J00000000000000000000003\n{text}");
        prop_assert!(SubjectProof::parse(text.as_bytes()).is_err());
    }
}
