//! `probity doctor`: what a data folder looks like from outside, and what to do about it.

use std::io::IsTerminal as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use comfy_table::ContentArrangement;
use comfy_table::Table;
use comfy_table::presets;
use serde_json::json;
use thiserror::Error;
use tokio::task::JoinError;

use crate::keys;
use crate::store::doctor;
use crate::store::doctor::Finding;
use crate::store::doctor::Severity;

/// Looks at a data folder and changes nothing: format, lock, guard, volumes, snapshots, free space, rights of the keys.
///
/// Each finding stands with what can be done about it. Findings are names and numbers; nothing of an entry is shown.
///
/// Exit status: 0 nothing is wrong (notes are not), 1 something is, 2 it could not be looked at.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  probity doctor --data probity-data --copies /var/tmp")]
pub struct DoctorArgs {
    /// The data folder.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Also copy each volume below DIR, one after the other, open the copy and verify its chain. Stop the service first.
    #[arg(long, value_name = "DIR")]
    pub copies: Option<PathBuf>,
    /// Print the findings as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Why a folder could not be looked at.
#[derive(Debug, Error)]
pub enum Failed {
    /// It is not there, or not a folder, or may not be listed.
    #[error("{path}: cannot be looked at: {what}", path = path.display())]
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        what: String,
    },
    /// A thread of ours stopped.
    #[error("the examination stopped: {0}")]
    Stopped(#[from] JoinError),
}

/// Runs `probity doctor`.
///
/// # Errors
///
/// The folder could not be looked at.
pub async fn run(arguments: DoctorArgs) -> Result<ExitCode, Failed> {
    let json = arguments.json;
    let findings = tokio::task::spawn_blocking(move || examine(&arguments)).await??;
    print(&findings, json);
    let wrong = findings.iter().any(|finding| finding.severity == Severity::Fault);
    Ok(ExitCode::from(u8::from(wrong)))
}

fn examine(arguments: &DoctorArgs) -> Result<Vec<Finding>, Failed> {
    for path in std::iter::once(&arguments.data).chain(&arguments.copies) {
        let unreadable = |error: std::io::Error| Failed::Unreadable { path: path.clone(), what: error.to_string() };
        std::fs::read_dir(path).map_err(unreadable)?;
    }
    let keys = arguments.data.join("keys");
    let mut findings = doctor::examine(&arguments.data, &keys::files_of(&keys));
    findings.extend(sealed(&keys));
    if let Some(scratch) = &arguments.copies {
        findings.extend(doctor::examine_copies(&arguments.data, scratch));
    }
    Ok(findings)
}

/// Who seals the key-encryption key, where it is not in a file as it is. The token is not asked.
fn sealed(keys: &Path) -> Option<Finding> {
    const ASK: &str =
        "nothing that is sealed can be opened without that key: see that the token and its PIN can be had";
    let (severity, what, advice) = match keys::wrapped_key(keys) {
        Ok(None) => return None,
        Ok(Some(wrapped)) => (Severity::Note, format!("sealed by {}", wrapped.custodian()), ASK),
        Err(error) => (Severity::Fault, error.to_string(), ""),
    };
    Some(Finding { severity, subject: "key-encryption key".to_owned(), what, advice })
}

#[expect(clippy::print_stdout, reason = "the findings are what this subcommand is asked for")]
fn print(findings: &[Finding], as_json: bool) {
    if as_json {
        println!("{}", to_json(findings));
    } else {
        println!("{}", table(findings, std::io::stdout().is_terminal()));
        println!("{}", verdict(findings));
    }
}

const fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Good => "good",
        Severity::Note => "note",
        Severity::Fault => "WRONG",
    }
}

fn table(findings: &[Finding], terminal: bool) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["", "what", "found", "what to do"]);
    if terminal {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    for finding in findings {
        table.add_row([word(finding.severity), &finding.subject, &finding.what, finding.advice]);
    }
    table
}

fn verdict(findings: &[Finding]) -> String {
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    match (count(Severity::Fault), count(Severity::Note)) {
        (0, 0) => "nothing is wrong".to_owned(),
        (0, notes) => format!("nothing is wrong; {notes} to know"),
        (faults, _) => format!("{faults} wrong: keep the folder as it is until you have read what to do"),
    }
}

fn to_json(findings: &[Finding]) -> serde_json::Value {
    let finding = |finding: &Finding| {
        json!({
            "severity": match finding.severity {
                Severity::Good => "good",
                Severity::Note => "note",
                Severity::Fault => "fault",
            },
            "subject": finding.subject,
            "what": finding.what,
            "advice": finding.advice,
        })
    };
    json!({
        "good": findings.iter().all(|finding| finding.severity != Severity::Fault),
        "findings": findings.iter().map(finding).collect::<Vec<_>>(),
    })
}
