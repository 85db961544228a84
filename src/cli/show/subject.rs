//! What concerns the person himself and those who were shown his record: requests, disclosures, notices, clearances.

use clap::Args;
use data_encoding::HEXLOWER;

use crate::cli::show;
use crate::cli::show::Failure;
use crate::cli::show::PAGE_SIZE;
use crate::cli::show::ShowArgs;
use crate::cli::show::What;
use crate::cli::show::full;
use crate::cli::show::json;
use crate::cli::show::matters;
use crate::cli::show::matters::codes;
use crate::cli::show::matters::list;
use crate::cli::show::matters::state;
use crate::cli::show::register;
use crate::cli::show::tables::head;
use crate::cli::show::words;
use crate::cli::text::Dates;
use crate::cli::text::NOTHING;
use crate::cli::text::Style;
use crate::cli::text::or_nothing;
use crate::domain::dates::Day;
use crate::events::LegalBasis;
use crate::proto::v1::AsOf;
use crate::proto::v1::DisclosedTo;
use crate::proto::v1::Disclosure;
use crate::proto::v1::Dispute;
use crate::proto::v1::GetClearanceRequest;
use crate::proto::v1::GetClearanceResponse;
use crate::proto::v1::GetRightsRequest;
use crate::proto::v1::GetRightsResponse;
use crate::proto::v1::ListDisclosuresRequest;
use crate::proto::v1::ListDisclosuresResponse;
use crate::proto::v1::ListNoticesDueRequest;
use crate::proto::v1::ListNoticesDueResponse;
use crate::proto::v1::ListRightsRequest;
use crate::proto::v1::ListRightsResponse;
use crate::proto::v1::NoticeDue;
use crate::proto::v1::Rights;
use crate::proto::v1::RightsState;
use crate::proto::v1::record_service_client::RecordServiceClient;
use crate::tls::Line;

/// Which disclosures are wanted.
#[derive(Args, Clone, Debug)]
pub struct DisclosuresArgs {
    /// What was shown: a person or body, or a matter; a name with its kind. Without it, everything.
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Shown by this body, `entity/…`.
    #[arg(long, value_name = "BODY", conflicts_with = "name")]
    pub body: Option<String>,
    /// Shown to this person or body, `entity/…`.
    #[arg(long, value_name = "RECIPIENT")]
    pub recipient: Option<String>,
    /// Shown on this day or after it.
    #[arg(long, value_name = "DATE", value_parser = show::parse_day)]
    pub day_from: Option<Day>,
    /// Shown on this day or before it.
    #[arg(long, value_name = "DATE", value_parser = show::parse_day)]
    pub day_to: Option<Day>,
}

/// Which notices are wanted.
#[derive(Args, Clone, Debug)]
pub struct NoticesArgs {
    /// The body that has to tell, `entity/…`; without it, all bodies.
    #[arg(value_name = "BODY")]
    pub body: Option<String>,
    /// Only those that are overdue.
    #[arg(long)]
    pub overdue: bool,
}

/// Of whom a clearance is wanted, for what, and for whom.
#[derive(Args, Clone, Debug)]
pub struct ClearanceArgs {
    /// `entity/…`
    pub name: String,
    /// What it is for.
    #[arg(long = "for", value_name = "SCHEME:CODE")]
    pub reason: String,
    /// To whom it is shown, `entity/…`: the service records that. Without it, it is for whoever asks.
    #[arg(long, value_name = "RECIPIENT", requires = "reference")]
    pub disclose_to: Option<String>,
    /// Which request of the recipient it answers: the same is recorded once, and answered alike.
    #[arg(long, value_name = "TEXT", requires = "disclose_to")]
    pub reference: Option<String>,
    /// What showing it rests on [default: that of --legal-basis]
    #[arg(long, value_name = "SCHEME:CODE", requires = "disclose_to")]
    pub basis: Option<String>,
}

fn disclosed_to(wanted: &ClearanceArgs) -> Result<Option<DisclosedTo>, Failure> {
    let Some(recipient) = &wanted.disclose_to else { return Ok(None) };
    let instrument = register::code(wanted.basis.as_deref())?;
    Ok(Some(DisclosedTo {
        recipient: full("entity", recipient),
        reference: wanted.reference.clone().unwrap_or_default(),
        basis: instrument.map(|instrument| LegalBasis { instrument: Some(instrument), article: String::new() }),
    }))
}

/// One of them, asked for and shown.
pub(super) async fn subject(
    client: &mut RecordServiceClient<Line>,
    args: &ShowArgs,
    at: Option<AsOf>,
    style: &Style,
) -> Result<String, Failure> {
    match &args.what {
        What::Rights { name, .. } if !name.starts_with("entity/") => {
            let answer = client.get_rights(GetRightsRequest { name: full("rights", name), at }).await?.into_inner();
            Ok(if args.json { json::text("GetRightsResponse", &answer) } else { rights(&answer, style) })
        }
        What::Rights { name, open_only } => {
            let answer = requests(client, name, *open_only, at).await?;
            Ok(if args.json { json::text("ListRightsResponse", &answer) } else { each(name, &answer, style) })
        }
        What::Disclosures(wanted) => {
            let answer = shown(client, wanted, at).await?;
            let title = wanted.name.as_ref().or(wanted.body.as_ref()).map_or("everything", String::as_str);
            Ok(if args.json {
                json::text("ListDisclosuresResponse", &answer)
            } else {
                disclosures(title, &answer, style)
            })
        }
        What::Notices(wanted) => {
            let answer = due(client, wanted, at).await?;
            let title = wanted.body.as_deref().map_or_else(|| "all bodies".to_owned(), |body| full("entity", body));
            Ok(if args.json { json::text("ListNoticesDueResponse", &answer) } else { notices(&title, &answer, style) })
        }
        What::Clearance(wanted) => {
            let purpose = register::code(Some(&wanted.reason))?;
            let disclose_to = disclosed_to(wanted)?;
            let request = GetClearanceRequest { name: full("entity", &wanted.name), purpose, at, disclose_to };
            let answer = client.get_clearance(request).await?.into_inner();
            Ok(if args.json { json::text("GetClearanceResponse", &answer) } else { clearance(&answer, style) })
        }
        _ => Ok(String::new()),
    }
}

async fn requests(
    client: &mut RecordServiceClient<Line>,
    person: &str,
    open_only: bool,
    at: Option<AsOf>,
) -> Result<ListRightsResponse, Failure> {
    let state = if open_only { RightsState::Open } else { RightsState::Unspecified };
    let mut request = ListRightsRequest {
        person: person.to_owned(),
        state: state.into(),
        at,
        page_size: PAGE_SIZE,
        ..ListRightsRequest::default()
    };
    let mut whole = ListRightsResponse::default();
    loop {
        let page = client.list_rights(request.clone()).await?.into_inner();
        whole.rights.extend(page.rights);
        whole.stamp = page.stamp;
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok(whole);
        }
    }
}

async fn shown(
    client: &mut RecordServiceClient<Line>,
    wanted: &DisclosuresArgs,
    at: Option<AsOf>,
) -> Result<ListDisclosuresResponse, Failure> {
    let entity = |name: &Option<String>| name.as_deref().map(|name| full("entity", name)).unwrap_or_default();
    let mut request = ListDisclosuresRequest {
        name: entity(&wanted.name),
        body: entity(&wanted.body),
        recipient: entity(&wanted.recipient),
        disclosed: register::period(wanted.day_from, wanted.day_to),
        at,
        page_size: PAGE_SIZE,
        ..ListDisclosuresRequest::default()
    };
    let mut whole = ListDisclosuresResponse::default();
    loop {
        let page = client.list_disclosures(request.clone()).await?.into_inner();
        whole.disclosures.extend(page.disclosures);
        whole.stamp = page.stamp;
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok(whole);
        }
    }
}

async fn due(
    client: &mut RecordServiceClient<Line>,
    wanted: &NoticesArgs,
    at: Option<AsOf>,
) -> Result<ListNoticesDueResponse, Failure> {
    let mut request = ListNoticesDueRequest {
        body: wanted.body.as_deref().map(|body| full("entity", body)).unwrap_or_default(),
        overdue_only: wanted.overdue,
        at,
        page_size: PAGE_SIZE,
        page_token: String::new(),
    };
    let mut whole = ListNoticesDueResponse::default();
    loop {
        let page = client.list_notices_due(request.clone()).await?.into_inner();
        whole.notices.extend(page.notices);
        whole.stamp = page.stamp;
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok(whole);
        }
    }
}

fn rights(answer: &GetRightsResponse, style: &Style) -> String {
    let rights = answer.rights.clone().unwrap_or_default();
    let dates = &style.dates;
    let mut page = head(&rights.name, answer.stamp.as_ref(), style);
    page.facts(&[
        ("state", state(rights.state().as_str_name(), "RIGHTS_STATE_", rights.overdue)),
        ("kind", words::variant(rights.kind().as_str_name(), "RIGHTS_KIND_")),
        ("person", or_nothing(&rights.person)),
        ("identity checked by", words::code(rights.identity_check.as_ref())),
        ("about", or_nothing(&rights.target)),
        ("received by", or_nothing(&rights.received_by)),
        ("received on", dates.date(rights.received_on.as_ref())),
        ("to be acknowledged by", dates.date(rights.ack_due_on.as_ref())),
        ("acknowledged on", dates.date(rights.acknowledged_on.as_ref())),
        ("to be answered by", dates.date(rights.due_on.as_ref())),
        ("usually", usual(&rights, dates)),
        ("extended because", words::code(rights.extension_reason.as_ref())),
        ("ended on", dates.date(rights.ended_on.as_ref())),
        ("refused by", basis(rights.refusal_basis.as_ref())),
        ("against that", words::code(rights.remedy.as_ref())),
        ("disputes", list(&rights.disputes)),
        ("received by entry", words::source(rights.received.as_ref())),
        ("ended by entry", words::source(rights.ended.as_ref())),
    ]);
    let rows = rights.withheld.iter().map(|one| [words::code(one.code.as_ref()), basis(one.basis.as_ref())]);
    page.table("Kept back", ["what", "by"], rows);
    matters::amendments(&mut page, &rights.corrections, &rights.voids);
    page.into_text()
}

fn usual(rights: &Rights, dates: &Dates) -> String {
    match (&rights.usual_ack_due_on, &rights.usual_due_on) {
        (Some(acknowledged), Some(answered)) => {
            format!("{} and {}", dates.date(Some(acknowledged)), dates.date(Some(answered)))
        }
        _ => NOTHING.to_owned(),
    }
}

fn basis(basis: Option<&LegalBasis>) -> String {
    let Some(basis) = basis else { return NOTHING.to_owned() };
    format!("{} {}", words::code(basis.instrument.as_ref()), basis.article).trim_end().to_owned()
}

fn each(title: &str, answer: &ListRightsResponse, style: &Style) -> String {
    let dates = &style.dates;
    let mut page = head(title, answer.stamp.as_ref(), style);
    let rows = answer.rights.iter().map(|one| {
        [
            one.name.clone(),
            words::variant(one.kind().as_str_name(), "RIGHTS_KIND_"),
            state(one.state().as_str_name(), "RIGHTS_STATE_", one.overdue),
            dates.date(one.received_on.as_ref()),
            dates.date(one.due_on.as_ref()),
        ]
    });
    page.table("Requests", ["request", "kind", "state", "received", "due"], rows);
    if answer.rights.is_empty() {
        page.paragraph("nothing was asked for");
    }
    page.into_text()
}

fn disclosures(title: &str, answer: &ListDisclosuresResponse, style: &Style) -> String {
    let dates = &style.dates;
    let mut page = head(title, answer.stamp.as_ref(), style);
    page.table("Shown", ["on", "to", "what", "level", "for", "notices"], {
        answer.disclosures.iter().map(|one| disclosure(one, dates))
    });
    if answer.disclosures.is_empty() {
        page.paragraph("nothing was shown");
    }
    page.into_text()
}

fn disclosure(one: &Disclosure, dates: &Dates) -> [String; 6] {
    let on = dates.date(one.disclosed_on.as_ref());
    [
        if one.void { format!("{on}, void") } else { on },
        one.recipient.clone(),
        one.targets.join("\n"),
        words::variant(one.level().as_str_name(), "DISCLOSURE_LEVEL_"),
        words::code(one.purpose.as_ref()),
        if one.notices.is_empty() { NOTHING.to_owned() } else { one.notices.len().to_string() },
    ]
}

fn notices(title: &str, answer: &ListNoticesDueResponse, style: &Style) -> String {
    let dates = &style.dates;
    let mut page = head(title, answer.stamp.as_ref(), style);
    page.table("To be told", ["due", "", "recipient", "what changed", "by entry", "disclosure"], {
        answer.notices.iter().map(|one| notice(one, dates))
    });
    if answer.notices.is_empty() {
        page.paragraph("nobody has to be told");
    }
    page.into_text()
}

fn notice(one: &NoticeDue, dates: &Dates) -> [String; 6] {
    let event = one.cause.as_ref().map(|cause| cause.event_type.clone()).unwrap_or_default();
    [
        dates.date(one.due_on.as_ref()),
        if one.overdue { "overdue".to_owned() } else { String::new() },
        one.recipient.clone(),
        one.stream.clone(),
        format!("{}, {event}", words::source(one.cause.as_ref())),
        one.disclosure.clone(),
    ]
}

fn clearance(answer: &GetClearanceResponse, style: &Style) -> String {
    let clearance = answer.clearance.clone().unwrap_or_default();
    let dates = &style.dates;
    let mut page = head(&clearance.name, answer.stamp.as_ref(), style);
    page.facts(&[
        ("for", words::code(clearance.purpose.as_ref())),
        ("a sanction in force", if clearance.sanction_in_force { "yes" } else { "no" }.to_owned()),
        ("valid until", dates.date(clearance.valid_until.as_ref())),
        ("kept back", codes(&clearance.withheld)),
        ("SHA-256 of it", HEXLOWER.encode(&answer.extract_sha256)),
        ("recorded as", or_nothing(&answer.disclosure)),
    ]);
    let rows = clearance.decisions.iter().flat_map(|decision| {
        decision.sanctions.iter().map(|sanction| {
            let item = sanction.item.clone().unwrap_or_default();
            [
                decision.name.clone(),
                words::sanction(&item),
                words::variant(sanction.standing().as_str_name(), "STANDING_"),
                dates.span(item.from.as_ref(), item.to.as_ref()),
                if decision.disputed { "disputed".to_owned() } else { String::new() },
            ]
        })
    });
    page.table("May be told", ["decision", "sanction", "standing", "in force", ""], rows);
    let said: Vec<Dispute> = clearance.decisions.iter().flat_map(|decision| decision.disputes.clone()).collect();
    matters::disputes(&mut page, &said);
    page.into_text()
}
