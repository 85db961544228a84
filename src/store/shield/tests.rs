use std::panic;

use crate::store::shield::SHIELDED;
use crate::store::shield::call;

/// Given what sled does, this is what is said.
fn check(work: impl FnOnce() -> sled::Result<u32>, expected: Result<u32, &str>) {
    match (call(work), expected) {
        (Ok(found), Ok(expected)) => assert_eq!(found, expected),
        (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
        (found, expected) => panic!("{found:?} and not {expected:?}"),
    }
}

#[test]
fn errors_and_panics_become_words() {
    check(|| Ok(7), Ok(7));
    check(|| Err(sled::Error::Corruption { at: None, bt: () }), Err("corrupt bytes"));
    check(|| Err(sled::Error::Unsupported("version".to_owned())), Err("settings file"));
    check(|| Err(sled::Error::Io(std::io::Error::other("no disk"))), Err("sled: no disk"));
    check(|| panic!("a fixed message"), Err("sled stopped at tests.rs:"));
    check(|| panic!("a fixed message"), Err(": a fixed message"));
    check(|| panic!("number {}", 7), Err(": number 7"));
    check(|| panic::panic_any(7), Err("no message"));
}

#[test]
fn what_a_panic_prints_of_the_bytes_it_read_is_not_kept() {
    let words = call::<()>(|| panic!("unexpected node {:?}", b"payload")).unwrap_err();
    assert!(words.ends_with("unexpected node"), "{words}");
    let words = call::<()>(|| panic!("{}", "x".repeat(5000))).unwrap_err();
    assert!(words.len() < 200, "{words}");
}

#[test]
fn a_call_within_a_call() {
    let outer = call(|| Ok((call::<()>(|| panic!("inner")).is_err(), call(|| Ok(1)))));
    assert_eq!(outer, Ok((true, Ok(1))));
    assert!(!SHIELDED.get(), "what panics from here on is printed again");
}
