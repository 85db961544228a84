//! From TOML to a mapping.

use serde_json::json;
use toml::Value;

use crate::import::encoding;
use crate::import::encoding::Encoding;
use crate::import::error::ImportError;
use crate::import::filter::Decimal;
use crate::import::mapping::Changes;
use crate::import::mapping::EventRule;
use crate::import::mapping::EventTable;
use crate::import::mapping::File;
use crate::import::mapping::Group;
use crate::import::mapping::GroupTable;
use crate::import::mapping::Id;
use crate::import::mapping::Mapping;
use crate::import::mapping::Note;
use crate::import::mapping::Record;
use crate::import::mapping::RememberTables;
use crate::import::mapping::Snapshots;
use crate::import::mapping::SnapshotsTable;
use crate::import::mapping::Source;
use crate::import::mapping::SourceTable;
use crate::import::mapping::columns::Aliases;
use crate::import::mapping::columns::Spelling;
use crate::import::mapping::lines::line_of;
use crate::import::node::Condition;
use crate::import::node::Each;
use crate::import::node::Node;
use crate::import::source::Reading;
use crate::import::template::Template;

/// Reads a mapping; the names in it are not checked yet.
pub(super) fn parse(name: &str, text: &str) -> Result<Mapping, ImportError> {
    let file: File = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        ImportError::Mapping { file: name.to_owned(), line, key: "TOML".to_owned(), what: error.message().to_owned() }
    })?;
    Reader { name, text }.mapping(file)
}

struct Reader<'a> {
    name: &'a str,
    text: &'a str,
}

impl Reader<'_> {
    fn mapping(&self, file: File) -> Result<Mapping, ImportError> {
        if file.about.trim().is_empty() {
            return Err(self.wrong("about", "about", "say what the mapping is for"));
        }
        let changes = file.changes.map(|changes| {
            Ok::<_, ImportError>(Changes {
                operation: self.template("changes.operation", &changes.operation)?,
                key: self.templates("changes.key", &changes.key)?,
                put: changes.put,
                patch: changes.patch,
                remove: changes.remove,
                row: changes.row,
                patches: changes.patches,
            })
        });
        let ids = file.ids.into_iter().map(|(id, table)| {
            let native = self.template(&format!("ids.{id}.native"), &table.native)?;
            Ok((id, Id { source: table.source, native }))
        });
        let notes = file.notes.into_iter().enumerate().map(|(number, note)| {
            let at = |field: &str| format!("notes[{number}].{field}");
            Ok(Note {
                when: note.when.as_ref().map(|when| self.condition(&at("when"), when)).transpose()?,
                under: self.template(&at("under"), &note.under)?,
                value: self.template(&at("value"), &note.value)?,
            })
        });
        let lets = file.lets.into_iter().map(|(name, value)| {
            let node = self.node(&format!("let.{name}"), &value)?;
            Ok((name, node))
        });
        Ok(Mapping {
            name: self.name.to_owned(),
            text: self.text.to_owned(),
            source: self.source(file.source)?,
            record: Record {
                key: self.templates("record.key", &file.record.key)?,
                subjects: self.node("record.subjects", &file.record.subjects)?,
                keep: file.record.keep,
            },
            snapshots: file.snapshots.map(|table| self.snapshots(table)).transpose()?,
            group: file.group.map(|table| self.group(table)).transpose()?,
            changes: changes.transpose()?,
            formats: file.formats,
            lookups: file.lookup,
            ids: ids.collect::<Result<_, ImportError>>()?,
            lets: lets.collect::<Result<_, ImportError>>()?,
            notes: notes.collect::<Result<_, ImportError>>()?,
            ensures: self.rules("ensure", file.ensure)?,
            events: self.rules("events", file.events)?,
        })
    }

    fn snapshots(&self, table: SnapshotsTable) -> Result<Snapshots, ImportError> {
        let edition = table.edition.map(|edition| self.template("snapshots.edition", &edition)).transpose()?;
        Ok(Snapshots { compare: table.compare, ignore: table.ignore, edition, whole: table.whole })
    }

    fn group(&self, table: GroupTable) -> Result<Group, ImportError> {
        Ok(Group { rows: table.rows, order: self.templates("group.order", &table.order)?, ignore: table.ignore })
    }

    fn reading(&self, table: &SourceTable) -> Result<Reading, ImportError> {
        let delimiter = table.delimiter.map(|delimiter| {
            u8::try_from(delimiter).map_err(|_| self.wrong("source.delimiter", "delimiter", "wants one byte"))
        });
        let encoding = table.encoding.as_ref().map(|name| {
            let unknown = || format!("no encoding {name:?}; there are {}", encoding::NAMES);
            Encoding::of(name).ok_or_else(|| self.wrong("source.encoding", name, &unknown()))
        });
        Ok(Reading { delimiter: delimiter.transpose()?, encoding: encoding.transpose()?.unwrap_or_default() })
    }

    fn source(&self, table: SourceTable) -> Result<Source, ImportError> {
        let reading = self.reading(&table)?;
        let decimal = match table.decimal {
            None | Some('.') => Decimal::Point,
            Some(',') => Decimal::Comma,
            Some(_) => return Err(self.wrong("source.decimal", "decimal", "a decimal mark is \".\" or \",\"")),
        };
        let spelling = table.spelling.into_iter().enumerate().map(|(number, spelling)| {
            let value = self.template(&format!("source.spelling[{number}].value"), &spelling.value)?;
            Ok(Spelling { columns: spelling.columns, value })
        });
        let skip = table.skip.into_iter().enumerate().map(|(number, skip)| {
            Ok((skip.reason, self.condition(&format!("source.skip[{number}].when"), &skip.when)?))
        });
        Ok(Source {
            register: table.register,
            release: self.node("source.release", &table.release)?,
            observed_on: table.observed_on.map(|value| self.node("source.observed_on", &value)).transpose()?,
            columns: table.columns,
            optional: table.optional,
            reading,
            decimal,
            aliases: Aliases::new(table.aliases),
            spelling: spelling.collect::<Result<_, ImportError>>()?,
            squash: table.squash,
            nulls: table.nulls,
            order: self.templates("source.order", &table.order)?,
            skip: skip.collect::<Result<_, ImportError>>()?,
        })
    }

    fn rules(&self, list: &str, tables: Vec<EventTable>) -> Result<Vec<EventRule>, ImportError> {
        let rule = |(number, table): (usize, EventTable)| {
            let at = format!("{list}[{number}]");
            let key = |field: &str| format!("{at}.{field}");
            if let Some(other) = table.on.iter().find(|on| !["first", "changed", "gone"].contains(&on.as_str())) {
                return Err(self.wrong(
                    &key("on"),
                    other,
                    &format!("{other:?} is none of \"first\", \"changed\" and \"gone\""),
                ));
            }
            let each = table.each.as_ref().map(|each| self.node(&key("each"), each)).transpose()?;
            let remembers = match &table.remember {
                None => Vec::new(),
                Some(RememberTables::One(remember)) => vec![remember],
                Some(RememberTables::Several(several)) => several.iter().collect(),
            };
            let remember = remembers.into_iter().map(|remember| {
                let under = self.template(&key("remember.under"), &remember.under)?;
                Ok((under, self.template(&key("remember.value"), &remember.value)?))
            });
            Ok(EventRule {
                message: format!("probity.events.v1.{}", table.event),
                on_first: table.on.iter().any(|on| on == "first"),
                on_change: table.on.iter().any(|on| on == "changed"),
                on_gone: table.on.iter().any(|on| on == "gone"),
                when: table.when.as_ref().map(|when| self.condition(&key("when"), when)).transpose()?,
                each: each.map(|each| (each, table.name.clone().unwrap_or_else(|| ITEM.to_owned()))),
                fields: self.node(&key("fields"), &Value::Table(table.fields.clone()))?,
                remember: remember.collect::<Result<_, ImportError>>()?,
                at,
            })
        };
        tables.into_iter().enumerate().map(rule).collect()
    }

    fn node(&self, at: &str, value: &Value) -> Result<Node, ImportError> {
        Ok(match value {
            Value::String(text) => Node::Text(self.template(at, text)?),
            Value::Integer(number) => Node::Constant(json!(number)),
            Value::Boolean(truth) => Node::Constant(json!(truth)),
            Value::Array(values) => {
                let node = |(number, value)| self.node(&format!("{at}[{number}]"), value);
                Node::List(values.iter().enumerate().map(node).collect::<Result<_, _>>()?)
            }
            Value::Table(table) => self.table(at, table)?,
            Value::Float(_) => return Err(self.wrong(at, at, "a number with a point has no place here: write a text")),
            Value::Datetime(_) => return Err(self.wrong(at, at, "write the date as { year, month, day }")),
        })
    }

    fn table(&self, at: &str, table: &toml::Table) -> Result<Node, ImportError> {
        let part = |name: &str| table.get(name).map(|value| self.node(&format!("{at}.{name}"), value)).transpose();
        let word = |name: &str| table.get(name).and_then(Value::as_str).map(str::to_owned);
        let when = || table.get("when").map(|when| self.condition(&format!("{at}.when"), when)).transpose();
        let only = |allowed: &[&str]| match table.keys().find(|key| !allowed.contains(&key.as_str())) {
            Some(key) => Err(self.wrong(at, key, &format!("{key:?} has no place beside {}", allowed.join(", ")))),
            None => Ok(()),
        };
        let wants = |name: &str| self.wrong(at, name, &format!("{name:?} is missing"));
        if table.contains_key("each") {
            only(&["each", "as", "when", "number", "value"])?;
            return Ok(Node::Each(Box::new(Each {
                list: part("each")?.ok_or_else(|| wants("each"))?,
                name: word("as").unwrap_or_else(|| ITEM.to_owned()),
                when: when()?,
                number: word("number"),
                value: part("value")?.ok_or_else(|| wants("value"))?,
            })));
        }
        if let Some(condition) = when()? {
            only(&["when", "value"])?;
            return Ok(Node::When(Box::new((condition, part("value")?.ok_or_else(|| wants("value"))?))));
        }
        if let Some(choices) = part("first_of")? {
            only(&["first_of"])?;
            let Node::List(choices) = choices else { return Err(self.wrong(at, "first_of", "first_of wants a list")) };
            return Ok(Node::FirstOf(choices));
        }
        if let Some(between) = word("join") {
            only(&["join", "of"])?;
            return Ok(Node::Join(between, Box::new(part("of")?.ok_or_else(|| wants("of"))?)));
        }
        if let Some(text) = word("ordinal") {
            only(&["ordinal", "within"])?;
            let within = word("within").ok_or_else(|| wants("within"))?;
            return Ok(Node::Ordinal(Box::new((self.template(at, &text)?, self.template(at, &within)?))));
        }
        if let Some(source) = word("id") {
            only(&["id", "of"])?;
            let native = word("of").ok_or_else(|| wants("of"))?;
            return Ok(Node::Id(source, self.template(at, &native)?));
        }
        let field = |(name, value): (&String, &Value)| Ok((name.clone(), self.node(&format!("{at}.{name}"), value)?));
        Ok(Node::Object(table.iter().map(field).collect::<Result<_, ImportError>>()?))
    }

    fn condition(&self, at: &str, value: &Value) -> Result<Condition, ImportError> {
        let table = match value {
            Value::String(text) => return Ok(Condition::Given(self.template(at, text)?)),
            Value::Table(table) => table,
            _ => return Err(self.wrong(at, at, "a condition is a template or a table")),
        };
        let many = |value: &Value| {
            let values = value.as_array().ok_or_else(|| self.wrong(at, at, "wants a list of conditions"))?;
            values.iter().map(|value| self.condition(at, value)).collect::<Result<Vec<_>, _>>()
        };
        let texts = |value: &Value| match value {
            Value::String(text) => Ok(vec![text.clone()]),
            Value::Array(values) if values.iter().all(Value::is_str) => {
                Ok(values.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect())
            }
            _ => Err(self.wrong(at, at, "wants a text or a list of texts")),
        };
        let about = || {
            let text = table.get("value").and_then(Value::as_str);
            self.template(at, text.ok_or_else(|| self.wrong(at, at, "\"value\" is missing"))?)
        };
        let Some((word, argument)) = table.iter().find(|(word, _)| word.as_str() != "value") else {
            return Err(self.wrong(at, at, "the condition says nothing"));
        };
        let expected =
            if ["is", "in", "same", "before", "starts", "contains"].contains(&word.as_str()) { 2 } else { 1 };
        if table.len() != expected {
            return Err(self.wrong(
                at,
                word,
                &format!("a condition says one thing; nest them in all or any: {word:?}"),
            ));
        }
        Ok(match word.as_str() {
            "is" | "in" => Condition::In(about()?, texts(argument)?),
            "same" => Condition::Same(about()?, self.template(at, &texts(argument)?.remove(0))?),
            "before" => Condition::Before(about()?, self.template(at, &texts(argument)?.remove(0))?),
            "starts" => Condition::Starts(about()?, texts(argument)?),
            "contains" => Condition::Contains(about()?, texts(argument)?.remove(0)),
            "not" => Condition::Not(Box::new(self.condition(at, argument)?)),
            "all" => Condition::All(many(argument)?),
            "any" => Condition::Any(many(argument)?),
            "changed" => Condition::Changed(texts(argument)?),
            "changed_besides" => Condition::ChangedBesides(texts(argument)?),
            "remembered" => Condition::Remembered(self.template(at, &texts(argument)?.remove(0))?),
            _ => {
                let known =
                    "is, in, same, before, starts, contains, not, all, any, changed, changed_besides, remembered";
                return Err(self.wrong(at, word, &format!("no condition {word:?}; there are {known}")));
            }
        })
    }

    fn templates(&self, at: &str, texts: &[String]) -> Result<Vec<Template>, ImportError> {
        texts.iter().enumerate().map(|(number, text)| self.template(&format!("{at}[{number}]"), text)).collect()
    }

    fn template(&self, at: &str, text: &str) -> Result<Template, ImportError> {
        Template::parse(text).map_err(|what| self.wrong(at, text, &what))
    }

    fn wrong(&self, at: &str, needle: &str, what: &str) -> ImportError {
        let line = line_of(self.text, at, needle);
        ImportError::Mapping { file: self.name.to_owned(), line, key: at.to_owned(), what: what.to_owned() }
    }
}

const ITEM: &str = "item";
