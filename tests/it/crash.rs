//! The real process is killed under load, at random and at every named point: what was acknowledged is there after the
//! next start, nothing is there twice, requests are whole, and the log verifies.
//!
//! `PROBITY_CRASH_ROUNDS=200` runs the long form.
#![expect(clippy::print_stdout, reason = "seeds and counts of a run that failed")]

mod export;
pub(crate) mod load;

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::crash::export::Exports;
use crate::crash::load::Load;
use crate::service;
use crate::service::Served;
use crate::service::serve;
use crate::service::story::mix;

/// The smallest volumes that the service takes, so that they roll.
const VOLUME_BYTES: &str = "1048576";

/// Every point at which a crash can be told to happen; how often it is passed at most before it does; and after how
/// many acknowledgements the process is told to stop, where it still runs.
const POINTS: [(&str, u64, u64); 14] = [
    ("before-append", 40, MANY),
    ("before-write", 40, MANY),
    ("after-write-before-sync", 40, MANY),
    ("after-sync", 40, MANY),
    ("after-sync-before-answer", 40, MANY),
    // Little is in memory; so it is passed when the service stops.
    ("view-batch", 1, 50),
    ("volume-roll-created", 1, MANY),
    ("volume-roll-guarded", 1, MANY),
    ("volume-close-rewritten", 1, MANY),
    ("volume-close-renamed", 1, MANY),
    ("before-seal", 5, MANY),
    ("sealed", 5, MANY),
    ("guarded-checkpoint", 5, MANY),
    ("kept-checkpoint", 5, MANY),
];

/// Often, so that every end finds a seal under way.
const SEAL_EVERY_MS: &str = "20";

/// More than any volume takes.
const MANY: u64 = 20_000;

/// How the process ends in one round.
#[derive(Clone, Copy, Debug)]
enum End {
    /// `kill -9`, so many acknowledgements and then so many microseconds after its start.
    Killed { acknowledged: u64, micros: u64 },
    /// `kill -9` while it starts, or shortly after.
    KilledAtStart { micros: u64 },
    /// `kill -9` while it stops.
    KilledAtStop { acknowledged: u64, micros: u64 },
    /// By itself, when it passes a point for the n-th time; it is told to stop after so many acknowledgements.
    At { point: &'static str, times: u64, acknowledged: u64 },
    /// `kill -9`, after an export ended at its own point: from the service under load, or from the folder that was
    /// left behind.
    Exporting { point: &'static str, times: u64, from_service: bool },
}

fn random_end(random: u64) -> End {
    let (acknowledged, micros) = (mix(random) % 300, mix(mix(random)) % 20_000);
    match random % 9 {
        8 => {
            let (point, times) = export::POINTS[usize::try_from(mix(random ^ 1) % 4).unwrap()];
            End::Exporting {
                point,
                times: 1 + mix(random ^ 2) % times,
                from_service: mix(random ^ 3).is_multiple_of(2),
            }
        }
        0 => End::KilledAtStart { micros: micros * 20 },
        1 => End::KilledAtStop { acknowledged, micros: micros * 5 },
        2 | 3 => {
            let (point, times, acknowledged) = POINTS[usize::try_from(mix(random ^ 1) % 14).unwrap()];
            End::At { point, times: 1 + mix(random ^ 2) % times, acknowledged }
        }
        _ => End::Killed { acknowledged, micros },
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_moment_loses_nothing_that_was_acknowledged() {
    let seed: u64 = std::env::var("PROBITY_CRASH_SEED").ok().map_or_else(rand::random, |seed| seed.parse().unwrap());
    println!("PROBITY_CRASH_SEED={seed}");
    let rounds = std::env::var("PROBITY_CRASH_ROUNDS").ok().map_or(12, |rounds| rounds.parse().unwrap());
    let named =
        POINTS.iter().map(|&(point, times, acknowledged)| End::At { point, times: 1 + seed % times, acknowledged });
    let exporting = (0u64..).zip(export::POINTS).map(|(number, (point, times))| End::Exporting {
        point,
        times: 1 + seed % times,
        from_service: (seed ^ number).is_multiple_of(2),
    });
    let ends = named.chain(exporting).chain((0..rounds).map(|round| random_end(mix(seed ^ round))));
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    // Numbers of requests begin anywhere, so that ids differ from run to run.
    let mut load = Load::new(mix(seed) >> 3);
    let mut exports = Exports::to(folder.path().join("out"));
    for (round, end) in ends.enumerate() {
        once(&data, &mut load, &mut exports, end).await;
        println!("round {round}, {end:?}: {} acknowledged, {} sent", load.acknowledged(), load.sent());
    }
    let served = Served::start(&data);
    load.repeat_all(&served.url).await.unwrap();
    load.compare_with_log(&served.url).await;
    exports.complete(&["--from", &served.url]);
    served.stop();
    service::verify(&data);
}

async fn once(data: &Path, load: &mut Load, exports: &mut Exports, end: End) {
    let said = service::said(data);
    let mut command = serve(data);
    command.env("PROBITY_VOLUME_BYTES", VOLUME_BYTES).env("PROBITY_SEAL_EVERY_MS", SEAL_EVERY_MS);
    if let End::At { point, times, .. } = end {
        command.env("PROBITY_CRASH_AT", format!("{point}:{times}"));
    }
    if let End::KilledAtStart { micros } = end {
        let mut child =
            command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
        // A random moment, which nothing that could be waited for marks.
        tokio::time::sleep(Duration::from_micros(micros)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        return;
    }
    let served = match Served::try_start(&mut command, &said) {
        Ok(served) => served,
        Err(ended) => {
            let at_a_point = matches!(end, End::At { .. }) && ended.status.signal() == Some(ABORTED);
            assert!(at_a_point, "{end:?}: {ended:?}: {}", std::fs::read_to_string(said).unwrap());
            return;
        }
    };
    // The process may end in the middle of this; then what is left is repeated after the next start.
    drop(load.repeat(&served.url).await);
    match end {
        End::Killed { acknowledged, micros } => {
            let running = load.start(&served.url);
            running.acknowledged(acknowledged).await;
            tokio::time::sleep(Duration::from_micros(micros)).await;
            served.kill();
            load.end(running).await;
        }
        End::KilledAtStop { acknowledged, micros } => {
            let running = load.start(&served.url);
            running.acknowledged(acknowledged).await;
            served.terminate();
            tokio::time::sleep(Duration::from_micros(micros)).await;
            served.kill();
            load.end(running).await;
        }
        End::At { acknowledged, .. } => {
            let running = load.start(&served.url);
            running.acknowledged(acknowledged).await;
            // Told to stop where it still runs: some points are passed only then.
            served.terminate();
            let status = tokio::task::spawn_blocking(|| served.wait()).await.unwrap();
            load.end(running).await;
            assert_eq!(status.signal(), Some(ABORTED), "{end:?} was not passed");
        }
        End::Exporting { point, times, from_service } => {
            let (url, data) = (served.url.clone(), data.to_str().unwrap());
            tokio::task::block_in_place(|| exports.begin(&["--from", &url]));
            let running = load.start(&url);
            running.acknowledged(10).await;
            if from_service {
                tokio::task::block_in_place(|| exports.abort_at(&["--from", &url], point, times));
            }
            served.kill();
            load.end(running).await;
            if !from_service {
                tokio::task::block_in_place(|| exports.abort_at(&["--data", data], point, times));
            }
            tokio::task::block_in_place(|| exports.check(point));
        }
        End::KilledAtStart { .. } => {}
    }
}

/// The signal with which a process aborts itself.
pub(crate) const ABORTED: i32 = 6;
