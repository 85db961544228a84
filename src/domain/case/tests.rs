use crate::domain;
use crate::domain::Rule;
use crate::domain::State;
use crate::domain::tests::ADMITTED;
use crate::domain::tests::Book;
use crate::domain::tests::alleged;
use crate::domain::tests::check;
use crate::domain::tests::closed;
use crate::domain::tests::code;
use crate::domain::tests::found;
use crate::domain::tests::id;
use crate::domain::tests::on;
use crate::domain::tests::opened;
use crate::domain::tests::organisation;
use crate::domain::tests::period;
use crate::domain::tests::person;
use crate::domain::tests::refused;
use crate::events::AllegationFound;
use crate::events::AllegationRecorded;
use crate::events::CaseOpened;
use crate::events::Event;
use crate::events::EventType;
use crate::events::Period;
use crate::events::shape;

mod course;

/// Persons 1 to 3, body 4, case 1 about 1 and 2 with allegation 5 against 1.
fn given() -> Vec<Event> {
    let mut events: Vec<Event> = (1..4).map(person).collect();
    events.extend([organisation(4), opened(1, &[1, 2]).into(), alleged(1, 5, 1).into()]);
    events
}

fn given_closed() -> Vec<Event> {
    [given(), vec![closed(1, &[1, 2]).into()]].concat()
}

#[test]
fn a_case_is_opened_once_about_registered_respondents() {
    let by = |body| CaseOpened { opened_by_id: id(body), ..opened(2, &[1]) };
    check(&given(), opened(2, &[1, 4, 3]), ADMITTED);
    check(&given(), by(4), ADMITTED);
    check(&given(), by(5), refused(Rule::NotRegistered, "opened_by_id"));
    check(&given(), by(1), refused(Rule::NotAnOrganisation, "opened_by_id"));
    check(&given(), opened(1, &[1]), refused(Rule::AlreadyOpened, "case_id"));
    check(&given_closed(), opened(1, &[1]), refused(Rule::AlreadyOpened, "case_id"));
    check(&given(), opened(2, &[1, 9]), refused(Rule::NotRegistered, "respondent_ids[1]"));
    check(&given(), opened(2, &[1, 2, 1]), refused(Rule::SubjectRepeated, "respondent_ids[2]"));
}

#[test]
fn an_allegation_has_its_own_number_and_brings_its_respondent() {
    let said = |occurred| AllegationRecorded { occurred, ..alleged(1, 1, 1) };
    check(&given(), alleged(1, 1, 1), ADMITTED);
    check(&given(), alleged(1, 6, 3), ADMITTED);
    check(&given(), alleged(1, 5, 1), refused(Rule::AllegationNumberUsed, "allegation_number"));
    check(&given(), alleged(1, 5, 2), refused(Rule::AllegationNumberUsed, "allegation_number"));
    check(&given(), alleged(1, 1, 9), refused(Rule::NotRegistered, "respondent_id"));
    check(&given(), alleged(2, 1, 1), refused(Rule::StreamUnknown, "case_id"));
    check(&given_closed(), alleged(1, 1, 1), refused(Rule::CaseClosed, "case_id"));
    check(&given(), said(period("2020", "2020-03")), ADMITTED);
    check(&given(), said(period("2020", "2026")), ADMITTED);
    check(&given(), said(period("2020-03", "2020-02")), refused(Rule::PeriodReversed, "occurred.to"));
    check(&given(), said(period("2020-03-00", "2020-02-30")), refused(Rule::DateImpossible, "occurred.to"));
    check(&given(), said(period("2020-02-30", "2021")), refused(Rule::DateImpossible, "occurred.from"));
    check(&given(), said(Some(Period { from: on("2027"), to: None })), refused(Rule::DateInFuture, "occurred.from"));
    check(&given(), said(Some(Period { from: None, to: on("2027") })), refused(Rule::DateInFuture, "occurred.to"));
}

#[test]
fn a_finding_is_on_an_allegation_and_its_respondent() {
    let by = |body| AllegationFound { found_by_id: id(body), ..found(1, 5, 1) };
    check(&given(), found(1, 5, 1), ADMITTED);
    check(&[given(), vec![found(1, 5, 1).into()]].concat(), found(1, 5, 1), ADMITTED);
    check(&given(), by(4), ADMITTED);
    check(&given(), by(2), refused(Rule::NotAnOrganisation, "found_by_id"));
    check(&given(), by(9), refused(Rule::NotRegistered, "found_by_id"));
    check(&given(), found(1, 5, 2), refused(Rule::AllegationOfAnother, "allegation_number"));
    check(&given(), found(1, 5, 9), refused(Rule::AllegationOfAnother, "allegation_number"));
    check(&given(), found(1, 4, 1), refused(Rule::AllegationUnknown, "allegation_number"));
    check(&given(), found(2, 5, 1), refused(Rule::StreamUnknown, "case_id"));
    check(&given_closed(), found(1, 5, 1), refused(Rule::CaseClosed, "case_id"));
}

#[test]
fn a_case_closes_with_an_outcome_for_every_respondent() {
    check(&given(), closed(1, &[2, 1]), ADMITTED);
    check(&given(), closed(1, &[1]), refused(Rule::OutcomeMissing, "outcomes"));
    check(&given(), closed(1, &[]), refused(Rule::OutcomeMissing, "outcomes"));
    check(&given(), closed(1, &[1, 1]), refused(Rule::SubjectRepeated, "outcomes[1].respondent_id"));
    check(&given(), closed(1, &[1, 2, 3]), refused(Rule::NotARespondent, "outcomes[2].respondent_id"));
    check(&given(), closed(1, &[1, 9]), refused(Rule::NotARespondent, "outcomes[1].respondent_id"));
    check(&given(), closed(2, &[1]), refused(Rule::StreamUnknown, "case_id"));
    let joined = [given(), vec![alleged(1, 6, 3).into()]].concat();
    check(&joined, closed(1, &[1, 2]), refused(Rule::OutcomeMissing, "outcomes"));
    check(&joined, closed(1, &[1, 2, 3]), ADMITTED);
}

#[test]
fn a_closed_case_waits_to_be_reopened() {
    check(&given_closed(), closed(1, &[1, 2]), refused(Rule::CaseClosed, "case_id"));
    let book = Book::of(&given_closed());
    let rejection = domain::admit(&closed(1, &[1, 2]).into(), &book).expect_err("closed");
    assert_eq!(rejection.allowed(), Some(&[EventType::CaseReopened][..]));
    let rejection = domain::admit(&closed(2, &[1, 2]).into(), &book).expect_err("not opened");
    assert_eq!(rejection.allowed(), Some(&[EventType::CaseOpened][..]));
}

#[test]
fn every_case_that_can_exist_can_be_closed() {
    // Persons 1 to 65; case 1 opened about half of them, case 2 about as many as can be.
    let first: Vec<u64> = (1..=32).collect();
    let all: Vec<u64> = (1..=64).collect();
    let mut given: Vec<Event> = (1..=65).map(person).collect();
    given.extend([opened(1, &first).into(), opened(2, &all).into()]);
    given.extend((33..=63).map(|joined| Event::from(alleged(1, u32::try_from(joined).expect("small"), joined))));
    // The 64th may join, the 65th may not; nor may anybody join a case that is full from the start.
    check(&given, alleged(1, 64, 64), ADMITTED);
    check(&given, alleged(2, 65, 65), refused(Rule::TooManyRespondents, "respondent_id"));
    given.push(alleged(1, 64, 64).into());
    check(&given, alleged(1, 65, 65), refused(Rule::TooManyRespondents, "respondent_id"));
    check(&given, alleged(1, 65, 99), refused(Rule::TooManyRespondents, "respondent_id"));
    // Further allegations against those who are there are no matter of number.
    check(&given, alleged(1, 65, 64), ADMITTED);
    check(&given, alleged(1, 64, 65), refused(Rule::AllegationNumberUsed, "allegation_number"));
    check(&given, closed(1, &all[..63]), refused(Rule::OutcomeMissing, "outcomes"));
    for case in [1, 2] {
        check(&given, closed(case, &all), ADMITTED);
    }
    // What the events themselves hold is the same number.
    let shape =
        |event: Event| shape::check_proposed(event.event_type(), &event.encode()).map(drop).map_err(|fault| fault.path);
    let more: Vec<u64> = (1..=65).collect();
    assert_eq!(shape(closed(1, &all).into()), Ok(()));
    assert_eq!(shape(closed(1, &more).into()), Err("outcomes[64]".to_owned()));
    let opened = |respondents: &[u64]| CaseOpened { regime: code("test"), ..opened(1, respondents) };
    assert_eq!(shape(opened(&all).into()), Ok(()));
    assert_eq!(shape(opened(&more).into()), Err("respondent_ids[64]".to_owned()));
}

#[test]
fn a_case_with_5000_allegations_stays_small() {
    let mut state = Some(domain::evolve(None, &opened(1, &[1, 2]).into(), 1));
    for number in 1..=5_000 {
        state = Some(domain::evolve(state, &alleged(1, number, 1 + u64::from(number % 2)).into(), 2));
    }
    let bytes = postcard::to_stdvec::<State>(&state.expect("folded")).expect("written");
    assert!(bytes.len() < 20_200, "{} bytes", bytes.len());
}
