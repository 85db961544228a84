//! Exports on a schedule: once for each due time, whatever happens between, and never half of one for a whole one.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use probity::delivery;
use probity::delivery::ExportSetting;
use probity::delivery::Figures;
use probity::delivery::Keeper;
use probity::delivery::Maker;
use probity::delivery::Turn;
use probity::delivery::parse_compact;
use probity::export::Manifest;
use probity::service::Service;
use tokio::sync::Semaphore;

use crate::crash::ABORTED;
use crate::export::check;
use crate::export::files;
use crate::export::log;
use crate::export::log::Log;
use crate::metrics::scrape::scrape;
use crate::metrics::serve_metrics_with;
use crate::service;

/// No due time.
const NOTHING: [u64; 0] = [];

/// A moment of the day on which the story happens, from `HH:MM:SS`; it ends at 08:34.
fn at(time: &str) -> u64 {
    parse_compact(&format!("20260503T{}Z", time.replace(':', ""))).unwrap()
}

/// A schedule, every hour, into the folder `exports`, with more settings.
fn keeper(log: &Log, service: &Service, more: &str) -> (Keeper, Arc<Figures>) {
    let destination = format!("file://{}", log.path("exports").display());
    let text = format!("name = \"hourly\"\ncron = \"0 * * * *\"\n{more}");
    let mut setting: toml::Table = text.parse().unwrap();
    setting.entry("profile").or_insert_with(|| "internal".into());
    setting.entry("destination").or_insert_with(|| destination.into());
    let setting: ExportSetting = setting.try_into().unwrap();
    let (mut planned, _) = delivery::plan(&[setting], None).unwrap();
    let figures = Arc::new(Figures::of(1));
    let maker = Maker {
        reader: service.reader().clone(),
        spool: log.path("spool"),
        reserve_bytes: 0,
        slot: Arc::new(Semaphore::new(1)),
        figures: Arc::clone(&figures),
    };
    (Keeper::new(planned.remove(0), 0, maker), figures)
}

fn exports(log: &Log) -> PathBuf {
    let folder = log.path("exports");
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn manifest(log: &Log, due: &str) -> Manifest {
    let path = log.path("exports/hourly").join(format!("20260503T{due}0000Z/manifest.json"));
    Manifest::decode(&fs::read(path).unwrap()).unwrap()
}

/// Everything that is done when the time is `now`, by due time; at the end nothing is due.
async fn turns(keeper: &mut Keeper, now: &str) -> Vec<u64> {
    let mut done = Vec::new();
    loop {
        match keeper.turn(at(now)).await {
            Turn::Done(due_ms) => done.push(due_ms),
            Turn::Idle(next) => {
                assert!(next.unwrap() > at(now));
                return done;
            }
            Turn::Failed(error) => panic!("{error}"),
        }
    }
}

async fn failure(keeper: &mut Keeper, now: &str) -> String {
    match keeper.turn(at(now)).await {
        Turn::Failed(error) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_due_time_has_its_export_once_after_any_downtime() {
    let log = Log::with_a_story().await;
    exports(&log);
    let service = log.open();
    let (mut kept, figures) = keeper(&log, &service, "");
    assert_eq!(turns(&mut kept, "08:35:00").await, NOTHING, "what was due before it was configured is not made");
    assert_eq!(turns(&mut kept, "09:00:01").await, NOTHING, "not before what was recorded by then is durable");
    assert_eq!(turns(&mut kept, "09:00:02").await, [at("09:00:00")]);
    assert_eq!(turns(&mut kept, "09:59:59").await, NOTHING);
    drop(kept);
    // The service is down for two hours and a half.
    let (mut kept, _) = keeper(&log, &service, "");
    let due = [at("10:00:00"), at("11:00:00"), at("12:00:00")];
    assert_eq!(turns(&mut kept, "12:30:00").await, due);
    assert_eq!(turns(&mut kept, "12:31:00").await, NOTHING);
    drop(kept);
    let (mut kept, _) = keeper(&log, &service, "");
    assert_eq!(turns(&mut kept, "12:31:00").await, NOTHING, "a restart changes nothing");
    assert_eq!(figures.late_ms(at("12:31:00")), 0);
    let names: Vec<String> = files_of(&log.path("exports/hourly"));
    assert_eq!(names, ["20260503T090000Z", "20260503T100000Z", "20260503T110000Z", "20260503T120000Z", "begun"]);
    drop((kept, figures));
    service.stop().unwrap();
    check(&log, "verify --export {}/exports/hourly/20260503T110000Z", 0);
    check(&log, "export --data {data} --to {}/by-hand --name hourly --format jsonl", 0);
    assert_eq!(files(&log.path("by-hand")), files(&log.path("exports/hourly/20260503T110000Z")));
}

fn files_of(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn of_missed_due_times_the_last_alone_where_that_is_wanted() {
    let log = Log::with_a_story().await;
    exports(&log);
    let service = log.open();
    let (mut kept, _) = keeper(&log, &service, "missed = \"last\"");
    assert_eq!(turns(&mut kept, "08:35:00").await, NOTHING);
    assert_eq!(turns(&mut kept, "12:30:00").await, [at("12:00:00")]);
    assert_eq!(turns(&mut kept, "13:30:00").await, [at("13:00:00")]);
    let (mut kept, _) = keeper(&log, &service, "missed = \"last\"");
    assert_eq!(turns(&mut kept, "13:30:00").await, NOTHING);
}

#[tokio::test]
async fn an_export_is_true_as_of_its_due_time() {
    let mut log = Log::with_a_story().await;
    exports(&log);
    {
        let service = log.open();
        let (mut kept, _) = keeper(&log, &service, "kind = \"incremental\"\nentries = true");
        assert_eq!(turns(&mut kept, "08:35:00").await, NOTHING);
        assert_eq!(turns(&mut kept, "09:10:00").await, [at("09:00:00")]);
        drop(kept);
        service.stop().unwrap();
    }
    // Recorded at 10:35, and the service is down from then on until 12:30.
    log.pass(2 * 60 * 60_000);
    log.append(vec![log::amended()]).await;
    let service = log.open();
    let (mut kept, _) = keeper(&log, &service, "kind = \"incremental\"\nentries = true");
    assert_eq!(turns(&mut kept, "12:30:00").await.len(), 3);
    let found = ["09", "10", "11", "12"].map(|due| {
        let manifest = manifest(&log, due);
        (manifest.position, manifest.since.map(|since| since.position))
    });
    assert_eq!(found, [(9, None), (9, Some(9)), (10, Some(9)), (10, Some(10))]);
    drop(kept);
    service.stop().unwrap();
    let folder = |due: &str| format!("{{}}/exports/hourly/20260503T{due}0000Z");
    let before = ["09", "10"].map(|due| format!(" --since {}", folder(due))).concat();
    let said = check(&log, &format!("verify --export {}{before}", folder("11")), 0);
    assert!(said.contains("byte for byte"), "{said}");
}

#[tokio::test]
async fn half_an_export_is_begun_again() {
    let log = Log::with_a_story().await;
    let folder = exports(&log).join("hourly/20260503T090000Z");
    let service = log.open();
    let (mut kept, _) = keeper(&log, &service, "format = [\"csv\", \"parquet\"]");
    assert_eq!(turns(&mut kept, "08:35:00").await, NOTHING);
    assert_eq!(turns(&mut kept, "09:30:00").await, [at("09:00:00")]);
    let whole = files(&folder);
    for left in [vec!["persons.csv"], vec![], whole.keys().map(String::as_str).collect()] {
        for name in whole.keys().filter(|name| *name == "manifest.json" || !left.contains(&name.as_str())) {
            fs::remove_file(folder.join(name)).unwrap();
        }
        fs::write(folder.join("left-over.csv"), "half a fi").unwrap();
        let (mut kept, _) = keeper(&log, &service, "format = [\"csv\", \"parquet\"]");
        assert_eq!(turns(&mut kept, "09:30:00").await, [at("09:00:00")]);
        assert_eq!(files(&folder), whole);
    }
}

#[tokio::test]
async fn a_destination_that_is_not_there_is_tried_again_and_told() {
    let log = Log::with_a_story().await;
    let service = log.open();
    let (mut kept, figures) = keeper(&log, &service, "");
    let mut waits = Vec::new();
    for _ in 0..12 {
        let said = failure(&mut kept, "08:35:00").await;
        assert!(said.contains("open the folder"), "{said}");
        waits.push(kept.retry_ms() / 1000);
    }
    assert_eq!(waits, [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600, 3600]);
    assert_eq!(figures.late_ms(at("09:35:00")), 3_600_000);
    exports(&log);
    assert_eq!(turns(&mut kept, "08:36:00").await, NOTHING);
    assert_eq!(figures.late_ms(at("09:35:00")), 0);
    // Gone again, and this time something is due.
    fs::rename(log.path("exports"), log.path("elsewhere")).unwrap();
    fs::write(log.path("exports"), "").unwrap();
    let said = failure(&mut kept, "09:30:00").await;
    assert!(said.contains("cannot "), "{said}");
    assert_eq!(figures.late_ms(at("09:30:00")), 30 * 60_000);
    fs::remove_file(log.path("exports")).unwrap();
    fs::rename(log.path("elsewhere"), log.path("exports")).unwrap();
    assert_eq!(turns(&mut kept, "09:31:00").await, [at("09:00:00")]);
    assert_eq!(figures.late_ms(at("09:31:00")), 0);
}

#[tokio::test]
async fn what_is_not_ours_is_not_gone_on_from() {
    let log = Log::with_a_story().await;
    let folder = exports(&log).join("hourly/20260503T090000Z");
    let service = log.open();
    let (mut kept, _) = keeper(&log, &service, "kind = \"incremental\"");
    assert_eq!(turns(&mut kept, "08:35:00").await, NOTHING);
    assert_eq!(turns(&mut kept, "09:30:00").await, [at("09:00:00")]);
    let path = folder.join("manifest.json");
    let good = fs::read(&path).unwrap();
    // Damaged: nobody knows whether the export is whole, and nobody writes over it.
    fs::write(&path, &good[..good.len() - 1]).unwrap();
    let (mut kept, _) = keeper(&log, &service, "kind = \"incremental\"");
    let said = failure(&mut kept, "10:30:00").await;
    assert!(said.contains("20260503T090000Z/manifest.json: it is not written as an export writes it"), "{said}");
    for (change, then) in [
        (("origin", "log.example/other"), "of another log"),
        (("head", "9"), "of another log"),
        (("name", "daily"), "another name"),
    ] {
        let mut manifest = Manifest::decode(&good).unwrap();
        match change {
            ("origin", origin) => manifest.origin = origin.to_owned(),
            ("head", digit) => manifest.head = digit.repeat(64),
            (_, name) => manifest.name = name.to_owned(),
        }
        fs::write(&path, manifest.encode()).unwrap();
        let (mut kept, _) = keeper(&log, &service, "kind = \"incremental\"");
        let said = failure(&mut kept, "10:30:00").await;
        assert!(said.contains(then), "{change:?}: {said}");
        assert!(!log.path("exports/hourly/20260503T100000Z/manifest.json").exists(), "{change:?}");
    }
    fs::write(&path, good).unwrap();
    // With another profile everything is exported once.
    let (mut kept, _) = keeper(&log, &service, "kind = \"incremental\"\nprofile = \"statistics\"");
    assert_eq!(turns(&mut kept, "11:30:00").await, [at("10:00:00"), at("11:00:00")]);
    assert!(manifest(&log, "10").since.is_none());
    assert_eq!(manifest(&log, "11").since.unwrap().position, 9);
}

/// The real program, killed at each step of an export; the export is then made whole, once.
#[test]
fn a_kill_in_the_middle_leaves_nothing_half() {
    for (point, whole) in [
        ("delivery-file-made:3", false),
        ("delivery-made", false),
        ("delivery-file-put:1", false),
        ("delivery-file-put:9", false),
        ("delivery-before-manifest", false),
        ("delivery-after-manifest", true),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (data, exports) = (folder.path().join("data"), folder.path().join("exports"));
        // The schedule began long ago, and of its due times the last one is wanted.
        fs::create_dir_all(exports.join("yearly")).unwrap();
        fs::write(exports.join("yearly/begun"), "20200601T000000Z\n").unwrap();
        let config = folder.path().join("probity.toml");
        let destination = exports.display();
        let export =
            "name = \"yearly\"\ncron = \"0 0 1 1 *\"\nprofile = \"internal\"\nmissed = \"last\"\nentries = true";
        fs::write(&config, format!("[[export]]\n{export}\ndestination = \"file://{destination}\"\n")).unwrap();
        let mut command = service::serve(&data);
        command.arg("--config").arg(&config).env("PROBITY_CRASH_AT", point).stdout(Stdio::null()).stderr(Stdio::null());
        assert_eq!(command.status().unwrap().signal(), Some(ABORTED), "{point} was not passed");
        let found = || {
            let names = files_of(&exports.join("yearly"));
            names.into_iter().find(|name| name != "begun").map(|name| exports.join("yearly").join(name))
        };
        let is_whole = || found().is_some_and(|export| export.join("manifest.json").exists());
        assert_eq!(is_whole(), whole, "{point}");
        let mut command = service::serve(&data);
        command.arg("--config").arg(&config);
        let (served, metrics) = serve_metrics_with(&mut command, &data);
        let done = || scrape(&metrics).whole("probity_exports_total{outcome=\"done\"}");
        let began = Instant::now();
        while !is_whole() && began.elapsed() < Duration::from_mins(1) {
            done();
        }
        assert!(is_whole(), "{point}");
        if whole {
            assert_eq!(done(), 0, "it was done, and is not done again");
        }
        served.stop();
        let (status, printed, said) = service::run(service::probity(["verify", "--export"]).arg(found().unwrap()));
        assert_eq!(status, Some(0), "{point}: {printed}{said}");
    }
}

#[test]
fn a_schedule_that_cannot_be_kept_is_refused_before_anything_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let config = folder.path().join("probity.toml");
    let good = "[[export]]\nname = \"nightly\"\ncron = \"0 2 * * *\"\nprofile = \"internal\"\n\
                destination = \"file:///srv/exports\"\n";
    fs::create_dir(folder.path().join("profiles")).unwrap();
    let profiles = folder.path().join("profiles");
    fs::write(profiles.join("own.toml"), "name = \"own\"\nabout = \"\"\nentries = false\n[tables.crimes]\n").unwrap();
    for (text, then) in [
        (good.replace("0 2 * * *", "0 2 * *"), "setting export 1 (nightly): cron: five fields"),
        (good.replace("internal", "nobody"), "setting export 1 (nightly): profile: there is no profile nobody"),
        (good.replace("file:///srv/exports", "srv"), "setting export 1 (nightly): destination: "),
        (good.replace("profile =", "profil ="), "profil"),
        (good.replace("profile = \"internal\"\n", ""), "profile"),
        (format!("{good}missed = \"never\""), "missed"),
        (format!("{good}kind = \"half\""), "kind"),
        (format!("{good}{good}"), "setting export 2 (nightly): name: another export has it"),
        (format!("profiles = \"{}\"\n{good}", profiles.display()), "own.toml, line 4"),
        (format!("profiles = \"{}/none\"\n{good}", profiles.display()), "cannot read the profiles"),
    ] {
        fs::write(&config, &text).unwrap();
        let (status, printed, said) = service::run(service::serve(&data).arg("--config").arg(&config));
        assert_eq!((status, printed.as_str()), (Some(2), ""), "{text}: {said}");
        assert!(said.contains(then), "{text}: {said}");
    }
    assert!(!data.exists(), "a log was made");
}
