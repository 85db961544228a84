//! `probity checkpoint`: the newest signed checkpoint.

use std::process::ExitCode;

use clap::Args;

use crate::cli::asked;
use crate::cli::asked::Failed;
use crate::proto::v1;

/// Prints the newest signed checkpoint of a service: keep it, and a later one that does not continue it convicts the log.
///
/// Exit status: 0 printed, 2 there is none, or the service could not be asked.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CheckpointArgs {
    /// The service, for example `http://127.0.0.1:7411`.
    #[arg(long, value_name = "URL", env = "PROBITY_URL")]
    pub from: String,
    /// Wait until it is over at least so many entries; the log is sealed for that at once.
    #[arg(long, value_name = "SIZE")]
    pub wait: Option<u64>,
}

const EXAMPLES: &str = r"Examples:
  probity checkpoint --from http://127.0.0.1:7411 > 2026.checkpoint
  probity checkpoint --from http://127.0.0.1:7411 --wait 42";

/// Runs `probity checkpoint`.
///
/// # Errors
///
/// There is none to print.
pub async fn run(arguments: CheckpointArgs) -> Result<ExitCode, Failed> {
    let mut client = asked::connect(&arguments.from).await?;
    let request = v1::GetCheckpointRequest { wait_for_size: arguments.wait };
    let answer = client.get_checkpoint(request).await?.into_inner();
    asked::hand_on(&answer.note, None)?;
    Ok(ExitCode::SUCCESS)
}
