//! Which steps before a decision are met, missing or defective.

use crate::events::Attendance;
use crate::events::CaseReopened;
use crate::events::DecisionAnnounced;
use crate::events::DecisionExpired;
use crate::events::DecisionIssued;
use crate::events::DecisionServed;
use crate::events::Event;
use crate::events::Finding;
use crate::events::HearingHeld;
use crate::events::RespondentNotified;
use crate::events::SanctionItem;
use crate::events::SanctionProposed;
use crate::events::StatementKind;
use crate::events::StatementReceived;
use crate::events::VoteOption;
use crate::events::VoteRecorded;
use crate::events::VoteResult;
use crate::proto::v1::CaseStatus;
use crate::proto::v1::ChecklistStep;
use crate::proto::v1::DecisionPhase;
use crate::proto::v1::Standing;
use crate::proto::v1::StepDefect;
use crate::proto::v1::StepState;
use crate::views::case;
use crate::views::checklist;
use crate::views::decision;
use crate::views::fixture::Story;
use crate::views::fixture::code;
use crate::views::fixture::date;
use crate::views::fixture::id;
use crate::views::fixture::name;
use crate::views::tests::ALL;
use crate::views::tests::alleged;
use crate::views::tests::amend::voided;
use crate::views::tests::annulled;
use crate::views::tests::case_opened;
use crate::views::tests::closed;
use crate::views::tests::found;
use crate::views::tests::issued;
use crate::views::tests::item;
use crate::views::tests::modified;
use crate::views::tests::view;

fn day(text: &str) -> Option<crate::events::PartialDate> {
    Some(text).filter(|text| !text.is_empty()).map(date)
}

pub(super) fn notified(who: u128, on: &str) -> Event {
    RespondentNotified {
        case_id: id(10),
        respondent_id: id(who),
        notified_on: day(on),
        ..RespondentNotified::default()
    }
    .into()
}

fn stated(on: &str) -> Event {
    StatementReceived {
        case_id: id(10),
        respondent_id: id(1),
        received_on: day(on),
        kind: StatementKind::Waived.into(),
        ..StatementReceived::default()
    }
    .into()
}

/// A hearing with this attendance, and when notice of it was given; empty: it was not.
pub(super) fn heard(who: u128, attendance: Attendance, notice: &str) -> Event {
    HearingHeld {
        case_id: id(10),
        respondent_id: id(who),
        attendance: attendance.into(),
        notice_given_on: day(notice),
        ..HearingHeld::default()
    }
    .into()
}

pub(super) fn proposed(on: &str, items: Vec<SanctionItem>) -> Event {
    SanctionProposed {
        decision_id: id(20),
        case_id: id(10),
        respondent_id: id(1),
        proposed_on: day(on),
        items,
        ..SanctionProposed::default()
    }
    .into()
}

pub(super) fn voted(round: u32, result: VoteResult, on: &str) -> Event {
    VoteRecorded {
        decision_id: id(20),
        respondent_id: id(1),
        round,
        held_on: day(on),
        eligible: 9,
        valid: 9,
        options: vec![VoteOption { form: code("reprimand"), votes: 9 }],
        result: result.into(),
        result_form: (result == VoteResult::Form).then(|| code("reprimand")).flatten(),
        ..VoteRecorded::default()
    }
    .into()
}

pub(super) fn announced(on: &str) -> Event {
    DecisionAnnounced {
        decision_id: id(20),
        respondent_id: id(1),
        announced_on: day(on),
        ..DecisionAnnounced::default()
    }
    .into()
}

fn served() -> Event {
    DecisionServed { decision_id: id(20), respondent_id: id(1), ..DecisionServed::default() }.into()
}

pub(super) fn expired(on: &str) -> Event {
    DecisionExpired { decision_id: id(20), respondent_id: id(1), expired_on: day(on), ..DecisionExpired::default() }
        .into()
}

pub(super) fn reopened(who: u128, due: &str) -> Event {
    CaseReopened { case_id: id(10), respondent_ids: vec![id(who)], due_on: day(due), ..CaseReopened::default() }.into()
}

fn signed(on: &str) -> Event {
    let Event::DecisionIssued(event) = issued("", vec![item(1, "", "")]) else { unreachable!() };
    DecisionIssued { signed_on: day(on), ..event }.into()
}

/// Given these events of a case against one, then the step is this, with these defects.
fn check(events: &[Event], step: ChecklistStep, state: StepState, defects: &[StepDefect]) {
    let story = Story::of([case_opened(&[1])].iter().chain(events).cloned());
    let case = case::case(&name("case", 10), &story.entries(), view("2026-06-01", ALL)).unwrap();
    let lists = checklist::checklists(&case);
    assert_eq!(lists.len(), 1);
    let found = lists[0].steps.iter().find(|one| one.step() == step).unwrap();
    assert_eq!(
        (found.state(), found.defects().collect::<Vec<_>>().as_slice()),
        (state, defects),
        "{step:?}: {events:?}"
    );
}

#[test]
fn a_case_in_which_everything_was_done_has_no_defect() {
    let story = Story::of([
        case_opened(&[1]),
        alleged(1, 1),
        notified(1, "2026-01-02"),
        stated("2026-01-10"),
        heard(1, Attendance::Present, ""),
        found(1, 1, Finding::Substantiated),
        proposed("2026-02-01", vec![item(1, "", "")]),
        voted(1, VoteResult::Form, "2026-02-02"),
        signed("2026-02-03"),
    ]);
    let case = case::case(&name("case", 10), &story.entries(), view("2026-06-01", ALL)).unwrap();
    let list = &checklist::checklists(&case)[0];
    assert_eq!(list.decision, name("decision", 20).to_string());
    let entries: Vec<Vec<u64>> =
        list.steps.iter().map(|step| step.entries.iter().map(|source| source.position).collect()).collect();
    assert_eq!(entries, [vec![3], vec![4], vec![5], vec![6], vec![], vec![7, 8], vec![9]]);
    for step in &list.steps {
        let expected = if step.step() == ChecklistStep::Limitation { StepState::NotKept } else { StepState::Met };
        assert_eq!(step.state(), expected, "{step:?}");
    }
}

#[test]
fn what_was_not_done_is_missing_before_a_decision_and_a_defect_of_it_after() {
    use ChecklistStep as Step;
    for step in [Step::Notified, Step::Statement, Step::Hearing, Step::Findings, Step::Vote] {
        check(&[], step, StepState::Missing, &[StepDefect::NotRecorded]);
        check(&[signed("2026-02-01")], step, StepState::Defective, &[StepDefect::NotRecorded]);
        let proposal = [proposed("2026-01-01", vec![])];
        check(&proposal, step, StepState::Missing, &[StepDefect::NotRecorded]);
    }
    check(&[], Step::Reasons, StepState::Missing, &[StepDefect::NotRecorded]);
    let Event::DecisionIssued(mut bare) = signed("2026-02-01") else { unreachable!() };
    bare.reasons = None;
    check(&[bare.clone().into()], Step::Reasons, StepState::Defective, &[StepDefect::NotRecorded]);
    bare.document = Some(crate::events::DocumentReference { kind: code("decision"), ..Default::default() });
    check(&[bare.into()], Step::Reasons, StepState::Met, &[]);
}

#[test]
fn a_step_after_the_decision_is_a_defect_where_nobody_can_doubt_it() {
    use ChecklistStep::Notified;
    let late = [StepDefect::AfterTheDecision];
    check(&[notified(1, "2026-03-01"), signed("2026-02-01")], Notified, StepState::Defective, &late);
    for (on, signed_on) in
        [("2026-02-01", "2026-02-01"), ("2026-02", "2026-02-01"), ("", "2026-02-01"), ("2026-03-01", "")]
    {
        check(&[notified(1, on), signed(signed_on)], Notified, StepState::Met, &[]);
    }
    // Told twice, once in time.
    check(&[notified(1, "2026-03-01"), notified(1, "2026-01-01"), signed("2026-02-01")], Notified, StepState::Met, &[]);
    check(
        &[notified(2, "2026-01-01"), signed("2026-02-01")][1..],
        Notified,
        StepState::Defective,
        &[StepDefect::NotRecorded],
    );
}

#[test]
fn an_absence_without_notice_is_no_hearing() {
    use ChecklistStep::Hearing;
    let unheard = [StepDefect::AbsentWithoutNotice];
    for absent in [Attendance::AbsentExcused, Attendance::AbsentUnexcused] {
        check(&[heard(1, absent, ""), signed("")], Hearing, StepState::Defective, &unheard);
        check(&[heard(1, absent, "")], Hearing, StepState::Missing, &unheard);
        check(&[heard(1, absent, "2026-01-01"), signed("")], Hearing, StepState::Met, &[]);
    }
    for there in [Attendance::Present, Attendance::Represented, Attendance::WaivedInWriting] {
        check(&[heard(1, there, ""), signed("")], Hearing, StepState::Met, &[]);
    }
    let gone = [heard(1, Attendance::Present, ""), voided(2, &name("case", 10)), signed("")];
    check(&gone, Hearing, StepState::Defective, &[StepDefect::NotRecorded]);
}

#[test]
fn every_allegation_wants_a_finding() {
    use ChecklistStep::Findings;
    let one = [alleged(1, 1), alleged(2, 1), found(1, 1, Finding::Substantiated), signed("")];
    check(&one, Findings, StepState::Defective, &[StepDefect::AllegationWithoutFinding]);
    let both = [&one[..], &[found(2, 1, Finding::Unfounded)]].concat();
    check(&both, Findings, StepState::Met, &[]);
}

#[test]
fn a_vote_is_on_a_proposal_and_comes_to_what_is_imposed() {
    use ChecklistStep::Vote;
    let items = || vec![item(1, "", "")];
    let first = proposed("2026-01-10", items());
    let form = |on| voted(1, VoteResult::Form, on);
    let defective = |events: &[Event], defect| check(events, Vote, StepState::Defective, &[defect]);
    check(&[first.clone(), form("2026-01-11"), signed("2026-02-01")], Vote, StepState::Met, &[]);
    defective(&[form("2026-01-11"), signed("2026-02-01")], StepDefect::VoteWithoutProposal);
    defective(&[first.clone(), form("2026-01-09"), signed("2026-02-01")], StepDefect::VoteBeforeProposal);
    defective(&[first.clone(), form("2026-02-02"), signed("2026-02-01")], StepDefect::AfterTheDecision);
    let none = voted(2, VoteResult::NotReached, "");
    defective(&[first.clone(), form("2026-01-11"), none.clone(), signed("2026-02-01")], StepDefect::NoResult);
    check(&[first.clone(), none], Vote, StepState::Missing, &[StepDefect::NoResult]);
    let nothing = voted(1, VoteResult::NoSanction, "");
    defective(&[first.clone(), nothing, signed("")], StepDefect::OtherResult);
    let other = SanctionItem { item_number: 1, form: code("dismissal"), ..SanctionItem::default() };
    defective(&[first, form(""), issued("", vec![other])], StepDefect::OtherResult);
}

#[test]
fn a_proposal_is_never_a_sanction() {
    let the = name("decision", 20);
    let story = Story::of([proposed("2026-01-01", vec![item(1, "2026-01-01", "")]), voted(1, VoteResult::Form, "")]);
    let at = |known_at| decision::decision(&the, &story.entries(), view("2026-06-01", known_at)).unwrap();
    for (known_at, phase) in [(1, DecisionPhase::Proposed), (2, DecisionPhase::Voted)] {
        let found = at(known_at);
        assert_eq!((found.phase(), found.standing()), (phase, Standing::Proposed));
        assert!(found.sanctions.is_empty() && found.source.is_none());
    }
    assert_eq!(at(2).votes[0].options[0].votes, 9);
    story.push(&proposed("2026-02-01", vec![]));
    assert_eq!((at(3).phase(), at(3).proposals.len()), (DecisionPhase::Proposed, 2));
}

#[test]
fn a_decision_goes_through_its_phases_and_begins_again_with_each_modification() {
    use DecisionPhase as Phase;
    let steps = [
        (issued("2026-01-01", vec![item(1, "", "")]), Phase::Issued),
        (served(), Phase::Served),
        (announced("2026-01-02"), Phase::Served),
        (modified("2026-02-01", vec![item(1, "", "")]), Phase::Modified),
        (announced("2026-02-02"), Phase::Announced),
        (expired("2026-03-01"), Phase::Expired),
        (annulled("2026-04-01", false), Phase::Annulled),
    ];
    let story = Story::of(steps.iter().map(|(event, _)| event.clone()));
    for (known_at, (_, phase)) in (1..).zip(&steps) {
        let found = decision::decision(&name("decision", 20), &story.entries(), view("2026-01-01", known_at)).unwrap();
        assert_eq!(found.phase(), *phase, "after {known_at}");
        assert_eq!(found.delivery.is_some(), (2..=3).contains(&known_at), "after {known_at}");
    }
}

#[test]
fn an_expiry_ends_the_force_of_every_sanction() {
    for (on, day, standing) in [
        ("2026-03-01", "2026-02-28", Standing::InForce),
        ("2026-03-01", "2026-03-01", Standing::Expired),
        ("2026-03", "2026-03-15", Standing::Uncertain),
        ("2026-03", "2026-04-01", Standing::Expired),
    ] {
        let story = Story::of([issued("2026-01-01", vec![item(1, "", ""), item(2, "", "2030")]), expired(on)]);
        let found = decision::decision(&name("decision", 20), &story.entries(), view(day, ALL)).unwrap();
        let each: Vec<Standing> = found.sanctions.iter().map(crate::proto::v1::Sanction::standing).collect();
        assert_eq!((found.standing(), each), (standing, vec![standing; 2]), "{on} on {day}");
    }
    let story = Story::of([issued("2026-01-01", vec![item(1, "", "")]), expired("2026-03-01")]);
    story.erase(2);
    let found = decision::decision(&name("decision", 20), &story.entries(), view("2026-02-01", ALL)).unwrap();
    assert_eq!(found.standing(), Standing::Uncertain, "that it expired is known, and not from when");
    assert_eq!(found.expiry.unwrap().expired_on, None);
}

#[test]
fn a_reopened_case_is_examined_again_and_is_due_anew() {
    use crate::events::CaseOutcome::Sanctioned;
    let the = name("case", 10);
    let story =
        Story::of([case_opened(&[1, 2]), closed(&[(1, Sanctioned), (2, Sanctioned)]), reopened(1, "2026-05-31")]);
    let at = |day, known_at| case::case(&the, &story.entries(), view(day, known_at)).unwrap();
    assert_eq!(at("2026-05-01", 2).status(), CaseStatus::Closed);
    let again = at("2026-05-31", ALL);
    assert_eq!((again.status(), again.overdue), (CaseStatus::Reopened, false));
    let examined: Vec<bool> = again.respondents.iter().map(|one| one.examined).collect();
    assert_eq!(examined, [true, false]);
    assert!(at("2026-06-01", ALL).overdue);
    story.push(&closed(&[(1, Sanctioned)]));
    let end = at("2026-06-01", ALL);
    assert_eq!((end.status(), end.overdue), (CaseStatus::Closed, false));
}
