use std::error::Error;

use probity::events::Event;
use probity::events::OrganisationName;
use probity::events::OrganisationRegistered;
use probity::proto::v1;
use probity::proto::v1::ledger_service_client::LedgerServiceClient;
use probity::proto::v1::record_service_client::RecordServiceClient;
use prost_types::Any;

pub(crate) async fn append_and_ask(url: String) -> Result<v1::Record, Box<dyn Error>> {
    let entity_id = ulid::Ulid::generate().to_string();
    let name = OrganisationName { text: "Northwick Port Authority".to_owned(), language: "en".to_owned() };
    let event: Event =
        OrganisationRegistered { entity_id: entity_id.clone(), names: vec![name], ..Default::default() }.into();
    let type_url = format!("type.googleapis.com/{}", event.event_type().message());
    let proposed = v1::ProposedEvent { event: Some(Any { type_url, value: event.encode() }), ..Default::default() };
    let request_id = uuid::Uuid::new_v4().to_string();
    let request = v1::AppendRequest { request_id, events: vec![proposed], ..Default::default() };
    let receipt = LedgerServiceClient::connect(url.clone()).await?.append(request).await?.into_inner();

    let own_write = v1::AsOf { min_position: Some(receipt.first_position), ..Default::default() };
    let name = format!("entity/{entity_id}");
    let question = v1::GetRecordRequest { name, at: Some(own_write), ..Default::default() };
    let answer = RecordServiceClient::connect(url).await?.get_record(question).await?.into_inner();
    Ok(answer.record.unwrap_or_default())
}
