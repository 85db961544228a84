//! Two pools: what stood in the old one and is gone or different in the new one.

use prost_reflect::DescriptorPool;
use prost_reflect::EnumDescriptor;
use prost_reflect::FieldDescriptor;
use prost_reflect::FileDescriptor;
use prost_reflect::Kind;
use prost_reflect::MessageDescriptor;
use prost_reflect::ServiceDescriptor;

use super::Break;
use crate::protos::EVENTS;
use crate::protos::EventOptions;
use crate::protos::Finding;
use crate::protos::Rules;
use crate::protos::is_personal;

/// In the order of the old pool.
pub(super) fn breaks(old: &DescriptorPool, new: &DescriptorPool) -> Vec<Finding<Break>> {
    let mut findings = Vec::new();
    let ours = |file: &FileDescriptor| !file.name().starts_with("google/");
    for message in old.all_messages().filter(|message| ours(&message.parent_file())) {
        match new.get_message_by_name(message.full_name()) {
            None => findings.push(Finding::new(Break::MessageRemoved, message.full_name())),
            Some(now) => compare_messages(&message, &now, &mut findings),
        }
    }
    for each in old.all_enums().filter(|each| ours(&each.parent_file())) {
        match new.get_enum_by_name(each.full_name()) {
            None => findings.push(Finding::new(Break::EnumRemoved, each.full_name())),
            Some(now) => compare_enums(&each, &now, &mut findings),
        }
    }
    for option in old.all_extensions() {
        let same = new.get_extension_by_name(option.full_name()).is_some_and(|now| {
            now.number() == option.number()
                && kind_name(&now.kind()) == kind_name(&option.kind())
                && now.containing_message().full_name() == option.containing_message().full_name()
        });
        if !same {
            findings.push(Finding::new(Break::ExtensionChanged, option.full_name()));
        }
    }
    for service in old.services() {
        match new.get_service_by_name(service.full_name()) {
            None => findings.push(Finding::new(Break::ServiceRemoved, service.full_name())),
            Some(now) => compare_services(&service, &now, &mut findings),
        }
    }
    findings.sort();
    findings
}

fn compare_messages(old: &MessageDescriptor, new: &MessageDescriptor, findings: &mut Vec<Finding<Break>>) {
    let event = EventOptions::of(old);
    if event.is_some() && event != EventOptions::of(new) {
        findings.push(Finding::new(Break::EventOption, old.full_name()));
    }
    if is_personal(old) != is_personal(new) {
        findings.push(Finding::new(Break::PersonalOption, old.full_name()));
    }
    for field in old.fields() {
        match new.get_field(field.number()) {
            Some(now) => compare_fields(&field, &now, findings),
            None if new.get_field_by_name(field.name()).is_some() => {
                findings.push(Finding::new(Break::FieldRenumbered, field.full_name()));
            }
            None if may_go(&field, new) => {}
            None => findings.push(Finding::new(Break::FieldRemoved, field.full_name())),
        }
    }
}

/// A field of the surface may go when its number and name are kept from being used again. What an event once said is
/// in logs for ever.
fn may_go(field: &FieldDescriptor, new: &MessageDescriptor) -> bool {
    new.package_name() != EVENTS
        && new.reserved_ranges().any(|numbers| numbers.contains(&field.number()))
        && new.reserved_names().any(|name| name == field.name())
}

fn compare_fields(old: &FieldDescriptor, new: &FieldDescriptor, findings: &mut Vec<Finding<Break>>) {
    let mut found = |rule| findings.push(Finding::new(rule, old.full_name()));
    let oneof = |field: &FieldDescriptor| {
        field.containing_oneof().filter(|each| !each.is_synthetic()).map(|each| each.name().to_owned())
    };
    if old.name() != new.name() || old.json_name() != new.json_name() {
        found(Break::FieldRenamed);
    }
    if kind_name(&old.kind()) != kind_name(&new.kind()) {
        found(Break::FieldRetyped);
    } else if old.cardinality() != new.cardinality()
        || old.supports_presence() != new.supports_presence()
        || old.is_packed() != new.is_packed()
        || oneof(old) != oneof(new)
    {
        found(Break::FieldCardinality);
    }
    let (before, now) = (Rules::of(old), Rules::of(new));
    if before.stream != now.stream {
        found(Break::StreamOption);
    }
    if before.subject != now.subject {
        found(Break::SubjectOption);
    }
    if before.seal != now.seal {
        found(Break::SealOption);
    }
    if tightened(&before, &now) {
        found(Break::RuleTightened);
    }
}

fn tightened(before: &Rules, now: &Rules) -> bool {
    let lowered = |before: u32, now: u32| now != 0 && (before == 0 || now < before);
    (now.required && !before.required)
        || now.id_of != before.id_of
        || now.format != before.format
        || lowered(before.max_bytes, now.max_bytes)
        || lowered(before.max_items, now.max_items)
}

fn compare_enums(old: &EnumDescriptor, new: &EnumDescriptor, findings: &mut Vec<Finding<Break>>) {
    for value in old.values() {
        let kept = new.package_name() != EVENTS
            && new.reserved_ranges().any(|numbers| numbers.contains(&value.number()))
            && new.reserved_names().any(|name| name == value.name());
        match new.get_value_by_name(value.name()) {
            Some(now) if now.number() == value.number() => {}
            Some(_) => findings.push(Finding::new(Break::ValueRenumbered, value.full_name())),
            None if kept => {}
            None => findings.push(Finding::new(Break::ValueRemoved, value.full_name())),
        }
    }
}

fn compare_services(old: &ServiceDescriptor, new: &ServiceDescriptor, findings: &mut Vec<Finding<Break>>) {
    for rpc in old.methods() {
        let Some(now) = new.methods().find(|now| now.name() == rpc.name()) else {
            findings.push(Finding::new(Break::RpcRemoved, rpc.full_name()));
            continue;
        };
        let same = rpc.input().full_name() == now.input().full_name()
            && rpc.output().full_name() == now.output().full_name()
            && rpc.is_client_streaming() == now.is_client_streaming()
            && rpc.is_server_streaming() == now.is_server_streaming();
        if !same {
            findings.push(Finding::new(Break::RpcShape, rpc.full_name()));
        }
    }
}

fn kind_name(kind: &Kind) -> String {
    match kind {
        Kind::Message(message) => message.full_name().to_owned(),
        Kind::Enum(each) => each.full_name().to_owned(),
        scalar => format!("{scalar:?}"),
    }
}
