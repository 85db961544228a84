//! Matters in a line each, as registers and records list them.

use crate::cli::show::called::Called;
use crate::cli::show::matters::codes;
use crate::cli::show::matters::state;
use crate::cli::show::words;
use crate::cli::text::Dates;
use crate::cli::text::NOTHING;
use crate::cli::text::or_nothing;
use crate::proto::v1::Appeal;
use crate::proto::v1::CaseSummary;
use crate::proto::v1::Decision;
use crate::proto::v1::DeclarationSummary;
use crate::proto::v1::ExpiringSanction;
use crate::proto::v1::Obligation;
use crate::proto::v1::Petition;
use crate::proto::v1::Verification;

pub(super) const PETITION: [&str; 6] = ["petition", "state", "kind", "received", "due", "about"];

pub(super) fn petition(one: &Petition, called: &Called, dates: &Dates) -> [String; 6] {
    let about: Vec<String> = one.respondents.iter().map(|respondent| called.in_cell(respondent)).collect();
    let mut said = state(one.state().as_str_name(), "PETITION_STATE_", one.overdue);
    let outcome = words::variant(one.outcome().as_str_name(), "PETITION_OUTCOME_");
    if outcome != NOTHING {
        said = format!("{said}, {outcome}");
    }
    [
        one.name.clone(),
        said,
        words::code(one.petition_kind.as_ref()),
        dates.date(one.received_on.as_ref()),
        dates.date(one.due_on.as_ref()),
        about.join("\n"),
    ]
}

pub(super) const CASE: [&str; 6] = ["case", "status", "regime", "opened", "due", "allegations"];

pub(super) fn case(one: &CaseSummary, dates: &Dates) -> [String; 6] {
    [
        one.name.clone(),
        state(one.status().as_str_name(), "CASE_STATUS_", one.overdue),
        words::code(one.regime.as_ref()),
        dates.date(one.opened_on.as_ref()),
        dates.date(one.due_on.as_ref()),
        one.allegations.len().to_string(),
    ]
}

pub(super) const DECISION: [&str; 6] = ["decision", "standing", "respondent", "regime", "signed", "sanctions"];

pub(super) fn decision(one: &Decision, called: &Called, dates: &Dates) -> [String; 6] {
    let sanctions: Vec<String> =
        one.sanctions.iter().filter_map(|sanction| sanction.item.as_ref()).map(words::sanction).collect();
    let standing = words::variant(one.standing().as_str_name(), "STANDING_");
    let phase = words::variant(one.phase().as_str_name(), "DECISION_PHASE_");
    [
        one.name.clone(),
        if standing == phase { standing } else { format!("{standing}, {phase}") },
        called.in_cell(&one.respondent),
        words::code(one.regime.as_ref()),
        dates.date(one.signed_on.as_ref()),
        or_nothing(&sanctions.join("; ")),
    ]
}

pub(super) const APPEAL: [&str; 6] = ["appeal", "state", "against", "lodged", "due", "outcome"];

pub(super) fn appeal(one: &Appeal, dates: &Dates) -> [String; 6] {
    [
        one.name.clone(),
        state(one.state().as_str_name(), "APPEAL_STATE_", one.overdue),
        or_nothing(&one.decision),
        dates.date(one.lodged_on.as_ref()),
        dates.date(one.due_on.as_ref()),
        words::variant(one.outcome().as_str_name(), "APPEAL_OUTCOME_"),
    ]
}

pub(super) const OBLIGATION: [&str; 6] = ["obligation", "state", "person", "kind", "period", "due"];

/// `who` says whose it is.
pub(super) fn obligation(one: &Obligation, who: &dyn Fn(&str) -> String, dates: &Dates) -> [String; 6] {
    let mut said = state(one.state().as_str_name(), "OBLIGATION_STATE_", one.overdue);
    if one.met_on.is_some() {
        said = format!("{said}, {}", dates.date(one.met_on.as_ref()));
    }
    [
        one.name.clone(),
        said,
        who(&one.person),
        words::variant(one.kind().as_str_name(), "DECLARATION_KIND_"),
        dates.period(one.period.as_ref()),
        dates.date(one.due_on.as_ref()),
    ]
}

pub(super) const VERIFICATION: [&str; 6] = ["verification", "state", "person", "ground", "ordered", "due"];

/// `who` says of whose declarations.
pub(super) fn verification(one: &Verification, who: &dyn Fn(&str) -> String, dates: &Dates) -> [String; 6] {
    let mut said = state(one.state().as_str_name(), "VERIFICATION_STATE_", one.overdue);
    let found = words::variant(one.truthfulness().as_str_name(), "TRUTHFULNESS_");
    for found in [found, codes(&one.discrepancies)].iter().filter(|found| *found != NOTHING) {
        said = format!("{said}, {found}");
    }
    [
        one.name.clone(),
        said,
        who(&one.person),
        words::variant(one.ground().as_str_name(), "VERIFICATION_GROUND_"),
        dates.date(one.ordered_on.as_ref()),
        dates.date(one.due_on.as_ref()),
    ]
}

pub(super) const DECLARATION: [&str; 5] = ["declaration", "kind", "period", "submitted", "versions"];

pub(super) fn declaration(one: &DeclarationSummary, dates: &Dates) -> [String; 5] {
    [
        or_nothing(&one.name),
        words::variant(one.kind().as_str_name(), "DECLARATION_KIND_"),
        dates.period(one.period.as_ref()),
        dates.date(one.submitted_on.as_ref()),
        if one.void { "void".to_owned() } else { one.versions.to_string() },
    ]
}

pub(super) const EXPIRING: [&str; 5] = ["ends", "sanction", "respondent", "standing", "decision"];

pub(super) fn expiring(one: &ExpiringSanction, called: &Called, dates: &Dates) -> [String; 5] {
    let sanction = one.sanction.clone().unwrap_or_default();
    let item = sanction.item.clone().unwrap_or_default();
    [
        dates.date(item.to.as_ref()),
        words::sanction(&item),
        called.in_cell(&one.respondent),
        words::variant(sanction.standing().as_str_name(), "STANDING_"),
        one.decision.clone(),
    ]
}
