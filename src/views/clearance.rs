//! Clearances: what may be known about a person or body before it is appointed. What is alleged or pending is no part of
//! it; what ended is, as long as its disclosure window is open.

use crate::domain::dates;
use crate::domain::dates::Day;
use crate::events::AppealOutcome;
use crate::events::Code;
use crate::events::DisclosureLevel;
use crate::proto::v1::AppealState;
use crate::proto::v1::Clearance;
use crate::proto::v1::ClearedDecision;
use crate::proto::v1::Decision;
use crate::proto::v1::Record;
use crate::proto::v1::Sanction;
use crate::proto::v1::Standing;
use crate::views::View;
use crate::views::policy::DisclosurePolicy;
use crate::views::policy::Ended;
use crate::views::policy::Telling;

/// Vocabulary of [`Clearance::withheld`].
const WITHHELD: &str = "probity.withheld";

/// The clearance of a person or body, from its record.
pub fn clearance(record: &Record, purpose: Option<Code>, policy: &DisclosurePolicy, view: View) -> Clearance {
    let mut clearance = Clearance {
        name: record.name.clone(),
        purpose,
        as_of: Some(view.as_of.into()),
        position: view.known_at,
        ..Clearance::default()
    };
    let (mut kept, mut until) = (false, None);
    for decision in &record.decisions {
        let mut sanctions = Vec::new();
        for sanction in &decision.sanctions {
            match policy.telling(DisclosureLevel::Clearance, ended(decision, sanction, view.as_of), view.as_of) {
                Telling::Told(last) => {
                    until = sooner(until, [last, next_turn(sanction, view.as_of)], view.as_of);
                    sanctions.push(sanction.clone());
                }
                Telling::Kept => kept = true,
                Telling::Nothing => {}
            }
        }
        if !sanctions.is_empty() {
            clearance.decisions.push(cleared(decision, sanctions));
        }
    }
    clearance.sanction_in_force = record.sanction_in_force;
    clearance.valid_until = until.map(Into::into);
    if kept {
        clearance.withheld.push(Code { scheme: WITHHELD.to_owned(), code: "disclosure-window".to_owned() });
    }
    clearance
}

fn cleared(decision: &Decision, sanctions: Vec<Sanction>) -> ClearedDecision {
    let pending = |state, outcome| state == AppealState::Pending || outcome == AppealOutcome::Remitted;
    ClearedDecision {
        name: decision.name.clone(),
        issued_by: decision.issued_by.clone(),
        regime: decision.regime.clone(),
        signed_on: decision.signed_on,
        sanctions,
        appeal_pending: decision.appeals.iter().any(|appeal| pending(appeal.state(), appeal.outcome())),
        disputed: decision.disputed,
        disputes: decision.disputes.clone(),
    }
}

/// A sanction as the windows see it.
fn ended<'a>(decision: &'a Decision, sanction: &'a Sanction, day: Day) -> Ended<'a> {
    let item = sanction.item.as_ref();
    let last = item.and_then(|item| item.to.as_ref()).map(dates::latest);
    let expired = decision.expiry.as_ref().and_then(|expiry| expiry.expired_on.as_ref());
    let expired = expired.map(|first| dates::latest(first).before());
    let over = [last, expired].into_iter().flatten().filter(|over| *over < day).min();
    Ended {
        regime: decision.regime.as_ref(),
        form: item.and_then(|item| item.form.as_ref()),
        // What a void or annulled decision imposed stands as little as it does.
        standing: match decision.standing() {
            standing @ (Standing::Void | Standing::Annulled) => standing,
            _ => sanction.standing(),
        },
        last,
        over,
    }
}

/// The last day before what a sanction is changes by the passing of time.
fn next_turn(sanction: &Sanction, day: Day) -> Option<Day> {
    let item = sanction.item.as_ref()?;
    let begins = item.from.as_ref().map(|from| dates::earliest(from).before());
    let ends = item.to.as_ref().map(dates::earliest);
    [begins, ends].into_iter().flatten().filter(|turn| *turn >= day).min()
}

fn sooner(until: Option<Day>, days: [Option<Day>; 2], day: Day) -> Option<Day> {
    days.into_iter().chain([until]).flatten().filter(|until| *until >= day).min()
}

#[cfg(test)]
mod tests;
