//! Where the person is, as `LANG` says it or as the web does.

use std::str::FromStr;

use icu_locale::LocaleExpander;
use pure_rust_locales::Locale as Glibc;
use thiserror::Error;

/// A language and perhaps a country; or none, as in `C`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Locale(Option<icu_locale::Locale>);

/// What a locale is asked for; the environment may have one for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Category {
    /// Dates and times, `LC_TIME`.
    Time,
    /// The order of names, `LC_COLLATE`.
    Collate,
}

/// It is not written as a locale is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a locale, such as vi_VN, de-CH or C")]
pub(crate) struct NoLocale;

impl Locale {
    /// The locale of an environment: the first that is set and not empty of `LC_ALL`, the category's own and `LANG`. One
    /// that cannot be read is none: nobody typed it for us.
    pub(crate) fn of_environment(category: Category, read: impl Fn(&str) -> Option<String>) -> Self {
        let own = match category {
            Category::Time => "LC_TIME",
            Category::Collate => "LC_COLLATE",
        };
        let set = ["LC_ALL", own, "LANG"].iter().find_map(|name| read(name).filter(|value| !value.is_empty()));
        set.and_then(|value| value.parse().ok()).unwrap_or_default()
    }

    /// As Unicode has it.
    pub(super) const fn unicode(&self) -> Option<&icu_locale::Locale> {
        self.0.as_ref()
    }

    /// As the C library has it. A language alone is taken to the country where most speak it.
    pub(super) fn glibc(&self) -> Option<Glibc> {
        let mut id = self.0.as_ref()?.id.clone();
        if id.region.is_none() {
            LocaleExpander::new_common().maximize(&mut id);
        }
        let name = format!("{}_{}", id.language, id.region?);
        Glibc::from_str(&name).ok()
    }

    /// The language alone, `vi`; empty where there is none.
    pub(crate) fn language(&self) -> &str {
        self.0.as_ref().map_or("", |locale| locale.id.language.as_str())
    }
}

impl FromStr for Locale {
    type Err = NoLocale;

    /// `vi_VN.UTF-8`, `sr_RS@latin`, `vi-VN`, `vi`; `C` and `POSIX` are none.
    fn from_str(text: &str) -> Result<Self, NoLocale> {
        let name = text.split(['.', '@']).next().unwrap_or_default();
        if matches!(name, "C" | "POSIX") {
            return Ok(Self(None));
        }
        let parsed = icu_locale::Locale::try_from_str(&name.replace('_', "-")).map_err(|_| NoLocale)?;
        Ok(Self(Some(parsed)))
    }
}
