//! What was once published stays readable: the protos against the descriptor committed in `golden/`.
//!
//! `PROBITY_BLESS=1 cargo test --test it proto_breaking` writes the descriptor anew after an addition. It refuses to
//! bless a break. Before the first release one can delete the file first; afterwards a break is a new version beside
//! the old.

mod compare;

use std::env;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use prost_reflect::DescriptorPool;

use self::compare::breaks;
use crate::protos::Finding;
use crate::protos::Sources;

/// What may not happen to something published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Break {
    MessageRemoved,
    EnumRemoved,
    ExtensionChanged,
    FieldRemoved,
    FieldRenumbered,
    FieldRenamed,
    FieldRetyped,
    FieldCardinality,
    ValueRemoved,
    ValueRenumbered,
    ServiceRemoved,
    RpcRemoved,
    RpcShape,
    EventOption,
    PersonalOption,
    StreamOption,
    SubjectOption,
    SealOption,
    RuleTightened,
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden/descriptor.bin")
}

#[test]
fn what_was_published_stays_readable() {
    let now = Sources::read().compile(false);
    let bless = env::var_os("PROBITY_BLESS").is_some();
    if bless && !golden().exists() {
        fs::write(golden(), &now).unwrap();
    }
    let published = fs::read(golden()).unwrap();
    let old = DescriptorPool::decode(&*published).unwrap();
    let findings = breaks(&old, &DescriptorPool::decode(&*now).unwrap());
    assert!(findings.is_empty(), "these changes break what was published:\n{findings:#?}");
    if bless {
        fs::write(golden(), &now).unwrap();
    } else {
        let message = "the protos have grown: PROBITY_BLESS=1 cargo test --test it proto_breaking, and commit the file";
        assert!(published == now, "{message}");
    }
}

/// Exactly this break when `new` stands where `old` stood.
fn check(old: &str, new: &str, expected: &[(Break, &str)]) {
    let sources = Sources::read();
    let findings = breaks(&sources.pool(), &sources.with(old, new).pool());
    let expected: Vec<Finding<Break>> = expected.iter().map(|(rule, at)| Finding::new(*rule, at)).collect();
    assert_eq!(findings, expected, "{old} → {new}");
}

#[test]
fn additions_are_welcome() {
    check("// One view.\n", "// New.\nmessage New { uint32 x = 1; }\n// One view.\n", &[]);
    check("message CaughtUp {}", "message CaughtUp { bool again = 1; }", &[]);
    check("VIEW_STATE_HALTED = 3;", "VIEW_STATE_HALTED = 3;\n  VIEW_STATE_NEW = 4;", &[]);
    check("message ListViewsRequest {}", "message ListViewsRequest {}\n// New.\nservice NewService {}", &[]);
    check("  // The views and how far they are.\n", "  // Other words.\n", &[]);
    check("(probity.options.v1.rules) = {max_items: 5000}", "(probity.options.v1.rules) = {max_items: 6000}", &[]);
}

#[test]
fn fields_stay() {
    use Break::*;
    let limits = "probity.v1.Limits.page_size_max";
    let field = "  uint32 page_size_max = 5;\n";
    check(field, "", &[(FieldRemoved, limits)]);
    check(field, "  reserved 5;\n", &[(FieldRemoved, limits)]);
    check(field, "  reserved 5;\n  reserved \"page_size_max\";\n", &[]);
    check(field, "  uint32 page_size_max = 15;\n", &[(FieldRenumbered, limits)]);
    check(field, "  uint32 page_most = 5;\n", &[(FieldRenamed, limits)]);
    check(field, "  uint32 page_size_max = 5 [json_name = \"pages\"];\n", &[(FieldRenamed, limits)]);
    check(field, "  uint64 page_size_max = 5;\n", &[(FieldRetyped, limits)]);
    check(field, "  Limits page_size_max = 5;\n", &[(FieldRetyped, limits)]);
    check(field, "  repeated uint32 page_size_max = 5;\n", &[(FieldCardinality, limits)]);
    check(field, "  optional uint32 page_size_max = 5;\n", &[(FieldCardinality, limits)]);
    check(field, "  oneof most { uint32 page_size_max = 5; }\n", &[(FieldCardinality, limits)]);
}

#[test]
fn an_event_never_loses_a_field_or_value() {
    use Break::*;
    check(
        "  bool last_instance = 8;\n",
        "  reserved 8;\n  reserved \"last_instance\";\n",
        &[(FieldRemoved, "probity.events.v1.AppealDecided.last_instance")],
    );
    check(
        "  APPEAL_OUTCOME_REMITTED = 5;\n",
        "  reserved 5;\n  reserved \"APPEAL_OUTCOME_REMITTED\";\n",
        &[(ValueRemoved, "probity.events.v1.APPEAL_OUTCOME_REMITTED")],
    );
}

#[test]
fn messages_enums_and_values_stay() {
    use Break::*;
    let halted = "probity.v1.VIEW_STATE_HALTED";
    check("  VIEW_STATE_HALTED = 3;\n", "", &[(ValueRemoved, halted)]);
    check("  VIEW_STATE_HALTED = 3;\n", "  reserved 3;\n", &[(ValueRemoved, halted)]);
    check("  VIEW_STATE_HALTED = 3;\n", "  reserved 3;\n  reserved \"VIEW_STATE_HALTED\";\n", &[]);
    check("  VIEW_STATE_HALTED = 3;\n", "  VIEW_STATE_HALTED = 4;\n", &[(ValueRenumbered, halted)]);
    check("  VIEW_STATE_HALTED = 3;\n", "  VIEW_STATE_STOPPED = 3;\n", &[(ValueRemoved, halted)]);
    let sources = Sources::read();
    let way = sources.clone().with("enum Direction {", "enum Way {").with("  Direction direction", "  Way direction");
    let expected = [
        Finding::new(EnumRemoved, "probity.v1.Direction"),
        Finding::new(FieldRetyped, "probity.v1.ReadEntriesRequest.direction"),
    ];
    assert_eq!(breaks(&sources.pool(), &way.pool()), expected);
    let current =
        sources.clone().with("message CaughtUp {", "message Now {").with("  CaughtUp caught_up", "  Now caught_up");
    let expected = [
        Finding::new(MessageRemoved, "probity.v1.CaughtUp"),
        Finding::new(FieldRetyped, "probity.v1.SubscribeResponse.caught_up"),
    ];
    assert_eq!(breaks(&sources.pool(), &current.pool()), expected);
}

#[test]
fn rpcs_keep_their_shape() {
    use Break::*;
    let list = "probity.v1.AdminService.ListViews";
    let rpc = "  rpc ListViews(ListViewsRequest) returns (ListViewsResponse);\n";
    check(rpc, "", &[(RpcRemoved, list)]);
    check(rpc, &rpc.replace("returns (", "returns (stream "), &[(RpcShape, list)]);
    check(rpc, &rpc.replace("Views(", "Views(stream "), &[(RpcShape, list)]);
    check(rpc, &rpc.replace("(ListViewsRequest)", "(GetServerInfoRequest)"), &[(RpcShape, list)]);
    check(rpc, &rpc.replace("(ListViewsResponse)", "(GetServerInfoResponse)"), &[(RpcShape, list)]);
    check("service AdminService {", "service OperatorService {", &[(ServiceRemoved, "probity.v1.AdminService")]);
}

#[test]
fn options_of_events_stay() {
    use Break::*;
    let annulled = "probity.events.v1.DecisionAnnulled";
    let option = "{type: \"decision.annulled\", version: 1}";
    check(option, "{type: \"decision.undone\", version: 1}", &[(EventOption, annulled)]);
    check(option, "{type: \"decision.annulled\", version: 2}", &[(EventOption, annulled)]);
    check(option, "{type: \"decision.annulled\", version: 1, leaf: LEAF_KIND_ERASURE}", &[(EventOption, annulled)]);
    check(&format!("  option (probity.options.v1.event) = {option};\n"), "", &[(EventOption, annulled)]);
    check(
        "message Bracket {\n  option (probity.options.v1.personal) = true;\n",
        "message Bracket {\n",
        &[(PersonalOption, "probity.events.v1.Bracket")],
    );
    check("FieldRules rules = 50100;", "FieldRules rules = 50109;", &[(ExtensionChanged, "probity.options.v1.rules")]);
}

#[test]
fn rules_of_fields_do_not_tighten() {
    use Break::*;
    let body = "probity.events.v1.PositionAssigned.body_id";
    let field = "string body_id = 4 [(probity.options.v1.rules) = {id_of: \"entity\"}];";
    check(field, &field.replace("}]", ", stream: true}]"), &[(StreamOption, body)]);
    check(field, &field.replace("}]", ", subject: true}]"), &[(SubjectOption, body)]);
    check(field, &field.replace("}]", ", required: true}]"), &[(RuleTightened, body)]);
    check(field, &field.replace("entity", "case"), &[(RuleTightened, body)]);
    let title = "probity.events.v1.DeclarationItem.item_type";
    let field = "string item_type = 5 [(probity.options.v1.rules) = {max_bytes: 512}];";
    check(field, &field.replace("512", "511"), &[(RuleTightened, title)]);
    check(field, &field.replace("512", "513"), &[]);
    check(field, &field.replace("max_bytes: 512", ""), &[]);
    check(field, &field.replace("512", "512, format: FORMAT_CODE"), &[(RuleTightened, title)]);
    check("{max_items: 5000}", "{max_items: 4999}", &[(RuleTightened, "probity.events.v1.DeclarationContent.items")]);
    let unbounded = "uint32 item_count = 3;";
    let required = "uint32 item_count = 3 [(probity.options.v1.rules) = {required: true}];";
    check(unbounded, required, &[(RuleTightened, "probity.events.v1.Section.item_count")]);
    let language = "string language = 2 [(probity.options.v1.rules) = {max_bytes: 35}];";
    check(language, &language.replace("35", "0"), &[]);
}

#[test]
fn seals_stay() {
    use Break::*;
    let text = "probity.events.v1.AllegationRecorded.text";
    let field = "Narrative text = 10 [(probity.options.v1.rules) = {seal: {class: PERSONAL_CLASS_P4_NARRATIVE, key_of: \"case_id\"}}];";
    check(field, "Narrative text = 10;", &[(SealOption, text)]);
    check(field, &field.replace("P4_NARRATIVE", "P5_PROTECTED"), &[(SealOption, text)]);
    check(field, &field.replace("\"case_id\"", "\"respondent_id\""), &[(SealOption, text)]);
    check(field, &field.replace("\"}}", "\", year_of: \"occurred\"}}"), &[(SealOption, text)]);
    check(
        "  Period occurred = 6;\n",
        "  Period occurred = 6 [(probity.options.v1.rules) = {seal: {class: PERSONAL_CLASS_P5_PROTECTED}}];\n",
        &[(SealOption, "probity.events.v1.AllegationRecorded.occurred")],
    );
}
