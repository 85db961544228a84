//! Whether everything that a mapping names is there.

use std::collections::BTreeSet;

use prost_reflect::Kind;
use prost_reflect::MessageDescriptor;

use crate::events::EventType;
use crate::events::POOL;
use crate::import::error::ImportError;
use crate::import::filter::Filter;
use crate::import::mapping::EventRule;
use crate::import::mapping::Mapping;
use crate::import::mapping::Note;
use crate::import::node::Node;
use crate::import::template::From;
use crate::import::template::Template;

/// Checks a mapping; the error names the first thing at fault.
pub(super) fn check(mapping: &Mapping) -> Result<(), ImportError> {
    let checker = Checker { mapping };
    if mapping.record.key.is_empty() {
        return Err(checker.wrong("record.key", "key", "a row needs a key".to_owned()));
    }
    if !mapping.source.order.is_empty() && mapping.snapshots.is_some() {
        return Err(checker.wrong("source.order", "order", "snapshots come in the order of their files".to_owned()));
    }
    checker.combined()?;
    for (number, spelling) in mapping.source.spelling.iter().enumerate() {
        checker.template(&format!("source.spelling[{number}].value"), &spelling.value, &["cell"])?;
    }
    for (at, template) in mapping.templates() {
        checker.template(&at, template, &[])?;
    }
    for (at, node) in mapping.nodes() {
        checker.node(&at, node, &[])?;
    }
    for (number, (_, when)) in mapping.source.skip.iter().enumerate() {
        let (mut templates, mut changed) = (Vec::new(), Vec::new());
        when.visit(&mut templates, &mut changed);
        checker.all(&format!("source.skip[{number}].when"), &templates, &changed, &[])?;
    }
    if let Some(snapshots) = &mapping.snapshots {
        for column in &snapshots.compare {
            match column.strip_prefix('$') {
                Some(name) => checker.named("snapshots.compare", name, column, &[])?,
                None => checker.column("snapshots.compare", column, column)?,
            }
        }
        for column in &snapshots.ignore {
            checker.column("snapshots.ignore", column, column)?;
        }
    }
    for (number, note) in mapping.notes.iter().enumerate() {
        checker.note(number, note)?;
    }
    for rule in mapping.ensures.iter().chain(&mapping.events) {
        checker.rule(rule)?;
    }
    for name in mapping.lets.keys().chain(mapping.ids.keys()) {
        checker.acyclic(name, &mut Vec::new())?;
    }
    Ok(())
}

impl Mapping {
    /// Templates that stand by themselves, and where.
    fn templates(&self) -> Vec<(String, &Template)> {
        let mut templates = Vec::new();
        templates.extend(self.source.order.iter().map(|template| ("source.order".to_owned(), template)));
        if let Some(group) = &self.group {
            templates.extend(group.order.iter().map(|template| ("group.order".to_owned(), template)));
        }
        if let Some(edition) = self.snapshots.as_ref().and_then(|snapshots| snapshots.edition.as_ref()) {
            templates.push(("snapshots.edition".to_owned(), edition));
        }
        templates.extend(self.record.key.iter().map(|template| ("record.key".to_owned(), template)));
        if let Some(changes) = &self.changes {
            templates.push(("changes.operation".to_owned(), &changes.operation));
            templates.extend(changes.key.iter().map(|template| ("changes.key".to_owned(), template)));
        }
        templates.extend(self.ids.iter().map(|(name, id)| (format!("ids.{name}.native"), &id.native)));
        templates
    }

    /// Nodes that stand by themselves, and where.
    fn nodes(&self) -> Vec<(String, &Node)> {
        let mut nodes = vec![("source.release".to_owned(), &self.source.release)];
        nodes.push(("record.subjects".to_owned(), &self.record.subjects));
        nodes.extend(self.source.observed_on.iter().map(|node| ("source.observed_on".to_owned(), node)));
        nodes.extend(self.lets.iter().map(|(name, node)| (format!("let.{name}"), node)));
        nodes
    }
}

struct Checker<'a> {
    mapping: &'a Mapping,
}

impl Checker<'_> {
    /// What cannot stand together.
    fn combined(&self) -> Result<(), ImportError> {
        let mapping = self.mapping;
        if mapping.group.is_none() {
            return Ok(());
        }
        let beside = [(mapping.changes.is_some(), "[changes]"), (!mapping.source.order.is_empty(), "source.order")];
        match beside.iter().find(|(there, _)| *there) {
            None => Ok(()),
            Some((_, other)) => Err(self.wrong("group", "group", format!("has no place beside {other}"))),
        }
    }

    fn note(&self, number: usize, note: &Note) -> Result<(), ImportError> {
        if let Some(when) = &note.when {
            let (mut templates, mut changed) = (Vec::new(), Vec::new());
            when.visit(&mut templates, &mut changed);
            self.all(&format!("notes[{number}].when"), &templates, &changed, &[])?;
        }
        self.template(&format!("notes[{number}].under"), &note.under, &[])?;
        self.template(&format!("notes[{number}].value"), &note.value, &[])
    }

    fn rule(&self, rule: &EventRule) -> Result<(), ImportError> {
        let message = POOL.get_message_by_name(&rule.message);
        let short = rule.message.rsplit('.').next().unwrap_or_default();
        let message = message.filter(|_| EventType::of_message(&rule.message).is_some()).ok_or_else(|| {
            let known: Vec<&str> =
                EventType::ALL.iter().map(|event| event.message().rsplit('.').next().unwrap_or_default()).collect();
            let at = format!("{}.event", rule.at);
            self.wrong(&at, &format!("\"{short}\""), format!("no event {short:?}; there are {}", known.join(", ")))
        })?;
        let mut locals = Vec::new();
        if let Some((list, name)) = &rule.each {
            self.node(&format!("{}.each", rule.at), list, &[])?;
            locals.push(name.as_str());
        }
        if let Some(when) = &rule.when {
            let (mut templates, mut changed) = (Vec::new(), Vec::new());
            when.visit(&mut templates, &mut changed);
            self.all(&format!("{}.when", rule.at), &templates, &changed, &locals)?;
        }
        for (under, value) in &rule.remember {
            self.template(&format!("{}.remember.under", rule.at), under, &locals)?;
            self.template(&format!("{}.remember.value", rule.at), value, &locals)?;
        }
        let at = format!("{}.fields", rule.at);
        self.node(&at, &rule.fields, &locals)?;
        self.message(&at, &rule.fields, &message)
    }

    /// Names and enum values of a message exist.
    fn message(&self, at: &str, node: &Node, message: &MessageDescriptor) -> Result<(), ImportError> {
        match node {
            Node::Object(fields) => {
                for (name, value) in fields {
                    let field = message.get_field_by_name(name).ok_or_else(|| {
                        let known: Vec<String> = message.fields().map(|field| field.name().to_owned()).collect();
                        let what = format!("{} has no field {name:?}; it has {}", message.name(), known.join(", "));
                        self.wrong(&format!("{at}.{name}"), name, what)
                    })?;
                    self.value(&format!("{at}.{name}"), value, &field.kind())?;
                }
                Ok(())
            }
            _ => self.value(at, node, &Kind::Message(message.clone())),
        }
    }

    fn value(&self, at: &str, node: &Node, kind: &Kind) -> Result<(), ImportError> {
        match (node, kind) {
            (Node::Object(_), Kind::Message(message)) => self.message(at, node, message),
            (Node::Object(_), _) => Err(self.wrong(at, at, "the field holds no message".to_owned())),
            (Node::List(nodes) | Node::FirstOf(nodes), _) => {
                nodes.iter().try_for_each(|node| self.value(at, node, kind))
            }
            (Node::When(branch), _) => self.value(at, &branch.1, kind),
            (Node::Each(each), _) => self.value(at, &each.value, kind),
            (Node::Text(template), Kind::Enum(values)) => match template.constant() {
                Some(text) if values.get_value_by_name(text).is_none() => {
                    let known: Vec<String> = values.values().map(|value| value.name().to_owned()).collect();
                    Err(self.wrong(at, text, format!("no value {text:?}; there are {}", known.join(", "))))
                }
                _ => Ok(()),
            },
            (Node::Text(template), Kind::Message(message)) if template.constant().is_some() => {
                let what = format!("a text where a {} belongs", message.name());
                Err(self.wrong(at, &template.written, what))
            }
            (Node::Text(_) | Node::Constant(_) | Node::Id(..) | Node::Join(..) | Node::Ordinal(_), _) => Ok(()),
        }
    }

    fn node(&self, at: &str, node: &Node, locals: &[&str]) -> Result<(), ImportError> {
        let (mut templates, mut changed, mut names) = (Vec::new(), Vec::new(), locals.to_vec());
        node.visit(&mut templates, &mut changed);
        node.loop_names(&mut names);
        self.all(at, &templates, &changed, &names)
    }

    fn all(&self, at: &str, templates: &[&Template], changed: &[&str], locals: &[&str]) -> Result<(), ImportError> {
        changed.iter().try_for_each(|column| self.column(at, column, column))?;
        templates.iter().try_for_each(|template| self.template(at, template, locals))
    }

    fn template(&self, at: &str, template: &Template, locals: &[&str]) -> Result<(), ImportError> {
        for hole in template.holes() {
            match &hole.from {
                From::Column(column) => self.column(at, column, &template.written)?,
                From::Name { name, .. } => self.named(at, name, &template.written, locals)?,
            }
            for filter in &hole.filters {
                let missing = match filter {
                    Filter::Date(name) | Filter::TryDate(name) => {
                        self.mapping.formats(name).is_empty().then(|| format!("no formats.{name}"))
                    }
                    Filter::Lookup(name) => {
                        (!self.mapping.lookups.contains_key(name)).then(|| format!("no table lookup.{name}"))
                    }
                    _ => None,
                };
                if let Some(what) = missing {
                    return Err(self.wrong(at, &template.written, what));
                }
            }
        }
        Ok(())
    }

    fn named(&self, at: &str, name: &str, needle: &str, locals: &[&str]) -> Result<(), ImportError> {
        let known = locals.contains(&name)
            || TOLD.contains(&name)
            || self.mapping.lets.contains_key(name)
            || self.mapping.ids.contains_key(name);
        if known {
            return Ok(());
        }
        Err(self.wrong(at, needle, format!("no id, let or loop is called {name:?}")))
    }

    fn column(&self, at: &str, column: &str, needle: &str) -> Result<(), ImportError> {
        let source = &self.mapping.source;
        let known: Vec<&str> = source.columns.iter().chain(&source.optional).map(String::as_str).collect();
        let first = column.split('.').next().unwrap_or_default();
        let rows = self.mapping.group.as_ref().map(|group| group.rows.as_str());
        if known.contains(&column) || known.contains(&first) || rows == Some(first) {
            return Ok(());
        }
        let what = format!("column {column:?} is not among source.columns and source.optional: {}", known.join(", "));
        Err(self.wrong(at, needle, what))
    }

    /// No value of `let` and no id needs itself.
    fn acyclic<'n>(&'n self, name: &'n str, above: &mut Vec<&'n str>) -> Result<(), ImportError> {
        if above.contains(&name) {
            let what = format!("needs itself: {} → {name}", above.join(" → "));
            let table = if self.mapping.lets.contains_key(name) { "let" } else { "ids" };
            return Err(self.wrong(&format!("{table}.{name}"), name, what));
        }
        above.push(name);
        let (mut templates, mut changed) = (Vec::new(), Vec::new());
        if let Some(node) = self.mapping.lets.get(name) {
            node.visit(&mut templates, &mut changed);
        } else if let Some(id) = self.mapping.ids.get(name) {
            templates.push(&id.native);
        }
        let needs: BTreeSet<&str> = templates
            .iter()
            .flat_map(|template| template.holes())
            .filter_map(|hole| match &hole.from {
                From::Name { name, .. } => Some(name.as_str()),
                From::Column(_) => None,
            })
            .collect();
        for need in needs {
            self.acyclic(need, above)?;
        }
        above.pop();
        Ok(())
    }

    fn wrong(&self, at: &str, needle: &str, what: String) -> ImportError {
        let line = self.mapping.line_of(at, needle);
        ImportError::Mapping { file: self.mapping.name.clone(), line, key: at.to_owned(), what }
    }
}

/// Names that every row has.
const TOLD: [&str; 6] = ["file", "folder", "line", "row", "others", "was"];
