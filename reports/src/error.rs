//! What can go wrong with a report: it names the file and the next step.

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A price book that is wrong.
    #[error("price book {file}: {message}\nevery key is described in scenarios/prices/README.md")]
    Book {
        /// The file.
        file: String,
        /// What is wrong, with the line, and what would be right.
        message: String,
    },
    /// A file of objectives that is wrong.
    #[error(
        "objectives {file}: {message}\nwrite rto and rpo for all instances, and an [instance.\"NAME\"] \
         with its own where one needs others"
    )]
    Objectives {
        /// The file.
        file: String,
        /// What is wrong.
        message: String,
    },
    /// A redundancy that the book does not price.
    #[error(
        "price book {file} has no price '{id}'; it has {has}: add a [[price]] with that id{or}"
    )]
    Unpriced {
        /// The file.
        file: String,
        /// The price asked for.
        id: String,
        /// The ids of that family that it has.
        has: String,
        /// What else could be done.
        or: &'static str,
    },
    /// A file that can't be written.
    #[error("failed to write {path} (make room, or choose another folder with --out)")]
    Write {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A fault of this crate in making a file's content.
    #[error("failed to make {file}: {message}; this is a fault of firedrill, please report it")]
    Make {
        /// The file that was being made.
        file: &'static str,
        /// What the maker said.
        message: String,
    },
}
