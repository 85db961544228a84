//! What holds of every event, whoever adds one.

use std::collections::BTreeMap;

use prost_reflect::Cardinality;
use prost_reflect::DescriptorPool;
use prost_reflect::FieldDescriptor;
use prost_reflect::Kind;
use prost_reflect::MessageDescriptor;

use super::Findings;
use super::Rule;
use crate::protos::EVENTS;
use crate::protos::EventOptions;
use crate::protos::Finding;
use crate::protos::Rules;
use crate::protos::Seal;
use crate::protos::is_personal;

/// The one message of the surface that hands out what was sealed.
const OPENED: &str = "probity.v1.PersonalPart";

/// What a leaf holds.
const SUBJECTS_MAX: u32 = 64;

const CLASS_P3: i32 = 3;

/// Words, and beginnings of words, of what is nobody's business here. A score of a person is one of them.
const PRIVATE: [&str; 26] = [
    "belief",
    "biometric",
    "caste",
    "diagnos",
    "disab",
    "ethnic",
    "faith",
    "fingerprint",
    "genetic",
    "health",
    "loyal",
    "marital",
    "married",
    "opinion",
    "orientation",
    "parties",
    "party",
    "politic",
    "pregnan",
    "racial",
    "rating",
    "religi",
    "reputation",
    "score",
    "sexual",
    "tribe",
];

pub(super) fn lint(pool: &DescriptorPool) -> Findings {
    let mut findings = Findings::new();
    let mut types = BTreeMap::<(String, u32), String>::new();
    for message in pool.all_messages().filter(|message| !message.is_map_entry()) {
        if message.package_name() == "probity.v1" {
            lint_answer(&message, &mut findings);
        }
        if message.package_name() != EVENTS {
            continue;
        }
        let event = EventOptions::of(&message);
        if let Some(options) = &event {
            lint_event(&message, options, &mut findings);
            let key = (options.event_type.clone(), options.version);
            if types.insert(key, message.full_name().to_owned()).is_some() {
                findings.insert(Finding::new(Rule::EventTypeUnique, message.full_name()));
            }
        }
        if tells_private_life(message.name()) {
            findings.insert(Finding::new(Rule::PrivateLife, message.full_name()));
        }
        for field in message.fields() {
            lint_field(&field, event.is_some(), &mut findings);
        }
    }
    findings
}

fn lint_answer(message: &MessageDescriptor, findings: &mut Findings) {
    for field in message.fields().filter(|field| is_personal_type(field) && message.full_name() != OPENED) {
        findings.insert(Finding::new(Rule::PersonalInAnAnswer, field.full_name()));
    }
}

fn lint_event(message: &MessageDescriptor, options: &EventOptions, findings: &mut Findings) {
    let mut found = |rule| findings.insert(Finding::new(rule, message.full_name()));
    let streams = message.fields().filter(|field| Rules::of(field).stream).count();
    if streams != usize::from(!options.erasure) {
        found(Rule::OneStream);
    }
    let context = message.get_field(1).is_some_and(|field| {
        field.name() == "context" && kind_name(&field) == format!("{EVENTS}.Context") && !field.is_list()
    });
    if !context {
        found(Rule::ContextFirst);
    }
    if subjects_max(message) > SUBJECTS_MAX {
        found(Rule::SubjectsFitALeaf);
    }
    let name = &options.event_type;
    let letters = name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_' || c == b'.');
    if !letters || !(1..=64).contains(&name.len()) || !(1..=0xffff).contains(&options.version) {
        found(Rule::EventTypeShape);
    }
}

/// The most subjects that a message of this type can name.
fn subjects_max(message: &MessageDescriptor) -> u32 {
    let of_field = |field: FieldDescriptor| {
        let rules = Rules::of(&field);
        let each = match field.kind() {
            Kind::Message(part) if part.package_name() == EVENTS => subjects_max(&part),
            _ => u32::from(rules.subject),
        };
        each * if field.is_list() { rules.max_items } else { 1 }
    };
    message.fields().map(of_field).sum()
}

fn lint_field(field: &FieldDescriptor, of_event: bool, findings: &mut Findings) {
    let rules = Rules::of(field);
    let mut found = |rule| findings.insert(Finding::new(rule, field.full_name()));
    let personal = is_personal(field.parent_message());
    if tells_private_life(field.name()) {
        found(Rule::PrivateLife);
    }
    match field.kind() {
        Kind::Double | Kind::Float => drop(found(Rule::NoFloat)),
        Kind::String if rules.id_of.is_empty() && rules.format == 0 && !(personal && rules.max_bytes > 0) => {
            found(Rule::StringIsBounded);
        }
        Kind::Bytes if rules.max_bytes == 0 => drop(found(Rule::BytesAreBounded)),
        _ => {}
    }
    if field.is_map() || field.is_group() {
        found(Rule::NoMap);
    } else if field.is_list() && rules.max_items == 0 {
        found(Rule::ListIsBounded);
    }
    if !rules_fit(field, &rules) {
        found(Rule::FitsItsType);
    }
    if rules.subject && rules.id_of != "entity" {
        found(Rule::SubjectIsAnEntity);
    }
    let one = field.cardinality() != Cardinality::Repeated && field.containing_oneof().is_none();
    if rules.stream && !(of_event && one && rules.required && !rules.id_of.is_empty()) {
        found(Rule::StreamIsARequiredId);
    }
    match &rules.seal {
        Some(_) if !(of_event && one && is_personal_type(field)) => drop(found(Rule::SealPlace)),
        Some(seal) => findings.extend(seal_findings(field, seal)),
        None if is_personal_type(field) && !personal => drop(found(Rule::PersonalIsSealed)),
        None => {}
    }
}

fn rules_fit(field: &FieldDescriptor, rules: &Rules) -> bool {
    let string = field.kind() == Kind::String;
    // As log-names have it: `[a-z][a-z0-9]{0,15}`.
    let kind = |kind: &str| {
        kind.len() <= 16
            && kind.starts_with(|c: char| c.is_ascii_lowercase())
            && kind.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    (rules.id_of.is_empty() || (string && kind(&rules.id_of)))
        && (rules.format == 0 || string)
        && (rules.max_bytes == 0 || string || field.kind() == Kind::Bytes)
        && (rules.max_items == 0 || field.is_list())
        && (!rules.subject || string)
}

fn seal_findings(field: &FieldDescriptor, seal: &Seal) -> Vec<Finding<Rule>> {
    let mut findings = Vec::new();
    let sibling = |name: &str| field.parent_message().get_field_by_name(name);
    if seal.class == 0 {
        findings.push(Finding::new(Rule::SealClass, field.full_name()));
    }
    if sibling(&seal.key_of).is_none_or(|owner| Rules::of(&owner).id_of.is_empty()) {
        findings.push(Finding::new(Rule::SealKey, field.full_name()));
    }
    let dated = [format!("{EVENTS}.PartialDate"), format!("{EVENTS}.Period")];
    let year = sibling(&seal.year_of).is_some_and(|date| !date.is_list() && dated.contains(&kind_name(&date)));
    if year != (seal.class == CLASS_P3) || year == seal.year_of.is_empty() {
        findings.push(Finding::new(Rule::SealYear, field.full_name()));
    }
    findings
}

fn is_personal_type(field: &FieldDescriptor) -> bool {
    field.kind().as_message().is_some_and(is_personal)
}

fn kind_name(field: &FieldDescriptor) -> String {
    field.kind().as_message().map_or_else(String::new, |message| message.full_name().to_owned())
}

fn tells_private_life(name: &str) -> bool {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake.split('_').any(|word| PRIVATE.iter().any(|private| word.starts_with(private)))
}
