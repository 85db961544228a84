use std::fs;

use serde::Serialize;

use crate::config::Config;
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
    ] {
        let error = read(toml, &NO_FLAGS).unwrap_err();
        assert!(error.contains(key), "{toml}: {error}");
    }
    assert!(Config::read(Some(std::path::Path::new("/nowhere/probity.toml")), &NO_FLAGS).is_err());
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
