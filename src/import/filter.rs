//! What a template can do to a value: dates, codes, amounts, texts. A filter that is given nothing gives nothing.

#[cfg(test)]
mod tests;

use jiff::civil::Date;
use jiff::fmt::strtime::BrokenDownTime;
use serde_json::Value;
use serde_json::json;

use crate::import::error::Refusal;

/// One step after a `|`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// `default:text` – instead of nothing.
    Default(String),
    /// `lower`
    Lower,
    /// `slug` – a code: `[a-z0-9][a-z0-9_.-]{0,95}`; everything else becomes a hyphen.
    Slug,
    /// `after:text` – what follows the text; nothing where the text is not there.
    After(String),
    /// `before:text` – what stands before the text; all of it where the text is not there.
    Before(String),
    /// `without:word` – without this word, wherever it stands between spaces.
    Without(String),
    /// `pad:n` – zeros in front, to `n` characters.
    Pad(usize),
    /// `split:text` – a list of what stands between.
    Split(String),
    /// `count` – how many elements a list has; 0 for nothing.
    Count,
    /// `having:field` – the elements of a list in which a field is set and not false.
    Having(String),
    /// `date:format` – a date, as precise as the text, in one of the mapping's formats of that name. A text that fits
    /// none refuses the row.
    Date(String),
    /// `try_date:format` – the same; a text that fits none is nothing.
    TryDate(String),
    /// `iso` – a date as `YYYY[-MM[-DD]]`.
    Iso,
    /// `year` – the year of a date, as a date.
    Year,
    /// `days` – a term, where the text ends in a whole number of days.
    Days,
    /// `valuation:currency` – an amount or bracket as a register prints it; nothing where it is neither.
    Valuation(String),
    /// `leftover` – what `valuation` would lose of the text.
    Leftover,
    /// `exact:currency` – an exact amount of money, in digits with the source's decimal mark, with or without a mark
    /// between thousands. Any other text refuses the row.
    Exact(String),
    /// `try_exact:currency` – the same; any other text is nothing.
    TryExact(String),
    /// `number` – a number without needless zeros and with a point: so that `5000,00` is `5000`. Any other text stays.
    Number,
    /// `by:field` – the elements of a list, those with the same text in a field together: a list of `key` and
    /// `elements`, in the order of the first of each.
    By(String),
    /// `lookup:table` – what the mapping's table has for the text, or for `*`; without either the row is refused.
    Lookup(String),
    /// `recall` – what an earlier row `remember`ed under the text.
    Recall,
}

impl Filter {
    /// Reads `name` or `name:argument`.
    ///
    /// # Errors
    ///
    /// What is wrong, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, argument) = text.split_once(':').map_or((text, None), |(name, argument)| (name, Some(argument)));
        let wants = |argument: Option<&str>| match argument {
            Some(argument) if !argument.is_empty() => Ok(argument.to_owned()),
            _ => Err(format!("filter {name:?} wants an argument, as in {name}:x")),
        };
        if argument.is_some()
            && ["lower", "slug", "count", "iso", "year", "days", "leftover", "number", "recall"].contains(&name)
        {
            return Err(format!("filter {name:?} takes no argument"));
        }
        Ok(match name.trim() {
            "default" => Self::Default(wants(argument)?),
            "lower" => Self::Lower,
            "slug" => Self::Slug,
            "after" => Self::After(wants(argument)?),
            "before" => Self::Before(wants(argument)?),
            "without" => Self::Without(wants(argument)?),
            "pad" => Self::Pad(wants(argument)?.parse().map_err(|_| "pad wants a number".to_owned())?),
            "split" => Self::Split(wants(argument)?),
            "count" => Self::Count,
            "having" => Self::Having(wants(argument)?),
            "date" => Self::Date(wants(argument)?),
            "try_date" => Self::TryDate(wants(argument)?),
            "iso" => Self::Iso,
            "year" => Self::Year,
            "days" => Self::Days,
            "valuation" => Self::Valuation(wants(argument)?),
            "leftover" => Self::Leftover,
            "exact" => Self::Exact(wants(argument)?),
            "try_exact" => Self::TryExact(wants(argument)?),
            "number" => Self::Number,
            "by" => Self::By(wants(argument)?),
            "lookup" => Self::Lookup(wants(argument)?),
            "recall" => Self::Recall,
            _ => return Err(format!("no filter {name:?}; there are {NAMES}")),
        })
    }

    /// Applies a filter that needs nothing but the value.
    pub(crate) fn apply(&self, value: Value) -> Value {
        let text = || text_of(&value);
        match self {
            Self::Default(text) => match text_of(&value) {
                Some(_) => value,
                None => Value::String(text.clone()),
            },
            Self::Count => json!(value.as_array().map_or_else(|| usize::from(!value.is_null()), Vec::len)),
            Self::Having(field) => having(value, field),
            Self::Iso => date_text(&value).map_or(Value::Null, Value::String),
            Self::Year => value.get("year").map_or(Value::Null, |year| json!({ "year": year })),
            Self::Lower => text().map_or(Value::Null, |text| Value::String(text.to_lowercase())),
            Self::Slug => text().and_then(|text| slug(&text)).map_or(Value::Null, Value::String),
            Self::After(mark) => text().map_or(Value::Null, |text| {
                text.split_once(mark.as_str()).map_or(Value::Null, |(_, rest)| filled(rest))
            }),
            Self::Before(mark) => text().map_or(Value::Null, |text| {
                filled(text.split_once(mark.as_str()).map_or(text.as_str(), |(head, _)| head))
            }),
            Self::Without(word) => text()
                .map(|text| text.split_whitespace().filter(|one| one != word).collect::<Vec<_>>().join(" "))
                .map_or(Value::Null, |text| filled(&text)),
            Self::Pad(width) => text().map_or(Value::Null, |text| Value::String(format!("{text:0>width$}"))),
            Self::Split(mark) => text().map_or(Value::Null, |text| {
                text.split(mark.as_str()).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().into()
            }),
            Self::Days => text().and_then(|text| days(&text)).map_or(Value::Null, |days| json!({ "days": days })),
            Self::Valuation(currency) => {
                text().and_then(|text| valuation(&text, currency)).map_or(Value::Null, |(value, _)| value)
            }
            Self::Leftover => text().map_or(Value::Null, |text| match valuation(&text, "XXX") {
                Some((_, true)) => Value::Null,
                _ => Value::String(text),
            }),
            Self::By(field) => by(value, field),
            Self::Date(_)
            | Self::TryDate(_)
            | Self::Exact(_)
            | Self::TryExact(_)
            | Self::Number
            | Self::Lookup(_)
            | Self::Recall => value,
        }
    }
}

/// A date in the first of the formats that fits the whole text: `{year, month, day}`, as precise as the format.
///
/// # Errors
///
/// `DATE_UNREADABLE` when none fits or there is no such day.
pub fn date(text: &str, formats: &[String]) -> Result<Value, Refusal> {
    let parsed = formats.iter().find_map(|format| {
        BrokenDownTime::parse(format, text).ok().and_then(|time| {
            let year = time.year()?;
            // A day or month that the format does not have is not known, and is not made up.
            let (month, day) = (time.month(), time.day());
            // %Y takes fewer digits than four; "19" is no year of a register.
            let written = !format.contains("%Y") || text.contains(&format!("{year:04}"));
            let real =
                written && (1..=9999).contains(&year) && Date::new(year, month.unwrap_or(1), day.unwrap_or(1)).is_ok();
            real.then(|| match (month, day) {
                (Some(month), Some(day)) => json!({ "year": year, "month": month, "day": day }),
                (Some(month), None) => json!({ "year": year, "month": month }),
                _ => json!({ "year": year }),
            })
        })
    });
    parsed.ok_or_else(|| {
        Refusal::new("DATE_UNREADABLE", format!("{text:?} is no date of the form {}", formats.join(" or ")))
    })
}

/// An exact amount in digits: `1234`, `-1.234,5` where the decimal mark is a comma. At most nine places after it.
///
/// # Errors
///
/// `AMOUNT_UNREADABLE` for anything else, however little.
pub fn exact_amount(text: &str, currency: &str, decimal: Decimal) -> Result<Value, Refusal> {
    let amount = || {
        let number = Number::parse(text, decimal)?;
        let sign = if number.negative { -1 } else { 1 };
        let units = number.whole.parse::<i64>().ok()? * sign;
        let nanos = format!("{:0<9}", number.parts).parse::<i64>().ok().filter(|_| number.parts.len() <= 9)? * sign;
        let mut money = json!({ "currency": currency, "units": units });
        if nanos != 0 {
            money["nanos"] = json!(nanos);
        }
        Some(json!({ "exact": money }))
    };
    amount().ok_or_else(|| {
        let mark = decimal.mark();
        Refusal::new("AMOUNT_UNREADABLE", format!("{text:?} is no amount in digits with the decimal mark {mark:?}"))
    })
}

/// A number without needless zeros and with a point; a text that is no number as it is.
pub fn plain_number(text: &str, decimal: Decimal) -> String {
    let Some(number) = Number::parse(text, decimal) else { return text.to_owned() };
    let whole = Some(number.whole.trim_start_matches('0')).filter(|whole| !whole.is_empty()).unwrap_or("0");
    let parts = number.parts.trim_end_matches('0');
    let is_zero = whole == "0" && parts.is_empty();
    let sign = if number.negative && !is_zero { "-" } else { "" };
    if parts.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{parts}") }
}

/// What stands between a number's whole and its parts. The other of the two may stand between its thousands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decimal {
    /// `1,234.50`
    #[default]
    Point,
    /// `1.234,50`
    Comma,
}

impl Decimal {
    const fn mark(self) -> char {
        match self {
            Self::Point => '.',
            Self::Comma => ',',
        }
    }

    const fn between_thousands(self) -> char {
        match self {
            Self::Point => ',',
            Self::Comma => '.',
        }
    }
}

struct Number {
    negative: bool,
    whole: String,
    parts: String,
}

impl Number {
    fn parse(text: &str, decimal: Decimal) -> Option<Self> {
        let text = text.trim();
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
        let (whole, parts) = match digits.split_once(decimal.mark()) {
            Some((_, "")) => return None,
            Some(split) => split,
            None => (digits, ""),
        };
        let in_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let groups: Vec<&str> = whole.split(decimal.between_thousands()).collect();
        let grouped = match groups.as_slice() {
            [whole] => !whole.is_empty(),
            [first, rest @ ..] => (1..=3).contains(&first.len()) && rest.iter().all(|group| group.len() == 3),
            [] => false,
        };
        let right = grouped && in_digits(parts) && groups.iter().all(|group| in_digits(group));
        right.then(|| Self { negative, whole: groups.concat(), parts: parts.to_owned() })
    }
}

/// The text of a value: of a string that is not blank, a number or a truth value.
pub fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null => None,
        Value::Array(_) | Value::Object(_) => Some(value.to_string()),
    }
}

fn filled(text: &str) -> Value {
    let trimmed = text.trim();
    if trimmed.is_empty() { Value::Null } else { Value::String(trimmed.to_owned()) }
}

fn having(value: Value, field: &str) -> Value {
    let Value::Array(mut elements) = value else { return Value::Null };
    elements
        .retain(|element| element.get(field).is_some_and(|set| *set != Value::Bool(false) && text_of(set).is_some()));
    if elements.is_empty() { Value::Null } else { Value::Array(elements) }
}

fn by(value: Value, field: &str) -> Value {
    let Value::Array(elements) = value else { return Value::Null };
    let mut keys: Vec<(String, Vec<Value>)> = Vec::new();
    for element in elements {
        let key = element.get(field).and_then(text_of).unwrap_or_default();
        match keys.iter_mut().find(|(known, _)| *known == key) {
            Some((_, alike)) => alike.push(element),
            None => keys.push((key, vec![element])),
        }
    }
    keys.into_iter().map(|(key, elements)| json!({ "key": key, "elements": elements })).collect()
}

fn date_text(value: &Value) -> Option<String> {
    let part = |name| value.get(name).and_then(Value::as_u64);
    let year = part("year")?;
    Some(match (part("month"), part("day")) {
        (Some(month), Some(day)) => format!("{year:04}-{month:02}-{day:02}"),
        (Some(month), None) => format!("{year:04}-{month:02}"),
        _ => format!("{year:04}"),
    })
}

fn slug(text: &str) -> Option<String> {
    let mut slug = String::new();
    for character in text.chars().flat_map(char::to_lowercase) {
        let kept = character.is_ascii_alphanumeric() || (['.', '_'].contains(&character) && !slug.is_empty());
        if kept {
            slug.push(character);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(CODE_LEN_MAX);
    let slug = slug.trim_end_matches(['-', '.', '_']);
    (!slug.is_empty()).then(|| slug.to_owned())
}

fn days(text: &str) -> Option<u32> {
    let head = text.strip_suffix("days").or_else(|| text.strip_suffix("day"))?.trim_end();
    let number = head.rsplit_once(' ').map_or(head, |(_, number)| number);
    number.parse().ok().filter(|days| *days > 0)
}

/// The valuation, and whether it says all that the text says.
fn valuation(text: &str, currency: &str) -> Option<(Value, bool)> {
    let bracket = |low: Option<i64>, high: Option<i64>| {
        let mut bracket = json!({ "currency": currency });
        if let Some(low) = low {
            bracket["low"] = json!(low);
        }
        if let Some(high) = high {
            bracket["high"] = json!(high);
        }
        json!({ "bracket": bracket })
    };
    if let Some(over) = text.strip_prefix("Over ").or_else(|| text.strip_prefix("> ")) {
        let (amount, rest) = over.split_once(' ').unwrap_or((over, ""));
        let low = units(amount)?.checked_add(1)?;
        return Some((bracket(Some(low), None), rest.is_empty()));
    }
    if let Some(under) = text.strip_prefix("None (or less than ").and_then(|text| text.strip_suffix(')')) {
        return Some((bracket(Some(0), Some(units(under)?.checked_sub(1)?)), true));
    }
    if let Some((low, high)) = text.split_once(" - ") {
        let (low, high) = (units(low)?, units(high)?);
        return (low <= high).then(|| (bracket(Some(low), Some(high)), true));
    }
    if text == "None" {
        return Some((json!({ "none": true }), true));
    }
    if text == "Unascertainable" {
        return Some((json!({ "unascertainable": text }), true));
    }
    exact(text, currency).map(|money| (json!({ "exact": money }), true))
}

fn units(text: &str) -> Option<i64> {
    let digits = text.trim().strip_prefix('$')?;
    let grouped = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b',');
    grouped.then(|| digits.replace(',', "").parse().ok())?
}

fn exact(text: &str, currency: &str) -> Option<Value> {
    let (whole, cents) = text.split_once('.').unwrap_or((text, ""));
    let units = units(whole)?;
    if cents.is_empty() {
        return (!text.ends_with('.')).then(|| json!({ "currency": currency, "units": units }));
    }
    let plain = cents.len() <= 9 && cents.bytes().all(|byte| byte.is_ascii_digit());
    let nanos: i64 = plain.then(|| format!("{cents:0<9}").parse().ok())??;
    Some(json!({ "currency": currency, "units": units, "nanos": nanos }))
}

const CODE_LEN_MAX: usize = 96;
const NAMES: &str = "default, lower, slug, after, before, without, pad, split, count, having, date, try_date, iso, year, \
                     days, valuation, leftover, exact, try_exact, number, by, lookup, recall";
