//! Cases: what is alleged against whom, what was found, how it ended. An allegation without a finding is shown
//! without one.

use crate::events::AllegationFound;
use crate::events::AllegationRecorded;
use crate::events::CaseOpened;
use crate::events::CaseOutcome;
use crate::events::Event;
use crate::events::EventType;
use crate::log::Key;
use crate::log::Name;
use crate::proto::v1::Allegation;
use crate::proto::v1::Case;
use crate::proto::v1::CaseStatus;
use crate::proto::v1::CaseSummary;
use crate::proto::v1::Respondent;
use crate::views::Kind;
use crate::views::Recorded;
use crate::views::View;
use crate::views::decision;
use crate::views::name_of;
use crate::views::streams;

/// A case whole, from the entries of its stream, of the streams of its decisions, and of their appeals; `None` where
/// nothing is known in its stream.
pub fn case(name: &Name, entries: &[Recorded], view: View) -> Option<Case> {
    let stream = Key::of_stream(name);
    let all = streams(entries, Kind::Case, view);
    let mut case = fold(all.iter().find(|entries| entries[0].stream == stream)?);
    name.as_str().clone_into(&mut case.name);
    case.decisions = decision::decisions(entries, view);
    Some(case)
}

/// The cases in which somebody is a respondent, each in a line, in the order of their first entries. From the
/// entries about him; where `case.opened` is not among them, the entries of the whole case are wanted too. A case
/// of which every known entry was erased is left out: nothing but the erased entries is known of it.
pub fn summaries(respondent: &Name, entries: &[Recorded], view: View) -> Vec<CaseSummary> {
    let all = streams(entries, Kind::Case, view);
    all.iter().map(|entries| fold(entries)).filter_map(|case| summary(respondent, case)).collect()
}

fn summary(respondent: &Name, case: Case) -> Option<CaseSummary> {
    let outcome = case.respondents.iter().find(|one| one.name == respondent.as_str())?.outcome;
    Some(CaseSummary {
        status: case.status,
        name: case.name,
        regime: case.regime,
        reference: case.reference,
        opened_on: case.opened_on,
        allegations: case.allegations.into_iter().filter(|one| one.respondent == respondent.as_str()).collect(),
        outcome,
    })
}

fn fold(entries: &[&Recorded]) -> Case {
    let mut case = Case::default();
    case.set_status(CaseStatus::Open);
    for entry in entries {
        if let Some(name) = entry.stream_name() {
            case.name = name;
        }
        if entry.erased_by().is_some() {
            case.erased.push(entry.source());
        }
        match entry.event_type {
            EventType::CaseOpened => case.opened = Some(entry.source()),
            EventType::CaseClosed => {
                case.closed = Some(entry.source());
                case.set_status(CaseStatus::Closed);
            }
            _ => {}
        }
        match entry.event() {
            Some(Event::CaseOpened(event)) => open(&mut case, event),
            Some(Event::AllegationRecorded(event)) => allege(&mut case, event, entry),
            Some(Event::AllegationFound(event)) => find(&mut case, event, entry),
            Some(Event::CaseClosed(event)) => {
                for end in &event.outcomes {
                    respondent(&mut case, &end.respondent_id).set_outcome(end.outcome());
                }
            }
            Some(_) | None => {}
        }
    }
    case
}

fn open(case: &mut Case, event: &CaseOpened) {
    case.regime.clone_from(&event.regime);
    case.origin = event.origin;
    case.reference.clone_from(&event.reference);
    case.opened_by = name_of("entity", &event.opened_by_id);
    case.opened_on = event.context.as_ref().and_then(|context| context.occurred_on);
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
}

/// The respondent of this id, added where he is new: an allegation can name one that the opening did not.
fn respondent<'a>(case: &'a mut Case, id: &str) -> &'a mut Respondent {
    let name = name_of("entity", id);
    let place = case.respondents.iter().position(|one| one.name == name).unwrap_or_else(|| {
        case.respondents.push(Respondent { name, outcome: CaseOutcome::Unspecified.into() });
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
