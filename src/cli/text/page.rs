//! A page of paragraphs, facts and tables, none wider than the terminal.

use comfy_table::Attribute;
use comfy_table::Cell;
use comfy_table::Color;
use comfy_table::ColumnConstraint;
use comfy_table::ContentArrangement;
use comfy_table::Table;
use comfy_table::TableStyle;
use comfy_table::Width;
use comfy_table::presets;

use crate::cli::text::NOTHING;
use crate::cli::text::Style;
use crate::cli::text::printable;

/// Words up to so many letters stay whole, and longer ones have at least so many in a line; the first that fits. Whole are an
/// id, an event's type, the name of a form, a date.
const WORDS: [(u16, u16); 4] = [(40, 40), (24, 10), (16, 10), (12, 10)];

/// On both sides of a cell.
const PADDING: u16 = 2;

/// How a cell stands out, where there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As the others.
    Plain,
    /// What matters most.
    Grave,
    /// What is not certain.
    Doubtful,
}

/// A page that is being written.
#[derive(Debug)]
pub(crate) struct Page<'s> {
    style: &'s Style,
    /// Of a cell, by its text.
    tone: fn(&str) -> Tone,
    text: String,
}

impl<'s> Page<'s> {
    /// An empty page.
    pub(crate) const fn new(style: &'s Style, tone: fn(&str) -> Tone) -> Self {
        Self { style, tone, text: String::new() }
    }

    /// A line of text, folded where it is too long.
    pub(crate) fn paragraph(&mut self, text: &str) {
        let mut table = self.empty(presets::NOTHING);
        table.add_row([cell(text, Tone::Plain, false)]);
        table.column_iter_mut().for_each(|column| _ = column.set_padding((0, 0)));
        self.push(&table);
    }

    /// A line of its own for each fact that is known, after an empty one.
    pub(crate) fn facts(&mut self, facts: &[(&str, String)]) {
        self.text.push('\n');
        for (fact, value) in facts.iter().filter(|(_, value)| value != NOTHING) {
            self.paragraph(&format!("{fact}: {value}"));
        }
    }

    /// A table with its title, or nothing where it has no row. Where the terminal is too narrow to have the columns side by
    /// side, each row is a block of lines instead, `column: value`, without what is not known.
    pub(crate) fn table<const N: usize>(
        &mut self,
        title: &str,
        columns: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) {
        let rows: Vec<[String; N]> = rows.into_iter().collect();
        if rows.is_empty() {
            return;
        }
        self.text.push('\n');
        self.paragraph(title);
        let Some(width) = self.style.width else { return self.side_by_side(columns, rows, None) };
        match least_widths(columns, &rows, width) {
            Some(widths) => self.side_by_side(columns, rows, Some(widths)),
            None => rows.into_iter().for_each(|row| self.block(columns, row)),
        }
    }

    fn side_by_side<const N: usize>(
        &mut self,
        columns: [&str; N],
        rows: Vec<[String; N]>,
        least_widths: Option<[u16; N]>,
    ) {
        let colour = self.style.colour;
        let mut table = self.empty(presets::UTF8_HORIZONTAL_ONLY);
        let bold = |name| if colour { Cell::new(name).add_attribute(Attribute::Bold) } else { Cell::new(name) };
        table.set_header(columns.map(bold));
        table.add_rows(rows.into_iter().map(|row| row.map(|text| cell(&text, (self.tone)(&text), colour))));
        if let Some(widths) = least_widths {
            table.set_constraints(widths.map(|width| ColumnConstraint::LowerBoundary(Width::Fixed(width))));
        }
        self.push(&table);
    }

    fn block<const N: usize>(&mut self, columns: [&str; N], row: [String; N]) {
        self.facts(&columns.into_iter().zip(row).collect::<Vec<_>>());
    }

    /// What was written.
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// A table without rows, as wide as it may be.
    fn empty(&self, preset: TableStyle) -> Table {
        let mut table = Table::new();
        table.load_style(preset).set_content_arrangement(ContentArrangement::Dynamic);
        match self.style.width {
            Some(width) => table.set_width(width),
            None => table.force_no_tty(),
        };
        if self.style.colour {
            table.enforce_styling();
        }
        table
    }

    fn push(&mut self, table: &Table) {
        self.text.push_str(&table.trim_fmt());
        self.text.push('\n');
    }
}

/// What each column should have at least, its padding included, so that no word is broken that is not longer than its
/// neighbours can bear: ids are broken before dates, and dates never. `None`: that is not to be had.
fn least_widths<const N: usize>(columns: [&str; N], rows: &[[String; N]], width: u16) -> Option<[u16; N]> {
    let mut words = columns.map(lengths);
    for row in rows {
        words.iter_mut().zip(row).for_each(|(words, text)| words.extend(lengths(text)));
    }
    WORDS.into_iter().find_map(|(whole, broken)| {
        let least = |&word: &u16| if word > whole { broken } else { word };
        let widths = words.each_ref().map(|words| words.iter().map(least).max().unwrap_or(0) + PADDING);
        let between = N.saturating_sub(1);
        let all = between + widths.iter().copied().map(usize::from).sum::<usize>();
        (all <= usize::from(width)).then_some(widths)
    })
}

/// How long each word of a text is, in letters.
fn lengths(text: &str) -> Vec<u16> {
    let length = |word: &str| u16::try_from(word.chars().count()).unwrap_or(u16::MAX);
    printable(text).split_whitespace().map(length).collect()
}

fn cell(text: &str, tone: Tone, colour: bool) -> Cell {
    let cell = Cell::new(printable(text));
    match tone {
        Tone::Grave if colour => cell.fg(Color::Red),
        Tone::Doubtful if colour => cell.fg(Color::Yellow),
        _ => cell,
    }
}
