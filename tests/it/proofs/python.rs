//! The verifier of the manual, which others could have written: it says of every file what ours says.

use std::fs;
use std::io;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use crate::proofs::Stand;
use crate::proofs::files::judged;
use crate::proofs::files::spoilt;
use crate::proofs::stream;
use crate::proofs::subject;
use crate::service::run;

/// Runs the script's own `main` over every file of a folder, in one process.
const OVER_ALL: &str = "import os, sys; sys.path.insert(0, sys.argv[1]); import verify_proof\n\
                        for name in sorted(os.listdir(sys.argv[2])):\n  \
                        print(name, verify_proof.main([os.path.join(sys.argv[2], name), sys.argv[3]]), sep='\\t')";

fn script() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/verify_proof.py"))
}

/// Says so where nobody can overlook it, whatever the test runner captures.
#[expect(clippy::explicit_write, reason = "what the macros print is captured")]
fn is_there() -> bool {
    let probe = Command::new("python3").args(["-c", "import cryptography"]).output();
    let there = probe.is_ok_and(|output| output.status.success());
    if !there {
        writeln!(io::stderr(), "\n!! SKIPPED: the manual's verifier: no python3 with `cryptography`").unwrap();
    }
    there
}

#[tokio::test(flavor = "multi_thread")]
async fn another_verifier_says_the_same_of_every_file() {
    if !is_there() {
        return;
    }
    let mut stand = Stand::told().await;
    let folder = tempfile::tempdir().unwrap();
    let good = [
        stand.history(subject(1, 1, "entity"), true).await.1,
        stand.history(subject(3, 2, "entity"), false).await.1,
        stand.history(stream(3, 3, "case"), false).await.1,
        stand.history(subject(9, 1, "entity"), false).await.1,
        stand.entry(3).await,
    ];
    let mut expected = Vec::new();
    for (number, good) in good.iter().enumerate() {
        let files = [("as it was".to_owned(), good.clone())].into_iter().chain(spoilt(good));
        for (at, (what, bytes)) in files.enumerate() {
            let name = format!("{number}-{at:03}");
            fs::write(folder.path().join(&name), &bytes).unwrap();
            expected.push((name, what, judged(&bytes, stand.trust()).is_ok()));
        }
    }
    let mut command = Command::new("python3");
    command.arg("-B").args(["-c", OVER_ALL]).arg(script().parent().unwrap()).arg(folder.path());
    let (status, printed, said) = run(command.arg(stand.key.to_string()));
    assert_eq!(status, Some(0), "{said}");
    let statuses: Vec<(&str, &str)> = printed.lines().filter_map(|line| line.split_once('\t')).collect();
    assert_eq!(statuses.len(), expected.len(), "{printed}");
    for ((name, what, is_good), (found, status)) in expected.iter().zip(statuses) {
        assert_eq!(name, found);
        assert_eq!(*is_good, status == "0", "{name}, {what}: {status}");
        assert_eq!(*is_good, what == "as it was", "{name}, {what}");
    }
    stand.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_why_and_with_which_status() {
    if !is_there() {
        return;
    }
    let mut stand = Stand::told().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("proof");
    let key = stand.key.to_string();
    let other = key.replace("test.example/log", "test.example/other");
    let entry = stand.entry(3).await;
    let check = |bytes: &[u8], arguments: &[&str], status: i32, words: &str| {
        fs::write(&file, bytes).unwrap();
        let (found, printed, said) = run(Command::new("python3").arg("-B").arg(script()).arg(&file).args(arguments));
        assert_eq!(found, Some(status), "{words}: {printed}{said}");
        assert!(printed.contains(words) || said.contains(words), "{words}: {printed}{said}");
    };
    let history = stand.history(subject(1, 1, "entity"), true).await.1;
    check(&history, &[&key], 0, "good: all 4 entries filed under subject entity/");
    check(&entry, &[&key], 0, "good: entry 3 with leaf hash ");
    check(&entry, &[&key, &"0".repeat(64)], 1, "another leaf hash");
    check(&entry, &[&other], 2, "its id is not that of its key");
    check(&entry, &[], 2, "could not be checked");
    check(&entry, &["key"], 2, "could not be checked");
    check(b"", &[&key], 1, "no tlog-proof");
    check(&[0xff; 9], &[&key], 1, "BAD");
    stand.stop().await;
}
