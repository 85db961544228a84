//! Values as people read them in a table.

use crate::cli::text::NOTHING;
use crate::events::Bracket;
use crate::events::Code;
use crate::events::Money;
use crate::events::SanctionItem;
use crate::events::Term;
use crate::events::Valuation;
use crate::events::valuation::Value;
use crate::proto::v1::PersonalPart;
use crate::proto::v1::Source;
use crate::proto::v1::personal_part::Content;

/// The code without its vocabulary.
pub(super) fn code(code: Option<&Code>) -> String {
    code.map_or_else(|| NOTHING.to_owned(), |code| code.code.clone())
}

/// Part of an enum's name, in lower case: `STANDING_IN_FORCE` after `STANDING_` is `in force`.
pub(super) fn variant(name: &str, prefix: &str) -> String {
    match name.strip_prefix(prefix).unwrap_or(name) {
        "UNSPECIFIED" => NOTHING.to_owned(),
        rest => rest.to_lowercase().replace('_', " "),
    }
}

/// A line for an entry: its position and its day.
pub(super) fn source(source: Option<&Source>) -> String {
    let Some(source) = source else { return NOTHING.to_owned() };
    match source.erased_by {
        None => format!("{}", source.position),
        Some(by) => format!("{} (erased by entry {by})", source.position),
    }
}

/// Form, length and amount of a sanction.
pub(super) fn sanction(item: &SanctionItem) -> String {
    let mut words = vec![code(item.form.as_ref())];
    words.extend(item.term.as_ref().map(term));
    words.extend(item.amount.as_ref().map(money));
    words.join(", ")
}

fn term(term: &Term) -> String {
    let parts = [(term.years, "year"), (term.months, "month"), (term.days, "day")];
    let stated = parts.iter().filter(|(count, _)| *count > 0);
    let words: Vec<String> =
        stated.map(|(count, unit)| format!("{count} {unit}{}", if *count == 1 { "" } else { "s" })).collect();
    words.join(" ")
}

pub(super) fn money(money: &Money) -> String {
    let sign = if money.units < 0 || money.nanos < 0 { "-" } else { "" };
    let fraction = format!("{:09}", money.nanos.unsigned_abs());
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{}{point}{fraction} {}", money.units.unsigned_abs(), money.currency)
}

pub(super) fn valuation(valuation: Option<&Valuation>) -> String {
    match valuation.and_then(|valuation| valuation.value.as_ref()) {
        None => NOTHING.to_owned(),
        Some(Value::Exact(amount)) => money(amount),
        Some(Value::Bracket(range)) => bracket(range),
        Some(Value::None(_)) => "none".to_owned(),
        Some(Value::Unascertainable(words)) => words.clone(),
    }
}

fn bracket(bracket: &Bracket) -> String {
    match (bracket.low, bracket.high) {
        (None, None) => NOTHING.to_owned(),
        (Some(low), None) => format!("from {low} {}", bracket.currency),
        (None, Some(high)) => format!("up to {high} {}", bracket.currency),
        (Some(low), Some(high)) => format!("{low} to {high} {}", bracket.currency),
    }
}

/// A personal field group: its content where it was opened, else where it is.
pub(super) fn part(part: Option<&PersonalPart>) -> String {
    let Some(part) = part else { return NOTHING.to_owned() };
    match (&part.content, part.erased_by) {
        (_, Some(by)) => format!("erased by entry {by}"),
        (Some(Content::Identity(identity)), None) => identity.full_name.clone(),
        (Some(Content::Narrative(narrative)), None) => narrative.text.clone(),
        (Some(Content::Declaration(content)), None) => format!("{} items", content.items.len()),
        (None, None) if part.sealed_by_client => {
            format!(
                "sealed by a client, class P{}: `probity open-part {} {}`",
                part.personal_class, part.position, part.part
            )
        }
        (None, None) => format!("sealed, class P{}", part.personal_class),
    }
}
