//! One request: whether it may be, what it does to the export, and how errors are told.

use bytes::Bytes;

use super::export::Export;
use super::negotiate::Chosen;
use super::wire::{Command, Errno, REQUEST_BYTES_MAX, RUNS_MAX, Request, flag};
use crate::error::{Error, ErrorKind, Result};

/// The length of the first piece of a range that an export is asked about, in bytes; each further one
/// is twice as long. So a client that wants only the first run does not make us look at all of them.
const STATUS_BYTES_FIRST: u64 = 1 << 20;

/// Flags of a run in `base:allocation`: nothing is stored there, and it reads as zeros.
const HOLE_AND_ZERO: u32 = 3;
/// Flag of a run in `firedrill:dirty`.
const DIRTY: u32 = 1;

/// A request that is done.
pub(super) struct Answer {
    pub(super) request: Request,
    pub(super) result: Result<Payload>,
}

/// What goes back.
pub(super) enum Payload {
    None,
    Data(Bytes),
    /// Runs with their flags, of each context that was agreed on.
    Status {
        allocation: Option<Vec<(u32, u32)>>,
        dirty: Option<Vec<(u32, u32)>>,
    },
}

/// Why a request is not even begun.
pub(super) fn refuse(chosen: &Chosen, request: &Request) -> Option<Errno> {
    let writes = match request.command {
        Command::Write | Command::WriteZeroes | Command::Trim => true,
        Command::Unknown => return Some(Errno::Invalid),
        _ => false,
    };
    let flags = match request.command {
        Command::WriteZeroes => flag::NO_HOLE,
        Command::Read if chosen.structured => flag::DF,
        Command::BlockStatus => flag::REQ_ONE,
        _ => 0,
    };
    // FUA may stand at any command; where nothing is written it asks for nothing.
    if request.flags & !(flags | flag::FUA) != 0 {
        return Some(Errno::Invalid);
    }
    if writes && chosen.export.is_read_only() {
        return Some(Errno::Perm);
    }
    if request.command == Command::Flush {
        return None;
    }
    let end = request.offset.checked_add(u64::from(request.length));
    if end.is_none_or(|end| end > chosen.export.size()) {
        let grows = matches!(request.command, Command::Write | Command::WriteZeroes);
        return Some(if grows {
            Errno::NoSpace
        } else {
            Errno::Invalid
        });
    }
    let has_contexts = chosen.structured && (chosen.allocation || chosen.dirty);
    let is_wrong = match request.command {
        Command::Read => request.length == 0 || request.length > REQUEST_BYTES_MAX,
        Command::BlockStatus => request.length == 0 || !has_contexts,
        _ => false,
    };
    is_wrong.then_some(Errno::Invalid)
}

/// Does what is asked.
pub(super) async fn perform(chosen: &Chosen, request: &Request, data: Bytes) -> Result<Payload> {
    let (export, offset, length) = (&chosen.export, request.offset, request.length);
    let fua = request.has(flag::FUA);
    match request.command {
        Command::Read => {
            let data = export.read(offset, length).await?;
            if data.len() != length as usize {
                let what = format!(
                    "{} bytes were read where {length} were asked for",
                    data.len()
                );
                return Err(Error::internal(what));
            }
            return Ok(Payload::Data(data));
        }
        Command::Write => export.write(offset, data, fua).await?,
        Command::WriteZeroes => {
            let punch = !request.has(flag::NO_HOLE);
            export.zero(offset, u64::from(length), punch, fua).await?;
        }
        Command::Trim => export.trim(offset, u64::from(length), fua).await?,
        Command::Flush => export.flush().await?,
        Command::BlockStatus => return status(chosen, request).await,
        Command::Disconnect | Command::Unknown => {}
    }
    Ok(Payload::None)
}

async fn status(chosen: &Chosen, request: &Request) -> Result<Payload> {
    let (mut allocation, mut dirty) = (None, None);
    if chosen.allocation {
        allocation = Some(first_runs(&*chosen.export, request, Context::Allocation).await?);
    }
    if chosen.dirty {
        dirty = Some(first_runs(&*chosen.export, request, Context::Dirty).await?);
    }
    Ok(Payload::Status { allocation, dirty })
}

#[derive(Clone, Copy)]
enum Context {
    Allocation,
    Dirty,
}

impl Context {
    /// The range's runs, each with its length and flags.
    async fn runs(self, export: &dyn Export, at: u64, length: u64) -> Result<Vec<(u64, u32)>> {
        let flags = |is_set, flags| if is_set { flags } else { 0 };
        Ok(match self {
            Self::Allocation => {
                let runs = export.allocation(at, length).await?.into_iter();
                runs.map(|run| (run.length, flags(run.hole, HOLE_AND_ZERO)))
                    .collect()
            }
            Self::Dirty => {
                let runs = export.dirty(at, length).await?.unwrap_or_default();
                let runs = runs.into_iter();
                runs.map(|run| (run.length, flags(run.dirty, DIRTY)))
                    .collect()
            }
        })
    }
}

/// The first runs of the range, neighbours that are alike joined: one if only one is wanted.
async fn first_runs(
    export: &dyn Export,
    request: &Request,
    context: Context,
) -> Result<Vec<(u32, u32)>> {
    let only_one = request.has(flag::REQ_ONE);
    let most = if only_one { 1 } else { RUNS_MAX };
    let mut runs: Vec<(u32, u32)> = Vec::new();
    let (mut at, mut piece) = (request.offset, STATUS_BYTES_FIRST);
    let end = request.offset + u64::from(request.length);
    while at < end && runs.len() <= most {
        let length = piece.min(end - at);
        let found = context.runs(export, at, length).await?;
        if found.iter().map(|(length, _)| *length).sum::<u64>() != length {
            let what = format!("the runs of {length} bytes at {at} have another length");
            return Err(Error::internal(what));
        }
        for (length, flags) in found {
            match runs.last_mut() {
                Some(last) if last.1 == flags => last.0 += length as u32,
                _ => runs.push((length as u32, flags)),
            }
        }
        at += length;
        piece *= 2;
    }
    runs.truncate(most);
    Ok(runs)
}

/// What a client is told of an error.
pub(super) fn errno(error: &Error) -> Errno {
    match error.kind() {
        _ if error.is_full() => Errno::NoSpace,
        ErrorKind::Invalid => Errno::Invalid,
        ErrorKind::Denied => Errno::Perm,
        ErrorKind::Unsupported => Errno::NotSupported,
        _ => Errno::Io,
    }
}
