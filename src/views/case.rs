//! Cases: what is alleged against whom, what was done with each respondent, what was found, how it ended. An
//! allegation without a finding is shown without one.

use crate::events::AllegationFound;
use crate::events::AllegationRecorded;
use crate::events::CaseOpened;
use crate::events::CaseOutcome;
use crate::events::CaseReopened;
use crate::events::Event;
use crate::events::EventType;
use crate::log::Name;
use crate::proto::v1::Allegation;
use crate::proto::v1::Case;
use crate::proto::v1::CaseStatus;
use crate::proto::v1::CaseSummary;
use crate::proto::v1::Hearing;
use crate::proto::v1::Notice;
use crate::proto::v1::Reopening;
use crate::proto::v1::Respondent;
use crate::proto::v1::Statement;
use crate::views::Kind;
use crate::views::Recorded;
use crate::views::View;
use crate::views::amend::Facts;
use crate::views::amend::Told;
use crate::views::decision;
use crate::views::is_over;
use crate::views::name_of;

/// A case whole, from the entries of its stream, of the streams of its decisions, and of their appeals; `None` where
/// nothing is known in its stream.
pub fn case(name: &Name, entries: &[Recorded], view: View) -> Option<Case> {
    let facts = Facts::new(entries, view);
    let mut case = fold(&facts.stream(name, Kind::Case)?, view);
    case.decisions = decision::of_facts(&facts);
    for respondent in &mut case.respondents {
        let about = case.decisions.iter().filter(|decision| decision.respondent == respondent.name);
        respondent.decisions = about.map(|decision| decision.name.clone()).collect();
    }
    Some(case)
}

/// A case in a line, with every allegation, from the entries of its stream; `None` where nothing is known in it.
pub fn summary(name: &Name, entries: &[Recorded], view: View) -> Option<CaseSummary> {
    let facts = Facts::new(entries, view);
    Some(line(fold(&facts.stream(name, Kind::Case)?, view)))
}

/// The cases in which somebody is a respondent, each in a line, in the order of their first entries. From the
/// entries about him; where `case.opened` is not among them, the entries of the whole case are wanted too. A case
/// of which every known entry was erased is left out: nothing but the erased entries is known of it. Of one that is
/// void, nothing is told but that.
pub fn summaries(respondent: &Name, entries: &[Recorded], view: View) -> Vec<CaseSummary> {
    of_facts(respondent, &Facts::new(entries, view))
}

pub(super) fn of_facts(respondent: &Name, facts: &Facts<'_>) -> Vec<CaseSummary> {
    let all = facts.of(Kind::Case);
    all.iter().map(|told| fold(told, facts.view())).filter_map(|case| about(respondent, case)).collect()
}

fn about(respondent: &Name, case: Case) -> Option<CaseSummary> {
    if case.status() == CaseStatus::Void {
        return Some(line(case));
    }
    let outcome = case.respondents.iter().find(|one| one.name == respondent.as_str())?.outcome;
    let mut line = line(case);
    line.allegations.retain(|one| one.respondent == respondent.as_str());
    line.outcome = outcome;
    Some(line)
}

fn line(case: Case) -> CaseSummary {
    CaseSummary {
        status: case.status,
        name: case.name,
        regime: case.regime,
        reference: case.reference,
        opened_on: case.opened_on,
        allegations: case.allegations,
        outcome: CaseOutcome::Unspecified.into(),
        due_on: case.due_on,
        opened_by: case.opened_by,
        overdue: case.overdue,
        opened: case.opened,
        disputed: case.disputed,
    }
}

fn fold(told: &Told<'_>, view: View) -> Case {
    let mut case = Case {
        name: told.name.clone(),
        corrections: told.corrections.clone(),
        voids: told.voids.clone(),
        disputed: told.disputed(),
        disputes: told.disputes.clone(),
        ..Case::default()
    };
    let mut voided = told.voided.iter().filter_map(|entry| alleged(entry)).collect::<Vec<u32>>();
    for entry in &told.entries {
        if entry.erased_by().is_some() {
            case.erased.push(entry.source());
        }
        if let Some(number) = alleged(entry) {
            voided.retain(|void| *void != number);
        }
        // Nothing was found of an allegation that is void.
        if !matches!(entry.event(), Some(Event::AllegationFound(event)) if voided.contains(&event.allegation_number)) {
            take(&mut case, entry);
        }
    }
    leave(&mut case, told);
    case.set_status(status(&case, told.void));
    let examined = matches!(case.status(), CaseStatus::Open | CaseStatus::Reopened);
    case.overdue = examined && is_over(case.due_on.as_ref(), view.as_of);
    case
}

/// The number of an allegation that an entry records.
fn alleged(entry: &Recorded) -> Option<u32> {
    match entry.event() {
        Some(Event::AllegationRecorded(event)) => Some(event.allegation_number),
        Some(_) | None => None,
    }
}

/// Whoever joined with an allegation that is void, and has no other, is no respondent.
fn leave(case: &mut Case, told: &Told<'_>) {
    let opening = |entry: &&Recorded| entry.event_type == EventType::CaseOpened;
    if !told.entries.iter().any(|entry| opening(entry) && entry.erased_by().is_none()) {
        return;
    }
    let named = |entry: &&Recorded, id: &str| match entry.event() {
        Some(Event::CaseOpened(event)) => event.respondent_ids.iter().any(|one| one == id),
        Some(Event::AllegationRecorded(event)) => event.respondent_id == id,
        Some(_) | None => false,
    };
    for entry in &told.voided {
        if let Some(Event::AllegationRecorded(event)) = entry.event()
            && !told.entries.iter().any(|entry| named(entry, &event.respondent_id))
        {
            let name = name_of("entity", &event.respondent_id);
            case.respondents.retain(|respondent| respondent.name != name);
        }
    }
}

fn status(case: &Case, void: bool) -> CaseStatus {
    let last = |source: Option<&crate::proto::v1::Source>| source.map(|source| source.position);
    let closed = last(case.closed.as_ref());
    let reopened = last(case.reopenings.last().and_then(|reopening| reopening.source.as_ref()));
    if void {
        CaseStatus::Void
    } else if reopened > closed {
        CaseStatus::Reopened
    } else if closed.is_some() {
        CaseStatus::Closed
    } else {
        CaseStatus::Open
    }
}

fn take(case: &mut Case, entry: &Recorded) {
    match entry.event_type {
        EventType::CaseOpened => case.opened = Some(entry.source()),
        EventType::CaseClosed => case.closed = Some(entry.source()),
        EventType::CaseReopened => {
            case.reopenings.push(Reopening { source: Some(entry.source()), ..Reopening::default() });
        }
        _ => {}
    }
    match entry.event() {
        Some(Event::CaseOpened(event)) => open(case, event),
        Some(Event::AllegationRecorded(event)) => allege(case, event, entry),
        Some(Event::RespondentNotified(event)) => respondent(case, &event.respondent_id).notices.push(Notice {
            notified_on: event.notified_on,
            method: event.method.clone(),
            source: Some(entry.source()),
        }),
        Some(Event::StatementReceived(event)) => respondent(case, &event.respondent_id).statements.push(Statement {
            received_on: event.received_on,
            kind: event.kind,
            text: entry.personal_part(),
            source: Some(entry.source()),
        }),
        Some(Event::HearingHeld(event)) => respondent(case, &event.respondent_id).hearings.push(Hearing {
            held_on: event.held_on,
            attendance: event.attendance,
            notice_given_on: event.notice_given_on,
            minutes: entry.personal_part(),
            source: Some(entry.source()),
        }),
        Some(Event::AllegationFound(event)) => find(case, event, entry),
        Some(Event::CaseClosed(event)) => {
            for end in &event.outcomes {
                let respondent = respondent(case, &end.respondent_id);
                respondent.set_outcome(end.outcome());
                respondent.examined = false;
            }
        }
        Some(Event::CaseReopened(event)) => reopen(case, event),
        Some(_) | None => {}
    }
}

fn open(case: &mut Case, event: &CaseOpened) {
    case.regime.clone_from(&event.regime);
    case.origin = event.origin;
    case.reference.clone_from(&event.reference);
    case.opened_by = name_of("entity", &event.opened_by_id);
    case.opened_on = event.context.as_ref().and_then(|context| context.occurred_on);
    case.due_on = event.due_on;
    case.petition = name_of("petition", &event.petition_id);
    case.verification = name_of("verification", &event.verification_id);
    for id in &event.respondent_ids {
        respondent(case, id);
    }
}

fn allege(case: &mut Case, event: &AllegationRecorded, entry: &Recorded) {
    respondent(case, &event.respondent_id);
    let allegation = allegation(case, event.allegation_number);
    allegation.respondent = name_of("entity", &event.respondent_id);
    allegation.category.clone_from(&event.category);
    allegation.occurred = event.occurred;
    allegation.text = entry.personal_part();
    allegation.recorded = Some(entry.source());
}

fn find(case: &mut Case, event: &AllegationFound, entry: &Recorded) {
    respondent(case, &event.respondent_id);
    let allegation = allegation(case, event.allegation_number);
    allegation.respondent = name_of("entity", &event.respondent_id);
    allegation.finding = event.finding;
    allegation.source_finding.clone_from(&event.source_finding);
    allegation.found = Some(entry.source());
    allegation.found_on = event.context.as_ref().and_then(|context| context.occurred_on);
    allegation.finding_reasons = entry.personal_part();
}

fn reopen(case: &mut Case, event: &CaseReopened) {
    case.due_on = event.due_on;
    for id in &event.respondent_ids {
        let respondent = respondent(case, id);
        respondent.examined = true;
        respondent.set_outcome(CaseOutcome::Unspecified);
    }
    if let Some(reopening) = case.reopenings.last_mut() {
        reopening.set_ground(event.ground());
        reopening.respondents = event.respondent_ids.iter().map(|id| name_of("entity", id)).collect();
        reopening.reopened_on = event.reopened_on;
        reopening.reopened_by = name_of("entity", &event.reopened_by_id);
    }
}

/// The respondent of this id, added where he is new: an allegation can name one that the opening did not.
fn respondent<'a>(case: &'a mut Case, id: &str) -> &'a mut Respondent {
    let name = name_of("entity", id);
    let place = case.respondents.iter().position(|one| one.name == name).unwrap_or_else(|| {
        case.respondents.push(Respondent { name, examined: true, ..Respondent::default() });
        case.respondents.len() - 1
    });
    &mut case.respondents[place]
}

/// The allegation of this number, in the order of numbers; new where what recorded it was erased.
fn allegation(case: &mut Case, number: u32) -> &mut Allegation {
    let place = match case.allegations.binary_search_by_key(&number, |one| one.allegation_number) {
        Ok(place) => place,
        Err(place) => {
            case.allegations.insert(place, Allegation { allegation_number: number, ..Allegation::default() });
            place
        }
    };
    &mut case.allegations[place]
}
