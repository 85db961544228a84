//! `probity views`: the derived indexes of a running service.

use std::process::ExitCode;

use clap::Args;
use clap::Subcommand;
use thiserror::Error;

use crate::cli::connection;
use crate::cli::progress;
use crate::cli::said;
use crate::proto::v1;
use crate::proto::v1::admin_service_client::AdminServiceClient;
use crate::tls::DialError;
use crate::tls::Line;

/// Lists the views of a running service, builds them anew from the log, promotes what was built or goes back.
///
/// Exit status: 0 good, 1 a rebuilt view differs from the one that was live or a view has halted, 2 it could not be
/// done.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  probity views list\n  probity views rebuild --hold\n  probity views promote\n  probity views rollback"
)]
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
    #[command(after_help = "Examples:\n  probity views rebuild\n  probity views rebuild --hold")]
    Rebuild {
        /// Leave the new one beside the live one, to be promoted later.
        #[arg(long)]
        hold: bool,
    },
    /// Lets the view that was rebuilt with --hold answer from now on.
    #[command(after_help = "Example:\n  probity views promote")]
    Promote,
    /// Lets the view answer again that did before the last promotion.
    #[command(after_help = "Example:\n  probity views rollback")]
    Rollback,
    /// Folds on where a view halted.
    #[command(after_help = "Example:\n  probity views resume")]
    Resume,
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
    /// The rebuild did not say how it ended.
    #[error("the service ended before the rebuild did")]
    Cut,
}

impl From<tonic::Status> for Failed {
    fn from(status: tonic::Status) -> Self {
        Self::Status(Box::new(status))
    }
}

/// Runs `probity views`.
///
/// # Errors
///
/// It could not be done.
pub async fn run(arguments: ViewsArgs) -> Result<ExitCode, Failed> {
    let mut client = AdminServiceClient::new(connection::dial(&arguments.from).await?);
    match arguments.action {
        Action::List => list(&mut client).await,
        Action::Rebuild { hold } => rebuild(&mut client, hold).await,
        Action::Promote => promote(&mut client, v1::Beside::Candidate).await,
        Action::Rollback => promote(&mut client, v1::Beside::Previous).await,
        Action::Resume => resume(&mut client).await,
    }
}

type Client = AdminServiceClient<Line>;

#[expect(clippy::print_stdout, reason = "the answer is what this subcommand is asked for")]
async fn list(client: &mut Client) -> Result<ExitCode, Failed> {
    let mut status = ExitCode::SUCCESS;
    for view in client.list_views(v1::ListViewsRequest {}).await?.into_inner().views {
        let position = view.position.map_or_else(|| "nothing".to_owned(), |position| position.to_string());
        let beside = match view.beside() {
            v1::Beside::Unspecified => "",
            v1::Beside::Candidate => "\ta rebuilt one waits to be promoted",
            v1::Beside::Previous => "\tthe one before is kept",
        };
        println!("{}\tgeneration {}\tfolded up to entry {position}{beside}", view.name, view.generation);
        if view.state() == v1::ViewState::Halted {
            println!("\tHALTED before entry {}: {}", view.halted_at.unwrap_or_default(), view.reason);
            status = ExitCode::from(1);
        }
    }
    Ok(status)
}

#[expect(clippy::print_stdout, reason = "the answer is what this subcommand is asked for")]
async fn rebuild(client: &mut Client, hold: bool) -> Result<ExitCode, Failed> {
    let mut steps = client.rebuild_views(v1::RebuildViewsRequest { hold }).await?.into_inner();
    let bar = progress::bar(0, "folding", "entries");
    while let Some(step) = steps.message().await? {
        bar.set_length(step.head_position);
        bar.set_position(step.position);
        if step.done {
            bar.finish_and_clear();
            let verdict = if step.equal { "equal to" } else { "DIFFERENT from" };
            if hold {
                println!("rebuilt up to entry {}; it is {verdict} the live one and waits beside it", step.position);
            } else {
                let (generation, position) = (step.generation, step.position);
                println!(
                    "generation {generation} is live, folded up to entry {position}; it is {verdict} the one before"
                );
            }
            return Ok(if step.equal { ExitCode::SUCCESS } else { ExitCode::from(1) });
        }
    }
    Err(Failed::Cut)
}

#[expect(clippy::print_stdout, reason = "the answer is what this subcommand is asked for")]
async fn promote(client: &mut Client, beside: v1::Beside) -> Result<ExitCode, Failed> {
    let mut steps = client.promote_views(v1::PromoteViewsRequest { beside: beside.into() }).await?.into_inner();
    let bar = progress::bar(0, "folding", "entries");
    while let Some(step) = steps.message().await? {
        bar.set_length(step.head_position);
        bar.set_position(step.position);
        if step.done {
            bar.finish_and_clear();
            println!("generation {} is live, folded up to entry {}", step.generation, step.position);
            return Ok(ExitCode::SUCCESS);
        }
    }
    Err(Failed::Cut)
}

#[expect(clippy::print_stdout, reason = "the answer is what this subcommand is asked for")]
async fn resume(client: &mut Client) -> Result<ExitCode, Failed> {
    let mut steps = client.resume_views(v1::ResumeViewsRequest {}).await?.into_inner();
    let bar = progress::bar(0, "folding", "entries");
    while let Some(step) = steps.message().await? {
        bar.set_length(step.head_position);
        bar.set_position(step.position);
        if step.done {
            bar.finish_and_clear();
            println!("folded up to entry {}; requests are taken", step.position);
            return Ok(ExitCode::SUCCESS);
        }
    }
    Err(Failed::Cut)
}
