//! A ledger in memory: request ids, preconditions and a rule or two, and connections that break when told to.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;

use probity::events::Event;
use probity::events::EventType;
use probity::events::Observation;
use probity::proto::v1 as pb;
use probity::proto::v1::append_stream_response::Result as Answer;
use probity::proto::v1::precondition::Condition;
use probity::proto::v1::revision_condition::Expected;
use probity::server::codec::Streamed;
use probity::server::services::ledger_service_server::LedgerService;
use probity::server::services::ledger_service_server::LedgerServiceServer;
use prost::Message as _;
use sha2::Digest as _;
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::Code;
use tonic::Request;
use tonic::Response;
use tonic::Status;
use tonic::Streaming;
use tonic::transport::Server;
use tonic_types::pb as rpc;

/// A service in this process.
pub(super) struct Fake {
    shared: Arc<Mutex<Ledger>>,
    port: u16,
    serving: JoinHandle<()>,
}

/// When a connection breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Break {
    /// The request is not recorded.
    BeforeRecording,
    /// It is recorded, and its answer is lost.
    BeforeAnswer,
}

#[derive(Default)]
struct Ledger {
    events: Vec<Event>,
    requests: BTreeMap<String, Done>,
    order: Vec<String>,
    streams: BTreeSet<String>,
    breaks: Option<(u64, Break)>,
    seen: u64,
}

#[derive(Clone)]
struct Done {
    content: Vec<u8>,
    first: u64,
    count: u32,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Fake {
    pub(super) async fn start() -> Self {
        let shared = Arc::new(Mutex::new(Ledger::default()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let service = LedgerServiceServer::new(Service { shared: Arc::clone(&shared) });
        let serving = tokio::spawn(async move {
            let incoming = TcpListenerStream::new(listener);
            Server::builder().add_service(service).serve_with_incoming(incoming).await.unwrap();
        });
        Self { shared, port, serving }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The connection breaks at this request from now, counted from 0, once.
    pub(super) fn break_at(&self, request: u64, how: Break) {
        let mut ledger = self.shared.lock().unwrap();
        let seen = ledger.seen;
        ledger.breaks = Some((seen + request, how));
    }

    /// Every recorded request, in order, and its events' bytes.
    pub(super) fn log(&self) -> Vec<(String, Vec<u8>)> {
        let ledger = self.shared.lock().unwrap();
        ledger.order.iter().map(|id| (id.clone(), ledger.requests[id].content.clone())).collect()
    }

    /// Every recorded event, as one word or two.
    pub(super) fn story(&self) -> Vec<String> {
        self.shared.lock().unwrap().events.iter().map(word).collect()
    }

    /// Every recorded event.
    pub(super) fn events(&self) -> Vec<Event> {
        self.shared.lock().unwrap().events.clone()
    }
}

fn word(event: &Event) -> String {
    match event {
        Event::LegacyRecordImported(record) => {
            let observation = Observation::try_from(record.observation).unwrap();
            observation.as_str_name().strip_prefix("OBSERVATION_").unwrap().to_lowercase()
        }
        other => other.event_type().name().to_owned(),
    }
}

impl Ledger {
    #[expect(clippy::panic_in_result_fn, reason = "a test that cannot go on should stop")]
    fn append(&mut self, request: &pb::AppendRequest) -> Result<pb::AppendResponse, rpc::Status> {
        let content = request.events.iter().flat_map(pb::ProposedEvent::encode_to_vec).collect::<Vec<u8>>();
        if let Some(done) = self.requests.get(&request.request_id) {
            return if done.content == content {
                Ok(receipt(done, true))
            } else {
                Err(refusal(Code::AlreadyExists, "REQUEST_ID_REUSED"))
            };
        }
        for condition in &request.preconditions {
            let Some(Condition::Revision(revision)) = &condition.condition else { panic!("{condition:?}") };
            let Some(pb::history::Of::Stream(stream)) = revision.history.as_ref().and_then(|it| it.of.as_ref()) else {
                panic!("{revision:?}");
            };
            let holds = match revision.expected {
                Some(Expected::Absent(true)) => !self.streams.contains(stream),
                Some(Expected::Exists(true)) => self.streams.contains(stream),
                ref other => panic!("{other:?}"),
            };
            if !holds {
                return Err(refusal(Code::Aborted, "REVISION_CONFLICT"));
            }
        }
        let events: Vec<Event> = request.events.iter().map(|event| decode(event.event.as_ref().unwrap())).collect();
        for event in &events {
            self.admit(event)?;
        }
        let done = Done { content, first: self.events.len() as u64, count: u32::try_from(events.len()).unwrap() };
        for event in events {
            self.streams.insert(stream(&event));
            self.events.push(event);
        }
        self.order.push(request.request_id.clone());
        self.requests.insert(request.request_id.clone(), done.clone());
        Ok(receipt(&done, false))
    }

    fn admit(&self, event: &Event) -> Result<(), rpc::Status> {
        match event {
            Event::CaseOpened(case) if case.reference == "refused" => {
                Err(refusal(Code::FailedPrecondition, "RULE_VIOLATED"))
            }
            Event::PersonRegistered(person)
                if person.identity.as_ref().is_some_and(|identity| identity.full_name == "refused") =>
            {
                Err(refusal(Code::FailedPrecondition, "RULE_VIOLATED"))
            }
            Event::CaseOpened(case) => {
                let known = |id: &String| self.streams.contains(&format!("entity/{id}"));
                let all = case.respondent_ids.iter().all(known);
                if all { Ok(()) } else { Err(refusal(Code::FailedPrecondition, "ENTITY_UNKNOWN")) }
            }
            _ => Ok(()),
        }
    }
}

fn stream(event: &Event) -> String {
    match event {
        Event::PersonRegistered(person) => format!("entity/{}", person.entity_id),
        Event::CaseOpened(case) => format!("case/{}", case.case_id),
        Event::AllegationFound(found) => format!("case/{}", found.case_id),
        Event::LegacyRecordImported(record) => format!("record/{}", record.record_id),
        Event::OrganisationRegistered(organisation) => format!("entity/{}", organisation.entity_id),
        Event::AllegationRecorded(allegation) => format!("case/{}", allegation.case_id),
        Event::DecisionIssued(decision) => format!("decision/{}", decision.decision_id),
        Event::DecisionModified(decision) => format!("decision/{}", decision.decision_id),
        Event::DeclarationSubmitted(declaration) => format!("declaration/{}", declaration.declaration_id),
        Event::DeclarationAmended(declaration) => format!("declaration/{}", declaration.declaration_id),
        Event::DeclarationPublished(declaration) => format!("declaration/{}", declaration.declaration_id),
        Event::PublicationEnded(declaration) => format!("declaration/{}", declaration.declaration_id),
        Event::SanctionProposed(decision) => format!("decision/{}", decision.decision_id),
        Event::PetitionReceived(petition) => format!("petition/{}", petition.petition_id),
        Event::PetitionResolved(petition) => format!("petition/{}", petition.petition_id),
        Event::AppealLodged(appeal) => format!("appeal/{}", appeal.appeal_id),
        other => panic!("the tests use no {other:?}"),
    }
}

fn decode(any: &prost_types::Any) -> Event {
    let name = any.type_url.strip_prefix("type.googleapis.com/").unwrap();
    Event::decode(EventType::of_message(name).unwrap(), &any.value).unwrap()
}

fn receipt(done: &Done, replayed: bool) -> pb::AppendResponse {
    let leaf_hash = leaf_hash(done.first + u64::from(done.count) - 1);
    let (first_position, count) = (done.first, done.count);
    pb::AppendResponse { first_position, count, leaf_hash, replayed, ..pb::AppendResponse::default() }
}

fn leaf_hash(position: u64) -> bytes::Bytes {
    Sha256::digest(position.to_be_bytes()).to_vec().into()
}

fn refusal(code: Code, reason: &str) -> rpc::Status {
    let info = rpc::ErrorInfo { reason: reason.to_owned(), domain: "probity".to_owned(), ..rpc::ErrorInfo::default() };
    let detail = prost_types::Any {
        type_url: "type.googleapis.com/google.rpc.ErrorInfo".to_owned(),
        value: info.encode_to_vec(),
    };
    rpc::Status { code: code.into(), message: "refused".to_owned(), details: vec![detail] }
}

struct Service {
    shared: Arc<Mutex<Ledger>>,
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl LedgerService for Service {
    type AppendStreamStream = ReceiverStream<Result<pb::AppendStreamResponse, Status>>;
    type ReadEntriesStream = Answers<pb::ReadEntriesResponse>;
    type SubscribeStream = Answers<pb::SubscribeResponse>;

    async fn append_stream(
        &self,
        request: Request<Streaming<Streamed>>,
    ) -> Result<Response<Self::AppendStreamStream>, Status> {
        let (answers, stream) = mpsc::channel(4);
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            let mut requests = request.into_inner();
            while let Ok(Some(Streamed(message))) = requests.message().await {
                let answer = take(&shared, &message.unwrap().append.unwrap());
                let over = answer.is_err();
                if answers.send(answer).await.is_err() || over {
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn get_entry(&self, request: Request<pb::GetEntryRequest>) -> Result<Response<pb::GetEntryResponse>, Status> {
        let position = request.into_inner().position;
        let size = self.shared.lock().unwrap().events.len() as u64;
        if position > 0 && position >= size {
            return Err(Status::not_found("no such entry"));
        }
        let leaf_hash = leaf_hash(position);
        let entry = pb::Entry { position, leaf_hash, ..pb::Entry::default() };
        Ok(Response::new(pb::GetEntryResponse { entry: Some(entry) }))
    }

    async fn append(&self, _: Request<pb::AppendRequest>) -> Result<Response<pb::AppendResponse>, Status> {
        Err(Status::unimplemented("an import streams"))
    }

    async fn read_entries(
        &self,
        _: Request<pb::ReadEntriesRequest>,
    ) -> Result<Response<Self::ReadEntriesStream>, Status> {
        Err(Status::unimplemented("an import does not read"))
    }

    async fn subscribe(&self, _: Request<pb::SubscribeRequest>) -> Result<Response<Self::SubscribeStream>, Status> {
        Err(Status::unimplemented("an import does not read"))
    }

    async fn get_head(&self, _: Request<pb::GetHeadRequest>) -> Result<Response<pb::GetHeadResponse>, Status> {
        Err(Status::unimplemented("an import does not read"))
    }

    async fn resolve_position(
        &self,
        _: Request<pb::ResolvePositionRequest>,
    ) -> Result<Response<pb::ResolvePositionResponse>, Status> {
        Err(Status::unimplemented("an import does not read"))
    }
}

fn take(shared: &Mutex<Ledger>, request: &pb::AppendRequest) -> Result<pb::AppendStreamResponse, Status> {
    let mut ledger = shared.lock().unwrap();
    let breaks = ledger.breaks.filter(|(at, _)| *at == ledger.seen).map(|(_, how)| how);
    ledger.seen += 1;
    if breaks == Some(Break::BeforeRecording) {
        return Err(Status::unavailable("broken"));
    }
    let result = match ledger.append(request) {
        Ok(receipt) => Answer::Receipt(receipt),
        Err(status) => Answer::Refusal(status),
    };
    if breaks == Some(Break::BeforeAnswer) {
        return Err(Status::unavailable("broken"));
    }
    Ok(pb::AppendStreamResponse { result: Some(result) })
}
