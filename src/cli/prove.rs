//! `probity prove`: proofs from a service, as files that are checked without it.

use std::fmt::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::Subcommand;
use data_encoding::BASE64;
use tokio_stream::StreamExt as _;

use crate::cli::asked;
use crate::cli::asked::Failed;
use crate::log::ProofFile;
use crate::log::SubjectProof;
use crate::proto::v1;
use crate::proto::v1::history::Of;
use crate::proto::v1::proof_service_client::ProofServiceClient;
use crate::tls::Line;

/// Fetches a proof from a service, as a file that anybody can check with the log's public key and nothing else.
///
/// What was fetched is printed, or written with -o to a file that must not be there yet. It is not checked here: that is
/// `probity verify proof`, on another machine if you like.
///
/// Exit status: 0 there it is, 2 it could not be had.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ProveArgs {
    /// The service, for example `http://127.0.0.1:7411`.
    #[arg(long, value_name = "URL", env = "PROBITY_URL")]
    pub from: String,
    /// Write to this new file instead of standard output.
    #[arg(short, long, value_name = "FILE", global = true)]
    pub output: Option<PathBuf>,
    /// What to prove.
    #[command(subcommand)]
    pub what: What,
}

const EXAMPLES: &str = r"Examples:
  probity prove --from http://127.0.0.1:7411 subject \
    entity/3Q8H5T0V9XKZ4M2N6P7R1S5W8C -o person.subject-proof
  probity prove --from http://127.0.0.1:7411 entry 41 -o 41.tlog-proof";

const SUBJECT: &str = r"Examples:
  probity prove --from http://127.0.0.1:7411 subject \
    entity/3Q8H5T0V9XKZ4M2N6P7R1S5W8C -o person.subject-proof
  probity prove --from http://127.0.0.1:7411 subject \
    3Q8H5T0V9XKZ4M2N6P7R1S5W8C --each";

const STREAM: &str = r"Example:
  probity prove --from http://127.0.0.1:7411 stream \
    case/3Q8H5T0V9XKZ4M2N6P7R1S5W8C -o case.subject-proof";

const ENTRY: &str = r"Example:
  probity prove --from http://127.0.0.1:7411 entry 41 -o 41.tlog-proof";

const CONSISTENCY: &str = r"Example:
  probity prove --from http://127.0.0.1:7411 consistency 1200 4711 \
    -o 1200-4711.consistency";

/// What to prove.
#[derive(Subcommand, Clone, Debug)]
pub enum What {
    /// All that is filed about a person, body or matter, or that there is nothing: a `.subject-proof`.
    #[command(after_help = SUBJECT)]
    Subject(HistoryArgs),
    /// All that was recorded in a stream, or that there is nothing: a `.subject-proof`.
    #[command(after_help = STREAM)]
    Stream(HistoryArgs),
    /// That an entry is in the log: a C2SP `.tlog-proof`.
    #[command(after_help = ENTRY)]
    Entry {
        /// The entry's position, from 0.
        position: u64,
    },
    /// That the log of a newer checkpoint begins with the log of an older one: hashes in base 64, one on each line.
    #[command(after_help = CONSISTENCY)]
    Consistency {
        /// Entries of the older checkpoint.
        old: u64,
        /// Entries of the newer checkpoint.
        new: u64,
    },
}

/// Whose history.
#[derive(Args, Clone, Debug)]
pub struct HistoryArgs {
    /// The name, `kind/ID`; an id alone is that of an entity.
    pub name: String,
    /// With an inclusion proof of each entry: they are in the log then, whatever its seal says.
    #[arg(long)]
    pub each: bool,
}

/// Runs `probity prove`.
///
/// # Errors
///
/// The proof could not be had.
pub async fn run(arguments: ProveArgs) -> Result<ExitCode, Failed> {
    let mut client = asked::connect(&arguments.from).await?;
    let (text, words) = match arguments.what {
        What::Subject(of) => history(&mut client, Of::Subject(full(of.name)), of.each).await?,
        What::Stream(of) => history(&mut client, Of::Stream(full(of.name)), of.each).await?,
        What::Entry { position } => entry(&mut client, position).await?,
        What::Consistency { old, new } => consistency(&mut client, old, new).await?,
    };
    asked::hand_on(&text, arguments.output.as_deref())?;
    said(&words, arguments.output.as_deref());
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::print_stderr, reason = "standard output may be the file")]
fn said(words: &str, file: Option<&Path>) {
    match file {
        Some(file) => eprintln!("probity prove: {words}, in {}", file.display()),
        None => eprintln!("probity prove: {words}"),
    }
}

fn full(name: String) -> String {
    if name.contains('/') { name } else { format!("entity/{name}") }
}

/// A `.subject-proof`, and words about it.
pub(super) async fn history(
    client: &mut ProofServiceClient<Line>,
    of: Of,
    inclusion_of_each: bool,
) -> Result<(String, String), Failed> {
    let history = Some(v1::History { of: Some(of) });
    let request = v1::ProveSubjectRequest { history, inclusion_of_each };
    let mut messages = client.prove_subject(request).await?.into_inner();
    let (mut bytes, mut expected) = (Vec::new(), 0);
    while let Some(message) = messages.next().await {
        let message = message?;
        expected = message.head.map_or(expected, |head| head.file_bytes);
        bytes.extend_from_slice(&message.chunk);
    }
    if bytes.len() as u64 != expected {
        return Err(Failed::Cut { found: bytes.len() as u64, expected });
    }
    let proof = SubjectProof::parse(&bytes)?;
    let filed = match proof.leaves.len() {
        0 => "nothing".to_owned(),
        1 => "1 entry".to_owned(),
        count => format!("{count} entries"),
    };
    let size = proof.seal_proof.checkpoint.size;
    let words = format!("{filed} under {} as of {size} entries, {} bytes", proof.history, bytes.len());
    Ok((proof.to_string(), words))
}

async fn entry(client: &mut ProofServiceClient<Line>, position: u64) -> Result<(String, String), Failed> {
    let (proof, _) = included(client, position).await?;
    let words = format!("entry {position} under the checkpoint of {} entries", proof.checkpoint.size);
    Ok((proof.to_string(), words))
}

/// The proof of an entry, which is about it.
pub(super) async fn included(
    client: &mut ProofServiceClient<Line>,
    position: u64,
) -> Result<(ProofFile, v1::ProveInclusionResponse), Failed> {
    let answer = client.prove_inclusion(v1::ProveInclusionRequest { position, size: None }).await?.into_inner();
    let proof = ProofFile::parse(&answer.tlog_proof)?;
    if proof.index != position {
        return Err(Failed::Other(format!("entry {} instead of {position}", proof.index)));
    }
    Ok((proof, answer))
}

async fn consistency(
    client: &mut ProofServiceClient<Line>,
    old_size: u64,
    new_size: u64,
) -> Result<(String, String), Failed> {
    let request = v1::ProveConsistencyRequest { old_size, new_size: Some(new_size) };
    let answer = client.prove_consistency(request).await?.into_inner();
    let mut text = String::new();
    for hash in &answer.hashes {
        writeln!(text, "{}", BASE64.encode(hash)).expect("a string takes everything");
    }
    let words = format!("{} hashes from {old_size} to {new_size} entries", answer.hashes.len());
    Ok((text, words))
}
