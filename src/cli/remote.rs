//! A log behind gRPC, as a verifier reads it: in order over one stream, anything else one by one.

use std::sync::Mutex;
use std::sync::PoisonError;

use bytes::Bytes;
use tokio::runtime::Handle;
use tonic::Streaming;

use crate::cli::connection;
use crate::cli::said;
use crate::log::Entry;
use crate::log::Note;
use crate::log::Open;
use crate::proto::v1;
use crate::proto::v1::ledger_service_client::LedgerServiceClient;
use crate::proto::v1::proof_service_client::ProofServiceClient;
use crate::tls::Line;
use crate::verify::Entries;
use crate::verify::Unreadable;

/// Longer messages than ours are refused.
const MESSAGE_BYTES_MAX: usize = 8 << 20;

/// A log behind gRPC. Read from threads outside the runtime.
#[derive(Debug)]
pub(crate) struct RemoteEntries {
    runtime: Handle,
    client: LedgerServiceClient<Line>,
    size: u64,
    /// The stream that goes on, and the position it goes on at. Guards who reads from it.
    stream: Mutex<Option<(u64, Streaming<v1::ReadEntriesResponse>)>>,
}

impl RemoteEntries {
    /// Connects, and asks how long the log is.
    pub(crate) async fn connect(url: &str) -> Result<Self, Unreadable> {
        let client = connect(url).await?;
        let head = client.clone().get_head(v1::GetHeadRequest {}).await.map_err(|status| unreachable(&status))?;
        let size = head.into_inner().position + 1;
        Ok(Self { runtime: Handle::current(), client, size, stream: Mutex::new(None) })
    }

    async fn next(&self, from: u64, one: bool) -> Result<Vec<(u64, Bytes)>, Unreadable> {
        if one {
            let request = v1::GetEntryRequest { position: from, view: v1::EntryView::Full.into() };
            let answer = self.client.clone().get_entry(request).await.map_err(|status| unreachable(&status))?;
            return Ok(answer.into_inner().entry.map(stored).into_iter().collect());
        }
        let held = self.stream.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (mut stream, goes_on) = match held {
            Some((at, stream)) if at == from => (stream, true),
            _ => (self.begin(from).await?, false),
        };
        let mut message = stream.message().await.map_err(|status| unreachable(&status))?;
        // It ended where the log did when it began.
        if goes_on && message.is_none() {
            stream = self.begin(from).await?;
            message = stream.message().await.map_err(|status| unreachable(&status))?;
        }
        let entries: Vec<_> = message.into_iter().flat_map(|message| message.entries).map(stored).collect();
        if let Some((last, _)) = entries.last() {
            *self.stream.lock().unwrap_or_else(PoisonError::into_inner) = Some((last + 1, stream));
        }
        Ok(entries)
    }

    async fn begin(&self, from: u64) -> Result<Streaming<v1::ReadEntriesResponse>, Unreadable> {
        let request = v1::ReadEntriesRequest {
            from: Some(from),
            view: v1::EntryView::Full.into(),
            ..v1::ReadEntriesRequest::default()
        };
        let answer = self.client.clone().read_entries(request).await.map_err(|status| unreachable(&status))?;
        Ok(answer.into_inner())
    }
}

impl Entries for RemoteEntries {
    fn size(&self) -> u64 {
        self.size
    }

    fn size_now(&self) -> Result<u64, Unreadable> {
        let head = self.runtime.block_on(self.client.clone().get_head(v1::GetHeadRequest {}));
        Ok(head.map_err(|status| unreachable(&status))?.into_inner().position + 1)
    }

    fn read(&self, from: u64, bytes_max: usize) -> Result<Vec<(u64, Bytes)>, Unreadable> {
        self.runtime.block_on(self.next(from, bytes_max <= 1))
    }
}

/// A client of the ledger at a URL.
pub(crate) async fn connect(url: &str) -> Result<LedgerServiceClient<Line>, Unreadable> {
    let client = LedgerServiceClient::new(dial(url).await?);
    Ok(client.max_decoding_message_size(MESSAGE_BYTES_MAX))
}

/// The newest checkpoint that a service has published; `None` where it publishes nothing.
pub(crate) async fn checkpoint(url: &str) -> Result<Option<Note>, Unreadable> {
    let mut client = ProofServiceClient::new(dial(url).await?);
    match client.get_checkpoint(v1::GetCheckpointRequest { wait_for_size: None }).await {
        Ok(answer) => {
            let malformed = |error| Unreadable { damaged: true, what: format!("the service's checkpoint: {error}") };
            Note::parse(answer.into_inner().note.as_bytes()).map(Some).map_err(malformed)
        }
        Err(status) if status.code() == tonic::Code::FailedPrecondition => Ok(None),
        Err(status) => Err(unreachable(&status)),
    }
}

async fn dial(url: &str) -> Result<Line, Unreadable> {
    connection::dial(url).await.map_err(|error| Unreadable {
        damaged: false,
        what: format!("{url} cannot be reached: {}", said::causes(&error)),
    })
}

fn unreachable(status: &tonic::Status) -> Unreadable {
    Unreadable {
        damaged: status.code() == tonic::Code::DataLoss,
        what: format!("the service answered: {}", said::answer(status)),
    }
}

/// The bytes of an entry as they are stored, from what was sent.
fn stored(entry: v1::Entry) -> (u64, Bytes) {
    let kept = |part: v1::SealedPart| (!part.ciphertext.is_empty()).then_some(part.ciphertext);
    let open = entry
        .open_payload
        .and_then(|open| Some(Open { salt: entry.open_salt.as_ref().try_into().ok()?, payload: open.value.into() }));
    let whole = Entry {
        leaf: entry.leaf,
        manifest: entry.manifest,
        open,
        parts: entry.sealed_parts.into_iter().map(kept).collect(),
    };
    (entry.position, whole.encode().into())
}
