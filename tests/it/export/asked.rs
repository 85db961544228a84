//! Exports that clients ask for, over gRPC.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use probity::proto::v1::CancelExportRequest;
use probity::proto::v1::CreateExportRequest;
use probity::proto::v1::DownloadExportRequest;
use probity::proto::v1::Export;
use probity::proto::v1::ExportFormat;
use probity::proto::v1::ExportState;
use probity::proto::v1::GetExportRequest;
use probity::proto::v1::ListExportsRequest;
use probity::proto::v1::export_service_client::ExportServiceClient;
use probity::server;
use probity::server::Running;
use probity::server::Settings;
use probity::server::errors::Reason;
use tonic::Status;
use tonic::transport::Channel;

use crate::export::check;
use crate::export::files;
use crate::export::log;
use crate::export::log::Log;

type Client = ExportServiceClient<Channel>;

async fn serve(log: &Log) -> (Running, Client) {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let limits = probity::sequencer::Limits::default();
    let settings = Settings { listen, limits, stop_within: Duration::from_secs(5) };
    let running = server::serve(log.open(), settings).await.unwrap();
    let client = Client::connect(format!("http://{}", running.address)).await.unwrap();
    (running, client)
}

fn id(number: u8) -> String {
    format!("00000000-0000-4000-8000-0000000000{number:02x}")
}

fn wanted(number: u8) -> CreateExportRequest {
    let formats = vec![ExportFormat::Jsonl.into(), ExportFormat::Csv.into()];
    CreateExportRequest { request_id: id(number), profile: "internal".to_owned(), formats, ..Default::default() }
}

async fn get(client: &mut Client, export_id: String) -> Export {
    client.get_export(GetExportRequest { export_id }).await.unwrap().into_inner().export.unwrap()
}

/// Asks, and waits until it has ended.
async fn ended(client: &mut Client, request: CreateExportRequest) -> Export {
    let export_id = client.create_export(request).await.unwrap().into_inner().export.unwrap().export_id;
    loop {
        let export = get(client, export_id.clone()).await;
        if !matches!(export.state(), ExportState::Queued | ExportState::Running) {
            return export;
        }
    }
}

async fn bytes(client: &mut Client, export_id: &str, file: &str, offset: u64) -> Result<Vec<u8>, Status> {
    let request = DownloadExportRequest { export_id: export_id.to_owned(), file: file.to_owned(), offset };
    let mut stream = client.download_export(request).await?.into_inner();
    let (mut bytes, mut next) = (Vec::new(), offset);
    while let Some(message) = stream.message().await? {
        assert_eq!(message.offset, next);
        assert!((1..=256 << 10).contains(&message.chunk.len()));
        next += message.chunk.len() as u64;
        bytes.extend_from_slice(&message.chunk);
    }
    Ok(bytes)
}

async fn download(client: &mut Client, export: &Export, folder: &Path) {
    fs::create_dir(folder).unwrap();
    for file in &export.files {
        let whole = bytes(client, &export.export_id, &file.name, 0).await.unwrap();
        assert_eq!(whole.len() as u64, file.size_bytes, "{}", file.name);
        for offset in [whole.len() / 2, whole.len()] {
            let rest = bytes(client, &export.export_id, &file.name, offset as u64).await.unwrap();
            assert_eq!(rest, whole[offset..], "{} from {offset}", file.name);
        }
        fs::write(folder.join(&file.name), whole).unwrap();
    }
}

fn reason(status: &Status) -> Reason {
    Reason::of(status).unwrap_or_else(|| panic!("{status:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_that_was_asked_for_is_the_same_as_one_by_hand() {
    let mut log = Log::with_a_story().await;
    log.append(vec![log::voided(9, 20, 1)]).await;
    log.erase(8);
    check(&log, "export --data {data} --to {}/by-hand --entries", 0);
    let (running, mut client) = serve(&log).await;
    let export = ended(&mut client, CreateExportRequest { entries: true, ..wanted(1) }).await;
    assert_eq!(export.state(), ExportState::Done, "{}", export.failure);
    assert_eq!((export.position, export.entries_read, export.entries_total), (11, 12, 12));
    assert!(export.rows_written > 5 && export.ended_at.is_some());
    assert_eq!(export.files.last().unwrap().name, "manifest.json");
    download(&mut client, &export, &log.path("fetched")).await;
    assert_eq!(files(&log.path("fetched")), files(&log.path("by-hand")));
    running.stop().await.unwrap();
    log.append(vec![log::amended()]).await;
    // After a restart it is still there, and can be gone on from.
    let (running, mut client) = serve(&log).await;
    let again = client.create_export(CreateExportRequest { entries: true, ..wanted(1) }).await.unwrap().into_inner();
    assert!(again.replayed);
    assert_eq!(again.export.unwrap().files, export.files);
    let request = CreateExportRequest { since_export_id: id(1), entries: true, ..wanted(2) };
    let next = ended(&mut client, request).await;
    assert_eq!(next.state(), ExportState::Done, "{}", next.failure);
    download(&mut client, &next, &log.path("next")).await;
    running.stop().await.unwrap();
    let said = check(&log, "verify --export {}/next --since {}/fetched", 0);
    assert!(said.contains("byte for byte"), "{said}");
}

/// An erasure was once told by what the index held in memory alone: the filter of a run on disk was asked for a key that
/// had the erasure's own place in it, and after the second start what was erased was served again.
#[tokio::test]
async fn what_was_erased_stays_so_over_restarts() {
    let mut log = Log::with_a_story().await;
    log.erase(8);
    for start in 1..=4 {
        let service = log.open();
        let read = service.reader().entry(8).unwrap().unwrap();
        assert_eq!(read.open_erased_by, Some(10), "start {start}");
        assert!(read.checked.entry.open.is_none(), "start {start}");
        service.stop().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_exported_is_refused_and_not_kept() {
    let log = Log::with_a_story().await;
    let (running, mut client) = serve(&log).await;
    let day = probity::events::PartialDate { year: 2026, month: 5, day: 0 };
    let changed = |change: fn(&mut CreateExportRequest)| {
        let mut request = wanted(1);
        change(&mut request);
        request
    };
    for (request, field) in [
        (changed(|request| request.request_id.clear()), "request_id"),
        (changed(|request| request.request_id = id(1).to_uppercase().replace('0', "A")), "request_id"),
        (changed(|request| request.request_id = "../../../../etc/passwd/../../../../..".to_owned()), "request_id"),
        (changed(|request| request.profile.clear()), "profile"),
        (changed(|request| request.profile = "nobody".to_owned()), "profile"),
        (changed(|request| request.formats.clear()), "formats"),
        (changed(|request| request.formats = vec![1, 1]), "formats[1]"),
        (changed(|request| request.formats = vec![0]), "formats[0]"),
        (changed(|request| request.formats = vec![9]), "formats[0]"),
        (changed(|request| request.position = Some(10)), "position"),
        (changed(|request| request.position = Some(4)), "position"),
        (CreateExportRequest { as_of: Some(day), ..wanted(1) }, "as_of"),
        (changed(|request| request.name = "../up".to_owned()), "name"),
        (changed(|request| request.since_export_id = "x".to_owned()), "since_export_id"),
        (changed(|request| request.since_export_id = id(9)), "since_export_id"),
        (
            changed(|request| {
                request.profile = "clearance".to_owned();
                request.entries = true;
            }),
            "entries",
        ),
        (
            changed(|request| {
                request.profile = "clearance".to_owned();
                request.since_export_id = id(9);
            }),
            "since_export_id",
        ),
    ] {
        let status = client.create_export(request).await.unwrap_err();
        assert_eq!(reason(&status), Reason::FieldInvalid, "{field}: {status:?}");
        assert!(status.message().starts_with(field), "{field}: {}", status.message());
    }
    let listed = client.list_exports(ListExportsRequest::default()).await.unwrap().into_inner();
    assert_eq!(listed.exports, []);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_refusal_has_its_reason() {
    let log = Log::with_a_story().await;
    let (running, mut client) = serve(&log).await;
    let done = ended(&mut client, wanted(1)).await;
    let other = CreateExportRequest { profile: "statistics".to_owned(), ..wanted(1) };
    assert_eq!(reason(&client.create_export(other).await.unwrap_err()), Reason::ExportRequestIdReused);
    let unknown = GetExportRequest { export_id: id(7) };
    assert_eq!(reason(&client.get_export(unknown).await.unwrap_err()), Reason::ExportNotFound);
    let cancel = |number| CancelExportRequest { export_id: id(number) };
    assert_eq!(reason(&client.cancel_export(cancel(7)).await.unwrap_err()), Reason::ExportNotFound);
    assert_eq!(reason(&bytes(&mut client, &id(7), "manifest.json", 0).await.unwrap_err()), Reason::ExportNotFound);
    for file in ["", "nothing.csv", "../asked.json", "manifest.json/"] {
        let status = bytes(&mut client, &done.export_id, file, 0).await.unwrap_err();
        assert_eq!(reason(&status), Reason::ExportFileNotFound, "{file}");
    }
    let manifest = done.files.last().unwrap();
    let status = bytes(&mut client, &done.export_id, "manifest.json", manifest.size_bytes + 1).await.unwrap_err();
    assert_eq!(reason(&status), Reason::FieldInvalid);
    for _ in 0..2 {
        let cancelled = client.cancel_export(cancel(1)).await.unwrap().into_inner().export.unwrap();
        assert_eq!((cancelled.state(), cancelled.files), (ExportState::Cancelled, vec![]));
    }
    let status = bytes(&mut client, &done.export_id, "manifest.json", 0).await.unwrap_err();
    assert_eq!(reason(&status), Reason::ExportNotDone);
    let again = client.create_export(wanted(1)).await.unwrap().into_inner();
    assert_eq!((again.replayed, again.export.unwrap().state()), (true, ExportState::Cancelled));
    let status =
        client.list_exports(ListExportsRequest { page_token: "AAAA".to_owned(), page_size: 0 }).await.unwrap_err();
    assert_eq!(reason(&status), Reason::PageTokenInvalid);
    let status =
        client.list_exports(ListExportsRequest { page_token: String::new(), page_size: 1001 }).await.unwrap_err();
    assert_eq!(reason(&status), Reason::FieldInvalid);
    running.stop().await.unwrap();
    let (running, mut client) = serve(&log).await;
    assert_eq!(get(&mut client, id(1)).await.state(), ExportState::Cancelled, "kept over a restart");
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_one_moment() {
    let log = Log::with_a_story().await;
    let (running, mut client) = serve(&log).await;
    for number in 1..=5 {
        ended(&mut client, wanted(number)).await;
    }
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListExportsRequest { page_size: 2, page_token };
        let page = client.list_exports(request).await.unwrap().into_inner();
        found.extend(page.exports.into_iter().map(|export| export.export_id));
        if found.len() == 2 {
            ended(&mut client, wanted(6)).await;
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(found, [5, 4, 3, 2, 1].map(id));
    running.stop().await.unwrap();
}

/// What was asked for and not made is made by the next start; no more may wait than are told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_survives_a_restart_and_has_an_end() {
    let log = Log::with_a_story().await;
    {
        let service = log.open();
        let slot = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
        let maker = probity::delivery::Maker {
            reader: service.reader().clone(),
            spool: log.path("spool"),
            reserve_bytes: 0,
            slot,
            figures: std::sync::Arc::default(),
        };
        let profiles = probity::delivery::Profiles::shipped();
        let stop = tokio_util::sync::CancellationToken::new();
        let folder = log.data().join("exports/asked");
        let clock = std::sync::Arc::clone(service.clock());
        let jobs = probity::delivery::Jobs::open(folder, maker, profiles, clock, stop.clone()).unwrap();
        let order = probity::delivery::Order {
            profile: "internal".to_owned(),
            formats: vec!["jsonl".to_owned()],
            entries: false,
            position: None,
            as_of: None,
            name: "export".to_owned(),
            since: None,
        };
        for number in 1..=u8::try_from(probity::delivery::WAITING_MAX).unwrap() {
            jobs.create(&id(number), order.clone(), "local").unwrap();
        }
        let refused = jobs.create(&id(99), order.clone(), "local").unwrap_err();
        assert!(matches!(refused, probity::delivery::JobError::QueueFull), "{refused}");
        assert!(jobs.create(&id(1), order, "local").unwrap().1, "one that waits already is no other");
        jobs.cancel(&id(2)).unwrap();
        stop.cancel();
        drop(jobs);
        service.stop().unwrap();
    }
    let (running, mut client) = serve(&log).await;
    loop {
        let request = ListExportsRequest { page_size: 1000, page_token: String::new() };
        let listed = client.list_exports(request).await.unwrap().into_inner().exports;
        assert_eq!(listed.len(), probity::delivery::WAITING_MAX);
        let count = |state: ExportState| listed.iter().filter(|export| export.state() == state).count();
        if count(ExportState::Done) == probity::delivery::WAITING_MAX - 1 {
            assert_eq!(count(ExportState::Cancelled), 1);
            break;
        }
        assert_eq!(count(ExportState::Failed), 0);
    }
    running.stop().await.unwrap();
}
