//! Single matters: petitions, duties to declare, verifications, appeals, and the checklist of a case.

use tonic::Request;
use tonic::Response;
use tonic::Status;

use crate::log::Name;
use crate::proto::v1::DiffDeclarationsRequest;
use crate::proto::v1::DiffDeclarationsResponse;
use crate::proto::v1::GetAppealRequest;
use crate::proto::v1::GetAppealResponse;
use crate::proto::v1::GetChecklistRequest;
use crate::proto::v1::GetChecklistResponse;
use crate::proto::v1::GetObligationRequest;
use crate::proto::v1::GetObligationResponse;
use crate::proto::v1::GetPetitionRequest;
use crate::proto::v1::GetPetitionResponse;
use crate::proto::v1::GetVerificationRequest;
use crate::proto::v1::GetVerificationResponse;
use crate::server::record_service::Records;
use crate::server::record_service::asker::Asker;
use crate::server::record_service::at;
use crate::server::record_service::errors::Refusal;
use crate::server::record_service::filter;
use crate::server::record_service::parse_name;
use crate::server::record_service::parse_name_in;
use crate::views::Histories;
use crate::views::appeal;
use crate::views::case;
use crate::views::checklist;
use crate::views::declaration;
use crate::views::difference;
use crate::views::obligation;
use crate::views::petition;
use crate::views::verification;

/// The most that both declarations of a difference hold, opened.
const COMPARED_BYTES_MAX: usize = 32 << 20;

impl<H: Histories> Records<H> {
    pub(super) async fn petition(
        &self,
        request: Request<GetPetitionRequest>,
    ) -> Result<Response<GetPetitionResponse>, Status> {
        let asker = Asker::of(&request)?;
        let request = request.into_inner();
        let name = parse_name(&request.name, &["petition"])?;
        let times = at::parse(request.at.as_ref())?;
        self.answer(times, asker, move |reader, stamp| {
            reader.admit(&name)?;
            let entries = reader.matter(&name)?;
            let petition = petition::petition(&name, &entries, reader.view());
            let mut petition = petition.ok_or_else(|| reader.not_found())?;
            if request.open_narratives {
                reader.open_petition(&mut petition)?;
            }
            Ok(GetPetitionResponse { petition: Some(petition), stamp: Some(stamp) })
        })
        .await
    }

    pub(super) async fn obligation(
        &self,
        request: Request<GetObligationRequest>,
    ) -> Result<Response<GetObligationResponse>, Status> {
        let asker = Asker::of(&request)?;
        let request = request.into_inner();
        let name = parse_name(&request.name, &["obligation"])?;
        let times = at::parse(request.at.as_ref())?;
        self.answer(times, asker, move |reader, stamp| {
            reader.admit(&name)?;
            let entries = reader.matter(&name)?;
            let obligation = obligation::obligation(&name, &entries, reader.view());
            let obligation = obligation.ok_or_else(|| reader.not_found())?;
            Ok(GetObligationResponse { obligation: Some(obligation), stamp: Some(stamp) })
        })
        .await
    }

    pub(super) async fn verification(
        &self,
        request: Request<GetVerificationRequest>,
    ) -> Result<Response<GetVerificationResponse>, Status> {
        let asker = Asker::of(&request)?;
        let request = request.into_inner();
        let name = parse_name(&request.name, &["verification"])?;
        let times = at::parse(request.at.as_ref())?;
        self.answer(times, asker, move |reader, stamp| {
            reader.admit(&name)?;
            let entries = reader.matter(&name)?;
            let verification = verification::verification(&name, &entries, reader.view());
            let mut verification = verification.ok_or_else(|| reader.not_found())?;
            if request.open_narratives {
                reader.open_verification(&mut verification)?;
            }
            Ok(GetVerificationResponse { verification: Some(verification), stamp: Some(stamp) })
        })
        .await
    }

    pub(super) async fn appeal(
        &self,
        request: Request<GetAppealRequest>,
    ) -> Result<Response<GetAppealResponse>, Status> {
        let asker = Asker::of(&request)?;
        let request = request.into_inner();
        let name = parse_name(&request.name, &["appeal"])?;
        let times = at::parse(request.at.as_ref())?;
        self.answer(times, asker, move |reader, stamp| {
            reader.admit(&name)?;
            let entries = reader.matter(&name)?;
            let appeal = appeal::appeal(&name, &entries, reader.view());
            let mut appeal = appeal.ok_or_else(|| reader.not_found())?;
            if request.open_narratives {
                reader.open_appeal(&mut appeal)?;
            }
            Ok(GetAppealResponse { appeal: Some(appeal), stamp: Some(stamp) })
        })
        .await
    }

    pub(super) async fn checklist(
        &self,
        request: Request<GetChecklistRequest>,
    ) -> Result<Response<GetChecklistResponse>, Status> {
        let asker = Asker::of(&request)?;
        let request = request.into_inner();
        let name = parse_name(&request.name, &["case"])?;
        if !request.respondent.is_empty() {
            parse_name_in("respondent", &request.respondent, &["entity"])?;
        }
        let times = at::parse(request.at.as_ref())?;
        self.answer(times, asker, move |reader, stamp| {
            reader.admit(&name)?;
            let entries = reader.matter(&name)?;
            let case = case::case(&name, &entries, reader.view()).ok_or_else(|| reader.not_found())?;
            let mut checklists = checklist::checklists(&case);
            if !request.respondent.is_empty() {
                checklists.retain(|checklist| checklist.respondent == request.respondent);
                if checklists.is_empty() {
                    return Err(filter::refused("respondent", "NOT_A_RESPONDENT", "a respondent of the case"));
                }
            }
            Ok(GetChecklistResponse { checklists, stamp: Some(stamp) })
        })
        .await
    }

    pub(super) async fn difference(
        &self,
        request: Request<DiffDeclarationsRequest>,
    ) -> Result<Response<DiffDeclarationsResponse>, Status> {
        let asker = Asker::of(&request)?;
        let request = request.into_inner();
        let before = parse_name_in("before", &request.before, &["declaration"])?;
        let after = parse_name_in("after", &request.after, &["declaration"])?;
        let times = at::parse(request.at.as_ref())?;
        self.answer(times, asker, move |reader, stamp| {
            reader.bytes_left = COMPARED_BYTES_MAX;
            let mut open = |name: &Name| {
                reader.admit(name)?;
                let entries = reader.matter(name)?;
                let declaration = declaration::declaration(name, &entries, reader.view());
                let mut declaration = declaration.ok_or_else(|| reader.not_found())?;
                reader.open_declaration(&mut declaration)?;
                Ok::<_, Refusal>(declaration)
            };
            let before = open(&before)?;
            let after = open(&after)?;
            if before.declarant != after.declarant {
                return Err(filter::refused("after", "OF_ANOTHER_PERSON", "a declaration of the same person"));
            }
            let none = |field| filter::refused(field, "NO_SUCH_VERSION", "a version that the declaration has");
            let before = difference::standing(&before, request.before_version).ok_or_else(|| none("before_version"))?;
            let after = difference::standing(&after, request.after_version).ok_or_else(|| none("after_version"))?;
            let mut missing = [&before.missing[..], &after.missing].concat();
            missing.dedup();
            Ok(DiffDeclarationsResponse {
                classes: difference::difference(&before, &after),
                missing,
                before_version: before.version,
                after_version: after.version,
                stamp: Some(stamp),
            })
        })
        .await
    }
}
