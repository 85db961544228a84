//! What the program says on the command line, and with which status, when it cannot do what it was told.
#![expect(clippy::print_stderr, reason = "what is skipped is skipped loudly")]

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use probity::proto::v1;
use probity::server::errors::Reason;
use tempfile::TempDir;

use crate::bad_input::tell;
use crate::service;
use crate::service::Served;
use crate::service::head;
use crate::service::probity;
use crate::service::refusal;
use crate::service::run;
use crate::service::serve;
use crate::service::story;
use crate::service::story::MARKER;

/// The command ends with status 2, says all of these words on standard error, and prints nothing.
fn refused(what: &str, command: &mut Command, words: &[&str]) {
    let (status, printed, said) = run(command);
    assert_eq!((status, printed.as_str()), (Some(2), ""), "{what}: {said}");
    for word in words {
        assert!(said.contains(word), "{what}: {word:?} is not in {said:?}");
    }
    assert!(!said.contains(MARKER) && !said.contains("panicked"), "{what}: {said}");
}

/// A folder with a log in it, stopped in order; and the receipt of the story told.
async fn told(folder: &TempDir) -> (std::path::PathBuf, v1::AppendResponse) {
    let data = folder.path().join("data");
    let served = Served::start(&data);
    let receipt = tell(&mut served.ledger().await).await;
    served.stop();
    (data, receipt)
}

/// The service takes requests, and what was told stands where it stood.
async fn is_whole(data: &Path, receipt: &v1::AppendResponse) {
    let served = Served::start(data);
    let again = tell(&mut served.ledger().await).await;
    assert_eq!(v1::AppendResponse { replayed: false, content_checked: 0, ..again }, *receipt);
    served.stop();
    service::verify(data);
}

#[test]
fn a_setting_that_is_wrong_is_named() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let file = folder.path().join("probity.toml");
    for (toml, key) in [
        ("reserve = 5\n", "reserve"),
        ("volume_bytes = 5\n", "volume_bytes"),
        ("queue_requests = \"many\"\n", "queue_requests"),
        ("accept_gap = 3\n", "accept_gap"),
        ("listen = \"somewhere\"\n", "listen"),
        ("volume_bytes = \n", "volume_bytes"),
    ] {
        fs::write(&file, toml).unwrap();
        let mut command = probity(["serve", "--data"]);
        refused(toml, command.arg(&data).arg("--config").arg(&file), &[key]);
    }
    for (key, value) in [("PROBITY_CACHE_BYTES", "some"), ("PROBITY_STOP_WITHIN_S", "0"), ("PROBITY_LISTEN", "here")] {
        // Named as it is written in the environment, or as everywhere else.
        let (status, _, said) = run(probity(["serve", "--data"]).arg(&data).env(key, value));
        assert_eq!(status, Some(2), "{said}");
        assert!(said.to_uppercase().contains(key.strip_prefix("PROBITY_").unwrap()), "{said}");
    }
    refused("no file", &mut probity(["serve", "--config", "/nowhere/probity.toml"]), &["/nowhere/probity.toml"]);
    refused("an origin with a scheme", serve(&data).args(["--origin", "https://a.example"]), &["origin"]);
    refused("an unknown flag", &mut probity(["serve", "--dta", "x"]), &["--dta"]);
    refused("an unknown command", &mut probity(["serf"]), &["serf"]);
    // Nothing was recorded meanwhile: the folder can still get its origin.
    let said = service::said(&data);
    Served::try_start(serve(&data).args(["--origin", "a.example/log"]), &said).unwrap().stop();
    service::verify(&data);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_used_is_refused_and_left_as_it_is() {
    let folder = TempDir::new().unwrap();
    let (data, receipt) = told(&folder).await;
    for command in [&mut serve(&data), probity(["verify", "--data"]).arg(&data)] {
        fs::write(data.join("FORMAT"), "probity 2\n").unwrap();
        refused("a newer format", command, &["format 2", "up to 1", "newer"]);
        fs::write(data.join("FORMAT"), "something else\n").unwrap();
        refused("a format of others", command, &["FORMAT"]);
        fs::write(data.join("FORMAT"), "probity 1\n").unwrap();
    }
    fs::rename(data.join("keys"), data.join("keys.elsewhere")).unwrap();
    refused("no keys", &mut serve(&data), &["keys"]);
    assert!(!data.join("keys/log.ed25519").exists(), "new keys for an old log");
    drop(fs::remove_dir(data.join("keys")));
    fs::rename(data.join("keys.elsewhere"), data.join("keys")).unwrap();
    refused("another origin", serve(&data).args(["--origin", "other.example/log"]), &["origin", "other.example/log"]);
    let mine = folder.path().join("mine");
    fs::create_dir(&mine).unwrap();
    fs::write(mine.join("letter.txt"), MARKER).unwrap();
    refused("a folder of others", &mut serve(&mine), &["not a data folder"]);
    assert_eq!(fs::read_dir(&mine).unwrap().filter(|entry| entry.as_ref().unwrap().file_name() != "lock").count(), 1);
    refused("a file", &mut serve(&mine.join("letter.txt")), &["letter.txt"]);
    refused("no folder to verify", probity(["verify", "--data"]).arg(folder.path().join("none")), &["no data folder"]);
    is_whole(&data, &receipt).await;
}

/// Whoever opens the store takes the note of a clean stop away; without it the next start copies the newest volume first.
#[tokio::test(flavor = "multi_thread")]
async fn who_only_reads_a_folder_leaves_it_as_after_a_clean_stop() {
    let folder = TempDir::new().unwrap();
    let (data, receipt) = told(&folder).await;
    let note = data.join("stopped-cleanly");
    let ends = |what: &str, status: i32, command: &mut Command| {
        assert!(note.exists(), "before {what}");
        let (found, printed, said) = run(command);
        assert_eq!(found, Some(status), "{what}: {printed}{said}");
        assert!(note.exists(), "after {what}");
    };
    let out = folder.path().join("out");
    let verify = |more: &[&str]| {
        let mut command = probity(["verify", "--data"]);
        command.arg(&data).args(more);
        command
    };
    let export = |more: &[&str]| {
        let mut command = probity(["export", "--data"]);
        command.arg(&data).arg("--to").arg(&out).args(more);
        command
    };
    ends("what verifies", 0, &mut verify(&["--views", "--open-parts"]));
    ends("another head", 1, &mut verify(&["--head", &format!("1:{}", "0".repeat(64))]));
    ends("an export", 0, &mut export(&["--entries"]));
    ends("an export that is there", 2, &mut export(&[]));
    ends("an export of what is to come", 2, &mut export(&["--replace", "--position", "99"]));
    fs::rename(data.join("keys"), folder.path().join("keys")).unwrap();
    ends("sealed parts without keys", 2, &mut verify(&["--open-parts"]));
    fs::rename(folder.path().join("keys"), data.join("keys")).unwrap();
    // The note is made anew: after a kill there is none, and whoever reads then leaves one, too.
    let served = Served::start(&data);
    assert!(!note.exists());
    served.kill();
    assert_eq!(run(&mut verify(&[])).0, Some(0));
    ends("what verifies after a kill", 0, &mut verify(&[]));
    is_whole(&data, &receipt).await;
    service::damage(&data, receipt.first_position);
    ends("a damaged log", 1, &mut verify(&[]));
    ends("an export of a damaged log", 1, &mut export(&["--replace"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_uses_a_folder_and_one_a_port() {
    let folder = TempDir::new().unwrap();
    let (data, receipt) = told(&folder).await;
    let served = Served::start(&data);
    let mut ledger = served.ledger().await;
    let before = head(&mut ledger).await;
    for command in [&mut serve(&data), probity(["verify", "--data"]).arg(&data)] {
        refused("a second process", command, &["another process uses this folder"]);
    }
    let address = &served.url.strip_prefix("http://").unwrap().to_owned();
    let other = folder.path().join("other");
    let taken = |data: &Path| {
        let mut command = probity(["serve", "--listen", address, "--data"]);
        command.arg(data).env("PROBITY_RESERVE_BYTES", "0");
        command
    };
    refused("a port in use", &mut taken(&other), &["cannot listen on", address]);
    assert_eq!(head(&mut ledger).await, before);
    served.stop();
    let held = TcpListener::bind(address);
    refused("a port in use by others", &mut taken(&data), &["cannot listen on", address]);
    drop(held);
    is_whole(&data, &receipt).await;
    // The folder that was made for nothing is good, too.
    Served::start(&other).stop();
    service::verify(&other);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nearly_full_disk_stops_appends_and_nothing_else() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let full = |data: &Path| {
        let mut command = serve(data);
        command.env("PROBITY_RESERVE_BYTES", (1_u64 << 60).to_string());
        command
    };
    // No room for a new log: said so, and nothing stands in the way of another attempt.
    refused("a new log on a full disk", &mut full(&data), &["bytes are free"]);
    let served = Served::start(&data);
    let receipt = tell(&mut served.ledger().await).await;
    served.stop();
    let served = Served::try_start(&mut full(&data), &service::said(&data)).unwrap();
    let mut ledger = served.ledger().await;
    let before = head(&mut ledger).await;
    for number in [2, 3] {
        let status = ledger.append(story::request(number)).await.unwrap_err();
        refusal::check("a nearly full disk", &status, Reason::DiskNearlyFull, "", "");
    }
    assert_eq!(head(&mut ledger).await, before);
    // What is recorded is read and told again.
    assert!(tell(&mut ledger).await.replayed);
    ledger.get_entry(v1::GetEntryRequest { position: before.0, view: 0 }).await.unwrap();
    served.stop();
    is_whole(&data, &receipt).await;
}

/// Root may write whatever the mode says, so that a mount is needed; it lasts as long as the process.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_folder_is_refused() {
    let folder = TempDir::new().unwrap();
    let (data, receipt) = told(&folder).await;
    let mount = "mount --bind \"$0\" \"$0\" && mount -o remount,ro,bind \"$0\" && exec \"$@\"";
    let read_only = |data: &Path| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", mount]).arg(data);
        command
    };
    if !read_only(&data).arg("true").status().is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: a read-only folder needs root and a mount namespace");
        return;
    }
    let program = env!("CARGO_BIN_EXE_probity");
    let words = [data.to_str().unwrap(), "cannot be written", "mount the file system for writing"];
    refused("serve", read_only(&data).args([program, "serve", "--listen", "127.0.0.1:0", "--data"]).arg(&data), &words);
    refused("verify", read_only(&data).args([program, "verify", "--data"]).arg(&data), &words[..1]);
    is_whole(&data, &receipt).await;
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let new = empty.join("data");
    let mut command = read_only(&empty);
    refused("a new log", command.args([program, "serve", "--listen", "127.0.0.1:0", "--data"]).arg(&new), &words[1..]);
    assert!(!new.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_says_what_it_could_not_use() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let served = Served::start(&data);
    let mapping = folder.path().join("register.toml");
    let absent = folder.path().join("absent.toml");
    let text = include_str!("../import/register.toml");
    fs::write(&mapping, text).unwrap();
    fs::write(&absent, text.replace("\"penalty\"]", "\"penalty\", \"rank\"]")).unwrap();
    let unknown = folder.path().join("unknown.toml");
    fs::write(&unknown, text.replace("{day|date:day}", "{dey|date:day}")).unwrap();
    let import = |mapping: &Path, input: &Path| {
        let mut command = probity(["import", "--to", &served.url, "--json", "--state"]);
        command.arg(folder.path().join("state")).arg("--mapping").arg(mapping).arg(input);
        command
    };
    let input = folder.path().join("2020.csv");
    let mut bytes = b"complaint,officer,day,finding,penalty\nc1,o1,2020-01-02,,\nc2,o2\nc3,".to_vec();
    bytes.extend_from_slice(b"\xff\xfe,2020,,\nc4,o1,2020-02-30,,\nc5,o1,2020,,\n");
    fs::write(&input, bytes).unwrap();
    let mut ledger = served.ledger().await;
    let before = head(&mut ledger).await;
    // The summary stands on standard output, also of an import that stopped.
    let (status, _, said) = run(&mut import(&absent, &input));
    let named = ["absent.toml", "\"rank\"", "2020.csv"].iter().all(|word| said.contains(word));
    assert!(status == Some(2) && named, "a column that is not there: {said}");
    refused("a column that nobody named", &mut import(&unknown, &input), &["unknown.toml:35", "dey"]);
    refused("no mapping", &mut import(Path::new("nowhere.toml"), &input), &["nowhere.toml"]);
    refused("no input", &mut import(&mapping, &folder.path().join("2019.csv")), &["2019.csv"]);
    assert_eq!(head(&mut ledger).await, before);
    let (status, printed, said) = run(&mut import(&mapping, &input));
    assert_eq!(status, Some(1), "{said}");
    let summary: serde_json::Value = serde_json::from_str(&printed).unwrap();
    let rows = &summary["rows"];
    assert_eq!((&rows["read"], &rows["imported"], &rows["rejected"]), (&5.into(), &2.into(), &3.into()), "{printed}");
    assert_eq!(
        rows["rejected_by_reason"],
        serde_json::json!({ "CSV_MALFORMED": 1, "DATE_UNREADABLE": 1, "NOT_UTF8": 1 })
    );
    served.stop();
    service::verify(&data);
    let mut unreachable = probity(["import", "--to", "http://127.0.0.1:1", "--mapping"]);
    unreachable.arg(&mapping).arg("--state").arg(folder.path().join("state")).arg(&input);
    let (status, _, said) = run(&mut unreachable);
    assert_eq!(status, Some(2), "{said}");
}
