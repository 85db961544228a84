//! Exports that go on from another one, and exports for those who may not see everything.

use std::fs;

use serde_json::Value;

use crate::export::check;
use crate::export::files;
use crate::export::log;
use crate::export::log::Log;
use crate::export::rows;

#[tokio::test]
async fn only_what_changed_is_written() {
    let mut log = Log::with_a_story().await;
    check(&log, "export --data {data} --to {}/one --position 8 --entries", 0);
    log.append(vec![log::amended()]).await;
    check(&log, "export --data {data} --to {}/two --since {}/one --entries", 0);
    let counts = |export: &str| {
        ["persons", "cases", "decisions", "sanctions", "declarations", "declaration_versions"]
            .map(|table| rows(&log, export, table).len())
    };
    assert_eq!(counts("two"), [0, 0, 1, 1, 1, 2], "the decision was annulled, the declaration amended");
    assert_eq!(rows(&log, "two", "sanctions")[0]["standing"], "ANNULLED");
    let manifest: Value = serde_json::from_slice(&files(&log.path("two"))["manifest.json"]).unwrap();
    let before: Value = serde_json::from_slice(&files(&log.path("one"))["manifest.json"]).unwrap();
    assert_eq!(manifest["since"]["position"], 8);
    assert_eq!(manifest["since"]["head"], before["head"]);
    assert_eq!(manifest["since"]["manifest_sha256"], before["manifest_sha256"]);
    let said = check(&log, "verify --export {}/two", 0);
    assert!(said.contains("2 entries, each follows") && said.contains("not shown whether the tables follow"), "{said}");
    let said = check(&log, "verify --export {}/two --since {}/one", 0);
    assert!(said.contains("tables and manifest follow from the entries, byte for byte"), "{said}");
    check(&log, "export --data {data} --to {}/again --since {}/one --entries", 0);
    assert_eq!(files(&log.path("two")), files(&log.path("again")));
    // Nothing happened, and there is nothing in it.
    check(&log, "export --data {data} --to {}/three --since {}/two --entries", 0);
    assert_eq!(counts("three"), [0; 6]);
    let said = check(&log, "verify --export {}/three --since {}/two --since {}/one", 0);
    assert!(said.contains("byte for byte"), "{said}");
    let said = check(&log, "verify --export {}/three --since {}/one", 2);
    assert!(said.contains("NOT VERIFIED  the export before, at entry 10, was not given"), "{said}");
}

#[tokio::test]
async fn what_a_day_changed_is_written_too() {
    let log = Log::with_a_story().await;
    check(&log, "export --data {data} --to {}/one --position 8", 0);
    check(&log, "export --data {data} --to {}/two --position 8 --since {}/one --as-of 2027-01-01", 0);
    assert_eq!(rows(&log, "two", "sanctions")[0]["standing"], "EXPIRED");
    assert_eq!((rows(&log, "two", "persons").len(), rows(&log, "two", "declarations").len()), (0, 0));
}

#[tokio::test]
async fn what_was_erased_since_is_written_again() {
    let mut log = Log::with_a_story().await;
    check(&log, "export --data {data} --to {}/one --entries", 0);
    log.erase(8);
    for position in [9, 10] {
        let to = format!("at-{position}");
        check(
            &log,
            &format!("export --data {{data}} --to {{}}/{to} --position {position} --since {{}}/one --entries"),
            0,
        );
        assert_eq!(rows(&log, &to, "declarations")[0]["erased_by"], 10);
        assert_eq!(rows(&log, &to, "persons").len(), 0);
        let said = check(&log, &format!("verify --export {{}}/{to} --since {{}}/one"), 0);
        assert!(said.contains("byte for byte"), "{said}");
    }
}

#[tokio::test]
async fn what_was_voided_counts_for_nothing_from_then_on() {
    let mut log = Log::with_a_story().await;
    check(&log, "export --data {data} --to {}/one --position 8 --entries", 0);
    // The decision, with what followed it.
    log.append(vec![log::voided(7, 20, 1)]).await;
    check(&log, "export --data {data} --to {}/two --since {}/one --entries", 0);
    assert_eq!((rows(&log, "one", "decisions").len(), rows(&log, "one", "sanctions").len()), (1, 1));
    assert_eq!((rows(&log, "two", "decisions").len(), rows(&log, "two", "sanctions").len()), (0, 0));
    assert_eq!(rows(&log, "two", "amendments")[0]["target_position"], 7);
    let events = rows(&log, "two", "events");
    assert!(events.iter().any(|row| row["position"] == 7 && row["voided_by"] == 10), "{events:?}");
    let said = check(&log, "verify --export {}/two --since {}/one", 0);
    assert!(said.contains("byte for byte"), "{said}");
    for (position, sanctions) in [(8, 1), (10, 0)] {
        let to = format!("cleared-{position}");
        let export = "export --data {data} --profile clearance --format jsonl --position";
        check(&log, &format!("{export} {position} --to {{}}/{to}"), 0);
        assert_eq!(rows(&log, &to, "sanctions").len(), sanctions, "at {position}");
    }
}

#[tokio::test]
async fn an_incremental_export_that_was_changed_shows() {
    let mut log = Log::with_a_story().await;
    check(&log, "export --data {data} --to {}/one --entries", 0);
    log.append(vec![log::amended()]).await;
    check(&log, "export --data {data} --to {}/two --since {}/one --entries", 0);
    for name in ["entries.prb", "declarations.jsonl", "profile.toml", "manifest.json", "dictionary.json"] {
        let path = log.path("two").join(name);
        let good = fs::read(&path).unwrap();
        for place in [0, good.len() / 2, good.len() - 1] {
            let mut bad = good.clone();
            bad[place] ^= 1;
            fs::write(&path, &bad).unwrap();
            let said = check(&log, "verify --export {}/two --since {}/one", 1);
            assert!(said.contains("DAMAGED"), "{name}, byte {place}: {said}");
        }
        fs::remove_file(&path).unwrap();
        check(&log, "verify --export {}/two --since {}/one", 1);
        fs::write(&path, &good).unwrap();
    }
    check(&log, "verify --export {}/two --since {}/one", 0);
}

#[tokio::test]
async fn what_cannot_be_gone_on_from_is_refused() {
    let log = Log::with_a_story().await;
    let other = Log::new();
    check(&log, "export --data {data} --to {}/one --position 8", 0);
    check(&log, "export --data {data} --to {}/figures --profile statistics --position 8", 0);
    check(&log, "export --data {data} --to {}/named --name nightly --position 8", 0);
    fs::create_dir(log.path("none")).unwrap();
    for (arguments, then) in [
        ("--since {}/one --position 7 --name export", "inside a request"),
        ("--since {}/one --position 5", "it is a later one"),
        ("--since {}/figures", "another profile"),
        ("--since {}/one --profile statistics", "another profile"),
        ("--since {}/named", "another name"),
        ("--since {}/none", "No such file"),
        ("--profile clearance --entries", "the entries hold more than it lets through"),
        ("--profile nobody", "there is no profile nobody; there are clearance, internal, statistics"),
        ("--name ../out", "lower-case letters"),
    ] {
        let said = check(&log, &format!("export --data {{data}} --to {{}}/out {arguments}"), 2);
        assert!(said.contains(then), "{arguments}: {said}");
        assert!(!log.path("out").exists(), "{arguments}");
    }
    check(&log, "export --data {data} --to {}/cleared --profile clearance --position 8", 0);
    let said = check(&log, "export --data {data} --to {}/out --profile clearance --since {}/cleared", 2);
    assert!(said.contains("only a full export shows which are gone"), "{said}");
    let one = log.path("one");
    let said = check(&other, &format!("export --data {{data}} --to {{}}/out --since {}", one.display()), 2);
    assert!(said.contains("it is a later one") || said.contains("of another log"), "{said}");
}

#[tokio::test]
async fn a_profile_decides_what_is_written() {
    let log = Log::with_a_story().await;
    check(&log, "export --data {data} --to {}/cleared --profile clearance --position 8", 0);
    assert_eq!(rows(&log, "cleared", "sanctions").len(), 1, "it is in force");
    let names: Vec<String> = files(&log.path("cleared")).into_keys().collect();
    assert!(!names.iter().any(|name| name.starts_with("allegations") || name.starts_with("persons")), "{names:?}");
    check(&log, "verify --export {}/cleared", 0);
    check(&log, "export --data {data} --to {}/later --profile clearance", 0);
    assert_eq!(rows(&log, "later", "sanctions").len(), 0, "it was annulled");
    check(&log, "export --data {data} --to {}/figures --profile statistics", 0);
    check(&log, "verify --export {}/figures", 0);
    for (name, bytes) in files(&log.path("figures")) {
        let text = String::from_utf8(bytes).unwrap();
        for thing in [1, 2, 10, 20, 40] {
            assert!(!text.contains(&log::id(thing)), "{name} names {thing}");
        }
    }
    let one = &rows(&log, "figures", "allegations")[0];
    assert_eq!((&one["alleged_category_code"], &one["count"]), (&Value::Null, &1.into()), "too few to be told apart");
}

#[tokio::test]
async fn a_profile_of_ones_own_is_read_and_a_bad_one_named() {
    let log = Log::with_a_story().await;
    let folder = log.path("profiles");
    fs::create_dir(&folder).unwrap();
    let own = "name = \"dates\"\nabout = \"when\"\nentries = false\n[tables.decisions]\ncolumns = [\"signed_on\"]\n";
    fs::write(folder.join("dates.toml"), own).unwrap();
    fs::write(folder.join("notes.txt"), "no profile").unwrap();
    let export = "export --data {data} --to {}/out --replace --profiles {}/profiles --profile dates";
    check(&log, export, 0);
    assert_eq!(rows(&log, "out", "decisions")[0].as_object().unwrap().len(), 1);
    check(&log, "verify --export {}/out", 0);
    for (text, then) in [
        (own.replace("signed_on", "signed"), "dates.toml, line 5: tables.decisions.columns: there is no column signed"),
        (own.replace("decisions", "decision"), "dates.toml, line 4: tables.decision: there is no such table"),
        (own.replace("dates", "internal"), "there is another profile with the name internal"),
    ] {
        fs::write(folder.join("dates.toml"), text).unwrap();
        let said = check(&log, export, 2);
        assert!(said.contains(then), "{said}");
    }
}

/// In memory nothing is left of it, but for what is said; a folder as a URL is a folder.
#[tokio::test]
async fn a_destination_can_be_a_url() {
    let log = Log::with_a_story().await;
    check(&log, "export --data {data} --to file://{}/out", 0);
    check(&log, "verify --export {}/out", 0);
    let said = check(&log, "export --data {data} --to memory:///exports/one", 0);
    assert!(said.contains("written   memory:///exports/one"), "{said}");
    if !cfg!(feature = "cloud") {
        let said = check(&log, "export --data {data} --to s3://bucket/out", 2);
        assert!(said.contains("built without the feature cloud"), "{said}");
    }
}

#[tokio::test]
async fn parquet_is_made_again_byte_for_byte() {
    let log = Log::with_a_story().await;
    check(&log, "export --data {data} --to {}/one --entries --format parquet,jsonl", 0);
    check(&log, "export --data {data} --to {}/two --entries --format parquet,jsonl", 0);
    assert_eq!(files(&log.path("one")), files(&log.path("two")));
    let said = check(&log, "verify --export {}/one", 0);
    assert!(said.contains("byte for byte"), "{said}");
    let path = log.path("one").join("persons.parquet");
    let mut bytes = fs::read(&path).unwrap();
    bytes[10] ^= 1;
    fs::write(&path, bytes).unwrap();
    check(&log, "verify --export {}/one", 1);
}
