//! Answers as tables that fit the terminal.

use std::fmt::Write as _;

use comfy_table::Attribute;
use comfy_table::Cell;
use comfy_table::Color;
use comfy_table::ContentArrangement;
use comfy_table::Table;
use comfy_table::presets;

use crate::cli::show::matters;
use crate::cli::show::words;
use crate::events::DeclarationItem;
use crate::events::VoteOption;
use crate::proto::v1::Allegation;
use crate::proto::v1::Decision;
use crate::proto::v1::GetCaseResponse;
use crate::proto::v1::GetDecisionResponse;
use crate::proto::v1::GetDeclarationResponse;
use crate::proto::v1::GetRecordResponse;
use crate::proto::v1::ListTimelineResponse;
use crate::proto::v1::Record;
use crate::proto::v1::Source;
use crate::proto::v1::Stamp;
use crate::proto::v1::Standing;
use crate::proto::v1::personal_part::Content;

/// How it may look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint {
    /// Fit the width of the terminal; elsewhere lines are as long as they are.
    pub terminal: bool,
    /// Colours and bold.
    pub colour: bool,
}

pub(super) fn record(answer: &GetRecordResponse, paint: Paint) -> String {
    let record = answer.record.clone().unwrap_or_default();
    let mut out = head(&record.name, answer.stamp.as_ref());
    let mut about = vec![("kind", words::variant(record.kind().as_str_name(), "ENTITY_KIND_"))];
    if let Some(identity) = &record.identity {
        about.push(("identity", words::part(Some(identity))));
        about.push(("status", words::variant(record.status().as_str_name(), "PERSON_STATUS_")));
    }
    about.extend(record.names.iter().map(|name| ("name", name.text.clone())));
    let in_force = if record.sanction_in_force { "yes" } else { "no, or not certain" };
    about.push(("a sanction in force", in_force.to_owned()));
    if record.void {
        about.push(("void", "the registration should never have been recorded".to_owned()));
    }
    about.push(("declarations", declared(&record)));
    about.push(("petitions that name it", petitions(&record)));
    about.push(("registered by entry", words::source(record.registered.as_ref())));
    facts(&mut out, &about);
    matters::pending(&mut out, "Pending", &record.pending, paint);
    positions(&mut out, &record, paint);
    decisions(&mut out, &record.decisions, paint);
    let rows = record.cases.iter().map(|case| {
        [
            words::or_nothing(&case.name),
            words::variant(case.status().as_str_name(), "CASE_STATUS_"),
            words::date(case.opened_on.as_ref()),
            words::code(case.regime.as_ref()),
            case.allegations.len().to_string(),
            words::variant(case.outcome().as_str_name(), "CASE_OUTCOME_"),
        ]
    });
    table(&mut out, "Cases", ["case", "status", "opened", "regime", "allegations", "outcome"], rows, paint);
    let alleged: Vec<Allegation> = record.cases.iter().flat_map(|case| case.allegations.clone()).collect();
    allegations(&mut out, &alleged, paint);
    let rows = record.declarations.iter().map(|declaration| {
        [
            words::or_nothing(&declaration.name),
            words::variant(declaration.kind().as_str_name(), "DECLARATION_KIND_"),
            words::period(declaration.period.as_ref()),
            words::date(declaration.submitted_on.as_ref()),
            if declaration.void { "void".to_owned() } else { declaration.versions.to_string() },
        ]
    });
    table(&mut out, "Declarations", ["declaration", "kind", "period", "submitted", "versions"], rows, paint);
    let rows = record.imported_rows.iter().map(|row| {
        [
            words::source(row.entry.as_ref()),
            words::code(row.source.as_ref()),
            words::or_nothing(&row.release),
            row.row.to_string(),
            words::variant(row.observation().as_str_name(), "OBSERVATION_"),
        ]
    });
    table(&mut out, "Imported rows", ["entry", "source", "release", "row", "observed"], rows, paint);
    matters::amendments(&mut out, &record.corrections, &record.voids, paint);
    erased(&mut out, &record.erased, paint);
    out
}

fn declared(record: &Record) -> String {
    let status = record.declaration_status.clone().unwrap_or_default();
    let counts =
        [(status.overdue, "overdue"), (status.open, "due"), (status.met_late, "met late"), (status.met, "met")];
    let said: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if said.is_empty() { words::NOTHING.to_owned() } else { said.join(", ") }
}

fn petitions(record: &Record) -> String {
    let tally = record.petitions.unwrap_or_default();
    match tally.received {
        0 => words::NOTHING.to_owned(),
        received => format!("{received}, of them {} resolved", tally.resolved),
    }
}

fn positions(out: &mut String, record: &Record, paint: Paint) {
    let rows = record.positions.iter().map(|position| {
        [
            words::code(position.title.as_ref()),
            words::or_nothing(&position.body),
            words::span(position.from.as_ref(), position.to.as_ref()),
            words::source(position.source.as_ref()),
        ]
    });
    table(out, "Posts", ["post", "body", "held", "entry"], rows, paint);
}

pub(super) fn case(answer: &GetCaseResponse, paint: Paint) -> String {
    let case = answer.case.clone().unwrap_or_default();
    let mut out = head(&case.name, answer.stamp.as_ref());
    facts(
        &mut out,
        &[
            ("status", words::variant(case.status().as_str_name(), "CASE_STATUS_")),
            ("regime", words::code(case.regime.as_ref())),
            ("origin", words::variant(case.origin().as_str_name(), "CASE_ORIGIN_")),
            ("reference", words::or_nothing(&case.reference)),
            ("opened by", words::or_nothing(&case.opened_by)),
            ("opened on", words::date(case.opened_on.as_ref())),
            ("due on", words::date(case.due_on.as_ref())),
            ("overdue", if case.overdue { "yes".to_owned() } else { words::NOTHING.to_owned() }),
            ("petition", words::or_nothing(&case.petition)),
            ("verification", words::or_nothing(&case.verification)),
            ("opened by entry", words::source(case.opened.as_ref())),
            ("closed by entry", words::source(case.closed.as_ref())),
        ],
    );
    let rows = case.respondents.iter().map(|one| {
        let outcome = words::variant(one.outcome().as_str_name(), "CASE_OUTCOME_");
        [
            one.name.clone(),
            if one.examined { "examined".to_owned() } else { outcome },
            one.notices.len().to_string(),
            one.statements.len().to_string(),
            one.hearings.len().to_string(),
        ]
    });
    let columns = ["respondent", "outcome", "notices", "statements", "hearings"];
    table(&mut out, "Respondents", columns, rows, paint);
    allegations(&mut out, &case.allegations, paint);
    decisions(&mut out, &case.decisions, paint);
    matters::amendments(&mut out, &case.corrections, &case.voids, paint);
    erased(&mut out, &case.erased, paint);
    out
}

pub(super) fn decision(answer: &GetDecisionResponse, paint: Paint) -> String {
    let decision = answer.decision.clone().unwrap_or_default();
    let mut out = head(&decision.name, answer.stamp.as_ref());
    facts(
        &mut out,
        &[
            ("standing", words::variant(decision.standing().as_str_name(), "STANDING_")),
            ("phase", words::variant(decision.phase().as_str_name(), "DECISION_PHASE_")),
            ("respondent", words::or_nothing(&decision.respondent)),
            ("case", words::or_nothing(&decision.case)),
            ("reference", words::or_nothing(&decision.reference)),
            ("issued by", words::or_nothing(&decision.issued_by)),
            ("regime", words::code(decision.regime.as_ref())),
            ("signed on", words::date(decision.signed_on.as_ref())),
            ("effective on", words::date(decision.effective_on.as_ref())),
            ("announced on", announced(&decision)),
            ("served on", served(&decision)),
            ("expired on", expired(&decision)),
            ("appeal until", words::date(decision.appeal_until.as_ref())),
            ("appeal to", words::or_nothing(&decision.appeal_to)),
            ("reasons", words::part(decision.reasons.as_ref())),
            ("issued by entry", words::source(decision.source.as_ref())),
        ],
    );
    proposals(&mut out, &decision, paint);
    decisions(&mut out, std::slice::from_ref(&decision), paint);
    let changes = decision.changes.iter().map(|source| [words::source(Some(source)), source.event_type.clone()]);
    table(&mut out, "Changes", ["entry", "event"], changes, paint);
    matters::amendments(&mut out, &decision.corrections, &decision.voids, paint);
    out
}

fn announced(decision: &Decision) -> String {
    words::date(decision.announcement.as_ref().and_then(|one| one.announced_on.as_ref()))
}

fn served(decision: &Decision) -> String {
    words::date(decision.delivery.as_ref().and_then(|one| one.served_on.as_ref()))
}

fn expired(decision: &Decision) -> String {
    words::date(decision.expiry.as_ref().and_then(|one| one.expired_on.as_ref()))
}

fn proposals(out: &mut String, decision: &Decision, paint: Paint) {
    let rows = decision.proposals.iter().map(|proposal| {
        let items: Vec<String> = proposal.items.iter().map(words::sanction).collect();
        [
            words::date(proposal.proposed_on.as_ref()),
            words::or_nothing(&proposal.proposed_by),
            if items.is_empty() { "no sanction".to_owned() } else { items.join("; ") },
            words::source(proposal.source.as_ref()),
        ]
    });
    table(out, "Proposed, not imposed", ["on", "by", "what", "entry"], rows, paint);
    let rows = decision.votes.iter().map(|vote| {
        let option = |option: &VoteOption| {
            let form = option.form.as_ref().map_or_else(|| "no sanction".to_owned(), |form| form.code.clone());
            format!("{form} {}", option.votes)
        };
        [
            vote.round.to_string(),
            words::date(vote.held_on.as_ref()),
            format!("{} of {}", vote.valid, vote.eligible),
            vote.options.iter().map(option).collect::<Vec<_>>().join(", "),
            words::variant(vote.result().as_str_name(), "VOTE_RESULT_"),
            words::source(vote.source.as_ref()),
        ]
    });
    table(out, "Votes", ["round", "held", "valid", "votes", "result", "entry"], rows, paint);
}

pub(super) fn declaration(answer: &GetDeclarationResponse, paint: Paint) -> String {
    let declaration = answer.declaration.clone().unwrap_or_default();
    let mut out = head(&declaration.name, answer.stamp.as_ref());
    facts(
        &mut out,
        &[
            ("declarant", words::or_nothing(&declaration.declarant)),
            ("kind", words::variant(declaration.kind().as_str_name(), "DECLARATION_KIND_")),
            ("period", words::period(declaration.period.as_ref())),
            ("submitted on", words::date(declaration.submitted_on.as_ref())),
            ("form", words::code(declaration.form.as_ref())),
            ("previous", words::or_nothing(&declaration.previous)),
            ("received by", words::or_nothing(&declaration.received_by)),
            ("meets", words::or_nothing(&declaration.obligation)),
            ("last version accepted", if declaration.accepted { "yes" } else { words::NOTHING }.to_owned()),
            ("verified by", words::or_nothing(&declaration.verifications.join(", "))),
            ("void", if declaration.void { "yes" } else { words::NOTHING }.to_owned()),
        ],
    );
    let rows = declaration.sections.iter().filter_map(|state| {
        let section = state.section.as_ref()?;
        let said = if section.none_declared { "none".to_owned() } else { section.item_count.to_string() };
        Some([words::code(section.asset_class.as_ref()), said, state.version.to_string()])
    });
    table(&mut out, "Sections as they stand", ["class", "items", "version"], rows, paint);
    let rows = declaration.versions.iter().map(|version| {
        [
            version.version.to_string(),
            words::date(version.filed_on.as_ref()),
            words::variant(version.cause().as_str_name(), "AMENDMENT_CAUSE_"),
            version.sections.len().to_string(),
            words::part(version.content.as_ref()),
            words::source(version.source.as_ref()),
        ]
    });
    let columns = ["version", "filed on", "cause", "sections", "content", "entry"];
    table(&mut out, "Versions", columns, rows, paint);
    let rows = declaration.publications.iter().map(|one| {
        [
            words::variant(one.form().as_str_name(), "PUBLICATION_FORM_"),
            words::code(one.audience.as_ref()),
            words::period(one.period.as_ref()),
            words::date(one.ended_on.as_ref()),
            public(one.standing()).to_owned(),
            words::source(one.source.as_ref()),
        ]
    });
    let columns = ["form", "to whom", "meant for", "ended on", "public", "entry"];
    table(&mut out, "Publications", columns, rows, paint);
    matters::amendments(&mut out, &declaration.corrections, &declaration.voids, paint);
    for version in &declaration.versions {
        let content = version.content.as_ref().and_then(|part| part.content.as_ref());
        if let Some(Content::Declaration(content)) = content {
            items(&mut out, version.version, &content.items, paint);
        }
    }
    out
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

fn items(out: &mut String, version: u32, items: &[DeclarationItem], paint: Paint) {
    let rows = items.iter().map(|item| {
        [
            item.item_number.to_string(),
            words::code(item.asset_class.as_ref()),
            words::variant(item.holder().as_str_name(), "HOLDER_"),
            words::or_nothing(&item.description),
            words::valuation(item.value.as_ref()),
            words::valuation(item.income.as_ref()),
        ]
    });
    let title = format!("Items of version {version}");
    table(out, &title, ["item", "class", "holder", "description", "value", "income"], rows, paint);
}

pub(super) fn timeline(name: &str, answer: &ListTimelineResponse, paint: Paint) -> String {
    let mut out = head(name, answer.stamp.as_ref());
    let rows = answer.entries.iter().map(|entry| {
        let source = entry.source.clone().unwrap_or_default();
        [
            words::source(Some(&source)),
            words::time(source.recorded_at.as_ref()),
            source.event_type,
            words::or_nothing(&entry.stream),
            words::date(entry.occurred_on.as_ref()),
            words::date(entry.effective_on.as_ref()),
        ]
    });
    let columns = ["entry", "recorded", "event", "stream", "occurred", "effective"];
    table(&mut out, "Timeline", columns, rows, paint);
    out
}

fn decisions(out: &mut String, decisions: &[Decision], paint: Paint) {
    let rows = decisions.iter().map(|decision| {
        [
            words::or_nothing(&decision.name),
            words::variant(decision.standing().as_str_name(), "STANDING_"),
            words::code(decision.regime.as_ref()),
            words::date(decision.signed_on.as_ref()),
            words::source(decision.source.as_ref()),
        ]
    });
    table(out, "Decisions", ["decision", "standing", "regime", "signed", "entry"], rows, paint);
    let rows = decisions.iter().flat_map(|decision| &decision.sanctions).map(|sanction| {
        let item = sanction.item.clone().unwrap_or_default();
        [
            item.item_number.to_string(),
            words::sanction(&item),
            words::variant(sanction.standing().as_str_name(), "STANDING_"),
            words::span(item.from.as_ref(), item.to.as_ref()),
            words::source(sanction.source.as_ref()),
        ]
    });
    table(out, "Sanctions", ["item", "sanction", "standing", "as stated", "entry"], rows, paint);
    let rows = decisions.iter().filter_map(|decision| decision.annulment.as_ref()).map(|annulment| {
        [
            words::variant(annulment.ground().as_str_name(), "ANNULMENT_GROUND_"),
            if annulment.retroactive { "yes" } else { "no" }.to_owned(),
            words::date(annulment.effective_on.as_ref()),
            words::source(annulment.source.as_ref()),
        ]
    });
    table(out, "Annulments", ["ground", "retroactive", "effective", "entry"], rows, paint);
    let rows = decisions.iter().flat_map(|decision| &decision.appeals).map(|appeal| {
        [
            words::or_nothing(&appeal.name),
            words::date(appeal.lodged_on.as_ref()),
            words::variant(appeal.outcome().as_str_name(), "APPEAL_OUTCOME_"),
            words::date(appeal.decided_on.as_ref()),
            words::part(appeal.grounds.as_ref()),
        ]
    });
    table(out, "Appeals", ["appeal", "lodged", "outcome", "decided", "grounds"], rows, paint);
}

fn allegations(out: &mut String, allegations: &[Allegation], paint: Paint) {
    let rows = allegations.iter().map(|allegation| {
        let finding = match words::variant(allegation.finding().as_str_name(), "FINDING_") {
            none if none == words::NOTHING => "alleged, not decided".to_owned(),
            finding => finding,
        };
        [
            allegation.allegation_number.to_string(),
            words::or_nothing(&allegation.respondent),
            words::code(allegation.category.as_ref()),
            words::period(allegation.occurred.as_ref()),
            finding,
            words::part(allegation.text.as_ref()),
        ]
    });
    let columns = ["no.", "respondent", "category", "occurred", "finding", "text"];
    table(out, "Allegations", columns, rows, paint);
}

fn erased(out: &mut String, erased: &[Source], paint: Paint) {
    let rows = erased.iter().map(|source| [words::source(Some(source)), source.event_type.clone()]);
    table(out, "Erased entries: what they said may be missing above", ["entry", "event"], rows, paint);
}

pub(super) fn head(name: &str, stamp: Option<&Stamp>) -> String {
    let stamp = stamp.copied().unwrap_or_default();
    format!(
        "{name}\nas of {}, as known at entry {} ({}); the last entry is {}\n",
        words::date(stamp.as_of.as_ref()),
        stamp.position,
        words::time(stamp.recorded_at.as_ref()),
        stamp.head_position,
    )
}

pub(super) fn facts(out: &mut String, facts: &[(&str, String)]) {
    out.push('\n');
    for (fact, value) in facts.iter().filter(|(_, value)| value != words::NOTHING) {
        let _ = writeln!(out, "{fact}: {}", words::printable(value));
    }
}

/// A table with its title, or nothing where it has no row.
pub(super) fn table<const N: usize>(
    out: &mut String,
    title: &str,
    columns: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
    paint: Paint,
) {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    if !paint.terminal {
        table.force_no_tty();
    }
    table.set_header(
        columns.map(
            |column| if paint.colour { Cell::new(column).add_attribute(Attribute::Bold) } else { Cell::new(column) },
        ),
    );
    for row in rows {
        table.add_row(row.map(|text| cell(&words::printable(&text), paint)));
    }
    if table.row_count() > 0 {
        let _ = writeln!(out, "\n{title}\n{table}");
    }
}

/// What matters most stands out: what is in force, and what nobody can tell.
fn cell(text: &str, paint: Paint) -> Cell {
    let is = |standing: Standing| text == words::variant(standing.as_str_name(), "STANDING_");
    if paint.colour && is(Standing::InForce) {
        Cell::new(text).fg(Color::Red)
    } else if paint.colour && is(Standing::Uncertain) {
        Cell::new(text).fg(Color::Yellow)
    } else {
        Cell::new(text)
    }
}
