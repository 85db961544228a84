//! Levels of access, classes of data and kinds of action, and the most that each level may be given.

use std::fmt;

use serde::Deserialize;

/// A level of access. What each sees at most is said by [`Level::classes`] and the rules of methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub enum Level {
    /// Aggregates, and heads that prove integrity.
    L0,
    /// Whether somebody is registered, and no more.
    L1,
    /// What counts about a person in the own competence, before an appointment.
    L2,
    /// A person's own record.
    L3,
    /// The matters of the own body.
    L4,
    /// Declarations of persons under the own body's control.
    L5,
    /// Matters brought to the own body, and its own.
    L6,
    /// What is protected, with a second custodian.
    L7,
    /// Structure and hashes of everything; nothing that is sealed.
    A1,
    /// The running service; nothing that is recorded.
    O1,
}

impl Level {
    /// All of them.
    pub const ALL: [Self; 10] =
        [Self::L0, Self::L1, Self::L2, Self::L3, Self::L4, Self::L5, Self::L6, Self::L7, Self::A1, Self::O1];

    /// The classes of data that a role of this level may be given at most.
    pub const fn classes(self) -> Classes {
        use Class::P1;
        use Class::P2;
        use Class::P3;
        use Class::P4;
        use Class::P5;
        match self {
            Self::L0 | Self::O1 => Classes::NONE,
            Self::L1 | Self::A1 => Classes::of(&[P1]),
            Self::L2 => Classes::of(&[P1, P2]),
            Self::L3 | Self::L4 => Classes::of(&[P1, P2, P3, P4]),
            Self::L5 => Classes::of(&[P1, P3]),
            Self::L6 => Classes::of(&[P1, P2, P4]),
            Self::L7 => Classes::of(&[P1, P5]),
        }
    }

    /// The actions that a role of this level may be given at most.
    pub const fn actions(self) -> &'static [Action] {
        use Action::Admin;
        use Action::Append;
        use Action::Emergency;
        use Action::Erase;
        use Action::Export;
        use Action::Metrics;
        use Action::Prove;
        use Action::Read;
        use Action::Review;
        use Action::Verify;
        match self {
            Self::L0 => &[Export, Verify],
            Self::L1 | Self::L2 => &[Read, Verify],
            Self::L3 => &[Read, Prove, Verify],
            Self::L4 | Self::L6 => &[Append, Read, Prove, Verify, Erase, Emergency, Review],
            Self::L5 => &[Append, Read, Prove, Verify, Emergency],
            Self::L7 => &[Read, Verify, Erase],
            Self::A1 => &[Read, Prove, Verify, Export, Metrics, Review],
            Self::O1 => &[Verify, Admin, Metrics],
        }
    }

    /// Whether a role of this level acts for a body.
    pub const fn has_body(self) -> bool {
        matches!(self, Self::L2 | Self::L4 | Self::L5 | Self::L6)
    }

    /// As a policy writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::L0 => "L0",
            Self::L1 => "L1",
            Self::L2 => "L2",
            Self::L3 => "L3",
            Self::L4 => "L4",
            Self::L5 => "L5",
            Self::L6 => "L6",
            Self::L7 => "L7",
            Self::A1 => "A1",
            Self::O1 => "O1",
        }
    }
}

/// A class of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub enum Class {
    /// None: counts, hashes, rules, public bodies.
    P0,
    /// Pseudonymous: ids, types, dates, codes.
    P1,
    /// Identity.
    P2,
    /// Property and income.
    P3,
    /// Narratives and reasons.
    P4,
    /// Protected: who petitions, who is witness, health.
    P5,
}

/// Some classes of data; P0 is in every set.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Classes(u8);

impl Classes {
    /// No class but P0.
    pub const NONE: Self = Self(0);

    /// Every class that is ever opened to one alone.
    pub const OPENABLE: Self = Self::of(&[Class::P1, Class::P2, Class::P3, Class::P4]);

    /// These.
    pub const fn of(classes: &[Class]) -> Self {
        let (mut bits, mut at) = (0, 0);
        while at < classes.len() {
            bits |= 1 << classes[at] as u8;
            at += 1;
        }
        Self(bits)
    }

    /// A class and all below it.
    pub const fn up_to(class: Class) -> Self {
        Self((1 << (class as u8 + 1)) - 2)
    }

    /// Whether a class is among them.
    pub const fn has(self, class: Class) -> bool {
        matches!(class, Class::P0) || self.0 & (1 << class as u8) != 0
    }

    /// Whether the class of a sealed part is among them, by its number of 2 to 5.
    pub const fn has_number(self, class: u32) -> bool {
        class >= 1 && class <= 5 && self.0 & (1 << class) != 0
    }

    /// Those that both have.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether all of them are among others.
    pub const fn within(self, others: Self) -> bool {
        self.0 & !others.0 == 0
    }
}

impl fmt::Debug for Classes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries((1..=5).filter(|number| self.0 & (1 << number) != 0)).finish()
    }
}

/// A kind of action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Recording events.
    Append,
    /// Reading what is recorded.
    Read,
    /// Proofs about entries and subjects.
    Prove,
    /// Heads, checkpoints and consistency.
    Verify,
    /// Exports.
    Export,
    /// The running service.
    Admin,
    /// Requests and approvals of erasure.
    Erase,
    /// Figures of the running service.
    Metrics,
    /// Reading a foreign matter of the own level where nothing else helps; each time is reviewed.
    Emergency,
    /// Reviewing emergency accesses of others.
    Review,
}
