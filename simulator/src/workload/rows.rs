//! The rows of a recorded block trace, one at a time.
//!
//! The format is that of `data/traces`: CSV, gzipped or not, with the columns `time_us`, `disk`, `op` (`W` write,
//! `Z` write zeroes, `D` trim; others change nothing), `offset` and `length` in bytes.

use std::io::{self, BufRead, BufReader, Read};

use engine::error::{Error, ErrorKind, Result};
use flate2::read::MultiGzDecoder;

use crate::scenario::YEAR;

/// Bytes of a line at most: five numbers need a hundred, and what is no text has no lines at all.
const LINE_BYTES_MAX: u64 = 1024;

/// The latest time of a row: a hundred years after the trace's beginning, which no recorder runs.
const AT_MICROS_MAX: u64 = 100 * YEAR;

/// What a row says was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Data was written.
    Write,
    /// Zeroes were, without any being sent.
    Zero,
    /// What lay there may be forgotten.
    Trim,
    /// Nothing was changed.
    Other,
}

/// A row of a trace.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its line in the file, from 1 on.
    pub line: u64,
    /// When, from the trace's beginning.
    pub at_micros: u64,
    /// The disk's number.
    pub disk: u64,
    /// What.
    pub op: Op,
    /// From which byte on.
    pub offset: u64,
    /// How many bytes.
    pub length: u64,
}

/// Rows of a file, read as they are asked for.
pub struct Rows {
    name: String,
    reader: Box<dyn BufRead>,
    line: u64,
    buffer: Vec<u8>,
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Rows");
        shown.field("name", &self.name).field("line", &self.line);
        shown.finish_non_exhaustive()
    }
}

impl Rows {
    /// Reads rows; `name` names the trace in errors.
    pub fn new(name: &str, reader: impl Read + 'static, gzipped: bool) -> Self {
        let reader: Box<dyn BufRead> = if gzipped {
            Box::new(BufReader::new(MultiGzDecoder::new(reader)))
        } else {
            Box::new(BufReader::new(reader))
        };
        Self {
            name: name.to_owned(),
            reader,
            line: 0,
            buffer: Vec::new(),
        }
    }

    /// The next row, or `None` at the end.
    ///
    /// # Errors
    /// `Invalid` with the line for what is no trace; as the file's own otherwise.
    pub fn next_row(&mut self) -> Result<Option<Row>> {
        loop {
            self.buffer.clear();
            self.line += 1;
            let mut limited = (&mut self.reader).take(LINE_BYTES_MAX);
            let read = limited.read_until(b'\n', &mut self.buffer);
            let read = read.map_err(|error| self.unread(error))?;
            if read == 0 {
                return Ok(None);
            }
            if read as u64 == LINE_BYTES_MAX && self.buffer.last() != Some(&b'\n') {
                return Err(self.wrong(self.line, "it is longer than a row can be"));
            }
            let text = std::str::from_utf8(&self.buffer);
            let text = text.map_err(|_| self.wrong(self.line, "it is no text"))?;
            let text = text.trim_end_matches(['\n', '\r']);
            if text.is_empty() || self.line == 1 && text.starts_with("time_us") {
                continue;
            }
            return match parse(self.line, text) {
                Ok(row) => Ok(Some(row)),
                Err(why) => Err(self.wrong(self.line, why)),
            };
        }
    }

    /// The error that a line is wrong.
    pub fn wrong(&self, line: u64, why: &str) -> Error {
        let name = &self.name;
        let say = format!(
            "{name}: line {line}: {why}; a trace has the columns time_us,disk,op,offset,length"
        );
        Error::new(ErrorKind::Invalid, say)
    }

    fn unread(&self, error: io::Error) -> Error {
        let damaged = matches!(
            error.kind(),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof
        );
        if !damaged {
            return Error::from_io(self.name.as_str(), error);
        }
        let (name, line) = (&self.name, self.line);
        let say = format!(
            "{name}: the gzip file is damaged or cut off at line {line}: {error}; copy it anew, or give it \
             unpacked (.csv)"
        );
        Error::new(ErrorKind::Invalid, say)
    }
}

fn parse(line: u64, text: &str) -> std::result::Result<Row, &'static str> {
    let mut fields = text.split(',');
    let mut next = || fields.next().ok_or("it has not five columns");
    let (time, disk, op, offset, length) = (next()?, next()?, next()?, next()?, next()?);
    if fields.next().is_some() {
        return Err("it has not five columns");
    }
    let number = |text: &str| {
        let number = text.parse::<u64>();
        number.map_err(|_| "a column that is no number")
    };
    let at_micros = number(time)?;
    if at_micros > AT_MICROS_MAX {
        return Err("its time is later than a hundred years");
    }
    Ok(Row {
        line,
        at_micros,
        disk: number(disk)?,
        op: match op {
            "W" => Op::Write,
            "Z" => Op::Zero,
            "D" => Op::Trim,
            _ => Op::Other,
        },
        offset: number(offset)?,
        length: number(length)?,
    })
}
