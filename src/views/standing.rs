//! What a decision and its sanctions are on a day.
//!
//! Dates may be known only to the month or year, or not at all. Where the day asked for falls into the stretch in
//! which nobody can tell, the answer is UNCERTAIN: that is safer than a wrong claim about a human being. A sanction
//! whose beginning nothing dates is therefore UNCERTAIN until something ends it for certain.
//!
//! Ends are as the events carry them. A `term` without `to` is shown and not counted: which days it covers is a
//! question of rules, and nothing here is computed from rules.
//!
//! A decision that expired has no effect from a day on, whatever its sanctions say of their ends.
//!
//! A decision has forms: what was issued, then each modification, in the order of recording. From its effect on, a
//! form takes the place of every form recorded before it.

use crate::domain::dates;
use crate::domain::dates::Day;
use crate::events::PartialDate;
use crate::events::SanctionItem;
use crate::proto::v1::Standing;

/// What a decision imposed from some day on.
#[derive(Clone, Copy, Debug)]
pub struct Form<'a> {
    /// From when; `None` where nobody knows.
    pub effect: Option<&'a PartialDate>,
    /// What; `None` where the entry was erased.
    pub items: Option<&'a [SanctionItem]>,
}

/// That a decision was undone.
#[derive(Clone, Copy, Debug)]
pub enum Undoing<'a> {
    /// It counts as never made.
    Retroactive,
    /// It stops on this day; `None` where nobody knows.
    From(Option<&'a PartialDate>),
    /// Undone perhaps, and nobody can tell from when: the entry was erased, or an appeal was decided so and nothing says
    /// what became of the decision.
    Unknown,
}

/// All that was recorded of what a decision imposes, in the order of recording.
#[derive(Clone, Debug, Default)]
pub struct Ruling<'a> {
    /// What was issued, then each modification.
    pub forms: Vec<Form<'a>>,
    /// Annulments.
    pub undoings: Vec<Undoing<'a>>,
    /// First days without effect, of expiries; `None` where nobody knows any more.
    pub expiries: Vec<Option<&'a PartialDate>>,
}

/// What can be said where dates are coarse. In this order, so that the greatest of several is "any of them" and the
/// least "all of them".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Certainty {
    No,
    Perhaps,
    Yes,
}

impl Ruling<'_> {
    /// What the sanction is that the form of this number, from 0, imposes.
    pub fn standing_of(&self, form: usize, item: &SanctionItem, day: Day) -> Standing {
        let undone = self.undone(day);
        let replaced = self.replaced(form, day);
        let over = passed(item.to.as_ref(), day).max(self.expired(day));
        let begun = self.begun(form, item, day);
        if undone == Certainty::Yes {
            Standing::Annulled
        } else if replaced == Certainty::Yes {
            Standing::Replaced
        } else if over == Certainty::Yes {
            Standing::Expired
        } else if begun == Certainty::No {
            Standing::Pending
        } else if begun == Certainty::Yes && undone.max(replaced).max(over) == Certainty::No {
            Standing::InForce
        } else {
            Standing::Uncertain
        }
    }

    /// What the decision is as a whole: the strongest that one of its sanctions is. A decision that had sanctions
    /// until it was modified to none imposes nothing from then on.
    pub fn standing(&self, day: Day) -> Standing {
        if self.undone(day) == Certainty::Yes {
            return Standing::Annulled;
        }
        let mut found: Vec<Standing> = Vec::new();
        for (number, form) in self.forms.iter().enumerate() {
            match form.items {
                Some(items) => found.extend(items.iter().map(|item| self.standing_of(number, item, day))),
                None if self.replaced(number, day) == Certainty::Yes => {}
                None if self.expired(day) == Certainty::Yes => found.push(Standing::Expired),
                None => found.push(Standing::Uncertain),
            }
        }
        [Standing::InForce, Standing::Uncertain, Standing::Pending, Standing::Expired]
            .into_iter()
            .find(|standing| found.contains(standing))
            .unwrap_or(Standing::NoSanction)
    }

    fn undone(&self, day: Day) -> Certainty {
        let each = self.undoings.iter().map(|undoing| match undoing {
            Undoing::Retroactive => Certainty::Yes,
            Undoing::From(date) => reached(*date, day),
            Undoing::Unknown => Certainty::Perhaps,
        });
        each.max().unwrap_or(Certainty::No)
    }

    fn expired(&self, day: Day) -> Certainty {
        self.expiries.iter().map(|first| reached(*first, day)).max().unwrap_or(Certainty::No)
    }

    fn replaced(&self, form: usize, day: Day) -> Certainty {
        self.forms.iter().skip(form + 1).map(|later| reached(later.effect, day)).max().unwrap_or(Certainty::No)
    }

    /// A sanction issued begins on its own day, or else with the decision. One that a modification brings begins no
    /// earlier than the modification: until then the form before it stands.
    fn begun(&self, form: usize, item: &SanctionItem, day: Day) -> Certainty {
        let effect = self.forms.get(form).and_then(|form| form.effect);
        match (&item.from, form) {
            (Some(from), 0) => reached(Some(from), day),
            (Some(from), _) => reached(Some(from), day).min(reached(effect, day)),
            (None, _) => reached(effect, day),
        }
    }
}

/// Whether the day is the date or after it.
pub(super) fn reached(date: Option<&PartialDate>, day: Day) -> Certainty {
    match date {
        Some(date) if day >= dates::latest(date) => Certainty::Yes,
        Some(date) if day < dates::earliest(date) => Certainty::No,
        Some(_) | None => Certainty::Perhaps,
    }
}

/// Whether the day is after the last day; without a last day it never is.
fn passed(last: Option<&PartialDate>, day: Day) -> Certainty {
    match last {
        None => Certainty::No,
        Some(last) if day > dates::latest(last) => Certainty::Yes,
        Some(last) if day <= dates::earliest(last) => Certainty::No,
        Some(_) => Certainty::Perhaps,
    }
}
