//! Sealing into packs, on the thread that computes.

use crate::format::layout::Kind;
use crate::ids::BlobId;
use crate::seal::Keyring;
use crate::seam::Entropy;
use crate::vault::{FullPack, PackWriter, seal_blob};

/// Seals a blob into a pack; gives a pack that had to be closed for it.
pub(super) fn seal(
    keys: &Keyring,
    entropy: &dyn Entropy,
    kind: Kind,
    id: BlobId,
    raw: &[u8],
    writer: &PackWriter,
) -> Option<FullPack> {
    thread_local! {
        static SCRATCH: std::cell::RefCell<Vec<u8>> = const { std::cell::RefCell::new(Vec::new()) };
    }
    SCRATCH.with_borrow_mut(|scratch| {
        let entry = seal_blob(keys, entropy, kind, id, raw, scratch);
        writer.add(keys, entropy, entry, scratch)
    })
}
