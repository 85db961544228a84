//! `probity monitor` sees each thing that a log can do wrong from outside, says it by its exit status, and keeps what shows it.

use std::fs;
use std::path::Path;

use probity::clock;
use probity::log::Note;
use probity::log::NoteSignature;
use probity::log::SignatureType;
use probity::log::cosign;
use tempfile::TempDir;

use crate::service::probity;
use crate::service::run;
use crate::witness::Log;
use crate::witness::files::Files;
use crate::witness::key;
use crate::witness::names;
use crate::witness::policy_text;

const ORIGIN: &str = "log.example.org/a";

struct Setting {
    folder: TempDir,
    files: Files,
    log: Log,
}

/// What one look printed.
struct Looked {
    status: Option<i32>,
    alarms: Vec<String>,
    printed: String,
}

impl Setting {
    async fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), files: Files::serve().await, log: Log::new(ORIGIN, 0, 0) }
    }

    fn publish(&self, size: u64) {
        self.files.publish(&self.log.note(size), self.log.hashes(size));
    }

    async fn look(&self, more: &[&str]) -> Looked {
        let mut command = probity(["monitor", "--once", "--json", "--url", &self.files.url, "--state"]);
        command
            .arg(self.state())
            .arg("--log")
            .arg(self.log.signer.verifier(SignatureType::Ed25519).to_string())
            .args(more);
        let (status, printed, said) = tokio::task::spawn_blocking(move || run(&mut command)).await.unwrap();
        let look: serde_json::Value = serde_json::from_str(&printed).unwrap_or_default();
        let alarms = look["alarms"].as_array().cloned().unwrap_or_default();
        for alarm in &alarms {
            assert!(Path::new(alarm["evidence"].as_str().unwrap()).is_file(), "{printed}");
        }
        let alarms = alarms.iter().map(|alarm| alarm["alarm"].as_str().unwrap().to_owned()).collect();
        Looked { status, alarms, printed: printed + &said }
    }

    fn state(&self) -> std::path::PathBuf {
        self.folder.path().join("state")
    }

    /// A look finds this, and nothing else; what is kept stays, unless the log goes on.
    async fn check(&self, alarm: &str, words: &str, more: &[&str]) {
        let looked = self.look(more).await;
        assert_eq!(
            (looked.status, looked.alarms.as_slice()),
            (Some(1), [alarm.to_owned()].as_slice()),
            "{}",
            looked.printed
        );
        assert!(looked.printed.contains(words), "{}", looked.printed);
    }

    async fn good(&self, more: &[&str]) {
        let looked = self.look(more).await;
        assert_eq!((looked.status, looked.alarms.len()), (Some(0), 0), "{}", looked.printed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_grows_is_good() {
    let setting = Setting::new().await;
    for size in [1, 2, 5, 5, 33, 64] {
        setting.publish(size);
        setting.good(&[]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_is_an_alarm_until_it_is_over() {
    let setting = Setting::new().await;
    setting.publish(9);
    setting.good(&[]).await;
    setting.publish(5);
    setting.check("rolled_back", "it has 5 entries, and had signed 9", &[]).await;
    setting.check("rolled_back", "it has 5 entries, and had signed 9", &[]).await;
    assert_eq!(names(&setting.state().join("evidence")), ["rolled-back-log.example.org_a"], "once is enough");
    let evidence = fs::read_to_string(setting.state().join("evidence/rolled-back-log.example.org_a")).unwrap();
    for note in [setting.log.note(9), setting.log.note(5)] {
        assert!(evidence.contains(&note.to_string()), "{evidence}");
    }
    setting.publish(10);
    setting.good(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_is_an_alarm_at_equal_size_and_beyond() {
    let setting = Setting::new().await;
    setting.publish(9);
    setting.good(&[]).await;
    let fork = Log::new(ORIGIN, 4, 1);
    for size in [9, 12, 64] {
        setting.files.publish(&fork.note(size), fork.hashes(size));
        setting.check("forked", "before", &[]).await;
    }
    setting.publish(12);
    setting.good(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_not_what_was_signed_are_an_alarm() {
    let setting = Setting::new().await;
    let other = Log::new(ORIGIN, 4, 1);
    setting.files.publish(&setting.log.note(9), other.hashes(9));
    setting.check("files_differ", "its files have root", &[]).await;
    setting.publish(9);
    setting.good(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_or_log_is_an_alarm() {
    let setting = Setting::new().await;
    let hashes = setting.log.hashes(9);
    let other = setting.log.checkpoint(9).sign(&[key(ORIGIN, 3)]).unwrap();
    setting.files.publish(&other, hashes);
    setting.check("wrong_key", "no known key signed it", &[]).await;
    // Under the key's own name and id.
    let vkey = setting.log.signer.verifier(SignatureType::Ed25519);
    let forged = NoteSignature::made(&vkey, &[7; 64]);
    setting.files.publish(&Note::new(other.text().to_owned(), vec![forged]).unwrap(), hashes);
    setting.check("wrong_key", "is not good", &[]).await;
    let of_another = Log::new("log.example.org/b", 0, 0);
    setting.files.publish(&of_another.note(9), hashes);
    setting.check("wrong_key", "the checkpoint is of log.example.org/b", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_and_old_cosignatures_are_alarms() {
    let setting = Setting::new().await;
    let now_s = clock::machine().unix_ms() / 1000;
    let witnesses = [key("w.example.org/1", 11), key("w.example.org/2", 12)];
    let named: Vec<_> = witnesses.iter().map(|signer| (signer, "")).collect();
    let file = setting.folder.path().join("policy");
    fs::write(&file, policy_text(&named, "all").replace(" \n", "\n")).unwrap();
    let policy = ["--policy", file.to_str().unwrap()];
    let put = |cosigned: &[(usize, u64)]| {
        let mut note = setting.log.note(9);
        for (number, age_s) in cosigned {
            note.add(cosign(note.text().to_owned().as_str(), now_s - age_s, &witnesses[*number])).unwrap();
        }
        setting.files.publish(&note, setting.log.hashes(9));
    };
    put(&[]);
    setting.check("not_witnessed", "g has 0 of 2, without w0, w1", &policy).await;
    put(&[(1, 10)]);
    setting.check("not_witnessed", "g has 1 of 2, without w0", &policy).await;
    put(&[(0, 10), (1, 10)]);
    setting.good(&policy).await;
    put(&[(0, 2000), (1, 10)]);
    setting.check("stale", "older than 900 s", &policy).await;
    setting.good(&[&policy[..], &["--stale-s", "4000"]].concat()).await;
    // A cosignature of another text, under a good name.
    let mut note = setting.log.note(9);
    note.add(cosign("log.example.org/a\n", now_s, &witnesses[0])).unwrap();
    setting.files.publish(&note, setting.log.hashes(9));
    setting.check("wrong_key", "the signature of w.example.org/1", &policy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_seen_is_status_2_and_changes_nothing() {
    let setting = Setting::new().await;
    let unseen = async |more: &[&str]| {
        let looked = setting.look(more).await;
        assert_eq!((looked.status, looked.alarms.len()), (Some(2), 0), "{}", looked.printed);
    };
    unseen(&[]).await;
    setting.files.put("checkpoint", "no note");
    unseen(&[]).await;
    setting.publish(9);
    setting.good(&[]).await;
    setting.publish(12);
    setting.files.remove("tile/0/000.p/12");
    unseen(&[]).await;
    setting.files.put("tile/0/000.p/12", vec![0; 31]);
    unseen(&[]).await;
    unseen(&["--policy", "/no/such/file"]).await;
    setting.publish(12);
    setting.good(&[]).await;
    // Its memory is not silently made anew.
    for file in fs::read_dir(setting.state()).unwrap().map(|file| file.unwrap().path()).filter(|path| path.is_file()) {
        fs::write(file, "gone").unwrap();
    }
    unseen(&[]).await;
}
