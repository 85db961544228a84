//! Single steps of a decision. Of an erased one nothing is left but that it was recorded.

use crate::events::Event;
use crate::events::VoteRecorded;
use crate::proto::v1::Announcement;
use crate::proto::v1::Annulment;
use crate::proto::v1::Delivery;
use crate::proto::v1::Proposal;
use crate::proto::v1::Vote;
use crate::views::Recorded;
use crate::views::decision::effect_of_change;
use crate::views::name_of;

pub(super) fn proposal(entry: &Recorded) -> Proposal {
    let mut proposal = Proposal { reasons: entry.personal_part(), source: Some(entry.source()), ..Proposal::default() };
    if let Some(Event::SanctionProposed(event)) = entry.event() {
        proposal.proposed_by = name_of("entity", &event.proposed_by_id);
        proposal.proposed_on = event.proposed_on;
        proposal.items.clone_from(&event.items);
        proposal.allegation_numbers.clone_from(&event.allegation_numbers);
    }
    proposal
}

pub(super) fn vote(entry: &Recorded) -> Vote {
    let mut vote = match entry.event() {
        Some(Event::VoteRecorded(event)) => tally(event),
        Some(_) | None => Vote::default(),
    };
    vote.source = Some(entry.source());
    vote
}

fn tally(event: &VoteRecorded) -> Vote {
    Vote {
        round: event.round,
        body: name_of("entity", &event.body_id),
        held_on: event.held_on,
        secret: event.secret,
        eligible: event.eligible,
        present: event.present,
        issued: event.issued,
        returned: event.returned,
        valid: event.valid,
        options: event.options.clone(),
        threshold_rule: event.threshold_rule.clone(),
        method: event.method,
        result: event.result,
        result_form: event.result_form.clone(),
        source: None,
    }
}

pub(super) fn announcement(entry: &Recorded) -> Announcement {
    let mut announcement = Announcement { source: Some(entry.source()), ..Announcement::default() };
    if let Some(Event::DecisionAnnounced(event)) = entry.event() {
        announcement.announced_on = event.announced_on;
        announcement.announced_by = name_of("entity", &event.announced_by_id);
        announcement.refused_to_hear = event.refused_to_hear;
    }
    announcement
}

pub(super) fn delivery(entry: &Recorded) -> Delivery {
    let mut delivery = Delivery { source: Some(entry.source()), ..Delivery::default() };
    if let Some(Event::DecisionServed(event)) = entry.event() {
        delivery.served_on = event.served_on;
        delivery.served_by = name_of("entity", &event.served_by_id);
        delivery.method.clone_from(&event.method);
        delivery.refused = event.refused;
    }
    delivery
}

pub(super) fn annulment(entry: &Recorded) -> Annulment {
    let mut annulment = Annulment { source: Some(entry.source()), ..Annulment::default() };
    if let Some(Event::DecisionAnnulled(event)) = entry.event() {
        annulment.ground = event.ground;
        annulment.retroactive = event.retroactive;
        annulment.effective_on = effect_of_change(event.context.as_ref()).copied();
    }
    annulment
}
