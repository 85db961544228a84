//! Reads are on record before they are answered; and who read what is told to whom it concerns.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use probity::access::RULES;
use probity::clock::Clock;
use probity::clock::Settable;
use probity::events::AccessOutcome;
use probity::events::AccessRecorded;
use probity::events::EmergencyFinding;
use probity::events::Event;
use probity::events::EventType;
use probity::log::PublicKey;
use probity::log::SignatureType;
use probity::log::SubjectProof;
use probity::log::VerifierKey;
use probity::proto::v1;
use probity::proto::v1::access_service_client::AccessServiceClient;
use probity::proto::v1::ledger_service_client::LedgerServiceClient;
use probity::proto::v1::list_accesses_request::Of;
use probity::proto::v1::record_service_client::RecordServiceClient;
use probity::sequencer::LogOf;
use probity::server::errors::Reason;
use probity::service;
use probity::service::Options;
use probity::service::Service;
use probity::store::LogStore;
use probity::store::MemoryStore;
use probity::store::faulty::Failure;
use probity::store::faulty::FaultyStore;
use probity::tls::Credentials;
use probity::tls::Line;
use probity::verify::Trust;
use probity::verify::verify_subject_proof;
use tempfile::TempDir;
use tonic::Request;
use tonic::Status;
use tonic_prost::ProstCodec;

use crate::access::A;
use crate::access::B;
use crate::access::Guarded;
use crate::access::NOW_S;
use crate::access::name;
use crate::access::thing;
use crate::service::Here;
use crate::service::Served;
use crate::service::contains_below;
use crate::service::probity;
use crate::service::refusal;
use crate::service::run;
use crate::service::serve;
use crate::service::story;
use crate::service::story::MARKER;
use crate::service::verify;

type Accesses = AccessServiceClient<Line>;

impl Guarded {
    async fn accesses(&self, principal: &str) -> Accesses {
        AccessServiceClient::new(self.line(principal).await)
    }

    /// All that is on record, in order.
    fn on_record(&self) -> Vec<AccessRecorded> {
        let service = self.running.accesses().unwrap();
        recorded(service)
    }

    /// What came onto the record by what was done.
    async fn recorded_by<T>(&self, done: impl Future<Output = T>) -> (T, Vec<AccessRecorded>) {
        let before = self.on_record().len();
        let answer = done.await;
        (answer, self.on_record().split_off(before))
    }

    /// Ends the service; both of its logs are whole.
    async fn stop_and_verify(self) {
        let data = self.folder.path().join("data");
        self.running.stop().await.unwrap();
        verify(&data);
        verify(&data.join("access"));
        assert!(!contains_below(&data.join("access"), MARKER.as_bytes()), "what the access log has");
    }
}

fn recorded(service: &Service) -> Vec<AccessRecorded> {
    let reader = service.reader();
    let entries = (0..reader.size()).map(|index| reader.entry(index).unwrap().unwrap());
    let events = entries.filter_map(|read| {
        let manifest = read.checked.manifest?;
        let event_type = EventType::parse(&manifest.event_type, manifest.version).unwrap();
        assert_eq!(manifest.principal, "system");
        match Event::decode(event_type, &read.checked.entry.open?.payload).unwrap() {
            Event::AccessRecorded(event) => Some(event),
            _ => None,
        }
    });
    events.collect()
}

fn of_record(name: &str) -> v1::GetRecordRequest {
    v1::GetRecordRequest { name: name.to_owned(), open_identity: true, ..Default::default() }
}

fn code(code: Option<probity::events::Code>) -> String {
    code.map_or_else(String::new, |code| format!("{}/{}", code.scheme, code.code))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_is_on_record_when_its_answer_is_there() {
    let guarded = Guarded::open().await;
    let mut records = guarded.records("a").await;
    let person = name("entity", A);
    let (answer, news) = guarded.recorded_by(records.get_record(of_record(&person))).await;
    answer.unwrap();
    let [one] = <[_; 1]>::try_from(news).unwrap();
    assert_eq!((one.principal.as_str(), one.level.as_str(), one.number), ("a", "L4", 0));
    assert_eq!(one.body_id, thing("body", A));
    assert_eq!(one.method, "probity.v1.RecordService/GetRecord");
    assert_eq!((code(one.purpose), code(one.legal_basis)), ("duty/test".to_owned(), "law/test".to_owned()));
    assert_eq!(one.outcome, i32::from(AccessOutcome::Answered));
    assert_eq!(one.asked, [person]);
    assert_eq!(one.person_ids, [thing("entity", A)], "bodies are no persons");
    assert!(one.emergency.is_none() && one.review_due.is_none());

    // What is foreign looks to its caller like what is not there; the record knows who was asked about.
    for (who, persons) in
        [(name("entity", B), vec![thing("entity", B)]), (format!("entity/{}", story::id(77, 77)), vec![])]
    {
        let (answer, news) = guarded.recorded_by(records.get_record(of_record(&who))).await;
        assert_eq!(Reason::of(&answer.unwrap_err()), Some(Reason::RecordNotFound));
        assert_eq!(news.len(), 1);
        assert_eq!(news[0].outcome, i32::from(AccessOutcome::NotFound));
        assert_eq!((&news[0].asked, &news[0].person_ids), (&vec![who], &persons));
    }

    // Entries name persons by their ids alone; a stream is on record too.
    let mut ledger = LedgerServiceClient::new(guarded.line("a").await);
    let (_, news) = guarded.recorded_by(ledger.get_entry(v1::GetEntryRequest { position: 3, view: 0 })).await;
    assert_eq!((news[0].positions.as_slice(), news.len()), ([3].as_slice(), 1));
    let all = v1::ReadEntriesRequest::default();
    let mut auditor = LedgerServiceClient::new(guarded.line("auditor").await);
    let read = async {
        let mut messages = auditor.read_entries(all).await.unwrap().into_inner();
        while messages.message().await.unwrap().is_some() {}
    };
    let ((), news) = guarded.recorded_by(read).await;
    assert_eq!(news.len(), 1);
    let persons: BTreeSet<String> = news[0].person_ids.iter().cloned().collect();
    assert_eq!(persons, BTreeSet::from([thing("entity", A), thing("entity", B)]));
    guarded.stop_and_verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_with_a_basis_leaves_one_record_of_each_call() {
    let guarded = Guarded::open().await;
    for principal in ["a", "x", "auditor", "control", "public", "operator", "k1"] {
        let line = guarded.line(principal).await;
        for rule in RULES.iter().filter(|rule| !rule.method.starts_with('/')) {
            let streams = rule.method.ends_with("Subscribe") || rule.method.ends_with("Watch");
            if streams || rule.method.starts_with("grpc.") || rule.method.ends_with("AppendStream") {
                continue;
            }
            let call = raw(line.clone(), rule.method);
            let (ended, news) = guarded.recorded_by(call).await;
            let expected = usize::from(rule.basis && principal != "public");
            assert_eq!(news.len(), expected, "{} by {principal}: {ended:?}", rule.method);
            let Some(one) = news.first() else { continue };
            let outcome = match ended {
                Ok(()) => AccessOutcome::Answered,
                Err(status) => match status.code() {
                    tonic::Code::PermissionDenied => AccessOutcome::Refused,
                    tonic::Code::NotFound => AccessOutcome::NotFound,
                    _ => AccessOutcome::Failed,
                },
            };
            assert_eq!(one.outcome, i32::from(outcome), "{} by {principal}", rule.method);
            assert_eq!((one.method.as_str(), one.principal.as_str()), (rule.method, principal));
        }
    }
    // Without saying why, and with nobody's name.
    let silent = Credentials { purpose: None, ..guarded.credentials("a") };
    let line = silent.dial(&guarded.url).await.unwrap();
    let (ended, news) = guarded.recorded_by(raw(line, "probity.v1.RecordService/GetCase")).await;
    assert_eq!(Reason::of(&ended.unwrap_err()), Some(Reason::PurposeRequired));
    assert_eq!((news.len(), news[0].outcome), (1, i32::from(AccessOutcome::Refused)));
    let nobody = Credentials { certificate: None, key: None, ..guarded.credentials("a") };
    let line = nobody.dial(&guarded.url).await.unwrap();
    let (ended, news) = guarded.recorded_by(raw(line, "probity.v1.RecordService/GetCase")).await;
    assert_eq!(Reason::of(&ended.unwrap_err()), Some(Reason::Unauthenticated));
    assert_eq!(news, []);
    guarded.stop_and_verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_turned_away_again_and_again_is_counted() {
    const METHOD: &str = "probity.v1.RecordService/GetCase";
    let guarded = Guarded::open().await;
    let turned_away = async |principal: &str, method: &str| {
        let (ended, news) = guarded.recorded_by(raw(guarded.line(principal).await, method)).await;
        assert_eq!(Reason::of(&ended.unwrap_err()), Some(Reason::PermissionDenied), "{principal}: {method}");
        news.into_iter().map(|one| (one.principal, one.method, one.calls, one.outcome)).collect::<Vec<_>>()
    };
    let refused = |principal: &str, method: &str, calls: u32| {
        (principal.to_owned(), method.to_owned(), calls, i32::from(AccessOutcome::Refused))
    };
    assert_eq!(turned_away("operator", METHOD).await, [refused("operator", METHOD, 0)]);
    for _ in 0..4 {
        assert_eq!(turned_away("operator", METHOD).await, []);
    }
    // Another principal or method is told at once.
    assert_eq!(turned_away("k1", METHOD).await, [refused("k1", METHOD, 0)]);
    let other = "probity.v1.RecordService/GetDecision";
    assert_eq!(turned_away("operator", other).await, [refused("operator", other, 0)]);
    guarded.clock.pass(59_999);
    assert_eq!(turned_away("operator", METHOD).await, []);
    guarded.clock.pass(1);
    let next_minute = [refused("operator", METHOD, 5), refused("operator", METHOD, 0)];
    assert_eq!(turned_away("operator", METHOD).await, next_minute);
    // What is asked about and is not there stays on record one by one.
    let mut records = guarded.records("a").await;
    for _ in 0..3 {
        let foreign = records.get_record(of_record(&name("entity", B)));
        let (answer, news) = guarded.recorded_by(foreign).await;
        assert_eq!((Reason::of(&answer.unwrap_err()), news.len()), (Some(Reason::RecordNotFound), 1));
    }
    // And at the end nobody is forgotten.
    assert_eq!((turned_away("operator", METHOD).await, turned_away("operator", METHOD).await), (vec![], vec![]));
    let before = guarded.on_record().len();
    let data = guarded.folder.path().join("data");
    guarded.running.stop().await.unwrap();
    verify(&data);
    verify(&data.join("access"));
    let mut options = Options::new(data.join("access"));
    (options.of, options.store.reserve_bytes) = (LogOf::Accesses, 0);
    let clock: Clock = Arc::clone(&guarded.clock) as Clock;
    let opened = tokio::task::spawn_blocking(move || service::open(&options, clock, |_| ())).await;
    let again = opened.unwrap().unwrap();
    let told = recorded(&again);
    assert_eq!(told.len(), before + 1);
    let last = told.last().unwrap();
    assert_eq!((last.principal.as_str(), last.calls), ("operator", 2));
    again.stop().unwrap();
}

/// Calls a method with an empty request, and reads its answer to the end.
async fn raw(line: Line, method: &str) -> Result<(), Status> {
    let mut client = tonic::client::Grpc::new(line);
    client.ready().await.unwrap();
    let path = format!("/{method}").parse().unwrap();
    let mut answer =
        client.server_streaming(Request::new(()), path, ProstCodec::<(), ()>::default()).await?.into_inner();
    while answer.message().await?.is_some() {}
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_recorded_is_not_answered() {
    let folder = TempDir::new().unwrap();
    let store = Arc::new(FaultyStore::new(MemoryStore::new(), 1));
    let mut options = Options::new(folder.path().to_owned());
    options.of = LogOf::Accesses;
    let opened = Arc::clone(&store) as Arc<dyn LogStore>;
    let clock: Clock = Settable::at(NOW_S * 1000);
    let accesses = tokio::task::spawn_blocking(move || service::open_over(opened, &options, clock, |_| ())).await;
    let guarded = Guarded::open_recording(Some(accesses.unwrap().unwrap())).await;
    let mut records = guarded.records("a").await;
    let person = name("entity", A);
    records.get_record(of_record(&person)).await.unwrap();
    store.fail_after(0, Failure::BeforeWriting);
    for round in 0..3 {
        let refused = records.get_record(of_record(&person)).await.unwrap_err();
        refusal::check(&format!("round {round}"), &refused, Reason::AccessNotRecorded, "", "");
        // Not even that there is nothing.
        let nobody = format!("entity/{}", story::id(77, 77));
        let refused = records.get_record(of_record(&nobody)).await.unwrap_err();
        assert_eq!(Reason::of(&refused), Some(Reason::AccessNotRecorded));
    }
    let mut ledger = LedgerServiceClient::new(guarded.line("auditor").await);
    let refused = ledger.read_entries(v1::ReadEntriesRequest::default()).await.unwrap_err();
    assert_eq!(Reason::of(&refused), Some(Reason::AccessNotRecorded), "a stream does not begin");
    ledger.get_head(v1::GetHeadRequest {}).await.expect("a head is about nobody");
    assert_eq!(guarded.on_record().len(), 1);
    guarded.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_learns_of_every_read_and_can_prove_that_it_is_every_one() {
    let guarded = Guarded::open().await;
    let mut by: Vec<&str> = Vec::new();
    for principal in ["a", "auditor", "b", "hr", "control"] {
        let mut records = guarded.records(principal).await;
        drop(records.get_record(of_record(&name("entity", A))).await);
        by.push(principal);
    }
    let mut records = guarded.records("a").await;
    records.get_case(v1::GetCaseRequest { name: name("case", A), ..Default::default() }).await.unwrap();
    by.push("a");
    guarded.records("b").await.get_record(of_record(&name("entity", B))).await.unwrap();
    let mut x = guarded.accesses("x").await;
    let my = x.my_record(v1::MyRecordRequest { open_identity: true, at: None }).await.unwrap().into_inner();
    assert_eq!(my.record.unwrap().name, name("entity", A));
    by.push("x");

    let request = v1::WhoAccessedMeRequest { prove: true, ..Default::default() };
    let answer = x.who_accessed_me(request.clone()).await.unwrap().into_inner();
    let told: Vec<AccessRecorded> = answer.accesses.iter().filter_map(access).collect();
    assert_eq!(told.iter().map(|one| one.principal.as_str()).collect::<Vec<_>>(), by);
    assert!(told.iter().all(|one| one.person_ids == [thing("entity", A)]), "nobody else is named");
    let positions: Vec<u64> = answer.accesses.iter().map(|one| one.position).collect();
    let accesses = guarded.running.accesses().unwrap();
    let origin = "/access";
    assert!(answer.origin.ends_with(origin), "{}", answer.origin);
    let key = PublicKey::parse(&accesses.keys().public_keys().next().unwrap()).unwrap();
    let keys = [VerifierKey::new(&answer.origin, SignatureType::Ed25519, key).unwrap()];
    let trust = Trust { keys: &keys, policy: None };
    let proof = SubjectProof::parse(&answer.subject_proof).unwrap();
    let proved = verify_subject_proof(&proof, trust).unwrap();
    assert_eq!(proved.leaves.iter().map(|leaf| leaf.index).collect::<Vec<_>>(), positions);
    let everybody = SubjectProof::parse(&answer.everybody_proof).unwrap();
    assert_eq!(verify_subject_proof(&everybody, trust).unwrap().leaves.len(), 0);
    // A leaf less is no proof any more.
    let mut short = proof.clone();
    short.leaves.pop();
    short.inclusion.pop();
    verify_subject_proof(&short, trust).unwrap_err();

    // Page by page, the same; and another's token is worth nothing.
    let (mut paged, mut token) = (Vec::new(), String::new());
    let mut y = guarded.accesses("y").await;
    loop {
        let request = v1::WhoAccessedMeRequest { page_size: 2, page_token: token, prove: false };
        if !request.page_token.is_empty() {
            let refused = y.who_accessed_me(request.clone()).await.unwrap_err();
            assert_eq!(Reason::of(&refused), Some(Reason::PageTokenInvalid));
        }
        let page = x.who_accessed_me(request).await.unwrap().into_inner();
        paged.extend(page.accesses.iter().map(|one| one.position));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(paged[..positions.len()], positions);
    let of_y = y.who_accessed_me(v1::WhoAccessedMeRequest::default()).await.unwrap().into_inner();
    assert!(of_y.accesses.iter().filter_map(access).all(|one| one.person_ids == [thing("entity", B)]));
    guarded.stop_and_verify().await;
}

fn access(one: &v1::Access) -> Option<AccessRecorded> {
    match &one.event {
        Some(v1::access::Event::Access(access)) => Some(access.clone()),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_finds_accesses_by_reference_person_principal_and_period() {
    let guarded = Guarded::open().await;
    let mut a = guarded.records("a").await;
    a.get_case(v1::GetCaseRequest { name: name("case", A), ..Default::default() }).await.unwrap();
    a.get_record(of_record(&name("entity", A))).await.unwrap();
    let mut b = guarded.records("b").await;
    b.get_case(v1::GetCaseRequest { name: name("case", A), ..Default::default() }).await.unwrap_err();
    let mut auditor = guarded.accesses("auditor").await;
    let at = |s: u64| Some(prost_types::Timestamp { seconds: i64::try_from(s).unwrap(), nanos: 0 });
    let rows: [(Option<Of>, _, _, &[&str]); 7] = [
        (Some(Of::Reference(name("case", A))), None, None, &["a GetCase", "b GetCase"]),
        (Some(Of::Person(name("entity", A))), None, None, &["a GetCase", "a GetRecord"]),
        (Some(Of::Principal("b".to_owned())), None, None, &["b GetCase"]),
        (Some(Of::Principal("nobody".to_owned())), None, None, &[]),
        (None, at(NOW_S + 3600), None, &[]),
        (None, None, at(NOW_S - 3600), &[]),
        (Some(Of::Principal("a".to_owned())), at(NOW_S - 3600), at(NOW_S + 3600), &["a GetCase", "a GetRecord"]),
    ];
    for (of, from, to, expected) in rows {
        let request = v1::ListAccessesRequest { of: of.clone(), from, to, ..Default::default() };
        let (answer, news) = guarded.recorded_by(auditor.list_accesses(request)).await;
        let found: Vec<String> = answer
            .unwrap()
            .into_inner()
            .accesses
            .iter()
            .filter_map(access)
            .map(|one| format!("{} {}", one.principal, one.method.rsplit_once('/').unwrap().1))
            .filter(|one| !one.starts_with("auditor"))
            .collect();
        assert_eq!(found, expected, "{of:?}");
        assert_eq!(news.len(), 1, "that it was asked is on record");
    }
    for principal in ["a", "x", "operator", "hr"] {
        let refused = guarded.accesses(principal).await.list_accesses(v1::ListAccessesRequest::default()).await;
        assert_eq!(Reason::of(&refused.unwrap_err()), Some(Reason::PermissionDenied), "{principal}");
    }
    let first = v1::ListAccessesRequest { page_size: 1, ..Default::default() };
    let token = auditor.list_accesses(first.clone()).await.unwrap().into_inner().next_page_token;
    let other = v1::ListAccessesRequest { of: Some(Of::Principal("a".to_owned())), page_token: token, ..first };
    let refused = auditor.list_accesses(other).await.unwrap_err();
    assert_eq!(Reason::of(&refused), Some(Reason::PageTokenInvalid), "of another question");
    guarded.stop_and_verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_is_for_those_who_may_and_is_reviewed_by_another() {
    let guarded = Guarded::open().await;
    let in_emergency = |principal: &str| Credentials {
        emergency: Some("emergency/test".to_owned()),
        ..guarded.credentials(principal)
    };
    let foreign = v1::GetCaseRequest { name: name("case", B), ..Default::default() };
    let mut night = RecordServiceClient::new(in_emergency("night").dial(&guarded.url).await.unwrap());
    let mut by_day = guarded.records("night").await;
    let refused = by_day.get_case(foreign.clone()).await.unwrap_err();
    assert_eq!(Reason::of(&refused), Some(Reason::RecordNotFound), "without an emergency");
    let (answer, news) = guarded.recorded_by(night.get_case(foreign.clone())).await;
    answer.unwrap();
    assert_eq!((news.len(), code(news[0].emergency.clone())), (1, "emergency/test".to_owned()));
    let due = news[0].review_due.unwrap();
    assert_eq!((due.year, due.month, due.day), (2027, 1, 18));
    // Nothing that is not there, no list, and no append.
    let nothing = v1::GetCaseRequest { name: format!("case/{}", story::id(77, 77)), ..Default::default() };
    assert_eq!(Reason::of(&night.get_case(nothing).await.unwrap_err()), Some(Reason::RecordNotFound));
    let list = night.list_cases(v1::ListCasesRequest::default()).await.unwrap_err();
    assert_eq!(Reason::of(&list), Some(Reason::PermissionDenied));
    for principal in ["a", "hr", "auditor", "x"] {
        let mut records = RecordServiceClient::new(in_emergency(principal).dial(&guarded.url).await.unwrap());
        let (answer, news) = guarded.recorded_by(records.get_case(foreign.clone())).await;
        assert_eq!(Reason::of(&answer.unwrap_err()), Some(Reason::PermissionDenied), "{principal}");
        assert_eq!((news.len(), news[0].outcome), (1, i32::from(AccessOutcome::Refused)), "{principal}");
    }

    let mut auditor = guarded.accesses("auditor").await;
    let mut reader = guarded.accesses("night").await;
    let open = auditor.list_unreviewed(v1::ListUnreviewedRequest {}).await.unwrap().into_inner().accesses;
    assert_eq!(open.len(), 2, "the one that found nothing too");
    let named = open.iter().find(|one| one.name.ends_with(&news[0].access_id)).unwrap().name.clone();
    let review = |name: &str| v1::ReviewEmergencyRequest {
        name: name.to_owned(),
        finding: EmergencyFinding::Justified.into(),
        ground: story::code("review", "plausible"),
    };
    let rule = |refused: &Status| refused_rule(refused);
    let own = reader.review_emergency(review(&named)).await.unwrap_err();
    assert_eq!(rule(&own), "REVIEWER_IS_READER");
    let unknown = auditor.review_emergency(review(&format!("access/{}", story::id(77, 77)))).await.unwrap_err();
    assert_eq!(rule(&unknown), "STREAM_UNKNOWN");
    let calm = guarded.on_record().iter().find(|one| one.emergency.is_none()).unwrap().access_id.clone();
    let calm = auditor.review_emergency(review(&format!("access/{calm}"))).await.unwrap_err();
    assert_eq!(rule(&calm), "NO_EMERGENCY");
    let unsaid = v1::ReviewEmergencyRequest { finding: 0, ..review(&named) };
    auditor.review_emergency(unsaid).await.unwrap_err();
    auditor.review_emergency(review(&named)).await.unwrap();
    let twice = auditor.review_emergency(review(&named)).await.unwrap_err();
    assert_eq!(rule(&twice), "ALREADY_REVIEWED");
    let left = auditor.list_unreviewed(v1::ListUnreviewedRequest {}).await.unwrap().into_inner().accesses;
    assert_eq!(left.len(), 1);
    // Whom it was about learns of both.
    let told = guarded.accesses("y").await.who_accessed_me(v1::WhoAccessedMeRequest::default()).await.unwrap();
    let reviews = told.into_inner().accesses;
    assert!(reviews.iter().any(|one| matches!(&one.event, Some(v1::access::Event::Review(_)))));
    guarded.stop_and_verify().await;
}

fn refused_rule(refused: &Status) -> String {
    use tonic_types::StatusExt as _;
    let info = refused.get_details_error_info().unwrap();
    info.metadata.get("rule").cloned().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_service_writes_the_access_log_and_nothing_else() {
    let guarded = Guarded::open().await;
    let mut ledger = LedgerServiceClient::new(guarded.line("a").await);
    let access = AccessRecorded {
        access_id: story::id(1, 1),
        principal: "a".to_owned(),
        method: "probity.v1.RecordService/GetCase".to_owned(),
        outcome: AccessOutcome::Answered.into(),
        ..AccessRecorded::default()
    };
    let refused = ledger.append(story::append(500, [access.clone().into()])).await.unwrap_err();
    assert_eq!(Reason::of(&refused), Some(Reason::EventTypeUnknown));
    // Past the door, too.
    let wrong: [(&Service, Event, &str); 2] = [
        (guarded.running.service(), access.into(), "system"),
        (guarded.running.accesses().unwrap(), story::person(&story::id(5, 5)).into(), "system"),
    ];
    for (log, event, principal) in wrong {
        let proposed = probity::ledger::Proposed::plain(event.event_type(), event.encode().into());
        let request = probity::ledger::Request {
            principal: principal.to_owned(),
            request_id: [7; 16],
            events: vec![proposed],
            conditions: Vec::new(),
        };
        let prepared = probity::ledger::prepare(request, log.vault()).unwrap();
        let refused = log.queue().submit(prepared).await.map(drop).unwrap_err();
        assert!(refused.to_string().contains("NOT_IN_THIS_LOG"), "{refused}");
    }
    guarded.stop_and_verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_access_log_nobody_is_told_who_read() {
    let folder = TempDir::new().unwrap();
    let data: PathBuf = folder.path().join("data");
    let here = Here::open(&data, &Settable::at(NOW_S * 1000), |_| ()).await;
    let mut accesses = AccessServiceClient::connect(here.url.clone()).await.unwrap();
    let refused = accesses.list_accesses(v1::ListAccessesRequest::default()).await.unwrap_err();
    refusal::check("list", &refused, Reason::AccessLogOff, "", "");
    here.stop().await;
    assert!(!data.join("access").exists());
}

/// Killed while many read: whatever was answered is on record, and both logs go on.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_on_record_after_a_kill() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let said = crate::service::said(&data);
    let start = || Served::try_start(serve(&data).env("PROBITY_ACCESS_LOG", "true"), &said).unwrap();
    let served = start();
    served.ledger().await.append(story::append(1, [story::person(&story::id(1, 1)).into()])).await.unwrap();
    let person = format!("entity/{}", story::id(1, 1));
    let (told, mut answered) = tokio::sync::mpsc::unbounded_channel();
    for _ in 0..8 {
        let mut records = RecordServiceClient::connect(served.url.clone()).await.unwrap();
        let (told, request) = (told.clone(), of_record(&person));
        tokio::spawn(
            async move { while records.get_record(request.clone()).await.is_ok() && told.send(()).is_ok() {} },
        );
    }
    drop(told);
    let mut count = 0;
    while count < 50 && answered.recv().await.is_some() {
        count += 1;
    }
    served.kill();
    while answered.recv().await.is_some() {
        count += 1;
    }
    let served = start();
    let (status, printed, said) = run(&mut probity(["accesses", "--from", &served.url, "list", "--person", &person]));
    assert_eq!(status, Some(0), "{said}");
    let line = printed.lines().next().unwrap();
    assert!(line.contains("\tlocal\t-\tprobity.v1.RecordService/GetRecord\t-\t-\tanswered\t"), "{line}");
    assert!(printed.lines().count() >= count, "{count} answers: {printed}");
    let (status, printed, said) = run(&mut probity(["accesses", "--from", &served.url, "unreviewed"]));
    assert_eq!((status, printed.as_str()), (Some(0), ""), "{said}");
    served.stop();
    let mut options = Options::new(data.join("access"));
    options.store.reserve_bytes = 0;
    options.of = LogOf::Accesses;
    let opened = tokio::task::spawn_blocking(move || service::open(&options, probity::clock::machine(), |_| ())).await;
    let service = opened.unwrap().unwrap();
    let on_record = recorded(&service).len();
    assert!(on_record >= count, "{count} answers, {on_record} records");
    tokio::task::spawn_blocking(move || service.stop()).await.unwrap().unwrap();
    // Each is a log by itself, whatever is done with it; the one does not disturb the other.
    for (log, backup) in [(data.clone(), "matters"), (data.join("access"), "accesses")] {
        verify(&log);
        let (log, backup) = (log.to_str().unwrap(), folder.path().join(backup));
        let (backup, restored) = (backup.to_str().unwrap(), backup.with_extension("restored"));
        let restored = restored.to_str().unwrap();
        for words in [
            vec!["doctor", "--data", log],
            vec!["backup", "--data", log, "--to", backup],
            vec!["verify", "--backup", backup],
            vec!["restore", "--backup", backup, "--data", restored, "--keys", &format!("{log}/keys")],
            vec!["verify", "--data", restored],
        ] {
            let (status, printed, said) = run(&mut probity(&words));
            assert_eq!(status, Some(0), "{words:?}: {printed}{said}");
        }
        assert!(!PathBuf::from(restored).join("access").exists());
    }
}
