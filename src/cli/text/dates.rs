//! Dates and times as they are written where the person is.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use pure_rust_locales::locale_match;

use crate::cli::text::Locale;
use crate::cli::text::NOTHING;
use crate::events::PartialDate;
use crate::events::Period;

/// How dates and times are written. A date is in numbers alone, the year always in four digits; a locale that has it
/// otherwise, or is unknown, has ISO 8601.
#[derive(Debug)]
pub(crate) struct Dates {
    /// The fields in their order, each with what stands after it.
    fields: Vec<(Field, String)>,
    zone: TimeZone,
}

/// A field of a date, with the least number of digits that it is written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Year,
    Month(usize),
    Day(usize),
}

impl Dates {
    /// As in a locale; times in a zone.
    pub(crate) fn new(locale: &Locale, zone: TimeZone) -> Self {
        let pattern = locale.glibc().map(|locale| locale_match!(locale => LC_TIME::D_FMT));
        let fields = pattern.and_then(fields).unwrap_or_else(|| {
            vec![(Field::Year, "-".to_owned()), (Field::Month(2), "-".to_owned()), (Field::Day(2), String::new())]
        });
        Self { fields, zone }
    }

    /// A date as far as it is known: `03/05/2026`, `05/2026`, `2026`.
    pub(crate) fn date(&self, date: Option<&PartialDate>) -> String {
        let Some(date) = date else { return NOTHING.to_owned() };
        let known = |field: Field| match field {
            Field::Year => Some((date.year, 4)),
            Field::Month(digits) => (date.month > 0).then_some((date.month, digits)),
            Field::Day(digits) => (date.month > 0 && date.day > 0).then_some((date.day, digits)),
        };
        let mut text = String::new();
        let mut whole = true;
        for (field, after) in &self.fields {
            match known(*field) {
                Some((number, digits)) => {
                    let _ = write!(text, "{number:0digits$}{after}");
                }
                None => whole = false,
            }
        }
        // Where the last field is missing, what stood between it and the others is left over.
        if whole {
            text
        } else {
            text.trim_end_matches(|one: char| one.is_ascii_punctuation() || one == ' ').to_owned()
        }
    }

    /// From and to; an end that is absent is left open.
    pub(crate) fn span(&self, from: Option<&PartialDate>, to: Option<&PartialDate>) -> String {
        match (from, to) {
            (None, None) => NOTHING.to_owned(),
            (from, to) if from == to => self.date(from),
            (from, to) => {
                let end = |end: Option<&PartialDate>| end.map_or_else(|| "…".to_owned(), |end| self.date(Some(end)));
                format!("{} to {}", end(from), end(to))
            }
        }
    }

    /// A period, as [`Self::span`] has it.
    pub(crate) fn period(&self, period: Option<&Period>) -> String {
        period.map_or_else(|| NOTHING.to_owned(), |period| self.span(period.from.as_ref(), period.to.as_ref()))
    }

    /// A moment, to the second, on the clock of the zone and with its distance from UTC: `03/05/2026 14:00:00 +07:00`.
    pub(crate) fn time(&self, time: Option<&prost_types::Timestamp>) -> String {
        let time = time.and_then(|time| Timestamp::new(time.seconds, time.nanos).ok());
        let Some(local) = time.map(|time| time.to_zoned(self.zone.clone())) else { return NOTHING.to_owned() };
        let number = |field: i8| u32::try_from(field).expect("months and days of the calendar are positive");
        let year = u32::try_from(local.year()).unwrap_or_default();
        let date = PartialDate { year, month: number(local.month()), day: number(local.day()) };
        format!("{} {}", self.date(Some(&date)), local.strftime("%H:%M:%S %:z"))
    }
}

/// The fields of a pattern of `strftime`; `None` where it has anything but numbers, or not each field once.
fn fields(pattern: &str) -> Option<Vec<(Field, String)>> {
    let mut parts = pattern.split('%');
    let mut fields = match parts.next() {
        Some("") => Vec::new(),
        _ => return None,
    };
    for part in parts {
        let (short, rest) = part.strip_prefix('-').map_or((false, part), |rest| (true, rest));
        let digits = if short { 1 } else { 2 };
        let mut letters = rest.chars();
        let field = match letters.next()? {
            'Y' | 'y' => Field::Year,
            'm' => Field::Month(digits),
            'd' => Field::Day(digits),
            'e' => Field::Day(1),
            _ => return None,
        };
        fields.push((field, letters.as_str().to_owned()));
    }
    let one = |is: fn(&Field) -> bool| fields.iter().filter(|(field, _)| is(field)).count() == 1;
    let each_once = one(|field| matches!(field, Field::Year))
        && one(|field| matches!(field, Field::Month(_)))
        && one(|field| matches!(field, Field::Day(_)));
    each_once.then_some(fields)
}
