//! From the bytes of an input to text. A byte that stands for no character refuses its row: nothing is ever guessed, and
//! no character is ever put in the place of another.

#[cfg(test)]
mod tests;

use crate::import::error::Refusal;

/// How the texts of an input are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// `utf-8`
    #[default]
    Utf8,
    /// `latin-1`, ISO 8859-1: one byte a character. The control characters from 0x80 to 0x9f stand in no text of a
    /// register; where they are, the file is something else, mostly windows-1252.
    Latin1,
    /// `windows-1252`: as Latin-1, with letters and signs in the place of most of those control characters.
    Windows1252,
}

impl Encoding {
    /// The encoding of a name.
    pub fn of(name: &str) -> Option<Self> {
        Some(match name {
            "utf-8" => Self::Utf8,
            "latin-1" => Self::Latin1,
            "windows-1252" => Self::Windows1252,
            _ => return None,
        })
    }

    /// The text of some bytes.
    ///
    /// # Errors
    ///
    /// `NOT_UTF8`, `NOT_LATIN1`, `NOT_WINDOWS1252`, with the place of the first byte at fault.
    pub fn text(self, bytes: &[u8]) -> Result<String, Refusal> {
        let upper: fn(u8) -> Option<char> = match self {
            Self::Utf8 => {
                let text = std::str::from_utf8(bytes).map_err(|error| {
                    Refusal::new("NOT_UTF8", format!("not UTF-8 after {} bytes", error.valid_up_to()))
                })?;
                return Ok(text.to_owned());
            }
            Self::Latin1 => |_| None,
            Self::Windows1252 => |byte| WINDOWS_1252[usize::from(byte - 0x80)],
        };
        let character = |(place, byte): (usize, &u8)| {
            let found = if (0x80..0xa0).contains(byte) { upper(*byte) } else { Some(char::from(*byte)) };
            found.ok_or_else(|| self.refused(place, *byte))
        };
        bytes.iter().enumerate().map(character).collect()
    }

    fn refused(self, place: usize, byte: u8) -> Refusal {
        let what = format!("byte {byte:#04x} after {place} bytes is no character");
        match self {
            Self::Latin1 => Refusal::new("NOT_LATIN1", format!("{what} of a text in Latin-1; is it windows-1252?")),
            Self::Utf8 | Self::Windows1252 => Refusal::new("NOT_WINDOWS1252", format!("{what} of windows-1252")),
        }
    }
}

/// The names of the encodings.
pub const NAMES: &str = "utf-8, latin-1, windows-1252";

/// What stands from 0x80 to 0x9f, after the table of unicode.org (MAPPINGS/VENDORS/MICSFT/WINDOWS/CP1252.TXT).
const WINDOWS_1252: [Option<char>; 32] = [
    Some('\u{20ac}'),
    None,
    Some('\u{201a}'),
    Some('\u{0192}'),
    Some('\u{201e}'),
    Some('\u{2026}'),
    Some('\u{2020}'),
    Some('\u{2021}'),
    Some('\u{02c6}'),
    Some('\u{2030}'),
    Some('\u{0160}'),
    Some('\u{2039}'),
    Some('\u{0152}'),
    None,
    Some('\u{017d}'),
    None,
    None,
    Some('\u{2018}'),
    Some('\u{2019}'),
    Some('\u{201c}'),
    Some('\u{201d}'),
    Some('\u{2022}'),
    Some('\u{2013}'),
    Some('\u{2014}'),
    Some('\u{02dc}'),
    Some('\u{2122}'),
    Some('\u{0161}'),
    Some('\u{203a}'),
    Some('\u{0153}'),
    None,
    Some('\u{017e}'),
    Some('\u{0178}'),
];
