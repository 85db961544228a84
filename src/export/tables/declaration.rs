//! Declarations, their versions, and their sections as they stand. What was declared is sealed.

use crate::export::cell;
use crate::export::cell::Cell;
use crate::export::cell::Type;
use crate::export::table::Column;
use crate::export::table::Line;
use crate::export::table::Lines;
use crate::export::table::Row;
use crate::export::table::Table;
use crate::export::tables::decision::DISPUTED;
use crate::export::tables::part;
use crate::log::Name;
use crate::proto::v1::Declaration;
use crate::proto::v1::DeclarationVersion;
use crate::proto::v1::SectionState;
use crate::views::Recorded;
use crate::views::View;
use crate::views::declaration;

pub(super) const DECLARATIONS: Lines<Declaration> = Lines(Table {
    name: "declarations",
    about: "A row for each declaration of assets and income.",
    columns: &[
        Column("declaration", Type::Name, "the declaration", |line| cell::text(&line.what.name)),
        Column("declarant", Type::Name, "who filed it", |line| cell::text(&line.what.declarant)),
        Column("kind", Type::Word, "why it was filed; empty: not known", |line| {
            cell::word(line.what.kind().as_str_name(), "DECLARATION_KIND_")
        }),
        Column("period_from", Type::Date, "the stretch of time that it speaks of: first day", |line| {
            cell::date(line.what.period.as_ref().and_then(|period| period.from.as_ref()))
        }),
        Column("period_to", Type::Date, "and last day", |line| {
            cell::date(line.what.period.as_ref().and_then(|period| period.to.as_ref()))
        }),
        Column("submitted_on", Type::Date, "when it was filed", |line| cell::date(line.what.submitted_on.as_ref())),
        Column("form_scheme", Type::Text, "vocabulary of form_code", |line| cell::scheme(line.what.form.as_ref())),
        Column("form_code", Type::Text, "the form used", |line| cell::code(line.what.form.as_ref())),
        Column("previous", Type::Name, "the earlier declaration that it follows", |line| {
            cell::text(&line.what.previous)
        }),
        Column("versions", Type::Whole, "1, and one for each amendment", |line| cell::count(line.what.versions.len())),
        Column("disputed", Type::Flag, DISPUTED, |line| Cell::Flag(line.what.disputed)),
    ],
});

pub(super) const VERSIONS: Table<(String, DeclarationVersion)> = Table {
    name: "declaration_versions",
    about: "A row for each version of each declaration: the one submitted, and one for each amendment.",
    columns: &[
        Column("declaration", Type::Name, "the declaration", |(declaration, _)| cell::text(declaration)),
        Column("version", Type::Whole, "from 1", |(_, version)| cell::number(version.version)),
        Column("filed_on", Type::Date, "when it was filed", |(_, version)| cell::date(version.filed_on.as_ref())),
        Column("cause", Type::Word, "who wanted the amendment; empty: none, or not known", |(_, version)| {
            cell::word(version.cause().as_str_name(), "AMENDMENT_CAUSE_")
        }),
        Column("sections", Type::Whole, "how many sections it brought", |(_, version)| {
            cell::count(version.sections.len())
        }),
        Column("content_position", Type::Whole, "position of the entry that holds the sealed items", |(_, version)| {
            part::sealed_in(version.content.as_ref())
        }),
        Column("content_erased_by", Type::Whole, "position of the entry that erased the items", |(_, version)| {
            part::erased_by(version.content.as_ref())
        }),
        Column("position", Type::Whole, "position of the entry that brought it", |(_, version)| {
            part::position(version.source.as_ref())
        }),
        Column("recorded_at", Type::Time, "when that entry was recorded, UTC", |(_, version)| {
            part::recorded_at(version.source.as_ref())
        }),
        Column("erased_by", Type::Whole, "position of the entry that erased that entry as a whole", |(_, version)| {
            cell::optional(version.source.as_ref().and_then(|source| source.erased_by))
        }),
    ],
};

pub(super) const SECTIONS: Table<(String, SectionState)> = Table {
    name: "declaration_sections",
    about: "A row for each section of each declaration, as it stands after the last version. The items are sealed; \
            how many there are is not.",
    columns: &[
        Column("declaration", Type::Name, "the declaration", |(declaration, _)| cell::text(declaration)),
        Column("asset_class_scheme", Type::Text, "vocabulary of asset_class_code", |(_, state)| {
            cell::scheme(state.section.as_ref().and_then(|section| section.asset_class.as_ref()))
        }),
        Column("asset_class_code", Type::Text, "the class of assets, income or interests", |(_, state)| {
            cell::code(state.section.as_ref().and_then(|section| section.asset_class.as_ref()))
        }),
        Column("none_declared", Type::Flag, "true: the declarant said that there is nothing", |(_, state)| {
            state.section.as_ref().map_or(Cell::Absent, |section| Cell::Flag(section.none_declared))
        }),
        Column("item_count", Type::Whole, "how many items were declared", |(_, state)| {
            cell::optional(state.section.as_ref().map(|section| section.item_count.into()))
        }),
        Column("version", Type::Whole, "the version that it comes from", |(_, state)| cell::number(state.version)),
    ],
};

/// A declaration, its versions and its sections.
pub(super) fn rows(name: Option<&Name>, entries: &[Recorded], all: &[Recorded], view: View) -> Option<Vec<Row>> {
    let declaration = name.and_then(|name| declaration::declaration(name, all, view)).unwrap_or_default();
    let mut below = Vec::new();
    for version in &declaration.versions {
        below.push(VERSIONS.row(&(declaration.name.clone(), version.clone())));
    }
    for section in &declaration.sections {
        below.push(SECTIONS.row(&(declaration.name.clone(), section.clone())));
    }
    let mut rows = vec![DECLARATIONS.row(&Line::new(declaration, entries)?)];
    rows.extend(below);
    Some(rows)
}
