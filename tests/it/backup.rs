//! Backups of real data folders and services, and what is restored from them, by the program itself: the same log, or
//! nothing and the reason.

mod damage;
mod killed;

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use probity::clock::Settable;
use probity::proto::v1;
use probity::proto::v1::ledger_service_client::LedgerServiceClient;
use probity::server;
use probity::server::Settings;
use probity::server::errors::Reason;
use serde_json::Value;

use crate::export::check;
use crate::export::files;
use crate::export::head;
use crate::export::log::Log;
use crate::export::log::SEALED;
use crate::export::log::amended;
use crate::export::names;
use crate::export::run;
use crate::service;
use crate::service::Here;
use crate::service::contains_below;
use crate::service::refusal;
use crate::service::story;

/// Segments of an entry or two.
const BACKUP: &str = "backup --data {data} --to {}/backup --segment-bytes 300";
const RESTORE: &str = "restore --backup {}/backup --data {}/new";

/// Runs the program with `--json`, compares the status, and reads what it printed.
fn json(log: &Log, arguments: &str) -> Value {
    let ran = run(log, &format!("{arguments} --json"));
    assert_eq!(ran.status, Some(0), "{arguments}: {}{}", ran.out, ran.err);
    serde_json::from_str(&ran.out).unwrap()
}

/// Every entry of a data folder, as it is stored.
fn stored(data: &Path) -> Vec<bytes::Bytes> {
    use probity::store::LogStore as _;
    let options = probity::store::OpenOptions { reserve_bytes: 0, ..probity::store::OpenOptions::default() };
    let store = probity::store::open(data, &options).unwrap();
    let entries = store.read(0, usize::MAX).unwrap().into_iter().map(|(_, bytes)| bytes).collect();
    store.close().unwrap();
    entries
}

#[tokio::test]
async fn a_backup_grows_by_what_is_new() {
    let mut log = Log::with_a_story().await;
    let first = json(&log, BACKUP);
    assert_eq!((&first["entries"], &first["entries_added"]), (&10.into(), &10.into()), "{first}");
    assert!(first["segments"].as_u64().unwrap() > 3, "{first}");
    assert_eq!(first["head"], head(&log, 9));
    let old = files(&log.path("backup"));
    assert_eq!(json(&log, BACKUP)["entries_added"], 0);
    assert_eq!(files(&log.path("backup")), old, "nothing was new");
    log.append(vec![amended()]).await;
    let second = json(&log, BACKUP);
    assert_eq!(
        (&second["entries"], &second["entries_added"], &second["segments_added"]),
        (&11.into(), &1.into(), &1.into())
    );
    let new = files(&log.path("backup"));
    for (name, bytes) in old.iter().filter(|(name, _)| *name != "manifest.json") {
        assert!(new[name] == *bytes, "{name} is never changed");
    }
    assert_eq!(new.len(), old.len() + 1);
    let said = check(&log, &format!("verify --backup {{}}/backup --head {}", head(&log, 10)), 0);
    assert!(said.contains("verified  11 entries"), "{said}");
}

#[tokio::test]
async fn a_restored_log_is_the_log() {
    let mut log = Log::with_a_story().await;
    check(&log, &format!("{BACKUP} --keys {{}}/safe"), 0);
    fs::create_dir(log.path("new")).unwrap();
    let restored = json(&log, &format!("{RESTORE} --keys {{}}/safe --head {}", head(&log, 9)));
    assert_eq!((&restored["entries"], &restored["head"]), (&10.into(), &head(&log, 9).into()));
    assert_eq!(restored["parts_opened"], restored["parts"]);
    assert_eq!(restored["parts_closed"], Value::Array(Vec::new()));
    assert_eq!(stored(&log.path("new")), stored(&log.data()));
    assert_eq!(names(&log), ["backup", "data", "new", "safe"]);
    for folder in ["safe", "new/keys"] {
        for (name, bytes) in files(&log.path(folder)) {
            assert!(bytes == files(&log.data().join("keys"))[&name], "{folder}/{name}");
            let mode = fs::metadata(log.path(folder).join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
    check(&log, &format!("verify --data {{}}/new --open-parts --head {}", head(&log, 9)), 0);
    check(&log, "doctor --data {}/new", 0);
    // It takes requests, and the backup goes on with it as with the one that it came from.
    fs::remove_dir_all(log.data()).unwrap();
    fs::rename(log.path("new"), log.data()).unwrap();
    log.append(vec![amended()]).await;
    check(&log, "verify --data {data} --open-parts --views", 0);
    assert_eq!(json(&log, BACKUP)["entries_added"], 1);
}

/// As it is typed: names in the folder where one stands.
#[tokio::test]
async fn folders_are_named_from_where_one_stands() {
    let log = Log::with_a_story().await;
    for arguments in [
        "backup --data data --to backup --keys safe",
        "backup --data data --to backup --keys safe",
        "verify --backup backup",
        "restore --backup backup --data new --keys safe",
        "verify --data new --open-parts",
    ] {
        let mut command = service::probity(arguments.split_whitespace());
        let (status, printed, said) = service::run(command.current_dir(log.folder()));
        assert_eq!(status, Some(0), "{arguments}: {printed}{said}");
    }
    assert_eq!(names(&log), ["backup", "data", "new", "safe"]);
    assert_eq!(files(&log.path("new/keys")), files(&log.data().join("keys")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_gives_the_same_backup_as_its_folder() {
    let log = Log::with_a_story().await;
    check(&log, BACKUP, 0);
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let settings =
        Settings { listen, limits: probity::sequencer::Limits::default(), stop_within: Duration::from_secs(5) };
    let running = server::serve(log.open(), settings).await.unwrap();
    let url = format!("http://{}", running.address);
    let log = tokio::task::spawn_blocking(move || {
        check(&log, &format!("backup --from {url} --to {{}}/service --segment-bytes 300"), 0);
        let again = json(&log, &format!("backup --from {url} --to {{}}/backup"));
        assert_eq!(again["entries_added"], 0);
        log
    })
    .await
    .unwrap();
    running.stop().await.unwrap();
    assert_eq!(files(&log.path("backup")), files(&log.path("service")));
}

#[tokio::test]
async fn a_backup_holds_no_key_and_says_what_stays_closed() {
    let log = Log::with_a_story().await;
    let said = check(&log, BACKUP, 0);
    assert!(said.contains("holds no key"), "{said}");
    let keys = files(&log.data().join("keys"));
    let secrets =
        [&keys["log.ed25519"][..], &keys["lookup.key"], &keys["kek"], &keys["data.keys"][56..104], SEALED.as_bytes()];
    for secret in secrets {
        assert!(!contains_below(&log.path("backup"), secret));
    }
    let said = check(&log, RESTORE, 0);
    assert!(said.contains("sealed parts of class") && said.contains("no key opens them"), "{said}");
    assert!(said.contains("no keys were given"), "{said}");
    let restored = json(&log, "restore --backup {}/backup --data {}/newer");
    let closed: u64 =
        restored["parts_closed"].as_array().unwrap().iter().map(|class| class["parts"].as_u64().unwrap()).sum();
    assert_eq!((&restored["parts"], &restored["parts_opened"]), (&closed.into(), &0.into()));
    assert!(closed > 0 && !log.path("new/keys").exists());
    check(&log, "verify --data {}/new", 0);
    let said = check(&log, "serve --data {}/new --listen 127.0.0.1:0", 2);
    assert!(said.contains("is missing; restore it from the backup of the keys"), "{said}");
    let help = check(&log, "backup --help", 0) + &check(&log, "restore --help", 0);
    assert_eq!(help.matches("A RESTORED KEY UNDOES AN ERASURE").count(), 2, "{help}");
}

/// A data key that was destroyed since is destroyed in the copy with the next run.
#[tokio::test]
async fn keys_that_were_kept_are_replaced_by_those_of_today() {
    let log = Log::with_a_story().await;
    check(&log, &format!("{BACKUP} --keys {{}}/safe"), 0);
    let path = log.data().join("keys/data.keys");
    let all = fs::read(&path).unwrap();
    let mut bytes = all.clone();
    bytes.truncate(128);
    fs::write(&path, &bytes).unwrap();
    check(&log, &format!("{BACKUP} --keys {{}}/safe"), 0);
    assert_eq!(fs::read(log.path("safe/data.keys")).unwrap(), bytes);
    let restored = json(&log, &format!("{RESTORE} --keys {{}}/safe"));
    let (parts, opened) = (restored["parts"].as_u64().unwrap(), restored["parts_opened"].as_u64().unwrap());
    assert!(0 < opened && opened < parts, "{restored}");
    // One that is damaged takes the place of none.
    bytes.clone_from(&all);
    bytes[60] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let kept = files(&log.path("safe"));
    let said = check(&log, &format!("{BACKUP} --keys {{}}/safe"), 2);
    assert!(said.contains("record 0 is damaged"), "{said}");
    assert_eq!(files(&log.path("safe")), kept);
}

#[tokio::test]
async fn erasures_are_in_the_restored_log() {
    let mut log = Log::with_a_story().await;
    check(&log, BACKUP, 0);
    log.erase(8);
    let said = check(&log, BACKUP, 0);
    assert!(said.contains("1 erasures are new"), "{said}");
    let restored = json(&log, RESTORE);
    assert_eq!((&restored["erasures"], &restored["erasures_pending"]), (&1.into(), &Value::from(vec![8])));
    assert_eq!(stored(&log.path("new")), stored(&log.data()));
}

#[tokio::test]
async fn a_log_that_does_not_continue_its_backup_is_refused() {
    let mut log = Log::with_a_story().await;
    check(&log, "backup --data {data} --to {}/earlier --keys {}/safe", 0);
    log.append(vec![amended()]).await;
    check(&log, BACKUP, 0);
    let good = files(&log.path("backup"));
    let refused = |log: &Log, status: i32, then: &str| {
        let said = check(log, BACKUP, status);
        assert!(said.contains(then), "{then}: {said}");
        assert_eq!(files(&log.path("backup")), good, "{then}");
    };
    // The log is put back to where it was.
    fs::remove_dir_all(log.data()).unwrap();
    check(&log, "restore --backup {}/earlier --data {data} --keys {}/safe", 0);
    refused(&log, 1, "the backup ends with entry 10, the log has only 10 entries");
    let said = check(&log, &format!("{BACKUP} --json"), 1);
    assert!(said.contains("\"good\":false"), "{said}");
    // It goes on otherwise.
    log.append(vec![amended(), amended()]).await;
    refused(&log, 1, "the log was rewritten");
    let other = Log::with_a_story().await;
    fs::remove_dir_all(log.data()).unwrap();
    fs::rename(other.data(), log.data()).unwrap();
    refused(&log, 2, "with another beginning");
}

#[tokio::test]
async fn a_damaged_log_is_not_added_to_a_backup() {
    let mut log = Log::with_a_story().await;
    check(&log, BACKUP, 0);
    let good = files(&log.path("backup"));
    log.append(vec![amended()]).await;
    log.append(vec![amended()]).await;
    service::damage(&log.data(), 10);
    for to in ["backup", "fresh"] {
        let said = check(&log, &format!("backup --data {{data}} --to {{}}/{to} --segment-bytes 300"), 1);
        assert!(said.contains("entry 10"), "{said}");
    }
    assert_eq!(files(&log.path("backup")), good);
    assert_eq!(files(&log.path("fresh")).keys().collect::<Vec<_>>(), ["manifest.json"]);
    let said = check(&log, "restore --backup {}/fresh --data {}/new", 2);
    assert!(said.contains("the backup holds nothing"), "{said}");
}

#[tokio::test]
async fn what_cannot_be_backed_up_or_restored_is_refused_and_leaves_nothing() {
    let log = Log::with_a_story().await;
    check(&log, &format!("{BACKUP} --keys {{}}/safe"), 0);
    let other = Log::new();
    fs::rename(other.data().join("keys"), log.path("others-keys")).unwrap();
    fs::create_dir(log.path("mine")).unwrap();
    fs::write(log.path("mine/thesis"), "years of work").unwrap();
    fs::write(log.path("file"), "").unwrap();
    let (before, safe) = (names(&log), files(&log.path("safe")));
    let rewritten = format!("9:{}", "ab".repeat(32));
    for (arguments, status, then) in [
        ("backup --data {data} --to {}/mine", 2, "is not empty and no backup"),
        ("backup --data {data} --to {}/file", 2, "Not a directory"),
        ("backup --data {data} --to {}/no/such/folder", 2, "No such file"),
        ("backup --data {}/none --to {}/out", 2, "no data folder"),
        ("backup --from http://127.0.0.1:1 --to {}/out", 2, "cannot be reached"),
        ("backup --from http://127.0.0.1:1 --to {}/out --keys {}/k", 2, "cannot be used with"),
        ("backup --data {data} --to {}/out --keys {}/out/keys", 2, "keys belong apart"),
        ("backup --data {data} --to {}/safe/out --keys {}/safe", 2, "keys belong apart"),
        ("backup --data {data} --to {}/backup --keys {}/others-keys", 2, "the key of another log"),
        ("backup --data {data} --to {}/out --segment-bytes 0", 2, "segment-bytes"),
        ("restore --backup {}/none --data {}/new", 2, "No such file"),
        ("restore --backup {}/mine --data {}/new", 2, "is not empty and no backup"),
        ("restore --backup {}/backup --data {}/mine", 2, "not an empty folder"),
        ("restore --backup {}/backup --data {data}", 2, "not an empty folder"),
        ("restore --backup {}/backup --data {}/file", 2, "not an empty folder"),
        ("restore --backup {}/backup --data {}/no/such/folder", 2, "No such file"),
        ("restore --backup {}/backup --data {}/new --keys {}/none", 2, "is missing"),
        ("restore --backup {}/backup --data {}/new --keys {}/others-keys", 2, "is not the key that the log"),
        ("restore --backup {}/backup --data {}/new --head 1", 2, "64 hexadecimal digits"),
        (&format!("restore --backup {{}}/backup --data {{}}/new --head {rewritten}"), 1, "the log was rewritten"),
        (
            &format!("restore --backup {{}}/backup --data {{}}/new --head 1{rewritten}"),
            1,
            "the log ends after 10 entries",
        ),
    ] {
        let said = check(&log, arguments, status);
        assert!(said.contains(then), "{arguments}: {said}");
        assert_eq!(names(&log), before, "{arguments}");
    }
    assert_eq!(fs::read_to_string(log.path("mine/thesis")).unwrap(), "years of work");
    assert_eq!(files(&log.path("safe")), safe);
    check(&log, "verify --backup {}/backup", 0);
    fs::set_permissions(log.path("safe/data.keys"), fs::Permissions::from_mode(0o644)).unwrap();
    let said = check(&log, &format!("{RESTORE} --keys {{}}/safe"), 2);
    assert!(said.contains("make it 600"), "{said}");
    assert_eq!(names(&log), before);
}

/// A backup that is under way when its service stops was told that the log ends there, which is what damage looks like.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_stops_says_so_to_whoever_reads() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Settable::at(1_777_797_000_000);
    let here = Here::open(&folder.path().join("data"), &clock, |_| ()).await;
    let mut ledger = here.ledger().await;
    for number in 0..4 {
        ledger.append(story::request(story::LARGE + number)).await.unwrap();
    }
    let request = v1::ReadEntriesRequest { view: v1::EntryView::Full.into(), ..v1::ReadEntriesRequest::default() };
    let mut messages = ledger.read_entries(request).await.unwrap().into_inner();
    messages.message().await.unwrap().unwrap();
    let url = here.url.clone();
    let stopping = tokio::spawn(here.stop());
    // It takes nobody in any more: so it has told whoever is in.
    while LedgerServiceClient::connect(url.clone()).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let ended = loop {
        match messages.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it ended as if that were all"),
            Err(status) => break status,
        }
    };
    refusal::check("a read", &ended, Reason::ServerShuttingDown, "", "");
    stopping.await.unwrap();
}
