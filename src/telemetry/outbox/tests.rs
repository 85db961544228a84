use std::future;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::UNIX_EPOCH;

use opentelemetry::InstrumentationScope;
use opentelemetry::trace::SpanContext;
use opentelemetry::trace::SpanId;
use opentelemetry::trace::SpanKind;
use opentelemetry::trace::Status;
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::SpanData;
use opentelemetry_sdk::trace::SpanEvents;
use opentelemetry_sdk::trace::SpanExporter;
use opentelemetry_sdk::trace::SpanLinks;
use opentelemetry_sdk::trace::SpanProcessor as _;
use tokio_util::sync::CancellationToken;

use crate::telemetry::outbox::BATCH_SPANS_MAX;
use crate::telemetry::outbox::Counts;
use crate::telemetry::outbox::Outbox;
use crate::telemetry::outbox::QUEUE_SPANS_MAX;
use crate::telemetry::outbox::SpanCounts;

/// A collector that does as it is told, and the sizes of what it was sent.
#[derive(Clone, Debug)]
struct Collector {
    does: Does,
    took: Arc<Mutex<Vec<usize>>>,
}

#[derive(Clone, Copy, Debug)]
enum Does {
    Take,
    Refuse,
    /// Never answers.
    Hang,
}

impl SpanExporter for Collector {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.took.lock().unwrap().push(batch.len());
        match self.does {
            Does::Take => Ok(()),
            Does::Refuse => Err(OTelSdkError::Timeout(Duration::ZERO)),
            Does::Hang => future::pending().await,
        }
    }
}

fn span() -> SpanData {
    SpanData {
        span_context: SpanContext::empty_context(),
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: "test".into(),
        start_time: UNIX_EPOCH,
        end_time: UNIX_EPOCH,
        attributes: Vec::new(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::default(),
    }
}

/// Ends so many spans, then stops; what became of them, and the sizes of the batches.
async fn check(does: Does, ended: usize) -> (SpanCounts, Vec<usize>) {
    let counts: &'static Counts = Box::leak(Box::default());
    let collector = Collector { does, took: Arc::default() };
    let stop = CancellationToken::new();
    let (outbox, sending) = Outbox::new(collector.clone(), counts, stop.clone());
    for _ in 0..ended {
        outbox.on_end(span());
    }
    stop.cancel();
    drop(tokio::time::timeout(Duration::from_millis(1), sending).await);
    let took = collector.took.lock().unwrap().clone();
    (counts.read(), took)
}

#[tokio::test]
async fn what_waits_when_the_service_stops_is_sent() {
    let sizes = vec![BATCH_SPANS_MAX, 1];
    for (does, ended, counts, batches) in [
        (Does::Take, 0, (0, 0, 0), vec![]),
        (Does::Take, 3, (3, 0, 0), vec![3]),
        (Does::Take, BATCH_SPANS_MAX + 1, (513, 0, 0), sizes.clone()),
        (Does::Refuse, BATCH_SPANS_MAX + 1, (0, 513, 0), sizes),
    ] {
        let (sent, failed, dropped) = counts;
        assert_eq!(check(does, ended).await, (SpanCounts { sent, failed, dropped }, batches), "{does:?} {ended}");
    }
}

#[tokio::test]
async fn what_finds_the_queue_full_is_dropped_and_counted() {
    let (counts, batches) = check(Does::Take, QUEUE_SPANS_MAX + 7).await;
    assert_eq!((counts.sent, counts.dropped), (QUEUE_SPANS_MAX as u64, 7));
    assert_eq!(batches.iter().sum::<usize>(), QUEUE_SPANS_MAX);
}

#[tokio::test]
async fn a_collector_that_never_answers_is_not_waited_for() {
    let (counts, batches) = check(Does::Hang, QUEUE_SPANS_MAX + 1).await;
    assert_eq!((counts.sent, counts.failed, counts.dropped), (0, 0, 1));
    assert_eq!(batches, [BATCH_SPANS_MAX]);
}

#[tokio::test]
async fn it_ends_with_its_outbox() {
    let counts: &'static Counts = Box::leak(Box::default());
    let collector = Collector { does: Does::Take, took: Arc::default() };
    let (outbox, sending) = Outbox::new(collector, counts, CancellationToken::new());
    outbox.on_end(span());
    drop(outbox);
    sending.await;
    assert_eq!(counts.read(), SpanCounts { sent: 1, failed: 0, dropped: 0 });
}
