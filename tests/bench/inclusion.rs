//! Inclusion proofs at random places of a log of each size, in process: by one caller, and by many.

use std::thread;
use std::time::Duration;
use std::time::Instant;

use probity::publish::Proofs;

use crate::Failure;
use crate::Plan;
use crate::harness::progress;
use crate::harness::say;
use crate::process::folder;
use crate::process::resident_mib;
use crate::real::Log;
use crate::scale::Figures;
use crate::scale::table;

/// Grows one log to each of the sizes and measures there.
pub(crate) fn run(plan: &Plan) -> Result<(), Failure> {
    std::fs::create_dir_all(&plan.data)?;
    let fresh = folder(&plan.data)?;
    let folder = plan.keep.as_deref().unwrap_or_else(|| fresh.path());
    let mut columns: Vec<(u64, Figures)> = Vec::new();
    let mut registered = 0;
    for size in &plan.sizes {
        let mut log = Log::open_published(folder)?;
        if log.service().reader().size() < *size {
            log.grow(registered, *size)?;
        }
        registered = crate::events::respondents(*size);
        log.close()?;
        let began = Instant::now();
        let log = Log::open_published(folder)?;
        let opened = began.elapsed().as_secs_f64();
        let proofs = log.service().proofs().ok_or("nothing is sealed")?;
        let mut figures = vec![("start, s", opened)];
        for (callers, names) in CALLERS {
            let mut latencies = ask(proofs, callers, plan.duration)?;
            let rate = latencies.len() as f64 / plan.duration.as_secs_f64();
            latencies.sort_unstable();
            let at = |hundredth: usize| latencies[latencies.len() * hundredth / 100].as_secs_f64() * 1e6;
            figures.extend(names.into_iter().zip([rate, at(50), at(99)]));
        }
        figures.push(("resident, MiB", resident_mib(std::process::id())));
        columns.push((*size, figures));
        progress(&format!("{:?}", columns.last()));
        log.close()?;
    }
    say(&format!("\nInclusion proofs in process, by entries\n\n{}\n", table("entries", &columns)));
    Ok(())
}

const CALLERS: [(u64, [&str; 3]); 2] = [
    (1, ["1 caller, proofs/s", "1 caller, median, µs", "1 caller, p99, µs"]),
    (64, ["64 callers, proofs/s", "64 callers, median, µs", "64 callers, p99, µs"]),
];

/// How long each proof took, in no order.
fn ask(proofs: &Proofs, callers: u64, duration: Duration) -> Result<Vec<Duration>, Failure> {
    let size = proofs.published()?.checkpoint.size;
    let end = Instant::now() + duration;
    let ask = |caller: u64| {
        let (mut latencies, mut number) = (Vec::new(), caller);
        loop {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let began = Instant::now();
            proofs.inclusion((number >> 20) % size, size)?;
            let now = Instant::now();
            if now >= end {
                return Ok::<_, Failure>(latencies);
            }
            latencies.push(now - began);
        }
    };
    thread::scope(|scope| {
        let asking: Vec<_> = (0..callers).map(|caller| scope.spawn(move || ask(caller))).collect();
        let mut all = Vec::new();
        for asking in asking {
            all.extend(asking.join().map_err(|_| "a caller panicked")??);
        }
        Ok(all)
    })
}
