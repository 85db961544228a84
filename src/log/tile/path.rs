//! The one spelling of a tile's path.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::log::tile::TILE_WIDTH;
use crate::log::tile::Tile;
use crate::log::tile::TileKind;

/// What is wrong with the path of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TilePathError {
    /// It is no `tile/<L>/<N>` or `tile/entries/<N>`.
    #[error("not tile/<level>/<number> or tile/entries/<number>")]
    Shape,
    /// The level is no number from 0 to 63 in its shortest spelling.
    #[error("not a level from 0 to 63")]
    Level,
    /// The number is not in groups of three digits, all but the last after an `x`, as few as possible, and below 2^64.
    #[error("not a number in groups of three digits")]
    Number,
    /// The width of a partial tile is no number from 1 to 255 in its shortest spelling.
    #[error("not a width from 1 to 255")]
    Width,
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Hashes(level) => write!(f, "tile/{level}/")?,
            TileKind::Entries => f.write_str("tile/entries/")?,
        }
        let mut above = 1;
        while self.number / above >= 1000 {
            above *= 1000;
        }
        while above > 1 {
            write!(f, "x{:03}/", self.number / above % 1000)?;
            above /= 1000;
        }
        write!(f, "{:03}", self.number % 1000)?;
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

/// Reads a path as [`Tile`] writes it, and no other spelling of it.
impl FromStr for Tile {
    type Err = TilePathError;

    fn from_str(path: &str) -> Result<Self, TilePathError> {
        let rest = path.strip_prefix("tile/").ok_or(TilePathError::Shape)?;
        let (kind, rest) = rest.split_once('/').ok_or(TilePathError::Shape)?;
        let kind = match kind {
            "entries" => TileKind::Entries,
            level => TileKind::Hashes(shortest(level, 63).ok_or(TilePathError::Level)?),
        };
        let (number, width) = match rest.split_once(".p/") {
            None => (rest, TILE_WIDTH),
            Some((number, width)) => {
                let width = shortest(width, 255).filter(|width| *width > 0).ok_or(TilePathError::Width)?;
                (number, u16::from(width))
            }
        };
        Ok(Self { kind, number: parse_number(number).ok_or(TilePathError::Number)?, width })
    }
}

/// A number of at most `max` without leading zeros.
fn shortest(text: &str, max: u8) -> Option<u8> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let leading = text.len() > 1 && text.starts_with('0');
    (digits && !leading).then(|| text.parse().ok()).flatten().filter(|number| *number <= max)
}

fn parse_number(text: &str) -> Option<u64> {
    let mut number: u64 = 0;
    let mut groups = text.split('/').peekable();
    let mut first = true;
    while let Some(group) = groups.next() {
        let digits = if groups.peek().is_some() { group.strip_prefix('x')? } else { group };
        if digits.len() != 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        // A first group of zeros before others would be a longer spelling of the same number.
        if first && groups.peek().is_some() && digits == "000" {
            return None;
        }
        first = false;
        number = number.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
    }
    Some(number)
}
