//! A page of paragraphs, facts and tables, none wider than the terminal.

use comfy_table::Attribute;
use comfy_table::Cell;
use comfy_table::Color;
use comfy_table::ContentArrangement;
use comfy_table::Table;
use comfy_table::TableStyle;
use comfy_table::presets;

use crate::cli::text::NOTHING;
use crate::cli::text::Style;
use crate::cli::text::printable;

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

    /// A table with its title, or nothing where it has no row.
    pub(crate) fn table<const N: usize>(
        &mut self,
        title: &str,
        columns: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) {
        let mut table = self.empty(presets::UTF8_HORIZONTAL_ONLY);
        let bold =
            |name| if self.style.colour { Cell::new(name).add_attribute(Attribute::Bold) } else { Cell::new(name) };
        table.set_header(columns.map(bold));
        for row in rows {
            table.add_row(row.map(|text| cell(&text, (self.tone)(&text), self.style.colour)));
        }
        if table.row_count() > 0 {
            self.text.push('\n');
            self.paragraph(title);
            self.push(&table);
        }
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

fn cell(text: &str, tone: Tone, colour: bool) -> Cell {
    let cell = Cell::new(printable(text));
    match tone {
        Tone::Grave if colour => cell.fg(Color::Red),
        Tone::Doubtful if colour => cell.fg(Color::Yellow),
        _ => cell,
    }
}
