use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::keys::Custodian as _;
use crate::keys::CustodianError;
use crate::keys::Pkcs11Custodian;
use crate::keys::Pkcs11Settings;
use crate::keys::pkcs11::parse;

fn settings(module: &str) -> Pkcs11Settings {
    Pkcs11Settings { module: PathBuf::from(module), token: "A token".into(), key: "kek/1".into(), pin_file: None }
}

#[test]
fn a_key_is_named_as_rfc_7512_writes_it() {
    let custodian = Pkcs11Custodian::new(settings("/nowhere"));
    assert_eq!(custodian.id(), "pkcs11:token=A%20token;object=kek%2F1;type=secret-key");
}

#[test]
fn a_module_that_is_not_there_or_is_none_is_said() {
    for module in ["/nowhere/lib.so", "/dev/null", file!()] {
        let custodian = Pkcs11Custodian::new(settings(module));
        let error = custodian.wrap(&[1; 32], b"").unwrap_err();
        assert!(matches!(&error, CustodianError::Module { .. }), "{module}: {error}");
    }
}

#[test]
fn a_pin_that_others_may_read_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pin");
    let custodian = Pkcs11Custodian::new(Pkcs11Settings { pin_file: Some(file.clone()), ..settings("/nowhere") });
    assert!(matches!(custodian.pin(), Err(CustodianError::PinFile { .. })), "it is not there");
    for (mode, text, pin) in
        [(0o644, "1234\n", None), (0o600, "\n", None), (0o600, "1234\n", Some("1234")), (0o400, "12 34", Some("12 34"))]
    {
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let read = custodian.pin();
        assert_eq!(read.as_ref().ok().and_then(|pin| pin.as_deref().map(String::as_str)), pin, "{mode:o}");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

#[test]
fn what_no_token_wrapped_is_refused_before_a_token_is_asked() {
    let good = [&[1, 12][..], &[7; 12], &[9; 48]].concat();
    let appended = [&[1, 16][..], &[7; 16], &[9; 48]].concat();
    assert!(parse(&good).is_some() && parse(&appended).is_some());
    for bad in [&good[..61], &[&good[..], &[0]].concat(), &good[..1], &[], &[&[2], &good[1..]].concat()] {
        assert!(parse(bad).is_none(), "{bad:?}");
        let error = Pkcs11Custodian::new(settings("/nowhere")).unwrap(bad, b"").unwrap_err();
        assert!(matches!(error, CustodianError::Failed(_)), "{error}");
    }
}
