//! What the tests of each kind of stream share, and the rules as a whole against a naive model.

#![expect(clippy::unnecessary_wraps, reason = "fields of messages are optional, and the tables read better so")]

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use crate::domain;
use crate::domain::Day;
use crate::domain::Detail;
use crate::domain::Recorded;
use crate::domain::Rejection;
use crate::domain::Rule;
use crate::domain::RuleKind;
use crate::domain::State;
use crate::domain::World;
use crate::events::AllegationFound;
use crate::events::AllegationRecorded;
use crate::events::AppealDecided;
use crate::events::AppealLodged;
use crate::events::AppealOutcome;
use crate::events::CaseClosed;
use crate::events::CaseOpened;
use crate::events::CaseOutcome;
use crate::events::CaseReopened;
use crate::events::Cause;
use crate::events::Code;
use crate::events::Context;
use crate::events::DecisionAnnounced;
use crate::events::DecisionAnnulled;
use crate::events::DecisionExpired;
use crate::events::DecisionIssued;
use crate::events::DecisionModified;
use crate::events::DecisionServed;
use crate::events::DeclarationAccepted;
use crate::events::DeclarationAmended;
use crate::events::DeclarationPublished;
use crate::events::DeclarationSubmitted;
use crate::events::Event;
use crate::events::EventType;
use crate::events::ExplanationReceived;
use crate::events::FieldCorrection;
use crate::events::Finding;
use crate::events::HearingHeld;
use crate::events::LegacyRecordImported;
use crate::events::ObligationCreated;
use crate::events::Observation;
use crate::events::OrganisationRegistered;
use crate::events::PartialDate;
use crate::events::Period;
use crate::events::PersonRegistered;
use crate::events::PetitionReceived;
use crate::events::PetitionResolved;
use crate::events::PositionAssigned;
use crate::events::PositionEnded;
use crate::events::PublicationEnded;
use crate::events::RecordCorrected;
use crate::events::RecordVoided;
use crate::events::RespondentNotified;
use crate::events::RespondentOutcome;
use crate::events::SanctionProposed;
use crate::events::Section;
use crate::events::StatementReceived;
use crate::events::VerificationConcluded;
use crate::events::VerificationGround;
use crate::events::VerificationOrdered;
use crate::events::VoteOption;
use crate::events::VoteRecorded;
use crate::events::VoteResult;
use crate::events::cause::By;
use crate::events::field_correction::Value as New;

mod model;
mod random;

use random::any_step;

/// What is expected of an event: admitted, or refused by this rule at this field.
pub(super) type Then = Result<(), (Rule, &'static str)>;

pub(super) const ADMITTED: Then = Ok(());

pub(super) const fn refused(rule: Rule, field: &'static str) -> Then {
    Err((rule, field))
}

/// Given what is recorded, when this event comes, then this becomes of it.
#[track_caller]
pub(super) fn check(given: &[Event], when: impl Into<Event>, then: Then) {
    check_in(&Book::of(given), &when.into(), then);
}

#[track_caller]
pub(super) fn check_in(book: &Book, when: &Event, then: Then) {
    let found = domain::check(when).and_then(|()| domain::admit(when, book));
    let found = found.as_ref().copied().map_err(|rejection| (rejection.rule, rejection.field.as_str()));
    assert_eq!(found, then, "{when:?}");
}

/// The ledger as admission sees it.
#[derive(Clone, Debug)]
pub(super) struct Book {
    pub(super) states: BTreeMap<(String, String), State>,
    pub(super) events: BTreeMap<u64, Event>,
    pub(super) voided: BTreeSet<u64>,
    pub(super) registers: BTreeSet<String>,
    pub(super) next_index: u64,
    pub(super) number_in_request: u32,
}

impl Book {
    /// A book in which these are recorded; each must be admitted.
    #[track_caller]
    pub(super) fn of(events: &[Event]) -> Self {
        let mut book = Self {
            states: BTreeMap::new(),
            events: BTreeMap::new(),
            voided: BTreeSet::new(),
            registers: BTreeSet::new(),
            next_index: 1,
            number_in_request: 0,
        };
        for event in events {
            check_in(&book, event, ADMITTED);
            book.record(event);
        }
        book
    }

    pub(super) fn record(&mut self, event: &Event) {
        let at = self.next_index;
        let (kind, id) = event.stream().unwrap_or(("record", ""));
        let stream = (kind.to_owned(), id.to_owned());
        let state = domain::evolve(self.states.remove(&stream), event, at);
        self.states.insert(stream, state);
        let mut next = domain::touched(event).map(|(kind, id)| (kind.to_owned(), id.to_owned()));
        while let Some(stream) = next.take() {
            let Some(before) = self.states.remove(&stream) else { break };
            if matches!(event, Event::RecordVoided(_)) {
                next = before.leads_to().map(|(kind, id)| (kind.to_owned(), id.to_string()));
            }
            self.states.insert(stream, domain::touch(before, event, at));
        }
        if let Event::RecordVoided(voided) = event {
            self.voided.insert(voided.target_position);
        }
        self.events.insert(at, event.clone());
        self.next_index += 1;
    }
}

impl World for Book {
    fn state(&self, kind: &str, id: &str) -> Option<Arc<State>> {
        self.states.get(&(kind.to_owned(), id.to_owned())).cloned().map(Arc::new)
    }

    fn registers(&self, entity_id: &str) -> bool {
        self.registers.contains(entity_id)
    }

    fn today(&self) -> Day {
        Day::parse("2026-06-15").expect("a day")
    }

    fn next_index(&self) -> u64 {
        self.next_index
    }

    fn number_in_request(&self) -> u32 {
        self.number_in_request
    }

    fn principal(&self) -> &'static str {
        "local"
    }

    fn recorded(&self, index: u64) -> Option<Recorded> {
        let event = self.events.get(&index)?;
        let of_void = event.stream().and_then(|(kind, id)| self.state(kind, id));
        let is_void = self.voided.contains(&index) || matches!(of_void.as_deref(), Some(State::Void));
        Some(if is_void { Recorded::Void } else { Recorded::Event(Box::new(event.clone())) })
    }
}

// -- what the tables are made of; 0 stands for no id --

pub(super) fn id(number: u64) -> String {
    if number == 0 { String::new() } else { format!("{number:026}") }
}

/// `2026`, `2026-05`, `2026-05-03`, and days that do not exist.
pub(super) fn on(text: &str) -> Option<PartialDate> {
    let mut parts = text.split('-').map(|part| part.parse().expect("a number"));
    let mut part = || parts.next().unwrap_or_default();
    Some(PartialDate { year: part(), month: part(), day: part() })
}

pub(super) fn period(from: &str, to: &str) -> Option<Period> {
    Some(Period { from: on(from), to: on(to) })
}

pub(super) fn code(code: &str) -> Option<Code> {
    Some(Code { scheme: "test".to_owned(), code: code.to_owned() })
}

pub(super) fn occurred(text: &str) -> Option<Context> {
    Some(Context { occurred_on: on(text), ..Context::default() })
}

pub(super) fn effective(text: &str) -> Option<Context> {
    Some(Context { effective_on: on(text), ..Context::default() })
}

pub(super) fn person(person: u64) -> Event {
    PersonRegistered { entity_id: id(person), ..PersonRegistered::default() }.into()
}

pub(super) fn organisation(body: u64) -> Event {
    OrganisationRegistered { entity_id: id(body), ..OrganisationRegistered::default() }.into()
}

pub(super) fn assigned(person: u64, position_number: u32) -> PositionAssigned {
    PositionAssigned { person_id: id(person), position_number, title: code("title"), ..PositionAssigned::default() }
}

pub(super) fn ended(person: u64, position_number: u32) -> PositionEnded {
    PositionEnded { person_id: id(person), position_number, ..PositionEnded::default() }
}

pub(super) fn opened(case: u64, respondents: &[u64]) -> CaseOpened {
    let respondent_ids = respondents.iter().copied().map(id).collect();
    CaseOpened { case_id: id(case), respondent_ids, ..CaseOpened::default() }
}

pub(super) fn alleged(case: u64, allegation_number: u32, respondent: u64) -> AllegationRecorded {
    AllegationRecorded {
        case_id: id(case),
        allegation_number,
        respondent_id: id(respondent),
        ..AllegationRecorded::default()
    }
}

pub(super) fn found(case: u64, allegation_number: u32, respondent: u64) -> AllegationFound {
    AllegationFound {
        case_id: id(case),
        allegation_number,
        respondent_id: id(respondent),
        finding: Finding::Substantiated.into(),
        ..AllegationFound::default()
    }
}

pub(super) fn closed(case: u64, respondents: &[u64]) -> CaseClosed {
    let outcome =
        |respondent| RespondentOutcome { respondent_id: id(respondent), outcome: CaseOutcome::Sanctioned.into() };
    CaseClosed { context: None, case_id: id(case), outcomes: respondents.iter().copied().map(outcome).collect() }
}

pub(super) fn issued(decision: u64, case: u64, respondent: u64) -> DecisionIssued {
    DecisionIssued {
        decision_id: id(decision),
        case_id: id(case),
        respondent_id: id(respondent),
        regime: code("regime"),
        ..DecisionIssued::default()
    }
}

pub(super) fn modified(decision: u64, respondent: u64) -> DecisionModified {
    DecisionModified { decision_id: id(decision), respondent_id: id(respondent), ..DecisionModified::default() }
}

pub(super) fn annulled(decision: u64, respondent: u64) -> DecisionAnnulled {
    DecisionAnnulled { decision_id: id(decision), respondent_id: id(respondent), ..DecisionAnnulled::default() }
}

pub(super) fn lodged(appeal: u64, decision: u64, respondent: u64) -> AppealLodged {
    AppealLodged {
        appeal_id: id(appeal),
        decision_id: id(decision),
        respondent_id: id(respondent),
        ..AppealLodged::default()
    }
}

pub(super) fn decided(appeal: u64, decision: u64, respondent: u64) -> AppealDecided {
    AppealDecided {
        appeal_id: id(appeal),
        decision_id: id(decision),
        respondent_id: id(respondent),
        outcome: AppealOutcome::Annulled.into(),
        ..AppealDecided::default()
    }
}

pub(super) fn submitted(declaration: u64, person: u64) -> DeclarationSubmitted {
    DeclarationSubmitted {
        declaration_id: id(declaration),
        person_id: id(person),
        period: period("2025", "2025"),
        ..DeclarationSubmitted::default()
    }
}

pub(super) fn amended(declaration: u64, person: u64) -> DeclarationAmended {
    DeclarationAmended {
        declaration_id: id(declaration),
        person_id: id(person),
        period: period("2025", "2025"),
        sections: vec![Section { asset_class: code("cash"), none_declared: true, item_count: 0 }],
        ..DeclarationAmended::default()
    }
}

pub(super) fn imported(record: u64, observation: Observation, subjects: &[u64]) -> LegacyRecordImported {
    LegacyRecordImported {
        record_id: id(record),
        observation: observation.into(),
        subject_ids: subjects.iter().copied().map(id).collect(),
        ..LegacyRecordImported::default()
    }
}

pub(super) fn reopened(case: u64, respondents: &[u64]) -> CaseReopened {
    let respondent_ids = respondents.iter().copied().map(id).collect();
    CaseReopened { case_id: id(case), respondent_ids, ..CaseReopened::default() }
}

pub(super) fn notified(case: u64, respondent: u64) -> RespondentNotified {
    RespondentNotified { case_id: id(case), respondent_id: id(respondent), ..RespondentNotified::default() }
}

pub(super) fn stated(case: u64, respondent: u64) -> StatementReceived {
    StatementReceived { case_id: id(case), respondent_id: id(respondent), ..StatementReceived::default() }
}

pub(super) fn heard(case: u64, respondent: u64) -> HearingHeld {
    HearingHeld { case_id: id(case), respondent_id: id(respondent), ..HearingHeld::default() }
}

pub(super) fn proposed(decision: u64, case: u64, respondent: u64) -> SanctionProposed {
    SanctionProposed {
        decision_id: id(decision),
        case_id: id(case),
        respondent_id: id(respondent),
        ..SanctionProposed::default()
    }
}

/// 5 of 7 for a reprimand, by body 4.
pub(super) fn voted(decision: u64, respondent: u64, round: u32) -> VoteRecorded {
    let option = |form: &str, votes| VoteOption { form: code(form), votes };
    VoteRecorded {
        decision_id: id(decision),
        respondent_id: id(respondent),
        round,
        body_id: id(4),
        eligible: 9,
        present: 8,
        issued: 8,
        returned: 8,
        valid: 7,
        options: vec![option("reprimand", 5), option("warning", 1), VoteOption { form: None, votes: 1 }],
        result: VoteResult::Form.into(),
        result_form: code("reprimand"),
        ..VoteRecorded::default()
    }
}

pub(super) fn announced(decision: u64, respondent: u64) -> DecisionAnnounced {
    DecisionAnnounced { decision_id: id(decision), respondent_id: id(respondent), ..DecisionAnnounced::default() }
}

pub(super) fn served(decision: u64, respondent: u64) -> DecisionServed {
    DecisionServed { decision_id: id(decision), respondent_id: id(respondent), ..DecisionServed::default() }
}

pub(super) fn expired(decision: u64, respondent: u64) -> DecisionExpired {
    DecisionExpired { decision_id: id(decision), respondent_id: id(respondent), ..DecisionExpired::default() }
}

pub(super) fn accepted(declaration: u64, person: u64) -> DeclarationAccepted {
    DeclarationAccepted { declaration_id: id(declaration), person_id: id(person), ..DeclarationAccepted::default() }
}

pub(super) fn published(declaration: u64, person: u64) -> DeclarationPublished {
    DeclarationPublished { declaration_id: id(declaration), person_id: id(person), ..DeclarationPublished::default() }
}

pub(super) fn withdrawn(declaration: u64, person: u64) -> PublicationEnded {
    PublicationEnded { declaration_id: id(declaration), person_id: id(person), ..PublicationEnded::default() }
}

pub(super) fn obliged(obligation: u64, person: u64) -> ObligationCreated {
    ObligationCreated {
        obligation_id: id(obligation),
        person_id: id(person),
        due_on: on("2026-03-31"),
        ..ObligationCreated::default()
    }
}

pub(super) fn received(petition: u64, respondents: &[u64]) -> PetitionReceived {
    let respondent_ids = respondents.iter().copied().map(id).collect();
    PetitionReceived {
        petition_id: id(petition),
        petition_kind: code("complaint"),
        respondent_ids,
        ..PetitionReceived::default()
    }
}

pub(super) fn resolved(petition: u64, respondents: &[u64]) -> PetitionResolved {
    let respondent_ids = respondents.iter().copied().map(id).collect();
    PetitionResolved { petition_id: id(petition), respondent_ids, ..PetitionResolved::default() }
}

pub(super) fn ordered(verification: u64, person: u64, declarations: &[u64]) -> VerificationOrdered {
    VerificationOrdered {
        verification_id: id(verification),
        person_id: id(person),
        ground: VerificationGround::Random.into(),
        declaration_ids: declarations.iter().copied().map(id).collect(),
        ..VerificationOrdered::default()
    }
}

pub(super) fn explained(verification: u64, person: u64) -> ExplanationReceived {
    ExplanationReceived { verification_id: id(verification), person_id: id(person), ..ExplanationReceived::default() }
}

pub(super) fn concluded(verification: u64, person: u64) -> VerificationConcluded {
    VerificationConcluded {
        verification_id: id(verification),
        person_id: id(person),
        ..VerificationConcluded::default()
    }
}

/// Of the entry at this position, in this stream and about these.
pub(super) fn voided(record: u64, position: u64, target: &str, subjects: &[u64]) -> RecordVoided {
    RecordVoided {
        record_id: id(record),
        target_position: position,
        target: target.to_owned(),
        subject_ids: subjects.iter().copied().map(id).collect(),
        approver: "second".to_owned(),
        ..RecordVoided::default()
    }
}

/// The same, with a new date at this path; none where the text is empty.
pub(super) fn corrected(
    record: u64,
    position: u64,
    target: &str,
    subjects: &[u64],
    path: &str,
    date: &str,
) -> RecordCorrected {
    let value = if date.is_empty() { None } else { on(date).map(New::Date) };
    RecordCorrected {
        record_id: id(record),
        target_position: position,
        target: target.to_owned(),
        subject_ids: subjects.iter().copied().map(id).collect(),
        fields: vec![FieldCorrection { path: path.to_owned(), value }],
        approver: "second".to_owned(),
        ..RecordCorrected::default()
    }
}

// -- what holds of every event --

fn with(context: Context) -> Event {
    PersonRegistered { context: Some(context), entity_id: id(9), ..PersonRegistered::default() }.into()
}

fn caused(by: Option<By>) -> Event {
    with(Context { cause: Some(Cause { by }), ..Context::default() })
}

#[test]
fn what_has_happened_is_in_the_calendar_and_not_in_the_future() {
    let table = [
        ("2026-06-15", ADMITTED),
        ("2026-06-16", ADMITTED),
        ("2026-06", ADMITTED),
        ("2026", ADMITTED),
        ("1", ADMITTED),
        ("2024-02-29", ADMITTED),
        ("2026-06-17", refused(Rule::DateInFuture, "context.occurred_on")),
        ("2026-07", refused(Rule::DateInFuture, "context.occurred_on")),
        ("2027", refused(Rule::DateInFuture, "context.occurred_on")),
        ("2025-02-29", refused(Rule::DateImpossible, "context.occurred_on")),
        ("2025-04-31", refused(Rule::DateImpossible, "context.occurred_on")),
        ("2025-13", refused(Rule::DateImpossible, "context.occurred_on")),
        ("2025-0-7", refused(Rule::DateImpossible, "context.occurred_on")),
        ("0-5", refused(Rule::DateImpossible, "context.occurred_on")),
        ("10000", refused(Rule::DateImpossible, "context.occurred_on")),
        ("4294967295-4294967295-4294967295", refused(Rule::DateImpossible, "context.occurred_on")),
    ];
    for (date, then) in table {
        check(&[], with(Context { occurred_on: on(date), ..Context::default() }), then);
    }
}

#[test]
fn what_takes_effect_may_be_in_the_future() {
    check(&[], with(effective("2031-01").expect("a context")), ADMITTED);
    let impossible = refused(Rule::DateImpossible, "context.effective_on");
    check(&[], with(effective("2031-02-30").expect("a context")), impossible);
}

#[test]
fn a_cause_comes_earlier() {
    let book = Book { next_index: 7, number_in_request: 2, ..Book::of(&[]) };
    let table = [
        (Some(By::Position(0)), ADMITTED),
        (Some(By::Position(6)), ADMITTED),
        (Some(By::EventOfRequest(1)), ADMITTED),
        (Some(By::EventOfRequest(2)), ADMITTED),
        (None, refused(Rule::CauseEmpty, "context.cause")),
        (Some(By::Position(7)), refused(Rule::CauseUnknown, "context.cause.position")),
        (Some(By::Position(u64::MAX)), refused(Rule::CauseUnknown, "context.cause.position")),
        (Some(By::EventOfRequest(0)), refused(Rule::CauseNotEarlier, "context.cause.event_of_request")),
        (Some(By::EventOfRequest(3)), refused(Rule::CauseNotEarlier, "context.cause.event_of_request")),
        (Some(By::EventOfRequest(u32::MAX)), refused(Rule::CauseNotEarlier, "context.cause.event_of_request")),
    ];
    for (by, then) in table {
        check_in(&book, &caused(by), then);
    }
}

#[test]
fn names_of_rules_are_those_of_their_variants() {
    for rule in Rule::ALL {
        let mut name = String::new();
        for letter in format!("{rule:?}").chars() {
            if letter.is_ascii_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.push(letter.to_ascii_uppercase());
        }
        assert_eq!(rule.name(), name);
        assert!(!rule.words().ends_with('.') && rule.words().starts_with(|first: char| first.is_ascii_lowercase()));
    }
}

#[test]
fn a_rejection_names_field_rule_and_shape() {
    let when = Event::from(opened(1, &[1]));
    let book = Book::of(&[person(1), when.clone()]);
    let rejection = domain::admit(&when, &book).expect_err("opened twice");
    assert_eq!(
        rejection.to_string(),
        "case_id: a case is opened once (ALREADY_OPENED, allowed here: allegation.recorded, respondent.notified, \
         statement.received, hearing.held, allegation.found, case.closed)"
    );
    assert_eq!(rejection.allowed().map(<[EventType]>::len), Some(6));
    assert_eq!(rejection.rule.kind(), RuleKind::State);
    let impossible = domain::check(&with(occurred("2025-02-29").expect("a context"))).expect_err("no such day");
    assert_eq!(
        impossible.to_string(),
        "context.occurred_on: a date is in the calendar (DATE_IMPOSSIBLE, found 2025-02-29)"
    );
    assert_eq!(impossible.rule.kind(), RuleKind::Field);
    assert_eq!(impossible.allowed(), None);
    let bare = Rejection::new(Rule::NotAppendable, "", Detail::Nothing);
    assert_eq!(bare.to_string(), "only the procedure of erasure records an erasure (NOT_APPENDABLE)");
}

// -- random histories --

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..ProptestConfig::default()
    })]

    /// Admission over states, and a model that reads the whole history anew for each event, agree.
    #[test]
    fn admission_agrees_with_a_model_that_reads_all_history(steps in prop::collection::vec(any_step(), 0..220)) {
        let mut book = Book::of(&[]);
        let mut history: Vec<Event> = Vec::new();
        for step in steps {
            let Some(event) = step.after(&history) else { continue };
            let admitted = domain::check(&event).and_then(|()| domain::admit(&event, &book));
            prop_assert_eq!(admitted.is_ok(), model::may(&history, &event), "{:?}: {:?}", event, admitted);
            if admitted.is_ok() {
                book.record(&event);
                history.push(event);
            }
        }
        // What is kept comes back as it was.
        for state in book.states.values() {
            let bytes = postcard::to_stdvec(state).expect("a state is written");
            prop_assert_eq!(&postcard::from_bytes::<State>(&bytes).expect("and read"), state);
        }
    }

    /// The fold takes any events in any order, of any stream, and admission any state that comes of it.
    #[test]
    fn the_fold_never_says_no(steps in prop::collection::vec(any_step(), 0..80)) {
        let mut events: Vec<Event> = Vec::new();
        for step in steps {
            let event = step.after(&events);
            events.extend(event);
        }
        let mut state = None;
        let mut book = Book::of(&[]);
        for event in &events {
            state = Some(domain::evolve(state, event, book.next_index));
            let (kind, id) = event.stream().unwrap_or(("record", ""));
            let folded = state.clone().expect("just folded");
            let touched = events.iter().fold(folded.clone(), |state, other| domain::touch(state, other, 1));
            state = Some(touched);
            book.states.insert((kind.to_owned(), id.to_owned()), folded);
            for other in &events {
                let _ = domain::admit(other, &book);
            }
        }
    }
}
