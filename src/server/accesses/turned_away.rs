//! Who is turned away again and again: the first time is on record at once, further calls alike within a minute are counted and
//! recorded together, so that whoever only wants to fill the access log fills it slowly. Nothing of such a call was looked at, and
//! nothing is told by it; a crash loses the counts of a minute.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::access::Caller;

/// How long calls alike are counted, milliseconds.
const COUNTED_MS: u64 = 60_000;

/// What makes calls alike: principal, method and reason. A policy bounds how many there are.
type Alike = (String, &'static str, &'static str);

/// Those who are turned away.
#[derive(Debug, Default)]
pub(super) struct TurnedAway {
    /// Guards counts that are read and taken whole.
    counted: Mutex<BTreeMap<Alike, Counted>>,
}

/// Calls alike since one that is on record.
#[derive(Debug)]
struct Counted {
    /// When the minute is over, by the clock that only goes forward.
    until_ms: u64,
    more: u32,
    caller: Caller,
}

/// Calls alike that were not recorded one by one.
#[derive(Debug)]
pub(super) struct Several {
    pub(super) caller: Caller,
    pub(super) method: &'static str,
    pub(super) calls: u32,
}

impl TurnedAway {
    /// Counts a call that was turned away; whether it is the first of its minute, and so to be recorded by itself.
    pub(super) fn is_first(&self, caller: &Caller, method: &'static str, reason: &'static str, now_ms: u64) -> bool {
        let mut counted = self.counted();
        let alike = (caller.principal().to_owned(), method, reason);
        if let Some(before) = counted.get_mut(&alike) {
            before.more = before.more.saturating_add(1);
            return false;
        }
        let until_ms = now_ms.saturating_add(COUNTED_MS);
        counted.insert(alike, Counted { until_ms, more: 0, caller: caller.clone() });
        true
    }

    /// The first could not be recorded: the next one is the first, or, where others came meanwhile, it is told with them.
    pub(super) fn forget(&self, caller: &Caller, method: &'static str, reason: &'static str) {
        let mut counted = self.counted();
        let alike = (caller.principal().to_owned(), method, reason);
        match counted.get_mut(&alike) {
            Some(before) if before.more > 0 => before.more = before.more.saturating_add(1),
            _ => drop(counted.remove(&alike)),
        }
    }

    /// Takes what was counted and whose minute is over, or, with no time, all of it.
    pub(super) fn take(&self, now_ms: Option<u64>) -> Vec<Several> {
        let mut taken = Vec::new();
        self.counted().retain(|(_, method, _), counted| {
            let over = now_ms.is_none_or(|now_ms| now_ms >= counted.until_ms);
            if over && counted.more > 0 {
                taken.push(Several { caller: counted.caller.clone(), method, calls: counted.more });
            }
            !over
        });
        taken
    }

    fn counted(&self) -> MutexGuard<'_, BTreeMap<Alike, Counted>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
