//! How two amounts compare, for certain or not at all.

use std::cmp::Ordering;

use crate::events::Bracket;
use crate::events::Money;
use crate::events::Valuation;
use crate::events::valuation::Value;
use crate::proto::v1::AmountChange;

/// What became of an amount.
pub(super) fn compare(before: Option<&Valuation>, after: Option<&Valuation>) -> AmountChange {
    let value = |valuation: Option<&Valuation>| valuation.and_then(|valuation| valuation.value.clone());
    match (value(before), value(after)) {
        (None, None) => AmountChange::Equal,
        (None, Some(_)) => AmountChange::NowStated,
        (Some(_), None) => AmountChange::NoLongerStated,
        (Some(before), Some(after)) if before == after => AmountChange::Equal,
        (Some(before), Some(after)) => match (Stretch::of(&before), Stretch::of(&after)) {
            (Some(before), Some(after)) => between(&before, &after),
            // Nothing, and what cannot be had, are no amounts.
            _ => AmountChange::NotComparable,
        },
    }
}

/// Whole units and billionths.
type Point = (i64, i32);

/// Where an amount may lie. An exact one lies in one point.
struct Stretch<'a> {
    currency: &'a str,
    low: Option<Point>,
    high: Option<Point>,
}

impl<'a> Stretch<'a> {
    fn of(value: &'a Value) -> Option<Self> {
        match value {
            Value::Exact(Money { currency, units, nanos }) => {
                let point = Some((*units, *nanos));
                Some(Self { currency, low: point, high: point })
            }
            Value::Bracket(Bracket { currency, low, high }) => {
                Some(Self { currency, low: low.map(|low| (low, 0)), high: high.map(|high| (high, 0)) })
            }
            Value::None(_) | Value::Unascertainable(_) => None,
        }
    }
}

fn between(before: &Stretch<'_>, after: &Stretch<'_>) -> AmountChange {
    if before.currency != after.currency {
        return AmountChange::OtherCurrency;
    }
    let below = |high: Option<Point>, low: Option<Point>| matches!((high, low), (Some(high), Some(low)) if high < low);
    if below(before.high, after.low) {
        AmountChange::Raised
    } else if below(after.high, before.low) {
        AmountChange::Lowered
    } else if let (Some(low), Some(high)) = (before.low, before.high)
        && low.cmp(&high) == Ordering::Equal
        && (after.low, after.high) == (before.low, before.high)
    {
        // One point, written as an amount and as a bracket.
        AmountChange::Equal
    } else {
        AmountChange::Overlapping
    }
}
