//! What rows tell of others: read from all inputs before any row is planned, so that a name that stands in another file,
//! or an expungement in a later one, is known to every row that it is about.

use crate::import::error::ImportError;
use crate::import::error::Refusal;
use crate::import::mapped::Mapped;
use crate::import::mapping::Note;
use crate::import::scope::Scope;
use crate::import::source::Row;
use crate::import::source::Rows;

impl Mapped {
    /// A file begins whose rows are read for the mapping's notes.
    ///
    /// # Errors
    ///
    /// `RepeatedColumn`.
    pub fn begin_notes(&mut self, rows: &mut Rows) -> Result<(), ImportError> {
        self.rename(rows)
    }

    /// Takes what a row tells of others, as of the rows before it: its own notes do not see one another. One that cannot
    /// be read tells nothing here, and is refused when it is planned.
    pub fn note(&mut self, row: &Row) {
        let Ok(content) = row.content.clone() else { return };
        let content = self.normal(&row.place, content);
        let scope = self.scope(&row.place, &content, None);
        let noted = self.mapping.notes.iter().filter_map(|note| noted(note, &scope).ok().flatten());
        let noted: Vec<(String, String)> = noted.collect();
        self.known.noted.extend(noted);
    }
}

fn noted(note: &Note, scope: &Scope<'_>) -> Result<Option<(String, String)>, Refusal> {
    if !note.when.as_ref().map_or(Ok(true), |when| when.holds(scope))? {
        return Ok(None);
    }
    let (under, value) = (note.under.text(scope)?, note.value.text(scope)?);
    Ok((!under.is_empty() && !value.is_empty()).then_some((under, value)))
}
