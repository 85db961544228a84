//! What the service is and has, read when somebody asks: nothing of it costs anything before.

use std::fmt;
use std::sync::Arc;
use std::sync::Weak;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::encoding::EncodeMetric as _;
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use prometheus_client::registry::Unit;

use crate::delivery;
use crate::publish::Proofs;
use crate::sequencer::Health;
use crate::server::accesses;
use crate::server::accesses::AccessLog;
use crate::service::Service;
use crate::store::SledStore;
use crate::store::background_panics;
use crate::telemetry;

/// How the writer can be.
const STATES: [&str; 3] = ["writing", "stopped", "lost"];

/// Registers whatever is read from a service.
pub(super) fn register(
    service: &Arc<Service>,
    exports: &Arc<delivery::Figures>,
    accesses: Option<&Arc<AccessLog>>,
    registry: &mut Registry,
) {
    let started = Duration::from_millis(service.clock().unix_ms()).as_secs_f64();
    let help = "When the service began, as seconds of Unix time";
    registry.register_with_unit("process_start_time", help, Unit::Seconds, ConstGauge::new(started));
    let ours = registry.sub_registry_with_prefix("probity");
    ours.register("build", "The release that runs", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
    service.commits().register(ours);
    ours.register_collector(Box::new(Figures {
        service: Arc::downgrade(service),
        exports: Arc::clone(exports),
        accesses: accesses.map(Arc::downgrade),
        guarded: AtomicU64::new(0),
    }));
}

/// A service that can stop while somebody looks: it is not held longer than that.
#[derive(Debug)]
struct Figures {
    service: Weak<Service>,
    exports: Arc<delivery::Figures>,
    accesses: Option<Weak<AccessLog>>,
    /// What the guard was last seen to know: while it is written, it cannot be asked.
    guarded: AtomicU64,
}

impl Collector for Figures {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(service) = self.service.upgrade() else { return Ok(()) };
        let mut page = Page(encoder);
        page.writer(&service)?;
        page.queue(&service)?;
        page.positions(&service, self.guarded(&service))?;
        page.map(&service)?;
        page.witnesses(&service)?;
        page.exports(&self.exports, service.clock().unix_ms())?;
        page.store(&service)?;
        if let Some(accesses) = self.accesses.as_ref().and_then(Weak::upgrade) {
            page.accesses(&accesses.figures)?;
        }
        page.spans()
    }
}

impl Figures {
    fn guarded(&self, service: &Service) -> Option<u64> {
        let state = service.sled()?.guard().state_if_idle();
        if let Some(state) = state {
            self.guarded.fetch_max(state.size, Ordering::Relaxed);
        }
        Some(self.guarded.load(Ordering::Relaxed))
    }
}

struct Page<'e>(DescriptorEncoder<'e>);

impl Page<'_> {
    fn accesses(&mut self, figures: &accesses::Figures) -> fmt::Result {
        let read = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        self.counter("recorded", "accesses", read(&figures.recorded), "Reads put on record")?;
        let help = "Reads that were not answered, since they could not be put on record";
        self.counter("unrecorded", "accesses", read(&figures.failed), help)?;
        self.counter("emergency", "accesses", read(&figures.emergencies), "Emergency accesses")?;
        let help = "Emergency accesses that nobody reviewed yet";
        self.gauge("unreviewed_emergency", "accesses", read(&figures.unreviewed), help)
    }

    fn gauge(&mut self, name: &str, unit: &str, value: u64, help: &str) -> fmt::Result {
        let unit = Unit::Other(unit.to_owned());
        ConstGauge::new(value).encode(self.0.encode_descriptor(name, help, Some(&unit), MetricType::Gauge)?)
    }

    fn counter(&mut self, name: &str, unit: &str, value: u64, help: &str) -> fmt::Result {
        let unit = Unit::Other(unit.to_owned());
        ConstCounter::new(value).encode(self.0.encode_descriptor(name, help, Some(&unit), MetricType::Counter)?)
    }

    fn writer(&mut self, service: &Service) -> fmt::Result {
        let now = match &*service.health().borrow() {
            Health::Writing => STATES[0],
            Health::Stopped { .. } => STATES[1],
            Health::Lost { .. } => STATES[2],
        };
        let help = "How the writer is, 1 for the state that it is in: writing, stopped for the rest of this run, or lost \
                    in a disk that does not answer.";
        let mut encoder = self.0.encode_descriptor("writer_state", help, None, MetricType::Gauge)?;
        for state in STATES {
            let value = ConstGauge::new(u64::from(state == now));
            value.encode(encoder.encode_family(&[("state", state)])?)?;
        }
        self.counter(
            "sled",
            "panics",
            background_panics(),
            "Threads of the embedded store that died; one is enough to stop writing.",
        )
    }

    fn queue(&mut self, service: &Service) -> fmt::Result {
        let waiting = service.queue().waiting();
        self.gauge(
            "queue",
            "requests",
            waiting.requests,
            "Appends that wait, those of the commit under way included.",
        )?;
        self.gauge("queue_limit", "requests", waiting.requests_max, "Appends that may wait (queue_requests).")?;
        self.gauge("queue", "bytes", waiting.bytes, "Bytes of the appends that wait, in whole KiB for each.")?;
        self.gauge("queue_limit", "bytes", waiting.bytes_max, "Bytes of appends that may wait (queue_bytes).")
    }

    fn positions(&mut self, service: &Service, guarded: Option<u64>) -> fmt::Result {
        // The index is asked first: nothing of what it holds is ahead of the log.
        let index = service.index().stats();
        let log = service.store().size();
        self.gauge("log", "entries", log, "Entries of the log, all of them durable.")?;
        self.gauge("index_folded", "entries", index.folded, "Entries that queries answer from.")?;
        self.gauge(
            "index_synced",
            "entries",
            index.synced,
            "Entries that the index has on disk; a start folds the others again.",
        )?;
        self.gauge(
            "index_lag",
            "entries",
            log - index.folded.min(log),
            "Entries of the log that queries do not answer from yet.",
        )?;
        self.gauge(
            "index_memory",
            "entries",
            index.entries_in_memory,
            "Entries whose rows the index has in memory alone.",
        )?;
        self.gauge(
            "index_memory",
            "rows",
            index.rows_in_memory as u64,
            "Rows that the index has in memory alone, about.",
        )?;
        self.gauge(
            "index",
            "runs",
            index.runs as u64,
            "Sorted runs of the index on disk; a lookup may have to ask each.",
        )?;
        let Some(guarded) = guarded else { return Ok(()) };
        self.gauge("guard", "entries", guarded, "Entries that the guard knows, and the next start insists on.")?;
        self.gauge(
            "guard_lag",
            "entries",
            log - guarded.min(log),
            "Entries of the log that the guard does not know yet.",
        )
    }

    /// Nothing, where the log is not sealed.
    fn map(&mut self, service: &Service) -> fmt::Result {
        let Some(map) = service.proofs().map(Proofs::map_figures) else { return Ok(()) };
        self.gauge("map", "keys", map.keys, "Streams and subjects in the completeness map under the newest seal.")?;
        self.gauge(
            "map_resident",
            "bytes",
            map.resident_bytes,
            "Bytes of the completeness map's rows in memory (map_bytes).",
        )?;
        self.counter(
            "map_refused",
            "proofs",
            map.refused,
            "Proofs that were not made, since the saved rows of the completeness map are damaged.",
        )
    }

    /// Nothing, where the log has no witnesses.
    fn witnesses(&mut self, service: &Service) -> fmt::Result {
        let Some(state) = service.witnesses() else { return Ok(()) };
        let state = state.borrow().clone();
        let now_ms = service.clock().unix_ms();
        self.gauge(
            "witness_quorum",
            "entries",
            state.quorum_size,
            "Entries of the newest checkpoint that the policy's quorum cosigned since the service began.",
        )?;
        self.gauge(
            "witness_last_cosigned_age",
            "seconds",
            state.quorum_age_ms(now_ms) / 1000,
            "How long ago the quorum last cosigned, or since the service began where it did not.",
        )?;
        self.gauge(
            "witness_holds",
            "writes",
            u64::from(state.holding.is_some()),
            "1 while nothing is written for the lack of witnesses (witness_fail, witness_wait_s).",
        )?;
        self.gauge(
            "witness_contradicts",
            "log",
            u64::from(state.contradiction.is_some()),
            "1 once a witness knows more entries than are here, or others: FORK ALARM.",
        )?;
        self.by_witness(
            "witness_cosigned",
            "entries",
            "Entries of the last checkpoint that a witness cosigned since the service began.",
            state.peers.iter().map(|peer| (peer.name.as_str(), peer.size)),
        )?;
        self.by_witness(
            "witness_cosigned_age",
            "seconds",
            "How long ago, by its own clock, a witness cosigned last; the time since 1970 where it did not.",
            state.peers.iter().map(|peer| (peer.name.as_str(), (now_ms / 1000).saturating_sub(peer.cosigned_at_s))),
        )
    }

    fn by_witness<'s>(
        &mut self,
        name: &str,
        unit: &str,
        help: &str,
        values: impl Iterator<Item = (&'s str, u64)>,
    ) -> fmt::Result {
        let unit = Unit::Other(unit.to_owned());
        let mut encoder = self.0.encode_descriptor(name, help, Some(&unit), MetricType::Gauge)?;
        for (witness, value) in values {
            ConstGauge::new(value).encode(encoder.encode_family(&[("witness", witness)])?)?;
        }
        Ok(())
    }

    fn exports(&mut self, exports: &delivery::Figures, now_ms: u64) -> fmt::Result {
        let help = "Exports on a schedule and exports that were asked for, by how they ended; one on a schedule that failed \
                    is tried again.";
        let mut encoder = self.0.encode_descriptor("exports", help, None, MetricType::Counter)?;
        for (outcome, count) in
            [("done", &exports.done), ("failed", &exports.failed), ("cancelled", &exports.cancelled)]
        {
            let value = ConstCounter::new(count.load(Ordering::Relaxed));
            value.encode(encoder.encode_family(&[("outcome", outcome)])?)?;
        }
        self.gauge(
            "export_late",
            "seconds",
            exports.late_ms(now_ms) / 1000,
            "For how long the oldest export on a schedule has been due that failed and is not done.",
        )
    }

    fn spans(&mut self) -> fmt::Result {
        let spans = telemetry::span_counts();
        self.counter("telemetry_sent", "spans", spans.sent, "Spans that the collector took (telemetry.endpoint).")?;
        self.counter("telemetry_failed", "spans", spans.failed, "Spans that did not reach the collector.")?;
        self.counter(
            "telemetry_dropped",
            "spans",
            spans.dropped,
            "Spans for which the queue to the collector had no room.",
        )
    }

    fn store(&mut self, service: &Service) -> fmt::Result {
        let stats = service.store().stats();
        self.gauge("ledger", "volumes", stats.volumes, "Volumes of the ledger.")?;
        self.gauge(
            "ledger_newest_volume",
            "bytes",
            stats.newest_volume_bytes,
            "Bytes of the newest volume, dead space included.",
        )?;
        self.counter(
            "store_written",
            "keys",
            stats.keys_written,
            "Keys of the store written since the service began.",
        )?;
        self.counter("store_written", "bytes", stats.value_bytes_written, "Bytes of the values of those keys.")?;
        // What a file system does not say is left out, and an alarm on its absence says so.
        let Some(Ok(disk)) = service.sled().map(SledStore::disk) else { return Ok(()) };
        self.gauge("ledger", "bytes", disk.ledger_bytes, "Bytes of all files of the ledger.")?;
        self.gauge("disk_free", "bytes", disk.free_bytes, "Bytes of the disk that the service may still fill.")?;
        self.gauge(
            "disk_reserve",
            "bytes",
            disk.reserve_bytes,
            "Free bytes below which nothing is appended (reserve_bytes).",
        )
    }
}
