//! Who is let in, and what each sees: the real service behind TLS, with two bodies that know nothing of each other.

mod appends;
mod connections;
mod custody;
mod issuer;
mod matters;
pub(crate) mod pages;
pub(crate) mod pki;
mod reads;
mod revocation;
mod rights;

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use probity::clock::Clock;
use probity::clock::Settable;
use probity::delivery::Profiles;
use probity::events::AppealLodged;
use probity::events::DeclarationKind;
use probity::events::Event;
use probity::events::ObligationCreated;
use probity::events::PetitionReceived;
use probity::events::PetitionerIdentity;
use probity::events::PositionAssigned;
use probity::events::VerificationGround;
use probity::events::VerificationOrdered;
use probity::proto::v1::record_service_client::RecordServiceClient;
use probity::reload;
use probity::reload::Keeper;
use probity::reload::Sources;
use probity::server;
use probity::server::Running;
use probity::server::Settings;
use probity::server::errors::Reason;
use probity::service;
use probity::service::Options;
use probity::service::Service;
use probity::tls::Credentials;
use probity::tls::Files;
use probity::tls::Line;
use tempfile::TempDir;
use tonic::Status;

use crate::access::pki::Pki;
use crate::service::Here;
use crate::service::story;
use crate::service::story::MARKER;
use crate::service::story::code;
use crate::service::story::day;
use crate::service::story::id;

/// When these tests play, by the clock of the service.
const NOW_S: u64 = 1_800_000_000;

type Records = RecordServiceClient<Line>;

/// The bodies: two that keep matters, and one that hears appeals.
pub(crate) const A: u64 = 1;
pub(crate) const B: u64 = 2;
pub(crate) const C: u64 = 3;

/// The id of a thing of a body's side.
pub(crate) fn thing(kind: &str, side: u64) -> String {
    let kinds =
        ["body", "entity", "case", "decision", "appeal", "declaration", "obligation", "verification", "petition"];
    id(900 + side, kinds.iter().position(|one| *one == kind).unwrap() as u64)
}

pub(crate) fn name(kind: &str, side: u64) -> String {
    let of = if kind == "body" { "entity" } else { kind };
    format!("{of}/{}", thing(kind, side))
}

/// All that a body keeps about one person; only those of side A are appealed against.
pub(crate) fn side(side: u64) -> Vec<Event> {
    let [body, person, case, decision] = ["body", "entity", "case", "decision"].map(|kind| thing(kind, side));
    let body = || body.clone();
    let said =
        |text: &str| Some(probity::events::Narrative { text: format!("{MARKER} {text}"), language: "en".to_owned() });
    let mut events: Vec<Event> = vec![
        story::organisation(&body()).into(),
        story::person(&person).into(),
        PositionAssigned {
            person_id: person.clone(),
            position_number: 1,
            body_id: body(),
            title: code("post", "clerk"),
            ..PositionAssigned::default()
        }
        .into(),
        probity::events::CaseOpened { opened_by_id: body(), ..story::case(&case, &[&person]) }.into(),
        story::allegation(&case, 1, &person).into(),
        probity::events::DecisionIssued { issued_by_id: body(), ..story::decision(&decision, &case, &person) }.into(),
        ObligationCreated {
            obligation_id: thing("obligation", side),
            person_id: person.clone(),
            kind: DeclarationKind::Annual.into(),
            due_on: day(2022, 4, 30),
            body_id: body(),
            ..ObligationCreated::default()
        }
        .into(),
        probity::events::DeclarationSubmitted {
            received_by_id: body(),
            ..story::declaration(&thing("declaration", side), &person, &[40])
        }
        .into(),
        VerificationOrdered {
            verification_id: thing("verification", side),
            person_id: person.clone(),
            ground: VerificationGround::Random.into(),
            ordered_by_id: body(),
            reasons: said("reasons"),
            ..VerificationOrdered::default()
        }
        .into(),
        PetitionReceived {
            petition_id: thing("petition", side),
            petition_kind: code("petition", "denunciation"),
            received_by_id: body(),
            respondent_ids: vec![person.clone()],
            petitioner: Some(PetitionerIdentity { full_name: format!("{MARKER} petitioner"), ..Default::default() }),
            summary: said("summary"),
            ..PetitionReceived::default()
        }
        .into(),
    ];
    if side == A {
        let appeal = AppealLodged {
            appeal_id: thing("appeal", side),
            decision_id: decision,
            respondent_id: person,
            lodged_with_id: thing("body", C),
            grounds: said("grounds"),
            ..AppealLodged::default()
        };
        events.push(appeal.into());
    }
    events
}

/// The policy of these tests: a principal of each kind, with a certificate of its name.
pub(crate) fn policy() -> String {
    let mut text = String::new();
    let mut role = |name: &str, level: &str, lines: &str| {
        write!(text, "[[role]]\nname = \"{name}\"\nlevel = \"{level}\"\n{lines}\n").unwrap();
    };
    let body = |side: u64| format!("body = \"{}\"", name("body", side));
    let handler = "classes = [\"P1\", \"P2\", \"P3\", \"P4\"]\nactions = [\"append\", \"read\", \"prove\", \"verify\"]\nevents = [\"case.*\", \"allegation.*\", \"decision.*\", \"petition.*\", \"record.*\", \"entity.*\"]";
    role("handler-a", "L4", &format!("{}\n{handler}", body(A)));
    role("handler-b", "L4", &format!("{}\n{handler}", body(B)));
    let night = "classes = [\"P1\", \"P2\", \"P4\"]\nactions = [\"read\", \"emergency\", \"review\"]";
    role("night", "L4", &format!("{}\n{night}", body(A)));
    let whole = "classes = [\"P1\", \"P2\", \"P3\", \"P4\"]\nactions = [\"append\", \"read\", \"verify\", \"erase\"]\nevents = [\"*\"]";
    role("whole-a", "L4", &format!("{}\n{whole}", body(A)));
    role("whole-b", "L4", &format!("{}\n{whole}", body(B)));
    role("blind", "L4", &format!("{}\nactions = [\"append\"]\nevents = [\"*\"]", body(A)));
    role("appeals", "L6", &format!("{}\nclasses = [\"P1\", \"P4\"]\nactions = [\"read\"]", body(C)));
    role("hiring", "L2", &format!("{}\nclasses = [\"P1\", \"P2\"]\nactions = [\"read\"]", body(A)));
    role("control", "L5", &format!("{}\nclasses = [\"P1\", \"P3\"]\nactions = [\"read\"]", body(A)));
    role("self", "L3", "classes = [\"P1\", \"P2\", \"P3\", \"P4\"]\nactions = [\"read\", \"prove\"]");
    role(
        "audit",
        "A1",
        "classes = [\"P1\"]\nactions = [\"read\", \"prove\", \"verify\", \"export\", \"metrics\", \"review\"]",
    );
    role("operation", "O1", "actions = [\"verify\", \"admin\", \"metrics\"]");
    role("public", "L0", "actions = [\"verify\", \"export\"]");
    role("pointer", "L1", "classes = [\"P1\"]\nactions = [\"read\"]");
    role("custody", "L7", "classes = [\"P1\", \"P5\"]\nactions = [\"read\"]");
    let mut principal = |id: &str, role: &str, lines: &str| {
        write!(text, "[[principal]]\nid = \"{id}\"\nrole = \"{role}\"\ncertificates = [\"{id}.test\"]\n{lines}\n")
            .unwrap();
    };
    principal("a", "handler-a", "");
    principal("a2", "handler-a", "subjects = [\"person-of-a\"]");
    principal("b", "handler-b", "");
    principal("night", "night", "");
    principal("night-2", "night", "");
    principal("whole-a", "whole-a", "");
    principal("whole-b", "whole-b", "");
    principal("blind", "blind", "");
    principal("y", "self", &format!("entity = \"{}\"", name("entity", B)));
    principal("c", "appeals", "");
    principal("hr", "hiring", "");
    principal("control", "control", "");
    principal("x", "self", &format!("entity = \"{}\"", name("entity", A)));
    principal("auditor", "audit", "");
    principal("operator", "operation", "");
    principal("public", "public", "");
    principal("pointer", "pointer", "");
    principal("k1", "custody", "");
    principal("k2", "custody", "");
    text += "[tokens]\nissuer = \"https://idp.test\"\naudience = \"probity\"\nkeys = \"jwks.json\"\nalgorithm = \"ES256\"\n";
    text
}

/// The service behind TLS.
struct Guarded {
    folder: TempDir,
    pki: Pki,
    running: Running,
    keeper: Keeper,
    url: String,
    clock: Arc<Settable>,
}

impl Guarded {
    /// With what both sides keep in its log.
    async fn open() -> Self {
        Self::open_recording(None).await
    }

    /// The same; reads are recorded in another log than the one that the service would open.
    async fn open_recording(accesses: Option<Service>) -> Self {
        let folder = TempDir::new().unwrap();
        let data = folder.path().join("data");
        let clock = Settable::at(NOW_S * 1000);
        let here = Here::open(&data, &clock, |_| ()).await;
        let mut ledger = here.ledger().await;
        ledger.append(story::append(1, [story::organisation(&thing("body", C)).into()])).await.unwrap();
        for one in [A, B] {
            ledger.append(story::append(10 + one, side(one))).await.unwrap();
        }
        here.stop().await;
        let pki = Pki::new(&folder.path().join("pki"));
        fs::write(pki.path("policy.toml"), policy()).unwrap();
        fs::write(pki.path("jwks.json"), pki.jwks()).unwrap();
        pki.server("server", |_| ());
        pki.revoke(&[], 100);
        let sources = Sources {
            policy: Some(pki.path("policy.toml")),
            tls: Some(Files {
                certificate: pki.path("server.pem"),
                key: pki.path("server.key"),
                client_ca: Some(pki.path("ca.pem")),
                revoked: Some(pki.path("crl.pem")),
            }),
        };
        let (current, keeper) = reload::read(sources).unwrap();
        let mut options = Options::new(data);
        options.store.reserve_bytes = 0;
        let limits = options.limits;
        let of_service: Clock = Arc::clone(&clock) as Clock;
        let opened = tokio::task::spawn_blocking(move || service::open(&options, of_service, |_| ())).await.unwrap();
        let listen = "127.0.0.1:0".parse().unwrap();
        let settings = Settings { listen, limits, stop_within: Duration::from_secs(5) };
        let (service, profiles) = (opened.unwrap(), Profiles::shipped());
        let running = match accesses {
            None => server::serve_behind(current, service, settings, Vec::new(), profiles).await,
            other => server::serve_recording(current, service, other, settings, Vec::new(), profiles).await,
        };
        let running = running.unwrap();
        let url = format!("https://localhost:{}", running.address.port());
        Self { folder, pki, running, keeper, url, clock }
    }

    /// What a principal shows, with a purpose.
    fn credentials(&self, principal: &str) -> Credentials {
        credentials(&self.pki, principal)
    }

    async fn line(&self, principal: &str) -> Line {
        self.credentials(principal).dial(&self.url).await.unwrap()
    }

    async fn records(&self, principal: &str) -> Records {
        RecordServiceClient::new(self.line(principal).await)
    }

    async fn stop(self) {
        self.running.stop().await.unwrap();
        drop(self.folder);
    }
}

/// What a principal shows, with a purpose.
pub(crate) fn credentials(pki: &Pki, principal: &str) -> Credentials {
    let certificate = pki.path(&format!("{principal}.pem"));
    if !certificate.is_file() {
        pki.client(principal, |_| ());
    }
    Credentials {
        ca: Some(pki.path("ca.pem")),
        key: Some(certificate.with_extension("key")),
        certificate: Some(certificate),
        token: None,
        purpose: Some("duty/test".to_owned()),
        legal_basis: Some("law/test".to_owned()),
        emergency: None,
    }
}

/// A file with a token.
fn token_file(guarded: &Guarded, token: &str) -> PathBuf {
    let file = guarded.pki.path("token");
    fs::write(&file, token).unwrap();
    file
}

/// What an answer is: there, as if it were not there, or not for this caller.
fn mark<T>(answer: &Result<T, Status>) -> char {
    match answer {
        Ok(_) => 'y',
        Err(status) => match Reason::of(status) {
            Some(Reason::RecordNotFound) => 'n',
            Some(Reason::PermissionDenied) => '-',
            _ => panic!("{status:?}"),
        },
    }
}
