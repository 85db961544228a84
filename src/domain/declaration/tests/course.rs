//! The course of a declaration: accepted, published, and no longer published.

use crate::domain;
use crate::domain::Rule;
use crate::domain::tests::ADMITTED;
use crate::domain::tests::Book;
use crate::domain::tests::accepted;
use crate::domain::tests::amended;
use crate::domain::tests::check;
use crate::domain::tests::corrected;
use crate::domain::tests::id;
use crate::domain::tests::on;
use crate::domain::tests::period;
use crate::domain::tests::published;
use crate::domain::tests::refused;
use crate::domain::tests::submitted;
use crate::domain::tests::voided;
use crate::domain::tests::withdrawn;
use crate::events::DeclarationAccepted;
use crate::events::DeclarationPublished;
use crate::events::DeclarationSubmitted;
use crate::events::Event;
use crate::events::EventType;
use crate::events::PublicationEnded;

use super::given;

fn and(more: impl IntoIterator<Item = Event>) -> Vec<Event> {
    given().into_iter().chain(more).collect()
}

#[test]
fn each_version_is_accepted_once() {
    let once = and([accepted(1, 1).into()]);
    check(&given(), accepted(1, 1), ADMITTED);
    check(&once, accepted(1, 1), refused(Rule::AlreadyAccepted, "declaration_id"));
    check(&and([accepted(1, 1).into(), amended(1, 1).into()]), accepted(1, 1), ADMITTED);
    check(&given(), accepted(1, 2), refused(Rule::NotTheDeclarant, "person_id"));
    check(&given(), accepted(2, 1), refused(Rule::StreamUnknown, "declaration_id"));
    let by = |body| DeclarationAccepted { accepted_by_id: id(body), ..accepted(1, 1) };
    check(&given(), by(4), ADMITTED);
    check(&given(), by(2), refused(Rule::NotAnOrganisation, "accepted_by_id"));
    let filed = and([DeclarationSubmitted { submitted_on: on("2025-05"), ..submitted(2, 1) }.into()]);
    let on_day = |day| DeclarationAccepted { accepted_on: on(day), ..accepted(2, 1) };
    check(&filed, on_day("2025-05-01"), ADMITTED);
    check(&filed, on_day("2025-04-30"), refused(Rule::BeforeItWasSubmitted, "accepted_on"));
    check(&filed, on_day("2026-06-17"), refused(Rule::DateInFuture, "accepted_on"));
}

#[test]
fn what_is_public_is_so_until_it_ends() {
    let from = |from, to| DeclarationPublished { period: period(from, to), ..published(1, 1) };
    let public = and([from("2025-05", "2025-06").into()]);
    let ended = and([from("2025-05", "2025-06").into(), withdrawn(1, 1).into()]);
    let on_day = |day| PublicationEnded { ended_on: on(day), ..withdrawn(1, 1) };
    check(&given(), published(1, 1), ADMITTED);
    check(&and([accepted(1, 1).into()]), published(1, 1), ADMITTED);
    check(&public, on_day("2025-05-31"), ADMITTED);
    check(&ended, published(1, 1), ADMITTED);
    check(&public, published(1, 1), refused(Rule::AlreadyPublished, "declaration_id"));
    check(&given(), withdrawn(1, 1), refused(Rule::NotPublished, "declaration_id"));
    check(&ended, withdrawn(1, 1), refused(Rule::NotPublished, "declaration_id"));
    check(&public, on_day("2025-04-30"), refused(Rule::EndedBeforePublished, "ended_on"));
    check(&public, on_day("2026-06-17"), refused(Rule::DateInFuture, "ended_on"));
    check(&public, withdrawn(1, 2), refused(Rule::NotTheDeclarant, "person_id"));
    check(&given(), published(1, 2), refused(Rule::NotTheDeclarant, "person_id"));
    check(&given(), published(2, 1), refused(Rule::StreamUnknown, "declaration_id"));
    check(&given(), from("2025-06", "2025-05"), refused(Rule::PeriodReversed, "period.to"));
    check(&given(), from("2026-07", "2026-08"), refused(Rule::DateInFuture, "period.from"));
}

#[test]
fn each_state_says_what_it_allows() {
    use EventType::DeclarationAccepted as Accepted;
    use EventType::DeclarationAmended as Amended;
    use EventType::DeclarationPublished as Published;
    use EventType::PublicationEnded as Ended;
    let allows = |events: Vec<Event>, expected: &[EventType]| {
        let book = Book::of(&and(events));
        let rejection = domain::admit(&submitted(1, 1).into(), &book).expect_err("it was submitted");
        assert_eq!(rejection.allowed(), Some(expected));
    };
    allows(vec![], &[Amended, Accepted, Published]);
    allows(vec![accepted(1, 1).into()], &[Amended, Published]);
    allows(vec![published(1, 1).into()], &[Amended, Accepted, Ended]);
    allows(vec![accepted(1, 1).into(), published(1, 1).into()], &[Amended, Ended]);
    allows(vec![accepted(1, 1).into(), amended(1, 1).into()], &[Amended, Accepted, Published]);
}

#[test]
fn what_is_void_or_corrected_no_longer_stands_in_the_way() {
    let target = format!("declaration/{}", id(1));
    let undone = and([accepted(1, 1).into(), voided(9, 5, &target, &[1]).into()]);
    check(&undone, accepted(1, 1), ADMITTED);
    let amended_twice =
        and([accepted(1, 1).into(), amended(1, 1).into(), amended(1, 1).into(), voided(9, 6, &target, &[1]).into()]);
    check(&amended_twice, accepted(1, 1), ADMITTED);
    let public_again = and([published(1, 1).into(), withdrawn(1, 1).into(), voided(9, 6, &target, &[1]).into()]);
    check(&public_again, withdrawn(1, 1), ADMITTED);
    let filed = DeclarationSubmitted { submitted_on: on("2025-05"), ..submitted(2, 1) };
    let early = DeclarationAccepted { accepted_on: on("2025-03"), ..accepted(2, 1) };
    let of_two = format!("declaration/{}", id(2));
    let right = corrected(9, 5, &of_two, &[1], "submitted_on", "2025-02");
    check(&and([filed.clone().into()]), early.clone(), refused(Rule::BeforeItWasSubmitted, "accepted_on"));
    check(&and([filed.into(), right.into()]), early, ADMITTED);
}
