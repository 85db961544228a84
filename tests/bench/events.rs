//! Events as a busy inspection would send them: decisions of two sanctions, about 270 bytes, each in a stream of its own.
//! Only the ids differ, so a client fills them into bytes that it encoded once.

use bytes::Bytes;
use probity::events::Code;
use probity::events::Context;
use probity::events::DecisionIssued;
use probity::events::LegalBasis;
use probity::events::PartialDate;
use probity::events::SanctionItem;
use probity::events::Term;
use prost::Message;

/// How many respondents are registered before a run.
pub(crate) const RESPONDENTS: u64 = 1_000;

const DECISION: &str = "7DDDDDDDDDDDDDDDDDDDDDDDDD";
const RESPONDENT: &str = "7RRRRRRRRRRRRRRRRRRRRRRRRR";
const BASE_32: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// An endless source of events that nobody else makes.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    template: Vec<u8>,
    decision_at: usize,
    respondent_at: usize,
    random: u64,
}

impl Source {
    /// The source of one writer; another `seed`, other events.
    pub(crate) fn new(seed: u64) -> Self {
        let template = decision(DECISION.to_owned(), RESPONDENT.to_owned()).encode_to_vec();
        let find = |id: &str| template.windows(id.len()).position(|bytes| bytes == id.as_bytes()).expect("it is in it");
        let (decision_at, respondent_at) = (find(DECISION), find(RESPONDENT));
        Self { template, decision_at, respondent_at, random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) }
    }

    /// The next event's bytes.
    pub(crate) fn next(&mut self) -> Bytes {
        let mut event = self.template.clone();
        let (high, low) = (self.number(), self.number());
        event[self.decision_at..][..26].copy_from_slice(&id(high, low));
        event[self.respondent_at..][..26].copy_from_slice(&respondent(low % RESPONDENTS));
        event.into()
    }

    /// Some events.
    pub(crate) fn batch(&mut self, count: usize) -> Vec<Bytes> {
        (0..count).map(|_| self.next()).collect()
    }

    /// SplitMix64.
    fn number(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

/// The id of a registered respondent.
pub(crate) fn respondent(number: u64) -> [u8; 26] {
    id(number.wrapping_mul(0xD6E8_FEB8_6659_FD93), !number)
}

/// 128 bits in Crockford's base 32.
fn id(high: u64, low: u64) -> [u8; 26] {
    let mut rest = (u128::from(high) << 64) | u128::from(low);
    let mut text = [0; 26];
    for letter in text.iter_mut().rev() {
        *letter = BASE_32[usize::try_from(rest % 32).expect("less than 32")];
        rest /= 32;
    }
    text
}

fn decision(decision_id: String, respondent_id: String) -> DecisionIssued {
    let code = |scheme: &str, code: &str| Some(Code { scheme: scheme.to_owned(), code: code.to_owned() });
    let day = |day: u32| Some(PartialDate { year: 2025, month: 3, day });
    let basis = LegalBasis { instrument: code("sample.instrument", "act-17"), article: "12.3.a".to_owned() };
    DecisionIssued {
        context: Some(Context {
            occurred_on: day(14),
            effective_on: day(20),
            legal_basis: vec![basis],
            ..Context::default()
        }),
        decision_id,
        respondent_id,
        reference: "2025/0417-QD".to_owned(),
        signed_on: day(14),
        regime: code("sample.regime", "civil-service"),
        items: vec![
            SanctionItem {
                item_number: 1,
                form: code("sample.sanction", "reprimand"),
                from: day(20),
                ..SanctionItem::default()
            },
            SanctionItem {
                item_number: 2,
                form: code("sample.sanction", "pay-reduction"),
                term: Some(Term { months: 6, ..Term::default() }),
                from: day(20),
                ..SanctionItem::default()
            },
        ],
        allegation_numbers: Vec::new(),
        ..DecisionIssued::default()
    }
}
