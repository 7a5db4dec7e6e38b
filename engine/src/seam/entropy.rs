//! Where keys, nonces and names come from.

/// A source of bytes that nobody else can predict.
pub trait Entropy: Send + Sync {
    /// Fills `buffer`.
    fn fill(&self, buffer: &mut [u8]);
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    /// # Panics
    /// Where the system gives no entropy: there is nothing safe to do without keys and nonces.
    fn fill(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("the operating system gives entropy");
    }
}
