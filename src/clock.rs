//! The time, in one place: a clock can be handed in, and only here is the machine's asked.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;
use std::time::SystemTime;

/// A clock as the service uses it.
pub trait Time: Send + Sync + fmt::Debug {
    /// Unix time in milliseconds; may jump.
    fn unix_ms(&self) -> u64;

    /// Milliseconds since some moment before; never goes back.
    fn monotonic_ms(&self) -> u64;
}

/// The clock of the service.
pub type Clock = Arc<dyn Time>;

/// The machine's clock.
#[derive(Debug)]
struct Machine {
    started: Instant,
}

/// The machine's clock.
pub fn machine() -> Clock {
    Arc::new(Machine { started: Instant::now() })
}

impl Time for Machine {
    #[expect(clippy::disallowed_methods, reason = "this is the place that asks")]
    fn unix_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// A clock that tests set.
#[derive(Debug, Default)]
pub struct Settable {
    unix_ms: std::sync::atomic::AtomicU64,
    monotonic_ms: std::sync::atomic::AtomicU64,
}

impl Settable {
    /// A clock that stands at a time.
    pub fn at(unix_ms: u64) -> Arc<Self> {
        let clock = Self::default();
        clock.jump(unix_ms);
        Arc::new(clock)
    }

    /// Time passes.
    pub fn pass(&self, ms: u64) {
        self.unix_ms.fetch_add(ms, std::sync::atomic::Ordering::SeqCst);
        self.monotonic_ms.fetch_add(ms, std::sync::atomic::Ordering::SeqCst);
    }

    /// Somebody sets the clock; no time passes.
    pub fn jump(&self, unix_ms: u64) {
        self.unix_ms.store(unix_ms, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Time for Settable {
    fn unix_ms(&self) -> u64 {
        self.unix_ms.load(std::sync::atomic::Ordering::SeqCst)
    }

    fn monotonic_ms(&self) -> u64 {
        self.monotonic_ms.load(std::sync::atomic::Ordering::SeqCst)
    }
}
