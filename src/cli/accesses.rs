//! `probity accesses`: who read what, as the access log of a running service has it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ArgGroup;
use clap::Args;
use clap::Subcommand;
use thiserror::Error;

use crate::access::Coded;
use crate::cli::connection;
use crate::cli::said;
use crate::domain::dates::Day;
use crate::events;
use crate::events::AccessOutcome;
use crate::events::EmergencyFinding;
use crate::proto::v1;
use crate::proto::v1::access::Event;
use crate::proto::v1::access_service_client::AccessServiceClient;
use crate::proto::v1::list_accesses_request::Of;
use crate::tls::DialError;
use crate::tls::Line;

/// Accesses of one answer of the service.
const PAGE: u32 = 1000;

/// Who read what: every read of persons and matters stands in the access log before its answer leaves.
///
/// One line for each: position, time, principal, level, method, purpose, legal basis, outcome, names asked about, number of
/// persons. Reading it is on record too.
///
/// Exit status: 0 done, 2 it could not be done.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  probity accesses me --prove me\n  probity accesses list --person entity/0000000000000000000000000P"
)]
pub struct AccessesArgs {
    /// The service.
    #[arg(long, value_name = "URL", env = "PROBITY_URL", default_value = "http://127.0.0.1:7411")]
    pub from: String,
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with the access log.
#[derive(Subcommand, Clone, Debug)]
pub enum Action {
    /// Who read the own record, or asked about it.
    #[command(after_help = "Examples:\n  probity accesses me\n  probity accesses me --prove me")]
    Me {
        /// Write the proofs that these are all: NAME.subject-proof, and NAME.everybody.subject-proof.
        #[arg(long, value_name = "NAME")]
        prove: Option<PathBuf>,
    },
    /// Accesses by name, person, principal or period.
    #[command(
        after_help = "Examples:\n  probity accesses list --principal inspection-1\n  probity accesses list --since 2026-01-01 --until 2026-01-31"
    )]
    List(ListArgs),
    /// Emergency accesses that nobody reviewed yet.
    #[command(after_help = "Example:\n  probity accesses unreviewed")]
    Unreviewed,
    /// Says whether an emergency access was justified.
    #[command(
        after_help = "Example:\n  probity accesses review access/0000000000000000000000000A \\\n    --justified --ground review/plausible"
    )]
    Review(ReviewArgs),
}

/// Which accesses.
#[derive(Args, Clone, Debug)]
#[command(group(ArgGroup::new("of").args(["reference", "person", "principal"])))]
pub struct ListArgs {
    /// That asked about this name, for example `case/…`.
    #[arg(long, value_name = "NAME")]
    pub reference: Option<String>,
    /// That name this person, `entity/…`.
    #[arg(long, value_name = "NAME")]
    pub person: Option<String>,
    /// Of this principal.
    #[arg(long, value_name = "ID")]
    pub principal: Option<String>,
    /// From this day on, UTC.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub since: Option<Day>,
    /// Up to this day, UTC.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub until: Option<Day>,
}

/// What is said of which emergency access.
#[derive(Args, Clone, Debug)]
#[command(group(ArgGroup::new("finding").args(["justified", "unjustified"]).required(true)))]
pub struct ReviewArgs {
    /// `access/…`, see `probity accesses unreviewed`.
    pub name: String,
    /// It was.
    #[arg(long)]
    pub justified: bool,
    /// It was not.
    #[arg(long)]
    pub unjustified: bool,
    /// Why: a code.
    #[arg(long, value_name = "SCHEME/CODE", value_parser = coded)]
    pub ground: Coded,
}

fn day(text: &str) -> Result<Day, String> {
    Day::parse(text).ok_or_else(|| "a day, YYYY-MM-DD".to_owned())
}

fn coded(text: &str) -> Result<Coded, String> {
    Coded::parse(text).ok_or_else(|| "SCHEME/CODE, each [a-z0-9][a-z0-9_.-]{0,95}".to_owned())
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
    /// A proof cannot be written.
    #[error("{}: {error}", file.display())]
    Output {
        /// Which.
        file: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

impl From<tonic::Status> for Failed {
    fn from(status: tonic::Status) -> Self {
        Self::Status(Box::new(status))
    }
}

type Client = AccessServiceClient<Line>;

/// Runs `probity accesses`.
///
/// # Errors
///
/// It could not be done.
pub async fn run(arguments: AccessesArgs) -> Result<ExitCode, Failed> {
    let mut client = AccessServiceClient::new(connection::dial(&arguments.from).await?);
    match arguments.action {
        Action::Me { prove } => me(&mut client, prove).await?,
        Action::List(which) => list(&mut client, which).await?,
        Action::Unreviewed => unreviewed(&mut client).await?,
        Action::Review(review) => self::review(&mut client, review).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn me(client: &mut Client, prove: Option<PathBuf>) -> Result<(), Failed> {
    let mut request = v1::WhoAccessedMeRequest { page_size: PAGE, page_token: String::new(), prove: prove.is_some() };
    loop {
        let answer = client.who_accessed_me(request.clone()).await?.into_inner();
        answer.accesses.iter().for_each(print);
        if answer.next_page_token.is_empty() {
            let Some(name) = prove else { return Ok(()) };
            for (ending, proof) in
                [("subject-proof", answer.subject_proof), ("everybody.subject-proof", answer.everybody_proof)]
            {
                let file = name.with_extension(ending);
                std::fs::write(&file, proof).map_err(|error| Failed::Output { file, error })?;
            }
            return Ok(());
        }
        request.page_token = answer.next_page_token;
    }
}

async fn list(client: &mut Client, which: ListArgs) -> Result<(), Failed> {
    let ListArgs { reference, person, principal, since, until } = which;
    let of = reference.map(Of::Reference).or_else(|| person.map(Of::Person));
    let of = of.or_else(|| principal.map(Of::Principal));
    let (from, to) = (since.map(midnight), until.map(|day| midnight(day.next())));
    let mut request = v1::ListAccessesRequest { of, from, to, page_size: PAGE, page_token: String::new() };
    loop {
        let answer = client.list_accesses(request.clone()).await?.into_inner();
        answer.accesses.iter().for_each(print);
        if answer.next_page_token.is_empty() {
            return Ok(());
        }
        request.page_token = answer.next_page_token;
    }
}

#[expect(clippy::print_stdout, reason = "the answer is what this subcommand is asked for")]
async fn unreviewed(client: &mut Client) -> Result<(), Failed> {
    for one in client.list_unreviewed(v1::ListUnreviewedRequest {}).await?.into_inner().accesses {
        let due = one.due.unwrap_or_default();
        println!("{}\tto be reviewed by {:04}-{:02}-{:02}", one.name, due.year, due.month, due.day);
        one.access.iter().for_each(print);
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the answer is what this subcommand is asked for")]
async fn review(client: &mut Client, review: ReviewArgs) -> Result<(), Failed> {
    let finding = if review.justified { EmergencyFinding::Justified } else { EmergencyFinding::Unjustified };
    let Coded { scheme, code } = review.ground;
    let ground = Some(events::Code { scheme, code });
    let request = v1::ReviewEmergencyRequest { name: review.name, finding: finding.into(), ground };
    let answer = client.review_emergency(request).await?.into_inner();
    println!("recorded as entry {} of the access log", answer.position);
    Ok(())
}

/// The first moment of a day.
fn midnight(day: Day) -> prost_types::Timestamp {
    let number = |number: u32| i64::from(number);
    let (year, month) = (number(day.year()) - i64::from(day.month() <= 2), number(day.month()));
    // Days since 1970 of the civil calendar, whose years here begin with March.
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + number(day.day()) - 1;
    let days = 365 * year + year / 4 - year / 100 + year / 400 + of_year - 719_468;
    prost_types::Timestamp { seconds: days * 86_400, nanos: 0 }
}

#[expect(clippy::print_stdout, reason = "the answer is what this subcommand is asked for")]
fn print(one: &v1::Access) {
    let time = one.recorded_at.unwrap_or_default();
    let code = |code: &Option<events::Code>| {
        code.as_ref().map_or_else(|| "-".to_owned(), |code| format!("{}/{}", code.scheme, code.code))
    };
    let at = format!("{}\t{time}", one.position);
    match &one.event {
        Some(Event::Access(access)) => {
            let outcome = match access.outcome() {
                AccessOutcome::Answered => "answered",
                AccessOutcome::Refused => "refused",
                AccessOutcome::NotFound => "not found",
                AccessOutcome::Failed => "failed",
                AccessOutcome::Unspecified => "-",
            };
            let emergency = access.emergency.as_ref().map_or("", |_| "\tEMERGENCY");
            let calls = if access.calls > 1 { format!("\t{} calls", access.calls) } else { String::new() };
            let level = if access.level.is_empty() { "-" } else { &access.level };
            println!(
                "{at}\t{}\t{level}\t{}\t{}\t{}\t{outcome}\t{}\t{} persons{calls}{emergency}",
                access.principal,
                access.method,
                code(&access.purpose),
                code(&access.legal_basis),
                access.asked.join(" "),
                access.person_ids.len(),
            );
        }
        Some(Event::Review(review)) => {
            let finding = match review.finding() {
                EmergencyFinding::Justified => "justified",
                EmergencyFinding::Unjustified => "NOT JUSTIFIED",
                EmergencyFinding::Unspecified => "-",
            };
            let (reviewer, ground) = (&review.reviewer, code(&review.ground));
            println!("{at}\t{reviewer}\taccess/{} was {finding}: {ground}", review.access_id);
        }
        None => {}
    }
}

#[cfg(test)]
mod tests;
