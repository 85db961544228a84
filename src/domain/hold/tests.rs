//! Rules of holds, a row each.

use crate::domain::Rule;
use crate::domain::tests::ADMITTED;
use crate::domain::tests::check;
use crate::domain::tests::corrected;
use crate::domain::tests::held;
use crate::domain::tests::id;
use crate::domain::tests::on;
use crate::domain::tests::opened;
use crate::domain::tests::organisation;
use crate::domain::tests::person;
use crate::domain::tests::refused;
use crate::domain::tests::released;
use crate::domain::tests::voided;
use crate::events::DocumentReference;
use crate::events::Event;
use crate::events::HoldPlaced;
use crate::events::HoldReleased;

/// Person 1, body 4, case 1.
fn given() -> Vec<Event> {
    vec![person(1), organisation(4), opened(1, &[1]).into()]
}

fn case(number: u64) -> String {
    format!("case/{}", id(number))
}

fn and(more: impl IntoIterator<Item = Event>) -> Vec<Event> {
    given().into_iter().chain(more).collect()
}

#[test]
fn a_hold_is_placed_once_on_what_is_recorded() {
    let by = |body| HoldPlaced { placed_by_id: id(body), ..held(1, &case(1)) };
    let ordered = |issued_on, len| {
        let document = DocumentReference { issued_on, sha256: vec![7; len].into(), ..DocumentReference::default() };
        HoldPlaced { document: Some(document), ..held(1, &case(1)) }
    };
    check(&given(), held(1, &case(1)), ADMITTED);
    check(&given(), held(1, &format!("entity/{}", id(1))), ADMITTED);
    check(&given(), by(4), ADMITTED);
    check(&given(), ordered(on("2026-05"), 32), ADMITTED);
    check(&and([held(1, &case(1)).into()]), held(2, &case(1)), ADMITTED);
    check(&and([held(1, &case(1)).into()]), held(1, &case(1)), refused(Rule::HoldAlreadyPlaced, "hold_id"));
    check(&given(), held(1, &case(2)), refused(Rule::StreamUnknown, "target"));
    check(&given(), held(1, "case"), refused(Rule::StreamUnknown, "target"));
    check(&given(), held(1, ""), refused(Rule::StreamUnknown, "target"));
    check(&given(), by(1), refused(Rule::NotAnOrganisation, "placed_by_id"));
    check(&given(), by(9), refused(Rule::NotRegistered, "placed_by_id"));
    check(&given(), ordered(on("2026-02-30"), 32), refused(Rule::DateImpossible, "document.issued_on"));
    check(&given(), ordered(None, 31), refused(Rule::DigestLength, "document.sha256"));
}

#[test]
fn a_hold_is_released_once() {
    let once = and([held(1, &case(1)).into()]);
    let twice = and([held(1, &case(1)).into(), released(1).into()]);
    let by = |body| HoldReleased { released_by_id: id(body), ..released(1) };
    check(&once, released(1), ADMITTED);
    check(&once, by(4), ADMITTED);
    check(&twice, held(2, &case(1)), ADMITTED);
    check(&twice, released(1), refused(Rule::HoldAlreadyReleased, "hold_id"));
    check(&twice, held(1, &case(1)), refused(Rule::HoldAlreadyPlaced, "hold_id"));
    check(&given(), released(1), refused(Rule::StreamUnknown, "hold_id"));
    check(&once, released(2), refused(Rule::StreamUnknown, "hold_id"));
    check(&once, by(1), refused(Rule::NotAnOrganisation, "released_by_id"));
    check(&once, by(9), refused(Rule::NotRegistered, "released_by_id"));
}

#[test]
fn a_hold_ends_by_its_release_and_in_no_other_way() {
    let once = and([held(1, &case(1)).into()]);
    let hold = format!("hold/{}", id(1));
    check(&once, voided(9, 4, &hold, &[]), refused(Rule::TargetNotAFact, "target_position"));
    check(
        &once,
        corrected(9, 4, &hold, &[], "context.occurred_on", "2026"),
        refused(Rule::TargetNotAFact, "target_position"),
    );
}
