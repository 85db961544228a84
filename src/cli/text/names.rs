//! Names in the order in which the person looks for them.

use std::cmp::Ordering;
use std::fmt;

use icu_collator::CollatorBorrowed;
use icu_collator::CollatorPreferences;
use icu_collator::options::CollatorOptions;

use crate::cli::text::Locale;

/// The order of names in a language: in Vietnamese `Đ` is a letter of its own after `D`, and tones count only between names
/// that are otherwise the same. How a letter and its marks are put together makes no difference.
pub(crate) struct Names {
    collator: CollatorBorrowed<'static>,
    language: String,
}

impl Names {
    /// The order in a locale; without one, the order that Unicode has for all.
    pub(crate) fn new(locale: &Locale) -> Self {
        let preferences = locale.unicode().map(CollatorPreferences::from).unwrap_or_default();
        let options = CollatorOptions::default();
        let own = CollatorBorrowed::try_new(preferences, options);
        let of_all = || CollatorBorrowed::try_new(CollatorPreferences::default(), options);
        let collator = own.or_else(|_| of_all()).expect("the order that Unicode has for all is compiled in");
        Self { collator, language: locale.language().to_owned() }
    }

    /// The language of the reader, `vi`; empty where it is not known. Which of several names of a body is shown.
    pub(crate) fn language(&self) -> &str {
        &self.language
    }

    /// Which of two names comes first. Equal are names that look the same.
    pub(crate) fn compare(&self, left: &str, right: &str) -> Ordering {
        self.collator.compare(left, right)
    }

    /// Sorts by name; what has the same name stays in its order.
    pub(crate) fn sort_by_name<T>(&self, things: &mut [T], name: impl Fn(&T) -> &str) {
        things.sort_by(|left, right| self.compare(name(left), name(right)));
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names").field("language", &self.language).finish_non_exhaustive()
    }
}
