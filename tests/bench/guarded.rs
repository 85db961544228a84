//! What it costs that everybody is asked who he is, and that every read is on record before its answer leaves: the same
//! question to the same log, plain and behind all of that.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use probity::proto::v1::GetDecisionRequest;
use probity::proto::v1::record_service_client::RecordServiceClient;
use probity::tls::Credentials;
use probity::tls::Line;
use probity::tls::dev_ca;
use tokio::runtime::Runtime;
use tonic::Status;

use crate::Failure;
use crate::Plan;
use crate::events::BODY;
use crate::events::Kind;
use crate::events::decision_id;
use crate::events::text;
use crate::harness::Contender;
use crate::harness::Group;
use crate::harness::Sample;
use crate::load;
use crate::load::Load;
use crate::process::Server;
use crate::process::Window;
use crate::process::folder;
use crate::query::Asker;
use crate::query::Filled;
use crate::query::FilledFolder;
use crate::query::ask_until;
use crate::real;
use crate::real::Log;
use crate::real::ProbityClient;

const CLIENTS: usize = 64;

/// What stands between a client and the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behind {
    Nothing,
    /// Reads are on record.
    AccessLog,
    /// And TLS says who asks, and a policy what he may.
    All,
}

/// Asks for decisions.
#[derive(Clone)]
struct DecisionAsker {
    records: RecordServiceClient<Line>,
    filled: Filled,
}

impl Asker for DecisionAsker {
    async fn ask(&mut self, random: u64) -> Result<(), Status> {
        let Filled { entries, decisions } = self.filled;
        let name = format!("decision/{}", text(decision_id(entries, random % decisions)));
        let request = GetDecisionRequest { name, ..GetDecisionRequest::default() };
        self.records.get_decision(request).await.map(drop)
    }
}

/// Point queries of 64 callers.
pub(crate) fn points(plan: &Plan) -> Group {
    let behind = |name, behind| {
        let (plan, mut filled) = (plan.clone(), FilledFolder::default());
        Contender::new(name, move || {
            let (folder, filled) = filled.get(&plan)?;
            let (server, credentials) = serve(folder, behind)?;
            let sample = run(&server, &plan, &credentials, filled)?;
            server.stop()?;
            Ok(sample)
        })
    };
    let title = format!("GetDecision of {} entries, {CLIENTS} callers", plan.entries);
    let contenders = vec![
        behind("plain", Behind::Nothing),
        behind("access log", Behind::AccessLog).against("plain", 0.85),
        behind("TLS, roles, access log", Behind::All).against("plain", 0.85),
    ];
    Group::new(&title, "queries/s", contenders)
}

fn serve(folder: &Path, behind: Behind) -> Result<(Server, Credentials), Failure> {
    let mut command = real::command(folder);
    let mut credentials = Credentials {
        purpose: Some("duty/bench".to_owned()),
        legal_basis: Some("law/bench".to_owned()),
        ..Credentials::default()
    };
    match behind {
        Behind::Nothing => {}
        Behind::AccessLog => drop(command.env("PROBITY_ACCESS_LOG", "true")),
        Behind::All => guard(&mut command, folder, "auditor", None, &mut credentials)?,
    }
    Ok((Server::start(&mut command)?, credentials))
}

/// Puts TLS and a policy before a service, and lets somebody in: as the policy of a first try says, or as `policy` does.
fn guard(
    command: &mut Command,
    folder: &Path,
    who: &str,
    policy: Option<&str>,
    credentials: &mut Credentials,
) -> Result<(), Failure> {
    let dev: PathBuf = folder.with_extension("dev");
    if !dev.exists() {
        dev_ca(&dev, &["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    }
    let file = |name: &str| dev.join(name);
    if let Some(policy) = policy {
        fs::write(file("policy.toml"), policy)?;
    }
    command.arg("--policy").arg(file("policy.toml")).arg("--tls-ca").arg(file("ca.pem"));
    command.arg("--tls-cert").arg(file("server.pem")).arg("--tls-key").arg(file("server.key"));
    credentials.ca = Some(file("ca.pem"));
    credentials.certificate = Some(file(&format!("{who}.pem")));
    credentials.key = Some(file(&format!("{who}.key")));
    Ok(())
}

/// Appends of 64 clients, one event a request, of decisions of the clients' own body.
pub(crate) fn appends(plan: &Plan) -> Group {
    let load = Load::unary(CLIENTS, 1);
    let served = |name, guarded: bool, kind| {
        let plan = plan.clone();
        Contender::new(name, move || {
            let folder = folder(&plan.data)?;
            Log::create(folder.path())?.close()?;
            let mut command = real::command(folder.path());
            let mut credentials = Credentials::default();
            if guarded {
                let policy = format!("{POLICY}body = \"entity/{BODY}\"\n");
                guard(&mut command, folder.path(), "inspection", Some(&policy), &mut credentials)?;
            }
            let sample = load::run_as::<ProbityClient>(&Server::start(&mut command)?, &credentials, load, kind, &plan);
            if guarded {
                fs::remove_dir_all(folder.path().with_extension("dev"))?;
            }
            sample
        })
    };
    let contenders = vec![
        served("plain", false, Kind::Open),
        served("TLS, roles, access log", true, Kind::Open).against("plain", 0.75),
        served("plain, sealed reasons", false, Kind::Sealed),
        served("TLS, roles, access log, sealed reasons", true, Kind::Sealed).against("plain, sealed reasons", 0.75),
    ];
    Group::new(&format!("Append, {CLIENTS} clients x 1 event"), "events/s", contenders)
}

/// Who may append; the last role still wants its body.
const POLICY: &str = r#"
[[principal]]
id = "inspection"
role = "handler"
certificates = ["inspection.dev"]

[[role]]
name = "handler"
level = "L4"
classes = ["P1", "P2", "P3", "P4"]
actions = ["append", "read"]
events = ["*"]
"#;

fn run(server: &Server, plan: &Plan, credentials: &Credentials, filled: Filled) -> Result<Sample, Failure> {
    let runtime = Runtime::new()?;
    let outcome = runtime.block_on(async {
        let lines = load::lines(&server.address, credentials, plan.connections).await?;
        let begin = Instant::now() + plan.warm_up;
        let end = begin + plan.duration;
        let asker = |number: usize| DecisionAsker {
            records: RecordServiceClient::new(lines[number % lines.len()].clone()),
            filled,
        };
        let tasks: Vec<_> = (0..CLIENTS).map(|number| tokio::spawn(ask_until(asker(number), begin, end))).collect();
        tokio::time::sleep_until(begin.into()).await;
        let window = Window::open(Some(server.id()));
        tokio::time::sleep_until(end.into()).await;
        let figures = window.close();
        let mut latencies: Vec<Duration> = Vec::new();
        for task in tasks {
            latencies.extend(task.await??);
        }
        Ok::<_, Failure>(load::sample(latencies, 1, plan.duration, figures))
    });
    runtime.shutdown_background();
    outcome
}
