//! Questions of which the answer is a matter, or several pages.

use crate::cli::show::ChangeWord;
use crate::cli::show::ChangesArgs;
use crate::cli::show::Failure;
use crate::cli::show::PAGE_SIZE;
use crate::cli::show::ShowArgs;
use crate::cli::show::What;
use crate::cli::show::Work;
use crate::cli::show::WorkArgs;
use crate::cli::show::full;
use crate::cli::show::json;
use crate::cli::show::matters;
use crate::cli::text::Style;
use crate::events::Period;
use crate::proto::v1::AsOf;
use crate::proto::v1::ChangeKind;
use crate::proto::v1::GetAppealRequest;
use crate::proto::v1::GetChecklistRequest;
use crate::proto::v1::GetObligationRequest;
use crate::proto::v1::GetPetitionRequest;
use crate::proto::v1::GetVerificationRequest;
use crate::proto::v1::ListChangesRequest;
use crate::proto::v1::ListChangesResponse;
use crate::proto::v1::ListWorkRequest;
use crate::proto::v1::ListWorkResponse;
use crate::proto::v1::WorkKind;
use crate::proto::v1::as_of::KnownAt;
use crate::proto::v1::list_changes_request::Of;
use crate::proto::v1::record_service_client::RecordServiceClient;
use crate::tls::Line;

/// One petition, duty, verification or appeal, or the checklist of a case.
pub(super) async fn matter(
    client: &mut RecordServiceClient<Line>,
    args: &ShowArgs,
    at: Option<AsOf>,
    style: &Style,
) -> Result<String, Failure> {
    let open_narratives = args.open;
    match &args.what {
        What::Petition { name } => {
            let request = GetPetitionRequest { name: full("petition", name), at, open_narratives };
            let answer = client.get_petition(request).await?.into_inner();
            Ok(if args.json { json::text("GetPetitionResponse", &answer) } else { matters::petition(&answer, style) })
        }
        What::Obligation { name } => {
            let request = GetObligationRequest { name: full("obligation", name), at };
            let answer = client.get_obligation(request).await?.into_inner();
            Ok(if args.json {
                json::text("GetObligationResponse", &answer)
            } else {
                matters::obligation(&answer, style)
            })
        }
        What::Verification { name } => {
            let request = GetVerificationRequest { name: full("verification", name), at, open_narratives };
            let answer = client.get_verification(request).await?.into_inner();
            Ok(if args.json {
                json::text("GetVerificationResponse", &answer)
            } else {
                matters::verification(&answer, style)
            })
        }
        What::Appeal { name } => {
            let request = GetAppealRequest { name: full("appeal", name), at, open_narratives };
            let answer = client.get_appeal(request).await?.into_inner();
            Ok(if args.json { json::text("GetAppealResponse", &answer) } else { matters::appeal(&answer, style) })
        }
        What::Checklist { name, respondent } => {
            let respondent = respondent.as_deref().map(|one| full("entity", one)).unwrap_or_default();
            let request = GetChecklistRequest { name: full("case", name), respondent, at };
            let answer = client.get_checklist(request.clone()).await?.into_inner();
            Ok(if args.json {
                json::text("GetChecklistResponse", &answer)
            } else {
                matters::checklist(&request.name, &answer, style)
            })
        }
        _ => Ok(String::new()),
    }
}

/// Every page; they are all of one moment.
pub(super) async fn work(
    client: &mut RecordServiceClient<Line>,
    wanted: &WorkArgs,
    at: Option<AsOf>,
) -> Result<ListWorkResponse, Failure> {
    let due = Period { from: wanted.due_from.map(Into::into), to: wanted.due_to.map(Into::into) };
    let kind = |kind: &Work| match kind {
        Work::Appeal => WorkKind::Appeal.into(),
        Work::Case => WorkKind::Case.into(),
        Work::Obligation => WorkKind::Obligation.into(),
        Work::Petition => WorkKind::Petition.into(),
        Work::Verification => WorkKind::Verification.into(),
        Work::Rights => WorkKind::Rights.into(),
        Work::Notice => WorkKind::Notice.into(),
        Work::Review => WorkKind::Review.into(),
    };
    let mut request = ListWorkRequest {
        body: wanted.body.as_deref().map(|body| full("entity", body)).unwrap_or_default(),
        without_body: wanted.body.is_none(),
        kinds: wanted.kind.iter().map(kind).collect(),
        due: (due.from.is_some() || due.to.is_some()).then_some(due),
        overdue_only: wanted.overdue,
        at,
        page_size: PAGE_SIZE,
        page_token: String::new(),
    };
    let mut whole = ListWorkResponse::default();
    loop {
        let page = client.list_work(request.clone()).await?.into_inner();
        whole.items.extend(page.items);
        whole.stamp = page.stamp;
        whole.notices_cut |= page.notices_cut;
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok(whole);
        }
    }
}

/// Changes up to the moment of the first answer.
pub(super) async fn changes(
    client: &mut RecordServiceClient<Line>,
    wanted: &ChangesArgs,
    at: Option<AsOf>,
) -> Result<ListChangesResponse, Failure> {
    let kind = |kind: &ChangeWord| match kind {
        ChangeWord::New => ChangeKind::New.into(),
        ChangeWord::Corrected => ChangeKind::Corrected.into(),
        ChangeWord::Revised => ChangeKind::Revised.into(),
        ChangeWord::Voided => ChangeKind::Voided.into(),
        ChangeWord::Expired => ChangeKind::Expired.into(),
        ChangeWord::Erased => ChangeKind::Erased.into(),
    };
    let of_body = wanted.body.as_deref().map(|body| Of::Body(full("entity", body)));
    let mut request = ListChangesRequest {
        after_position: wanted.after,
        of: wanted.of.clone().map(Of::Name).or(of_body),
        kinds: wanted.kind.iter().map(kind).collect(),
        at,
        page_size: PAGE_SIZE,
    };
    let mut whole = ListChangesResponse::default();
    loop {
        let page = client.list_changes(request.clone()).await?.into_inner();
        let upto = page.stamp.map_or(0, |stamp| stamp.position);
        whole.changes.extend(page.changes);
        whole.scanned_position = page.scanned_position;
        whole.stamp = page.stamp;
        if page.scanned_position >= upto {
            return Ok(whole);
        }
        request.after_position = page.scanned_position;
        request.at = Some(AsOf { known_at: Some(KnownAt::KnownAtPosition(upto)), ..at.unwrap_or_default() });
    }
}
