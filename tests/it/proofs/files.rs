//! Files: what good ones prove, and that no line of one can be changed, dropped or doubled.

use std::fmt::Write as _;

use probity::log::Checkpoint;
use probity::log::Extensions;
use probity::log::Note;
use probity::log::NoteSignature;
use probity::log::Policy;
use probity::log::ProofFile;
use probity::log::SignatureType;
use probity::log::SignerKey;
use probity::log::SubjectProof;
use probity::log::VerifierKey;
use probity::log::cosign;
use probity::proto::v1;
use probity::proto::v1::history::Of;
use probity::verify::Trust;
use probity::verify::verify_checkpoint;
use probity::verify::verify_proof_file;
use probity::verify::verify_subject_proof;

use crate::proofs::NOW_MS;
use crate::proofs::ORIGIN;
use crate::proofs::Stand;
use crate::proofs::stream;
use crate::proofs::subject;
use crate::service::story;

/// What a file proves, in a line; or why it proves nothing.
pub(super) fn judged(bytes: &[u8], trust: Trust<'_>) -> Result<String, String> {
    if bytes.starts_with(b"probity/subject-proof") {
        let proof = SubjectProof::parse(bytes).map_err(|fault| fault.to_string())?;
        let good = verify_subject_proof(&proof, trust).map_err(|fault| fault.to_string())?;
        let places: Vec<u64> = good.leaves.iter().map(|leaf| leaf.index).collect();
        return Ok(format!("{} {places:?} of {}", proof.history, good.signed.checkpoint.size));
    }
    let proof = ProofFile::parse(bytes).map_err(|fault| fault.to_string())?;
    let leaf = proof.leaf_hash().ok_or("it carries no leaf hash")?;
    let good = verify_proof_file(&proof, leaf, trust).map_err(|fault| fault.to_string())?;
    Ok(format!("{} {leaf} of {}", proof.index, good.checkpoint.size))
}

/// What a lying server does to a good proof.
type Change<'a> = &'a dyn Fn(&mut SubjectProof);

fn check(what: &str, bytes: &[u8], trust: Trust<'_>, then: Result<&str, &str>) {
    match (judged(bytes, trust), then) {
        (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{what}"),
        (Err(found), Err(expected)) => assert!(found.contains(expected), "{what}: {found}, not {expected}"),
        (found, expected) => panic!("{what}: {found:?}, not {expected:?}"),
    }
}

/// Positions of a history, as the ledger lists them.
async fn listed(stand: &mut Stand, of: Of) -> Vec<u64> {
    let history = Some(v1::History { of: Some(of) });
    let request = v1::ReadEntriesRequest { history, ..v1::ReadEntriesRequest::default() };
    let mut messages = stand.ledger.read_entries(request).await.unwrap().into_inner();
    let mut positions = Vec::new();
    while let Some(message) = messages.message().await.unwrap() {
        positions.extend(message.entries.iter().map(|entry| entry.position));
    }
    positions
}

/// Every way in which a line can be spoilt: another character in the middle of its value, gone, and there twice.
pub(super) fn spoilt(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut files = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let with = |replaced: &str| [&lines[..at].concat(), replaced, &lines[at + 1..].concat()].concat().into_bytes();
        let word = line.split(' ').next().unwrap().trim_end();
        let mut add = |how: &str, replaced: &str| files.push((format!("{how} line {} {word}", at + 1), with(replaced)));
        add("without", "");
        // A signature that stands twice says the same (C2SP signed-note).
        if word != "—" {
            add("twice", &line.repeat(2));
        }
        let value = line.trim_end().rfind(' ').map_or(0, |space| space + 1);
        let middle = value + (line.trim_end().len() - value) / 2;
        if let Some(old) = line[middle..].chars().next().filter(|old| *old != '\n') {
            let new = match old {
                '9' => '8',
                '0'..='8' => '9',
                'A' => 'B',
                _ => 'A',
            };
            add("changed", &format!("{}{new}{}", &line[..middle], &line[middle + old.len_utf8()..]));
        }
    }
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_proved_whole_and_its_absence_too() {
    let mut stand = Stand::told().await;
    let keys = [stand.key.clone()];
    let trust = Trust { keys: &keys, policy: None };
    let size = stand.seal().await.size;
    for of in [
        subject(1, 1, "entity"),
        subject(2, 1, "entity"),
        subject(3, 2, "entity"),
        stream(1, 3, "case"),
        stream(3, 3, "case"),
        stream(1, 1, "entity"),
        subject(9, 1, "entity"),
        stream(9, 1, "case"),
        subject(1, 1, "nobody"),
    ] {
        let expected = listed(&mut stand, of.clone()).await;
        for each in [false, true] {
            let (head, bytes) = stand.history(of.clone(), each).await;
            assert_eq!((head.count, head.size, head.seal_position), (expected.len() as u64, size, size - 1));
            let named = match &of {
                Of::Subject(name) => format!("subject {name}"),
                Of::Stream(name) => format!("stream {name}"),
            };
            check(&named, &bytes, trust, Ok(&format!("{named} {expected:?} of {size}")));
            let proof = SubjectProof::parse(&bytes).unwrap();
            assert_eq!(proof.inclusion.len(), if each { expected.len() } else { 0 });
            assert_eq!(verify_subject_proof(&proof, trust).unwrap().sealed_at_ms, NOW_MS);
        }
    }
    stand.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_proof_is_of_an_empty_map() {
    let mut stand = Stand::open().await;
    stand.seal().await;
    let (head, bytes) = stand.history(subject(1, 1, "entity"), true).await;
    assert_eq!((head.count, head.size), (0, 2));
    assert!(String::from_utf8_lossy(&bytes).contains("\nempty\npath \n"));
    let expected = format!("subject entity/{} [] of 2", story::id(1, 1));
    check("an empty map", &bytes, stand.trust(), Ok(&expected));
    for (what, bytes) in spoilt(&bytes) {
        // Of whom it is said makes no difference where nobody is.
        assert_eq!(judged(&bytes, stand.trust()).is_ok(), what.starts_with("changed line 2 "), "{what}");
    }
    stand.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_line_of_a_file_can_be_spoilt() {
    let mut stand = Stand::told().await;
    let keys = [stand.key.clone()];
    let trust = Trust { keys: &keys, policy: None };
    let present = stand.history(subject(1, 1, "entity"), true).await.1;
    let absent = stand.history(subject(9, 1, "entity"), false).await.1;
    let entry = stand.entry(3).await;
    let mut checked = 0;
    for (file, bytes) in [("present", &present), ("absent", &absent), ("entry", &entry)] {
        judged(bytes, trust).unwrap();
        for (what, spoilt) in spoilt(bytes) {
            let found = judged(&spoilt, trust).expect_err(&format!("{file} {what}"));
            let word = what.rsplit(' ').next().unwrap();
            let how = what.split(' ').next().unwrap();
            let expected = match (how, word) {
                // What was said of another name is no proof about this one.
                ("changed", "subject") if file == "present" => "leaf",
                ("changed", "absent") => "the SEAL's map",
                ("changed", "inclusion" | "extra") => "is not in the tree",
                ("changed", "—") => "sign",
                (_, "probity/subject-proof@v1" | "c2sp.org/tlog-proof@v1")
                | ("without" | "twice", "inclusion" | "leaf") => "line",
                // Where the change shows first depends on which bit of the line it met.
                _ => "",
            };
            assert!(found.contains(expected), "{file} {what}: {found}, not {expected}");
            checked += 1;
        }
    }
    assert!(checked > 100, "{checked}");
    stand.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lies_with_the_real_key_is_caught_by_the_file() {
    let mut stand = Stand::told().await;
    let keys = [stand.key.clone()];
    let trust = Trust { keys: &keys, policy: None };
    let before = stand.seal().await;
    let (old_head, old) = stand.history(subject(1, 1, "entity"), false).await;
    let person = story::id(1, 1);
    let declared = story::declaration(&story::id(1, 77), &person, &[9]);
    stand.append(story::append(77, [declared.into()])).await.unwrap();
    stand.seal().await;
    let (head, bytes) = stand.history(subject(1, 1, "entity"), true).await;
    assert_eq!(head.count, old_head.count + 1);
    let good = SubjectProof::parse(&bytes).unwrap();
    let old = SubjectProof::parse(&old).unwrap();
    let lie = |change: &dyn Fn(&mut SubjectProof)| {
        let mut proof = good.clone();
        change(&mut proof);
        verify_subject_proof(&proof, trust).map(|_| ()).map_err(|fault| fault.to_string())
    };
    let absent = SubjectProof::parse(&stand.history(subject(9, 1, "entity"), false).await.1).unwrap();
    let other = SubjectProof::parse(&stand.history(subject(2, 1, "entity"), true).await.1).unwrap();
    let older_seal = ProofFile::parse(&stand.entry(before.size - 1).await).unwrap();
    let older_seal = ProofFile { extra: Vec::new(), ..older_seal };
    let rows: [(&str, &str, Change<'_>); 11] = [
        ("the last entry left out", "the SEAL's map", &|proof| {
            proof.leaves.pop();
            proof.inclusion.pop();
        }),
        ("the first entry left out", "leaf", &|proof| {
            proof.leaves.remove(0);
            proof.inclusion.clear();
        }),
        ("an entry of another person put in", "leaf", &|proof| {
            proof.leaves.push(other.leaves[0].clone());
            proof.inclusion.clear();
        }),
        ("two entries in each other's place", "leaf", &|proof| proof.leaves.swap(0, 1)),
        ("the answer of a year ago as that of today", "the SEAL's map", &|proof| {
            proof.leaves.clone_from(&old.leaves);
            proof.inclusion.clear();
            proof.path = old.path.clone();
        }),
        ("an older SEAL under the newer checkpoint", "the SEAL is entry", &|proof| {
            proof.seal.clone_from(&old.seal);
            proof.seal_proof = older_seal.clone();
        }),
        ("the older SEAL in the newer one's place", "is not in the tree", &|proof| {
            proof.seal.clone_from(&old.seal);
        }),
        ("absence of somebody who is there", "", &|proof| {
            proof.answer = absent.answer.clone();
            proof.path = absent.path.clone();
            proof.leaves.clear();
            proof.inclusion.clear();
        }),
        ("an empty map where there is none", "the map", &|proof| {
            proof.answer = probity::log::Answer::Empty;
            proof.leaves.clear();
            proof.inclusion.clear();
        }),
        ("the inclusion of another entry", "is not in the tree", &|proof| proof.inclusion.swap(0, 1)),
        ("something beside the SEAL's proof", "is not signed", &|proof| proof.seal_proof.extra = vec![1]),
    ];
    for (what, expected, change) in rows {
        let found = lie(change).expect_err(what);
        assert!(found.contains(expected), "{what}: {found}, not {expected}");
    }
    // One proof serves all times: as of the older size it says what the older proof said.
    let then = verify_subject_proof(&good, trust).unwrap();
    let as_of_old = then.as_of(before.size);
    assert_eq!(as_of_old, verify_subject_proof(&old, trust).unwrap().leaves);
    assert_eq!(then.as_of(head.size).len() as u64, head.count);
    assert_eq!(then.as_of(2), []);
    stand.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_is_believed_for_the_right_key_name_and_witnesses_alone() {
    let mut stand = Stand::told().await;
    let text = stand.seal().await.note;
    let note = Note::parse(text.as_bytes()).unwrap();
    let key_of = |name: &str, seed: u8, signature_type| {
        let signer = SignerKey::new(name, ed25519_dalek::SigningKey::from_bytes(&[seed; 32])).unwrap();
        (signer.clone(), signer.verifier(signature_type))
    };
    let (stranger, strangers) = key_of(ORIGIN, 1, SignatureType::Ed25519);
    let (_, elsewhere) = key_of("test.example/other", 2, SignatureType::Ed25519);
    let (witness, witnesses) = key_of("witness.example/w", 3, SignatureType::CosignatureV1);
    let same_key_other_name =
        VerifierKey::new("test.example/other", SignatureType::Ed25519, *stand.key.public_key()).unwrap();
    let judge = |note: &Note, keys: &[&VerifierKey], policy: Option<&str>| {
        let keys: Vec<VerifierKey> = keys.iter().copied().cloned().collect();
        let policy = policy.map(|policy| Policy::parse(policy.as_bytes()).unwrap());
        let trust = Trust { keys: &keys, policy: policy.as_ref() };
        verify_checkpoint(note, trust).map(|good| good.witnesses.len()).map_err(|fault| fault.to_string())
    };
    let unsigned = Err("no known key signed it".to_owned());
    assert_eq!(judge(&note, &[&stand.key], None), Ok(0));
    assert_eq!(judge(&note, &[&stand.key, &strangers], None), Ok(0));
    assert_eq!(judge(&note, &[&strangers], None), unsigned);
    assert_eq!(judge(&note, &[&elsewhere], None), unsigned);
    assert_eq!(judge(&note, &[&same_key_other_name], None), unsigned);
    assert_eq!(judge(&note, &[], None), unsigned);
    // Another log that is believed, signing in the name of this one.
    let checkpoint = Checkpoint::parse(note.text(), Extensions::Refused).unwrap();
    let other = SignerKey::new("test.example/other", ed25519_dalek::SigningKey::from_bytes(&[2; 32])).unwrap();
    let forged = checkpoint.sign(&[other]).unwrap();
    let found = judge(&forged, &[&elsewhere], None).unwrap_err();
    assert!(found.contains("the log that signed it is not the one of its first line"), "{found}");
    let by_a_stranger = checkpoint.sign(&[stranger]).unwrap();
    assert_eq!(judge(&by_a_stranger, &[&stand.key], None), unsigned);
    // Witnesses.
    let mut policy = String::new();
    writeln!(policy, "log {}\nwitness w {witnesses}\nquorum w", stand.key).unwrap();
    let found = judge(&note, &[], Some(&policy)).unwrap_err();
    assert!(found.contains("not witnessed as the policy asks"), "{found}");
    let mut cosigned = note.clone();
    cosigned.add(cosign(note.text(), 1_800_000_001, &witness)).unwrap();
    assert_eq!(judge(&cosigned, &[], Some(&policy)), Ok(1));
    assert_eq!(judge(&cosigned, &[&stand.key], None), Ok(0));
    let mut wrong = note.clone();
    wrong.add(NoteSignature::made(&witnesses, &[7; 72])).unwrap();
    let found = judge(&wrong, &[], Some(&policy)).unwrap_err();
    assert!(found.contains("the signature of witness.example/w"), "{found}");
    stand.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_proved_at_every_place_and_size() {
    let mut stand = Stand::told().await;
    let keys = [stand.key.clone()];
    let trust = Trust { keys: &keys, policy: None };
    let published = stand.seal().await;
    for position in 0..published.size {
        let request = v1::GetEntryRequest { position, view: 0 };
        let entry = stand.ledger.get_entry(request).await.unwrap().into_inner().entry.unwrap();
        let leaf_hash = data_encoding::HEXLOWER.encode(&entry.leaf_hash);
        let bytes = stand.entry(position).await;
        check("an entry", &bytes, trust, Ok(&format!("{position} {leaf_hash} of {}", published.size)));
        for size in position + 1..=published.size {
            let request = v1::ProveInclusionRequest { position, size: Some(size) };
            let answer = stand.proofs.prove_inclusion(request).await.unwrap().into_inner();
            assert_eq!((answer.position, answer.size, &answer.leaf_hash), (position, size, &entry.leaf_hash));
            assert_eq!(answer.tlog_proof.is_empty(), size != published.size);
        }
    }
    let proof = ProofFile::parse(&stand.entry(3).await).unwrap();
    let other = ProofFile::parse(&stand.entry(4).await).unwrap().leaf_hash().unwrap();
    let found = verify_proof_file(&proof, other, trust).unwrap_err().to_string();
    assert!(found.contains("entry 3 is not in the tree"), "{found}");
    stand.stop().await;
}
