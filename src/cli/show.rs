//! `probity show` and `probity worklist`: what is on record about a person, body or matter, what has to be done and what
//! changed, as tables or JSON.

mod ask;
mod called;
mod json;
mod listed;
mod lists;
mod matters;
mod register;
mod subject;
mod tables;
mod words;

use std::fmt;
use std::io;
use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use clap::Subcommand;
use jiff::Timestamp;
use tonic::Code;
use tonic::Status;

use crate::cli::connection;
use crate::cli::said;
use crate::cli::show::called::Called;
use crate::cli::text::Locale;
use crate::cli::text::Style;
use crate::clock;
use crate::domain::dates::Day;
use crate::proto::v1::AsOf;
use crate::proto::v1::DiffDeclarationsRequest;
use crate::proto::v1::FindRequest;
use crate::proto::v1::GetCaseRequest;
use crate::proto::v1::GetDecisionRequest;
use crate::proto::v1::GetDeclarationRequest;
use crate::proto::v1::GetRecordRequest;
use crate::proto::v1::ListTimelineRequest;
use crate::proto::v1::ListTimelineResponse;
use crate::proto::v1::Stamp;
use crate::proto::v1::as_of::KnownAt;
use crate::proto::v1::record_service_client::RecordServiceClient;
use crate::tls::DialError;
use crate::tls::Line;

pub use lists::ChangeWord;
pub use lists::ChangesArgs;
pub use lists::Work;
pub use lists::WorkArgs;
pub use lists::WorklistArgs;
pub use register::ExpiringArgs;
pub use register::RegisterArgs;
pub use register::RegisterOf;
pub use subject::ClearanceArgs;
pub use subject::DisclosuresArgs;
pub use subject::NoticesArgs;

const PAGE_SIZE: u32 = 1000;

/// Of a number under which nobody was found, where some numbers cannot be read.
const SEALED: &str = "nobody is registered under this number, as far as the service can read: clients sealed the identities of \
                      some persons, and those are found by no number";

/// Shows what is on record about a person, body or matter, what has to be done, and what changed.
///
/// Exit status 0: shown; 1: not on record; 2: could not ask, or the question was refused.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ShowArgs {
    /// The service, for example `http://127.0.0.1:7411`.
    #[arg(long, value_name = "URL", env = "PROBITY_URL")]
    pub from: String,
    /// The day for which "in force" is meant, YYYY-MM-DD; may lie in the future [default: today, UTC]
    #[arg(long, value_name = "DATE", global = true, value_parser = parse_day)]
    pub as_of: Option<Day>,
    /// What the log knew: a position, or a time such as 2026-05-03T12:00:00Z [default: now]
    #[arg(long, value_name = "POSITION|TIME", global = true, value_parser = parse_known_at)]
    pub known_at: Option<KnownAt>,
    /// Print the answer as JSON, as the proto mapping has it.
    #[arg(long, global = true)]
    pub json: bool,
    /// Open the sealed parts: identity, narratives, declared items.
    #[arg(long, global = true)]
    pub open: bool,
    /// How dates are written and names are sorted, for example `vi_VN` [default: that of LC_ALL, LC_TIME, LC_COLLATE, LANG]
    #[arg(long, value_name = "LOCALE", global = true)]
    pub(crate) locale: Option<Locale>,
    /// What to show.
    #[command(subcommand)]
    pub what: What,
}

const EXAMPLES: &str = r"Examples:
  probity show --from http://127.0.0.1:7411 person 3Q8H5T0V9XKZ4M2N6P7R1S5W8C
  probity show --from http://127.0.0.1:7411 person 3Q8H5T0V9XKZ4M2N6P7R1S5W8C \
    --as-of 2024-07-01 --known-at 14
  probity show --from http://127.0.0.1:7411 case 3Q8H5T0V9XKZ4M2N6P7R1S5W8C --json
  probity show --from http://127.0.0.1:7411 case 3Q8H5T0V9XKZ4M2N6P7R1S5W8C \
    --open --locale vi_VN";

const PERSON: &str = r"Examples:
  probity show --from http://127.0.0.1:7411 person 3Q8H5T0V9XKZ4M2N6P7R1S5W8C
  probity show --from http://127.0.0.1:7411 person \
    entity/3Q8H5T0V9XKZ4M2N6P7R1S5W8C --as-of 2024-07-01";

const CASE: &str = r"Example:
  probity show --from http://127.0.0.1:7411 case 3Q8H5T0V9XKZ4M2N6P7R1S5W8C";

const DECISION: &str = r"Example:
  probity show --from http://127.0.0.1:7411 decision \
    3Q8H5T0V9XKZ4M2N6P7R1S5W8C --known-at 2026-05-03T12:00:00Z";

const DECLARATION: &str = r"Example:
  probity show --from http://127.0.0.1:7411 declaration \
    3Q8H5T0V9XKZ4M2N6P7R1S5W8C --open
  probity show --from http://127.0.0.1:7411 declaration \
    3Q8H5T0V9XKZ4M2N6P7R1S5W8C --open --diff 3Q8H5T0V9XKZ4M2N6P7R1S5W8D
  probity show --from http://127.0.0.1:7411 declaration \
    3Q8H5T0V9XKZ4M2N6P7R1S5W8C --open --diff-version 1";

const PETITION: &str = r"Example:
  probity show --from http://127.0.0.1:7411 petition \
    3Q8H5T0V9XKZ4M2N6P7R1S5W8C --open";

const OBLIGATION: &str = r"Example:
  probity show --from http://127.0.0.1:7411 obligation \
    3Q8H5T0V9XKZ4M2N6P7R1S5W8C --as-of 2026-12-31";

const VERIFICATION: &str = r"Example:
  probity show --from http://127.0.0.1:7411 verification \
    3Q8H5T0V9XKZ4M2N6P7R1S5W8C";

const APPEAL: &str = r"Example:
  probity show --from http://127.0.0.1:7411 appeal \
    3Q8H5T0V9XKZ4M2N6P7R1S5W8C";

const CHECKLIST: &str = r"Examples:
  probity show --from http://127.0.0.1:7411 checklist \
    3Q8H5T0V9XKZ4M2N6P7R1S5W8C
  probity show --from http://127.0.0.1:7411 checklist \
    3Q8H5T0V9XKZ4M2N6P7R1S5W8C --respondent 3Q8H5T0V9XKZ4M2N6P7R1S5W8D";

const WORK: &str = r"Examples:
  probity show --from http://127.0.0.1:7411 work 3Q8H5T0V9XKZ4M2N6P7R1S5W8C
  probity show --from http://127.0.0.1:7411 work 3Q8H5T0V9XKZ4M2N6P7R1S5W8C \
    --overdue --kind petition --kind appeal";

const CHANGES: &str = r"Examples:
  probity show --from http://127.0.0.1:7411 changes 1200
  probity show --from http://127.0.0.1:7411 changes 1200 \
    --of entity/3Q8H5T0V9XKZ4M2N6P7R1S5W8C --kind corrected --kind voided";

const REGISTER: &str = r"Examples:
  probity show --from http://127.0.0.1:7411 register petitions \
    3Q8H5T0V9XKZ4M2N6P7R1S5W8C --state open --overdue
  probity show --from http://127.0.0.1:7411 register decisions \
    --standing in-force --day-from 2026-01-01 --json
  probity show --from http://127.0.0.1:7411 register obligations \
    3Q8H5T0V9XKZ4M2N6P7R1S5W8C --kind annual --due-to 2026-03-31 --open";

const EXPIRING: &str = r"Examples:
  probity show --from http://127.0.0.1:7411 expiring --within 30
  probity show --from http://127.0.0.1:7411 expiring \
    3Q8H5T0V9XKZ4M2N6P7R1S5W8C --ends-from 2026-01-01 --ends-to 2026-12-31";

const RIGHTS: &str = r"Examples:
  probity show --from http://127.0.0.1:7411 rights 3Q8H5T0V9XKZ4M2N6P7R1S5W8C
  probity show --from http://127.0.0.1:7411 rights \
    entity/3Q8H5T0V9XKZ4M2N6P7R1S5W8C --open-only";

const DISCLOSURES: &str = r"Examples:
  probity show --from http://127.0.0.1:7411 disclosures 3Q8H5T0V9XKZ4M2N6P7R1S5W8C
  probity show --from http://127.0.0.1:7411 disclosures \
    --body 3Q8H5T0V9XKZ4M2N6P7R1S5W8D --day-from 2026-01-01";

const NOTICES: &str = r"Examples:
  probity show --from http://127.0.0.1:7411 notices
  probity show --from http://127.0.0.1:7411 notices 3Q8H5T0V9XKZ4M2N6P7R1S5W8C \
    --overdue";

const CLEARANCE: &str = r"Examples:
  probity show --from http://127.0.0.1:7411 clearance \
    3Q8H5T0V9XKZ4M2N6P7R1S5W8C --for purpose:appointment
  probity show --from http://127.0.0.1:7411 clearance \
    3Q8H5T0V9XKZ4M2N6P7R1S5W8C --for purpose:appointment \
    --disclose-to entity/7ZZZZZZZZZZZZZZZZZZZZZZZZZ --reference 2026/118";

const TIMELINE: &str = r"Example:
  probity show --from http://127.0.0.1:7411 timeline \
    entity/3Q8H5T0V9XKZ4M2N6P7R1S5W8C";

const FIND: &str = r"Example:
  probity show --from http://127.0.0.1:7411 find us.bioguide A000001";

/// What to show. A name is `kind/ID`, or the id alone.
#[derive(Subcommand, Clone, Debug)]
pub enum What {
    /// The record of a person or body.
    #[command(after_help = PERSON)]
    Person {
        /// `entity/…`
        name: String,
    },
    /// A case: respondents, allegations, findings, decisions, appeals.
    #[command(after_help = CASE)]
    Case {
        /// `case/…`
        name: String,
    },
    /// A decision with its sanctions and their history.
    #[command(after_help = DECISION)]
    Decision {
        /// `decision/…`
        name: String,
    },
    /// A declaration with its versions.
    #[command(after_help = DECLARATION)]
    Declaration {
        /// `declaration/…`
        name: String,
        /// Show what changed since this declaration of the same person.
        #[arg(long, value_name = "DECLARATION")]
        diff: Option<String>,
        /// Compare with this version: of the same declaration, or of the one that `--diff` names.
        #[arg(long, value_name = "NUMBER")]
        diff_version: Option<u32>,
    },
    /// A petition. Who petitions is never shown.
    #[command(after_help = PETITION)]
    Petition {
        /// `petition/…`
        name: String,
    },
    /// A duty to declare, and what met it.
    #[command(after_help = OBLIGATION)]
    Obligation {
        /// `obligation/…`
        name: String,
    },
    /// A verification with the explanations given in it.
    #[command(after_help = VERIFICATION)]
    Verification {
        /// `verification/…`
        name: String,
    },
    /// An appeal.
    #[command(after_help = APPEAL)]
    Appeal {
        /// `appeal/…`
        name: String,
    },
    /// Which steps before a decision are recorded, missing or defective.
    #[command(after_help = CHECKLIST)]
    Checklist {
        /// `case/…`
        name: String,
        /// Of this respondent alone, `entity/…`.
        #[arg(long, value_name = "NAME")]
        respondent: Option<String>,
    },
    /// What a body still has to do, the earliest day first.
    #[command(after_help = WORK)]
    Work(WorkArgs),
    /// The register of a body: its petitions, cases, decisions, appeals, obligations, verifications; a person's
    /// declarations.
    #[command(after_help = REGISTER)]
    Register(Box<RegisterArgs>),
    /// Sanctions that end soon.
    #[command(after_help = EXPIRING)]
    Expiring(ExpiringArgs),
    /// What was recorded after a position.
    #[command(after_help = CHANGES)]
    Changes(ChangesArgs),
    /// A request of a person about his own record; or all of one person.
    #[command(after_help = RIGHTS)]
    Rights {
        /// `rights/…`, or a person, `entity/…`
        name: String,
        /// Of a person: only what is not yet answered.
        #[arg(long)]
        open_only: bool,
    },
    /// To whom records were shown.
    #[command(after_help = DISCLOSURES)]
    Disclosures(DisclosuresArgs),
    /// Past recipients who are still to be told of a change.
    #[command(after_help = NOTICES)]
    Notices(NoticesArgs),
    /// What may be known about a person or body before it is appointed.
    #[command(after_help = CLEARANCE)]
    Clearance(ClearanceArgs),
    /// What was recorded about anything, in the order of recording.
    #[command(after_help = TIMELINE)]
    Timeline {
        /// The name, with its kind.
        name: String,
    },
    /// The name of a person or body that another system knows by a number.
    #[command(after_help = FIND)]
    Find {
        /// The system, for example `us.bioguide`.
        scheme: String,
        /// The number there.
        value: String,
    },
}

/// Asks and prints. Exit status 0: shown; 1: not on record; 2: could not ask, or the question was refused.
pub async fn run(args: ShowArgs) -> ExitCode {
    let told = match show(&args, &Style::of_terminal(args.locale.as_ref())).await {
        Ok(text) => io::stdout().write_all(text.as_bytes()).map_err(Failure::Output),
        Err(failure) => Err(failure),
    };
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "probity show: {failure}");
            ExitCode::from(failure.exit_status())
        }
    }
}

/// Asks, and gives what is to be printed.
async fn show(args: &ShowArgs, style: &Style) -> Result<String, Failure> {
    let mut client = RecordServiceClient::new(connection::dial(&args.from).await.map_err(Failure::Connect)?);
    let at = Some(AsOf { as_of: args.as_of.map(Into::into), known_at: args.known_at, min_position: None });
    match &args.what {
        What::Person { name } => {
            let request = GetRecordRequest { name: full("entity", name), at, open_identity: args.open };
            let answer = client.get_record(request).await?.into_inner();
            if args.json {
                return Ok(json::text("GetRecordResponse", &answer));
            }
            let bodies = answer.record.iter().flat_map(|record| &record.positions).map(|position| &position.body);
            let called = called(&mut client, bodies, answer.stamp.as_ref(), args, style).await?;
            Ok(tables::record(&answer, &called, style))
        }
        What::Case { name } => {
            let request = GetCaseRequest { name: full("case", name), at, open_narratives: args.open };
            let answer = client.get_case(request).await?.into_inner();
            if args.json {
                return Ok(json::text("GetCaseResponse", &answer));
            }
            let respondents = answer.case.iter().flat_map(|case| &case.respondents).map(|one| &one.name);
            let named = respondents.chain(answer.case.iter().map(|case| &case.opened_by));
            let called = called(&mut client, named, answer.stamp.as_ref(), args, style).await?;
            Ok(tables::case(&answer, &called, style))
        }
        What::Decision { name } => {
            let request = GetDecisionRequest { name: full("decision", name), at, open_narratives: args.open };
            let answer = client.get_decision(request).await?.into_inner();
            if args.json {
                return Ok(json::text("GetDecisionResponse", &answer));
            }
            let named = answer.decision.iter().flat_map(|decision| [&decision.respondent, &decision.issued_by]);
            let called = called(&mut client, named, answer.stamp.as_ref(), args, style).await?;
            Ok(tables::decision(&answer, &called, style))
        }
        What::Declaration { name, diff, diff_version } if diff.is_some() || diff_version.is_some() => {
            if !args.open {
                return Err(Failure::Usage("what changed stands in the sealed items: add --open".to_owned()));
            }
            let after = full("declaration", name);
            let before = diff.as_deref().map_or_else(|| after.clone(), |diff| full("declaration", diff));
            let before_version = diff_version.unwrap_or(0);
            let request = DiffDeclarationsRequest { before, before_version, after, after_version: 0, at };
            let answer = client.diff_declarations(request.clone()).await?.into_inner();
            Ok(if args.json {
                json::text("DiffDeclarationsResponse", &answer)
            } else {
                matters::difference(&request.before, &request.after, &answer, style)
            })
        }
        What::Declaration { name, .. } => {
            let request = GetDeclarationRequest { name: full("declaration", name), at, open_content: args.open };
            let answer = client.get_declaration(request).await?.into_inner();
            if args.json {
                return Ok(json::text("GetDeclarationResponse", &answer));
            }
            let named = answer.declaration.iter().map(|declaration| &declaration.declarant);
            let called = called(&mut client, named, answer.stamp.as_ref(), args, style).await?;
            Ok(tables::declaration(&answer, &called, style))
        }
        What::Petition { .. }
        | What::Obligation { .. }
        | What::Verification { .. }
        | What::Appeal { .. }
        | What::Checklist { .. } => ask::matter(&mut client, args, at, style).await,
        What::Rights { .. } | What::Disclosures(_) | What::Notices(_) | What::Clearance(_) => {
            subject::subject(&mut client, args, at, style).await
        }
        What::Work(wanted) => {
            let answer = ask::work(&mut client, wanted, at).await?;
            let title =
                wanted.body.as_deref().map_or_else(|| "what names no body".to_owned(), |body| full("entity", body));
            Ok(if args.json { json::text("ListWorkResponse", &answer) } else { matters::work(&title, &answer, style) })
        }
        What::Register(wanted) => register::register(&mut client, (args, wanted), at, style).await,
        What::Expiring(wanted) => register::expiring(&mut client, (args, wanted), at, (style, &clock::machine())).await,
        What::Changes(wanted) => {
            let answer = ask::changes(&mut client, wanted, at).await?;
            let title = wanted.of.as_ref().or(wanted.body.as_ref()).map_or("everything", String::as_str);
            Ok(if args.json {
                json::text("ListChangesResponse", &answer)
            } else {
                matters::changes(title, &answer, style)
            })
        }
        What::Timeline { name } => {
            let answer = timeline(&mut client, name, at).await?;
            Ok(if args.json {
                json::text("ListTimelineResponse", &answer)
            } else {
                tables::timeline(name, &answer, style)
            })
        }
        What::Find { scheme, value } => {
            let request = FindRequest { scheme: scheme.clone(), value: value.clone(), at };
            let answer = client.find(request).await?.into_inner();
            match (args.json, answer.name.as_str()) {
                (_, "") if answer.sealed_identities => Err(Failure::NotOnRecord(SEALED.to_owned())),
                (_, "") => Err(Failure::NotOnRecord("nobody is registered under this number".to_owned())),
                (true, _) => Ok(json::text("FindResponse", &answer)),
                (false, name) => Ok(format!("{name}\n")),
            }
        }
    }
}

/// What those are called whom an answer names by their ids.
async fn called<'e>(
    client: &mut RecordServiceClient<Line>,
    entities: impl IntoIterator<Item = &'e String>,
    stamp: Option<&Stamp>,
    args: &ShowArgs,
    style: &Style,
) -> Result<Called, Status> {
    Called::ask(client, entities, stamp, args.open, style.names.language()).await
}

/// Every page; they are all of one moment.
async fn timeline(
    client: &mut RecordServiceClient<Line>,
    name: &str,
    at: Option<AsOf>,
) -> Result<ListTimelineResponse, Failure> {
    let mut request =
        ListTimelineRequest { name: name.to_owned(), at, page_size: PAGE_SIZE, page_token: String::new() };
    let mut whole = ListTimelineResponse::default();
    loop {
        let page = client.list_timeline(request.clone()).await?.into_inner();
        whole.entries.extend(page.entries);
        whole.stamp = page.stamp;
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok(whole);
        }
    }
}

/// The name of an id that was given alone.
fn full(kind: &str, name: &str) -> String {
    if name.contains('/') { name.to_owned() } else { format!("{kind}/{name}") }
}

fn parse_day(text: &str) -> Result<Day, String> {
    Day::parse(text).ok_or_else(|| "not a day of the calendar, YYYY-MM-DD".to_owned())
}

fn parse_known_at(text: &str) -> Result<KnownAt, String> {
    if let Ok(position) = text.parse() {
        return Ok(KnownAt::KnownAtPosition(position));
    }
    let time: Timestamp =
        text.parse().map_err(|_| "neither a position nor a time such as 2026-05-03T12:00:00Z".to_owned())?;
    Ok(KnownAt::KnownAtTime(prost_types::Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() }))
}

/// Why nothing is shown.
#[derive(Debug)]
enum Failure {
    Connect(DialError),
    Refused(Box<Status>),
    NotOnRecord(String),
    Usage(String),
    Output(io::Error),
}

impl Failure {
    const fn exit_status(&self) -> u8 {
        match self {
            Self::NotOnRecord(_) => 1,
            Self::Connect(_) | Self::Refused(_) | Self::Usage(_) | Self::Output(_) => 2,
        }
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        if status.code() == Code::NotFound {
            return Self::NotOnRecord(status.message().to_owned());
        }
        Self::Refused(Box::new(status))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(what) => f.write_str(what),
            Self::Connect(error) => write!(f, "cannot reach the service: {}", said::causes(error)),
            Self::Refused(status) => f.write_str(&said::answer(status)),
            Self::NotOnRecord(message) => f.write_str(message),
            Self::Output(error) => write!(f, "cannot print: {error}"),
        }
    }
}
#[cfg(test)]
mod tests;
