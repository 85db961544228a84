//! Declarations with their versions: the one submitted, and one for each amendment. Every version stays.

use crate::events::DeclarationAmended;
use crate::events::DeclarationSubmitted;
use crate::events::Event;
use crate::events::Section;
use crate::log::Key;
use crate::log::Name;
use crate::proto::v1::Declaration;
use crate::proto::v1::DeclarationSummary;
use crate::proto::v1::DeclarationVersion;
use crate::proto::v1::SectionState;
use crate::views::Kind;
use crate::views::Recorded;
use crate::views::View;
use crate::views::name_of;
use crate::views::streams;

/// A declaration, from the entries of its stream; `None` where nothing is known in it.
pub fn declaration(name: &Name, entries: &[Recorded], view: View) -> Option<Declaration> {
    let stream = Key::of_stream(name);
    let all = streams(entries, Kind::Declaration, view);
    let mut declaration = fold(all.iter().find(|entries| entries[0].stream == stream)?);
    name.as_str().clone_into(&mut declaration.name);
    Some(declaration)
}

/// Every declaration that these entries tell of, each in a line, in the order of their first entries. The name of
/// one of which every entry was erased is empty.
pub fn summaries(entries: &[Recorded], view: View) -> Vec<DeclarationSummary> {
    streams(entries, Kind::Declaration, view).iter().map(|entries| summary(entries)).collect()
}

fn summary(entries: &[&Recorded]) -> DeclarationSummary {
    let declaration = fold(entries);
    DeclarationSummary {
        name: declaration.name,
        kind: declaration.kind,
        period: declaration.period,
        submitted_on: declaration.submitted_on,
        versions: u32::try_from(declaration.versions.len()).unwrap_or(u32::MAX),
        source: entries.first().map(|entry| entry.source()),
    }
}

fn fold(entries: &[&Recorded]) -> Declaration {
    let mut declaration = Declaration::default();
    for (number, entry) in (1..).zip(entries) {
        if let Some(name) = entry.stream_name() {
            declaration.name = name;
        }
        let mut version = DeclarationVersion {
            version: number,
            content: entry.personal_part(),
            source: Some(entry.source()),
            ..DeclarationVersion::default()
        };
        match entry.event() {
            Some(Event::DeclarationSubmitted(event)) => submit(&mut declaration, &mut version, event),
            Some(Event::DeclarationAmended(event)) => amend(&mut declaration, &mut version, event),
            // Erased: it had a version, and which sections it brought is not known any more.
            Some(_) | None => {}
        }
        for section in &version.sections {
            place(&mut declaration.sections, section, number);
        }
        declaration.versions.push(version);
    }
    declaration
}

fn submit(declaration: &mut Declaration, version: &mut DeclarationVersion, event: &DeclarationSubmitted) {
    declaration.declarant = name_of("entity", &event.person_id);
    declaration.kind = event.kind;
    declaration.period = event.period;
    declaration.submitted_on = event.submitted_on;
    declaration.form.clone_from(&event.form);
    declaration.previous = name_of("declaration", &event.previous_id);
    version.filed_on = event.submitted_on;
    version.sections.clone_from(&event.sections);
}

fn amend(declaration: &mut Declaration, version: &mut DeclarationVersion, event: &DeclarationAmended) {
    declaration.declarant = name_of("entity", &event.person_id);
    version.filed_on = event.amended_on;
    version.cause = event.cause;
    version.sections.clone_from(&event.sections);
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
