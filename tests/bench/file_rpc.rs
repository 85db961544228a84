//! The thinnest gRPC service that makes events durable: it takes what has queued up, writes it to a plain file with one
//! `fdatasync`, and answers everybody. No hashes, no rules, no index. And the same without the file: an empty RPC.

use std::convert::Infallible;
use std::fs::File;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::thread;

use bytes::Bytes;
use futures_util::StreamExt;
use probity::tls::Line;
use prost::Message;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Request;
use tonic::Response;
use tonic::Status;
use tonic::Streaming;
use tonic::body::Body;
use tonic::client::Grpc as ClientGrpc;
use tonic::codegen::BoxFuture;
use tonic::codegen::Service;
use tonic::codegen::http;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::server::Grpc;
use tonic::server::NamedService;
use tonic::server::StreamingService;
use tonic::server::UnaryService;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_prost::ProstCodec;

use crate::Failure;
use crate::baseline::new_file;
use crate::events::Source;
use crate::load::Answers;
use crate::load::Client;

const APPEND: &str = "/bench.ThinService/Append";
const STREAM: &str = "/bench.ThinService/AppendStream";

/// As long as a receipt: place, time, hash.
const RECEIPT: Bytes = Bytes::from_static(&[7; 48]);

/// The most events of one commit.
const GROUP_MAX: usize = 8_192;

#[derive(Clone, PartialEq, Message)]
struct AppendRequest {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    events: Vec<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
struct AppendResponse {
    #[prost(bytes = "bytes", tag = "1")]
    receipt: Bytes,
}

/// The command of the service on `folder`; `-` stores nothing.
pub(crate) fn command(folder: &Path) -> Result<Command, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--serve-file-rpc").arg(folder);
    Ok(command)
}

/// Serves until it is killed.
pub(crate) fn serve(folder: &Path) -> Result<(), Failure> {
    let commits = (folder != Path::new("-")).then(|| new_file(folder)).transpose()?.map(start_commits);
    Runtime::new()?.block_on(async {
        let incoming = TcpIncoming::bind((Ipv4Addr::LOCALHOST, 0).into())?.with_nodelay(Some(true));
        announce(&format!("listening on http://{}", incoming.local_addr()?));
        Server::builder()
            .initial_connection_window_size(8 << 20)
            .initial_stream_window_size(4 << 20)
            .add_service(ThinService { commits })
            .serve_with_incoming(incoming)
            .await?;
        Ok(())
    })
}

#[expect(clippy::print_stdout, reason = "how a service says where it is")]
fn announce(line: &str) {
    println!("{line}");
}

type Commits = mpsc::Sender<(Vec<Bytes>, oneshot::Sender<()>)>;

/// The one thread that writes. A failure ends it, and with it every answer.
fn start_commits(mut file: File) -> Commits {
    let (queue, mut requests) = mpsc::channel::<(Vec<Bytes>, oneshot::Sender<()>)>(1_024);
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let mut waiting = Vec::new();
        while let Some(first) = requests.blocking_recv() {
            let mut next = Some(first);
            let mut events = 0;
            while let Some((request, done)) = next {
                events += request.len();
                for event in request {
                    bytes.extend_from_slice(&(event.len() as u64).to_be_bytes()[4..]);
                    bytes.extend_from_slice(&event);
                }
                waiting.push(done);
                next = (events < GROUP_MAX).then(|| requests.try_recv().ok()).flatten();
            }
            if file.write_all(&bytes).and_then(|()| file.sync_data()).is_err() {
                return;
            }
            bytes.clear();
            for done in waiting.drain(..) {
                let _ = done.send(());
            }
        }
    });
    queue
}

#[derive(Clone)]
struct ThinService {
    commits: Option<Commits>,
}

impl ThinService {
    /// In the queue when it returns; durable when what it returns is done.
    async fn enqueue(&self, request: AppendRequest) -> Result<oneshot::Receiver<()>, Status> {
        let (done, durable) = oneshot::channel();
        match &self.commits {
            Some(commits) => {
                commits.send((request.events, done)).await.map_err(|_| Status::internal("cannot write"))?;
            }
            None => drop(done.send(())),
        }
        Ok(durable)
    }
}

async fn receipt(durable: oneshot::Receiver<()>) -> Result<AppendResponse, Status> {
    durable.await.map_err(|_| Status::internal("cannot write"))?;
    Ok(AppendResponse { receipt: RECEIPT })
}

impl NamedService for ThinService {
    const NAME: &'static str = "bench.ThinService";
}

impl Service<http::Request<Body>> for ThinService {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let service = self.clone();
        let mut grpc = Grpc::new(ProstCodec::<AppendResponse, AppendRequest>::default());
        match request.uri().path() {
            APPEND => Box::pin(async move { Ok(grpc.unary(service, request).await) }),
            STREAM => Box::pin(async move { Ok(grpc.streaming(service, request).await) }),
            _ => Box::pin(async { Ok(Status::unimplemented("no such method").into_http()) }),
        }
    }
}

impl UnaryService<AppendRequest> for ThinService {
    type Response = AppendResponse;
    type Future = BoxFuture<Response<AppendResponse>, Status>;

    fn call(&mut self, request: Request<AppendRequest>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move {
            let durable = service.enqueue(request.into_inner()).await?;
            receipt(durable).await.map(Response::new)
        })
    }
}

impl StreamingService<AppendRequest> for ThinService {
    type Response = AppendResponse;
    type ResponseStream = std::pin::Pin<Box<dyn tokio_stream::Stream<Item = Result<AppendResponse, Status>> + Send>>;
    type Future = BoxFuture<Response<Self::ResponseStream>, Status>;

    fn call(&mut self, request: Request<Streaming<AppendRequest>>) -> Self::Future {
        let service = Arc::new(self.clone());
        // The next message is read while earlier ones are on their way to the disk; answers keep the order.
        let answers = request
            .into_inner()
            .then(move |message| {
                let service = Arc::clone(&service);
                async move { service.enqueue(message?).await }
            })
            .map(|durable| async { receipt(durable?).await })
            .buffered(64);
        Box::pin(async move { Ok(Response::new(answers.boxed())) })
    }
}

/// A client of it.
#[derive(Clone)]
pub(crate) struct ThinClient(ClientGrpc<Line>);

impl Client for ThinClient {
    type Request = Vec<Bytes>;

    fn connect(line: Line) -> Self {
        Self(ClientGrpc::new(line))
    }

    fn request(&self, source: &mut Source, batch: usize) -> Self::Request {
        source.batch(batch)
    }

    async fn append(&mut self, events: Self::Request) -> Result<(), Status> {
        self.0.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let codec = ProstCodec::<AppendRequest, AppendResponse>::default();
        let path = PathAndQuery::from_static(APPEND);
        let answer = self.0.unary(Request::new(AppendRequest { events }), path, codec).await?;
        check(&answer.into_inner())
    }

    async fn append_stream(&mut self, requests: ReceiverStream<Self::Request>) -> Result<Answers, Status> {
        self.0.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let codec = ProstCodec::<AppendRequest, AppendResponse>::default();
        let requests = Request::new(requests.map(|events| AppendRequest { events }));
        let answers = self.0.streaming(requests, PathAndQuery::from_static(STREAM), codec).await?.into_inner();
        Ok(answers.map(|answer| check(&answer?)).boxed())
    }
}

fn check(answer: &AppendResponse) -> Result<(), Status> {
    if answer.receipt == RECEIPT { Ok(()) } else { Err(Status::data_loss("another receipt")) }
}
