use crate::import::encoding::Encoding;

#[track_caller]
fn check(name: &str, given: &[u8], then: Result<&str, &str>) {
    let found = Encoding::of(name).unwrap().text(given).map_err(|refusal| refusal.reason);
    assert_eq!(found.as_deref().map_err(String::as_str), then, "{name}: {given:?}");
}

#[test]
fn bytes_become_the_text_that_was_written() {
    check("utf-8", "Ação €".as_bytes(), Ok("Ação €"));
    check("latin-1", b"A\xe7\xe3o \xa3\xff", Ok("Ação £ÿ"));
    check("windows-1252", b"A\xe7\xe3o \x80\x93x\x94\x9f", Ok("Ação €“x”Ÿ"));
    for name in ["utf-8", "latin-1", "windows-1252"] {
        check(name, b"", Ok(""));
        check(name, b"\r\n\tplain", Ok("\r\n\tplain"));
    }
}

#[test]
fn a_byte_that_is_no_character_refuses_the_text() {
    check("utf-8", b"A\xe7\xe3o", Err("NOT_UTF8"));
    check("utf-8", b"\xc3", Err("NOT_UTF8"));
    check("utf-8", b"\xed\xa0\x80", Err("NOT_UTF8"));
    for byte in 0x80..0xa0 {
        check("latin-1", &[b'a', byte], Err("NOT_LATIN1"));
    }
    for byte in [0x81, 0x8d, 0x8f, 0x90, 0x9d] {
        check("windows-1252", &[byte], Err("NOT_WINDOWS1252"));
    }
    // UTF-8 that is called Latin-1: most letters of it give it away.
    check("latin-1", "É".as_bytes(), Err("NOT_LATIN1"));
}

#[test]
fn a_text_of_one_byte_each_has_as_many_characters() {
    let all: Vec<u8> = (0..0x80).chain(0xa0..=0xff).collect();
    for name in ["latin-1", "windows-1252"] {
        assert_eq!(Encoding::of(name).unwrap().text(&all).unwrap().chars().count(), all.len());
    }
    assert_eq!(Encoding::of("Latin-1"), None);
}
