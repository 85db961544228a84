use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::import::error::ImportError;
use crate::import::event;
use crate::import::ids::ImportKey;
use crate::import::mapping::Mapping;
use crate::import::mapping::SHIPPED;
use crate::import::source::Reading;
use crate::import::source::Rows;

#[test]
fn every_shipped_mapping_is_right() {
    for (name, text) in SHIPPED {
        if let Err(error) = Mapping::parse(name, text) {
            panic!("{error}");
        }
    }
}

#[test]
fn the_manuals_mapping_is_right() {
    let manual = include_str!("../manual/import.md");
    let text = manual.split("```toml\nabout").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    if let Err(error) = Mapping::parse("manual", &format!("about{text}")) {
        panic!("{error}");
    }
}

#[test]
fn an_id_is_128_bits_of_an_hmac_in_crockfords_letters() {
    // Computed by hand: HMAC-SHA-256(key, "test.officer" 0x00 "o1"), the first 16 bytes.
    let key = ImportKey::from_bytes([7; 32]);
    assert_eq!(key.id("test.officer", "o1"), OFFICER);
    assert_ne!(key.id("test.office", "ro1"), OFFICER);
    assert_ne!(ImportKey::from_bytes([8; 32]).id("test.officer", "o1"), OFFICER);
}

#[test]
fn a_key_is_made_once_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys/import.key");
    let made = ImportKey::open(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    assert_eq!(made.id("s", "n"), ImportKey::open(&path).unwrap().id("s", "n"));
    fs::write(&path, b"short").unwrap();
    assert!(matches!(ImportKey::open(&path), Err(ImportError::Key { len_bytes: 5, .. })));
}

/// A field with options was once generated as not packed, and every decision that named its allegations was refused:
/// not in its only spelling.
#[test]
fn numbers_are_packed() {
    let fields = serde_json::json!({ "allegationNumbers": [1, "2"] });
    let event = event::message("probity.events.v1.DecisionIssued", fields).unwrap();
    assert_eq!(event.value, [11 << 3 | 2, 2, 1, 2]);
}

#[track_caller]
fn check_rows(name: &str, given: &[u8], then: &[(u64, &str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, given).unwrap();
    let rows = Rows::open(&path, Reading::default(), &Arc::new(AtomicU64::new(0))).unwrap();
    let found: Vec<(u64, String, String)> = rows
        .map(|row| {
            let row = row.unwrap();
            let content = row.content.map_or_else(|refusal| refusal.reason, |content| content.to_string());
            (row.place.line, String::from_utf8_lossy(&row.bytes).into_owned(), content)
        })
        .collect();
    let found: Vec<(u64, &str, &str)> =
        found.iter().map(|(line, bytes, content)| (*line, &**bytes, &**content)).collect();
    assert_eq!(found, then);
}

#[test]
fn a_csv_row_has_its_line_its_bytes_and_its_columns() {
    let text = "\u{feff}a,b\n1,\"x\ny\"\r\n\n2,z\n3\n";
    let then =
        [(2, "1,\"x\ny\"", r#"{"a":"1","b":"x\ny"}"#), (5, "2,z", r#"{"a":"2","b":"z"}"#), (6, "3", "CSV_MALFORMED")];
    check_rows("t.csv", text.as_bytes(), &then);
    check_rows(
        "t.csv",
        b"a\n1\n\xff\n2",
        &[(2, "1", r#"{"a":"1"}"#), (3, "\u{fffd}", "NOT_UTF8"), (4, "2", r#"{"a":"2"}"#)],
    );
    check_rows("t.tsv", b"a\tb\n1\t2\n", &[(2, "1\t2", r#"{"a":"1","b":"2"}"#)]);
    check_rows("t.csv", b"", &[]);
}

#[test]
fn json_and_yaml_documents_are_rows_or_lists_of_rows() {
    check_rows("t.json", br#" {"a": 1} "#, &[(1, r#" {"a": 1} "#, r#"{"a":1}"#)]);
    check_rows("t.json", br#"[{"a": 1}, 2]"#, &[(1, r#"{"a":1}"#, r#"{"a":1}"#), (1, "2", "2")]);
    check_rows("t.json", b"{", &[(1, "{", "JSON_MALFORMED")]);
    check_rows(
        "t.yaml",
        b"- a: 2020-01\n- a: 1796\n",
        &[(1, r#"{"a":"2020-01"}"#, r#"{"a":"2020-01"}"#), (1, r#"{"a":1796}"#, r#"{"a":1796}"#)],
    );
    check_rows("t.yaml", b"a: [", &[(1, "a: [", "YAML_MALFORMED")]);
    check_rows("t.yaml", b"\xff", &[(1, "\u{fffd}", "NOT_UTF8")]);
    check_rows("t.jsonl", b"\n{\"a\":1}\nx\n", &[(2, r#"{"a":1}"#, r#"{"a":1}"#), (3, "x", "JSON_MALFORMED")]);
}

/// See `an_id_is_128_bits_of_an_hmac_in_crockfords_letters`.
const OFFICER: &str = "4M6R1VFYPWKP09QPY6VQQY6H48";
