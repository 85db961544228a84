mod profiles;
mod rows;

use crate::domain::dates::Day;
use crate::events::Money;
use crate::export::Class;
use crate::export::Format;
use crate::export::INTERNAL;
use crate::export::Manifest;
use crate::export::ManifestFault;
use crate::export::Profile;
use crate::export::Rows;
use crate::export::RowsFault;
use crate::export::Since;
use crate::export::Wanted;
use crate::export::cell;
use crate::export::cell::Cell;
use crate::export::cell::Type;
use crate::export::dictionary;
use crate::export::format;
use crate::export::manifest::Digester;
use crate::export::manifest::Entries;
use crate::export::table::Described;
use crate::export::table::DescribedColumn;
use crate::export::table::described;
use crate::log::LeafHash;

fn line(format: Format, cells: &[Cell]) -> String {
    let column = |name| DescribedColumn { name, of: Type::Text, meaning: "", class: Class::Anonymous, joins: false };
    let columns = ["a", "b", "c"].into_iter().take(cells.len()).map(column).collect();
    let mut writing = format::Rows::begin(format, &Described { name: "t", about: "", columns }, &mut Vec::new());
    let mut out = Vec::new();
    writing.row(cells, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn no_spreadsheet_runs_a_cell() {
    for (given, then) in [
        ("plain", "plain"),
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "\"'\t=1\""),
        ("\r=1", "\"'\r=1\""),
        ("\n=1", "\"'\n=1\""),
        ("＝1", "'＝1"),
        ("＋1", "'＋1"),
        ("－1", "'－1"),
        ("＠1", "'＠1"),
        ("'quoted", "''quoted"),
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\""),
        ("a=b", "a=b"),
        ("a,b", "\"a,b\""),
        // A reader that takes semicolons for separators must not find a formula after one.
        ("a;=1+1", "\"a;=1+1\""),
        ("say \"no\"", "\"say \"\"no\"\"\""),
        ("two\nlines", "\"two\nlines\""),
    ] {
        assert_eq!(line(Format::Csv, &[Cell::Text(given.to_owned())]), format!("{then}\n"), "{given:?}");
    }
}

#[test]
fn numbers_stay_numbers() {
    let cells = || vec![Cell::Decimal("-12.5".to_owned()), Cell::Whole(7), Cell::Flag(true)];
    assert_eq!(line(Format::Csv, &cells()), "-12.5,7,true\n");
    assert_eq!(line(Format::Jsonl, &cells()), "{\"a\":\"-12.5\",\"b\":7,\"c\":true}\n");
}

#[test]
fn absence_is_written_as_absence() {
    let cells = || vec![Cell::Absent, Cell::List(vec!["=1".to_owned(), "b".to_owned()]), Cell::Text("x".to_owned())];
    assert_eq!(line(Format::Csv, &cells()), ",\"[\"\"=1\"\",\"\"b\"\"]\",x\n");
    assert_eq!(line(Format::Jsonl, &cells()), "{\"a\":null,\"b\":[\"=1\",\"b\"],\"c\":\"x\"}\n");
}

#[test]
fn a_csv_reader_of_others_reads_the_text_back() {
    for text in ["=1", "'", "''=", "a,b", "a\"b", "\n", "\r\n", "\t", " ", "ü;", "-", "x\n\"y\",'z"] {
        let written = line(Format::Csv, &[Cell::Text(text.to_owned()), Cell::Whole(1)]);
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(written.as_bytes());
        let record = reader.records().next().unwrap().unwrap();
        assert_eq!(record[0].strip_prefix('\'').unwrap_or(&record[0]), text);
        assert_eq!(&record[1], "1");
    }
}

#[test]
fn amounts_are_exact() {
    for (units, nanos, then) in [
        (0, 0, "0"),
        (12, 500_000_000, "12.5"),
        (-12, -500_000_000, "-12.5"),
        (0, -1, "-0.000000001"),
        (0, 10_000_000, "0.01"),
        (i64::MIN, 0, "-9223372036854775808"),
    ] {
        let money = Money { currency: "EUR".to_owned(), units, nanos };
        assert_eq!(cell::decimal(Some(&money)), Cell::Decimal(then.to_owned()));
    }
}

#[test]
fn moments_are_written_in_utc() {
    for (unix_ms, then) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_767_225_600_000, "2026-01-01T00:00:00.000Z"),
        (1_767_225_599_999, "2025-12-31T23:59:59.999Z"),
        (951_782_400_001, "2000-02-29T00:00:00.001Z"),
    ] {
        assert_eq!(cell::written(unix_ms), then);
    }
}

#[test]
fn a_value_that_is_not_set_is_absent() {
    assert_eq!(cell::word("FINDING_UNSPECIFIED", "FINDING_"), Cell::Absent);
    assert_eq!(cell::word("FINDING_EXONERATED", "FINDING_"), Cell::Text("EXONERATED".to_owned()));
}

#[test]
fn the_dictionary_has_every_column() {
    let profile = Profile::shipped(INTERNAL).unwrap();
    let dictionary: serde_json::Value = serde_json::from_slice(&dictionary::encode(&profile)).unwrap();
    let tables = described();
    assert_eq!(dictionary["tables"].as_array().unwrap().len(), tables.len());
    for (place, table) in tables.iter().enumerate() {
        let written = &dictionary["tables"][place];
        assert_eq!(written["name"], table.name);
        assert_eq!(written["about"], table.about);
        let columns = written["columns"].as_array().unwrap();
        assert_eq!(columns.len(), table.columns.len());
        for (written, column) in columns.iter().zip(&table.columns) {
            assert_eq!(written["name"], column.name);
            assert_eq!(written["meaning"], column.meaning);
            assert!(dictionary["classes"][written["class"].as_str().unwrap()].is_string(), "{written}");
            assert!(dictionary["types"][written["type"].as_str().unwrap()].is_string(), "{written}");
        }
    }
}

#[test]
fn names_are_plain_and_stand_once() {
    let tables = described();
    let plain = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    for (place, table) in tables.iter().enumerate() {
        assert!(plain(table.name) && !table.about.is_empty(), "{}", table.name);
        assert!(tables[..place].iter().all(|before| before.name != table.name), "{}", table.name);
        for (place, column) in table.columns.iter().enumerate() {
            assert!(plain(column.name) && column.meaning.len() > 5, "{}.{}", table.name, column.name);
            let before = &table.columns[..place];
            assert!(before.iter().all(|before| before.name != column.name), "{}.{}", table.name, column.name);
        }
    }
}

fn manifest() -> Manifest {
    let as_of = Day::new(2026, 5, 3).unwrap();
    let time = cell::written(1_767_225_600_000);
    let wanted = Wanted {
        position: 7,
        as_of: Some(as_of),
        formats: [Format::Jsonl].into(),
        entries: false,
        name: "nightly".to_owned(),
        profile: Profile::shipped(INTERNAL).unwrap(),
        since: Some(Since {
            position: 5,
            head: "8".repeat(64),
            as_of: "2026-05-02".to_owned(),
            manifest_sha256: "7".repeat(64),
        }),
    };
    let mut manifest = Manifest::new(&wanted, "log.example/a".to_owned(), &LeafHash([9; 32]), time, as_of);
    let mut digester = Digester::default();
    digester.take(b"{}\n");
    manifest.files = vec![digester.end("a.jsonl", Some(1)), Digester::default().end("dictionary.json", None)];
    manifest.entries = Entries::NotIncluded;
    manifest
}

#[test]
fn a_manifest_reads_back() {
    let mut given = manifest();
    let bytes = given.encode();
    assert_eq!(Manifest::decode(&bytes), Ok(given.clone()));
    assert_eq!(given.encode(), bytes, "encoding it again changes nothing");
    assert_eq!(given.head(), Some(LeafHash([9; 32])));
    assert_eq!(given.as_of(), Day::new(2026, 5, 3));
    assert_eq!(given.file("a.jsonl").unwrap().bytes, 3);
    assert!(given.file("b.jsonl").is_none());
}

#[test]
fn every_flipped_byte_of_a_manifest_shows() {
    let bytes = manifest().encode();
    for place in 0..bytes.len() {
        for flip in [0x01, 0x20, 0x80] {
            let mut flipped = bytes.clone();
            flipped[place] ^= flip;
            assert!(Manifest::decode(&flipped).is_err(), "byte {place}");
        }
    }
    for length in 0..bytes.len() {
        assert!(Manifest::decode(&bytes[..length]).is_err(), "cut to {length}");
    }
}

#[test]
fn a_manifest_has_one_spelling() {
    let good = String::from_utf8(manifest().encode()).unwrap();
    let reject = |text: String, then: ManifestFault| assert_eq!(Manifest::decode(text.as_bytes()), Err(then), "{text}");
    reject(good.clone() + "\n", ManifestFault::Spelling);
    reject(good.replace("  ", " "), ManifestFault::Spelling);
    reject(good.replace("\"position\": 7", "\"position\": 8"), ManifestFault::Spelling);
    reject(good.replace("probity export 2", "probity export 1"), ManifestFault::Format);
    reject(good.replacen('{', "{\"more\": 1,", 1), ManifestFault::Fields);
    reject(good.replace("not_included", "perhaps"), ManifestFault::Fields);
    reject(String::new(), ManifestFault::Fields);
    reject("[]".to_owned(), ManifestFault::Fields);
}

/// Whoever writes a manifest can compute its digest; what it may say is checked all the same.
#[test]
fn a_manifest_says_only_what_an_export_writes() {
    let reject = |change: fn(&mut Manifest), field| {
        let mut manifest = manifest();
        change(&mut manifest);
        assert_eq!(Manifest::decode(&manifest.encode()), Err(ManifestFault::Value { field }));
    };
    reject(|manifest| manifest.head = "9".repeat(63), "head");
    reject(|manifest| manifest.as_of = "2026-02-30".to_owned(), "as_of");
    reject(|manifest| manifest.name = "../a".to_owned(), "name");
    reject(|manifest| manifest.name = String::new(), "name");
    reject(|manifest| manifest.profile.name = "A".to_owned(), "profile");
    reject(|manifest| manifest.profile.sha256.clear(), "profile");
    let since = |change: fn(&mut Since)| {
        let mut manifest = manifest();
        change(manifest.since.as_mut().unwrap());
        assert_eq!(Manifest::decode(&manifest.encode()), Err(ManifestFault::Value { field: "since" }));
    };
    since(|since| since.position = 8);
    since(|since| since.head.clear());
    since(|since| since.as_of = "2026".to_owned());
    since(|since| since.manifest_sha256 = "G".repeat(64));
    reject(|manifest| manifest.erasures_upto = 6, "erasures_upto");
    reject(|manifest| manifest.files.reverse(), "files");
    reject(|manifest| manifest.files.push(manifest.files[1].clone()), "files");
    reject(|manifest| manifest.files[0].name = "../a".to_owned(), "files");
    reject(|manifest| manifest.files[0].name = "..".to_owned(), "files");
    reject(|manifest| manifest.files[0].name = String::new(), "files");
}

/// In pieces of every length: where a piece ends must not matter.
fn check_count(file: &str, bytes: &[u8], then: Result<Option<u64>, RowsFault>) {
    for piece in 1..=bytes.len().max(1) {
        let mut rows = Rows::of(file);
        bytes.chunks(piece).for_each(|bytes| rows.take(bytes));
        assert_eq!(rows.end(), then, "{file} in pieces of {piece}: {bytes:?}");
    }
}

#[test]
fn rows_are_counted() {
    for (file, bytes, then) in [
        ("a.jsonl", &b""[..], Ok(Some(0))),
        ("a.jsonl", b"{}\n{}\n", Ok(Some(2))),
        ("a.jsonl", b"{}\n{}", Err(RowsFault::Cut)),
        ("a.csv", b"", Err(RowsFault::NoHeader)),
        ("a.csv", b"a,b\n", Ok(Some(0))),
        ("a.csv", b"a,b\n1,\"x\ny\"\n", Ok(Some(1))),
        ("a.csv", b"a,b\n1,\"x\"\"\ny\"\n2,\n", Ok(Some(2))),
        ("a.csv", b"a,b\n1,\"x\n", Err(RowsFault::Cut)),
        ("a.csv", b"a,b\n1", Err(RowsFault::Cut)),
        ("entries.prb", b"", Ok(Some(0))),
        ("entries.prb", b"\0\0\0\x02ab\0\0\0\0\0\0\0\x01c", Ok(Some(3))),
        ("entries.prb", b"\0\0\0\x02a", Err(RowsFault::Cut)),
        ("entries.prb", b"\0\0\0", Err(RowsFault::Cut)),
        ("dictionary.json", b"{}", Ok(None)),
    ] {
        check_count(file, bytes, then);
    }
}
