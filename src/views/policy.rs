//! What the operator says of showing records: how long what ended may still be told, how long past recipients are told
//! of changes, and within what time requests are usually answered. Data, and one function that applies the windows.

use serde::Deserialize;
use serde::Serialize;

use crate::domain::dates::Day;
use crate::events::Code;
use crate::events::DisclosureLevel;
use crate::proto::v1::Standing;

/// The longest of all these times: a hundred years.
const DAYS_MAX: u32 = 36_525;

/// The operator's settings. The defaults are samples, and no country's law.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DisclosurePolicy {
    /// Days after its end for which a sanction is still told before an appointment, where no window says otherwise.
    pub window_days: u32,
    /// Windows of single forms and regimes. The one that names more holds; of two that name as much, the first.
    pub windows: Vec<Window>,
    /// Days after a disclosure within which the recipient is told of a change.
    pub notice_window_days: u32,
    /// Days after a change within which he is to be told.
    pub notice_days: u32,
    /// Working days within which a request about one's own record is usually acknowledged: without Saturdays and
    /// Sundays; holidays are not known.
    pub rights_ack_working_days: u32,
    /// Days within which it is usually answered.
    pub rights_answer_days: u32,
}

/// How long a sanction of some form or regime may still be told after its end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Window {
    /// Of this regime, as `SCHEME/CODE`; absent: of any.
    pub regime: Option<String>,
    /// Of this form, as `SCHEME/CODE`; absent: of any.
    pub form: Option<String>,
    /// Days; absent: without end.
    pub days: Option<u32>,
    /// It keeps somebody from something until its own last day, whatever has become of the decision by time.
    pub bar: bool,
}

impl Default for DisclosurePolicy {
    fn default() -> Self {
        let form = |form: &str, days, bar| Window { regime: None, form: Some(form.to_owned()), days, bar };
        Self {
            window_days: 365,
            windows: vec![
                form("sanction/expulsion", None, false),
                form("sanction/dissolution", None, false),
                form("sanction/bar", Some(0), true),
            ],
            notice_window_days: 730,
            notice_days: 10,
            rights_ack_working_days: 2,
            rights_answer_days: 20,
        }
    }
}

/// A sanction as the windows see it.
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    /// Of its decision.
    pub regime: Option<&'a Code>,
    /// Its form.
    pub form: Option<&'a Code>,
    /// What it is on the day.
    pub standing: Standing,
    /// Its own last day; none: without end, or not stated.
    pub last: Option<Day>,
    /// The last day on which it had effect, where it has none any more and that day is known.
    pub over: Option<Day>,
}

/// What may be said of a sanction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// It is told, up to and including this day where time ends it.
    Told(Option<Day>),
    /// That something is kept back.
    Kept,
    /// Nothing at all.
    Nothing,
}

impl DisclosurePolicy {
    /// What may be said of a sanction at a level on a day.
    ///
    /// Who handles the matter, controls it, or decides the appeal sees everything, and so does the person himself.
    /// Below that nothing is said of what was annulled or should never have been recorded; what ended is told until its
    /// window is over, and what has no end, or bars from something on that day, is told as long as it does.
    pub fn telling(&self, level: DisclosureLevel, sanction: Ended<'_>, day: Day) -> Telling {
        match level {
            DisclosureLevel::Subject
            | DisclosureLevel::Handler
            | DisclosureLevel::Control
            | DisclosureLevel::Appeal => return Telling::Told(None),
            DisclosureLevel::Pointer | DisclosureLevel::Clearance | DisclosureLevel::Unspecified => {}
        }
        let (days, bar) = self.window(sanction.regime, sanction.form);
        let until = |last: Day| days.map(|days| last.plus_days(days));
        match sanction.standing {
            Standing::InForce | Standing::Pending | Standing::Uncertain => Telling::Told(sanction.last.and_then(until)),
            Standing::Expired if bar && sanction.last.is_none_or(|last| last >= day) => {
                Telling::Told(sanction.last.and_then(until))
            }
            Standing::Expired => {
                let over = if bar { sanction.last } else { sanction.over };
                match (days, over) {
                    (None, _) => Telling::Told(None),
                    (Some(days), Some(over)) if over.plus_days(days) >= day => {
                        Telling::Told(Some(over.plus_days(days)))
                    }
                    // Where nobody knows since when it is over, it is not told.
                    (Some(_), _) => Telling::Kept,
                }
            }
            Standing::Annulled
            | Standing::Void
            | Standing::Replaced
            | Standing::NoSanction
            | Standing::Proposed
            | Standing::Unspecified => Telling::Nothing,
        }
    }

    /// Days of the window of a form and regime, none where it has no end; and whether it is a bar.
    fn window(&self, regime: Option<&Code>, form: Option<&Code>) -> (Option<u32>, bool) {
        let fits = |wanted: &Option<String>, found: Option<&Code>| {
            wanted.as_ref().is_none_or(|wanted| {
                found.is_some_and(|code| wanted.split_once('/') == Some((code.scheme.as_str(), code.code.as_str())))
            })
        };
        let fitting = self.windows.iter().filter(|window| fits(&window.form, form) && fits(&window.regime, regime));
        // The form says more of a sanction than the regime that it is of.
        let weight = |window: &&Window| 2 * u8::from(window.form.is_some()) + u8::from(window.regime.is_some());
        match fitting.rev().max_by_key(weight) {
            Some(window) => (window.days, window.bar),
            None => (Some(self.window_days), false),
        }
    }

    /// By when a request that was received on a day is usually acknowledged, and answered.
    pub fn usual_days(&self, received: Day) -> (Day, Day) {
        let mut acknowledged = received;
        for _ in 0..self.rights_ack_working_days {
            acknowledged = acknowledged.next();
            while acknowledged.is_weekend() && acknowledged != Day::MAX {
                acknowledged = acknowledged.next();
            }
        }
        (acknowledged, received.plus_days(self.rights_answer_days))
    }

    /// The first setting that cannot be, and what it must be.
    ///
    /// # Errors
    ///
    /// There is one.
    pub fn check(&self) -> Result<(), (&'static str, &'static str)> {
        let days = [
            ("disclosure.window_days", self.window_days),
            ("disclosure.notice_window_days", self.notice_window_days),
            ("disclosure.notice_days", self.notice_days),
            ("disclosure.rights_ack_working_days", self.rights_ack_working_days),
            ("disclosure.rights_answer_days", self.rights_answer_days),
        ];
        if let Some((key, _)) = days.iter().find(|(_, days)| *days > DAYS_MAX) {
            return Err((key, "at most 36525 days"));
        }
        let coded = |code: &Option<String>| {
            code.as_ref().is_none_or(|code| {
                code.split_once('/')
                    .is_some_and(|(scheme, code)| !scheme.is_empty() && !code.is_empty() && !code.contains('/'))
            })
        };
        for window in &self.windows {
            if window.days.is_some_and(|days| days > DAYS_MAX) {
                return Err(("disclosure.windows.days", "at most 36525 days"));
            }
            if !coded(&window.regime) || !coded(&window.form) {
                return Err(("disclosure.windows", "form and regime as SCHEME/CODE"));
            }
            if window.regime.is_none() && window.form.is_none() {
                return Err(("disclosure.windows", "each of a form, a regime, or both"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
