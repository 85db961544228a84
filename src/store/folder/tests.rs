use std::fs;

use crate::store::StoreError;
use crate::store::folder::Folder;
use crate::store::folder::bytes_below;
use crate::store::folder::free_bytes;
use crate::store::folder::parse_volume_name;
use crate::store::folder::volume_name;
use crate::store::tests::folder;

#[test]
fn names_of_volumes() {
    assert_eq!(volume_name(42), "00000000000000000042");
    for first in [0, 42, u64::MAX] {
        assert_eq!(parse_volume_name(&volume_name(first)), Some(first));
    }
    for bad in
        ["", "42", "0000000000000000004x", "99999999999999999999", "00000000000000000042.new", "+0000000000000000042"]
    {
        assert_eq!(parse_volume_name(bad), None, "{bad}");
    }
}

#[test]
fn formats() {
    let check = |text: &[u8], expected: Result<(), &str>| {
        let data = folder();
        fs::write(data.path().join("FORMAT"), text).unwrap();
        let found = Folder::new(data.path()).check_format().map_err(|error| error.to_string());
        match expected {
            Ok(()) => assert_eq!(found, Ok(())),
            Err(words) => assert!(found.clone().is_err_and(|found| found.contains(words)), "{found:?}"),
        }
    };
    check(b"probity 1\n", Ok(()));
    check(b"probity 2\n", Err("the data folder has format 2, this program knows formats up to 1"));
    check(b"probity 0\n", Err("not a data folder"));
    check(b"probity one\n", Err("not a data folder"));
    check(b"postgres 14\n", Err("not a data folder"));
    check(b"", Err("not a data folder"));
    check(b"\xff\xfe", Err("FORMAT is no text"));
}

#[test]
fn a_lock_is_for_one() {
    let data = folder();
    let taken = Folder::new(data.path()).take_lock().unwrap();
    let refusal = Folder::new(data.path()).take_lock().unwrap_err();
    assert_eq!(refusal, StoreError::InUse { path: data.path().to_owned() });
    drop(taken);
    Folder::new(data.path()).take_lock().unwrap();
}

#[test]
fn free_space_is_known_where_there_is_a_disk() {
    let data = folder();
    assert!(free_bytes(data.path()).unwrap() > 0);
    assert!(free_bytes(&data.path().join("nothing")).is_err());
}

#[test]
fn all_files_below_a_folder_are_counted() {
    let data = folder();
    assert!(bytes_below(&data.path().join("nothing")).is_err());
    let before = bytes_below(data.path()).unwrap();
    fs::create_dir_all(data.path().join("a/b")).unwrap();
    fs::write(data.path().join("a/one"), [0; 10]).unwrap();
    fs::write(data.path().join("a/b/two"), [0; 32]).unwrap();
    assert_eq!(bytes_below(data.path()).unwrap(), before + 42);
}
