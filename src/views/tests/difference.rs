//! What two declarations have not in common.

use crate::events::Bracket;
use crate::events::DeclarationContent;
use crate::events::DeclarationItem;
use crate::events::Money;
use crate::events::Valuation;
use crate::events::valuation::Value;
use crate::proto::v1::AmountChange;
use crate::proto::v1::Declaration;
use crate::proto::v1::DeclarationVersion;
use crate::proto::v1::ItemChangeKind;
use crate::proto::v1::PersonalPart;
use crate::proto::v1::personal_part::Content;
use crate::views::difference::difference;
use crate::views::difference::standing;
use crate::views::fixture::code;
use crate::views::tests::section;

#[expect(clippy::unnecessary_wraps, reason = "as the fields of messages want it")]
fn exact(units: i64, nanos: i32) -> Option<Value> {
    Some(Value::Exact(Money { currency: "USD".to_owned(), units, nanos }))
}

#[expect(clippy::unnecessary_wraps, reason = "as the fields of messages want it")]
fn between(low: Option<i64>, high: Option<i64>) -> Option<Value> {
    Some(Value::Bracket(Bracket { currency: "USD".to_owned(), low, high }))
}

fn item(number: u32, description: &str, value: Option<Value>) -> DeclarationItem {
    DeclarationItem {
        item_number: number,
        asset_class: code("land"),
        description: description.to_owned(),
        value: value.map(|value| Valuation { value: Some(value) }),
        ..DeclarationItem::default()
    }
}

/// A declaration with a version for each list of items.
fn declared(name: &str, versions: &[&[DeclarationItem]]) -> Declaration {
    let version = |(number, items): (u32, &&[DeclarationItem])| DeclarationVersion {
        version: number,
        sections: vec![section("land", u32::try_from(items.len()).unwrap())],
        content: Some(PersonalPart {
            content: Some(Content::Declaration(DeclarationContent { items: items.to_vec() })),
            ..PersonalPart::default()
        }),
        ..DeclarationVersion::default()
    };
    Declaration { name: name.to_owned(), versions: (1..).zip(versions).map(version).collect(), ..Default::default() }
}

/// What the one item of a part is.
fn described(part: Option<&PersonalPart>) -> &str {
    match &part.unwrap().content {
        Some(Content::Declaration(content)) if content.items.len() == 1 => &content.items[0].description,
        other => panic!("{other:?}"),
    }
}

/// Given an item worth this and then that, then this became of it.
#[track_caller]
fn check(before: Option<Value>, after: Option<Value>, expected: AmountChange) {
    let (a, b) = (declared("a", &[&[item(1, "field", before)]]), declared("b", &[&[item(1, "field", after)]]));
    let classes = difference(&standing(&a, 0).unwrap(), &standing(&b, 0).unwrap());
    match classes[0].items.as_slice() {
        [] => assert_eq!((classes[0].equal_items, expected), (1, AmountChange::Equal)),
        [change] => assert_eq!((change.kind(), change.value()), (ItemChangeKind::Changed, expected)),
        more => panic!("{more:?}"),
    }
}

#[test]
fn amounts_are_compared_exactly() {
    check(exact(5, 0), exact(5, 0), AmountChange::Equal);
    check(exact(5, 0), exact(5, 1), AmountChange::Raised);
    check(exact(-5, 0), exact(-5, -1), AmountChange::Lowered);
    check(exact(i64::MIN, 0), exact(i64::MAX, 0), AmountChange::Raised);
    check(None, exact(0, 0), AmountChange::NowStated);
    check(exact(0, 0), None, AmountChange::NoLongerStated);
    check(exact(0, 0), Some(Value::None(true)), AmountChange::NotComparable);
    check(Some(Value::Unascertainable("much".to_owned())), exact(1, 0), AmountChange::NotComparable);
    let euro = Some(Value::Exact(Money { currency: "EUR".to_owned(), units: 5, nanos: 0 }));
    check(exact(5, 0), euro, AmountChange::OtherCurrency);
}

#[test]
fn brackets_are_compared_as_brackets() {
    let low = || between(Some(1), Some(10));
    check(low(), low(), AmountChange::Equal);
    check(low(), between(Some(11), Some(20)), AmountChange::Raised);
    check(between(Some(11), None), low(), AmountChange::Lowered);
    check(low(), between(Some(10), Some(20)), AmountChange::Overlapping);
    check(low(), between(Some(5), None), AmountChange::Overlapping);
    check(low(), between(None, None), AmountChange::Overlapping);
    check(low(), exact(10, 0), AmountChange::Overlapping);
    check(low(), exact(10, 1), AmountChange::Raised);
    check(exact(0, 999_999_999), low(), AmountChange::Raised);
    check(exact(7, 0), between(Some(7), Some(7)), AmountChange::Equal);
}

#[test]
fn items_are_added_changed_and_gone_by_what_they_are() {
    use ItemChangeKind::Added;
    use ItemChangeKind::Changed;
    use ItemChangeKind::Gone;
    let a = declared("a", &[&[item(1, "field", exact(1, 0)), item(2, "wood", None), item(3, "wood", exact(2, 0))]]);
    let b = declared("b", &[&[item(1, "house", None), item(2, "wood", exact(2, 0)), item(3, "field", exact(9, 0))]]);
    let classes = difference(&standing(&a, 0).unwrap(), &standing(&b, 0).unwrap());
    assert_eq!(classes.len(), 1);
    assert_eq!(classes[0].equal_items, 1, "a number is that of a place");
    let told: Vec<(ItemChangeKind, &str)> = classes[0]
        .items
        .iter()
        .map(|one| (one.kind(), described(one.after.as_ref().or(one.before.as_ref()))))
        .collect();
    assert_eq!(told, [(Added, "house"), (Changed, "field"), (Gone, "wood")]);
}

#[test]
fn of_two_versions_the_same_number_is_the_same_item() {
    let versions: [&[DeclarationItem]; 2] = [&[item(1, "feild", exact(1, 0))], &[item(1, "field", exact(1, 0))]];
    let one = declared("a", &versions);
    let classes = difference(&standing(&one, 1).unwrap(), &standing(&one, 2).unwrap());
    assert_eq!(classes[0].items[0].kind(), ItemChangeKind::Changed);
    assert_eq!(classes[0].items[0].value(), AmountChange::Equal);
    let other = declared("b", &versions[1..]);
    let classes = difference(&standing(&one, 1).unwrap(), &standing(&other, 0).unwrap());
    assert_eq!(classes[0].items.len(), 2, "of two declarations it is not");
    assert!(standing(&one, 3).is_none() && standing(&declared("c", &[]), 0).is_none(), "no such version");
}

#[test]
fn what_cannot_be_read_is_not_compared_and_said() {
    let a = declared("a", &[&[item(1, "field", None)]]);
    for (erased_by, key_not_held) in [(Some(7), false), (None, true)] {
        let mut b = declared("b", &[&[item(1, "field", None)]]);
        b.versions[0].content = Some(PersonalPart { erased_by, ..PersonalPart::default() });
        let after = standing(&b, 0).unwrap();
        let classes = difference(&standing(&a, 0).unwrap(), &after);
        assert!(classes[0].not_compared && classes[0].items.is_empty());
        let missing = &after.missing[0];
        assert_eq!((missing.version, missing.key_not_held), (1, key_not_held));
        assert_eq!(missing.content.as_ref().unwrap().erased_by, erased_by);
    }
}

#[test]
fn a_class_that_was_none_or_not_there_is_told() {
    let mut a = declared("a", &[&[]]);
    a.versions[0].content = None;
    let b = declared("b", &[&[item(1, "field", None)]]);
    let classes = difference(&standing(&a, 0).unwrap(), &standing(&b, 0).unwrap());
    assert!(classes[0].before.as_ref().unwrap().none_declared);
    assert_eq!(classes[0].items[0].kind(), ItemChangeKind::Added);
    a.versions[0].sections.clear();
    let classes = difference(&standing(&a, 0).unwrap(), &standing(&b, 0).unwrap());
    assert_eq!(classes[0].before, None);
}
