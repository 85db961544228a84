//! Peers that connect and say nothing, or half of it.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use probity::reload;
use probity::reload::Sources;
use probity::server;
use probity::server::Settings;
use probity::service::Options;
use probity::tls::Bounds;
use probity::tls::Credentials;
use probity::tls::Files;
use probity::tls::dev_ca;
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tonic::Request;

use crate::hostile_peers::Attacked;
use crate::hostile_peers::HELD_UP;
use crate::hostile_peers::MEMORY_KIB;
use crate::http::ask::get;

const SHORT: &str = "handshake_within_s = 1";

/// Waits until the other end closes.
async fn is_closed(mut stream: impl tokio::io::AsyncRead + Unpin) {
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(HELD_UP, stream.read_to_end(&mut rest)).await;
    drop(closed.expect("the connection stays open"));
}

async fn open(address: &str, said: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(said).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_connects_and_says_nothing_is_cut_off_in_time() {
    let attacked = Attacked::start(SHORT);
    let grpc = [&b""[..], b"P", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r", &[0x16, 3, 1]];
    let pages = [&b""[..], b"GET /checkpoint HTTP/1.1\r\n", b"GET /checkpoint HTTP/1.1\r\nHost: a\r\nX: "];
    let attack = async {
        let mut silent = Vec::new();
        for round in 0..60 {
            silent.push(open(attacked.address(), grpc[round % grpc.len()]).await);
            silent.push(open(&attacked.pages, pages[round % pages.len()]).await);
        }
        // One that goes on saying a little, and never enough.
        let mut dripping = open(&attacked.pages, b"GET /checkpoint HTTP/1.1\r\n").await;
        while dripping.write_all(b"X: y\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        futures_util::future::join_all(silent.into_iter().map(is_closed)).await;
    };
    attacked.beside(MEMORY_KIB, attack).await;
    assert_eq!(get(&attacked.pages, "/checkpoint").status, 200);
    attacked.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_come_though_every_place_for_them_is_taken_by_silence() {
    let attacked = Attacked::start(SHORT);
    let attack = async {
        let mut silent = Vec::new();
        for _ in 0..600 {
            silent.push(open(&attacked.pages, b"").await);
        }
        // Whoever asks waits for those before him, who have a second each.
        let pages = attacked.pages.clone();
        let asked = tokio::task::spawn_blocking(move || get(&pages, "/checkpoint").status);
        assert_eq!(tokio::time::timeout(HELD_UP, asked).await.expect("no place comes free").unwrap(), 200);
    };
    attacked.beside(MEMORY_KIB, attack).await;
    attacked.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn where_all_places_are_taken_strangers_make_way() {
    let attacked = Attacked::start("max = 16\nhandshake_within_s = 600");
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let attack = async {
        let mut strangers = Vec::new();
        for round in 0..500 {
            let said: &[u8] = if round % 2 == 0 { b"" } else { preface };
            // Whoever is sent away while he speaks was sent away.
            let Ok(mut stream) = TcpStream::connect(attacked.address()).await else { continue };
            drop(stream.write_all(said).await);
            strangers.push(stream);
        }
        // The oldest went first; nobody had to wait ten minutes for that.
        futures_util::future::join_all(strangers.into_iter().take(400).map(is_closed)).await;
    };
    // The honest client was let in, so it stays; and the one that comes later gets in too.
    attacked.beside(MEMORY_KIB, attack).await;
    attacked.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_who_reads_nothing_makes_way_too() {
    let attacked = Attacked::start("max = 4\nhandshake_within_s = 600");
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let ping = b"\0\0\x08\x06\0\0\0\0\0probity!";
    let attack = async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut deaf = socket.connect(attacked.address().parse().unwrap()).await.unwrap();
        deaf.write_all(preface).await.unwrap();
        // Until the answers to them stand in the way of everything.
        let pings = ping.repeat(4096);
        while let Ok(written) = tokio::time::timeout(Duration::from_secs(1), deaf.write_all(&pings)).await {
            written.unwrap();
        }
        let mut strangers = vec![deaf];
        for _ in 0..2 {
            let mut idle = TcpStream::connect(attacked.address()).await.unwrap();
            idle.write_all(preface).await.unwrap();
            strangers.push(idle);
        }
        strangers
    };
    // All places are taken, and whoever comes later gets in.
    drop(attacked.beside(MEMORY_KIB, attack).await);
    attacked.stop();
}

/// The service behind TLS, and the CA that its clients believe.
pub(super) struct Behind {
    folder: TempDir,
    pub(super) running: server::Running,
    pages: String,
}

impl Behind {
    pub(super) async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let dev = folder.path().join("dev");
        dev_ca(&dev, &["localhost".to_owned()]).unwrap();
        let tls = Files {
            certificate: dev.join("server.pem"),
            key: dev.join("server.key"),
            client_ca: Some(dev.join("ca.pem")),
            revoked: None,
        };
        let sources = Sources { policy: Some(dev.join("policy.toml")), tls: Some(tls) };
        let (mut current, _) = reload::read(sources).unwrap();
        current.bounds = Bounds { max: 16, handshake_within_s: 1, request_within_s: 1, ..Bounds::default() };
        let mut options = Options::new(folder.path().join("data"));
        options.store.reserve_bytes = 0;
        let limits = options.limits;
        let clock = probity::clock::machine();
        let opened = tokio::task::spawn_blocking(move || probity::service::open(&options, clock, |_| ())).await;
        let settings = Settings { listen: "127.0.0.1:0".parse().unwrap(), limits, stop_within: Duration::from_secs(5) };
        let profiles = probity::delivery::Profiles::shipped();
        let running = server::serve_behind(current, opened.unwrap().unwrap(), settings, Vec::new(), profiles).await;
        let running = running.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let pages = listener.local_addr().unwrap().to_string();
        running.serve_log(listener, probity::http::Access::default(), true);
        Self { folder, running, pages }
    }

    /// Asks as an operator does, over a new connection.
    pub(super) async fn asks(&self) {
        let of = |file: &str| Some(self.folder.path().join("dev").join(file));
        let credentials = Credentials {
            ca: of("ca.pem"),
            certificate: of("operator.pem"),
            key: of("operator.key"),
            ..Credentials::default()
        };
        let asked = async {
            let line = credentials.dial(&format!("https://localhost:{}", self.running.address.port())).await.unwrap();
            let mut ledger = probity::proto::v1::ledger_service_client::LedgerServiceClient::new(line);
            ledger.get_head(Request::new(probity::proto::v1::GetHeadRequest {})).await.unwrap();
        };
        tokio::time::timeout(HELD_UP, asked).await.expect("the honest client is held up");
    }

    /// Shakes hands without a certificate, and says what it likes.
    pub(super) async fn nobody(&self, address: &str, protocol: &[u8], said: &[u8]) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        let ca = fs::read(self.folder.path().join("dev/ca.pem")).unwrap();
        roots.add(CertificateDer::from_pem_slice(&ca).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        let mut config = config.with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        let stream = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        drop(stream.write_all(said).await);
        drop(stream.flush().await);
        stream
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_tls_too_silence_and_strangers_hold_nobody_up() {
    let behind = Behind::start().await;
    behind.asks().await;
    let address = behind.running.address.to_string();
    // A client's first words, cut in the middle: the length says that more comes.
    let half = [&[0x16, 3, 1, 1, 0, 1, 0, 0, 0xfc, 3, 3][..], &[7; 40]].concat();
    let mut silent = Vec::new();
    for said in [&b""[..], &half].repeat(20) {
        silent.push(open(&address, said).await);
        silent.push(open(&behind.pages, said).await);
    }
    behind.asks().await;
    futures_util::future::join_all(silent.into_iter().map(is_closed)).await;
    // Nobody's handshakes are whole, and then: nothing, half a preface, a preface and no call, half a head.
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let mut strangers = Vec::new();
    for said in [&b""[..], &preface[..10], preface].repeat(12) {
        strangers.push(behind.nobody(&address, b"h2", said).await);
        behind.asks().await;
    }
    let half_a_head = behind.nobody(&behind.pages, b"http/1.1", b"GET /metrics HTTP/1.1\r\n").await;
    is_closed(half_a_head).await;
    // The last sixteen may still be there; those before made way, or were late.
    futures_util::future::join_all(strangers.drain(..20).map(is_closed)).await;
    behind.asks().await;
    behind.running.stop().await.unwrap();
}
