//! Where keys, nonces and names come from.

use std::cell::RefCell;

/// A source of bytes that nobody else can predict.
pub trait Entropy: Send + Sync {
    /// Fills `buffer`.
    fn fill(&self, buffer: &mut [u8]);
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug)]
pub struct SystemEntropy;

/// Bytes asked of the system at once: every blob needs a nonce and a draw, and each would be a call.
const DRAWN_BYTES: usize = 512;

thread_local! {
    /// Bytes of the system's not yet given out, each of which is given out once.
    static DRAWN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Entropy for SystemEntropy {
    /// # Panics
    /// Where the system gives no entropy: there is nothing safe to do without keys and nonces.
    fn fill(&self, buffer: &mut [u8]) {
        let system = |bytes: &mut [u8]| {
            getrandom::fill(bytes).expect("the operating system gives entropy");
        };
        if buffer.len() > 16 {
            // Keys come straight from the system, and leave no copy here.
            return system(buffer);
        }
        DRAWN.with_borrow_mut(|drawn| {
            if drawn.len() < buffer.len() {
                drawn.resize(DRAWN_BYTES, 0);
                system(drawn);
            }
            let left = drawn.len() - buffer.len();
            buffer.copy_from_slice(&drawn[left..]);
            drawn.truncate(left);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::{Entropy, SystemEntropy};
    use std::collections::BTreeSet;

    #[test]
    fn no_nonce_is_given_out_twice() {
        let draws = (0..10_000).map(|_| {
            let mut nonce = [0; 12];
            SystemEntropy.fill(&mut nonce);
            nonce
        });
        assert_eq!(draws.collect::<BTreeSet<_>>().len(), 10_000);
    }
}
