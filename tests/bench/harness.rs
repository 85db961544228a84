//! Contenders take turns, so that a slow minute of the machine does not fall on one of them; medians and ratios of the
//! same turn count.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;

use serde_json::json;

use crate::Failure;
use crate::Plan;

/// What one run of one contender gave.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    /// Units a second.
    pub(crate) rate: f64,
    /// Further figures by name, in the order to print them.
    pub(crate) figures: Vec<(&'static str, f64)>,
}

/// Something that is measured.
pub(crate) struct Contender {
    name: String,
    against: Option<(String, f64)>,
    at_least: Option<f64>,
    measure: Box<dyn FnMut() -> Result<Sample, Failure>>,
}

impl Contender {
    pub(crate) fn new(name: &str, measure: impl FnMut() -> Result<Sample, Failure> + 'static) -> Self {
        Self { name: name.to_owned(), against: None, at_least: None, measure: Box::new(measure) }
    }

    /// Compared with `baseline`; `goal` is the ratio to reach, 0 where there is none.
    pub(crate) fn against(mut self, baseline: &str, goal: f64) -> Self {
        self.against = Some((baseline.to_owned(), goal));
        self
    }

    /// Wants this rate, whatever the machine.
    pub(crate) fn at_least(mut self, rate: f64) -> Self {
        self.at_least = Some(rate);
        self
    }
}

/// Contenders of one table.
pub(crate) struct Group {
    title: String,
    unit: &'static str,
    contenders: Vec<Contender>,
}

impl Group {
    pub(crate) fn new(title: &str, unit: &'static str, contenders: Vec<Contender>) -> Self {
        Self { title: title.to_owned(), unit, contenders }
    }

    /// Measures all contenders in turns and prints the table.
    pub(crate) fn run(mut self, plan: &Plan) -> Result<(), Failure> {
        let wanted = |name: &str| plan.only.is_empty() || plan.only.iter().any(|part| name.contains(part.as_str()));
        let mut samples: Vec<Vec<Sample>> = self.contenders.iter().map(|_| Vec::new()).collect();
        for run in 1..=plan.runs {
            for (contender, samples) in self.contenders.iter_mut().zip(&mut samples) {
                if !wanted(&contender.name) {
                    continue;
                }
                fs::create_dir_all(&plan.data)?;
                let sample = (contender.measure)().map_err(|error| format!("{}: {error}", contender.name))?;
                progress(&format!("{run}/{} {}: {:.0} {}", plan.runs, contender.name, sample.rate, self.unit));
                samples.push(sample);
            }
        }
        self.print(&samples);
        self.record(&samples, plan)
    }

    fn print(&self, samples: &[Vec<Sample>]) {
        let mut table = format!("| | {} | spread | ratio | figures |\n|---|--:|--:|---|---|", self.unit);
        let ratio = |place: usize| {
            let (baseline, goal) = self.contenders[place].against.as_ref()?;
            let base = self.contenders.iter().position(|contender| contender.name == *baseline)?;
            let ratios: Vec<f64> =
                samples[place].iter().zip(&samples[base]).map(|(own, of)| own.rate / of.rate).collect();
            let goal = if *goal > 0.0 { format!(" (goal {goal})") } else { String::new() };
            (!ratios.is_empty()).then(|| format!("{:.2} of {baseline}{goal}", median(ratios)))
        };
        for (place, contender) in self.contenders.iter().enumerate() {
            let rates: Vec<f64> = samples[place].iter().map(|sample| sample.rate).collect();
            if rates.is_empty() {
                continue;
            }
            let middle = median(rates.clone());
            let spread = rates.iter().map(|rate| (rate - middle).abs() / middle).fold(0.0, f64::max);
            let _ = write!(
                table,
                "\n| {} | {} | {:.0} % | {} | {} |",
                contender.name,
                grouped(middle),
                spread * 100.0,
                ratio(place).or_else(|| goal(contender)).unwrap_or_default(),
                figures(&samples[place])
            );
        }
        say(&format!("\n{}\n\n{table}\n", self.title));
    }

    fn record(&self, samples: &[Vec<Sample>], plan: &Plan) -> Result<(), Failure> {
        let Some(path) = &plan.json else { return Ok(()) };
        let mut file = fs::File::options().create(true).append(true).open(path)?;
        for (contender, samples) in self.contenders.iter().zip(samples) {
            let rates: Vec<f64> = samples.iter().map(|sample| sample.rate).collect();
            let figures: Vec<_> = samples.iter().map(|sample| sample.figures.clone()).collect();
            let line = json!({
                "group": self.title, "contender": contender.name, "unit": self.unit, "seconds": plan.duration.as_secs(),
                "rates": rates, "figures": figures, "against": contender.against,
            });
            writeln!(file, "{line}")?;
        }
        Ok(())
    }
}

fn goal(contender: &Contender) -> Option<String> {
    contender.at_least.map(|rate| format!("(goal {})", grouped(rate)))
}

/// The medians of the further figures, in a line.
fn figures(samples: &[Sample]) -> String {
    let mut line = String::new();
    for (place, (name, _)) in samples[0].figures.iter().enumerate() {
        let middle = median(samples.iter().map(|sample| sample.figures[place].1).collect());
        let digits = if middle < 10.0 { 2 } else { 0 };
        let _ = write!(line, "{}{name} {middle:.digits$}", if place == 0 { "" } else { ", " });
    }
    line
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

pub(crate) fn grouped(rate: f64) -> String {
    let digits = format!("{rate:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[expect(clippy::print_stdout, reason = "the tables are what one runs this for")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "whoever waits wants to see that it goes on")]
pub(crate) fn progress(text: &str) {
    eprintln!("{text}");
}
