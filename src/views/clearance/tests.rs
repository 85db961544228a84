//! What a clearance tells of a record, day by day.

use crate::domain::dates::Day;
use crate::events::Code;
use crate::events::DecisionAnnulled;
use crate::events::DecisionExpired;
use crate::events::DecisionIssued;
use crate::events::DisputeOutcome;
use crate::events::DisputeResolved;
use crate::events::Event;
use crate::events::Narrative;
use crate::events::PersonRegistered;
use crate::events::RecordDisputed;
use crate::events::RecordVoided;
use crate::events::SanctionItem;
use crate::events::SanctionProposed;
use crate::events::StatementAttached;
use crate::events::VoidGround;
use crate::proto::v1::Clearance;
use crate::proto::v1::DisputeState;
use crate::proto::v1::Standing;
use crate::views::View;
use crate::views::clearance;
use crate::views::fixture::Story;
use crate::views::fixture::code;
use crate::views::fixture::date;
use crate::views::fixture::id;
use crate::views::fixture::name;
use crate::views::policy::DisclosurePolicy;
use crate::views::policy::Window;
use crate::views::record;

fn person() -> Event {
    PersonRegistered { entity_id: id(1), ..PersonRegistered::default() }.into()
}

/// A decision of this number with a sanction of this form.
fn issued(number: u128, form: &str, from: &str, to: &str) -> Event {
    let known = |text: &str| Some(text).filter(|text| !text.is_empty()).map(date);
    let form = code(form);
    DecisionIssued {
        decision_id: id(number),
        respondent_id: id(1),
        regime: code("party"),
        items: vec![SanctionItem { item_number: 1, form, from: known(from), to: known(to), ..Default::default() }],
        ..DecisionIssued::default()
    }
    .into()
}

fn annulled(number: u128) -> Event {
    DecisionAnnulled { decision_id: id(number), respondent_id: id(1), retroactive: true, ..DecisionAnnulled::default() }
        .into()
}

fn expired(number: u128, on: &str) -> Event {
    DecisionExpired {
        decision_id: id(number),
        respondent_id: id(1),
        expired_on: Some(date(on)),
        ..DecisionExpired::default()
    }
    .into()
}

fn voided(number: u128, position: u64) -> Event {
    RecordVoided {
        record_id: id(90),
        target_position: position,
        target: name("decision", number).to_string(),
        subject_ids: vec![id(1)],
        ground: VoidGround::WrongPerson.into(),
        ..RecordVoided::default()
    }
    .into()
}

/// 100 days; `test/expulsion` has no end, and `test/bar` is a bar without a window.
fn policy() -> DisclosurePolicy {
    let form = |form: &str, days, bar| Window { regime: None, form: Some(form.to_owned()), days, bar };
    DisclosurePolicy {
        window_days: 100,
        windows: vec![form("test/expulsion", None, false), form("test/bar", Some(0), true)],
        ..DisclosurePolicy::default()
    }
}

fn cleared(events: &[Event], as_of: &str) -> Clearance {
    let story = Story::of([vec![person()], events.to_vec()].concat());
    let view = View { as_of: Day::parse(as_of).unwrap(), known_at: u64::MAX };
    let record = record::record(&name("entity", 1), &story.about(&name("entity", 1)), &[], view).unwrap();
    clearance::clearance(&record, code("appointment"), &policy(), view)
}

/// Given these events, on a day the numbers of the decisions that are told, whether something is kept back, and until
/// when that is true.
#[track_caller]
fn check(events: &[Event], as_of: &str, told: &[u128], kept: bool, until: &str) {
    let clearance = cleared(events, as_of);
    let names: Vec<String> = clearance.decisions.iter().map(|decision| decision.name.clone()).collect();
    let expected: Vec<String> = told.iter().map(|number| name("decision", *number).to_string()).collect();
    assert_eq!(names, expected, "on {as_of}");
    let withheld: Vec<Code> = kept
        .then(|| Code { scheme: "probity.withheld".to_owned(), code: "disclosure-window".to_owned() })
        .into_iter()
        .collect();
    assert_eq!(clearance.withheld, withheld, "on {as_of}");
    assert_eq!(clearance.valid_until, Some(until).filter(|until| !until.is_empty()).map(date), "on {as_of}");
}

#[test]
fn a_sanction_is_told_while_it_lasts_and_until_its_window_is_over() {
    let events = [issued(20, "reprimand", "2026-01-01", "2026-03-31")];
    check(&events, "2025-12-01", &[20], false, "2025-12-31");
    check(&events, "2026-01-01", &[20], false, "2026-03-31");
    check(&events, "2026-03-31", &[20], false, "2026-03-31");
    check(&events, "2026-04-01", &[20], false, "2026-07-09");
    check(&events, "2026-07-09", &[20], false, "2026-07-09");
    check(&events, "2026-07-10", &[], true, "");
    check(&[], "2026-07-10", &[], false, "");
    assert!(cleared(&events, "2026-02-01").sanction_in_force);
    assert!(!cleared(&events, "2026-04-01").sanction_in_force);
}

#[test]
fn expiry_ends_what_has_no_day_of_its_own_but_no_bar_and_no_form_without_end() {
    let events = |form| [issued(20, form, "2026-01-01", ""), expired(20, "2026-06-01")];
    check(&events("reprimand"), "2026-09-08", &[20], false, "2026-09-08");
    check(&events("reprimand"), "2026-09-09", &[], true, "");
    check(&events("expulsion"), "2090-01-01", &[20], false, "");
    check(&events("bar"), "2090-01-01", &[20], false, "");
    let bar = [issued(20, "bar", "2026-01-01", "2027-12-31"), expired(20, "2026-06-01")];
    check(&bar, "2027-12-31", &[20], false, "2027-12-31");
    check(&bar, "2028-01-01", &[], true, "");
}

#[test]
fn of_what_was_annulled_or_is_void_nothing_is_said() {
    let annulment = [issued(20, "expulsion", "2026-01-01", ""), annulled(20)];
    let void = [issued(20, "expulsion", "2026-01-01", ""), voided(20, 2)];
    for events in [&annulment, &void] {
        check(events, "2026-02-01", &[], false, "");
        assert!(!cleared(events, "2026-02-01").sanction_in_force);
    }
    // The record itself stays.
    let story = Story::of([vec![person()], annulment.to_vec()].concat());
    let view = View { as_of: Day::parse("2026-02-01").unwrap(), known_at: u64::MAX };
    let record = record::record(&name("entity", 1), &story.about(&name("entity", 1)), &[], view).unwrap();
    assert_eq!(record.decisions[0].standing(), Standing::Annulled);
}

#[test]
fn what_is_proposed_or_alleged_is_no_part_of_it() {
    let proposed =
        SanctionProposed { decision_id: id(20), respondent_id: id(1), regime: code("party"), ..Default::default() };
    check(&[proposed.into()], "2026-02-01", &[], false, "");
}

#[test]
fn each_decision_is_told_or_kept_by_itself() {
    let events = [
        issued(20, "reprimand", "2020-01-01", "2020-12-31"),
        issued(21, "reprimand", "2026-01-01", "2026-12-31"),
        issued(22, "expulsion", "2019-01-01", "2019-12-31"),
    ];
    check(&events, "2026-02-01", &[21, 22], true, "2026-12-31");
}

#[test]
fn a_disputed_decision_is_told_with_what_the_person_says() {
    let target = name("decision", 20).to_string();
    let disputed = RecordDisputed {
        dispute_id: id(30),
        target_position: 2,
        target: target.clone(),
        subject_ids: vec![id(1)],
        person_id: id(1),
        ground: code("inaccurate"),
        ..RecordDisputed::default()
    };
    let said = StatementAttached {
        dispute_id: id(30),
        target_position: 2,
        target: target.clone(),
        subject_ids: vec![id(1)],
        statement: Some(Narrative { text: "it was not so".to_owned(), language: "en".to_owned() }),
        ..StatementAttached::default()
    };
    let settled = DisputeResolved {
        dispute_id: id(30),
        target_position: 2,
        target,
        subject_ids: vec![id(1)],
        outcome: DisputeOutcome::Upheld.into(),
        ..DisputeResolved::default()
    };
    let first = [issued(20, "reprimand", "2026-01-01", "2026-12-31"), disputed.into(), said.into()];
    let clearance = cleared(&first, "2026-02-01");
    let decision = &clearance.decisions[0];
    assert!(decision.disputed);
    assert_eq!((decision.disputes.len(), decision.disputes[0].state()), (1, DisputeState::Open));
    assert_eq!(decision.disputes[0].statement.as_ref().map(|part| part.personal_class), Some(4));
    // Resolved, it is no dispute any more; what the person says stays.
    let clearance = cleared(&[&first[..], &[settled.into()]].concat(), "2026-02-01");
    let decision = &clearance.decisions[0];
    assert!(!decision.disputed);
    assert_eq!((decision.disputes[0].state(), decision.disputes[0].outcome()), {
        (DisputeState::Resolved, DisputeOutcome::Upheld)
    });
    assert!(decision.disputes[0].statement.is_some());
    let quiet = cleared(&[issued(20, "reprimand", "2026-01-01", "")], "2026-02-01");
    assert!(!quiet.decisions[0].disputed && quiet.decisions[0].disputes.is_empty());
}
