//! The rules again, slowly: each question is answered from the whole history, and nothing is kept.

use crate::domain::dates;
use crate::domain::tests::shown;
use crate::events::AppealLodged;
use crate::events::DecisionIssued;
use crate::events::DeclarationPublished;
use crate::events::Event;
use crate::events::ObligationCreated;
use crate::events::Observation;
use crate::events::PartialDate;
use crate::events::PetitionReceived;
use crate::events::PositionAssigned;
use crate::events::VerificationOrdered;
use crate::events::correction;
use crate::events::shape;

/// Whether `event` may follow `history`. Knows only what the random steps make.
pub(super) fn may(history: &[Event], event: &Event) -> bool {
    let (record, amendment) = match event {
        Event::RecordCorrected(event) => {
            let claim = (event.target_position, &event.target, &event.subject_ids, &event.approver);
            (&event.record_id, Some(claim))
        }
        Event::RecordVoided(event) => {
            let claim = (event.target_position, &event.target, &event.subject_ids, &event.approver);
            (&event.record_id, Some(claim))
        }
        Event::LegacyRecordImported(event) => (&event.record_id, None),
        _ => return follows(history, event),
    };
    let used = history.iter().any(|other| match other {
        Event::RecordCorrected(other) => other.record_id == *record,
        Event::RecordVoided(other) => other.record_id == *record,
        Event::LegacyRecordImported(other) => amendment.is_some() && other.record_id == *record,
        _ => false,
    });
    let Some((position, target, subject_ids, approver)) = amendment else { return !used && follows(history, event) };
    let fits = match event {
        Event::RecordCorrected(event) => {
            let meant = place_of(position).and_then(|place| history.get(place));
            meant.is_some_and(|meant| correction::corrected(meant, &event.fields).is_ok())
        }
        _ => true,
    };
    fits && !used && stands(history, position, target, subject_ids) && approver != "local"
}

fn place_of(position: u64) -> Option<usize> {
    usize::try_from(position).ok()?.checked_sub(1)
}

/// Whether the entry at a position is a fact that counts, in this stream and about exactly these.
pub(super) fn stands(history: &[Event], position: u64, target: &str, subject_ids: &[String]) -> bool {
    let Some((place, meant)) = place_of(position).and_then(|place| Some((place, history.get(place)?))) else {
        return false;
    };
    let (_, gone) = counting(history);
    let in_stream = meant.stream().is_some_and(|(kind, id)| target == format!("{kind}/{id}"));
    let is_fact = !matches!(
        meant,
        Event::RecordCorrected(_)
            | Event::RecordVoided(_)
            | Event::RecordDisputed(_)
            | Event::StatementAttached(_)
            | Event::DisputeResolved(_)
    );
    !gone.contains(&place) && is_fact && in_stream && *subject_ids == subjects(meant)
}

/// Ids of the subjects, ascending, each once.
pub(super) fn subjects(event: &Event) -> Vec<String> {
    let open = event.encode();
    let mut ids: Vec<String> = shape::read_open(event.event_type(), &open)
        .map(|names| names.subjects.iter().map(|(_, id)| (*id).to_owned()).collect())
        .unwrap_or_default();
    ids.sort();
    ids.dedup();
    ids
}

/// What counts: without what is void, and as it was corrected. And the places that do not count.
pub(super) fn counting(history: &[Event]) -> (Vec<Event>, Vec<usize>) {
    let first_of = |place: usize| {
        let stream = history[place].stream();
        history.iter().position(|event| event.stream() == stream) == Some(place)
    };
    let mut gone: Vec<usize> = Vec::new();
    // What was done with a decision whose issue is void was done with nothing, and is itself no void.
    let mut undone: Vec<usize> = Vec::new();
    let mut events = history.to_vec();
    for (at, event) in history.iter().enumerate() {
        match event {
            Event::RecordVoided(event) => {
                let place = usize::try_from(event.target_position).expect("small") - 1;
                // What the imports saw stays seen, and is still void.
                let of_stream = |other: &usize| {
                    *other == place || first_of(place) && history[*other].stream() == history[place].stream()
                };
                if matches!(history[place], Event::DecisionIssued(_)) {
                    let proposed = |event: &Event| matches!(event, Event::SanctionProposed(_) | Event::VoteRecorded(_));
                    let rests = |other: &usize| {
                        history[*other].stream() == history[place].stream() && !proposed(&history[*other])
                    };
                    undone.extend((place + 1..at).filter(rests));
                }
                let is_row = matches!(history[place], Event::LegacyRecordImported(_));
                gone.extend((0..history.len()).filter(|other| if is_row { *other == place } else { of_stream(other) }));
            }
            Event::RecordCorrected(event) => {
                let place = usize::try_from(event.target_position).expect("small") - 1;
                events[place] = correction::corrected(&events[place], &event.fields).expect("it was admitted");
            }
            _ => {}
        }
    }
    let counts = |place: &usize| {
        !undone.contains(place) && (!gone.contains(place) || matches!(history[*place], Event::LegacyRecordImported(_)))
    };
    let counting = (0..events.len()).filter(counts).map(|place| events[place].clone()).collect();
    (counting, gone)
}

fn follows(all: &[Event], event: &Event) -> bool {
    let history = all;
    let (counting, gone) = counting(history);
    let is_void = |place: &usize| history[*place].stream() == event.stream();
    let begins = |place: &usize| {
        history.iter().position(|other| other.stream() == history[*place].stream()) == Some(*place)
            && !matches!(history[*place], Event::LegacyRecordImported(_))
    };
    if event.stream().is_some() && gone.iter().any(|place| is_void(place) && begins(place)) {
        return false;
    }
    if let Some(may) = shown::may(all, &counting, event) {
        return may;
    }
    let history = History(&counting);
    match event {
        Event::ErasureRequested(_)
        | Event::ErasureApproved(_)
        | Event::ErasureWithdrawn(_)
        | Event::ErasureCompleted(_)
        | Event::HoldPlaced(_)
        | Event::HoldReleased(_)
        | Event::AccessRecorded(_)
        | Event::EmergencyReviewed(_) => unreachable!("no random history has any"),
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
                && (event.petition_id.is_empty() || history.petition(&event.petition_id).is_some())
                && (event.verification_id.is_empty() || history.verification(&event.verification_id).is_some())
        }
        Event::AllegationRecorded(event) => {
            let joins = !history.respondents(&event.case_id).contains(&event.respondent_id);
            history.open(&event.case_id)
                && (joins || history.examined(&event.case_id, &event.respondent_id))
                && history.registered(&event.respondent_id)
                && history.alleged(&event.case_id, event.allegation_number).is_none()
        }
        Event::AllegationFound(event) => {
            history.open(&event.case_id)
                && history.alleged(&event.case_id, event.allegation_number).as_ref() == Some(&event.respondent_id)
                && history.examined(&event.case_id, &event.respondent_id)
        }
        Event::CaseClosed(event) => {
            let ids: Vec<String> = event.outcomes.iter().map(|outcome| outcome.respondent_id.clone()).collect();
            let mut respondents = history.respondents(&event.case_id);
            respondents.retain(|id| history.examined(&event.case_id, id));
            history.open(&event.case_id)
                && distinct(&ids)
                && ids.iter().all(|id| respondents.contains(id))
                && respondents.iter().all(|id| ids.contains(id))
        }
        Event::DecisionIssued(event) => {
            history.may_decide(&event.decision_id, &event.case_id, &event.respondent_id, &event.allegation_numbers)
        }
        Event::DecisionModified(event) => {
            let appeal = &event.appeal_id;
            history.standing(&event.decision_id, &event.respondent_id)
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
            let obliged = history.obligation(&event.obligation_id);
            history.person(&event.person_id)
                && (event.obligation_id.is_empty()
                    || obliged.is_some_and(|duty| duty.person_id == event.person_id && duty.kind == event.kind))
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
        Event::CaseReopened(event) => {
            history.opened(&event.case_id)
                && !history.open(&event.case_id)
                && distinct(&event.respondent_ids)
                && event.respondent_ids.iter().all(|id| history.respondents(&event.case_id).contains(id))
        }
        Event::RespondentNotified(event) => history.examined(&event.case_id, &event.respondent_id),
        Event::StatementReceived(event) => history.examined(&event.case_id, &event.respondent_id),
        Event::HearingHeld(event) => history.examined(&event.case_id, &event.respondent_id),
        Event::SanctionProposed(event) => {
            history.may_decide(&event.decision_id, &event.case_id, &event.respondent_id, &event.allegation_numbers)
        }
        Event::VoteRecorded(event) => {
            let later = |other: &Event| {
                matches!(other, Event::VoteRecorded(other)
                if other.decision_id == event.decision_id && other.round >= event.round)
            };
            history.issued(&event.decision_id).is_none()
                && history.begun(&event.decision_id).is_some_and(|(_, respondent)| respondent == event.respondent_id)
                && !history.any(later)
                && history.body(&event.body_id)
        }
        Event::DecisionAnnounced(event) => {
            history.standing(&event.decision_id, &event.respondent_id)
                && !history.since_modified(
                    &event.decision_id,
                    |other| matches!(other, Event::DecisionAnnounced(other) if other.decision_id == event.decision_id),
                )
                && !before(event.announced_on.as_ref(), history.signed(&event.decision_id))
        }
        Event::DecisionServed(event) => {
            let mut announced = None;
            history.since_modified(&event.decision_id, |other| {
                if let Event::DecisionAnnounced(other) = other
                    && other.decision_id == event.decision_id
                {
                    announced = other.announced_on;
                }
                false
            });
            history.standing(&event.decision_id, &event.respondent_id)
                && !history.since_modified(
                    &event.decision_id,
                    |other| matches!(other, Event::DecisionServed(other) if other.decision_id == event.decision_id),
                )
                && !before(event.served_on.as_ref(), history.signed(&event.decision_id))
                && !before(event.served_on.as_ref(), announced.as_ref())
        }
        Event::DecisionExpired(event) => {
            history.standing(&event.decision_id, &event.respondent_id)
                && !history.appeal_pending(&event.decision_id)
                && !before(event.expired_on.as_ref(), history.signed(&event.decision_id))
        }
        Event::DeclarationAccepted(event) => {
            history.declarant(&event.declaration_id).as_ref() == Some(&event.person_id)
                && !history.accepted(&event.declaration_id)
                && !before(event.accepted_on.as_ref(), history.submitted(&event.declaration_id))
        }
        Event::DeclarationPublished(event) => {
            let from = event.period.as_ref().and_then(|period| period.from.as_ref());
            history.declarant(&event.declaration_id).as_ref() == Some(&event.person_id)
                && history.publication(&event.declaration_id).is_none()
                && !before(from, history.submitted(&event.declaration_id))
        }
        Event::PublicationEnded(event) => {
            history.declarant(&event.declaration_id).as_ref() == Some(&event.person_id)
                && history.publication(&event.declaration_id).is_some_and(|published| {
                    let from = published.period.as_ref().and_then(|period| period.from.as_ref());
                    !before(event.ended_on.as_ref(), from)
                })
        }
        Event::ObligationCreated(event) => {
            history.person(&event.person_id) && history.obligation(&event.obligation_id).is_none()
        }
        Event::PetitionReceived(event) => {
            history.petition(&event.petition_id).is_none()
                && distinct(&event.respondent_ids)
                && event.respondent_ids.iter().all(|id| history.registered(id))
        }
        Event::PetitionResolved(event) => {
            let resolved = |other: &Event| {
                matches!(other, Event::PetitionResolved(other)
                if other.petition_id == event.petition_id)
            };
            distinct(&event.respondent_ids)
                && !history.any(resolved)
                && history.petition(&event.petition_id).is_some_and(|petition| {
                    let same = |id| petition.respondent_ids.contains(id);
                    petition.respondent_ids.len() == event.respondent_ids.len()
                        && event.respondent_ids.iter().all(same)
                        && !before(event.resolved_on.as_ref(), petition.received_on.as_ref())
                })
        }
        Event::VerificationOrdered(event) => {
            history.verification(&event.verification_id).is_none()
                && history.person(&event.person_id)
                && distinct(&event.declaration_ids)
                && event.declaration_ids.iter().all(|id| history.declarant(id).as_ref() == Some(&event.person_id))
        }
        Event::ExplanationReceived(event) => history.verifies(&event.verification_id, &event.person_id),
        Event::VerificationConcluded(event) => {
            history.verifies(&event.verification_id, &event.person_id)
                && history
                    .verification(&event.verification_id)
                    .is_some_and(|ordered| !before(event.concluded_on.as_ref(), ordered.ordered_on.as_ref()))
        }
        Event::RecordCorrected(_) | Event::RecordVoided(_) => unreachable!("asked of the whole history"),
        Event::RightsReceived(_)
        | Event::RightsAcknowledged(_)
        | Event::RightsExtended(_)
        | Event::RightsFulfilled(_)
        | Event::RightsRefused(_)
        | Event::RecordDisputed(_)
        | Event::StatementAttached(_)
        | Event::DisputeResolved(_)
        | Event::RecordDisclosed(_)
        | Event::NoticeSent(_)
        | Event::NoticeAcknowledged(_) => unreachable!("answered above"),
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

    /// There is a case, and it is not closed for everybody.
    fn open(&self, case: &str) -> bool {
        self.opened(case) && self.respondents(case).iter().any(|id| self.examined(case, id))
    }

    /// The last that was said of this respondent is not that the case is closed.
    fn examined(&self, case: &str, respondent: &str) -> bool {
        let closed = self.0.iter().rev().find_map(|event| match event {
            Event::CaseClosed(event) if event.case_id == case => {
                event.outcomes.iter().any(|outcome| outcome.respondent_id == respondent).then_some(true)
            }
            Event::CaseReopened(event) if event.case_id == case => {
                event.respondent_ids.iter().any(|id| id == respondent).then_some(false)
            }
            _ => None,
        });
        self.respondents(case).iter().any(|id| id == respondent) && closed != Some(true)
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

    /// Case and respondent of a proposal or decision.
    fn begun(&self, decision: &str) -> Option<(&str, &str)> {
        self.0.iter().find_map(|event| match event {
            Event::SanctionProposed(event) if event.decision_id == decision => {
                Some((event.case_id.as_str(), event.respondent_id.as_str()))
            }
            Event::DecisionIssued(event) if event.decision_id == decision => {
                Some((event.case_id.as_str(), event.respondent_id.as_str()))
            }
            _ => None,
        })
    }

    fn may_decide(&self, decision: &str, case: &str, respondent: &str, numbers: &[u32]) -> bool {
        let rests = |number: &u32| self.alleged(case, *number).as_deref() == Some(respondent);
        let of_case = if case.is_empty() {
            numbers.is_empty()
        } else {
            self.opened(case) && self.respondents(case).iter().any(|id| id == respondent) && numbers.iter().all(rests)
        };
        self.registered(respondent)
            && self.issued(decision).is_none()
            && self.begun(decision).is_none_or(|begun| begun == (case, respondent))
            && of_case
    }

    fn signed(&self, decision: &str) -> Option<&PartialDate> {
        self.issued(decision).and_then(|issued| issued.signed_on.as_ref())
    }

    /// Whether there is such an event after the last modification.
    fn since_modified(&self, decision: &str, mut test: impl FnMut(&Event) -> bool) -> bool {
        let modified = |event: &Event| matches!(event, Event::DecisionModified(event) if event.decision_id == decision);
        let from = self.0.iter().rposition(modified).map_or(0, |place| place + 1);
        self.0[from..].iter().any(&mut test)
    }

    /// It stands and has not expired.
    fn standing(&self, decision: &str, respondent: &str) -> bool {
        let expired = |event: &Event| matches!(event, Event::DecisionExpired(event) if event.decision_id == decision);
        self.stands(decision, respondent) && !self.any(expired)
    }

    fn appeal_pending(&self, decision: &str) -> bool {
        self.0.iter().any(|event| match event {
            Event::AppealLodged(lodged) if lodged.decision_id == decision => !self
                .any(|event| matches!(event, Event::AppealDecided(decided) if decided.appeal_id == lodged.appeal_id)),
            _ => false,
        })
    }

    fn submitted(&self, declaration: &str) -> Option<&PartialDate> {
        self.0.iter().find_map(|event| match event {
            Event::DeclarationSubmitted(event) if event.declaration_id == declaration => event.submitted_on.as_ref(),
            _ => None,
        })
    }

    fn accepted(&self, declaration: &str) -> bool {
        let last = self.0.iter().rev().find_map(|event| match event {
            Event::DeclarationAccepted(event) if event.declaration_id == declaration => Some(true),
            Event::DeclarationAmended(event) if event.declaration_id == declaration => Some(false),
            _ => None,
        });
        last == Some(true)
    }

    fn publication(&self, declaration: &str) -> Option<&DeclarationPublished> {
        let last = self.0.iter().rev().find_map(|event| match event {
            Event::DeclarationPublished(event) if event.declaration_id == declaration => Some(Some(event)),
            Event::PublicationEnded(event) if event.declaration_id == declaration => Some(None),
            _ => None,
        });
        last.flatten()
    }

    fn obligation(&self, obligation: &str) -> Option<&ObligationCreated> {
        self.0.iter().find_map(|event| match event {
            Event::ObligationCreated(event) if event.obligation_id == obligation => Some(event),
            _ => None,
        })
    }

    fn petition(&self, petition: &str) -> Option<&PetitionReceived> {
        self.0.iter().find_map(|event| match event {
            Event::PetitionReceived(event) if event.petition_id == petition => Some(event),
            _ => None,
        })
    }

    fn verification(&self, verification: &str) -> Option<&VerificationOrdered> {
        self.0.iter().find_map(|event| match event {
            Event::VerificationOrdered(event) if event.verification_id == verification => Some(event),
            _ => None,
        })
    }

    /// It runs, and is about this person.
    fn verifies(&self, verification: &str, person: &str) -> bool {
        let concluded = |event: &Event| {
            matches!(event, Event::VerificationConcluded(event)
            if event.verification_id == verification)
        };
        self.verification(verification).is_some_and(|ordered| ordered.person_id == person) && !self.any(concluded)
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

pub(super) fn before(a: Option<&PartialDate>, b: Option<&PartialDate>) -> bool {
    a.zip(b).is_some_and(|(a, b)| dates::certainly_before(a, b))
}

pub(super) fn distinct(ids: &[String]) -> bool {
    ids.iter().enumerate().all(|(place, id)| !ids[..place].contains(id))
}
