//! An export of a history that was signed again: by itself it is good, and `probity verify --export` catches it by a checkpoint
//! that was kept.

use std::fs;

use crate::adversaries::Log;
use crate::adversaries::honest;
use crate::adversaries::vkey;
use crate::publish::start;
use crate::service::probity;
use crate::service::run;

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_held_against_checkpoints_and_proofs() {
    let (folder, log) = honest().await;
    let (data, with, without) = (folder.path().join("data"), folder.path().join("with"), folder.path().join("without"));
    for (to, more) in [(&with, &["--entries"][..]), (&without, &[])] {
        let (status, out, said) =
            run(probity(["export", "--format", "csv", "--data"]).arg(&data).arg("--to").arg(to).args(more));
        assert_eq!(status, Some(0), "{out}{said}");
    }
    let key = vkey(&log.origin, &log.key);
    let last = log.entries.len() - 1;
    let served = start(&data);
    let proof = |index: usize| {
        let file = folder.path().join(format!("{index}.tlog-proof"));
        let (status, out, said) =
            run(probity(["prove", "--from", &served.url, "entry", &index.to_string(), "-o"]).arg(&file));
        assert_eq!(status, Some(0), "{out}{said}");
        file.to_str().unwrap().to_owned()
    };
    let (of_last, of_another) = (proof(last), proof(last - 1));
    let kept = |name: &str, log: &Log, size: usize| {
        let file = folder.path().join(name);
        fs::write(&file, log.checkpoint(size, &log.key).to_string()).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let other = log.clone().with(log.events()[3], |leaf, _| leaf.recorded_at_ms += 1).remade(log.events()[3]);
    let (same, older) = (kept("same", &log, last + 1), kept("older", &log, log.seals()[2] + 1));
    let (forked, beyond) = (kept("forked", &other, last + 1), kept("beyond", &log.clone().sealed(), last + 2));
    let check = |export: &std::path::Path, more: &[&str], status: i32, words: &str| {
        let (found, out, said) = run(probity(["verify", "--key", &key, "--export"]).arg(export).args(more));
        assert!(found == Some(status) && (out.clone() + &said).contains(words), "{more:?}: {found:?} {out}{said}");
    };
    check(&with, &["--checkpoint", &same, "--checkpoint", &older], 0, "2 checkpoints held, each met");
    check(&with, &["--checkpoint", &forked], 1, "the log was rewritten");
    check(&with, &["--checkpoint", &beyond], 2, "give a proof of that with --proof");
    check(&with, &["--proof", &of_last], 0, "its head is entry");
    check(&without, &["--proof", &of_last], 0, "its head is entry");
    check(&without, &["--checkpoint", &same], 2, "has a head and no tree");
    check(&without, &["--proof", &of_another], 2, "the proof is about entry");
    served.stop();
    // The manifest of the forger names the head of his own log.
    let text = fs::read_to_string(without.join("manifest.json")).unwrap();
    let forged = crate::adversaries::checked(&other.entries[last]).leaf_hash.to_string();
    let head = crate::adversaries::checked(&log.entries[last]).leaf_hash.to_string();
    let mut manifest: probity::export::Manifest = serde_json::from_str(&text.replace(&head, &forged)).unwrap();
    fs::write(without.join("manifest.json"), manifest.encode()).unwrap();
    check(&without, &[], 0, "not shown whether the head is the log's");
    check(&without, &["--proof", &of_last], 1, "is not in the log by the proof");
}
