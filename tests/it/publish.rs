//! The log is sealed and published, and a start refuses a log that is not what was published.

mod ends;

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use probity::log::Checkpoint;
use probity::log::Extensions;
use probity::log::Note;
use probity::log::Root;
use probity::log::SignerKey;
use probity::store::Guard;

use crate::service;
use crate::service::Served;
use crate::service::append_all;
use crate::service::head;
use crate::service::probity;
use crate::service::run;
use crate::service::serve;
use crate::service::story;

/// A service that seals what is new at once.
fn sealing(data: &Path) -> Command {
    let mut command = serve(data);
    command.env("PROBITY_SEAL_EVERY_MS", "1");
    command
}

pub(crate) fn start(data: &Path) -> Served {
    let said = service::said(data);
    Served::try_start(&mut sealing(data), &said).unwrap_or_else(|_| panic!("{}", fs::read_to_string(&said).unwrap()))
}

fn newest(data: &Path) -> (Note, Checkpoint) {
    let note = Note::parse(&fs::read(data.join("checkpoints/newest")).unwrap()).unwrap();
    let checkpoint = Checkpoint::parse(note.text(), Extensions::Refused).unwrap();
    (note, checkpoint)
}

/// Persons in requests of their own.
async fn record(served: &Served, numbers: std::ops::Range<u64>) {
    let mut ledger = served.ledger().await;
    let requests = numbers.map(|number| story::append(number, [story::person(&story::id(number, 1)).into()])).collect();
    for answer in append_all(&mut ledger, requests).await.unwrap() {
        answer.unwrap();
    }
}

/// A log of so many persons, stopped.
async fn recorded(data: &Path, numbers: std::ops::Range<u64>) {
    let served = start(data);
    record(&served, numbers).await;
    served.stop();
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_stopped_is_published_to_its_end_and_goes_on_from_there() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    recorded(&data, 0..700).await;
    let (_, before) = newest(&data);
    service::verify(&data);
    // From what was saved, and then from nothing but the log.
    for (start_with, numbers) in [("what was saved", 700..701), ("the log alone", 701..702)] {
        if start_with == "the log alone" {
            fs::remove_dir_all(data.join("views")).unwrap();
        }
        let served = start(&data);
        record(&served, numbers).await;
        let (position, _) = head(&mut served.ledger().await).await;
        served.stop();
        let (_, after) = newest(&data);
        assert!(after.size > position && after.size > before.size, "{start_with}: {} {position}", after.size);
        service::verify(&data);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_new_is_not_sealed_again() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    recorded(&data, 0..3).await;
    let (note, _) = newest(&data);
    recorded(&data, 0..0).await;
    assert_eq!(newest(&data).0, note, "signed again with the same bytes");
}

/// A start that refuses, and says why.
fn refused(name: &str, data: &Path, why: &str) {
    let said = service::said(data);
    drop(fs::remove_file(&said));
    let ended = Served::try_start(&mut sealing(data), &said).expect_err(name);
    let said = fs::read_to_string(&said).unwrap();
    assert!(!ended.status.success() && said.contains(why), "{name}: {:?} {said}", ended.status);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_not_what_was_published_is_never_written_to() {
    let folder = TempDir::new().unwrap();
    let [older, data] = ["older", "data"].map(|name| folder.path().join(name));
    recorded(&older, 0..5).await;
    copy(&older, &data);
    recorded(&data, 5..10).await;
    let (note, checkpoint) = newest(&data);

    // An old backup in the place of the log, beside what was published since.
    copy(&data.join("checkpoints/newest"), &older.join("checkpoints/newest"));
    refused("rolled back", &older, "never write to it again");
    let said = run(probity(["verify", "--data"]).arg(&older));
    assert!(said.0 == Some(1) && said.1.contains("missing"), "{said:?}");

    // The same folder went on twice.
    let forked = folder.path().join("forked");
    copy(&data, &forked);
    recorded(&data, 10..12).await;
    // Longer than the other, however many seals that has.
    recorded(&forked, 20..28).await;
    copy(&data.join("checkpoints/newest"), &forked.join("checkpoints/newest"));
    refused("forked", &forked, "a checkpoint was published over them with root");
    let said = run(probity(["verify", "--data"]).arg(&forked));
    assert!(said.0 == Some(1) && said.1.contains("the log was rewritten"), "{said:?}");
    assert!(newest(&forked).1.root != Root::EMPTY);

    // The guard knows by itself.
    let guarded = folder.path().join("guarded");
    copy(&data, &guarded);
    fs::remove_dir_all(guarded.join("checkpoints")).unwrap();
    let guard = Guard::open(&guarded.join("guard")).unwrap();
    guard.update(|state| state.checkpoint_root = [7; 32]).unwrap();
    drop(guard);
    refused("another guard", &guarded, "a checkpoint was published over them with root");

    // What is beside the ledger is no checkpoint.
    for (name, text, why) in [
        ("cut", note.to_string()[..note.to_string().len() - 9].to_owned(), "expected"),
        ("not a note", "hello\n".to_owned(), "expected"),
        (
            "of too many",
            note.to_string().replacen(&checkpoint.size.to_string(), "999999", 1),
            "never write to it again",
        ),
    ] {
        let spoiled = folder.path().join("spoiled");
        drop(fs::remove_dir_all(&spoiled));
        copy(&data, &spoiled);
        fs::write(spoiled.join("checkpoints/newest"), text).unwrap();
        refused(name, &spoiled, why);
    }
    // And the log itself goes on.
    recorded(&data, 12..13).await;
    service::verify(&data);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_kept_elsewhere_is_asked_for_in_the_log() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    recorded(&data, 0..5).await;
    let kept = folder.path().join("kept");
    copy(&data.join("checkpoints/newest"), &kept);
    recorded(&data, 5..10).await;
    let verify = |arguments: &[&str]| run(probity(["verify", "--data"]).arg(&data).args(arguments));
    let kept = kept.to_str().unwrap();
    let (status, printed, said) = verify(&["--checkpoint", kept]);
    assert!(status == Some(0) && printed.contains("checkpoint over"), "{printed} {said}");

    let (note, checkpoint) = newest(&data);
    let stranger = SignerKey::new(&checkpoint.origin, ed25519_dalek::SigningKey::from_bytes(&[5; 32])).unwrap();
    let forged =
        Checkpoint { root: Root([5; 32]), ..checkpoint.clone() }.sign(std::slice::from_ref(&stranger)).unwrap();
    let unsigned = checkpoint.sign(std::slice::from_ref(&stranger)).unwrap();
    for (name, text, status, why) in [
        ("of another root", forged.to_string(), 1, "the log was rewritten"),
        ("signed by a stranger", unsigned.to_string(), 1, "CHECKPOINT"),
        ("torn", note.to_string()[..40].to_owned(), 2, "expected"),
    ] {
        let file = folder.path().join("asked");
        fs::write(&file, text).unwrap();
        let found = verify(&["--checkpoint", file.to_str().unwrap()]);
        assert!(found.0 == Some(status) && (found.1.contains(why) || found.2.contains(why)), "{name}: {found:?}");
    }
    let vkey = stranger.verifier(probity::log::SignatureType::Ed25519).to_string();
    let found = verify(&["--key", &vkey]);
    assert!(found.0 == Some(1) && found.1.contains("not that of the key"), "{found:?}");
    let found = verify(&["--key", "nonsense"]);
    assert_eq!(found.0, Some(2), "{found:?}");
}
