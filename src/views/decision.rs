//! Decisions with their sanctions, changes and appeals.

use crate::events::AppealDecided;
use crate::events::AppealLodged;
use crate::events::Context;
use crate::events::DecisionAnnulled;
use crate::events::DecisionIssued;
use crate::events::Event;
use crate::events::EventType;
use crate::events::PartialDate;
use crate::log::Key;
use crate::log::Name;
use crate::proto::v1::Annulment;
use crate::proto::v1::Appeal;
use crate::proto::v1::Decision;
use crate::proto::v1::Sanction;
use crate::views::Kind;
use crate::views::Recorded;
use crate::views::View;
use crate::views::name_of;
use crate::views::standing::Form;
use crate::views::standing::Ruling;
use crate::views::standing::Undoing;
use crate::views::streams;

/// One decision, from the entries of its stream and of the streams of its appeals; `None` where nothing is known in
/// its stream.
pub fn decision(name: &Name, entries: &[Recorded], view: View) -> Option<Decision> {
    let stream = Key::of_stream(name);
    let (_, mut decision) = with_streams(entries, view).into_iter().find(|(key, _)| *key == stream)?;
    name.as_str().clone_into(&mut decision.name);
    decision.appeals = appeals(entries, view).into_iter().filter(|appeal| appeal.decision == decision.name).collect();
    Some(decision)
}

/// Every decision that these entries tell of, in the order of the decisions' first entries. The name of one of
/// which every entry was erased is empty.
pub fn decisions(entries: &[Recorded], view: View) -> Vec<Decision> {
    let mut decisions: Vec<Decision> = with_streams(entries, view).into_iter().map(|(_, decision)| decision).collect();
    for appeal in appeals(entries, view) {
        if let Some(decision) = decisions.iter_mut().find(|decision| decision.name == appeal.decision) {
            decision.appeals.push(appeal);
        }
    }
    decisions
}

/// Every appeal that these entries tell of and of which it is known what it is against, in the order of recording.
pub fn appeals(entries: &[Recorded], view: View) -> Vec<Appeal> {
    let all = streams(entries, Kind::Appeal, view);
    all.iter().map(|entries| appeal(entries)).filter(|appeal| !appeal.decision.is_empty()).collect()
}

/// From when a decision is in force where its sanctions do not say: its effect, or else when it was signed, or else
/// when it happened.
pub fn effect_of_issue(event: &DecisionIssued) -> Option<&PartialDate> {
    let context = event.context.as_ref();
    context
        .and_then(|context| context.effective_on.as_ref())
        .or(event.signed_on.as_ref())
        .or_else(|| context.and_then(|context| context.occurred_on.as_ref()))
}

fn with_streams(entries: &[Recorded], view: View) -> Vec<(Key, Decision)> {
    streams(entries, Kind::Decision, view).iter().map(|entries| (entries[0].stream, fold(entries, view))).collect()
}

fn fold(entries: &[&Recorded], view: View) -> Decision {
    let mut decision = Decision::default();
    let mut ruling = Ruling::default();
    let mut form_sources = Vec::new();
    for entry in entries {
        if let Some(name) = entry.stream_name() {
            decision.name = name;
        }
        let source = entry.source();
        match (entry.event_type, entry.event()) {
            (EventType::DecisionIssued, event) => {
                decision.source = Some(source.clone());
                decision.reasons = entry.personal_part();
                if let Some(Event::DecisionIssued(event)) = event {
                    issue(&mut decision, event);
                    ruling.forms.push(Form { effect: effect_of_issue(event), items: Some(&event.items) });
                } else {
                    ruling.forms.push(Form { effect: None, items: None });
                }
                form_sources.push(source);
            }
            (_, Some(Event::DecisionModified(event))) => {
                decision.respondent = name_of("entity", &event.respondent_id);
                ruling.forms.push(Form { effect: effect_of_change(event.context.as_ref()), items: Some(&event.items) });
                form_sources.push(source.clone());
                decision.changes.push(source);
            }
            (EventType::DecisionModified, _) => {
                ruling.forms.push(Form { effect: None, items: None });
                form_sources.push(source.clone());
                decision.changes.push(source);
            }
            (_, Some(Event::DecisionAnnulled(event))) => {
                decision.respondent = name_of("entity", &event.respondent_id);
                ruling.undoings.push(undoing(event));
                decision.annulment = Some(annulment(event, entry));
                decision.changes.push(source);
            }
            // An erased annulment; no other event stands in the stream of a decision.
            _ => {
                ruling.undoings.push(Undoing::Erased);
                decision.annulment = Some(Annulment { source: Some(source.clone()), ..Annulment::default() });
                decision.changes.push(source);
            }
        }
    }
    for (number, (form, source)) in ruling.forms.iter().zip(&form_sources).enumerate() {
        decision.sanctions.extend(form.items.unwrap_or_default().iter().map(|item| Sanction {
            item: Some(item.clone()),
            standing: ruling.standing_of(number, item, view.as_of).into(),
            source: Some(source.clone()),
        }));
    }
    decision.set_standing(ruling.standing(view.as_of));
    decision
}

fn issue(decision: &mut Decision, event: &DecisionIssued) {
    decision.case = name_of("case", &event.case_id);
    decision.respondent = name_of("entity", &event.respondent_id);
    decision.reference.clone_from(&event.reference);
    decision.issued_by = name_of("entity", &event.issued_by_id);
    decision.regime.clone_from(&event.regime);
    decision.signed_on = event.signed_on;
    decision.effective_on = event.context.as_ref().and_then(|context| context.effective_on);
    decision.allegation_numbers.clone_from(&event.allegation_numbers);
}

fn effect_of_change(context: Option<&Context>) -> Option<&PartialDate> {
    context.and_then(|context| context.effective_on.as_ref().or(context.occurred_on.as_ref()))
}

fn undoing(event: &DecisionAnnulled) -> Undoing<'_> {
    if event.retroactive { Undoing::Retroactive } else { Undoing::From(effect_of_change(event.context.as_ref())) }
}

fn annulment(event: &DecisionAnnulled, entry: &Recorded) -> Annulment {
    Annulment {
        ground: event.ground,
        retroactive: event.retroactive,
        effective_on: effect_of_change(event.context.as_ref()).copied(),
        source: Some(entry.source()),
    }
}

fn appeal(entries: &[&Recorded]) -> Appeal {
    let mut appeal = Appeal::default();
    for entry in entries {
        match entry.event() {
            Some(Event::AppealLodged(event)) => lodge(&mut appeal, event),
            Some(Event::AppealDecided(event)) => decide(&mut appeal, event),
            Some(_) | None => {}
        }
        if let Some(name) = entry.stream_name() {
            appeal.name = name;
        }
        if entry.event_type == EventType::AppealLodged {
            appeal.lodged = Some(entry.source());
            appeal.grounds = entry.personal_part();
        } else {
            appeal.decided = Some(entry.source());
        }
    }
    appeal
}

fn lodge(appeal: &mut Appeal, event: &AppealLodged) {
    appeal.decision = name_of("decision", &event.decision_id);
    appeal.lodged_on = event.lodged_on;
}

fn decide(appeal: &mut Appeal, event: &AppealDecided) {
    appeal.decision = name_of("decision", &event.decision_id);
    appeal.outcome = event.outcome;
    appeal.decided_on = event.decided_on;
}
