//! A collector of our own, to look at what comes.

use std::sync::Arc;
use std::sync::Mutex;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::TraceService;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::TraceServiceServer;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tonic::Request;
use tonic::Response;
use tonic::Status;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

/// A running collector, and all that it was sent.
#[derive(Debug)]
pub(crate) struct Collector {
    pub(crate) url: String,
    received: Received,
}

#[derive(Clone, Debug, Default)]
struct Received(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

#[tonic::async_trait]
impl TraceService for Received {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.lock().unwrap().push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    pub(crate) fn start() -> Self {
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let url = format!("http://{}", incoming.local_addr().unwrap());
        let received = Received::default();
        let service = Server::builder().add_service(TraceServiceServer::new(received.clone()));
        tokio::spawn(service.serve_with_incoming(incoming));
        Self { url, received }
    }

    /// Every span that came.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let requests = self.received.0.lock().unwrap();
        let scopes = requests.iter().flat_map(|request| &request.resource_spans).flat_map(|of| &of.scope_spans);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }

    /// The names of the services that sent something, each once.
    pub(crate) fn services(&self) -> Vec<String> {
        let requests = self.received.0.lock().unwrap();
        let resources =
            requests.iter().flat_map(|request| &request.resource_spans).filter_map(|of| of.resource.as_ref());
        let mut names: Vec<String> = resources
            .flat_map(|resource| &resource.attributes)
            .filter(|attribute| attribute.key == "service.name")
            .map(|attribute| match attribute.value.as_ref().and_then(|value| value.value.as_ref()) {
                Some(Value::StringValue(name)) => name.clone(),
                other => panic!("{other:?}"),
            })
            .collect();
        names.dedup();
        names
    }

    /// All that came, as bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.received.0.lock().unwrap().iter().flat_map(prost::Message::encode_to_vec).collect()
    }

    /// Whether these bytes stand anywhere in what came, in upper or lower case.
    pub(crate) fn received(&self, bytes: &[u8]) -> bool {
        let wanted = bytes.to_ascii_lowercase();
        let requests = self.received.0.lock().unwrap();
        requests.iter().any(|request| {
            let message = request.encode_to_vec().to_ascii_lowercase();
            message.windows(wanted.len()).any(|window| window == wanted)
        })
    }
}

/// An attribute of a span.
fn attribute<'s>(span: &'s Span, key: &str) -> &'s Value {
    let found = span.attributes.iter().find(|attribute| attribute.key == key);
    let value = found.and_then(|attribute| attribute.value.as_ref()).and_then(|value| value.value.as_ref());
    value.unwrap_or_else(|| panic!("no {key} in {span:?}"))
}

pub(crate) fn text<'s>(span: &'s Span, key: &str) -> &'s str {
    match attribute(span, key) {
        Value::StringValue(text) => text,
        other => panic!("{key}: {other:?}"),
    }
}

pub(crate) fn whole(span: &Span, key: &str) -> usize {
    match attribute(span, key) {
        Value::IntValue(number) => usize::try_from(*number).unwrap(),
        Value::StringValue(number) => number.parse().unwrap(),
        other => panic!("{key}: {other:?}"),
    }
}
