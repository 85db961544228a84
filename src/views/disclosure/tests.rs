//! Who is still to be told of what.

use crate::domain::dates::Day;
use crate::events::DecisionAnnulled;
use crate::events::DecisionIssued;
use crate::events::DecisionModified;
use crate::events::Event;
use crate::events::NoticeAcknowledged;
use crate::events::NoticeSent;
use crate::events::PersonRegistered;
use crate::events::RecordDisclosed;
use crate::events::RecordVoided;
use crate::events::VoidGround;
use crate::proto::v1::ChangeKind;
use crate::proto::v1::Disclosure;
use crate::proto::v1::NoticeDue;
use crate::views::View;
use crate::views::disclosure;
use crate::views::fixture::Story;
use crate::views::fixture::code;
use crate::views::fixture::date;
use crate::views::fixture::id;
use crate::views::fixture::name;
use crate::views::policy::DisclosurePolicy;

/// Entries are recorded an hour apart, from 2026-01-01 on.
const DAY: &str = "2026-01-01";

/// Person 1 and decision 20 about him at 1 and 2, shown at 3.
fn shown(target: &str, disclosed_on: &str) -> Vec<Event> {
    let decision = DecisionIssued { decision_id: id(20), respondent_id: id(1), ..DecisionIssued::default() };
    let disclosed = RecordDisclosed {
        disclosure_id: id(50),
        recipient_id: id(2),
        disclosed_by_id: id(3),
        purpose: code("appointment"),
        targets: vec![target.to_owned()],
        known_at: 2,
        subject_ids: vec![id(1)],
        disclosed_on: Some(date(disclosed_on)),
        ..RecordDisclosed::default()
    };
    vec![PersonRegistered { entity_id: id(1), ..PersonRegistered::default() }.into(), decision.into(), disclosed.into()]
}

fn decision() -> String {
    name("decision", 20).to_string()
}

fn annulled(number: u128) -> Event {
    DecisionAnnulled { decision_id: id(number), respondent_id: id(1), ..DecisionAnnulled::default() }.into()
}

fn modified(number: u128) -> Event {
    DecisionModified { decision_id: id(number), respondent_id: id(1), ..DecisionModified::default() }.into()
}

fn voided(position: u64, target: &str) -> Event {
    RecordVoided {
        record_id: id(90),
        target_position: position,
        target: target.to_owned(),
        subject_ids: vec![id(1)],
        ground: VoidGround::Duplicate.into(),
        ..RecordVoided::default()
    }
    .into()
}

fn told(cause: u64) -> Event {
    NoticeSent {
        disclosure_id: id(50),
        recipient_id: id(2),
        cause_position: cause,
        subject_ids: vec![id(1)],
        ..NoticeSent::default()
    }
    .into()
}

fn found(events: &[Event], as_of: &str, known_at: u64) -> (Disclosure, Vec<NoticeDue>) {
    let entries = Story::of(events.to_vec()).entries();
    let view = View { as_of: Day::parse(as_of).unwrap(), known_at };
    let disclosure = disclosure::disclosure(&name("disclosure", 50), &entries, view).unwrap();
    let policy = DisclosurePolicy { notice_window_days: 30, notice_days: 10, ..DisclosurePolicy::default() };
    let due = disclosure::notices_due(&disclosure, &entries, view, &policy);
    (disclosure, due)
}

/// After what was shown came this; then these entries are to be told of.
#[track_caller]
fn check(target: &str, more: &[Event], due: &[u64]) {
    let events = [shown(target, DAY), more.to_vec()].concat();
    let (_, notices) = found(&events, DAY, u64::MAX);
    let causes: Vec<u64> = notices.iter().map(|notice| notice.cause.as_ref().unwrap().position).collect();
    assert_eq!(causes, due, "{target}: {more:?}");
}

#[test]
fn every_change_is_due_until_it_was_told() {
    let whole = name("entity", 1).to_string();
    for target in [decision(), whole] {
        check(&target, &[], &[]);
        check(&target, &[annulled(20)], &[4]);
        check(&target, &[modified(20), annulled(20)], &[4, 5]);
        check(&target, &[modified(20), annulled(20), told(4)], &[5]);
        check(&target, &[modified(20), annulled(20), told(4), told(5)], &[]);
        check(&target, &[voided(2, &decision())], &[4]);
    }
}

#[test]
fn what_is_no_change_of_what_was_shown_is_not_due() {
    check(&decision(), &[annulled(21)], &[]);
    check(&name("entity", 1).to_string(), &[annulled(21)], &[4]);
    check(&name("entity", 9).to_string(), &[annulled(20)], &[]);
    // What should never have been recorded changed nothing; that it is void does.
    check(&decision(), &[annulled(20), voided(4, &decision())], &[5]);
    // Of a disclosure that should never have been recorded nobody is told.
    let ledger = name("disclosure", 50).to_string();
    check(&decision(), &[annulled(20), voided(3, &ledger)], &[]);
    // A notice that should never have been recorded told nobody.
    check(&decision(), &[annulled(20), told(4), voided(5, &ledger)], &[4]);
}

#[test]
fn a_notice_is_due_within_days_and_stays_due() {
    let events = [shown(&decision(), DAY), vec![annulled(20)]].concat();
    let due = |as_of| found(&events, as_of, u64::MAX).1.remove(0);
    assert_eq!(due("2026-01-11").due_on, Some(date("2026-01-11")));
    assert!(!due("2026-01-11").overdue);
    assert!(due("2026-01-12").overdue);
    assert!(due("2099-01-01").overdue);
    let notice = due(DAY);
    assert_eq!((notice.change(), notice.stream.as_str()), (ChangeKind::Revised, &*decision()));
    assert_eq!((notice.recipient, notice.disclosed_by), {
        (name("entity", 2).to_string(), name("entity", 3).to_string())
    });
    // Before it was recorded, nobody knew.
    assert_eq!(found(&events, DAY, 3).1, []);
}

#[test]
fn a_change_after_the_window_of_notices_is_not_told() {
    let events = |disclosed_on| [shown(&decision(), disclosed_on), vec![annulled(20)]].concat();
    assert_eq!(found(&events("2025-12-02"), DAY, u64::MAX).1.len(), 1);
    assert_eq!(found(&events("2025-12-01"), DAY, u64::MAX).1, []);
    // A month means its last day.
    assert_eq!(found(&events("2025-12"), DAY, u64::MAX).1.len(), 1);
    assert_eq!(found(&events("2025-11"), DAY, u64::MAX).1, []);
}

#[test]
fn a_disclosure_has_its_notices() {
    let has = NoticeAcknowledged {
        disclosure_id: id(50),
        recipient_id: id(2),
        cause_position: 4,
        subject_ids: vec![id(1)],
        acknowledged_on: Some(date("2026-02-03")),
        ..NoticeAcknowledged::default()
    };
    let events = [shown(&decision(), DAY), vec![annulled(20), told(4), has.into()]].concat();
    let (disclosure, _) = found(&events, DAY, u64::MAX);
    assert_eq!((disclosure.notices.len(), disclosure.targets.as_slice()), (1, &[decision()][..]));
    let notice = &disclosure.notices[0];
    assert_eq!((notice.cause_position, notice.acknowledged_on), (4, Some(date("2026-02-03"))));
    assert_eq!(notice.sent.as_ref().map(|source| source.position), Some(5));
    let (before, _) = found(&events, DAY, 4);
    assert_eq!(before.notices, []);
}
