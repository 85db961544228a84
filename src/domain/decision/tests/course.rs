//! The course of a decision: proposed, voted, issued, announced, served, expired.

use crate::domain;
use crate::domain::Rule;
use crate::domain::tests::ADMITTED;
use crate::domain::tests::Book;
use crate::domain::tests::announced;
use crate::domain::tests::annulled;
use crate::domain::tests::check;
use crate::domain::tests::code;
use crate::domain::tests::decided;
use crate::domain::tests::expired;
use crate::domain::tests::id;
use crate::domain::tests::issued;
use crate::domain::tests::lodged;
use crate::domain::tests::modified;
use crate::domain::tests::on;
use crate::domain::tests::period;
use crate::domain::tests::proposed;
use crate::domain::tests::refused;
use crate::domain::tests::served;
use crate::domain::tests::voided;
use crate::domain::tests::voted;
use crate::events::DecisionAnnounced;
use crate::events::DecisionExpired;
use crate::events::DecisionIssued;
use crate::events::DecisionServed;
use crate::events::Event;
use crate::events::EventType;
use crate::events::ExpiryCondition;
use crate::events::SanctionItem;
use crate::events::SanctionProposed;
use crate::events::VoteOption;
use crate::events::VoteRecorded;
use crate::events::VoteResult;

use super::and;
use super::given;
use super::signed;

/// What the events after `given` allow of decision 1.
#[track_caller]
fn allows(events: &[Event], expected: &[EventType]) {
    let book = Book::of(&and(events.to_vec()));
    let rejection = domain::admit(&proposed(1, 1, 1).into(), &book).expect_err("it is beyond proposals");
    assert_eq!(rejection.allowed(), Some(expected));
}

#[test]
fn a_proposal_becomes_one_decision_about_the_same() {
    let after = and([proposed(1, 1, 1).into()]);
    check(&given(), proposed(1, 1, 1), ADMITTED);
    check(&given(), proposed(1, 0, 3), ADMITTED);
    check(&after, proposed(1, 1, 1), ADMITTED);
    check(&after, issued(1, 1, 1), ADMITTED);
    check(&after, issued(1, 1, 2), refused(Rule::NotTheRespondent, "respondent_id"));
    check(&after, issued(1, 0, 1), refused(Rule::CaseDiffers, "case_id"));
    check(&after, proposed(1, 0, 1), refused(Rule::CaseDiffers, "case_id"));
    check(&given(), proposed(1, 2, 1), refused(Rule::StreamUnknown, "case_id"));
    check(&given(), proposed(1, 1, 3), refused(Rule::NotARespondent, "respondent_id"));
    check(&given(), proposed(1, 0, 9), refused(Rule::NotRegistered, "respondent_id"));
    let with = |numbers: &[u32]| SanctionProposed { allegation_numbers: numbers.to_vec(), ..proposed(1, 1, 1) };
    check(&given(), with(&[1]), ADMITTED);
    check(&given(), with(&[2]), refused(Rule::AllegationOfAnother, "allegation_numbers[0]"));
    check(&given(), with(&[1, 1]), refused(Rule::NumberRepeated, "allegation_numbers[1]"));
    let on_day = |day| SanctionProposed { proposed_on: on(day), ..proposed(1, 1, 1) };
    check(&given(), on_day("2027"), refused(Rule::DateInFuture, "proposed_on"));
    let by = |body| SanctionProposed { proposed_by_id: id(body), ..proposed(1, 1, 1) };
    check(&given(), by(4), ADMITTED);
    check(&given(), by(1), refused(Rule::NotAnOrganisation, "proposed_by_id"));
    let period = period("2026", "2025").expect("a period");
    let item = SanctionItem { item_number: 1, from: period.from, to: period.to, ..SanctionItem::default() };
    let reversed = SanctionProposed { items: vec![item], ..proposed(1, 1, 1) };
    check(&given(), reversed, refused(Rule::PeriodReversed, "items[0].to"));
}

#[test]
fn nothing_becomes_of_what_is_only_proposed() {
    let after = and([proposed(1, 1, 1).into()]);
    let not_yet = refused(Rule::NotYetIssued, "decision_id");
    check(&after, announced(1, 1), not_yet);
    check(&after, served(1, 1), not_yet);
    check(&after, modified(1, 1), not_yet);
    check(&after, expired(1, 1), not_yet);
    check(&after, annulled(1, 1), not_yet);
    check(&after, lodged(1, 1, 1), not_yet);
}

#[test]
fn a_vote_is_on_a_proposal_and_adds_up() {
    let after = and([proposed(1, 1, 1).into()]);
    let twice = and([proposed(1, 1, 1).into(), voted(1, 1, 2).into()]);
    let with = |change: &dyn Fn(&mut VoteRecorded)| {
        let mut vote = voted(1, 1, 1);
        change(&mut vote);
        vote
    };
    let arithmetic = refused(Rule::VoteArithmetic, "options");
    check(&after, voted(1, 1, 1), ADMITTED);
    check(&twice, voted(1, 1, 3), ADMITTED);
    // Ballots by post: fewer are present than ballots were given out.
    check(&after, with(&|vote| vote.present = 0), ADMITTED);
    check(&after, with(&|vote| vote.present = 10), arithmetic);
    check(&after, with(&|vote| vote.issued = 10), arithmetic);
    check(&after, with(&|vote| vote.returned = 9), arithmetic);
    check(&after, with(&|vote| vote.valid = 9), arithmetic);
    check(&after, with(&|vote| vote.options[0].votes = 6), arithmetic);
    check(&after, with(&|vote| vote.options[0].votes = u32::MAX), arithmetic);
    let repeated = with(&|vote| vote.options[1].form = code("reprimand"));
    check(&after, repeated, refused(Rule::OptionRepeated, "options[1].form"));
    let unsaid = with(&|vote| vote.result_form = None);
    check(&after, unsaid, refused(Rule::ResultWithoutForm, "result_form"));
    let none = with(&|vote| vote.result = VoteResult::NoSanction.into());
    check(&after, none, refused(Rule::ResultWithoutForm, "result_form"));
    let other = with(&|vote| vote.result_form = code("expulsion"));
    check(&after, other, refused(Rule::ResultNotAnOption, "result_form"));
    let reached = with(&|vote| {
        vote.result = VoteResult::NotReached.into();
        vote.result_form = None;
        vote.options = vec![VoteOption { form: None, votes: 7 }];
    });
    check(&after, reached, ADMITTED);
    check(&twice, voted(1, 1, 2), refused(Rule::RoundNotAscending, "round"));
    check(&given(), voted(1, 1, 1), refused(Rule::StreamUnknown, "decision_id"));
    check(&after, voted(1, 2, 1), refused(Rule::NotTheRespondent, "respondent_id"));
    check(&and([issued(1, 1, 1).into()]), voted(1, 1, 1), refused(Rule::NotProposed, "decision_id"));
    check(&after, with(&|vote| vote.body_id = id(1)), refused(Rule::NotAnOrganisation, "body_id"));
    check(&after, with(&|vote| vote.held_on = on("2026-06-17")), refused(Rule::DateInFuture, "held_on"));
}

#[test]
fn a_decision_is_announced_and_served_once_in_each_form() {
    let base = vec![signed("2025-05").into()];
    let after = |more: Vec<Event>| and([base.clone(), more].concat());
    check(&after(vec![]), announced(1, 1), ADMITTED);
    check(&after(vec![]), served(1, 1), ADMITTED);
    check(&after(vec![announced(1, 1).into()]), announced(1, 1), refused(Rule::AlreadyAnnounced, "decision_id"));
    check(&after(vec![served(1, 1).into()]), served(1, 1), refused(Rule::AlreadyServed, "decision_id"));
    check(&after(vec![announced(1, 1).into(), modified(1, 1).into()]), announced(1, 1), ADMITTED);
    check(&after(vec![served(1, 1).into(), modified(1, 1).into()]), served(1, 1), ADMITTED);
    check(&after(vec![]), announced(1, 2), refused(Rule::NotTheRespondent, "respondent_id"));
    check(&after(vec![]), served(1, 2), refused(Rule::NotTheRespondent, "respondent_id"));
    check(&given(), announced(1, 1), refused(Rule::StreamUnknown, "decision_id"));
    check(&given(), served(1, 1), refused(Rule::StreamUnknown, "decision_id"));
    let told = |day| DecisionAnnounced { announced_on: on(day), ..announced(1, 1) };
    let given_to = |day| DecisionServed { served_on: on(day), ..served(1, 1) };
    check(&after(vec![]), told("2025-04-30"), refused(Rule::BeforeTheDecision, "announced_on"));
    check(&after(vec![]), given_to("2025-04-30"), refused(Rule::BeforeTheDecision, "served_on"));
    check(&after(vec![]), told("2026-06-17"), refused(Rule::DateInFuture, "announced_on"));
    check(&after(vec![]), given_to("2025-02-29"), refused(Rule::DateImpossible, "served_on"));
    let announced_in_june = after(vec![told("2025-06").into()]);
    check(&announced_in_june, given_to("2025-06-01"), ADMITTED);
    check(&announced_in_june, given_to("2025-05-31"), refused(Rule::ServedBeforeAnnounced, "served_on"));
}

#[test]
fn a_decision_expires_once_when_its_conditions_are_met_and_no_appeal_is_pending() {
    let standing = and([signed("2025-05").into()]);
    let pending = and([signed("2025-05").into(), lodged(1, 1, 1).into()]);
    let settled = and([signed("2025-05").into(), lodged(1, 1, 1).into(), decided(1, 1, 1).into()]);
    let taken_back = and([
        signed("2025-05").into(),
        lodged(1, 1, 1).into(),
        voided(9, 9, &format!("appeal/{}", id(1)), &[1]).into(),
    ]);
    let condition = |name: &str, met| ExpiryCondition { condition: code(name), met };
    let with = |conditions: Vec<ExpiryCondition>| DecisionExpired { conditions, ..expired(1, 1) };
    let on_day = |day| DecisionExpired { expired_on: on(day), ..expired(1, 1) };
    check(&standing, expired(1, 1), ADMITTED);
    check(&standing, with(vec![condition("a", true), condition("b", true)]), ADMITTED);
    check(&settled, expired(1, 1), ADMITTED);
    check(&taken_back, expired(1, 1), ADMITTED);
    check(&pending, expired(1, 1), refused(Rule::AppealPending, "decision_id"));
    let unmet = with(vec![condition("a", true), condition("b", false)]);
    check(&standing, unmet, refused(Rule::ConditionNotMet, "conditions[1].met"));
    let twice = with(vec![condition("a", true), condition("a", true)]);
    check(&standing, twice, refused(Rule::ConditionRepeated, "conditions[1].condition"));
    check(&standing, on_day("2025-04-30"), refused(Rule::BeforeTheDecision, "expired_on"));
    check(&standing, on_day("2026-06-17"), refused(Rule::DateInFuture, "expired_on"));
    check(&standing, expired(1, 2), refused(Rule::NotTheRespondent, "respondent_id"));
    let over = and([signed("2025-05").into(), expired(1, 1).into()]);
    check(&over, expired(1, 1), refused(Rule::DecisionExpired, "decision_id"));
    check(&over, modified(1, 1), refused(Rule::DecisionExpired, "decision_id"));
    check(&over, served(1, 1), refused(Rule::DecisionExpired, "decision_id"));
    check(&over, annulled(1, 1), ADMITTED);
    check(&over, lodged(1, 1, 1), ADMITTED);
}

#[test]
fn each_state_says_what_it_allows() {
    use EventType::DecisionAnnounced as Announced;
    use EventType::DecisionAnnulled as Annulled;
    use EventType::DecisionExpired as Expired;
    use EventType::DecisionModified as Modified;
    use EventType::DecisionServed as Served;
    let issued: Event = signed("2025-05").into();
    allows(std::slice::from_ref(&issued), &[Announced, Served, Modified, Expired, Annulled]);
    allows(&[issued.clone(), announced(1, 1).into()], &[Served, Modified, Expired, Annulled]);
    allows(&[issued.clone(), served(1, 1).into()], &[Announced, Modified, Expired, Annulled]);
    allows(&[issued.clone(), announced(1, 1).into(), served(1, 1).into()], &[Modified, Expired, Annulled]);
    allows(&[issued.clone(), expired(1, 1).into()], &[Annulled]);
    allows(&[issued, annulled(1, 1).into()], &[]);
}

#[test]
fn the_end_of_the_time_for_an_appeal_is_not_before_the_signature() {
    let until =
        |signed_on, until| DecisionIssued { signed_on: on(signed_on), appeal_until: on(until), ..issued(1, 1, 1) };
    check(&given(), until("2025-05-02", "2025-05-02"), ADMITTED);
    check(&given(), until("2025-05-02", "2030"), ADMITTED);
    check(&given(), until("2025-05-02", "2025-05-01"), refused(Rule::PeriodReversed, "appeal_until"));
    let to = |body| DecisionIssued { appeal_to_id: id(body), ..issued(1, 1, 1) };
    check(&given(), to(4), ADMITTED);
    check(&given(), to(2), refused(Rule::NotAnOrganisation, "appeal_to_id"));
}

#[test]
fn a_void_takes_back_one_step_or_all() {
    let target = format!("decision/{}", id(1));
    let base = || vec![proposed(1, 1, 1).into(), signed("2025-05").into(), announced(1, 1).into()];
    let void = |position| and([base(), vec![voided(9, position, &target, &[1]).into()]].concat());
    check(&void(10), announced(1, 1), ADMITTED);
    check(&void(9), issued(1, 1, 1), ADMITTED);
    check(&void(9), annulled(1, 1), refused(Rule::NotYetIssued, "decision_id"));
    // Nothing of a void issue stands in the way of the next.
    let done: Vec<Event> = vec![served(1, 1).into(), annulled(1, 1).into(), voided(9, 9, &target, &[1]).into()];
    let again = and([base(), done, vec![signed("2025-06").into()]].concat());
    check(&again, announced(1, 1), ADMITTED);
    check(&again, served(1, 1), ADMITTED);
    check(&again, lodged(1, 1, 1), ADMITTED);
    check(&void(8), annulled(1, 1), refused(Rule::StreamVoid, ""));
    check(&void(8), issued(1, 1, 1), refused(Rule::StreamVoid, ""));
    check(&void(8), lodged(1, 1, 1), refused(Rule::StreamUnknown, "decision_id"));
}
