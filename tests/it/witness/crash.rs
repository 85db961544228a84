//! A witness that dies between check and answer never cosigns two trees.

use std::io::BufRead as _;
use std::io::BufReader;
use std::path::Path;
use std::process::Child;
use std::process::Stdio;
use std::time::Duration;

use probity::fetch::Client;
use probity::log::Note;
use probity::log::SignatureType;
use probity::log::monitoring_path;
use probity::log::parse_cosignatures;
use probity::witness::read_key;

use crate::service::probity;
use crate::witness::Log;
use crate::witness::log_line;

const ORIGIN: &str = "log.example.org/a";

/// The program as a witness; it dies at a point, where one is named.
pub(super) fn start(folder: &Path, dies_at: Option<&str>) -> (Child, String) {
    let mut command = probity(["witness", "--listen", "127.0.0.1:0"]);
    command.arg("--key").arg(folder.join("key")).arg("--logs").arg(folder.join("logs"));
    command.arg("--state").arg(folder.join("state")).stdout(Stdio::piped());
    if let Some(point) = dies_at {
        command.env("PROBITY_CRASH_AT", point);
    }
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let url = lines.map(|line| line.unwrap()).find_map(|line| Some(line.strip_prefix("witnessing on ")?.to_owned()));
    (child, url.unwrap())
}

#[test]
fn a_witness_that_dies_never_cosigns_two_trees() {
    let (log, fork) = (Log::new(ORIGIN, 0, 0), Log::new(ORIGIN, 3, 1));
    for point in ["witness-checked", "witness-written", "witness-kept"] {
        let folder = tempfile::tempdir().unwrap();
        let made = probity(["witness", "--make-key", "w.example.org", "--key"]).arg(folder.path().join("key")).output();
        assert!(made.unwrap().status.success());
        let vkey = read_key(&folder.path().join("key")).unwrap().verifier(SignatureType::CosignatureV1);
        std::fs::write(folder.path().join("logs"), log_line(&log.signer) + "quorum none\n").unwrap();
        let client = Client::new(Duration::from_secs(20));
        let post = |url: &str, log: &Log, old, new| {
            client.post(&format!("{url}/add-checkpoint"), log.request(old, new).to_string().as_bytes(), 1 << 20)
        };
        // It dies at the second checkpoint.
        let (mut child, url) = start(folder.path(), None);
        assert_eq!(post(&url, &log, 0, 5).unwrap().status, 200);
        child.kill().unwrap();
        child.wait().unwrap();
        let (mut child, url) = start(folder.path(), Some(point));
        assert!(post(&url, &log, 5, 9).is_err(), "{point}: it answered");
        assert!(!child.wait().unwrap().success());
        // Whatever is kept now, one of the two trees at most is ever cosigned.
        let (mut child, url) = start(folder.path(), None);
        let shown = client.get(&format!("{url}/{}", monitoring_path(ORIGIN)), None, 1 << 20).unwrap();
        let shown = Note::parse(&shown.body).unwrap();
        assert!(shown.verify([&vkey]).is_ok());
        let kept = shown.text() == log.note(9).text();
        assert_eq!(kept, point == "witness-kept", "{point}");
        let forked = post(&url, &fork, 5, 9).unwrap();
        assert_eq!(forked.status, if kept { 409 } else { 422 }, "{point}: the fork parts below 5");
        let later = Log::new(ORIGIN, 5, 2);
        let other = post(&url, &later, 5, 9).unwrap().status;
        assert_eq!(other, if kept { 409 } else { 200 }, "{point}");
        // Nobody got a cosignature of the first try: so one of two is cosigned, and from now on the same.
        let (good, bad) = if kept { (&log, &later) } else { (&later, &log) };
        let again = post(&url, good, 9, 9).unwrap();
        assert_eq!((again.status, parse_cosignatures(&again.body).unwrap().len()), (200, 1), "{point}");
        assert_eq!(post(&url, bad, 9, 9).unwrap().status, 422, "{point}");
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
