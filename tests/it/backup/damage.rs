//! Backups that are not what was written: nothing is restored from them, and the entry at fault is named.
#![expect(clippy::print_stderr, reason = "what was not tried must be seen")]

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use crate::backup::BACKUP;
use crate::backup::RESTORE;
use crate::export::check;
use crate::export::files;
use crate::export::log::Log;
use crate::export::log::amended;
use crate::export::names;

/// Puts files into the place of a good backup, and sees it refused by whoever reads it, for this reason.
fn reject(log: &Log, changed: &BTreeMap<String, Vec<u8>>, what: &str, then: &str) {
    reject_as_one(log, changed, what, &[then.to_owned()]);
}

/// The same, for one of these reasons.
fn reject_as_one(log: &Log, changed: &BTreeMap<String, Vec<u8>>, what: &str, then: &[String]) {
    let folder = log.path("backup");
    let good = files(&folder);
    let put = |files: &BTreeMap<String, Vec<u8>>| {
        fs::remove_dir_all(&folder).unwrap();
        fs::create_dir(&folder).unwrap();
        for (name, bytes) in files {
            fs::write(folder.join(name), bytes).unwrap();
        }
    };
    put(changed);
    let before = names(log);
    for command in ["verify --backup {}/backup", RESTORE] {
        let said = check(log, command, 1);
        let expected = then.iter().any(|then| said.contains(then));
        assert!(expected, "{what}: {command}: expected {then:?}: {said}");
    }
    assert_eq!(names(log), before, "{what}");
    put(&good);
}

fn segment(first: u64) -> String {
    format!("{first:020}.entries")
}

#[tokio::test]
async fn a_segment_that_is_not_what_it_was_is_found_at_its_entry() {
    let log = Log::with_a_story().await;
    check(&log, "backup --data {data} --to {}/backup --segment-bytes 2500", 0);
    let good = files(&log.path("backup"));
    let firsts: Vec<&String> = good.keys().filter(|name| name.ends_with(".entries")).collect();
    assert!(firsts.len() > 1, "{firsts:?}");
    let (first, second) = (firsts[0], firsts[1]);
    let in_second: u64 = second[..20].parse().unwrap();
    let change = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut files = good.clone();
        change(files.get_mut(name).unwrap());
        files
    };
    let begin_of_third = 4 + u32::from_be_bytes(good[first][..4].try_into().unwrap()) as usize;
    // A changed leaf is seen by the link of the entry after it.
    let mut begins = 0;
    for index in in_second.. {
        let Some(length) = good[second].get(begins..begins + 4) else { break };
        let ends = begins + 4 + u32::from_be_bytes(length.try_into().unwrap()) as usize;
        for at in [begins + 3, begins + 20, begins.midpoint(ends), ends - 1] {
            let then = [format!("entry {index}"), format!("entry {}", index + 1)];
            reject_as_one(&log, &change(second, &|bytes| bytes[at] ^= 1), &format!("byte {at}"), &then);
        }
        begins = ends;
    }
    // Of the first entry of a segment what is exactly at fault is said.
    reject(&log, &change(second, &|bytes| bytes[10] ^= 1), "leaf", &format!("entry {in_second}"));
    reject(&log, &change(first, &|bytes| bytes.truncate(begin_of_third + 7)), "cut", "entry 1: ");
    reject(&log, &change(first, &|bytes| bytes.truncate(begin_of_third)), "cut between entries", "entry 1: ");
    reject(&log, &change(second, &|bytes| bytes.push(0)), "longer", "is cut");
    reject(&log, &change(second, &|bytes| bytes.extend([0; 4])), "longer by an entry", "in the manifest");
    reject(&log, &change(second, &Vec::clear), "empty", &format!("entry {in_second}: "));
    let mut missing = good.clone();
    missing.remove(second);
    reject(&log, &missing, "missing", "the manifest names it, and it is missing");
    let mut swapped = good.clone();
    swapped.insert(first.clone(), good[second].clone());
    swapped.insert(second.clone(), good[first].clone());
    reject(&log, &swapped, "swapped", "entry 0: ");
}

#[tokio::test]
async fn a_manifest_of_another_backup_fits_no_segments() {
    let log = Log::with_a_story().await;
    check(&log, BACKUP, 0);
    let other = Log::with_a_story().await;
    check(&other, BACKUP, 0);
    let good = files(&log.path("backup"));
    let mut others = good.clone();
    others.insert("manifest.json".to_owned(), files(&other.path("backup"))["manifest.json"].clone());
    reject(&log, &others, "another log's manifest", "in the manifest");
    let mut flipped = good.clone();
    flipped.get_mut("manifest.json").unwrap()[40] ^= 1;
    reject(&log, &flipped, "flipped", "manifest.json: ");
    let mut cut = good;
    cut.get_mut("manifest.json").unwrap().truncate(200);
    reject(&log, &cut, "cut", "manifest.json: ");
}

/// Nothing is added to what cannot be restored.
#[tokio::test]
async fn a_damaged_backup_is_not_added_to() {
    let mut log = Log::with_a_story().await;
    check(&log, BACKUP, 0);
    let good = files(&log.path("backup"));
    log.append(vec![amended()]).await;
    let last = good.keys().rfind(|name| name.ends_with(".entries")).unwrap().clone();
    let refused = |name: &str, bytes: Option<&[u8]>, then: &str| {
        let path = log.path("backup").join(name);
        match bytes {
            Some(bytes) => fs::write(&path, bytes).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let there = files(&log.path("backup"));
        let said = check(&log, BACKUP, 1);
        assert!(said.contains(then), "{name}: {said}");
        assert_eq!(files(&log.path("backup")), there, "{name}");
        fs::write(&path, &good[name]).unwrap();
    };
    refused(&segment(0), None, "is missing; begin a new backup");
    refused(&segment(0), Some(b"short"), "5 bytes");
    let mut flipped = good[&last].clone();
    flipped[100] ^= 1;
    refused(&last, Some(&flipped), "SHA-256");
    refused("manifest.json", Some(b"{}"), "manifest.json: ");
    fs::remove_file(log.path("backup/manifest.json")).unwrap();
    let said = check(&log, BACKUP, 2);
    assert!(said.contains("is not empty and no backup"), "{said}");
    assert_eq!(files(&log.path("backup")).len(), good.len() - 1, "without a manifest the segments stay");
    fs::write(log.path("backup/manifest.json"), &good["manifest.json"]).unwrap();
    check(&log, BACKUP, 0);
}

/// On a file system of its own: one that takes no writes, one that is full.
#[tokio::test]
async fn a_disk_that_refuses_leaves_the_backup_as_it_was() {
    let mut log = Log::with_a_story().await;
    let mount = log.path("mount");
    fs::create_dir(&mount).unwrap();
    let (program, data) = (env!("CARGO_BIN_EXE_probity"), log.data());
    let inside = |script: &str| {
        let script = script
            .replace("PROBITY", program)
            .replace("DATA", data.to_str().unwrap())
            .replace("MOUNT", mount.to_str().unwrap());
        Command::new("unshare").args(["-m", "sh", "-c", &script]).env_remove("PROBITY_CRASH_AT").output()
    };
    let mounted = inside("mount -t tmpfs none MOUNT");
    if !mounted.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: a disk that refuses needs the right to mount one");
        return;
    }
    check(&log, "backup --data {data} --to {}/kept --segment-bytes 300", 0);
    log.append(vec![amended()]).await;
    let copy = format!("cp {}/* MOUNT", log.path("kept").display());
    for (given, then) in [
        (format!("mount -t tmpfs none MOUNT && {copy} && mount -o remount,ro MOUNT"), "Read-only file system"),
        (
            format!(
                "mount -t tmpfs none MOUNT && {copy} && mount -o remount,size=64k MOUNT && dd if=/dev/zero of=MOUNT/filler 2>/dev/null; true"
            ),
            "No space left",
        ),
    ] {
        let script = format!(
            "{{ {given}; }} && (cd MOUNT && sha256sum *) >DATA.before && {{ PROBITY backup --data DATA --to MOUNT; \
             code=$?; (cd MOUNT && sha256sum *) >DATA.after; cmp DATA.before DATA.after && exit $code; }}"
        );
        let output = inside(&script).unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(then), "{then}: {said}");
    }
    // Nothing can be made beside a folder on such a disk either.
    let script = "mount -t tmpfs none MOUNT && mount -o remount,ro MOUNT && PROBITY restore --backup DATA/../kept --data MOUNT/new";
    let output = inside(script).unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8(output.stderr).unwrap());
}
