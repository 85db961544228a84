//! One rule for each method of gRPC and each path of HTTP. What has no rule is refused.

use crate::access::Action;
use crate::access::Class;
use crate::access::Level;

/// Some levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Levels(u16);

impl Levels {
    /// These.
    pub const fn of(levels: &[Level]) -> Self {
        let (mut bits, mut at) = (0, 0);
        while at < levels.len() {
            bits |= 1 << levels[at] as u16;
            at += 1;
        }
        Self(bits)
    }

    /// Whether a level is among them.
    pub const fn has(self, level: Level) -> bool {
        self.0 & (1 << level as u16) != 0
    }
}

/// What a method asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// `service/method` of gRPC, or the path of HTTP with a slash before it.
    pub method: &'static str,
    /// Who may call it; `None`: anybody, also without a name.
    pub levels: Option<Levels>,
    /// The action that the caller's role must have.
    pub action: Action,
    /// The highest class of data that an answer may hold. What is sealed in an answer counts as P1.
    pub shows: Class,
    /// Whether the caller says for what purpose and on what legal basis. Never asked of level L0.
    pub basis: bool,
    /// Whether the matter has to be the caller's, which its handler finds out.
    pub own: bool,
}

impl Rule {
    /// Whether it can be called for what is not the caller's own, in an emergency: where it answers about one matter or
    /// person that the caller names.
    pub fn in_emergency(&self) -> bool {
        let of_one = ["Get", "Diff", "ListTimeline", "ListDeclarations"];
        let method = self.method.strip_prefix("probity.v1.RecordService/");
        self.basis && method.is_some_and(|method| of_one.iter().any(|begins| method.starts_with(begins)))
    }
}

const ALL: Levels = Levels::of(&Level::ALL);
const PROVERS: Levels = Levels::of(&[Level::L3, Level::L4, Level::L5, Level::L6, Level::A1]);
const SUBJECTS: Levels = Levels::of(&[Level::L3, Level::A1]);
const WRITERS: Levels = Levels::of(&[Level::L4, Level::L5, Level::L6]);
const RAW: Levels = Levels::of(&[Level::L3, Level::L4, Level::L6, Level::A1]);
const FINDERS: Levels = Levels::of(&[Level::L1, Level::L2, Level::L4, Level::L5, Level::L6]);
const RECORDS: Levels = Levels::of(&[Level::L2, Level::L3, Level::L4, Level::L5, Level::L6, Level::A1]);
const MATTERS: Levels = Levels::of(&[Level::L3, Level::L4, Level::L6, Level::A1]);
const PETITIONS: Levels = Levels::of(&[Level::L4, Level::L6, Level::A1]);
const DECLARED: Levels = Levels::of(&[Level::L3, Level::L4, Level::L5, Level::L6, Level::A1]);
const LISTS: Levels = Levels::of(&[Level::L4, Level::L6, Level::A1]);
const DECLARED_LISTS: Levels = Levels::of(&[Level::L4, Level::L5, Level::L6, Level::A1]);
const EXPORTERS: Levels = Levels::of(&[Level::L0, Level::A1]);
const OPERATORS: Levels = Levels::of(&[Level::O1]);
const WATCHERS: Levels = Levels::of(&[Level::A1, Level::O1]);
const CUSTODIANS: Levels = Levels::of(&[Level::L7]);
const CLEARERS: Levels = Levels::of(&[Level::L2, Level::L3, Level::L4, Level::L6]);
const ERASERS: Levels = Levels::of(&[Level::L4, Level::L6, Level::L7]);
const PERSONS: Levels = Levels::of(&[Level::L3]);
const REVIEWERS: Levels = Levels::of(&[Level::L4, Level::L6, Level::A1]);
const AUDITORS: Levels = Levels::of(&[Level::A1]);

/// Anybody, also without a name: nothing of it is about anybody.
const fn open(method: &'static str) -> Rule {
    Rule { method, levels: None, action: Action::Verify, shows: Class::P0, basis: false, own: false }
}

/// What proves integrity, or says what the service is: for every principal.
const fn integrity(method: &'static str) -> Rule {
    Rule { method, levels: Some(ALL), action: Action::Verify, shows: Class::P0, basis: false, own: false }
}

/// A read of what is recorded about matters and persons.
const fn read(method: &'static str, levels: Levels, shows: Class) -> Rule {
    Rule { method, levels: Some(levels), action: Action::Read, shows, basis: true, own: true }
}

/// What is done with no matter at hand.
const fn act(method: &'static str, levels: Levels, action: Action) -> Rule {
    Rule { method, levels: Some(levels), action, shows: Class::P0, basis: false, own: false }
}

/// An append: its events name the matters, which have to be the caller's.
const fn append(method: &'static str) -> Rule {
    Rule { method, levels: Some(WRITERS), action: Action::Append, shows: Class::P0, basis: false, own: true }
}

/// A read of entries as they are: what is sealed stays sealed.
const fn entries(method: &'static str) -> Rule {
    read(method, RAW, Class::P1)
}

const fn export(method: &'static str, basis: bool) -> Rule {
    Rule { method, levels: Some(EXPORTERS), action: Action::Export, shows: Class::P1, basis, own: true }
}

/// Every rule there is.
pub const RULES: &[Rule] = &[
    open("grpc.health.v1.Health/Check"),
    open("grpc.health.v1.Health/Watch"),
    integrity("grpc.reflection.v1.ServerReflection/ServerReflectionInfo"),
    append("probity.v1.LedgerService/Append"),
    append("probity.v1.LedgerService/AppendStream"),
    entries("probity.v1.LedgerService/GetEntry"),
    entries("probity.v1.LedgerService/ReadEntries"),
    entries("probity.v1.LedgerService/Subscribe"),
    integrity("probity.v1.LedgerService/GetHead"),
    integrity("probity.v1.LedgerService/ResolvePosition"),
    integrity("probity.v1.ProofService/GetCheckpoint"),
    act("probity.v1.ProofService/ProveInclusion", PROVERS, Action::Prove),
    integrity("probity.v1.ProofService/ProveConsistency"),
    Rule { action: Action::Prove, ..read("probity.v1.ProofService/ProveSubject", SUBJECTS, Class::P1) },
    act("probity.v1.ProofService/Verify", WATCHERS, Action::Verify),
    read("probity.v1.RecordService/Find", FINDERS, Class::P1),
    read("probity.v1.RecordService/GetRecord", RECORDS, Class::P2),
    read("probity.v1.RecordService/GetCase", MATTERS, Class::P4),
    read("probity.v1.RecordService/GetDecision", MATTERS, Class::P4),
    read("probity.v1.RecordService/GetDeclaration", DECLARED, Class::P3),
    read("probity.v1.RecordService/GetClearance", CLEARERS, Class::P4),
    read("probity.v1.RecordService/GetRights", MATTERS, Class::P4),
    read("probity.v1.RecordService/ListRights", MATTERS, Class::P1),
    read("probity.v1.RecordService/ListDisclosures", MATTERS, Class::P1),
    read("probity.v1.RecordService/ListNoticesDue", LISTS, Class::P1),
    read("probity.v1.RecordService/ListTimeline", MATTERS, Class::P1),
    read("probity.v1.RecordService/ListDeclarations", DECLARED, Class::P1),
    read("probity.v1.RecordService/GetPetition", PETITIONS, Class::P4),
    read("probity.v1.RecordService/GetObligation", DECLARED, Class::P1),
    read("probity.v1.RecordService/GetVerification", DECLARED, Class::P4),
    read("probity.v1.RecordService/GetAppeal", MATTERS, Class::P4),
    read("probity.v1.RecordService/GetChecklist", MATTERS, Class::P1),
    read("probity.v1.RecordService/ListPetitions", LISTS, Class::P1),
    read("probity.v1.RecordService/ListCases", LISTS, Class::P1),
    read("probity.v1.RecordService/ListDecisions", LISTS, Class::P1),
    read("probity.v1.RecordService/ListAppeals", LISTS, Class::P1),
    read("probity.v1.RecordService/ListObligations", DECLARED_LISTS, Class::P1),
    read("probity.v1.RecordService/ListVerifications", DECLARED_LISTS, Class::P1),
    read("probity.v1.RecordService/ListWork", LISTS, Class::P1),
    read("probity.v1.RecordService/ListExpiring", LISTS, Class::P1),
    read("probity.v1.RecordService/ListChanges", LISTS, Class::P1),
    read("probity.v1.RecordService/DiffDeclarations", DECLARED, Class::P3),
    export("probity.v1.ExportService/CreateExport", true),
    export("probity.v1.ExportService/GetExport", false),
    export("probity.v1.ExportService/ListExports", false),
    export("probity.v1.ExportService/CancelExport", false),
    export("probity.v1.ExportService/DownloadExport", true),
    Rule { own: false, ..read("probity.v1.AccessService/OfferCustody", CUSTODIANS, Class::P1) },
    Rule { own: false, ..read("probity.v1.AccessService/OpenProtected", CUSTODIANS, Class::P5) },
    read("probity.v1.AccessService/WhoAccessedMe", PERSONS, Class::P1),
    read("probity.v1.AccessService/MyRecord", PERSONS, Class::P2),
    read("probity.v1.AccessService/ListAccesses", AUDITORS, Class::P1),
    Rule { action: Action::Review, ..read("probity.v1.AccessService/ListUnreviewed", REVIEWERS, Class::P1) },
    Rule { action: Action::Review, ..read("probity.v1.AccessService/ReviewEmergency", REVIEWERS, Class::P1) },
    integrity("probity.v1.AdminService/GetServerInfo"),
    Rule { own: true, ..act("probity.v1.AdminService/RequestErasure", ERASERS, Action::Erase) },
    act("probity.v1.AdminService/ApproveErasure", ERASERS, Action::Erase),
    act("probity.v1.AdminService/ListErasures", ERASERS, Action::Erase),
    act("probity.v1.AdminService/ListViews", OPERATORS, Action::Admin),
    act("probity.v1.AdminService/RebuildViews", OPERATORS, Action::Admin),
    act("probity.v1.AdminService/PromoteViews", OPERATORS, Action::Admin),
    act("probity.v1.AdminService/ResumeViews", OPERATORS, Action::Admin),
    open("/checkpoint"),
    open("/tile/hashes"),
    // Leaves, and nothing of what is beside them: the purpose is the audit itself.
    act("/tile/entries", AUDITORS, Action::Read),
    act("/metrics", WATCHERS, Action::Metrics),
];

/// The rule of a method.
pub fn rule_of(method: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.method == method)
}
