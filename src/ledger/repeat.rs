//! Whether a repeated request is the recorded one: the same number of events, and for each the same type, version,
//! open payload and personal fields.

use crate::ledger::prepare::PartContent;
use crate::ledger::prepare::Prepared;
use crate::ledger::prepare::PreparedEvent;
use crate::log::Checked;
use crate::log::SealedBy;

/// How much of a repeated request could be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentChecked {
    /// All of it.
    Wholly,
    /// All but what was erased since, was sealed by the client, or has lost its key.
    Partly,
}

/// Compares a request with the recorded entries of the same request id. `open` opens a sealed part, and gives `None`
/// where nobody can. Returns `None` where the content differs.
pub fn compare(
    request: &Prepared,
    recorded: &[Checked],
    mut open: impl FnMut(&Checked, usize) -> Option<Vec<u8>>,
) -> Option<ContentChecked> {
    if request.events.len() != recorded.len() {
        return None;
    }
    let mut checked = ContentChecked::Wholly;
    for (event, recorded) in request.events.iter().zip(recorded) {
        if compare_event(event, recorded, &mut open)? == ContentChecked::Partly {
            checked = ContentChecked::Partly;
        }
    }
    Some(checked)
}

fn compare_event(
    event: &PreparedEvent,
    recorded: &Checked,
    open: &mut impl FnMut(&Checked, usize) -> Option<Vec<u8>>,
) -> Option<ContentChecked> {
    let manifest = recorded.manifest.as_ref()?;
    let event_type = event.event.event_type();
    let same_type = manifest.event_type == event_type.name() && manifest.version == event_type.version();
    if !same_type || manifest.parts.len() != event.contents.len() {
        return None;
    }
    let mut checked = ContentChecked::Wholly;
    match &recorded.entry.open {
        Some(open) if open.payload != event.open.payload => return None,
        Some(_) => {}
        None => checked = ContentChecked::Partly,
    }
    for (part, ((class, content), named)) in event.contents.iter().zip(&manifest.parts).enumerate() {
        if named.class != *class {
            return None;
        }
        // A commitment stays in the manifest, whatever becomes of the part. What the service sealed was sent in the clear.
        if let PartContent::Sealed(committed) = content
            && (named.sealed_by == SealedBy::Service || *committed != named.content)
        {
            return None;
        }
        let PartContent::Plain(content) = content else {
            checked = ContentChecked::Partly;
            continue;
        };
        let kept = named.sealed_by == SealedBy::Service && recorded.entry.parts[part].is_some();
        match kept.then(|| open(recorded, part)).flatten() {
            Some(found) if found != *content => return None,
            Some(_) => {}
            None => checked = ContentChecked::Partly,
        }
    }
    Some(checked)
}
