//! The rules again, slowly: each question is answered from the whole history, and nothing is kept.

use crate::domain::dates;
use crate::events::AppealLodged;
use crate::events::DecisionIssued;
use crate::events::Event;
use crate::events::Observation;
use crate::events::PartialDate;
use crate::events::PositionAssigned;

/// Whether `event` may follow `history`. Knows only what `any_event` makes.
pub(super) fn may(history: &[Event], event: &Event) -> bool {
    let history = History(history);
    match event {
        Event::PersonRegistered(event) => !history.registered(&event.entity_id),
        Event::OrganisationRegistered(event) => !history.registered(&event.entity_id),
        Event::PositionAssigned(event) => {
            history.person(&event.person_id)
                && history.body(&event.body_id)
                && history.assigned(&event.person_id, event.position_number).is_none()
        }
        Event::PositionEnded(event) => {
            let ended = |other: &Event| {
                matches!(other, Event::PositionEnded(other)
                if other.person_id == event.person_id && other.position_number == event.position_number)
            };
            history
                .assigned(&event.person_id, event.position_number)
                .is_some_and(|taken| !before(event.to.as_ref(), taken.from.as_ref()))
                && !history.any(ended)
        }
        Event::CaseOpened(event) => {
            !history.opened(&event.case_id)
                && distinct(&event.respondent_ids)
                && event.respondent_ids.iter().all(|id| history.registered(id))
        }
        Event::AllegationRecorded(event) => {
            history.open(&event.case_id)
                && history.registered(&event.respondent_id)
                && history.alleged(&event.case_id, event.allegation_number).is_none()
        }
        Event::AllegationFound(event) => {
            history.open(&event.case_id)
                && history.alleged(&event.case_id, event.allegation_number).as_ref() == Some(&event.respondent_id)
        }
        Event::CaseClosed(event) => {
            let ids: Vec<String> = event.outcomes.iter().map(|outcome| outcome.respondent_id.clone()).collect();
            let respondents = history.respondents(&event.case_id);
            history.open(&event.case_id)
                && distinct(&ids)
                && ids.iter().all(|id| respondents.contains(id))
                && respondents.iter().all(|id| ids.contains(id))
        }
        Event::DecisionIssued(event) => {
            let case = &event.case_id;
            let rests = |number: &u32| history.alleged(case, *number).as_ref() == Some(&event.respondent_id);
            let of_case = if case.is_empty() {
                event.allegation_numbers.is_empty()
            } else {
                history.opened(case)
                    && history.respondents(case).contains(&event.respondent_id)
                    && event.allegation_numbers.iter().all(rests)
            };
            history.registered(&event.respondent_id) && history.issued(&event.decision_id).is_none() && of_case
        }
        Event::DecisionModified(event) => {
            let appeal = &event.appeal_id;
            history.stands(&event.decision_id, &event.respondent_id)
                && (appeal.is_empty()
                    || history.lodged(appeal).is_some_and(|appeal| appeal.decision_id == event.decision_id))
        }
        Event::DecisionAnnulled(event) => history.stands(&event.decision_id, &event.respondent_id),
        Event::AppealLodged(event) => {
            let signed = history.issued(&event.decision_id).and_then(|decision| decision.signed_on.as_ref());
            history.lodged(&event.appeal_id).is_none()
                && history.stands(&event.decision_id, &event.respondent_id)
                && !before(event.lodged_on.as_ref(), signed)
        }
        Event::AppealDecided(event) => {
            let decided = |other: &Event| {
                matches!(other, Event::AppealDecided(other)
                if other.appeal_id == event.appeal_id)
            };
            !history.any(decided)
                && history.lodged(&event.appeal_id).is_some_and(|appeal| {
                    appeal.decision_id == event.decision_id
                        && appeal.respondent_id == event.respondent_id
                        && !before(event.decided_on.as_ref(), appeal.lodged_on.as_ref())
                })
        }
        Event::DeclarationSubmitted(event) => {
            let previous = history.declarant(&event.previous_id);
            history.person(&event.person_id)
                && history.declarant(&event.declaration_id).is_none()
                && (event.previous_id.is_empty() || previous.as_ref() == Some(&event.person_id))
        }
        Event::DeclarationAmended(event) => history.declarant(&event.declaration_id).as_ref() == Some(&event.person_id),
        Event::LegacyRecordImported(event) => {
            let last = history.0.iter().rev().find_map(|other| match other {
                Event::LegacyRecordImported(other) if other.record_id == event.record_id => Some(other.observation()),
                _ => None,
            });
            let there = matches!(last, Some(Observation::FirstSeen | Observation::Changed));
            (there != (event.observation() == Observation::FirstSeen))
                && event.subject_ids.iter().all(|id| history.registered(id))
        }
        Event::EntryErased(_) => false,
        _ => unreachable!("not drawn yet"),
    }
}

struct History<'a>(&'a [Event]);

impl History<'_> {
    fn any(&self, test: impl Fn(&Event) -> bool) -> bool {
        self.0.iter().any(test)
    }

    fn person(&self, id: &str) -> bool {
        self.any(|event| matches!(event, Event::PersonRegistered(event) if event.entity_id == id))
    }

    fn organisation(&self, id: &str) -> bool {
        self.any(|event| matches!(event, Event::OrganisationRegistered(event) if event.entity_id == id))
    }

    fn registered(&self, id: &str) -> bool {
        self.person(id) || self.organisation(id)
    }

    fn body(&self, id: &str) -> bool {
        id.is_empty() || self.organisation(id)
    }

    fn assigned(&self, person: &str, number: u32) -> Option<&PositionAssigned> {
        self.0.iter().find_map(|event| match event {
            Event::PositionAssigned(event) if event.person_id == person && event.position_number == number => {
                Some(event)
            }
            _ => None,
        })
    }

    fn opened(&self, case: &str) -> bool {
        self.any(|event| matches!(event, Event::CaseOpened(event) if event.case_id == case))
    }

    fn open(&self, case: &str) -> bool {
        self.opened(case) && !self.any(|event| matches!(event, Event::CaseClosed(event) if event.case_id == case))
    }

    fn respondents(&self, case: &str) -> Vec<String> {
        let mut all = Vec::new();
        for event in self.0 {
            match event {
                Event::CaseOpened(event) if event.case_id == case => all.extend(event.respondent_ids.clone()),
                Event::AllegationRecorded(event) if event.case_id == case => all.push(event.respondent_id.clone()),
                _ => {}
            }
        }
        all
    }

    fn alleged(&self, case: &str, number: u32) -> Option<String> {
        self.0.iter().find_map(|event| match event {
            Event::AllegationRecorded(event) if event.case_id == case && event.allegation_number == number => {
                Some(event.respondent_id.clone())
            }
            _ => None,
        })
    }

    fn issued(&self, decision: &str) -> Option<&DecisionIssued> {
        self.0.iter().find_map(|event| match event {
            Event::DecisionIssued(event) if event.decision_id == decision => Some(event),
            _ => None,
        })
    }

    fn stands(&self, decision: &str, respondent: &str) -> bool {
        let annulled = |event: &Event| matches!(event, Event::DecisionAnnulled(event) if event.decision_id == decision);
        self.issued(decision).is_some_and(|issued| issued.respondent_id == respondent) && !self.any(annulled)
    }

    fn lodged(&self, appeal: &str) -> Option<&AppealLodged> {
        self.0.iter().find_map(|event| match event {
            Event::AppealLodged(event) if event.appeal_id == appeal => Some(event),
            _ => None,
        })
    }

    fn declarant(&self, declaration: &str) -> Option<String> {
        self.0.iter().find_map(|event| match event {
            Event::DeclarationSubmitted(event) if event.declaration_id == declaration => Some(event.person_id.clone()),
            _ => None,
        })
    }
}

fn before(a: Option<&PartialDate>, b: Option<&PartialDate>) -> bool {
    a.zip(b).is_some_and(|(a, b)| dates::certainly_before(a, b))
}

fn distinct(ids: &[String]) -> bool {
    ids.iter().enumerate().all(|(place, id)| !ids[..place].contains(id))
}
