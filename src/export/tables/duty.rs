//! Duties to declare, and verifications of what was declared.

use crate::events::Code;
use crate::events::Event;
use crate::events::ObligationCreated;
use crate::events::VerificationConcluded;
use crate::events::VerificationOrdered;
use crate::export::cell;
use crate::export::cell::Cell;
use crate::export::cell::Type;
use crate::export::table::Column;
use crate::export::table::Line;
use crate::export::table::Lines;
use crate::export::table::Row;
use crate::export::table::Table;
use crate::log::Name;
use crate::views::Recorded;

/// A duty to declare.
#[derive(Default)]
pub(super) struct Obligation {
    name: String,
    created: ObligationCreated,
}

/// A verification, with its conclusion.
#[derive(Default)]
pub(super) struct Verification {
    name: String,
    ordered: VerificationOrdered,
    /// How many were received.
    explanations: usize,
    concluded: Option<(u64, VerificationConcluded)>,
}

impl Verification {
    fn conclusion(&self) -> Option<&VerificationConcluded> {
        self.concluded.as_ref().map(|(_, concluded)| concluded)
    }
}

pub(super) const OBLIGATIONS: Lines<Obligation> = Lines(Table {
    name: "obligations",
    about: "A row for each duty of a person to declare assets and income.",
    columns: &[
        Column("obligation", Type::Name, "the duty", |line| cell::text(&line.what.name)),
        Column("person", Type::Name, "who is to declare", |line| cell::name("entity", &line.what.created.person_id)),
        Column("kind", Type::Word, "why there is one", |line| {
            cell::word(line.what.created.kind().as_str_name(), "DECLARATION_KIND_")
        }),
        Column("period_from", Type::Date, "the stretch of time to declare: first day", |line| {
            cell::date(line.what.created.period.as_ref().and_then(|period| period.from.as_ref()))
        }),
        Column("period_to", Type::Date, "and last day", |line| {
            cell::date(line.what.created.period.as_ref().and_then(|period| period.to.as_ref()))
        }),
        Column("due_on", Type::Date, "when the declaration is due, as stated", |line| {
            cell::date(line.what.created.due_on.as_ref())
        }),
        Column("body", Type::Name, "the body to which it is due", |line| {
            cell::name("entity", &line.what.created.body_id)
        }),
        Column("trigger_scheme", Type::Text, "vocabulary of trigger_code", |line| {
            cell::scheme(line.what.created.trigger.as_ref())
        }),
        Column("trigger_code", Type::Text, "what gave rise to it", |line| {
            cell::code(line.what.created.trigger.as_ref())
        }),
    ],
});

pub(super) const VERIFICATIONS: Lines<Verification> = Lines(Table {
    name: "verifications",
    about: "A row for each verification of declarations. That one was ordered says nothing about whether anything was \
            wrong.",
    columns: &[
        Column("verification", Type::Name, "the verification", |line| cell::text(&line.what.name)),
        Column("person", Type::Name, "whose declarations are verified", |line| {
            cell::name("entity", &line.what.ordered.person_id)
        }),
        Column("ground", Type::Word, "why it was ordered", |line| {
            cell::word(line.what.ordered.ground().as_str_name(), "VERIFICATION_GROUND_")
        }),
        Column("declarations", Type::List, "what is verified", |line| {
            list(line.what.ordered.declaration_ids.iter().map(|id| format!("declaration/{id}")))
        }),
        Column("ordered_by", Type::Name, "the body that ordered it", |line| {
            cell::name("entity", &line.what.ordered.ordered_by_id)
        }),
        Column("ordered_on", Type::Date, "when it was ordered", |line| {
            cell::date(line.what.ordered.ordered_on.as_ref())
        }),
        Column("due_on", Type::Date, "when it is to be concluded, as stated", |line| {
            cell::date(line.what.ordered.due_on.as_ref())
        }),
        Column("explanations", Type::Whole, "how many explanations were received", |line| {
            cell::count(line.what.explanations)
        }),
        Column("truthfulness", Type::Word, "of the declarations, as concluded; empty: not concluded", |line| {
            line.what
                .conclusion()
                .map_or(Cell::Absent, |concluded| cell::word(concluded.truthfulness().as_str_name(), "TRUTHFULNESS_"))
        }),
        Column("origin", Type::Word, "whether the origin of assets was explained, as concluded", |line| {
            line.what
                .conclusion()
                .map_or(Cell::Absent, |concluded| cell::word(concluded.origin().as_str_name(), "ORIGIN_EXPLAINED_"))
        }),
        Column("discrepancies", Type::List, "kinds found, each as vocabulary and code with a space between", |line| {
            let word = |code: &Code| format!("{} {}", code.scheme, code.code);
            list(line.what.conclusion().into_iter().flat_map(|concluded| concluded.discrepancies.iter().map(word)))
        }),
        Column("concluded_on", Type::Date, "when it was concluded", |line| {
            cell::date(line.what.conclusion().and_then(|concluded| concluded.concluded_on.as_ref()))
        }),
        Column("concluded_position", Type::Whole, "position of the entry with the conclusion; empty: none", |line| {
            cell::optional(line.what.concluded.as_ref().map(|(position, _)| *position))
        }),
    ],
});

fn list(texts: impl Iterator<Item = String>) -> Cell {
    let texts: Vec<String> = texts.collect();
    if texts.is_empty() { Cell::Absent } else { Cell::List(texts) }
}

/// A duty to declare.
pub(super) fn obligation(name: Option<&Name>, entries: &[Recorded]) -> Option<Vec<Row>> {
    let mut obligation = Obligation { name: written(name), ..Obligation::default() };
    for entry in entries {
        if let Some(Event::ObligationCreated(event)) = entry.event() {
            obligation.created = event.clone();
        }
    }
    Some(vec![OBLIGATIONS.row(&Line::new(obligation, entries)?)])
}

/// A verification.
pub(super) fn verification(name: Option<&Name>, entries: &[Recorded]) -> Option<Vec<Row>> {
    let mut verification = Verification { name: written(name), ..Verification::default() };
    for entry in entries {
        match entry.event() {
            Some(Event::VerificationOrdered(event)) => verification.ordered = event.clone(),
            Some(Event::ExplanationReceived(_)) => verification.explanations += 1,
            Some(Event::VerificationConcluded(event)) => verification.concluded = Some((entry.index, event.clone())),
            _ => {}
        }
    }
    Some(vec![VERIFICATIONS.row(&Line::new(verification, entries)?)])
}

fn written(name: Option<&Name>) -> String {
    name.map_or_else(String::new, |name| name.as_str().to_owned())
}
