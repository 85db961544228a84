//! Rules of disputes, a row each.

use crate::domain::Rule;
use crate::domain::dispute::STATEMENT_BYTES_MAX;
use crate::domain::tests::ADMITTED;
use crate::domain::tests::annulled;
use crate::domain::tests::asked;
use crate::domain::tests::check;
use crate::domain::tests::corrected;
use crate::domain::tests::disputed;
use crate::domain::tests::id;
use crate::domain::tests::issued;
use crate::domain::tests::on;
use crate::domain::tests::organisation;
use crate::domain::tests::person;
use crate::domain::tests::refused;
use crate::domain::tests::said;
use crate::domain::tests::settled;
use crate::domain::tests::voided;
use crate::events::DisputeOutcome;
use crate::events::DisputeResolved;
use crate::events::Event;
use crate::events::Narrative;
use crate::events::RecordDisputed;
use crate::events::StatementAttached;

/// Persons 1 and 2 at 1 and 2, body 4 at 3, decision 1 about person 1 at 4, request 1 of person 1 at 5.
fn given() -> Vec<Event> {
    vec![person(1), person(2), organisation(4), issued(1, 0, 1).into(), asked(1, 1).into()]
}

fn and(more: impl IntoIterator<Item = Event>) -> Vec<Event> {
    given().into_iter().chain(more).collect()
}

fn decision() -> String {
    format!("decision/{}", id(1))
}

/// Dispute 1 of the decision, raised by person 1.
fn raised() -> RecordDisputed {
    disputed(1, 4, &decision(), &[1])
}

#[test]
fn a_subject_disputes_an_entry_that_is_there() {
    let by = |who| RecordDisputed { person_id: id(who), ..raised() };
    check(&given(), raised(), ADMITTED);
    check(&given(), disputed(1, 1, &format!("entity/{}", id(1)), &[1]), ADMITTED);
    check(&given(), disputed(1, 5, &format!("rights/{}", id(1)), &[1]), ADMITTED);
    check(&and([raised().into()]), disputed(2, 4, &decision(), &[1]), ADMITTED);
    check(&and([raised().into()]), raised(), refused(Rule::AlreadyDisputed, "dispute_id"));
    check(&given(), by(2), refused(Rule::NotASubject, "person_id"));
    check(&given(), disputed(1, 4, &decision(), &[2]), refused(Rule::SubjectsDiffer, "subject_ids"));
    check(&given(), disputed(1, 4, &decision(), &[1, 2]), refused(Rule::SubjectsDiffer, "subject_ids"));
    check(&given(), disputed(1, 4, &decision(), &[1, 1]), refused(Rule::SubjectRepeated, "subject_ids[1]"));
    check(&given(), disputed(1, 6, &decision(), &[1]), refused(Rule::TargetUnknown, "target_position"));
    check(&given(), disputed(1, 0, &decision(), &[1]), refused(Rule::TargetUnknown, "target_position"));
    let other = format!("decision/{}", id(2));
    check(&given(), disputed(1, 4, &other, &[1]), refused(Rule::TargetInAnotherStream, "target"));
    let dated = |day| RecordDisputed { disputed_on: on(day), ..raised() };
    check(&given(), dated("2026-06-16"), ADMITTED);
    check(&given(), dated("2026-06-17"), refused(Rule::DateInFuture, "disputed_on"));
    check(&given(), dated("2026-02-29"), refused(Rule::DateImpossible, "disputed_on"));
}

#[test]
fn a_dispute_came_with_a_request_of_the_same_person() {
    let with = |request| RecordDisputed { rights_id: id(request), ..raised() };
    let of_two = RecordDisputed { rights_id: id(1), ..disputed(1, 2, &format!("entity/{}", id(2)), &[2]) };
    check(&given(), with(1), ADMITTED);
    check(&given(), with(2), refused(Rule::StreamUnknown, "rights_id"));
    check(&given(), of_two, refused(Rule::NotTheRequester, "rights_id"));
}

#[test]
fn what_is_void_or_no_fact_is_not_disputed() {
    let gone = and([voided(9, 4, &decision(), &[1]).into()]);
    check(&gone, raised(), refused(Rule::TargetVoid, "target_position"));
    let record = format!("record/{}", id(9));
    check(&gone, disputed(1, 6, &record, &[1]), refused(Rule::TargetNotAFact, "target_position"));
    let once = and([raised().into()]);
    let dispute = format!("dispute/{}", id(1));
    check(&once, disputed(2, 6, &dispute, &[1]), refused(Rule::TargetNotAFact, "target_position"));
    check(&once, voided(9, 6, &dispute, &[1]), refused(Rule::TargetNotAFact, "target_position"));
    check(
        &once,
        corrected(9, 6, &dispute, &[1], "disputed_on", "2026"),
        refused(Rule::TargetNotAFact, "target_position"),
    );
    // What is disputed counts, and is corrected and voided like anything else.
    check(&once, annulled(1, 1), ADMITTED);
    check(&once, voided(9, 4, &decision(), &[1]), ADMITTED);
    check(&once, corrected(9, 4, &decision(), &[1], "signed_on", "2025"), ADMITTED);
}

#[test]
fn a_dispute_has_one_statement_that_is_not_too_long() {
    let text = |len: usize| {
        let statement = Some(Narrative { text: "x".repeat(len), language: String::new() });
        StatementAttached { statement, ..said(1, 4, &decision(), &[1]) }
    };
    let once = and([raised().into()]);
    let twice = and([raised().into(), said(1, 4, &decision(), &[1]).into()]);
    let after = and([raised().into(), settled(1, 4, &decision(), &[1]).into()]);
    check(&once, said(1, 4, &decision(), &[1]), ADMITTED);
    check(&after, said(1, 4, &decision(), &[1]), ADMITTED);
    check(&once, text(STATEMENT_BYTES_MAX), ADMITTED);
    check(&once, text(STATEMENT_BYTES_MAX + 1), refused(Rule::StatementTooLong, "statement.text"));
    check(&once, text(0), refused(Rule::StatementMissing, "statement"));
    let none = StatementAttached { statement: None, ..said(1, 4, &decision(), &[1]) };
    check(&once, none, refused(Rule::StatementMissing, "statement"));
    check(&twice, said(1, 4, &decision(), &[1]), refused(Rule::StatementAlreadyAttached, "dispute_id"));
    check(&once, said(2, 4, &decision(), &[1]), refused(Rule::StreamUnknown, "dispute_id"));
    check(&once, said(1, 3, &decision(), &[1]), refused(Rule::NotTheDisputed, "target_position"));
    check(&once, said(1, 4, &format!("case/{}", id(1)), &[1]), refused(Rule::TargetInAnotherStream, "target"));
    check(&once, said(1, 4, &decision(), &[]), refused(Rule::SubjectsDiffer, "subject_ids"));
    check(&once, said(1, 4, &decision(), &[2]), refused(Rule::SubjectsDiffer, "subject_ids"));
    check(&once, said(1, 4, &decision(), &[1, 1]), refused(Rule::SubjectRepeated, "subject_ids[1]"));
    let dated = |day| StatementAttached { attached_on: on(day), ..said(1, 4, &decision(), &[1]) };
    check(&once, dated("2026-06-17"), refused(Rule::DateInFuture, "attached_on"));
    check(&once, dated("2026-06-31"), refused(Rule::DateImpossible, "attached_on"));
}

#[test]
fn a_dispute_is_resolved_once_and_not_before_it_was_raised() {
    let resolved = || settled(1, 4, &decision(), &[1]);
    let once = and([RecordDisputed { disputed_on: on("2026-05"), ..raised() }.into()]);
    let twice = [once.clone(), vec![resolved().into()]].concat();
    let by = |body| DisputeResolved { resolved_by_id: id(body), ..resolved() };
    let dated = |day| DisputeResolved { resolved_on: on(day), ..resolved() };
    check(&once, resolved(), ADMITTED);
    check(&once, by(4), ADMITTED);
    check(&once, dated("2026-05-31"), ADMITTED);
    check(&once, dated("2026-04-30"), refused(Rule::ResolvedBeforeDisputed, "resolved_on"));
    check(&once, dated("2026-06-17"), refused(Rule::DateInFuture, "resolved_on"));
    check(&once, dated("2026-13"), refused(Rule::DateImpossible, "resolved_on"));
    check(&once, by(2), refused(Rule::NotAnOrganisation, "resolved_by_id"));
    check(&twice, resolved(), refused(Rule::AlreadyResolved, "dispute_id"));
    check(&given(), resolved(), refused(Rule::StreamUnknown, "dispute_id"));
    check(&once, settled(1, 1, &decision(), &[1]), refused(Rule::NotTheDisputed, "target_position"));
    check(&once, settled(1, 4, "case/1", &[1]), refused(Rule::TargetInAnotherStream, "target"));
    check(&once, settled(1, 4, &decision(), &[2]), refused(Rule::SubjectsDiffer, "subject_ids"));
    check(&once, settled(1, 4, &decision(), &[1, 1]), refused(Rule::SubjectRepeated, "subject_ids[1]"));
}

/// Dispute 1 at 6, then this at 7.
fn after(event: impl Into<Event>) -> Vec<Event> {
    and([raised().into(), event.into()])
}

#[test]
fn what_resolved_a_dispute_is_recorded_and_did_it() {
    use DisputeOutcome::Corrected;
    use DisputeOutcome::Revised;
    use DisputeOutcome::Upheld;
    use DisputeOutcome::Voided;
    let by = |outcome: DisputeOutcome, entry_position| DisputeResolved {
        outcome: outcome.into(),
        entry_position,
        ..settled(1, 4, &decision(), &[1])
    };
    let not_done = refused(Rule::OutcomeNotRecorded, "entry_position");
    let right = after(corrected(9, 4, &decision(), &[1], "signed_on", "2025"));
    let void = after(voided(9, 4, &decision(), &[1]));
    let undone = after(annulled(1, 1));
    check(&right, by(Corrected, 7), ADMITTED);
    check(&void, by(Voided, 7), ADMITTED);
    check(&undone, by(Revised, 7), ADMITTED);
    check(&right, by(Voided, 7), not_done);
    check(&right, by(Revised, 7), not_done);
    check(&void, by(Corrected, 7), not_done);
    check(&undone, by(Corrected, 7), not_done);
    check(&undone, by(Revised, 4), not_done);
    check(&undone, by(Revised, 6), not_done);
    check(&undone, by(Revised, 8), not_done);
    check(&undone, by(Voided, u64::MAX), not_done);
    let of_another = after(corrected(9, 1, &format!("entity/{}", id(1)), &[1], "status", ""));
    check(&of_another, by(Corrected, 7), not_done);
    let bare = refused(Rule::OutcomeWithoutEntry, "entry_position");
    check(&right, by(Upheld, 7), bare);
    check(&right, by(Corrected, 0), bare);
    check(&right, by(Voided, 0), bare);
    check(&right, by(Revised, 0), bare);
}
