//! `probity erase`: personal data is forgotten, by the word of three.

use std::process::ExitCode;

use clap::Args;
use clap::Subcommand;
use serde_json::json;
use thiserror::Error;
use uuid::Uuid;

use crate::cli::connection;
use crate::cli::said;
use crate::events::Code;
use crate::events::DataScope;
use crate::proto::v1;
use crate::proto::v1::ErasureState;
use crate::proto::v1::admin_service_client::AdminServiceClient;
use crate::tls::DialError;
use crate::tls::Line;

/// Asks that personal data be forgotten, approves it, and shows what became of it.
///
/// Who asks does not approve; two others do, within 30 days. Then the service records one ERASURE for each entry that
/// loses something and destroys the data keys. Chain, tree, map and every proof stay as they were.
///
/// Exit status: 0 done, 1 a hold forbids it or there is nothing to erase, 2 it could not be done.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  probity erase request --what entity/3Q8H5T0V9XKZ4M2N6P7R1S5W8C=identity \\\n    --ground law.pdpl/erasure --dry-run\n  probity erase approve erasure/7ZZZZZZZZZZZZZZZZZZZZZZZZZ \\\n    --ground law.pdpl/erasure\n  probity erase list"
)]
pub struct EraseArgs {
    /// The service.
    #[arg(long, value_name = "URL", env = "PROBITY_URL", default_value = "http://127.0.0.1:7411")]
    pub from: String,
    /// Print as JSON.
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Clone, Debug)]
enum What {
    /// Asks for an erasure, or looks what it would take away.
    #[command(
        after_help = "Examples:\n  probity erase request --what entity/3Q8H5T0V9XKZ4M2N6P7R1S5W8C=identity \\\n    --ground law.pdpl/erasure --dry-run\n  probity erase request --what entity/3Q8H5T0V9XKZ4M2N6P7R1S5W8C=property:2019 \\\n    --ground law.pdpl/erasure"
    )]
    Request {
        /// What is to go: NAME=identity, NAME=property:YEAR, NAME=narrative or NAME=protected. May be repeated.
        #[arg(long = "what", value_name = "NAME=CLASS", value_parser = scope)]
        scopes: Vec<DataScope>,
        /// An entry whose open payload is to go too. May be repeated.
        #[arg(long = "open", value_name = "POSITION")]
        open_positions: Vec<u64>,
        /// Id of a person or body whose data it is. May be repeated.
        #[arg(long = "subject", value_name = "ID")]
        subject_ids: Vec<String>,
        /// The ground in law, as SCHEME/CODE.
        #[arg(long, value_name = "SCHEME/CODE", value_parser = code)]
        ground: Code,
        /// Look what would go, and record nothing.
        #[arg(long)]
        dry_run: bool,
        /// A UUID, so that the request can be repeated. Absent, one is made.
        #[arg(long, value_name = "UUID")]
        request_id: Option<Uuid>,
    },
    /// Approves an erasure that another asked for.
    #[command(
        after_help = "Example:\n  probity erase approve erasure/7ZZZZZZZZZZZZZZZZZZZZZZZZZ \\\n    --ground law.pdpl/erasure"
    )]
    Approve {
        /// `erasure/…`, as the request and the list print it.
        name: String,
        /// The ground in law, as SCHEME/CODE.
        #[arg(long, value_name = "SCHEME/CODE", value_parser = code)]
        ground: Code,
        /// A UUID, so that the request can be repeated. Absent, one is made.
        #[arg(long, value_name = "UUID")]
        request_id: Option<Uuid>,
    },
    /// What became of each erasure, the newest first.
    #[command(after_help = "Example:\n  probity erase list --open-only")]
    List {
        /// Only those that wait.
        #[arg(long)]
        open_only: bool,
    },
}

/// Why it could not be done.
#[derive(Debug, Error)]
pub enum Failed {
    /// The service cannot be reached.
    #[error("the service cannot be reached: {}", said::causes(.0))]
    Connect(#[from] DialError),
    /// The service said no.
    #[error("the service answered: {}", said::answer(.0))]
    Status(Box<tonic::Status>),
}

impl From<tonic::Status> for Failed {
    fn from(status: tonic::Status) -> Self {
        Self::Status(Box::new(status))
    }
}

type Client = AdminServiceClient<Line>;

/// Runs `probity erase`.
///
/// # Errors
///
/// It could not be done.
pub async fn run(arguments: EraseArgs) -> Result<ExitCode, Failed> {
    let mut client = Client::new(connection::dial(&arguments.from).await?);
    let json = arguments.json;
    match arguments.what {
        What::Request { scopes, open_positions, subject_ids, ground, dry_run, request_id } => {
            let request = v1::RequestErasureRequest {
                request_id: request_id.unwrap_or_else(Uuid::new_v4).to_string(),
                dry_run,
                scopes,
                open_positions,
                subject_ids,
                ground: Some(ground),
                ..v1::RequestErasureRequest::default()
            };
            Ok(requested(&client.request_erasure(request).await?.into_inner(), json))
        }
        What::Approve { name, ground, request_id } => {
            let request_id = request_id.unwrap_or_else(Uuid::new_v4).to_string();
            let request = v1::ApproveErasureRequest { request_id, name, ground: Some(ground), legal_basis: Vec::new() };
            let answer = client.approve_erasure(request).await?.into_inner();
            listed(&Vec::from_iter(answer.erasure), json);
            Ok(ExitCode::SUCCESS)
        }
        What::List { open_only } => {
            listed(&client.list_erasures(v1::ListErasuresRequest { open_only }).await?.into_inner().erasures, json);
            Ok(ExitCode::SUCCESS)
        }
    }
}

#[expect(clippy::print_stdout, reason = "the answer is what this subcommand is asked for")]
fn requested(answer: &v1::RequestErasureResponse, json: bool) -> ExitCode {
    let nothing = answer.entries == 0;
    let status = if answer.holds.is_empty() && !nothing { ExitCode::SUCCESS } else { ExitCode::from(1) };
    if json {
        let losses = answer.losses.iter().map(|loss| {
            json!({ "position": loss.position, "event_type": loss.event_type, "parts": loss.parts,
                    "open_payload": loss.open_payload, "erased_before": loss.erased_before,
                    "sealed_by_clients": loss.sealed_by_clients })
        });
        let holds: Vec<_> =
            answer.holds.iter().map(|hold| json!({ "name": hold.name, "target": hold.target })).collect();
        let losses: Vec<_> = losses.collect();
        println!(
            "{}",
            json!({ "erasure": answer.erasure, "position": answer.position, "entries": answer.entries,
                    "keys": answer.keys, "parts_sealed_by_clients": answer.parts_sealed_by_clients,
                    "losses": losses, "holds": holds })
        );
        return status;
    }
    for loss in &answer.losses {
        let parts: Vec<String> = loss.parts.iter().map(ToString::to_string).collect();
        let parts = if parts.is_empty() { String::new() } else { format!("  part {}", parts.join(", ")) };
        let open = if loss.open_payload { "  open payload" } else { "" };
        let before = if loss.erased_before { "  (erased before)" } else { "" };
        println!("entry {:>10}  {}{parts}{open}{before}", loss.position, loss.event_type);
    }
    println!("{} entries, {} data keys", answer.entries, answer.keys);
    if answer.parts_sealed_by_clients > 0 {
        println!(
            "{} parts were sealed by clients: their ciphertext goes, and their keys are not here to be destroyed",
            answer.parts_sealed_by_clients
        );
    }
    for hold in &answer.holds {
        println!("HELD      {} holds {}", hold.name, hold.target);
    }
    if !answer.erasure.is_empty() {
        let until = answer.expires_on.map(|day| format!("{:04}-{:02}-{:02}", day.year, day.month, day.day));
        println!("requested {} at position {}", answer.erasure, answer.position.unwrap_or_default());
        println!("          two others approve it until {}", until.unwrap_or_default());
    }
    status
}

#[expect(clippy::print_stdout, reason = "the answer is what this subcommand is asked for")]
fn listed(erasures: &[v1::Erasure], json: bool) {
    for erasure in erasures {
        let state = match erasure.state() {
            ErasureState::Unspecified => "unknown",
            ErasureState::Requested => "requested",
            ErasureState::Expired => "expired",
            ErasureState::Approved => "approved",
            ErasureState::Withdrawn => "withdrawn",
            ErasureState::Completed => "completed",
        };
        if json {
            println!(
                "{}",
                json!({ "name": erasure.name, "state": state, "position": erasure.position,
                        "requester": erasure.requester, "approvers": erasure.approvers })
            );
            continue;
        }
        let approvals = format!("{} of {} approvals", erasure.approvers.len(), erasure.approvals_needed);
        println!("{}  {state:<9}  {approvals}  asked for at position {}", erasure.name, erasure.position);
    }
}

fn code(text: &str) -> Result<Code, String> {
    let (scheme, code) = text.split_once('/').ok_or("SCHEME/CODE, with a slash between")?;
    Ok(Code { scheme: scheme.to_owned(), code: code.to_owned() })
}

fn scope(text: &str) -> Result<DataScope, String> {
    let (owner, class) = text.split_once('=').ok_or("NAME=CLASS, with an equals sign between")?;
    let (class, year) = class.split_once(':').unwrap_or((class, "0"));
    let personal_class = match class {
        "identity" => 2,
        "property" => 3,
        "narrative" => 4,
        "protected" => 5,
        _ => return Err("a class is identity, property:YEAR, narrative or protected".to_owned()),
    };
    let year = year.parse().map_err(|_| "a year is a number".to_owned())?;
    Ok(DataScope { owner: owner.to_owned(), personal_class, year })
}
