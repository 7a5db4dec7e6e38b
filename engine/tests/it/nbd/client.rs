//! A small NBD client, so that tests say which bytes go over the line and when.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Result};

use bytes::{Buf, BufMut, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

pub(crate) const READ: u16 = 0;
pub(crate) const WRITE: u16 = 1;
pub(crate) const DISCONNECT: u16 = 2;
pub(crate) const FLUSH: u16 = 3;
pub(crate) const TRIM: u16 = 4;
pub(crate) const WRITE_ZEROES: u16 = 6;
pub(crate) const BLOCK_STATUS: u16 = 7;

pub(crate) const FUA: u16 = 1;
pub(crate) const NO_HOLE: u16 = 2;
pub(crate) const REQ_ONE: u16 = 8;

pub(crate) const GO: u32 = 7;
const STRUCTURED_REPLY: u32 = 8;
const SET_META_CONTEXT: u32 = 10;
const ACK: u32 = 1;

/// A request to be sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ask {
    pub(crate) flags: u16,
    pub(crate) command: u16,
    pub(crate) cookie: u64,
    pub(crate) offset: u64,
    pub(crate) length: u32,
    pub(crate) data: Vec<u8>,
}

impl Ask {
    pub(crate) fn put(&self, out: &mut BytesMut) {
        out.put_u32(0x2560_9513);
        out.put_u16(self.flags);
        out.put_u16(self.command);
        out.put_u64(self.cookie);
        out.put_u64(self.offset);
        out.put_u32(self.length);
        out.put_slice(&self.data);
    }
}

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) cookie: u64,
    pub(crate) error: u32,
    pub(crate) data: Vec<u8>,
    /// By context, runs with their flags.
    pub(crate) runs: BTreeMap<u32, Vec<(u32, u32)>>,
}

pub(crate) struct Client<S> {
    pub(crate) stream: S,
    pub(crate) size: u64,
    pub(crate) flags: u16,
    structured: bool,
    /// How much each read that is under way asked for.
    reads: BTreeMap<u64, usize>,
}

fn wrong<T>(what: &str) -> Result<T> {
    Err(Error::new(ErrorKind::InvalidData, what.to_owned()))
}

pub(crate) fn put_option(out: &mut BytesMut, option: u32, data: &[u8]) {
    out.put_u64(0x4948_4156_454f_5054);
    out.put_u32(option);
    out.put_u32(data.len() as u32);
    out.put_slice(data);
}

pub(crate) fn go(name: &str) -> BytesMut {
    let mut data = BytesMut::new();
    data.put_u32(name.len() as u32);
    data.put_slice(name.as_bytes());
    data.put_u16(0);
    data
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// Chooses the export `name`, with structured replies and `contexts` if there are any.
    pub(crate) async fn connect(mut stream: S, name: &str, contexts: &[&str]) -> Result<Self> {
        let mut greeting = [0; 18];
        stream.read_exact(&mut greeting).await?;
        stream.write_u32(3).await?;
        let mut client = Self {
            stream,
            size: 0,
            flags: 0,
            structured: !contexts.is_empty(),
            reads: BTreeMap::new(),
        };
        if client.structured {
            client.option(STRUCTURED_REPLY, &[]).await?;
            let mut data = go(name);
            data.truncate(data.len() - 2);
            data.put_u32(contexts.len() as u32);
            for context in contexts {
                data.put_u32(context.len() as u32);
                data.put_slice(context.as_bytes());
            }
            client.option(SET_META_CONTEXT, &data).await?;
        }
        for (kind, data) in client.option(GO, &go(name)).await? {
            let mut data = &data[..];
            if kind == 3 && data.get_u16() == 0 {
                (client.size, client.flags) = (data.get_u64(), data.get_u16());
            }
        }
        Ok(client)
    }

    /// Sends an option and gives what came before its acknowledgement.
    pub(crate) async fn option(&mut self, option: u32, data: &[u8]) -> Result<Vec<(u32, Vec<u8>)>> {
        let mut out = BytesMut::new();
        put_option(&mut out, option, data);
        self.stream.write_all(&out).await?;
        let mut told = Vec::new();
        loop {
            if self.stream.read_u64().await? != 0x0003_e889_0455_65a9 {
                return wrong("no reply to an option");
            }
            self.stream.read_u32().await?;
            let kind = self.stream.read_u32().await?;
            let mut data = vec![0; self.stream.read_u32().await? as usize];
            self.stream.read_exact(&mut data).await?;
            match kind {
                ACK => return Ok(told),
                _ if kind >> 31 == 1 => return wrong(&format!("refused: {}", kind & 0xffff)),
                _ => told.push((kind, data)),
            }
        }
    }

    /// Notes what will be sent: the answer to a read does not tell how long it is.
    pub(crate) fn note<'a>(&mut self, ask: &'a Ask) -> &'a Ask {
        if ask.command == READ {
            self.reads.insert(ask.cookie, ask.length as usize);
        }
        ask
    }

    pub(crate) async fn send(&mut self, ask: &Ask) -> Result<()> {
        let mut out = BytesMut::new();
        self.note(ask).put(&mut out);
        self.stream.write_all(&out).await
    }

    /// Sends and waits for the answer, the only one under way.
    pub(crate) async fn ask(&mut self, ask: &Ask) -> Result<Told> {
        self.send(ask).await?;
        let told = self.receive().await?;
        assert_eq!(told.cookie, ask.cookie, "an answer to something else");
        Ok(told)
    }

    pub(crate) async fn receive(&mut self) -> Result<Told> {
        let mut told = Told::default();
        loop {
            let is_last = match self.stream.read_u32().await? {
                0x6744_6698 => self.simple(&mut told).await?,
                0x668e_33ef if self.structured => self.chunk(&mut told).await?,
                _ => return wrong("no reply"),
            };
            if is_last {
                self.reads.remove(&told.cookie);
                return Ok(told);
            }
        }
    }

    async fn simple(&mut self, told: &mut Told) -> Result<bool> {
        told.error = self.stream.read_u32().await?;
        told.cookie = self.stream.read_u64().await?;
        if let (Some(length), 0) = (self.reads.get(&told.cookie), told.error) {
            assert!(!self.structured, "a read is answered in chunks");
            told.data = vec![0; *length];
            self.stream.read_exact(&mut told.data).await?;
        }
        Ok(true)
    }

    async fn chunk(&mut self, told: &mut Told) -> Result<bool> {
        let is_last = self.stream.read_u16().await? & 1 == 1;
        let kind = self.stream.read_u16().await?;
        told.cookie = self.stream.read_u64().await?;
        let mut data = vec![0; self.stream.read_u32().await? as usize];
        self.stream.read_exact(&mut data).await?;
        let mut data = &data[..];
        match kind {
            1 => told.data = data[8..].to_vec(),
            5 => {
                let runs = told.runs.entry(data.get_u32()).or_default();
                while data.has_remaining() {
                    runs.push((data.get_u32(), data.get_u32()));
                }
            }
            0x8001 => told.error = data.get_u32(),
            _ => return wrong("a chunk of no known kind"),
        }
        Ok(is_last)
    }
}
