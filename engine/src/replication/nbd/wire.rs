//! What goes over the line: numbers, and how requests, options and replies are read and written. Pure:
//! bytes in, values out. The protocol is the NBD project's `doc/proto.md`, all of it big-endian.

use bytes::{Buf, BufMut, Bytes};

/// What the server says first.
pub(super) const GREETING: u64 = 0x4e42_444d_4147_4943;
/// What says that options follow, and what each of them starts with.
pub(super) const OPTION: u64 = 0x4948_4156_454f_5054;
/// What each reply to an option starts with.
pub(super) const OPTION_REPLY: u64 = 0x0003_e889_0455_65a9;
const REQUEST: u32 = 0x2560_9513;
const SIMPLE_REPLY: u32 = 0x6744_6698;
const CHUNK: u32 = 0x668e_33ef;

/// Handshake flag of both sides: options that are not known get an answer.
pub(super) const FIXED_NEWSTYLE: u16 = 1;
/// Handshake flag of both sides: no 124 zeros after `EXPORT_NAME`.
pub(super) const NO_ZEROES: u16 = 2;

/// The options that are served.
pub(super) mod option {
    pub(crate) const EXPORT_NAME: u32 = 1;
    pub(crate) const ABORT: u32 = 2;
    pub(crate) const LIST: u32 = 3;
    pub(crate) const STARTTLS: u32 = 5;
    pub(crate) const INFO: u32 = 6;
    pub(crate) const GO: u32 = 7;
    pub(crate) const STRUCTURED_REPLY: u32 = 8;
    pub(crate) const LIST_META_CONTEXT: u32 = 9;
    pub(crate) const SET_META_CONTEXT: u32 = 10;
}

/// The kinds of replies to an option.
pub(super) mod reply {
    pub(crate) const ACK: u32 = 1;
    pub(crate) const SERVER: u32 = 2;
    pub(crate) const INFO: u32 = 3;
    pub(crate) const META_CONTEXT: u32 = 4;
    pub(crate) const ERR_UNSUP: u32 = (1 << 31) + 1;
    pub(crate) const ERR_INVALID: u32 = (1 << 31) + 3;
    pub(crate) const ERR_TLS_REQD: u32 = (1 << 31) + 5;
    pub(crate) const ERR_UNKNOWN: u32 = (1 << 31) + 6;
    pub(crate) const ERR_TOO_BIG: u32 = (1 << 31) + 9;
}

/// The kinds of information on an export.
pub(super) mod info {
    pub(crate) const EXPORT: u16 = 0;
    pub(crate) const NAME: u16 = 1;
    pub(crate) const DESCRIPTION: u16 = 2;
    pub(crate) const BLOCK_SIZE: u16 = 3;
}

/// What an export can do.
pub(super) mod can {
    pub(crate) const HAS_FLAGS: u16 = 1;
    pub(crate) const READ_ONLY: u16 = 1 << 1;
    pub(crate) const FLUSH: u16 = 1 << 2;
    pub(crate) const FUA: u16 = 1 << 3;
    pub(crate) const TRIM: u16 = 1 << 5;
    pub(crate) const WRITE_ZEROES: u16 = 1 << 6;
    pub(crate) const DF: u16 = 1 << 7;
    pub(crate) const MULTI_CONN: u16 = 1 << 8;
}

/// Flags of a request.
pub(super) mod flag {
    pub(crate) const FUA: u16 = 1;
    pub(crate) const NO_HOLE: u16 = 1 << 1;
    pub(crate) const DF: u16 = 1 << 2;
    pub(crate) const REQ_ONE: u16 = 1 << 3;
}

/// Errors of a request, as numbers of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Errno {
    Perm = 1,
    Io = 5,
    Invalid = 22,
    NoSpace = 28,
    NotSupported = 95,
    Shutdown = 108,
}

/// The longest option's data, in bytes. A list of contexts with long names stays far below it.
pub(super) const OPTION_BYTES_MAX: usize = 64 << 10;
/// The longest name, in bytes: the protocol's limit for strings.
pub(super) const NAME_BYTES_MAX: usize = 4096;
/// The longest read or write, in bytes: what every client of the field takes for granted.
pub(super) const REQUEST_BYTES_MAX: u32 = 32 << 20;
/// The smallest block that a client may ask for, in bytes.
pub(super) const BLOCK_BYTES_MIN: u32 = 1;
/// The block that is served best, in bytes: a page.
pub(super) const BLOCK_BYTES_PREFERRED: u32 = 4096;
/// How many bytes of a request come before its data.
pub(super) const REQUEST_HEADER_BYTES: usize = 28;
/// The most runs that one answer tells; the client asks on from where they end. With eight bytes each
/// an answer stays half a megabyte.
pub(super) const RUNS_MAX: usize = 64 << 10;

/// The commands that are served. There is no cache to fill and no size to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Read,
    Write,
    Disconnect,
    Flush,
    Trim,
    WriteZeroes,
    BlockStatus,
    Unknown,
}

/// A request without its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) flags: u16,
    pub(super) command: Command,
    pub(super) cookie: u64,
    pub(super) offset: u64,
    pub(super) length: u32,
}

impl Request {
    /// Reads a header; nothing when it does not start as one must.
    pub(super) fn parse(header: &[u8; REQUEST_HEADER_BYTES]) -> Option<Self> {
        let mut bytes = &header[..];
        if bytes.get_u32() != REQUEST {
            return None;
        }
        let flags = bytes.get_u16();
        let command = match bytes.get_u16() {
            0 => Command::Read,
            1 => Command::Write,
            2 => Command::Disconnect,
            3 => Command::Flush,
            4 => Command::Trim,
            6 => Command::WriteZeroes,
            7 => Command::BlockStatus,
            _ => Command::Unknown,
        };
        Some(Self {
            flags,
            command,
            cookie: bytes.get_u64(),
            offset: bytes.get_u64(),
            length: bytes.get_u32(),
        })
    }

    /// How many bytes of data follow the header.
    pub(super) fn data_bytes(&self) -> usize {
        if self.command == Command::Write {
            self.length as usize
        } else {
            0
        }
    }

    /// How many bytes it holds in memory till it is answered.
    pub(super) fn held_bytes(&self) -> usize {
        match self.command {
            Command::Read | Command::Write => self.length as usize,
            _ => 0,
        }
    }

    pub(super) fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }
}

/// A reply without data.
pub(super) fn simple_reply(out: &mut impl BufMut, cookie: u64, error: u32) {
    out.put_u32(SIMPLE_REPLY);
    out.put_u32(error);
    out.put_u64(cookie);
}

const CHUNK_DONE: u16 = 1;
const CHUNK_DATA: u16 = 1;
const CHUNK_STATUS: u16 = 5;
const CHUNK_ERROR: u16 = (1 << 15) + 1;

fn chunk(out: &mut impl BufMut, kind: u16, cookie: u64, length: usize) {
    out.put_u32(CHUNK);
    out.put_u16(CHUNK_DONE);
    out.put_u16(kind);
    out.put_u64(cookie);
    out.put_u32(length as u32);
}

/// What stands before `length` bytes that were read at `offset`, the whole answer.
pub(super) fn data_chunk(out: &mut impl BufMut, cookie: u64, offset: u64, length: usize) {
    chunk(out, CHUNK_DATA, cookie, 8 + length);
    out.put_u64(offset);
}

/// An error as the whole answer to a request that is answered in chunks.
pub(super) fn error_chunk(out: &mut impl BufMut, cookie: u64, error: Errno) {
    chunk(out, CHUNK_ERROR, cookie, 6);
    out.put_u32(error as u32);
    out.put_u16(0);
}

/// One context's runs: how long, and its flags. `last` ends the answer.
pub(super) fn status_chunk(
    out: &mut impl BufMut,
    cookie: u64,
    context: u32,
    runs: &[(u32, u32)],
    last: bool,
) {
    out.put_u32(CHUNK);
    out.put_u16(if last { CHUNK_DONE } else { 0 });
    out.put_u16(CHUNK_STATUS);
    out.put_u64(cookie);
    out.put_u32((4 + 8 * runs.len()) as u32);
    out.put_u32(context);
    for (length, flags) in runs {
        out.put_u32(*length);
        out.put_u32(*flags);
    }
}

/// A reply to an option.
pub(super) fn option_reply(out: &mut impl BufMut, option: u32, kind: u32, data: &[u8]) {
    out.put_u64(OPTION_REPLY);
    out.put_u32(option);
    out.put_u32(kind);
    out.put_u32(data.len() as u32);
    out.put_slice(data);
}

/// What `INFO` and `GO` ask: an export's name, and which information is wanted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InfoQuery {
    pub(super) name: String,
    pub(super) wanted: Vec<u16>,
}

impl InfoQuery {
    pub(super) fn parse(mut data: Bytes) -> Option<Self> {
        let name = string(&mut data)?;
        let count = data.try_get_u16().ok()?;
        if data.len() != usize::from(count) * 2 {
            return None;
        }
        let wanted = std::iter::from_fn(|| data.try_get_u16().ok()).collect();
        Some(Self { name, wanted })
    }
}

/// What `LIST_META_CONTEXT` and `SET_META_CONTEXT` ask: an export's name, and contexts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ContextQuery {
    pub(super) name: String,
    pub(super) queries: Vec<String>,
}

impl ContextQuery {
    pub(super) fn parse(mut data: Bytes) -> Option<Self> {
        let name = string(&mut data)?;
        let count = data.try_get_u32().ok()?;
        let mut queries = Vec::new();
        for _ in 0..count {
            queries.push(string(&mut data)?);
        }
        data.is_empty().then_some(Self { name, queries })
    }
}

/// A string after its length.
fn string(data: &mut Bytes) -> Option<String> {
    let length = data.try_get_u32().ok()? as usize;
    if length > NAME_BYTES_MAX || length > data.len() {
        return None;
    }
    String::from_utf8(data.split_to(length).to_vec()).ok()
}
