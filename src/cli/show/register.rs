//! Registers: the matters of one kind that a body keeps; and sanctions that end soon.

use clap::Args;
use clap::ValueEnum;
use jiff::Timestamp;

use crate::cli::show;
use crate::cli::show::Failure;
use crate::cli::show::PAGE_SIZE;
use crate::cli::show::ShowArgs;
use crate::cli::show::called::Called;
use crate::cli::show::full;
use crate::cli::show::json;
use crate::cli::show::listed;
use crate::cli::show::tables::head;
use crate::cli::text::Page;
use crate::cli::text::Style;
use crate::clock::Clock;
use crate::domain::dates::Day;
use crate::events::Code;
use crate::events::POOL;
use crate::events::PartialDate;
use crate::events::Period;
use crate::proto::v1::AsOf;
use crate::proto::v1::ListAppealsRequest;
use crate::proto::v1::ListCasesRequest;
use crate::proto::v1::ListDecisionsRequest;
use crate::proto::v1::ListDeclarationsRequest;
use crate::proto::v1::ListExpiringRequest;
use crate::proto::v1::ListObligationsRequest;
use crate::proto::v1::ListPetitionsRequest;
use crate::proto::v1::ListVerificationsRequest;
use crate::proto::v1::Stamp;
use crate::proto::v1::record_service_client::RecordServiceClient;
use crate::tls::Line;

/// Of which register what is wanted. A filter that the register does not have is refused.
#[derive(Args, Clone, Debug)]
pub struct RegisterArgs {
    /// Which register.
    pub of: RegisterOf,
    /// The body that keeps it, `entity/…`; without it, all bodies. Of declarations the person.
    #[arg(value_name = "BODY", required_if_eq("of", "declarations"))]
    pub body: Option<String>,
    /// In this state: `open`, `closed`, `pending`, …; of a decision its phase, such as `served`.
    #[arg(long, value_name = "WORD")]
    pub state: Option<String>,
    /// Of decisions: with this standing, such as `in-force`.
    #[arg(long, value_name = "WORD")]
    pub standing: Option<String>,
    /// Of petitions a code, SCHEME:CODE; of obligations a word, such as `annual`.
    #[arg(long, value_name = "KIND")]
    pub kind: Option<String>,
    /// Of cases and decisions: under these rules.
    #[arg(long, value_name = "SCHEME:CODE")]
    pub regime: Option<String>,
    /// Of petitions and appeals: with this outcome.
    #[arg(long, value_name = "WORD")]
    pub outcome: Option<String>,
    /// Of verifications: ordered for this reason.
    #[arg(long, value_name = "WORD")]
    pub ground: Option<String>,
    /// Of verifications: that found this.
    #[arg(long, value_name = "WORD")]
    pub truthfulness: Option<String>,
    /// Received, opened, signed, lodged or ordered on this day or after it; of obligations: about a time that has one.
    #[arg(long, value_name = "DATE", value_parser = show::parse_day)]
    pub day_from: Option<Day>,
    /// The same on this day or before it.
    #[arg(long, value_name = "DATE", value_parser = show::parse_day)]
    pub day_to: Option<Day>,
    /// Due on this day or after it.
    #[arg(long, value_name = "DATE", value_parser = show::parse_day)]
    pub due_from: Option<Day>,
    /// Due on this day or before it.
    #[arg(long, value_name = "DATE", value_parser = show::parse_day)]
    pub due_to: Option<Day>,
    /// Only what is overdue.
    #[arg(long)]
    pub overdue: bool,
    /// First recorded at this time or after it, such as 2026-05-03T12:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub recorded_from: Option<prost_types::Timestamp>,
    /// First recorded at this time or before it.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub recorded_to: Option<prost_types::Timestamp>,
    /// Ask for no further page when there are so many; what is left out is said.
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
}

/// A register.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegisterOf {
    /// Petitions received by a body.
    Petitions,
    /// Cases that a body opened.
    Cases,
    /// Decisions that a body proposed or issued.
    Decisions,
    /// Appeals lodged with a body.
    Appeals,
    /// Duties to declare to a body.
    Obligations,
    /// Declarations of a person.
    Declarations,
    /// Verifications that a body ordered.
    Verifications,
}

/// Which sanctions that end are wanted.
#[derive(Args, Clone, Debug)]
pub struct ExpiringArgs {
    /// The body in whose register the decisions stand, `entity/…`; without it, all bodies.
    #[arg(value_name = "BODY")]
    pub body: Option<String>,
    /// Ending on this day or after it [default: the day of --as-of, or today, UTC]
    #[arg(long, value_name = "DATE", value_parser = show::parse_day)]
    pub ends_from: Option<Day>,
    /// Ending on this day or before it.
    #[arg(long, value_name = "DATE", value_parser = show::parse_day, conflicts_with = "within")]
    pub ends_to: Option<Day>,
    /// Ending within so many days after the first.
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u32).range(..=36_600))]
    pub within: u32,
    /// Of this form alone.
    #[arg(long, value_name = "SCHEME:CODE")]
    pub form: Option<String>,
}

fn parse_time(text: &str) -> Result<prost_types::Timestamp, String> {
    let time: Timestamp = text.parse().map_err(|_| "not a time such as 2026-05-03T12:00:00Z".to_owned())?;
    Ok(prost_types::Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() })
}

/// Asks for every page of a list, all of one moment; `limit` rows are enough.
macro_rules! pages {
    ($client:ident.$method:ident($request:expr), $rows:ident, $limit:expr) => {{
        let mut request = $request;
        let mut whole = $client.$method(request.clone()).await?.into_inner();
        while !whole.next_page_token.is_empty() && whole.$rows.len() < $limit {
            request.page_token = std::mem::take(&mut whole.next_page_token);
            let page = $client.$method(request.clone()).await?.into_inner();
            whole.$rows.extend(page.$rows);
            whole.next_page_token = page.next_page_token;
            whole.stamp = page.stamp;
        }
        whole
    }};
}

/// What was asked of a register, as every list takes it.
struct Asked<'a> {
    wanted: &'a RegisterArgs,
    body: String,
    at: Option<AsOf>,
    page_size: u32,
    rows_max: usize,
}

/// A request of a register: what all have in common, and the fields of its own.
macro_rules! request {
    ($request:ident, $asked:ident, { $($field:ident: $value:expr,)* }) => {
        $request {
            $($field: $value,)*
            body: $asked.body.clone(),
            recorded_from: $asked.wanted.recorded_from,
            recorded_to: $asked.wanted.recorded_to,
            at: $asked.at,
            page_size: $asked.page_size,
            page_token: String::new(),
        }
    };
}

/// A register, as it is printed.
pub(super) async fn register(
    client: &mut RecordServiceClient<Line>,
    (args, wanted): (&ShowArgs, &RegisterArgs),
    at: Option<AsOf>,
    style: &Style,
) -> Result<String, Failure> {
    wanted.check()?;
    let page_size = wanted.limit.map_or(PAGE_SIZE, |limit| limit.min(PAGE_SIZE));
    let rows_max = wanted.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let body = wanted.body.as_deref().map(|body| full("entity", body)).unwrap_or_default();
    let asked = Asked { wanted, body, at, page_size, rows_max };
    match wanted.of {
        RegisterOf::Petitions | RegisterOf::Cases | RegisterOf::Declarations => {
            first_half(client, args, &asked, style).await
        }
        RegisterOf::Decisions | RegisterOf::Appeals => of_decisions(client, args, &asked, style).await,
        RegisterOf::Obligations | RegisterOf::Verifications => of_declaring(client, args, &asked, style).await,
    }
}

async fn first_half(
    client: &mut RecordServiceClient<Line>,
    args: &ShowArgs,
    asked: &Asked<'_>,
    style: &Style,
) -> Result<String, Failure> {
    let (wanted, dates) = (asked.wanted, &style.dates);
    match wanted.of {
        RegisterOf::Petitions => {
            let request = request!(ListPetitionsRequest, asked, {
                state: word("probity.v1.PetitionState", wanted.state.as_deref())?,
                petition_kind: code(wanted.kind.as_deref())?,
                outcome: word("probity.events.v1.PetitionOutcome", wanted.outcome.as_deref())?,
                received: period(wanted.day_from, wanted.day_to),
                due: period(wanted.due_from, wanted.due_to),
                overdue: wanted.overdue,
            });
            let answer = pages!(client.list_petitions(request), petitions, asked.rows_max);
            if args.json {
                return Ok(json::text("ListPetitionsResponse", &answer));
            }
            let about = answer.petitions.iter().flat_map(|one| &one.respondents);
            let called = called(client, about, answer.stamp.as_ref(), args, style).await?;
            let rows = answer.petitions.iter().map(|one| listed::petition(one, &called, dates));
            Ok(asked.page(answer.stamp.as_ref(), &answer.next_page_token, listed::PETITION, rows, style))
        }
        RegisterOf::Cases => {
            let request = request!(ListCasesRequest, asked, {
                status: word("probity.v1.CaseStatus", wanted.state.as_deref())?,
                regime: code(wanted.regime.as_deref())?,
                opened: period(wanted.day_from, wanted.day_to),
                due: period(wanted.due_from, wanted.due_to),
                overdue: wanted.overdue,
            });
            let answer = pages!(client.list_cases(request), cases, asked.rows_max);
            if args.json {
                return Ok(json::text("ListCasesResponse", &answer));
            }
            let rows = answer.cases.iter().map(|one| listed::case(one, dates));
            Ok(asked.page(answer.stamp.as_ref(), &answer.next_page_token, listed::CASE, rows, style))
        }
        _ => {
            let name = asked.body.clone();
            let (at, page_size) = (asked.at, asked.page_size);
            let request = ListDeclarationsRequest { name, at, page_size, page_token: String::new() };
            let answer = pages!(client.list_declarations(request), declarations, asked.rows_max);
            if args.json {
                return Ok(json::text("ListDeclarationsResponse", &answer));
            }
            let rows = answer.declarations.iter().map(|one| listed::declaration(one, dates));
            Ok(asked.page(answer.stamp.as_ref(), &answer.next_page_token, listed::DECLARATION, rows, style))
        }
    }
}

async fn of_decisions(
    client: &mut RecordServiceClient<Line>,
    args: &ShowArgs,
    asked: &Asked<'_>,
    style: &Style,
) -> Result<String, Failure> {
    let (wanted, dates) = (asked.wanted, &style.dates);
    if wanted.of == RegisterOf::Decisions {
        let request = request!(ListDecisionsRequest, asked, {
            phase: word("probity.v1.DecisionPhase", wanted.state.as_deref())?,
            standing: word("probity.v1.Standing", wanted.standing.as_deref())?,
            regime: code(wanted.regime.as_deref())?,
            signed: period(wanted.day_from, wanted.day_to),
        });
        let answer = pages!(client.list_decisions(request), decisions, asked.rows_max);
        if args.json {
            return Ok(json::text("ListDecisionsResponse", &answer));
        }
        let about = answer.decisions.iter().map(|one| &one.respondent);
        let called = called(client, about, answer.stamp.as_ref(), args, style).await?;
        let rows = answer.decisions.iter().map(|one| listed::decision(one, &called, dates));
        return Ok(asked.page(answer.stamp.as_ref(), &answer.next_page_token, listed::DECISION, rows, style));
    }
    let request = request!(ListAppealsRequest, asked, {
        state: word("probity.v1.AppealState", wanted.state.as_deref())?,
        outcome: word("probity.events.v1.AppealOutcome", wanted.outcome.as_deref())?,
        lodged: period(wanted.day_from, wanted.day_to),
        due: period(wanted.due_from, wanted.due_to),
        overdue: wanted.overdue,
    });
    let answer = pages!(client.list_appeals(request), appeals, asked.rows_max);
    if args.json {
        return Ok(json::text("ListAppealsResponse", &answer));
    }
    let rows = answer.appeals.iter().map(|one| listed::appeal(one, dates));
    Ok(asked.page(answer.stamp.as_ref(), &answer.next_page_token, listed::APPEAL, rows, style))
}

async fn of_declaring(
    client: &mut RecordServiceClient<Line>,
    args: &ShowArgs,
    asked: &Asked<'_>,
    style: &Style,
) -> Result<String, Failure> {
    let (wanted, dates) = (asked.wanted, &style.dates);
    if wanted.of == RegisterOf::Obligations {
        let request = request!(ListObligationsRequest, asked, {
            state: word("probity.v1.ObligationState", wanted.state.as_deref())?,
            kind: word("probity.events.v1.DeclarationKind", wanted.kind.as_deref())?,
            period: period(wanted.day_from, wanted.day_to),
            due: period(wanted.due_from, wanted.due_to),
            overdue: wanted.overdue,
        });
        let answer = pages!(client.list_obligations(request), obligations, asked.rows_max);
        if args.json {
            return Ok(json::text("ListObligationsResponse", &answer));
        }
        let about = answer.obligations.iter().map(|one| &one.person);
        let called = called(client, about, answer.stamp.as_ref(), args, style).await?;
        let who = |person: &str| called.in_cell(person);
        let rows = answer.obligations.iter().map(|one| listed::obligation(one, &who, dates));
        return Ok(asked.page(answer.stamp.as_ref(), &answer.next_page_token, listed::OBLIGATION, rows, style));
    }
    let request = request!(ListVerificationsRequest, asked, {
        state: word("probity.v1.VerificationState", wanted.state.as_deref())?,
        ground: word("probity.events.v1.VerificationGround", wanted.ground.as_deref())?,
        truthfulness: word("probity.events.v1.Truthfulness", wanted.truthfulness.as_deref())?,
        ordered: period(wanted.day_from, wanted.day_to),
        due: period(wanted.due_from, wanted.due_to),
        overdue: wanted.overdue,
    });
    let answer = pages!(client.list_verifications(request), verifications, asked.rows_max);
    if args.json {
        return Ok(json::text("ListVerificationsResponse", &answer));
    }
    let about = answer.verifications.iter().map(|one| &one.person);
    let called = called(client, about, answer.stamp.as_ref(), args, style).await?;
    let who = |person: &str| called.in_cell(person);
    let rows = answer.verifications.iter().map(|one| listed::verification(one, &who, dates));
    Ok(asked.page(answer.stamp.as_ref(), &answer.next_page_token, listed::VERIFICATION, rows, style))
}

/// Sanctions that end between two days, as they are printed.
pub(super) async fn expiring(
    client: &mut RecordServiceClient<Line>,
    (args, wanted): (&ShowArgs, &ExpiringArgs),
    at: Option<AsOf>,
    (style, clock): (&Style, &Clock),
) -> Result<String, Failure> {
    let from = wanted.ends_from.or(args.as_of).unwrap_or_else(|| Day::from_unix_ms(clock.unix_ms()));
    let to = wanted.ends_to.unwrap_or_else(|| (0..wanted.within).fold(from, |day, _| day.next()));
    let request = ListExpiringRequest {
        body: wanted.body.as_deref().map(|body| full("entity", body)).unwrap_or_default(),
        ends: period(Some(from), Some(to)),
        form: code(wanted.form.as_deref())?,
        at,
        page_size: PAGE_SIZE,
        page_token: String::new(),
    };
    let answer = pages!(client.list_expiring(request), sanctions, usize::MAX);
    if args.json {
        return Ok(json::text("ListExpiringResponse", &answer));
    }
    let dates = &style.dates;
    let about = answer.sanctions.iter().map(|one| &one.respondent);
    let called = called(client, about, answer.stamp.as_ref(), args, style).await?;
    let of = wanted.body.as_deref().map(|body| format!(" of {}", full("entity", body))).unwrap_or_default();
    let days = dates.span(Some(&PartialDate::from(from)), Some(&PartialDate::from(to)));
    let mut page = head(&format!("sanctions{of} that end {days}"), answer.stamp.as_ref(), style);
    let rows = answer.sanctions.iter().map(|one| listed::expiring(one, &called, dates));
    page.table("Ending", listed::EXPIRING, rows);
    if answer.sanctions.is_empty() {
        page.paragraph("none ends between these days");
    }
    Ok(page.into_text())
}

/// What persons are called; nobody is asked where no identity is to be opened.
async fn called(
    client: &mut RecordServiceClient<Line>,
    entities: impl IntoIterator<Item = &String>,
    stamp: Option<&Stamp>,
    args: &ShowArgs,
    style: &Style,
) -> Result<Called, Failure> {
    if !args.open {
        return Ok(Called::default());
    }
    Ok(show::called(client, entities, stamp, args, style).await?)
}

impl Asked<'_> {
    fn page<const N: usize>(
        &self,
        stamp: Option<&Stamp>,
        next_page_token: &str,
        columns: [&str; N],
        rows: impl Iterator<Item = [String; N]>,
        style: &Style,
    ) -> String {
        let what = self.wanted.of.word();
        let of = if self.body.is_empty() { "every body" } else { &self.body };
        let mut page: Page<'_> = head(&format!("{what} of {of}"), stamp, style);
        let rows: Vec<[String; N]> = rows.collect();
        let count = rows.len();
        page.table(&format!("{}{}", what[..1].to_uppercase(), &what[1..]), columns, rows);
        page.paragraph(&match (count, next_page_token) {
            (0, "") => "none".to_owned(),
            (count, "") => format!("{count} in all"),
            (count, _) => format!("the first {count}; there may be more: raise --limit"),
        });
        page.into_text()
    }
}

impl RegisterOf {
    const fn word(self) -> &'static str {
        match self {
            Self::Petitions => "petitions",
            Self::Cases => "cases",
            Self::Decisions => "decisions",
            Self::Appeals => "appeals",
            Self::Obligations => "obligations",
            Self::Declarations => "declarations",
            Self::Verifications => "verifications",
        }
    }

    /// The filters that it has.
    const fn filters(self) -> &'static [&'static str] {
        match self {
            Self::Petitions => &["state", "kind", "outcome", "day", "due", "overdue", "recorded"],
            Self::Cases => &["state", "regime", "day", "due", "overdue", "recorded"],
            Self::Decisions => &["state", "standing", "regime", "day", "recorded"],
            Self::Appeals => &["state", "outcome", "day", "due", "overdue", "recorded"],
            Self::Obligations => &["state", "kind", "day", "due", "overdue", "recorded"],
            Self::Declarations => &[],
            Self::Verifications => &["state", "ground", "truthfulness", "day", "due", "overdue", "recorded"],
        }
    }
}

impl RegisterArgs {
    /// A filter that would be left out of the question is refused: what it lets through would pass for an answer.
    fn check(&self) -> Result<(), Failure> {
        let given = [
            ("state", self.state.is_some()),
            ("standing", self.standing.is_some()),
            ("kind", self.kind.is_some()),
            ("regime", self.regime.is_some()),
            ("outcome", self.outcome.is_some()),
            ("ground", self.ground.is_some()),
            ("truthfulness", self.truthfulness.is_some()),
            ("day", self.day_from.is_some() || self.day_to.is_some()),
            ("due", self.due_from.is_some() || self.due_to.is_some()),
            ("overdue", self.overdue),
            ("recorded", self.recorded_from.is_some() || self.recorded_to.is_some()),
        ];
        let filters = self.of.filters();
        match given.into_iter().find(|(filter, given)| *given && !filters.contains(filter)) {
            None => Ok(()),
            Some((filter, _)) => {
                let ends = matches!(filter, "day" | "due" | "recorded");
                let flag = if ends { format!("--{filter}-from and --{filter}-to") } else { format!("--{filter}") };
                Err(Failure::Usage(format!("the register of {} has no {flag}", self.of.word())))
            }
        }
    }
}

/// The number of an enum's value by its word, `in-force`; 0, which is every one, for none.
fn word(name: &str, given: Option<&str>) -> Result<i32, Failure> {
    let Some(given) = given else { return Ok(0) };
    let values = POOL.get_enum_by_name(name).expect("the pool holds every enum");
    let zero = values.default_value().name().to_owned();
    let prefix = zero.strip_suffix("UNSPECIFIED").expect("every enum begins with it");
    let as_word = |value: &str| value.strip_prefix(prefix).unwrap_or(value).to_lowercase().replace('_', "-");
    let wanted = given.to_lowercase().replace([' ', '_'], "-");
    let found = values.values().filter(|value| value.number() != 0).find(|value| as_word(value.name()) == wanted);
    found.map(|value| value.number()).ok_or_else(|| {
        let known: Vec<String> =
            values.values().filter(|value| value.number() != 0).map(|value| as_word(value.name())).collect();
        Failure::Usage(format!("{given:?} is none of {}", known.join(", ")))
    })
}

/// A code with its scheme before the colon.
pub(super) fn code(given: Option<&str>) -> Result<Option<Code>, Failure> {
    let Some(given) = given else { return Ok(None) };
    match given.split_once(':') {
        Some((scheme, code)) if !scheme.is_empty() && !code.is_empty() => {
            Ok(Some(Code { scheme: scheme.to_owned(), code: code.to_owned() }))
        }
        _ => Err(Failure::Usage(format!("{given:?} is no code: SCHEME:CODE is wanted"))),
    }
}

pub(super) fn period(from: Option<Day>, to: Option<Day>) -> Option<Period> {
    (from.is_some() || to.is_some()).then(|| Period { from: from.map(Into::into), to: to.map(Into::into) })
}
