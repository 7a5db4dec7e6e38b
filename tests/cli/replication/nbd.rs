//! A small NBD client: one request at a time, so that what was acknowledged is known exactly.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

const READ: u16 = 0;
const WRITE: u16 = 1;
const FLUSH: u16 = 3;
/// Whoever waits longer for one answer fails: far above what a loaded machine needs.
const PATIENCE: Duration = Duration::from_mins(1);

/// A connection to one export.
pub(super) struct Nbd {
    stream: UnixStream,
    cookie: u64,
    /// Bytes of the export.
    pub(super) size: u64,
}

fn wrong(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what.to_owned())
}

impl Nbd {
    /// Connects and chooses the export `name`.
    pub(super) fn connect(socket: &Path, name: &str) -> Result<Self> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut greeting = [0; 18];
        stream.read_exact(&mut greeting)?;
        let mut out = 3_u32.to_be_bytes().to_vec();
        out.extend(0x4948_4156_454f_5054_u64.to_be_bytes());
        out.extend(7_u32.to_be_bytes());
        out.extend((name.len() as u32 + 6).to_be_bytes());
        out.extend((name.len() as u32).to_be_bytes());
        out.extend(name.as_bytes());
        out.extend([0, 0]);
        stream.write_all(&out)?;
        let mut size = None;
        loop {
            let mut head = [0; 20];
            stream.read_exact(&mut head)?;
            let word = |at: usize| u32::from_be_bytes(head[at..at + 4].try_into().expect("four"));
            let mut data = vec![0; word(16) as usize];
            stream.read_exact(&mut data)?;
            match word(12) {
                1 => break,
                3 if data.len() >= 10 && data[..2] == [0, 0] => {
                    size = data[2..10].try_into().ok().map(u64::from_be_bytes);
                }
                kind if kind >> 31 == 1 => return Err(wrong("the export was refused")),
                _ => {}
            }
        }
        Ok(Self {
            stream,
            cookie: 0,
            size: size.ok_or_else(|| wrong("no size was told"))?,
        })
    }

    fn ask(&mut self, command: u16, offset: u64, length: u32, data: &[u8]) -> Result<()> {
        self.cookie += 1;
        let mut out = 0x2560_9513_u32.to_be_bytes().to_vec();
        out.extend(0_u16.to_be_bytes());
        out.extend(command.to_be_bytes());
        out.extend(self.cookie.to_be_bytes());
        out.extend(offset.to_be_bytes());
        out.extend(length.to_be_bytes());
        out.extend(data);
        self.stream.write_all(&out)?;
        let mut reply = [0; 16];
        self.stream.read_exact(&mut reply)?;
        if reply[..4] != [0x67, 0x44, 0x66, 0x98] || reply[8..] != self.cookie.to_be_bytes() {
            return Err(wrong("no answer to what was asked"));
        }
        match u32::from_be_bytes(reply[4..8].try_into().expect("four")) {
            0 => Ok(()),
            number => Err(Error::from_raw_os_error(number.cast_signed())),
        }
    }

    /// Writes; what is acknowledged is not durable yet.
    pub(super) fn write(&mut self, offset: u64, data: &[u8]) -> Result<()> {
        self.ask(WRITE, offset, data.len() as u32, data)
    }

    /// Makes durable what was acknowledged.
    pub(super) fn flush(&mut self) -> Result<()> {
        self.ask(FLUSH, 0, 0, &[])
    }

    /// Reads.
    pub(super) fn read(&mut self, offset: u64, length: usize) -> Result<Vec<u8>> {
        self.ask(READ, offset, length as u32, &[])?;
        let mut data = vec![0; length];
        self.stream.read_exact(&mut data)?;
        Ok(data)
    }

    /// Reads the whole export.
    pub(super) fn image(&mut self) -> Result<Vec<u8>> {
        const STEP: u64 = 4 << 20;
        let mut image = Vec::new();
        for at in (0..self.size).step_by(STEP as usize) {
            image.extend(self.read(at, STEP.min(self.size - at) as usize)?);
        }
        Ok(image)
    }
}
