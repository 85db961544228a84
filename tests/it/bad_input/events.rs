//! Rows about the events of a request.

use probity::events::AllegationFound;
use probity::events::Bracket;
use probity::events::Context;
use probity::events::DeclarationItem;
use probity::events::Event;
use probity::events::EventType;
use probity::events::Finding;
use probity::events::Money;
use probity::events::PersonIdentity;
use probity::events::PersonRegistered;
use probity::events::Valuation;
use probity::events::valuation::Value;
use probity::proto::v1;
use probity::server::errors::Reason;

use crate::bad_input::Row;
use crate::bad_input::TOLD;
use crate::bad_input::row;
use crate::service::story;
use crate::service::story::MARKER;
use crate::service::story::append;
use crate::service::story::id;
use crate::service::story::raw;

/// A person in bad shape, who would be new.
fn person(change: impl FnOnce(&mut PersonRegistered, &mut PersonIdentity)) -> v1::AppendRequest {
    let mut person = story::person(&id(7, 0));
    let mut identity = person.identity.take().unwrap();
    change(&mut person, &mut identity);
    person.identity = Some(identity);
    append(7, [person.into()])
}

/// The same with bytes after those of a good person.
fn person_and(bytes: &[u8]) -> v1::AppendRequest {
    let encoded = Event::from(story::person(&id(7, 0))).encode();
    bytes_of(EventType::PersonRegistered, [&encoded, bytes].concat())
}

fn bytes_of(event_type: EventType, bytes: Vec<u8>) -> v1::AppendRequest {
    of_events([raw(event_type.message(), bytes)])
}

fn of_events(events: impl IntoIterator<Item = v1::ProposedEvent>) -> v1::AppendRequest {
    v1::AppendRequest { events: events.into_iter().collect(), ..append(7, []) }
}

fn declaration(value: Value) -> v1::AppendRequest {
    let mut declaration = story::declaration(&id(7, 5), &id(TOLD, 1), &[10]);
    let item: &mut DeclarationItem = &mut declaration.content.as_mut().unwrap().items[0];
    item.value = Some(Valuation { value: Some(value) });
    append(7, [declaration.into()])
}

/// A length-delimited field, as protobuf writes it.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

pub(super) fn rows() -> Vec<Row> {
    [types(), shapes(), values(), rules()].into_iter().flatten().collect()
}

fn types() -> Vec<Row> {
    let unknown = |type_name: &str| of_events([raw(type_name, Vec::new())]);
    let mut bare = unknown("");
    MARKER.clone_into(&mut bare.events[0].event.as_mut().unwrap().type_url);
    let at = "events[0].event";
    vec![
        row(
            "an event type of nobody",
            unknown(&format!("probity.events.v1.{MARKER}")),
            Reason::EventTypeUnknown,
            at,
            "",
        ),
        row(
            "a message that is no event",
            unknown("probity.events.v1.PersonIdentity"),
            Reason::EventTypeUnknown,
            at,
            "",
        ),
        row("an erasure", unknown(EventType::EntryErased.message()), Reason::EventTypeUnknown, at, ""),
        row("a type that is no URL", bare, Reason::EventTypeUnknown, at, ""),
        row("no event in an event", of_events([v1::ProposedEvent::default()]), Reason::FieldInvalid, at, "REQUIRED"),
    ]
}

fn shapes() -> Vec<Row> {
    let unknown = field(15, MARKER.as_bytes());
    let nested = bytes_of(EventType::PersonRegistered, [field(2, id(7, 0).as_bytes()), field(10, &unknown)].concat());
    let deeper = field(10, &field(4, &unknown));
    let half = Event::from(story::person(&id(7, 0))).encode();
    let half = half[..half.len() - 1].to_vec();
    let not_utf8 = field(10, &field(1, b"\xff\xfe"));
    vec![
        row("an unknown field", person_and(&unknown), Reason::UnknownField, "events[0]", ""),
        row("an unknown field inside a field", nested, Reason::UnknownField, "events[0].identity", ""),
        row(
            "an unknown field inside an element",
            bytes_of(EventType::PersonRegistered, deeper),
            Reason::UnknownField,
            "events[0].identity.native_ids[0]",
            "",
        ),
        row(
            "bytes that end early",
            bytes_of(EventType::PersonRegistered, half),
            Reason::PayloadUndecodable,
            "events[0].identity",
            "",
        ),
        row(
            "a field twice",
            person_and(&field(2, id(7, 9).as_bytes())),
            Reason::PayloadUndecodable,
            "events[0].entity_id",
            "",
        ),
        row(
            "a name that is not UTF-8",
            bytes_of(EventType::PersonRegistered, not_utf8),
            Reason::PayloadUndecodable,
            "events[0].identity.full_name",
            "",
        ),
        row(
            "another wire type",
            person_and(&[3 << 3 | 5, 1, 1, 1, 1]),
            Reason::PayloadUndecodable,
            "events[0].status",
            "",
        ),
    ]
}

fn values() -> Vec<Row> {
    let invalid = |what, request, field, rule| row(what, request, Reason::FieldInvalid, field, rule);
    let mut nobody = story::person(&id(7, 0));
    nobody.identity = None;
    let mut second = story::decision(&id(7, 4), &id(TOLD, 3), &id(TOLD, 1));
    second.items[1].amount = Some(Money { currency: String::new(), units: 5, nanos: 0 });
    let mut reference = story::decision(&id(7, 4), &id(TOLD, 3), &id(TOLD, 1));
    reference.reference = format!("number of {MARKER}");
    let finding = AllegationFound {
        case_id: id(TOLD, 3),
        allegation_number: 1,
        respondent_id: id(TOLD, 1),
        finding: Finding::Unspecified.into(),
        ..AllegationFound::default()
    };
    let many: Vec<String> = (0..65).map(|thing| id(7, thing)).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let bracket = |currency: &str, low, high| Value::Bracket(Bracket { currency: currency.to_owned(), low, high });
    let euros = |nanos| Value::Exact(Money { currency: "EUR".to_owned(), units: 1, nanos });
    let of_item = "events[0].content.items[0].value.bracket.currency";
    vec![
        invalid("a missing field", append(7, [nobody.into()]), "events[0].identity", "REQUIRED"),
        invalid("an empty name", person(|_, who| who.full_name.clear()), "events[0].identity.full_name", "REQUIRED"),
        invalid(
            "an over-long name",
            person(|_, who| who.full_name = MARKER.repeat(52)),
            "events[0].identity.full_name",
            "TOO_LONG",
        ),
        invalid(
            "a native id without a code",
            person(|_, who| who.native_ids[0].scheme = MARKER.to_uppercase()),
            "events[0].identity.native_ids[0].scheme",
            "FORMAT",
        ),
        invalid(
            "more names than anybody has",
            person(|_, who| who.other_names = vec![MARKER.to_owned(); 17]),
            "events[0].identity.other_names[16]",
            "TOO_MANY",
        ),
        invalid("a wrong enum", person(|person, _| person.status = 9), "events[0].status", "UNDEFINED_ENUM"),
        invalid("an enum that says nothing", append(7, [finding.into()]), "events[0].finding", "REQUIRED"),
        invalid(
            "no id",
            person(|person, _| MARKER.clone_into(&mut person.entity_id)),
            "events[0].entity_id",
            "NOT_AN_ID",
        ),
        invalid(
            "an id in lower case",
            person(|person, _| person.entity_id = id(7, 0).to_lowercase()),
            "events[0].entity_id",
            "NOT_AN_ID",
        ),
        invalid("words for a number", append(7, [reference.into()]), "events[0].reference", "FORMAT"),
        invalid(
            "65 respondents",
            append(7, [story::case(&id(7, 3), &many).into()]),
            "events[0].respondent_ids[64]",
            "TOO_MANY",
        ),
        invalid(
            "an impossible date",
            person(|person, _| person.context = story::on(2023, 2, 29)),
            "events[0].context.occurred_on",
            "DATE_IMPOSSIBLE",
        ),
        invalid(
            "a day without a month",
            person(|person, _| person.context = story::on(2023, 0, 2)),
            "events[0].context.occurred_on",
            "DATE_IMPOSSIBLE",
        ),
        invalid(
            "an impossible birth date",
            person(|_, who| who.birth_date = story::day(1970, 13, 1)),
            "events[0].identity.birth_date",
            "DATE_IMPOSSIBLE",
        ),
        invalid(
            "what will have happened",
            person(|person, _| person.context = story::on(9000, 1, 1)),
            "events[0].context.occurred_on",
            "DATE_IN_FUTURE",
        ),
        invalid(
            "an amount without a currency",
            append(7, [second.into()]),
            "events[0].items[1].amount.currency",
            "REQUIRED",
        ),
        invalid("a bracket in no currency", declaration(bracket(MARKER, None, None)), of_item, "FORMAT"),
        invalid(
            "a bracket upside down",
            declaration(bracket("EUR", Some(2), Some(1))),
            "events[0].content.items[0].value.bracket.high",
            "BRACKET_REVERSED",
        ),
        invalid(
            "nanos of both signs",
            declaration(euros(-1)),
            "events[0].content.items[0].value.exact.nanos",
            "MONEY_SIGNS_DIFFER",
        ),
        invalid(
            "nanos of more than a unit",
            declaration(euros(1_000_000_000)),
            "events[0].content.items[0].value.exact.nanos",
            "NANOS_OUT_OF_RANGE",
        ),
    ]
}

fn rules() -> Vec<Row> {
    let broken = |what, event: Event, field, rule| row(what, append(7, [event]), Reason::RuleViolated, field, rule);
    let told = story::person(&id(TOLD, 1));
    let mut doubled = story::person(&id(7, 0));
    doubled.identity.as_mut().unwrap().native_ids = told.identity.clone().unwrap().native_ids;
    let twice = append(7, [story::person(&id(7, 0)).into(), story::person(&id(7, 0)).into()]);
    let mut two = [story::person(&id(7, 0)), story::person(&id(7, 1))];
    two[1].identity = story::person(&id(7, 0)).identity;
    let mut later = story::person(&id(7, 0));
    later.context = Some(Context { cause: Some(cause(1)), ..Context::default() });
    vec![
        broken(
            "an event to a case that is not there",
            story::allegation(&id(7, 3), 1, &id(TOLD, 1)).into(),
            "events[0].case_id",
            "STREAM_UNKNOWN",
        ),
        broken(
            "a case about nobody",
            story::case(&id(7, 3), &[&id(7, 0)]).into(),
            "events[0].respondent_ids[0]",
            "NOT_REGISTERED",
        ),
        broken(
            "a case twice",
            story::case(&id(TOLD, 3), &[&id(TOLD, 1)]).into(),
            "events[0].case_id",
            "ALREADY_OPENED",
        ),
        broken("a person twice", told.into(), "events[0].entity_id", "ALREADY_REGISTERED"),
        broken(
            "an allegation twice",
            story::allegation(&id(TOLD, 3), 1, &id(TOLD, 1)).into(),
            "events[0].allegation_number",
            "ALLEGATION_NUMBER_USED",
        ),
        row("a 65th respondent", crowd(), Reason::RuleViolated, "events[66].respondent_id", "TOO_MANY_RESPONDENTS"),
        row("the second of two events", twice, Reason::RuleViolated, "events[1].entity_id", "ALREADY_REGISTERED"),
        row("a native id twice", append(7, [doubled.into()]), Reason::AlreadyRegistered, "events[0]", ""),
        row(
            "a native id twice in one request",
            append(7, two.map(Event::from)),
            Reason::AlreadyRegistered,
            "events[1]",
            "",
        ),
        row(
            "a cause that comes later",
            append(7, [later.into()]),
            Reason::FieldInvalid,
            "events[0].context.cause.event_of_request",
            "CAUSE_NOT_EARLIER",
        ),
    ]
}

/// 65 persons, a case about 64 of them, and an allegation against the other.
fn crowd() -> v1::AppendRequest {
    let ids: Vec<String> = (100..165).map(|thing| id(7, thing)).collect();
    let respondents: Vec<&str> = ids[..64].iter().map(String::as_str).collect();
    let case = story::case(&id(7, 3), &respondents);
    let persons = ids.iter().map(|id| Event::from(story::person(id)));
    append(7, persons.chain([case.into(), story::allegation(&id(7, 3), 1, &ids[64]).into()]))
}

const fn cause(event: u32) -> probity::events::Cause {
    probity::events::Cause { by: Some(probity::events::cause::By::EventOfRequest(event)) }
}
