//! Why an event is not recorded: the rule broken, where, and the shape of what broke it. Never a text that could be
//! personal; dates, numbers and counts outside sealed parts are not.

use std::fmt;

use crate::domain::dates::Date;
use crate::domain::dates::Day;
use crate::events::EventType;

/// What a rule speaks of, and with it what the client can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleKind {
    /// The event contradicts itself or the calendar: it is wrong in every world, and must be corrected.
    Field,
    /// The event contradicts what is recorded, or points to what is not: it may be right after other events.
    State,
}

/// One table of all rules: the name, its spelling for the wire, its kind and what holds.
macro_rules! rules {
    ($($rule:ident, $name:literal, $kind:ident, $words:literal;)*) => {
        /// The rules of admission. A rejection names the one that is broken.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $(#[doc = $words] $rule,)*
        }

        impl Rule {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$rule,)*];

            /// The name on the wire, for example `DATE_IMPOSSIBLE`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$rule => $name,)*
                }
            }

            /// Whether it speaks of the event alone or of what is recorded.
            pub const fn kind(self) -> RuleKind {
                match self {
                    $(Self::$rule => RuleKind::$kind,)*
                }
            }

            /// What must hold, in words.
            pub const fn words(self) -> &'static str {
                match self {
                    $(Self::$rule => $words,)*
                }
            }
        }
    };
}

rules! {
    // The event alone.
    DateImpossible, "DATE_IMPOSSIBLE", Field, "a date is in the calendar";
    DateInFuture, "DATE_IN_FUTURE", Field, "what has happened is not in the future";
    PeriodReversed, "PERIOD_REVERSED", Field, "a period does not end before it begins";
    TermEmpty, "TERM_EMPTY", Field, "a length of time is more than nothing";
    CurrencyMissing, "CURRENCY_MISSING", Field, "an amount has a currency";
    NanosOutOfRange, "NANOS_OUT_OF_RANGE", Field, "nanos are less than one unit";
    MoneySignsDiffer, "MONEY_SIGNS_DIFFER", Field, "units and nanos have the same sign";
    BracketReversed, "BRACKET_REVERSED", Field, "the upper bound is not below the lower";
    NoneNotTrue, "NONE_NOT_TRUE", Field, "explicitly nothing is said with true";
    NumberRepeated, "NUMBER_REPEATED", Field, "each number stands once";
    SubjectRepeated, "SUBJECT_REPEATED", Field, "each person or body stands once";
    AllegationsWithoutCase, "ALLEGATIONS_WITHOUT_CASE", Field, "allegations are those of a case";
    SectionRepeated, "SECTION_REPEATED", Field, "each class has one section";
    SectionEmptyAndNotNone, "SECTION_EMPTY_AND_NOT_NONE", Field, "a section without items says that there are none";
    SectionNoneButFilled, "SECTION_NONE_BUT_FILLED", Field, "a section that says none has no items";
    ItemCountWrong, "ITEM_COUNT_WRONG", Field, "a section counts the items of its class";
    ItemClassUnlisted, "ITEM_CLASS_UNLISTED", Field, "an item is of the class of a section";
    ItemNumbersNotAscending, "ITEM_NUMBERS_NOT_ASCENDING", Field, "item numbers ascend from 1 on";
    ContentEmpty, "CONTENT_EMPTY", Field, "content has items";
    DigestLength, "DIGEST_LENGTH", Field, "a digest of SHA-256 has 32 bytes";
    ApproversTooFew, "APPROVERS_TOO_FEW", Field, "at least two approve";
    ApproverRepeated, "APPROVER_REPEATED", Field, "each approver stands once";
    CauseEmpty, "CAUSE_EMPTY", Field, "a cause names what led to the event";
    CauseNotEarlier, "CAUSE_NOT_EARLIER", Field, "a cause in the same request is an earlier event";
    VoteArithmetic, "VOTE_ARITHMETIC", Field, "present and issued are at most eligible, returned at most issued, valid at most returned, and the options add up to valid";
    OptionRepeated, "OPTION_REPEATED", Field, "each form stands once among the options";
    ResultWithoutForm, "RESULT_WITHOUT_FORM", Field, "a vote names the form agreed upon exactly where one was";
    ResultNotAnOption, "RESULT_NOT_AN_OPTION", Field, "what was agreed upon is one of the options";
    ConditionRepeated, "CONDITION_REPEATED", Field, "each condition stands once";
    ConditionNotMet, "CONDITION_NOT_MET", Field, "a decision expires when every condition is met";
    DiscrepancyInTruth, "DISCREPANCY_IN_TRUTH", Field, "a truthful declaration has no discrepancies";
    ReviewDueMisplaced, "REVIEW_DUE_MISPLACED", Field, "an emergency access is to be reviewed by a day, and no other is";
    CorrectionEmpty, "CORRECTION_EMPTY", Field, "a correction says what is corrected";
    PathRepeated, "PATH_REPEATED", Field, "each path stands once";
    ErasureEmpty, "ERASURE_EMPTY", Field, "an erasure says what is to go";
    ScopeRepeated, "SCOPE_REPEATED", Field, "each scope stands once";
    YearMisplaced, "YEAR_MISPLACED", Field, "only declared property is of a year";
    PositionsNotAscending, "POSITIONS_NOT_ASCENDING", Field, "positions ascend, each once";
    TargetRepeated, "TARGET_REPEATED", Field, "what was shown stands once";
    NotASubject, "NOT_A_SUBJECT", Field, "who disputes an entry, and whose record was shown, is among the subjects";
    StatementMissing, "STATEMENT_MISSING", Field, "a statement says something";
    StatementTooLong, "STATEMENT_TOO_LONG", Field, "a statement has at most 8,192 bytes";
    OutcomeWithoutEntry, "OUTCOME_WITHOUT_ENTRY", Field, "an entry is named exactly where the disputed one does not stand as it is";
    NotAppendable, "NOT_APPENDABLE", Field, "only the procedure of erasure records an erasure";
    // What it points to.
    CauseUnknown, "CAUSE_UNKNOWN", State, "a cause is an earlier entry";
    StreamUnknown, "STREAM_UNKNOWN", State, "what the event speaks of is recorded";
    NotRegistered, "NOT_REGISTERED", State, "a person or body is registered";
    NotAPerson, "NOT_A_PERSON", State, "only persons hold posts and declare";
    NotAnOrganisation, "NOT_AN_ORGANISATION", State, "what acts is an organisation";
    StreamVoid, "STREAM_VOID", State, "nothing more becomes of what is void";
    // Petitions.
    PetitionAlreadyReceived, "PETITION_ALREADY_RECEIVED", State, "a petition is received once";
    PetitionAlreadyResolved, "PETITION_ALREADY_RESOLVED", State, "a petition is resolved once";
    RespondentsDiffer, "RESPONDENTS_DIFFER", State, "the respondents are exactly those of the petition";
    ResolvedBeforeReceived, "RESOLVED_BEFORE_RECEIVED", State, "a petition is not resolved before it was received";
    // Entities.
    AlreadyRegistered, "ALREADY_REGISTERED", State, "an entity is registered once";
    PositionNumberUsed, "POSITION_NUMBER_USED", State, "the number of a post is used once";
    PositionUnknown, "POSITION_UNKNOWN", State, "only a post that was taken ends";
    PositionAlreadyEnded, "POSITION_ALREADY_ENDED", State, "a post ends once";
    PositionEndsBeforeItBegan, "POSITION_ENDS_BEFORE_IT_BEGAN", State, "a post does not end before it was taken";
    // Cases.
    AlreadyOpened, "ALREADY_OPENED", State, "a case is opened once";
    CaseClosed, "CASE_CLOSED", State, "a closed case is as it is until it is reopened";
    CaseNotClosed, "CASE_NOT_CLOSED", State, "only a closed case is reopened";
    RespondentDone, "RESPONDENT_DONE", State, "the case is being examined for this respondent";
    NotARespondent, "NOT_A_RESPONDENT", State, "the person or body is a respondent of the case";
    AllegationNumberUsed, "ALLEGATION_NUMBER_USED", State, "the number of an allegation is used once";
    AllegationUnknown, "ALLEGATION_UNKNOWN", State, "the allegation is recorded in the case";
    AllegationOfAnother, "ALLEGATION_OF_ANOTHER", State, "the allegation is against this respondent";
    TooManyRespondents, "TOO_MANY_RESPONDENTS", State, "a case has at most 64 respondents";
    OutcomeMissing, "OUTCOME_MISSING", State, "every respondent who is examined has an outcome";
    // Decisions and appeals.
    AlreadyIssued, "ALREADY_ISSUED", State, "a decision is issued once";
    NotYetIssued, "NOT_YET_ISSUED", State, "the decision was issued";
    NotProposed, "NOT_PROPOSED", State, "a vote is on what was proposed";
    CaseDiffers, "CASE_DIFFERS", State, "the case is the one of the proposal";
    RoundNotAscending, "ROUND_NOT_ASCENDING", State, "a later vote has a greater round";
    AlreadyAnnounced, "ALREADY_ANNOUNCED", State, "a decision is announced once in each of its forms";
    AlreadyServed, "ALREADY_SERVED", State, "a decision is served once in each of its forms";
    ServedBeforeAnnounced, "SERVED_BEFORE_ANNOUNCED", State, "a decision is not served before it was announced";
    DecisionExpired, "DECISION_EXPIRED", State, "an expired decision is annulled, or as it is";
    AppealPending, "APPEAL_PENDING", State, "a decision does not expire while an appeal is pending";
    DecisionAnnulled, "DECISION_ANNULLED", State, "nothing more becomes of an annulled decision";
    NotTheRespondent, "NOT_THE_RESPONDENT", State, "the respondent is the decision's";
    BeforeTheDecision, "BEFORE_THE_DECISION", State, "what follows a decision is not before it was signed";
    AlreadyLodged, "ALREADY_LODGED", State, "an appeal is lodged once";
    AppealAlreadyDecided, "APPEAL_ALREADY_DECIDED", State, "an appeal is decided once";
    AppealOfAnotherDecision, "APPEAL_OF_ANOTHER_DECISION", State, "the appeal is against this decision";
    DecidedBeforeLodged, "DECIDED_BEFORE_LODGED", State, "an appeal is not decided before it was lodged";
    // Declarations.
    AlreadySubmitted, "ALREADY_SUBMITTED", State, "a declaration is submitted once, then amended";
    NotTheDeclarant, "NOT_THE_DECLARANT", State, "the person is the declarant";
    PeriodDiffers, "PERIOD_DIFFERS", State, "an amendment speaks of the declaration's period";
    AlreadyAccepted, "ALREADY_ACCEPTED", State, "each version of a declaration is accepted once";
    BeforeItWasSubmitted, "BEFORE_IT_WAS_SUBMITTED", State, "what follows a declaration is not before it was submitted";
    AlreadyPublished, "ALREADY_PUBLISHED", State, "what is public is not made public again";
    NotPublished, "NOT_PUBLISHED", State, "only what is public stops being so";
    EndedBeforePublished, "ENDED_BEFORE_PUBLISHED", State, "publication does not end before it began";
    // Obligations and verifications.
    AlreadyCreated, "ALREADY_CREATED", State, "an obligation is created once";
    NotTheObliged, "NOT_THE_OBLIGED", State, "the person is the one who has to file";
    KindDiffers, "KIND_DIFFERS", State, "the declaration is of the kind that is to be filed";
    AlreadyOrdered, "ALREADY_ORDERED", State, "a verification is ordered once";
    AlreadyConcluded, "ALREADY_CONCLUDED", State, "a verification is concluded once";
    NotTheVerified, "NOT_THE_VERIFIED", State, "the person is the one whose declarations are verified";
    ConcludedBeforeOrdered, "CONCLUDED_BEFORE_ORDERED", State, "a verification is not concluded before it was ordered";
    // Corrections and voids.
    TargetUnknown, "TARGET_UNKNOWN", State, "what is corrected, voided or disputed is an entry that was recorded before the request";
    TargetErased, "TARGET_ERASED", State, "what was erased is neither corrected nor voided, nor disputed";
    TargetVoid, "TARGET_VOID", State, "what is void is neither corrected nor voided again, nor disputed";
    TargetNotAFact, "TARGET_NOT_A_FACT", State, "corrections, voids, disputes, erasures and holds are neither corrected nor voided, nor disputed";
    TargetInAnotherStream, "TARGET_IN_ANOTHER_STREAM", State, "the entry stands in the stream that is named";
    SubjectsDiffer, "SUBJECTS_DIFFER", State, "the subjects are exactly those of the entry";
    AlreadyRecorded, "ALREADY_RECORDED", State, "a correction or void has a record of its own";
    ApproverIsActor, "APPROVER_IS_ACTOR", State, "who approves is another than who records";
    PathUnknown, "PATH_UNKNOWN", State, "the entry has a field of this path that is not sealed";
    PathNotCorrectable, "PATH_NOT_CORRECTABLE", State, "ids, and numbers that other entries point to, are not corrected";
    ValueOfAnotherType, "VALUE_OF_ANOTHER_TYPE", State, "the value is of the field's type";
    CorrectedBroken, "CORRECTED_BROKEN", State, "the entry as corrected keeps the rules of its fields";
    // Erasures and holds.
    AlreadyRequested, "ALREADY_REQUESTED", State, "an erasure is requested once";
    NotThePrincipal, "NOT_THE_PRINCIPAL", State, "who asks or approves is who records it";
    ExpiryOutOfRange, "EXPIRY_OUT_OF_RANGE", State, "an erasure can be approved from today on for at most 30 days";
    ErasureEnded, "ERASURE_ENDED", State, "nothing more becomes of an erasure that was withdrawn or carried out";
    ErasureExpired, "ERASURE_EXPIRED", State, "an erasure is approved by its last day";
    AlreadyApproved, "ALREADY_APPROVED", State, "an erasure with two approvals is carried out";
    ApproverIsRequester, "APPROVER_IS_REQUESTER", State, "who approves is another than who asked";
    NotApproved, "NOT_APPROVED", State, "only what two approved is carried out";
    NotTheService, "NOT_THE_SERVICE", State, "only the service records that by itself";
    HoldAlreadyPlaced, "HOLD_ALREADY_PLACED", State, "a hold is placed once";
    HoldAlreadyReleased, "HOLD_ALREADY_RELEASED", State, "a hold is released once";
    // Requests about one's own record.
    RequestAlreadyReceived, "REQUEST_ALREADY_RECEIVED", State, "a request is received once";
    RequestEnded, "REQUEST_ENDED", State, "nothing more becomes of a request that was fulfilled or refused";
    NotTheRequester, "NOT_THE_REQUESTER", State, "the person is the one who asked";
    BeforeTheRequest, "BEFORE_THE_REQUEST", State, "what follows a request is not before it was received";
    RequestAlreadyAcknowledged, "REQUEST_ALREADY_ACKNOWLEDGED", State, "a request is acknowledged once";
    RequestAlreadyExtended, "REQUEST_ALREADY_EXTENDED", State, "a request is extended once";
    ExtensionNotLater, "EXTENSION_NOT_LATER", State, "an extension ends after the day that was set before";
    // Disputes.
    AlreadyDisputed, "ALREADY_DISPUTED", State, "a dispute is recorded once";
    NotTheDisputed, "NOT_THE_DISPUTED", State, "the entry is the one that is disputed";
    StatementAlreadyAttached, "STATEMENT_ALREADY_ATTACHED", State, "a dispute has one statement";
    AlreadyResolved, "ALREADY_RESOLVED", State, "a dispute is resolved once";
    OutcomeNotRecorded, "OUTCOME_NOT_RECORDED", State, "the entry that is named is the correction, the void or what took the place of the disputed one";
    ResolvedBeforeDisputed, "RESOLVED_BEFORE_DISPUTED", State, "a dispute is not resolved before it was raised";
    // Disclosures and notices.
    AlreadyDisclosed, "ALREADY_DISCLOSED", State, "a disclosure is recorded once";
    ShownAhead, "SHOWN_AHEAD", State, "what was shown was recorded before";
    NotTheRecipient, "NOT_THE_RECIPIENT", State, "the recipient is the one that it was shown to";
    NotAChange, "NOT_A_CHANGE", State, "a notice is of an entry that changed what was shown, after it was";
    NoticeAlreadySent, "NOTICE_ALREADY_SENT", State, "a recipient is told of a change once";
    NoticeNotSent, "NOTICE_NOT_SENT", State, "only a notice that was sent is acknowledged";
    NoticeAlreadyAcknowledged, "NOTICE_ALREADY_ACKNOWLEDGED", State, "a notice is acknowledged once";
    BeforeTheDisclosure, "BEFORE_THE_DISCLOSURE", State, "what follows a disclosure is not before it";
    // Reads on record.
    NotInThisLog, "NOT_IN_THIS_LOG", State, "reads and their reviews stand in the access log, and everything else in the log of matters";
    AccessOfAnother, "ACCESS_OF_ANOTHER", State, "the records of one call are of one principal";
    AccessNotNext, "ACCESS_NOT_NEXT", State, "the records of one call are numbered from 0 without a gap";
    NoEmergency, "NO_EMERGENCY", State, "only an emergency access is reviewed";
    AlreadyReviewed, "ALREADY_REVIEWED", State, "an emergency access is reviewed once";
    ReviewerIsReader, "REVIEWER_IS_READER", State, "who reviews is another than who read";
    // Imported rows.
    AlreadySeen, "ALREADY_SEEN", State, "a row that is there is not seen for the first time";
    RowGone, "ROW_GONE", State, "a row that is gone comes back as first seen";
}

/// The shape of what broke a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// There is nothing to add to the rule and the field.
    Nothing,
    /// The date found.
    Date(Date),
    /// The date found, and the day before which it cannot be.
    NotBefore {
        /// The date found.
        found: Date,
        /// The first day that is possible.
        bound: Day,
    },
    /// The date found, and the day after which it cannot be.
    NotAfter {
        /// The date found.
        found: Date,
        /// The last day that is possible.
        bound: Day,
    },
    /// The number found.
    Number(i64),
    /// A count, and what it should have been.
    Count {
        /// What it should have been.
        expected: usize,
        /// What it was.
        found: usize,
    },
    /// The types of events that the state of the stream allows.
    Allowed(&'static [EventType]),
}

/// Why an event is not recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The rule broken.
    pub rule: Rule,
    /// Where in the event, for example `items[2].to`; empty where it is the event itself.
    pub field: String,
    /// The shape of what broke it.
    pub detail: Detail,
}

impl Rejection {
    /// A rule is broken by a field; by the event as a whole where that is empty.
    pub fn new(rule: Rule, field: impl Into<String>, detail: Detail) -> Self {
        Self { rule, field: field.into(), detail }
    }

    /// A refusal by the state of the stream, which allows other events.
    pub(super) fn by_state(rule: Rule, field: &str, allowed: &'static [EventType]) -> Self {
        Self::new(rule, field, Detail::Allowed(allowed))
    }

    /// The same, of a field inside `outer`.
    pub(super) fn within(mut self, outer: impl fmt::Display) -> Self {
        self.field = format!("{outer}.{}", self.field);
        self
    }

    /// The same, of a field that is sealed: where it is and the rule may be told, what stands there may not.
    pub(super) fn sealed(self) -> Self {
        Self { detail: Detail::Nothing, ..self }
    }

    /// The types of events that the state of the stream allows, where that is why the event was refused.
    pub const fn allowed(&self) -> Option<&'static [EventType]> {
        match self.detail {
            Detail::Allowed(types) => Some(types),
            Detail::Nothing
            | Detail::Date(_)
            | Detail::NotBefore { .. }
            | Detail::NotAfter { .. }
            | Detail::Number(_)
            | Detail::Count { .. } => None,
        }
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => Ok(()),
            Self::Date(date) => write!(f, ", found {date}"),
            Self::NotBefore { found, bound } => write!(f, ", found {found}, not before {bound}"),
            Self::NotAfter { found, bound } => write!(f, ", found {found}, not after {bound}"),
            Self::Number(number) => write!(f, ", found {number}"),
            Self::Count { expected, found } => write!(f, ", expected {expected}, found {found}"),
            Self::Allowed([]) => write!(f, ", no event is allowed here"),
            Self::Allowed(types) => {
                let names: Vec<&str> = types.iter().map(|event_type| event_type.name()).collect();
                write!(f, ", allowed here: {}", names.join(", "))
            }
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        write!(f, "{} ({}{})", self.rule.words(), self.rule.name(), self.detail)
    }
}

impl std::error::Error for Rejection {}
