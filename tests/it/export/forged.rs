//! Exports that somebody changed, by accident or with care.
#![expect(clippy::print_stdout, reason = "seeds of a run that failed")]

use std::collections::BTreeSet;
use std::fs;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::ExitCode;

use probity::cli::verify;
use probity::cli::verify::VerifyArgs;
use probity::export::Digester;
use probity::export::Manifest;
use probity::export::Rows;

use crate::export::check;
use crate::export::files;
use crate::export::head;
use crate::export::log::Log;
use crate::service::story::mix;

/// The exit status of verification, in this process: a hundred times faster than one of its own.
async fn status(folder: &Path) -> u8 {
    let arguments = VerifyArgs {
        tiles: None,
        token_file: None,
        state: None,
        proof: None,
        handed: None,
        checkpoint: Vec::new(),
        key: None,
        policy: None,
        data: None,
        from: None,
        from_environment: None,
        export: Some(folder.to_owned()),
        since: Vec::new(),
        backup: None,
        head: None,
        open_parts: false,
        views: false,
        json: true,
    };
    let code = verify::run(arguments).await.unwrap_or_else(|_| ExitCode::from(2));
    let is = |status: &u8| code == ExitCode::from(*status);
    (0..3).find(is).unwrap()
}

/// Makes the manifest say what the files are now.
fn seal(folder: &Path, change: impl FnOnce(&mut Manifest)) {
    let path = folder.join("manifest.json");
    let mut manifest = Manifest::decode(&fs::read(&path).unwrap()).unwrap();
    for file in &mut manifest.files {
        let Ok(bytes) = fs::read(folder.join(&file.name)) else { continue };
        let (mut digester, mut rows) = (Digester::default(), Rows::of(&file.name));
        digester.take(&bytes);
        rows.take(&bytes);
        *file = digester.end(&file.name, rows.end().unwrap_or(file.rows));
    }
    change(&mut manifest);
    fs::write(path, manifest.encode()).unwrap();
}

/// Files up to this length are flipped in every byte: all but the dictionary, which is the same in every export.
const SMALL_BYTES: usize = 8192;

/// Of a longer file, so many bytes of each kind are flipped.
const OF_EACH_KIND: usize = 40;

/// Bytes that are read differently: the digest must not care.
fn kind(byte: u8) -> usize {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' => 0,
        b'0'..=b'9' => 1,
        b'"' | b'\\' | b'{' | b'}' | b'[' | b']' | b':' | b',' => 2,
        b' ' | b'\n' | b'\r' => 3,
        0 => 4,
        0x80.. => 5,
        _ => 6,
    }
}

/// Where a file is flipped: everywhere, or at its ends and in some bytes of each kind.
fn places(bytes: &[u8], seed: u64) -> BTreeSet<usize> {
    if bytes.len() <= SMALL_BYTES {
        return (0..bytes.len()).collect();
    }
    let mut kinds: [Vec<usize>; 7] = Default::default();
    for (place, byte) in bytes.iter().enumerate() {
        kinds[kind(*byte)].push(place);
    }
    let mut places = BTreeSet::from([0, bytes.len() - 1]);
    for (number, kind) in (0..).zip(&kinds).filter(|(_, kind)| !kind.is_empty()) {
        let picked = (0..OF_EACH_KIND as u64).map(|round| mix(seed ^ mix(number << 32 | round)) % kind.len() as u64);
        places.extend(picked.map(|picked| kind[usize::try_from(picked).unwrap()]));
    }
    places
}

#[tokio::test]
async fn every_flipped_byte_is_found() {
    let seed: u64 = std::env::var("PROBITY_FLIP_SEED").ok().map_or_else(rand::random, |seed| seed.parse().unwrap());
    println!("PROBITY_FLIP_SEED={seed}");
    let log = Log::with_a_story().await;
    check(&log, "export --data {data} --to {}/out --entries --format csv", 0);
    let out = log.path("out");
    assert_eq!(status(&out).await, 0);
    let mut flipped = 0;
    for (name, bytes) in files(&out) {
        let file = File::options().write(true).open(out.join(&name)).unwrap();
        for place in places(&bytes, seed) {
            let bit = 1 << (mix(seed ^ place as u64) % 8);
            file.write_all_at(&[bytes[place] ^ bit], place as u64).unwrap();
            assert_ne!(status(&out).await, 0, "byte {place} of {name}, bit {bit}");
            file.write_all_at(&[bytes[place]], place as u64).unwrap();
            flipped += 1;
        }
        println!("{name}: {} bytes", bytes.len());
    }
    assert_eq!(status(&out).await, 0);
    assert!(flipped > 10_000, "{flipped} bytes");
}

#[tokio::test]
async fn a_file_too_many_or_too_few_is_found() {
    let log = Log::with_a_story().await;
    check(&log, "export --data {data} --to {}/out", 0);
    let out = log.path("out");
    for name in files(&out).keys() {
        fs::rename(out.join(name), log.path("aside")).unwrap();
        assert_eq!(status(&out).await, 1, "without {name}");
        fs::create_dir(out.join(name)).unwrap();
        assert_ne!(status(&out).await, 0, "a folder in the place of {name}");
        fs::remove_dir(out.join(name)).unwrap();
        fs::rename(log.path("aside"), out.join(name)).unwrap();
    }
    fs::write(out.join("more.csv"), "").unwrap();
    let said = check(&log, "verify --export {}/out", 1);
    assert!(said.contains("more.csv: the manifest does not name it"), "{said}");
    fs::remove_file(out.join("more.csv")).unwrap();
    assert_eq!(status(&out).await, 0);
}

#[tokio::test]
async fn what_is_no_export_is_said_to_be_none() {
    let log = Log::new();
    let said = check(&log, "verify --export {}/nowhere", 2);
    assert!(said.contains("cannot read"), "{said}");
    let said = check(&log, "verify --export {data}", 1);
    assert!(said.contains("no whole export"), "{said}");
}

/// Whoever changes a table can write a manifest that fits it. The entries do not fit it then.
#[tokio::test]
async fn a_table_that_does_not_follow_from_the_entries_is_found() {
    let log = Log::with_a_story().await;
    check(&log, "export --data {data} --to {}/out --entries", 0);
    let out = log.path("out");
    let good = files(&out);
    let restore = || good.iter().for_each(|(name, bytes)| fs::write(out.join(name), bytes).unwrap());
    let reject = |then: &str| {
        let said = check(&log, "verify --export {}/out", 1);
        assert!(said.contains(then), "{then}: {said}");
    };
    let table = String::from_utf8(good["sanctions.csv"].clone()).unwrap();
    fs::write(out.join("sanctions.csv"), table.replace("ANNULLED", "IN_FORCE")).unwrap();
    seal(&out, |_| {});
    reject("sanctions.csv: it does not follow from the entries");
    restore();
    let table = String::from_utf8(good["persons.jsonl"].clone()).unwrap();
    fs::write(out.join("persons.jsonl"), table.lines().next().unwrap().to_owned() + "\n").unwrap();
    seal(&out, |_| {});
    reject("persons.jsonl: it does not follow from the entries");
    restore();
    for change in [
        |manifest: &mut Manifest| manifest.origin = "log.example/other".to_owned(),
        |manifest: &mut Manifest| manifest.head = "0".repeat(64),
        |manifest: &mut Manifest| manifest.recorded_at = "2026-05-03T08:34:00.001Z".to_owned(),
    ] {
        seal(&out, change);
        reject("manifest.json: it does not follow from the entries");
        restore();
    }
    seal(&out, |manifest| manifest.as_of = "2020-01-01".to_owned());
    assert_eq!(status(&out).await, 0, "nothing is otherwise on that day: the annulled stays annulled");
    restore();
    seal(&out, |manifest| manifest.position = 8);
    reject("does not follow from the entries");
    restore();
    seal(&out, |manifest| manifest.position = 7);
    reject("it cannot be made again from its entries: entry 7 is inside a request");
    restore();
    fs::remove_file(out.join("sanctions.csv")).unwrap();
    seal(&out, |manifest| manifest.files.retain(|file| file.name != "sanctions.csv"));
    reject("does not name the files that an export has");
    restore();
    seal(&out, |manifest| manifest.tables_version += 1);
    check(&log, "verify --export {}/out", 2);
    restore();
    assert_eq!(status(&out).await, 0);
}

#[tokio::test]
async fn cut_entries_are_found() {
    let log = Log::with_a_story().await;
    check(&log, "export --data {data} --to {}/out --entries --format csv", 0);
    let out = log.path("out");
    let (path, whole) = (out.join("entries.prb"), fs::read(out.join("entries.prb")).unwrap());
    // Where each entry begins.
    let mut begins = vec![0];
    while *begins.last().unwrap() < whole.len() {
        let at = *begins.last().unwrap();
        let length = u32::from_be_bytes(whole[at..at + 4].try_into().unwrap());
        begins.push(at + 4 + usize::try_from(length).unwrap());
    }
    assert_eq!(begins.len(), 11);
    for cut in (0..whole.len()).step_by(97).chain(begins[..10].iter().copied()) {
        fs::write(&path, &whole[..cut]).unwrap();
        assert_eq!(status(&out).await, 1, "cut to {cut}");
        // And with a manifest that was made to fit.
        let manifest = fs::read(out.join("manifest.json")).unwrap();
        seal(&out, |_| {});
        assert_eq!(status(&out).await, 1, "cut to {cut}, with another manifest");
        fs::write(out.join("manifest.json"), manifest).unwrap();
    }
    fs::write(&path, whole).unwrap();
    assert_eq!(status(&out).await, 0);
}

#[tokio::test]
async fn a_head_that_was_kept_elsewhere_is_compared() {
    let log = Log::with_a_story().await;
    check(&log, "export --data {data} --to {}/with --entries", 0);
    check(&log, "export --data {data} --to {}/without", 0);
    let (last, earlier) = (head(&log, 9), head(&log, 3));
    let wrong = |index: u32| format!("{index}:{}", "0".repeat(64));
    for (export, head, then) in [
        ("with", &last, 0),
        ("with", &earlier, 0),
        ("with", &wrong(9), 1),
        ("with", &wrong(3), 1),
        ("with", &wrong(10), 2),
        ("without", &last, 0),
        ("without", &wrong(9), 1),
        ("without", &earlier, 2),
        ("without", &wrong(10), 2),
    ] {
        check(&log, &format!("verify --export {{}}/{export} --head {head}"), then);
    }
}
