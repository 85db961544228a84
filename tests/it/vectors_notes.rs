//! What others publish about notes, checkpoints, cosignatures and Ed25519, through the library as anyone would use it.
//!
//! Read from `data/vectors` of `PROBITY_SHARED_DATA`, or `../shared` beside the project; skipped loudly elsewhere. The
//! figures that matter most stand in the unit tests, which run everywhere.

use std::env;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;

use data_encoding::BASE64;
use data_encoding::HEXLOWER;
use probity::log::AddCheckpoint;
use probity::log::Checkpoint;
use probity::log::Extensions;
use probity::log::Note;
use probity::log::NoteFault;
use probity::log::ProofFile;
use probity::log::PublicKey;
use probity::log::SignatureType;
use probity::log::SignerKey;
use probity::log::VerifierKey;
use probity::log::cosign;
use serde_json::Value;

/// A file or folder of vectors, if it is here.
fn vectors(what: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let data = env::var_os("PROBITY_SHARED_DATA").map_or_else(beside, PathBuf::from);
    let found = Some(data.join("vectors").join(what)).filter(|path| path.exists());
    if found.is_none() {
        // Past the harness, which shows only what failing tests print.
        let missing = format!("SKIPPED: no vectors/{what} in ../shared/data or PROBITY_SHARED_DATA\n");
        std::io::stderr().write_all(missing.as_bytes()).unwrap();
    }
    found
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn hex(value: &Value) -> Vec<u8> {
    HEXLOWER.decode(text(value).as_bytes()).unwrap()
}

#[test]
fn notes_of_go_are_opened_and_refused_as_go_does() {
    let Some(path) = vectors("signed-note/signed-note-vectors.json") else { return };
    let all = json(&path);
    let mut opened = 0;
    for case in all["open"].as_array().unwrap() {
        let name = text(&case["desc"]);
        let bytes = match case.get("note") {
            Some(note) => text(note).as_bytes().to_vec(),
            None => BASE64.decode(text(&case["note_b64"]).as_bytes()).unwrap(),
        };
        let keys: Vec<VerifierKey> =
            case["vkeys"].as_array().unwrap().iter().map(|key| VerifierKey::parse(text(key)).unwrap()).collect();
        let verdict = match Note::parse(&bytes) {
            Err(_) => "malformed note".to_owned(),
            Ok(note) => {
                assert_eq!(note.to_string().into_bytes(), bytes, "{name}");
                match note.verify(&keys) {
                    Ok(verified) => {
                        let names: Vec<&str> = verified.iter().map(|one| one.key.name()).collect();
                        let expected: Vec<&str> = case["verified"].as_array().unwrap().iter().map(text).collect();
                        assert_eq!(names, expected, "{name}");
                        "ok".to_owned()
                    }
                    Err(NoteFault::Signature { name, id }) => format!("invalid signature for key {name}+{id}"),
                    Err(NoteFault::Ambiguous { name, id }) => format!("ambiguous key {name}+{id}"),
                    Err(NoteFault::Unsigned) => "note has no verifiable signatures".to_owned(),
                }
            }
        };
        assert_eq!(verdict, text(&case["want"]), "{name}");
        opened += 1;
    }
    assert!(opened >= 13, "{opened}");
    for case in all["sign"].as_array().unwrap() {
        let signer = SignerKey::parse(text(&case["skey"])).unwrap();
        assert_eq!(signer.reveal().as_str(), text(&case["skey"]));
        let note = Note::sign(text(&case["text"]).to_owned(), &signer).unwrap();
        assert_eq!(note.to_string(), text(&case["want"]));
    }
    for key in all["good_vkeys"].as_array().unwrap() {
        assert_eq!(VerifierKey::parse(text(key)).unwrap().to_string(), text(key));
    }
    for key in all["bad_vkeys"].as_array().unwrap() {
        assert!(VerifierKey::parse(text(key)).is_err(), "{key}");
    }
}

/// A log key, a witness key, checkpoints, a cosignature, a request to cosign and a proof over the eight-leaf tree.
#[test]
fn every_text_of_the_golden_fixture_is_read_verified_and_written_again() {
    let Some(path) = vectors("c2sp/golden_c2sp.json") else { return };
    let all = json(&path);
    let of = |name: &str| text(&all[name]).to_owned();
    let signer = SignerKey::parse(&of("log_skey")).unwrap();
    let log = VerifierKey::parse(&of("log_vkey")).unwrap();
    let witness = VerifierKey::parse(&of("witness_vkey_type4")).unwrap();
    assert_eq!(signer.verifier(SignatureType::Ed25519), log);
    for (name, size) in [("checkpoint_size6", 6), ("checkpoint_size8", 8)] {
        let note = Note::parse(of(name).as_bytes()).unwrap();
        let checkpoint = Checkpoint::parse(note.text(), Extensions::Refused).unwrap();
        assert_eq!((checkpoint.size, note.verify([&log]).unwrap().len()), (size, 1));
        assert_eq!(checkpoint.sign(std::slice::from_ref(&signer)).unwrap().to_string(), of(name));
    }
    let cosigned = Note::parse(of("cosigned_checkpoint_size8").as_bytes()).unwrap();
    let verified = cosigned.verify([&log, &witness]).unwrap();
    assert_eq!(verified.iter().map(|one| one.time_s).collect::<Vec<_>>(), [None, Some(1_700_000_000)]);
    assert_eq!(format!("{}\n", cosigned.signatures()[1]), of("cosignature_line_time_1700000000"));
    let request = AddCheckpoint::parse(of("add_checkpoint_body_old6_to_8").as_bytes()).unwrap();
    assert_eq!((request.old_size, request.to_string()), (6, of("add_checkpoint_body_old6_to_8")));
    let proof = ProofFile::parse(of("tlog_proof_index5").as_bytes()).unwrap();
    assert_eq!((proof.index, proof.to_string()), (5, of("tlog_proof_index5")));
    assert_eq!(proof.note.verify([&witness]).unwrap().len(), 1);
}

#[test]
fn checkpoints_of_tessera_verify() {
    let Some(folder) = vectors("tessera") else { return };
    let key = fs::read_to_string(folder.join("LOG_PUBLIC_KEY.txt")).unwrap();
    let key = VerifierKey::parse(key.trim_end()).unwrap();
    for size in 0..=15_u64 {
        let path = folder.join(format!("log/checkpoint.{size}"));
        let bytes = fs::read(&path).unwrap();
        let note = Note::parse(&bytes).unwrap();
        assert_eq!(note.verify([&key]).unwrap().len(), 1, "{}", path.display());
        let checkpoint = Checkpoint::parse(note.text(), Extensions::Refused).unwrap();
        assert_eq!((checkpoint.origin.as_str(), checkpoint.size), (key.name(), size));
        assert_eq!(note.to_string().into_bytes(), bytes);
    }
}

/// Cosignatures of three witnesses; two stand beside a signature of type 0x05 that nobody here knows.
#[test]
fn cosignatures_of_sunlight_verify() {
    let Some(folder) = vectors("sunlight/cmd/skylight/testdata") else { return };
    let rome = "000de184301123b9278c086a7d9f68c9577e83872224c197058fd90784ea9706";
    let milan = "88ad7a28caeb0b2aa890fdf0304c2fcaf59fca2ee140134ff8c1300bac493482";
    for (about, checkpoint) in [
        ("witness/witness.v0.json", format!("witness/{rome}/checkpoint")),
        ("witness/mirror/mirror.v0.json", format!("witness/mirror/{rome}/checkpoint")),
        ("witness2/witness.v0.json", format!("witness2/{milan}/checkpoint")),
    ] {
        let keys = json(&folder.join(about));
        let key = VerifierKey::parse(text(&keys["verifier_keys"][0])).unwrap();
        let bytes = fs::read(folder.join(&checkpoint)).unwrap();
        let note = Note::parse(&bytes).unwrap();
        let verified = note.verify([&key]).unwrap();
        assert_eq!(verified[0].time_s, Some(1_767_139_200), "{checkpoint}");
        let read = Checkpoint::parse(note.text(), Extensions::Refused).unwrap();
        let path = probity::log::monitoring_path(&read.origin);
        assert!(checkpoint.ends_with(&path), "{checkpoint} of {}", read.origin);
    }
    let decoy = fs::read(folder.join("witness/checkpoint")).unwrap();
    assert!(Note::parse(&decoy).is_err());
}

/// Our verdict on a signature, as every room takes it.
fn signed(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let (Ok(key), Ok(signature)) = (key.try_into(), signature.try_into()) else { return false };
    PublicKey::parse(key).is_some_and(|key| key.signed(message, signature))
}

/// Every verdict of Wycheproof: its keys are good, and what it calls invalid breaks these rules:
///
/// - `SignatureMalleability`: S is not below the group's order (RFC 8032 section 5.1.7);
/// - `InvalidEncoding`: R or S is no canonical number or point;
/// - `TruncatedSignature`, `SignatureWithGarbage`, `CompressedSignature`: it does not have 64 bytes;
/// - `InvalidSignature`, `InvalidKtv`: the equation does not hold.
#[test]
fn wycheproof_agrees_with_every_verdict() {
    let Some(path) = vectors("wycheproof/ed25519_test.json") else { return };
    let all = json(&path);
    let mut verdicts = [0, 0];
    for group in all["testGroups"].as_array().unwrap() {
        let key = hex(&group["publicKey"]["pk"]);
        for case in group["tests"].as_array().unwrap() {
            let valid = text(&case["result"]) == "valid";
            let found = signed(&key, &hex(&case["msg"]), &hex(&case["sig"]));
            assert_eq!(found, valid, "{} {} {}", case["tcId"], case["comment"], case["flags"]);
            verdicts[usize::from(valid)] += 1;
        }
    }
    assert_eq!(verdicts, [63, 88]);
}

/// The edge cases of the curve. Refused are:
///
/// - `low_order_A`: under a key of small order one signature is good for many messages;
/// - `low_order_R`: such an R shows nothing of who made it; RFC 8032 is silent, we are strict;
/// - `non_canonical_A`, `non_canonical_R`: a second spelling of a point (RFC 8032 section 5.1.3);
/// - `low_order_residue`: the equation without the cofactor does not hold, and two verifiers must not differ.
///
/// Accepted is what is left: points with a component of small order that cancels out. Nothing shows it without a
/// multiplication by the group's order, and who holds such a key has chosen it.
#[test]
fn edge_cases_of_the_curve_are_judged_by_our_rules() {
    let Some(path) = vectors("cctv-ed25519/ed25519vectors.json") else { return };
    let all = json(&path);
    let mut verdicts = [0, 0];
    for case in all.as_array().unwrap() {
        let flags: Vec<&str> = case["flags"].as_array().into_iter().flatten().map(text).collect();
        let refused = ["low_order_A", "low_order_R", "non_canonical_A", "non_canonical_R", "low_order_residue"];
        let expected = !flags.iter().any(|flag| refused.contains(flag));
        let found = signed(&hex(&case["key"]), text(&case["msg"]).as_bytes(), &hex(&case["sig"]));
        assert_eq!(found, expected, "{} {flags:?}", case["number"]);
        verdicts[usize::from(found)] += 1;
    }
    assert_eq!(verdicts[0] + verdicts[1], 914);
    assert!(verdicts[1] > 0, "{verdicts:?}");
}

/// A witness that we play signs the same bytes as another implementation did.
#[test]
fn the_golden_cosignature_is_made_again() {
    let Some(path) = vectors("c2sp/golden_c2sp.json") else { return };
    let all = json(&path);
    let seed: Vec<u8> = (32..64).collect();
    let vkey = VerifierKey::parse(text(&all["witness_vkey_type4"])).unwrap();
    let Ok(witness) = SignerKey::new(vkey.name(), ed25519_dalek::SigningKey::from_bytes(&seed.try_into().unwrap()))
    else {
        panic!("a name of a vkey is one")
    };
    assert_eq!(witness.verifier(SignatureType::CosignatureV1), vkey);
    let note = Note::parse(text(&all["checkpoint_size8"]).as_bytes()).unwrap();
    let line = cosign(note.text(), 1_700_000_000, &witness);
    assert_eq!(format!("{line}\n"), text(&all["cosignature_line_time_1700000000"]));
}
