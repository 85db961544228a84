//! The protos keep the style of buf STANDARD and our own rules about events. Each rule is seen to fire.

mod events;
mod style;

use std::collections::BTreeSet;

use prost_reflect::DescriptorPool;

use crate::protos::Finding;
use crate::protos::Sources;

/// What a proto may not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    // buf STANDARD
    FileLowerSnakeCase,
    PackageIsTheFolder,
    PackageHasAVersion,
    ImportIsUsed,
    NamePascalCase,
    FieldLowerSnakeCase,
    EnumValuePrefix,
    EnumZeroUnspecified,
    ServiceSuffix,
    RpcTypesNamedAfterIt,
    RpcTypesUnique,
    Comment,
    // ours
    OneStream,
    StreamIsARequiredId,
    ContextFirst,
    EventTypeShape,
    EventTypeUnique,
    PersonalIsSealed,
    PersonalInAnAnswer,
    SealPlace,
    SealClass,
    SealKey,
    SealYear,
    StringIsBounded,
    BytesAreBounded,
    ListIsBounded,
    FitsItsType,
    SubjectIsAnEntity,
    SubjectsFitALeaf,
    NoFloat,
    NoMap,
    PrivateLife,
}

pub(crate) type Findings = BTreeSet<Finding<Rule>>;

fn lint(pool: &DescriptorPool) -> Findings {
    let mut findings = style::lint(pool);
    findings.extend(events::lint(pool));
    findings
}

/// Exactly these findings when `new` stands where `old` stood.
fn check(old: &str, new: &str, expected: &[(Rule, &str)]) {
    let expected: Findings = expected.iter().map(|(rule, at)| Finding::new(*rule, at)).collect();
    assert_eq!(lint(&Sources::read().with(old, new).pool()), expected, "{new}");
}

/// Exactly these findings when a file `probity/events/v1/planted.proto` has this below its imports.
fn check_planted(text: &str, expected: &[(Rule, &str)]) {
    let file = format!(
        "syntax = \"proto3\";\npackage probity.events.v1;\nimport \"probity/events/v1/common.proto\";\n\
         import \"probity/options/v1/options.proto\";\n\
         // An event that is in order.\nmessage Sound {{\n\
         option (probity.options.v1.event) = {{type: \"sound.sound\", version: 1}};\n\
         Context context = 1;\n{STREAM}}}\n{text}"
    );
    let expected: Findings = expected.iter().map(|(rule, at)| Finding::new(*rule, at)).collect();
    let sources = Sources::read().with_file("probity/events/v1/planted.proto", &file);
    assert_eq!(lint(&sources.pool()), expected, "{text}");
}

const STREAM: &str =
    "string case_id = 2 [(probity.options.v1.rules) = {required: true, id_of: \"case\", stream: true}];\n";

/// An event with these fields beside context and stream.
fn event(fields: &str) -> String {
    format!(
        "// An event.\nmessage Planted {{\n\
         option (probity.options.v1.event) = {{type: \"planted.planted\", version: 1}};\n\
         Context context = 1;\n{STREAM}{fields}\n}}\n"
    )
}

#[test]
fn the_protos_keep_the_rules() {
    let findings = lint(&probity::events::POOL);
    assert!(findings.is_empty(), "{findings:#?}");
}

#[test]
fn every_proto_is_compiled_in() {
    let compiled: BTreeSet<String> = probity::events::POOL.files().map(|file| file.name().to_owned()).collect();
    for name in Sources::read().names() {
        assert!(compiled.contains(name), "build.rs does not compile {name}");
    }
}

#[test]
fn style_is_checked() {
    use Rule::*;
    let service = "probity.v1.AdminService";
    check("service AdminService {", "service Admin {", &[(ServiceSuffix, "probity.v1.Admin")]);
    check("// The running service.\n", "\n", &[(Comment, service)]);
    check("  // The views and how far they are.\n", "", &[(Comment, "probity.v1.AdminService.ListViews")]);
    check("// One view.\n", "\n", &[(Comment, "probity.v1.View")]);
    check(
        "rpc ListViews(ListViewsRequest)",
        "rpc ListViews(GetServerInfoRequest)",
        &[
            (RpcTypesNamedAfterIt, "probity.v1.AdminService.ListViews"),
            (RpcTypesUnique, "probity.v1.GetServerInfoRequest"),
            (Comment, "probity.v1.ListViewsRequest"),
        ],
    );
    check("VIEW_STATE_HALTED = 3", "HALTED = 3", &[(EnumValuePrefix, "probity.v1.HALTED")]);
    check("VIEW_STATE_UNSPECIFIED = 0", "VIEW_STATE_NONE = 0", &[(EnumZeroUnspecified, "probity.v1.ViewState")]);
    check(
        "uint32 page_size_max = 5",
        "uint32 pageSizeMax = 5",
        &[(FieldLowerSnakeCase, "probity.v1.Limits.pageSizeMax")],
    );
    check("// The views and how far they are.\n", "// The views.\n", &[]);
    check(
        "message CaughtUp {}",
        "message CaughtUp {}\n// Late.\nmessage too_late {}",
        &[(NamePascalCase, "probity.v1.too_late")],
    );
    check(
        "message CaughtUp {}",
        "message CaughtUp {}\nenum Late { LATE_UNSPECIFIED = 0; }",
        &[(Comment, "probity.v1.Late")],
    );
}

#[test]
fn files_and_packages_are_checked() {
    use Rule::*;
    let planted = |name: &str, text: &str, expected: &[(Rule, &str)]| {
        let expected: Findings = expected.iter().map(|(rule, at)| Finding::new(*rule, at)).collect();
        assert_eq!(lint(&Sources::read().with_file(name, text).pool()), expected, "{name}");
    };
    let file = |package: &str, more: &str| format!("syntax = \"proto3\";\npackage {package};\n{more}");
    planted("probity/v1/New-File.proto", &file("probity.v1", ""), &[(FileLowerSnakeCase, "probity/v1/New-File.proto")]);
    planted("probity/v1/far.proto", &file("probity.far.v1", ""), &[(PackageIsTheFolder, "probity/v1/far.proto")]);
    planted("probity/bare.proto", &file("probity", ""), &[(PackageHasAVersion, "probity/bare.proto")]);
    let import = "import \"probity/events/v1/common.proto\";";
    planted("probity/v1/idle.proto", &file("probity.v1", import), &[(ImportIsUsed, "probity/v1/idle.proto")]);
}

#[test]
fn streams_and_types_are_checked() {
    use Rule::*;
    let at = "probity.events.v1.Planted";
    check_planted(&event(""), &[]);
    check_planted(&event(&STREAM.replace("case_id = 2", "other_id = 3")), &[(OneStream, at)]);
    check_planted(&event("").replace(", stream: true", ""), &[(OneStream, at)]);
    check_planted(
        &event("").replace("required: true, ", ""),
        &[(StreamIsARequiredId, "probity.events.v1.Planted.case_id")],
    );
    check_planted(&event("").replace("Context context = 1;", "Context context = 3;"), &[(ContextFirst, at)]);
    check_planted(&event("").replace("Context context", "Code context"), &[(ContextFirst, at)]);
    check_planted(&event("").replace("planted.planted", "Planted"), &[(EventTypeShape, at)]);
    check_planted(&event("").replace("version: 1", "version: 0"), &[(EventTypeShape, at)]);
    check_planted(&event("").replace("planted.planted", "case.opened"), &[(EventTypeUnique, at)]);
    // The stream of an ERASURE is that of the entry it erases.
    let erasure = event("").replace("version: 1", "version: 1, leaf: LEAF_KIND_ERASURE");
    check_planted(&erasure, &[(OneStream, at)]);
    check_planted(&erasure.replace(", stream: true", ""), &[]);
}

#[test]
fn personal_data_is_sealed() {
    use Rule::*;
    let at = "probity.events.v1.Planted.x";
    let sealed = |seal: &str| {
        event(&format!("Period during = 4;\nNarrative x = 3 [(probity.options.v1.rules) = {{seal: {{{seal}}}}}];"))
    };
    check_planted(&sealed("class: PERSONAL_CLASS_P4_NARRATIVE, key_of: \"case_id\""), &[]);
    check_planted(&event("Narrative x = 3;"), &[(PersonalIsSealed, at)]);
    check_planted(&sealed("key_of: \"case_id\""), &[(SealClass, at)]);
    check_planted(&sealed("class: PERSONAL_CLASS_P4_NARRATIVE, key_of: \"nobody\""), &[(SealKey, at)]);
    check_planted(&sealed("class: PERSONAL_CLASS_P4_NARRATIVE, key_of: \"during\""), &[(SealKey, at)]);
    check_planted(&sealed("class: PERSONAL_CLASS_P3_PROPERTY, key_of: \"case_id\""), &[(SealYear, at)]);
    check_planted(&sealed("class: PERSONAL_CLASS_P3_PROPERTY, key_of: \"case_id\", year_of: \"during\""), &[]);
    check_planted(
        &sealed("class: PERSONAL_CLASS_P3_PROPERTY, key_of: \"case_id\", year_of: \"case_id\""),
        &[(SealYear, at)],
    );
    check_planted(
        &sealed("class: PERSONAL_CLASS_P2_IDENTITY, key_of: \"case_id\", year_of: \"during\""),
        &[(SealYear, at)],
    );
    let seal = "{seal: {class: PERSONAL_CLASS_P4_NARRATIVE, key_of: \"case_id\"}";
    check_planted(
        &event(&format!("repeated Narrative x = 3 [(probity.options.v1.rules) = {seal}, max_items: 4}}];")),
        &[(SealPlace, at)],
    );
    check_planted(&event(&format!("Code x = 3 [(probity.options.v1.rules) = {seal}}}];")), &[(SealPlace, at)]);
    check_planted(
        &event(&format!("oneof y {{ Narrative x = 3 [(probity.options.v1.rules) = {seal}}}]; }}")),
        &[(SealPlace, at)],
    );
    let inner = "// A part.\nmessage Part {\nstring case_id = 1 [(probity.options.v1.rules) = {id_of: \"case\"}];\n";
    check_planted(
        &format!("{inner}Narrative x = 3 [(probity.options.v1.rules) = {seal}}}];\n}}"),
        &[(SealPlace, "probity.events.v1.Part.x")],
    );
    check(
        "message ImportedRow {",
        "message ImportedRow {\n  probity.events.v1.NativeId id = 9;",
        &[(PersonalInAnAnswer, "probity.v1.ImportedRow.id")],
    );
}

#[test]
fn fields_of_events_are_bounded() {
    use Rule::*;
    let at = "probity.events.v1.Planted.x";
    let field = |field: &str, rules: &str| event(&format!("{field} = 3 [(probity.options.v1.rules) = {{{rules}}}];"));
    check_planted(&event("string x = 3;"), &[(StringIsBounded, at)]);
    check_planted(&field("string x", "max_bytes: 80"), &[(StringIsBounded, at)]);
    check_planted(&field("string x", "format: FORMAT_REFERENCE"), &[]);
    check_planted(&field("string x", "id_of: \"case\""), &[]);
    check_planted(&event("bytes x = 3;"), &[(BytesAreBounded, at)]);
    check_planted(&event("repeated uint32 x = 3;"), &[(ListIsBounded, at)]);
    check_planted(&field("repeated uint32 x", "max_items: 3"), &[]);
    check_planted(&field("uint32 x", "max_items: 3"), &[(FitsItsType, at)]);
    check_planted(&field("uint32 x", "max_bytes: 3"), &[(FitsItsType, at)]);
    check_planted(&field("uint32 x", "id_of: \"case\""), &[(FitsItsType, at)]);
    check_planted(&field("string x", "id_of: \"Case\""), &[(FitsItsType, at)]);
    check_planted(&field("string x", "id_of: \"a_case\""), &[(FitsItsType, at)]);
    check_planted(&field("uint32 x", "format: FORMAT_CODE"), &[(FitsItsType, at)]);
    check_planted(&field("string x", "id_of: \"case\", subject: true"), &[(SubjectIsAnEntity, at)]);
    let subjects =
        |most: u32| field("repeated string x", &format!("id_of: \"entity\", subject: true, max_items: {most}"));
    check_planted(&subjects(64), &[]);
    check_planted(&subjects(65), &[(SubjectsFitALeaf, "probity.events.v1.Planted")]);
    check_planted(&event("double x = 3;"), &[(NoFloat, at)]);
    check_planted(&event("float x = 3;"), &[(NoFloat, at)]);
    check_planted(&event("map<string, uint32> x = 3;"), &[(NoMap, at)]);
    check_planted(
        "// Of a human being.\nmessage Part {\noption (probity.options.v1.personal) = true;\nstring x = 1;\n}",
        &[(StringIsBounded, "probity.events.v1.Part.x")],
    );
}

#[test]
fn there_is_no_field_for_private_life() {
    use Rule::*;
    for word in ["religion", "political_party", "ethnic_group", "score", "risk_score", "marital_status", "opinions"] {
        let at = format!("probity.events.v1.Planted.{word}");
        check_planted(&event(&format!("bool {word} = 3;")), &[(PrivateLife, &at)]);
    }
    check_planted("// What one believes.\nmessage Belief {}", &[(PrivateLife, "probity.events.v1.Belief")]);
    check_planted(
        &event("bool partly = 3;\nbool scored_by = 4;\nbool parties = 5;"),
        &[(PrivateLife, "probity.events.v1.Planted.parties"), (PrivateLife, "probity.events.v1.Planted.scored_by")],
    );
}
