//! Keys come and go; a log ends, and another goes on after it.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use probity::server::errors::Reason;

use crate::publish::newest;
use crate::publish::record;
use crate::publish::recorded;
use crate::publish::refused;
use crate::publish::start;
use crate::service;
use crate::service::append_all;
use crate::service::probity;
use crate::service::refusal;
use crate::service::run;
use crate::service::story;

/// Runs a subcommand on a data folder; what it printed.
fn good(arguments: &[&str], data: &Path) -> String {
    let (status, printed, said) = run(probity(arguments.iter().copied()).arg("--data").arg(data));
    assert_eq!(status, Some(0), "{arguments:?}: {printed} {said}");
    printed
}

/// A subcommand that refuses, and says why.
fn refuses(arguments: &[&str], data: &Path, why: &str) {
    let (status, printed, said) = run(probity(arguments.iter().copied()).arg("--data").arg(data));
    assert!(status == Some(2) && said.contains(why), "{arguments:?}: {status:?} {printed} {said}");
}

fn vkeys(printed: &str) -> Vec<String> {
    printed.lines().skip(1).map(|line| line.trim().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_come_and_go_by_entries_of_the_log() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    recorded(&data, 0..3).await;
    let first = vkeys(&good(&["key", "list"], &data));
    assert_eq!(first.len(), 1);
    refuses(&["key", "retire", &first[0]], &data, "no other key in force");

    let both = vkeys(&good(&["key", "add"], &data));
    assert!(both.len() == 2 && both.contains(&first[0]));
    recorded(&data, 3..5).await;
    assert_eq!(newest(&data).0.signatures().len(), 2, "all that are held sign");
    service::verify(&data);

    refuses(&["key", "retire", "nonsense"], &data, "");
    let stranger = first[0].replacen('/', "x/", 1);
    refuses(&["key", "retire", &stranger], &data, "");
    let left = vkeys(&good(&["key", "retire", &first[0]], &data));
    assert!(left.len() == 1 && left[0] != first[0]);
    refuses(&["key", "retire", &first[0]], &data, "not in force");
    assert_eq!(newest(&data).0.signatures().len(), 1, "a retired key signs nothing");

    // The file of a key that is retired is not needed any more.
    fs::rename(data.join("keys/log.ed25519"), folder.path().join("retired")).unwrap();
    recorded(&data, 5..7).await;
    service::verify(&data);

    // And signs nothing when it comes back alone.
    let added = fs::read_dir(data.join("keys")).unwrap().map(|entry| entry.unwrap().path());
    let added = added.into_iter().find(|file| file.file_name().unwrap().to_str().unwrap().starts_with("log-")).unwrap();
    fs::rename(&added, folder.path().join("away")).unwrap();
    fs::rename(folder.path().join("retired"), data.join("keys/log.ed25519")).unwrap();
    refused("a retired key alone", &data, "none of the signing keys");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_ends_and_another_goes_on() {
    let folder = TempDir::new().unwrap();
    let [data, next] = ["data", "next"].map(|name| folder.path().join(name));
    recorded(&data, 0..3).await;
    refuses(&["close"], &data, "--for-ever");
    refuses(&["close", "--for-ever", "--successor", "https://x.example"], &data, "an origin has");
    good(&["close", "--for-ever", "--successor", "log.example/2"], &data);
    let (closed, last) = newest(&data);
    service::verify(&data);

    // It answers, and records nothing any more; what was recorded before is answered as before.
    let served = start(&data);
    let mut ledger = served.ledger().await;
    let request = |number| story::append(number, [story::person(&story::id(number, 1)).into()]);
    let answers = append_all(&mut ledger, vec![request(9), request(1)]).await.unwrap();
    refusal::check("after CLOSE", answers[0].as_ref().unwrap_err(), Reason::LogClosed, "", "");
    assert!(answers[1].as_ref().unwrap().replayed);
    served.stop();
    assert_eq!(newest(&data).0, closed, "nothing follows");
    service::verify(&data);
    refuses(&["close", "--for-ever"], &data, "closed");
    refuses(&["key", "add"], &data, "closed");

    let kept = data.join("checkpoints/newest");
    let successor = |origin: &str, checkpoint: &Path, why: &str| {
        let arguments = ["successor", "--origin", origin, "--checkpoint", checkpoint.to_str().unwrap()];
        refuses(&arguments, &next, why);
    };
    successor(&last.origin, &kept, "another origin");
    successor("two words", &kept, "an origin has");
    successor("log.example/2", &data.join("guard"), "");
    successor("log.example/2", &folder.path().join("nothing"), "No such file");
    let arguments = ["successor", "--origin", "log.example/2", "--checkpoint", kept.to_str().unwrap()];
    good(&arguments, &next);
    refuses(&arguments, &next, "not empty");
    let served = start(&next);
    record(&served, 0..2).await;
    served.stop();
    service::verify(&next);
    assert_eq!(newest(&next).1.origin, "log.example/2");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_restored_reaches_the_checkpoints_that_are_known() {
    let folder = TempDir::new().unwrap();
    let [data, old, new] = ["data", "old", "new"].map(|name| folder.path().join(name));
    recorded(&data, 0..3).await;
    good(&["backup", "--to", old.to_str().unwrap()], &data);
    recorded(&data, 3..6).await;
    let served = start(&data);
    let (status, printed, said) =
        run(probity(["backup", "--from", &served.url, "--to"]).arg(&new).env("PROBITY_URL", ""));
    assert_eq!(status, Some(0), "{printed} {said}");
    served.stop();
    let (note, _) = newest(&data);
    let kept = data.join("checkpoints/newest");
    let keys = data.join("keys");

    let restore = |backup: &Path, to: &str, more: &[&str]| {
        let to = folder.path().join(to);
        let mut command = probity(["restore", "--backup"]);
        command.arg(backup).arg("--data").arg(&to).arg("--keys").arg(&keys).args(more);
        (run(&mut command), to)
    };
    let checkpoint = ["--checkpoint", kept.to_str().unwrap()];
    let ((status, printed, said), restored) = restore(&new, "restored", &checkpoint);
    assert_eq!(status, Some(0), "{printed} {said}");
    assert_eq!(newest(&restored).0, note, "the next start holds the log against it");
    recorded(&restored, 6..7).await;
    service::verify(&restored);

    // Without a checkpoint from elsewhere, the backup's own is all there is.
    let ((status, ..), older) = restore(&old, "older", &[]);
    assert_eq!(status, Some(0));
    assert!(newest(&older).1.size < newest(&data).1.size);
    let ((status, printed, said), refused) = restore(&old, "refused", &checkpoint);
    assert!(status == Some(1) && format!("{printed}{said}").contains("probity successor"), "{printed} {said}");
    assert!(!refused.exists(), "nothing that opens as a log");
    // Not longer, however many seals it has, and another log: the folder went on twice.
    recorded(&older, 10..11).await;
    let forked = older.join("checkpoints/newest");
    let ((status, printed, said), _) = restore(&new, "forked", &["--checkpoint", forked.to_str().unwrap()]);
    assert!(status == Some(1) && !said.contains("successor"), "{printed} {said}");
    fs::write(new.join("checkpoint"), &note.to_string()[..50]).unwrap();
    let ((status, printed, said), _) = restore(&new, "torn", &[]);
    assert!(status == Some(2) && said.contains("checkpoint"), "{printed} {said}");
}
