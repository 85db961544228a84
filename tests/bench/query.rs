//! Reads of one thing at a time over gRPC, by clients that wait for each answer.

use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use probity::proto::v1::EntryView;
use probity::proto::v1::GetEntryRequest;
use probity::proto::v1::ledger_service_client::LedgerServiceClient;
use tokio::runtime::Runtime;
use tonic::Status;
use tonic::transport::Channel;

use crate::Failure;
use crate::Plan;
use crate::events::Kind;
use crate::events::Source;
use crate::file_rpc;
use crate::file_rpc::ThinClient;
use crate::harness::Contender;
use crate::harness::Group;
use crate::harness::Sample;
use crate::load;
use crate::load::Client as _;
use crate::process::Server;
use crate::process::Window;
use crate::process::folder;
use crate::real;
use crate::real::Log;

const CLIENTS: usize = 16;

/// Asks for one thing, chosen by a random number.
pub(crate) trait Asker: Clone + Send + 'static {
    fn ask(&mut self, random: u64) -> impl Future<Output = Result<(), Status>> + Send;
}

impl Asker for ThinClient {
    async fn ask(&mut self, _: u64) -> Result<(), Status> {
        self.append(Vec::new()).await
    }
}

/// Asks for entries by position.
#[derive(Clone)]
pub(crate) struct EntryAsker {
    client: LedgerServiceClient<Channel>,
    /// The first positions, of which one is asked for.
    among: u64,
}

impl EntryAsker {
    pub(crate) fn new(channel: Channel, among: u64) -> Self {
        Self { client: LedgerServiceClient::new(channel), among }
    }
}

impl Asker for EntryAsker {
    async fn ask(&mut self, random: u64) -> Result<(), Status> {
        let request = GetEntryRequest { position: random % self.among, view: EntryView::Full.into() };
        self.client.get_entry(request).await.map(drop)
    }
}

pub(crate) fn points(plan: &Plan) -> Group {
    let (empty, own) = (plan.clone(), plan.clone());
    Group::new(
        "One entry by its position, 16 clients",
        "queries/s",
        vec![
            Contender::new("no-op RPC", move || {
                let server = Server::start(&mut file_rpc::command(Path::new("-"))?)?;
                run(&server, &empty, ThinClient::connect)
            }),
            Contender::new("GetEntry", move || {
                let folder = folder(&own.data)?;
                let entries = fill(folder.path(), own.entries)?;
                let server = real::serve(folder.path())?;
                run(&server, &own, |channel| EntryAsker::new(channel, entries))
            })
            .against("no-op RPC", 0.8),
        ],
    )
}

/// Appends until the log of a folder has so many entries, closes it, and says how many it has.
pub(crate) fn fill(folder: &Path, entries: u64) -> Result<u64, Failure> {
    let mut log = Log::open(folder)?;
    while log.service().reader().size() < entries {
        log.append(256, 7)?;
    }
    log.finish()?;
    let size = log.service().reader().size();
    log.close()?;
    Ok(size)
}

/// Asks until the time is over.
pub(crate) fn run<A: Asker>(server: &Server, plan: &Plan, connect: impl Fn(Channel) -> A) -> Result<Sample, Failure> {
    let runtime = Runtime::new()?;
    let outcome = runtime.block_on(async {
        let channels = load::channels(&server.address, plan.connections.min(CLIENTS)).await?;
        let begin = Instant::now() + plan.warm_up;
        let end = begin + plan.duration;
        let tasks: Vec<_> = (0..CLIENTS)
            .map(|number| tokio::spawn(ask_until(connect(channels[number % channels.len()].clone()), begin, end)))
            .collect();
        tokio::time::sleep_until(begin.into()).await;
        let window = Window::open(Some(server.id()));
        tokio::time::sleep_until(end.into()).await;
        let figures = window.close();
        let mut latencies = Vec::new();
        for task in tasks {
            latencies.extend(task.await??);
        }
        Ok::<_, Failure>(load::sample(latencies, 1, plan.duration, figures))
    });
    runtime.shutdown_background();
    outcome
}

async fn ask_until<A: Asker>(mut asker: A, begin: Instant, end: Instant) -> Result<Vec<Duration>, Failure> {
    let mut source = Source::new(Kind::Open);
    let mut latencies = Vec::new();
    loop {
        let sent = Instant::now();
        asker.ask(source.number()).await?;
        let now = Instant::now();
        if now >= end {
            return Ok(latencies);
        }
        if now >= begin {
            latencies.push(now - sent);
        }
    }
}
