//! AES-256-GCM in place, under a key of its own for every sealed thing.

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Key, Nonce, Tag};

use crate::format::layout::{NONCE_BYTES, TAG_BYTES};

/// Encrypts `body` in place and gives the tag.
///
/// # Panics
/// When the body is longer than AES-GCM's 64 GiB, which no caller makes.
pub fn seal_in_place(
    key: &[u8; 32],
    nonce: &[u8; NONCE_BYTES],
    aad: &[u8],
    body: &mut [u8],
) -> [u8; TAG_BYTES] {
    let cipher = Aes256Gcm::new(&Key::<Aes256Gcm>::from(*key));
    let tag = cipher
        .encrypt_inout_detached(&Nonce::from(*nonce), aad, body.into())
        .expect("a body is far below 64 GiB");
    tag.into()
}

/// Decrypts `sealed` (nonce, body, tag) in place; gives the body, or `None` when it is not what was sealed.
#[must_use]
pub fn open_in_place<'a>(key: &[u8; 32], aad: &[u8], sealed: &'a mut [u8]) -> Option<&'a [u8]> {
    let (nonce, rest) = sealed.split_first_chunk_mut::<NONCE_BYTES>()?;
    let (body, tag) = rest.split_last_chunk_mut::<TAG_BYTES>()?;
    let cipher = Aes256Gcm::new(&Key::<Aes256Gcm>::from(*key));
    cipher
        .decrypt_inout_detached(
            &Nonce::from(*nonce),
            aad,
            (&mut *body).into(),
            &Tag::from(*tag),
        )
        .ok()?;
    Some(body)
}
