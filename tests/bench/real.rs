//! The real thing: `probity serve` in a process of its own and its clients, and the same log without gRPC.

use std::collections::VecDeque;
use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use futures_util::StreamExt;
use probity::clock;
use probity::events::Event;
use probity::ledger::Proposed;
use probity::ledger::Request;
use probity::ledger::prepare;
use probity::proto::v1::Acknowledgement;
use probity::proto::v1::AppendRequest;
use probity::proto::v1::AppendStreamRequest;
use probity::proto::v1::ProposedEvent;
use probity::proto::v1::append_stream_response::Result as StreamResult;
use probity::proto::v1::ledger_service_client::LedgerServiceClient;
use probity::publish::PublishOptions;
use probity::sequencer::Answer;
use probity::service;
use probity::service::Options;
use probity::service::Service;
use probity::tls::Line;
use prost_types::Any;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use uuid::Uuid;

use crate::Failure;
use crate::events::Kind;
use crate::events::RESPONDENTS;
use crate::events::Source;
use crate::events::registrations;
use crate::events::respondents;
use crate::harness::grouped;
use crate::harness::progress;
use crate::load::Answers;
use crate::load::Client;
use crate::process::Server;

/// Batches that are not durable while the next are made.
pub(crate) const IN_FLIGHT: usize = 7;

/// Enough decisions to ask for.
const DECISIONS_MIN: u64 = 10_000;

/// Starts the service on a folder.
pub(crate) fn serve(folder: &Path) -> Result<Server, Failure> {
    Server::start(&mut command(folder))
}

pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_probity"));
    command.arg("serve").arg("--data").arg(folder).args(["--listen", "127.0.0.1:0"]);
    command
}

/// Whether what is new is sealed and published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seals {
    /// As the service does where nobody says otherwise: every half second.
    Published,
    /// Never.
    None,
}

/// A new log in a folder, ready for the events of any [`Source::new`], and the service on it.
pub(crate) fn serve_new(folder: &Path, seals: Seals) -> Result<Server, Failure> {
    Log::create(folder)?.close()?;
    let mut command = command(folder);
    if seals == Seals::None {
        command.env("PROBITY_SEAL_EVERY_MS", "0");
    }
    Server::start(&mut command)
}

/// A client of the service.
#[derive(Clone)]
pub(crate) struct ProbityClient(LedgerServiceClient<Line>);

impl Client for ProbityClient {
    type Request = AppendRequest;

    fn connect(line: Line) -> Self {
        Self(LedgerServiceClient::new(line))
    }

    fn request(&self, source: &mut Source, batch: usize) -> AppendRequest {
        let type_url = format!("type.googleapis.com/{}", Source::EVENT_TYPE.message());
        let event =
            |value| ProposedEvent { event: Some(Any { type_url: type_url.clone(), value }), sealed: Vec::new() };
        AppendRequest {
            request_id: Uuid::from_bytes(source.request_id()).to_string(),
            events: (0..batch).map(|_| event(source.next())).collect(),
            ..AppendRequest::default()
        }
    }

    async fn append(&mut self, request: AppendRequest) -> Result<(), Status> {
        self.0.append(request).await.map(drop)
    }

    async fn append_stream(&mut self, requests: ReceiverStream<AppendRequest>) -> Result<Answers, Status> {
        let requests = requests.map(|append| AppendStreamRequest { append: Some(append) });
        let answers = self.0.append_stream(requests).await?.into_inner();
        Ok(answers
            .map(|answer| match answer?.result {
                Some(StreamResult::Receipt(_)) => Ok(()),
                Some(StreamResult::Refusal(refusal)) => Err(Status::aborted(refusal.message)),
                None => Err(Status::data_loss("neither a receipt nor a refusal")),
            })
            .boxed())
    }
}

/// A client that waits until what it appends is under a published checkpoint, and gets the proof.
#[derive(Clone)]
pub(crate) struct SealedClient(ProbityClient);

impl Client for SealedClient {
    type Request = AppendRequest;

    fn connect(line: Line) -> Self {
        Self(ProbityClient::connect(line))
    }

    fn request(&self, source: &mut Source, batch: usize) -> AppendRequest {
        AppendRequest { acknowledgement: Acknowledgement::Sealed.into(), ..self.0.request(source, batch) }
    }

    async fn append(&mut self, request: AppendRequest) -> Result<(), Status> {
        self.0.append(request).await
    }

    async fn append_stream(&mut self, requests: ReceiverStream<AppendRequest>) -> Result<Answers, Status> {
        self.0.append_stream(requests).await
    }
}

/// The log in this process.
pub(crate) struct Log {
    service: Service,
    source: Source,
    /// Appends that were not answered yet, oldest first.
    waiting: VecDeque<Answer>,
}

impl Log {
    /// Opens the log of a folder, or makes one.
    pub(crate) fn open(folder: &Path) -> Result<Self, Failure> {
        let service = service::open(&Options::new(folder.to_owned()), clock::machine(), |_| {})?;
        Ok(Self { service, source: Source::new(Kind::Open), waiting: VecDeque::new() })
    }

    /// Opens the log of a folder and publishes it, as the service does where nobody says otherwise.
    pub(crate) fn open_published(folder: &Path) -> Result<Self, Failure> {
        let options = Options { publish: Some(PublishOptions::default()), ..Options::new(folder.to_owned()) };
        let service = service::open(&options, clock::machine(), |_| {})?;
        Ok(Self { service, source: Source::new(Kind::Open), waiting: VecDeque::new() })
    }

    /// A new log, ready for the events of any [`Source::new`].
    pub(crate) fn create(folder: &Path) -> Result<Self, Failure> {
        let mut log = Self::open(folder)?;
        log.register(0..RESPONDENTS)?;
        log.finish()?;
        Ok(log)
    }

    /// Registers respondents and their cases.
    pub(crate) fn register(&mut self, numbers: Range<u64>) -> Result<(), Failure> {
        for events in registrations(numbers) {
            self.submit(events.iter().map(proposed).collect(), IN_FLIGHT)?;
        }
        self.finish()
    }

    /// Appends in batches until the log has `size` entries and at least [`DECISIONS_MIN`] new decisions;
    /// `registered` respondents are there already. Gives the number of decisions; they are of the base `size`.
    pub(crate) fn grow(&mut self, registered: u64, size: u64) -> Result<u64, Failure> {
        self.register(registered..respondents(size))?;
        self.source = Source::about(Kind::Open, respondents(size), size);
        let mut told = Instant::now();
        while self.size() < size || self.source.made() < DECISIONS_MIN {
            self.append(256, IN_FLIGHT)?;
            if told.elapsed().as_secs() >= 10 {
                progress(&format!("{} of {} entries", grouped(self.size() as f64), grouped(size as f64)));
                told = Instant::now();
            }
        }
        self.finish()?;
        Ok(self.source.made())
    }

    fn size(&self) -> u64 {
        self.service.reader().size()
    }

    pub(crate) const fn service(&self) -> &Service {
        &self.service
    }

    /// From now on its events are of this kind.
    pub(crate) fn with(mut self, kind: Kind) -> Self {
        self.source = Source::new(kind);
        self
    }

    /// Appends a batch, and waits until at most `in_flight` batches are not durable.
    pub(crate) fn append(&mut self, batch: usize, in_flight: usize) -> Result<(), Failure> {
        let event = |bytes| Proposed::plain(Source::EVENT_TYPE, bytes);
        let events = self.source.batch(batch).into_iter().map(event).collect();
        self.submit(events, in_flight)
    }

    /// Waits until everything is durable.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        while !self.waiting.is_empty() {
            self.wait_for_oldest()?;
        }
        Ok(())
    }

    pub(crate) fn close(mut self) -> Result<(), Failure> {
        self.finish()?;
        Ok(self.service.stop()?)
    }

    fn submit(&mut self, events: Vec<Proposed>, in_flight: usize) -> Result<(), Failure> {
        let request_id = self.source.request_id();
        let request = Request { principal: "local".to_owned(), request_id, events, conditions: Vec::new() };
        let prepared = prepare(request, self.service.vault())?;
        self.waiting.push_back(self.service.queue().try_submit(prepared, None)?);
        while self.waiting.len() > in_flight {
            self.wait_for_oldest()?;
        }
        Ok(())
    }

    fn wait_for_oldest(&mut self) -> Result<(), Failure> {
        if let Some(oldest) = self.waiting.pop_front() {
            oldest.blocking_recv()??;
        }
        Ok(())
    }
}

fn proposed(event: &Event) -> Proposed {
    Proposed::plain(event.event_type(), event.encode().into())
}
