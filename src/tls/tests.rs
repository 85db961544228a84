use std::fs;
use std::path::Path;

use data_encoding::HEXLOWER;
use sha2::Digest as _;
use sha2::Sha256;
use tempfile::TempDir;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

use crate::access::Policy;
use crate::tls::Configs;
use crate::tls::Credentials;
use crate::tls::DevError;
use crate::tls::DialError;
use crate::tls::Files;
use crate::tls::dev::CLIENTS;
use crate::tls::dev_ca;
use crate::tls::dev_steps;
use crate::tls::names_of;

fn made() -> TempDir {
    let folder = TempDir::new().unwrap();
    dev_ca(folder.path(), &["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    folder
}

fn files(folder: &Path) -> Files {
    Files {
        certificate: folder.join("server.pem"),
        key: folder.join("server.key"),
        client_ca: Some(folder.join("ca.pem")),
        revoked: None,
    }
}

#[test]
fn the_files_of_a_first_try_fit_together() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = made();
    Configs::read(&files(folder.path())).unwrap();
    let policy = Policy::parse(&fs::read_to_string(folder.path().join("policy.toml")).unwrap()).unwrap();
    for client in CLIENTS {
        let certificate = CertificateDer::from_pem_file(folder.path().join(format!("{client}.pem"))).unwrap();
        let names = names_of(&certificate);
        assert_eq!(names[0], format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(&certificate))));
        assert_eq!(names[1..], [format!("{client}.dev")]);
        assert_eq!(policy.of_certificate(&names[1]), Some(client));
        let key = fs::metadata(folder.path().join(format!("{client}.key"))).unwrap();
        assert_eq!(key.permissions().mode() & 0o777, 0o600, "{client}");
    }
    assert!(matches!(dev_ca(folder.path(), &[]), Err(DevError::Write { .. })), "nothing is overwritten");
}

#[test]
fn what_is_typed_next_is_one_word_of_the_shell_wherever_the_folder_lies() {
    for (folder, name, word, host) in [
        ("dev", "localhost", "dev/", "localhost"),
        ("/a/b-c_d.e", "127.0.0.1", "/a/b-c_d.e/", "127.0.0.1"),
        ("a b", "::1", "'a b'/", "[::1]"),
        ("$HOME;ls", "x.example", "'$HOME;ls'/", "x.example"),
        ("it's", "x.example", r"'it'\''s'/", "x.example"),
    ] {
        let steps = dev_steps(Path::new(folder), name);
        assert!(steps.contains(&format!("--policy {word}policy.toml")), "{steps}");
        assert!(steps.contains(&format!("PROBITY_URL=https://{host}:7411 PROBITY_TLS_CA={word}ca.pem")), "{steps}");
        assert!(!steps.contains('@') || steps.matches('@').count() == steps.matches("\"$@\"").count(), "{steps}");
    }
}

#[test]
fn what_is_no_certificate_has_no_name_but_its_digest() {
    for bytes in [&b""[..], b"nonsense", &[0x30, 0x82, 0xff, 0xff], &[0x30; 4096]] {
        assert_eq!(names_of(bytes).len(), 1);
    }
}

#[test]
fn files_that_cannot_be_used_are_named_and_not_told() {
    let folder = made();
    let good = files(folder.path());
    let bad = folder.path().join("bad.pem");
    fs::write(&bad, "hunter2").unwrap();
    let other_key = folder.path().join("auditor.key");
    let cases = [
        (Files { certificate: bad.clone(), ..good.clone() }, "bad.pem"),
        (Files { key: bad.clone(), ..good.clone() }, "bad.pem"),
        (Files { client_ca: Some(bad.clone()), ..good.clone() }, "bad.pem"),
        (Files { revoked: Some(bad), ..good.clone() }, "bad.pem"),
        (Files { revoked: Some(folder.path().join("ca.pem")), ..good.clone() }, "ca.pem"),
        (Files { key: folder.path().join("none.key"), ..good.clone() }, "none.key"),
        (Files { key: other_key, ..good.clone() }, "server.pem"),
        (Files { certificate: good.key.clone(), ..good }, "server.key"),
    ];
    for (files, named) in cases {
        let error = Configs::read(&files).unwrap_err().to_string();
        assert!(error.contains(named) && !error.contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn a_token_is_never_shown() {
    let folder = made();
    let token = folder.path().join("token");
    for secret in ["hunter2", "hunter2\nsecond line\u{1}"] {
        fs::write(&token, secret).unwrap();
        let credentials = Credentials { token: Some(token.clone()), ..Credentials::default() };
        assert!(!format!("{credentials:?}").contains("hunter2"));
        match credentials.told() {
            Ok(told) => assert!(!format!("{told:?}").contains("hunter2")),
            Err(error) => assert!(!error.to_string().contains("hunter2"), "{error}"),
        }
    }
    let nobody = credentials_of(folder.path()).dial("https://localhost:1").await;
    assert!(matches!(nobody, Err(DialError::Connect(_))));
}

fn credentials_of(folder: &Path) -> Credentials {
    Credentials {
        ca: Some(folder.join("ca.pem")),
        certificate: Some(folder.join("auditor.pem")),
        key: Some(folder.join("auditor.key")),
        ..Credentials::default()
    }
}
