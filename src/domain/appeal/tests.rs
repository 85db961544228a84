use crate::domain::Rule;
use crate::domain::tests::ADMITTED;
use crate::domain::tests::annulled;
use crate::domain::tests::check;
use crate::domain::tests::decided;
use crate::domain::tests::id;
use crate::domain::tests::issued;
use crate::domain::tests::lodged;
use crate::domain::tests::occurred;
use crate::domain::tests::on;
use crate::domain::tests::organisation;
use crate::domain::tests::person;
use crate::domain::tests::refused;
use crate::events::AppealDecided;
use crate::events::AppealLodged;
use crate::events::AppealOutcome;
use crate::events::DecisionIssued;
use crate::events::Event;

/// Persons 1 and 2, body 4, decision 1 about 1, signed in May 2025.
fn given() -> Vec<Event> {
    let signed = DecisionIssued { signed_on: on("2025-05"), ..issued(1, 0, 1) };
    vec![person(1), person(2), organisation(4), signed.into()]
}

fn and(more: impl IntoIterator<Item = Event>) -> Vec<Event> {
    given().into_iter().chain(more).collect()
}

#[test]
fn an_appeal_is_lodged_once_against_a_standing_decision() {
    let with = |body| AppealLodged { lodged_with_id: id(body), ..lodged(1, 1, 1) };
    check(&given(), lodged(1, 1, 1), ADMITTED);
    check(&and([lodged(1, 1, 1).into()]), lodged(2, 1, 1), ADMITTED);
    check(&given(), with(4), ADMITTED);
    check(&given(), with(2), refused(Rule::NotAnOrganisation, "lodged_with_id"));
    check(&given(), with(9), refused(Rule::NotRegistered, "lodged_with_id"));
    check(&and([lodged(1, 1, 1).into()]), lodged(1, 1, 1), refused(Rule::AlreadyLodged, "appeal_id"));
    check(&given(), lodged(1, 2, 1), refused(Rule::StreamUnknown, "decision_id"));
    check(&and([annulled(1, 1).into()]), lodged(1, 1, 1), refused(Rule::DecisionAnnulled, "decision_id"));
    check(&given(), lodged(1, 1, 2), refused(Rule::NotTheRespondent, "respondent_id"));
}

#[test]
fn an_appeal_is_not_lodged_before_the_signature() {
    let lodged_on = |text| AppealLodged { lodged_on: on(text), ..lodged(1, 1, 1) };
    let occurring = |text| AppealLodged { context: occurred(text), ..lodged(1, 1, 1) };
    for text in ["2025", "2025-05", "2025-05-01", "2026-06-16"] {
        check(&given(), lodged_on(text), ADMITTED);
        check(&given(), occurring(text), ADMITTED);
    }
    for text in ["2024", "2025-04", "2025-04-30"] {
        check(&given(), lodged_on(text), refused(Rule::BeforeTheDecision, "lodged_on"));
        check(&given(), occurring(text), refused(Rule::BeforeTheDecision, "context.occurred_on"));
    }
    check(&given(), lodged_on("2026-06-17"), refused(Rule::DateInFuture, "lodged_on"));
    check(&given(), lodged_on("2026-06-31"), refused(Rule::DateImpossible, "lodged_on"));
}

#[test]
fn an_appeal_is_decided_once() {
    let given_lodged = and([issued(2, 0, 1).into(), lodged(1, 1, 1).into()]);
    let given_decided = and([lodged(1, 1, 1).into(), decided(1, 1, 1).into()]);
    let by = |body| AppealDecided { decided_by_id: id(body), ..decided(1, 1, 1) };
    for outcome in [AppealOutcome::Upheld, AppealOutcome::Annulled, AppealOutcome::Remitted] {
        check(&given_lodged, AppealDecided { outcome: outcome.into(), ..decided(1, 1, 1) }, ADMITTED);
    }
    // The decision may be gone in the meantime: that is no reason to leave the appeal open.
    check(&and([lodged(1, 1, 1).into(), annulled(1, 1).into()]), decided(1, 1, 1), ADMITTED);
    check(&given_decided, lodged(2, 1, 1), ADMITTED);
    check(&given_lodged, by(4), ADMITTED);
    check(&given_lodged, by(1), refused(Rule::NotAnOrganisation, "decided_by_id"));
    check(&given_lodged, by(9), refused(Rule::NotRegistered, "decided_by_id"));
    check(&given_decided, decided(1, 1, 1), refused(Rule::AppealAlreadyDecided, "appeal_id"));
    check(&given_decided, lodged(1, 1, 1), refused(Rule::AlreadyLodged, "appeal_id"));
    check(&given_lodged, decided(2, 1, 1), refused(Rule::StreamUnknown, "appeal_id"));
    check(&given_lodged, decided(1, 2, 1), refused(Rule::AppealOfAnotherDecision, "decision_id"));
    check(&given_lodged, decided(1, 1, 2), refused(Rule::NotTheRespondent, "respondent_id"));
}

#[test]
fn an_appeal_is_not_decided_before_it_was_lodged() {
    let given_lodged = and([AppealLodged { lodged_on: on("2025-07"), ..lodged(1, 1, 1) }.into()]);
    let decided_on = |text| AppealDecided { decided_on: on(text), ..decided(1, 1, 1) };
    for text in ["2025", "2025-07-01", "2026"] {
        check(&given_lodged, decided_on(text), ADMITTED);
    }
    check(&given_lodged, decided_on("2025-06"), refused(Rule::DecidedBeforeLodged, "decided_on"));
    check(&given_lodged, decided_on("2024"), refused(Rule::DecidedBeforeLodged, "decided_on"));
    check(&given_lodged, decided_on("2027"), refused(Rule::DateInFuture, "decided_on"));
    check(&given_lodged, decided_on("2025-00-09"), refused(Rule::DateImpossible, "decided_on"));
    let occurring = AppealDecided { context: occurred("2025-06-30"), ..decided(1, 1, 1) };
    check(&given_lodged, occurring, refused(Rule::DecidedBeforeLodged, "context.occurred_on"));
}
