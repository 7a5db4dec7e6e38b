//! What the benches share: bytes that follow from a seed, and keys that do.

use engine::ids::VaultId;
use engine::seal::Keyring;
use engine::seam::SystemEntropy;

/// Bytes that do not compress: a xorshift generator's, the same for the same seed.
pub fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(bytes).collect()
}

/// Lines as a server logs them, which zstd packs about five to one.
pub fn text(seed: u64, bytes: usize) -> Vec<u8> {
    let draws = noise(seed, bytes);
    let words = [
        "request", "took", "served", "from", "cache", "after", "retry", "user", "session", "error",
        "opened", "closed", "by", "peer", "timeout", "of",
    ];
    let line = |draw: &[u8]| {
        let word = |byte: u8| words[usize::from(byte % 16)];
        let number = u32::from_le_bytes([draw[0], draw[1], draw[2], draw[3]]);
        format!(
            "{number:08} {} {} {}\n",
            word(draw[4]),
            word(draw[5]),
            word(draw[6])
        )
    };
    let lines = draws.chunks_exact(7).map(line);
    lines.flat_map(String::into_bytes).take(bytes).collect()
}

/// The keys of a vault of no importance.
pub fn keys() -> Keyring {
    Keyring::draw(
        VaultId([7; 16]),
        engine::format::keyslot::Terms::DEFAULT,
        &SystemEntropy,
    )
}
