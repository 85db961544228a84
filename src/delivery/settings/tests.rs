use crate::delivery::settings::ExportSetting;
use crate::delivery::settings::Kind;
use crate::delivery::settings::Missed;
use crate::delivery::settings::plan;

const GOOD: &str =
    "name = \"nightly\"\ncron = \"0 2 * * *\"\nprofile = \"internal\"\ndestination = \"file:///srv/x\"\n";

fn planned(settings: &[&str]) -> Result<(), String> {
    let settings: Vec<ExportSetting> = settings.iter().map(|text| toml::from_str(text).unwrap()).collect();
    plan(&settings, None).map(|_| ()).map_err(|error| error.to_string())
}

#[test]
fn what_is_not_said_has_a_default() {
    let setting: ExportSetting = toml::from_str(GOOD).unwrap();
    assert_eq!((setting.kind, setting.missed), (Kind::Full, Missed::Each));
    assert_eq!((setting.time_zone.as_str(), setting.format), ("UTC", vec!["jsonl".to_owned()]));
    assert_eq!(planned(&[GOOD]), Ok(()));
    assert_eq!(planned(&[]), Ok(()));
}

#[test]
fn what_cannot_be_kept_is_named_by_export_and_key() {
    for (change, then) in [
        (("nightly", "../nightly"), "setting export 1 (../nightly): name: "),
        (("0 2 * * *", "0 25 * * *"), "setting export 1 (nightly): cron: "),
        (("internal", "nobody"), "profile: there is no profile nobody; there are clearance, internal, statistics"),
        (("file:///srv/x", "/srv/x"), "destination: "),
        (("file:///srv/x", "file://host/srv"), "destination: "),
        (("file:///srv/x", "ftp://host/srv"), "destination: "),
        (("file:///srv/x", "file:relative"), "destination: "),
    ] {
        let error = planned(&[&GOOD.replace(change.0, change.1)]).unwrap_err();
        assert!(error.contains(then), "{change:?}: {error}");
    }
    for (more, then) in [
        ("time_zone = \"Middle/Earth\"", "time_zone: "),
        ("format = [\"xlsx\"]", "format: xlsx is none of jsonl, csv, parquet"),
        ("format = []", "format: name at least one"),
    ] {
        let error = planned(&[&format!("{GOOD}{more}")]).unwrap_err();
        assert!(error.contains(then), "{more}: {error}");
    }
    let clearance = GOOD.replace("internal", "clearance");
    let error = planned(&[&format!("{clearance}kind = \"incremental\"")]).unwrap_err();
    assert!(error.contains("kind: profile clearance chooses rows"), "{error}");
    let error = planned(&[&format!("{clearance}entries = true")]).unwrap_err();
    assert!(error.contains("entries: they hold more"), "{error}");
    let error = planned(&[GOOD, GOOD]).unwrap_err();
    assert!(error.contains("setting export 2 (nightly): name: another export has it"), "{error}");
}

#[cfg(not(feature = "cloud"))]
#[test]
fn a_cloud_needs_its_feature() {
    let error = planned(&[&GOOD.replace("file:///srv/x", "s3://bucket/x")]).unwrap_err();
    assert!(error.contains("feature cloud"), "{error}");
}
