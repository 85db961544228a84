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

/// Words of more letters than this are broken, at a place that makes sense; the first that fits. Up to the first a name with its
/// kind is whole, up to the second an id, up to the third nearly every type of an event, up to the last half an id, a date
/// and a time.
const WORDS: [usize; 5] = [40, 26, 18, 15, 13];

/// Before each cell; between two there is one more.
const PADDING: u16 = 1;

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

    /// A table with its title, or nothing where it has no row; without columns in which no row says anything. Where the
    /// terminal is too narrow to have the columns side by side, each row is a block of lines instead, `column: value`,
    /// without what is not known.
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
        let says = |column: &usize| rows.iter().any(|row| !matches!(row[*column].as_str(), "" | NOTHING));
        let told: Vec<usize> = (0..N).filter(says).collect();
        let columns: Vec<&str> = told.iter().map(|column| columns[*column]).collect();
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| told.iter().map(|column| printable(&row[*column])).collect()).collect();
        let Some(width) = self.style.width else { return self.side_by_side(&columns, rows, None) };
        match words_max(&columns, &rows, usize::from(width)) {
            Some(words) => self.side_by_side(&columns, rows, Some(&words)),
            None => rows.into_iter().for_each(|row| self.block(&columns, row)),
        }
    }

    /// In each column no word is longer than `words` says.
    fn side_by_side(&mut self, columns: &[&str], rows: Vec<Vec<String>>, words: Option<&[usize]>) {
        let colour = self.style.colour;
        let mut table = self.empty(presets::UTF8_HORIZONTAL_ONLY);
        let whole = |column: usize, text: &str| match words {
            Some(words) => broken(text, words[column]),
            None => text.to_owned(),
        };
        let mut widths: Vec<usize> = vec![0; columns.len()];
        let mut place = |column: usize, text: &str| {
            let text = whole(column, text);
            widths[column] = widths[column].max(longest(&text));
            text
        };
        let header: Vec<String> = (0..).zip(columns).map(|(column, name)| place(column, name)).collect();
        let rows: Vec<Vec<(String, Tone)>> = rows
            .into_iter()
            .map(|row| (0..).zip(&row).map(|(column, text)| (place(column, text), (self.tone)(text))).collect())
            .collect();
        let bold = |name| if colour { Cell::new(name).add_attribute(Attribute::Bold) } else { Cell::new(name) };
        table.set_header(header.into_iter().map(bold));
        table.add_rows(rows.into_iter().map(|row| row.into_iter().map(|(text, tone)| cell(&text, tone, colour))));
        table.column_iter_mut().for_each(|column| _ = column.set_padding((PADDING, 0)));
        if words.is_some() {
            let least = |letters: usize| {
                Width::Fixed(u16::try_from(letters).map_or(u16::MAX, |letters| letters.saturating_add(PADDING)))
            };
            table.set_constraints(widths.into_iter().map(|letters| ColumnConstraint::LowerBoundary(least(letters))));
        }
        self.push(&table);
    }

    fn block(&mut self, columns: &[&str], row: Vec<String>) {
        self.facts(&columns.iter().copied().zip(row).collect::<Vec<_>>());
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

/// For each column how long a word may be, so that the columns stand side by side: the same for all, and then more for one
/// after the other where there is room. `None`: that is not to be had.
fn words_max(columns: &[&str], rows: &[Vec<String>], width: usize) -> Option<Vec<usize>> {
    let between = columns.len().saturating_sub(1);
    let room = width.checked_sub(between + columns.len() * usize::from(PADDING))?;
    let least = |column: usize, words: usize| {
        let texts = rows.iter().map(|row| row[column].as_str()).chain([columns[column]]);
        texts.map(|text| longest(&broken(text, words))).max().unwrap_or(0)
    };
    let of_all = |words: usize| (0..columns.len()).map(|column| least(column, words)).collect::<Vec<usize>>();
    let (words, mut widths) = WORDS
        .into_iter()
        .map(|words| (words, of_all(words)))
        .find(|(_, widths)| widths.iter().sum::<usize>() <= room)?;
    let mut chosen = vec![words; columns.len()];
    for column in 0..columns.len() {
        let others = widths.iter().sum::<usize>() - widths[column];
        let more = WORDS.into_iter().map(|words| (words, least(column, words)));
        if let Some((words, width)) =
            more.take_while(|(more, _)| *more > words).find(|(_, width)| others + width <= room)
        {
            (chosen[column], widths[column]) = (words, width);
        }
    }
    Some(chosen)
}

/// How many letters the longest word of a text has.
fn longest(text: &str) -> usize {
    text.split_whitespace().map(|word| word.chars().count()).max().unwrap_or(0)
}

/// A text in which no word has more letters than `max`: longer ones go on in the next line, where they are put together from
/// parts (`decision/`, `explanation_`) behind one, else in equal pieces.
pub(super) fn broken(text: &str, max: usize) -> String {
    let word = |word: &str| {
        let mut lines: Vec<String> = Vec::new();
        for part in word.split_inclusive(['/', '.', '_', '-', ',', ':']) {
            let letters = part.chars().count();
            match lines.last_mut() {
                Some(line) if line.chars().count() + letters <= max => line.push_str(part),
                _ if letters <= max => lines.push(part.to_owned()),
                _ => {
                    let letters: Vec<char> = part.chars().collect();
                    let pieces = letters.len().div_ceil(max);
                    lines.extend(letters.chunks(letters.len().div_ceil(pieces)).map(|piece| piece.iter().collect()));
                }
            }
        }
        lines.join("\n")
    };
    let line = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ");
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

fn cell(text: &str, tone: Tone, colour: bool) -> Cell {
    let cell = Cell::new(printable(text));
    match tone {
        Tone::Grave if colour => cell.fg(Color::Red),
        Tone::Doubtful if colour => cell.fg(Color::Yellow),
        _ => cell,
    }
}
