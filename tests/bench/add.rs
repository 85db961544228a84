//! `POST /add` before a service, for tools that load a log: Tessera's `hammer`, and `.ci/foreign/adds`.
//!
//! ```text
//! add --listen HOST:PORT --to URL --record-made-up-events [--sealed]
//! ```
//!
//! Each body is recorded as the registration of a made-up organisation, whose id and whose request's id are hashes of the
//! body: the same body again is the same entry. The answer is the index, in digits, when the entry is durable or, with
//! `--sealed`, under a published checkpoint. It is no part of the program: a log of real records has no use for it.
#![expect(clippy::print_stdout, reason = "scripts wait for the line")]

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use clap::Parser;
use hyper::StatusCode;
use hyper::header::RETRY_AFTER;
use probity::events::Event;
use probity::events::OrganisationName;
use probity::events::OrganisationRegistered;
use probity::http;
use probity::http::Requests;
use probity::proto::v1;
use probity::proto::v1::Acknowledgement;
use probity::proto::v1::ledger_service_client::LedgerServiceClient;
use prost_types::Any;
use sha2::Digest as _;
use sha2::Sha256;
use tokio_util::sync::CancellationToken;
use tonic::Code;
use tonic::transport::Channel;
use ulid::Ulid;
use uuid::Uuid;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Records whatever is posted to /add as a made-up event. Only for logs that are thrown away.
#[derive(Parser, Debug)]
struct Arguments {
    /// Where to listen; port 0 picks a port.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The service.
    #[arg(long, default_value = "http://127.0.0.1:7411")]
    to: String,
    /// Answer when a published checkpoint is over the entry.
    #[arg(long)]
    sealed: bool,
    /// The log of the service is one that is thrown away: what is recorded stays in it for ever.
    #[arg(long)]
    record_made_up_events: bool,
    /// What cargo gives.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Debug)]
struct To {
    ledger: LedgerServiceClient<Channel>,
    acknowledgement: Acknowledgement,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    if !arguments.record_made_up_events {
        println!("nothing is recorded without --record-made-up-events");
        return Ok(());
    }
    let acknowledgement = if arguments.sealed { Acknowledgement::Sealed } else { Acknowledgement::Recorded };
    let to = To { ledger: LedgerServiceClient::connect(arguments.to).await?, acknowledgement };
    let listener = http::bind(arguments.listen).await?;
    println!("adding at http://{}/", listener.local_addr()?);
    let pages = Router::new().route("/add", post(add)).with_state(to);
    http::serve(listener, pages, Arc::new(Requests::default()), CancellationToken::new()).await;
    Ok(())
}

async fn add(State(mut to): State<To>, body: Bytes) -> Response {
    let hash: [u8; 32] = Sha256::digest(&body).into();
    let [request, entity] = [&hash[..16], &hash[16..]].map(|half| half.try_into().expect("half of 32 bytes"));
    let entity_id = Ulid::from_bytes(entity).to_string();
    let name = OrganisationName { text: "Office of load tests".to_owned(), language: "en".to_owned() };
    let registered =
        OrganisationRegistered { entity_id: entity_id.clone(), names: vec![name], ..OrganisationRegistered::default() };
    let event = Event::from(registered);
    let type_url = format!("type.googleapis.com/{}", event.event_type().message());
    let append = v1::AppendRequest {
        request_id: Uuid::from_bytes(request).to_string(),
        events: vec![v1::ProposedEvent { event: Some(Any { type_url, value: event.encode() }), sealed: Vec::new() }],
        acknowledgement: to.acknowledgement.into(),
        ..v1::AppendRequest::default()
    };
    let answer = Response::builder();
    let made = match to.ledger.append(append).await {
        Ok(receipt) => answer
            .header("x-subject", format!("entity/{entity_id}"))
            .body(receipt.into_inner().first_position.to_string().into()),
        Err(status) if matches!(status.code(), Code::ResourceExhausted | Code::Unavailable) => {
            answer.status(StatusCode::SERVICE_UNAVAILABLE).header(RETRY_AFTER, "1").body(status.to_string().into())
        }
        Err(status) => answer.status(StatusCode::INTERNAL_SERVER_ERROR).body(status.to_string().into()),
    };
    made.expect("the headers are well-formed")
}
