//! What the machine could do at all: append to a plain file, and hash.

use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use sha2::Digest;
use sha2::Sha256;

use crate::Failure;
use crate::Plan;
use crate::harness::Contender;
use crate::harness::Group;
use crate::harness::Sample;
use crate::load;
use crate::process::Window;
use crate::process::folder;

/// Batches of `batch` times `event_bytes`, one write and one `fdatasync` each.
pub(crate) fn plain_file(plan: &Plan, batch: usize, event_bytes: usize) -> Result<Sample, Failure> {
    let folder = folder(&plan.data)?;
    let mut file = new_file(folder.path())?;
    let bytes = vec![0x5a; batch * event_bytes];
    closed_loop(plan, batch, || {
        file.write_all(&bytes)?;
        file.sync_data()?;
        Ok(())
    })
}

/// A file of a new folder, whose place in it is durable.
pub(crate) fn new_file(folder: &Path) -> Result<File, Failure> {
    let file = File::options().create_new(true).append(true).open(folder.join("events"))?;
    File::open(folder)?.sync_all()?;
    Ok(file)
}

/// One caller that appends `batch` events again and again.
pub(crate) fn closed_loop(
    plan: &Plan,
    batch: usize,
    mut append: impl FnMut() -> Result<(), Failure>,
) -> Result<Sample, Failure> {
    let warm = Instant::now() + plan.warm_up;
    while Instant::now() < warm {
        append()?;
    }
    let mut latencies = Vec::new();
    let window = Window::open(None);
    let end = Instant::now() + plan.duration;
    let mut sent = Instant::now();
    while sent < end {
        append()?;
        let now = Instant::now();
        latencies.push(now - sent);
        sent = now;
    }
    Ok(load::sample(latencies, batch, plan.duration, window.close()))
}

/// SHA-256 on all cores: of long stretches, and of messages as long as an entry.
pub(crate) fn hashing(plan: &Plan) -> Group {
    let duration = plan.duration.min(Duration::from_secs(3));
    Group::new(
        "SHA-256 on all cores",
        "MiB/s",
        vec![
            Contender::new("1 MiB at a time", move || sha256(1 << 20, duration)),
            Contender::new("512 B at a time", move || sha256(512, duration)).against("1 MiB at a time", 0.0),
        ],
    )
}

/// MiB a second.
pub(crate) fn sha256(piece: usize, duration: Duration) -> Result<Sample, Failure> {
    let cores = thread::available_parallelism()?.get();
    let end = Instant::now() + duration;
    let hashed: u64 = thread::scope(|scope| {
        let threads: Vec<_> = (0..cores)
            .map(|_| {
                scope.spawn(|| {
                    let bytes = vec![0x5a_u8; 1 << 20];
                    let mut mebibytes = 0;
                    while Instant::now() < end {
                        for piece in bytes.chunks(piece) {
                            black_box(Sha256::digest(piece));
                        }
                        mebibytes += 1;
                    }
                    mebibytes
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or(0)).sum()
    });
    Ok(Sample { rate: hashed as f64 / duration.as_secs_f64(), figures: Vec::new() })
}
