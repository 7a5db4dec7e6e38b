//! Compress, then encrypt: what leaves this room holds no plaintext and can't be swapped.

mod aead;
mod compress;
mod keyring;
mod object;
mod passphrase;

pub use aead::{open_in_place, seal_in_place};
pub use compress::{compress_into, decompress, decompress_into};
pub use keyring::Keyring;
pub use object::{open_object, seal_object};
pub use passphrase::{unwrap_keyring, wrap_keyring};

pub(crate) use object::{open_part, pack_body, seal_part, unpack_body};
