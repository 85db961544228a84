//! How fast Probity makes events durable, reads and verifies them, against what this machine could do at all.
//!
//! `cargo bench -- [GROUP…] [--quick] [--json FILE]`. A figure of one machine says nothing on another; the ratios to the
//! baselines, taken in turns in the same run, do. The baselines stand here: a plain file, an empty RPC, the thinnest
//! gRPC service that group-commits to a plain file, and SHA-256.
#![expect(clippy::float_arithmetic, reason = "rates are for people to read")]
#![expect(clippy::cast_precision_loss, reason = "a rate of more than 2^52 would be news")]

mod append;
mod baseline;
mod events;
mod file_rpc;
mod guarded;
mod harness;
mod inclusion;
mod load;
mod map;
mod opening;
mod process;
mod query;
mod real;
mod saved_map;
mod scale;
mod whole;

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use clap::ValueEnum;

use crate::harness::Group;

/// As in the program: what is compared allocates alike.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Which {
    /// In process, batches of 256.
    Batch,
    /// Unary, 16 clients, one event a request.
    W1,
    /// Unary, 64 clients, one event a request.
    W2,
    /// Unary, one client, one event a request.
    W3,
    /// Unary, 8 clients, 100 events a request.
    W4,
    /// One stream, 100 events a message, 8 messages in flight.
    Stream,
    /// One entry by its position.
    Query,
    /// One decision, plain and behind TLS, roles and the access log.
    Access,
    /// Appends, plain and behind the same.
    AccessAppend,
    /// Parts that were sealed.
    Open,
    /// Folding the whole log again.
    Rebuild,
    /// Verifying the whole log.
    Verify,
    /// SHA-256 on all cores.
    Hash,
    /// Start, memory and rates of a small and of a large log; only when it is named.
    Scale,
    /// The completeness map in memory, with as many keys as --sizes says; only when it is named.
    Map,
    /// The same with a budget of memory, over a table on the disk; only when it is named.
    SavedMap,
    /// Inclusion proofs in process of a log of each size; only when it is named.
    Inclusion,
}

/// Measures; without a group, all of them.
#[derive(Debug, Parser)]
struct Arguments {
    groups: Vec<Which>,
    /// Seconds of each run: 10 for a burst, 60 for what is sustained.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// The same as --seconds 60.
    #[arg(long)]
    sustained: bool,
    /// Runs of each contender, in turns; the median counts.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Three runs of two seconds: to see that it works, not to quote.
    #[arg(long)]
    quick: bool,
    /// Entries of the log that is verified and folded again. [default: 200000; with --quick 50000]
    #[arg(long)]
    entries: Option<u64>,
    /// Entries of the small and of the large log of `scale`; keys of `map`.
    #[arg(long, value_delimiter = ',', default_value = "100000,10000000")]
    sizes: Vec<u64>,
    /// Keep the logs of `scale` in this folder, or measure those that were kept there.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Only contenders whose name contains one of these.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// The most HTTP/2 connections that all clients share.
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// Where stores are made and deleted; on the disk that is to be measured, never tmpfs.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/target/bench-data"))]
    data: PathBuf,
    /// Also append the results to this file, one JSON object a line.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Serve the thin service on this folder instead; `-` stores nothing.
    #[arg(long, value_name = "DIR")]
    serve_file_rpc: Option<PathBuf>,
    /// What cargo passes.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What every measurement needs to know.
#[derive(Clone, Debug)]
struct Plan {
    runs: usize,
    duration: Duration,
    warm_up: Duration,
    entries: u64,
    sizes: Vec<u64>,
    keep: Option<PathBuf>,
    connections: usize,
    only: Vec<String>,
    data: PathBuf,
    json: Option<PathBuf>,
}

fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    if let Some(folder) = arguments.serve_file_rpc {
        return file_rpc::serve(&folder);
    }
    let seconds = if arguments.sustained { 60 } else { arguments.seconds };
    let plan = Plan {
        runs: if arguments.quick { 3 } else { arguments.runs },
        duration: Duration::from_secs(if arguments.quick { 2 } else { seconds }),
        warm_up: Duration::from_secs(1),
        entries: arguments.entries.unwrap_or(if arguments.quick { 50_000 } else { 200_000 }),
        sizes: arguments.sizes,
        keep: arguments.keep,
        connections: arguments.connections,
        only: arguments.only,
        data: arguments.data,
        json: arguments.json,
    };
    let all: Vec<Which> = Which::value_variants()
        .iter()
        .copied()
        .filter(|which| !matches!(which, Which::Scale | Which::Map | Which::SavedMap | Which::Inclusion))
        .collect();
    let groups = if arguments.groups.is_empty() { &all } else { &arguments.groups };
    for which in groups {
        match group(*which, &plan) {
            Some(group) => group.run(&plan)?,
            None => match which {
                Which::Map => map::run(&plan)?,
                Which::SavedMap => saved_map::run(&plan)?,
                Which::Inclusion => inclusion::run(&plan)?,
                _ => scale::run(&plan)?,
            },
        }
    }
    Ok(())
}

/// The contenders of a table; `None` for what is no race.
fn group(which: Which, plan: &Plan) -> Option<Group> {
    let group = match which {
        Which::Batch => append::in_process(plan),
        Which::W1 => append::over_grpc("W1: 16 clients x 1 event", load::Load::unary(16, 1), 0.75, plan),
        Which::W2 => append::over_grpc("W2: 64 clients x 1 event", load::Load::unary(64, 1), 0.75, plan),
        Which::W3 => append::over_grpc("W3: 1 client x 1 event", load::Load::unary(1, 1), 0.0, plan),
        Which::W4 => append::over_grpc("W4: 8 clients x 100 events", load::Load::unary(8, 100), 0.3, plan),
        Which::Stream => append::streamed(plan),
        Which::Query => query::points(plan),
        Which::Access => guarded::points(plan),
        Which::AccessAppend => guarded::appends(plan),
        Which::Open => opening::parts(plan),
        Which::Rebuild => whole::rebuild(plan),
        Which::Verify => whole::verify(plan),
        Which::Hash => baseline::hashing(plan),
        Which::Scale | Which::Map | Which::SavedMap | Which::Inclusion => return None,
    };
    Some(group)
}
