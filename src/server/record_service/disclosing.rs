//! A record that is shown to somebody: that is put on record before the answer leaves, once, however often it is asked.

use sha2::Digest;
use sha2::Sha256;
use tonic::Response;
use tonic::Status;

use crate::access::Level;
use crate::domain::dates::Day;
use crate::events;
use crate::events::Context;
use crate::events::DisclosureLevel;
use crate::events::Event;
use crate::events::LegalBasis;
use crate::events::PartialDate;
use crate::events::RecordDisclosed;
use crate::log::Id;
use crate::log::Name;
use crate::proto::v1;
use crate::server::erasures;
use crate::server::gate::denied;
use crate::server::record_service::Records;
use crate::server::record_service::asker::Asker;
use crate::server::record_service::at::Known;
use crate::server::record_service::at::Times;
use crate::server::record_service::errors::Refusal;
use crate::server::record_service::filter;
use crate::server::record_service::parse_name;
use crate::server::record_service::parse_name_in;
use crate::views::Histories;
use crate::views::History;

/// What is shown to whom, by whom.
pub(super) struct Showing {
    principal: String,
    request_id: [u8; 16],
    /// As of when it is shown: as the first time.
    pub times: Times,
    pub recipient: Option<Name>,
    /// All but what the answer says.
    event: RecordDisclosed,
}

impl<H: Histories> Records<H> {
    /// What a request to show a clearance to somebody means: the same as the first time it was made.
    pub(super) async fn showing(
        &self,
        asker: &Asker,
        request: &v1::GetClearanceRequest,
        to: &v1::DisclosedTo,
        times: Times,
    ) -> Result<Showing, Status> {
        let caller = &asker.caller;
        // The person himself shows what he likes to whom he likes; and in an emergency one reads, and records nothing.
        if self.disclosing.is_none() || caller.level() == Some(Level::L3) || caller.emergency().is_some() {
            return Err(denied());
        }
        let person = parse_name(&request.name, &["entity"])?;
        let recipient = parse_name_in("disclose_to.recipient", &to.recipient, &["entity"])?;
        if to.reference.is_empty() {
            return Err(filter::refused("disclose_to.reference", "REQUIRED", "which request it answers").into());
        }
        let said = caller.legal_basis().map(|basis| LegalBasis {
            instrument: Some(events::Code { scheme: basis.scheme.clone(), code: basis.code.clone() }),
            article: String::new(),
        });
        let Some(basis) = to.basis.clone().or(said) else {
            return Err(filter::refused("disclose_to.basis", "REQUIRED", "what the disclosure rests on").into());
        };
        let purpose = request.purpose.clone().unwrap_or_default();
        let of = |label: &[u8]| {
            let parts = [
                caller.principal(),
                person.as_str(),
                recipient.as_str(),
                &purpose.scheme,
                &purpose.code,
                &to.reference,
            ];
            derived(label, &parts)
        };
        let disclosure_id = Id(u128::from_be_bytes(of(b"probity/disclosure-id/v1"))).to_string();
        let event = RecordDisclosed {
            context: Some(Context { correlation: to.reference.clone(), ..Context::default() }),
            recipient_id: recipient.id().to_owned(),
            disclosed_by_id: caller.body().map(|body| body.id().to_owned()).unwrap_or_default(),
            purpose: request.purpose.clone(),
            basis: Some(basis),
            targets: vec![person.to_string()],
            subject_ids: vec![person.id().to_owned()],
            level: DisclosureLevel::Clearance.into(),
            disclosed_on: Some(Day::from_unix_ms(self.clock.unix_ms()).into()),
            disclosure_id,
            ..RecordDisclosed::default()
        };
        let showing = Showing {
            principal: caller.principal().to_owned(),
            request_id: of(b"probity/disclosure-request/v1"),
            times,
            recipient: Some(recipient),
            event,
        };
        Ok(match self.shown_before(&showing.event).await? {
            Some((known_at, on)) => showing.again(known_at, on),
            None => showing,
        })
    }

    /// Up to which entry, and on which day, this was shown before.
    async fn shown_before(&self, event: &RecordDisclosed) -> Result<Option<(u64, PartialDate)>, Refusal> {
        let Ok(name) = Name::of("disclosure", &event.disclosure_id) else { return Ok(None) };
        self.blocking(move |histories| {
            let upto = histories.coverage().applied;
            let Some(first) = histories.places(History::Stream(&name), None, upto, 1)?.pop() else { return Ok(None) };
            Ok(match histories.recorded(first)?.event() {
                Some(Event::RecordDisclosed(event)) => event.disclosed_on.map(|on| (event.known_at, on)),
                _ => None,
            })
        })
        .await
    }

    /// Puts on record what an answer shows, and then lets it go.
    pub(super) async fn disclose(
        &self,
        showing: Showing,
        answer: Response<v1::GetClearanceResponse>,
    ) -> Result<Response<v1::GetClearanceResponse>, Status> {
        let service = self.disclosing.as_ref().ok_or_else(denied)?;
        let (metadata, mut answer, extensions) = answer.into_parts();
        let event = RecordDisclosed {
            known_at: answer.stamp.as_ref().map_or(0, |stamp| stamp.position),
            extract_sha256: answer.extract_sha256.clone(),
            ..showing.event
        };
        answer.disclosure = format!("disclosure/{}", event.disclosure_id);
        let recorded = erasures::record(service, &showing.principal, showing.request_id, event.into()).await?;
        answer.disclosure_position = Some(recorded.receipt.first_index);
        Ok(Response::from_parts(metadata, answer, extensions))
    }
}

impl Showing {
    /// What the caller does not say is as it was.
    fn again(self, known_at: u64, on: PartialDate) -> Self {
        let mut times = self.times;
        if times.known_at == Known::Now {
            times.known_at = Known::Position(known_at);
        }
        times.as_of = times.as_of.or_else(|| Day::new(on.year, on.month, on.day));
        Self { times, event: RecordDisclosed { disclosed_on: Some(on), ..self.event }, ..self }
    }
}

/// 16 bytes that follow from these texts, and from no others.
fn derived(label: &[u8], parts: &[&str]) -> [u8; 16] {
    let mut hasher = Sha256::new();
    hasher.update(label);
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let whole: [u8; 32] = hasher.finalize().into();
    *whole.first_chunk().expect("32 bytes have a first 16")
}
