//! Answers as a person reads them: dates, times and the order of names as they are where the person is, in tables that
//! fit the terminal. Knows nothing of what is told; [`crate::cli::show`] does.
//!
//! A subcommand that prints for people makes one [`Style`] from the terminal, writes a [`Page`] in it, and takes dates from
//! [`Style::dates`] and orders from [`Style::names`]. What programs read (`--json`) knows none of this: there a date is ISO 8601
//! and a time is UTC.

mod dates;
mod locale;
mod names;
mod page;

use std::env;
use std::io;
use std::io::IsTerminal as _;

use comfy_table::Table;
use icu_normalizer::ComposingNormalizerBorrowed;
use jiff::tz::TimeZone;

pub(crate) use crate::cli::text::dates::Dates;
pub(crate) use crate::cli::text::locale::Category;
pub(crate) use crate::cli::text::locale::Locale;
pub(crate) use crate::cli::text::names::Names;
pub(crate) use crate::cli::text::page::Page;
pub(crate) use crate::cli::text::page::Tone;

/// What stands where nothing is known.
pub(crate) const NOTHING: &str = "–";

/// How a page looks.
#[derive(Debug)]
pub(crate) struct Style {
    /// No line is wider, in columns of the terminal. `None`: lines are as long as they are.
    pub(crate) width: Option<u16>,
    /// Colours and bold.
    pub(crate) colour: bool,
    /// Dates and times.
    pub(crate) dates: Dates,
    /// The order of names.
    pub(crate) names: Names,
}

impl Style {
    /// As the terminal and the environment have it: `COLUMNS` or else the width of the terminal, `NO_COLOR`, the zone of the
    /// machine or `TZ`, and a locale, or else the one of `LC_ALL`, `LC_TIME`, `LC_COLLATE`, `LANG`.
    pub(crate) fn of_terminal(locale: Option<&Locale>) -> Self {
        let read = |name: &str| env::var(name).ok();
        let of = |category| locale.cloned().unwrap_or_else(|| Locale::of_environment(category, read));
        let terminal = io::stdout().is_terminal();
        let asked = read("COLUMNS").and_then(|columns| columns.parse().ok()).filter(|columns| *columns > 0);
        Self {
            width: asked.or_else(|| terminal.then(|| Table::new().width()).flatten()),
            colour: terminal && env::var_os("NO_COLOR").is_none(),
            dates: Dates::new(&of(Category::Time), TimeZone::system()),
            names: Names::new(&of(Category::Collate)),
        }
    }

    /// As programs and tests have it, in a locale: as long as lines are, no colours, UTC.
    #[cfg(test)]
    pub(crate) fn plain(locale: &Locale) -> Self {
        Self { width: None, colour: false, dates: Dates::new(locale, TimeZone::UTC), names: Names::new(locale) }
    }
}

/// A text as a terminal may have it: without what it might obey, since a sealed text was written by anybody; and each letter
/// in one piece with its marks (NFC), so that it is as wide as it looks.
pub(crate) fn printable(text: &str) -> String {
    let safe: String = text.chars().map(|one| if one.is_control() && one != '\n' { '\u{fffd}' } else { one }).collect();
    ComposingNormalizerBorrowed::new_nfc().normalize(&safe).into_owned()
}

/// The text, or what stands where nothing is known.
pub(crate) fn or_nothing(text: &str) -> String {
    if text.is_empty() { NOTHING.to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests;
