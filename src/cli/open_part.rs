//! `probity open-part`: what a client sealed, opened by whoever has its key.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use prost_reflect::DynamicMessage;
use thiserror::Error;

use crate::cli::connection;
use crate::cli::said;
use crate::events::EventType;
use crate::events::POOL;
use crate::keys;
use crate::keys::KeysError;
use crate::ledger::client_key;
use crate::log::Manifest;
use crate::log::OpenError;
use crate::log::SealContext;
use crate::log::SealedBy;
use crate::log::open_part;
use crate::log::sealed_hash;
use crate::proto::v1;
use crate::proto::v1::ledger_service_client::LedgerServiceClient;
use crate::tls::DialError;

/// Fetches a sealed part of an entry and opens it here, with a key that the service does not have.
///
/// What opens is what was recorded: the ciphertext is compared with the manifest, and the content with what was committed
/// to. A part of another entry, another event or another log does not open.
///
/// Exit status: 0 opened, 1 it does not open with this key or is not what was committed to, 2 it could not be had.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  probity open-part --from http://127.0.0.1:7411 41 0 --key-file part.key")]
pub struct OpenPartArgs {
    /// The position of the entry.
    position: u64,
    /// The number of the part, from 0.
    #[arg(default_value_t = 0)]
    part: u8,
    /// The service.
    #[arg(long, value_name = "URL", env = "PROBITY_URL")]
    from: String,
    /// The file with the key that it was sealed with, as `probity append --seal-with` had it.
    #[arg(long, value_name = "KEYFILE")]
    key_file: PathBuf,
}

/// Why it was not opened.
#[derive(Debug, Error)]
pub enum Failed {
    /// The key cannot be read.
    #[error(transparent)]
    Key(#[from] KeysError),
    /// The service cannot be reached.
    #[error("the service cannot be reached: {}", said::causes(.0))]
    Connect(#[from] DialError),
    /// The service said no.
    #[error("the service answered: {}", said::answer(.0))]
    Status(Box<tonic::Status>),
    /// The entry is not whole, or holds no such part.
    #[error("entry {position}: {what}")]
    Entry {
        /// Which.
        position: u64,
        /// What is wrong.
        what: String,
    },
}

impl From<tonic::Status> for Failed {
    fn from(status: tonic::Status) -> Self {
        Self::Status(Box::new(status))
    }
}

/// Runs `probity open-part`.
///
/// # Errors
///
/// The part could not be had.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "the content is what this subcommand is asked for")]
pub async fn run(arguments: OpenPartArgs) -> Result<ExitCode, Failed> {
    let OpenPartArgs { position, part, .. } = arguments;
    let key = client_key(*keys::read_client_key(&arguments.key_file, false)?);
    let mut client = LedgerServiceClient::new(connection::dial(&arguments.from).await?);
    let origin = client.get_head(v1::GetHeadRequest {}).await?.into_inner().origin;
    let request = v1::GetEntryRequest { position, view: v1::EntryView::Full.into() };
    let entry = client.get_entry(request).await?.into_inner().entry.unwrap_or_default();
    let bad = |what: String| Failed::Entry { position, what };
    let manifest = Manifest::decode(&entry.manifest).map_err(|error| bad(error.to_string()))?;
    let place = usize::from(part);
    let (Some(named), Some(held)) = (manifest.parts.get(place), entry.sealed_parts.get(place)) else {
        return Err(bad(format!("it has {} sealed parts, and no part {part}", manifest.parts.len())));
    };
    if let Some(by) = held.erased_by {
        return Err(bad(format!("part {part} is erased by entry {by}")));
    }
    if sealed_hash(&held.ciphertext) != named.ciphertext {
        return Err(bad(format!("what came as part {part} is not what its manifest names")));
    }
    if named.sealed_by == SealedBy::Service {
        return Err(bad(format!("part {part} was sealed by the service; ask it to open it")));
    }
    if named.key_id != key.id {
        eprintln!("probity: part {part} names another key than that of {}", arguments.key_file.display());
        return Ok(ExitCode::from(1));
    }
    let context = SealContext {
        origin: &origin,
        request_id: manifest.request_id,
        number: manifest.number,
        part,
        class: named.class,
        key_id: named.key_id,
    };
    match open_part(&context, &key.key, &held.ciphertext, &named.content) {
        Ok(content) => {
            println!("{}", as_json(&manifest, &content).ok_or_else(|| bad("what opened is no event".to_owned()))?);
            Ok(ExitCode::SUCCESS)
        }
        Err(error @ (OpenError::NotAuthentic | OpenError::Content(_))) => {
            eprintln!("probity: {error}");
            Ok(ExitCode::from(1))
        }
    }
}

/// The event with the sealed field alone, in the JSON mapping of its message.
fn as_json(manifest: &Manifest, content: &[u8]) -> Option<String> {
    let event_type = EventType::parse(&manifest.event_type, manifest.version)?;
    let message = POOL.get_message_by_name(event_type.message())?;
    let message = DynamicMessage::decode(message, content).ok()?;
    serde_json::to_string_pretty(&message).ok()
}
