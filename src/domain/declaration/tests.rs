use crate::domain;
use crate::domain::Detail;
use crate::domain::Rule;
use crate::domain::tests::ADMITTED;
use crate::domain::tests::Then;
use crate::domain::tests::amended;
use crate::domain::tests::check;
use crate::domain::tests::code;
use crate::domain::tests::id;
use crate::domain::tests::on;
use crate::domain::tests::organisation;
use crate::domain::tests::period;
use crate::domain::tests::person;
use crate::domain::tests::refused;
use crate::domain::tests::submitted;
use crate::events::Bracket;
use crate::events::DeclarationAmended;
use crate::events::DeclarationContent;
use crate::events::DeclarationItem;
use crate::events::DeclarationSubmitted;
use crate::events::Event;
use crate::events::Money;
use crate::events::Period;
use crate::events::Section;
use crate::events::Valuation;
use crate::events::valuation::Value;

mod course;

/// Persons 1 and 2, body 4, declaration 1 of person 1.
fn given() -> Vec<Event> {
    vec![person(1), person(2), organisation(4), submitted(1, 1).into()]
}

fn section(class: &str, item_count: u32) -> Section {
    Section { asset_class: code(class), none_declared: item_count == 0, item_count }
}

fn item(item_number: u32, class: &str) -> DeclarationItem {
    DeclarationItem { item_number, asset_class: code(class), ..DeclarationItem::default() }
}

/// The same parts in a declaration and in an amendment.
#[track_caller]
fn check_parts(sections: &[Section], items: Option<&[DeclarationItem]>, then: Then) {
    let (sections, content) = (sections.to_vec(), items.map(|items| DeclarationContent { items: items.to_vec() }));
    let whole = DeclarationSubmitted { sections: sections.clone(), content: content.clone(), ..submitted(2, 1) };
    check(&given(), whole, then);
    check(&given(), DeclarationAmended { sections, content, ..amended(1, 1) }, then);
}

#[track_caller]
fn check_value(value: Value, then: Result<(), (Rule, &'static str, &'static str)>) {
    let valuation = Some(Valuation { value: Some(value) });
    let worth = DeclarationItem { value: valuation.clone(), ..item(1, "cash") };
    let bringing = DeclarationItem { income: valuation, ..item(1, "cash") };
    check_parts(&[section("cash", 1)], Some(&[worth]), then.map_err(|(rule, field, _)| (rule, field)));
    check_parts(&[section("cash", 1)], Some(&[bringing]), then.map_err(|(rule, _, field)| (rule, field)));
}

#[test]
fn a_declaration_is_submitted_once_by_a_person() {
    let follows = |previous, person| DeclarationSubmitted { previous_id: id(previous), ..submitted(2, person) };
    let to = |body| DeclarationSubmitted { received_by_id: id(body), ..submitted(2, 1) };
    let at = |text| DeclarationSubmitted { submitted_on: on(text), ..submitted(2, 1) };
    let of = |period| DeclarationSubmitted { period, ..submitted(2, 1) };
    check(&given(), submitted(2, 1), ADMITTED);
    check(&given(), follows(1, 1), ADMITTED);
    check(&given(), to(4), ADMITTED);
    check(&given(), at("2026-06"), ADMITTED);
    check(&given(), of(period("2026-01-01", "2026-12-31")), ADMITTED);
    check(&given(), of(None), ADMITTED);
    check(&given(), submitted(1, 1), refused(Rule::AlreadySubmitted, "declaration_id"));
    check(&given(), submitted(1, 2), refused(Rule::AlreadySubmitted, "declaration_id"));
    check(&given(), submitted(2, 4), refused(Rule::NotAPerson, "person_id"));
    check(&given(), submitted(2, 9), refused(Rule::NotRegistered, "person_id"));
    check(&given(), follows(1, 2), refused(Rule::NotTheDeclarant, "previous_id"));
    check(&given(), follows(2, 1), refused(Rule::StreamUnknown, "previous_id"));
    check(&given(), to(2), refused(Rule::NotAnOrganisation, "received_by_id"));
    check(&given(), to(9), refused(Rule::NotRegistered, "received_by_id"));
    check(&given(), at("2026-08"), refused(Rule::DateInFuture, "submitted_on"));
    check(&given(), at("2026-02-30"), refused(Rule::DateImpossible, "submitted_on"));
    check(&given(), of(period("2026", "2025")), refused(Rule::PeriodReversed, "period.to"));
    check(&given(), of(period("2026-13", "2027")), refused(Rule::DateImpossible, "period.from"));
}

#[test]
fn an_amendment_is_of_the_declarant_and_the_period() {
    let of = |period| DeclarationAmended { period, ..amended(1, 1) };
    let at = |text| DeclarationAmended { amended_on: on(text), ..amended(1, 1) };
    let differs = refused(Rule::PeriodDiffers, "period");
    check(&given(), amended(1, 1), ADMITTED);
    check(&[given(), vec![amended(1, 1).into()]].concat(), amended(1, 1), ADMITTED);
    check(&given(), at("2026-01"), ADMITTED);
    check(&given(), amended(2, 1), refused(Rule::StreamUnknown, "declaration_id"));
    check(&given(), amended(1, 2), refused(Rule::NotTheDeclarant, "person_id"));
    check(&given(), of(period("2025", "2025-12-31")), differs);
    check(&given(), of(Some(Period { from: on("2025"), to: None })), differs);
    check(&given(), of(None), differs);
    check(&given(), at("2027"), refused(Rule::DateInFuture, "amended_on"));
    check(&given(), at("2025-02-29"), refused(Rule::DateImpossible, "amended_on"));
    let given_open = [person(1), DeclarationSubmitted { period: None, ..submitted(1, 1) }.into()];
    check(&given_open, of(None), ADMITTED);
    check(&given_open, of(Some(Period::default())), ADMITTED);
    check(&given_open, of(period("2025", "2025")), differs);
}

#[test]
fn sections_are_filled_or_explicitly_none() {
    let cash = || section("cash", 0);
    let empty = Section { none_declared: false, ..cash() };
    let both = Section { none_declared: true, item_count: 1, ..cash() };
    check_parts(&[cash(), section("land", 0)], None, ADMITTED);
    check_parts(&[cash(), section("land", 1)], Some(&[item(1, "land")]), ADMITTED);
    check_parts(&[cash(), cash()], None, refused(Rule::SectionRepeated, "sections[1].asset_class"));
    check_parts(&[empty], None, refused(Rule::SectionEmptyAndNotNone, "sections[0].item_count"));
    check_parts(&[both], Some(&[item(1, "cash")]), refused(Rule::SectionNoneButFilled, "sections[0].item_count"));
}

#[test]
fn sections_count_what_the_content_holds() {
    let sections = [section("cash", 1), section("land", 2)];
    let items = [item(1, "land"), item(3, "cash"), item(7, "land")];
    check_parts(&sections, Some(&items), ADMITTED);
    check_parts(&sections, Some(&items[..2]), refused(Rule::ItemCountWrong, "sections[1].item_count"));
    check_parts(&sections, Some(&items[..1]), refused(Rule::ItemCountWrong, "sections[0].item_count"));
    check_parts(&sections, None, refused(Rule::ItemCountWrong, "sections[0].item_count"));
    check_parts(&sections[1..], Some(&items), refused(Rule::ItemClassUnlisted, "content.items[1].asset_class"));
    check_parts(
        &[section("cash", 0)],
        Some(&[item(1, "cash")]),
        refused(Rule::ItemCountWrong, "sections[0].item_count"),
    );
    check_parts(&[section("cash", 0)], Some(&[]), refused(Rule::ContentEmpty, "content.items"));
    let two = [section("cash", 2)];
    let unordered = refused(Rule::ItemNumbersNotAscending, "content.items[1].item_number");
    check_parts(&two, Some(&[item(2, "cash"), item(1, "cash")]), unordered);
    check_parts(&two, Some(&[item(2, "cash"), item(2, "cash")]), unordered);
    let zero = refused(Rule::ItemNumbersNotAscending, "content.items[0].item_number");
    check_parts(&two, Some(&[item(0, "cash"), item(1, "cash")]), zero);
}

#[test]
fn a_value_is_an_amount_a_bracket_or_explicitly_none() {
    let eur = || "EUR".to_owned();
    let exact = |currency, units, nanos| Value::Exact(Money { currency, units, nanos });
    let bracket = |currency, low, high| Value::Bracket(Bracket { currency, low, high });
    let at = |rule, value, income| Err((rule, value, income));
    check_value(exact(eur(), 12, 500_000_000), Ok(()));
    check_value(bracket(eur(), Some(1_001), Some(15_000)), Ok(()));
    check_value(bracket(eur(), Some(0), Some(0)), Ok(()));
    check_value(bracket(eur(), Some(50_000_000), None), Ok(()));
    check_value(bracket(eur(), None, Some(1_000)), Ok(()));
    check_value(Value::None(true), Ok(()));
    check_value(Value::Unascertainable("not readily known".to_owned()), Ok(()));
    let none = ("content.items[0].value.none", "content.items[0].income.none");
    check_value(Value::None(false), at(Rule::NoneNotTrue, none.0, none.1));
    let high = ("content.items[0].value.bracket.high", "content.items[0].income.bracket.high");
    check_value(bracket(eur(), Some(15_000), Some(1_001)), at(Rule::BracketReversed, high.0, high.1));
    let currency = ("content.items[0].value.bracket.currency", "content.items[0].income.bracket.currency");
    check_value(bracket(String::new(), None, Some(1)), at(Rule::CurrencyMissing, currency.0, currency.1));
    let currency = ("content.items[0].value.exact.currency", "content.items[0].income.exact.currency");
    check_value(exact(String::new(), 1, 0), at(Rule::CurrencyMissing, currency.0, currency.1));
    let nanos = ("content.items[0].value.exact.nanos", "content.items[0].income.exact.nanos");
    check_value(exact(eur(), 1, -1), at(Rule::MoneySignsDiffer, nanos.0, nanos.1));
    check_value(exact(eur(), 0, i32::MAX), at(Rule::NanosOutOfRange, nanos.0, nanos.1));
}

#[test]
fn what_is_sealed_is_not_told() {
    let held = DeclarationItem { held: period("2021", "2020"), ..item(1, "cash") };
    let content = Some(DeclarationContent { items: vec![held] });
    let event = DeclarationSubmitted { sections: vec![section("cash", 1)], content, ..submitted(2, 1) };
    let rejection = domain::check(&event.into()).expect_err("reversed");
    assert_eq!((rejection.rule, rejection.field.as_str()), (Rule::PeriodReversed, "content.items[0].held.to"));
    assert_eq!(rejection.detail, Detail::Nothing);
}
