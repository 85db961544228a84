//! What the operator says about exports on a schedule, and what of it can be kept.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;
use serde::Serialize;
use thiserror::Error;

use crate::delivery::destination;
use crate::delivery::profiles::Profiles;
use crate::delivery::profiles::ProfilesError;
use crate::delivery::schedule::Schedule;
use crate::export;
use crate::export::Format;
use crate::export::Profile;

/// One `[[export]]` of the file of settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportSetting {
    /// What its exports have in common: their folder at the destination.
    pub name: String,
    /// When it is due: minute, hour, day of the month, month, day of the week.
    pub cron: String,
    /// Of the expression, as in `Europe/Berlin`.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// What is written, for whom. There is no default: who may see what is to be said.
    pub profile: String,
    /// How tables are written: `jsonl`, `csv`, `parquet`.
    #[serde(default = "jsonl")]
    pub format: Vec<String>,
    /// All, or what changed since the one before.
    #[serde(default)]
    pub kind: Kind,
    /// Where to, as a URL: `file:///srv/exports`.
    pub destination: String,
    /// Whether the entries go along.
    #[serde(default)]
    pub entries: bool,
    /// What happens to due times that passed while the service was down.
    #[serde(default)]
    pub missed: Missed,
}

fn utc() -> String {
    "UTC".to_owned()
}

fn jsonl() -> Vec<String> {
    vec![Format::Jsonl.name().to_owned()]
}

/// How much is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Everything, each time.
    #[default]
    Full,
    /// What changed since the export before; everything the first time, and when the profile is another.
    Incremental,
}

/// Due times that passed while the service was down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// Each has its export, true as of that time. What every due time has, whoever reads the exports can rely on.
    #[default]
    Each,
    /// The last of them alone.
    Last,
}

/// A setting of an export that cannot be kept.
#[derive(Debug, Error)]
pub enum SettingError {
    /// The profiles cannot be had.
    #[error("profiles: {0}")]
    Profiles(#[from] ProfilesError),
    /// A key of one export.
    #[error("setting export {number} ({name}): {what}")]
    Export {
        /// From 1, in the order of the file.
        number: usize,
        /// Its name.
        name: String,
        /// The key, and what is wrong with it.
        what: String,
    },
}

/// An export that can be kept.
#[derive(Clone, Debug)]
pub struct Planned {
    pub(crate) name: String,
    pub(crate) schedule: Schedule,
    pub(crate) profile: Profile,
    pub(crate) formats: BTreeSet<Format>,
    pub(crate) kind: Kind,
    pub(crate) destination: String,
    pub(crate) entries: bool,
    pub(crate) missed: Missed,
}

/// Reads the profiles, and whether every export can be kept.
///
/// # Errors
///
/// The first setting at fault.
pub fn plan(settings: &[ExportSetting], profiles: Option<&Path>) -> Result<(Vec<Planned>, Profiles), SettingError> {
    let profiles = profiles.map_or_else(|| Ok(Profiles::shipped()), Profiles::with_folder)?;
    let mut planned: Vec<Planned> = Vec::new();
    for (place, setting) in settings.iter().enumerate() {
        let refused = |what: String| SettingError::Export { number: place + 1, name: setting.name.clone(), what };
        let one = one(setting, &profiles).map_err(refused)?;
        if planned.iter().any(|other| other.name == one.name) {
            return Err(refused("name: another export has it".to_owned()));
        }
        planned.push(one);
    }
    Ok((planned, profiles))
}

fn one(setting: &ExportSetting, profiles: &Profiles) -> Result<Planned, String> {
    if !export::is_name(&setting.name) {
        return Err(format!("name: {}", export::NAME_RULE));
    }
    let profile = profiles.get(&setting.profile).map_err(|error| format!("profile: {error}"))?.clone();
    if setting.entries && !profile.entries() {
        return Err(format!("entries: they hold more than profile {} lets through", profile.name()));
    }
    if setting.kind == Kind::Incremental && profile.chooses_rows() {
        return Err(format!(
            "kind: profile {} chooses rows by their state, so that only a full export shows which are gone",
            profile.name()
        ));
    }
    let known = || Format::ALL.map(Format::name).join(", ");
    let format = |name: &String| Format::parse(name).ok_or_else(|| format!("format: {name} is none of {}", known()));
    let formats = setting.format.iter().map(format).collect::<Result<BTreeSet<_>, _>>()?;
    if formats.is_empty() {
        return Err(format!("format: name at least one of {}", known()));
    }
    destination::check(&setting.destination).map_err(|error| format!("destination: {error}"))?;
    Ok(Planned {
        name: setting.name.clone(),
        schedule: Schedule::parse(&setting.cron, &setting.time_zone)?,
        profile,
        formats,
        kind: setting.kind,
        destination: setting.destination.clone(),
        entries: setting.entries,
        missed: setting.missed,
    })
}

#[cfg(test)]
mod tests;
