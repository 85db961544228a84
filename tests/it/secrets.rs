//! Secrets and names are where they belong and nowhere else: the real program does all it can, well and badly, tells as much
//! as it can be made to tell, and everything that it told is searched.

mod canaries;
mod misuse;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use data_encoding::HEXLOWER;
use probity::events::DataScope;
use probity::events::PersonIdentity;
use probity::events::PersonRegistered;
use probity::proto::v1;
use probity::proto::v1::access_service_client::AccessServiceClient;
use probity::proto::v1::admin_service_client::AdminServiceClient;
use probity::proto::v1::export_service_client::ExportServiceClient;
use probity::proto::v1::history::Of;
use probity::proto::v1::ledger_service_client::LedgerServiceClient;
use probity::proto::v1::record_service_client::RecordServiceClient;
use probity::tls::Credentials;
use probity::tls::Line;
use serde_json::json;
use sha2::Digest as _;
use sha2::Sha256;
use tempfile::TempDir;
use tonic::Status;

use crate::access;
use crate::access::A;
use crate::access::B;
use crate::access::C;
use crate::access::name;
use crate::access::pages::page;
use crate::access::pki::Pki;
use crate::access::thing;
use crate::http::ask::ask;
use crate::secrets::canaries::Canaries;
use crate::service;
use crate::service::Served;
use crate::service::probity;
use crate::service::run;
use crate::service::story;
use crate::service::story::MARKER;
use crate::telemetry::collector::Collector;

/// A person whom nobody else is called like.
const NAME: &str = "Zorvath Quillonmere";
const NUMBER: &str = "NID-77130042-Q";
/// The token of an auditor in the configuration.
const AUDITOR: &str = "auditor-token-brolmexit-5519";
/// A token that is none.
const FORGED: &str = "forged-token-wexlandit-7731";

/// All that was told, by what told it.
#[derive(Default)]
struct Told(Vec<(String, Vec<u8>)>);

impl Told {
    fn hear(&mut self, what: &str, bytes: impl Into<Vec<u8>>) {
        self.0.push((what.to_owned(), bytes.into()));
    }

    /// Keeps what a refusal says; what an answer says is for whoever asked.
    fn answer<T>(&mut self, what: &str, answer: Result<T, Status>) -> Option<T> {
        match answer {
            Ok(answer) => Some(answer),
            Err(status) => {
                let metadata = format!("{:?}", status.metadata());
                let told = [status.message().as_bytes(), status.details(), metadata.as_bytes()].concat();
                self.hear(&format!("refusal of {what}"), told);
                None
            }
        }
    }

    /// Runs the program, and hears both of its outputs.
    fn run(&mut self, command: &mut Command) -> Option<i32> {
        let (status, printed, said) = run(command.env("PROBITY_LOG", "trace"));
        self.hear(&format!("{command:?}, output"), printed);
        self.hear(&format!("{command:?}, error"), said);
        status
    }
}

/// A person with the name, and a native number.
fn registered() -> PersonRegistered {
    let mut person = story::person(&thing("decision", 7));
    let mut identity = PersonIdentity { full_name: NAME.to_owned(), ..person.identity.unwrap() };
    NUMBER.clone_into(&mut identity.native_ids[0].value);
    person.identity = Some(identity);
    person
}

/// Serves as loudly as it can.
fn loud(data: &Path, collector: &Collector) -> Command {
    let mut command = service::serve(data);
    command.args(["--http-listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"]);
    command.env("PROBITY_SEAL_EVERY_MS", "20").env("PROBITY_LOG", "trace");
    command.env("PROBITY_HTTP_AUDITOR_TOKENS", format!("[\"{}\"]", HEXLOWER.encode(&Sha256::digest(AUDITOR))));
    command.env("PROBITY_TELEMETRY_ENDPOINT", &collector.url).env("PROBITY_TELEMETRY_SAMPLING_RATIO", "1");
    command
}

/// Where it says that it listens beside gRPC.
fn port(data: &Path, words: &str) -> u16 {
    let said = fs::read_to_string(service::said(data)).unwrap();
    let line = said.lines().rev().find(|line| line.starts_with("probity: ") && line.contains(words)).unwrap();
    line.rsplit(':').next().unwrap().split('/').next().unwrap().parse().unwrap()
}

/// Everything in one folder, and nothing of it anywhere else.
struct Scene {
    _folder: TempDir,
    data: PathBuf,
    pki: Pki,
    canaries: Canaries,
    told: Told,
}

impl Scene {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let data = folder.path().join("data");
        let pki = Pki::new(&folder.path().join("pki"));
        pki.server("server", |_| ());
        fs::write(pki.path("jwks.json"), pki.jwks()).unwrap();
        let mut policy = access::policy();
        write!(
            policy,
            "[[role]]\nname = \"forget\"\nlevel = \"L4\"\nbody = \"{}\"\nclasses = [\"P1\"]\nactions = [\"read\", \"erase\"]\n",
            name("body", A)
        )
        .unwrap();
        for id in ["f1", "f2", "f3"] {
            let lines = format!("[[principal]]\nid = \"{id}\"\nrole = \"forget\"\ncertificates = [\"{id}.test\"]\n");
            policy.push_str(&lines);
        }
        fs::write(pki.path("policy.toml"), policy).unwrap();
        let mut canaries = Canaries::default();
        for (what, text) in [
            ("what is personal", MARKER),
            ("a name", NAME),
            ("a number", NUMBER),
            ("the token of an auditor", AUDITOR),
            ("a forged token", FORGED),
        ] {
            canaries.text(what, text);
        }
        Self { _folder: folder, data, pki, canaries, told: Told::default() }
    }

    fn credentials(&self, principal: &str) -> Credentials {
        access::credentials(&self.pki, principal)
    }

    async fn line(&self, served: &Served, principal: &str) -> Line {
        let url = served.url.replace("127.0.0.1", "localhost");
        self.credentials(principal).dial(&url).await.unwrap()
    }

    /// The first days: nobody is asked who he is, and whoever likes appends.
    async fn open_days(&mut self, collector: &Collector) {
        let served = Served::try_start(&mut loud(&self.data, collector), &service::said(&self.data)).unwrap();
        let mut ledger = served.ledger().await;
        ledger.append(story::append(1, [story::organisation(&thing("body", C)).into()])).await.unwrap();
        for one in [A, B] {
            ledger.append(story::append(10 + one, access::side(one))).await.unwrap();
        }
        ledger.append(story::append(2, [registered().into()])).await.unwrap();
        for (what, request) in misuse::appends() {
            let answer = ledger.append(request).await;
            assert!(self.told.answer(what, answer).is_none(), "{what} was recorded");
        }
        let pages = format!("127.0.0.1:{}", port(&self.data, "checkpoint and tiles"));
        let bearer = format!("Bearer {AUDITOR}");
        let headers = [("Authorization", bearer.as_str())];
        for path in misuse::paths() {
            let answer = ask(&pages, "GET", &path, &headers);
            self.told.hear("a page", answer.body);
        }
        let metrics = ask(&format!("127.0.0.1:{}", port(&self.data, "metrics on")), "GET", "/metrics", &[]);
        self.told.hear("metrics", metrics.body);
        self.told.hear("output of the service", served.stop_and_read());
    }

    fn guarded(&self, collector: &Collector) -> Command {
        let mut command = loud(&self.data, collector);
        command.arg("--policy").arg(self.pki.path("policy.toml"));
        command.arg("--tls-ca").arg(self.pki.path("ca.pem"));
        command.arg("--tls-cert").arg(self.pki.path("server.pem")).arg("--tls-key").arg(self.pki.path("server.key"));
        command
    }

    /// Everybody does what he may, and what he may not.
    async fn guarded_days(&mut self, collector: &Collector) {
        let served = Served::try_start(&mut self.guarded(collector), &service::said(&self.data)).unwrap();
        // All at once: what an answer to a question about foreign matter waits for is waited for once.
        let mut everybody = Vec::new();
        for principal in ["a", "night", "hr", "x", "auditor", "operator", "k1", "f1", "stranger"] {
            let line = self.line(&served, principal).await;
            everybody.push(async move { (principal, misuse::calls(line).await) });
        }
        for (principal, calls) in futures_util::future::join_all(everybody).await {
            for (what, answer) in calls {
                self.told.answer(&format!("{what} by {principal}"), answer);
            }
        }
        self.good_reads(&served).await;
        self.emergency(&served).await;
        self.two_custodians(&served).await;
        self.export(&served).await;
        self.erasure(&served).await;
        // Tokens: a good one, forged ones, and words that are none.
        let person = self.pki.token(|_, claims| claims["exp"] = json!(4_000_000_000_u64));
        self.canaries.text("a person's token", &person);
        let signature = person.rsplit('.').next().unwrap();
        self.canaries.text("its signature", signature);
        let tampered = person.replace('.', "..");
        let expired = self.pki.token(|_, claims| claims["sub"] = json!(NAME));
        for token in [person.as_str(), &tampered, &expired, FORGED, "x"] {
            fs::write(self.pki.path("token"), token).unwrap();
            let with = Credentials { token: Some(self.pki.path("token")), ..self.credentials("a") };
            let line = with.dial(&served.url.replace("127.0.0.1", "localhost")).await.unwrap();
            for (what, answer) in misuse::calls(line).await {
                self.told.answer(&format!("{what} with a token"), answer);
            }
            let said = page(&self.pki, port(&self.data, "metrics on"), None, "/metrics", Some(token)).await;
            self.told.hear("metrics with a token", said);
        }
        let metrics =
            page(&self.pki, port(&self.data, "metrics on"), Some(self.credentials("operator")), "/metrics", None);
        let metrics = metrics.await;
        assert!(String::from_utf8_lossy(&metrics).contains("probity_emergency_accesses_total 1"), "it was seen");
        self.told.hear("metrics", metrics);
        self.told.hear("output of the guarded service", served.stop_and_read());
    }

    async fn good_reads(&mut self, served: &Served) {
        let mut records = RecordServiceClient::new(self.line(served, "a").await);
        let request = v1::GetRecordRequest { name: name("entity", A), open_identity: true, ..Default::default() };
        let record = records.get_record(request).await.unwrap();
        assert!(format!("{record:?}").contains(MARKER), "what is personal is there for whoever may read it");
        let mut me = AccessServiceClient::new(self.line(served, "x").await);
        me.who_accessed_me(v1::WhoAccessedMeRequest::default()).await.unwrap();
    }

    async fn emergency(&mut self, served: &Served) {
        let loud = Credentials { emergency: Some("duty/night".to_owned()), ..self.credentials("night") };
        let line = loud.dial(&served.url.replace("127.0.0.1", "localhost")).await.unwrap();
        let request = v1::GetRecordRequest { name: name("entity", B), open_identity: true, ..Default::default() };
        RecordServiceClient::new(line).get_record(request).await.unwrap();
    }

    async fn two_custodians(&mut self, served: &Served) {
        let mut ledger = LedgerServiceClient::new(self.line(served, "a").await);
        let history = Some(v1::History { of: Some(Of::Stream(name("petition", A))) });
        let read = ledger.read_entries(v1::ReadEntriesRequest { history, ..Default::default() }).await.unwrap();
        let entry = read.into_inner().message().await.unwrap().unwrap().entries[0].clone();
        let part = (0..).zip(&entry.sealed_parts).find(|(_, part)| part.personal_class == 5).unwrap().0;
        let position = entry.position;
        let mut one = AccessServiceClient::new(self.line(served, "k1").await);
        let request = v1::OfferCustodyRequest { position, part, to_principal: "k2".to_owned() };
        let offer = one.offer_custody(request).await.unwrap().into_inner().offer;
        self.canaries.bytes("an offer of a custodian", &offer);
        let mut two = AccessServiceClient::new(self.line(served, "k2").await);
        two.open_protected(v1::OpenProtectedRequest { position, part, offer }).await.unwrap();
    }

    async fn export(&mut self, served: &Served) {
        let mut exports = ExportServiceClient::new(self.line(served, "auditor").await);
        let request = v1::CreateExportRequest {
            request_id: story::request_id(90),
            profile: "internal".to_owned(),
            formats: vec![v1::ExportFormat::Jsonl.into()],
            ..Default::default()
        };
        let created = exports.create_export(request).await;
        let Some(created) = self.told.answer("a good export", created) else { return };
        let export_id = created.into_inner().export.unwrap().export_id;
        loop {
            let request = v1::GetExportRequest { export_id: export_id.clone() };
            let export = exports.get_export(request).await.unwrap().into_inner().export.unwrap();
            if !matches!(export.state(), v1::ExportState::Queued | v1::ExportState::Running) {
                self.told.hear("state of the export", format!("{:?} {}", export.state(), export.failure));
                return;
            }
        }
    }

    async fn erasure(&mut self, served: &Served) {
        let ground = story::code("law", "erasure");
        let mut asker = AdminServiceClient::new(self.line(served, "f1").await);
        let scope = DataScope { owner: name("case", A), personal_class: 4, year: 0 };
        let request = v1::RequestErasureRequest {
            request_id: story::request_id(91),
            scopes: vec![scope],
            subject_ids: vec![thing("entity", A)],
            ground: ground.clone(),
            ..Default::default()
        };
        let asked = asker.request_erasure(request).await.unwrap().into_inner();
        for (number, approver) in [(92, "f2"), (93, "f3")] {
            let mut admin = AdminServiceClient::new(self.line(served, approver).await);
            let request = v1::ApproveErasureRequest {
                request_id: story::request_id(number),
                name: asked.erasure.clone(),
                ground: ground.clone(),
                ..Default::default()
            };
            admin.approve_erasure(request).await.unwrap();
        }
        let completed = async {
            loop {
                let listed = asker.list_erasures(v1::ListErasuresRequest::default()).await.unwrap().into_inner();
                if listed.erasures.iter().all(|one| one.state() == v1::ErasureState::Completed) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_mins(1), completed).await.unwrap();
    }

    /// What an operator does with the folder, well and badly.
    fn tools(&mut self) {
        let (data, folder) = (self.data.clone(), self.data.parent().unwrap().to_owned());
        let with = |arguments: &[&str]| {
            let mut command = probity(arguments);
            command.arg("--data").arg(&data);
            command
        };
        for arguments in [&["doctor"][..], &["doctor", "--json"], &["verify", "--views", "--open-parts"]] {
            assert_eq!(self.told.run(&mut with(arguments)), Some(0), "{arguments:?}");
        }
        let mut backup = with(&["backup"]);
        assert_eq!(self.told.run(backup.arg("--to").arg(folder.join("backup"))), Some(0));
        let bad = [
            vec!["show", "--from", "http://127.0.0.1:1", "person", NAME],
            vec!["show", "--from", NAME, "person", NUMBER],
            vec!["accesses", "--from", "http://127.0.0.1:1", "list", "--of", NAME],
            vec!["erase", "--from", "http://127.0.0.1:1", "request", "--what", NAME, "--ground", NUMBER],
        ];
        for arguments in bad {
            // Whoever types a name reads it again, but no log does: only what is logged is searched.
            let (_, _, said) = run(probity(&arguments).env("PROBITY_LOG", "trace"));
            let logged: String = said.lines().filter(|line| line.starts_with('{')).collect();
            self.told.hear("what a client logs", logged);
        }
        // A list that was cut in the middle of a name, a damaged key, a policy with a secret in a wrong place.
        let file = folder.join("rows.csv");
        fs::write(&file, format!("name,number\n\"{NAME},{NUMBER}\n")).unwrap();
        let policy = folder.join("bad-policy.toml");
        fs::write(&policy, format!("[tokens]\nissuer = \"i\"\nsecret = \"{FORGED}\"\n")).unwrap();
        let mut serve = with(&["serve", "--listen", "127.0.0.1:0"]);
        let (status, _, said) = run(serve.arg("--policy").arg(&policy));
        assert_eq!(status, Some(2));
        self.told.hear("a policy that is none", said.lines().filter(|line| line.starts_with('{')).collect::<String>());
        let token = with(&["serve", "--listen", "127.0.0.1:0"]);
        let mut token = token;
        assert_eq!(self.told.run(token.env("PROBITY_HTTP_AUDITOR_TOKENS", format!("[\"{AUDITOR}\"]"))), Some(2));
    }

    /// Keys, wherever they lie.
    fn keys(&mut self) {
        for folder in [self.data.join("keys"), self.data.join("access/keys")] {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if fs::metadata(&path).unwrap().len() == 32 {
                    self.canaries.file(&path);
                }
            }
        }
        for file in ["server.key", "a.key", "auditor.key", "k1.key"] {
            self.canaries.file(&self.pki.path(file));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_and_no_name_is_in_anything_that_the_program_tells() {
    let mut scene = Scene::new();
    let collector = Collector::start();
    scene.open_days(&collector).await;
    scene.guarded_days(&collector).await;
    scene.tools();
    scene.keys();
    let said = fs::read(service::said(&scene.data)).unwrap();
    let loud = String::from_utf8_lossy(&said);
    for of in ["\"level\":\"TRACE\"", "\"target\":\"h2", "\"target\":\"rustls", "an emergency access"] {
        assert!(loud.contains(of), "it was not loud: no {of}");
    }
    scene.told.hear("error output of the services", said);
    scene.told.hear("spans", collector.bytes());
    assert!(scene.told.0.len() > 300, "{}", scene.told.0.len());

    let search = scene.canaries.search();
    let mut leaks = Vec::new();
    for (what, bytes) in &scene.told.0 {
        leaks.extend(search.found_in(bytes).into_iter().map(|(name, around)| format!("{name} in {what}: …{around}…")));
    }
    assert!(leaks.is_empty(), "{} leaks:\n{}", leaks.len(), leaks[..leaks.len().min(40)].join("\n"));

    // The search finds what is there: each of them, in each form, in the middle of what was told.
    let (_, hay) = scene.told.0.iter().max_by_key(|(_, bytes)| bytes.len()).unwrap();
    let (before, behind) = hay[..2048].split_at(1024);
    let mut count = 0;
    for (name, form) in scene.canaries.planted() {
        let found = search.found_in(&[before, form, behind].concat());
        assert!(found.contains_key(name), "{name} as {}", String::from_utf8_lossy(form));
        count += 1;
    }
    assert!(count > 150, "{count} spellings");
}

/// What the system's core of a process that was ended has; `None`, and loudly, where it makes none.
fn core_of(folder: &Path) -> Option<Vec<u8>> {
    let core = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("core")));
    core.map(|core| fs::read(core).unwrap())
}

/// Ends a service as by a fault, in the middle of an append, with names in its hands and its keys in memory; its core.
async fn core_of_a_fault(folder: &Path, open: bool) -> Option<Vec<u8>> {
    let data = folder.join("data");
    let mut command = Command::new("sh");
    let program = ["-c", "ulimit -c unlimited && exec \"$@\"", "sh", env!("CARGO_BIN_EXE_probity"), "serve"];
    command.args(program).args(["--listen", "127.0.0.1:0", "--data"]).arg(&data);
    command.current_dir(folder).env("PROBITY_RESERVE_BYTES", "0").env("PROBITY_SEAL_EVERY_MS", "0");
    command.env("PROBITY_CRASH_AT", "after-sync-before-answer:2");
    let served = Served::try_start(&mut command, &service::said(&data)).unwrap();
    if open {
        served.open_its_core();
    }
    let mut ledger = served.ledger().await;
    ledger.append(story::append(1, [registered().into()])).await.unwrap();
    ledger.append(story::request(5)).await.unwrap_err();
    assert!(!served.wait().success());
    core_of(folder)
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stderr, reason = "nobody may overlook what was not tested")]
async fn a_core_has_nothing_of_what_is_in_memory() {
    let [folder, other] = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let Some(core) = core_of_a_fault(folder.path(), false).await else {
        eprintln!("!! SKIPPED: this machine writes no core into the folder of a process");
        return;
    };
    let canaries = |folder: &Path| {
        let mut canaries = Canaries::default();
        for (what, text) in [("what is personal", MARKER), ("a name", NAME), ("a number", NUMBER)] {
            canaries.text(what, text);
        }
        for file in ["log.ed25519", "lookup.key", "kek"] {
            canaries.file(&folder.join("data/keys").join(file));
        }
        canaries
    };
    assert!(core.starts_with(b"\x7fELF"));
    let found = canaries(folder.path()).search().found_in(&core);
    assert!(found.is_empty(), "in a core of {} bytes: {:?}", core.len(), found.keys());
    // What the system writes where nobody sees to it: that is what is not there.
    let open = core_of_a_fault(other.path(), true).await.unwrap();
    let found = canaries(other.path()).search().found_in(&open);
    assert!(found.len() >= 4, "in {} bytes only {:?}", open.len(), found.keys());
}
