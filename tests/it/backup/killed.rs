//! Backups and restores that are killed at every named point: what is there is the last good backup, or the new one;
//! the restored log, or none.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;

use tempfile::TempDir;

use crate::backup::BACKUP;
use crate::backup::RESTORE;
use crate::backup::stored;
use crate::crash::load::Load;
use crate::export::check;
use crate::export::files;
use crate::export::head;
use crate::export::log::Log;
use crate::export::log::amended;
use crate::export::names;
use crate::export::run_with;
use crate::service;
use crate::service::Served;

/// Points of a backup, how often each is passed before, and whether the backup then holds what is new.
const BACKUP_POINTS: [(&str, bool); 8] = [
    ("backup-segment-written:1", false),
    ("backup-segment-written:2", false),
    ("backup-segment-renamed:1", false),
    ("backup-segment-renamed:2", false),
    ("backup-segment-renamed:3", false),
    ("backup-manifest-written:1", false),
    ("backup-verified:1", false),
    ("backup-manifest-renamed:1", true),
];

fn killed(log: &Log, arguments: &str, point: &str) {
    let ran = run_with(log, arguments, point);
    assert_eq!(ran.status, None, "{point} was not passed: {}{}", ran.out, ran.err);
}

#[tokio::test]
async fn a_kill_leaves_the_last_good_backup() {
    let mut log = Log::with_a_story().await;
    check(&log, BACKUP, 0);
    let manifest = |log: &Log| fs::read(log.path("backup/manifest.json")).unwrap();
    for (point, is_new) in BACKUP_POINTS {
        let (old, size) = (files(&log.path("backup")), log.entries().len());
        log.append(vec![amended(), amended(), amended(), amended()]).await;
        killed(&log, BACKUP, point);
        let found = files(&log.path("backup"));
        for (name, bytes) in old.iter().filter(|(name, _)| *name != "manifest.json") {
            assert!(found[name] == *bytes, "{point}: {name}");
        }
        assert_eq!(manifest(&log) != old["manifest.json"], is_new, "{point}");
        let last = if is_new { size + 3 } else { size - 1 };
        check(&log, &format!("verify --backup {{}}/backup --head {}", head(&log, last)), 0);
        check(&log, &format!("{RESTORE} --head {}", head(&log, last)), 0);
        fs::remove_dir_all(log.path("new")).unwrap();
        check(&log, BACKUP, 0);
        check(&log, &format!("verify --backup {{}}/backup --head {}", head(&log, size + 3)), 0);
        assert!(!files(&log.path("backup")).keys().any(|name| name.ends_with(".partial")), "{point}");
    }
}

#[tokio::test]
async fn a_first_backup_that_was_killed_is_begun_again() {
    let log = Log::with_a_story().await;
    let points = ["backup-manifest-written:1", "backup-manifest-renamed:1", "backup-segment-written:2"];
    for point in points.into_iter().chain(["backup-segment-renamed:3", "backup-manifest-written:1"]) {
        killed(&log, BACKUP, point);
        check(&log, RESTORE, 2);
        assert_eq!(names(&log), ["backup", "data"], "{point}");
    }
    check(&log, BACKUP, 0);
    check(&log, &format!("verify --backup {{}}/backup --head {}", head(&log, 9)), 0);
    fs::remove_dir_all(log.path("backup")).unwrap();
    killed(&log, BACKUP, "backup-manifest-renamed:2");
    check(&log, &format!("verify --backup {{}}/backup --head {}", head(&log, 9)), 0);
}

#[tokio::test]
async fn a_kill_leaves_nothing_that_opens_as_a_log() {
    let log = Log::with_a_story().await;
    check(&log, &format!("{BACKUP} --keys {{}}/safe"), 0);
    let restore = format!("{RESTORE} --keys {{}}/safe");
    for point in ["restore-keys-copied:1", "restore-appended:1", "restore-verified:1", "restore-before-rename:1"] {
        for is_there in [false, true] {
            if is_there {
                fs::create_dir(log.path("new")).unwrap();
            }
            killed(&log, &restore, point);
            let opened = check(&log, "verify --data {}/new", 2);
            assert!(opened.contains("no data folder"), "{point}: {opened}");
            assert_eq!(log.path("new").exists(), is_there, "{point}");
            check(&log, &restore, 0);
            assert_eq!(names(&log), ["backup", "data", "new", "safe"], "{point}");
            assert_eq!(stored(&log.path("new")), stored(&log.data()));
            fs::remove_dir_all(log.path("new")).unwrap();
        }
    }
    killed(&log, &restore, "restore-after-rename:1");
    check(&log, &format!("verify --data {{}}/new --open-parts --head {}", head(&log, 9)), 0);
    let said = check(&log, &restore, 2);
    assert!(said.contains("not an empty folder"), "{said}");
    assert_eq!(names(&log), ["backup", "data", "new", "safe"]);
}

/// A log that is backed up while it is written, killed with its backups, and restored elsewhere: whatever was
/// acknowledged before the last backup has the same receipt there.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_under_load_is_backed_up_and_restored() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (data, new) = (path("data"), path("new"));
    let backup = |source: [&str; 2], crash_at: &str| {
        let mut command = service::probity(["backup", "--segment-bytes", "20000", "--json", "--to"]);
        let output = command.arg(path("backup")).args(source).env("PROBITY_CRASH_AT", crash_at).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), crash_at.is_empty().then_some(0), "{crash_at}: {said}");
        assert_eq!(output.status.signal().is_none(), crash_at.is_empty(), "{crash_at} was not passed: {said}");
        let verified = service::run(service::probity(["verify", "--json", "--backup"]).arg(path("backup")));
        assert_eq!(verified.0, Some(0), "{crash_at}: {verified:?}");
    };
    let served = Served::start(&data);
    let mut load = Load::new(0x5eed << 20);
    let running = load.start(&served.url);
    let points =
        ["", "backup-segment-written:2", "backup-verified", "", "backup-segment-renamed", "backup-manifest-renamed"];
    for (round, point) in (1u64..).zip(points) {
        running.acknowledged(round * 300).await;
        tokio::task::block_in_place(|| backup(["--from", &served.url], point));
    }
    served.kill();
    load.end(running).await;
    // What the service said is durable is there after the kill: the log is never behind its backup.
    tokio::task::block_in_place(|| backup(["--data", data.to_str().unwrap()], ""));
    let mut restore = service::probity(["restore", "--backup"]);
    let mut restore = restore.arg(path("backup")).arg("--keys").arg(data.join("keys"));
    restore = restore.arg("--data").arg(&new);
    let (status, printed, said) = tokio::task::block_in_place(|| service::run(restore));
    assert_eq!(status, Some(0), "{printed}{said}");
    assert_eq!(stored(&new), stored(&data));
    let served = Served::start(&new);
    load.repeat_all(&served.url).await.unwrap();
    load.compare_with_log(&served.url).await;
    served.stop();
    service::verify(&new);
}
