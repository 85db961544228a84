//! Power loss under the real service: a file system in a loop image is shut down under it without flushing its
//! journal, mounted again, and everything acknowledged must be there. Needs root, loop devices and python3; skipped
//! loudly elsewhere.
//!
//! `PROBITY_POWER_ROUNDS=30` runs the long form; with `PROBITY_POWER_YOUNG=1` every round begins with a fresh file system
//! and a log that was never opened before, with `PROBITY_POWER_LARGE=1` every commit has 4 MiB.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "seeds and counts of a run, and what was skipped")]

use std::fs;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::sync::Mutex;
use std::time::Duration;

use prost::Message as _;
use tempfile::TempDir;

use crate::crash::load::Load;
use crate::crash::load::Witness;
use crate::service;
use crate::service::Served;
use crate::service::story;
use crate::service::story::LARGE;
use crate::service::story::mix;

/// Rounds where nobody asks for more.
const ROUNDS: u64 = 2;

/// The longest time between the first acknowledgement and the loss.
const WINDOW_MS: u64 = 1200;

/// EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH: what is only in the page cache or the open transaction is gone.
const SHUT_DOWN: &str = "import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack('I', 2))";

/// A file system in a file, mounted.
#[derive(Debug)]
struct Disk {
    image: PathBuf,
    mount: PathBuf,
    device: Option<String>,
}

fn good(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

impl Disk {
    /// Makes one; `None` where this machine has not what it takes.
    fn new(folder: &Path) -> Option<Self> {
        let (image, mount) = (folder.join("image"), folder.join("mount"));
        File::create(&image).unwrap().set_len(4 << 30).unwrap();
        fs::create_dir(&mount).unwrap();
        let tools = good(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image))
            && good(Command::new("python3").args(["-c", "import fcntl"]));
        let mut disk = Self { image, mount, device: None };
        (tools && disk.attach()).then_some(disk)
    }

    fn attach(&mut self) -> bool {
        let Ok(output) = Command::new("losetup").args(["-f", "--show"]).arg(&self.image).output() else { return false };
        if !output.status.success() {
            return false;
        }
        let device = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        self.device = Some(device.clone());
        good(Command::new("mount").arg(&device).arg(&self.mount))
    }

    fn detach(&mut self) {
        // A process that was just killed lets go of its files a moment later.
        while self.device.is_some()
            && fs::read_to_string("/proc/mounts").unwrap().contains(self.mount.to_str().unwrap())
        {
            good(Command::new("umount").arg(&self.mount));
        }
        if let Some(device) = self.device.take() {
            good(Command::new("losetup").args(["-d", &device]));
        }
    }

    fn lose_power(&self) {
        assert!(good(Command::new("python3").args(["-c", SHUT_DOWN]).arg(&self.mount)), "EXT4_IOC_SHUTDOWN");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.detach();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_loss_takes_nothing_that_was_acknowledged() {
    let set = |key| std::env::var_os(key).is_some();
    let rounds = std::env::var("PROBITY_POWER_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let (young, large) = (set("PROBITY_POWER_YOUNG"), set("PROBITY_POWER_LARGE"));
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let (disks, losses) = if young { (rounds, 1) } else { (1, rounds) };
    for number in 0..disks {
        let folder = TempDir::new().unwrap();
        let Some(disk) = Disk::new(folder.path()) else {
            eprintln!("SKIPPED: a power loss needs root, loop devices, mkfs.ext4 and python3");
            return;
        };
        let first = if large { LARGE } else { 0 } | (mix(seed ^ number) >> 3);
        lose(disk, losses, first, &folder.path().join("said")).await;
    }
}

/// Loses power so often under a service that takes requests of numbers from `first` on, each time some time after the
/// first acknowledgement of the round.
async fn lose(mut disk: Disk, losses: u64, first: u64, said: &Path) {
    let data = disk.mount.join("data");
    let mut load = Load::on_a_failing_disk(first, Box::new(|_, _| ()));
    for round in 0..losses {
        let served = Served::try_start(&mut service::serve(&data), said).unwrap();
        load.repeat(&served.url).await.unwrap();
        let before = load.acknowledged();
        let running = load.start(&served.url);
        running.acknowledged(1).await;
        // A random moment, which nothing that could be waited for marks.
        tokio::time::sleep(Duration::from_millis(mix(first ^ round) % WINDOW_MS)).await;
        disk.lose_power();
        served.kill();
        load.end(running).await;
        disk.detach();
        assert!(disk.attach());
        let now = load.acknowledged() - before;
        println!("round {round}: {now} acknowledged, {} in all, {} sent", load.acknowledged(), load.sent());
        assert!(now > 0, "nothing was at stake");
    }
    let served = Served::try_start(&mut service::serve(&data), said).unwrap();
    load.repeat_all(&served.url).await.unwrap();
    load.compare_with_log(&served.url).await;
    served.stop();
    service::verify(&data);
}

/// One half of a power loss that somebody else brings about: `POWER_LOSS=write` appends to a service on `$DATA/log`
/// until it is killed, and notes what was acknowledged in `$ACKED`; `POWER_LOSS=verify` starts the service, compares,
/// and verifies the log. With `POWER_LOSS_LARGE=1` every commit has 4 MiB. Without any of them it does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn half_of_a_power_loss() {
    let Ok(half) = std::env::var("POWER_LOSS") else { return };
    let path = |key: &str| PathBuf::from(std::env::var_os(key).unwrap());
    let (data, acked) = (path("DATA").join("log"), path("ACKED"));
    let said = acked.with_extension("said");
    let large = std::env::var_os("POWER_LOSS_LARGE").is_some();
    match half.as_str() {
        "write" => {
            let first = if large { LARGE } else { 0 } | (rand::random::<u64>() >> 3);
            let file = Mutex::new(File::options().create(true).append(true).open(&acked).unwrap());
            let witness: Witness = Box::new(move |number, receipt| {
                let receipt = data_encoding::HEXLOWER.encode(&receipt.encode_to_vec());
                file.lock().unwrap().write_all(format!("{number} {receipt}\n").as_bytes()).unwrap();
            });
            let load = Load::on_a_failing_disk(first, witness);
            let served = Served::try_start(&mut service::serve(&data), &said).unwrap();
            let running = load.start(&served.url);
            load.end(running).await;
        }
        "verify" => {
            let served = Served::try_start(&mut service::serve(&data), &said).unwrap();
            let text = fs::read_to_string(&acked).unwrap_or_default();
            let mut count = 0;
            let mut ledger = served.ledger().await;
            // The last line may have been cut off: its writer was killed.
            for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
                let (number, receipt) = line.split_once(' ').unwrap();
                let request = story::request(number.parse().unwrap());
                let answer = ledger.append(request).await.unwrap().into_inner();
                assert!(answer.replayed, "request {number} is gone");
                let bare = probity::proto::v1::AppendResponse { replayed: false, content_checked: 0, ..answer };
                assert_eq!(data_encoding::HEXLOWER.encode(&bare.encode_to_vec()), receipt, "request {number}");
                count += 1;
            }
            served.stop();
            service::verify(&data);
            println!("{count} acknowledged requests are there");
        }
        other => panic!("POWER_LOSS is write or verify, not {other}"),
    }
}
