use data_encoding::HEXLOWER;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use sha2::Digest as _;
use sha2::Sha256;

use crate::http::Access;

fn hash_of(token: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(token))
}

/// Whether the headers are let in where two tokens are known.
fn admitted(authorization: &[&str], open: bool) -> bool {
    let access = Access::parse(&[hash_of("token of one"), hash_of("two")], open).unwrap();
    let mut headers = HeaderMap::new();
    for value in authorization {
        headers.append(AUTHORIZATION, value.parse().unwrap());
    }
    access.admits(&headers)
}

#[test]
fn a_known_token_is_let_in() {
    for authorization in ["Bearer two", "bearer two", "BEARER token of one"] {
        assert!(admitted(&[authorization], false), "{authorization}");
    }
}

#[test]
fn nothing_else_is() {
    let hash = format!("Bearer {}", hash_of("two"));
    for authorization in [
        &[][..],
        &[""],
        &["Bearer"],
        &["Bearer "],
        &["Bearer  two"],
        &["Bearer two "],
        &["Bearer Two"],
        &["Bearer tw"],
        &["Bearer two two"],
        &["Basic two"],
        &["two"],
        &["Bearertwo"],
        &[hash.as_str()],
        &["Bearer two", "Bearer two"],
        &["Bearer no", "Bearer two"],
    ] {
        assert!(!admitted(authorization, false), "{authorization:?}");
        assert!(admitted(authorization, true), "{authorization:?}");
    }
}

#[test]
fn without_hashes_nobody_is() {
    let access = Access::parse(&[], false).unwrap();
    assert!(!access.admits(&HeaderMap::from_iter([(AUTHORIZATION, "Bearer two".parse().unwrap())])));
    assert!(!access.admits(&HeaderMap::new()));
}

#[test]
fn what_is_no_hash_is_refused() {
    let good = hash_of("two");
    let cases = [
        "two".to_owned(),
        String::new(),
        good.to_uppercase(),
        good[1..].to_owned(),
        format!("{good}00"),
        format!(" {good}"),
        format!("sha256:{good}"),
    ];
    for wrong in cases {
        assert_eq!(Access::parse(&[good.clone(), wrong.clone()], false), None, "{wrong}");
    }
}
