//! What the writer counts of its commits, for whoever looks after the service: sizes and times, once for each commit.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use prometheus_client::registry::Unit;

const EVENTS: [f64; 9] = [1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 2048.0, 4096.0, 8192.0];

const BYTES: [f64; 8] = [1024.0, 4096.0, 16384.0, 65536.0, 262_144.0, 1_048_576.0, 4_194_304.0, 8_388_608.0];

const SECONDS: [f64; 13] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// The commits since the service began. A clone counts the same ones.
#[derive(Clone, Debug)]
pub struct Commits {
    recorded_events: Counter,
    recorded_bytes: Counter,
    size_events: Histogram,
    size_bytes: Histogram,
    duration: Histogram,
    sync_duration: Histogram,
    /// Twice the number of commits that came to an end, and one more while one is under way.
    steps: Arc<AtomicU64>,
}

impl Commits {
    pub(super) fn new() -> Self {
        Self {
            recorded_events: Counter::default(),
            recorded_bytes: Counter::default(),
            size_events: Histogram::new(EVENTS),
            size_bytes: Histogram::new(BYTES),
            duration: Histogram::new(SECONDS),
            sync_duration: Histogram::new(SECONDS),
            steps: Arc::default(),
        }
    }

    /// A commit begins, or ends.
    pub(super) fn step(&self) {
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    /// Which commit is under way: another number for each, and none between them.
    pub fn under_way(&self) -> Option<u64> {
        Some(self.steps.load(Ordering::Relaxed)).filter(|steps| steps % 2 == 1)
    }

    /// A commit became durable. `sync` is how long its sync took, where there is one.
    pub(super) fn note(&self, entries: &[Bytes], took: Duration, sync: Option<Duration>) {
        let bytes: usize = entries.iter().map(Bytes::len).sum();
        self.recorded_events.inc_by(entries.len() as u64);
        self.recorded_bytes.inc_by(bytes as u64);
        self.size_events.observe(float(entries.len()));
        self.size_bytes.observe(float(bytes));
        self.duration.observe(took.as_secs_f64());
        if let Some(sync) = sync {
            self.sync_duration.observe(sync.as_secs_f64());
        }
    }

    /// Lets them be read, under names that begin as the registry says.
    pub fn register(&self, registry: &mut Registry) {
        let mut histogram =
            |name, help, unit, of: &Histogram| registry.register_with_unit(name, help, unit, of.clone());
        let events = || Unit::Other("events".to_owned());
        histogram("commit_size", "Events of one commit", events(), &self.size_events);
        histogram("commit_size", "Bytes of one commit", Unit::Bytes, &self.size_bytes);
        let help = "How long one commit took, from its keys to the new head";
        histogram("commit_duration", help, Unit::Seconds, &self.duration);
        let help = "How long the disk took to make one commit durable";
        histogram("commit_sync_duration", help, Unit::Seconds, &self.sync_duration);
        let help = "Events that were recorded since the service began";
        registry.register_with_unit("recorded", help, events(), self.recorded_events.clone());
        let help = "Bytes of the entries that were recorded since the service began";
        registry.register_with_unit("recorded", help, Unit::Bytes, self.recorded_bytes.clone());
    }
}

/// A number that is far below 2^32.
fn float(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
