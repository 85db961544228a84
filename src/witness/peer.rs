//! What is known of one witness, and when it is asked next. Pure: the time is handed in.

use std::path::PathBuf;

use crate::log::PolicyKey;
use crate::witness::Contradiction;

/// How long is waited after a first failure, and at most, milliseconds.
const PAUSE_MS: u64 = 1_000;
const PAUSE_MS_MAX: u64 = 60_000;

/// A witness of ours.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) name: String,
    pub(super) at: PolicyKey,
    /// The size that it cosigned last, as far as is known.
    pub(super) known: Option<u64>,
    /// A talk is under way.
    pub(super) busy: bool,
    /// Size and moment of the last good cosignature of this run.
    pub(super) cosigned: Option<(u64, u64)>,
    /// The same, Unix time in seconds as the witness says.
    pub(super) cosigned_at_s: Option<u64>,
    failures: u32,
    not_before_ms: u64,
    /// The last status that it refused with: said once.
    pub(super) refused: Option<u16>,
    /// It is not asked again.
    pub(super) alarm: Option<Contradiction>,
}

impl Peer {
    pub(super) const fn new(name: String, at: PolicyKey) -> Self {
        Self {
            name,
            at,
            known: None,
            busy: false,
            cosigned: None,
            cosigned_at_s: None,
            failures: 0,
            not_before_ms: 0,
            refused: None,
            alarm: None,
        }
    }

    /// Whether it is to be asked for a checkpoint of a size.
    pub(super) const fn is_due(&self, size: u64, again_ms: u64, now_ms: u64) -> bool {
        if self.busy || self.alarm.is_some() || now_ms < self.not_before_ms {
            return false;
        }
        match self.cosigned {
            None => true,
            Some((cosigned, _)) if cosigned < size => true,
            Some((cosigned, at_ms)) => cosigned == size && now_ms.saturating_sub(at_ms) >= again_ms,
        }
    }

    pub(super) const fn cosigned(&mut self, size: u64, now_ms: u64, time_s: u64) {
        self.known = Some(size);
        self.cosigned = Some((size, now_ms));
        self.cosigned_at_s = Some(time_s);
        self.failures = 0;
        self.refused = None;
    }

    /// It failed; `jitter` below 1,000 keeps many logs from coming back at one moment.
    pub(super) fn failed(&mut self, now_ms: u64, jitter: u64) {
        let pause = (PAUSE_MS << self.failures.min(10)).min(PAUSE_MS_MAX);
        self.failures = self.failures.saturating_add(1);
        self.not_before_ms = now_ms + pause / 2 + pause / 2 * jitter / 1_000;
    }

    /// It refused: it is asked again, seldom.
    pub(super) const fn refused(&mut self, status: u16, now_ms: u64) -> bool {
        let first = match self.refused {
            Some(before) => before != status,
            None => true,
        };
        self.refused = Some(status);
        self.not_before_ms = now_ms + PAUSE_MS_MAX;
        first
    }

    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }
}

impl Contradiction {
    /// Where the two notes lie.
    pub(super) fn with_evidence(mut self, file: PathBuf) -> Self {
        match &mut self {
            Self::RolledBack { evidence, .. } | Self::Forked { evidence, .. } => *evidence = Some(file),
        }
        self
    }
}
