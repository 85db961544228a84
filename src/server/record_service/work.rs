//! Work lists: what a body still has to do, by its last day.

use tonic::Request;
use tonic::Response;
use tonic::Status;

use crate::domain::dates::Day;
use crate::log::Name;
use crate::proto::v1::ListWorkRequest;
use crate::proto::v1::ListWorkResponse;
use crate::proto::v1::WorkItem;
use crate::proto::v1::WorkKind;
use crate::server::record_service::Records;
use crate::server::record_service::asker::Asker;
use crate::server::record_service::errors::Refusal;
use crate::server::record_service::filter;
use crate::server::record_service::filter::Days;
use crate::server::record_service::page;
use crate::server::record_service::page::Page;
use crate::server::record_service::read::CANDIDATES_MAX;
use crate::server::record_service::read::Reader;
use crate::views::Due;
use crate::views::DueFrom;
use crate::views::Histories;
use crate::views::work;

/// A place in the list: a day, and a place among what is due on it.
type Behind = (Day, [u8; 16]);

/// How many candidates are asked for at once, beside those of a page.
const CANDIDATES_AT_ONCE: usize = 64;

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
        self.answer(times, asker, move |reader, stamp| {
            reader.knows(wanted.body.as_ref())?;
            let (items, last) = reader.work(&wanted, after)?;
            let next_page_token = last.map(|last| page.token(reader.view(), &last)).unwrap_or_default();
            Ok(ListWorkResponse { items, next_page_token, stamp: Some(stamp) })
        })
        .await
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
    /// A page of work, and the place to go on behind where there may be more.
    ///
    /// The index lists every day by which something ever had to be done; whether it still has is for the fold to say.
    /// Only where the question is of the same moment as the index does what it calls done need no look.
    fn work(&mut self, wanted: &Wanted, after: Option<Behind>) -> Result<(Vec<WorkItem>, Option<Behind>), Refusal> {
        let view = self.view();
        let upto = if wanted.overdue_only { wanted.due.to.min(view.as_of) } else { wanted.due.to };
        let mut from = after.map_or(DueFrom::Day(wanted.due.from), |(day, token)| DueFrom::Behind(day, token));
        let mut items = Vec::new();
        let mut looked = 0;
        loop {
            let limit = (wanted.size + 1 - items.len()).max(CANDIDATES_AT_ONCE);
            let found = self.histories.duties(wanted.body.as_ref(), from, upto, limit)?;
            let now = self.histories.coverage().applied == view.known_at;
            let all = found.len() < limit;
            for Due { day, token, name, open } in found {
                if items.len() == wanted.size || looked == CANDIDATES_MAX || self.is_tired() {
                    return Ok((items, behind(from)));
                }
                looked += 1;
                from = DueFrom::Behind(day, token);
                let of_kind =
                    wanted.kinds.is_empty() || work::kind(&name).is_some_and(|kind| wanted.kinds.contains(&kind));
                if of_kind && (open || !now) {
                    items.extend(self.work_item(&name, day, wanted)?);
                }
            }
            if all {
                return Ok((items, None));
            }
        }
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
}

fn behind(from: DueFrom) -> Option<Behind> {
    match from {
        DueFrom::Behind(day, token) => Some((day, token)),
        DueFrom::Day(_) => None,
    }
}
