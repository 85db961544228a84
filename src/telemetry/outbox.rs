//! Spans that wait for a collector: a bounded queue that nobody waits for, and one task that empties it.

use std::mem;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::Span;
use opentelemetry_sdk::trace::SpanData;
use opentelemetry_sdk::trace::SpanExporter;
use opentelemetry_sdk::trace::SpanProcessor;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;

/// Spans that may wait. At some hundred bytes each about 4 MiB.
pub(super) const QUEUE_SPANS_MAX: usize = 8192;

/// Spans of one message to the collector.
const BATCH_SPANS_MAX: usize = 512;

/// How long a span waits for others.
const BATCH_WITHIN: Duration = Duration::from_secs(1);

/// Of the program: there is one place for its spans.
pub(super) static COUNTS: Counts =
    Counts { sent: AtomicU64::new(0), failed: AtomicU64::new(0), dropped: AtomicU64::new(0) };

/// What became of spans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpanCounts {
    /// The collector took them.
    pub sent: u64,
    /// It did not answer, or refused them; they are gone.
    pub failed: u64,
    /// There was no room for them in the queue; they are gone.
    pub dropped: u64,
}

/// What became of spans, while it goes on.
#[derive(Debug, Default)]
pub(super) struct Counts {
    sent: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

impl Counts {
    pub(super) fn read(&self) -> SpanCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        SpanCounts { sent: read(&self.sent), failed: read(&self.failed), dropped: read(&self.dropped) }
    }
}

/// Takes spans as they end.
#[derive(Debug)]
pub(super) struct Outbox {
    queue: mpsc::Sender<SpanData>,
    counts: &'static Counts,
}

impl Outbox {
    /// An outbox, and the task that empties it until it is told to stop; then it sends what is there and ends.
    pub(super) fn new<E: SpanExporter>(
        exporter: E,
        counts: &'static Counts,
        stop: CancellationToken,
    ) -> (Self, impl Future<Output = ()>) {
        let (queue, waiting) = mpsc::channel(QUEUE_SPANS_MAX);
        let sending = Sending { exporter, counts, waiting, batch: Vec::new(), reachable: true };
        (Self { queue, counts }, sending.run(stop))
    }
}

impl SpanProcessor for Outbox {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    /// Called where the span ends, on the writer's thread too: never waits.
    fn on_end(&self, span: SpanData) {
        if self.queue.try_send(span).is_err() {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// The task behind an outbox.
struct Sending<E> {
    exporter: E,
    counts: &'static Counts,
    waiting: mpsc::Receiver<SpanData>,
    /// What the next message will hold.
    batch: Vec<SpanData>,
    /// Whether the last batch arrived: an outage is told once.
    reachable: bool,
}

impl<E: SpanExporter> Sending<E> {
    async fn run(mut self, stop: CancellationToken) {
        while stop.run_until_cancelled(self.fill()).await == Some(true) {
            self.send().await;
        }
        self.waiting.close();
        while !self.batch.is_empty() || self.waiting.recv_many(&mut self.batch, BATCH_SPANS_MAX).await > 0 {
            self.send().await;
        }
    }

    /// Takes the next spans; false when there will be none. What it has taken stays where it is when it is cancelled.
    async fn fill(&mut self) -> bool {
        if self.waiting.recv_many(&mut self.batch, BATCH_SPANS_MAX).await == 0 {
            return false;
        }
        let until = Instant::now() + BATCH_WITHIN;
        while self.batch.len() < BATCH_SPANS_MAX {
            let room = BATCH_SPANS_MAX - self.batch.len();
            match timeout_at(until, self.waiting.recv_many(&mut self.batch, room)).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => break,
            }
        }
        true
    }

    async fn send(&mut self) {
        let batch = mem::take(&mut self.batch);
        let spans = batch.len() as u64;
        let sent = self.exporter.export(batch).await.is_ok();
        let count = if sent { &self.counts.sent } else { &self.counts.failed };
        count.fetch_add(spans, Ordering::Relaxed);
        match (mem::replace(&mut self.reachable, sent), sent) {
            (true, false) => tracing::warn!("no spans reach the collector of telemetry.endpoint"),
            (false, true) => tracing::info!("spans reach the collector again"),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
