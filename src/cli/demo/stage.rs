//! The service of the demo, in this process, and its clients: everything is said over gRPC.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use prost_types::Any;
use tonic::Status;
use tonic::transport::Channel;

use crate::cli::asked;
use crate::cli::demo::story::Act;
use crate::cli::demo::teller::Surprise;
use crate::cli::demo::teller::Teller;
use crate::cli::keygen::vkey;
use crate::cli::prove;
use crate::cli::remote::RemoteEntries;
use crate::clock;
use crate::events::PartialDate;
use crate::ledger::Vault as _;
use crate::log::LeafHash;
use crate::log::VerifierKey;
use crate::proto::v1;
use crate::proto::v1::as_of::KnownAt;
use crate::proto::v1::history::Of;
use crate::proto::v1::ledger_service_client::LedgerServiceClient;
use crate::proto::v1::record_service_client::RecordServiceClient;
use crate::publish::PublishOptions;
use crate::sequencer::Limits;
use crate::server;
use crate::server::Running;
use crate::server::Settings;
use crate::service;
use crate::service::Options;
use crate::verify::Report;
use crate::verify::Wanted;
use crate::verify::verify;

/// A head, as somebody writes it down elsewhere.
pub(super) type Head = (u64, LeafHash);

/// A small log needs no gibibyte in reserve.
const RESERVE_BYTES: u64 = 16 << 20;

/// How long nobody has to ask for a seal until there is one: longer than any demo.
const UNASKED: Duration = Duration::from_hours(1);

/// The service, running.
#[derive(Debug)]
pub(super) struct Stage {
    running: Running,
    /// `http://HOST:PORT`.
    pub(super) url: String,
    ledger: LedgerServiceClient<Channel>,
    records: RecordServiceClient<Channel>,
}

impl Stage {
    /// Opens the folder, or makes it, and serves it. Nothing is sealed: the story alone says which entries there are.
    pub(super) async fn open(data: &Path, listen: SocketAddr) -> Result<Self, Surprise> {
        Self::serve(data, listen, None).await
    }

    /// Opens the folder and serves it with what is published of it, sealed when somebody asks.
    pub(super) async fn published(data: &Path, listen: SocketAddr) -> Result<Self, Surprise> {
        Self::serve(data, listen, Some(PublishOptions { seal_every: UNASKED, ..PublishOptions::default() })).await
    }

    async fn serve(data: &Path, listen: SocketAddr, publish: Option<PublishOptions>) -> Result<Self, Surprise> {
        let mut options = Options::new(data.to_owned());
        options.store.reserve_bytes = RESERVE_BYTES;
        options.publish = publish;
        let opened = tokio::task::spawn_blocking(move || service::open(&options, clock::machine(), |_| ()));
        let service = opened.await??;
        let settings = Settings { listen, limits: Limits::default(), stop_within: Duration::from_secs(5) };
        let running = server::serve(service, settings).await?;
        let url = format!("http://{}", running.address);
        let ledger = LedgerServiceClient::connect(url.clone()).await?;
        let records = RecordServiceClient::connect(url.clone()).await?;
        Ok(Self { running, url, ledger, records })
    }

    /// Appends the events of an act in one request and tells where they stand.
    pub(super) async fn append(&mut self, teller: &Teller, act: Act) -> Result<Head, Surprise> {
        let (request, receipt) = self.append_as(&uuid(), &act).await?;
        let last = request.events.len() - 1;
        let hash = leaf_hash(&receipt.leaf_hash)?;
        for (number, ((event, words), position)) in act.iter().zip(receipt.first_position..).enumerate() {
            let shown = (number == last).then(|| short(&hash));
            teller.entry(position, event.event_type().name(), words, shown.as_deref());
        }
        Ok((receipt.first_position + last as u64, hash))
    }

    /// Appends the events of an act under a request id.
    pub(super) async fn append_as(
        &mut self,
        request_id: &str,
        act: &Act,
    ) -> Result<(v1::AppendRequest, v1::AppendResponse), Status> {
        let any = |event: &crate::events::Event| Any {
            type_url: format!("type.googleapis.com/{}", event.event_type().message()),
            value: event.encode(),
        };
        let request = v1::AppendRequest {
            request_id: request_id.to_owned(),
            events: act
                .iter()
                .map(|(event, _)| v1::ProposedEvent { event: Some(any(event)), sealed: Vec::new() })
                .collect(),
            ..v1::AppendRequest::default()
        };
        let receipt = self.ledger.append(request.clone()).await?.into_inner();
        Ok((request, receipt))
    }

    /// The last entry of the log.
    pub(super) async fn head(&mut self) -> Result<Head, Surprise> {
        let head = self.ledger.get_head(v1::GetHeadRequest {}).await?.into_inner();
        Ok((head.position, leaf_hash(&head.leaf_hash)?))
    }

    /// A person's record on a day, as known at a position.
    pub(super) async fn record(
        &mut self,
        entity: &str,
        as_of: Option<PartialDate>,
        known_at: Option<u64>,
    ) -> Result<v1::Record, Surprise> {
        let (position, _) = self.head().await?;
        let at = v1::AsOf {
            as_of,
            known_at: known_at.map(KnownAt::KnownAtPosition),
            min_position: known_at.is_none().then_some(position),
        };
        let name = format!("entity/{entity}");
        let request = v1::GetRecordRequest { name, at: Some(at), open_identity: false };
        let answer = self.records.get_record(request).await?.into_inner();
        answer.record.ok_or_else(|| Surprise("an answer without a record".to_owned()))
    }

    /// A declaration, as known at a position.
    pub(super) async fn declaration(&mut self, id: &str, known_at: Option<u64>) -> Result<v1::Declaration, Surprise> {
        let at = v1::AsOf { known_at: known_at.map(KnownAt::KnownAtPosition), ..v1::AsOf::default() };
        let name = format!("declaration/{id}");
        let request = v1::GetDeclarationRequest { name, at: Some(at), open_content: false };
        let answer = self.records.get_declaration(request).await?.into_inner();
        answer.declaration.ok_or_else(|| Surprise("an answer without a declaration".to_owned()))
    }

    /// Reads the whole log over gRPC and verifies it, as an auditor would.
    pub(super) async fn verify(&self, head: Head) -> Result<Report, Surprise> {
        let entries = RemoteEntries::connect(&self.url).await?;
        let wanted = Wanted { head: Some(head), ..Wanted::default() };
        Ok(tokio::task::spawn_blocking(move || verify(&entries, &wanted, |_, _| ())).await?)
    }

    /// The log's public key, as its operator gives it to everybody.
    pub(super) fn key(&self) -> Result<VerifierKey, Surprise> {
        let service = self.running.service();
        let key = service.keys().public_keys().next().ok_or_else(|| Surprise("a log without a key".to_owned()))?;
        Ok(vkey(service.vault().origin(), &key)?)
    }

    /// The signed checkpoint, once it is over so many entries.
    pub(super) async fn checkpoint(&self, size: u64) -> Result<String, Surprise> {
        let request = v1::GetCheckpointRequest { wait_for_size: Some(size) };
        Ok(asked::connect(&self.url).await?.get_checkpoint(request).await?.into_inner().note)
    }

    /// All that is filed about somebody, with a proof of each entry.
    pub(super) async fn history(&self, entity: &str) -> Result<String, Surprise> {
        let of = Of::Subject(format!("entity/{entity}"));
        Ok(prove::history(&mut asked::connect(&self.url).await?, of, true).await?.0)
    }

    /// Ends the service and closes the log.
    pub(super) async fn stop(self) -> Result<(), Surprise> {
        let Self { running, ledger, records, .. } = self;
        drop((ledger, records));
        Ok(running.stop().await?)
    }
}

/// A new request id.
pub(super) fn uuid() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// The beginning of a hash, for people.
pub(super) fn short(hash: &LeafHash) -> String {
    hash.to_string()[..12].to_owned()
}

fn leaf_hash(bytes: &[u8]) -> Result<LeafHash, Surprise> {
    bytes.try_into().map(LeafHash).map_err(|_| Surprise("a leaf hash that has not 32 bytes".to_owned()))
}
