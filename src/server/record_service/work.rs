//! Work lists: what a body still has to do, by its last day. Matters come from the index, in order; what stands in no index,
//! notices that are due and emergency accesses to be reviewed, is found anew for each page and put in between.

use std::iter::Peekable;

use tonic::Request;
use tonic::Response;
use tonic::Status;

use crate::access::Action;
use crate::domain::dates::Day;
use crate::log::Key;
use crate::log::Name;
use crate::proto::v1::ListWorkRequest;
use crate::proto::v1::ListWorkResponse;
use crate::proto::v1::NoticeDue;
use crate::proto::v1::UnreviewedAccess;
use crate::proto::v1::WorkItem;
use crate::proto::v1::WorkKind;
use crate::proto::v1::access::Event as Shown;
use crate::server::access_service::unreviewed;
use crate::server::accesses::AccessLog;
use crate::server::record_service::Records;
use crate::server::record_service::asker::Asker;
use crate::server::record_service::errors::Refusal;
use crate::server::record_service::filter;
use crate::server::record_service::filter::Days;
use crate::server::record_service::page;
use crate::server::record_service::page::Page;
use crate::server::record_service::read::CANDIDATES_MAX;
use crate::server::record_service::read::Reader;
use crate::server::record_service::read::Register;
use crate::views::Due;
use crate::views::DueFrom;
use crate::views::Histories;
use crate::views::policy::DisclosurePolicy;
use crate::views::work;

/// A place in the list: a day, and a place among what is due on it.
type Behind = (Day, [u8; 16]);

/// Work that stands in no index, with its place among the rest.
type Beside = Vec<(Behind, WorkItem)>;

/// How many candidates are asked for at once, beside those of a page.
const CANDIDATES_AT_ONCE: usize = 64;

/// The most emergency accesses that are looked at.
const REVIEWS_MAX: usize = 1000;

/// What is asked of a work list.
struct Wanted {
    body: Option<Name>,
    kinds: Vec<WorkKind>,
    due: Days,
    overdue_only: bool,
    size: usize,
}

impl<H: Histories> Records<H> {
    pub(super) async fn work(&self, request: Request<ListWorkRequest>) -> Result<Response<ListWorkResponse>, Status> {
        let asker = Asker::of(&request)?;
        let mut request = request.into_inner();
        let token = std::mem::take(&mut request.page_token);
        let wanted = wanted(&request)?;
        let page = Page::new(&self.page_key, asker.principal(), "ListWork", &request);
        let (times, after) = page.times::<Behind>(&token, request.at.as_ref())?;
        let policy = self.policy.clone();
        // Of now, whatever is recorded while it is asked: what others wait for has no earlier state.
        let of_now = request.at.as_ref().is_none_or(|at| at.known_at.is_none());
        let accesses = self.accesses.clone().filter(|_| of_now && asker.caller.does(Action::Review));
        self.answer(times, asker, move |reader, stamp| {
            reader.knows(wanted.body.as_ref())?;
            let (mut beside, notices_cut) = reader.apart(|reader| reader.notices(&wanted, &policy))?;
            if let Some(accesses) = accesses {
                beside.extend(reader.reviews(&accesses, &wanted)?);
            }
            beside.retain(|(place, item)| wanted.holds(*place, item) && after.is_none_or(|after| *place > after));
            beside.sort_by_key(|(place, _)| *place);
            let (items, last) = reader.work(&wanted, after, beside)?;
            let next_page_token = last.map(|last| page.token(reader.view(), &last)).unwrap_or_default();
            Ok(ListWorkResponse { items, next_page_token, stamp: Some(stamp), notices_cut })
        })
        .await
    }
}

impl Wanted {
    fn of_kind(&self, kind: WorkKind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }

    /// Whether something that is due on a day is asked for.
    fn holds(&self, (day, _): Behind, item: &WorkItem) -> bool {
        self.due.from <= day && day <= self.due.to && (!self.overdue_only || item.overdue)
    }
}

fn wanted(request: &ListWorkRequest) -> Result<Wanted, Refusal> {
    let body = filter::body(&request.body)?;
    if body.is_some() == request.without_body {
        return Err(if request.without_body {
            filter::refused("without_body", "EXCLUDES", "not with a body")
        } else {
            filter::refused("body", "REQUIRED", "a body, or without_body")
        });
    }
    for kind in &request.kinds {
        filter::value::<WorkKind>("kinds", *kind)?;
        if *kind == 0 {
            return Err(filter::refused("kinds", "NOT_A_VALUE", "a kind of work"));
        }
    }
    let due = Days::parse("due", request.due.as_ref())?.unwrap_or(Days { from: Day::MIN, to: Day::MAX });
    let size = page::size(request.page_size)?;
    Ok(Wanted { body, kinds: request.kinds().collect(), due, overdue_only: request.overdue_only, size })
}

impl<H: Histories> Reader<'_, H> {
    /// A page of work, and the place to go on behind where there may be more. `beside` is put in between, in its order.
    ///
    /// The index lists every day by which something ever had to be done; whether it still has is for the fold to say.
    /// Only where the question is of the same moment as the index does what it calls done need no look.
    fn work(
        &mut self,
        wanted: &Wanted,
        after: Option<Behind>,
        beside: Beside,
    ) -> Result<(Vec<WorkItem>, Option<Behind>), Refusal> {
        let view = self.view();
        let upto = if wanted.overdue_only { wanted.due.to.min(view.as_of) } else { wanted.due.to };
        let mut from = after.map_or(DueFrom::Day(wanted.due.from), |(day, token)| DueFrom::Behind(day, token));
        let mut beside = beside.into_iter().peekable();
        let mut items = Vec::new();
        let mut looked = 0;
        loop {
            let limit = (wanted.size + 1 - items.len()).max(CANDIDATES_AT_ONCE);
            let found = self.histories.duties(wanted.body.as_ref(), from, upto, limit)?;
            let all = found.len() < limit;
            for Due { day, token, name, open } in found {
                take_before(Some((day, token)), &mut beside, &mut items, &mut from, wanted.size);
                if items.len() == wanted.size || looked == CANDIDATES_MAX || self.is_tired() {
                    return Ok((items, behind(from)));
                }
                looked += 1;
                from = DueFrom::Behind(day, token);
                let of_kind = work::kind(&name).map_or(wanted.kinds.is_empty(), |kind| wanted.of_kind(kind));
                if of_kind && (open || !self.is_of_now()) {
                    items.extend(self.work_item(&name, day, wanted)?);
                }
            }
            if all {
                take_before(None, &mut beside, &mut items, &mut from, wanted.size);
                let more = beside.peek().is_some();
                return Ok((items, behind(from).filter(|_| more)));
            }
        }
    }

    /// Whether the question is of what is known now.
    fn is_of_now(&self) -> bool {
        self.histories.coverage().applied == self.view().known_at
    }

    fn work_item(&mut self, name: &Name, day: Day, wanted: &Wanted) -> Result<Option<WorkItem>, Refusal> {
        let entries = if name.kind() == "obligation" { self.matter(name)? } else { self.own(name)? };
        let item = work::item(name, &entries, self.view());
        // A row of another day, or of another body, is of what an entry said before it was corrected, or says since.
        let body = wanted.body.as_ref().map_or("", Name::as_str);
        let holds = |item: &WorkItem| {
            work::last_day(item.due_on.as_ref()) == Some(day)
                && item.body == body
                && (!wanted.overdue_only || item.overdue)
        };
        Ok(item.filter(holds))
    }

    /// What the body still has to tell past recipients, in no order, and whether there are disclosures that were not looked
    /// at.
    fn notices(&mut self, wanted: &Wanted, policy: &DisclosurePolicy) -> Result<(Beside, bool), Refusal> {
        if !wanted.of_kind(WorkKind::Notice) {
            return Ok((Vec::new(), false));
        }
        let register = Register {
            kind: "disclosure",
            body: wanted.body.clone(),
            recorded_from: None,
            recorded_to: None,
            size: CANDIDATES_MAX,
            after: None,
        };
        let body = wanted.body.as_ref().map_or("", Name::as_str);
        let (due, last) = self.scan(&register, |reader, name| {
            let due = reader.due(name, policy)?;
            let mine = due.notices.first().is_some_and(|notice| notice.disclosed_by == body);
            Ok(mine.then_some(due))
        })?;
        let item = |notice: &NoticeDue, subjects: &[String]| {
            let item = work::of_notice(notice, subjects.to_vec());
            let cause = item.source.as_ref().map_or(0, |source| source.position);
            Some((place(&item, cause)?, item))
        };
        let items = due.iter().flat_map(|due| due.notices.iter().filter_map(|notice| item(notice, &due.subjects)));
        Ok((items.collect(), last.is_some()))
    }

    /// Emergency accesses of the body that somebody else than the caller made, and nobody reviewed.
    fn reviews(&self, accesses: &AccessLog, wanted: &Wanted) -> Result<Beside, Refusal> {
        let Some(body) = wanted.body.as_ref().filter(|_| wanted.of_kind(WorkKind::Review)) else {
            return Ok(Vec::new());
        };
        let open = unreviewed(accesses, REVIEWS_MAX).map_err(|_| Refusal::Unreadable)?;
        let item = |one: UnreviewedAccess| {
            let Some(Shown::Access(access)) = one.access?.event else { return None };
            let others = access.body_id == body.id() && access.principal != self.caller().principal();
            let overdue = work::last_day(one.due.as_ref()).is_some_and(|last| self.view().as_of > last);
            let item = WorkItem {
                name: one.name,
                kind: WorkKind::Review.into(),
                due_on: one.due,
                overdue,
                body: body.to_string(),
                subjects: access.person_ids.iter().map(|id| format!("entity/{id}")).collect(),
                source: None,
            };
            Some((place(&item, 0)?, item)).filter(|_| others)
        };
        Ok(open.into_iter().filter_map(item).collect())
    }
}

/// Takes what comes before a place, or all there is, as long as there is room.
fn take_before(
    place: Option<Behind>,
    beside: &mut Peekable<impl Iterator<Item = (Behind, WorkItem)>>,
    items: &mut Vec<WorkItem>,
    from: &mut DueFrom,
    size: usize,
) {
    while items.len() < size {
        let Some(((day, token), item)) = beside.next_if(|(at, _)| place.is_none_or(|place| *at < place)) else {
            return;
        };
        *from = DueFrom::Behind(day, token);
        items.push(item);
    }
}

/// Where work stands that is in no index: on its day, as if it were a stream. Of several changes to tell one recipient of,
/// each has a place of its own.
fn place(item: &WorkItem, cause: u64) -> Option<Behind> {
    let day = work::last_day(item.due_on.as_ref())?;
    let name = Name::parse(&item.name).ok()?;
    let half: [u8; 16] = *Key::of_stream(&name).as_bytes().first_chunk()?;
    Some((day, (u128::from_be_bytes(half) ^ u128::from(cause)).to_be_bytes()))
}

fn behind(from: DueFrom) -> Option<Behind> {
    match from {
        DueFrom::Behind(day, token) => Some((day, token)),
        DueFrom::Day(_) => None,
    }
}
