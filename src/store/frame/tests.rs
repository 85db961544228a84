use bytes::Bytes;

use crate::store::frame::Frame;
use crate::store::frame::KEY_LEN;
use crate::store::frame::VALUE_BYTES_MAX;
use crate::store::frame::further_parts;
use crate::store::frame::join;
use crate::store::frame::key;
use crate::store::frame::pack;
use crate::store::frame::parse;
use crate::store::frame::parse_key;

fn packed(first: u64, lens: &[usize]) -> Vec<([u8; KEY_LEN], Vec<u8>)> {
    let entries: Vec<Bytes> = lens.iter().map(|len| Bytes::from(vec![0xAB; *len])).collect();
    let mut out = Vec::new();
    pack(first, &entries, |key, value| out.push((key, value.to_vec())));
    out
}

/// Given entries of these lengths from index 10 on, the values have these keys and lengths.
fn check(lens: &[usize], expected: &[(u64, u16, usize)]) {
    let found: Vec<(u64, u16, usize)> = packed(10, lens)
        .into_iter()
        .map(|(key, value)| {
            let (first, part) = parse_key(&key).unwrap();
            (first, part, value.len())
        })
        .collect();
    assert_eq!(found, expected, "entries of {lens:?} bytes");
}

#[test]
fn entries_share_values_as_long_as_they_fit() {
    check(&[], &[]);
    check(&[0], &[(10, 0, 4)]);
    check(&[0, 0, 0], &[(10, 0, 12)]);
    check(&[2044, 2044], &[(10, 0, 4096)]);
    check(&[2044, 2045], &[(10, 0, 2048), (11, 0, 2049)]);
    check(&[4092], &[(10, 0, 4096)]);
    check(&[4092, 0], &[(10, 0, 4096), (11, 0, 4)]);
}

#[test]
fn an_entry_that_fits_no_value_is_alone() {
    check(&[4093], &[(10, 0, 4096), (10, 1, 1)]);
    check(&[1, 4093, 1], &[(10, 0, 5), (11, 0, 4096), (11, 1, 1), (12, 0, 5)]);
    check(&[4092 + 4096], &[(10, 0, 4096), (10, 1, 4096)]);
    check(&[4092 + 4096 + 1, 4093], &[(10, 0, 4096), (10, 1, 4096), (10, 2, 1), (11, 0, 4096), (11, 1, 1)]);
}

#[test]
fn no_value_is_longer_than_it_may_be_and_every_entry_comes_back() {
    for len in 0..13_000 {
        let values = packed(0, &[len]);
        assert!(values.iter().all(|(_, value)| value.len() <= VALUE_BYTES_MAX));
        let expected = vec![0xAB; len];
        match parse(&values[0].1).unwrap() {
            Frame::Whole(ranges) => assert_eq!(values[0].1[ranges[0].clone()], expected),
            Frame::Begun(begun) => {
                assert_eq!(begun, len);
                assert_eq!(values.len(), usize::from(further_parts(len)) + 1);
                assert_eq!(join(len, values.iter().map(|(_, value)| value.as_slice())).unwrap(), expected);
            }
        }
    }
}

#[test]
fn keys_sort_as_their_entries_do() {
    let keys = [key(0, 0), key(0, 1), key(0, u16::MAX), key(1, 0), key(255, 0), key(256, 0), key(u64::MAX, 1)];
    assert!(keys.is_sorted());
    assert_eq!(parse_key(&key(u64::MAX, 7)), Some((u64::MAX, 7)));
    for bad in [&[][..], &[0; 9], &[0; 11]] {
        assert_eq!(parse_key(bad), None);
    }
}

#[test]
fn values_that_are_no_frames() {
    let check = |value: &[u8], expected: &str| assert_eq!(parse(value), Err(expected), "{value:?}");
    check(&[], "an empty frame");
    check(&[0, 0, 0], "a frame ends inside a length");
    check(&[0, 0, 0, 1], "a frame ends inside an entry");
    check(&[0, 0, 0, 1, 9, 0], "a frame ends inside a length");
    check(&[0, 0, 0, 1, 9, 0, 0, 0, 2, 9], "a frame ends inside an entry");
    check(&[255; 4096], "a frame ends inside an entry");
}

#[test]
fn parts_that_are_no_entry() {
    let values = packed(0, &[10_000]);
    let parts: Vec<&[u8]> = values.iter().map(|(_, value)| value.as_slice()).collect();
    let check = |len, parts: &[&[u8]]| assert!(join(len, parts.iter().copied()).is_err());
    check(10_000, &parts[..2]);
    check(10_000, &parts[1..]);
    check(10_000, &[parts[0], parts[2], parts[1]]);
    check(10_000, &[parts[0], parts[1], parts[2], parts[2]]);
    check(10_001, &parts);
    check(9_999, &parts);
    check(10_000, &[]);
    check(10_000, &[&parts[0][..3]]);
}
