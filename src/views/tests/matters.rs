//! Petitions, duties to declare, verifications, appeals, publications, and what is pending of them.

use crate::events::AppealLodged;
use crate::events::DeclarationAccepted;
use crate::events::DeclarationKind;
use crate::events::DeclarationPublished;
use crate::events::DeclarationSubmitted;
use crate::events::Event;
use crate::events::Narrative;
use crate::events::ObligationCreated;
use crate::events::Period;
use crate::events::PetitionOutcome;
use crate::events::PetitionReceived;
use crate::events::PetitionResolved;
use crate::events::PetitionerIdentity;
use crate::events::PublicationEnded;
use crate::events::Truthfulness;
use crate::events::VerificationConcluded;
use crate::events::VerificationOrdered;
use crate::proto::v1::AppealState;
use crate::proto::v1::Change;
use crate::proto::v1::ChangeKind;
use crate::proto::v1::ObligationState;
use crate::proto::v1::PetitionState;
use crate::proto::v1::Standing;
use crate::proto::v1::VerificationState;
use crate::views::appeal;
use crate::views::changes;
use crate::views::declaration;
use crate::views::fixture::Story;
use crate::views::fixture::code;
use crate::views::fixture::date;
use crate::views::fixture::id;
use crate::views::fixture::name;
use crate::views::obligation;
use crate::views::petition;
use crate::views::record;
use crate::views::tests::ALL;
use crate::views::tests::amend::voided;
use crate::views::tests::appeal_decided;
use crate::views::tests::case_opened;
use crate::views::tests::issued;
use crate::views::tests::person;
use crate::views::tests::section;
use crate::views::tests::view;
use crate::views::verification;
use crate::views::work;

pub(super) fn petitioned(who: u128, due: &str) -> Event {
    PetitionReceived {
        petition_id: id(70),
        petition_kind: code("denunciation"),
        respondent_ids: vec![id(who)],
        due_on: Some(due).filter(|due| !due.is_empty()).map(date),
        petitioner: Some(PetitionerIdentity { full_name: "Nobody Must Know".to_owned(), ..Default::default() }),
        summary: Some(Narrative { text: "it is said".to_owned(), ..Narrative::default() }),
        ..PetitionReceived::default()
    }
    .into()
}

pub(super) fn petition_resolved(who: u128) -> Event {
    PetitionResolved {
        petition_id: id(70),
        respondent_ids: vec![id(who)],
        outcome: PetitionOutcome::Unfounded.into(),
        ..PetitionResolved::default()
    }
    .into()
}

pub(super) fn obliged(who: u128, due: &str) -> Event {
    ObligationCreated {
        obligation_id: id(60),
        person_id: id(who),
        kind: DeclarationKind::Annual.into(),
        due_on: Some(date(due)),
        ..ObligationCreated::default()
    }
    .into()
}

/// A declaration of the first person that meets the duty.
pub(super) fn declared(on: &str) -> Event {
    DeclarationSubmitted {
        declaration_id: id(40),
        person_id: id(1),
        obligation_id: id(60),
        submitted_on: Some(on).filter(|on| !on.is_empty()).map(date),
        sections: vec![section("land", 0)],
        ..DeclarationSubmitted::default()
    }
    .into()
}

pub(super) fn verified(who: u128, due: &str) -> Event {
    VerificationOrdered {
        verification_id: id(80),
        person_id: id(who),
        declaration_ids: vec![id(40)],
        due_on: Some(due).filter(|due| !due.is_empty()).map(date),
        ..VerificationOrdered::default()
    }
    .into()
}

pub(super) fn concluded(who: u128) -> Event {
    VerificationConcluded {
        verification_id: id(80),
        person_id: id(who),
        truthfulness: Truthfulness::Truthful.into(),
        ..VerificationConcluded::default()
    }
    .into()
}

#[test]
fn a_petition_never_says_who_petitions() {
    let the = name("petition", 70);
    let story = Story::of([petitioned(1, "2026-03-01"), petition_resolved(1)]);
    let parts = &story.entries()[0].parts;
    assert_eq!(parts.iter().map(|part| part.class).collect::<Vec<_>>(), [5, 4], "both are sealed");
    let found = petition::petition(&the, &story.entries(), view("2026-01-01", ALL)).unwrap();
    let summary = found.summary.unwrap();
    assert_eq!((summary.part, summary.personal_class), (1, 4), "what it says, and not who");
    assert_eq!((found.state, found.outcome), (PetitionState::Resolved.into(), PetitionOutcome::Unfounded.into()));
}

#[test]
fn a_petition_is_overdue_while_it_is_open_and_its_last_day_is_over() {
    let the = name("petition", 70);
    let story = Story::of([petitioned(1, "2026-03"), petition_resolved(1), voided(1, &the)]);
    for (day, known_at, state, overdue) in [
        ("2026-03-31", 1, PetitionState::Open, false),
        ("2026-04-01", 1, PetitionState::Open, true),
        ("2026-04-01", 2, PetitionState::Resolved, false),
        ("2026-04-01", 3, PetitionState::Void, false),
    ] {
        let found = petition::petition(&the, &story.entries(), view(day, known_at)).unwrap();
        assert_eq!((found.state(), found.overdue), (state, overdue), "on {day} at {known_at}");
    }
    assert_eq!(petition::petition(&the, &story.entries(), view("2026-04-01", 0)), None);
}

#[test]
fn a_petition_names_the_cases_that_it_led_to_and_not_void_ones() {
    let Event::CaseOpened(mut case) = case_opened(&[1]) else { unreachable!() };
    case.petition_id = id(70);
    let story = Story::of([petitioned(1, ""), case.into(), voided(2, &name("case", 10))]);
    let cases = |known_at| {
        petition::petition(&name("petition", 70), &story.entries(), view("2026-01-01", known_at)).unwrap().cases
    };
    assert_eq!(cases(1), [""; 0]);
    assert_eq!(cases(2), [name("case", 10).to_string()]);
    assert_eq!(cases(3), [""; 0]);
}

#[test]
fn a_duty_is_met_in_time_late_or_not_at_all() {
    let the = name("obligation", 60);
    for (submitted, day, state, overdue) in [
        (None, "2026-03-31", ObligationState::Open, false),
        (None, "2026-04-01", ObligationState::Open, true),
        (Some("2026-03-31"), "2026-06-01", ObligationState::Met, false),
        (Some("2026-04-01"), "2026-06-01", ObligationState::MetLate, false),
        (Some("2026-03"), "2026-06-01", ObligationState::Met, false),
        (Some(""), "2026-06-01", ObligationState::Met, false),
    ] {
        let story = Story::of([obliged(1, "2026-03-31")].into_iter().chain(submitted.map(declared)));
        let found = obligation::obligation(&the, &story.entries(), view(day, ALL)).unwrap();
        assert_eq!((found.state(), found.overdue), (state, overdue), "{submitted:?} on {day}");
        assert_eq!(found.declarations.len(), usize::from(submitted.is_some()));
    }
    let story = Story::of([obliged(1, "2026-03-31"), declared("2026-03-01"), voided(2, &name("declaration", 40))]);
    let found = obligation::obligation(&the, &story.entries(), view("2026-04-01", ALL)).unwrap();
    assert_eq!((found.state(), found.overdue), (ObligationState::Open, true), "a void declaration meets nothing");
}

#[test]
fn a_verification_runs_until_it_is_concluded() {
    let the = name("verification", 80);
    let story = Story::of([verified(1, "2026-03-31"), concluded(1), voided(2, &the), voided(1, &the)]);
    for (known_at, state, overdue) in [
        (1, VerificationState::Running, true),
        (2, VerificationState::Concluded, false),
        (3, VerificationState::Running, true),
        (4, VerificationState::Void, false),
    ] {
        let found = verification::verification(&the, &story.entries(), view("2026-04-01", known_at)).unwrap();
        assert_eq!((found.state(), found.overdue), (state, overdue), "at {known_at}");
    }
}

#[test]
fn an_appeal_is_pending_until_it_is_decided() {
    let the = name("appeal", 30);
    let lodged = AppealLodged {
        appeal_id: id(30),
        decision_id: id(20),
        respondent_id: id(1),
        due_on: Some(date("2026-03-31")),
        ..AppealLodged::default()
    };
    let story = Story::of([issued("2026-01-01", vec![]), lodged.into(), appeal_decided(30)]);
    let at = |known_at| appeal::appeal(&the, &story.entries(), view("2026-04-01", known_at));
    assert_eq!(at(1), None);
    assert_eq!((at(2).unwrap().state(), at(2).unwrap().overdue), (AppealState::Pending, true));
    assert_eq!((at(3).unwrap().state(), at(3).unwrap().overdue), (AppealState::Decided, false));
}

#[test]
fn a_declaration_is_accepted_version_by_version_and_public_for_a_time() {
    let the = name("declaration", 40);
    let accepted = DeclarationAccepted { declaration_id: id(40), person_id: id(1), ..Default::default() };
    let from = Some(Period { from: Some(date("2026-02-01")), to: Some(date("2026-02-10")) });
    let published =
        DeclarationPublished { declaration_id: id(40), person_id: id(1), period: from, ..Default::default() };
    let ended = PublicationEnded {
        declaration_id: id(40),
        person_id: id(1),
        ended_on: Some(date("2026-03-01")),
        ..PublicationEnded::default()
    };
    let story = Story::of([declared("2026-01-01"), accepted.into(), published.into(), ended.into()]);
    let at = |day, known_at| declaration::declaration(&the, &story.entries(), view(day, known_at)).unwrap();
    assert!(!at("2026-01-01", 1).accepted && at("2026-01-01", 2).accepted);
    for (day, known_at, standing) in [
        ("2026-01-31", 3, Standing::Pending),
        ("2026-02-01", 3, Standing::InForce),
        // That it was meant to last until then ends nothing by itself.
        ("2026-02-20", 3, Standing::InForce),
        ("2026-02-28", 4, Standing::InForce),
        ("2026-03-01", 4, Standing::Expired),
    ] {
        assert_eq!(at(day, known_at).publications[0].standing(), standing, "on {day} at {known_at}");
    }
    assert_eq!(at("2026-01-01", ALL).versions.len(), 1, "only what was filed is a version");
}

#[test]
fn a_record_counts_petitions_and_lists_what_is_pending_by_its_day() {
    let holder = name("entity", 1);
    let Event::CaseOpened(mut case) = case_opened(&[1]) else { unreachable!() };
    case.due_on = Some(date("2026-02-01"));
    let story = Story::of([
        person(1),
        petitioned(1, "2026-01-05"),
        obliged(1, "2026-03-31"),
        case.into(),
        verified(1, ""),
        petition_resolved(1),
    ]);
    let record = record::record(&holder, &story.about(&holder), &[], view("2026-03-01", ALL)).unwrap();
    let tally = record.petitions.unwrap();
    assert_eq!((tally.received, tally.resolved), (1, 1));
    let pending: Vec<(&str, bool)> = record.pending.iter().map(|item| (item.name.as_str(), item.overdue)).collect();
    let named = ["case/", "obligation/", "verification/"];
    assert!(pending.iter().zip(named).all(|((name, _), kind)| name.starts_with(kind)), "{pending:?}");
    assert_eq!(pending.iter().map(|(_, overdue)| *overdue).collect::<Vec<_>>(), [true, false, false]);
    let status = record.declaration_status.unwrap();
    assert_eq!((status.open, status.overdue, status.met, status.latest.as_str()), (1, 0, 0, ""));
}

#[test]
fn what_is_done_or_void_is_no_work() {
    let the = name("petition", 70);
    let story = Story::of([petitioned(1, "2026-03-01"), petition_resolved(1)]);
    let at = |known_at| work::item(&the, &story.entries(), view("2026-03-02", known_at));
    assert_eq!(at(1).map(|item| item.overdue), Some(true));
    assert_eq!(at(2), None);
    assert_eq!(work::item(&name("decision", 70), &story.entries(), view("2026-03-02", ALL)), None, "no kind of work");
}

#[test]
fn a_change_is_of_what_it_is_about() {
    let story = Story::of([petitioned(1, ""), voided(1, &name("petition", 70))]);
    let by = story.erase(1);
    let changes: Vec<_> = story.entries().iter().map(changes::change).collect();
    let kinds: Vec<ChangeKind> = changes.iter().map(Change::kind).collect();
    assert_eq!(kinds, [ChangeKind::New, ChangeKind::Voided, ChangeKind::Erased]);
    assert_eq!((changes[1].stream.as_str(), changes[1].target_position), (name("petition", 70).as_str(), Some(1)));
    assert_eq!(changes[0].source.as_ref().unwrap().erased_by, Some(by));
}
