//! A service in a process of its own, and what the operating system says of processes.

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use crate::Failure;

/// A running service. It is killed when this value goes.
pub(crate) struct Server {
    child: Child,
    /// `http://HOST:PORT`.
    pub(crate) address: String,
}

impl Server {
    /// Starts `command` and waits for its line `listening on http://HOST:PORT`.
    pub(crate) fn start(command: &mut Command) -> Result<Self, Failure> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("no standard output")?).lines();
        let address = loop {
            let line = lines.next().ok_or("the service ended before it listened")??;
            if let Some(address) = line.strip_prefix("listening on ") {
                break address.to_owned();
            }
        };
        Ok(Self { child, address })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Tells it to stop and waits until it has.
    pub(crate) fn stop(mut self) -> Result<(), Failure> {
        Command::new("kill").args(["-TERM", &self.id().to_string()]).status()?;
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("the service stopped with {status}").into()) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder for one run, gone afterwards.
pub(crate) fn folder(below: &Path) -> Result<tempfile::TempDir, Failure> {
    Ok(tempfile::TempDir::with_prefix_in("run-", below)?)
}

/// CPU seconds that a process has used.
pub(crate) fn cpu_seconds(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The command's name may hold anything: count from its closing parenthesis, after which the state comes first.
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let ticks = |place: usize| fields.get(place).and_then(|text| text.parse::<u32>().ok()).unwrap_or(0);
    f64::from(ticks(11) + ticks(12)) / TICKS_PER_SECOND
}

/// CPU seconds that the machine has spent on anything.
pub(crate) fn machine_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let ticks: Vec<f64> =
        stat.lines().next().unwrap_or("").split_whitespace().skip(1).filter_map(|text| text.parse().ok()).collect();
    [0, 1, 2, 5, 6].iter().map(|place| ticks.get(*place).copied().unwrap_or(0.0)).sum::<f64>() / TICKS_PER_SECOND
}

/// The most memory that a process has had resident, in MiB.
pub(crate) fn peak_mib(process: u32) -> f64 {
    status_kib(process, "VmHWM:") / 1024.0
}

/// The memory that a process has resident, in MiB.
pub(crate) fn resident_mib(process: u32) -> f64 {
    status_kib(process, "VmRSS:") / 1024.0
}

fn status_kib(process: u32, key: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
    line.split_whitespace().next().and_then(|text| text.parse().ok()).unwrap_or(0.0)
}

/// Linux tells processes' times in this unit on every machine that it runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU seconds a second of two processes and of everything else, over a window.
pub(crate) struct Window {
    server: Option<u32>,
    began: std::time::Instant,
    at_begin: [f64; 3],
}

impl Window {
    pub(crate) fn open(server: Option<u32>) -> Self {
        Self { server, began: std::time::Instant::now(), at_begin: Self::read(server) }
    }

    fn read(server: Option<u32>) -> [f64; 3] {
        [cpu_seconds(std::process::id()), server.map_or(0.0, cpu_seconds), machine_seconds()]
    }

    /// The figures of a table.
    pub(crate) fn close(self) -> Vec<(&'static str, f64)> {
        let seconds = self.began.elapsed().as_secs_f64();
        let now = Self::read(self.server);
        let used = |place: usize| (now[place] - self.at_begin[place]) / seconds;
        let other = (used(2) - used(1) - used(0)).max(0.0);
        let mut figures = vec![("client CPUs", used(0))];
        if let Some(server) = self.server {
            figures.extend([("server CPUs", used(1)), ("server MiB", peak_mib(server))]);
        }
        figures.push(("other CPUs", other));
        figures
    }
}
