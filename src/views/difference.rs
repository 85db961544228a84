//! What two declarations have not in common: by class of assets, item by item. Amounts are compared exactly, brackets
//! as brackets; a bracket is never turned into a number.

mod amount;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::events::Code;
use crate::events::DeclarationItem;
use crate::events::Section;
use crate::proto::v1::ClassChange;
use crate::proto::v1::Declaration;
use crate::proto::v1::ItemChange;
use crate::proto::v1::ItemChangeKind;
use crate::proto::v1::MissingContent;
use crate::proto::v1::personal_part::Content;

/// A class as a key: vocabulary and code.
type Class = (String, String);

/// A section with its items; `None` where they cannot be read.
type Stated<'a> = (Section, Option<Vec<&'a DeclarationItem>>);

/// A declaration as it stood with one of its versions.
#[derive(Clone, Debug, Default)]
pub struct Standing<'a> {
    /// The version, from 1.
    pub version: u32,
    name: String,
    classes: BTreeMap<Class, Stated<'a>>,
    /// Contents that are wanted and cannot be read.
    pub missing: Vec<MissingContent>,
}

/// A declaration, whose contents were opened, as it stood with a version; 0: the last. `None`: it has no such version.
pub fn standing(declaration: &Declaration, version: u32) -> Option<Standing<'_>> {
    let last = declaration.versions.last()?.version;
    let wanted = if version == 0 { last } else { version };
    if wanted > last {
        return None;
    }
    let mut standing = Standing { version: wanted, name: declaration.name.clone(), ..Standing::default() };
    for version in declaration.versions.iter().filter(|version| version.version <= wanted) {
        let items = match version.content.as_ref().and_then(|part| part.content.as_ref()) {
            Some(Content::Declaration(content)) => Some(&content.items),
            Some(Content::Identity(_) | Content::Narrative(_)) | None => None,
        };
        for section in &version.sections {
            let class = class(section.asset_class.as_ref());
            let own = |item: &&DeclarationItem| self::class(item.asset_class.as_ref()) == class;
            let items = match (section.none_declared, items) {
                (true, _) => Some(Vec::new()),
                (false, items) => items.map(|items| items.iter().filter(own).collect()),
            };
            standing.classes.insert(class, (section.clone(), items));
        }
        // What an erased version brought is not known, and every class may be of it.
        let unread = version.content.is_some() && items.is_none();
        let erased = version.source.as_ref().is_some_and(|source| source.erased_by.is_some());
        if unread || erased {
            let part = version.content.clone();
            let key_not_held = part.as_ref().is_some_and(|part| part.erased_by.is_none()) && !erased;
            standing.missing.push(MissingContent {
                declaration: declaration.name.clone(),
                version: version.version,
                content: part,
                key_not_held,
            });
        }
    }
    Some(standing)
}

/// What is not the same, by class in the order of vocabularies and codes. Classes in which nothing changed are named,
/// too, with how many items are the same.
pub fn difference(before: &Standing<'_>, after: &Standing<'_>) -> Vec<ClassChange> {
    let same_declaration = before.name == after.name;
    let classes: BTreeSet<&Class> = before.classes.keys().chain(after.classes.keys()).collect();
    classes.into_iter().map(|class| of_class(class, before, after, same_declaration)).collect()
}

fn of_class(class: &Class, before: &Standing<'_>, after: &Standing<'_>, same_declaration: bool) -> ClassChange {
    let (old, new) = (before.classes.get(class), after.classes.get(class));
    let mut change = ClassChange {
        asset_class: Some(Code { scheme: class.0.clone(), code: class.1.clone() }),
        before: old.map(|(section, _)| section.clone()),
        after: new.map(|(section, _)| section.clone()),
        ..ClassChange::default()
    };
    let (Some(old), Some(new)) = (items_of(old), items_of(new)) else {
        change.not_compared = true;
        return change;
    };
    for (before, after) in matched(old, new, same_declaration) {
        match (before, after) {
            (Some(before), Some(after)) if same(before, after) => change.equal_items += 1,
            (before, after) => change.items.push(item_change(before, after)),
        }
    }
    change
}

fn items_of<'a>(stated: Option<&Stated<'a>>) -> Option<Vec<&'a DeclarationItem>> {
    stated.map_or_else(|| Some(Vec::new()), |(_, items)| items.clone())
}

fn item_change(before: Option<&DeclarationItem>, after: Option<&DeclarationItem>) -> ItemChange {
    let kind = match (before, after) {
        (Some(_), Some(_)) => ItemChangeKind::Changed,
        (None, _) => ItemChangeKind::Added,
        (Some(_), None) => ItemChangeKind::Gone,
    };
    let mut change =
        ItemChange { kind: kind.into(), before: before.cloned(), after: after.cloned(), ..ItemChange::default() };
    if let (Some(before), Some(after)) = (before, after) {
        change.set_value(amount::compare(before.value.as_ref(), after.value.as_ref()));
        change.set_income(amount::compare(before.income.as_ref(), after.income.as_ref()));
    }
    change
}

/// Whether an item may be another.
type Way<'a> = dyn Fn(&DeclarationItem, &DeclarationItem) -> bool + 'a;

type Pair<'a> = (Option<&'a DeclarationItem>, Option<&'a DeclarationItem>);

/// Which item is which: the same description and type; of two versions of one declaration then the same number. Of
/// several alike, those that are the same in everything first, then in the order of their numbers.
fn matched<'a>(old: Vec<&'a DeclarationItem>, new: Vec<&'a DeclarationItem>, same_declaration: bool) -> Vec<Pair<'a>> {
    let mut left: Vec<Option<&DeclarationItem>> = old.into_iter().map(Some).collect();
    let mut pairs: Vec<Pair<'a>> = new.into_iter().map(|item| (None, Some(item))).collect();
    let alike = |a: &DeclarationItem, b: &DeclarationItem| a.description == b.description && a.item_type == b.item_type;
    let numbered = |a: &DeclarationItem, b: &DeclarationItem| same_declaration && a.item_number == b.item_number;
    let ways: [&Way<'_>; 3] = [&same, &alike, &numbered];
    for way in ways {
        for (before, after) in pairs.iter_mut().filter(|(before, _)| before.is_none()) {
            let Some(after) = after else { continue };
            if let Some(place) = left.iter_mut().find(|one| one.is_some_and(|one| way(one, after))) {
                *before = place.take();
            }
        }
    }
    pairs.extend(left.into_iter().flatten().map(|item| (Some(item), None)));
    pairs
}

/// The same in everything but its number, which is that of its place.
fn same(a: &DeclarationItem, b: &DeclarationItem) -> bool {
    *a == DeclarationItem { item_number: a.item_number, ..b.clone() }
}

fn class(code: Option<&Code>) -> Class {
    code.map(|code| (code.scheme.clone(), code.code.clone())).unwrap_or_default()
}
