//! Closed-loop clients: each sends its next request when the last was answered.

use std::collections::VecDeque;
use std::time::Duration;
use std::time::Instant;

use futures_util::future::try_join_all;
use probity::tls::Credentials;
use probity::tls::Line;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tonic::transport::Endpoint;

use crate::Failure;
use crate::Plan;
use crate::events::Kind;
use crate::events::Source;
use crate::harness::Sample;
use crate::process::Server;
use crate::process::Window;

/// How many clients send how much at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) clients: usize,
    pub(crate) batch: usize,
    /// Messages in flight on one stream; 0 for unary calls.
    pub(crate) in_flight: usize,
}

impl Load {
    pub(crate) const fn unary(clients: usize, batch: usize) -> Self {
        Self { clients, batch, in_flight: 0 }
    }
}

/// Answers of a stream of appends; each is what became of one message.
pub(crate) type Answers = std::pin::Pin<Box<dyn tokio_stream::Stream<Item = Result<(), Status>> + Send>>;

/// A client of a service that appends: the little that differs from one service to another.
pub(crate) trait Client: Clone + Send + Sync + 'static {
    type Request: Send + Sync + 'static;

    fn connect(line: Line) -> Self;

    fn request(&self, source: &mut Source, batch: usize) -> Self::Request;

    fn append(&mut self, request: Self::Request) -> impl Future<Output = Result<(), Status>> + Send;

    fn append_stream(
        &mut self,
        requests: ReceiverStream<Self::Request>,
    ) -> impl Future<Output = Result<Answers, Status>> + Send;
}

/// Opens `count` connections.
pub(crate) async fn lines(address: &str, credentials: &Credentials, count: usize) -> Result<Vec<Line>, Failure> {
    let endpoint = Endpoint::from_shared(address.to_owned())?
        .tcp_nodelay(true)
        .initial_connection_window_size(8 << 20)
        .initial_stream_window_size(4 << 20);
    Ok(try_join_all((0..count).map(|_| credentials.dial_with(endpoint.clone()))).await?)
}

/// One run of `load` against `server`.
pub(crate) fn run<C: Client>(server: &Server, load: Load, kind: Kind, plan: &Plan) -> Result<Sample, Failure> {
    run_as::<C>(server, &Credentials::default(), load, kind, plan)
}

/// The same, as somebody whom the service knows.
pub(crate) fn run_as<C: Client>(
    server: &Server,
    credentials: &Credentials,
    load: Load,
    kind: Kind,
    plan: &Plan,
) -> Result<Sample, Failure> {
    let runtime = Runtime::new()?;
    let outcome = runtime.block_on(async {
        let lines = lines(&server.address, credentials, load.clients.min(plan.connections)).await?;
        let begin = Instant::now() + plan.warm_up;
        let times = Times { begin, end: begin + plan.duration };
        let clients = (0..load.clients).map(|number| {
            let client = C::connect(lines[number % lines.len()].clone());
            let source = Source::new(kind);
            tokio::spawn(async move {
                if load.in_flight == 0 {
                    unary(client, source, load.batch, times).await
                } else {
                    stream(client, source, load, times).await
                }
            })
        });
        let tasks: Vec<_> = clients.collect();
        tokio::time::sleep_until(times.begin.into()).await;
        let window = Window::open(Some(server.id()));
        tokio::time::sleep_until(times.end.into()).await;
        let figures = window.close();
        let mut latencies = Vec::new();
        for task in tasks {
            latencies.extend(task.await??);
        }
        Ok::<_, Failure>(sample(latencies, load.batch, plan.duration, figures))
    });
    runtime.shutdown_background();
    outcome
}

/// The window in which answers count.
#[derive(Clone, Copy)]
struct Times {
    begin: Instant,
    end: Instant,
}

impl Times {
    fn count(&self, sent: Instant, latencies: &mut Vec<Duration>) -> bool {
        let now = Instant::now();
        if now >= self.begin && now < self.end {
            latencies.push(now - sent);
        }
        now < self.end
    }
}

async fn unary<C: Client>(
    mut client: C,
    mut source: Source,
    batch: usize,
    times: Times,
) -> Result<Vec<Duration>, Failure> {
    let mut latencies = Vec::new();
    loop {
        let request = client.request(&mut source, batch);
        let sent = Instant::now();
        client.append(request).await?;
        if !times.count(sent, &mut latencies) {
            return Ok(latencies);
        }
    }
}

async fn stream<C: Client>(
    mut client: C,
    mut source: Source,
    load: Load,
    times: Times,
) -> Result<Vec<Duration>, Failure> {
    let (send, requests) = mpsc::channel(load.in_flight);
    let maker = client.clone();
    let mut request = move || maker.request(&mut source, load.batch);
    let mut sent = VecDeque::new();
    for _ in 0..load.in_flight {
        send.send(request()).await?;
        sent.push_back(Instant::now());
    }
    let mut answers = client.append_stream(ReceiverStream::new(requests)).await?;
    let mut latencies = Vec::new();
    while let Some(answer) = answers.next().await {
        answer?;
        let oldest = sent.pop_front().ok_or("more answers than messages")?;
        if !times.count(oldest, &mut latencies) {
            return Ok(latencies);
        }
        sent.push_back(Instant::now());
        send.send(request()).await?;
    }
    Err("the stream ended".into())
}

/// Rate and latencies of one run.
pub(crate) fn sample(
    mut latencies: Vec<Duration>,
    batch: usize,
    duration: Duration,
    more: Vec<(&'static str, f64)>,
) -> Sample {
    latencies.sort_unstable();
    let percentile = |share: usize| {
        let place = (latencies.len() * share / 100).min(latencies.len().saturating_sub(1));
        latencies.get(place).map_or(0.0, |latency| latency.as_secs_f64() * 1e6)
    };
    let mut figures = vec![("p50 us", percentile(50)), ("p99 us", percentile(99))];
    figures.extend(more);
    Sample { rate: (latencies.len() * batch) as f64 / duration.as_secs_f64(), figures }
}
