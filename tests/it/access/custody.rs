//! What is protected is opened by two.

use probity::events::Event;
use probity::events::PetitionReceived;
use probity::proto::v1;
use probity::proto::v1::access_service_client::AccessServiceClient;
use probity::proto::v1::history::Of;
use probity::proto::v1::ledger_service_client::LedgerServiceClient;
use probity::server::errors::Reason;
use probity::tls::Line;
use prost::Message as _;
use prost::bytes::Bytes;

use crate::access::A;
use crate::access::Guarded;
use crate::access::name;
use crate::access::side;
use crate::client_sealed;
use crate::service::refusal;
use crate::service::story;

async fn offer(
    custodian: &mut AccessServiceClient<Line>,
    position: u64,
    part: u32,
    to: &str,
) -> Result<Bytes, tonic::Status> {
    let request = v1::OfferCustodyRequest { position, part, to_principal: to.to_owned() };
    custodian.offer_custody(request).await.map(|answer| answer.into_inner().offer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_petitioner_is_opened_by_two_custodians_and_by_no_other_two() {
    let guarded = Guarded::open().await;
    let mut ledger = LedgerServiceClient::new(guarded.line("a").await);
    let history = Some(v1::History { of: Some(Of::Stream(name("petition", A))) });
    let request = v1::ReadEntriesRequest { history, ..Default::default() };
    let entry = ledger.read_entries(request).await.unwrap().into_inner().message().await.unwrap().unwrap();
    let entry = entry.entries[0].clone();
    let part_of = |class: u32| (0..).zip(&entry.sealed_parts).find(|(_, part)| part.personal_class == class).unwrap().0;
    let (position, protected, narrative): (u64, u32, u32) = (entry.position, part_of(5), part_of(4));

    let mut one = AccessServiceClient::new(guarded.line("k1").await);
    let mut two = AccessServiceClient::new(guarded.line("k2").await);
    let offered = offer(&mut one, position, protected, "k2").await.unwrap();
    let open = |position, part, offer: &Bytes| v1::OpenProtectedRequest { position, part, offer: offer.clone() };
    let opened = two.open_protected(open(position, protected, &offered)).await.unwrap().into_inner();
    assert_eq!(opened.offered_by, "k1");
    let event = PetitionReceived::decode(opened.content.unwrap().value.as_slice()).unwrap();
    assert!(event.petitioner.unwrap().full_name.ends_with("petitioner") && event.summary.is_none());

    // By oneself, without an offer, for another part, of another class, and by whoever is no custodian.
    let denied =
        |what: &str, status: tonic::Status| drop(refusal::check(what, &status, Reason::PermissionDenied, "", ""));
    denied("to oneself", offer(&mut one, position, protected, "k1").await.unwrap_err());
    denied("to a handler", offer(&mut one, position, protected, "a").await.unwrap_err());
    denied("to nobody", offer(&mut one, position, protected, "").await.unwrap_err());
    denied("by whoever offered", one.open_protected(open(position, protected, &offered)).await.unwrap_err());
    denied("without an offer", two.open_protected(open(position, protected, &Bytes::new())).await.unwrap_err());
    denied("another part", two.open_protected(open(position, narrative, &offered)).await.unwrap_err());
    let of_narrative = offer(&mut one, position, narrative, "k2").await.unwrap();
    denied("another class", two.open_protected(open(position, narrative, &of_narrative)).await.unwrap_err());
    let of_nothing = offer(&mut one, 1 << 40, 0, "k2").await.unwrap();
    denied("nothing", two.open_protected(open(1 << 40, 0, &of_nothing)).await.unwrap_err());
    for principal in ["a", "auditor", "operator", "x"] {
        let mut other = AccessServiceClient::new(guarded.line(principal).await);
        denied(principal, offer(&mut other, position, protected, "k2").await.unwrap_err());
        denied(principal, other.open_protected(open(position, protected, &offered)).await.unwrap_err());
    }

    // Whom a client sealed, two custodians open no more than one; and that is what they are told.
    let received = side(A).into_iter().find_map(|event| match event {
        Event::PetitionReceived(petition) => Some(petition),
        _ => None,
    });
    let petition = PetitionReceived { petition_id: story::id(950, 7), ..received.unwrap() };
    let origin = ledger.get_head(v1::GetHeadRequest {}).await.unwrap().into_inner().origin;
    let request = client_sealed::request(950, client_sealed::sealed(&origin, 950, petition));
    let position = ledger.append(request).await.unwrap().into_inner().first_position;
    let offered = offer(&mut one, position, 0, "k2").await.unwrap();
    let opened = two.open_protected(open(position, 0, &offered)).await.unwrap().into_inner();
    assert!(opened.sealed_by_client && opened.content.is_none(), "{opened:?}");
    denied("the narrative beside", two.open_protected(open(position, 1, &offered)).await.unwrap_err());
    guarded.stop().await;
}
