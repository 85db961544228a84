//! Pages over HTTPS: behind the same door.

use std::path::Path;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use probity::http;
use probity::http::Access;
use probity::tls::Credentials;
use sha2::Digest as _;
use sha2::Sha256;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::version::TLS13;

use crate::access::Guarded;
use crate::access::pki::Pki;

/// The status of a page.
async fn status(guarded: &Guarded, port: u16, principal: Option<&str>, path: &str, token: Option<&str>) -> u16 {
    let credentials = principal.map(|principal| guarded.credentials(principal));
    let answer = page(&guarded.pki, port, credentials, path, token).await;
    std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap()
}

/// A page as it comes, head and all.
pub(crate) async fn page(
    pki: &Pki,
    port: u16,
    credentials: Option<Credentials>,
    path: &str,
    token: Option<&str>,
) -> Vec<u8> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(pki.path("ca.pem")).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(roots);
    let config = match credentials {
        None => builder.with_no_client_auth(),
        Some(credentials) => {
            let certificate = |file: &Path| vec![CertificateDer::from_pem_file(file).unwrap()];
            let key = PrivateKeyDer::from_pem_file(credentials.key.unwrap()).unwrap();
            builder.with_client_auth_cert(certificate(&credentials.certificate.unwrap()), key).unwrap()
        }
    };
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let mut stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
    let token = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{token}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_for_those_whom_the_policy_names() {
    let guarded = Guarded::open().await;
    let listener = http::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let access = Access::parse(&[HEXLOWER.encode(&Sha256::digest("of an auditor"))], false).unwrap();
    guarded.running.serve_log(listener, access, true);
    let entries = "/tile/entries/000.p/1";
    // What is there is not published yet, or is: never is it asked who wants hashes.
    for path in ["/checkpoint", "/tile/0/000.p/1"] {
        let open = status(&guarded, port, None, path, None).await;
        assert!(open == 200 || open == 404, "{path}: {open}");
    }
    let may = |status: u16| status != 401;
    for (principal, reads, watches) in [
        (None, false, false),
        (Some("stranger"), false, false),
        (Some("a"), false, false),
        (Some("operator"), false, true),
        (Some("auditor"), true, true),
    ] {
        assert_eq!(may(status(&guarded, port, principal, entries, None).await), reads, "{principal:?}");
        assert_eq!(may(status(&guarded, port, principal, "/metrics", None).await), watches, "{principal:?}");
    }
    for (token, good) in [("of an auditor", true), ("of nobody", false), (&guarded.pki.token(|_, _| ()), false)] {
        for path in [entries, "/metrics"] {
            assert_eq!(may(status(&guarded, port, None, path, Some(token)).await), good, "{path}");
        }
    }
    guarded.stop().await;
}
