//! Durable appends: in process, over unary calls, over a stream.

use std::path::Path;

use crate::Failure;
use crate::Plan;
use crate::baseline;
use crate::events::Kind;
use crate::file_rpc;
use crate::file_rpc::ThinClient;
use crate::harness::Contender;
use crate::harness::Group;
use crate::harness::Sample;
use crate::load;
use crate::load::Load;
use crate::process::Server;
use crate::process::folder;
use crate::real;
use crate::real::Log;
use crate::real::ProbityClient;
use crate::real::SealedClient;
use crate::real::Seals;

/// The batch of an in-process append.
const BATCH: usize = 256;

/// What an event takes in the store, leaf, manifest and salt included; the in-process rows print the true figure.
const STORED_BYTES: usize = 585;

/// Messages in flight on a stream.
const IN_FLIGHT: usize = 8;

const FILE: &str = "plain file, 300 B an event";
const UNSEALED: &str = "probity, nothing sealed";
const IN_PROCESS: &str = "in process, 8 batches in flight";

pub(crate) fn in_process(plan: &Plan) -> Group {
    let plain = |bytes: usize| {
        let plan = plan.clone();
        move || baseline::plain_file(&plan, BATCH, bytes)
    };
    Group::new(
        "In process, batches of 256 events",
        "events/s",
        vec![
            Contender::new(FILE, plain(300)),
            Contender::new("plain file, stored bytes", plain(STORED_BYTES)),
            log("in process, one batch at a time", BATCH, 0, Kind::Open, plan).against(FILE, 0.3),
            log(IN_PROCESS, BATCH, IN_FLIGHT - 1, Kind::Open, plan).against(FILE, 0.3),
            log("the same with sealed reasons", BATCH, IN_FLIGHT - 1, Kind::Sealed, plan).against(IN_PROCESS, 0.0),
        ],
    )
}

pub(crate) fn over_grpc(title: &str, load: Load, goal: f64, plan: &Plan) -> Group {
    let mut contenders = thin_services(load, plan);
    contenders.push(served(UNSEALED, load, Kind::Open, Seals::None, plan).against("file-rpc", goal));
    contenders.push(served("probity", load, Kind::Open, Seals::Published, plan).against(UNSEALED, 0.9));
    let sealed = plan.clone();
    let sealed = Contender::new("probity, each answer with its proof", move || {
        let folder = folder(&sealed.data)?;
        let server = real::serve_new(folder.path(), Seals::Published)?;
        load::run::<SealedClient>(&server, load, Kind::Open, &sealed)
    });
    contenders.push(sealed.against("probity", 0.0));
    Group::new(title, "events/s", contenders)
}

pub(crate) fn streamed(plan: &Plan) -> Group {
    let load = Load { clients: 1, batch: 100, in_flight: IN_FLIGHT };
    let mut contenders = thin_services(load, plan);
    contenders.push(log(IN_PROCESS, BATCH, IN_FLIGHT - 1, Kind::Open, plan));
    let seals = Seals::Published;
    contenders.push(served("probity", load, Kind::Open, seals, plan).against(IN_PROCESS, 0.6));
    contenders.push(served("probity, sealed reasons", load, Kind::Sealed, seals, plan).against("probity", 0.0));
    Group::new("AppendStream: 100 events a message, 8 in flight", "events/s", contenders)
}

fn thin_services(load: Load, plan: &Plan) -> Vec<Contender> {
    let (empty, file) = (plan.clone(), plan.clone());
    vec![
        Contender::new("no-op RPC", move || thin(Path::new("-"), load, &empty)),
        Contender::new("file-rpc", move || {
            let folder = folder(&file.data)?;
            thin(folder.path(), load, &file)
        })
        .against("no-op RPC", 0.0),
    ]
}

fn thin(folder: &Path, load: Load, plan: &Plan) -> Result<Sample, Failure> {
    let server = Server::start(&mut file_rpc::command(folder)?)?;
    load::run::<ThinClient>(&server, load, Kind::Open, plan)
}

fn served(name: &str, load: Load, kind: Kind, seals: Seals, plan: &Plan) -> Contender {
    let plan = plan.clone();
    Contender::new(name, move || {
        let folder = folder(&plan.data)?;
        let server = real::serve_new(folder.path(), seals)?;
        load::run::<ProbityClient>(&server, load, kind, &plan)
    })
}

fn log(name: &str, batch: usize, in_flight: usize, kind: Kind, plan: &Plan) -> Contender {
    let plan = plan.clone();
    Contender::new(name, move || {
        let folder = folder(&plan.data)?;
        let mut log = Log::create(folder.path())?.with(kind);
        let before = written(&log);
        let mut sample = baseline::closed_loop(&plan, batch, || log.append(batch, in_flight))?;
        log.finish()?;
        let after = written(&log);
        let per_event = |place: usize| (after[place] - before[place]) as f64 / (after[0] - before[0]) as f64;
        sample.figures.extend([("keys/event", per_event(1)), ("stored B/event", per_event(2))]);
        log.close()?;
        Ok(sample)
    })
}

/// Entries, keys in all databases, and bytes of the values of the log.
pub(crate) fn written(log: &Log) -> [u64; 3] {
    let stats = log.service().store().stats();
    [stats.entries, stats.keys_written + log.service().index().values_written(), stats.value_bytes_written]
}
