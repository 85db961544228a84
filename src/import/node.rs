//! Values of a mapping: templates, and tables and lists of them, with loops and conditions. What comes out is JSON in
//! the proto mapping.
//!
//! Nothing is nothing all the way up: a list without elements is null, and so is a table all of whose fields that are
//! not constants are null. So a code without its value, or a bracket without bounds, is left out and not half said.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::import::error::Refusal;
use crate::import::filter;
use crate::import::scope::Scope;
use crate::import::template::Template;

/// A value of a mapping.
#[derive(Clone, Debug)]
pub enum Node {
    /// A text with holes.
    Text(Template),
    /// A number or truth value.
    Constant(Value),
    /// `[…]` – the elements that are not null; a loop among them gives all of its own.
    List(Vec<Self>),
    /// `{ … }` – a message.
    Object(Vec<(String, Self)>),
    /// `{ each = list, as = name, when = …, number = field, value = … }`
    Each(Box<Each>),
    /// `{ when = …, value = … }`
    When(Box<(Condition, Self)>),
    /// `{ first_of = […] }` – the first that is not null.
    FirstOf(Vec<Self>),
    /// `{ id = source, of = template }` – the id of what a system calls so; null where that is empty.
    Id(String, Template),
    /// `{ join = text, of = [ … ] }` – the texts of a list, with this between them.
    Join(String, Box<Self>),
    /// `{ ordinal = template, within = template }` – the place, from 1, of the first text among all that were ever asked
    /// for within the second, in the order in which they first were; null where either is empty.
    Ordinal(Box<(Template, Template)>),
}

/// A loop over a list.
#[derive(Clone, Debug)]
pub struct Each {
    /// The list.
    pub list: Node,
    /// What an element is called: `item` unless `as` says otherwise.
    pub name: String,
    /// Which elements.
    pub when: Option<Condition>,
    /// The field that gets the number of each result, from 1.
    pub number: Option<String>,
    /// What each gives.
    pub value: Node,
}

/// A yes or no about a row.
#[derive(Clone, Debug)]
pub enum Condition {
    /// A template that gives something, and not `false`.
    Given(Template),
    /// `{ value = …, in = […] }` or `is = …`
    In(Template, Vec<String>),
    /// `{ value = …, same = … }` – both give the same text, or both nothing.
    Same(Template, Template),
    /// `{ value = …, before = … }` – the first sorts before the second, and neither is nothing: for dates in ISO 8601.
    Before(Template, Template),
    /// `{ value = …, starts = [ … ] }`
    Starts(Template, Vec<String>),
    /// `{ value = …, contains = … }`
    Contains(Template, String),
    /// `{ not = … }`
    Not(Box<Self>),
    /// `{ all = […] }`
    All(Vec<Self>),
    /// `{ any = […] }`
    Any(Vec<Self>),
    /// `{ changed = [columns] }` – one of them is not what it was, or the row is new.
    Changed(Vec<String>),
    /// `{ changed_besides = [columns] }` – another than these is not what it was, or the row is new.
    ChangedBesides(Vec<String>),
    /// `{ remembered = … }`
    Remembered(Template),
}

impl Node {
    /// Its value for a row.
    ///
    /// # Errors
    ///
    /// Why the row is refused.
    pub fn value(&self, scope: &Scope<'_>) -> Result<Value, Refusal> {
        match self {
            Self::Text(template) => template.value(scope),
            Self::Constant(value) => Ok(value.clone()),
            Self::List(nodes) => {
                let mut elements = Vec::new();
                for node in nodes {
                    match (node, node.value(scope)?) {
                        (_, Value::Null) => {}
                        (Self::Each(_), Value::Array(inner)) => elements.extend(inner),
                        (_, value) => elements.push(value),
                    }
                }
                Ok(list(elements))
            }
            Self::Object(fields) => object(fields, scope),
            Self::Each(each) => each.value(scope),
            Self::When(branch) => {
                if branch.0.holds(scope)? {
                    branch.1.value(scope)
                } else {
                    Ok(Value::Null)
                }
            }
            Self::FirstOf(nodes) => {
                for node in nodes {
                    let value = node.value(scope)?;
                    if filter::text_of(&value).is_some() {
                        return Ok(value);
                    }
                }
                Ok(Value::Null)
            }
            Self::Id(source, native) => Ok(scope.id(source, &native.text(scope)?)),
            Self::Join(between, node) => {
                let value = node.value(scope)?;
                let texts: Vec<String> = value.as_array().into_iter().flatten().filter_map(filter::text_of).collect();
                Ok(if texts.is_empty() { Value::Null } else { json!(texts.join(between)) })
            }
            Self::Ordinal(places) => Ok(scope.ordinal(&places.0.text(scope)?, &places.1.text(scope)?)),
        }
    }

    /// Whether it is the same for every row.
    fn is_constant(&self) -> bool {
        match self {
            Self::Text(template) => template.is_constant(),
            Self::Constant(_) => true,
            Self::Object(fields) => fields.iter().all(|(_, node)| node.is_constant()),
            Self::List(nodes) => nodes.iter().all(Self::is_constant),
            _ => false,
        }
    }

    /// Every template and condition in it, in the order of writing.
    pub fn visit<'n>(&'n self, templates: &mut Vec<&'n Template>, changed: &mut Vec<&'n str>) {
        match self {
            Self::Text(template) | Self::Id(_, template) => templates.push(template),
            Self::Ordinal(places) => templates.extend([&places.0, &places.1]),
            Self::Constant(_) => {}
            Self::List(nodes) | Self::FirstOf(nodes) => nodes.iter().for_each(|node| node.visit(templates, changed)),
            Self::Object(fields) => fields.iter().for_each(|(_, node)| node.visit(templates, changed)),
            Self::Join(_, node) => node.visit(templates, changed),
            Self::When(branch) => {
                branch.0.visit(templates, changed);
                branch.1.visit(templates, changed);
            }
            Self::Each(each) => {
                each.list.visit(templates, changed);
                if let Some(when) = &each.when {
                    when.visit(templates, changed);
                }
                each.value.visit(templates, changed);
            }
        }
    }

    /// The names of the loops in it.
    pub fn loop_names<'n>(&'n self, names: &mut Vec<&'n str>) {
        match self {
            Self::Text(_) | Self::Constant(_) | Self::Id(..) | Self::Ordinal(_) => {}
            Self::List(nodes) | Self::FirstOf(nodes) => nodes.iter().for_each(|node| node.loop_names(names)),
            Self::Object(fields) => fields.iter().for_each(|(_, node)| node.loop_names(names)),
            Self::Join(_, node) => node.loop_names(names),
            Self::When(branch) => branch.1.loop_names(names),
            Self::Each(each) => {
                names.push(&each.name);
                each.list.loop_names(names);
                each.value.loop_names(names);
            }
        }
    }
}

impl Each {
    /// The elements that the loop runs over.
    ///
    /// # Errors
    ///
    /// Why the row is refused.
    pub fn elements(list: &Node, scope: &Scope<'_>) -> Result<Vec<Value>, Refusal> {
        Ok(match list.value(scope)? {
            Value::Null => Vec::new(),
            Value::Array(elements) => elements,
            single => vec![single],
        })
    }

    fn value(&self, scope: &Scope<'_>) -> Result<Value, Refusal> {
        let mut results = Vec::new();
        for element in Self::elements(&self.list, scope)? {
            let result = scope.with(&self.name, element, || match &self.when {
                Some(when) if !when.holds(scope)? => Ok(Value::Null),
                _ => self.value.value(scope),
            })?;
            match (&self.value, result) {
                (_, Value::Null) => {}
                (Node::Each(_), Value::Array(inner)) => results.extend(inner),
                (_, value) => results.push(value),
            }
        }
        if let Some(field) = &self.number {
            for (number, result) in results.iter_mut().enumerate() {
                if let Value::Object(fields) = result {
                    fields.insert(field.clone(), json!(number + 1));
                }
            }
        }
        Ok(list(results))
    }
}

impl Condition {
    /// Whether it holds for a row.
    ///
    /// # Errors
    ///
    /// Why the row is refused.
    pub fn holds(&self, scope: &Scope<'_>) -> Result<bool, Refusal> {
        Ok(match self {
            Self::Given(template) => {
                let value = template.value(scope)?;
                value != Value::Bool(false) && filter::text_of(&value).is_some()
            }
            Self::In(template, texts) => texts.contains(&template.text(scope)?),
            Self::Same(one, other) => one.text(scope)? == other.text(scope)?,
            Self::Before(one, other) => {
                let one = one.text(scope)?;
                !one.is_empty() && one < other.text(scope)?
            }
            Self::Starts(template, starts) => {
                let text = template.text(scope)?;
                starts.iter().any(|start| text.starts_with(start.as_str()))
            }
            Self::Contains(template, part) => template.text(scope)?.contains(part.as_str()),
            Self::Not(condition) => !condition.holds(scope)?,
            Self::All(conditions) => {
                for condition in conditions {
                    if !condition.holds(scope)? {
                        return Ok(false);
                    }
                }
                true
            }
            Self::Any(conditions) => {
                for condition in conditions {
                    if condition.holds(scope)? {
                        return Ok(true);
                    }
                }
                false
            }
            Self::Changed(columns) => scope.has_changed(columns),
            Self::ChangedBesides(columns) => scope.has_changed_besides(columns),
            Self::Remembered(template) => scope.remembers(&template.text(scope)?),
        })
    }

    /// Every template in it, and the columns that it compares.
    pub fn visit<'n>(&'n self, templates: &mut Vec<&'n Template>, changed: &mut Vec<&'n str>) {
        match self {
            Self::Given(template)
            | Self::In(template, _)
            | Self::Starts(template, _)
            | Self::Contains(template, _)
            | Self::Remembered(template) => templates.push(template),
            Self::Same(one, other) | Self::Before(one, other) => templates.extend([one, other]),
            Self::Not(condition) => condition.visit(templates, changed),
            Self::All(conditions) | Self::Any(conditions) => {
                for condition in conditions {
                    condition.visit(templates, changed);
                }
            }
            Self::Changed(columns) | Self::ChangedBesides(columns) => {
                changed.extend(columns.iter().map(String::as_str));
            }
        }
    }
}

fn object(fields: &[(String, Node)], scope: &Scope<'_>) -> Result<Value, Refusal> {
    let mut object = Map::with_capacity(fields.len());
    let (mut filled, mut open) = (false, false);
    for (name, node) in fields {
        let value = node.value(scope).map_err(|refusal| refusal.within(name))?;
        if !node.is_constant() {
            open = true;
            filled |= !value.is_null();
        }
        if !value.is_null() {
            object.insert(name.clone(), value);
        }
    }
    Ok(if object.is_empty() || (open && !filled) { Value::Null } else { Value::Object(object) })
}

fn list(elements: Vec<Value>) -> Value {
    if elements.is_empty() { Value::Null } else { Value::Array(elements) }
}
