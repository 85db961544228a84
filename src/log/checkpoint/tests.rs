use ed25519_dalek::SigningKey;
use proptest::prelude::*;

use crate::log::Checkpoint;
use crate::log::Extensions;
use crate::log::Note;
use crate::log::NoteFault;
use crate::log::Root;
use crate::log::SignatureType;
use crate::log::SignerKey;
use crate::log::VerifierKey;
use crate::log::cosign;

const LOG_SKEY: &str = "PRIVATE+KEY+audit.example/log/0+53fdc7f7+AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
const SIX: &str = "audit.example/log/0\n6\nduZ9rbzfHhDht03cYIq9L5jfsW+851J3tSMqEn8gh+8=\n";

fn signer(name: &str, seed: u8) -> SignerKey {
    SignerKey::new(name, SigningKey::from_bytes(&[seed; 32])).unwrap()
}

#[test]
fn a_checkpoint_is_signed_as_by_others() {
    let checkpoint = Checkpoint::parse(SIX, Extensions::Refused).unwrap();
    assert_eq!((checkpoint.origin.as_str(), checkpoint.size), ("audit.example/log/0", 6));
    let note = checkpoint.sign(&[SignerKey::parse(LOG_SKEY).unwrap()]).unwrap();
    assert_eq!(
        note.to_string(),
        format!(
            "{SIX}\n— audit.example/log/0 U/3H92xa4X++D48g8NJl3dv162/EzKUwKJdLiTldk/Y0e9J7kKx8sVScLdwV8/CxkMpB84rczdjBaEmmI95/RYboogU=\n"
        )
    );
    assert_eq!(checkpoint.to_string(), SIX);
    let two = checkpoint.sign(&[signer("a.example", 1), signer("a.example", 2)]).unwrap();
    let keys = [1, 2].map(|seed| signer("a.example", seed).verifier(SignatureType::Ed25519));
    assert_eq!(two.verify(&keys).unwrap().len(), 2);
    assert!(checkpoint.sign(&[]).is_err(), "a checkpoint that nobody signed is none");
    let odd = Checkpoint { origin: "a\u{1}b".to_owned(), ..checkpoint };
    assert!(odd.sign(&[signer("a.example", 1)]).is_err());
}

/// Cosignatures of a witness and a mirror that are in production elsewhere, over test data of theirs.
#[test]
fn cosignatures_of_others_verify() {
    for (root, key, line) in [
        (
            "gw31yQrqZZCcEOPrzX+bpy3nJ6QgngTKn8G1m0i62uU=",
            "mirror.example.org+3fb148ef+BAAjjch9GyYz0sJsJx7ALhbdAtz2ov0unbzSl1vMp94O",
            "— mirror.example.org P7FI7wAAAABpVGeAjA1S4pJm6MbcXjX7UUImu4azZtrfcVW2uyr/LXIYlwEJzXC0N0EiZkbqfLdXt/4gVEEuGmxJjAfXKMCISpsJAg==",
        ),
        (
            "lCkHUpkmVBEms2r2T1K6Og69+wUuuN3MIEW1/ezu2v0=",
            "witness.example.org+b8a2cf20+BFLN3yikSfFkVAJtrnh/CiY3Zozkoy7clp+P7XB28qUN",
            "— witness.example.org uKLPIAAAAABpVGeAhm2bOvKc3LaB9PFN1ruG19Y5yqslmcAAbhftnn1Zznmo0LXFZq4LGvqKqLX8jWlwLKasxEGTLIqAVusneCBmBw==",
        ),
    ] {
        let text = |root| format!("rome2026h1.example.org\n300\n{root}\n\n{line}\n");
        let note = Note::parse(text(root).as_bytes()).unwrap();
        let key = VerifierKey::parse(key).unwrap();
        assert_eq!(note.verify([&key]).unwrap()[0].time_s, Some(1_767_139_200));
        let checkpoint = Checkpoint::parse(note.text(), Extensions::Refused).unwrap();
        assert_eq!((checkpoint.origin.as_str(), checkpoint.size), ("rome2026h1.example.org", 300));
        let other = Note::parse(text("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").as_bytes()).unwrap();
        assert!(matches!(other.verify([&key]), Err(NoteFault::Signature { .. })));
    }
}

#[test]
fn a_checkpoint_is_cosigned_as_by_others() {
    // The seed of the witness whose line this is: 32 to 63.
    let seed = std::array::from_fn(|at| u8::try_from(at + 32).unwrap());
    let witness = SignerKey::new("witness.example/w1", SigningKey::from_bytes(&seed)).unwrap();
    let vkey = "witness.example/w1+20324abe+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X";
    assert_eq!(witness.verifier(SignatureType::CosignatureV1).to_string(), vkey);
    let text = "audit.example/log/0\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n";
    assert_eq!(
        cosign(text, 1_700_000_000, &witness).to_string(),
        "— witness.example/w1 IDJKvgAAAABlU/EAVUJL7W01XMD/8ODgDoFuQP8oWJZT+Hm0gnFu5Z5o8OI8LU3oCLMRg6Ar+SY8KCpSpu2DI9SCCgW0G4MmATQZAw=="
    );
}

#[test]
fn what_is_no_checkpoint_is_refused_with_its_line() {
    let root = "duZ9rbzfHhDht03cYIq9L5jfsW+851J3tSMqEn8gh+8=";
    for (name, line, text) in [
        ("nothing", 1, String::new()),
        ("no origin", 1, format!("\n6\n{root}\n")),
        ("no size", 2, "a\n".to_owned()),
        ("no root", 3, "a\n6\n".to_owned()),
        ("a zero before the size", 2, format!("a\n06\n{root}\n")),
        ("two zeros", 2, format!("a\n00\n{root}\n")),
        ("a plus", 2, format!("a\n+6\n{root}\n")),
        ("a minus", 2, format!("a\n-6\n{root}\n")),
        ("a space", 2, format!("a\n6 \n{root}\n")),
        ("an empty size", 2, format!("a\n\n{root}\n")),
        ("2^63", 2, format!("a\n9223372036854775808\n{root}\n")),
        ("2^64", 2, format!("a\n18446744073709551616\n{root}\n")),
        ("a short root", 3, format!("a\n6\n{}\n", &root[4..])),
        ("a long root", 3, format!("a\n6\nAAAA{root}\n")),
        ("a root with bits after its end", 3, format!("a\n6\n{}9=\n", &root[..42])),
        // 32 bytes all the same, to a library that takes encodings one after the other.
        ("padding within the root", 3, format!("a\n6\nAAA={}\n", "A".repeat(40))),
        ("hexadecimal", 3, format!("a\n6\n{}\n", "0".repeat(44))),
        ("no last newline", 3, format!("a\n6\n{root}")),
    ] {
        for extensions in [Extensions::Refused, Extensions::Kept] {
            let fault = Checkpoint::parse(&text, extensions).expect_err(name);
            assert_eq!(fault.line, line, "{name}: {fault}");
        }
    }
    let extended = format!("{SIX}extension\nanother one\n");
    assert_eq!(Checkpoint::parse(&extended, Extensions::Refused).unwrap_err().line, 4);
    let kept = Checkpoint::parse(&extended, Extensions::Kept).unwrap();
    assert_eq!((kept.extensions.len(), kept.to_string()), (2, extended));
    assert_eq!(Checkpoint::parse(&format!("{SIX}\nb\n"), Extensions::Kept).unwrap_err().line, 4);
    assert_eq!(Checkpoint::parse(&format!("{SIX}b"), Extensions::Kept).unwrap_err().line, 4);
    let many = |lines: usize| format!("{SIX}{}", "e\n".repeat(lines));
    assert_eq!(Checkpoint::parse(&many(64), Extensions::Kept).unwrap().extensions.len(), 64);
    assert_eq!(Checkpoint::parse(&many(65), Extensions::Kept).unwrap_err().line, 68);
    let largest = format!("a\n9223372036854775807\n{root}\n");
    assert_eq!(Checkpoint::parse(&largest, Extensions::Refused).unwrap().size, i64::MAX.unsigned_abs());
}

proptest! {
    #[test]
    fn what_is_written_is_read(origin in "[!-~]{1,40}", size in 0..(1_u64 << 63), root: [u8; 32], lines in prop::collection::vec("[ -~]{1,20}", 0..3)) {
        let checkpoint = Checkpoint { origin, size, root: Root(root), extensions: lines };
        prop_assert_eq!(Checkpoint::parse(&checkpoint.to_string(), Extensions::Kept), Ok(checkpoint.clone()));
        let ours = Checkpoint::parse(&checkpoint.to_string(), Extensions::Refused);
        prop_assert_eq!(ours.is_ok(), checkpoint.extensions.is_empty());
    }

    #[test]
    fn a_changed_checkpoint_is_refused_or_has_no_second_spelling(at in any::<prop::sample::Index>(), byte in 0_u8..128) {
        let mut bytes = SIX.as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let text = String::from_utf8(bytes).unwrap();
        if let Ok(checkpoint) = Checkpoint::parse(&text, Extensions::Kept) {
            prop_assert_eq!(checkpoint.to_string(), text);
        }
    }
}
