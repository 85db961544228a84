//! Events and requests: protobuf of which there is one spelling.

use std::sync::LazyLock;

use bytes::Bytes;
use probity::events::AllegationRecorded;
use probity::events::CaseOpened;
use probity::events::Code;
use probity::events::Context;
use probity::events::DecisionIssued;
use probity::events::Event;
use probity::events::EventType;
use probity::events::Narrative;
use probity::events::PartialDate;
use probity::events::SanctionItem;
use probity::events::Term;
use probity::events::shape;
use probity::proto::v1;
use probity::server::codec::Incoming as _;
use prost::Message as _;
use prost::Name as _;
use prost_types::Any;

use crate::parsers::BYTES_MAX;

/// The shapes of all messages are read once, when the first is asked for: no input pays for it.
static SHAPES: LazyLock<()> = LazyLock::new(|| {
    allocation_counter::opt_out(|| drop(shape::read_open(EventType::ALL[0], &[])));
});

/// The type that the first byte names, and what follows.
fn typed(bytes: &[u8]) -> Option<(EventType, &[u8])> {
    LazyLock::force(&SHAPES);
    let (first, rest) = bytes.split_first()?;
    Some((EventType::ALL[usize::from(*first) % EventType::ALL.len()], rest))
}

/// What was walked over, and so has none but known fields, in protobuf's own structures. These are large and their
/// elements can be empty: they are bounded by the longest payload, and not by a multiple of this one.
fn decoded(event_type: EventType, bytes: &[u8], with: impl FnOnce(Event)) {
    allocation_counter::opt_out(|| with(Event::decode(event_type, bytes).expect("what was walked over is a message")));
}

/// The open payload of an entry.
pub(super) fn open_payload(bytes: &[u8]) -> bool {
    let Some((event_type, bytes)) = typed(bytes) else { return false };
    if shape::read_open(event_type, bytes).is_err() {
        return false;
    }
    decoded(event_type, bytes, |event| assert!(event.encode() == bytes, "{} is spelled anew", event_type.name()));
    assert!(shape::personal_groups(event_type, bytes).is_ok_and(|groups| groups.is_empty()), "personal, and open");
    true
}

/// An event as a client proposes it, personal fields and all.
pub(super) fn proposed_event(bytes: &[u8]) -> bool {
    let Some((event_type, bytes)) = typed(bytes) else { return false };
    let corrected = shape::check_corrected(event_type, bytes).is_ok();
    let Ok(proposal) = shape::check_proposed(event_type, bytes) else { return false };
    assert!(corrected, "whatever can be proposed can be the outcome of a correction");
    decoded(event_type, bytes, |event| {
        // Proposed in another spelling, it is recorded in the one that there is.
        let groups = shape::personal_groups(event_type, &event.encode()).expect("it is an event");
        assert_eq!(proposal.personal, !groups.is_empty());
    });
    true
}

/// A request over gRPC.
pub(super) fn append_request(bytes: &[u8]) -> bool {
    LazyLock::force(&SHAPES);
    if shape::check_request(&v1::AppendRequest::full_name(), bytes).is_err() {
        return false;
    }
    let mut read = false;
    allocation_counter::opt_out(|| read = v1::AppendRequest::read(Bytes::copy_from_slice(bytes)).is_ok());
    assert!(read, "what was walked over is a message");
    read
}

fn tagged(event: &Event) -> Vec<u8> {
    let place = EventType::ALL.iter().position(|one| *one == event.event_type()).expect("all are there");
    let mut bytes = vec![u8::try_from(place).expect("few types")];
    bytes.extend(event.encode());
    bytes
}

/// Without what is personal, and with it.
fn events(personal: bool) -> Vec<Event> {
    let id = |last: char| format!("01J0000000000000000000000{last}");
    let date = || Some(PartialDate { year: 2022, month: 2, day: 28 });
    let context = || Some(Context { occurred_on: date(), ..Context::default() });
    let code = |scheme: &str| Some(Code { scheme: scheme.to_owned(), code: "test".to_owned() });
    let narrative = || Some(Narrative { text: "made up".to_owned(), language: "en".to_owned() }).filter(|_| personal);
    let item = |item_number| SanctionItem {
        item_number,
        form: code("form"),
        term: Some(Term { months: 6, ..Term::default() }),
        ..SanctionItem::default()
    };
    vec![
        CaseOpened {
            context: context(),
            case_id: id('2'),
            regime: code("regime"),
            respondent_ids: vec![id('1'), id('4')],
            ..CaseOpened::default()
        }
        .into(),
        AllegationRecorded {
            case_id: id('2'),
            allegation_number: 1,
            respondent_id: id('1'),
            category: code("category"),
            text: narrative(),
            ..AllegationRecorded::default()
        }
        .into(),
        DecisionIssued {
            decision_id: id('3'),
            case_id: id('2'),
            respondent_id: id('1'),
            signed_on: date(),
            regime: code("regime"),
            items: vec![item(1), item(2)],
            reasons: narrative(),
            ..DecisionIssued::default()
        }
        .into(),
    ]
}

/// Open payloads of several types.
pub(super) fn good_payloads() -> Vec<Vec<u8>> {
    events(false).iter().map(tagged).collect()
}

/// The same events as clients send them.
pub(super) fn good_proposals() -> Vec<Vec<u8>> {
    events(true).iter().map(tagged).collect()
}

/// Requests of one event and of many.
pub(super) fn good_requests() -> Vec<Vec<u8>> {
    let proposed = |event: &Event| v1::ProposedEvent {
        event: Some(Any {
            type_url: format!("type.googleapis.com/{}", event.event_type().message()),
            value: event.encode(),
        }),
        sealed: Vec::new(),
    };
    let all: Vec<v1::ProposedEvent> = events(true).iter().map(proposed).collect();
    let request = |events| v1::AppendRequest {
        request_id: "01020304-0506-4708-890a-0b0c0d0e0f10".to_owned(),
        events,
        ..v1::AppendRequest::default()
    };
    vec![request(all[..1].to_vec()).encode_to_vec(), request(all).encode_to_vec()]
}

/// Every type, with each of the first fields repeated empty as often as it can be, nested as deep as it can be, and with a
/// length beyond the end.
pub(super) fn costly_payloads() -> Vec<Vec<u8>> {
    let types = 0..u8::try_from(EventType::ALL.len()).expect("few types");
    let of_field = |number: u8, event_type: u8| {
        let tag = number << 3 | 2;
        let mut empty = vec![event_type];
        empty.extend([tag, 0].repeat((BYTES_MAX - 1) / 2));
        [empty, vec![event_type, tag, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]]
    };
    types.flat_map(|event_type| (1..=15).flat_map(move |number| of_field(number, event_type))).collect()
}

/// The same of a request.
pub(super) fn costly_requests() -> Vec<Vec<u8>> {
    let of_field = |number: u8| {
        let tag = number << 3 | 2;
        let mut nested: Vec<u8> = Vec::new();
        for _ in 0..60 {
            let len = u8::try_from(nested.len()).expect("short");
            nested = [&[tag, len][..], &nested].concat();
        }
        [
            [tag, 0].repeat(BYTES_MAX / 2),
            nested.repeat(BYTES_MAX / nested.len()),
            vec![tag, 0xff, 0xff, 0xff, 0xff, 0x7f],
        ]
    };
    (1..=15).flat_map(of_field).collect()
}
