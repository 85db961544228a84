mod matters;
mod register;

use std::sync::Arc;

use clap::Parser;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::Request;
use tonic::transport::Server;

use crate::access::Caller;
use crate::cli::show::ShowArgs;
use crate::cli::show::What;
use crate::cli::show::called::Called;
use crate::cli::show::full;
use crate::cli::show::json;
use crate::cli::show::parse_known_at;
use crate::cli::show::show;
use crate::cli::show::tables;
use crate::cli::show::words;
use crate::cli::text::Locale;
use crate::cli::text::Style;
use crate::clock::Settable;
use crate::events::DeclarationSubmitted;
use crate::events::Event;
use crate::events::Money;
use crate::events::NativeId;
use crate::events::PersonIdentity;
use crate::events::PersonRegistered;
use crate::events::SanctionItem;
use crate::proto::v1::Decision;
use crate::proto::v1::GetDecisionResponse;
use crate::proto::v1::Sanction;
use crate::proto::v1::Source;
use crate::proto::v1::Stamp;
use crate::proto::v1::Standing;
use crate::proto::v1::as_of::KnownAt;
use crate::server::record_service::PageKey;
use crate::server::record_service::Records;
use crate::server::services::record_service_server::RecordServiceServer;
use crate::views::fixture::GENESIS_MS;
use crate::views::fixture::HOUR_MS;
use crate::views::fixture::Story;
use crate::views::fixture::code;
use crate::views::fixture::date;
use crate::views::fixture::id;
use crate::views::fixture::name;

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    show: ShowArgs,
}

/// As programs have it.
fn plain() -> Style {
    Style::plain(&Locale::default())
}

fn answer() -> GetDecisionResponse {
    let item =
        SanctionItem { item_number: 1, form: code("reprimand"), to: Some(date("2026-12")), ..Default::default() };
    let sanction = Sanction { item: Some(item), standing: Standing::InForce.into(), source: None };
    let source = Source { position: 4, erased_by: Some(9), ..Source::default() };
    let decision = Decision {
        name: name("decision", 20).to_string(),
        standing: Standing::InForce.into(),
        reference: "7\u{1b}[31m".to_owned(),
        sanctions: vec![sanction],
        source: Some(source),
        ..Decision::default()
    };
    let stamp = Stamp { position: 9, head_position: 12, as_of: Some(date("2026-05-03")), recorded_at: None };
    GetDecisionResponse { decision: Some(decision), stamp: Some(stamp) }
}

#[test]
fn a_table_says_what_it_is_true_of_and_what_was_erased() {
    let text = tables::decision(&answer(), &Called::default(), &plain());
    for part in ["as of 2026-05-03", "entry 9", "the last entry is 12", "in force", "reprimand", "erased by entry 9"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains('\u{1b}'), "nothing that a terminal obeys");
    let painted = tables::decision(&answer(), &Called::default(), &Style { colour: true, ..plain() });
    assert!(painted.contains("\u{1b}[38;5;9m"), "what is in force is red: {painted:?}");
    assert!(!painted.contains("\u{1b}[31m"), "colours are ours: {painted:?}");
}

#[test]
fn json_is_the_proto_mapping() {
    let value: serde_json::Value = serde_json::from_str(&json::text("GetDecisionResponse", &answer())).unwrap();
    assert_eq!(value["decision"]["standing"], "STANDING_IN_FORCE");
    assert_eq!(value["stamp"]["headPosition"], "12");
}

#[test]
fn arguments_are_read_and_wrong_ones_refused() {
    let parse = |words: &[&str]| Program::try_parse_from([&["show", "--from", "http://h:1"], words].concat());
    let args = parse(&["person", "X", "--as-of", "2026-05-03", "--known-at", "17"]).unwrap().show;
    assert!(matches!(args.what, What::Person { name } if name == "X"));
    assert_eq!(args.known_at, Some(KnownAt::KnownAtPosition(17)));
    let time = parse_known_at("1970-01-01T00:00:01.5Z").unwrap();
    assert_eq!(time, KnownAt::KnownAtTime(prost_types::Timestamp { seconds: 1, nanos: 500_000_000 }));
    for bad in [
        &["person", "X", "--as-of", "2026-05"][..],
        &["person", "X", "--as-of", "2026-02-30"],
        &["person", "X", "--known-at", "yesterday"],
        &["person", "X", "--known-at", "-1"],
        &["person"],
        &["find", "scheme"],
        &[],
    ] {
        assert!(parse(bad).is_err(), "{bad:?}");
    }
    assert_eq!(full("case", "01"), "case/01");
    assert_eq!(full("case", "entity/01"), "entity/01");
}

#[tokio::test]
async fn a_service_that_is_not_there_cannot_be_asked() {
    for url in ["http://127.0.0.1:1", "no url"] {
        let program = Program::try_parse_from(["show", "--from", url, "person", "X"]).unwrap();
        let failure = show(&program.show, &plain()).await.unwrap_err();
        assert_eq!(failure.exit_status(), 2, "{failure}");
    }
}

#[test]
fn amounts_are_exact() {
    for (units, nanos, expected) in [
        (1, 0, "1 USD"),
        (1, 500_000_000, "1.5 USD"),
        (0, -10_000_000, "-0.01 USD"),
        (-3, -5, "-3.000000005 USD"),
        (i64::MIN, 0, "-9223372036854775808 USD"),
    ] {
        assert_eq!(words::money(&Money { currency: "USD".to_owned(), units, nanos }), expected);
    }
}

/// A service with a person and 1,100 declarations of his; its URL.
async fn serve() -> String {
    let identity = PersonIdentity {
        full_name: "Ann Example".to_owned(),
        native_ids: vec![NativeId { scheme: "test.number".to_owned(), value: "7".to_owned() }],
        ..PersonIdentity::default()
    };
    let person = PersonRegistered { entity_id: id(1), identity: Some(identity), ..PersonRegistered::default() };
    let declared = |number| DeclarationSubmitted {
        declaration_id: id(number),
        person_id: id(1),
        ..DeclarationSubmitted::default()
    };
    serve_events(std::iter::once(Event::from(person)).chain((100..1200).map(|number| declared(number).into()))).await
}

/// A service with these events; its URL.
async fn serve_events(events: impl IntoIterator<Item = Event>) -> String {
    let (_, applied) = watch::channel(0);
    let clock = Settable::at(GENESIS_MS + 5000 * HOUR_MS);
    let records = Records::new(Arc::new(Story::of(events)), applied, clock, PageKey([1; 32]));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // As the gate of a service without access control does.
    let admitted = |mut request: Request<()>| {
        request.extensions_mut().insert(Caller::local());
        Ok(request)
    };
    let service = Server::builder().add_service(RecordServiceServer::with_interceptor(records, admitted));
    tokio::spawn(service.serve_with_incoming(TcpListenerStream::new(listener)));
    url
}

#[tokio::test]
async fn what_is_asked_is_shown_and_what_is_not_there_is_said() {
    let url = serve().await;
    let (person, declaration) = (name("entity", 1).to_string(), name("declaration", 100).to_string());
    for (words, expected) in [
        (&["person", &person][..], "sealed, class P2"),
        (&["person", &id(1), "--open"], "Ann Example"),
        (&["person", &person, "--json"], "\"ENTITY_KIND_PERSON\""),
        (&["declaration", &declaration], "Versions"),
        (&["declaration", &declaration], &format!("declarant: {person}\n")),
        (&["declaration", &declaration, "--open"], &format!("declarant: Ann Example, {person}\n")),
        (&["timeline", &person], "1101 "),
        (&["find", "test.number", "7"], &person),
        (&["person", &person, "--known-at", "1"], "as known at entry 1 "),
    ] {
        let program = Program::try_parse_from([&["show", "--from", &url], words].concat()).unwrap();
        let text = show(&program.show, &plain()).await.unwrap();
        assert!(text.contains(expected), "{words:?}: {text}");
    }
    for (words, status) in [
        (&["person", &id(2)][..], 1),
        (&["case", &id(1)], 1),
        (&["find", "test.number", "8"], 1),
        (&["person", &person, "--known-at", "0"], 1),
        (&["person", &person, "--known-at", "1102"], 2),
        (&["person", "X"], 2),
        (&["decision", &person], 2),
    ] {
        let program = Program::try_parse_from([&["show", "--from", &url], words].concat()).unwrap();
        let failure = show(&program.show, &plain()).await.unwrap_err();
        assert_eq!(failure.exit_status(), status, "{words:?}: {failure}");
    }
}
