//! Whom an answer names.

use crate::server::accesses::named_in;

/// The ids found in a piece of an answer.
fn check(piece: &[u8], expected: &[&str]) {
    let mut found = Vec::new();
    named_in(piece, |id| found.push(id.to_owned()));
    assert_eq!(found, expected, "{}", piece.escape_ascii());
}

#[test]
fn persons_are_found_by_their_names_wherever_they_stand() {
    let (one, other) = ("00000000000000000000000001", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
    check(b"", &[]);
    check(format!("entity/{one}").as_bytes(), &[one]);
    check(format!("\x0a!entity/{one}B!entity/{other}").as_bytes(), &[one, other]);
    check(format!("/entity/entity/{one}0").as_bytes(), &[one]);
    check(format!("case/{one} entiti/{one} /{one}").as_bytes(), &[]);
    check(format!("entity/{}", &one[1..]).as_bytes(), &[]);
    check(b"entity/8ZZZZZZZZZZZZZZZZZZZZZZZZZ", &[]);
    check(b"entity/0000000000000000000000000i", &[]);
    check(b"entity/000000000000000000000000\xff1", &[]);
}
