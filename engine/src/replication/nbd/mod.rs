//! The front door: a server of the NBD protocol, through which any virtual machine or tool that speaks
//! it reads and writes a disk. Fixed newstyle, structured replies, block status, TLS or a unix socket.

mod export;
mod wire;

mod answers;
mod input;
mod negotiate;
mod operation;
mod output;
mod serve;

mod listen;
mod server;
mod tls;

pub use export::{DIRTY_CONTEXT, DeviceExport, DirtyRun, Export, Exports, Named};
pub use listen::{Address, Listener, Serving, check_exposure};
pub use server::{Event, Server, Socket, Stage, Witness};
pub use tls::Tls;
