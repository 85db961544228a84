use std::io;
use std::panic;

use crate::store::shield::Refused;
use crate::store::shield::SHIELDED;
use crate::store::shield::call;

/// What is said of what sled did.
#[derive(Debug)]
enum Then {
    Value(u32),
    Damage(&'static str),
    System(&'static str),
}

use Then::Damage;
use Then::System;
use Then::Value;

/// Given what sled does, this is what is said.
fn check(work: impl FnOnce() -> sled::Result<u32>, expected: Then) {
    match (call(work), expected) {
        (Ok(found), Value(expected)) => assert_eq!(found, expected),
        (Err(Refused::Damage(found)), Damage(expected)) | (Err(Refused::System(found)), System(expected)) => {
            assert!(found.contains(expected), "{found}");
        }
        (found, expected) => panic!("{found:?} and not {expected:?}"),
    }
}

#[test]
fn errors_and_panics_become_words() {
    check(|| Ok(7), Value(7));
    check(|| Err(sled::Error::Corruption { at: None, bt: () }), Damage("corrupt bytes"));
    check(|| Err(sled::Error::Unsupported("version".to_owned())), Damage("settings file"));
    check(|| Err(sled::Error::CollectionNotFound("log".into())), Damage("the tree of entries is missing"));
    check(|| panic!("a fixed message"), Damage("sled stopped at tests.rs:"));
    check(|| panic!("a fixed message"), Damage(": a fixed message"));
    check(|| panic!("number {}", 7), Damage(": number 7"));
    check(|| panic::panic_any(7), Damage("no message"));
}

/// As sled hands an error on to everybody but the first who asks.
fn again(error: &sled::Error) -> sled::Error {
    error.clone()
}

#[test]
fn what_the_system_refused_is_no_damage() {
    let no_space = || sled::Error::Io(io::Error::from_raw_os_error(28));
    check(move || Err(no_space()), System("sled: No space left"));
    check(move || Err(again(&no_space())), System("code: 28"));
    check(move || Err(again(&again(&no_space()))), System("code: 28"));
    check(|| Err(sled::Error::ReportableBug("a thread".to_owned())), System("one of its threads stopped"));
    let cut = || sled::Error::Io(io::Error::new(io::ErrorKind::UnexpectedEof, "failed to fill whole buffer"));
    check(move || Err(cut()), Damage("failed to fill"));
    check(move || Err(again(&cut())), Damage("failed to fill"));
}

#[test]
fn what_a_panic_prints_of_the_bytes_it_read_is_not_kept() {
    let words = call::<()>(|| panic!("unexpected node {:?}", b"payload")).unwrap_err().to_string();
    assert!(words.ends_with("unexpected node"), "{words}");
    let words = call::<()>(|| panic!("{}", "x".repeat(5000))).unwrap_err().to_string();
    assert!(words.len() < 200, "{words}");
}

#[test]
fn a_call_within_a_call() {
    let outer = call(|| Ok((call::<()>(|| panic!("inner")).is_err(), call(|| Ok(1)))));
    assert_eq!(outer, Ok((true, Ok(1))));
    assert!(!SHIELDED.get(), "what panics from here on is printed again");
}
