//! Erasures over gRPC: asking for one, approving it, and what became of each.

use std::sync::Arc;

use sha2::Digest;
use sha2::Sha256;
use tonic::Status;

use crate::access::Caller;
use crate::domain::dates::Day;
use crate::domain::erasure;
use crate::domain::erasure::End;
use crate::events::Context;
use crate::events::ErasureApproved;
use crate::events::ErasureRequested;
use crate::events::Event;
use crate::events::LegalBasis;
use crate::ledger::Proposed;
use crate::ledger::Request;
use crate::ledger::prepare;
use crate::log::Id;
use crate::log::Name;
use crate::log::OPEN_PAYLOAD_BIT;
use crate::proto::v1;
use crate::proto::v1::ErasureState;
use crate::sequencer::Recorded;
use crate::server::convert;
use crate::server::errors::Reason;
use crate::server::errors::field_invalid;
use crate::server::errors::of_append;
use crate::server::errors::of_index;
use crate::server::errors::of_refusal;
use crate::server::gate::denied;
use crate::server::record_service::of_read;
use crate::server::sight::Sight;
use crate::service::Service;
use crate::service::erase;
use crate::service::erase::EraseError;
use crate::service::erase::Held;
use crate::service::erase::Loss;
use crate::service::erase::Survey;

/// Losses that one answer lists.
const LOSSES_MAX: usize = 1000;

/// Asks for an erasure, or looks what it would take away.
pub(super) async fn request(
    service: Arc<Service>,
    caller: &Caller,
    asked: v1::RequestErasureRequest,
) -> Result<v1::RequestErasureResponse, Status> {
    let principal = caller.principal();
    own(&service, caller, &asked)?;
    let dry_run = asked.dry_run;
    let request_id = if dry_run { [0; 16] } else { convert::uuid("request_id", &asked.request_id)? };
    let id = erasure_id(principal, &request_id);
    let event = event(&service, id, principal, asked)?;
    let wanted = erase::forgetting(&event);
    let looked = Arc::clone(&service);
    let surveyed = tokio::task::spawn_blocking(move || {
        let keys = erase::keys_of(looked.reader(), &wanted)?;
        let survey = erase::survey(looked.reader(), &keys, &wanted)?;
        Ok::<_, EraseError>((survey, keys.len()))
    });
    let (survey, keys) = surveyed.await.map_err(|_| ending())?.map_err(|error| of_erase(&error))?;
    let mut answer = v1::RequestErasureResponse {
        expires_on: event.expires_on,
        entries: survey.losses.len() as u64,
        keys: u32::try_from(keys).unwrap_or(u32::MAX),
        losses: survey.losses.iter().take(LOSSES_MAX).map(loss).collect(),
        parts_sealed_by_clients: survey.losses.iter().map(|loss| u64::from(loss.sealed_by_clients.count_ones())).sum(),
        ..v1::RequestErasureResponse::default()
    };
    if dry_run {
        answer.holds = survey.holds.iter().map(hold).collect();
        return Ok(answer);
    }
    not_held(&survey)?;
    let recorded = record(&service, principal, request_id, event.into()).await?;
    answer.erasure = format!("erasure/{id}");
    answer.position = Some(recorded.receipt.first_index);
    Ok(answer)
}

/// Approves an erasure, and lets it be carried out where that was the second approval.
pub(super) async fn approve(
    service: Arc<Service>,
    principal: &str,
    asked: v1::ApproveErasureRequest,
) -> Result<v1::ApproveErasureResponse, Status> {
    let request_id = convert::uuid("request_id", &asked.request_id)?;
    let name = Name::parse(&asked.name).ok().filter(|name| name.kind() == "erasure");
    let Some(name) = name else { return Err(field_invalid("name", "NOT_A_NAME", "the name of an erasure")) };
    let id = Id::parse(name.id()).map_err(|error| field_invalid("name", "NOT_A_NAME", error.to_string()))?;
    let looked = Arc::clone(&service);
    let surveyed = tokio::task::spawn_blocking(move || {
        let found = erase::all(looked.reader())?.into_iter().find(|(found, _)| *found == id);
        let Some((_, state)) = found else { return Ok(Survey::default()) };
        let request = erase::requested(looked.reader(), state.at)?.ok_or(EraseError::Unreadable)?;
        let wanted = erase::forgetting(&request);
        Ok::<_, EraseError>(erase::survey(looked.reader(), &erase::keys_of(looked.reader(), &wanted)?, &wanted)?)
    });
    not_held(&surveyed.await.map_err(|_| ending())?.map_err(|error| of_erase(&error))?)?;
    let event = ErasureApproved {
        context: context(asked.legal_basis),
        erasure_id: id.to_string(),
        approver: principal.to_owned(),
        ground: asked.ground,
    };
    let recorded = record(&service, principal, request_id, event.into()).await?;
    service.erase_what_is_approved();
    let erasure = list(&service, false)?.into_iter().find(|erasure| erasure.name == asked.name);
    Ok(v1::ApproveErasureResponse { position: recorded.receipt.first_index, erasure })
}

/// What became of each erasure, the newest first.
pub(super) fn list(service: &Service, open_only: bool) -> Result<Vec<v1::Erasure>, Status> {
    let today = Day::from_unix_ms(service.clock().unix_ms());
    let all = erase::all(service.reader()).map_err(|error| of_index(&error))?;
    let listed = all.into_iter().rev().map(|(id, state)| {
        let became = match state.end {
            Some(End::Withdrawn) => ErasureState::Withdrawn,
            Some(End::Completed) => ErasureState::Completed,
            None if state.is_due() => ErasureState::Approved,
            None if state.expires.is_some_and(|last| today > last) => ErasureState::Expired,
            None => ErasureState::Requested,
        };
        v1::Erasure {
            name: format!("erasure/{id}"),
            state: became.into(),
            position: state.at,
            requester: state.requester,
            approvers: state.approvers,
            approvals_needed: u32::try_from(erasure::APPROVALS).expect("a few"),
            expires_on: state.expires.map(Into::into),
        }
    });
    let open = |erasure: &v1::Erasure| matches!(erasure.state(), ErasureState::Requested | ErasureState::Approved);
    Ok(listed.filter(|erasure| !open_only || open(erasure)).collect())
}

/// What is to go is the caller's to ask for; what is another's, and what is not there at all, is refused alike.
fn own(service: &Service, caller: &Caller, asked: &v1::RequestErasureRequest) -> Result<(), Status> {
    if caller.level().is_none() {
        return Ok(());
    }
    let reader = service.reader();
    let mut sight = Sight::new(caller.clone(), reader.size().saturating_sub(1));
    for scope in &asked.scopes {
        let name = Name::parse(&scope.owner).map_err(|_| denied())?;
        if !sight.admits(reader, &name).map_err(of_read)? {
            return Err(denied());
        }
    }
    for position in &asked.open_positions {
        let entry = reader.entry(*position).map_err(|error| of_index(&error))?.ok_or_else(denied)?;
        let event = entry.checked.leaf.event().ok_or_else(denied)?;
        if !sight.sees(reader, &event.stream.key, *position).map_err(of_read)? {
            return Err(denied());
        }
    }
    Ok(())
}

/// The event that asks for it. Asked again on another day, it says the same.
fn event(
    service: &Service,
    id: Id,
    principal: &str,
    asked: v1::RequestErasureRequest,
) -> Result<ErasureRequested, Status> {
    let all = erase::all(service.reader()).map_err(|error| of_index(&error))?;
    let before = all.into_iter().find(|(found, _)| *found == id).and_then(|(_, state)| state.expires);
    let last = before.unwrap_or_else(|| erasure::last_day(Day::from_unix_ms(service.clock().unix_ms())));
    Ok(ErasureRequested {
        context: context(asked.legal_basis),
        erasure_id: id.to_string(),
        scopes: asked.scopes,
        open_positions: asked.open_positions,
        subject_ids: asked.subject_ids,
        ground: asked.ground,
        order: asked.order,
        requester: principal.to_owned(),
        expires_on: Some(last.into()),
    })
}

fn context(legal_basis: Vec<LegalBasis>) -> Option<Context> {
    if legal_basis.is_empty() { None } else { Some(Context { legal_basis, ..Context::default() }) }
}

/// Of the request, so that it is the same when that is repeated; whoever made the request drew its bits at random.
fn erasure_id(principal: &str, request_id: &[u8; 16]) -> Id {
    let mut hasher = Sha256::new();
    hasher.update(b"probity/erasure-id/v1\0");
    hasher.update(request_id);
    hasher.update(principal);
    let whole: [u8; 32] = hasher.finalize().into();
    Id(u128::from_be_bytes(*whole.first_chunk().expect("32 bytes have a first 16")))
}

/// Records one event in the name of a principal; durable when it returns `Ok`.
///
/// # Errors
///
/// As of an append.
pub(super) async fn record(
    service: &Service,
    principal: &str,
    request_id: [u8; 16],
    event: Event,
) -> Result<Recorded, Status> {
    let events = vec![Proposed::plain(event.event_type(), event.encode().into())];
    let request = Request { principal: principal.to_owned(), request_id, events, conditions: Vec::new() };
    let prepared = prepare(request, service.vault()).map_err(|refusal| of_refusal(&refusal))?;
    let answer = service.queue().try_submit(prepared, None).map_err(|error| of_append(&error))?;
    service.queue().answered(answer).await.map_err(|error| of_append(&error))
}

fn not_held(survey: &Survey) -> Result<(), Status> {
    let Some(first) = survey.holds.first() else { return Ok(()) };
    let metadata = [("holds", survey.holds.len().to_string()), ("first", format!("hold/{}", first.hold))];
    Err(Reason::ErasureHeld.status("a hold is in force on something that is to be erased", &metadata))
}

fn of_erase(error: &EraseError) -> Status {
    match error {
        EraseError::Index(error) => of_index(error),
        EraseError::Append(error) => of_append(error),
        EraseError::Refused(refusal) => of_refusal(refusal),
        EraseError::Keys(_) | EraseError::Held(_) | EraseError::Unreadable => {
            Reason::StoreUnreadable.status(error.to_string(), &[])
        }
        EraseError::Ending => ending(),
    }
}

fn ending() -> Status {
    of_append(&crate::sequencer::AppendError::Ending)
}

fn loss(loss: &Loss) -> v1::ErasureLoss {
    v1::ErasureLoss {
        position: loss.losing.target.index,
        event_type: loss.event_type.clone(),
        parts: numbers(loss.parts),
        open_payload: loss.parts & OPEN_PAYLOAD_BIT != 0,
        erased_before: loss.losing.target.parts == 0,
        sealed_by_clients: numbers(loss.sealed_by_clients),
    }
}

/// Numbers of the parts whose bits are set.
fn numbers(bits: u32) -> Vec<u32> {
    (0..31).filter(|part| bits & 1 << part != 0).collect()
}

fn hold(held: &Held) -> v1::ErasureHold {
    v1::ErasureHold { name: format!("hold/{}", held.hold), target: held.target.clone() }
}
