//! Made-up events, the same for the same number. Whatever is personal in them holds [`MARKER`], so that it can be seen
//! where it must not be.
#![expect(clippy::unnecessary_wraps, reason = "what fills an optional field of a message")]

use probity::events::AllegationRecorded;
use probity::events::CaseOpened;
use probity::events::Code;
use probity::events::Context;
use probity::events::DecisionIssued;
use probity::events::DeclarationContent;
use probity::events::DeclarationItem;
use probity::events::DeclarationSubmitted;
use probity::events::Event;
use probity::events::Narrative;
use probity::events::NativeId;
use probity::events::OrganisationName;
use probity::events::OrganisationRegistered;
use probity::events::PartialDate;
use probity::events::Period;
use probity::events::PersonIdentity;
use probity::events::PersonRegistered;
use probity::events::SanctionItem;
use probity::events::Section;
use probity::events::Term;
use probity::proto::v1;
use prost_types::Any;
use ulid::Ulid;
use uuid::Uuid;

/// Stands in every personal field.
pub(crate) const MARKER: &str = "qzx-marker";

/// Requests of numbers from here on are of nearly 4 MiB.
pub(crate) const LARGE: u64 = 1 << 62;

/// A number that looks random, the same for the same number (splitmix64).
pub(crate) const fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The id of thing `thing` of story `number`.
pub(crate) fn id(number: u64, thing: u64) -> String {
    let low = mix(number.rotate_left(17) ^ mix(thing));
    Ulid(u128::from(mix(low)) << 64 | u128::from(low)).to_string()
}

pub(crate) fn request_id(number: u64) -> String {
    Uuid::from_u128(u128::from(mix(number)) << 64 | u128::from(number)).to_string()
}

pub(crate) fn append(number: u64, events: impl IntoIterator<Item = Event>) -> v1::AppendRequest {
    let events = events.into_iter().map(proposed).collect();
    v1::AppendRequest { request_id: request_id(number), events, ..v1::AppendRequest::default() }
}

pub(crate) fn proposed(event: impl Into<Event>) -> v1::ProposedEvent {
    let event = event.into();
    raw(event.event_type().message(), event.encode())
}

pub(crate) fn raw(message: &str, value: Vec<u8>) -> v1::ProposedEvent {
    v1::ProposedEvent {
        event: Some(Any { type_url: format!("type.googleapis.com/{message}"), value }),
        sealed: Vec::new(),
    }
}

pub(crate) fn code(scheme: &str, code: &str) -> Option<Code> {
    Some(Code { scheme: scheme.to_owned(), code: code.to_owned() })
}

pub(crate) fn day(year: u32, month: u32, day: u32) -> Option<PartialDate> {
    Some(PartialDate { year, month, day })
}

pub(crate) fn on(year: u32, month: u32, of_month: u32) -> Option<Context> {
    Some(Context { occurred_on: day(year, month, of_month), ..Context::default() })
}

fn narrative(number: u64) -> Option<Narrative> {
    Some(Narrative { text: format!("{MARKER} said {number}. ").repeat(8), language: "en".to_owned() })
}

pub(crate) fn person(entity_id: &str) -> PersonRegistered {
    let native = NativeId { scheme: "test.register".to_owned(), value: format!("{MARKER}-{entity_id}") };
    let identity = PersonIdentity {
        full_name: format!("{MARKER} of {entity_id}"),
        birth_date: day(1970, 1, 31),
        native_ids: vec![native],
        ..PersonIdentity::default()
    };
    PersonRegistered {
        context: on(2020, 2, 29),
        entity_id: entity_id.to_owned(),
        identity: Some(identity),
        ..PersonRegistered::default()
    }
}

pub(crate) fn organisation(entity_id: &str) -> OrganisationRegistered {
    let name = OrganisationName { text: "Inspectorate of Tests".to_owned(), language: "en".to_owned() };
    OrganisationRegistered { entity_id: entity_id.to_owned(), names: vec![name], ..OrganisationRegistered::default() }
}

pub(crate) fn case(case_id: &str, respondents: &[&str]) -> CaseOpened {
    CaseOpened {
        context: on(2021, 0, 0),
        case_id: case_id.to_owned(),
        regime: code("regime", "test"),
        respondent_ids: respondents.iter().map(|id| (*id).to_owned()).collect(),
        ..CaseOpened::default()
    }
}

pub(crate) fn allegation(case_id: &str, number: u32, respondent: &str) -> AllegationRecorded {
    AllegationRecorded {
        case_id: case_id.to_owned(),
        allegation_number: number,
        respondent_id: respondent.to_owned(),
        category: code("category", "test"),
        text: narrative(number.into()),
        ..AllegationRecorded::default()
    }
}

pub(crate) fn decision(decision_id: &str, case_id: &str, respondent: &str) -> DecisionIssued {
    let item = |item_number, months| SanctionItem {
        item_number,
        form: code("form", "warning"),
        term: Some(Term { months, ..Term::default() }),
        ..SanctionItem::default()
    };
    DecisionIssued {
        decision_id: decision_id.to_owned(),
        case_id: case_id.to_owned(),
        respondent_id: respondent.to_owned(),
        signed_on: day(2022, 5, 3),
        regime: code("regime", "test"),
        items: vec![item(1, 6), item(2, 12)],
        reasons: narrative(1),
        ..DecisionIssued::default()
    }
}

/// With items whose descriptions have so many bytes.
pub(crate) fn declaration(declaration_id: &str, person_id: &str, descriptions: &[usize]) -> DeclarationSubmitted {
    let item = |(item_number, len): (u32, &usize)| DeclarationItem {
        item_number,
        asset_class: code("asset", "real"),
        description: MARKER.repeat(len / MARKER.len() + 1)[..*len].to_owned(),
        ..DeclarationItem::default()
    };
    let items: Vec<DeclarationItem> = (1..).zip(descriptions).map(item).collect();
    let section = Section {
        asset_class: code("asset", "real"),
        none_declared: items.is_empty(),
        item_count: u32::try_from(items.len()).unwrap(),
    };
    DeclarationSubmitted {
        declaration_id: declaration_id.to_owned(),
        person_id: person_id.to_owned(),
        period: Some(Period { from: day(2021, 1, 1), to: day(2021, 12, 31) }),
        submitted_on: day(2022, 3, 31),
        sections: vec![section],
        content: (!items.is_empty()).then_some(DeclarationContent { items }),
        ..DeclarationSubmitted::default()
    }
}

/// A request of several events, each number's independent of the others'.
pub(crate) fn request(number: u64) -> v1::AppendRequest {
    let [person_id, other_id, case_id, decision_id, declaration_id] = [1, 2, 3, 4, 5].map(|thing| id(number, thing));
    let registered = Event::from(person(&person_id));
    let events: Vec<Event> = match number % 4 {
        _ if number >= LARGE => {
            let large = |thing| declaration(&id(number, thing), &person_id, &[8192; 31]).into();
            [registered].into_iter().chain((10..25).map(large)).collect()
        }
        0 => vec![registered],
        1 => vec![
            registered,
            case(&case_id, &[&person_id]).into(),
            allegation(&case_id, 1, &person_id).into(),
            decision(&decision_id, &case_id, &person_id).into(),
        ],
        2 => vec![registered, declaration(&declaration_id, &person_id, &[40, 900, 9]).into()],
        _ => vec![
            organisation(&other_id).into(),
            registered,
            case(&case_id, &[&other_id, &person_id]).into(),
            allegation(&case_id, 1, &person_id).into(),
            allegation(&case_id, 2, &other_id).into(),
        ],
    };
    append(number, events)
}
