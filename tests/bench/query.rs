//! Reads of one thing at a time over gRPC, by clients that wait for each answer.

use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use probity::proto::v1::EntryView;
use probity::proto::v1::GetDecisionRequest;
use probity::proto::v1::GetEntryRequest;
use probity::proto::v1::GetRecordRequest;
use probity::proto::v1::History;
use probity::proto::v1::ListDecisionsRequest;
use probity::proto::v1::ProveInclusionRequest;
use probity::proto::v1::ProveSubjectRequest;
use probity::proto::v1::history::Of;
use probity::proto::v1::ledger_service_client::LedgerServiceClient;
use probity::proto::v1::proof_service_client::ProofServiceClient;
use probity::proto::v1::record_service_client::RecordServiceClient;
use probity::tls::Credentials;
use probity::tls::Line;
use tokio::runtime::Runtime;
use tonic::Code;
use tonic::Status;

use crate::Failure;
use crate::Plan;
use crate::events::Kind;
use crate::events::Source;
use crate::events::decision_id;
use crate::events::respondent_id;
use crate::events::respondents;
use crate::events::text;
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

/// What to ask of the real service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// An entry by its position.
    Entry,
    /// A decision with its sanctions.
    Decision,
    /// The record of a person: about eight decisions.
    Record,
    /// The first fifty decisions of the register.
    List,
    /// That an entry is in the log.
    Inclusion,
    /// That what is filed about a person is all: about eight decisions, as a file.
    Subject,
}

/// What there is to ask for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filled {
    pub(crate) entries: u64,
    /// Decisions of the base that is the number of entries.
    pub(crate) decisions: u64,
}

/// A client of the real service.
#[derive(Clone)]
pub(crate) struct RealAsker {
    ledger: LedgerServiceClient<Line>,
    records: RecordServiceClient<Line>,
    proofs: ProofServiceClient<Line>,
    ask: Ask,
    filled: Filled,
}

impl RealAsker {
    pub(crate) fn new(line: Line, ask: Ask, filled: Filled) -> Self {
        let ledger = LedgerServiceClient::new(line.clone());
        let proofs = ProofServiceClient::new(line.clone());
        Self { ledger, records: RecordServiceClient::new(line), proofs, ask, filled }
    }
}

impl Asker for RealAsker {
    async fn ask(&mut self, random: u64) -> Result<(), Status> {
        let Filled { entries, decisions } = self.filled;
        match self.ask {
            Ask::Entry => {
                let request = GetEntryRequest { position: random % entries, view: EntryView::Full.into() };
                self.ledger.get_entry(request).await.map(drop)
            }
            Ask::Decision => {
                let name = format!("decision/{}", text(decision_id(entries, random % decisions)));
                let request = GetDecisionRequest { name, ..GetDecisionRequest::default() };
                self.records.get_decision(request).await.map(drop)
            }
            Ask::Record => {
                let name = format!("entity/{}", text(respondent_id(random % respondents(entries))));
                let request = GetRecordRequest { name, ..GetRecordRequest::default() };
                self.records.get_record(request).await.map(drop)
            }
            Ask::List => {
                let request = ListDecisionsRequest { page_size: 50, ..ListDecisionsRequest::default() };
                self.records.list_decisions(request).await.map(drop)
            }
            Ask::Inclusion => {
                let request = ProveInclusionRequest { position: random % entries, size: None };
                while let Err(status) = self.proofs.prove_inclusion(request).await {
                    until_published(status).await?;
                }
                Ok(())
            }
            Ask::Subject => {
                let name = format!("entity/{}", text(respondent_id(random % respondents(entries))));
                let history = Some(History { of: Some(Of::Subject(name)) });
                let request = ProveSubjectRequest { history, inclusion_of_each: false };
                let mut pieces = loop {
                    match self.proofs.prove_subject(request.clone()).await {
                        Ok(answer) => break answer.into_inner(),
                        Err(status) => until_published(status).await?,
                    }
                };
                while pieces.message().await?.is_some() {}
                Ok(())
            }
        }
    }
}

/// The map is read behind the start, and nothing is published before it.
async fn until_published(status: Status) -> Result<(), Status> {
    if status.code() != Code::Unavailable {
        return Err(status);
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    Ok(())
}

pub(crate) fn points(plan: &Plan) -> Group {
    let empty = plan.clone();
    let nothing = Contender::new("no-op RPC", move || {
        let server = Server::start(&mut file_rpc::command(Path::new("-"))?)?;
        run(&server, &empty, ThinClient::connect)
    });
    let real = |name, ask| {
        let (plan, mut filled) = (plan.clone(), FilledFolder::default());
        Contender::new(name, move || {
            let (folder, filled) = filled.get(&plan)?;
            let server = real::serve(folder)?;
            let sample = run(&server, &plan, |line| RealAsker::new(line, ask, filled))?;
            server.stop()?;
            Ok(sample)
        })
    };
    let point = |name, ask| real(name, ask).against("no-op RPC", 0.8);
    let title = format!("One thing of {} entries, 16 clients", plan.entries);
    let contenders = vec![
        nothing,
        point("GetEntry", Ask::Entry),
        point("GetDecision", Ask::Decision),
        point("GetRecord", Ask::Record),
        real("ListDecisions, 50", Ask::List),
        real("ProveInclusion", Ask::Inclusion),
        real("ProveSubject", Ask::Subject),
    ];
    Group::new(&title, "queries/s", contenders)
}

/// A log that several runs ask; it is made at the first.
#[derive(Default)]
pub(crate) struct FilledFolder(Option<(tempfile::TempDir, Filled)>);

impl FilledFolder {
    pub(crate) fn get(&mut self, plan: &Plan) -> Result<(&Path, Filled), Failure> {
        if self.0.is_none() {
            let folder = folder(&plan.data)?;
            let mut log = Log::open(folder.path())?;
            let decisions = log.grow(0, plan.entries)?;
            log.close()?;
            self.0 = Some((folder, Filled { entries: plan.entries, decisions }));
        }
        self.0.as_ref().map(|(folder, filled)| (folder.path(), *filled)).ok_or_else(|| "no log".into())
    }
}

/// Asks until the time is over.
pub(crate) fn run<A: Asker>(server: &Server, plan: &Plan, connect: impl Fn(Line) -> A) -> Result<Sample, Failure> {
    let runtime = Runtime::new()?;
    let outcome = runtime.block_on(async {
        let lines = load::lines(&server.address, &Credentials::default(), plan.connections.min(CLIENTS)).await?;
        let begin = Instant::now() + plan.warm_up;
        let end = begin + plan.duration;
        let tasks: Vec<_> = (0..CLIENTS)
            .map(|number| tokio::spawn(ask_until(connect(lines[number % lines.len()].clone()), begin, end)))
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

pub(crate) async fn ask_until<A: Asker>(mut asker: A, begin: Instant, end: Instant) -> Result<Vec<Duration>, Failure> {
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
