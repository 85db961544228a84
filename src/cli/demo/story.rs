//! The affair that the demo plays, invented from end to end: who is in it, and what is recorded of it.

use crate::events::AllegationFound;
use crate::events::AllegationRecorded;
use crate::events::AnnulmentGround;
use crate::events::AppealDecided;
use crate::events::AppealLodged;
use crate::events::AppealOutcome;
use crate::events::CaseClosed;
use crate::events::CaseOpened;
use crate::events::CaseOrigin;
use crate::events::CaseOutcome;
use crate::events::Code;
use crate::events::Context;
use crate::events::DecisionAnnulled;
use crate::events::DecisionIssued;
use crate::events::Event;
use crate::events::Finding;
use crate::events::Money;
use crate::events::Narrative;
use crate::events::NativeId;
use crate::events::OrganisationName;
use crate::events::OrganisationRegistered;
use crate::events::PartialDate;
use crate::events::Period;
use crate::events::PersonIdentity;
use crate::events::PersonRegistered;
use crate::events::PersonStatus;
use crate::events::PositionAssigned;
use crate::events::RespondentOutcome;
use crate::events::SanctionItem;
use crate::events::Term;
use crate::log::Id;

/// What is appended in one request, each event with its words.
pub(super) type Act = Vec<(Event, &'static str)>;

/// The number of the decision in the register of the body. A forger will change it.
pub(super) const DECISION_NUMBER: &str = "NPA-2024-117";

/// Names that are recorded sealed, and stand nowhere in the open.
pub(super) const SEALED_NAMES: [&str; 2] = ["Linden", "Reve"];

/// A day on which the sanctions were in force.
pub(super) const DAY_UNDER_SANCTION: PartialDate = date(2024, 7, 1);

/// Who is in it. The ids are random, as everywhere: an id made from a name would tell the name.
#[derive(Debug)]
pub(super) struct Cast {
    pub(super) authority: String,
    pub(super) inspectorate: String,
    pub(super) linden: String,
    pub(super) reve: String,
    pub(super) case: String,
    pub(super) decision: String,
    pub(super) appeal: String,
    pub(super) declaration: String,
}

impl Cast {
    /// With new ids.
    pub(super) fn new() -> Self {
        Self {
            authority: id(),
            inspectorate: id(),
            linden: id(),
            reve: id(),
            case: id(),
            decision: id(),
            appeal: id(),
            declaration: id(),
        }
    }

    pub(super) fn registrations(&self) -> Act {
        vec![
            (organisation(&self.authority, "Northwick Port Authority", "agency"), "the Northwick Port Authority"),
            (organisation(&self.inspectorate, "Northwick Inspectorate", "inspectorate"), "the Northwick Inspectorate"),
            (person(&self.linden, "Mara Linden", "NP-0417"), "Mara Linden (her name is sealed)"),
            (person(&self.reve, "Tomas Reve", "NP-0388"), "Tomas Reve (his name is sealed)"),
            (self.post(&self.linden, "head-of-procurement", date(2019, 9, 1)), "Linden heads procurement"),
            (self.post(&self.reve, "deputy-director", date(2021, 2, 1)), "Reve is deputy director"),
        ]
    }

    fn post(&self, person: &str, title: &str, from: PartialDate) -> Event {
        PositionAssigned {
            person_id: person.to_owned(),
            position_number: 1,
            body_id: self.authority.clone(),
            title: code("post", title),
            from: Some(from),
            ..PositionAssigned::default()
        }
        .into()
    }

    pub(super) fn case_opened(&self) -> Act {
        let opened = CaseOpened {
            context: occurred(date(2024, 2, 5)),
            case_id: self.case.clone(),
            regime: code("regime", "civil-service"),
            origin: CaseOrigin::Audit.into(),
            opened_by_id: self.inspectorate.clone(),
            respondent_ids: vec![self.linden.clone()],
            reference: "NI-2024-009".to_owned(),
            ..CaseOpened::default()
        };
        let alleged = AllegationRecorded {
            context: occurred(date(2024, 2, 5)),
            case_id: self.case.clone(),
            allegation_number: 1,
            respondent_id: self.linden.clone(),
            category: code("breach", "conflict-of-interest"),
            // Known to the month, and recorded so.
            occurred: Some(Period { from: Some(month(2023, 11)), to: Some(month(2023, 11)) }),
            text: narrative("She is said to have awarded the dredging contract to a firm of her brother."),
        };
        vec![(opened.into(), "a case against Linden"), (alleged.into(), "alleged: a conflict of interest")]
    }

    pub(super) fn finding(&self) -> Act {
        let found = AllegationFound {
            context: occurred(date(2024, 4, 22)),
            case_id: self.case.clone(),
            allegation_number: 1,
            respondent_id: self.linden.clone(),
            finding: Finding::Substantiated.into(),
            found_by_id: self.inspectorate.clone(),
            source_finding: None,
            reasons: narrative("The commercial register names the brother as a partner of the firm."),
        };
        vec![(found.into(), "the allegation is substantiated")]
    }

    pub(super) fn decision(&self) -> Act {
        let fine = SanctionItem {
            item_number: 1,
            form: code("sanction", "fine"),
            amount: Some(Money { currency: "EUR".to_owned(), units: 1200, nanos: 0 }),
            ..SanctionItem::default()
        };
        let removal = SanctionItem {
            item_number: 2,
            form: code("sanction", "removal-from-post"),
            term: Some(Term { years: 3, months: 0, days: 0 }),
            ..SanctionItem::default()
        };
        let issued = DecisionIssued {
            context: Some(Context { effective_on: Some(date(2024, 5, 13)), ..Context::default() }),
            decision_id: self.decision.clone(),
            case_id: self.case.clone(),
            respondent_id: self.linden.clone(),
            reference: DECISION_NUMBER.to_owned(),
            issued_by_id: self.authority.clone(),
            signed_on: Some(date(2024, 5, 6)),
            regime: code("regime", "civil-service"),
            items: vec![fine, removal],
            allegation_numbers: vec![1],
            reasons: narrative("The contract was awarded without disclosure of the kinship."),
            ..DecisionIssued::default()
        };
        vec![(issued.into(), "a fine of 1,200 EUR, and removal from post")]
    }

    pub(super) fn case_closed(&self) -> Act {
        let outcome = RespondentOutcome { respondent_id: self.linden.clone(), outcome: CaseOutcome::Sanctioned.into() };
        let closed =
            CaseClosed { context: occurred(date(2024, 5, 6)), case_id: self.case.clone(), outcomes: vec![outcome] };
        vec![(closed.into(), "the case ends with a sanction")]
    }

    /// An appeal against a decision; against none that is recorded where the id is another.
    pub(super) fn appeal_lodged(&self, decision: &str) -> Act {
        let lodged = AppealLodged {
            context: None,
            appeal_id: self.appeal.clone(),
            decision_id: decision.to_owned(),
            respondent_id: self.linden.clone(),
            lodged_on: Some(date(2024, 6, 3)),
            lodged_with_id: self.inspectorate.clone(),
            grounds: narrative("The firm had been sold two years before the contract."),
            ..AppealLodged::default()
        };
        vec![(lodged.into(), "Linden appeals")]
    }

    pub(super) fn annulment(&self) -> Act {
        let decided = AppealDecided {
            context: None,
            appeal_id: self.appeal.clone(),
            decision_id: self.decision.clone(),
            respondent_id: self.linden.clone(),
            outcome: AppealOutcome::Annulled.into(),
            decided_on: Some(date(2024, 9, 20)),
            decided_by_id: self.inspectorate.clone(),
            last_instance: true,
            reasons: narrative("The sale is proved; there was no interest left to disclose."),
        };
        let annulled = DecisionAnnulled {
            context: occurred(date(2024, 9, 20)),
            decision_id: self.decision.clone(),
            respondent_id: self.linden.clone(),
            ground: AnnulmentGround::Wrongful.into(),
            retroactive: false,
            annulled_by_id: self.inspectorate.clone(),
            appeal_id: self.appeal.clone(),
            reasons: None,
        };
        vec![(decided.into(), "she wins"), (annulled.into(), "the decision is annulled as wrongful")]
    }
}

/// An id that nothing stands under.
pub(super) fn id() -> String {
    Id(rand::random()).to_string()
}

pub(super) const fn date(year: u32, month: u32, day: u32) -> PartialDate {
    PartialDate { year, month, day }
}

const fn month(year: u32, month: u32) -> PartialDate {
    PartialDate { year, month, day: 0 }
}

#[expect(clippy::unnecessary_wraps, reason = "the fields of messages are optional")]
pub(super) fn code(scheme: &str, code: &str) -> Option<Code> {
    Some(Code { scheme: scheme.to_owned(), code: code.to_owned() })
}

#[expect(clippy::unnecessary_wraps, reason = "the fields of messages are optional")]
fn occurred(on: PartialDate) -> Option<Context> {
    Some(Context { occurred_on: Some(on), ..Context::default() })
}

#[expect(clippy::unnecessary_wraps, reason = "the fields of messages are optional")]
fn narrative(text: &str) -> Option<Narrative> {
    Some(Narrative { text: text.to_owned(), language: "en".to_owned() })
}

fn organisation(id: &str, name: &str, kind: &str) -> Event {
    OrganisationRegistered {
        entity_id: id.to_owned(),
        names: vec![OrganisationName { text: name.to_owned(), language: "en".to_owned() }],
        organisation_kind: code("organisation", kind),
        ..OrganisationRegistered::default()
    }
    .into()
}

fn person(id: &str, name: &str, number: &str) -> Event {
    let identity = PersonIdentity {
        full_name: name.to_owned(),
        native_ids: vec![NativeId { scheme: "northwick.personnel".to_owned(), value: number.to_owned() }],
        ..PersonIdentity::default()
    };
    PersonRegistered {
        context: None,
        entity_id: id.to_owned(),
        status: PersonStatus::Active.into(),
        identity: Some(identity),
    }
    .into()
}
