//! Events as a busy inspection would send them: decisions of two sanctions in recorded cases, each in a stream of its
//! own. Only the ids differ, so a client fills them into bytes that it encoded once.

use std::ops::Range;

use bytes::Bytes;
use probity::events::CaseOpened;
use probity::events::Code;
use probity::events::Context;
use probity::events::DecisionIssued;
use probity::events::Event;
use probity::events::EventType;
use probity::events::LegalBasis;
use probity::events::Narrative;
use probity::events::OrganisationName;
use probity::events::OrganisationRegistered;
use probity::events::PartialDate;
use probity::events::PersonIdentity;
use probity::events::PersonRegistered;
use probity::events::SanctionItem;
use probity::events::Term;
use prost::Message;

/// How many respondents, each with a case, are registered before a run of appends.
pub(crate) const RESPONDENTS: u64 = 1_000;

/// Respondents and cases of one request of registrations.
const REGISTERED_AT_ONCE: u64 = 400;

const DECISION: &str = "7DDDDDDDDDDDDDDDDDDDDDDDDD";
const RESPONDENT: &str = "7RRRRRRRRRRRRRRRRRRRRRRRRR";
const CASE: &str = "7CCCCCCCCCCCCCCCCCCCCCCCCC";
/// The body whose cases and decisions they are.
pub(crate) const BODY: &str = "7BBBBBBBBBBBBBBBBBBBBBBBBB";
const BASE_32: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// What the events hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An open payload alone.
    Open,
    /// Reasons of 200 bytes beside it, to be sealed under the key of the case.
    Sealed,
}

/// An endless source of events that nobody else makes.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    template: Vec<u8>,
    decision_at: usize,
    respondent_at: usize,
    case_at: usize,
    respondents: u64,
    base: u64,
    made: u64,
    random: u64,
}

impl Source {
    /// The source of one writer, about the first [`RESPONDENTS`].
    pub(crate) fn new(kind: Kind) -> Self {
        Self::about(kind, RESPONDENTS, rand::random())
    }

    /// A source about so many respondents, whose decisions are known by their `base`.
    pub(crate) fn about(kind: Kind, respondents: u64, base: u64) -> Self {
        let template = decision(kind).encode_to_vec();
        let find = |id: &str| template.windows(id.len()).position(|bytes| bytes == id.as_bytes()).expect("it is in it");
        let (decision_at, respondent_at, case_at) = (find(DECISION), find(RESPONDENT), find(CASE));
        Self { template, decision_at, respondent_at, case_at, respondents, base, made: 0, random: rand::random() }
    }

    /// The type of its events.
    pub(crate) const EVENT_TYPE: EventType = EventType::DecisionIssued;

    /// The next event's bytes.
    pub(crate) fn next(&mut self) -> Vec<u8> {
        let mut event = self.template.clone();
        let about = self.number() % self.respondents;
        event[self.decision_at..][..26].copy_from_slice(&decision_id(self.base, self.made));
        event[self.respondent_at..][..26].copy_from_slice(&respondent_id(about));
        event[self.case_at..][..26].copy_from_slice(&case_id(about));
        self.made += 1;
        event
    }

    /// Some events.
    pub(crate) fn batch(&mut self, count: usize) -> Vec<Bytes> {
        (0..count).map(|_| self.next().into()).collect()
    }

    /// How many events it has made.
    pub(crate) const fn made(&self) -> u64 {
        self.made
    }

    /// An id of a request.
    pub(crate) fn request_id(&mut self) -> [u8; 16] {
        ((u128::from(self.number()) << 64) | u128::from(self.number())).to_be_bytes()
    }

    /// SplitMix64.
    pub(crate) const fn number(&mut self) -> u64 {
        self.random = self.random.wrapping_add(GOLDEN);
        mix(self.random)
    }
}

/// What must be recorded before events about some respondents: they and their cases, and before the first of them the
/// body; a request an item.
pub(crate) fn registrations(numbers: Range<u64>) -> impl Iterator<Item = Vec<Event>> {
    let end = numbers.end;
    numbers.step_by(usize::try_from(REGISTERED_AT_ONCE).expect("it is small")).map(move |start| {
        let some = start..end.min(start + REGISTERED_AT_ONCE);
        let body = (start == 0).then(body);
        body.into_iter().chain(some.flat_map(|number| [person(number), case(number)])).collect()
    })
}

fn body() -> Event {
    let names = vec![OrganisationName { text: "Sample Inspectorate".to_owned(), language: "en".to_owned() }];
    OrganisationRegistered { entity_id: BODY.to_owned(), names, ..OrganisationRegistered::default() }.into()
}

fn person(number: u64) -> Event {
    let full_name = format!("Sample Official {number}");
    let identity = Some(PersonIdentity { full_name, ..PersonIdentity::default() });
    PersonRegistered { entity_id: text(respondent_id(number)), identity, ..PersonRegistered::default() }.into()
}

fn case(number: u64) -> Event {
    CaseOpened {
        case_id: text(case_id(number)),
        regime: Some(code("sample.regime", "civil-service")),
        opened_by_id: BODY.to_owned(),
        respondent_ids: vec![text(respondent_id(number))],
        ..CaseOpened::default()
    }
    .into()
}

/// How many respondents a log grown to so many entries has.
pub(crate) const fn respondents(entries: u64) -> u64 {
    if entries / 10 > RESPONDENTS { entries / 10 } else { RESPONDENTS }
}

/// The id of a respondent.
pub(crate) const fn respondent_id(number: u64) -> [u8; 26] {
    id(mix(number), !number)
}

const fn case_id(number: u64) -> [u8; 26] {
    id(mix(!number), number)
}

/// The id of a decision that a source of this base has made.
pub(crate) const fn decision_id(base: u64, number: u64) -> [u8; 26] {
    id(mix(base.wrapping_add(number.wrapping_mul(GOLDEN))), mix(base ^ mix(number)))
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The end of SplitMix64: numbers near one another become numbers far from one another.
const fn mix(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// 128 bits in Crockford's base 32.
const fn id(high: u64, low: u64) -> [u8; 26] {
    let mut text = [0; 26];
    let (mut high, mut low, mut place) = (high, low, 26);
    while place > 0 {
        place -= 1;
        text[place] = BASE_32[(low & 31) as usize];
        low = (low >> 5) | (high << 59);
        high >>= 5;
    }
    text
}

/// An id as text.
pub(crate) fn text(id: [u8; 26]) -> String {
    id.iter().copied().map(char::from).collect()
}

fn code(scheme: &str, code: &str) -> Code {
    Code { scheme: scheme.to_owned(), code: code.to_owned() }
}

fn decision(kind: Kind) -> DecisionIssued {
    let day = |day: u32| Some(PartialDate { year: 2025, month: 3, day });
    let basis = LegalBasis { instrument: Some(code("sample.instrument", "act-17")), article: "12.3.a".to_owned() };
    let context =
        Context { occurred_on: day(14), effective_on: day(20), legal_basis: vec![basis], ..Context::default() };
    let item = |item_number, form, months| SanctionItem {
        item_number,
        form: Some(code("sample.sanction", form)),
        term: Some(Term { months, ..Term::default() }),
        from: day(20),
        ..SanctionItem::default()
    };
    let reasons = Narrative { text: "A sample of reasons. ".repeat(10), language: "en".to_owned() };
    DecisionIssued {
        context: Some(context),
        decision_id: DECISION.to_owned(),
        case_id: CASE.to_owned(),
        respondent_id: RESPONDENT.to_owned(),
        issued_by_id: BODY.to_owned(),
        reference: "2025/0417-QD".to_owned(),
        signed_on: day(14),
        regime: Some(code("sample.regime", "civil-service")),
        items: vec![item(1, "reprimand", 3), item(2, "pay-reduction", 6)],
        reasons: (kind == Kind::Sealed).then_some(reasons),
        ..DecisionIssued::default()
    }
}
