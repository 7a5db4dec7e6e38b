//! Site recovery: disks that are written here and kept, with their recent past, at another site.
//!
//! A write goes to its disk and into the open batch (`splitter`, behind `gate`); a batch that ends is sealed in
//! parts (`parcel`), waits in the `journal`, and is sent (`source`). The replica keeps parts as they came
//! (`history`), so that its disks can be had as they were at the end of any batch in it (`view`); what is too
//! old moves into its disks. What of the other site is not known to be equal is marked in `maps`. For a backup an
//! instant is held (`before`), and what was written since is known (`marks`). Who may write is a site's record
//! (`site`), which changes as `protection` says; a site that took over is `promoted`, and a `witness` keeps two from
//! being written.

pub mod before;
pub mod export;
pub mod extents;
pub mod gate;
pub mod journal;
pub mod maps;
pub mod marks;
pub mod nbd;
pub mod parcel;
pub mod promoted;
pub mod protection;
pub mod replica;
pub mod site;
pub mod source;
pub mod splitter;
pub mod transport;
pub mod witness;

use crate::error::{Error, Result};
use crate::format::member::{MESSAGE_BYTES_MAX, Message};

/// The kind of a frame that is a message.
pub(crate) const MESSAGE: u8 = 0;
/// The kind of a frame that is a part.
pub(crate) const PART: u8 = 1;

/// Reads a frame that must be a message.
fn expect_message(kind: u8, body: &[u8]) -> Result<Message> {
    if kind != MESSAGE || body.len() > MESSAGE_BYTES_MAX {
        let what = format!("it is of kind {kind} and has {} bytes", body.len());
        return Err(Error::corrupt("a frame from the other site", what));
    }
    Message::read(body)
}
