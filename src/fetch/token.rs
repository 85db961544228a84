//! The token of an auditor, in a file of his.

use std::fs;
use std::io;
use std::path::Path;

/// Reads the token that a file holds, without the newline at its end.
///
/// # Errors
///
/// It cannot be read, or holds nothing that can be sent.
pub fn read_token(file: &Path) -> io::Result<String> {
    let text = fs::read_to_string(file)?;
    let token = text.trim_end_matches(['\r', '\n']);
    if token.is_empty() || token.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it holds no token"));
    }
    Ok(token.to_owned())
}
