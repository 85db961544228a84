use std::fmt::Write as _;

use ed25519_dalek::SigningKey;
use proptest::prelude::*;

use crate::log::Checkpoint;
use crate::log::Note;
use crate::log::NoteFault;
use crate::log::NoteSignature;
use crate::log::POLICY_BYTES_MAX;
use crate::log::Policy;
use crate::log::PolicyFault;
use crate::log::PolicyRule;
use crate::log::Root;
use crate::log::SignatureType;
use crate::log::SignerKey;
use crate::log::cosign;

fn signer(name: &str, seed: u8) -> SignerKey {
    SignerKey::new(name, SigningKey::from_bytes(&[seed; 32])).unwrap()
}

fn log() -> SignerKey {
    signer("log.example", 100)
}

fn witness(seed: u8) -> SignerKey {
    signer(&format!("witness.example/{seed}"), seed)
}

/// Lines for witnesses: `witness wN <vkey>`.
fn witnesses(seeds: impl IntoIterator<Item = u8>) -> String {
    let line = |seed| format!("witness w{seed} {}\n", witness(seed).verifier(SignatureType::CosignatureV1));
    seeds.into_iter().map(line).collect()
}

fn log_line() -> String {
    format!("log {} https://log.example/\n", log().verifier(SignatureType::Ed25519))
}

/// Two of three and one of three, as in the specification.
fn two_groups() -> String {
    format!(
        "# who must have seen it\n{}\n{}group X-witnesses 2 w1 w2 w3\n  \t# others\n{}group\tY-witnesses  any w4 w5 w6 \n\
         group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n",
        log_line(),
        witnesses(1..=3),
        witnesses(4..=6)
    )
}

fn checkpoint() -> Checkpoint {
    Checkpoint { origin: "log.example".to_owned(), size: 2, root: Root([7; 32]), extensions: Vec::new() }
}

fn cosigned(by: &[u8]) -> Note {
    let mut note = checkpoint().sign(&[log()]).unwrap();
    for seed in by {
        note.add(cosign(&checkpoint().to_string(), 1_700_000_000, &witness(*seed))).unwrap();
    }
    note
}

fn parse(text: &str) -> Policy {
    Policy::parse(text.as_bytes()).unwrap()
}

#[test]
fn a_quorum_of_groups_is_met_or_says_who_is_missing() {
    let policy = parse(&two_groups());
    assert_eq!((policy.logs().len(), policy.witnesses().count()), (1, 6));
    assert_eq!(policy.logs()[0].url.as_deref(), Some("https://log.example/"));
    for by in [&[1, 2, 4][..], &[1, 3, 5], &[2, 3, 6], &[1, 2, 3, 4, 5, 6]] {
        let note = cosigned(by);
        let met = policy.check(&note).unwrap();
        assert_eq!((met.logs.len(), met.witnesses.len()), (1, by.len()), "{by:?}");
        assert!(met.witnesses.iter().all(|one| one.time_s == Some(1_700_000_000)));
    }
    for (by, expected) in [
        (
            &[][..],
            "X-and-Y has 0 of 2, without X-witnesses, Y-witnesses; Y-witnesses has 0 of 1, without w4, w5, w6; \
             X-witnesses has 0 of 2, without w1, w2, w3",
        ),
        (&[1, 2, 3], "X-and-Y has 1 of 2, without Y-witnesses; Y-witnesses has 0 of 1, without w4, w5, w6"),
        (&[2, 4, 5, 6], "X-and-Y has 1 of 2, without X-witnesses; X-witnesses has 1 of 2, without w1, w3"),
        (&[1, 4, 7, 8], "X-and-Y has 1 of 2, without X-witnesses; X-witnesses has 1 of 2, without w2, w3"),
    ] {
        let fault = policy.check(&cosigned(by)).unwrap_err();
        assert_eq!(fault.to_string(), format!("not witnessed as the policy asks: {expected}"), "{by:?}");
    }
}

#[test]
fn a_witness_alone_is_a_quorum_and_so_is_nobody() {
    let one = parse(&format!("{}{}quorum w1\n", log_line(), witnesses(1..=2)));
    assert!(one.check(&cosigned(&[1])).is_ok());
    let fault = one.check(&cosigned(&[2])).unwrap_err();
    assert_eq!(fault.to_string(), "not witnessed as the policy asks: w1 did not");
    let none = parse(&format!("{}quorum none", log_line()));
    assert!(none.check(&cosigned(&[])).is_ok(), "and the last newline may be missing");
    let same_witness_twice = parse(&format!("{}{}group g 2 w1 w2\nquorum g\n", log_line(), witnesses(1..=2)));
    let mut note = cosigned(&[1]);
    note.add(cosign(&checkpoint().to_string(), 1_700_000_001, &witness(1))).unwrap();
    assert!(same_witness_twice.check(&note).is_err(), "two cosignatures of one witness are one witness");
}

#[test]
fn a_checkpoint_is_of_a_log_of_the_policy_in_its_own_name() {
    let policy = parse(&format!("{}{}quorum w1\n", log_line(), witnesses([1])));
    let by = |signers: &[SignerKey], origin: &str| {
        let checkpoint = Checkpoint { origin: origin.to_owned(), ..checkpoint() };
        let mut note = checkpoint.sign(signers).unwrap();
        note.add(cosign(note.text(), 5, &witness(1))).unwrap();
        note
    };
    assert!(policy.check(&by(&[log()], "log.example")).is_ok());
    assert_eq!(policy.check(&by(&[signer("log.example", 1)], "log.example")), Err(PolicyFault::Log));
    assert_eq!(policy.check(&by(&[log()], "other.example")), Err(PolicyFault::Origin));
    let nobody = Note::sign(checkpoint().to_string(), &signer("log.example", 1)).unwrap();
    assert_eq!(policy.check(&nobody), Err(PolicyFault::Note(NoteFault::Unsigned)));
    let key = witness(1).verifier(SignatureType::CosignatureV1);
    let mut forged = checkpoint().sign(&[log()]).unwrap();
    forged.add(NoteSignature::made(&key, &[0; 72])).unwrap();
    let bad = NoteFault::Signature { name: key.name().to_owned(), id: key.id() };
    assert_eq!(policy.check(&forged), Err(PolicyFault::Note(bad)));
    let elsewhere = parse(&format!("{}quorum w1\n", witnesses([1])));
    assert_eq!(elsewhere.check(&cosigned(&[1])), Err(PolicyFault::Log), "a policy without logs believes none");
    let known = log().verifier(SignatureType::Ed25519);
    assert!(elsewhere.check_with(&cosigned(&[1]), [&known]).is_ok());
}

#[test]
fn what_is_no_policy_is_refused_with_its_line_and_rule() {
    let (log, one, both) = (log_line(), witnesses([1]), witnesses([1, 2]));
    let vkey = |seed: u8, kind| witness(seed).verifier(kind).to_string();
    let (plain, timed) = (vkey(1, SignatureType::Ed25519), vkey(1, SignatureType::CosignatureV1));
    let same_key = signer("renamed.example", 1).verifier(SignatureType::CosignatureV1);
    let check = |name: &str, line: usize, text: &str, expected: &dyn Fn(&PolicyRule) -> bool| {
        let error = Policy::parse(text.as_bytes()).expect_err(name);
        assert!(error.line == line && expected(&error.rule), "{name}: {error}");
    };
    macro_rules! rule {
        ($($rule:tt)*) => { &|rule: &PolicyRule| matches!(rule, PolicyRule::$($rule)*) };
    }
    check("nothing", 1, "", rule!(NoQuorum));
    check("no quorum", 3, &format!("{log}{one}"), rule!(NoQuorum));
    check("two quorums", 2, "quorum none\nquorum none\n", rule!(QuorumTwice));
    check("a quorum of two", 1, "quorum a b\n", rule!(Words(_)));
    check("an empty quorum", 1, "quorum\n", rule!(Words(_)));
    check("an unknown quorum", 1, "quorum w1\n", rule!(Unknown(_)));
    check("a quorum before its witness", 1, &format!("quorum w1\n{one}"), rule!(Unknown(_)));
    check("another word", 1, "logs a\n", rule!(Keyword));
    check("upper case", 1, "Quorum none\n", rule!(Keyword));
    check("a log without a key", 1, "log\n", rule!(Words(_)));
    check("a log with two URLs", 1, &log.replace("/\n", "/ b\n"), rule!(Words(_)));
    check("a log that is a witness", 1, &format!("log {timed}\n"), rule!(KeyType { expected: 1 }));
    check("a witness that is a log", 1, &format!("witness w {plain}\n"), rule!(KeyType { expected: 4 }));
    check("a key that is none", 2, &format!("{log}witness w a+b+c\n"), rule!(Key(_)));
    check("a witness without a name", 1, &format!("witness {timed}\n"), rule!(Words(_)));
    check("a log twice", 2, &format!("{log}{log}"), rule!(KeyTwice));
    check("a witness under two names", 2, &format!("{one}witness w2 {same_key}\n"), rule!(KeyTwice));
    check("two of one name", 3, &format!("{both}group w2 any w1\n"), rule!(NameTwice(_)));
    check("a witness called none", 1, &format!("witness none {timed}\n"), rule!(None));
    check("a group called none", 2, &format!("{one}group none any w1\n"), rule!(None));
    check("none in a group", 2, &format!("{one}group g any none\n"), rule!(None));
    check("an empty group", 2, &format!("{one}group g any\n"), rule!(Words(_)));
    check("a group of itself", 2, &format!("{one}group g any g\n"), rule!(Unknown(_)));
    check("a group of a later one", 2, &format!("{one}group g any h\ngroup h any w1\n"), rule!(Unknown(_)));
    check("a member twice", 2, &format!("{one}group g any w1 w1\n"), rule!(MemberTwice(_)));
    let in_two = format!("{both}group g any w1\ngroup h all w1 w2\n");
    check("a member of two groups", 4, &in_two, rule!(MemberTwice(_)));
    for wanted in ["0", "3", "01", "+1", "-1", "ALL", "1.5", "99999999999999999999"] {
        let text = format!("{both}group g {wanted} w1 w2\n");
        check(wanted, 3, &text, rule!(Threshold));
    }
    check("a carriage return", 1, "quorum none\r\n", rule!(ControlCharacter { found: b'\r' }));
    check("a zero byte in a comment", 1, "# a\0\nquorum none\n", rule!(ControlCharacter { found: 0 }));
    check("DEL", 1, "quorum none\u{7f}\n", rule!(ControlCharacter { found: 0x7f }));
    check("too long", 1, &"\n".repeat(POLICY_BYTES_MAX + 1), rule!(TooLong));
    let not_utf8 = [b"witness w ", &[0xff][..], b"+00000000+AAAA\n"].concat();
    assert_eq!(Policy::parse(&not_utf8).unwrap_err().rule, PolicyRule::Utf8);
}

#[test]
fn names_are_bytes_and_limits_are_those_of_the_specification_at_least() {
    // K and the sign of Kelvin are two names, and so are bytes that are no text.
    let key = |seed| witness(seed).verifier(SignatureType::CosignatureV1).to_string();
    let text = [
        format!("witness K {}\nwitness \u{212a} {}\nwitness ", key(1), key(2)).into_bytes(),
        vec![0xff],
        format!(" {}\ngroup # any K \u{212a} ", key(3)).into_bytes(),
        vec![0xff, b'\n'],
        b"quorum #\n".to_vec(),
    ]
    .concat();
    let policy = Policy::parse(&text).unwrap();
    assert_eq!(policy.witnesses().map(|(name, _)| name.as_bytes().to_vec()).last(), Some(vec![0xff]));
    let mut large = witnesses(0..=99);
    for seed in 0..=99 {
        let group = if seed == 0 { "w0".to_owned() } else { format!("w{seed} g{}", seed - 1) };
        writeln!(large, "group g{seed} all {group}").unwrap();
    }
    let policy = parse(&format!("{}{large}quorum g99\n", log_line()));
    let all_but_one: Vec<u8> = (0..99).collect();
    assert!(policy.check(&cosigned(&all_but_one)).is_err(), "a hundred groups deep");
    assert!(policy.check(&cosigned(&(50..60).collect::<Vec<u8>>())).is_err());
    let mut too_many = witnesses(0..=128);
    (0..=128).for_each(|n| writeln!(too_many, "group g{n} any w{n}").unwrap());
    assert_eq!(Policy::parse(too_many.as_bytes()).unwrap_err().rule, PolicyRule::TooLong);
}

proptest! {
    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..500), text in "((log|witness|group|quorum|w1|w2|any|all|2|none|#| )[ \n]){0,40}") {
        let _ = Policy::parse(&bytes);
        let text = format!("{}{}{text}", log_line(), witnesses([1, 2]));
        if let Ok(policy) = Policy::parse(text.as_bytes()) {
            let _ = policy.check(&cosigned(&[1]));
        }
    }

    /// Against the words of the specification: a group witnesses when at least k of its members do.
    #[test]
    fn a_quorum_is_as_the_specification_says(wanted in 1_usize..=4, inner in 1_usize..=3, by in prop::collection::btree_set(1_u8..=6, 0..=6)) {
        let text = format!("{}{}group a {inner} w1 w2 w3\ngroup b {wanted} a w4 w5 w6\nquorum b\n", log_line(), witnesses(1..=6));
        let a = by.iter().filter(|seed| **seed <= 3).count() >= inner;
        let expected = usize::from(a) + by.iter().filter(|seed| **seed > 3).count() >= wanted;
        let by: Vec<u8> = by.into_iter().collect();
        prop_assert_eq!(parse(&text).check(&cosigned(&by)).is_ok(), expected);
    }
}
