//! Proofs as an auditor meets them: at the terminal, through the real program.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use probity::log::ProofFile;
use tempfile::TempDir;

use crate::service;
use crate::service::Served;
use crate::service::ledger;
use crate::service::probity;
use crate::service::run;
use crate::service::story;

const ORIGIN: &str = "audit.example.org/discipline";

/// Runs the program; its status and what it printed, one after the other.
fn told<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> (Option<i32>, String) {
    let (status, printed, said) = run(&mut probity(arguments));
    assert!(!said.contains("panicked") && !printed.contains(story::MARKER), "{said}");
    (status, printed + &said)
}

fn check<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>, status: i32, words: &[&str]) -> String {
    let (found, text) = told(arguments);
    assert_eq!(found, Some(status), "{words:?}: {text}");
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text}");
    }
    text
}

/// A service whose key was made first, with two stories in its log.
struct Office {
    folder: TempDir,
    served: Served,
    key: String,
}

impl Office {
    async fn open() -> Self {
        let folder = TempDir::new().unwrap();
        let data = folder.path().join("data");
        let (status, key, said) = run(probity(["keygen", "--origin", ORIGIN, "--keys"]).arg(data.join("keys")));
        assert_eq!(status, Some(0), "{said}");
        let mut command = service::serve(&data);
        command.args(["--origin", ORIGIN]).env("PROBITY_SEAL_EVERY_MS", "600000");
        let served = Served::try_start(&mut command, &service::said(&data)).unwrap();
        let said = fs::read_to_string(service::said(&data)).unwrap();
        assert!(said.contains(key.trim()), "the service says which key is the log's: {said}");
        let mut ledger = ledger(&served.url).await;
        for number in [1, 2] {
            ledger.append(story::request(number)).await.unwrap();
        }
        Self { folder, served, key: key.trim().to_owned() }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Asks the service with one of its commands.
    fn ask(&self, command: &str, arguments: &[&str], status: i32, words: &[&str]) -> String {
        check([command, "--from", &self.served.url].iter().chain(arguments), status, words)
    }

    /// Has a file checked offline.
    fn judge(&self, file: &Path, more: &[&str], status: i32, words: &[&str]) -> String {
        let file = file.to_str().unwrap();
        check(["verify", "proof", file, "--key", &self.key].iter().chain(more), status, words)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_gets_from_the_public_key_to_a_complete_history() {
    let office = Office::open().await;
    let person = format!("entity/{}", story::id(1, 1));
    let (first, text) = (office.file("first.checkpoint"), office.ask("checkpoint", &["--wait", "6"], 0, &[ORIGIN]));
    fs::write(&first, text).unwrap();
    let file = office.file("person.subject-proof");
    let output = ["-o", file.to_str().unwrap()];
    office.ask("prove", &["subject", &person, output[0], output[1]], 0, &["4 entries under subject entity/"]);
    office.ask("prove", &["subject", &person, output[0], output[1]], 2, &["person.subject-proof", "exists"]);
    let words = ["these are all 4 entries filed under subject entity/", ORIGIN, "not shown", "by nobody"];
    let told = office.judge(&file, &[], 0, &words);
    assert!(!told.contains("by a proof of its own"), "{told}");
    let json = office.judge(&file, &["--json"], 0, &[]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((json["good"].as_bool(), json["entries"].as_array().unwrap().len()), (Some(true), 4));
    office.judge(&file, &["--at", "2"], 0, &["nothing is filed", "as of the older checkpoint of 2 entries"]);
    office.judge(&file, &["--at", "99"], 1, &["says nothing of 99 entries"]);
    // Through a pipe, with each entry; an id alone; somebody who is not there.
    for (name, arguments, words) in [
        ("each", &["subject", &person, "--each"][..], "by a proof of its own"),
        ("alone", &["subject", &story::id(1, 1)], "all 4 entries"),
        ("nobody", &["subject", &story::id(9, 1)], "nothing is filed under subject"),
        ("case", &["stream", &format!("case/{}", story::id(1, 3))], "entries filed under stream case/"),
        ("entry", &["entry", "3"], "entry 3 is in the log"),
    ] {
        let (status, proof, said) = run(probity(["prove", "--from", &office.served.url]).args(arguments));
        assert_eq!(status, Some(0), "{said}");
        let file = office.file(name);
        fs::write(&file, proof).unwrap();
        office.judge(&file, &[], 0, &[words]);
    }
    // Since the last visit nothing was changed.
    ledger(&office.served.url).await.append(story::request(3)).await.unwrap();
    let old = fs::read_to_string(&first).unwrap();
    let old_size: u64 = old.lines().nth(1).unwrap().parse().unwrap();
    let (second, text) = (office.file("second.checkpoint"), office.ask("checkpoint", &["--wait", "12"], 0, &[ORIGIN]));
    let new_size: u64 = text.lines().nth(1).unwrap().parse().unwrap();
    fs::write(&second, text).unwrap();
    let (old_size, new_size) = (old_size.to_string(), new_size.to_string());
    let (status, proof, _) =
        run(&mut probity(["prove", "--from", &office.served.url, "consistency", &old_size, &new_size]));
    assert_eq!(status, Some(0));
    let hashes = office.file("consistency");
    fs::write(&hashes, &proof).unwrap();
    let compare = |old: &Path, new: &Path, status, words: &[&str]| {
        let files = [old, new, &hashes].map(|file| file.to_str().unwrap().to_owned());
        let command = ["verify", "consistency"].map(str::to_owned).into_iter().chain(files);
        check(command.chain(["--key".to_owned(), office.key.clone()]), status, words);
    };
    compare(&first, &second, 0, &["begins with all"]);
    compare(&second, &first, 1, &["BAD"]);
    fs::write(&hashes, proof.replacen(['A', 'B', 'C', 'D'], "z", 1)).unwrap();
    compare(&first, &second, 1, &["BAD"]);
    fs::write(&hashes, "").unwrap();
    compare(&first, &second, 1, &["hashes where"]);
    let data = office.file("data");
    office.served.stop();
    service::verify(&data);
}

/// What a telephone reads of the page: the code as it is drawn, pixel by pixel.
fn scanned(page: &str) -> String {
    let between = |begin: &str, end: &str| page.split_once(begin).unwrap().1.split_once(end).unwrap().0;
    let size: usize = between("viewBox=\"0 0 ", " ").parse().unwrap();
    let mut dark = vec![false; size * size];
    for rectangle in between("<path fill=\"#000\" d=\"", "\"").split('M').skip(1) {
        let numbers = rectangle.split(|c: char| !c.is_ascii_digit()).filter(|number| !number.is_empty());
        let numbers: Vec<usize> = numbers.map(|number| number.parse().unwrap()).collect();
        let [left, top, width, height, ..] = numbers[..] else { panic!("{rectangle} is no rectangle") };
        for row in top..top + height {
            dark[row * size + left..][..width].fill(true);
        }
    }
    let mut picture = rqrr::PreparedImage::prepare_from_bitmap(size, size, |x, y| dark[y * size + x]);
    let codes = picture.detect_grids();
    assert_eq!(codes.len(), 1, "codes on the page");
    codes[0].decode().unwrap().1
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_is_checked_from_paper() {
    let office = Office::open().await;
    office.ask("checkpoint", &["--wait", "4"], 0, &[]);
    let text = office.ask("receipt", &["3"], 0, &["RECEIPT", "entry       3", "probity verify proof"]);
    let typed = text.split(&format!("{}\n", "-".repeat(72))).nth(1).unwrap();
    let file = office.file("receipt.tlog-proof");
    fs::write(&file, typed).unwrap();
    let proof = ProofFile::parse(typed.as_bytes()).unwrap();
    let hash = proof.leaf_hash().unwrap().to_string();
    office.judge(&file, &[], 0, &["entry 3 is in the log", &hash]);
    office.judge(&file, &["--leaf", &hash], 0, &["good"]);
    office.judge(&file, &["--leaf", &"0".repeat(64)], 1, &["is about the leaf hash"]);
    let page = office.file("receipt.html");
    let html = ["3", "--html", page.to_str().unwrap()];
    office.ask("receipt", &html, 0, &[]);
    office.ask("receipt", &html, 2, &["receipt.html"]);
    let page = fs::read_to_string(page).unwrap();
    for word in ["<svg", "</svg>", &hash, ORIGIN, "<!DOCTYPE html>"] {
        assert!(page.contains(word), "{word}");
    }
    assert!(!page.contains("<script") && !page.contains("http://127"), "a page needs nothing else");
    let shown = page.split("<pre>").nth(1).unwrap().split("</pre>").next().unwrap();
    assert_eq!(shown, typed);
    let scanned = scanned(&page);
    assert_eq!(scanned, typed, "the code holds what stands below");
    let read = ProofFile::parse(scanned.as_bytes()).unwrap();
    let of_receipt = (proof.index, proof.leaf_hash(), &proof.checkpoint);
    assert_eq!((read.index, read.leaf_hash(), &read.checkpoint), of_receipt);
    fs::write(&file, scanned).unwrap();
    office.judge(&file, &[], 0, &["entry 3 is in the log", &hash]);
    office.ask("receipt", &["99"], 2, &["CHECKPOINT_BEYOND"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_checked_is_no_verdict() {
    let office = Office::open().await;
    office.ask("checkpoint", &["--wait", "4"], 0, &[]);
    let file = office.file("3.tlog-proof");
    office.ask("prove", &["entry", "3", "-o", file.to_str().unwrap()], 0, &["entry 3"]);
    let path = file.to_str().unwrap();
    let bare = office.file("bare.tlog-proof");
    let text = fs::read_to_string(&file).unwrap();
    let without: String = text.split_inclusive('\n').filter(|line| !line.starts_with("extra ")).collect();
    fs::write(&bare, without).unwrap();
    office.judge(&bare, &[], 2, &["--leaf"]);
    office.judge(&office.file("nowhere"), &[], 2, &["nowhere"]);
    let other = office.file("letter");
    fs::write(&other, "Dear Sir\n").unwrap();
    office.judge(&other, &[], 2, &["neither"]);
    check(["verify", "proof", path], 2, &["--key"]);
    check(["verify", "proof", path, "--key", "audit"], 2, &["a key is name, id and base 64"]);
    check(["verify", "proof", path, "--policy", other.to_str().unwrap()], 2, &["letter"]);
    let (_, strangers, _) = run(probity(["keygen", "--origin", ORIGIN, "--keys"]).arg(office.file("strangers")));
    check(["verify", "proof", path, "--key", strangers.trim()], 1, &["BAD", "no known key signed it"]);
    fs::write(&file, text.replace("index 3", "index 4")).unwrap();
    office.judge(&file, &[], 1, &["entry 4 is not in the tree"]);
    office.judge(&file, &["--json"], 1, &["\"good\":false"]);
    office.ask("prove", &["subject", "entity/x"], 2, &["an id has 26 characters", "FIELD_INVALID"]);
    office.ask("prove", &["entry", "99"], 2, &["CHECKPOINT_BEYOND"]);
    office.ask("prove", &["consistency", "3", "2"], 2, &["new_size"]);
    check(["checkpoint", "--from", "http://127.0.0.1:1"], 2, &["cannot be reached"]);
}

#[test]
fn a_key_is_made_once() {
    let folder = TempDir::new().unwrap();
    let keys = folder.path().join("data/keys");
    let make = |origin: &str| run(probity(["keygen", "--origin", origin, "--keys"]).arg(&keys));
    for origin in ["", "https://a.example", "a b", "a+b"] {
        let (status, printed, said) = make(origin);
        assert_eq!((status, printed.as_str()), (Some(2), ""), "{origin}: {said}");
    }
    assert!(!keys.exists());
    let (status, printed, said) = make(ORIGIN);
    assert_eq!(status, Some(0), "{said}");
    assert!(printed.starts_with(&format!("{ORIGIN}+")) && printed.lines().count() == 1, "{printed}");
    let file = keys.join("log.ed25519");
    let (seed, mode) = (fs::read(&file).unwrap(), fs::metadata(&file).unwrap().permissions().mode());
    assert_eq!((seed.len(), mode & 0o777), (32, 0o600));
    assert_eq!(fs::metadata(&keys).unwrap().permissions().mode() & 0o777, 0o700);
    let (status, printed, said) = make(ORIGIN);
    assert_eq!((status, printed.as_str()), (Some(2), ""), "{said}");
    assert!(said.contains("is not overwritten"), "{said}");
    assert_eq!(fs::read(&file).unwrap(), seed);
    // A folder of keys that belongs to a log is no place for another.
    fs::write(keys.join("data.keys"), b"").unwrap();
    let data = folder.path().join("data");
    let (status, _, said) = run(&mut service::serve(&data));
    assert_eq!(status, Some(2), "{said}");
    assert!(said.contains("not a data folder"), "{said}");
}
