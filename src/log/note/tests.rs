use data_encoding::BASE64;
use ed25519_dalek::SigningKey;
use proptest::prelude::*;

use crate::log::KeyId;
use crate::log::KeyTextError;
use crate::log::MalformedLine;
use crate::log::NOTE_BYTES_MAX;
use crate::log::Note;
use crate::log::NoteFault;
use crate::log::NoteSignature;
use crate::log::PublicKey;
use crate::log::SignatureType;
use crate::log::SignerKey;
use crate::log::VerifierKey;
use crate::log::cosign;

const TEXT: &str =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const PETER_LINE: &str =
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const ENOCH_LINE: &str =
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";
const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const ENOCH: &str = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
const PETER_SKEY: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";

/// The note of Go's `sumdb/note`, with signatures.
fn go_note(signatures: &[&str]) -> String {
    format!("{TEXT}\n{}", signatures.concat())
}

fn note(text: &str) -> Note {
    let note = Note::parse(text.as_bytes()).unwrap();
    assert_eq!(note.to_string(), text);
    note
}

fn key(text: &str) -> VerifierKey {
    let key = VerifierKey::parse(text).unwrap();
    assert_eq!(key.to_string(), text);
    key
}

fn signer(name: &str, seed: u8) -> SignerKey {
    SignerKey::new(name, SigningKey::from_bytes(&[seed; 32])).unwrap()
}

#[test]
fn the_published_example_of_the_specification_verifies() {
    let text = "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
    let known = key("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k");
    let note = note(text);
    let verified = note.verify([&known]).unwrap();
    assert_eq!((verified.len(), verified[0].key, verified[0].time_s), (1, &known, None));
    assert_eq!(note.text(), "This is an example message.\n");
}

#[test]
fn a_note_is_signed_as_go_signs_it() {
    let signer = SignerKey::parse(PETER_SKEY).unwrap();
    assert_eq!(signer.reveal().as_str(), PETER_SKEY);
    assert_eq!(signer.verifier(SignatureType::Ed25519), key(PETER));
    let signed = Note::sign(TEXT.to_owned(), &signer).unwrap();
    assert_eq!(signed.to_string(), go_note(&[PETER_LINE]));
    assert!(!format!("{signer:?}").contains("AYEK"), "a secret is not told by accident");
}

#[test]
fn signatures_of_known_keys_are_verified_and_those_of_others_passed_over() {
    let both = note(&go_note(&[PETER_LINE, ENOCH_LINE]));
    let (peter, enoch) = (key(PETER), key(ENOCH));
    let names = |known: &[&VerifierKey]| -> Result<Vec<String>, NoteFault> {
        let verified = both.verify(known.iter().copied())?;
        Ok(verified.iter().map(|one| one.key.name().to_owned()).collect())
    };
    assert_eq!(names(&[&peter]).unwrap(), ["PeterNeumann"]);
    assert_eq!(names(&[&enoch, &peter]).unwrap(), ["PeterNeumann", "EnochRoot"], "in the order of the lines");
    assert_eq!(names(&[]), Err(NoteFault::Unsigned));
    let stranger = signer("PeterNeumann", 9).verifier(SignatureType::Ed25519);
    assert_eq!(names(&[&stranger]), Err(NoteFault::Unsigned), "the same name, another id");
    let ambiguous = NoteFault::Ambiguous { name: "PeterNeumann".to_owned(), id: KeyId([0xc7, 0x4f, 0x20, 0xa3]) };
    assert_eq!(names(&[&peter, &peter]), Err(ambiguous));
    let twice = note(&go_note(&[PETER_LINE, PETER_LINE]));
    assert_eq!(twice.verify([&peter]).unwrap().len(), 2);
}

#[test]
fn one_bad_signature_of_a_known_key_makes_the_note_bad() {
    let (one, two) = (signer("one.example", 1), signer("two.example", 2));
    let keys = [&one, &two].map(|signer| signer.verifier(SignatureType::Ed25519));
    let mut good = Note::sign("text\n".to_owned(), &one).unwrap();
    good.add(NoteSignature::sign("text\n", &two)).unwrap();
    assert_eq!(good.verify(&keys).unwrap().len(), 2);
    let fault = |at: usize| NoteFault::Signature { name: keys[at].name().to_owned(), id: keys[at].id() };
    let forged =
        |line: &NoteSignature| Note::new("text\n".to_owned(), vec![good.signatures()[0].clone(), line.clone()]);
    let mut bytes = good.signatures()[1].bytes().to_vec();
    for (name, line) in [
        ("of another text", NoteSignature::sign("other\n", &two)),
        ("of another key", NoteSignature::made(&keys[1], good.signatures()[0].bytes())),
        ("too short", NoteSignature::made(&keys[1], &bytes[..63])),
        ("too long", NoteSignature::made(&keys[1], &[&bytes[..], &[0]].concat())),
        ("damaged", {
            bytes[40] ^= 1;
            NoteSignature::made(&keys[1], &bytes)
        }),
    ] {
        assert_eq!(forged(&line).unwrap().verify(&keys), Err(fault(1)), "{name}");
        assert_eq!(forged(&line).unwrap().verify(&keys[..1]).unwrap().len(), 1, "{name}: unknown is passed over");
    }
    let other_text = Note::new("other\n".to_owned(), good.signatures().to_vec()).unwrap();
    assert_eq!(other_text.verify(&keys), Err(fault(0)));
}

#[test]
fn a_cosignature_is_no_signature_and_a_signature_no_cosignature() {
    let witness = signer("witness.example", 3);
    let (plain, timed) = (witness.verifier(SignatureType::Ed25519), witness.verifier(SignatureType::CosignatureV1));
    assert_ne!(plain.id(), timed.id());
    let cosigned = cosign("text\n", 1_700_000_000, &witness);
    let note = |line: NoteSignature| Note::new("text\n".to_owned(), vec![line]).unwrap();
    assert_eq!(note(cosigned.clone()).verify([&timed]).unwrap()[0].time_s, Some(1_700_000_000));
    assert_eq!(note(cosigned.clone()).verify([&plain]), Err(NoteFault::Unsigned));
    let signed = NoteSignature::sign("text\n", &witness);
    assert_eq!(note(signed.clone()).verify([&timed]), Err(NoteFault::Unsigned));
    for (name, key, bytes) in [
        ("a cosignature as a signature", &plain, cosigned.bytes()),
        ("a cosignature as a signature, without its time", &plain, &cosigned.bytes()[8..]),
        ("a signature as a cosignature", &timed, signed.bytes()),
        ("with another time", &timed, &[&[0; 8], &cosigned.bytes()[8..]].concat()[..]),
    ] {
        let line = NoteSignature::made(key, bytes);
        assert!(matches!(note(line).verify([key]), Err(NoteFault::Signature { .. })), "{name}");
    }
    let too_late = cosign("text\n", 1 << 63, &witness);
    assert!(matches!(note(too_late).verify([&timed]), Err(NoteFault::Signature { .. })), "beyond 2^63 - 1");
    let last = cosign("text\n", (1 << 63) - 1, &witness);
    assert!(note(last).verify([&timed]).is_ok());
}

#[test]
fn what_is_no_note_is_refused_with_its_line() {
    let bytes = |text: &str| text.as_bytes().to_vec();
    let good = go_note(&[PETER_LINE]);
    for (name, line, text) in [
        ("nothing", 1, Vec::new()),
        ("no blank line", 4, bytes(&format!("{TEXT}{PETER_LINE}"))),
        ("no signature", 4, bytes(&format!("{TEXT}\n"))),
        ("no last newline", 4, bytes(good.trim_end())),
        ("a blank line at the end", 6, bytes(&format!("{good}\n"))),
        ("a tab in the text", 1, bytes(&good.replacen(' ', "\t", 1))),
        ("a carriage return", 1, bytes(&good.replace('\n', "\r\n"))),
        ("a zero byte at the end", 5, bytes(&format!("{good}\0\n"))),
        ("bytes that are not UTF-8", 1, [&[0xff], good.as_bytes()].concat()),
        ("another dash", 4, bytes(&good.replace('—', "-"))),
        ("two spaces", 4, bytes(&good.replace("— ", "—  "))),
        ("two spaces before the signature", 4, bytes(&good.replace(" x08", "  x08"))),
        ("a space at the end", 4, bytes(&good.replace("AM=\n", "AM= \n"))),
        ("no name", 4, bytes(&good.replace("PeterNeumann ", ""))),
        ("a plus in the name", 4, bytes(&good.replace("PeterNeumann", "Peter+Neumann"))),
        ("a no-break space in the name", 4, bytes(&good.replace("PeterNeumann", "Peter\u{a0}Neumann"))),
        ("no padding", 4, bytes(&good.replace("AM=\n", "AM\n"))),
        ("padding within", 4, bytes(&good.replace(" x08go", " x08="))),
        ("two encodings, one after the other", 4, bytes(&good.replace("AM=\n", "AM=AAAA\n"))),
        ("bits after the end", 4, bytes(&good.replace("AM=\n", "AN=\n"))),
        ("a key id alone", 4, bytes(&format!("{TEXT}\n— PeterNeumann x08gow==\n"))),
        ("base 64 for URLs", 4, bytes(&good.replace("o/Z", "o_Z"))),
        ("101 signatures", 104, bytes(&go_note(&[PETER_LINE; 101]))),
        ("too long", 1, vec![b'\n'; NOTE_BYTES_MAX + 1]),
    ] {
        let fault = Note::parse(&text).expect_err(name);
        assert_eq!(fault.line, line, "{name}: {fault}");
    }
    assert_eq!(note(&go_note(&[PETER_LINE; 100])).signatures().len(), 100);
    note("\n\n— a AAAAAAA=\n");
    note("a\n\n\nb\n\n\n— a AAAAAAA=\n");
}

#[test]
fn what_a_reader_would_not_take_is_not_written() {
    let line = NoteSignature::sign("text\n", &signer("one.example", 1));
    for text in ["", "text", "a tab\t\n"] {
        assert!(Note::new(text.to_owned(), vec![line.clone()]).is_err(), "{text:?}");
    }
    assert!(Note::new("text\n".to_owned(), Vec::new()).is_err());
    let mut note = Note::new("text\n".to_owned(), vec![line]).unwrap();
    for seed in 1..=100 {
        note.add(NoteSignature::sign("text\n", &signer("one.example", seed))).unwrap();
    }
    assert_eq!(note.signatures().len(), 100, "a line that is there is not added again");
    let before = note.clone();
    note.add(NoteSignature::sign("text\n", &signer("one.example", 101))).unwrap_err();
    assert_eq!(note, before);
    let long = format!("{}\n", "a".repeat(NOTE_BYTES_MAX));
    assert_eq!(
        Note::sign(long, &signer("one.example", 1)),
        Err(MalformedLine { line: 3, expected: "a note of at most 131072 bytes" })
    );
}

#[test]
fn a_key_has_one_spelling() {
    for good in [
        PETER,
        "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
        "TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6",
        "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
        ENOCH,
    ] {
        key(good);
    }
    let other = KeyId([0xc7, 0x4f, 0x20, 0xa3]);
    for (name, text, expected) in [
        ("longer", "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==", KeyTextError::Length),
        (
            "of an unknown type",
            "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            KeyTextError::Type { found: 0x65 },
        ),
        ("two parts", "bananas.sigstore.dev+12344556", KeyTextError::Parts),
        ("no base 64", "rekor.sigstore.dev+12345678+THIS_IS_NOT_BASE64!", KeyTextError::Encoding),
        ("padding within", "rekor.sigstore.dev+12345678+AQ==AQEB", KeyTextError::Encoding),
        ("of type 3", "rekor.sigstore.dev+12345678+AwEB", KeyTextError::Type { found: 3 }),
        ("nothing", "", KeyTextError::Parts),
        ("no bytes", "a+12345678+", KeyTextError::Length),
        ("no name", "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", KeyTextError::Name),
        ("a space", " PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", KeyTextError::Name),
        ("an upper-case id", "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", KeyTextError::Id),
        ("a short id", "PeterNeumann+c74f20+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", KeyTextError::Id),
        ("a newline", &format!("{PETER}\n"), KeyTextError::Length),
    ] {
        assert_eq!(VerifierKey::parse(text), Err(expected), "{name}");
    }
    let renamed = VerifierKey::parse(&PETER.replace("Peter", "Petra")).unwrap_err();
    assert!(matches!(renamed, KeyTextError::WrongId { found, .. } if found == other), "{renamed}");
    let weak = format!("a+12345678+{}", BASE64.encode(&[&[1][..], &[0; 32]].concat()));
    assert_eq!(VerifierKey::parse(&weak), Err(KeyTextError::Point));
    let public = PublicKey::of(&SigningKey::from_bytes(&[1; 32]));
    assert_eq!(VerifierKey::new("a b", SignatureType::Ed25519, public), Err(KeyTextError::Name));
    for (name, text, expected) in [
        ("a vkey", PETER, KeyTextError::Parts),
        (
            "another id",
            &PETER_SKEY.replace("c74f20a3", "c74f20a4"),
            KeyTextError::WrongId { expected: other, found: KeyId([0xc7, 0x4f, 0x20, 0xa4]) },
        ),
        ("a witness's", &PETER_SKEY.replace("+AYEK", "+BIEK"), KeyTextError::Type { found: 4 }),
        ("cut", &PETER_SKEY[..PETER_SKEY.len() - 4], KeyTextError::Length),
    ] {
        assert_eq!(SignerKey::parse(text).unwrap_err(), expected, "{name}");
    }
}

prop_compose! {
    fn any_note()(
        text in "[^\u{0}-\u{9}\u{b}-\u{1f}]{0,40}",
        signatures in prop::collection::vec(("[^ -+\\s]{1,12}", any::<[u8; 4]>(), prop::collection::vec(any::<u8>(), 1..100)), 1..5),
    ) -> (String, Vec<(String, Vec<u8>)>) {
        let line = |(name, id, bytes): (String, [u8; 4], Vec<u8>)| (name, [&id[..], &bytes].concat());
        (format!("{text}\n"), signatures.into_iter().map(line).collect())
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_and_what_is_read_is_written((text, lines) in any_note()) {
        let signatures: Option<Vec<NoteSignature>> = lines
            .iter()
            .map(|(name, bytes)| NoteSignature::parse(&format!("— {name} {}", BASE64.encode(bytes))).ok())
            .collect();
        if let Some(signatures) = signatures {
            let note = Note::new(text, signatures).unwrap();
            prop_assert_eq!(Note::parse(note.to_string().as_bytes()), Ok(note));
        }
    }

    #[test]
    fn a_changed_note_is_refused_or_has_no_second_spelling(at in any::<prop::sample::Index>(), byte: u8, cut: bool) {
        let mut bytes = go_note(&[PETER_LINE, ENOCH_LINE]).into_bytes();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        if let Ok(note) = Note::parse(&bytes) {
            prop_assert_eq!(note.to_string().into_bytes(), bytes);
        }
    }

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..2000), text in "(— |\n|a|AAAAAAA=| |\\+){0,60}") {
        for bytes in [&bytes[..], text.as_bytes()] {
            if let Ok(note) = Note::parse(bytes) {
                prop_assert_eq!(note.to_string().into_bytes(), bytes);
            }
            let text = String::from_utf8_lossy(bytes);
            prop_assert!(VerifierKey::parse(&text).is_err() && SignerKey::parse(&text).is_err());
        }
    }
}
