//! The service over real gRPC, on a log in memory.

use std::sync::Arc;
use std::time::Duration;

use prost_types::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::Code;
use tonic::Request;
use tonic::Status;
use tonic::transport::Channel;
use tonic::transport::Server;
use tonic_types::StatusExt;

use crate::clock::Settable;
use crate::events::AllegationRecorded;
use crate::events::AppealLodged;
use crate::events::CaseOpened;
use crate::events::DecisionIssued;
use crate::events::DecisionModified;
use crate::events::DeclarationSubmitted;
use crate::events::Event;
use crate::events::Narrative;
use crate::events::NativeId;
use crate::events::PartialDate;
use crate::events::PersonIdentity;
use crate::events::PersonRegistered;
use crate::events::SanctionItem;
use crate::proto::v1::AsOf;
use crate::proto::v1::FindRequest;
use crate::proto::v1::GetCaseRequest;
use crate::proto::v1::GetDecisionRequest;
use crate::proto::v1::GetDeclarationRequest;
use crate::proto::v1::GetRecordRequest;
use crate::proto::v1::ListDeclarationsRequest;
use crate::proto::v1::ListTimelineRequest;
use crate::proto::v1::ListTimelineResponse;
use crate::proto::v1::as_of::KnownAt;
use crate::proto::v1::personal_part::Content;
use crate::proto::v1::record_service_client::RecordServiceClient;
use crate::server::gate::Guarded;
use crate::server::record_service::PageKey;
use crate::server::record_service::Records;
use crate::server::services::record_service_server::RecordServiceServer;
use crate::views::Coverage;
use crate::views::Histories as _;
use crate::views::fixture::GENESIS_MS;
use crate::views::fixture::HOUR_MS;
use crate::views::fixture::Story;
use crate::views::fixture::code;
use crate::views::fixture::context;
use crate::views::fixture::date;
use crate::views::fixture::id;
use crate::views::fixture::name;

/// The service's time: ten hours after the log began.
const NOW_MS: u64 = GENESIS_MS + 10 * HOUR_MS;

struct Service {
    story: Arc<Story>,
    moved: watch::Sender<u64>,
    client: RecordServiceClient<Channel>,
}

/// The gate of a service without access control.
fn open_door() -> Guarded {
    Guarded { guard: watch::channel(Arc::default()).1, clock: Settable::at(NOW_MS), log: None }
}

async fn serve(events: Vec<Event>) -> Service {
    let story = Arc::new(Story::of(events));
    let (moved, applied) = watch::channel(story.coverage().applied);
    let records = Records::new(Arc::clone(&story), applied, Settable::at(NOW_MS), PageKey([7; 32]));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = Server::builder().layer(open_door()).add_service(RecordServiceServer::new(records));
    tokio::spawn(service.serve_with_incoming(TcpListenerStream::new(listener)));
    let client = RecordServiceClient::connect(format!("http://{address}")).await.unwrap();
    Service { story, moved, client }
}

/// A person with a case, a decision modified once, an appeal, and three declarations: entries 1 to 9.
fn story() -> Vec<Event> {
    let narrative = |text: &str| Some(Narrative { text: text.to_owned(), language: "en".to_owned() });
    let mut events: Vec<Event> = vec![
        PersonRegistered {
            entity_id: id(1),
            identity: Some(PersonIdentity {
                full_name: "Ann Example".to_owned(),
                native_ids: vec![NativeId { scheme: "test.number".to_owned(), value: "A 1".to_owned() }],
                ..PersonIdentity::default()
            }),
            ..PersonRegistered::default()
        }
        .into(),
        CaseOpened { case_id: id(10), regime: code("party"), respondent_ids: vec![id(1)], ..CaseOpened::default() }
            .into(),
        AllegationRecorded {
            case_id: id(10),
            allegation_number: 1,
            respondent_id: id(1),
            category: code("gift"),
            text: narrative("it is said"),
            ..AllegationRecorded::default()
        }
        .into(),
        DecisionIssued {
            context: context("", "2026-02-01"),
            decision_id: id(20),
            case_id: id(10),
            respondent_id: id(1),
            regime: code("party"),
            items: vec![sanction("2026-12-31")],
            reasons: narrative("because"),
            ..DecisionIssued::default()
        }
        .into(),
        AppealLodged {
            appeal_id: id(30),
            decision_id: id(20),
            respondent_id: id(1),
            grounds: narrative("not so"),
            ..AppealLodged::default()
        }
        .into(),
        DecisionModified {
            context: context("", "2026-04-01"),
            decision_id: id(20),
            respondent_id: id(1),
            items: vec![sanction("2026-06-30")],
            ..DecisionModified::default()
        }
        .into(),
    ];
    events.extend((40..43).map(|number| Event::from(declared(number))));
    events
}

fn sanction(to: &str) -> SanctionItem {
    SanctionItem { item_number: 1, form: code("reprimand"), to: Some(date(to)), ..SanctionItem::default() }
}

fn declared(number: u128) -> DeclarationSubmitted {
    DeclarationSubmitted { declaration_id: id(number), person_id: id(1), ..DeclarationSubmitted::default() }
}

fn record_of(number: u128, at: Option<AsOf>) -> GetRecordRequest {
    GetRecordRequest { name: name("entity", number).to_string(), at, open_identity: false }
}

fn on(day: &str) -> AsOf {
    AsOf { as_of: Some(date(day)), ..AsOf::default() }
}

fn known_at(position: u64) -> AsOf {
    AsOf { known_at: Some(KnownAt::KnownAtPosition(position)), ..AsOf::default() }
}

fn known_at_time(unix_ms: u64) -> AsOf {
    AsOf { known_at: Some(KnownAt::KnownAtTime(crate::views::timestamp(unix_ms))), ..AsOf::default() }
}

/// The refusal is of this code and reason, with exactly one ErrorInfo; its metadata.
#[track_caller]
fn refused<T: std::fmt::Debug>(
    answer: Result<T, Status>,
    code: Code,
    reason: &str,
) -> std::collections::HashMap<String, String> {
    let status = answer.unwrap_err();
    let info = status.get_details_error_info().unwrap();
    assert_eq!((status.code(), info.reason.as_str(), info.domain.as_str()), (code, reason, "probity"));
    assert!(status.message().len() <= 512 && status.details().len() <= 4096);
    info.metadata
}

#[tokio::test]
async fn a_record_is_told_for_both_times() {
    let mut service = serve(story()).await;
    for (at, position, in_force, decisions) in [
        (None, 9, false, 1),
        (Some(on("2026-02-01")), 9, true, 1),
        (Some(on("2026-05-01")), 9, true, 1),
        (Some(on("2026-08-01")), 9, false, 1),
        // Before entry 6 nobody knew of the shorter term.
        (Some(AsOf { as_of: Some(date("2026-08-01")), ..known_at(5) }), 5, true, 1),
        (Some(known_at(3)), 3, false, 0),
        (Some(known_at_time(GENESIS_MS + 3 * HOUR_MS + 1)), 3, false, 0),
    ] {
        let answer = service.client.get_record(record_of(1, at)).await.unwrap().into_inner();
        let (record, stamp) = (answer.record.unwrap(), answer.stamp.unwrap());
        assert_eq!((stamp.position, stamp.head_position), (position, 9), "{at:?}");
        assert_eq!(record.sanction_in_force, in_force, "{at:?}");
        assert_eq!(record.decisions.len(), decisions, "{at:?}");
        let today = PartialDate { year: 2026, month: 1, day: 1 };
        assert_eq!(stamp.as_of.unwrap(), at.and_then(|at| at.as_of).unwrap_or(today));
        assert_eq!(stamp.recorded_at, Some(crate::views::timestamp(GENESIS_MS + position * HOUR_MS)));
    }
}

#[tokio::test]
async fn a_case_is_told_with_decisions_and_appeals() {
    let mut service = serve(story()).await;
    let request = GetCaseRequest { name: name("case", 10).to_string(), at: None, open_narratives: true };
    let case = service.client.get_case(request).await.unwrap().into_inner().case.unwrap();
    let text = |part: Option<&crate::proto::v1::PersonalPart>| match &part.unwrap().content {
        Some(Content::Narrative(narrative)) => narrative.text.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(text(case.allegations[0].text.as_ref()), "it is said");
    assert_eq!(text(case.decisions[0].reasons.as_ref()), "because");
    assert_eq!(text(case.decisions[0].appeals[0].grounds.as_ref()), "not so");
    assert_eq!(case.decisions[0].changes.len(), 1);
    let request = GetDecisionRequest { name: name("decision", 20).to_string(), at: None, open_narratives: false };
    let decision = service.client.get_decision(request).await.unwrap().into_inner().decision.unwrap();
    assert_eq!(decision.appeals.len(), 1);
    assert_eq!(decision.reasons.unwrap().content, None, "nobody asked to open it");
}

#[tokio::test]
async fn what_is_erased_says_by_which_entry_and_is_never_opened() {
    let mut service = serve(story()).await;
    let by = service.story.erase(1);
    let request = GetRecordRequest { open_identity: true, ..record_of(1, None) };
    let record = service.client.get_record(request).await.unwrap().into_inner().record.unwrap();
    let identity = record.identity.unwrap();
    assert_eq!((identity.erased_by, identity.content), (Some(by), None));
    assert_eq!(record.erased[0].erased_by, Some(by));
}

#[tokio::test]
async fn a_number_of_another_system_finds_its_holder() {
    let mut service = serve(story()).await;
    let request = |value: &str, at| FindRequest { scheme: "test.number".to_owned(), value: value.to_owned(), at };
    for (value, at, found) in [
        ("A 1", None, name("entity", 1).to_string()),
        ("A 2", None, String::new()),
        ("A 1", Some(known_at(0)), String::new()),
        // Before the log began, nobody was known.
        ("A 1", Some(known_at_time(5)), String::new()),
    ] {
        let answer = service.client.find(request(value, at)).await.unwrap().into_inner();
        assert_eq!(answer.name, found, "{value} {at:?}");
    }
    let long = "x".repeat(257);
    for (scheme, value, field) in
        [("", "1", "scheme"), ("Test", "1", "scheme"), ("-t", "1", "scheme"), ("t", "", "value"), ("t", &long, "value")]
    {
        let request = FindRequest { scheme: scheme.to_owned(), value: value.to_owned(), at: None };
        let metadata = refused(service.client.find(request).await, Code::InvalidArgument, "FIELD_INVALID");
        assert_eq!(metadata["field"], field);
        assert!(!metadata.values().any(|text| text.contains("xxx")), "a value may be personal");
    }
}

#[tokio::test]
async fn names_that_are_none_are_refused() {
    let mut service = serve(story()).await;
    let case = name("case", 10).to_string();
    for bad in ["", "entity", "entity/", "entity/1", &case, "entity/zzzzzzzzzzzzzzzzzzzzzzzzzz"] {
        let request = GetRecordRequest { name: bad.to_owned(), ..GetRecordRequest::default() };
        let answer = service.client.get_record(request).await;
        let status = answer.as_ref().unwrap_err();
        assert_eq!(status.get_details_bad_request().unwrap().field_violations[0].field, "name");
        refused(answer, Code::InvalidArgument, "FIELD_INVALID");
    }
}

#[tokio::test]
async fn what_was_not_recorded_is_not_found() {
    let mut service = serve(story()).await;
    let client = &mut service.client;
    let unknown = |kind: &str| name(kind, 99).to_string();
    let answer = client.get_record(record_of(99, None)).await;
    refused(answer, Code::NotFound, "RECORD_NOT_FOUND");
    let answer = client.get_case(GetCaseRequest { name: unknown("case"), ..GetCaseRequest::default() }).await;
    refused(answer, Code::NotFound, "RECORD_NOT_FOUND");
    let request = GetDecisionRequest { name: unknown("decision"), ..GetDecisionRequest::default() };
    refused(client.get_decision(request).await, Code::NotFound, "RECORD_NOT_FOUND");
    let request = GetDeclarationRequest { name: unknown("declaration"), ..GetDeclarationRequest::default() };
    refused(client.get_declaration(request).await, Code::NotFound, "RECORD_NOT_FOUND");
    let request = ListTimelineRequest { name: unknown("appeal"), ..ListTimelineRequest::default() };
    refused(client.list_timeline(request).await, Code::NotFound, "RECORD_NOT_FOUND");
    let request = ListDeclarationsRequest { name: unknown("entity"), ..ListDeclarationsRequest::default() };
    refused(client.list_declarations(request).await, Code::NotFound, "RECORD_NOT_FOUND");
    refused(client.get_record(record_of(1, Some(known_at(0)))).await, Code::NotFound, "RECORD_NOT_FOUND");
}

#[tokio::test]
async fn times_that_cannot_be_are_refused() {
    let mut service = serve(story()).await;
    for (at, reason) in [
        (known_at(10), "KNOWN_AT_IN_FUTURE"),
        (known_at(u64::MAX), "KNOWN_AT_IN_FUTURE"),
        (known_at_time(NOW_MS + 1), "KNOWN_AT_IN_FUTURE"),
        (on("2026"), "FIELD_INVALID"),
        (on("2026-05"), "FIELD_INVALID"),
        (on("2026-02-29"), "FIELD_INVALID"),
        (on("0-1-1"), "FIELD_INVALID"),
        (
            AsOf { known_at: Some(KnownAt::KnownAtTime(Timestamp { seconds: 1, nanos: -1 })), ..AsOf::default() },
            "FIELD_INVALID",
        ),
    ] {
        refused(service.client.get_record(record_of(1, Some(at))).await, Code::InvalidArgument, reason);
    }
    service.client.get_record(record_of(1, Some(known_at_time(NOW_MS)))).await.unwrap();
    service.client.get_record(record_of(1, Some(on("9999-12-31")))).await.unwrap();
}

#[tokio::test]
async fn a_read_waits_for_the_position_that_it_wants() {
    let mut service = serve(story()).await;
    service.story.push_unfolded(&declared(43).into());
    assert_eq!(service.story.coverage(), Coverage { applied: 9, head: 10 });
    let wanted = AsOf { min_position: Some(10), ..AsOf::default() };
    let mut waiting = service.client.clone();
    let waiting = tokio::spawn(async move { waiting.get_record(record_of(1, Some(wanted))).await });
    let now = service.client.get_record(record_of(1, None)).await.unwrap().into_inner();
    assert_eq!(now.stamp.unwrap().position, 9);
    let applied = service.story.fold();
    service.moved.send(applied).unwrap();
    let answer = waiting.await.unwrap().unwrap().into_inner();
    assert_eq!((answer.stamp.unwrap().position, answer.record.unwrap().declarations.len()), (10, 4));
}

#[tokio::test]
async fn a_read_that_waits_in_vain_says_how_far_the_views_are() {
    let mut service = serve(story()).await;
    service.story.push_unfolded(&declared(43).into());
    for at in [AsOf { min_position: Some(11), ..AsOf::default() }, known_at(10), known_at_time(NOW_MS)] {
        let mut request = Request::new(record_of(1, Some(at)));
        request.set_timeout(Duration::from_millis(400));
        let metadata = refused(service.client.get_record(request).await, Code::Unavailable, "READ_POSITION_TIMEOUT");
        let wanted = at.min_position.unwrap_or(10).to_string();
        assert_eq!((metadata["applied"].as_str(), metadata["wanted"].as_str()), ("9", wanted.as_str()));
    }
}

#[tokio::test]
async fn a_damaged_entry_is_never_answered_from() {
    let mut service = serve(story()).await;
    service.story.damage(4);
    let metadata = refused(service.client.get_record(record_of(1, None)).await, Code::DataLoss, "ENTRY_DAMAGED");
    assert_eq!(metadata["position"], "4");
}

fn timeline(of: &crate::log::Name, page_size: u32, page_token: &str) -> ListTimelineRequest {
    ListTimelineRequest { name: of.to_string(), at: None, page_size, page_token: page_token.to_owned() }
}

fn positions(page: &ListTimelineResponse) -> Vec<u64> {
    page.entries.iter().map(|entry| entry.source.as_ref().unwrap().position).collect()
}

#[tokio::test]
async fn pages_are_of_one_moment_while_the_log_grows() {
    let mut service = serve(story()).await;
    let person = name("entity", 1);
    let mut shown = Vec::new();
    let mut token = String::new();
    loop {
        let page = service.client.list_timeline(timeline(&person, 2, &token)).await.unwrap().into_inner();
        assert_eq!(page.stamp.unwrap().position, 9);
        assert!(page.entries.len() <= 2);
        shown.extend(positions(&page));
        service.story.push(&declared(50 + u128::try_from(shown.len()).unwrap()).into());
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(shown, (1..=9).collect::<Vec<u64>>());
    let request = ListDeclarationsRequest { name: person.to_string(), page_size: 2, ..Default::default() };
    let first = service.client.list_declarations(request.clone()).await.unwrap().into_inner();
    assert_eq!(first.declarations.len(), 2);
    service.story.push(&declared(60).into());
    let rest = ListDeclarationsRequest { page_token: first.next_page_token, ..request };
    let next = service.client.list_declarations(rest).await.unwrap().into_inner();
    assert_eq!(next.stamp.unwrap().position, first.stamp.unwrap().position);
    assert_eq!(next.declarations[0].name, name("declaration", 42).to_string());
}

#[tokio::test]
async fn timelines_hold_what_belongs_to_a_name() {
    let mut service = serve(story()).await;
    for (of, expected) in [
        (name("entity", 1), vec![1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (name("case", 10), vec![2, 3, 4, 5, 6]),
        (name("decision", 20), vec![4, 5, 6]),
        (name("appeal", 30), vec![5]),
        (name("declaration", 41), vec![8]),
    ] {
        let page = service.client.list_timeline(timeline(&of, 0, "")).await.unwrap().into_inner();
        assert_eq!(positions(&page), expected, "{of}");
        assert_eq!(page.next_page_token, "");
    }
}

#[tokio::test]
async fn a_token_belongs_to_one_question() {
    let mut service = serve(story()).await;
    let person = name("entity", 1);
    let page = service.client.list_timeline(timeline(&person, 2, "")).await.unwrap().into_inner();
    let token = page.next_page_token;
    service.client.list_timeline(timeline(&person, 2, &token)).await.unwrap();
    let mut flipped = token.clone().into_bytes();
    flipped[3] = if flipped[3] == b'A' { b'B' } else { b'A' };
    let flipped = String::from_utf8(flipped).unwrap();
    for request in [
        timeline(&name("case", 10), 2, &token),
        timeline(&person, 3, &token),
        ListTimelineRequest { at: Some(on("2026-02-01")), ..timeline(&person, 2, &token) },
        timeline(&person, 2, &token[1..]),
        timeline(&person, 2, &token[..token.len() - 1]),
        timeline(&person, 2, &format!("{token}A")),
        timeline(&person, 2, &flipped),
        timeline(&person, 2, "not a token"),
        timeline(&person, 2, "é"),
    ] {
        refused(service.client.list_timeline(request).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    }
    let other = ListDeclarationsRequest { name: person.to_string(), page_size: 2, page_token: token, at: None };
    refused(service.client.list_declarations(other).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
}

#[tokio::test]
async fn a_page_has_at_most_a_thousand() {
    let mut service = serve(story()).await;
    let person = name("entity", 1);
    service.client.list_timeline(timeline(&person, 1000, "")).await.unwrap();
    for size in [1001, u32::MAX] {
        let metadata = refused(
            service.client.list_timeline(timeline(&person, size, "")).await,
            Code::InvalidArgument,
            "FIELD_INVALID",
        );
        assert_eq!(metadata["field"], "page_size");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_refused_and_fits_without_its_sealed_parts() {
    let text = "x".repeat(131_072);
    let mut events = story();
    events.extend((2..12).map(|number| {
        Event::from(AllegationRecorded {
            case_id: id(10),
            allegation_number: number,
            respondent_id: id(1),
            category: code("gift"),
            text: Some(Narrative { text: text.clone(), ..Narrative::default() }),
            ..AllegationRecorded::default()
        })
    }));
    let mut service = serve(events).await;
    let mut request = GetCaseRequest { name: name("case", 10).to_string(), at: None, open_narratives: true };
    refused(service.client.get_case(request.clone()).await, Code::ResourceExhausted, "RESPONSE_TOO_LARGE");
    request.open_narratives = false;
    let case = service.client.get_case(request).await.unwrap().into_inner().case.unwrap();
    assert_eq!(case.allegations.len(), 11);
}
