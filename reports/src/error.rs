//! What can go wrong with a report: it names the file and the next step.

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A price book that does not parse.
    #[error("price book {name}: {message}")]
    Book {
        /// The file.
        name: String,
        /// What is wrong, with the line, and what would be right.
        message: String,
    },
    /// A redundancy that the book does not price.
    #[error(
        "price book {book} has no price '{id}'; it has {has}: add the price or choose another redundancy"
    )]
    Unpriced {
        /// The book's name.
        book: String,
        /// The price asked for.
        id: String,
        /// The ids that it has.
        has: String,
    },
    /// A file that can't be written.
    #[error("failed to write {path}: {message}; choose another folder with --out")]
    Write {
        /// The file.
        path: String,
        /// Why.
        message: String,
    },
    /// A fault in drawing or rendering.
    #[error("failed to draw the report: {0}")]
    Draw(String),
}
