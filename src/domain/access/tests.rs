//! Rules of the access log, a row each.

use std::sync::Arc;

use crate::domain;
use crate::domain::Recorded;
use crate::domain::Rule;
use crate::domain::State;
use crate::domain::World;
use crate::domain::dates::Day;
use crate::events::AccessRecorded;
use crate::events::EmergencyReviewed;
use crate::events::Event;
use crate::events::PartialDate;

const ID: &str = "00000000000000000000000001";

/// A log with one stream, written by a principal.
struct Log(Option<State>, &'static str);

impl World for Log {
    fn state(&self, kind: &str, id: &str) -> Option<Arc<State>> {
        self.0.clone().filter(|_| (kind, id) == ("access", ID)).map(Arc::new)
    }

    fn registers(&self, _: &str) -> bool {
        false
    }

    fn today(&self) -> Day {
        Day::parse("2026-06-15").unwrap()
    }

    fn next_index(&self) -> u64 {
        9
    }

    fn number_in_request(&self) -> u32 {
        0
    }

    fn principal(&self) -> &str {
        self.1
    }

    fn recorded(&self, _: u64) -> Option<Recorded> {
        None
    }
}

fn check(given: &[Event], by: &'static str, when: impl Into<Event>, then: Option<Rule>) {
    let (mut state, when) = (None, when.into());
    for (at, event) in (1..).zip(given) {
        state = Some(domain::evolve(state, event, at));
    }
    let admitted = domain::check(&when).and_then(|()| domain::admit(&when, &Log(state, by)));
    assert_eq!(admitted.err().map(|rejection| rejection.rule), then, "{when:?}");
}

fn access(principal: &str, number: u32, emergency: bool) -> AccessRecorded {
    AccessRecorded {
        access_id: ID.to_owned(),
        number,
        principal: principal.to_owned(),
        emergency: emergency.then(Default::default),
        review_due: emergency.then_some(PartialDate { year: 2026, month: 6, day: 18 }),
        ..AccessRecorded::default()
    }
}

fn review(reviewer: &str) -> EmergencyReviewed {
    EmergencyReviewed { access_id: ID.to_owned(), reviewer: reviewer.to_owned(), ..EmergencyReviewed::default() }
}

#[test]
fn the_records_of_a_call_are_the_services_own_and_follow_one_another() {
    let one: [Event; 1] = [access("a", 0, false).into()];
    check(&[], "system", access("a", 0, false), None);
    check(&one, "system", access("a", 1, false), None);
    check(&[], "a", access("a", 0, false), Some(Rule::NotTheService));
    check(&[], "local", access("a", 0, false), Some(Rule::NotTheService));
    check(&[], "system", access("a", 1, false), Some(Rule::AccessNotNext));
    check(&one, "system", access("a", 0, false), Some(Rule::AccessNotNext));
    check(&one, "system", access("b", 1, false), Some(Rule::AccessOfAnother));
    let twice = AccessRecorded { person_ids: vec![ID.to_owned(), ID.to_owned()], ..access("a", 0, false) };
    check(&[], "system", twice, Some(Rule::SubjectRepeated));
    let unreviewed = AccessRecorded { review_due: None, ..access("a", 0, true) };
    check(&[], "system", unreviewed, Some(Rule::ReviewDueMisplaced));
}

#[test]
fn an_emergency_is_reviewed_once_and_by_another() {
    let calm: [Event; 1] = [access("a", 0, false).into()];
    let emergency: [Event; 1] = [access("a", 0, true).into()];
    let reviewed: [Event; 2] = [access("a", 0, true).into(), review("b").into()];
    check(&emergency, "system", review("b"), None);
    check(&emergency, "b", review("b"), Some(Rule::NotTheService));
    check(&emergency, "system", review("a"), Some(Rule::ReviewerIsReader));
    check(&reviewed, "system", review("c"), Some(Rule::AlreadyReviewed));
    check(&calm, "system", review("b"), Some(Rule::NoEmergency));
    check(&[], "system", review("b"), Some(Rule::StreamUnknown));
    let of = |given: &[Event]| {
        let folded = (1..).zip(given).fold(None, |state, (at, event)| Some(domain::evolve(state, event, at)));
        folded.and_then(|state| state.duty()).map(|duty| duty.open)
    };
    assert_eq!((of(&calm), of(&emergency), of(&reviewed)), (None, Some(true), Some(false)));
}
