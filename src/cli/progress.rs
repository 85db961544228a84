//! Progress bars: on a terminal, on standard error, gone when the work is done.

use std::io::IsTerminal as _;

use indicatif::ProgressBar;
use indicatif::ProgressStyle;

/// A bar of so many `unit`s; one that draws nothing where nobody looks.
pub(crate) fn bar(goal: u64, what: &'static str, unit: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let template = format!("{what} {{bar:30}} {{human_pos}}/{{human_len}} {unit} ({{per_sec}}, {{eta}} left)");
    let style = ProgressStyle::with_template(&template).expect("the template is well-formed");
    let bar = ProgressBar::new(goal).with_style(style);
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    bar
}
