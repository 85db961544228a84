//! Random histories against slow models.

use proptest::prelude::*;

use crate::domain::dates::Day;
use crate::events::Attendance;
use crate::events::CaseOutcome;
use crate::events::DeclarationAmended;
use crate::events::DeclarationSubmitted;
use crate::events::Event;
use crate::events::Finding;
use crate::events::LegacyRecordImported;
use crate::events::Observation;
use crate::events::OrganisationName;
use crate::events::OrganisationRegistered;
use crate::events::PartialDate;
use crate::events::PositionAssigned;
use crate::events::PositionEnded;
use crate::events::SanctionItem;
use crate::events::VoteResult;
use crate::proto::v1::Standing;
use crate::views::Recorded;
use crate::views::View;
use crate::views::appeal;
use crate::views::case;
use crate::views::checklist;
use crate::views::clearance;
use crate::views::decision;
use crate::views::declaration;
use crate::views::disclosure;
use crate::views::fixture::Story;
use crate::views::fixture::code;
use crate::views::fixture::context;
use crate::views::fixture::id;
use crate::views::fixture::name;
use crate::views::obligation;
use crate::views::petition;
use crate::views::policy::DisclosurePolicy;
use crate::views::record;
use crate::views::rights;
use crate::views::tests::ALL;
use crate::views::tests::alleged;
use crate::views::tests::amend::corrected;
use crate::views::tests::amend::voided;
use crate::views::tests::annulled;
use crate::views::tests::appeal_decided;
use crate::views::tests::case_opened;
use crate::views::tests::checklist::expired;
use crate::views::tests::checklist::heard;
use crate::views::tests::checklist::notified;
use crate::views::tests::checklist::proposed;
use crate::views::tests::checklist::reopened;
use crate::views::tests::checklist::voted;
use crate::views::tests::closed;
use crate::views::tests::found;
use crate::views::tests::issued;
use crate::views::tests::item;
use crate::views::tests::lodged;
use crate::views::tests::matters::concluded;
use crate::views::tests::matters::obliged;
use crate::views::tests::matters::petition_resolved;
use crate::views::tests::matters::petitioned;
use crate::views::tests::matters::verified;
use crate::views::tests::modified;
use crate::views::tests::person;
use crate::views::tests::section;
use crate::views::tests::subject::answered;
use crate::views::tests::subject::asked;
use crate::views::tests::subject::disputed;
use crate::views::tests::subject::said;
use crate::views::tests::subject::settled;
use crate::views::tests::subject::shown_to;
use crate::views::tests::subject::told_of;
use crate::views::tests::view;
use crate::views::timeline;
use crate::views::verification;
use crate::views::work;

/// Any event of the slice over a few ids, in an order that no admission would let pass.
fn any_event() -> impl Strategy<Value = Event> {
    let day = prop_oneof![Just(""), Just("2026"), Just("2026-02"), Just("2026-02-10"), Just("2025-12-31")];
    (0_u8..33, 1_u128..3, 0_u128..2, 1_u32..4, day.clone(), day).prop_map(|(kind, who, other, number, a, b)| {
        let context = context(a, b);
        match kind {
            0 => person(who),
            1 => OrganisationRegistered {
                entity_id: id(who),
                names: vec![OrganisationName::default()],
                ..OrganisationRegistered::default()
            }
            .into(),
            2 => PositionAssigned { person_id: id(who), position_number: number, ..PositionAssigned::default() }.into(),
            3 => PositionEnded { person_id: id(who), position_number: number, ..PositionEnded::default() }.into(),
            4 => case_opened(&[who]),
            5 => alleged(number, who),
            6 => found(number, who, Finding::Substantiated),
            7 => closed(&[(who, CaseOutcome::Sanctioned)]),
            8 => issued(a, vec![item(number, b, "")]),
            9 => modified(b, vec![item(number, a, b)]),
            10 => annulled(a, other == 0),
            11 if other == 0 => lodged(30),
            11 => appeal_decided(30),
            12 if other == 0 => DeclarationSubmitted {
                context,
                declaration_id: id(40),
                person_id: id(who),
                obligation_id: id(60),
                sections: vec![section("land", number)],
                ..DeclarationSubmitted::default()
            }
            .into(),
            12 => DeclarationAmended {
                context,
                declaration_id: id(40),
                person_id: id(who),
                sections: vec![section("cash", number)],
                ..DeclarationAmended::default()
            }
            .into(),
            14 => voided(u64::from(number) * 3 + u64::try_from(other).unwrap(), &target(number)),
            15 => corrected(
                u64::from(number) * 2 + u64::try_from(other).unwrap(),
                &target(number),
                "regime",
                code("other"),
            ),
            16 => notified(who, a),
            17 => heard(who, Attendance::AbsentExcused, b),
            18 => proposed(a, vec![item(number, b, "")]),
            19 => voted(number, VoteResult::Form, b),
            20 => expired(if a.is_empty() { "2026" } else { a }),
            21 if other == 0 => petitioned(who, a),
            21 => petition_resolved(who),
            22 => obliged(who, if b.is_empty() { "2026-02-01" } else { b }),
            23 => verified(who, a),
            24 => concluded(who),
            25 => reopened(who, a),
            26 => disputed(who, u64::from(number), &target(number)),
            27 => said(who, u64::from(number), &target(number)),
            28 => settled(who, u64::from(number), &target(number)),
            29 => asked(who, b),
            30 => answered(who, number),
            31 => shown_to(who, &target(number), u64::from(number)),
            32 => told_of(who, u64::from(number) * 3 + u64::try_from(other).unwrap(), other == 0),
            _ => LegacyRecordImported {
                record_id: id(50 + other),
                source: code("register"),
                observation: Observation::FirstSeen.into(),
                subject_ids: vec![id(who)],
                ..LegacyRecordImported::default()
            }
            .into(),
        }
    })
}

/// One of the streams that these events stand in.
fn target(number: u32) -> crate::log::Name {
    match number {
        1 => name("case", 10),
        2 => name("decision", 20),
        _ => name("declaration", 40),
    }
}

/// Every answer at once, as text that can be compared.
fn answers(entries: &[Recorded], view: View) -> String {
    let holder = name("entity", 1);
    let names = [name("case", 10), name("decision", 20), name("appeal", 30), name("declaration", 40)];
    let case = case::case(&names[0], entries, view).unwrap_or_default();
    format!(
        "{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}",
        record::record(&holder, entries, entries, view),
        case::case(&names[0], entries, view),
        decision::decision(&names[1], entries, view),
        declaration::declaration(&names[3], entries, view),
        timeline::timeline(&names, entries, view),
        appeal::appeal(&names[2], entries, view),
        petition::petition(&name("petition", 70), entries, view),
        obligation::obligation(&name("obligation", 60), entries, view),
        verification::verification(&name("verification", 80), entries, view),
        checklist::checklists(&case),
        names.iter().map(|name| work::item(name, entries, view)).collect::<Vec<_>>(),
    ) + &of_the_subject(entries, view)
}

/// What concerns the person himself and those who were shown his record.
fn of_the_subject(entries: &[Recorded], view: View) -> String {
    let policy = DisclosurePolicy::default();
    let shown = disclosure::disclosure(&name("disclosure", 50), entries, view).unwrap_or_default();
    let record = record::record(&name("entity", 1), entries, entries, view).unwrap_or_default();
    format!(
        "{:?}\n{:?}\n{shown:?}\n{:?}\n{:?}",
        rights::rights(&name("rights", 60), entries, view, &policy),
        work::item(&name("rights", 60), entries, view),
        disclosure::notices_due(&shown, entries, view, &policy),
        clearance::clearance(&record, None, &policy, View { known_at: 0, ..view }),
    )
}

proptest! {
    #[test]
    fn known_at_is_the_fold_of_a_prefix(
        events in proptest::collection::vec(any_event(), 1..24),
        erased in proptest::collection::btree_set(0_usize..24, 0..8),
    ) {
        let story = Story::of(events.iter().cloned());
        for at in erased.into_iter().filter(|at| *at < events.len()) {
            story.erase(u64::try_from(at).unwrap() + 1);
        }
        let entries = story.entries();
        for cut in 0..=entries.len() {
            let known_at = u64::try_from(cut).unwrap();
            let now = view("2026-02-05", known_at);
            let later = View { known_at: ALL, ..now };
            prop_assert_eq!(answers(&entries, now), answers(&entries[..cut], later));
        }
    }

    #[test]
    fn every_erased_entry_is_told_of(
        events in proptest::collection::vec(any_event(), 1..16),
        at in 0_usize..16,
    ) {
        let story = Story::of(events.iter().cloned());
        let target = u64::try_from(at % events.len()).unwrap() + 1;
        let by = story.erase(target);
        let lines = timeline::timeline(&[], &story.entries(), view("2026-02-05", ALL));
        let marked: Vec<_> = lines
            .iter()
            .filter_map(|line| Some((line.source.as_ref()?.position, line.erased_by?)))
            .collect();
        prop_assert_eq!(marked, vec![(target, by)]);
    }

    #[test]
    fn exact_dates_agree_with_a_day_by_day_model(ruling in any_ruling(), day in 0_u32..40) {
        let (entries, exact) = ruling.exactly();
        let found = decision::decision(&name("decision", 20), &entries, View { as_of: nth_day(day), known_at: ALL });
        let in_force: Vec<bool> =
            found.unwrap().sanctions.iter().map(|one| one.standing() == Standing::InForce).collect();
        prop_assert_eq!(in_force, exact.in_force(day));
    }

    #[test]
    fn what_coarse_dates_claim_holds_whichever_days_they_mean(ruling in any_ruling(), day in 0_u32..40) {
        let (_, exact) = ruling.exactly();
        let truth = exact.in_force(day);
        let entries = Story::of(ruling.coarsely()).entries();
        let found = decision::decision(&name("decision", 20), &entries, View { as_of: nth_day(day), known_at: ALL });
        let found = found.unwrap();
        for (sanction, truth) in found.sanctions.iter().zip(&truth) {
            match sanction.standing() {
                Standing::Uncertain => {}
                claim => prop_assert_eq!(claim == Standing::InForce, *truth, "{:?}", claim),
            }
        }
        match found.standing() {
            Standing::Uncertain => {}
            claim => prop_assert_eq!(claim == Standing::InForce, truth.contains(&true), "{:?}", claim),
        }
    }
}

/// A day of the world of the models: 40 days around the turn of a year and of months.
fn nth_day(number: u32) -> Day {
    let mut day = Day::parse("2025-12-12").unwrap();
    for _ in 0..number {
        day = day.next();
    }
    day
}

/// A date that happened on a day, and is known more or less precisely.
#[derive(Clone, Copy, Debug)]
struct Happened {
    day: u32,
    known: u8,
}

impl Happened {
    fn exact(self) -> PartialDate {
        nth_day(self.day).into()
    }

    fn coarse(self) -> Option<PartialDate> {
        let exact = self.exact();
        match self.known {
            0 => None,
            1 => Some(PartialDate { month: 0, day: 0, ..exact }),
            2 => Some(PartialDate { day: 0, ..exact }),
            _ => Some(exact),
        }
    }
}

type Stretch = (Option<Happened>, Option<Happened>);

/// A decision as it happened: forms with their effect and sanctions, and perhaps an annulment.
#[derive(Clone, Debug)]
struct Happening {
    forms: Vec<(Happened, Vec<Stretch>)>,
    annulment: Option<(Happened, bool)>,
}

fn happened() -> impl Strategy<Value = Happened> {
    (0_u32..40, 0_u8..6).prop_map(|(day, known)| Happened { day, known })
}

fn any_ruling() -> impl Strategy<Value = Happening> {
    let end = || proptest::option::of(happened());
    let stretch = (end(), end());
    let form = (happened(), proptest::collection::vec(stretch, 0..3));
    let annulment = proptest::option::of((happened(), any::<bool>()));
    (proptest::collection::vec(form, 1..4), annulment).prop_map(|(forms, annulment)| Happening { forms, annulment })
}

impl Happening {
    fn events(&self, date: impl Fn(Happened) -> Option<PartialDate>) -> Vec<Event> {
        let mut events: Vec<Event> = Vec::new();
        for (form, (effect, stretches)) in self.forms.iter().enumerate() {
            let items = (1..).zip(stretches).map(|(number, (from, to))| SanctionItem {
                item_number: number,
                form: code("reprimand"),
                from: from.and_then(&date),
                // An end that is not known must not be read as none.
                to: to.filter(|to| to.known > 0).and_then(&date),
                ..SanctionItem::default()
            });
            let mut event = if form == 0 { issued("", items.collect()) } else { modified("", items.collect()) };
            set_effect(&mut event, date(*effect));
            events.push(event);
        }
        if let Some((effect, retroactive)) = self.annulment {
            let mut event = annulled("", retroactive);
            set_effect(&mut event, date(effect));
            events.push(event);
        }
        events
    }

    /// As it was, with every date, and the model of it.
    fn exactly(&self) -> (Vec<Recorded>, Model<'_>) {
        (Story::of(self.events(|date| Some(date.exact()))).entries(), Model { happening: self })
    }

    /// As somebody knows it.
    fn coarsely(&self) -> Vec<Event> {
        // A beginning that is not known would be read as that of the decision: say at least the year.
        let mut coarse = self.clone();
        for (from, _) in coarse.forms.iter_mut().flat_map(|(_, stretches)| stretches) {
            if let Some(from) = from {
                from.known = from.known.max(1);
            }
        }
        coarse.events(Happened::coarse)
    }
}

fn set_effect(event: &mut Event, date: Option<PartialDate>) {
    let context = match event {
        Event::DecisionIssued(event) => &mut event.context,
        Event::DecisionModified(event) => &mut event.context,
        Event::DecisionAnnulled(event) => &mut event.context,
        _ => return,
    };
    context.get_or_insert_default().effective_on = date;
}

/// The slow way: walk through what happened and keep what is current.
struct Model<'a> {
    happening: &'a Happening,
}

impl Model<'_> {
    /// Whether each sanction, form by form, is in force on a day.
    fn in_force(&self, day: u32) -> Vec<bool> {
        let mut current = 0;
        for (number, (effect, _)) in self.happening.forms.iter().enumerate() {
            if number == 0 || effect.day <= day {
                current = number;
            }
        }
        let undone = self.happening.annulment.is_some_and(|(effect, retroactive)| retroactive || effect.day <= day);
        let mut answers = Vec::new();
        for (number, (effect, stretches)) in self.happening.forms.iter().enumerate() {
            for (from, to) in stretches {
                let begun = from.map_or(effect.day, |from| from.day) <= day;
                let over = to.is_some_and(|to| to.known > 0 && to.day < day);
                answers.push(number == current && begun && !over && !undone);
            }
        }
        answers
    }
}
