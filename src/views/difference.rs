//! What two declarations have not in common: by class of assets, item by item. Amounts are compared exactly, brackets
//! as brackets; a bracket is never turned into a number.

mod amount;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::events::Code;
use crate::events::DeclarationContent;
use crate::events::DeclarationItem;
use crate::events::Section;
use crate::proto::v1::ClassChange;
use crate::proto::v1::Declaration;
use crate::proto::v1::ItemChange;
use crate::proto::v1::ItemChangeKind;
use crate::proto::v1::MissingContent;
use crate::proto::v1::PersonalPart;
use crate::proto::v1::personal_part::Content;

/// A class as a key: vocabulary and code.
type Class = (String, String);

/// An item, and the part that it is in.
#[derive(Clone, Copy, Debug)]
struct Item<'a> {
    item: &'a DeclarationItem,
    part: &'a PersonalPart,
}

/// A section with its items; `None` where they cannot be read.
type Stated<'a> = (Section, Option<Vec<Item<'a>>>);

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
        let items = version.content.as_ref().and_then(items_in);
        for section in &version.sections {
            let class = class(section.asset_class.as_ref());
            let own = |one: &Item<'_>| self::class(one.item.asset_class.as_ref()) == class;
            let items = match (section.none_declared, &items) {
                (true, _) => Some(Vec::new()),
                (false, items) => items.as_ref().map(|items| items.iter().copied().filter(own).collect()),
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

/// The items of a content that was opened.
fn items_in(part: &PersonalPart) -> Option<Vec<Item<'_>>> {
    match &part.content {
        Some(Content::Declaration(content)) => Some(content.items.iter().map(|item| Item { item, part }).collect()),
        Some(Content::Identity(_) | Content::Narrative(_)) | None => None,
    }
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
    for (before, after) in matched(&old, new, same_declaration) {
        match (before, after) {
            (Some(before), Some(after)) if same(before.item, after.item) => change.equal_items += 1,
            (before, after) => change.items.push(item_change(before, after)),
        }
    }
    change
}

fn items_of<'a>(stated: Option<&Stated<'a>>) -> Option<Vec<Item<'a>>> {
    stated.map_or_else(|| Some(Vec::new()), |(_, items)| items.clone())
}

fn item_change(before: Option<Item<'_>>, after: Option<Item<'_>>) -> ItemChange {
    let kind = match (before, after) {
        (Some(_), Some(_)) => ItemChangeKind::Changed,
        (None, _) => ItemChangeKind::Added,
        (Some(_), None) => ItemChangeKind::Gone,
    };
    let mut change =
        ItemChange { kind: kind.into(), before: before.map(alone), after: after.map(alone), ..ItemChange::default() };
    if let (Some(before), Some(after)) = (before, after) {
        change.set_value(amount::compare(before.item.value.as_ref(), after.item.value.as_ref()));
        change.set_income(amount::compare(before.item.income.as_ref(), after.item.income.as_ref()));
    }
    change
}

/// The part that an item is in, with nothing else of its content.
fn alone(one: Item<'_>) -> PersonalPart {
    let content = DeclarationContent { items: vec![one.item.clone()] };
    let PersonalPart { position, part, personal_class, erased_by, content: _, sealed_by_client } = one.part;
    PersonalPart {
        position: *position,
        part: *part,
        personal_class: *personal_class,
        erased_by: *erased_by,
        content: Some(Content::Declaration(content)),
        sealed_by_client: *sealed_by_client,
    }
}

/// Whether an item may be another.
type Way<'a> = dyn Fn(&DeclarationItem, &DeclarationItem) -> bool + 'a;

type Pair<'a> = (Option<Item<'a>>, Option<Item<'a>>);

/// Which item is which: the same description and type; of two versions of one declaration then the same number. Of
/// several alike, those that are the same in everything first, then in the order of their numbers.
fn matched<'a>(old: &[Item<'a>], new: Vec<Item<'a>>, same_declaration: bool) -> Vec<Pair<'a>> {
    let mut left: Vec<Option<Item<'a>>> = old.iter().copied().map(Some).collect();
    let mut pairs: Vec<Pair<'a>> = new.into_iter().map(|item| (None, Some(item))).collect();
    let alike = |a: &DeclarationItem, b: &DeclarationItem| a.description == b.description && a.item_type == b.item_type;
    let numbered = |a: &DeclarationItem, b: &DeclarationItem| same_declaration && a.item_number == b.item_number;
    let ways: [&Way<'_>; 3] = [&same, &alike, &numbered];
    for way in ways {
        for (before, after) in pairs.iter_mut().filter(|(before, _)| before.is_none()) {
            let Some(after) = after else { continue };
            if let Some(place) = left.iter_mut().find(|one| one.is_some_and(|one| way(one.item, after.item))) {
                *before = place.take();
            }
        }
    }
    pairs.extend(left.into_iter().flatten().map(|item| (Some(item), None)));
    pairs
}

/// The same in everything but its number, which is that of its place.
fn same(a: &DeclarationItem, b: &DeclarationItem) -> bool {
    let DeclarationItem { item_number: _, asset_class, holder, description, item_type, value, income, held, fields } =
        a;
    (asset_class, holder, description, item_type) == (&b.asset_class, &b.holder, &b.description, &b.item_type)
        && (value, income, held, fields) == (&b.value, &b.income, &b.held, &b.fields)
}

fn class(code: Option<&Code>) -> Class {
    code.map(|code| (code.scheme.clone(), code.code.clone())).unwrap_or_default()
}
