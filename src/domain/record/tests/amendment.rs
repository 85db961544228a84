//! Corrections and voids: of what they may be, and what they may say.

use crate::domain::Rule;
use crate::domain::tests::ADMITTED;
use crate::domain::tests::alleged;
use crate::domain::tests::check;
use crate::domain::tests::code;
use crate::domain::tests::corrected;
use crate::domain::tests::id;
use crate::domain::tests::imported;
use crate::domain::tests::issued;
use crate::domain::tests::on;
use crate::domain::tests::opened;
use crate::domain::tests::person;
use crate::domain::tests::refused;
use crate::domain::tests::voided;
use crate::events::DecisionIssued;
use crate::events::Event;
use crate::events::FieldCorrection;
use crate::events::Observation;
use crate::events::PersonIdentity;
use crate::events::RecordCorrected;
use crate::events::RecordVoided;
use crate::events::SanctionItem;
use crate::events::field_correction::Value;

/// Persons 1 and 2 at 1 and 2, case 1 about 1 at 3, an allegation at 4, decision 1 about 1 at 5.
fn given() -> Vec<Event> {
    let item = SanctionItem { item_number: 1, form: code("fine"), to: on("2027"), ..SanctionItem::default() };
    let decision =
        DecisionIssued { signed_on: on("2025-05"), items: vec![item], reference: "12".to_owned(), ..issued(1, 1, 1) };
    vec![person(1), person(2), opened(1, &[1]).into(), alleged(1, 1, 1).into(), decision.into()]
}

fn and(more: impl IntoIterator<Item = Event>) -> Vec<Event> {
    given().into_iter().chain(more).collect()
}

fn decision() -> String {
    format!("decision/{}", id(1))
}

fn with(path: &str, value: Option<Value>) -> RecordCorrected {
    let fields = vec![FieldCorrection { path: path.to_owned(), value }];
    RecordCorrected { fields, ..corrected(9, 5, &decision(), &[1], "", "") }
}

#[test]
fn what_is_amended_is_an_entry_that_says_so() {
    let void = |position, target: &str, about: &[u64]| voided(9, position, target, about);
    check(&given(), void(5, &decision(), &[1]), ADMITTED);
    check(&given(), void(1, &format!("entity/{}", id(1)), &[1]), ADMITTED);
    check(&given(), void(6, &decision(), &[1]), refused(Rule::TargetUnknown, "target_position"));
    check(&given(), void(0, &decision(), &[1]), refused(Rule::TargetUnknown, "target_position"));
    check(&given(), void(u64::MAX, &decision(), &[1]), refused(Rule::TargetUnknown, "target_position"));
    check(&given(), void(5, &format!("decision/{}", id(2)), &[1]), refused(Rule::TargetInAnotherStream, "target"));
    check(&given(), void(5, &format!("case/{}", id(1)), &[1]), refused(Rule::TargetInAnotherStream, "target"));
    check(&given(), void(5, &decision(), &[]), refused(Rule::SubjectsDiffer, "subject_ids"));
    check(&given(), void(5, &decision(), &[2]), refused(Rule::SubjectsDiffer, "subject_ids"));
    check(&given(), void(5, &decision(), &[1, 2]), refused(Rule::SubjectsDiffer, "subject_ids"));
    check(&given(), void(5, &decision(), &[1, 1]), refused(Rule::SubjectRepeated, "subject_ids[1]"));
    let alone = RecordVoided { approver: "local".to_owned(), ..void(5, &decision(), &[1]) };
    check(&given(), alone, refused(Rule::ApproverIsActor, "approver"));
}

#[test]
fn an_amendment_is_not_amended_and_nothing_is_voided_twice() {
    let once = and([voided(9, 5, &decision(), &[1]).into()]);
    let record = format!("record/{}", id(9));
    check(&once, voided(8, 5, &decision(), &[1]), refused(Rule::TargetVoid, "target_position"));
    check(&once, corrected(8, 5, &decision(), &[1], "signed_on", "2025"), refused(Rule::TargetVoid, "target_position"));
    check(&once, voided(9, 4, &format!("case/{}", id(1)), &[1]), refused(Rule::AlreadyRecorded, "record_id"));
    check(&once, voided(8, 6, &record, &[1]), refused(Rule::TargetNotAFact, "target_position"));
    check(&once, imported(9, Observation::FirstSeen, &[]), refused(Rule::AlreadyRecorded, "record_id"));
    let whole = and([voided(9, 3, &format!("case/{}", id(1)), &[1]).into()]);
    check(&whole, voided(8, 4, &format!("case/{}", id(1)), &[1]), refused(Rule::TargetVoid, "target_position"));
    let row = and([imported(7, Observation::FirstSeen, &[1]).into()]);
    check(&row, voided(8, 6, &format!("record/{}", id(7)), &[1]), ADMITTED);
    check(&row, voided(7, 5, &decision(), &[1]), refused(Rule::AlreadyRecorded, "record_id"));
}

#[test]
fn a_correction_puts_values_of_the_right_type_where_there_are_fields() {
    let date = |text| on(text).map(Value::Date);
    let text = |text: &str| Some(Value::Text(text.to_owned()));
    let path = refused(Rule::PathUnknown, "fields[0].path");
    let value = refused(Rule::ValueOfAnotherType, "fields[0].value");
    let pointed = refused(Rule::PathNotCorrectable, "fields[0].path");
    let broken = refused(Rule::CorrectedBroken, "fields");
    check(&given(), with("signed_on", date("2025-04")), ADMITTED);
    check(&given(), with("signed_on", None), ADMITTED);
    check(&given(), with("items[0].to", date("2028")), ADMITTED);
    check(&given(), with("items[0].form.code", text("warning")), ADMITTED);
    check(&given(), with("reference", text("13")), ADMITTED);
    for unknown in ["", "nothing", "items", "items[1].to", "items[0", "items[x].to", "signed_on.", "items[0].to.year.x"]
    {
        check(&given(), with(unknown, date("2028")), path);
    }
    // Dates and stretches of time are corrected whole.
    check(&given(), with("signed_on.year", Some(Value::Number(2024))), path);
    check(&given(), with("items[0].to.month", None), path);
    check(&given(), with("reasons", None), path);
    check(&given(), with("context.occurred_on", date("2025")), path);
    check(&given(), with("signed_on", text("2025")), value);
    check(&given(), with("reference", date("2025")), value);
    check(&given(), with("items[0]", None), value);
    check(&given(), with("case_id", text(&id(2))), pointed);
    check(&given(), with("respondent_id", text(&id(2))), pointed);
    check(&given(), with("items[0].item_number", Some(Value::Number(2))), pointed);
    check(&given(), with("reference", text("thirteen of them")), broken);
    check(&given(), with("regime", None), broken);
    check(&given(), with("signed_on", date("2025-02-30")), broken);
    check(&given(), with("items[0].from", date("2029")), broken);
}

#[test]
fn a_correction_says_something_once() {
    let nothing = RecordCorrected { fields: Vec::new(), ..with("", None) };
    let sealed = RecordCorrected { identity: Some(PersonIdentity::default()), ..nothing.clone() };
    let field = FieldCorrection { path: "signed_on".to_owned(), value: None };
    let twice = RecordCorrected { fields: vec![field.clone(), field], ..nothing.clone() };
    check(&given(), nothing, refused(Rule::CorrectionEmpty, "fields"));
    check(&given(), sealed, ADMITTED);
    check(&given(), twice, refused(Rule::PathRepeated, "fields[1].path"));
}
