//! What the tests of each kind of stream share, and the rules as a whole against a naive model.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::FileFailurePersistence;
use proptest::test_runner::TestRunner;

use crate::domain;
use crate::domain::Day;
use crate::domain::Detail;
use crate::domain::Recorded;
use crate::domain::Rejection;
use crate::domain::Rule;
use crate::domain::RuleKind;
use crate::domain::State;
use crate::domain::World;
use crate::events::Cause;
use crate::events::Context;
use crate::events::Event;
use crate::events::EventType;
use crate::events::PersonRegistered;
use crate::events::cause::By;

mod made;
mod model;
mod random;
mod shown;

pub(in crate::domain) use made::*;
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

/// The same, of what another principal records.
#[track_caller]
pub(super) fn check_as(book: &Book, principal: &'static str, when: &Event, then: Then) {
    check_in(&Book { principal, ..book.clone() }, when, then);
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
    pub(super) principal: &'static str,
    pub(super) today: &'static str,
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
            principal: "local",
            today: "2026-06-15",
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
        Day::parse(self.today).expect("a day")
    }

    fn next_index(&self) -> u64 {
        self.next_index
    }

    fn number_in_request(&self) -> u32 {
        self.number_in_request
    }

    fn principal(&self) -> &'static str {
        self.principal
    }

    fn recorded(&self, index: u64) -> Option<Recorded> {
        let event = self.events.get(&index)?;
        let of_void = event.stream().and_then(|(kind, id)| self.state(kind, id));
        let is_void = self.voided.contains(&index) || matches!(of_void.as_deref(), Some(State::Void));
        Some(if is_void { Recorded::Void } else { Recorded::Event(Box::new(event.clone())) })
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

/// Random histories reach what follows from several events in their right order.
#[test]
fn random_histories_have_every_event_of_requests_disputes_and_disclosures() {
    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeSet<EventType> = BTreeSet::new();
    for _ in 0..300 {
        let steps = prop::collection::vec(any_step(), 220).new_tree(&mut runner).expect("steps").current();
        let mut book = Book::of(&[]);
        let mut history: Vec<Event> = Vec::new();
        for step in steps {
            let Some(event) = step.after(&history) else { continue };
            if domain::check(&event).is_ok() && domain::admit(&event, &book).is_ok() {
                seen.insert(event.event_type());
                book.record(&event);
                history.push(event);
            }
        }
    }
    for event_type in [
        EventType::RightsReceived,
        EventType::RightsAcknowledged,
        EventType::RightsExtended,
        EventType::RightsFulfilled,
        EventType::RightsRefused,
        EventType::RecordDisputed,
        EventType::StatementAttached,
        EventType::DisputeResolved,
        EventType::RecordDisclosed,
        EventType::NoticeSent,
        EventType::NoticeAcknowledged,
    ] {
        assert!(seen.contains(&event_type), "{}", event_type.name());
    }
}
