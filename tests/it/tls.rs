//! Logs and witnesses over HTTPS, as the program reads them: with an authority that this test makes up, and with another.
//! What stands in front of them is a proxy that speaks TLS.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use data_encoding::BASE64_MIME;
use probity::log::Checkpoint;
use probity::log::Extensions;
use probity::log::Note;
use probity::log::Policy;
use probity::proto::v1;
use probity::proto::v1::Acknowledgement;
use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::CertifiedIssuer;
use rcgen::IsCa;
use rcgen::KeyPair;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::http;
use crate::service;
use crate::service::Served;
use crate::service::probity;
use crate::service::run;
use crate::service::story;
use crate::witness::Server;
use crate::witness::clock;
use crate::witness::key;
use crate::witness::policy_text;

const ORIGIN: &str = "audit.example.org/discipline";

/// An authority, and the file that says so.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: PathBuf,
}

impl Authority {
    fn new(folder: &Path, name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let file = folder.join(format!("{name}.pem"));
        let lines: Vec<String> =
            BASE64_MIME.encode(issuer.der()).split_whitespace().map(|line| format!("{line}\n")).collect();
        let pem = format!("-----BEGIN CERTIFICATE-----\n{}-----END CERTIFICATE-----\n", lines.concat());
        fs::write(&file, pem).unwrap();
        Self { issuer, file }
    }

    /// A proxy in front of a server, under the name `localhost`; its URL.
    async fn in_front_of(&self, address: &str, name: &str) -> String {
        let own = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&own, &self.issuer).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(own.serialize_der()).unwrap())
            .unwrap();
        let (acceptor, behind) = (TlsAcceptor::from(Arc::new(config)), address.to_owned());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, behind) = (acceptor.clone(), behind.clone());
                tokio::spawn(async move {
                    // Who does not believe the certificate goes away.
                    let Ok(mut inside) = acceptor.accept(stream).await else { return };
                    let mut outside = TcpStream::connect(behind).await.unwrap();
                    drop(tokio::io::copy_bidirectional(&mut inside, &mut outside).await);
                });
            }
        });
        url
    }
}

/// The program believes this authority, and no other.
fn believing<'c>(command: &'c mut Command, authority: &Authority) -> &'c mut Command {
    command.env("SSL_CERT_FILE", &authority.file).env_remove("SSL_CERT_DIR")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_copied_over_https_from_who_is_vouched_for() {
    let (folder, data) = http::folder();
    let (served, address) = http::start(&mut http::command(&data), &data);
    let mut ledger = served.ledger().await;
    http::record(&mut ledger, 0..4).await;
    let checkpoint = http::sealed(&mut ledger, &address).await;
    let (ours, theirs) = (Authority::new(folder.path(), "ours"), Authority::new(folder.path(), "theirs"));
    let url = ours.in_front_of(&address, "localhost").await;
    let misnamed = ours.in_front_of(&address, "elsewhere.example.org").await;
    let copy = |url: &str, authority: &Authority, to: &str| {
        let to = folder.path().join(to);
        let mut command = probity(["export", "tiles", "--from", url]);
        let (status, _, said) = run(believing(command.arg(&to), authority));
        (status, said, to)
    };
    let (status, said, to) = copy(&url, &ours, "good");
    assert_eq!(status, Some(0), "{said}");
    let note = Note::parse(&fs::read(to.join("checkpoint")).unwrap()).unwrap();
    assert_eq!(Checkpoint::parse(note.text(), Extensions::Refused).unwrap(), checkpoint);
    for (url, authority, what) in [(&url, &theirs, "another authority"), (&misnamed, &ours, "another name")] {
        let (status, said, to) = copy(url, authority, "refused");
        assert_eq!(status, Some(2), "{what}: {said}");
        assert!(said.contains("certificate"), "{what}: {said}");
        assert!(!to.join("checkpoint").exists(), "{what}");
    }
    served.stop();
}

/// A service with a witness behind HTTPS, started so that it believes one authority.
struct Witnessed {
    folder: TempDir,
    witness: Server,
    url: String,
    ours: Authority,
}

impl Witnessed {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let keys = folder.path().join("data").join("keys");
        let (status, log, said) = run(probity(["keygen", "--origin", ORIGIN, "--keys"]).arg(keys));
        assert_eq!(status, Some(0), "{said}");
        let witness = Server::start(9, &folder.path().join("w9"), &format!("log {log}"), &clock()).await;
        let ours = Authority::new(folder.path(), "ours");
        let url = ours.in_front_of(witness.url.trim_start_matches("http://"), "localhost").await;
        Self { folder, witness, url, ours }
    }

    fn serve(&self, authority: &Authority) -> Served {
        let policy = policy_text(&[(&key("witness.example.org/w9", 9), &self.url)], "all");
        let file = self.folder.path().join("policy");
        fs::write(&file, policy).unwrap();
        let data = self.folder.path().join("data");
        let mut command = service::serve(&data);
        command.args(["--origin", ORIGIN]).env("PROBITY_SEAL_EVERY_MS", "20").env("PROBITY_WITNESS_POLICY", file);
        Served::try_start(believing(&mut command, authority), &service::said(&data)).unwrap()
    }
}

fn asking_for_all(number: u64) -> v1::AppendRequest {
    v1::AppendRequest { acknowledgement: Acknowledgement::Witnessed.into(), ..story::request(number) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_cosigned_over_https_by_who_is_vouched_for() {
    let all = Witnessed::new().await;
    let served = all.serve(&all.ours);
    let answer = served.ledger().await.append(asking_for_all(1)).await.unwrap().into_inner();
    assert_eq!(answer.acknowledgement(), Acknowledgement::Witnessed);
    let kept = fs::read(all.folder.path().join("data/checkpoints/witnessed")).unwrap();
    let policy = policy_text(&[(&all.witness.signer, &all.url)], "all");
    let policy = Policy::parse(policy.as_bytes()).unwrap();
    let verified = Note::parse(&kept).unwrap().verify(policy.witnesses().map(|(_, one)| &one.key)).unwrap();
    assert_eq!(verified.len(), 1);
    served.stop();
    // Believing somebody else, it has no witness, and writes nothing that none has seen the beginning of.
    let theirs = Authority::new(all.folder.path(), "theirs");
    let served = all.serve(&theirs);
    let refused = served.ledger().await.append(asking_for_all(2)).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unavailable, "{refused}");
    served.stop();
    let said = fs::read_to_string(service::said(&all.folder.path().join("data"))).unwrap();
    assert!(said.contains("certificate"), "{said}");
    all.witness.stop().await;
}
