//! `probity append`: one request from a file, with personal fields sealed before they leave the machine where that is asked.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use bytes::Bytes;
use clap::Args;
use prost_types::Any;
use serde_json::Value;
use serde_json::json;
use thiserror::Error;
use uuid::Uuid;

use crate::cli::connection;
use crate::cli::said;
use crate::events::EventType;
use crate::import;
use crate::keys;
use crate::keys::KeysError;
use crate::ledger::ClientPart;
use crate::ledger::ClientSealed;
use crate::ledger::SealingKey;
use crate::ledger::client_key;
use crate::ledger::seal_by_client;
use crate::proto::v1;
use crate::proto::v1::ledger_service_client::LedgerServiceClient;
use crate::tls::DialError;

/// Appends the events of a file, all or none, as one request.
///
/// With --seal-with every personal field is sealed here, under a key that the service never has: it stores what it cannot
/// read. Nobody finds such a person by number, no query shows what was sealed, and no rule that would have read it was
/// checked; the answer says which. Keep the key: without it nobody ever reads it again, and the service cannot help.
///
/// The same file with the same request id and key gives the same request, which can be repeated.
///
/// Exit status: 0 recorded, 2 it was not, or nobody knows: then ask again with the same request id.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  probity append --to http://127.0.0.1:7411 events.json\n  \
                        probity append --to http://127.0.0.1:7411 events.json --seal-with part.key --make-key\n  \
                        probity open-part --from http://127.0.0.1:7411 41 0 --key-file part.key")]
pub struct AppendArgs {
    /// An event or an array of events as proto JSON, each with its "@type".
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The service.
    #[arg(long, value_name = "URL", env = "PROBITY_URL")]
    to: String,
    /// A UUID; the same one with the same events is the same request. [default: a new one]
    #[arg(long, value_name = "UUID")]
    request_id: Option<Uuid>,
    /// A file with a key of 32 bytes, mode 600: seal every personal field with it.
    #[arg(long, value_name = "KEYFILE")]
    seal_with: Option<PathBuf>,
    /// Make that key, where there is no such file.
    #[arg(long, requires = "seal_with")]
    make_key: bool,
    /// Print the answer as JSON.
    #[arg(long)]
    json: bool,
}

/// Why nothing was appended.
#[derive(Debug, Error)]
pub enum Failed {
    /// The file cannot be read.
    #[error("{}: {error}", file.display())]
    Io {
        /// Which file.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It holds no events.
    #[error("{}: {what}", file.display())]
    NoEvents {
        /// Which file.
        file: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] KeysError),
    /// The service cannot be reached.
    #[error("the service cannot be reached: {}", said::causes(.0))]
    Connect(#[from] DialError),
    /// The service said no.
    #[error("request {request_id}: the service answered: {}", said::answer(status))]
    Status {
        /// To ask again with.
        request_id: Uuid,
        /// What it said.
        status: Box<tonic::Status>,
    },
}

/// Runs `probity append`.
///
/// # Errors
///
/// Nothing was appended, or nobody knows.
pub async fn run(arguments: AppendArgs) -> Result<ExitCode, Failed> {
    let request_id = arguments.request_id.unwrap_or_else(Uuid::new_v4);
    let events = events(&arguments)?;
    let key = arguments.seal_with.as_ref().map(|file| keys::read_client_key(file, arguments.make_key)).transpose()?;
    let refused = |status| Failed::Status { request_id, status: Box::new(status) };
    let mut client = LedgerServiceClient::new(connection::dial(&arguments.to).await?);
    let events = match key {
        None => events.into_iter().map(|event| v1::ProposedEvent { event: Some(event), sealed: Vec::new() }).collect(),
        Some(key) => {
            let origin = client.get_head(v1::GetHeadRequest {}).await.map_err(refused)?.into_inner().origin;
            let key = client_key(*key);
            let sealed = (0..).zip(events).map(|(number, event)| {
                sealed((&origin, request_id.into_bytes(), number), event, &key)
                    .map_err(|what| Failed::NoEvents { file: arguments.file.clone(), what })
            });
            sealed.collect::<Result<Vec<_>, _>>()?
        }
    };
    let request = v1::AppendRequest { request_id: request_id.to_string(), events, ..v1::AppendRequest::default() };
    let answer = client.append(request).await.map_err(refused)?.into_inner();
    print(&answer, request_id, arguments.json);
    Ok(ExitCode::SUCCESS)
}

/// The events of the file.
fn events(arguments: &AppendArgs) -> Result<Vec<Any>, Failed> {
    let file = || arguments.file.clone();
    let text = fs::read(&arguments.file).map_err(|error| Failed::Io { file: file(), error })?;
    // What the parser says of a place it says without what stands there.
    let no_json = |error: serde_json::Error| format!("no JSON at line {}, column {}", error.line(), error.column());
    let json: Value =
        serde_json::from_slice(&text).map_err(|error| Failed::NoEvents { file: file(), what: no_json(error) })?;
    let all = match json {
        Value::Array(all) => all,
        one => vec![one],
    };
    let event = |(number, json)| {
        // Its detail may quote what stands there.
        let refused = |refusal: import::error::Refusal| format!("event {number}: {} {}", refusal.reason, refusal.at);
        import::event::from_json(json).map_err(|refusal| Failed::NoEvents { file: file(), what: refused(refusal) })
    };
    all.into_iter().enumerate().map(event).collect()
}

/// An event with its personal fields sealed.
fn sealed(place: (&str, [u8; 16], u16), event: Any, key: &SealingKey) -> Result<v1::ProposedEvent, String> {
    let full_name = event.type_url.rsplit_once('/').map_or("", |(_, name)| name);
    let event_type = EventType::of_message(full_name).ok_or_else(|| format!("{full_name:?} is no event"))?;
    let sealed = seal_by_client(place, event_type, &Bytes::from(event.value), key);
    let ClientSealed { open, parts } = sealed.map_err(|fault| fault.to_string())?;
    let part = |part: ClientPart| v1::ClientSealedPart {
        field: part.field,
        part: part.part.into(),
        personal_class: part.class.into(),
        key_id: part.key_id.to_vec().into(),
        content_commitment: part.content.as_bytes().to_vec().into(),
        ciphertext: part.ciphertext,
    };
    Ok(v1::ProposedEvent {
        event: Some(Any { type_url: event.type_url, value: open.to_vec() }),
        sealed: parts.into_iter().map(part).collect(),
    })
}

#[expect(clippy::print_stdout, reason = "the answer is what this subcommand is asked for")]
fn print(answer: &v1::AppendResponse, request_id: Uuid, as_json: bool) {
    if as_json {
        let of = |one: &v1::Unchecked| json!({ "event": one.event, "field": one.field, "rules": one.rules });
        let unchecked: Vec<_> = answer.unchecked.iter().map(of).collect();
        println!(
            "{}",
            json!({ "request_id": request_id.to_string(), "first_position": answer.first_position,
                    "count": answer.count, "replayed": answer.replayed, "unchecked": unchecked })
        );
        return;
    }
    let again = if answer.replayed { ", as it was before" } else { "" };
    println!("recorded   {} events from position {} on{again}", answer.count, answer.first_position);
    println!("request    {request_id}");
    for unchecked in &answer.unchecked {
        let rules =
            if unchecked.rules.is_empty() { String::new() } else { format!("; {}", unchecked.rules.join(", ")) };
        println!("unchecked  event {}: {}, which you sealed{rules}", unchecked.event, unchecked.field);
    }
}
