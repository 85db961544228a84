use serde_json::json;

use crate::import::snapshots::Keep;
use crate::import::snapshots::Sight;
use crate::import::snapshots::Table;
use crate::import::snapshots::digest;

#[test]
fn a_row_is_first_the_same_changed_gone_and_back() {
    let (one, other) = (json!({ "a": "1" }), json!({ "a": "2" }));
    let (of_one, of_other) = (digest(&one, &[], &[]), digest(&other, &[], &[]));
    let mut table = Table::new(Keep::Rows);
    table.next_edition();
    assert_eq!(table.sight("k", &of_one), Sight::First);
    table.remember("k".to_owned(), of_one, &one);
    assert_eq!(table.sight("k", &of_one), Sight::Repeated);
    assert_eq!(table.sight("k", &of_other), Sight::Contradicting);
    table.next_edition();
    assert_eq!(table.sight("k", &of_one), Sight::Same);
    assert_eq!(table.sight("k", &of_other), Sight::Changed { was: one.clone() });
    assert_eq!(table.missing(), ["k"]);
    assert_eq!(table.remove("k"), Some(one.clone()));
    assert_eq!(table.remove("k"), None);
    assert!(table.missing().is_empty());
    table.next_edition();
    assert_eq!(table.sight("k", &of_one), Sight::Back { was: one });
}

#[test]
fn a_key_that_was_noticed_is_not_missing_and_its_row_is_still_to_come() {
    let row = json!({ "a": "1" });
    let of_row = digest(&row, &[], &[]);
    let mut table = Table::new(Keep::Rows);
    table.next_edition();
    table.remember("k".to_owned(), of_row, &row);
    table.next_edition();
    table.still_there("k");
    assert!(table.missing().is_empty());
    assert_eq!(table.sight("k", &of_row), Sight::Same);
    table.same_again("k");
    assert_eq!(table.sight("k", &of_row), Sight::Repeated);
}

#[test]
fn a_digest_is_of_the_named_columns_only() {
    let columns = ["a".to_owned(), "b".to_owned()];
    let of = |row| digest(&row, &columns, &[]);
    assert_eq!(of(json!({ "a": "1", "b": "2", "c": "3" })), of(json!({ "b": "2", "a": "1" })));
    assert_ne!(of(json!({ "a": "1", "b": "2" })), of(json!({ "a": "12", "b": "" })));
    assert_ne!(of(json!({ "a": "1" })), of(json!({ "b": "1" })));
}

#[test]
fn every_row_comes_back_as_it_was() {
    let mut table = Table::new(Keep::Rows);
    let many = |n: usize| json!({ format!("column {n}"): n, "same": [null, { "deep": true }] });
    let mut rows = vec![
        json!({ "a": "1", "b": null }),
        json!({ "b": null, "a": "1" }),
        json!({ "a": "2", "b": 2.5 }),
        json!({}),
        json!([]),
        json!(["a", "b"]),
        json!("text"),
        json!(null),
    ];
    rows.extend((0..70_000).map(many));
    for (place, row) in rows.iter().enumerate() {
        table.remember(place.to_string(), digest(row, &[], &[]), row);
    }
    for (place, row) in rows.iter().enumerate() {
        let found = table.row(&place.to_string()).expect("remembered");
        // As text, so that the order of columns counts.
        assert_eq!(found.to_string(), row.to_string());
    }
}

#[test]
fn one_edition_is_told_apart_by_digests_alone() {
    let (one, other) = (json!({ "a": "1" }), json!({ "a": "2" }));
    let mut table = Table::new(Keep::Digests);
    assert_eq!(table.sight("k", &digest(&one, &[], &[])), Sight::First);
    table.remember("k".to_owned(), digest(&one, &[], &[]), &one);
    assert_eq!(table.sight("k", &digest(&one, &[], &[])), Sight::Repeated);
    assert_eq!(table.sight("k", &digest(&other, &[], &[])), Sight::Contradicting);
    assert!(table.missing().is_empty());
}

#[test]
fn a_digest_of_all_columns_knows_no_order_no_emptiness_and_no_ignored_column() {
    let ignored = ["c".to_owned()];
    let of = |row| digest(&row, &[], &ignored);
    let told = of(json!({ "a": "1", "b": "2" }));
    assert_eq!(told, of(json!({ "c": "3", "b": "2", "a": "1", "d": "", "e": null })));
    assert_ne!(told, of(json!({ "a": "2", "b": "1" })));
    assert_ne!(told, of(json!({ "a": "1", "b": "2", "d": "0" })));
}
