//! `probity receipt`: on paper, what shows that an entry is in the log.

mod page;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::cli::asked;
use crate::cli::asked::Failed;
use crate::cli::prove;
use crate::cli::verify::proof::time;
use crate::log::Leaf;
use crate::log::LeafHash;
use crate::log::Note;
use crate::log::ProofFile;
use crate::log::verify_inclusion;
use crate::proto::v1;
use crate::proto::v1::ledger_service_client::LedgerServiceClient;

/// Prints a receipt for an entry: its place, its leaf hash and the checkpoint that it is under, with the proof.
///
/// Whoever keeps it can show, without the service and whatever becomes of it, that the log has this entry. It holds no
/// name and nothing of what the entry says. As a page, the proof stands in a QR code: scanned into a file, it is what
/// `probity verify proof` takes.
///
/// Exit status: 0 there it is, 2 it could not be had.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ReceiptArgs {
    /// The service, for example `http://127.0.0.1:7411`.
    #[arg(long, value_name = "URL", env = "PROBITY_URL")]
    pub from: String,
    /// Write a page for paper to this new file, instead of text to standard output.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// The entry's position, from 0.
    pub position: u64,
}

const EXAMPLES: &str = r"Examples:
  probity receipt --from http://127.0.0.1:7411 41
  probity receipt --from http://127.0.0.1:7411 41 --html receipt-41.html";

/// What stands on a receipt.
#[derive(Clone, Debug)]
struct Receipt {
    proof: ProofFile,
    leaf_hash: LeafHash,
    recorded_at_ms: u64,
}

/// Runs `probity receipt`.
///
/// # Errors
///
/// There is no such receipt.
pub async fn run(arguments: ReceiptArgs) -> Result<ExitCode, Failed> {
    let receipt = fetch(&arguments.from, arguments.position).await?;
    let text = match &arguments.html {
        None => text(&receipt),
        Some(_) => page::page(&receipt).map_err(|error| Failed::Other(format!("no QR code holds it: {error}")))?,
    };
    asked::hand_on(&text, arguments.html.as_deref())?;
    Ok(ExitCode::SUCCESS)
}

/// The receipt, which is checked as far as it can be without a key: what is on paper cannot be asked for again.
async fn fetch(url: &str, position: u64) -> Result<Receipt, Failed> {
    let mut client = asked::connect(url).await?;
    let (proof, _) = prove::included(&mut client, position).await?;
    let mut ledger = LedgerServiceClient::new(asked::dial(url).await?);
    let request = v1::GetEntryRequest { position, view: v1::EntryView::Headers.into() };
    let entry = ledger.get_entry(request).await?.into_inner().entry.unwrap_or_default();
    let leaf = Leaf::decode(&entry.leaf).map_err(|fault| Failed::Other(fault.to_string()))?;
    let leaf_hash = LeafHash::of(&entry.leaf);
    verify_inclusion(leaf_hash, position, proof.checkpoint.head(), &proof.inclusion)
        .map_err(|fault| Failed::Other(fault.to_string()))?;
    Ok(Receipt { proof: proof.carrying(leaf_hash), leaf_hash, recorded_at_ms: leaf.recorded_at_ms })
}

/// What is said of the entry: a word, and what stands behind it.
fn facts(receipt: &Receipt) -> Vec<(&'static str, String)> {
    let checkpoint = &receipt.proof.checkpoint;
    let mut facts = vec![
        ("log", checkpoint.origin.clone()),
        ("entry", receipt.proof.index.to_string()),
        ("recorded", time(receipt.recorded_at_ms)),
        ("leaf hash", receipt.leaf_hash.to_string()),
        ("checkpoint", format!("of {} entries", checkpoint.size)),
        ("root", checkpoint.root.to_string()),
    ];
    let signed = |note: &Note| note.signatures().iter().map(|one| format!("{}+{}", one.name(), one.id())).collect();
    let signed: Vec<String> = signed(&receipt.proof.note);
    facts.push(("signed by", signed.join(", ")));
    facts
}

const SAYS: &str = "The log named below has this entry. Whoever keeps this receipt can show so\nwithout the service, \
                    and convict a log that later does not have it.";

const HOW: &str = "probity verify proof receipt.tlog-proof --key VKEY";

const WHOSE_KEY: &str = "VKEY is the public key of the log. Take it from where the agency publishes it,\nand not from \
                         whoever gave you this receipt.";

fn text(receipt: &Receipt) -> String {
    let facts: Vec<String> = facts(receipt).iter().map(|(word, what)| format!("{word:<11} {what}\n")).collect();
    format!(
        "RECEIPT\n\n{SAYS}\n\n{}\nTo check it, put what stands below the line into the file receipt.tlog-proof:\n\n  \
         {HOW}\n\n{WHOSE_KEY}\n\n{}\n{}",
        facts.concat(),
        "-".repeat(72),
        receipt.proof
    )
}
