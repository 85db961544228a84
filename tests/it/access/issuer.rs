//! Keys of tokens that are asked for over HTTP, of an issuer who changes them, is gone, or means no good.

use std::fs;
use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use probity::reload;
use probity::reload::Sources;
use probity::tls::Credentials;
use serde_json::json;

use crate::access::Guarded;
use crate::access::connections::asks;
use crate::access::pki::Pki;
use crate::access::policy;
use crate::access::token_file;

/// What the issuer answers.
#[derive(Clone)]
enum Says {
    /// Keys, or what else stands here.
    This(String),
    Status(u16),
    /// Somebody else has the keys.
    Elsewhere(String),
    /// Nothing, until the asker has enough of it.
    Nothing,
    /// The connection ends at once.
    Gone,
}

/// Somebody who issues tokens, on a port of this machine.
struct Issuer {
    url: String,
    says: Arc<Mutex<Says>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Issuer {
    fn start(says: Says) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (says, asked) = (Arc::new(Mutex::new(says)), Arc::new(Mutex::new(Vec::new())));
        let (saying, asking) = (Arc::clone(&says), Arc::clone(&asked));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = [0; 2048];
                let len = stream.read(&mut request).unwrap_or(0);
                let path = String::from_utf8_lossy(&request[..len]).split(' ').nth(1).unwrap_or_default().to_owned();
                asking.lock().unwrap().push(path);
                let head = |status: u16, of: &str| format!("HTTP/1.1 {status} x\r\nConnection: close\r\n{of}\r\n");
                let answer = match saying.lock().unwrap().clone() {
                    Says::This(body) => head(200, &format!("Content-Length: {}\r\n", body.len())) + &body,
                    Says::Status(status) => head(status, "Content-Length: 0\r\n"),
                    Says::Elsewhere(url) => head(302, &format!("Location: {url}\r\nContent-Length: 0\r\n")),
                    Says::Nothing => {
                        // Until the other end closes.
                        drop(stream.read(&mut request));
                        continue;
                    }
                    Says::Gone => continue,
                };
                // Whoever does not want so much closes.
                drop(stream.write_all(answer.as_bytes()));
            }
        });
        Self { url, says, asked }
    }

    fn says(&self, says: Says) {
        *self.says.lock().unwrap() = says;
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

/// A policy whose keys are there.
fn policy_of(url: &str) -> String {
    policy().replace("keys = \"jwks.json\"", &format!("keys = \"{url}/keys\"\nkeys_within_s = 1"))
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_behind_an_address_follow_their_issuer_and_nobody_else() {
    let mut guarded = Guarded::open().await;
    let other = Pki::new(&guarded.folder.path().join("other"));
    let issuer = Issuer::start(Says::This(guarded.pki.jwks()));
    fs::write(guarded.pki.path("policy.toml"), policy_of(&issuer.url)).unwrap();
    guarded.keeper.look(false);
    let none = Credentials { certificate: None, key: None, ..guarded.credentials("a") };
    let first = Credentials { token: Some(token_file(&guarded, &guarded.pki.token(|_, _| ()))), ..none.clone() };
    let file = guarded.pki.path("second");
    fs::write(&file, other.token(|header, _| header["kid"] = json!("2"))).unwrap();
    let second = Credentials { token: Some(file), ..none };
    let url = guarded.url.clone();
    asks(&first, &url).await.unwrap();

    // A new key: whoever shows it is refused once, then it is asked for, however many show keys that nobody has.
    let new = other.jwks().replace("\"kid\":\"1\"", "\"kid\":\"2\"");
    issuer.says(Says::This(new.clone()));
    let before = issuer.asked();
    for _ in 0..20 {
        assert!(asks(&second, &url).await.is_err());
    }
    for _ in 0..6 {
        guarded.keeper.look(false);
    }
    asks(&second, &url).await.unwrap();
    assert!(asks(&first, &url).await.is_err(), "the key of before is no key any more");
    assert_eq!(issuer.asked() - before, 1, "asked for once");

    // Whatever else comes, the keys of before stay.
    let evil = Issuer::start(Says::This(guarded.pki.jwks()));
    let long = format!("{{\"keys\":[],\"x\":\"{}\"}}", "y".repeat(300 << 10));
    for (what, says) in [
        ("gone", Says::Gone),
        ("an error", Says::Status(500)),
        ("not found", Says::Status(404)),
        ("elsewhere", Says::Elsewhere(format!("{}/keys", evil.url))),
        ("too long", Says::This(long)),
        ("no JSON", Says::This("<html>".to_owned())),
        ("no keys", Says::This("{\"keys\":[]}".to_owned())),
        ("a shared secret", Says::This(json!({"keys": [{"kty": "oct", "kid": "2", "k": "c2VjcmV0"}]}).to_string())),
        ("nothing", Says::Nothing),
    ] {
        issuer.says(says);
        let (before, began) = (issuer.asked(), Instant::now());
        guarded.keeper.look(true);
        assert!(began.elapsed() < Duration::from_secs(10), "{what}");
        assert!(issuer.asked() > before, "{what}: it was asked");
        asks(&second, &url).await.unwrap_or_else(|refused| panic!("{what}: {refused:?}"));
        assert!(asks(&first, &url).await.is_err(), "{what}");
    }
    assert_eq!(evil.asked(), 0, "nobody is followed elsewhere");

    // And while nobody answers, whoever is taken out of the policy is out.
    let without = policy_of(&issuer.url).replace("subjects = [\"person-of-a\"]", "");
    fs::write(guarded.pki.path("policy.toml"), without).unwrap();
    guarded.keeper.look(false);
    assert!(asks(&second, &url).await.is_err(), "it keeps its rights because the issuer does not answer");
    // Keys of before are of their address: another one has to give its own.
    let moved = policy_of(&issuer.url).replace("/keys\"", "/others\"");
    fs::write(guarded.pki.path("policy.toml"), moved).unwrap();
    guarded.keeper.look(false);
    assert!(asks(&second, &url).await.is_err(), "a policy that cannot be used was taken");
    issuer.says(Says::This(new));
    guarded.keeper.look(true);
    asks(&second, &url).await.unwrap();
    guarded.stop().await;
}

#[test]
fn a_service_does_not_start_without_the_keys_of_its_policy() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.toml");
    let issuer = Issuer::start(Says::Status(503));
    fs::write(&file, policy_of(&issuer.url)).unwrap();
    let failed = reload::read(Sources { policy: Some(file), tls: None }).unwrap_err().to_string();
    assert!(failed.contains("503") && failed.contains(&issuer.url), "{failed}");
}
