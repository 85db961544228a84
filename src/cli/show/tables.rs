//! Answers as tables that fit the terminal.

use std::collections::BTreeMap;

use crate::cli::show::called::Called;
use crate::cli::show::listed;
use crate::cli::show::matters;
use crate::cli::show::words;
use crate::cli::text::Dates;
use crate::cli::text::NOTHING;
use crate::cli::text::Page;
use crate::cli::text::Style;
use crate::cli::text::Tone;
use crate::cli::text::or_nothing;
use crate::events::DeclarationItem;
use crate::events::EventType;
use crate::events::PartialDate;
use crate::events::VoteOption;
use crate::proto::v1::Allegation;
use crate::proto::v1::Case;
use crate::proto::v1::Decision;
use crate::proto::v1::GetCaseResponse;
use crate::proto::v1::GetDecisionResponse;
use crate::proto::v1::GetDeclarationResponse;
use crate::proto::v1::GetRecordResponse;
use crate::proto::v1::ListTimelineResponse;
use crate::proto::v1::Record;
use crate::proto::v1::Sanction;
use crate::proto::v1::Source;
use crate::proto::v1::Stamp;
use crate::proto::v1::Standing;
use crate::proto::v1::personal_part::Content;

pub(super) fn record(answer: &GetRecordResponse, called: &Called, style: &Style) -> String {
    let record = answer.record.clone().unwrap_or_default();
    let dates = &style.dates;
    let mut page = head(&record.name, answer.stamp.as_ref(), style);
    let mut about = vec![("kind", words::variant(record.kind().as_str_name(), "ENTITY_KIND_"))];
    if let Some(identity) = &record.identity {
        about.push(("identity", words::part(Some(identity))));
        about.push(("status", words::variant(record.status().as_str_name(), "PERSON_STATUS_")));
    }
    about.extend(record.names.iter().map(|name| ("name", name.text.clone())));
    let uncertain = record.decisions.iter().any(|decision| decision.standing() == Standing::Uncertain);
    let in_force = match (record.sanction_in_force, uncertain) {
        (true, _) => "yes",
        (false, true) => "not certain",
        (false, false) => "no",
    };
    about.push(("a sanction in force", in_force.to_owned()));
    about.push(("void", yes(record.void)));
    about.push(("declarations", declared(&record)));
    about.push(("petitions that name it", petitions(&record)));
    about.push(("registered by entry", words::source(record.registered.as_ref())));
    page.facts(&about);
    matters::pending(&mut page, "Pending", &record.pending, dates);
    positions(&mut page, &record, called, dates);
    decisions(&mut page, &record.decisions, &unnamed, dates);
    let rows = record.cases.iter().map(|case| {
        [
            or_nothing(&case.name),
            words::variant(case.status().as_str_name(), "CASE_STATUS_"),
            dates.date(case.opened_on.as_ref()),
            words::code(case.regime.as_ref()),
            case.allegations.len().to_string(),
            words::variant(case.outcome().as_str_name(), "CASE_OUTCOME_"),
        ]
    });
    page.table("Cases", ["case", "status", "opened", "regime", "allegations", "outcome"], rows);
    let alleged: Vec<Allegation> = record.cases.iter().flat_map(|case| case.allegations.clone()).collect();
    allegations(&mut page, &alleged, &unnamed, dates);
    let rows = record.declarations.iter().map(|declaration| {
        [
            or_nothing(&declaration.name),
            words::variant(declaration.kind().as_str_name(), "DECLARATION_KIND_"),
            dates.period(declaration.period.as_ref()),
            dates.date(declaration.submitted_on.as_ref()),
            if declaration.void { "void".to_owned() } else { declaration.versions.to_string() },
        ]
    });
    page.table("Declarations", ["declaration", "kind", "period", "submitted", "versions"], rows);
    let rows = record.obligations.iter().map(|one| listed::obligation(one, &unnamed, dates));
    page.table("Duties to declare", listed::OBLIGATION, rows);
    let rows = record.verifications.iter().map(|one| listed::verification(one, &unnamed, dates));
    page.table("Verifications", listed::VERIFICATION, rows);
    let rows = record.imported_rows.iter().map(|row| {
        [
            words::source(row.entry.as_ref()),
            words::code(row.source.as_ref()),
            or_nothing(&row.release),
            row.row.to_string(),
            words::variant(row.observation().as_str_name(), "OBSERVATION_"),
        ]
    });
    page.table("Imported rows", ["entry", "source", "release", "row", "observed"], rows);
    matters::disputes(&mut page, &record.disputes);
    matters::amendments(&mut page, &record.corrections, &record.voids);
    erased(&mut page, &record.erased);
    page.into_text()
}

/// What is so; nothing where it is not.
fn yes(so: bool) -> String {
    if so { "yes".to_owned() } else { NOTHING.to_owned() }
}

fn declared(record: &Record) -> String {
    let status = record.declaration_status.clone().unwrap_or_default();
    let counts =
        [(status.overdue, "overdue"), (status.open, "due"), (status.met_late, "met late"), (status.met, "met")];
    let said: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if said.is_empty() { NOTHING.to_owned() } else { said.join(", ") }
}

fn petitions(record: &Record) -> String {
    let tally = record.petitions.unwrap_or_default();
    match tally.received {
        0 => NOTHING.to_owned(),
        received => format!("{received}, of them {} resolved", tally.resolved),
    }
}

fn positions(page: &mut Page<'_>, record: &Record, called: &Called, dates: &Dates) {
    let rows = record.positions.iter().map(|position| {
        [
            words::code(position.title.as_ref()),
            called.in_cell(&position.body),
            dates.span(position.from.as_ref(), position.to.as_ref()),
            words::source(position.source.as_ref()),
        ]
    });
    page.table("Posts", ["post", "body", "held", "entry"], rows);
}

pub(super) fn case(answer: &GetCaseResponse, called: &Called, style: &Style) -> String {
    let case = answer.case.clone().unwrap_or_default();
    let dates = &style.dates;
    let mut page = head(&case.name, answer.stamp.as_ref(), style);
    page.facts(&[
        ("status", words::variant(case.status().as_str_name(), "CASE_STATUS_")),
        ("regime", words::code(case.regime.as_ref())),
        ("origin", words::variant(case.origin().as_str_name(), "CASE_ORIGIN_")),
        ("reference", or_nothing(&case.reference)),
        ("opened by", called.in_line(&case.opened_by)),
        ("opened on", dates.date(case.opened_on.as_ref())),
        ("due on", dates.date(case.due_on.as_ref())),
        ("overdue", yes(case.overdue)),
        ("petition", or_nothing(&case.petition)),
        ("verification", or_nothing(&case.verification)),
        ("opened by entry", words::source(case.opened.as_ref())),
        ("closed by entry", words::source(case.closed.as_ref())),
    ]);
    let mut respondents: Vec<_> = case.respondents.iter().collect();
    style.names.sort_by_name(&mut respondents, |one| called.name(&one.name));
    let rows = respondents.into_iter().map(|one| {
        let outcome = words::variant(one.outcome().as_str_name(), "CASE_OUTCOME_");
        [
            called.in_cell(&one.name),
            if one.examined { "examined".to_owned() } else { outcome },
            one.notices.len().to_string(),
            one.statements.len().to_string(),
            one.hearings.len().to_string(),
        ]
    });
    page.table("Respondents", ["respondent", "outcome", "notices", "statements", "hearings"], rows);
    let several = case.respondents.len() > 1;
    let who = |entity: &str| if several { called.in_cell(entity) } else { NOTHING.to_owned() };
    procedure(&mut page, &case, &who, dates);
    allegations(&mut page, &case.allegations, &who, dates);
    decisions(&mut page, &case.decisions, &who, dates);
    matters::disputes(&mut page, &case.disputes);
    matters::amendments(&mut page, &case.corrections, &case.voids);
    erased(&mut page, &case.erased);
    page.into_text()
}

/// What was done before a decision, in the order of recording: when he was told, when he took a position, when he was heard,
/// what was found, and when the case was opened again.
fn procedure(page: &mut Page<'_>, case: &Case, who: &dyn Fn(&str) -> String, dates: &Dates) {
    let mut steps: Vec<(Option<&Source>, [String; 5])> = Vec::new();
    let step = |source: Option<&Source>, on: Option<&PartialDate>, what: &str, respondent: String, how: String| {
        [dates.date(on), what.to_owned(), respondent, how, words::source(source)]
    };
    for one in &case.respondents {
        for notice in &one.notices {
            let how = words::code(notice.method.as_ref());
            let row = step(notice.source.as_ref(), notice.notified_on.as_ref(), "notified", who(&one.name), how);
            steps.push((notice.source.as_ref(), row));
        }
        for said in &one.statements {
            let how = words::variant(said.kind().as_str_name(), "STATEMENT_KIND_");
            let row = step(said.source.as_ref(), said.received_on.as_ref(), "statement", who(&one.name), how);
            steps.push((said.source.as_ref(), row));
        }
        for hearing in &one.hearings {
            let mut how = words::variant(hearing.attendance().as_str_name(), "ATTENDANCE_");
            if hearing.notice_given_on.is_some() {
                how = format!("{how}, told of it on {}", dates.date(hearing.notice_given_on.as_ref()));
            }
            let row = step(hearing.source.as_ref(), hearing.held_on.as_ref(), "hearing", who(&one.name), how);
            steps.push((hearing.source.as_ref(), row));
        }
    }
    for found in case.allegations.iter().filter(|allegation| allegation.found.is_some()) {
        let how = format!("allegation {}", found.allegation_number);
        let row = step(found.found.as_ref(), found.found_on.as_ref(), "finding", who(&found.respondent), how);
        steps.push((found.found.as_ref(), row));
    }
    for again in &case.reopenings {
        let how = words::variant(again.ground().as_str_name(), "REOPENING_GROUND_");
        let respondents: Vec<String> = again.respondents.iter().map(|one| who(one)).collect();
        let row = step(again.source.as_ref(), again.reopened_on.as_ref(), "reopened", respondents.join("\n"), how);
        steps.push((again.source.as_ref(), row));
    }
    steps.sort_by_key(|(source, _)| source.map(|source| source.position));
    page.table("Procedure", ["on", "step", "respondent", "how", "entry"], steps.into_iter().map(|(_, row)| row));
}

/// Nobody is named where everything is about the same.
fn unnamed(_: &str) -> String {
    NOTHING.to_owned()
}

pub(super) fn decision(answer: &GetDecisionResponse, called: &Called, style: &Style) -> String {
    let decision = answer.decision.clone().unwrap_or_default();
    let dates = &style.dates;
    let mut page = head(&decision.name, answer.stamp.as_ref(), style);
    page.facts(&[
        ("standing", words::variant(decision.standing().as_str_name(), "STANDING_")),
        ("phase", words::variant(decision.phase().as_str_name(), "DECISION_PHASE_")),
        ("respondent", called.in_line(&decision.respondent)),
        ("case", or_nothing(&decision.case)),
        ("reference", or_nothing(&decision.reference)),
        ("issued by", called.in_line(&decision.issued_by)),
        ("regime", words::code(decision.regime.as_ref())),
        ("signed on", dates.date(decision.signed_on.as_ref())),
        ("effective on", dates.date(decision.effective_on.as_ref())),
        ("announced on", dates.date(decision.announcement.as_ref().and_then(|one| one.announced_on.as_ref()))),
        ("served on", dates.date(decision.delivery.as_ref().and_then(|one| one.served_on.as_ref()))),
        ("expired on", dates.date(decision.expiry.as_ref().and_then(|one| one.expired_on.as_ref()))),
        ("appeal until", dates.date(decision.appeal_until.as_ref())),
        ("appeal to", or_nothing(&decision.appeal_to)),
        ("reasons", words::part(decision.reasons.as_ref())),
        ("issued by entry", words::source(decision.source.as_ref())),
    ]);
    proposals(&mut page, &decision, dates);
    decisions(&mut page, std::slice::from_ref(&decision), &unnamed, dates);
    let changes = decision.changes.iter().map(|source| [words::source(Some(source)), source.event_type.clone()]);
    page.table("Changes", ["entry", "event"], changes);
    matters::disputes(&mut page, &decision.disputes);
    matters::amendments(&mut page, &decision.corrections, &decision.voids);
    page.into_text()
}

fn proposals(page: &mut Page<'_>, decision: &Decision, dates: &Dates) {
    let rows = decision.proposals.iter().map(|proposal| {
        let items: Vec<String> = proposal.items.iter().map(words::sanction).collect();
        [
            dates.date(proposal.proposed_on.as_ref()),
            or_nothing(&proposal.proposed_by),
            if items.is_empty() { "no sanction".to_owned() } else { items.join("; ") },
            words::source(proposal.source.as_ref()),
        ]
    });
    page.table("Proposed, not imposed", ["on", "by", "what", "entry"], rows);
    let rows = decision.votes.iter().map(|vote| {
        let option = |option: &VoteOption| {
            let form = option.form.as_ref().map_or_else(|| "no sanction".to_owned(), |form| form.code.clone());
            format!("{form} {}", option.votes)
        };
        [
            vote.round.to_string(),
            dates.date(vote.held_on.as_ref()),
            format!("{} of {}", vote.valid, vote.eligible),
            vote.options.iter().map(option).collect::<Vec<_>>().join(", "),
            words::variant(vote.result().as_str_name(), "VOTE_RESULT_"),
            words::source(vote.source.as_ref()),
        ]
    });
    page.table("Votes", ["round", "held", "valid", "votes", "result", "entry"], rows);
}

pub(super) fn declaration(answer: &GetDeclarationResponse, called: &Called, style: &Style) -> String {
    let declaration = answer.declaration.clone().unwrap_or_default();
    let dates = &style.dates;
    let mut page = head(&declaration.name, answer.stamp.as_ref(), style);
    page.facts(&[
        ("declarant", called.in_line(&declaration.declarant)),
        ("kind", words::variant(declaration.kind().as_str_name(), "DECLARATION_KIND_")),
        ("period", dates.period(declaration.period.as_ref())),
        ("submitted on", dates.date(declaration.submitted_on.as_ref())),
        ("form", words::code(declaration.form.as_ref())),
        ("previous", or_nothing(&declaration.previous)),
        ("received by", or_nothing(&declaration.received_by)),
        ("meets", or_nothing(&declaration.obligation)),
        ("last version accepted", yes(declaration.accepted)),
        ("verified by", or_nothing(&declaration.verifications.join(", "))),
        ("void", yes(declaration.void)),
    ]);
    let rows = declaration.sections.iter().filter_map(|state| {
        let section = state.section.as_ref()?;
        let said = if section.none_declared { "none".to_owned() } else { section.item_count.to_string() };
        Some([words::code(section.asset_class.as_ref()), said, state.version.to_string()])
    });
    page.table("Sections as they stand", ["class", "items", "version"], rows);
    let rows = declaration.versions.iter().map(|version| {
        [
            version.version.to_string(),
            dates.date(version.filed_on.as_ref()),
            words::variant(version.cause().as_str_name(), "AMENDMENT_CAUSE_"),
            version.sections.len().to_string(),
            words::part(version.content.as_ref()),
            words::source(version.source.as_ref()),
        ]
    });
    let columns = ["version", "filed on", "cause", "sections", "content", "entry"];
    page.table("Versions", columns, rows);
    let rows = declaration.publications.iter().map(|one| {
        [
            words::variant(one.form().as_str_name(), "PUBLICATION_FORM_"),
            words::code(one.audience.as_ref()),
            dates.period(one.period.as_ref()),
            dates.date(one.ended_on.as_ref()),
            public(one.standing()).to_owned(),
            words::source(one.source.as_ref()),
        ]
    });
    page.table("Publications", ["form", "to whom", "meant for", "ended on", "public", "entry"], rows);
    matters::disputes(&mut page, &declaration.disputes);
    matters::amendments(&mut page, &declaration.corrections, &declaration.voids);
    for version in &declaration.versions {
        let content = version.content.as_ref().and_then(|part| part.content.as_ref());
        if let Some(Content::Declaration(content)) = content {
            items(&mut page, version.version, &content.items);
        }
    }
    page.into_text()
}

/// Whether something is public on the day.
const fn public(standing: Standing) -> &'static str {
    match standing {
        Standing::InForce => "yes",
        Standing::Pending => "not yet",
        Standing::Expired => "no more",
        _ => "not certain",
    }
}

fn items(page: &mut Page<'_>, version: u32, items: &[DeclarationItem]) {
    let rows = items.iter().map(|item| {
        [
            item.item_number.to_string(),
            words::code(item.asset_class.as_ref()),
            words::variant(item.holder().as_str_name(), "HOLDER_"),
            or_nothing(&item.description),
            words::valuation(item.value.as_ref()),
            words::valuation(item.income.as_ref()),
        ]
    });
    let title = format!("Items of version {version}");
    page.table(&title, ["item", "class", "holder", "description", "value", "income"], rows);
}

pub(super) fn timeline(name: &str, answer: &ListTimelineResponse, style: &Style) -> String {
    let dates = &style.dates;
    let mut page = head(name, answer.stamp.as_ref(), style);
    let amended = amended(answer);
    let rows = answer.entries.iter().map(|entry| {
        let source = entry.source.clone().unwrap_or_default();
        let mut event = vec![source.event_type.clone()];
        event.extend(Some(entry.stream.clone()).filter(|stream| !stream.is_empty()));
        event.extend(entry.target_position.map(|target| format!("of entry {target}")));
        event.extend(amended.get(&source.position).into_iter().flatten().cloned());
        [
            words::source(Some(&source)),
            dates.time(source.recorded_at.as_ref()),
            event.join("\n"),
            dates.date(entry.occurred_on.as_ref()),
            dates.date(entry.effective_on.as_ref()),
        ]
    });
    page.table("Timeline", ["entry", "recorded", "event", "occurred", "effective"], rows);
    page.into_text()
}

/// What became of entries, by their positions: those that should never have been and those that should have said something
/// else.
fn amended(answer: &ListTimelineResponse) -> BTreeMap<u64, Vec<String>> {
    let mut amended: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for entry in &answer.entries {
        let (Some(target), Some(source)) = (entry.target_position, &entry.source) else { continue };
        let became = if source.event_type == EventType::RecordVoided.name() { "VOID" } else { "corrected" };
        amended.entry(target).or_default().push(format!("{became} by entry {}", source.position));
    }
    amended
}

/// `who` names a respondent where there are several.
fn decisions(page: &mut Page<'_>, decisions: &[Decision], who: &dyn Fn(&str) -> String, dates: &Dates) {
    let rows = decisions.iter().map(|decision| {
        [
            or_nothing(&decision.name),
            words::variant(decision.standing().as_str_name(), "STANDING_"),
            who(&decision.respondent),
            words::code(decision.regime.as_ref()),
            dates.date(decision.signed_on.as_ref()),
            words::source(decision.source.as_ref()),
        ]
    });
    page.table("Decisions", ["decision", "standing", "respondent", "regime", "signed", "entry"], rows);
    let sanctions = |decision: &Decision| {
        let row = |sanction: &Sanction| {
            let item = sanction.item.clone().unwrap_or_default();
            [
                item.item_number.to_string(),
                who(&decision.respondent),
                words::sanction(&item),
                words::variant(sanction.standing().as_str_name(), "STANDING_"),
                dates.span(item.from.as_ref(), item.to.as_ref()),
                words::source(sanction.source.as_ref()),
            ]
        };
        decision.sanctions.iter().map(row).collect::<Vec<_>>()
    };
    let rows = decisions.iter().flat_map(sanctions);
    page.table("Sanctions", ["item", "respondent", "sanction", "standing", "as stated", "entry"], rows);
    let rows = decisions.iter().filter_map(|decision| {
        let annulment = decision.annulment.as_ref()?;
        Some([
            words::variant(annulment.ground().as_str_name(), "ANNULMENT_GROUND_"),
            who(&decision.respondent),
            if annulment.retroactive { "yes" } else { "no" }.to_owned(),
            dates.date(annulment.effective_on.as_ref()),
            words::source(annulment.source.as_ref()),
        ])
    });
    page.table("Annulments", ["ground", "respondent", "retroactive", "effective", "entry"], rows);
    let rows = decisions.iter().flat_map(|decision| &decision.appeals).map(|appeal| {
        [
            or_nothing(&appeal.name),
            who(&appeal.respondent),
            dates.date(appeal.lodged_on.as_ref()),
            words::variant(appeal.outcome().as_str_name(), "APPEAL_OUTCOME_"),
            dates.date(appeal.decided_on.as_ref()),
            words::part(appeal.grounds.as_ref()),
        ]
    });
    page.table("Appeals", ["appeal", "respondent", "lodged", "outcome", "decided", "grounds"], rows);
}

fn allegations(page: &mut Page<'_>, allegations: &[Allegation], who: &dyn Fn(&str) -> String, dates: &Dates) {
    let rows = allegations.iter().map(|allegation| {
        let finding = match words::variant(allegation.finding().as_str_name(), "FINDING_") {
            none if none == NOTHING => "alleged, not decided".to_owned(),
            finding => finding,
        };
        [
            allegation.allegation_number.to_string(),
            who(&allegation.respondent),
            words::code(allegation.category.as_ref()),
            dates.period(allegation.occurred.as_ref()),
            finding,
            words::part(allegation.text.as_ref()),
        ]
    });
    let columns = ["no.", "respondent", "category", "occurred", "finding", "text"];
    page.table("Allegations", columns, rows);
}

fn erased(page: &mut Page<'_>, erased: &[Source]) {
    let rows = erased.iter().map(|source| [words::source(Some(source)), source.event_type.clone()]);
    page.table("Erased entries: what they said may be missing above", ["entry", "event"], rows);
}

/// The page of an answer, with what it is about and true of.
pub(super) fn head<'s>(name: &str, stamp: Option<&Stamp>, style: &'s Style) -> Page<'s> {
    let stamp = stamp.copied().unwrap_or_default();
    let mut page = Page::new(style, tone);
    page.paragraph(name);
    page.paragraph(&format!(
        "as of {}, as known at entry {} ({}); the last entry is {}",
        style.dates.date(stamp.as_of.as_ref()),
        stamp.position,
        style.dates.time(stamp.recorded_at.as_ref()),
        stamp.head_position,
    ));
    page
}

/// What matters most stands out: what is in force, and what nobody can tell.
fn tone(text: &str) -> Tone {
    let is = |standing: Standing| text == words::variant(standing.as_str_name(), "STANDING_");
    if is(Standing::InForce) {
        Tone::Grave
    } else if is(Standing::Uncertain) {
        Tone::Doubtful
    } else {
        Tone::Plain
    }
}
