//! The voice of the demo: numbered steps, what came of each, colour on a terminal only.

use std::fmt::Display;
use std::io::IsTerminal as _;

/// Why a step did not come out as told, in words.
#[derive(Debug)]
pub(super) struct Surprise(pub(super) String);

impl<E: std::error::Error> From<E> for Surprise {
    fn from(error: E) -> Self {
        let mut words = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            words = format!("{words}: {cause}");
            source = cause.source();
        }
        Self(words)
    }
}

/// Holds, or the demo says what it saw instead.
pub(super) fn expect(holds: bool, seen: impl FnOnce() -> String) -> Result<(), Surprise> {
    if holds { Ok(()) } else { Err(Surprise(seen())) }
}

/// Tells the steps, and knows which one it is in.
#[derive(Debug)]
pub(super) struct Teller {
    colour: bool,
    number: u32,
    step: &'static str,
}

const BOLD: &str = "1";
const DIM: &str = "2";
const GREEN: &str = "32";
const RED: &str = "31";

impl Teller {
    /// To standard output.
    pub(super) fn new() -> Self {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { colour, number: 0, step: "the beginning" }
    }

    /// The step that is being told.
    pub(super) const fn at(&self) -> &'static str {
        self.step
    }

    /// A new step begins.
    pub(super) fn step(&mut self, name: &'static str) {
        self.number += 1;
        self.step = name;
        say("");
        say(&self.paint(BOLD, format_args!("{:>2}  {name}", self.number)));
    }

    /// A heading without a number.
    pub(super) fn heading(&self, words: &str) {
        say("");
        say(&self.paint(BOLD, words));
    }

    /// Why it matters, in a line.
    pub(super) fn why(&self, words: &str) {
        say(&format!("    {}", self.paint(DIM, words)));
    }

    /// Something happened.
    pub(super) fn tell(&self, words: impl Display) {
        say(&format!("    {words}"));
    }

    /// An entry is in the log.
    pub(super) fn entry(&self, position: u64, event_type: &str, words: &str, leaf_hash: Option<&str>) {
        let hash = leaf_hash.map_or_else(String::new, |hash| self.paint(DIM, format_args!("  leaf {hash}…")));
        say(format!("    entry {position:<3} {event_type:<24} {words:<46}{hash}").trim_end());
    }

    /// It is as it should be.
    pub(super) fn good(&self, words: impl Display) {
        say(&format!("    {}    {words}", self.paint(GREEN, "good")));
    }

    /// Somebody was caught, or refused.
    pub(super) fn caught(&self, word: &str, words: impl Display) {
        say(&format!("    {} {words}", self.paint(RED, format_args!("{word:<7}"))));
    }

    fn paint(&self, code: &str, words: impl Display) -> String {
        if self.colour { format!("\u{1b}[{code}m{words}\u{1b}[0m") } else { words.to_string() }
    }
}

#[expect(clippy::print_stdout, reason = "telling is what this subcommand is asked for")]
fn say(line: &str) {
    println!("{line}");
}
