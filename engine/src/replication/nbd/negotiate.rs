//! The handshake: which export a connection gets, over TLS or not, and how it is answered then.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::export::{DIRTY_CONTEXT, Export, Exports};
use super::wire::{self, ContextQuery, InfoQuery, can, info, option, reply};
use crate::error::{Error, ErrorKind, Result};

/// The context of block status that the protocol itself names.
const ALLOCATION_CONTEXT: &str = "base:allocation";
/// The numbers under which this server tells of contexts.
pub(super) const ALLOCATION_ID: u32 = 1;
pub(super) const DIRTY_ID: u32 = 2;

/// How a handshake ended.
pub(super) enum Outcome {
    /// The client chose an export.
    Chosen(Chosen),
    /// The client asked for TLS and was told to go on.
    StartTls,
    /// The client left as one may.
    Left,
}

/// What a client chose.
pub(super) struct Chosen {
    pub(super) export: Arc<dyn Export>,
    pub(super) structured: bool,
    pub(super) allocation: bool,
    pub(super) dirty: bool,
}

/// What may be asked before and after TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Security {
    /// There is none: all goes in the clear.
    None,
    /// TLS must come first.
    Required,
    /// TLS is there.
    Established,
}

/// Greets, and agrees on the flags of the handshake.
pub(super) async fn greet<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> Result<bool> {
    let mut greeting = BytesMut::with_capacity(18);
    greeting.put_u64(wire::GREETING);
    greeting.put_u64(wire::OPTION);
    greeting.put_u16(wire::FIXED_NEWSTYLE | wire::NO_ZEROES);
    stream.write_all(&greeting).await.map_err(lost)?;
    stream.flush().await.map_err(lost)?;
    let flags = stream.read_u32().await.map_err(lost)?;
    let known = u32::from(wire::FIXED_NEWSTYLE | wire::NO_ZEROES);
    if flags & !known != 0 || flags & u32::from(wire::FIXED_NEWSTYLE) == 0 {
        let what = format!("the client's flags {flags:#x} are not of the fixed newstyle handshake");
        return Err(Error::new(ErrorKind::Unsupported, what));
    }
    Ok(flags & u32::from(wire::NO_ZEROES) != 0)
}

/// A connection that broke.
pub(super) fn lost(error: std::io::Error) -> Error {
    Error::from_io("the client's connection broke", error)
}

/// A client that does not keep to the protocol.
pub(super) fn foul(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, what)
}

/// One handshake under way.
pub(super) struct Negotiation<'a, S> {
    pub(super) stream: &'a mut S,
    pub(super) exports: &'a Exports,
    pub(super) security: Security,
    pub(super) no_zeroes: bool,
    structured: bool,
    /// The contexts that were set, and for which export.
    contexts: Option<Contexts>,
}

struct Contexts {
    name: String,
    allocation: bool,
    dirty: bool,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Negotiation<'a, S> {
    /// Nothing of it outlives a change to TLS: what was agreed in the clear does not count.
    pub(super) fn new(
        stream: &'a mut S,
        exports: &'a Exports,
        security: Security,
        no_zeroes: bool,
    ) -> Self {
        Self {
            stream,
            exports,
            security,
            no_zeroes,
            structured: false,
            contexts: None,
        }
    }

    /// Answers options until one ends the handshake.
    pub(super) async fn run(mut self) -> Result<Outcome> {
        loop {
            let (option, data) = self.next_option().await?;
            if let Some(outcome) = self.answer(option, data).await? {
                return Ok(outcome);
            }
        }
    }

    async fn next_option(&mut self) -> Result<(u32, Bytes)> {
        if self.stream.read_u64().await.map_err(lost)? != wire::OPTION {
            return Err(foul("the client sent something else than an option"));
        }
        let option = self.stream.read_u32().await.map_err(lost)?;
        let length = self.stream.read_u32().await.map_err(lost)? as usize;
        if length > wire::OPTION_BYTES_MAX {
            self.reply(option, reply::ERR_TOO_BIG, &[]).await?;
            let what = format!("the client sent an option of {length} bytes");
            return Err(foul(what));
        }
        let mut data = vec![0; length];
        self.stream.read_exact(&mut data).await.map_err(lost)?;
        Ok((option, data.into()))
    }

    async fn reply(&mut self, option: u32, kind: u32, data: &[u8]) -> Result<()> {
        let mut out = BytesMut::with_capacity(20 + data.len());
        wire::option_reply(&mut out, option, kind, data);
        self.send(&out).await
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).await.map_err(lost)?;
        self.stream.flush().await.map_err(lost)
    }

    async fn answer(&mut self, option: u32, data: Bytes) -> Result<Option<Outcome>> {
        match option {
            option::ABORT => {
                // Who leaves may have closed already.
                let _ = self.reply(option, reply::ACK, &[]).await.is_ok();
                return Ok(Some(Outcome::Left));
            }
            option::STARTTLS => return self.start_tls(&data).await,
            option::EXPORT_NAME if self.security == Security::Required => {
                return Err(foul("the client asked for an export without TLS"));
            }
            _ if self.security == Security::Required => {
                self.reply(option, reply::ERR_TLS_REQD, &[]).await?;
            }
            option::EXPORT_NAME => return self.export_name(&data).await.map(Some),
            option::LIST => self.list(&data).await?,
            option::INFO | option::GO => return self.info(option, data).await,
            option::STRUCTURED_REPLY if data.is_empty() => {
                self.structured = true;
                self.reply(option, reply::ACK, &[]).await?;
            }
            option::STRUCTURED_REPLY => self.reply(option, reply::ERR_INVALID, &[]).await?,
            option::LIST_META_CONTEXT | option::SET_META_CONTEXT => {
                self.contexts(option, data).await?;
            }
            _ => self.reply(option, reply::ERR_UNSUP, &[]).await?,
        }
        Ok(None)
    }

    async fn start_tls(&mut self, data: &Bytes) -> Result<Option<Outcome>> {
        let kind = match self.security {
            Security::None => reply::ERR_UNSUP,
            Security::Required if data.is_empty() => reply::ACK,
            Security::Required | Security::Established => reply::ERR_INVALID,
        };
        self.reply(option::STARTTLS, kind, &[]).await?;
        Ok((kind == reply::ACK).then_some(Outcome::StartTls))
    }

    /// The old way: no answer but the export, and no way to refuse but to hang up.
    async fn export_name(&mut self, data: &Bytes) -> Result<Outcome> {
        let name = std::str::from_utf8(data).unwrap_or("\u{fffd}");
        let Some(named) = self.exports.get(name) else {
            let what = format!("the client asked for {name:?}, which is not served");
            return Err(Error::new(ErrorKind::NotFound, what));
        };
        let export = Arc::clone(&named.export);
        let mut out = BytesMut::with_capacity(134);
        out.put_u64(export.size());
        out.put_u16(self.abilities(&*export));
        if !self.no_zeroes {
            out.put_bytes(0, 124);
        }
        self.send(&out).await?;
        let chosen = self.chosen(name, export);
        Ok(Outcome::Chosen(chosen))
    }

    fn abilities(&self, export: &dyn Export) -> u16 {
        let mut flags = can::HAS_FLAGS;
        if export.is_read_only() {
            flags |= can::READ_ONLY;
        } else {
            flags |= can::FLUSH | can::FUA | can::TRIM | can::WRITE_ZEROES;
        }
        if self.structured {
            flags |= can::DF;
        }
        if export.is_multi_conn_safe() {
            flags |= can::MULTI_CONN;
        }
        flags
    }

    /// What was agreed. Contexts that were set for another export do not count.
    fn chosen(&self, name: &str, export: Arc<dyn Export>) -> Chosen {
        let contexts = self.contexts.as_ref().filter(|set| set.name == name);
        Chosen {
            export,
            structured: self.structured,
            allocation: contexts.is_some_and(|set| set.allocation),
            dirty: contexts.is_some_and(|set| set.dirty),
        }
    }

    async fn list(&mut self, data: &Bytes) -> Result<()> {
        if !data.is_empty() {
            return self.reply(option::LIST, reply::ERR_INVALID, &[]).await;
        }
        let mut out = BytesMut::new();
        for named in self.exports.list() {
            let mut server = BytesMut::new();
            put_string(&mut server, &named.name);
            server.put_slice(named.description.as_bytes());
            wire::option_reply(&mut out, option::LIST, reply::SERVER, &server);
        }
        wire::option_reply(&mut out, option::LIST, reply::ACK, &[]);
        self.send(&out).await
    }

    async fn info(&mut self, option: u32, data: Bytes) -> Result<Option<Outcome>> {
        let Some(query) = InfoQuery::parse(data) else {
            self.reply(option, reply::ERR_INVALID, &[]).await?;
            return Ok(None);
        };
        let Some(named) = self.exports.get(&query.name) else {
            self.reply(option, reply::ERR_UNKNOWN, &[]).await?;
            return Ok(None);
        };
        let mut out = BytesMut::new();
        let mut tell = |body: &[u8]| wire::option_reply(&mut out, option, reply::INFO, body);
        tell(&self.export_info(&*named.export));
        tell(&block_size_info());
        if query.wanted.contains(&info::NAME) {
            tell(&text_info(info::NAME, &named.name));
        }
        if query.wanted.contains(&info::DESCRIPTION) {
            tell(&text_info(info::DESCRIPTION, &named.description));
        }
        wire::option_reply(&mut out, option, reply::ACK, &[]);
        let export = Arc::clone(&named.export);
        self.send(&out).await?;
        let chosen = (option == option::GO).then(|| self.chosen(&query.name, export));
        Ok(chosen.map(Outcome::Chosen))
    }

    fn export_info(&self, export: &dyn Export) -> BytesMut {
        let mut out = BytesMut::with_capacity(12);
        out.put_u16(info::EXPORT);
        out.put_u64(export.size());
        out.put_u16(self.abilities(export));
        out
    }

    async fn contexts(&mut self, option: u32, data: Bytes) -> Result<()> {
        let is_set = option == option::SET_META_CONTEXT;
        if is_set {
            self.contexts = None;
        }
        let query = ContextQuery::parse(data).filter(|_| self.structured);
        let Some(query) = query else {
            return self.reply(option, reply::ERR_INVALID, &[]).await;
        };
        let Some(named) = self.exports.get(&query.name).cloned() else {
            return self.reply(option, reply::ERR_UNKNOWN, &[]).await;
        };
        let mut out = BytesMut::new();
        let asked = |context| wants(&query.queries, context, is_set);
        let allocation = asked(ALLOCATION_CONTEXT);
        let dirty = asked(DIRTY_CONTEXT) && matches!(named.export.dirty(0, 0).await, Ok(Some(_)));
        for (is_told, id, context) in [
            (allocation, ALLOCATION_ID, ALLOCATION_CONTEXT),
            (dirty, DIRTY_ID, DIRTY_CONTEXT),
        ] {
            if is_told {
                let mut body = BytesMut::new();
                body.put_u32(id);
                body.put_slice(context.as_bytes());
                wire::option_reply(&mut out, option, reply::META_CONTEXT, &body);
            }
        }
        wire::option_reply(&mut out, option, reply::ACK, &[]);
        if is_set {
            let name = query.name;
            self.contexts = Some(Contexts {
                name,
                allocation,
                dirty,
            });
        }
        self.send(&out).await
    }
}

/// Whether one of `queries` means `context`. A list without queries is of all contexts, and of those
/// of a name space where a query ends after its colon; what is set is named in full.
fn wants(queries: &[String], context: &str, is_set: bool) -> bool {
    let in_space = |query: &str| query.ends_with(':') && context.starts_with(query);
    let lists = |query: &str| !is_set && in_space(query);
    (queries.is_empty() && !is_set) || queries.iter().any(|query| query == context || lists(query))
}

fn block_size_info() -> BytesMut {
    let mut out = BytesMut::with_capacity(14);
    out.put_u16(info::BLOCK_SIZE);
    out.put_u32(wire::BLOCK_BYTES_MIN);
    out.put_u32(wire::BLOCK_BYTES_PREFERRED);
    out.put_u32(wire::REQUEST_BYTES_MAX);
    out
}

fn text_info(kind: u16, text: &str) -> BytesMut {
    let mut out = BytesMut::with_capacity(2 + text.len());
    out.put_u16(kind);
    out.put_slice(text.as_bytes());
    out
}

fn put_string(out: &mut BytesMut, text: &str) {
    out.put_u32(text.len() as u32);
    out.put_slice(text.as_bytes());
}
