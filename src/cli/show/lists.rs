//! Arguments of lists: work and changes.

use clap::Args;
use clap::ValueEnum;

use crate::cli::show;
use crate::cli::text::Locale;
use crate::domain::dates::Day;
use crate::proto::v1::as_of::KnownAt;

const WORKLIST: &str = r"Examples:
  probity worklist --from http://127.0.0.1:7411 3Q8H5T0V9XKZ4M2N6P7R1S5W8C
  probity worklist --from http://127.0.0.1:7411 3Q8H5T0V9XKZ4M2N6P7R1S5W8C \
    --due-to 2026-12-31 --json";

/// Of what a list of work is wanted.
#[derive(Args, Clone, Debug)]
pub struct WorkArgs {
    /// The body, `entity/…`.
    #[arg(required_unless_present = "without_body")]
    pub body: Option<String>,
    /// What names no body.
    #[arg(long, conflicts_with = "body")]
    pub without_body: bool,
    /// Only of this kind; may be repeated.
    #[arg(long, value_name = "KIND")]
    pub kind: Vec<Work>,
    /// Due on this day or after it.
    #[arg(long, value_name = "DATE", value_parser = show::parse_day)]
    pub due_from: Option<Day>,
    /// Due on this day or before it.
    #[arg(long, value_name = "DATE", value_parser = show::parse_day)]
    pub due_to: Option<Day>,
    /// Only what is overdue.
    #[arg(long)]
    pub overdue: bool,
}

/// A kind of work.
#[derive(ValueEnum, Clone, Copy, Debug)]
pub enum Work {
    /// To be decided.
    Appeal,
    /// To be ended.
    Case,
    /// A declaration to be filed.
    Obligation,
    /// To be resolved.
    Petition,
    /// To be concluded.
    Verification,
    /// A request about one's own record, to be acknowledged or answered.
    Rights,
    /// A change that a past recipient is to be told of.
    Notice,
    /// An emergency access, to be reviewed by another.
    Review,
}

/// Of what changes are wanted.
#[derive(Args, Clone, Debug)]
pub struct ChangesArgs {
    /// Entries after this position.
    #[arg(default_value_t = 0)]
    pub after: u64,
    /// Of this person, body or stream alone: a name with its kind.
    #[arg(long, value_name = "NAME")]
    pub of: Option<String>,
    /// Of the matters in the registers of this body, `entity/…`.
    #[arg(long, value_name = "BODY", conflicts_with = "of")]
    pub body: Option<String>,
    /// Only of this kind; may be repeated.
    #[arg(long, value_name = "KIND")]
    pub kind: Vec<ChangeWord>,
}

/// A kind of change.
#[derive(ValueEnum, Clone, Copy, Debug)]
pub enum ChangeWord {
    /// What was not known before.
    New,
    /// What an entry should have said.
    Corrected,
    /// What takes the place of something that was right.
    Revised,
    /// What should never have been recorded.
    Voided,
    /// What lost its effect by time.
    Expired,
    /// What was taken out.
    Erased,
}

/// Shows what a body still has to do, the earliest day first.
///
/// The same as `probity show work`. Exit status 0: shown; 2: could not ask, or the question was refused.
#[derive(Args, Clone, Debug)]
#[command(after_help = WORKLIST)]
pub struct WorklistArgs {
    /// The service, for example `http://127.0.0.1:7411`.
    #[arg(long, value_name = "URL", env = "PROBITY_URL")]
    pub from: String,
    /// The day on which something is overdue or not, YYYY-MM-DD [default: today, UTC]
    #[arg(long, value_name = "DATE", value_parser = show::parse_day)]
    pub as_of: Option<Day>,
    /// What the log knew: a position, or a time such as 2026-05-03T12:00:00Z [default: now]
    #[arg(long, value_name = "POSITION|TIME", value_parser = show::parse_known_at)]
    pub known_at: Option<KnownAt>,
    /// Print the answer as JSON, as the proto mapping has it.
    #[arg(long)]
    pub json: bool,
    /// How dates are written, for example `vi_VN` [default: that of LC_ALL, LC_TIME, LANG]
    #[arg(long, value_name = "LOCALE")]
    pub(crate) locale: Option<Locale>,
    /// Of what.
    #[command(flatten)]
    pub work: WorkArgs,
}

impl From<WorklistArgs> for show::ShowArgs {
    fn from(args: WorklistArgs) -> Self {
        let WorklistArgs { from, as_of, known_at, json, locale, work } = args;
        Self { from, as_of, known_at, json, open: false, locale, what: show::What::Work(work) }
    }
}
