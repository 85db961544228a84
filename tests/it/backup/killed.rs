//! Backups and restores that are killed at every named point: what is there is the last good backup, or the new one;
//! the restored log, or none.

use std::fs;

use crate::backup::BACKUP;
use crate::backup::RESTORE;
use crate::backup::stored;
use crate::export::check;
use crate::export::files;
use crate::export::head;
use crate::export::log::Log;
use crate::export::log::amended;
use crate::export::names;
use crate::export::run_with;

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
