//! Declarations of assets and income.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use crate::domain;
use crate::domain::Fact;
use crate::domain::Id;
use crate::domain::World;
use crate::domain::context;
use crate::domain::dates;
use crate::domain::dates::Dates;
use crate::domain::dates::Day;
use crate::domain::entity;
use crate::domain::obligation;
use crate::domain::rejection::Detail;
use crate::domain::rejection::Rejection;
use crate::domain::rejection::Rule;
use crate::domain::shape;
use crate::events::Bracket;
use crate::events::Code;
use crate::events::DeclarationAccepted;
use crate::events::DeclarationAmended;
use crate::events::DeclarationContent;
use crate::events::DeclarationItem;
use crate::events::DeclarationPublished;
use crate::events::DeclarationSubmitted;
use crate::events::EventType;
use crate::events::FieldCorrection;
use crate::events::PartialDate;
use crate::events::PublicationEnded;
use crate::events::Section;
use crate::events::Valuation;
use crate::events::field_correction::Value as New;
use crate::events::valuation::Value;

const SUBMITTING: &[EventType] = &[EventType::DeclarationSubmitted];
const NEW: &[EventType] =
    &[EventType::DeclarationAmended, EventType::DeclarationAccepted, EventType::DeclarationPublished];
const ACCEPTED: &[EventType] = &[EventType::DeclarationAmended, EventType::DeclarationPublished];
const NEW_AND_PUBLIC: &[EventType] =
    &[EventType::DeclarationAmended, EventType::DeclarationAccepted, EventType::PublicationEnded];
const ACCEPTED_AND_PUBLIC: &[EventType] = &[EventType::DeclarationAmended, EventType::PublicationEnded];

/// A declaration that was submitted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    at: u64,
    person: Id,
    period: Dates,
    /// The first day on which it may have been submitted.
    submitted: Option<Day>,
    /// The obligation that it meets.
    obligation: Id,
    /// What became of it, in the order of recording. Of amendments only those after an acceptance.
    steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Step {
    at: u64,
    act: Act,
    /// The first day that it may mean.
    day: Option<Day>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Act {
    Amended,
    Accepted,
    Published,
    PublicationEnded,
}

impl State {
    fn of_declarant(&self, field: &str, person_id: &str) -> Result<(), Rejection> {
        if self.person == Id::of(person_id) {
            return Ok(());
        }
        Err(Rejection::new(Rule::NotTheDeclarant, field, Detail::Nothing))
    }

    fn of(state: Option<domain::State>) -> Self {
        match state {
            Some(domain::State::Declaration(declaration)) => declaration,
            _ => Self::default(),
        }
    }

    /// The obligation that it meets.
    pub(super) fn obligation(&self) -> Option<Id> {
        Some(self.obligation).filter(|id| id.is_some())
    }

    /// Without what the entry at this index brought; none where it was submitted by it.
    pub(super) fn voided(mut self, target: u64) -> Option<Self> {
        self.steps.retain(|step| step.at != target);
        (self.at != target).then_some(self)
    }

    /// With what the entry at this index should have said.
    pub(super) fn corrected(&mut self, target: u64, field: &FieldCorrection) {
        match (field.path.as_str(), &field.value) {
            ("submitted_on", _) if self.at == target => {
                self.submitted = shape::corrected_date(field).map(dates::earliest);
            }
            ("period", None) if self.at == target => self.period = Dates::default(),
            ("period", Some(New::Period(period))) if self.at == target => self.period = Dates::from(Some(period)),
            ("period", _) => {
                for step in self.steps.iter_mut().filter(|step| step.at == target) {
                    step.day = None;
                }
            }
            _ => {}
        }
    }

    fn accepted(&self) -> bool {
        let last = self.steps.iter().rev().find(|step| matches!(step.act, Act::Accepted | Act::Amended));
        last.is_some_and(|step| step.act == Act::Accepted)
    }

    /// The publication that lasts.
    fn publication(&self) -> Option<&Step> {
        let last = self.steps.iter().rev().find(|step| matches!(step.act, Act::Published | Act::PublicationEnded));
        last.filter(|step| step.act == Act::Published)
    }

    fn allowed(&self) -> &'static [EventType] {
        match (self.accepted(), self.publication().is_some()) {
            (false, false) => NEW,
            (true, false) => ACCEPTED,
            (false, true) => NEW_AND_PUBLIC,
            (true, true) => ACCEPTED_AND_PUBLIC,
        }
    }

    fn step(state: Option<domain::State>, at: u64, act: Act, date: Option<&PartialDate>) -> domain::State {
        let mut declaration = Self::of(state);
        declaration.steps.push(Step { at, act, day: date.map(dates::earliest) });
        domain::State::Declaration(declaration)
    }
}

/// Looks at a declaration of this person.
fn submitted(
    id: &str,
    person_id: &str,
    world: &dyn World,
    rule: impl FnOnce(&State) -> Result<(), Rejection>,
) -> Result<(), Rejection> {
    let found = world.state("declaration", id);
    let Some(domain::State::Declaration(declaration)) = found.as_deref() else {
        return Err(Rejection::by_state(Rule::StreamUnknown, "declaration_id", SUBMITTING));
    };
    declaration.of_declarant("person_id", person_id)?;
    rule(declaration)
}

/// The id is that of a declaration of this person.
pub(super) fn of_person(field: &str, id: &str, person_id: &str, world: &dyn World) -> Result<(), Rejection> {
    match world.state("declaration", id).as_deref() {
        Some(domain::State::Declaration(declaration)) => declaration.of_declarant(field, person_id),
        _ => Err(Rejection::new(Rule::StreamUnknown, field, Detail::Nothing)),
    }
}

/// A class as a key: vocabulary and code.
type Class<'a> = Option<(&'a str, &'a str)>;

fn class(code: Option<&Code>) -> Class<'_> {
    code.map(|code| (code.scheme.as_str(), code.code.as_str()))
}

/// Sections, each filled or explicitly none, say exactly what the content holds.
fn check_parts(sections: &[Section], content: Option<&DeclarationContent>) -> Result<(), Rejection> {
    check_sections(sections)?;
    if let Some(content) = content {
        check_content(content).map_err(|rejection| rejection.within("content").sealed())?;
    }
    check_counts(sections, content.map_or(&[], |content| &content.items))
}

/// Of a declaration whose content nobody here can read: some section says that there is any.
pub(super) fn check_sections_of_sealed(sections: &[Section]) -> Result<(), Rejection> {
    check_sections(sections)?;
    if sections.iter().any(|section| section.item_count > 0) {
        return Ok(());
    }
    let found = Detail::Count { expected: 0, found: 1 };
    Err(Rejection::new(Rule::ItemCountWrong, "content", found))
}

fn check_sections(sections: &[Section]) -> Result<(), Rejection> {
    let field = |place| format!("sections[{place}].asset_class");
    let classes = sections.iter().map(|section| class(section.asset_class.as_ref()));
    shape::each_once(Rule::SectionRepeated, field, classes)?;
    for (place, section) in sections.iter().enumerate() {
        let refused = |rule| {
            let field = format!("sections[{place}].item_count");
            Err(Rejection::new(rule, field, Detail::Number(section.item_count.into())))
        };
        match (section.none_declared, section.item_count) {
            (false, 0) => return refused(Rule::SectionEmptyAndNotNone),
            (true, 1..) => return refused(Rule::SectionNoneButFilled),
            (false, 1..) | (true, 0) => {}
        }
    }
    Ok(())
}

fn check_counts(sections: &[Section], items: &[DeclarationItem]) -> Result<(), Rejection> {
    let mut counts: BTreeMap<Class<'_>, usize> =
        sections.iter().map(|section| (class(section.asset_class.as_ref()), 0)).collect();
    for (place, item) in items.iter().enumerate() {
        let Some(count) = counts.get_mut(&class(item.asset_class.as_ref())) else {
            let field = format!("content.items[{place}].asset_class");
            return Err(Rejection::new(Rule::ItemClassUnlisted, field, Detail::Nothing));
        };
        *count += 1;
    }
    for (place, section) in sections.iter().enumerate() {
        let expected = counts[&class(section.asset_class.as_ref())];
        let found = usize::try_from(section.item_count).unwrap_or(usize::MAX);
        if expected != found {
            let field = format!("sections[{place}].item_count");
            return Err(Rejection::new(Rule::ItemCountWrong, field, Detail::Count { expected, found }));
        }
    }
    Ok(())
}

fn check_content(content: &DeclarationContent) -> Result<(), Rejection> {
    if content.items.is_empty() {
        return Err(Rejection::new(Rule::ContentEmpty, "items", Detail::Nothing));
    }
    let mut before = 0;
    for (place, item) in content.items.iter().enumerate() {
        if item.item_number <= before {
            let field = format!("items[{place}].item_number");
            return Err(Rejection::new(Rule::ItemNumbersNotAscending, field, Detail::Nothing));
        }
        before = item.item_number;
        check_item(item).map_err(|rejection| rejection.within(format_args!("items[{place}]")))?;
    }
    Ok(())
}

fn check_item(item: &DeclarationItem) -> Result<(), Rejection> {
    check_valuation(item.value.as_ref()).map_err(|rejection| rejection.within("value"))?;
    check_valuation(item.income.as_ref()).map_err(|rejection| rejection.within("income"))?;
    shape::period("held", item.held.as_ref())
}

fn check_valuation(valuation: Option<&Valuation>) -> Result<(), Rejection> {
    match valuation.and_then(|valuation| valuation.value.as_ref()) {
        Some(Value::Exact(money)) => shape::money(money).map_err(|rejection| rejection.within("exact")),
        Some(Value::Bracket(bracket)) => check_bracket(bracket).map_err(|rejection| rejection.within("bracket")),
        Some(Value::None(false)) => Err(Rejection::new(Rule::NoneNotTrue, "none", Detail::Nothing)),
        Some(Value::None(true) | Value::Unascertainable(_)) | None => Ok(()),
    }
}

fn check_bracket(bracket: &Bracket) -> Result<(), Rejection> {
    if bracket.currency.is_empty() {
        return Err(Rejection::new(Rule::CurrencyMissing, "currency", Detail::Nothing));
    }
    match (bracket.low, bracket.high) {
        (Some(low), Some(high)) if high < low => Err(Rejection::new(Rule::BracketReversed, "high", Detail::Nothing)),
        _ => Ok(()),
    }
}

impl Fact for DeclarationSubmitted {
    fn check(&self) -> Result<(), Rejection> {
        self.check_open()?;
        check_parts(&self.sections, self.content.as_ref())
    }

    fn check_open(&self) -> Result<(), Rejection> {
        shape::period("period", self.period.as_ref())?;
        shape::date("submitted_on", self.submitted_on.as_ref())
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        if let Some(domain::State::Declaration(found)) = world.state("declaration", &self.declaration_id).as_deref() {
            return Err(Rejection::by_state(Rule::AlreadySubmitted, "declaration_id", found.allowed()));
        }
        entity::person("person_id", &self.person_id, world)?;
        context::happened("submitted_on", self.submitted_on.as_ref(), world)?;
        entity::body("received_by_id", &self.received_by_id, world)?;
        obligation::met_by(self, world)?;
        if self.previous_id.is_empty() {
            return Ok(());
        }
        of_person("previous_id", &self.previous_id, &self.person_id, world)
    }

    fn evolve(&self, _: Option<domain::State>, at: u64) -> domain::State {
        domain::State::Declaration(State {
            at,
            person: Id::of(&self.person_id),
            period: Dates::from(self.period.as_ref()),
            submitted: self.submitted_on.as_ref().map(dates::earliest),
            obligation: Id::of(&self.obligation_id),
            steps: Vec::new(),
        })
    }
}

impl Fact for DeclarationAmended {
    fn check(&self) -> Result<(), Rejection> {
        self.check_open()?;
        check_parts(&self.sections, self.content.as_ref())
    }

    fn check_open(&self) -> Result<(), Rejection> {
        shape::date("amended_on", self.amended_on.as_ref())?;
        shape::period("period", self.period.as_ref())
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        submitted(&self.declaration_id, &self.person_id, world, |declaration| {
            if declaration.period == Dates::from(self.period.as_ref()) {
                return Ok(());
            }
            Err(Rejection::new(Rule::PeriodDiffers, "period", Detail::Nothing))
        })?;
        context::happened("amended_on", self.amended_on.as_ref(), world)
    }

    fn evolve(&self, state: Option<domain::State>, at: u64) -> domain::State {
        let declaration = State::of(state);
        if declaration.steps.iter().any(|step| step.act == Act::Accepted) {
            return State::step(Some(domain::State::Declaration(declaration)), at, Act::Amended, None);
        }
        domain::State::Declaration(declaration)
    }
}

impl Fact for DeclarationAccepted {
    fn check(&self) -> Result<(), Rejection> {
        shape::date("accepted_on", self.accepted_on.as_ref())
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        submitted(&self.declaration_id, &self.person_id, world, |declaration| {
            if declaration.accepted() {
                return Err(Rejection::by_state(Rule::AlreadyAccepted, "declaration_id", declaration.allowed()));
            }
            let accepted = ("accepted_on", self.accepted_on.as_ref());
            context::not_before(Rule::BeforeItWasSubmitted, accepted, declaration.submitted)
        })?;
        context::happened("accepted_on", self.accepted_on.as_ref(), world)?;
        entity::body("accepted_by_id", &self.accepted_by_id, world)
    }

    fn evolve(&self, state: Option<domain::State>, at: u64) -> domain::State {
        State::step(state, at, Act::Accepted, self.accepted_on.as_ref())
    }
}

impl DeclarationPublished {
    fn from(&self) -> Option<&PartialDate> {
        self.period.as_ref().and_then(|period| period.from.as_ref())
    }
}

impl Fact for DeclarationPublished {
    fn check(&self) -> Result<(), Rejection> {
        shape::period("period", self.period.as_ref())?;
        shape::document("document", self.document.as_ref())
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        submitted(&self.declaration_id, &self.person_id, world, |declaration| {
            if declaration.publication().is_some() {
                return Err(Rejection::by_state(Rule::AlreadyPublished, "declaration_id", declaration.allowed()));
            }
            context::not_before(Rule::BeforeItWasSubmitted, ("period.from", self.from()), declaration.submitted)
        })?;
        context::happened("period.from", self.from(), world)?;
        entity::body("published_by_id", &self.published_by_id, world)
    }

    fn evolve(&self, state: Option<domain::State>, at: u64) -> domain::State {
        State::step(state, at, Act::Published, self.from())
    }
}

impl Fact for PublicationEnded {
    fn check(&self) -> Result<(), Rejection> {
        shape::date("ended_on", self.ended_on.as_ref())?;
        shape::document("document", self.document.as_ref())
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        submitted(&self.declaration_id, &self.person_id, world, |declaration| {
            let Some(publication) = declaration.publication() else {
                return Err(Rejection::by_state(Rule::NotPublished, "declaration_id", declaration.allowed()));
            };
            context::not_before(Rule::EndedBeforePublished, ("ended_on", self.ended_on.as_ref()), publication.day)
        })?;
        context::happened("ended_on", self.ended_on.as_ref(), world)
    }

    fn evolve(&self, state: Option<domain::State>, at: u64) -> domain::State {
        State::step(state, at, Act::PublicationEnded, self.ended_on.as_ref())
    }
}

#[cfg(test)]
mod tests;
