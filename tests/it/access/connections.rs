//! Who gets a connection, and whose calls are believed.

use std::fs;

use probity::proto::v1;
use probity::proto::v1::ledger_service_client::LedgerServiceClient;
use probity::server::errors::Reason;
use probity::tls::Credentials;
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tonic::Code;
use tonic::Status;

use crate::access::Guarded;
use crate::access::NOW_S;
use crate::access::pki::Pki;
use crate::access::policy;
use crate::access::token_file;
use crate::service::refusal;

/// Asks for the head, which every principal may.
pub(super) async fn asks(credentials: &Credentials, url: &str) -> Result<(), Status> {
    let line = credentials.dial(url).await.map_err(|error| Status::unavailable(error.to_string()))?;
    LedgerServiceClient::new(line).get_head(v1::GetHeadRequest {}).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_valid_certificate_of_a_principal_is_believed() {
    let guarded = Guarded::open().await;
    let (pki, url) = (&guarded.pki, guarded.url.as_str());
    asks(&guarded.credentials("a"), url).await.unwrap();

    // Nobody, and somebody whom the policy does not know: let in to no method.
    let none = Credentials { certificate: None, key: None, ..guarded.credentials("a") };
    for (what, stranger) in [("no certificate", none.clone()), ("a stranger", guarded.credentials("stranger"))] {
        let refused = asks(&stranger, url).await.unwrap_err();
        refusal::check(what, &refused, Reason::Unauthenticated, "", "");
    }

    // Certificates that end the connection before a call can be made.
    let old = |params: &mut rcgen::CertificateParams| params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    pki.client("expired", old);
    let of_server = |params: &mut rcgen::CertificateParams| {
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    };
    pki.client("server-only", of_server);
    let other = Pki::new(&guarded.folder.path().join("other"));
    other.client("a", |_| ());
    let forged = Credentials {
        certificate: Some(other.path("a.pem")),
        key: Some(other.path("a.key")),
        ..guarded.credentials("a")
    };
    for (what, bad) in [
        ("expired", guarded.credentials("expired")),
        ("of a server", guarded.credentials("server-only")),
        ("of another CA", forged),
    ] {
        let refused = asks(&bad, url).await.unwrap_err();
        assert!(refused.code() != Code::Ok && Reason::of(&refused).is_none(), "{what}: {refused:?}");
    }

    // A client does not believe another server.
    let address = format!("https://127.0.0.1:{}", guarded.running.address.port());
    let wrong_name = guarded.credentials("a").dial(&address).await;
    assert!(wrong_name.is_err(), "the certificate is of another name");
    let wrong_ca = Credentials { ca: Some(other.path("ca.pem")), ..guarded.credentials("a") };
    assert!(wrong_ca.dial(url).await.is_err());
    assert!(Credentials { ca: None, ..guarded.credentials("a") }.dial(url).await.is_err());
    let plain = Credentials::default().dial(&url.replace("https", "http")).await;
    if let Ok(line) = plain {
        assert!(LedgerServiceClient::new(line).get_head(v1::GetHeadRequest {}).await.is_err(), "plain");
    }
    guarded.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_valid_token_of_a_principal_is_believed() {
    let guarded = Guarded::open().await;
    let pki = &guarded.pki;
    let none = Credentials { certificate: None, key: None, ..guarded.credentials("a") };
    let with = |token: &str| Credentials { token: Some(token_file(&guarded, token)), ..none.clone() };
    asks(&with(&pki.token(|_, _| ())), &guarded.url).await.unwrap();

    let stranger = Pki::new(&guarded.folder.path().join("other"));
    let unsigned = pki.token(|header, _| header["alg"] = json!("none"));
    let unsigned = unsigned.rsplit_once('.').unwrap().0.to_owned() + ".";
    let cases = [
        ("stolen, and over", pki.token(|_, claims| claims["exp"] = json!(NOW_S - 61))),
        ("alg none", unsigned),
        ("HMAC", pki.token(|header, _| header["alg"] = json!("HS256"))),
        ("another audience", pki.token(|_, claims| claims["aud"] = json!("another"))),
        ("another issuer", pki.token(|_, claims| claims["iss"] = json!("https://evil.test"))),
        ("an unknown key", pki.token(|header, _| header["kid"] = json!("2"))),
        ("somebody else's key", stranger.token(|_, _| ())),
        ("nobody in the policy", pki.token(|_, claims| claims["sub"] = json!("stranger"))),
        ("no token", "hunter2".to_owned()),
    ];
    let mut messages = Vec::new();
    for (what, token) in &cases {
        let refused = asks(&with(token), &guarded.url).await.unwrap_err();
        refusal::check(what, &refused, Reason::Unauthenticated, "", "");
        messages.push(refused.message().to_owned());
        // A certificate beside it does not make it better.
        let both = Credentials { token: Some(token_file(&guarded, token)), ..guarded.credentials("a") };
        let refused = asks(&both, &guarded.url).await.unwrap_err();
        refusal::check(what, &refused, Reason::Unauthenticated, "", "");
    }
    messages.dedup();
    assert_eq!(messages.len(), 1, "why a token is refused is not told: {messages:?}");
    guarded.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_in_the_files_holds_from_the_next_call_on() {
    let mut guarded = Guarded::open().await;
    let credentials = guarded.credentials("a");
    let mut ledger = LedgerServiceClient::new(credentials.dial(&guarded.url).await.unwrap());
    let mut ask = async || ledger.get_head(v1::GetHeadRequest {}).await.map(drop);
    ask().await.unwrap();
    let file = guarded.pki.path("policy.toml");
    fs::write(&file, policy().replace("\"a.test\"", "\"another.test\"")).unwrap();
    guarded.keeper.look(false);
    let refused = ask().await.unwrap_err();
    refusal::check("over the connection that was there", &refused, Reason::Unauthenticated, "", "");
    // What cannot be used changes nothing.
    fs::write(&file, "nonsense").unwrap();
    guarded.keeper.look(false);
    assert!(ask().await.is_err());
    fs::write(&file, policy()).unwrap();
    guarded.keeper.look(false);
    ask().await.unwrap();
    // And the certificates: another CA for clients, and only new connections know.
    let other = Pki::new(&guarded.folder.path().join("other"));
    fs::copy(other.path("ca.pem"), guarded.pki.path("client-ca-before.pem")).unwrap();
    let own = fs::read(guarded.pki.path("ca.pem")).unwrap();
    fs::copy(other.path("ca.pem"), guarded.pki.path("ca.pem")).unwrap();
    guarded.keeper.look(true);
    fs::write(guarded.pki.path("server-ca.pem"), own).unwrap();
    let late = Credentials { ca: Some(guarded.pki.path("server-ca.pem")), ..credentials };
    assert!(asks(&late, &guarded.url).await.is_err(), "its CA is believed no more");
    guarded.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_speaks_something_else_is_cut_off() {
    let guarded = Guarded::open().await;
    for nonsense in [&b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"[..], &[0x16, 3, 1, 0xff, 0xff], &[0; 64], &[0xff; 4096]] {
        let mut stream = TcpStream::connect(guarded.running.address).await.unwrap();
        stream.write_all(nonsense).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer).await);
        assert!(answer.len() < 64, "an alert of TLS at most: {answer:?}");
    }
    asks(&guarded.credentials("a"), &guarded.url).await.unwrap();
    guarded.stop().await;
}
