//! What the commands that write reports share.

use std::io::IsTerminal;
use std::path::Path;

use anyhow::Result;
use reports::PriceBook;

/// The price book in a file, or the one compiled in.
pub(crate) fn price_book(file: Option<&Path>) -> Result<PriceBook> {
    let Some(file) = file else {
        return Ok(PriceBook::default_book());
    };
    let text = std::fs::read_to_string(file)
        .map_err(|error| engine::Error::from_io(format!("price book {}", file.display()), error))?;
    Ok(PriceBook::parse(&file.display().to_string(), &text)?)
}

/// The command line as a person would type it again.
pub(crate) fn command_line() -> String {
    let plain = |word: &str| {
        !word.is_empty()
            && word
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_./,:=".contains(c))
    };
    let words = std::env::args_os().skip(1).map(|word| {
        let word = word.to_string_lossy().into_owned();
        if plain(&word) {
            word
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    });
    std::iter::once("firedrill".to_owned())
        .chain(words)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Columns that a summary may take.
pub(crate) fn terminal_width() -> usize {
    if !std::io::stdout().is_terminal() {
        return 120;
    }
    let columns = std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok());
    columns.unwrap_or(100)
}
