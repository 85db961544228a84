use std::fs;

use serde::Serialize;

use crate::config::Config;
use crate::config::pkcs11;
use crate::http::Access;

#[derive(Serialize)]
struct Flags {
    #[serde(skip_serializing_if = "Option::is_none")]
    listen: Option<String>,
}

const NO_FLAGS: Flags = Flags { listen: None };

/// Reads a file of settings; gives the words of the error.
fn read(toml: &str, flags: &Flags) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("probity.toml");
    fs::write(&file, toml).unwrap();
    Config::read(Some(&file), flags).map_err(|error| error.to_string())
}

#[test]
fn flags_take_the_place_of_the_file_and_the_file_of_what_is_built_in() {
    let file = "listen = \"127.0.0.1:1\"\nqueue_requests = 5\n";
    let config = read(file, &NO_FLAGS).unwrap();
    assert_eq!((config.listen.port(), config.queue_requests, config.stop_within_s), (1, 5, 10));
    let config = read(file, &Flags { listen: Some("127.0.0.1:2".to_owned()) }).unwrap();
    assert_eq!((config.listen.port(), config.queue_requests), (2, 5));
}

#[test]
fn metrics_are_off_unless_they_are_asked_for() {
    assert_eq!(read("", &NO_FLAGS).unwrap().metrics_listen, None);
    let config = read("metrics_listen = \"127.0.0.1:9\"", &NO_FLAGS).unwrap();
    assert_eq!(config.metrics_listen.map(|address| address.port()), Some(9));
}

#[test]
fn tiles_are_off_unless_they_are_asked_for_and_entries_are_nobody_s() {
    let config = read("", &NO_FLAGS).unwrap();
    assert_eq!((config.http_listen, config.http_access()), (None, Some(Access::default())));
    let hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let config =
        read(&format!("http_listen = \"127.0.0.1:9\"\nhttp_auditor_tokens = [\"{hash}\"]"), &NO_FLAGS).unwrap();
    assert_eq!(config.http_listen.map(|address| address.port()), Some(9));
    assert_eq!(config.http_access(), Access::parse(&[hash.to_owned()], false));
}

#[test]
fn a_token_in_the_place_of_its_hash_is_not_told_again() {
    let error = read("http_auditor_tokens = [\"hunter2\"]", &NO_FLAGS).unwrap_err();
    assert!(error.contains("http_auditor_tokens") && !error.contains("hunter2"), "{error}");
}

#[test]
fn spans_go_nowhere_unless_they_are_asked_for() {
    assert_eq!(read("", &NO_FLAGS).unwrap().telemetry.endpoint, None);
    let file = "[telemetry]\nendpoint = \"http://[::1]:4317/\"\nsampling_ratio = 1";
    let telemetry = read(file, &NO_FLAGS).unwrap().telemetry;
    assert_eq!(telemetry.endpoint.as_deref(), Some("http://[::1]:4317/"));
    assert_eq!(telemetry.service_name, "probity");
}

#[test]
fn what_is_wrong_is_named_by_its_key() {
    for (toml, key) in [
        ("lisen = \"127.0.0.1:1\"", "lisen"),
        ("listen = \"somewhere\"", "listen"),
        ("metrics_listen = \"somewhere\"", "metrics_listen"),
        ("http_listen = \"somewhere\"", "http_listen"),
        ("http_listen = \"127.0.0.1:9\"\nseal_every_ms = 0", "http_listen"),
        ("http_auditor_tokens = [\"00\"]", "http_auditor_tokens"),
        ("http_entries_open = 1", "http_entries_open"),
        ("queue_requests = \"many\"", "queue_requests"),
        ("queue_requests = 0", "queue_requests"),
        ("queue_bytes = 1000", "queue_bytes"),
        ("volume_bytes = 5", "volume_bytes"),
        ("cache_bytes = 5", "cache_bytes"),
        ("stop_within_s = 0", "stop_within_s"),
        ("accept_gap = 3", "accept_gap"),
        ("[telemetry]\nendpoint = \"127.0.0.1:4317\"", "telemetry.endpoint"),
        ("[telemetry]\nendpoint = \"https://127.0.0.1:4317\"", "telemetry.endpoint"),
        ("[telemetry]\nendpoint = \"http://127.0.0.1\"", "telemetry.endpoint"),
        ("[telemetry]\nendpoint = \"http://127.0.0.1:4317/v1/traces\"", "telemetry.endpoint"),
        ("[telemetry]\nendpoint = \"http://:4317\"", "telemetry.endpoint"),
        ("[telemetry]\nendpoint = \"\"", "telemetry.endpoint"),
        ("[telemetry]\nendpoint = 3", "endpoint"),
        ("[telemetry]\nend_point = \"http://127.0.0.1:4317\"", "end_point"),
        ("[telemetry]\nsampling_ratio = 1.5", "telemetry.sampling_ratio"),
        ("[telemetry]\nsampling_ratio = -0.1", "telemetry.sampling_ratio"),
        ("[telemetry]\nsampling_ratio = nan", "telemetry.sampling_ratio"),
        ("[telemetry]\nsampling_ratio = \"all\"", "sampling_ratio"),
        ("[telemetry]\nservice_name = \"\"", "telemetry.service_name"),
        ("telemetry = true", "telemetry"),
        ("[pkcs11]\nmodule = \"m\"\ntoken = \"t\"", "key"),
        ("[pkcs11]\nmodule = \"m\"\ntoken = \"t\"\nkey = \"k\"\npin = \"1234\"", "pin"),
        ("pkcs11 = \"m\"", "pkcs11"),
    ] {
        let error = read(toml, &NO_FLAGS).unwrap_err();
        assert!(error.contains(key), "{toml}: {error}");
    }
    assert!(Config::read(Some(std::path::Path::new("/nowhere/probity.toml")), &NO_FLAGS).is_err());
}

#[test]
fn a_token_is_named_in_its_section_and_its_pin_never() {
    assert!(read("", &NO_FLAGS).unwrap().custodian().is_none());
    let file =
        "listen = \"127.0.0.1:1\"\n[pkcs11]\nmodule = \"/m.so\"\ntoken = \"t\"\nkey = \"k\"\npin_file = \"/pin\"";
    let config = read(file, &NO_FLAGS).unwrap();
    assert_eq!(config.custodian().unwrap().id(), "pkcs11:token=t;object=k;type=secret-key");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("probity.toml");
    fs::write(&path, file).unwrap();
    // Whoever serves nobody reads that section alone.
    assert_eq!(pkcs11(Some(&path)).unwrap(), config.pkcs11);
    fs::write(&path, "listen = 3").unwrap();
    assert_eq!(pkcs11(Some(&path)).unwrap(), None);
    assert_eq!(pkcs11(None).unwrap(), None);
    fs::write(&path, "[pkcs11]\nmodule = \"/m.so\"").unwrap();
    assert!(pkcs11(Some(&path)).unwrap_err().to_string().contains("token"));
    assert!(pkcs11(Some(&folder.path().join("nowhere.toml"))).is_err());
}

#[test]
fn disclosure_windows_are_data() {
    let built_in = read("", &NO_FLAGS).unwrap().disclosure;
    assert_eq!((built_in.window_days, built_in.rights_ack_working_days, built_in.rights_answer_days), (365, 2, 20));
    let file = "[disclosure]\nwindow_days = 90\n[[disclosure.windows]]\nform = \"sanction/expulsion\"\n\
                [[disclosure.windows]]\nregime = \"regime/civil\"\ndays = 30\nbar = true";
    let read_in = read(file, &NO_FLAGS).unwrap().disclosure;
    assert_eq!((read_in.window_days, read_in.windows.len(), read_in.notice_days), (90, 2, 10));
    assert_eq!((read_in.windows[0].days, read_in.windows[1].days, read_in.windows[1].bar), (None, Some(30), true));
    for (wrong, key) in [
        ("[disclosure]\nwindow_days = 99999999", "disclosure.window_days"),
        ("[disclosure]\nwindow_days = -1", "window_days"),
        ("[disclosure]\nwindows_days = 1", "windows_days"),
        ("[[disclosure.windows]]\nform = \"expulsion\"", "disclosure.windows"),
        ("[[disclosure.windows]]\ndays = 3", "disclosure.windows"),
    ] {
        let error = read(wrong, &NO_FLAGS).unwrap_err();
        assert!(error.contains(key), "{wrong}: {error}");
    }
}

#[test]
fn what_others_reach_speaks_tls_and_has_a_policy() {
    let tls = "tls_cert = \"c\"\ntls_key = \"k\"\n";
    let outside = "listen = \"0.0.0.0:1\"\n";
    for good in [
        format!("{tls}policy = \"p\"\n"),
        format!("{outside}{tls}policy = \"p\"\ntls_ca = \"a\"\n"),
        format!("{outside}expose_everything_in_plain_text = true\n"),
        "policy = \"p\"\n".to_owned(),
    ] {
        read(&good, &NO_FLAGS).unwrap();
    }
    for (wrong, key) in [
        (outside.to_owned(), "listen"),
        (format!("{outside}policy = \"p\"\n"), "listen"),
        ("http_listen = \"[::]:1\"\n".to_owned(), "http_listen"),
        ("metrics_listen = \"192.0.2.1:1\"\n".to_owned(), "metrics_listen"),
        (tls.to_owned(), "policy"),
        ("tls_cert = \"c\"\npolicy = \"p\"\n".to_owned(), "tls_key"),
        ("tls_key = \"k\"\npolicy = \"p\"\n".to_owned(), "tls_key"),
        ("tls_ca = \"a\"\npolicy = \"p\"\n".to_owned(), "tls_ca"),
    ] {
        let error = read(&wrong, &NO_FLAGS).unwrap_err();
        assert!(error.contains(&format!("setting {key}:")), "{error}");
    }
}

#[test]
fn the_files_of_access_are_where_the_settings_say() {
    assert_eq!(read("", &NO_FLAGS).unwrap().sources(), crate::reload::Sources::default());
    let all = "tls_cert = \"c\"\ntls_key = \"k\"\ntls_ca = \"a\"\npolicy = \"p\"\n";
    let sources = read(all, &NO_FLAGS).unwrap().sources();
    let tls = sources.tls.unwrap();
    assert_eq!(sources.policy, Some("p".into()));
    assert_eq!((tls.certificate, tls.key, tls.client_ca), ("c".into(), "k".into(), Some("a".into())));
}
