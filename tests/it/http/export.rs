//! `probity export tiles`: a folder that hashes up to its checkpoint, whatever happened while it was written.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::thread;

use ed25519_dalek::SigningKey;
use probity::log::BundleEntries;
use probity::log::Checkpoint;
use probity::log::Extensions;
use probity::log::Frontier;
use probity::log::LeafHash;
use probity::log::Note;
use probity::log::SignatureType;
use probity::log::SignerKey;
use probity::log::Tile;
use probity::log::TileKind;
use probity::log::tiles_at;
use serde_json::Value;

use crate::http::TOKEN;
use crate::http::bundle;
use crate::http::command;
use crate::http::folder;
use crate::http::record;
use crate::http::sealed;
use crate::http::start;
use crate::service::probity;
use crate::service::run;

/// The files of a folder by their paths in it.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn checkpoint(folder: &Path) -> Checkpoint {
    let note = Note::parse(&fs::read(folder.join("checkpoint")).unwrap()).unwrap();
    Checkpoint::parse(note.text(), Extensions::Refused).unwrap()
}

/// The folder has the tiles of its checkpoint, and they hash up to it; with `entries` the bundles too. Nothing else is there
/// but partial tiles of earlier checkpoints.
fn check(folder: &Path, entries: bool) -> Checkpoint {
    let checkpoint = checkpoint(folder);
    let files = files(folder);
    let mut leaves = Frontier::new();
    for tile in tiles_at(checkpoint.size) {
        if tile.kind == TileKind::Entries && !entries {
            continue;
        }
        let bytes = files.get(&tile.to_string()).unwrap_or_else(|| panic!("no {tile}"));
        if tile.kind == TileKind::Entries {
            BundleEntries::new(bytes, tile.width).for_each(|entry| leaves.push(LeafHash::of(entry.unwrap())));
        }
    }
    if entries {
        assert_eq!((leaves.size(), leaves.root()), (checkpoint.size, checkpoint.root));
    }
    for name in files.keys().filter(|name| *name != "checkpoint") {
        let tile: Tile = name.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(tile.is_within(checkpoint.size), "{name}");
        assert!(entries || tile.kind != TileKind::Entries, "{name}");
        let full = files.get(&tile.full().to_string());
        assert!(tile.is_full() || full.is_none(), "{name} and the full one");
    }
    checkpoint
}

/// Runs it; the exit status, and what was printed as JSON or said.
fn export(arguments: &[&str], to: &Path) -> (Option<i32>, Value, String) {
    let (status, printed, said) = run(probity(["export", "tiles", "--json"]).args(arguments).arg(to));
    (status, serde_json::from_str(&printed).unwrap_or(Value::Null), said)
}

/// A file with the token of the one auditor.
fn token(folder: &Path) -> String {
    let file = folder.join("token");
    fs::write(&file, format!("{TOKEN}\n")).unwrap();
    file.to_str().unwrap().to_owned()
}

fn serving(address: &str) -> String {
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_and_its_folder_give_the_same_files_and_a_second_run_only_what_is_new() {
    let (folder, data) = folder();
    let [from_service, hashes_only, from_data] =
        ["service", "hashes", "data-tiles"].map(|name| folder.path().join(name));
    let (served, address) = start(&mut command(&data), &data);
    let (url, token) = (serving(&address), token(folder.path()));
    let mut ledger = served.ledger().await;
    record(&mut ledger, 0..60).await;
    let first = sealed(&mut ledger, &address).await;
    let with_token = ["--from", &url, "--entries", "--token-file", &token];
    let (status, told, said) = export(&with_token, &from_service);
    assert_eq!((status, &told["size"]), (Some(0), &Value::from(first.size)), "{said}");
    assert_eq!(check(&from_service, true), first);
    // Without a change, nothing is written.
    let (status, told, _) = export(&with_token, &from_service);
    assert_eq!((status, &told["files_written"], &told["signature_checked"]), (Some(0), &0.into(), &false.into()));

    record(&mut ledger, 60..200).await;
    let second = sealed(&mut ledger, &address).await;
    assert!(second.size > first.size + 256);
    let (status, told, said) = export(&with_token, &from_service);
    assert_eq!((status, check(&from_service, true)), (Some(0), second.clone()), "{said}");
    if first.size > 256 {
        assert!(told["files_kept"].as_u64() > Some(0), "{told}");
    }
    assert_eq!(export(&["--from", &url], &hashes_only).0, Some(0));
    assert_eq!(check(&hashes_only, false), second);
    // A tile of the folder is what the service gives.
    let tile = Tile { kind: TileKind::Entries, number: 0, width: 256 };
    assert_eq!(fs::read(from_service.join(tile.to_string())).unwrap(), bundle(&address, tile).body);
    served.stop();

    let data = data.to_str().unwrap();
    let (status, _, said) = export(&["--data", data, "--entries"], &from_data);
    assert_eq!(status, Some(0), "{said}");
    assert_eq!(check(&from_data, true).size, second.size);
    // The service has sealed nothing new since: byte for byte, but for partial tiles that an earlier run needed.
    let (ours, theirs) = (files(&from_data), files(&from_service));
    assert!(ours.iter().all(|(name, bytes)| theirs.get(name) == Some(bytes)), "{:?}", ours.keys());
    assert_eq!(export(&["--data", data], &hashes_only).0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_killed_is_finished_by_the_next() {
    let (folder, data) = folder();
    let (served, address) = start(&mut command(&data), &data);
    let mut ledger = served.ledger().await;
    record(&mut ledger, 0..20).await;
    sealed(&mut ledger, &address).await;
    let out = folder.path().join("out");
    let (url, token) = (serving(&address), token(folder.path()));
    let arguments = ["--from", url.as_str(), "--entries", "--token-file", &token];
    assert_eq!(export(&arguments, &out).0, Some(0));
    let old = check(&out, true);
    record(&mut ledger, 20..250).await;
    let new = sealed(&mut ledger, &address).await;
    let points = ["export-tile-written:3", "export-tile-written:1", "export-tile-written:1", "export-tiles-synced:1"];
    for point in points {
        let mut killed = probity(["export", "tiles"]);
        let status = killed.args(arguments).arg(&out).env("PROBITY_CRASH_AT", point).status().unwrap();
        assert_eq!(status.signal(), Some(6), "{point}");
        assert_eq!(checkpoint(&out), old, "{point}: the old checkpoint stands");
        let files = files(&out);
        for tile in tiles_at(old.size) {
            assert!(files.contains_key(&tile.to_string()), "{point}: {tile}");
        }
    }
    let mut killed = probity(["export", "tiles"]);
    let status = killed.args(arguments).arg(&out).env("PROBITY_CRASH_AT", "export-tiles-checkpoint").status().unwrap();
    assert_eq!((status.signal(), checkpoint(&out)), (Some(6), new.clone()));
    fs::write(out.join(".new"), "torn").unwrap();
    record(&mut ledger, 250..251).await;
    sealed(&mut ledger, &address).await;
    assert_eq!(export(&arguments, &out).0, Some(0));
    assert!(check(&out, true).size > new.size);
    served.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_damaged_in_the_folder_is_written_again() {
    let (folder, data) = folder();
    let (served, address) = start(&mut command(&data), &data);
    let mut ledger = served.ledger().await;
    record(&mut ledger, 0..120).await;
    sealed(&mut ledger, &address).await;
    let (url, token) = (serving(&address), token(folder.path()));
    for (entries, tiles) in
        [(true, &["tile/0/000", "tile/entries/000", "tile/1/000.p/1"][..]), (false, &["tile/0/000"])]
    {
        let out = folder.path().join(format!("out-{entries}"));
        let mut arguments = vec!["--from", url.as_str(), "--token-file", token.as_str()];
        arguments.extend(entries.then_some("--entries"));
        assert_eq!(export(&arguments, &out).0, Some(0));
        let good = files(&out);
        for tile in tiles {
            for damage in [&[0; 8192][..], b"", &good[*tile][..32]] {
                fs::write(out.join(tile), damage).unwrap();
                let (status, _, said) = export(&arguments, &out);
                assert_eq!((status, files(&out) == good), (Some(0), true), "{tile}: {said}");
            }
        }
    }
    served.stop();
}

/// A key that nobody has.
fn other_key(origin: &str) -> SignerKey {
    SignerKey::new(origin, SigningKey::from_bytes(&[7; 32])).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_this_log_s_next_checkpoint_is_refused_and_the_folder_stays() {
    let (folder, data) = folder();
    let (served, address) = start(&mut command(&data), &data);
    let mut ledger = served.ledger().await;
    record(&mut ledger, 0..20).await;
    sealed(&mut ledger, &address).await;
    let out = folder.path().join("out");
    let url = serving(&address);
    assert_eq!(export(&["--from", &url], &out).0, Some(0));
    let good = checkpoint(&out);
    let other = other_key(&good.origin);
    let forked = Checkpoint { root: probity::log::Root([1; 32]), size: good.size - 1, ..good.clone() };
    let longer = Checkpoint { size: good.size + 1, ..good.clone() };
    let stranger = Checkpoint { origin: "other.example/log".to_owned(), ..good.clone() };
    for (held, status, words) in [
        (forked, 1, "one of the two was made up"),
        (longer, 1, "entries are gone"),
        (stranger, 2, "the folder is of the log other.example/log"),
    ] {
        let text = held.sign(std::slice::from_ref(&other)).unwrap().to_string();
        fs::write(out.join("checkpoint"), &text).unwrap();
        let (found, _, said) = export(&["--from", &url], &out);
        assert_eq!(found, Some(status), "{said}");
        assert!(said.contains(words), "{said}");
        assert_eq!(fs::read_to_string(out.join("checkpoint")).unwrap(), text);
    }
    fs::write(out.join("checkpoint"), "no note").unwrap();
    assert_eq!(export(&["--from", &url], &out).0, Some(1));
    fs::remove_file(out.join("checkpoint")).unwrap();

    let key = other.verifier(SignatureType::Ed25519).to_string();
    let (status, _, said) = export(&["--from", &url, "--key", &key], &out);
    assert_eq!(status, Some(1), "{said}");
    assert!(!out.join("checkpoint").exists());
    // The right one is in the data folder.
    let seed = fs::read(data.join("keys/log.ed25519")).unwrap();
    let signer = SignerKey::new(&good.origin, SigningKey::from_bytes(seed[..32].try_into().unwrap())).unwrap();
    let key = signer.verifier(SignatureType::Ed25519).to_string();
    let (status, told, said) = export(&["--from", &url, "--key", &key], &out);
    assert_eq!((status, &told["signature_checked"]), (Some(0), &Value::from(true)), "{said}");
    served.stop();
}

/// Serves other files in the place of some paths, for as many requests as come.
fn serve_files(files: BTreeMap<String, Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                head.push(byte[0]);
            }
            let path = String::from_utf8(head).unwrap().split(' ').nth(1).unwrap_or("/")[1..].to_owned();
            let (status, body) = files.get(&path).map_or(("404 Not Found", &b""[..]), |body| ("200 OK", body));
            let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all(&[head.as_bytes(), body].concat()).unwrap_or_default();
        }
    });
    serving(&address)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lies_gets_no_checkpoint_into_the_folder() {
    let (folder, data) = folder();
    let (served, address) = start(&mut command(&data), &data);
    let mut ledger = served.ledger().await;
    record(&mut ledger, 0..200).await;
    sealed(&mut ledger, &address).await;
    let (url, token) = (serving(&address), token(folder.path()));
    let honest = folder.path().join("honest");
    assert_eq!(export(&["--from", &url, "--entries", "--token-file", &token], &honest).0, Some(0));
    let size = check(&honest, true).size;
    served.stop();
    let good = files(&honest);
    // What it serves, kept partial tiles left out, is enough for another folder: a mirror of a mirror.
    let mirror = folder.path().join("mirror");
    let (status, _, said) = export(&["--from", &serve_files(good.clone()), "--entries"], &mirror);
    assert_eq!((status, files(&mirror) == good), (Some(0), true), "{said}");

    let widest = |kind, number| Tile::at(kind, number, size).unwrap().to_string();
    let last = size / 256;
    for (entries, name, lie) in [
        (false, "tile/0/000".to_owned(), "flip"),
        (true, "tile/entries/000".to_owned(), "flip"),
        (true, widest(TileKind::Entries, last), "flip"),
        (true, widest(TileKind::Entries, last), "cut"),
        (false, widest(TileKind::Hashes(0), last), "cut"),
        (false, widest(TileKind::Hashes(0), last), "longer"),
        (true, "tile/entries/000".to_owned(), "longer"),
        (true, "tile/entries/000".to_owned(), "gone"),
        (false, "tile/0/000".to_owned(), "gone"),
        (false, "checkpoint".to_owned(), "cut"),
        (false, "checkpoint".to_owned(), "gone"),
    ] {
        let mut served = good.clone();
        let bytes = served.get_mut(&name).unwrap();
        match lie {
            "flip" => *bytes.last_mut().unwrap() ^= 1,
            "cut" => bytes.truncate(bytes.len() - 1),
            "longer" => bytes.push(0),
            _ => drop(served.remove(&name)),
        }
        let out = folder.path().join(format!("out-{lie}-{}", name.replace('/', "-")));
        let url = serve_files(served);
        let mut arguments = vec!["--from", url.as_str()];
        arguments.extend(entries.then_some("--entries"));
        let (status, _, said) = export(&arguments, &out);
        assert!(matches!(status, Some(1 | 2)), "{lie} {name}: {status:?} {said}");
        assert!(!out.join("checkpoint").exists(), "{lie} {name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_told() {
    let (folder, data) = folder();
    let out = folder.path().join("out");
    let (served, address) = start(&mut command(&data), &data);
    sealed(&mut served.ledger().await, &address).await;
    let url = serving(&address);
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = serving(&nobody.to_string());
    let wrong = folder.path().join("wrong");
    fs::write(&wrong, "not the token").unwrap();
    let wrong = wrong.to_str().unwrap();
    let below = format!("{url}/below/");
    let busy = data.to_str().unwrap();
    for (arguments, words) in [
        (&["--from", &url, "--entries"][..], "--token-file"),
        (&["--from", &url, "--entries", "--token-file", wrong], "--token-file"),
        (&["--from", &url, "--token-file", "/nowhere/token"], "/nowhere/token"),
        (&["--from", &nobody], &nobody),
        (&["--from", &below], "nothing is published yet"),
        (&["--from", "ftp://127.0.0.1/"], "http://"),
        (&["--from", "127.0.0.1:1"], "http://"),
        (&["--from", "http://u@127.0.0.1:1/"], "without user"),
        (&["--from", &url, "--key", "no-key"], "--key"),
        (&["--data", busy], "another process uses this folder"),
        (&["--data", busy, "--from", &url], "cannot be used with"),
        (&[], "--data"),
    ] {
        let (status, told, said) = export(arguments, &out);
        assert_eq!((status, told), (Some(2), Value::Null), "{arguments:?}: {said}");
        assert!(said.contains(words) && !said.contains("not the token"), "{arguments:?}: {said}");
    }
    served.stop();
    assert!(!out.join("checkpoint").exists());
    // A log that was never sealed.
    let unsealed: PathBuf = folder.path().join("unsealed");
    crate::service::Served::start(&unsealed).stop();
    let (status, _, said) = export(&["--data", unsealed.to_str().unwrap()], &out);
    assert_eq!(status, Some(2), "{said}");
    assert!(said.contains("nothing is published yet"), "{said}");
}
