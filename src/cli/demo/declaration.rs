//! The declaration of the story: an exact amount, a bracket, an explicit nothing, and then an amendment.

use crate::cli::demo::story::Act;
use crate::cli::demo::story::Cast;
use crate::cli::demo::story::code;
use crate::cli::demo::story::date;
use crate::events::AmendmentCause;
use crate::events::Bracket;
use crate::events::DeclarationAmended;
use crate::events::DeclarationContent;
use crate::events::DeclarationItem;
use crate::events::DeclarationKind;
use crate::events::DeclarationSubmitted;
use crate::events::Holder;
use crate::events::Money;
use crate::events::Period;
use crate::events::Section;
use crate::events::Valuation;
use crate::events::valuation::Value;

const HOMES: &str = "real-estate";
const DEPOSITS: &str = "deposits";
const SHARES: &str = "shares";

/// Reve declares what he had in 2023.
pub(super) fn submitted(cast: &Cast) -> Act {
    let home = item(1, HOMES, Holder::Joint, "a flat in Northwick, 84 m²", exact(310_000));
    let deposit = item(2, DEPOSITS, Holder::Self_, "a savings account", bracket(15_000, 50_000));
    let submitted = DeclarationSubmitted {
        declaration_id: cast.declaration.clone(),
        person_id: cast.reve.clone(),
        kind: DeclarationKind::Annual.into(),
        period: period(),
        submitted_on: Some(date(2024, 3, 29)),
        form: code("form", "northwick-2023"),
        sections: vec![filled(HOMES), filled(DEPOSITS), nothing(SHARES)],
        received_by_id: cast.inspectorate.clone(),
        content: Some(DeclarationContent { items: vec![home, deposit] }),
        ..DeclarationSubmitted::default()
    };
    vec![(submitted.into(), "Reve: a flat, 15-50,000 EUR, no shares")]
}

/// Asked, he finds that he had shares after all.
pub(super) fn amended(cast: &Cast) -> Act {
    let shares = item(3, SHARES, Holder::Self_, "120 shares of Northwick Ferries", exact(9_600));
    let amended = DeclarationAmended {
        context: None,
        declaration_id: cast.declaration.clone(),
        person_id: cast.reve.clone(),
        cause: AmendmentCause::Requested.into(),
        amended_on: Some(date(2024, 6, 14)),
        period: period(),
        sections: vec![filled(SHARES)],
        content: Some(DeclarationContent { items: vec![shares] }),
    };
    vec![(amended.into(), "Reve: there were shares, 9,600 EUR")]
}

fn period() -> Option<Period> {
    Some(Period { from: Some(date(2023, 1, 1)), to: Some(date(2023, 12, 31)) })
}

fn filled(class: &str) -> Section {
    Section { asset_class: code("assets", class), none_declared: false, item_count: 1 }
}

fn nothing(class: &str) -> Section {
    Section { asset_class: code("assets", class), none_declared: true, item_count: 0 }
}

fn item(number: u32, class: &str, holder: Holder, description: &str, value: Value) -> DeclarationItem {
    DeclarationItem {
        item_number: number,
        asset_class: code("assets", class),
        holder: holder.into(),
        description: description.to_owned(),
        value: Some(Valuation { value: Some(value) }),
        ..DeclarationItem::default()
    }
}

fn exact(units: i64) -> Value {
    Value::Exact(Money { currency: "EUR".to_owned(), units, nanos: 0 })
}

fn bracket(low: i64, high: i64) -> Value {
    Value::Bracket(Bracket { currency: "EUR".to_owned(), low: Some(low), high: Some(high) })
}
