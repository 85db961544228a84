//! Rows about requests as wholes: their size, id and conditions; and requests that are not refused.
#![expect(clippy::unnecessary_wraps, reason = "what fills an optional field of a message")]

use probity::events::Event;
use probity::events::EventType;
use probity::proto::v1;
use probity::proto::v1::history::Of;
use probity::proto::v1::precondition::Condition;
use probity::proto::v1::record_service_client::RecordServiceClient;
use probity::proto::v1::revision_condition::Expected;
use probity::server::errors::Reason;
use tempfile::TempDir;

use crate::bad_input::Row;
use crate::bad_input::TOLD;
use crate::bad_input::row;
use crate::bad_input::tell;
use crate::service;
use crate::service::Served;
use crate::service::append_all;
use crate::service::head;
use crate::service::refusal;
use crate::service::story;
use crate::service::story::MARKER;
use crate::service::story::append;
use crate::service::story::id;
use crate::service::story::raw;

const KIB_256: usize = 256 << 10;

pub(super) fn rows() -> Vec<Row> {
    [sizes(), ids(), repeats(), conditions(), violated()].into_iter().flatten().collect()
}

fn good() -> v1::AppendRequest {
    append(7, [story::person(&id(7, 0)).into()])
}

/// Events of so many bytes, which nobody looks at before their number and length.
fn long(lengths: &[usize]) -> v1::AppendRequest {
    let event = |len: &usize| raw(EventType::PersonRegistered.message(), vec![0; *len]);
    v1::AppendRequest { events: lengths.iter().map(event).collect(), ..append(7, []) }
}

fn sizes() -> Vec<Row> {
    let mut second = good();
    second.events.extend(long(&[KIB_256 + 1]).events);
    let persons = (0..1001).map(|thing| story::person(&id(7, thing)).into());
    vec![
        row("no event", append(7, []), Reason::EventCount, "", ""),
        row("1,001 events", append(7, persons), Reason::EventCount, "", ""),
        row("256 KiB and a byte", long(&[KIB_256 + 1]), Reason::EventTooLarge, "events[0]", ""),
        row("the second of two too long", second, Reason::EventTooLarge, "events[1]", ""),
        row(
            "4 MiB and a byte of events",
            long(&[[KIB_256; 16].as_slice(), &[1]].concat()),
            Reason::RequestTooLarge,
            "",
            "",
        ),
        row("5 MiB in one event", long(&[5 << 20]), Reason::RequestTooLarge, "", ""),
        row("5 MiB in twenty events", long(&[KIB_256; 20]), Reason::RequestTooLarge, "", ""),
    ]
}

fn ids() -> Vec<Row> {
    let upper = story::request_id(7).to_uppercase();
    let mut rows: Vec<Row> = [
        ("no request id", ""),
        ("a request id of words", MARKER),
        ("a request id in upper case", &upper),
        ("a request id in braces", "{01890a5d-ac96-774b-bcce-b302099a8057}"),
        ("a request id without hyphens", "01890a5dac96774bbcceb302099a8057"),
        ("a request id of nothing but zeros", "00000000-0000-0000-0000-000000000000"),
    ]
    .into_iter()
    .map(|(what, request_id)| {
        let request = v1::AppendRequest { request_id: request_id.to_owned(), ..good() };
        row(what, request, Reason::FieldInvalid, "request_id", "FORMAT")
    })
    .collect();
    let unknown = v1::AppendRequest { acknowledgement: 9, ..good() };
    rows.push(row("an unknown acknowledgement", unknown, Reason::FieldInvalid, "acknowledgement", "UNDEFINED_ENUM"));
    rows
}

/// The id of the story told, with another story.
fn repeats() -> Vec<Row> {
    let told = |place: usize, change: fn(&mut Event)| {
        let mut request = story::request(TOLD);
        let any = request.events[place].event.as_mut().unwrap();
        let name = any.type_url.rsplit_once('/').unwrap().1;
        let mut event = Event::decode(EventType::of_message(name).unwrap(), &any.value).unwrap();
        change(&mut event);
        any.value = event.encode();
        request
    };
    let open = told(3, |event| {
        let Event::DecisionIssued(decision) = event else { panic!("{event:?}") };
        decision.items[0].item_number = 9;
    });
    let sealed = told(0, |event| {
        let Event::PersonRegistered(person) = event else { panic!("{event:?}") };
        person.identity.as_mut().unwrap().full_name.push('s');
    });
    let unsealed = told(2, |event| {
        let Event::AllegationRecorded(allegation) = event else { panic!("{event:?}") };
        allegation.text = None;
    });
    let mut fewer = story::request(TOLD);
    fewer.events.pop();
    let mut swapped = story::request(TOLD);
    swapped.events.swap(0, 1);
    [
        ("its id with another open field", open),
        ("its id with another sealed field", sealed),
        ("its id without a sealed field", unsealed),
        ("its id with fewer events", fewer),
        ("its id with events in another order", swapped),
    ]
    .map(|(what, request)| row(what, request, Reason::RequestIdReused, "", ""))
    .into()
}

fn of(of: Of) -> Option<v1::History> {
    Some(v1::History { of: Some(of) })
}

fn stream(name: &str) -> Option<v1::History> {
    of(Of::Stream(name.to_owned()))
}

fn told_case() -> String {
    format!("case/{}", id(TOLD, 3))
}

fn told_person() -> String {
    format!("entity/{}", id(TOLD, 1))
}

fn revision(history: Option<v1::History>, expected: Option<Expected>) -> Option<Condition> {
    Some(Condition::Revision(v1::RevisionCondition { history, expected }))
}

fn no_matching(history: Option<v1::History>, event_types: &[&str], after: Option<u64>) -> Option<Condition> {
    let event_types = event_types.iter().map(|name| (*name).to_owned()).collect();
    Some(Condition::NoMatchingEvents(v1::NoMatchingEvents { history, event_types, after }))
}

fn only_if(conditions: &[Option<Condition>]) -> v1::AppendRequest {
    let preconditions = conditions.iter().map(|condition| v1::Precondition { condition: condition.clone() }).collect();
    v1::AppendRequest { preconditions, ..good() }
}

/// Conditions that say nothing.
fn conditions() -> Vec<Row> {
    let absent = Some(Expected::Absent(true));
    let case = || stream(&told_case());
    [
        ("no condition in a condition", None, "condition", "REQUIRED"),
        ("a revision of nothing", revision(None, absent), "revision.history", "REQUIRED"),
        ("a revision without one", revision(case(), None), "revision.expected", "REQUIRED"),
        ("not absent", revision(case(), Some(Expected::Absent(false))), "revision.expected", "FORMAT"),
        ("a stream without a name", revision(stream(MARKER), absent), "revision.history.stream", "NOT_A_NAME"),
        (
            "a subject without a name",
            revision(of(Of::Subject(format!("entity/{MARKER}"))), absent),
            "revision.history.subject",
            "NOT_A_NAME",
        ),
        ("no types", no_matching(case(), &[], None), "no_matching_events.event_types", "TOO_MANY"),
        ("17 types", no_matching(case(), &["case.opened"; 17], None), "no_matching_events.event_types", "TOO_MANY"),
        (
            "an unknown type",
            no_matching(case(), &["case.opened", MARKER], None),
            "no_matching_events.event_types[1]",
            "EVENT_TYPE_UNKNOWN",
        ),
        (
            "matching nothing's events",
            no_matching(None, &["case.opened"], None),
            "no_matching_events.history",
            "REQUIRED",
        ),
    ]
    .map(|(what, condition, field, rule)| {
        // The second of two, so that its number is seen.
        let request = only_if(&[revision(case(), absent), condition]);
        row(what, request, Reason::FieldInvalid, format!("preconditions[1].{field}").leak(), rule)
    })
    .into_iter()
    .chain([row("1,001 conditions", only_if(&vec![None; 1001]), Reason::FieldInvalid, "preconditions", "TOO_MANY")])
    .collect()
}

/// Conditions that do not hold. The case has two events, the person four about him.
fn violated() -> Vec<Row> {
    let stale = |what, history, expected| {
        row(what, only_if(&[revision(history, Some(expected))]), Reason::RevisionConflict, "", "")
    };
    let case = || stream(&told_case());
    vec![
        stale("a stale revision", case(), Expected::Revision(0)),
        stale("a revision to come", case(), Expected::Revision(2)),
        stale("a stream that should be absent", case(), Expected::Absent(true)),
        stale("a stream that should exist", stream(&format!("case/{}", id(7, 3))), Expected::Exists(true)),
        stale("a revision of nothing", stream(&format!("case/{}", id(7, 3))), Expected::Revision(0)),
        stale("a stale subject", of(Of::Subject(told_person())), Expected::Revision(1)),
        row(
            "an event that should not be",
            only_if(&[no_matching(case(), &["case.closed", "allegation.recorded"], None)]),
            Reason::ConditionViolated,
            "",
            "",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn all_violated_conditions_are_told_at_once() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let served = Served::start(&data);
    let mut ledger = served.ledger().await;
    let told = tell(&mut ledger).await;
    let before = head(&mut ledger).await;
    let case = || stream(&told_case());
    let request = only_if(&[
        revision(case(), Some(Expected::Revision(7))),
        revision(case(), Some(Expected::Revision(1))),
        revision(of(Of::Subject(told_person())), Some(Expected::Absent(true))),
        no_matching(of(Of::Subject(told_person())), &["decision.issued"], Some(told.first_position)),
        no_matching(case(), &["allegation.recorded"], Some(told.first_position + 2)),
        revision(stream(&format!("case/{}", id(7, 3))), Some(Expected::Exists(true))),
    ]);
    let refused = ledger.append(request).await.unwrap_err();
    let details = refusal::check("six conditions, four violated", &refused, Reason::RevisionConflict, "", "");
    let violations: Vec<_> = details.precondition_failure().unwrap().violations.iter().collect();
    let described: Vec<(&str, &str)> =
        violations.iter().map(|it| (it.r#type.as_str(), it.description.as_str())).collect();
    let matching = format!("preconditions[3]: a matching event stands at position {}", told.first_position + 3);
    assert_eq!(
        described,
        [
            ("REVISION", "preconditions[0]: expected revision 7, actual revision 1"),
            ("REVISION", "preconditions[2]: expected no entry, actual revision 3"),
            ("NO_MATCHING_EVENTS", matching.as_str()),
            ("REVISION", "preconditions[5]: expected an entry, actual no entry"),
        ]
    );
    assert_eq!(violations[0].subject, told_case());
    assert_eq!(details.error_info().unwrap().metadata["violations"], "4");
    assert_eq!(head(&mut ledger).await, before);
    // However many there are, the answer fits into what clients take.
    let many = only_if(&vec![revision(case(), Some(Expected::Revision(7))); 1000]);
    let refused = ledger.append(many).await.unwrap_err();
    let details = refusal::check("a thousand conditions", &refused, Reason::RevisionConflict, "", "");
    assert_eq!(details.error_info().unwrap().metadata["violations"], "1000");
    served.stop();
    service::verify(&data);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_gets_its_first_answer_for_ever() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let served = Served::start(&data);
    let mut ledger = served.ledger().await;
    let first = tell(&mut ledger).await;
    let replayed =
        v1::AppendResponse { replayed: true, content_checked: v1::ContentChecked::Wholly.into(), ..first.clone() };
    assert!(!first.replayed);
    // Conditions that no longer hold, or never did, are not asked again.
    let mut absent = only_if(&[revision(stream(&told_case()), Some(Expected::Absent(true)))]);
    (absent.request_id, absent.events) = (story::request_id(TOLD), story::request(TOLD).events);
    for request in [story::request(TOLD), absent.clone()] {
        assert_eq!(ledger.append(request).await.unwrap().into_inner(), replayed);
    }
    // In one stream: the first is hardly durable when the second comes.
    let (new, mut other) = (story::request(5), story::request(6));
    other.request_id.clone_from(&new.request_id);
    let mut answers = append_all(&mut ledger, vec![new.clone(), new.clone(), other, new]).await.unwrap();
    let last = answers.pop().unwrap().unwrap();
    refusal::check("its id with another story", &answers.pop().unwrap().unwrap_err(), Reason::RequestIdReused, "", "");
    let (again, once) = (answers.pop().unwrap().unwrap(), answers.pop().unwrap().unwrap());
    assert_eq!((once.replayed, again.replayed), (false, true));
    assert_eq!(v1::AppendResponse { replayed: false, content_checked: 0, ..again.clone() }, once);
    assert_eq!(last, again);
    let before = head(&mut ledger).await;
    served.stop();
    // After a stop, and after a kill.
    for end in [Served::kill, Served::stop] {
        let served = Served::start(&data);
        let mut ledger = served.ledger().await;
        assert_eq!(ledger.append(absent.clone()).await.unwrap().into_inner(), replayed);
        assert_eq!(ledger.append(story::request(5)).await.unwrap().into_inner(), again);
        assert_eq!(head(&mut ledger).await, before);
        end(served);
    }
    service::verify(&data);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_just_within_the_limits_is_recorded() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let served = Served::start(&data);
    let mut ledger = served.ledger().await;
    tell(&mut ledger).await;
    let persons = (0..1000).map(|thing| story::person(&id(8, thing)).into());
    assert_eq!(ledger.append(append(8, persons)).await.unwrap().into_inner().count, 1000);
    // 16 events of exactly 256 KiB: exactly 4 MiB.
    let full = |thing| Event::from(full_declaration(&id(9, thing)));
    assert!((0..16).all(|thing| full(thing).encode().len() == KIB_256));
    assert_eq!(ledger.append(append(9, (0..16).map(full))).await.unwrap().into_inner().count, 16);
    served.stop();
    service::verify(&data);
}

/// A declaration of 262,144 bytes.
fn full_declaration(declaration_id: &str) -> probity::events::DeclarationSubmitted {
    let of = |last: usize| {
        let descriptions = [[8000; 32].as_slice(), &[last]].concat();
        story::declaration(declaration_id, &id(TOLD, 1), &descriptions)
    };
    let missing = KIB_256 - Event::from(of(200)).encode().len();
    of(200 + missing)
}

/// A message that the server does not read at all ends its call, and a stream too, since what it holds cannot be
/// skipped; what came before it has its answer, and the connection goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_longer_than_the_server_reads_ends_its_call_alone() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let served = Served::start(&data);
    let mut ledger = served.ledger().await;
    tell(&mut ledger).await;
    let before = head(&mut ledger).await;
    let refused = |what, status| {
        let details = refusal::check(what, &status, Reason::MessageTooLarge, "", "");
        assert_eq!(details.error_info().unwrap().metadata["max"], (8 << 20).to_string());
    };
    // At 8 MiB a request is read, and refused for what it holds.
    let read = 8 << 20;
    let whole = |len| v1::AppendRequest { request_id: String::new(), ..long(&[len]) };
    let fitting = read - (prost::Message::encoded_len(&whole(read)) - read);
    assert_eq!(prost::Message::encoded_len(&whole(fitting)), read);
    let wrong = ledger.append(whole(fitting)).await.unwrap_err();
    refusal::check("8 MiB", &wrong, Reason::FieldInvalid, "request_id", "FORMAT");
    refused("8 MiB and a byte", ledger.append(whole(fitting + 1)).await.unwrap_err());
    refused("9 MiB", ledger.append(long(&[9 << 20])).await.unwrap_err());
    let name = "x".repeat(9 << 20);
    let mut records = RecordServiceClient::connect(served.url.clone()).await.unwrap();
    refused("a name of 9 MiB", records.get_case(v1::GetCaseRequest { name, ..Default::default() }).await.unwrap_err());
    assert_eq!(head(&mut ledger).await, before);
    let messages = [story::request(2), long(&[9 << 20]), story::request(3)]
        .map(|append| v1::AppendStreamRequest { append: Some(append) });
    let mut answers = ledger.append_stream(tokio_stream::iter(messages)).await.unwrap().into_inner();
    let receipt = service::result(answers.message().await.unwrap().unwrap()).unwrap();
    refused("9 MiB in a stream", answers.message().await.unwrap_err());
    assert_eq!(head(&mut ledger).await.0, receipt.first_position + u64::from(receipt.count) - 1);
    served.stop();
    service::verify(&data);
}

/// A request of a client that is newer than this server: it wants something that nobody here knows.
#[derive(Clone, PartialEq, prost::Message)]
struct Newer {
    #[prost(string, tag = "1")]
    request_id: String,
    #[prost(message, repeated, tag = "2")]
    events: Vec<v1::ProposedEvent>,
    /// For example: only look whether it would be recorded.
    #[prost(bool, tag = "15")]
    rehearsal: bool,
}

/// The same in a stream.
#[derive(Clone, PartialEq, prost::Message)]
struct NewerMessage {
    #[prost(message, optional, tag = "1")]
    append: Option<Newer>,
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_newer_client_asks_for_is_refused_and_not_overlooked() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let served = Served::start(&data);
    let mut ledger = served.ledger().await;
    let before = head(&mut ledger).await;
    let channel = tonic::transport::Endpoint::from_shared(served.url.clone()).unwrap().connect().await.unwrap();
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.unwrap();
    let request = Newer { request_id: story::request_id(7), events: good().events, rehearsal: true };
    let codec = tonic_prost::ProstCodec::<Newer, v1::AppendResponse>::default();
    let path = tonic::codegen::http::uri::PathAndQuery::from_static("/probity.v1.LedgerService/Append");
    let refused = grpc.unary(tonic::Request::new(request), path, codec).await.unwrap_err();
    refusal::check("a field that nobody knows", &refused, Reason::UnknownField, "", "");
    assert_eq!(head(&mut ledger).await, before);
    // In a stream it is one refused message among others.
    let newer = |number| Newer { request_id: story::request_id(number), events: good().events, rehearsal: true };
    let known = |number| {
        let request = story::request(number);
        Newer { request_id: request.request_id, events: request.events, rehearsal: false }
    };
    let messages = [known(1), newer(2), known(3)].map(|append| NewerMessage { append: Some(append) });
    let codec = tonic_prost::ProstCodec::<NewerMessage, v1::AppendStreamResponse>::default();
    let path = tonic::codegen::http::uri::PathAndQuery::from_static("/probity.v1.LedgerService/AppendStream");
    grpc.ready().await.unwrap();
    let streamed = grpc.streaming(tonic::Request::new(tokio_stream::iter(messages)), path, codec).await;
    let mut answers = streamed.unwrap().into_inner();
    let mut next = async || service::result(answers.message().await.unwrap().unwrap());
    assert_eq!(next().await.unwrap().count, 4);
    refusal::check("the second of three", &next().await.unwrap_err(), Reason::UnknownField, "append", "");
    assert_eq!(next().await.unwrap().count, 5);
    served.stop();
    service::verify(&data);
}
