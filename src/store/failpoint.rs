//! Points at which a crash test can kill the process. An instrument for tests; unset, it costs one load.
//!
//! `PROBITY_CRASH_AT=<name>` aborts the process when it passes that point for the first time,
//! `PROBITY_CRASH_AT=<name>:<n>` for the n-th time. The store passes `before-write`, `after-write-before-sync`,
//! `after-sync`, `volume-roll-created`, `volume-roll-guarded`, `volume-close-rewritten` and
//! `volume-close-renamed`; other rooms have points of their own.

use std::env;
use std::process;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

struct Plan {
    name: String,
    left: AtomicU64,
}

static PLAN: OnceLock<Option<Plan>> = OnceLock::new();

fn read_plan() -> Option<Plan> {
    let text = env::var("PROBITY_CRASH_AT").ok().filter(|text| !text.is_empty())?;
    let (name, times) = match text.rsplit_once(':') {
        Some((name, times)) => (name, times.parse().unwrap_or(1)),
        None => (text.as_str(), 1),
    };
    Some(Plan { name: name.to_owned(), left: AtomicU64::new(times) })
}

/// Passes the point `name`. The variable is read once, at the first point that is passed.
pub fn hit(name: &str) {
    let Some(plan) = PLAN.get_or_init(read_plan) else { return };
    if plan.name == name && plan.left.fetch_sub(1, Ordering::Relaxed) == 1 {
        // Nothing is flushed and no destructor runs: this is as near to `kill -9` as a process can do to itself.
        process::abort();
    }
}
