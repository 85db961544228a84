//! Registers: lists of the matters of one kind that a body keeps, or all bodies do, by their first entry.

use prost::Message;
use prost_types::Timestamp;
use tonic::Request;
use tonic::Response;
use tonic::Status;

use crate::events::AppealOutcome;
use crate::events::DeclarationKind;
use crate::events::PetitionOutcome;
use crate::events::Truthfulness;
use crate::events::VerificationGround;
use crate::log::Name;
use crate::proto::v1;
use crate::proto::v1::AppealState;
use crate::proto::v1::AsOf;
use crate::proto::v1::CaseStatus;
use crate::proto::v1::DecisionPhase;
use crate::proto::v1::ObligationState;
use crate::proto::v1::PetitionState;
use crate::proto::v1::Stamp;
use crate::proto::v1::Standing;
use crate::proto::v1::VerificationState;
use crate::server::record_service::Records;
use crate::server::record_service::asker::Asker;
use crate::server::record_service::at::Times;
use crate::server::record_service::errors::Refusal;
use crate::server::record_service::filter;
use crate::server::record_service::filter::Days;
use crate::server::record_service::page;
use crate::server::record_service::page::Page;
use crate::server::record_service::read::Reader;
use crate::server::record_service::read::Register;
use crate::server::record_service::read::Weigh;
use crate::views::Histories;
use crate::views::appeal;
use crate::views::case;
use crate::views::decision;
use crate::views::obligation;
use crate::views::petition;
use crate::views::verification;

/// What every list is asked for.
pub(super) struct Asked<'a> {
    pub body: &'a str,
    pub recorded_from: Option<&'a Timestamp>,
    pub recorded_to: Option<&'a Timestamp>,
    pub at: Option<&'a AsOf>,
    pub page_size: u32,
    pub token: &'a str,
}

/// Every list's request has these fields, and each is a message of its own.
macro_rules! asked {
    ($request:ident, $token:ident) => {
        Asked {
            body: &$request.body,
            recorded_from: $request.recorded_from.as_ref(),
            recorded_to: $request.recorded_to.as_ref(),
            at: $request.at.as_ref(),
            page_size: $request.page_size,
            token: &$token,
        }
    };
}

/// A list, ready to be read.
pub(super) struct List {
    register: Register,
    page: Page,
    times: Times,
    asker: Asker,
}

impl<H: Histories> Records<H> {
    /// `request` without its token is what the tokens of its pages belong to.
    pub(super) fn list_of<M: Message>(
        &self,
        (method, kind): (&str, &'static str),
        request: &M,
        asked: &Asked<'_>,
        asker: Asker,
    ) -> Result<List, Refusal> {
        let body = filter::body(asked.body)?;
        let (recorded_from, recorded_to) = filter::recorded(asked.recorded_from, asked.recorded_to)?;
        let size = page::size(asked.page_size)?;
        let page = Page::new(&self.page_key, asker.principal(), method, request);
        let (times, after) = page.times(asked.token, asked.at)?;
        let register = Register { kind, body, recorded_from, recorded_to, size, after };
        Ok(List { register, page, times, asker })
    }

    pub(super) async fn list<R, A, F>(
        &self,
        list: List,
        row: F,
        answer: impl FnOnce(Vec<R>, String, Stamp) -> A + Send + 'static,
    ) -> Result<Response<A>, Status>
    where
        R: Weigh,
        A: Message + 'static,
        F: Fn(&mut Reader<'_, H>, &Name) -> Result<Option<R>, Refusal> + Send + 'static,
    {
        let List { register, page, times, asker } = list;
        self.answer(times, asker, move |reader, stamp| {
            reader.knows(register.body.as_ref())?;
            let (rows, last) = reader.scan(&register, row)?;
            let token = last.map(|last| page.token(reader.view(), &last)).unwrap_or_default();
            Ok(answer(rows, token, stamp))
        })
        .await
    }

    pub(super) async fn petitions(
        &self,
        request: Request<v1::ListPetitionsRequest>,
    ) -> Result<Response<v1::ListPetitionsResponse>, Status> {
        let asker = Asker::of(&request)?;
        let mut request = request.into_inner();
        let token = std::mem::take(&mut request.page_token);
        filter::value::<PetitionState>("state", request.state)?;
        filter::value::<PetitionOutcome>("outcome", request.outcome)?;
        filter::code("petition_kind", request.petition_kind.as_ref())?;
        let resolved = [PetitionState::Resolved.into()];
        filter::fits(
            "outcome",
            request.outcome != 0,
            request.state,
            &resolved,
            "only what is resolved has an outcome",
        )?;
        let open = [PetitionState::Open.into()];
        filter::fits("overdue", request.overdue, request.state, &open, "only what is open can be overdue")?;
        let received = Days::parse("received", request.received.as_ref())?;
        let due = Days::parse("due", request.due.as_ref())?;
        let asked = asked!(request, token);
        let list = self.list_of(("ListPetitions", "petition"), &request, &asked, asker)?;
        let wanted = move |one: &v1::Petition| {
            filter::valued(request.state, one.state)
                && filter::valued(request.outcome, one.outcome)
                && filter::coded(request.petition_kind.as_ref(), one.petition_kind.as_ref())
                && filter::passes(received, one.received_on.as_ref())
                && filter::passes(due, one.due_on.as_ref())
                && (!request.overdue || one.overdue)
        };
        let row = move |reader: &mut Reader<'_, H>, name: &Name| {
            let entries = reader.matter(name)?;
            Ok(petition::petition(name, &entries, reader.view()).filter(&wanted))
        };
        let answer = |petitions, next_page_token, stamp| v1::ListPetitionsResponse {
            petitions,
            next_page_token,
            stamp: Some(stamp),
        };
        self.list(list, row, answer).await
    }

    pub(super) async fn cases(
        &self,
        request: Request<v1::ListCasesRequest>,
    ) -> Result<Response<v1::ListCasesResponse>, Status> {
        let asker = Asker::of(&request)?;
        let mut request = request.into_inner();
        let token = std::mem::take(&mut request.page_token);
        filter::value::<CaseStatus>("status", request.status)?;
        filter::code("regime", request.regime.as_ref())?;
        let examined = [CaseStatus::Open.into(), CaseStatus::Reopened.into()];
        filter::fits("overdue", request.overdue, request.status, &examined, "only what is open can be overdue")?;
        let opened = Days::parse("opened", request.opened.as_ref())?;
        let due = Days::parse("due", request.due.as_ref())?;
        let asked = asked!(request, token);
        let list = self.list_of(("ListCases", "case"), &request, &asked, asker)?;
        let wanted = move |one: &v1::CaseSummary| {
            filter::valued(request.status, one.status)
                && filter::coded(request.regime.as_ref(), one.regime.as_ref())
                && filter::passes(opened, one.opened_on.as_ref())
                && filter::passes(due, one.due_on.as_ref())
                && (!request.overdue || one.overdue)
        };
        let row = move |reader: &mut Reader<'_, H>, name: &Name| {
            let entries = reader.own(name)?;
            Ok(case::summary(name, &entries, reader.view()).filter(&wanted))
        };
        let answer =
            |cases, next_page_token, stamp| v1::ListCasesResponse { cases, next_page_token, stamp: Some(stamp) };
        self.list(list, row, answer).await
    }

    pub(super) async fn decisions(
        &self,
        request: Request<v1::ListDecisionsRequest>,
    ) -> Result<Response<v1::ListDecisionsResponse>, Status> {
        let asker = Asker::of(&request)?;
        let mut request = request.into_inner();
        let token = std::mem::take(&mut request.page_token);
        filter::value::<DecisionPhase>("phase", request.phase)?;
        filter::value::<Standing>("standing", request.standing)?;
        filter::code("regime", request.regime.as_ref())?;
        standing_fits(request.standing(), request.phase())?;
        let signed = Days::parse("signed", request.signed.as_ref())?;
        let asked = asked!(request, token);
        let list = self.list_of(("ListDecisions", "decision"), &request, &asked, asker)?;
        let wanted = move |one: &v1::Decision| {
            filter::valued(request.phase, one.phase)
                && filter::valued(request.standing, one.standing)
                && filter::coded(request.regime.as_ref(), one.regime.as_ref())
                && filter::passes(signed, one.signed_on.as_ref())
        };
        let row = move |reader: &mut Reader<'_, H>, name: &Name| {
            let entries = reader.matter(name)?;
            Ok(decision::decision(name, &entries, reader.view()).filter(&wanted))
        };
        let answer = |decisions, next_page_token, stamp| v1::ListDecisionsResponse {
            decisions,
            next_page_token,
            stamp: Some(stamp),
        };
        self.list(list, row, answer).await
    }

    pub(super) async fn appeals(
        &self,
        request: Request<v1::ListAppealsRequest>,
    ) -> Result<Response<v1::ListAppealsResponse>, Status> {
        let asker = Asker::of(&request)?;
        let mut request = request.into_inner();
        let token = std::mem::take(&mut request.page_token);
        filter::value::<AppealState>("state", request.state)?;
        filter::value::<AppealOutcome>("outcome", request.outcome)?;
        let decided = [AppealState::Decided.into()];
        filter::fits("outcome", request.outcome != 0, request.state, &decided, "only what is decided has an outcome")?;
        let pending = [AppealState::Pending.into()];
        filter::fits("overdue", request.overdue, request.state, &pending, "only what is pending can be overdue")?;
        let lodged = Days::parse("lodged", request.lodged.as_ref())?;
        let due = Days::parse("due", request.due.as_ref())?;
        let asked = asked!(request, token);
        let list = self.list_of(("ListAppeals", "appeal"), &request, &asked, asker)?;
        let wanted = move |one: &v1::Appeal| {
            filter::valued(request.state, one.state)
                && filter::valued(request.outcome, one.outcome)
                && filter::passes(lodged, one.lodged_on.as_ref())
                && filter::passes(due, one.due_on.as_ref())
                && (!request.overdue || one.overdue)
        };
        let row = move |reader: &mut Reader<'_, H>, name: &Name| {
            let entries = reader.own(name)?;
            Ok(appeal::appeal(name, &entries, reader.view()).filter(&wanted))
        };
        let answer =
            |appeals, next_page_token, stamp| v1::ListAppealsResponse { appeals, next_page_token, stamp: Some(stamp) };
        self.list(list, row, answer).await
    }

    pub(super) async fn obligations(
        &self,
        request: Request<v1::ListObligationsRequest>,
    ) -> Result<Response<v1::ListObligationsResponse>, Status> {
        let asker = Asker::of(&request)?;
        let mut request = request.into_inner();
        let token = std::mem::take(&mut request.page_token);
        filter::value::<ObligationState>("state", request.state)?;
        filter::value::<DeclarationKind>("kind", request.kind)?;
        let open = [ObligationState::Open.into()];
        filter::fits("overdue", request.overdue, request.state, &open, "only what is open can be overdue")?;
        let period = Days::parse("period", request.period.as_ref())?;
        let due = Days::parse("due", request.due.as_ref())?;
        let asked = asked!(request, token);
        let list = self.list_of(("ListObligations", "obligation"), &request, &asked, asker)?;
        let wanted = move |one: &v1::Obligation| {
            filter::valued(request.state, one.state)
                && filter::valued(request.kind, one.kind)
                && period.is_none_or(|period| period.overlap(one.period.as_ref()))
                && filter::passes(due, one.due_on.as_ref())
                && (!request.overdue || one.overdue)
        };
        let row = move |reader: &mut Reader<'_, H>, name: &Name| {
            let entries = reader.matter(name)?;
            Ok(obligation::obligation(name, &entries, reader.view()).filter(&wanted))
        };
        let answer = |obligations, next_page_token, stamp| v1::ListObligationsResponse {
            obligations,
            next_page_token,
            stamp: Some(stamp),
        };
        self.list(list, row, answer).await
    }

    pub(super) async fn verifications(
        &self,
        request: Request<v1::ListVerificationsRequest>,
    ) -> Result<Response<v1::ListVerificationsResponse>, Status> {
        let asker = Asker::of(&request)?;
        let mut request = request.into_inner();
        let token = std::mem::take(&mut request.page_token);
        filter::value::<VerificationState>("state", request.state)?;
        filter::value::<VerificationGround>("ground", request.ground)?;
        filter::value::<Truthfulness>("truthfulness", request.truthfulness)?;
        let concluded = [VerificationState::Concluded.into()];
        let words = "only what is concluded says so";
        filter::fits("truthfulness", request.truthfulness != 0, request.state, &concluded, words)?;
        let running = [VerificationState::Running.into()];
        filter::fits("overdue", request.overdue, request.state, &running, "only what runs can be overdue")?;
        let ordered = Days::parse("ordered", request.ordered.as_ref())?;
        let due = Days::parse("due", request.due.as_ref())?;
        let asked = asked!(request, token);
        let list = self.list_of(("ListVerifications", "verification"), &request, &asked, asker)?;
        let wanted = move |one: &v1::Verification| {
            filter::valued(request.state, one.state)
                && filter::valued(request.ground, one.ground)
                && filter::valued(request.truthfulness, one.truthfulness)
                && filter::passes(ordered, one.ordered_on.as_ref())
                && filter::passes(due, one.due_on.as_ref())
                && (!request.overdue || one.overdue)
        };
        let row = move |reader: &mut Reader<'_, H>, name: &Name| {
            let entries = reader.matter(name)?;
            Ok(verification::verification(name, &entries, reader.view()).filter(&wanted))
        };
        let answer = |verifications, next_page_token, stamp| v1::ListVerificationsResponse {
            verifications,
            next_page_token,
            stamp: Some(stamp),
        };
        self.list(list, row, answer).await
    }

    pub(super) async fn expiring(
        &self,
        request: Request<v1::ListExpiringRequest>,
    ) -> Result<Response<v1::ListExpiringResponse>, Status> {
        let asker = Asker::of(&request)?;
        let mut request = request.into_inner();
        let token = std::mem::take(&mut request.page_token);
        filter::code("form", request.form.as_ref())?;
        let both = request.ends.as_ref().is_some_and(|ends| ends.from.is_some() && ends.to.is_some());
        let ends = Days::parse("ends", request.ends.as_ref())?.filter(|_| both);
        let ends = ends.ok_or(filter::refused("ends", "REQUIRED", "both a first and a last day"))?;
        let asked = Asked {
            body: &request.body,
            recorded_from: None,
            recorded_to: None,
            at: request.at.as_ref(),
            page_size: request.page_size,
            token: &token,
        };
        let list = self.list_of(("ListExpiring", "decision"), &request, &asked, asker)?;
        let row = move |reader: &mut Reader<'_, H>, name: &Name| {
            let entries = reader.own(name)?;
            let decision = decision::decision(name, &entries, reader.view()).unwrap_or_default();
            let sanctions = expiring_of(decision, ends, request.form.as_ref());
            Ok((!sanctions.is_empty()).then_some(Expiring(sanctions)))
        };
        let answer = |found: Vec<Expiring>, next_page_token, stamp| v1::ListExpiringResponse {
            sanctions: found.into_iter().flat_map(|expiring| expiring.0).collect(),
            next_page_token,
            stamp: Some(stamp),
        };
        self.list(list, row, answer).await
    }
}

/// What ends of one decision.
struct Expiring(Vec<v1::ExpiringSanction>);

impl Weigh for Expiring {
    fn weight(&self) -> usize {
        self.0.iter().map(Message::encoded_len).sum()
    }
}

fn expiring_of(decision: v1::Decision, ends: Days, form: Option<&crate::events::Code>) -> Vec<v1::ExpiringSanction> {
    let expired = ends.hold(decision.expiry.as_ref().and_then(|expiry| expiry.expired_on.as_ref()));
    let wanted = |sanction: &v1::Sanction| {
        let Some(item) = &sanction.item else { return false };
        let stands = !matches!(sanction.standing(), Standing::Replaced | Standing::Annulled);
        stands && filter::coded(form, item.form.as_ref()) && (expired || ends.hold(item.to.as_ref()))
    };
    let v1::Decision { name, respondent, sanctions, .. } = decision;
    let found = sanctions.into_iter().filter(wanted).map(|sanction| v1::ExpiringSanction {
        decision: name.clone(),
        respondent: respondent.clone(),
        sanction: Some(sanction),
    });
    found.collect()
}

/// A standing that a phase can have.
fn standing_fits(standing: Standing, phase: DecisionPhase) -> Result<(), Refusal> {
    use DecisionPhase as Phase;
    let undecided = matches!(phase, Phase::Proposed | Phase::Voted);
    let fits = match standing {
        _ if phase == Phase::Unspecified => true,
        Standing::Unspecified => true,
        Standing::Proposed => undecided,
        Standing::Void => phase == Phase::Void,
        _ => !undecided && phase != Phase::Void,
    };
    if fits {
        Ok(())
    } else {
        Err(filter::refused("standing", "NOT_OF_THIS_PHASE", "a standing that the phase can have"))
    }
}
