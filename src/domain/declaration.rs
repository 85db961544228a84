//! Declarations of assets and income.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use crate::domain;
use crate::domain::Fact;
use crate::domain::Id;
use crate::domain::World;
use crate::domain::context;
use crate::domain::dates::Dates;
use crate::domain::entity;
use crate::domain::rejection::Detail;
use crate::domain::rejection::Rejection;
use crate::domain::rejection::Rule;
use crate::domain::shape;
use crate::events::Bracket;
use crate::events::Code;
use crate::events::DeclarationAmended;
use crate::events::DeclarationContent;
use crate::events::DeclarationItem;
use crate::events::DeclarationSubmitted;
use crate::events::EventType;
use crate::events::Section;
use crate::events::Valuation;
use crate::events::valuation::Value;

const SUBMITTING: &[EventType] = &[EventType::DeclarationSubmitted];
const AMENDING: &[EventType] = &[EventType::DeclarationAmended];

/// A declaration that was submitted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    person: Id,
    period: Dates,
}

impl State {
    fn of_declarant(&self, field: &str, person_id: &str) -> Result<(), Rejection> {
        if self.person == Id::of(person_id) {
            return Ok(());
        }
        Err(Rejection::new(Rule::NotTheDeclarant, field, Detail::Nothing))
    }
}

/// A class as a key: vocabulary and code.
type Class<'a> = Option<(&'a str, &'a str)>;

fn class(code: Option<&Code>) -> Class<'_> {
    code.map(|code| (code.scheme.as_str(), code.code.as_str()))
}

/// Sections, each filled or explicitly none, say exactly what the content holds.
fn check_parts(sections: &[Section], content: Option<&DeclarationContent>) -> Result<(), Rejection> {
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
    if let Some(content) = content {
        check_content(content).map_err(|rejection| rejection.within("content").sealed())?;
    }
    check_counts(sections, content.map_or(&[], |content| &content.items))
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
        shape::period("period", self.period.as_ref())?;
        shape::date("submitted_on", self.submitted_on.as_ref())?;
        check_parts(&self.sections, self.content.as_ref())
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        if let Some(domain::State::Declaration(_)) = world.state("declaration", &self.declaration_id).as_deref() {
            return Err(Rejection::by_state(Rule::AlreadySubmitted, "declaration_id", AMENDING));
        }
        entity::person("person_id", &self.person_id, world)?;
        context::happened("submitted_on", self.submitted_on.as_ref(), world)?;
        entity::body("received_by_id", &self.received_by_id, world)?;
        if self.previous_id.is_empty() {
            return Ok(());
        }
        match world.state("declaration", &self.previous_id).as_deref() {
            Some(domain::State::Declaration(previous)) => previous.of_declarant("previous_id", &self.person_id),
            _ => Err(Rejection::new(Rule::StreamUnknown, "previous_id", Detail::Nothing)),
        }
    }

    fn evolve(&self, _: Option<domain::State>) -> domain::State {
        domain::State::Declaration(State { person: Id::of(&self.person_id), period: Dates::from(self.period.as_ref()) })
    }
}

impl Fact for DeclarationAmended {
    fn check(&self) -> Result<(), Rejection> {
        shape::date("amended_on", self.amended_on.as_ref())?;
        shape::period("period", self.period.as_ref())?;
        check_parts(&self.sections, self.content.as_ref())
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        let found = world.state("declaration", &self.declaration_id);
        let Some(domain::State::Declaration(declaration)) = found.as_deref() else {
            return Err(Rejection::by_state(Rule::StreamUnknown, "declaration_id", SUBMITTING));
        };
        declaration.of_declarant("person_id", &self.person_id)?;
        if declaration.period != Dates::from(self.period.as_ref()) {
            return Err(Rejection::new(Rule::PeriodDiffers, "period", Detail::Nothing));
        }
        context::happened("amended_on", self.amended_on.as_ref(), world)
    }

    fn evolve(&self, state: Option<domain::State>) -> domain::State {
        match state {
            Some(domain::State::Declaration(declaration)) => domain::State::Declaration(declaration),
            _ => domain::State::Declaration(State::default()),
        }
    }
}

#[cfg(test)]
mod tests;
