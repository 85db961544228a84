//! Compiles `proto/` without protoc, writes the `Event` enum from the options in it, and on Linux compiles the
//! five lines of C that make sled's writes durable.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use protox::Compiler;
use protox::prost_reflect::DescriptorPool;
use protox::prost_reflect::MessageDescriptor;
use tonic_prost_build::Config;

const PROTOS: [&str; 22] = [
    "google/rpc/error_details.proto",
    "probity/options/v1/options.proto",
    "probity/events/v1/common.proto",
    "probity/events/v1/entity.proto",
    "probity/events/v1/case.proto",
    "probity/events/v1/decision.proto",
    "probity/events/v1/appeal.proto",
    "probity/events/v1/declaration.proto",
    "probity/events/v1/obligation.proto",
    "probity/events/v1/petition.proto",
    "probity/events/v1/verification.proto",
    "probity/events/v1/record.proto",
    "probity/events/v1/erasure.proto",
    "probity/events/v1/rights.proto",
    "probity/events/v1/disclosure.proto",
    "probity/events/v1/access.proto",
    "probity/v1/ledger_service.proto",
    "probity/v1/proof_service.proto",
    "probity/v1/record_service.proto",
    "probity/v1/admin_service.proto",
    "probity/v1/access_service.proto",
    "probity/v1/export_service.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto");
    println!("cargo::rerun-if-changed=src/store/sync_file_range.c");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    compile_protos(&out)?;
    if env::var("CARGO_CFG_TARGET_OS")? == "linux" {
        // Whole-archive: without it the linker keeps libc's own function and nothing says so.
        cc::Build::new().file("src/store/sync_file_range.c").cargo_metadata(false).compile("probity_sync");
        println!("cargo::rustc-link-search=native={}", out.display());
        println!("cargo::rustc-link-lib=static:+whole-archive=probity_sync");
    }
    Ok(())
}

fn compile_protos(out: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let mut compiler = Compiler::new(["proto"])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(PROTOS)?;
    fs::write(out.join("descriptor.bin"), compiler.encode_file_descriptor_set())?;
    fs::write(out.join("events.rs"), event_enum(&compiler.descriptor_pool())?)?;
    // Twice, so that the pure core holds events and knows nothing of services.
    let events = out.join("core");
    fs::create_dir_all(&events)?;
    let files = compiler.file_descriptor_set();
    tonic_prost_build::configure()
        .bytes(".")
        .build_client(false)
        .build_server(false)
        .out_dir(events)
        .compile_fds(files.clone())?;
    let mut named = Config::new();
    named.enable_type_names();
    tonic_prost_build::configure()
        .bytes(".")
        .build_server(false)
        .extern_path(".probity.events.v1", "crate::events")
        .extern_path(".google.rpc", "::tonic_types::pb")
        .compile_fds_with_config(files.clone(), named)?;
    // And once more for the services, whose codec refuses fields that it does not know; clients take answers as they
    // come. A stream's requests arrive with what is wrong with them, so that one of them does not end it.
    let server = out.join("server");
    fs::create_dir_all(&server)?;
    tonic_prost_build::configure()
        .bytes(".")
        .build_client(false)
        .codec_path("crate::server::codec::StrictCodec")
        .out_dir(server)
        .extern_path(".probity.events.v1", "crate::events")
        .extern_path(".probity.v1", "crate::proto::v1")
        .extern_path(".probity.v1.AppendStreamRequest", "crate::server::codec::Streamed")
        .extern_path(".google.rpc", "::tonic_types::pb")
        .compile_fds(files)?;
    Ok(())
}

/// One variant for each message of `probity.events.v1` that has an event option.
fn event_enum(pool: &DescriptorPool) -> Result<String, Box<dyn std::error::Error>> {
    let option = pool.get_extension_by_name("probity.options.v1.event").ok_or("no event option")?;
    let events: Vec<(MessageDescriptor, String, u64)> = pool
        .all_messages()
        .filter(|message| message.options().has_extension(&option))
        .map(|message| {
            let options = message.options().get_extension(&option).into_owned();
            let options = options.as_message().expect("the event option is a message");
            let name = options.get_field_by_name("type").expect("EventOptions.type").into_owned();
            let version = options.get_field_by_name("version").expect("EventOptions.version").into_owned();
            let name = name.as_str().expect("EventOptions.type is a string").to_owned();
            let version = version.as_u32().expect("EventOptions.version is a number");
            (message, name, u64::from(version))
        })
        .collect();
    let mut code = String::new();
    let each = |code: &mut String, line: &dyn Fn(&str, &str, &str, u64) -> String| {
        for (message, name, version) in &events {
            let _ = writeln!(code, "{}", line(message.name(), message.full_name(), name, *version));
        }
    };
    code.push_str("/// Every event that can stand in the log, one variant a message.\n");
    code.push_str("#[derive(Clone, Debug, PartialEq)]\npub enum Event {\n");
    each(&mut code, &|m, _, name, _| format!("    /// `{name}`\n    {m}({m}),"));
    code.push_str("}\n\n/// The types of events, in the order of the files in `proto/`.\n");
    code.push_str("#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]\npub enum EventType {\n");
    each(&mut code, &|m, _, name, _| format!("    /// `{name}`\n    {m},"));
    code.push_str("}\n\nimpl EventType {\n    /// All of them.\n");
    let _ = writeln!(code, "    pub const ALL: [Self; {}] = [", events.len());
    each(&mut code, &|m, _, _, _| format!("        Self::{m},"));
    code.push_str("    ];\n\n    /// The event type of the manifest.\n    pub const fn name(self) -> &'static str {\n        match self {\n");
    each(&mut code, &|m, _, name, _| format!("            Self::{m} => \"{name}\","));
    code.push_str("        }\n    }\n\n    /// The schema version of the manifest.\n    pub const fn version(self) -> u16 {\n        match self {\n");
    each(&mut code, &|m, _, _, version| format!("            Self::{m} => {version},"));
    code.push_str("        }\n    }\n\n    /// The full name of the message.\n    pub const fn message(self) -> &'static str {\n        match self {\n");
    each(&mut code, &|m, full, _, _| format!("            Self::{m} => \"{full}\","));
    code.push_str("        }\n    }\n\n    /// The type of this name and version.\n    pub fn parse(name: &str, version: u16) -> Option<Self> {\n        match (name, version) {\n");
    each(&mut code, &|m, _, name, version| format!("            (\"{name}\", {version}) => Some(Self::{m}),"));
    code.push_str("            _ => None,\n        }\n    }\n\n    /// The type whose message has this full name.\n    pub fn of_message(full_name: &str) -> Option<Self> {\n        match full_name {\n");
    each(&mut code, &|m, full, _, _| format!("            \"{full}\" => Some(Self::{m}),"));
    code.push_str("            _ => None,\n        }\n    }\n}\n\nimpl Event {\n    /// Which event it is.\n    pub const fn event_type(&self) -> EventType {\n        match self {\n");
    each(&mut code, &|m, _, _, _| format!("            Self::{m}(_) => EventType::{m},"));
    code.push_str("        }\n    }\n\n    /// Reads a message of a known type.\n    ///\n    /// # Errors\n    ///\n    /// The bytes are not such a message.\n    pub fn decode(event_type: EventType, bytes: &[u8]) -> Result<Self, ::prost::DecodeError> {\n        match event_type {\n");
    each(&mut code, &|m, _, _, _| {
        format!("            EventType::{m} => ::prost::Message::decode(bytes).map(Self::{m}),")
    });
    code.push_str("        }\n    }\n\n    /// The message's bytes: fields in ascending order, each once, no defaults.\n    pub fn encode(&self) -> Vec<u8> {\n        match self {\n");
    each(&mut code, &|m, _, _, _| format!("            Self::{m}(event) => ::prost::Message::encode_to_vec(event),"));
    code.push_str("        }\n    }\n\n    /// What it carries beside its own facts.\n    pub const fn context(&self) -> Option<&Context> {\n        match self {\n");
    each(&mut code, &|m, _, _, _| format!("            Self::{m}(event) => event.context.as_ref(),"));
    code.push_str("        }\n    }\n\n    /// Kind and id of its stream; none of an erasure, which stands in that of its target.\n    pub fn stream(&self) -> Option<(&'static str, &str)> {\n        match self {\n");
    for (message, ..) in &events {
        let arm = match stream_of(message)? {
            Some((kind, field)) => format!("(event) => Some((\"{kind}\", event.{field}.as_str())),"),
            None => "(_) => None,".to_owned(),
        };
        let _ = writeln!(code, "            Self::{}{arm}", message.name());
    }
    code.push_str("        }\n    }\n}\n");
    each(&mut code, &|m, _, _, _| {
        format!(
            "\nimpl From<{m}> for Event {{\n    fn from(event: {m}) -> Self {{\n        Self::{m}(event)\n    }}\n}}"
        )
    });
    Ok(code)
}

/// Kind and name of the field that says which stream an event is in.
fn stream_of(message: &MessageDescriptor) -> Result<Option<(String, String)>, Box<dyn std::error::Error>> {
    let option = message.parent_pool().get_extension_by_name("probity.options.v1.rules").ok_or("no rules option")?;
    for field in message.fields() {
        let options = field.options();
        let rules = options.get_extension(&option);
        let rules = rules.as_message().ok_or("the rules option is a message")?;
        let stream = rules.get_field_by_name("stream").and_then(|stream| stream.as_bool()).unwrap_or_default();
        if stream {
            let kind = rules.get_field_by_name("id_of").ok_or("a stream without a kind")?;
            return Ok(Some((kind.as_str().unwrap_or_default().to_owned(), field.name().to_owned())));
        }
    }
    Ok(None)
}
