//! What persons and bodies are called that an answer names by their ids.

use std::collections::BTreeMap;

use tonic::Code;
use tonic::Status;

use crate::cli::text::or_nothing;
use crate::proto::v1::AsOf;
use crate::proto::v1::GetRecordRequest;
use crate::proto::v1::Record;
use crate::proto::v1::Stamp;
use crate::proto::v1::as_of::KnownAt;
use crate::proto::v1::personal_part::Content;
use crate::proto::v1::record_service_client::RecordServiceClient;
use crate::tls::Line;

/// How many are asked for; the others of a long list stand there by their ids.
const NAMES_MAX: usize = 200;

/// Names by `entity/…`.
#[derive(Debug, Default)]
pub(super) struct Called(BTreeMap<String, String>);

impl Called {
    /// Asks for those of an answer, as they were known when it was true: a body's name in the reader's language or else the
    /// first, a person's where identities are to be opened.
    pub(super) async fn ask(
        client: &mut RecordServiceClient<Line>,
        entities: impl IntoIterator<Item = &String>,
        stamp: Option<&Stamp>,
        open_identity: bool,
        language: &str,
    ) -> Result<Self, Status> {
        let stamp = stamp.copied().unwrap_or_default();
        let known_at = Some(KnownAt::KnownAtPosition(stamp.position));
        let at = Some(AsOf { as_of: stamp.as_of, known_at, min_position: None });
        let mut names = BTreeMap::new();
        for entity in entities.into_iter().filter(|entity| !entity.is_empty()).take(NAMES_MAX) {
            if names.contains_key(entity) {
                continue;
            }
            let question = GetRecordRequest { name: entity.clone(), at, open_identity };
            let record = match client.get_record(question).await {
                Ok(answer) => answer.into_inner().record.unwrap_or_default(),
                Err(status) if status.code() == Code::NotFound => continue,
                Err(status) => return Err(status),
            };
            names.extend(name(&record, language).map(|name| (entity.clone(), name)));
        }
        Ok(Self(names))
    }

    /// The name, or else the id.
    pub(super) fn name<'n>(&'n self, entity: &'n str) -> &'n str {
        self.0.get(entity).map_or(entity, String::as_str)
    }

    /// The name with the id after it, for a line.
    pub(super) fn in_line(&self, entity: &str) -> String {
        match self.0.get(entity) {
            Some(name) => format!("{name}, {entity}"),
            None => or_nothing(entity),
        }
    }

    /// The name, and the id below it, for a cell.
    pub(super) fn in_cell(&self, entity: &str) -> String {
        match self.0.get(entity) {
            Some(name) => format!("{name}\n{entity}"),
            None => or_nothing(entity),
        }
    }
}

fn name(record: &Record, language: &str) -> Option<String> {
    if let Some(Content::Identity(identity)) = record.identity.as_ref().and_then(|part| part.content.as_ref()) {
        return Some(identity.full_name.clone());
    }
    let own = |tag: &str| !language.is_empty() && tag.split('-').next() == Some(language);
    let name = record.names.iter().find(|name| own(&name.language)).or_else(|| record.names.first())?;
    Some(name.text.clone())
}
