//! Durable appends: in process, over unary calls, over a stream.

use std::path::Path;

use crate::Failure;
use crate::Plan;
use crate::baseline;
use crate::file_rpc;
use crate::file_rpc::ThinClient;
use crate::harness::Contender;
use crate::harness::Group;
use crate::harness::Sample;
use crate::load;
use crate::load::Load;
use crate::process::Server;
use crate::process::folder;

/// What one event takes in the store, beside its 300 bytes: leaf, manifest, salt.
const STORED_BYTES: usize = 640;

/// The batch of an in-process append.
const BATCH: usize = 256;

pub(crate) fn in_process(plan: &Plan) -> Group {
    let (own, stored) = (plan.clone(), plan.clone());
    Group::new(
        "in process, batches of 256 events",
        "events/s",
        vec![
            Contender::new("plain file, 300 B an event", move || baseline::plain_file(&own, BATCH, 300)),
            Contender::new("plain file, stored bytes", move || baseline::plain_file(&stored, BATCH, STORED_BYTES)),
        ],
    )
}

pub(crate) fn over_grpc(title: &str, load: Load, goal: f64, plan: &Plan) -> Group {
    let _ = goal;
    Group::new(title, "events/s", thin_services(load, plan))
}

pub(crate) fn streamed(plan: &Plan) -> Group {
    let load = Load { clients: 1, batch: 100, in_flight: 8 };
    Group::new("stream: 100 events a message, 8 in flight", "events/s", thin_services(load, plan))
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
    load::run::<ThinClient>(&server, load, plan)
}
