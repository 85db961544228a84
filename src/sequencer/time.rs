//! The times of entries: a little behind is clamped, a jump is refused. One bad step of the clock must not poison
//! `recorded_at` for ever.

use crate::clock::Clock;
use crate::ledger::Clamped;
use crate::ledger::Head;
use crate::ledger::recorded_at;
use crate::sequencer::AppendError;

/// A wall clock may run ahead of the monotonic one by this much between two batches.
const JUMP_MAX_MS: u64 = 3_600_000;

/// Longer since the last entry at start, and somebody must say that this is in order.
const GAP_MAX_MS: u64 = 86_400_000;

#[derive(Debug)]
pub(super) struct Times {
    clock: Clock,
    /// Wall clock and monotonic clock when they were last compared.
    compared: (u64, u64),
    /// The first entry of this run is still to come.
    fresh: bool,
    accept_gap: bool,
    /// How often the clock was behind and clamped.
    pub(super) clamped: u64,
}

impl Times {
    pub(super) fn new(clock: Clock, accept_gap: bool) -> Self {
        let compared = (clock.unix_ms(), clock.monotonic_ms());
        Self { clock, compared, fresh: true, accept_gap, clamped: 0 }
    }

    pub(super) fn monotonic_ms(&self) -> u64 {
        self.clock.monotonic_ms()
    }

    /// The time of the next batch.
    pub(super) fn next(&mut self, head: &Head) -> Result<u64, AppendError> {
        let (now, monotonic) = (self.clock.unix_ms(), self.clock.monotonic_ms());
        let expected = self.compared.0 + (monotonic - self.compared.1);
        let jumped = now.saturating_sub(expected);
        if jumped > JUMP_MAX_MS {
            return Err(AppendError::ClockJumped { by_ms: jumped });
        }
        let since = now.saturating_sub(head.recorded_at_ms);
        if self.fresh && since > GAP_MAX_MS && !self.accept_gap {
            return Err(AppendError::ClockJumped { by_ms: since });
        }
        let time = match recorded_at(head, now) {
            Clamped::Clock(now) => now,
            Clamped::LastEntry(last) => {
                self.clamped += 1;
                tracing::warn!(count = self.clamped, "the clock is behind the last entry; its time is taken");
                last
            }
            Clamped::Behind { by_ms } => return Err(AppendError::ClockBehind { by_ms }),
        };
        self.compared = (now, monotonic);
        self.fresh = false;
        Ok(time)
    }
}
