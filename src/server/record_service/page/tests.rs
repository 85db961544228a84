use data_encoding::BASE64URL_NOPAD;
use proptest::prelude::*;

use crate::domain::dates::Day;
use crate::proto::v1::GetRecordRequest;
use crate::server::record_service::page::Page;
use crate::server::record_service::page::PageKey;
use crate::views::View;

const KEY: PageKey = PageKey([7; 32]);

fn page(method: &str) -> Page {
    Page::new(&KEY, "somebody", method, &GetRecordRequest::default())
}

fn view() -> View {
    View { as_of: Day::new(2026, 2, 28).unwrap(), known_at: 4711 }
}

#[test]
fn a_token_is_read_by_its_own_question_alone() {
    let token = page("one").token(view(), &12u64);
    assert_eq!(page("one").read(&token), Some((view(), 12u64)));
    assert_eq!(page("two").read::<u64>(&token), None);
    let other_key = Page::new(&PageKey([8; 32]), "somebody", "one", &GetRecordRequest::default());
    assert_eq!(other_key.read::<u64>(&token), None);
    let other_caller = Page::new(&KEY, "somebody else", "one", &GetRecordRequest::default());
    assert_eq!(other_caller.read::<u64>(&token), None);
    assert_eq!(page("one").read::<(Day, [u8; 16])>(&token), None, "a place of another kind");
}

#[test]
fn no_character_of_a_token_can_be_changed_left_out_or_added() {
    let token = page("one").token(view(), &12u64);
    for at in 0..token.len() {
        for other in ["A", "B", "_", "=", "+", "\n", ""] {
            let changed = format!("{}{other}{}", &token[..at], &token[at + 1..]);
            assert!(changed == token || page("one").read::<u64>(&changed).is_none(), "{changed}");
        }
        assert_eq!(page("one").read::<u64>(&token[..at]), None);
    }
    assert_eq!(page("one").read::<u64>(&format!("{token}A")), None);
}

proptest! {
    #[test]
    fn no_text_is_a_token_nor_costs_more_than_its_length(bytes in prop::collection::vec(any::<u8>(), 0..48 * 1024), raw in any::<bool>()) {
        let text = if raw { String::from_utf8_lossy(&bytes).into_owned() } else { BASE64URL_NOPAD.encode(&bytes) };
        let page = page("one");
        let mut read = None;
        let held = allocation_counter::measure(|| read = page.read::<u64>(&text)).bytes_max;
        prop_assert_eq!(read, None);
        prop_assert!(held <= text.len() as u64 + 1024, "{} bytes for {}", held, text.len());
    }
}
