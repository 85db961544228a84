//! Cases, their respondents, and what is alleged. An allegation is shown as one; only a finding is shown as one.

use crate::events::EventType;
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
use crate::proto::v1::Allegation;
use crate::proto::v1::Case;
use crate::proto::v1::Respondent;
use crate::views::Recorded;
use crate::views::View;
use crate::views::case;

/// An allegation of a case.
pub(super) struct Alleged {
    case: String,
    allegation: Allegation,
    /// Whether a finding of the case was erased, and nobody knows on what.
    finding_erased: bool,
}

impl Alleged {
    fn state(&self) -> &'static str {
        match (&self.allegation.found, self.finding_erased) {
            (Some(_), _) => "FOUND",
            (None, true) => "ERASED",
            (None, false) => "NO_FINDING",
        }
    }
}

pub(super) const CASES: Lines<Case> = Lines(Table {
    name: "cases",
    about: "A row for each case: an examination of alleged violations. That a case was opened says nothing about \
            whether there was a violation.",
    columns: &[
        Column("case", Type::Name, "the case", |line| cell::text(&line.what.name)),
        Column("status", Type::Word, "OPEN or CLOSED", |line| {
            cell::word(line.what.status().as_str_name(), "CASE_STATUS_")
        }),
        Column("regime_scheme", Type::Text, "vocabulary of regime_code", |line| {
            cell::scheme(line.what.regime.as_ref())
        }),
        Column("regime_code", Type::Text, "the set of rules under which it is examined", |line| {
            cell::code(line.what.regime.as_ref())
        }),
        Column("origin", Type::Word, "where it came from; empty: not known", |line| {
            cell::word(line.what.origin().as_str_name(), "CASE_ORIGIN_")
        }),
        Column("reference", Type::Text, "its number in the register of the body", |line| {
            cell::text(&line.what.reference)
        }),
        Column("opened_by", Type::Name, "the body that examines", |line| cell::text(&line.what.opened_by)),
        Column("opened_on", Type::Date, "when it was opened in the world", |line| {
            cell::date(line.what.opened_on.as_ref())
        }),
        Column("closed_position", Type::Whole, "position of the entry that closed it", |line| {
            part::position(line.what.closed.as_ref())
        }),
        Column("closed_recorded_at", Type::Time, "when that entry was recorded, UTC", |line| {
            part::recorded_at(line.what.closed.as_ref())
        }),
        Column("disputed", Type::Flag, DISPUTED, |line| Cell::Flag(line.what.disputed)),
    ],
});

pub(super) const RESPONDENTS: Table<(String, Respondent)> = Table {
    name: "case_respondents",
    about: "A row for each respondent of each case, with how it ended for that one.",
    columns: &[
        Column("case", Type::Name, "the case", |(case, _)| cell::text(case)),
        Column("respondent", Type::Name, "the person or body", |(_, respondent)| cell::text(&respondent.name)),
        Column(
            "outcome",
            Type::Word,
            "how the case ended for the respondent; empty: it did not, or it was erased",
            |(_, respondent)| cell::word(respondent.outcome().as_str_name(), "CASE_OUTCOME_"),
        ),
    ],
};

pub(super) const ALLEGATIONS: Table<Alleged> = Table {
    name: "allegations",
    about: "A row for each allegation: what is said of a respondent. AN ALLEGATION IS NOT A FINDING: columns that \
            begin with alleged_ hold what is said, and only where finding_state is FOUND did anybody find anything.",
    columns: &[
        Column("case", Type::Name, "the case", |row| cell::text(&row.case)),
        Column("allegation_number", Type::Whole, "its number in the case", |row| {
            cell::number(row.allegation.allegation_number)
        }),
        Column("respondent", Type::Name, "of whom it is said", |row| cell::text(&row.allegation.respondent)),
        Column("alleged_category_scheme", Type::Text, "vocabulary of alleged_category_code", |row| {
            cell::scheme(row.allegation.category.as_ref())
        }),
        Column("alleged_category_code", Type::Text, "what kind of violation is alleged", |row| {
            cell::code(row.allegation.category.as_ref())
        }),
        Column("alleged_from", Type::Date, "when the act is said to have begun", |row| {
            cell::date(row.allegation.occurred.as_ref().and_then(|period| period.from.as_ref()))
        }),
        Column("alleged_to", Type::Date, "when the act is said to have ended", |row| {
            cell::date(row.allegation.occurred.as_ref().and_then(|period| period.to.as_ref()))
        }),
        Column(
            "finding_state",
            Type::Word,
            "NO_FINDING: nothing was found, for or against; FOUND: see finding; ERASED: a finding of the case was \
             erased, and whether it was on this allegation is not known",
            |row| cell::text(row.state()),
        ),
        Column(
            "finding",
            Type::Word,
            "what was found last: SUBSTANTIATED, PARTLY_SUBSTANTIATED, UNSUBSTANTIATED, UNFOUNDED, EXONERATED, \
             NOT_EXAMINED; empty: nothing",
            |row| cell::word(row.allegation.finding().as_str_name(), "FINDING_"),
        ),
        Column("finding_source_scheme", Type::Text, "vocabulary of finding_source_code", |row| {
            cell::scheme(row.allegation.source_finding.as_ref())
        }),
        Column("finding_source_code", Type::Text, "the finding in the source's own vocabulary", |row| {
            cell::code(row.allegation.source_finding.as_ref())
        }),
        Column("finding_position", Type::Whole, "position of the entry with the finding", |row| {
            part::position(row.allegation.found.as_ref())
        }),
        Column("finding_recorded_at", Type::Time, "when that entry was recorded, UTC", |row| {
            part::recorded_at(row.allegation.found.as_ref())
        }),
        Column("text_position", Type::Whole, "position of the entry that holds the sealed text", |row| {
            part::sealed_in(row.allegation.text.as_ref())
        }),
        Column("text_erased_by", Type::Whole, "position of the entry that erased the text", |row| {
            part::erased_by(row.allegation.text.as_ref())
        }),
        Column("position", Type::Whole, "position of the entry with the allegation; empty: it was erased", |row| {
            part::position(row.allegation.recorded.as_ref())
        }),
        Column("recorded_at", Type::Time, "when that entry was recorded, UTC", |row| {
            part::recorded_at(row.allegation.recorded.as_ref())
        }),
    ],
};

/// A case, its respondents and its allegations.
pub(super) fn rows(name: Option<&Name>, entries: &[Recorded], all: &[Recorded], view: View) -> Option<Vec<Row>> {
    let case = name.and_then(|name| case::case(name, all, view)).unwrap_or_default();
    let finding_erased = case.erased.iter().any(|erased| erased.event_type == EventType::AllegationFound.name());
    let mut below = Vec::new();
    for respondent in &case.respondents {
        below.push(RESPONDENTS.row(&(case.name.clone(), respondent.clone())));
    }
    for allegation in &case.allegations {
        let alleged = Alleged { case: case.name.clone(), allegation: allegation.clone(), finding_erased };
        below.push(ALLEGATIONS.row(&alleged));
    }
    let mut rows = vec![CASES.row(&Line::new(case, entries)?)];
    rows.extend(below);
    Some(rows)
}
