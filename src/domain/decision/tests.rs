use crate::domain::Rule;
use crate::domain::tests::ADMITTED;
use crate::domain::tests::alleged;
use crate::domain::tests::annulled;
use crate::domain::tests::check;
use crate::domain::tests::closed;
use crate::domain::tests::effective;
use crate::domain::tests::id;
use crate::domain::tests::issued;
use crate::domain::tests::lodged;
use crate::domain::tests::modified;
use crate::domain::tests::occurred;
use crate::domain::tests::on;
use crate::domain::tests::opened;
use crate::domain::tests::organisation;
use crate::domain::tests::person;
use crate::domain::tests::refused;
use crate::events::DecisionAnnulled;
use crate::events::DecisionIssued;
use crate::events::DecisionModified;
use crate::events::Event;
use crate::events::Money;
use crate::events::SanctionItem;
use crate::events::Term;

mod course;

/// Persons 1 to 3, body 4, case 1 about 1 and 2 with an allegation against each.
fn given() -> Vec<Event> {
    let mut events: Vec<Event> = (1..4).map(person).collect();
    events.extend([organisation(4), opened(1, &[1, 2]).into(), alleged(1, 1, 1).into(), alleged(1, 2, 2).into()]);
    events
}

fn and(more: impl IntoIterator<Item = Event>) -> Vec<Event> {
    given().into_iter().chain(more).collect()
}

fn signed(text: &str) -> DecisionIssued {
    DecisionIssued { signed_on: on(text), ..issued(1, 1, 1) }
}

#[test]
fn a_decision_is_issued_once_about_a_respondent_of_its_case() {
    let by = |body| DecisionIssued { issued_by_id: id(body), ..issued(1, 0, 1) };
    check(&given(), issued(1, 1, 1), ADMITTED);
    check(&given(), issued(1, 0, 3), ADMITTED);
    check(&given(), issued(1, 0, 4), ADMITTED);
    check(&and([closed(1, &[1, 2]).into()]), issued(1, 1, 1), ADMITTED);
    check(&given(), by(4), ADMITTED);
    check(&given(), by(3), refused(Rule::NotAnOrganisation, "issued_by_id"));
    check(&given(), by(9), refused(Rule::NotRegistered, "issued_by_id"));
    check(&and([issued(1, 1, 1).into()]), issued(1, 1, 1), refused(Rule::AlreadyIssued, "decision_id"));
    check(&and([issued(1, 1, 1).into()]), issued(2, 1, 1), ADMITTED);
    check(&given(), issued(1, 0, 9), refused(Rule::NotRegistered, "respondent_id"));
    check(&given(), issued(1, 1, 3), refused(Rule::NotARespondent, "respondent_id"));
    check(&given(), issued(1, 2, 1), refused(Rule::StreamUnknown, "case_id"));
    check(&given(), signed("2026-06-16"), ADMITTED);
    check(&given(), signed("2026-06-17"), refused(Rule::DateInFuture, "signed_on"));
    check(&given(), signed("2026-06-31"), refused(Rule::DateImpossible, "signed_on"));
}

#[test]
fn a_decision_rests_on_allegations_against_its_respondent() {
    let rests = |case, numbers: &[u32]| DecisionIssued { allegation_numbers: numbers.to_vec(), ..issued(1, case, 1) };
    check(&given(), rests(1, &[1]), ADMITTED);
    check(&given(), rests(1, &[]), ADMITTED);
    check(&given(), rests(1, &[1, 2]), refused(Rule::AllegationOfAnother, "allegation_numbers[1]"));
    check(&given(), rests(1, &[3]), refused(Rule::AllegationUnknown, "allegation_numbers[0]"));
    check(&given(), rests(1, &[0]), refused(Rule::AllegationUnknown, "allegation_numbers[0]"));
    check(&given(), rests(1, &[1, 1]), refused(Rule::NumberRepeated, "allegation_numbers[1]"));
    check(&given(), rests(0, &[1]), refused(Rule::AllegationsWithoutCase, "allegation_numbers"));
}

#[test]
fn sanctions_are_possible() {
    let item = SanctionItem { item_number: 2, ..SanctionItem::default() };
    let term = |years, months, days| SanctionItem { term: Some(Term { years, months, days }), ..item.clone() };
    let lasting = |from, to| SanctionItem { from: on(from), to: on(to), ..item.clone() };
    let fine = |currency: &str, units, nanos| SanctionItem {
        amount: Some(Money { currency: currency.to_owned(), units, nanos }),
        ..item.clone()
    };
    let table = [
        (item.clone(), ADMITTED),
        (term(0, 0, 10), ADMITTED),
        (lasting("2026", "2026-01-01"), ADMITTED),
        (lasting("2030-01-01", "2031"), ADMITTED),
        (fine("EUR", 100, 999_999_999), ADMITTED),
        (fine("EUR", -1, -1), ADMITTED),
        (fine("EUR", 0, -5), ADMITTED),
        (SanctionItem { item_number: 1, ..item.clone() }, refused(Rule::NumberRepeated, "items[1].item_number")),
        (term(0, 0, 0), refused(Rule::TermEmpty, "items[1].term")),
        (lasting("2026-02", "2026-01-31"), refused(Rule::PeriodReversed, "items[1].to")),
        (lasting("2026-02-29", "2027"), refused(Rule::DateImpossible, "items[1].from")),
        (lasting("2026", "2027-02-29"), refused(Rule::DateImpossible, "items[1].to")),
        (fine("", 1, 0), refused(Rule::CurrencyMissing, "items[1].amount.currency")),
        (fine("EUR", 1, 1_000_000_000), refused(Rule::NanosOutOfRange, "items[1].amount.nanos")),
        (fine("EUR", 1, i32::MIN), refused(Rule::NanosOutOfRange, "items[1].amount.nanos")),
        (fine("EUR", 1, -1), refused(Rule::MoneySignsDiffer, "items[1].amount.nanos")),
        (fine("EUR", i64::MIN, 1), refused(Rule::MoneySignsDiffer, "items[1].amount.nanos")),
    ];
    for (second, then) in table {
        let items = vec![SanctionItem { item_number: 1, ..SanctionItem::default() }, second];
        check(&given(), DecisionIssued { items: items.clone(), ..issued(1, 1, 1) }, then);
        check(&and([issued(1, 1, 1).into()]), DecisionModified { items, ..modified(1, 1) }, then);
    }
}

#[test]
fn only_a_standing_decision_changes() {
    let given_issued = and([issued(1, 1, 1).into()]);
    let given_annulled = and([issued(1, 1, 1).into(), annulled(1, 1).into()]);
    let then_modified = and([issued(1, 1, 1).into(), modified(1, 1).into()]);
    let over = refused(Rule::DecisionAnnulled, "decision_id");
    check(&given_issued, modified(1, 1), ADMITTED);
    check(&given_issued, annulled(1, 1), ADMITTED);
    check(&then_modified, modified(1, 1), ADMITTED);
    check(&then_modified, annulled(1, 1), ADMITTED);
    check(&given_annulled, modified(1, 1), over);
    check(&given_annulled, annulled(1, 1), over);
    check(&given_annulled, issued(1, 1, 1), refused(Rule::AlreadyIssued, "decision_id"));
    check(&given_issued, modified(2, 1), refused(Rule::StreamUnknown, "decision_id"));
    check(&given_issued, annulled(2, 1), refused(Rule::StreamUnknown, "decision_id"));
    check(&given_issued, modified(1, 2), refused(Rule::NotTheRespondent, "respondent_id"));
    check(&given_issued, annulled(1, 2), refused(Rule::NotTheRespondent, "respondent_id"));
    let modified_by = |body| DecisionModified { modified_by_id: id(body), ..modified(1, 1) };
    let annulled_by = |body| DecisionAnnulled { annulled_by_id: id(body), ..annulled(1, 1) };
    check(&given_issued, modified_by(4), ADMITTED);
    check(&given_issued, annulled_by(4), ADMITTED);
    check(&given_issued, modified_by(9), refused(Rule::NotRegistered, "modified_by_id"));
    check(&given_issued, annulled_by(3), refused(Rule::NotAnOrganisation, "annulled_by_id"));
}

#[test]
fn a_change_is_not_before_the_signature() {
    let given_signed = and([signed("2025-05").into()]);
    for context in [occurred("2025"), occurred("2025-05-01"), effective("2025-05"), effective("2031")] {
        check(&given_signed, DecisionModified { context: context.clone(), ..modified(1, 1) }, ADMITTED);
        check(&given_signed, DecisionAnnulled { context, ..annulled(1, 1) }, ADMITTED);
    }
    for (context, field) in [
        (occurred("2024"), "context.occurred_on"),
        (occurred("2025-04-30"), "context.occurred_on"),
        (effective("2025-04"), "context.effective_on"),
    ] {
        let then = refused(Rule::BeforeTheDecision, field);
        check(&given_signed, DecisionModified { context: context.clone(), ..modified(1, 1) }, then);
        check(&given_signed, DecisionAnnulled { context, ..annulled(1, 1) }, then);
    }
}

#[test]
fn a_decision_that_reached_back_is_changed_from_as_far_back() {
    let back = DecisionIssued { context: effective("2025-02"), ..signed("2025-05") };
    let given_back = and([back.into()]);
    let from = |context| DecisionModified { context, ..modified(1, 1) };
    check(&given_back, from(effective("2025-03")), ADMITTED);
    check(&given_back, from(effective("2025-01")), refused(Rule::BeforeTheDecision, "context.effective_on"));
    check(&given_back, from(occurred("2025-03")), refused(Rule::BeforeTheDecision, "context.occurred_on"));
    // One that takes effect later may be changed before it does.
    let given_later = and([DecisionIssued { context: effective("2026-12"), ..signed("2025-05") }.into()]);
    check(&given_later, from(effective("2025-08")), ADMITTED);
    // Nothing is before an unknown day.
    let given_undated = and([DecisionIssued { context: effective("2025-02"), ..issued(1, 1, 1) }.into()]);
    check(&given_undated, from(effective("1999")), ADMITTED);
}

#[test]
fn an_appeal_brings_a_change_of_its_own_decision() {
    let given_lodged = and([issued(1, 1, 1).into(), issued(2, 1, 1).into(), lodged(7, 2, 1).into()]);
    let modified = |decision, appeal| DecisionModified { appeal_id: id(appeal), ..modified(decision, 1) };
    let annulled = |decision, appeal| DecisionAnnulled { appeal_id: id(appeal), ..annulled(decision, 1) };
    let other = refused(Rule::AppealOfAnotherDecision, "appeal_id");
    let unknown = refused(Rule::StreamUnknown, "appeal_id");
    check(&given_lodged, modified(2, 7), ADMITTED);
    check(&given_lodged, annulled(2, 7), ADMITTED);
    check(&given_lodged, modified(1, 7), other);
    check(&given_lodged, annulled(1, 7), other);
    check(&given_lodged, modified(2, 8), unknown);
    check(&given_lodged, annulled(2, 8), unknown);
}
