use proptest::prelude::*;

use crate::log::ADD_CHECKPOINT_BYTES_MAX;
use crate::log::AddCheckpoint;
use crate::log::NodeHash;
use crate::log::conflict;
use crate::log::monitoring_path;
use crate::log::parse_conflict;
use crate::log::parse_cosignatures;

/// From size 6 to 8 of the eight-leaf tree, as other implementations make it.
const GOLDEN: &str = "old 6
DrxdNDf74tsVi58Sah0RjjCBgQMdCpSfje3t68VY72o=
yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA=
037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=

audit.example/log/0
8
XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=

— audit.example/log/0 U/3H91DXYOHyaFCvGjzuC1fSiaQsZ8QC5VgPjx1aZSIcO4rprCEfOs2sBY1RdF4DxAbIeQD8rNiR1kjMbKc/JhDeygQ=
";

const HASH: &str = "DrxdNDf74tsVi58Sah0RjjCBgQMdCpSfje3t68VY72o=";

#[test]
fn a_request_to_cosign_is_written_as_by_others() {
    let request = AddCheckpoint::parse(GOLDEN.as_bytes()).unwrap();
    assert_eq!((request.old_size, request.proof.len(), request.checkpoint.size), (6, 3, 8));
    assert_eq!(request.to_string(), GOLDEN);
    let AddCheckpoint { old_size, proof, note, .. } = request.clone();
    assert_eq!(AddCheckpoint::new(old_size, proof.clone(), note.clone()), Ok(request));
    assert!(AddCheckpoint::new(9, proof, note.clone()).is_err());
    assert!(AddCheckpoint::new(6, vec![NodeHash([0; 32]); 64], note).is_err());
}

#[test]
fn what_is_no_request_to_cosign_is_refused_with_its_line() {
    let with = |old: &str, new: &str| GOLDEN.replacen(old, new, 1).into_bytes();
    for (name, line, bytes) in [
        ("nothing", 1, Vec::new()),
        ("no old size", 1, with("old 6\n", "")),
        ("a zero before it", 1, with("old 6", "old 06")),
        ("two spaces", 1, with("old 6", "old  6")),
        ("an old size beyond the checkpoint", 1, with("old 6", "old 9")),
        ("a hash cut", 3, with("yoVO", "")),
        ("a blank line too many", 6, with("\n\n", "\n\n\n")),
        ("no blank line", 5, with("\n\n", "\n")),
        ("64 hashes", 65, with(HASH, &[HASH; 62].join("\n"))),
        ("a carriage return", 1, GOLDEN.replace('\n', "\r\n").into_bytes()),
        ("a size with a plus", 7, with("\n8\n", "\n+8\n")),
        ("an unsigned checkpoint", 10, with("— ", "- ")),
        ("not UTF-8", 1, [&[0xff], GOLDEN.as_bytes()].concat()),
        ("too long", 1, vec![b'\n'; ADD_CHECKPOINT_BYTES_MAX + 1]),
    ] {
        let fault = AddCheckpoint::parse(&bytes).expect_err(name);
        assert_eq!(fault.line, line, "{name}: {fault}");
    }
    let longest = with(HASH, &[HASH; 61].join("\n"));
    assert_eq!(AddCheckpoint::parse(&longest).unwrap().proof.len(), 63);
    let extended = with("gz+Nw7/RgQyg=\n", "gz+Nw7/RgQyg=\nan extension\n");
    assert_eq!(AddCheckpoint::parse(&extended).unwrap().checkpoint.extensions, ["an extension"]);
}

#[test]
fn an_answer_is_one_or_more_lines_of_signature() {
    let line = GOLDEN.lines().last().unwrap();
    assert_eq!(parse_cosignatures(format!("{line}\n{line}\n").as_bytes()).unwrap().len(), 2);
    for (name, at, text) in [
        ("nothing", 1, String::new()),
        ("no newline", 1, line.to_owned()),
        ("a blank line", 2, format!("{line}\n\n")),
        ("a note", 1, GOLDEN.to_owned()),
        ("101 lines", 101, format!("{line}\n").repeat(101)),
    ] {
        assert_eq!(parse_cosignatures(text.as_bytes()).expect_err(name).line, at, "{name}");
    }
}

#[test]
fn a_conflict_is_a_size_and_nothing_else() {
    for size in [0, 1, 300, i64::MAX.unsigned_abs()] {
        assert_eq!(parse_conflict(conflict(size).as_bytes()), Some(size));
    }
    for text in ["", "\n", "6", "06\n", " 6\n", "6\n\n", "6\r\n", "+6\n", "9223372036854775808\n", "root mismatch\n"] {
        assert_eq!(parse_conflict(text.as_bytes()), None, "{text:?}");
    }
    assert_eq!(parse_conflict("1".repeat(100_000).as_bytes()), None);
}

#[test]
fn a_log_is_monitored_under_the_hash_of_its_origin() {
    assert_eq!(
        monitoring_path("rome2026h1.example.org"),
        "000de184301123b9278c086a7d9f68c9577e83872224c197058fd90784ea9706/checkpoint"
    );
}

proptest! {
    #[test]
    fn a_changed_request_is_refused_or_has_no_second_spelling(at in any::<prop::sample::Index>(), byte: u8, cut: bool) {
        let mut bytes = GOLDEN.as_bytes().to_vec();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        if let Ok(request) = AddCheckpoint::parse(&bytes) {
            prop_assert_eq!(request.to_string().into_bytes(), bytes);
        }
    }

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(AddCheckpoint::parse(&bytes).is_err());
        let _ = parse_cosignatures(&bytes);
        if let Some(size) = parse_conflict(&bytes) {
            prop_assert_eq!(conflict(size).into_bytes(), bytes);
        }
    }
}
