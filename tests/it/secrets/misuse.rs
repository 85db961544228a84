//! Requests with what is personal in places where it does not belong.

use probity::access::RULES;
use probity::events::CaseOpened;
use probity::events::Code;
use probity::proto::v1;
use probity::proto::v1::access_service_client::AccessServiceClient;
use probity::proto::v1::admin_service_client::AdminServiceClient;
use probity::proto::v1::export_service_client::ExportServiceClient;
use probity::proto::v1::ledger_service_client::LedgerServiceClient;
use probity::proto::v1::record_service_client::RecordServiceClient;
use probity::tls::Line;
use tonic::Request;
use tonic::Status;
use tonic_prost::ProstCodec;

use crate::secrets::AUDITOR;
use crate::secrets::FORGED;
use crate::secrets::NAME;
use crate::secrets::NUMBER;
use crate::secrets::registered;
use crate::service::story;

/// Appends that are all refused.
pub(super) fn appends() -> Vec<(&'static str, v1::AppendRequest)> {
    let good = || story::append(500, [registered().into()]);
    let named = |scheme: &str, code: &str| Some(Code { scheme: scheme.to_owned(), code: code.to_owned() });
    let case = |change: &dyn Fn(&mut CaseOpened)| {
        let mut case = story::case(&story::id(501, 3), &[&story::id(501, 1)]);
        change(&mut case);
        story::append(501, [case.into()])
    };
    let undecodable = story::raw("probity.events.v1.PersonRegistered", NAME.as_bytes().to_vec());
    let unknown_type = story::raw(&format!("probity.events.v1.{NAME}"), Vec::new());
    // A field that nobody knows, with a name in it.
    let mut unknown_field = registered();
    unknown_field.entity_id = story::id(502, 1);
    let mut bytes = prost::Message::encode_to_vec(&unknown_field);
    bytes.extend([0xfa, 0x7f, u8::try_from(NAME.len()).unwrap()]);
    bytes.extend(NAME.as_bytes());
    let unknown_field = story::raw("probity.events.v1.PersonRegistered", bytes);
    let of = |event: v1::ProposedEvent| v1::AppendRequest { events: vec![event], ..story::append(502, []) };
    vec![
        ("a name as request id", v1::AppendRequest { request_id: NAME.to_owned(), ..good() }),
        ("a number that is registered", story::append(503, [registered().into()])),
        ("the same id again", v1::AppendRequest { events: [good().events, good().events].concat(), ..good() }),
        ("a request id for something else", v1::AppendRequest { events: good().events, ..story::append(1, []) }),
        ("a name as the type of an event", of(unknown_type)),
        ("a name as an event", of(undecodable)),
        ("a name in a field that is none", of(unknown_field)),
        ("a name as id", case(&|case| NAME.clone_into(&mut case.case_id))),
        ("a name as respondent", case(&|case| case.respondent_ids = vec![NAME.to_owned()])),
        ("a name as code", case(&|case| case.regime = named("regime", NAME))),
        ("a number as scheme", case(&|case| case.regime = named(NUMBER, "x"))),
        ("a person that is nobody", case(&|_| ())),
    ]
}

/// Paths of plain HTTP.
pub(super) fn paths() -> Vec<String> {
    let name = NAME.replace(' ', "%20");
    vec![
        "/checkpoint".to_owned(),
        format!("/tile/0/{name}"),
        format!("/{name}"),
        format!("/checkpoint?name={name}&number={NUMBER}"),
        format!("/tile/entries/000?access_token={AUDITOR}"),
        format!("/metrics?token={FORGED}"),
        format!("/tile/entries/{NUMBER}"),
    ]
}

async fn raw(line: Line, method: &str) -> Result<(), Status> {
    let mut client = tonic::client::Grpc::new(line);
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let path = format!("/{method}").parse().unwrap();
    let mut request = Request::new(());
    request.set_timeout(std::time::Duration::from_secs(2));
    let mut answer = client.server_streaming(request, path, ProstCodec::<(), ()>::default()).await?.into_inner();
    while answer.message().await?.is_some() {}
    Ok(())
}

/// Calls of every method with nothing, and of some with too much; how each ended.
pub(super) async fn calls(line: Line) -> Vec<(String, Result<(), Status>)> {
    let mut ended = Vec::new();
    for rule in RULES.iter().filter(|rule| !rule.method.starts_with('/')) {
        if rule.method.ends_with("Subscribe") || rule.method.ends_with("Watch") {
            continue;
        }
        ended.push((rule.method.to_owned(), raw(line.clone(), rule.method).await));
    }
    let unknown = format!("probity.v1.RecordService/{}", NUMBER.replace('-', ""));
    ended.push(("a number as method".to_owned(), raw(line.clone(), &unknown).await));
    let mut records = RecordServiceClient::new(line.clone());
    let find =
        |scheme: &str, value: &str| v1::FindRequest { scheme: scheme.to_owned(), value: value.to_owned(), at: None };
    for (what, scheme, value) in [("a number", "test.register", NUMBER), ("a name as scheme", NAME, NUMBER)] {
        ended.push((format!("Find of {what}"), records.find(find(scheme, value)).await.map(drop)));
    }
    for (what, name) in [("a name", NAME.to_owned()), ("a name as id", format!("entity/{NAME}"))] {
        let record = v1::GetRecordRequest { name: name.clone(), ..Default::default() };
        ended.push((format!("GetRecord of {what}"), records.get_record(record).await.map(drop)));
        let case = v1::GetCaseRequest { name: name.clone(), ..Default::default() };
        ended.push((format!("GetCase of {what}"), records.get_case(case).await.map(drop)));
        let petition = v1::GetPetitionRequest { name: name.clone(), ..Default::default() };
        ended.push((format!("GetPetition of {what}"), records.get_petition(petition).await.map(drop)));
        let list = v1::ListCasesRequest { body: name.clone(), page_token: NUMBER.to_owned(), ..Default::default() };
        ended.push((format!("ListCases of {what}"), records.list_cases(list).await.map(drop)));
    }
    let list = v1::ListCasesRequest { page_token: NAME.to_owned(), ..Default::default() };
    ended.push(("a name as page".to_owned(), records.list_cases(list).await.map(drop)));
    let mut ledger = LedgerServiceClient::new(line.clone());
    for (what, request) in appends() {
        ended.push((what.to_owned(), ledger.append(request).await.map(drop)));
    }
    let mut exports = ExportServiceClient::new(line.clone());
    let export =
        v1::CreateExportRequest { request_id: story::request_id(95), profile: NAME.to_owned(), ..Default::default() };
    ended.push(("a name as profile".to_owned(), exports.create_export(export).await.map(drop)));
    let download = v1::DownloadExportRequest { export_id: NAME.to_owned(), file: format!("../{NUMBER}"), offset: 0 };
    ended.push(("a name as export".to_owned(), exports.download_export(download).await.map(drop)));
    let mut admin = AdminServiceClient::new(line.clone());
    let approve =
        v1::ApproveErasureRequest { request_id: NUMBER.to_owned(), name: NAME.to_owned(), ..Default::default() };
    ended.push(("a name as erasure".to_owned(), admin.approve_erasure(approve).await.map(drop)));
    let mut accesses = AccessServiceClient::new(line);
    let offer = v1::OfferCustodyRequest { position: 1, part: 1, to_principal: NAME.to_owned() };
    ended.push(("a name as custodian".to_owned(), accesses.offer_custody(offer).await.map(drop)));
    let open = v1::OpenProtectedRequest { position: 1, part: 1, offer: FORGED.as_bytes().to_vec().into() };
    ended.push(("a token as offer".to_owned(), accesses.open_protected(open).await.map(drop)));
    ended
}
