//! Points at which a crash test can end the process, or what it waits for. An instrument for tests; unset, it costs
//! one load.
//!
//! `PROBITY_CRASH_AT=<name>` aborts the process when it passes that point for the first time,
//! `PROBITY_CRASH_AT=<name>:<n>` for the n-th time. `PROBITY_THREAD_DIES_AT`, in the same words, ends a thread by the
//! name of one of sled's there, and keeps whoever passes for ever, as sled keeps whoever waits for it. The store passes `before-write`, `after-write-before-sync`,
//! `after-sync`, `volume-roll-created`, `volume-roll-guarded`, `volume-close-rewritten` and
//! `volume-close-renamed`; other rooms have points of their own.

use std::env;
use std::process;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread;

struct Plan {
    name: String,
    left: AtomicU64,
    effect: fn(),
}

static PLAN: OnceLock<Option<Plan>> = OnceLock::new();

fn read_plan() -> Option<Plan> {
    let set = |key| env::var(key).ok().filter(|text| !text.is_empty());
    let (text, effect): (String, fn()) = match (set("PROBITY_CRASH_AT"), set("PROBITY_THREAD_DIES_AT")) {
        // Nothing is flushed and no destructor runs: this is as near to `kill -9` as a process can do to itself.
        (Some(text), _) => (text, || process::abort()),
        (None, Some(text)) => (text, lose_a_thread),
        (None, None) => return None,
    };
    let (name, times) = match text.rsplit_once(':') {
        Some((name, times)) => (name, times.parse().unwrap_or(1)),
        None => (text.as_str(), 1),
    };
    Some(Plan { name: name.to_owned(), left: AtomicU64::new(times), effect })
}

fn lose_a_thread() {
    let thread = thread::Builder::new().name("sled-io-lost".to_owned());
    let died = thread.spawn(|| panic!("as one of sled's own threads would")).map(|thread| thread.join().is_err());
    if matches!(died, Ok(true)) {
        loop {
            thread::park();
        }
    }
}

/// Passes the point `name`. The variables are read once, at the first point that is passed.
pub fn hit(name: &str) {
    let Some(plan) = PLAN.get_or_init(read_plan) else { return };
    if plan.name == name && plan.left.fetch_sub(1, Ordering::Relaxed) == 1 {
        (plan.effect)();
    }
}
