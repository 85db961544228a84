//! What a scrape says, from outside: before and after appends and refusals, and what it must never say.

pub(crate) mod scrape;

use std::fs;
use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use probity::events::AllegationRecorded;
use probity::server::errors::Reason;
use tempfile::TempDir;
use tonic::codegen::http::uri::PathAndQuery;
use tonic_prost::ProstCodec;

use crate::metrics::scrape::Scrape;
use crate::metrics::scrape::ask;
use crate::metrics::scrape::scrape;
use crate::service;
use crate::service::Served;
use crate::service::append_all;
use crate::service::probity;
use crate::service::refusal;
use crate::service::run;
use crate::service::serve;
use crate::service::story;
use crate::service::story::MARKER;
use crate::witness;

/// A service with metrics on a port of its own choice, and their address.
fn serve_metrics(data: &Path) -> (Served, String) {
    serve_metrics_with(&mut serve(data), data)
}

/// The same, with more settings.
pub(crate) fn serve_metrics_with(command: &mut Command, data: &Path) -> (Served, String) {
    let said = service::said(data);
    let served = Served::try_start(command.args(["--metrics-listen", "127.0.0.1:0"]), &said).unwrap();
    (served, address(&said))
}

/// Where the last service that wrote this file has its metrics.
pub(crate) fn address(said: &Path) -> String {
    let said = fs::read_to_string(said).unwrap();
    let told = said.lines().rev().find_map(|line| line.strip_prefix("probity: metrics on http://"));
    told.and_then(|url| url.strip_suffix("/metrics")).unwrap_or_else(|| panic!("no address in {said}")).to_owned()
}

fn folder() -> (TempDir, std::path::PathBuf) {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    (folder, data)
}

/// How many appends were told this.
fn told(scrape: &Scrape, outcome: &str, reason: &str) -> u64 {
    scrape.whole(&format!("probity_appends_total{{outcome=\"{outcome}\",reason=\"{reason}\"}}"))
}

fn refused(scrape: &Scrape, reason: Reason) -> u64 {
    told(scrape, "refused", reason.name())
}

/// How many calls ended so; none where nobody ever did.
fn calls(scrape: &Scrape, method: &str, code: &str) -> u64 {
    scrape.whole_or_none(&format!("probity_rpcs_total{{method=\"{method}\",code=\"{code}\"}}")).unwrap_or(0)
}

const APPEND: &str = "probity.v1.LedgerService/Append";
const APPEND_STREAM: &str = "probity.v1.LedgerService/AppendStream";

#[tokio::test(flavor = "multi_thread")]
async fn a_scrape_tells_what_was_recorded_repeated_and_refused() {
    let (_folder, data) = folder();
    let (served, metrics) = serve_metrics(&data);
    let before = scrape(&metrics);
    assert_eq!(before.whole("probity_log_entries"), 1, "GENESIS");
    assert_eq!((told(&before, "recorded", ""), calls(&before, APPEND, "OK")), (0, 0));
    assert_eq!(before.whole("probity_recorded_events_total"), 0);
    assert_eq!(before.whole("probity_writer_state{state=\"writing\"}"), 1);
    let limits = ["probity_queue_limit_requests", "probity_queue_limit_bytes"].map(|name| before.whole(name));
    assert_eq!(limits, [8192, 64 << 20]);

    let mut ledger = served.ledger().await;
    let events = story::request(1).events.len() as u64;
    ledger.append(story::request(1)).await.unwrap();
    ledger.append(story::request(1)).await.unwrap();
    // Refused before anything of ours sees it, by the bytes and the shape of an event, and by what is recorded.
    let long = v1_append(899, story::raw("probity.events.v1.PersonRegistered", vec![0; 9 << 20]));
    let long = ledger.append(long).await.unwrap_err();
    refusal::check("too long", &long, Reason::MessageTooLarge, "", "");
    let unreadable = v1_append(900, story::raw("probity.events.v1.PersonRegistered", vec![0xff; 9]));
    let undecodable = ledger.append(unreadable).await.unwrap_err();
    refusal::check("undecodable", &undecodable, Reason::PayloadUndecodable, "events[0]", "");
    ledger.append(v1_append(901, story::proposed(story::person("short")))).await.unwrap_err();
    let nowhere = AllegationRecorded { ..story::allegation(&story::id(902, 3), 1, &story::id(1, 1)) };
    let rejected = ledger.append(story::append(902, [nowhere.clone().into()])).await.unwrap_err();
    let stream = vec![story::request(2), story::append(903, [nowhere.into()]), story::request(2), story::request(3)];
    let answers = append_all(&mut ledger, stream).await.unwrap();
    assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true, true]);

    let after = scrape(&metrics);
    let recorded = events + [2, 3].map(|number| story::request(number).events.len() as u64).iter().sum::<u64>();
    assert_eq!((told(&after, "recorded", ""), told(&after, "repeated", "")), (3, 2));
    assert_eq!(told(&after, "unanswered", ""), 0);
    let rejected = Reason::of(&rejected).unwrap();
    let reasons = [Reason::MessageTooLarge, Reason::PayloadUndecodable, Reason::FieldInvalid, rejected];
    assert_eq!(reasons.map(|reason| refused(&after, reason)), [1, 1, 1, 2]);
    assert_eq!((calls(&after, APPEND, "OK"), calls(&after, APPEND_STREAM, "OK")), (2, 1));
    assert_eq!(calls(&after, APPEND, "INVALID_ARGUMENT"), 3);
    assert_eq!(after.whole(&format!("probity_rpc_duration_seconds_count{{method=\"{APPEND}\"}}")), 6);
    assert_eq!(after.whole("probity_recorded_events_total"), recorded);
    assert_eq!(after.whole("probity_log_entries"), 1 + recorded);
    assert_eq!(after.whole("probity_index_folded_entries"), 1 + recorded);
    assert_eq!(after.whole("probity_index_lag_entries"), 0);
    let commits = after.whole("probity_commit_duration_seconds_count");
    assert!((2..=3).contains(&commits), "{commits} commits");
    assert_eq!(after.whole("probity_commit_sync_duration_seconds_count"), commits);
    assert_eq!(after.whole("probity_commit_size_events_count"), commits);
    assert!(after.whole("probity_recorded_bytes_total") > 100 * recorded);
    assert!(after.whole("probity_ledger_bytes") >= after.whole("probity_ledger_newest_volume_bytes"));
    assert!(after.whole("probity_disk_free_bytes") > 0);
    served.stop();
}

/// A request of one event, as it is.
fn v1_append(number: u64, event: probity::proto::v1::ProposedEvent) -> probity::proto::v1::AppendRequest {
    probity::proto::v1::AppendRequest { events: vec![event], ..story::append(number, []) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_without_room_is_seen() {
    let (_folder, data) = folder();
    Served::start(&data).stop();
    let said = service::said(&data);
    let mut command = serve(&data);
    command.env("PROBITY_RESERVE_BYTES", (1_u64 << 60).to_string()).env("PROBITY_METRICS_LISTEN", "127.0.0.1:0");
    let served = Served::try_start(&mut command, &said).unwrap();
    let metrics = address(&said);
    assert_eq!(refused(&scrape(&metrics), Reason::DiskNearlyFull), 0);
    served.ledger().await.append(story::request(1)).await.unwrap_err();
    let after = scrape(&metrics);
    assert_eq!(refused(&after, Reason::DiskNearlyFull), 1);
    assert_eq!((calls(&after, APPEND, "RESOURCE_EXHAUSTED"), after.whole("probity_recorded_events_total")), (1, 0));
    assert!(after.whole("probity_disk_free_bytes") < after.whole("probity_disk_reserve_bytes"));
    served.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_scrape_holds_anything_of_a_client() {
    let (_folder, data) = folder();
    let (served, metrics) = serve_metrics(&data);
    let mut ledger = served.ledger().await;
    for number in 0..20 {
        ledger.append(story::request(number)).await.unwrap();
    }
    let mut refused = story::request(30);
    refused.request_id = MARKER.to_owned();
    ledger.append(refused).await.unwrap_err();
    // A client may call what it likes.
    let channel = tonic::transport::Endpoint::new(served.url.clone()).unwrap().connect().await.unwrap();
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let path: PathAndQuery = format!("/{MARKER}.Service/{MARKER}").parse().unwrap();
    let codec = ProstCodec::<probity::proto::v1::GetHeadRequest, probity::proto::v1::GetHeadResponse>::default();
    let request = tonic::Request::new(probity::proto::v1::GetHeadRequest {});
    assert_eq!(client.unary(request, path, codec).await.unwrap_err().code(), tonic::Code::Unimplemented);
    let scraped = scrape(&metrics);
    assert_eq!(calls(&scraped, "other", "UNIMPLEMENTED"), 1);
    let text = scraped.text.to_ascii_lowercase();
    assert!(!text.contains(MARKER), "{text}");
    for number in 0..20 {
        let ids = (1..=5).map(|thing| story::id(number, thing)).chain([story::request_id(number)]);
        for id in ids {
            assert!(!text.contains(&id.to_ascii_lowercase()), "{id}");
        }
    }
    assert!(!text.contains("probity.invalid"), "the origin");
    served.stop();
}

#[test]
fn every_figure_says_what_it_is_and_in_which_unit() {
    let (_folder, data) = folder();
    let (served, metrics) = serve_metrics(&data);
    let scraped = scrape(&metrics);
    assert!(scraped.families.len() > 25, "{:?}", scraped.families.keys());
    assert!(scraped.text.ends_with("# EOF\n"));
    for (name, family) in &scraped.families {
        family.check(name);
    }
    for sample in scraped.samples.keys() {
        assert!(scraped.family_of(sample).is_some(), "{sample} has no HELP");
    }
    served.stop();
}

#[test]
fn the_page_of_alarms_names_only_figures_that_there_are() {
    let (folder, data) = folder();
    // With a witness, of which there are figures too. It is never reached.
    let policy = folder.path().join("witnesses");
    fs::write(&policy, witness::policy_text(&[(&witness::key("w", 1), "http://127.0.0.1:1")], "all")).unwrap();
    let mut command = serve(&data);
    command.env("PROBITY_SEAL_EVERY_MS", "20").env("PROBITY_WITNESS_POLICY", &policy);
    let (served, metrics) = serve_metrics_with(&mut command, &data);
    let scraped = scrape(&metrics);
    served.stop();
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manual/alarms.md")).unwrap();
    let named = scrape::names_in(&page);
    assert!(named.len() > 25, "{named:?}");
    for name in &named {
        let sample = scraped.samples.keys().any(|sample| sample.split('{').next() == Some(name));
        assert!(sample || scraped.families.contains_key(name), "{name} stands in alarms.md and in no scrape");
    }
    for (name, family) in &scraped.families {
        assert!(named.iter().any(|named| scrape::is_of(named, name)), "{name} ({}) is in no alarm", family.help);
    }
    for reason in page.split("reason=").skip(1).filter_map(|rest| rest.split('"').nth(1)) {
        for reason in reason.split('|') {
            assert!(Reason::ALL.iter().any(|known| known.name() == reason), "{reason} is in no catalogue");
        }
    }
    for block in page.split("### ").skip(1) {
        assert!(block.contains("```promql\n"), "no expression: {block}");
    }
}

#[test]
fn metrics_are_off_unless_asked_for_and_standard_output_is_one_line() {
    for (asked, lines) in [(false, 0), (true, 1)] {
        let (_folder, data) = folder();
        let mut command = serve(&data);
        if asked {
            command.env("PROBITY_METRICS_LISTEN", "127.0.0.1:0");
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = [0; 12];
        child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
        assert_eq!(&first, b"listening on");
        assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 1);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said.lines().filter(|line| line.contains("/metrics")).count(), lines, "{said}");
    }
}

#[test]
fn an_address_that_cannot_be_had_is_named_by_its_key_before_anything_is_opened() {
    let (_folder, data) = folder();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for address in [address.as_str(), "192.0.2.1:1"] {
        let (status, printed, said) = run(serve(&data)
            .args(["--metrics-listen", address])
            .env("PROBITY_EXPOSE_EVERYTHING_IN_PLAIN_TEXT", "true"));
        assert_eq!((status, printed.as_str()), (Some(2), ""), "{said}");
        assert!(said.contains("metrics_listen") && said.contains(address), "{said}");
    }
    for wrong in ["", "here", "127.0.0.1", "127.0.0.1:99999"] {
        let (status, _, said) = run(serve(&data).env("PROBITY_METRICS_LISTEN", wrong));
        assert_eq!(status, Some(2), "{wrong:?}: {said}");
        assert!(said.to_lowercase().contains("metrics_listen"), "{wrong:?}: {said}");
    }
    assert!(!data.exists(), "a log was made");
}

#[test]
fn what_is_no_scrape_is_told_so_and_does_no_harm() {
    let (_folder, data) = folder();
    let (served, metrics) = serve_metrics(&data);
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "404"),
        ("GET /metrics/../keys HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "404"),
        ("POST /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", "405"),
        ("no such thing\r\n\r\n", "400"),
    ] {
        let answer = ask(&metrics, request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {answer}");
    }
    // Whoever says nothing and whoever goes away leave room for others, and do not keep the service from ending.
    let silent = std::net::TcpStream::connect(&metrics).unwrap();
    std::net::TcpStream::connect(&metrics).unwrap().write_all(b"GET /metr").unwrap();
    assert_eq!(scrape(&metrics).whole("probity_log_entries"), 1);
    served.stop();
    drop(silent);
    service::verify(&data);
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_lead_from_the_call_to_the_sync_where_they_are_wanted() {
    for (log, wanted) in [("probity=debug", true), ("info", false)] {
        let (_folder, data) = folder();
        let said = service::said(&data);
        let served = Served::try_start(serve(&data).env("PROBITY_LOG", log), &said).unwrap();
        let mut ledger = served.ledger().await;
        ledger.append(story::request(1)).await.unwrap();
        append_all(&mut ledger, vec![story::request(2)]).await.unwrap();
        served.stop();
        let said = fs::read_to_string(&said).unwrap();
        let spans: Vec<serde_json::Value> = said
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .filter(|line: &serde_json::Value| line["fields"]["message"] == "close")
            .collect();
        let names = |name: &str| spans.iter().filter(|line| line["span"]["name"] == name).count();
        if wanted {
            let inside = |name: &str, outer: &str| {
                let of = spans.iter().filter(|line| line["span"]["name"] == name);
                of.filter(|line| line["spans"].as_array().unwrap().iter().any(|span| span["name"] == outer)).count()
            };
            assert_eq!((names("prepare"), inside("prepare", "rpc")), (2, 2), "{said}");
            assert_eq!((names("commit"), inside("sync", "commit")), (2, 2), "{said}");
            assert!(names("rpc") >= 2 && said.contains(APPEND), "{said}");
        } else {
            assert!(spans.is_empty(), "{said}");
        }
        assert!(!said.contains(MARKER) && !said.contains(&story::id(1, 1)), "{said}");
        assert!(!said.contains("\"local\""), "a principal: {said}");
    }
}

#[test]
fn an_unknown_figure_would_be_seen() {
    let scraped = Scrape::parse("# HELP a_bytes It.\n# TYPE a_bytes gauge\n# UNIT a_bytes bytes\na_bytes 5\n# EOF\n");
    assert_eq!(scraped.whole("a_bytes"), 5);
    scraped.families["a_bytes"].check("a_bytes");
    assert!(scraped.family_of("b_bytes").is_none());
    for text in [
        "# HELP a It.\n# TYPE a gauge\na 5\n",
        "# TYPE a_bytes gauge\n# UNIT a_bytes bytes\na_bytes 5\n",
        "# HELP a_bytes It.\n# TYPE a_bytes gauge\n# UNIT a_bytes seconds\na_bytes 5\n",
        "# HELP a_ms It.\n# TYPE a_ms histogram\n# UNIT a_ms ms\na_ms_count 5\n",
        "# HELP a_total It.\n# TYPE a_total counter\na_total_total 5\n",
    ] {
        let scraped = Scrape::parse(text);
        let (name, family) = scraped.families.iter().next().unwrap();
        assert!(family.fault(name).is_some(), "{text}");
    }
    assert_eq!(run(&mut probity(["serve", "--metrics-listen"])).0, Some(2), "a flag without its value");
}
