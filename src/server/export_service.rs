//! `ExportService`: exports that are made when somebody asks.

use std::io::SeekFrom;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::Stream;
use prost::bytes::Bytes;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncSeekExt as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Request;
use tonic::Response;
use tonic::Status;

use crate::access::Caller;
use crate::access::Level;
use crate::delivery::Job;
use crate::delivery::JobError;
use crate::delivery::Jobs;
use crate::delivery::Order;
use crate::delivery::State;
use crate::domain::dates::Day;
use crate::events::PartialDate;
use crate::export::Digester;
use crate::export::Format;
use crate::export::MANIFEST_FILE;
use crate::export::NAME_RULE;
use crate::export::is_name;
use crate::proto::v1;
use crate::sequencer::AppendError;
use crate::server::convert;
use crate::server::errors::Reason;
use crate::server::errors::field_invalid;
use crate::server::errors::of_append;
use crate::server::gate;
use crate::server::gate::denied;
use crate::server::record_service::Page;
use crate::server::record_service::PageKey;
use crate::server::record_service::page_size;
use crate::server::services::export_service_server::ExportService;
use crate::views::View;

/// Bytes of a file in one message.
const CHUNK_BYTES: usize = 256 << 10;

/// Messages of a download that wait for the client to read them.
const MESSAGES_WAITING: usize = 2;

/// The profile without any id of a person.
const STATISTICS: &str = "statistics";

/// What exports have in common where nobody says it.
const NAME: &str = "export";

/// The service over one log.
#[derive(Clone, Debug)]
pub struct Exports {
    jobs: Arc<Jobs>,
    page_key: PageKey,
    stop: CancellationToken,
}

impl Exports {
    /// Over what was asked for; its streams end when `stop` is cancelled.
    pub(super) const fn new(jobs: Arc<Jobs>, page_key: PageKey, stop: CancellationToken) -> Self {
        Self { jobs, page_key, stop }
    }

    fn job(&self, id: &str, caller: &Caller) -> Result<Job, Status> {
        convert::uuid("export_id", id)?;
        self.jobs.job(id).filter(|job| is_of(job, caller)).ok_or_else(not_found)
    }
}

/// Whether an export is for a caller: for whoever asked for it, and where there is no access control for everybody.
fn is_of(job: &Job, caller: &Caller) -> bool {
    caller.level().is_none() || job.asker == caller.principal()
}

/// Whether a caller may have an export of a profile. Who sees aggregates alone has those alone.
fn may_have(order: &Order, caller: &Caller) -> bool {
    caller.level() != Some(Level::L0) || (order.profile == STATISTICS && !order.entries)
}

fn not_found() -> Status {
    Reason::ExportNotFound.status("nobody asked for an export with this id", &[])
}

#[tonic::async_trait]
impl ExportService for Exports {
    async fn create_export(
        &self,
        request: Request<v1::CreateExportRequest>,
    ) -> Result<Response<v1::CreateExportResponse>, Status> {
        let caller = gate::caller(request.extensions())?;
        let request = request.into_inner();
        convert::uuid("request_id", &request.request_id)?;
        let order = order(&request)?;
        if !may_have(&order, &caller) {
            return Err(denied());
        }
        let jobs = Arc::clone(&self.jobs);
        let created = tokio::task::spawn_blocking(move || {
            // Work of its own is begun on the runtime, not on the thread that waits for the disk.
            jobs.create(&request.request_id, order, caller.principal())
        });
        let created = created.await.map_err(|error| kept(&error.to_string()))?;
        let (job, replayed) = created.map_err(|error| of_job(&error))?;
        Ok(Response::new(v1::CreateExportResponse { export: Some(shown(&job, true)), replayed }))
    }

    async fn get_export(
        &self,
        request: Request<v1::GetExportRequest>,
    ) -> Result<Response<v1::GetExportResponse>, Status> {
        let caller = gate::caller(request.extensions())?;
        let job = self.job(&request.into_inner().export_id, &caller)?;
        Ok(Response::new(v1::GetExportResponse { export: Some(shown(&job, true)) }))
    }

    async fn list_exports(
        &self,
        request: Request<v1::ListExportsRequest>,
    ) -> Result<Response<v1::ListExportsResponse>, Status> {
        let caller = gate::caller(request.extensions())?;
        let request = request.into_inner();
        let size = page_size(request.page_size)?;
        let question = v1::ListExportsRequest { page_size: request.page_size, ..Default::default() };
        let page = Page::new(&self.page_key, caller.principal(), "ListExports", &question);
        let mut jobs = self.jobs.list();
        jobs.retain(|job| is_of(job, &caller));
        let newest = jobs.first().map_or(0, |job| job.number);
        // What was asked for after the first page is in none of the others.
        let (pinned, before) = match request.page_token.as_str() {
            "" => (newest, newest + 1),
            token => page.places(token)?,
        };
        let mut left = jobs.iter().filter(|job| job.number <= pinned && job.number < before);
        let shown: Vec<&Job> = left.by_ref().take(size).collect();
        let last = shown.last().map(|job| job.number).filter(|_| left.next().is_some());
        let as_of = Day::from_unix_ms(0);
        let token = |last: u64| page.token(View { as_of, known_at: pinned }, &last);
        Ok(Response::new(v1::ListExportsResponse {
            exports: shown.into_iter().map(|job| self::shown(job, false)).collect(),
            next_page_token: last.map(token).unwrap_or_default(),
        }))
    }

    async fn cancel_export(
        &self,
        request: Request<v1::CancelExportRequest>,
    ) -> Result<Response<v1::CancelExportResponse>, Status> {
        let caller = gate::caller(request.extensions())?;
        let id = request.into_inner().export_id;
        self.job(&id, &caller)?;
        let jobs = Arc::clone(&self.jobs);
        let cancelled = tokio::task::spawn_blocking(move || jobs.cancel(&id)).await;
        let cancelled = cancelled.map_err(|error| kept(&error.to_string()))?.map_err(|error| of_job(&error))?;
        let job = cancelled.ok_or_else(not_found)?;
        Ok(Response::new(v1::CancelExportResponse { export: Some(shown(&job, true)) }))
    }

    type DownloadExportStream = Pin<Box<dyn Stream<Item = Result<v1::DownloadExportResponse, Status>> + Send>>;

    async fn download_export(
        &self,
        request: Request<v1::DownloadExportRequest>,
    ) -> Result<Response<Self::DownloadExportStream>, Status> {
        let caller = gate::caller(request.extensions())?;
        let request = request.into_inner();
        let job = self.job(&request.export_id, &caller)?;
        let shown = shown(&job, true);
        if job.state != State::Done {
            let metadata = [("state", shown.state().as_str_name().trim_start_matches("EXPORT_STATE_").to_owned())];
            return Err(Reason::ExportNotDone.status("the export has no files, or none yet", &metadata));
        }
        let file = shown.files.iter().find(|file| file.name == request.file);
        let file = file.ok_or_else(|| Reason::ExportFileNotFound.status("the export has no such file", &[]))?;
        if request.offset > file.size_bytes {
            let message = format!("the file has {} bytes", file.size_bytes);
            return Err(field_invalid("offset", "OUT_OF_RANGE", message));
        }
        let opened = tokio::fs::File::open(self.jobs.path(&job.id, &file.name)).await;
        let mut opened = opened.map_err(|error| unreadable(&job.id, &error))?;
        opened.seek(SeekFrom::Start(request.offset)).await.map_err(|error| unreadable(&job.id, &error))?;
        let (sender, receiver) = mpsc::channel(MESSAGES_WAITING);
        let (stop, id, mut offset) = (self.stop.clone(), job.id.clone(), request.offset);
        tokio::spawn(async move {
            loop {
                let mut chunk = Vec::with_capacity(CHUNK_BYTES);
                let read = (&mut opened).take(CHUNK_BYTES as u64).read_to_end(&mut chunk).await;
                let message = match read {
                    Ok(0) => return,
                    Ok(_) => {
                        let chunk = Bytes::from(chunk);
                        let message = v1::DownloadExportResponse { offset, chunk: chunk.clone() };
                        offset += chunk.len() as u64;
                        Ok(message)
                    }
                    Err(error) => Err(unreadable(&id, &error)),
                };
                let ends = message.is_err();
                let sent = tokio::select! {
                    sent = sender.send(message) => sent.is_ok(),
                    () = stop.cancelled() => {
                        drop(sender.try_send(Err(of_append(&AppendError::Ending))));
                        false
                    }
                };
                if ends || !sent {
                    return;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

fn order(request: &v1::CreateExportRequest) -> Result<Order, Status> {
    let mut formats = Vec::new();
    for (place, format) in request.formats.iter().enumerate() {
        let field = format!("formats[{place}]");
        let format = match v1::ExportFormat::try_from(*format) {
            Ok(v1::ExportFormat::Jsonl) => Format::Jsonl,
            Ok(v1::ExportFormat::Csv) => Format::Csv,
            Ok(v1::ExportFormat::Parquet) => Format::Parquet,
            Ok(v1::ExportFormat::Unspecified) | Err(_) => {
                return Err(field_invalid(&field, "UNDEFINED_ENUM", "no value of this enum"));
            }
        };
        if formats.contains(&format) {
            return Err(field_invalid(&field, "REPEATED", "it stands there twice"));
        }
        formats.push(format);
    }
    if formats.is_empty() {
        return Err(field_invalid("formats", "REQUIRED", "at least one"));
    }
    formats.sort();
    let name = if request.name.is_empty() { NAME } else { &request.name };
    if !is_name(name) {
        return Err(field_invalid("name", "FORMAT", NAME_RULE));
    }
    let since = (!request.since_export_id.is_empty()).then(|| request.since_export_id.clone());
    if let Some(since) = &since {
        convert::uuid("since_export_id", since)?;
    }
    Ok(Order {
        profile: request.profile.clone(),
        formats: formats.into_iter().map(|format| format.name().to_owned()).collect(),
        entries: request.entries,
        position: request.position,
        as_of: request.as_of.map(whole_day).transpose()?,
        name: name.to_owned(),
        since,
    })
}

fn whole_day(date: PartialDate) -> Result<String, Status> {
    let day = Day::new(date.year, date.month, date.day);
    let day = day.ok_or_else(|| field_invalid("as_of", "NOT_A_DAY", "a whole day of the calendar"))?;
    Ok(day.to_string())
}

fn of_job(error: &JobError) -> Status {
    match error {
        JobError::Reused => Reason::ExportRequestIdReused.status(error.to_string(), &[]),
        JobError::QueueFull => Reason::ExportQueueFull.status(error.to_string(), &[]),
        JobError::Order { field, what } => field_invalid(field, "NOT_TO_BE_EXPORTED", what.clone()),
        JobError::Io(error) => kept(&error.to_string()),
    }
}

/// What the disk refuses is for the operator; whoever asked is told that it did.
fn kept(error: &str) -> Status {
    tracing::error!(error, "an export cannot be kept");
    Reason::StoreUnreadable.status("exports cannot be kept now", &[])
}

fn unreadable(id: &str, error: &std::io::Error) -> Status {
    tracing::error!(export = id, %error, "a file of an export cannot be read");
    Reason::StoreUnreadable.status("the file cannot be read", &[])
}

fn shown(job: &Job, files: bool) -> v1::Export {
    let state = match job.state {
        State::Queued => v1::ExportState::Queued,
        State::Running => v1::ExportState::Running,
        State::Done => v1::ExportState::Done,
        State::Failed => v1::ExportState::Failed,
        State::Cancelled => v1::ExportState::Cancelled,
    };
    let format = |name: &String| match Format::parse(name) {
        Some(Format::Jsonl) => v1::ExportFormat::Jsonl.into(),
        Some(Format::Csv) => v1::ExportFormat::Csv.into(),
        Some(Format::Parquet) => v1::ExportFormat::Parquet.into(),
        None => v1::ExportFormat::Unspecified.into(),
    };
    let (entries_read, entries_total) = job.progress.entries();
    v1::Export {
        export_id: job.id.clone(),
        state: state.into(),
        profile: job.order.profile.clone(),
        formats: job.order.formats.iter().map(format).collect(),
        entries: job.order.entries,
        name: job.order.name.clone(),
        since_export_id: job.order.since.clone().unwrap_or_default(),
        position: job.position,
        as_of: job.order.as_of.as_deref().and_then(Day::parse).map(PartialDate::from),
        created_at: Some(convert::timestamp(job.created_ms)),
        ended_at: job.ended_ms.map(convert::timestamp),
        rows_written: job.progress.rows(),
        entries_read,
        entries_total,
        files: if files { shown_files(job) } else { Vec::new() },
        failure: job.why.clone(),
    }
}

fn shown_files(job: &Job) -> Vec<v1::ExportFile> {
    let Some(manifest) = &job.manifest else { return Vec::new() };
    let (manifest, length) = &**manifest;
    let mut digester = Digester::default();
    digester.take(&manifest.clone().encode());
    let last = digester.end(MANIFEST_FILE, None);
    let shown = |file: &crate::export::FileEntry| v1::ExportFile {
        name: file.name.clone(),
        size_bytes: file.bytes,
        sha256: file.sha256.clone(),
        rows: file.rows,
    };
    let mut files: Vec<v1::ExportFile> = manifest.files.iter().map(shown).collect();
    files.push(v1::ExportFile { size_bytes: *length, ..shown(&last) });
    files
}
