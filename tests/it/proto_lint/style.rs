//! The rules of buf STANDARD that concern our files.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use prost_reflect::DescriptorPool;
use prost_reflect::DynamicMessage;
use prost_reflect::EnumDescriptor;
use prost_reflect::FileDescriptor;
use prost_reflect::Kind;
use prost_reflect::MessageDescriptor;
use prost_reflect::ServiceDescriptor;

use super::Findings;
use super::Rule;
use crate::protos::Finding;

pub(super) fn lint(pool: &DescriptorPool) -> Findings {
    let mut findings = Findings::new();
    let ours = |file: &FileDescriptor| file.name().starts_with("probity/");
    for file in pool.files().filter(ours) {
        lint_file(&file, &mut findings);
    }
    let of_rpcs: BTreeSet<String> = pool
        .services()
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .flat_map(|rpc| [rpc.input().full_name().to_owned(), rpc.output().full_name().to_owned()])
        .collect();
    for message in pool.all_messages().filter(|message| ours(&message.parent_file()) && !message.is_map_entry()) {
        lint_message(&message, of_rpcs.contains(message.full_name()), &mut findings);
    }
    for each in pool.all_enums().filter(|each| ours(&each.parent_file())) {
        lint_enum(&each, &mut findings);
    }
    let mut uses = BTreeMap::<String, u32>::new();
    for service in pool.services().filter(|service| ours(&service.parent_file())) {
        lint_service(&service, &mut uses, &mut findings);
    }
    findings
        .extend(uses.iter().filter(|(_, count)| **count > 1).map(|(name, _)| Finding::new(Rule::RpcTypesUnique, name)));
    findings
}

fn lint_file(file: &FileDescriptor, findings: &mut Findings) {
    let (folder, name) = file.name().rsplit_once('/').unwrap();
    let mut found = |rule| findings.insert(Finding::new(rule, file.name()));
    if !is_lower_snake(name.strip_suffix(".proto").unwrap()) {
        found(Rule::FileLowerSnakeCase);
    }
    if file.package_name() != folder.replace('/', ".") {
        found(Rule::PackageIsTheFolder);
    }
    let version = file.package_name().rsplit('.').next().and_then(|last| last.strip_prefix('v'));
    if !version.is_some_and(|digits| digits.parse::<u32>().is_ok_and(|number| number > 0)) {
        found(Rule::PackageHasAVersion);
    }
    let used = files_used(file);
    let public = file.public_dependencies().next().is_some();
    if public || file.dependencies().any(|import| !used.contains(import.name())) {
        found(Rule::ImportIsUsed);
    }
}

/// The files whose types or options this file names.
fn files_used(file: &FileDescriptor) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    let mut options = |of: DynamicMessage| {
        let files: Vec<String> = of.extensions().map(|(option, _)| option.parent_file().name().to_owned()).collect();
        used.extend(files);
    };
    let mut types = Vec::new();
    let mut messages: Vec<MessageDescriptor> = file.messages().collect();
    while let Some(message) = messages.pop() {
        messages.extend(message.child_messages());
        options(message.options());
        for field in message.fields() {
            options(field.options());
            types.push(field.kind());
        }
    }
    for extension in file.extensions() {
        types.push(Kind::Message(extension.containing_message()));
        types.push(extension.kind());
    }
    for method in file.services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
        types.extend([Kind::Message(method.input()), Kind::Message(method.output())]);
    }
    used.extend(types.iter().filter_map(|kind| match kind {
        Kind::Message(message) => Some(message.parent_file().name().to_owned()),
        Kind::Enum(each) => Some(each.parent_file().name().to_owned()),
        _ => None,
    }));
    used
}

fn lint_message(message: &MessageDescriptor, of_rpc: bool, findings: &mut Findings) {
    if !is_pascal(message.name()) {
        findings.insert(Finding::new(Rule::NamePascalCase, message.full_name()));
    }
    // What a request or its answer is stands at the rpc.
    if !of_rpc && !has_comment(&message.parent_file(), message.path()) {
        findings.insert(Finding::new(Rule::Comment, message.full_name()));
    }
    for field in message.fields().filter(|field| !is_lower_snake(field.name())) {
        findings.insert(Finding::new(Rule::FieldLowerSnakeCase, field.full_name()));
    }
    for each in message.oneofs().filter(|each| !each.is_synthetic() && !is_lower_snake(each.name())) {
        findings.insert(Finding::new(Rule::FieldLowerSnakeCase, each.full_name()));
    }
}

fn lint_enum(each: &EnumDescriptor, findings: &mut Findings) {
    if !is_pascal(each.name()) {
        findings.insert(Finding::new(Rule::NamePascalCase, each.full_name()));
    }
    let prefix = upper_snake(each.name()) + "_";
    for value in each.values() {
        let own = value.name().strip_prefix(&prefix).unwrap_or_default();
        if own.is_empty() || !own.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_') {
            findings.insert(Finding::new(Rule::EnumValuePrefix, value.full_name()));
        }
    }
    if !each.values().any(|value| value.number() == 0 && value.name() == format!("{prefix}UNSPECIFIED")) {
        findings.insert(Finding::new(Rule::EnumZeroUnspecified, each.full_name()));
    }
    if !has_comment(&each.parent_file(), each.path()) {
        findings.insert(Finding::new(Rule::Comment, each.full_name()));
    }
}

fn lint_service(service: &ServiceDescriptor, uses: &mut BTreeMap<String, u32>, findings: &mut Findings) {
    if !is_pascal(service.name()) {
        findings.insert(Finding::new(Rule::NamePascalCase, service.full_name()));
    }
    if !service.name().ends_with("Service") {
        findings.insert(Finding::new(Rule::ServiceSuffix, service.full_name()));
    }
    if !has_comment(&service.parent_file(), service.path()) {
        findings.insert(Finding::new(Rule::Comment, service.full_name()));
    }
    for rpc in service.methods() {
        if !is_pascal(rpc.name()) {
            findings.insert(Finding::new(Rule::NamePascalCase, rpc.full_name()));
        }
        if !has_comment(&service.parent_file(), rpc.path()) {
            findings.insert(Finding::new(Rule::Comment, rpc.full_name()));
        }
        for (message, suffix) in [(rpc.input(), "Request"), (rpc.output(), "Response")] {
            if message.name() != format!("{}{suffix}", rpc.name()) {
                findings.insert(Finding::new(Rule::RpcTypesNamedAfterIt, rpc.full_name()));
            }
            *uses.entry(message.full_name().to_owned()).or_default() += 1;
        }
    }
}

fn has_comment(file: &FileDescriptor, path: &[i32]) -> bool {
    let info = file.file_descriptor_proto().source_code_info.as_ref();
    info.into_iter()
        .flat_map(|info| &info.location)
        .any(|location| location.path == path && !location.leading_comments().trim().is_empty())
}

fn is_pascal(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase()) && name.chars().all(|c| c.is_ascii_alphanumeric())
}

fn is_lower_snake(name: &str) -> bool {
    let word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    name.split('_').all(word)
}

fn upper_snake(pascal: &str) -> String {
    let mut snake = String::new();
    for letter in pascal.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_uppercase());
    }
    snake
}
