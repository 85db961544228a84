//! Spans as a collector receives them: who is inside whom, what they must never hold, and that nobody waits for them.

pub(crate) mod collector;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use opentelemetry_proto::tonic::trace::v1::Span;
use probity::events::PersonIdentity;
use tempfile::TempDir;

use crate::metrics::address;
use crate::metrics::scrape::scrape;
use crate::service;
use crate::service::Served;
use crate::service::append_all;
use crate::service::run;
use crate::service::serve;
use crate::service::story;
use crate::service::story::MARKER;
use crate::telemetry::collector::Collector;

const APPEND: &str = "probity.v1.LedgerService/Append";

/// Longer than a stop may take for the sake of spans: two seconds, and what the service itself needs.
const STOP_WITHIN: Duration = Duration::from_secs(8);

fn folder() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    (folder, data)
}

/// A service that sends its spans there.
fn serve_to(data: &Path, endpoint: &str, ratio: &str) -> Served {
    let mut command = serve(data);
    command.env("PROBITY_TELEMETRY_ENDPOINT", endpoint).env("PROBITY_TELEMETRY_SAMPLING_RATIO", ratio);
    command.env("PROBITY_TELEMETRY_SERVICE_NAME", "probity of the tests");
    Served::try_start(&mut command, &service::said(data)).unwrap()
}

fn named<'s>(spans: &'s [Span], name: &str) -> Vec<&'s Span> {
    spans.iter().filter(|span| span.name == name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_span_of_an_append_holds_its_children_and_the_commit_points_to_it() {
    let (_folder, data) = folder();
    let collector = Collector::start();
    let served = serve_to(&data, &collector.url, "1");
    served.ledger().await.append(story::request(1)).await.unwrap();
    served.stop();
    let spans = collector.spans();

    let [call] = named(&spans, "rpc")[..] else { panic!("{spans:#?}") };
    assert_eq!(collector::text(call, "method"), APPEND);
    assert!(call.parent_span_id.is_empty());
    let [prepare] = named(&spans, "prepare")[..] else { panic!("{spans:#?}") };
    assert_eq!((&prepare.trace_id, &prepare.parent_span_id), (&call.trace_id, &call.span_id));
    assert_eq!(collector::whole(prepare, "events"), story::request(1).events.len());

    // One commit serves many calls, so it is inside none of them: it points to each.
    let points_to_it = |commit: &&&Span| commit.links.iter().any(|link| link.span_id == call.span_id);
    let commits = named(&spans, "commit");
    let commit = commits.iter().find(points_to_it).unwrap_or_else(|| panic!("{spans:#?}"));
    assert_eq!(collector::whole(commit, "events"), story::request(1).events.len());
    let inside = |span: &&&Span| span.trace_id == commit.trace_id && span.parent_span_id == commit.span_id;
    assert_eq!(named(&spans, "sync").iter().filter(inside).count(), 1, "{spans:#?}");
    assert_eq!(collector.services(), ["probity of the tests"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_share_of_traces_that_is_sent_is_as_configured() {
    let (_folder, data) = folder();
    let collector = Collector::start();
    let served = serve_to(&data, &collector.url, "0");
    served.ledger().await.append(story::request(1)).await.unwrap();
    served.stop();
    assert!(collector.spans().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_personal_is_in_any_span() {
    let (_folder, data) = folder();
    let collector = Collector::start();
    let served = serve_to(&data, &collector.url, "1");
    let mut ledger = served.ledger().await;
    let name = "Quillon Vexmoor";
    let identity = PersonIdentity { full_name: name.to_owned(), ..PersonIdentity::default() };
    let known = probity::events::PersonRegistered { identity: Some(identity), ..story::person(&story::id(7, 1)) };
    ledger.append(story::append(7, [known.clone().into()])).await.unwrap();
    // Twice in one, so that it is refused, with words about it; and one that is no event.
    ledger.append(story::append(8, [known.clone().into(), known.into()])).await.unwrap_err();
    let unreadable = story::raw("probity.events.v1.PersonRegistered", name.as_bytes().to_vec());
    let mut request = story::append(9, []);
    request.events.push(unreadable);
    ledger.append(request).await.unwrap_err();
    append_all(&mut ledger, (10..14).map(story::request).collect()).await.unwrap();
    let (status, printed, said) =
        run(service::probity(["show", "--open", "--from", &served.url, "person"]).arg(story::id(7, 1)));
    assert_eq!(status, Some(0), "{said}");
    assert!(printed.contains(name), "the name is there to be found: {printed}");
    served.stop();

    assert!(collector.spans().len() > 10, "{:?}", collector.spans());
    for secret in [name, "Quillon", "Vexmoor", MARKER, &story::id(7, 1), &story::request_id(7), "1970", "\"local\""] {
        assert!(!collector.received(secret.as_bytes()), "{secret} in a span");
    }
    assert!(collector.received(b"prepare"), "what is there is found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_not_there_or_never_answers_holds_nobody_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    for endpoint in ["http://127.0.0.1:1", &silent, "http://nowhere.invalid:4317"] {
        let (_folder, data) = folder();
        let served = serve_to(&data, endpoint, "1");
        let mut ledger = served.ledger().await;
        let answers = append_all(&mut ledger, (0..200).map(story::request).collect()).await.unwrap();
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 200, "{endpoint}");
        let began = Instant::now();
        served.stop();
        assert!(began.elapsed() < STOP_WITHIN, "{endpoint}: it took {:?} to stop", began.elapsed());
        service::verify(&data);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_that_were_lost_are_counted_and_told_once() {
    let (_folder, data) = folder();
    let said = service::said(&data);
    let mut command = serve(&data);
    command.args(["--metrics-listen", "127.0.0.1:0"]).env("PROBITY_TELEMETRY_ENDPOINT", "http://127.0.0.1:1");
    let served = Served::try_start(&mut command, &said).unwrap();
    let metrics = address(&said);
    let began = Instant::now();
    loop {
        served.ledger().await.append(story::request(0)).await.unwrap();
        let scraped = scrape(&metrics);
        assert_eq!(scraped.whole("probity_telemetry_sent_spans_total"), 0);
        match scraped.whole("probity_telemetry_failed_spans_total") {
            0 => assert!(began.elapsed() < Duration::from_mins(1), "nothing was counted"),
            _ => break,
        }
    }
    served.stop();
    let said = fs::read_to_string(&said).unwrap();
    assert_eq!(said.matches("telemetry.endpoint").count(), 1, "{said}");
}

#[test]
fn an_endpoint_that_is_none_is_named_by_its_key_before_anything_is_opened() {
    let (_folder, data) = folder();
    for (key, value) in [
        ("ENDPOINT", "collector:4317"),
        ("ENDPOINT", "https://collector:4317"),
        ("ENDPOINT", "http://collector"),
        ("ENDPOINT", "http://collector:4317/v1/traces"),
        ("ENDPOINT", "http://collector:99999"),
        ("SAMPLING_RATIO", "2"),
        ("SAMPLING_RATIO", "all"),
        ("SERVICE_NAME", ""),
    ] {
        let (status, printed, said) = run(serve(&data).env(format!("PROBITY_TELEMETRY_{key}"), value));
        assert_eq!((status, printed.as_str()), (Some(2), ""), "{key}={value}: {said}");
        let named = said.to_lowercase().contains(&format!("telemetry.{}", key.to_lowercase()));
        assert!(named, "{key}={value}: {said}");
    }
    assert!(!data.exists(), "a log was made");
}
