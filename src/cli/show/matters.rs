//! Single matters, work lists, changes and differences as tables.

use crate::cli::show::tables::head;
use crate::cli::show::words;
use crate::cli::text::Dates;
use crate::cli::text::NOTHING;
use crate::cli::text::Page;
use crate::cli::text::Style;
use crate::cli::text::or_nothing;
use crate::events::Code;
use crate::events::DeclarationItem;
use crate::events::Section;
use crate::proto::v1::AmountChange;
use crate::proto::v1::Appeal;
use crate::proto::v1::Correction;
use crate::proto::v1::DiffDeclarationsResponse;
use crate::proto::v1::Dispute;
use crate::proto::v1::GetAppealResponse;
use crate::proto::v1::GetChecklistResponse;
use crate::proto::v1::GetObligationResponse;
use crate::proto::v1::GetPetitionResponse;
use crate::proto::v1::GetVerificationResponse;
use crate::proto::v1::ItemChange;
use crate::proto::v1::ListChangesResponse;
use crate::proto::v1::ListWorkResponse;
use crate::proto::v1::PersonalPart;
use crate::proto::v1::Step;
use crate::proto::v1::StepDefect;
use crate::proto::v1::StepState;
use crate::proto::v1::Void;
use crate::proto::v1::WorkItem;
use crate::proto::v1::personal_part::Content;

pub(super) fn petition(answer: &GetPetitionResponse, style: &Style) -> String {
    let petition = answer.petition.clone().unwrap_or_default();
    let dates = &style.dates;
    let mut page = head(&petition.name, answer.stamp.as_ref(), style);
    page.facts(&[
        ("state", state(petition.state().as_str_name(), "PETITION_STATE_", petition.overdue)),
        ("kind", words::code(petition.petition_kind.as_ref())),
        ("channel", words::code(petition.channel.as_ref())),
        ("reference", or_nothing(&petition.reference)),
        ("received by", or_nothing(&petition.received_by)),
        ("received on", dates.date(petition.received_on.as_ref())),
        ("about", list(&petition.respondents)),
        ("topics", codes(&petition.topics)),
        ("due on", dates.date(petition.due_on.as_ref())),
        ("outcome", words::variant(petition.outcome().as_str_name(), "PETITION_OUTCOME_")),
        ("resolved on", dates.date(petition.resolved_on.as_ref())),
        ("resolved by", or_nothing(&petition.resolved_by)),
        ("what it says", words::part(petition.summary.as_ref())),
        ("reasons", words::part(petition.reasons.as_ref())),
        ("led to", list(&petition.cases)),
        ("received by entry", words::source(petition.received.as_ref())),
        ("resolved by entry", words::source(petition.resolved.as_ref())),
    ]);
    disputes(&mut page, &petition.disputes);
    amendments(&mut page, &petition.corrections, &petition.voids);
    page.into_text()
}

pub(super) fn obligation(answer: &GetObligationResponse, style: &Style) -> String {
    let obligation = answer.obligation.clone().unwrap_or_default();
    let dates = &style.dates;
    let mut page = head(&obligation.name, answer.stamp.as_ref(), style);
    page.facts(&[
        ("state", state(obligation.state().as_str_name(), "OBLIGATION_STATE_", obligation.overdue)),
        ("person", or_nothing(&obligation.person)),
        ("kind", words::variant(obligation.kind().as_str_name(), "DECLARATION_KIND_")),
        ("period", dates.period(obligation.period.as_ref())),
        ("due on", dates.date(obligation.due_on.as_ref())),
        ("to be filed with", or_nothing(&obligation.body)),
        ("because of", words::code(obligation.trigger.as_ref())),
        ("met by", list(&obligation.declarations)),
        ("met on", dates.date(obligation.met_on.as_ref())),
        ("created by entry", words::source(obligation.created.as_ref())),
    ]);
    disputes(&mut page, &obligation.disputes);
    amendments(&mut page, &obligation.corrections, &obligation.voids);
    page.into_text()
}

pub(super) fn verification(answer: &GetVerificationResponse, style: &Style) -> String {
    let verification = answer.verification.clone().unwrap_or_default();
    let dates = &style.dates;
    let mut page = head(&verification.name, answer.stamp.as_ref(), style);
    page.facts(&[
        ("state", state(verification.state().as_str_name(), "VERIFICATION_STATE_", verification.overdue)),
        ("person", or_nothing(&verification.person)),
        ("ground", words::variant(verification.ground().as_str_name(), "VERIFICATION_GROUND_")),
        ("declarations", list(&verification.declarations)),
        ("reference", or_nothing(&verification.reference)),
        ("ordered by", or_nothing(&verification.ordered_by)),
        ("ordered on", dates.date(verification.ordered_on.as_ref())),
        ("due on", dates.date(verification.due_on.as_ref())),
        ("reasons", words::part(verification.reasons.as_ref())),
        ("true", words::variant(verification.truthfulness().as_str_name(), "TRUTHFULNESS_")),
        ("origin", words::variant(verification.origin().as_str_name(), "ORIGIN_EXPLAINED_")),
        ("discrepancies", codes(&verification.discrepancies)),
        ("recommended", codes(&verification.recommendations)),
        ("concluded on", dates.date(verification.concluded_on.as_ref())),
        ("concluded by", or_nothing(&verification.concluded_by)),
        ("conclusion", words::part(verification.conclusion.as_ref())),
        ("led to", list(&verification.cases)),
        ("ordered by entry", words::source(verification.ordered.as_ref())),
        ("concluded by entry", words::source(verification.concluded.as_ref())),
    ]);
    let rows = verification.explanations.iter().map(|one| {
        [
            dates.date(one.requested_on.as_ref()),
            dates.date(one.received_on.as_ref()),
            words::part(one.text.as_ref()),
            words::source(one.source.as_ref()),
        ]
    });
    page.table("Explanations", ["asked on", "received on", "text", "entry"], rows);
    disputes(&mut page, &verification.disputes);
    amendments(&mut page, &verification.corrections, &verification.voids);
    page.into_text()
}

pub(super) fn appeal(answer: &GetAppealResponse, style: &Style) -> String {
    let appeal: Appeal = answer.appeal.clone().unwrap_or_default();
    let dates = &style.dates;
    let mut page = head(&appeal.name, answer.stamp.as_ref(), style);
    page.facts(&[
        ("state", state(appeal.state().as_str_name(), "APPEAL_STATE_", appeal.overdue)),
        ("against", or_nothing(&appeal.decision)),
        ("respondent", or_nothing(&appeal.respondent)),
        ("lodged with", or_nothing(&appeal.lodged_with)),
        ("lodged on", dates.date(appeal.lodged_on.as_ref())),
        ("due on", dates.date(appeal.due_on.as_ref())),
        ("grounds", words::part(appeal.grounds.as_ref())),
        ("outcome", words::variant(appeal.outcome().as_str_name(), "APPEAL_OUTCOME_")),
        ("decided on", dates.date(appeal.decided_on.as_ref())),
        ("decided by", or_nothing(&appeal.decided_by)),
        ("last instance", if appeal.last_instance { "yes".to_owned() } else { NOTHING.to_owned() }),
        ("reasons", words::part(appeal.reasons.as_ref())),
        ("lodged by entry", words::source(appeal.lodged.as_ref())),
        ("decided by entry", words::source(appeal.decided.as_ref())),
    ]);
    disputes(&mut page, &appeal.disputes);
    amendments(&mut page, &appeal.corrections, &appeal.voids);
    page.into_text()
}

pub(super) fn checklist(name: &str, answer: &GetChecklistResponse, style: &Style) -> String {
    let mut page = head(name, answer.stamp.as_ref(), style);
    page.paragraph("due dates and ends are as the events carry them");
    for checklist in &answer.checklists {
        let before = if checklist.decision.is_empty() { "no decision yet" } else { checklist.decision.as_str() };
        let title = format!("{}: {before}", checklist.respondent);
        let rows = checklist.steps.iter().map(|step| {
            [
                words::variant(step.step().as_str_name(), "CHECKLIST_STEP_"),
                match step.state() {
                    StepState::NotKept => "not recorded here".to_owned(),
                    state => words::variant(state.as_str_name(), "STEP_STATE_"),
                },
                defects(step),
                list(&step.entries.iter().map(|source| words::source(Some(source))).collect::<Vec<_>>()),
            ]
        });
        page.table(&title, ["step", "state", "what is wrong", "entries"], rows);
    }
    page.into_text()
}

fn defects(step: &Step) -> String {
    let mut said: Vec<String> =
        step.defects().map(|defect: StepDefect| words::variant(defect.as_str_name(), "STEP_DEFECT_")).collect();
    if !step.allegation_numbers.is_empty() {
        let numbers: Vec<String> = step.allegation_numbers.iter().map(u32::to_string).collect();
        said.push(format!("no. {}", numbers.join(", ")));
    }
    list(&said)
}

pub(super) fn work(title: &str, answer: &ListWorkResponse, style: &Style) -> String {
    let dates = &style.dates;
    let mut page = head(title, answer.stamp.as_ref(), style);
    pending(&mut page, "To be done", &answer.items, dates);
    if answer.items.is_empty() {
        page.paragraph("nothing has to be done");
    }
    if answer.notices_cut {
        page.paragraph("notices of later disclosures are not here: see `probity show notices`");
    }
    page.into_text()
}

/// What has to be done, by its day.
pub(super) fn pending(page: &mut Page<'_>, title: &str, items: &[WorkItem], dates: &Dates) {
    let rows = items.iter().map(|item| {
        [
            dates.date(item.due_on.as_ref()),
            if item.overdue { "overdue".to_owned() } else { String::new() },
            words::variant(item.kind().as_str_name(), "WORK_KIND_"),
            item.name.clone(),
            list(&item.subjects),
        ]
    });
    page.table(title, ["due", "", "kind", "what", "about"], rows);
}

pub(super) fn changes(title: &str, answer: &ListChangesResponse, style: &Style) -> String {
    let dates = &style.dates;
    let mut page = head(title, answer.stamp.as_ref(), style);
    let rows = answer.changes.iter().map(|change| {
        let source = change.source.clone().unwrap_or_default();
        [
            words::source(Some(&source)),
            dates.time(source.recorded_at.as_ref()),
            words::variant(change.kind().as_str_name(), "CHANGE_KIND_"),
            source.event_type,
            or_nothing(&change.stream),
            change.target_position.map_or_else(|| NOTHING.to_owned(), |target| target.to_string()),
        ]
    });
    page.table("Changes", ["entry", "recorded", "change", "event", "stream", "of entry"], rows);
    page.paragraph(&format!("looked at every entry up to {}", answer.scanned_position));
    page.into_text()
}

pub(super) fn difference(before: &str, after: &str, answer: &DiffDeclarationsResponse, style: &Style) -> String {
    let mut page = head(after, answer.stamp.as_ref(), style);
    let (new, old) = (answer.after_version, answer.before_version);
    page.paragraph(&format!("version {new} compared with version {old} of {before}"));
    let rows = answer.classes.iter().map(|class| {
        [
            words::code(class.asset_class.as_ref()),
            section(class.before.as_ref()),
            section(class.after.as_ref()),
            if class.not_compared { "cannot be read".to_owned() } else { class.equal_items.to_string() },
            class.items.len().to_string(),
        ]
    });
    page.table("Classes", ["class", "before", "after", "same", "not the same"], rows);
    for class in answer.classes.iter().filter(|class| !class.items.is_empty()) {
        let title = words::code(class.asset_class.as_ref());
        let rows = class.items.iter().map(item);
        page.table(&title, ["", "what", "before", "after", "value", "income"], rows);
    }
    let rows = answer.missing.iter().map(|missing| {
        let why =
            if missing.key_not_held { "sealed by a client".to_owned() } else { words::part(missing.content.as_ref()) };
        [missing.declaration.clone(), missing.version.to_string(), why]
    });
    page.table("Items that cannot be read", ["declaration", "version", "why"], rows);
    page.into_text()
}

fn item(change: &ItemChange) -> [String; 6] {
    let (before, after) = (the_item(change.before.as_ref()), the_item(change.after.as_ref()));
    let worth = |item: Option<&DeclarationItem>| words::valuation(item.and_then(|item| item.value.as_ref()));
    let amount = |change: AmountChange| words::variant(change.as_str_name(), "AMOUNT_CHANGE_");
    [
        words::variant(change.kind().as_str_name(), "ITEM_CHANGE_KIND_"),
        after.or(before).map_or_else(|| NOTHING.to_owned(), |item| or_nothing(&item.description)),
        worth(before),
        worth(after),
        amount(change.value()),
        amount(change.income()),
    ]
}

fn the_item(part: Option<&PersonalPart>) -> Option<&DeclarationItem> {
    match part?.content.as_ref()? {
        Content::Declaration(content) => content.items.first(),
        Content::Identity(_) | Content::Narrative(_) => None,
    }
}

fn section(section: Option<&Section>) -> String {
    match section {
        None => NOTHING.to_owned(),
        Some(section) if section.none_declared => "none".to_owned(),
        Some(section) => section.item_count.to_string(),
    }
}

/// What was corrected and what is void.
pub(super) fn amendments(page: &mut Page<'_>, corrections: &[Correction], voids: &[Void]) {
    let rows = corrections.iter().map(|correction| {
        let sealed = correction.personal_classes.iter().map(|class| format!("sealed P{class}"));
        let what: Vec<String> = correction.paths.iter().cloned().chain(sealed).collect();
        [
            words::source(correction.target.as_ref()),
            list(&what),
            words::code(correction.reason.as_ref()),
            words::source(correction.source.as_ref()),
        ]
    });
    page.table("Corrected", ["entry", "what", "reason", "by entry"], rows);
    let rows = voids.iter().map(|void| {
        [
            words::source(void.target.as_ref()),
            or_nothing(&void.target.as_ref().map(|target| target.event_type.clone()).unwrap_or_default()),
            words::variant(void.ground().as_str_name(), "VOID_GROUND_"),
            words::source(void.source.as_ref()),
        ]
    });
    page.table("Void", ["entry", "event", "ground", "by entry"], rows);
}

/// What subjects say against entries.
pub(super) fn disputes(page: &mut Page<'_>, disputes: &[Dispute]) {
    let rows = disputes.iter().map(|dispute| {
        let outcome = words::variant(dispute.outcome().as_str_name(), "DISPUTE_OUTCOME_");
        let state = words::variant(dispute.state().as_str_name(), "DISPUTE_STATE_");
        [
            words::source(dispute.target.as_ref()),
            if outcome == NOTHING { state } else { format!("{state}, {outcome}") },
            or_nothing(&dispute.person),
            words::code(dispute.ground.as_ref()),
            words::part(dispute.statement.as_ref()),
        ]
    });
    page.table("Disputed", ["entry", "state", "by", "ground", "what the person says"], rows);
}

pub(super) fn state(name: &str, prefix: &str, overdue: bool) -> String {
    let said = words::variant(name, prefix);
    if overdue { format!("{said}, overdue") } else { said }
}

pub(super) fn list(said: &[String]) -> String {
    if said.is_empty() { NOTHING.to_owned() } else { said.join(", ") }
}

pub(super) fn codes(codes: &[Code]) -> String {
    list(&codes.iter().map(|code| words::code(Some(code))).collect::<Vec<_>>())
}
