//! Declarations with their versions: the one submitted, and one for each amendment. Every version stays.

use crate::domain::dates::Day;
use crate::events::DeclarationAccepted;
use crate::events::DeclarationAmended;
use crate::events::DeclarationPublished;
use crate::events::DeclarationSubmitted;
use crate::events::Event;
use crate::events::EventType;
use crate::events::Section;
use crate::log::Name;
use crate::proto::v1::Acceptance;
use crate::proto::v1::Declaration;
use crate::proto::v1::DeclarationSummary;
use crate::proto::v1::DeclarationVersion;
use crate::proto::v1::Publication;
use crate::proto::v1::SectionState;
use crate::proto::v1::Standing;
use crate::views::Kind;
use crate::views::Recorded;
use crate::views::View;
use crate::views::amend::Facts;
use crate::views::amend::Told;
use crate::views::name_of;
use crate::views::standing::Certainty;
use crate::views::standing::reached;
use crate::views::verification;

/// A declaration, from the entries of its stream and of its verifications; `None` where nothing is known in it.
pub fn declaration(name: &Name, entries: &[Recorded], view: View) -> Option<Declaration> {
    let facts = Facts::new(entries, view);
    let mut declaration = fold(&facts.stream(name, Kind::Declaration)?, view);
    let of_it = |one: &crate::proto::v1::Verification| one.declarations.contains(&declaration.name);
    let verifications = verification::of_facts(&facts).into_iter().filter(of_it).map(|one| one.name).collect();
    declaration.verifications = verifications;
    Some(declaration)
}

/// Every declaration that these entries tell of, each in a line, in the order of their first entries. The name of
/// one of which every entry was erased is empty.
pub fn summaries(entries: &[Recorded], view: View) -> Vec<DeclarationSummary> {
    of_facts(&Facts::new(entries, view))
}

pub(super) fn of_facts(facts: &Facts<'_>) -> Vec<DeclarationSummary> {
    facts.of(Kind::Declaration).iter().map(|told| summary(told, facts.view())).collect()
}

fn summary(told: &Told<'_>, view: View) -> DeclarationSummary {
    let declaration = fold(told, view);
    DeclarationSummary {
        name: declaration.name,
        kind: declaration.kind,
        period: declaration.period,
        submitted_on: declaration.submitted_on,
        versions: u32::try_from(declaration.versions.len()).unwrap_or(u32::MAX),
        source: told.first(),
        declarant: declaration.declarant,
        accepted: declaration.accepted,
        void: declaration.void,
        disputed: declaration.disputed,
    }
}

fn fold(told: &Told<'_>, view: View) -> Declaration {
    let mut declaration = Declaration {
        name: told.name.clone(),
        void: told.void,
        corrections: told.corrections.clone(),
        voids: told.voids.clone(),
        disputed: told.disputed(),
        disputes: told.disputes.clone(),
        ..Declaration::default()
    };
    for entry in &told.entries {
        match entry.event_type {
            EventType::DeclarationAccepted => accept(&mut declaration, entry),
            EventType::DeclarationPublished => publish(&mut declaration, entry),
            EventType::PublicationEnded => end(&mut declaration, entry),
            _ => file(&mut declaration, entry),
        }
    }
    for publication in &mut declaration.publications {
        publication.set_standing(standing(publication, view.as_of));
    }
    declaration
}

/// A version: what was submitted, or an amendment.
fn file(declaration: &mut Declaration, entry: &Recorded) {
    let number = u32::try_from(declaration.versions.len()).unwrap_or(u32::MAX).saturating_add(1);
    let mut version = DeclarationVersion {
        version: number,
        content: entry.personal_part(),
        source: Some(entry.source()),
        ..DeclarationVersion::default()
    };
    match entry.event() {
        Some(Event::DeclarationSubmitted(event)) => submit(declaration, &mut version, event),
        Some(Event::DeclarationAmended(event)) => amend(declaration, &mut version, event),
        // Erased: it had a version, and which sections it brought is not known any more.
        Some(_) | None => {}
    }
    for section in &version.sections {
        place(&mut declaration.sections, section, number);
    }
    declaration.versions.push(version);
    declaration.accepted = false;
}

fn submit(declaration: &mut Declaration, version: &mut DeclarationVersion, event: &DeclarationSubmitted) {
    declaration.declarant = name_of("entity", &event.person_id);
    declaration.kind = event.kind;
    declaration.period = event.period;
    declaration.submitted_on = event.submitted_on;
    declaration.form.clone_from(&event.form);
    declaration.previous = name_of("declaration", &event.previous_id);
    declaration.received_by = name_of("entity", &event.received_by_id);
    declaration.obligation = name_of("obligation", &event.obligation_id);
    version.filed_on = event.submitted_on;
    version.sections.clone_from(&event.sections);
}

fn amend(declaration: &mut Declaration, version: &mut DeclarationVersion, event: &DeclarationAmended) {
    declaration.declarant = name_of("entity", &event.person_id);
    version.filed_on = event.amended_on;
    version.cause = event.cause;
    version.sections.clone_from(&event.sections);
}

fn accept(declaration: &mut Declaration, entry: &Recorded) {
    let version = u32::try_from(declaration.versions.len()).unwrap_or(u32::MAX);
    let mut acceptance = Acceptance { version, source: Some(entry.source()), ..Acceptance::default() };
    if let Some(Event::DeclarationAccepted(DeclarationAccepted { accepted_on, accepted_by_id, .. })) = entry.event() {
        acceptance.accepted_on = *accepted_on;
        acceptance.accepted_by = name_of("entity", accepted_by_id);
    }
    declaration.acceptances.push(acceptance);
    declaration.accepted = true;
}

fn publish(declaration: &mut Declaration, entry: &Recorded) {
    let mut publication = match entry.event() {
        Some(Event::DeclarationPublished(event)) => published(event),
        Some(_) | None => Publication::default(),
    };
    publication.source = Some(entry.source());
    declaration.publications.push(publication);
}

fn published(event: &DeclarationPublished) -> Publication {
    Publication {
        form: event.form,
        audience: event.audience.clone(),
        place: event.place.clone(),
        period: event.period,
        redaction: event.redaction.clone(),
        published_by: name_of("entity", &event.published_by_id),
        ..Publication::default()
    }
}

/// Ends the publication that lasts; where what began it is void, there is none to end.
fn end(declaration: &mut Declaration, entry: &Recorded) {
    let Some(publication) = declaration.publications.last_mut().filter(|one| one.ended.is_none()) else { return };
    publication.ended = Some(entry.source());
    if let Some(Event::PublicationEnded(event)) = entry.event() {
        publication.ended_on = event.ended_on;
    }
}

/// Whether it is public on a day. That it was meant to last until some day ends nothing by itself.
fn standing(publication: &Publication, day: Day) -> Standing {
    let from = publication.period.as_ref().and_then(|period| period.from.as_ref());
    let begun = reached(from, day);
    let over = match publication.ended {
        Some(_) => reached(publication.ended_on.as_ref(), day),
        None => Certainty::No,
    };
    match (begun, over) {
        (_, Certainty::Yes) => Standing::Expired,
        (Certainty::No, _) => Standing::Pending,
        (Certainty::Yes, Certainty::No) => Standing::InForce,
        (Certainty::Perhaps, _) | (_, Certainty::Perhaps) => Standing::Uncertain,
    }
}

/// Puts a section in the place of the one of its class, or at the end.
fn place(sections: &mut Vec<SectionState>, section: &Section, version: u32) {
    let state = SectionState { section: Some(section.clone()), version };
    let class = |state: &SectionState| state.section.as_ref().and_then(|section| section.asset_class.clone());
    match sections.iter_mut().find(|one| class(one) == section.asset_class) {
        Some(one) => *one = state,
        None => sections.push(state),
    }
}
