//! Two forgers at work on copies of the ledger: one who changes a byte, and one who knows the format and rewrites
//! everything from an entry on, so that each entry follows from the one before it again.

use std::path::Path;

use bytes::Bytes;
use prost::Message as _;

use crate::cli::demo::stage::Head;
use crate::cli::demo::story::DECISION_NUMBER;
use crate::cli::demo::teller::Surprise;
use crate::events::DecisionIssued;
use crate::log::Body;
use crate::log::Checked;
use crate::log::Entry;
use crate::log::LeafHash;
use crate::log::Open;
use crate::log::open_commitment;
use crate::log::payload_commitment;
use crate::service::LogEntries;
use crate::store;
use crate::store::LogStore;
use crate::store::OpenOptions;
use crate::verify::Report;
use crate::verify::Wanted;
use crate::verify::verify;

/// Every entry of a data folder that no service uses.
pub(super) fn entries_of(data: &Path) -> Result<Vec<Bytes>, Surprise> {
    let store = store::open(data, &options())?;
    let mut entries = Vec::new();
    while (entries.len() as u64) < store.size() {
        let read = store.read(entries.len() as u64, usize::MAX)?;
        entries.extend(read.into_iter().map(|(_, bytes)| bytes));
    }
    store.close()?;
    Ok(entries)
}

/// The same entries, with one bit of one byte changed: the last digit of the decision's number.
pub(super) fn with_a_byte_changed(entries: &[Bytes], decision: u64) -> Result<Vec<Bytes>, Surprise> {
    let mut forged = entries.to_vec();
    let entry = at(&mut forged, decision)?;
    let mut bytes = entry.to_vec();
    let number = DECISION_NUMBER.as_bytes();
    let place = bytes.windows(number.len()).position(|window| window == number);
    let place = place.ok_or_else(|| Surprise(format!("entry {decision} does not hold {DECISION_NUMBER}")))?;
    bytes[place + number.len() - 1] ^= 1;
    *entry = bytes.into();
    Ok(forged)
}

/// The same entries, the decision with one sanction less, and every hash and link from it on made anew.
pub(super) fn rewritten(entries: &[Bytes], decision: u64) -> Result<Vec<Bytes>, Surprise> {
    let mut forged = Vec::with_capacity(entries.len());
    let mut previous = LeafHash::NONE;
    for (bytes, index) in entries.iter().zip(0..) {
        let mut checked = Entry::check(bytes)?;
        if index == decision {
            drop_a_sanction(&mut checked)?;
        }
        checked.leaf.previous = previous;
        checked.entry.leaf = checked.leaf.encode().into();
        previous = LeafHash::of(&checked.entry.leaf);
        forged.push(checked.entry.encode().into());
    }
    Ok(forged)
}

fn drop_a_sanction(checked: &mut Checked) -> Result<(), Surprise> {
    let unlike = || Surprise("the entry of the decision is not one".to_owned());
    let Checked { entry, leaf, manifest, .. } = checked;
    let (Some(open), Some(manifest), Body::Event(body)) = (&entry.open, manifest, &mut leaf.body) else {
        return Err(unlike());
    };
    let mut issued = DecisionIssued::decode(open.payload.clone())?;
    issued.items.pop().ok_or_else(unlike)?;
    let payload: Bytes = issued.encode_to_vec().into();
    manifest.open_len = u32::try_from(payload.len())?;
    manifest.open = open_commitment(&open.salt, &payload);
    let salt = open.salt;
    entry.open = Some(Open { salt, payload });
    entry.manifest = manifest.encode().into();
    body.payload = payload_commitment(&entry.manifest);
    Ok(())
}

/// Puts entries into a folder of their own, with a guard of its own, and verifies what lies there.
pub(super) fn plant(folder: &Path, entries: &[Bytes]) -> Result<Planted, Surprise> {
    let store = store::create(folder, &options())?;
    store.append(entries)?;
    Ok(Planted { store })
}

/// A forged ledger.
#[derive(Debug)]
pub(super) struct Planted {
    store: store::SledStore,
}

impl Planted {
    /// What a verifier says of it.
    pub(super) fn verify(&self, head: Option<Head>) -> Report {
        verify(&LogEntries(&self.store), &Wanted { head, ..Wanted::default() }, |_, _| ())
    }
}

fn at(entries: &mut [Bytes], index: u64) -> Result<&mut Bytes, Surprise> {
    let place = usize::try_from(index)?;
    entries.get_mut(place).ok_or_else(|| Surprise(format!("the log has no entry {index}")))
}

fn options() -> OpenOptions {
    OpenOptions { reserve_bytes: 0, cache_bytes: 8 << 20, ..OpenOptions::default() }
}
