//! Certificates that their CA took back.

use std::fs;

use probity::server::errors::Reason;
use rcgen::CertificateParams;
use rcgen::SerialNumber;

use crate::access::Guarded;
use crate::access::connections::asks;
use crate::access::pki::Pki;

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_was_taken_back_is_believed_no_more() {
    let mut guarded = Guarded::open().await;
    let numbered =
        |serial: u64| move |params: &mut CertificateParams| params.serial_number = Some(SerialNumber::from(serial));
    guarded.pki.client("a", numbered(7));
    guarded.pki.client("b", numbered(8));
    let (a, b) = (guarded.credentials("a"), guarded.credentials("b"));
    let url = guarded.url.clone();
    asks(&a, &url).await.unwrap();
    asks(&b, &url).await.unwrap();
    guarded.pki.revoke(&[6, 7, 9], 100);
    guarded.keeper.look(false);
    let refused = asks(&a, &url).await.unwrap_err();
    assert!(Reason::of(&refused).is_none(), "the connection ends before a call: {refused:?}");
    asks(&b, &url).await.unwrap();

    // What is no list, or somebody else's, changes nothing: the one before stays.
    let good = fs::read(guarded.pki.path("crl.pem")).unwrap();
    for nonsense in [&b"nonsense"[..], b"", &good[..good.len() / 2]] {
        fs::write(guarded.pki.path("crl.pem"), nonsense).unwrap();
        guarded.keeper.look(true);
        assert!(asks(&a, &url).await.is_err());
        asks(&b, &url).await.unwrap();
    }

    // A list that is over, and a CA without its list, let nobody in who shows a certificate. A token needs none.
    guarded.pki.revoke(&[7], 1);
    guarded.keeper.look(true);
    assert!(asks(&a, &url).await.is_err() && asks(&b, &url).await.is_err(), "the list is over");
    let other = Pki::new(&guarded.folder.path().join("other"));
    other.revoke(&[], 100);
    fs::copy(other.path("crl.pem"), guarded.pki.path("crl.pem")).unwrap();
    guarded.keeper.look(true);
    assert!(asks(&b, &url).await.is_err(), "whether it was taken back is not known");
    let token = crate::access::token_file(&guarded, &guarded.pki.token(|_, _| ()));
    let bearer = probity::tls::Credentials { certificate: None, key: None, token: Some(token), ..b.clone() };
    asks(&bearer, &url).await.unwrap();

    // A new list is all it takes.
    guarded.pki.revoke(&[7], 100);
    guarded.keeper.look(false);
    asks(&b, &url).await.unwrap();
    assert!(asks(&a, &url).await.is_err());
    guarded.stop().await;
}
