//! What the service tells its operator: lines, and spans for a collector where one is configured. Never a name, an
//! identifier or a payload.

mod outbox;
mod settings;

use std::io;
use std::io::IsTerminal as _;
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::Sampler;
use opentelemetry_sdk::trace::SdkTracerProvider;
use opentelemetry_sdk::trace::SpanExporter as _;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::Metadata;
use tracing::Subscriber;
use tracing_log::AsLog as _;
use tracing_log::LogTracer;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::telemetry::outbox::COUNTS;
use crate::telemetry::outbox::Outbox;
pub use crate::telemetry::outbox::SpanCounts;
pub use crate::telemetry::settings::Settings;

/// How long a batch of spans may take to arrive, its retries included.
const EXPORT_WITHIN: Duration = Duration::from_secs(5);

/// How long the end of the service waits for its last spans.
const LAST_WITHIN: Duration = Duration::from_secs(2);

/// Begins to write what happens to standard error: as lines for people on a terminal, else as JSON. `PROBITY_LOG` sets
/// how much (`warn`, `info`, `debug`, or a directive of `tracing`). From `debug` on every span is told when it ends, from
/// the call to the sync, with the time that it took.
pub fn start() {
    hear_libraries();
    // A second call, as in tests, changes nothing.
    drop(tracing_subscriber::registry().with(lines()).try_init());
}

/// As [`start`], and sends spans to the collector of the settings, if they name one. Needs the runtime.
///
/// Nothing ever waits for the collector: spans wait in a queue of bounded length, and what finds it full is dropped and
/// counted ([`span_counts`]).
///
/// # Errors
///
/// The endpoint is none. Whether anybody answers there is not asked.
pub fn start_exporting(settings: &Settings) -> Result<Exporting, ExporterBuildError> {
    let Some(endpoint) = &settings.endpoint else {
        start();
        return Ok(Exporting { stop: CancellationToken::new(), sending: None });
    };
    let mut exporter =
        SpanExporter::builder().with_tonic().with_endpoint(endpoint).with_timeout(EXPORT_WITHIN).build()?;
    let resource = Resource::builder_empty().with_service_name(settings.service_name.clone()).build();
    exporter.set_resource(&resource);
    let stop = CancellationToken::new();
    let (outbox, sending) = Outbox::new(exporter, &COUNTS, stop.clone());
    let provider = SdkTracerProvider::builder()
        .with_span_processor(outbox)
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.sampling_ratio))))
        .with_resource(resource)
        .build();
    let spans = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("probity"))
        .with_location(false)
        .with_threads(false)
        .with_filter(filter_fn(is_sent).with_max_level_hint(LevelFilter::DEBUG));
    hear_libraries();
    drop(tracing_subscriber::registry().with(lines()).with(spans).try_init());
    Ok(Exporting { stop, sending: Some(tokio::spawn(sending)) })
}

/// How many spans were sent, could not be sent, and were dropped since the program began.
pub fn span_counts() -> SpanCounts {
    COUNTS.read()
}

/// Spans on their way to a collector, if there is one.
#[derive(Debug)]
pub struct Exporting {
    stop: CancellationToken,
    sending: Option<JoinHandle<()>>,
}

impl Exporting {
    /// Sends what still waits, for two seconds at most.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Some(sending) = self.sending {
            drop(tokio::time::timeout(LAST_WITHIN, sending).await);
        }
    }
}

/// How much is told.
fn filter() -> EnvFilter {
    EnvFilter::try_from_env("PROBITY_LOG").unwrap_or_else(|_| EnvFilter::new("warn,probity=info"))
}

/// Has libraries told that log by the crate `log`, but for sled: it tells of pages that it lets go while a thread ends, when
/// nothing can be told any more, and the program would be aborted.
fn hear_libraries() {
    let most = filter().max_level_hint().unwrap_or(LevelFilter::TRACE);
    // A second call, as in tests, changes nothing.
    drop(LogTracer::builder().ignore_crate("sled").with_max_level(most.as_log()).init());
}

/// Lines on standard error.
fn lines<S>() -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    let filter = filter();
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_span_events(FmtSpan::CLOSE);
    if io::stderr().is_terminal() {
        lines.with_target(false).with_filter(filter).boxed()
    } else {
        lines.json().with_filter(filter).boxed()
    }
}

/// Spans of ours, and the question whether anybody wants them; no lines, and nothing of the libraries below, whose fields
/// nobody here has read.
fn is_sent(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    !metadata.is_event() && (target == "probity" || target.starts_with("probity::"))
}
