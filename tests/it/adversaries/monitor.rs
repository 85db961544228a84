//! Lies in what came since the last look, and `probity monitor` with the entries, which catches each and keeps what shows it.

use std::fs;
use std::path::Path;

use data_encoding::BASE64;
use probity::log::Body;
use probity::log::Close;
use probity::log::LeafHash;
use probity::log::MapRoot;
use probity::log::Note;
use probity::log::Seal;
use probity::log::SignatureType;
use probity::log::cosign;
use probity::log::leaf_bytes;
use serde_json::Value;
use tempfile::TempDir;

use crate::adversaries::Log;
use crate::adversaries::checked;
use crate::adversaries::honest;
use crate::adversaries::vkey;
use crate::http;
use crate::service::probity;
use crate::service::run;
use crate::witness;
use crate::witness::files::Files;

struct Setting {
    folder: TempDir,
    files: Files,
    key: String,
}

impl Setting {
    async fn of(log: &Log) -> Self {
        let key = vkey(&log.origin, &log.key);
        Self { folder: TempDir::new().unwrap(), files: Files::serve().await, key }
    }

    fn publish(&self, log: &Log, note: &Note) {
        let leaf = |entry: &bytes::Bytes| leaf_bytes(entry).unwrap().to_vec();
        let hashes: Vec<LeafHash> = log.entries.iter().map(|entry| checked(entry).leaf_hash).collect();
        self.files.publish(note, &hashes);
        self.files.bundle(&log.entries.iter().map(leaf).collect::<Vec<_>>());
    }

    fn publish_whole(&self, log: &Log) {
        self.publish(log, &log.checkpoint(log.entries.len(), &log.key));
    }

    async fn look(&self, more: &[&str]) -> (Option<i32>, Value, String) {
        look(&self.files.url, &self.key, self.folder.path(), more).await
    }

    async fn good(&self, log: &Log, more: &[&str]) {
        let (status, look, said) = self.look(&[&["--entries"], more].concat()).await;
        assert_eq!((status, &look["replayed"]), (Some(0), &Value::from(log.entries.len())), "{said}");
    }

    /// The look raises this alarm alone, and the evidence has both notes and the leaf at fault.
    async fn caught(&self, alarm: &str, words: &str, lying: &Log, more: &[&str]) {
        let (status, look, said) = self.look(&[&["--entries"], more].concat()).await;
        let raised = look["alarms"].as_array().unwrap();
        assert_eq!((status, raised.len()), (Some(1), 1), "{alarm}: {said}");
        assert!(raised[0]["alarm"] == alarm && raised[0]["why"].as_str().unwrap().contains(words), "{said}");
        let evidence = fs::read_to_string(raised[0]["evidence"].as_str().unwrap()).unwrap();
        let last = BASE64.encode(leaf_bytes(lying.entries.last().unwrap()).unwrap());
        assert!(evidence.contains(&lying.origin) && evidence.contains(&last), "{evidence}");
    }
}

async fn look(url: &str, key: &str, folder: &Path, more: &[&str]) -> (Option<i32>, Value, String) {
    let mut command = probity(["monitor", "--once", "--json", "--url", url, "--log", key, "--state"]);
    command.arg(folder.join("state")).args(more);
    let (status, printed, said) = tokio::task::spawn_blocking(move || run(&mut command)).await.unwrap();
    (status, serde_json::from_str(&printed).unwrap_or_default(), printed + &said)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_recorded_wrongly_since_the_last_look_is_an_alarm_until_it_is_over() {
    let (_data, log) = honest().await;
    let setting = Setting::of(&log).await;
    setting.publish_whole(&log);
    setting.good(&log, &[]).await;
    let (size, seals) = (log.entries.len(), log.seals());
    let (map_root, map_keys) = log.map_below(size);
    let omits =
        Seal { map_root: MapRoot([1; 32]), map_keys: map_keys - 1, previous: seals.last().map(|at| *at as u64) };
    let omits = log.clone().then(Body::Seal(omits));
    let hides = Seal { map_root, map_keys, previous: Some(seals[0] as u64) };
    let hides = log.clone().then(Body::Seal(hides));
    let closed = log.clone().then(Body::Close(Close { successor: String::new() })).sealed().sealed();
    for (lie, alarm, words, lying) in [
        ("omits a key", "omission", "SEAL over a map", &omits),
        ("hides a seal", "wrong_entries", "the seal before it", &hides),
        ("writes after CLOSE", "wrong_entries", "after the log was closed", &closed),
    ] {
        let setting = Setting::of(&log).await;
        setting.publish_whole(&log);
        setting.good(&log, &[]).await;
        setting.publish_whole(lying);
        setting.caught(alarm, words, lying, &[]).await;
        setting.caught(alarm, words, lying, &[]).await;
        // Without the entries nobody looks, and the look says so.
        let (status, look, said) = setting.look(&[]).await;
        assert!(status == Some(0) && look["not_looked_at"].is_string(), "{lie}: {said}");
    }
    // The honest log, which goes on.
    let later = log.sealed();
    setting.publish_whole(&later);
    setting.good(&later, &[]).await;
}

/// A quiet night, cosigned; in the morning something is recorded as of the evening.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_back_dated_is_an_alarm_by_a_cosignature_of_an_earlier_look() {
    let (_data, log) = honest().await;
    let setting = Setting::of(&log).await;
    let signer = witness::key("witness.example.org/w", 9);
    let night_s = checked(log.entries.last().unwrap()).leaf.recorded_at_ms / 1000 + 36_000;
    let file = setting.folder.path().join("policy");
    fs::write(&file, format!("witness w {}\nquorum w\n", signer.verifier(SignatureType::CosignatureV1))).unwrap();
    let more = ["--policy", file.to_str().unwrap()];
    let publish = |log: &Log| {
        let mut note = log.checkpoint(log.entries.len(), &log.key);
        note.add(cosign(note.text(), night_s, &signer)).unwrap();
        setting.publish(log, &note);
    };
    publish(&log);
    setting.good(&log, &more).await;
    let lying = log.sealed();
    publish(&lying);
    setting.caught("back_dated", "back-dated", &lying, &more).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_cannot_be_read_are_said_and_no_alarm() {
    let (folder, data) = http::folder();
    let (served, address) = http::start(&mut http::command(&data), &data);
    let url = format!("http://{address}");
    let mut ledger = served.ledger().await;
    http::record(&mut ledger, 0..10).await;
    let size = http::sealed(&mut ledger, &address).await.size;
    let log = probity::keys::Keyring::open(&data.join("keys"), false).unwrap();
    let token = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let (right, wrong) = (token("right", http::TOKEN), token("wrong", "not a token of tests"));
    let origin = http::sealed(&mut ledger, &address).await.origin;
    let key = vkey(&origin, &log.signing_keys()[0]);
    let (status, seen, said) = look(&url, &key, folder.path(), &["--token-file", &wrong]).await;
    assert_eq!((status, &seen["replayed"]), (Some(2), &Value::from(0)), "{said}");
    assert!(seen["unread"].as_str().unwrap().contains("not the token of one"), "{said}");
    let (status, seen, said) = look(&url, &key, folder.path(), &["--token-file", &right]).await;
    assert_eq!((status, &seen["replayed"]), (Some(0), &Value::from(size)), "{said}");
    http::record(&mut ledger, 10..20).await;
    let grown = http::sealed(&mut ledger, &address).await.size;
    let (status, seen, said) = look(&url, &key, folder.path(), &["--token-file", &right]).await;
    assert!(status == Some(0) && seen["replayed"].as_u64() >= Some(grown), "{said}");
    served.stop();
}
