//! `probity views`: the derived indexes of a running service.

use std::process::ExitCode;

use clap::Args;
use clap::Subcommand;
use thiserror::Error;

use crate::cli::progress;
use crate::proto::v1;
use crate::proto::v1::admin_service_client::AdminServiceClient;

/// Lists the views of a running service, or builds them anew from the log.
///
/// Exit status: 0 good, 1 a rebuilt view differs from the one that was live, 2 it could not be done.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  probity views list\n  probity views --from http://127.0.0.1:7411 rebuild")]
pub struct ViewsArgs {
    /// The service.
    #[arg(long, value_name = "URL", env = "PROBITY_URL", default_value = "http://127.0.0.1:7411")]
    pub from: String,
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with the views.
#[derive(Subcommand, Clone, Copy, Debug)]
pub enum Action {
    /// Lists them and how far they are.
    #[command(after_help = "Example:\n  probity views --from http://127.0.0.1:7411 list")]
    List,
    /// Folds the log again beside the live view, compares both row by row, and promotes the new one.
    #[command(after_help = "Example:\n  probity views --from http://127.0.0.1:7411 rebuild")]
    Rebuild,
}

/// Why it could not be done.
#[derive(Debug, Error)]
pub enum Failed {
    /// The service cannot be reached.
    #[error("the service cannot be reached: {0}")]
    Connect(#[from] tonic::transport::Error),
    /// The service said no.
    #[error("the service answered: {0}")]
    Status(#[from] tonic::Status),
    /// The rebuild did not say how it ended.
    #[error("the service ended before the rebuild did")]
    Cut,
}

/// Runs `probity views`.
///
/// # Errors
///
/// It could not be done.
#[expect(clippy::print_stdout, reason = "the answer is what this subcommand is asked for")]
pub async fn run(arguments: ViewsArgs) -> Result<ExitCode, Failed> {
    let mut client = AdminServiceClient::connect(arguments.from).await?;
    match arguments.action {
        Action::List => {
            for view in client.list_views(v1::ListViewsRequest {}).await?.into_inner().views {
                let position = view.position.map_or_else(|| "nothing".to_owned(), |position| position.to_string());
                println!("{}\tgeneration {}\tfolded up to entry {position}", view.name, view.generation);
            }
            Ok(ExitCode::SUCCESS)
        }
        Action::Rebuild => {
            let mut steps = client.rebuild_views(v1::RebuildViewsRequest {}).await?.into_inner();
            let bar = progress::bar(0, "folding", "entries");
            while let Some(step) = steps.message().await? {
                bar.set_length(step.head_position);
                bar.set_position(step.position);
                if step.done {
                    bar.finish_and_clear();
                    let verdict = if step.equal { "equal to" } else { "DIFFERENT from" };
                    println!(
                        "generation {} is live, folded up to entry {}; it is {verdict} the one before",
                        step.generation, step.position
                    );
                    return Ok(if step.equal { ExitCode::SUCCESS } else { ExitCode::from(1) });
                }
            }
            Err(Failed::Cut)
        }
    }
}
