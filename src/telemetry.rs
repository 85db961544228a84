//! What the service tells its operator. Never a name, an identifier or a payload.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// Begins to write what happens to standard error: as lines for people on a terminal, else as JSON. `PROBITY_LOG` sets
/// how much (`warn`, `info`, `debug`, or a directive of `tracing`). From `debug` on every span is told when it ends, from
/// the call to the sync, with the time that it took.
pub fn start() {
    let filter = EnvFilter::try_from_env("PROBITY_LOG").unwrap_or_else(|_| EnvFilter::new("warn,probity=info"));
    let lines =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_span_events(FmtSpan::CLOSE);
    // A second call, as in tests, changes nothing.
    let started =
        if std::io::stderr().is_terminal() { lines.with_target(false).try_init() } else { lines.json().try_init() };
    drop(started);
}
