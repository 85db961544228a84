//! Proofs that others check: what a service hands out proves what it says, and nothing that was changed proves anything.

mod beside;
mod budget;
mod commands;
mod files;
mod levels;
mod own_log;
mod python;
mod refused;
mod token;

use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::time::Duration;

use probity::clock::Clock;
use probity::clock::Settable;
use probity::keys::Signer;
use probity::ledger::Vault as _;
use probity::log::PublicKey;
use probity::log::SignatureType;
use probity::log::VerifierKey;
use probity::log::leaf_bytes;
use probity::proto::v1;
use probity::proto::v1::history::Of;
use probity::proto::v1::proof_service_client::ProofServiceClient;
use probity::publish::PublishOptions;
use probity::sequencer::Limits;
use probity::server;
use probity::server::Running;
use probity::server::Settings;
use probity::service;
use probity::service::Options;
use probity::store::EntryBytes;
use probity::store::LogStore;
use probity::store::MemoryStore;
use probity::store::StoreError;
use probity::store::StoreStats;
use probity::verify::Trust;
use tempfile::TempDir;
use tonic::Status;
use tonic::transport::Channel;

use crate::service::Ledger;
use crate::service::ledger;
use crate::service::story;

const ORIGIN: &str = "test.example/log";

/// 2027-01-15T08:00:00Z.
const NOW_MS: u64 = 1_800_000_000_000;

/// So rarely that nothing is sealed but the beginning, and what somebody waits for.
const WHEN_ASKED: Duration = Duration::from_hours(1);

/// What becomes of a SEAL that is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seals {
    Written,
    /// They wait until they are let through.
    Held,
    /// The disk refuses them.
    Refused,
}

/// A store in memory that is told what becomes of SEALs.
#[derive(Debug)]
struct Gate {
    inner: MemoryStore,
    seals: Mutex<Seals>,
    told: Condvar,
}

impl Gate {
    fn set(&self, seals: Seals) {
        *self.seals.lock().unwrap() = seals;
        self.told.notify_all();
    }
}

impl LogStore for Gate {
    fn size(&self) -> u64 {
        self.inner.size()
    }

    fn append(&self, entries: &[EntryBytes]) -> Result<(), StoreError> {
        if entries.iter().any(|entry| leaf_bytes(entry).unwrap()[4] == 2) {
            let seals = self.told.wait_while(self.seals.lock().unwrap(), |seals| *seals == Seals::Held).unwrap();
            if *seals == Seals::Refused {
                return Err(StoreError::SyncFailed { what: "the test wants it so".to_owned() });
            }
        }
        self.inner.append(entries)
    }

    fn get(&self, index: u64) -> Result<Option<EntryBytes>, StoreError> {
        self.inner.get(index)
    }

    fn read(&self, from: u64, max_bytes: usize) -> Result<Vec<(u64, EntryBytes)>, StoreError> {
        self.inner.read(from, max_bytes)
    }

    fn stats(&self) -> StoreStats {
        self.inner.stats()
    }
}

/// A service that seals when it is asked, and whoever asks it.
struct Stand {
    gate: Arc<Gate>,
    running: Running,
    ledger: Ledger,
    proofs: ProofServiceClient<Channel>,
    key: VerifierKey,
    folder: TempDir,
}

impl Stand {
    async fn open() -> Self {
        Self::open_with(Some(WHEN_ASKED)).await
    }

    async fn open_with(seal_every: Option<Duration>) -> Self {
        Self::open_gated(seal_every, Seals::Written).await
    }

    async fn open_gated(seal_every: Option<Duration>, seals: Seals) -> Self {
        Self::open_signed_by(seal_every, seals, Vec::new()).await
    }

    async fn open_signed_by(seal_every: Option<Duration>, seals: Seals, signers: Vec<Arc<dyn Signer>>) -> Self {
        let folder = TempDir::new().unwrap();
        let gate = Gate { inner: MemoryStore::new(), seals: Mutex::new(seals), told: Condvar::new() };
        let gate = Arc::new(gate);
        let mut options = Options::new(folder.path().to_owned());
        options.origin = Some(ORIGIN.to_owned());
        options.elsewhere.signers = signers;
        options.publish = seal_every.map(|seal_every| PublishOptions { seal_every, ..PublishOptions::default() });
        let (clock, store): (Clock, _) = (Settable::at(NOW_MS), Arc::clone(&gate) as Arc<dyn LogStore>);
        let opened = tokio::task::spawn_blocking(move || service::open_over(store, &options, clock, |_| ())).await;
        let listen = "127.0.0.1:0".parse().unwrap();
        let settings = Settings { listen, limits: Limits::default(), stop_within: Duration::from_secs(5) };
        let running = server::serve(opened.unwrap().unwrap(), settings).await.unwrap();
        let url = format!("http://{}", running.address);
        let origin = running.service().vault().origin().to_owned();
        let public_key = PublicKey::parse(&running.service().keys().public_key()).unwrap();
        let key = VerifierKey::new(&origin, SignatureType::Ed25519, public_key).unwrap();
        let (ledger, proofs) = (ledger(&url).await, ProofServiceClient::connect(url.clone()).await.unwrap());
        Self { gate, running, ledger, proofs, key, folder }
    }

    /// With stories 1 to 3 told, and sealed.
    async fn told() -> Self {
        let mut stand = Self::open().await;
        for number in 1..4 {
            stand.append(story::request(number)).await.unwrap();
        }
        stand.seal().await;
        stand
    }

    fn trust(&self) -> Trust<'_> {
        Trust { keys: std::slice::from_ref(&self.key), policy: None }
    }

    async fn append(&mut self, request: v1::AppendRequest) -> Result<v1::AppendResponse, Status> {
        self.ledger.append(request).await.map(tonic::Response::into_inner)
    }

    /// Waits until all that is recorded is sealed.
    async fn seal(&mut self) -> v1::GetCheckpointResponse {
        let head = crate::service::head(&mut self.ledger).await.0;
        let request = v1::GetCheckpointRequest { wait_for_size: Some(head + 1) };
        self.proofs.get_checkpoint(request).await.unwrap().into_inner()
    }

    /// A `.subject-proof`, put together.
    async fn history(&mut self, of: Of, inclusion_of_each: bool) -> (v1::ProofHead, Vec<u8>) {
        let history = Some(v1::History { of: Some(of) });
        let request = v1::ProveSubjectRequest { history, inclusion_of_each };
        let mut messages = self.proofs.prove_subject(request).await.unwrap().into_inner();
        let (mut head, mut bytes) = (None, Vec::new());
        while let Some(message) = messages.message().await.unwrap() {
            assert!(message.chunk.len() <= 64 << 10 && head.is_none() == message.head.is_some());
            head = head.or(message.head);
            bytes.extend_from_slice(&message.chunk);
        }
        let head = head.unwrap();
        assert_eq!(head.file_bytes, bytes.len() as u64);
        (head, bytes)
    }

    /// A `.tlog-proof`.
    async fn entry(&mut self, position: u64) -> Vec<u8> {
        let request = v1::ProveInclusionRequest { position, size: None };
        self.proofs.prove_inclusion(request).await.unwrap().into_inner().tlog_proof.to_vec()
    }

    async fn stop(self) {
        self.running.stop().await.unwrap();
    }
}

fn subject(number: u64, thing: u64, kind: &str) -> Of {
    Of::Subject(format!("{kind}/{}", story::id(number, thing)))
}

fn stream(number: u64, thing: u64, kind: &str) -> Of {
    Of::Stream(format!("{kind}/{}", story::id(number, thing)))
}
