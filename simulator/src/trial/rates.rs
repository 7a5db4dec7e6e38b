//! How long this machine's engine computes: rates measured with `cargo bench` (benches/README.md), charged
//! to virtual time in both fidelities.

/// Bytes a second that are fingerprinted: 2.7 GiB/s for blocks of 4 KiB.
pub const FINGERPRINT: u64 = 2_899_102_924;
/// Bytes a second that are compressed and sealed: 254 MiB/s of text.
pub const SEAL: u64 = 266_338_304;
/// Bytes a second that are opened, decompressed and written: 975 MiB/s for a whole restore to disk.
pub const OPEN: u64 = 1_022_361_600;

/// Microseconds that `bytes` take at a rate, rounded up.
pub fn micros(bytes: u64, bytes_per_second: u64) -> u64 {
    let micros = (u128::from(bytes) * 1_000_000).div_ceil(u128::from(bytes_per_second.max(1)));
    u64::try_from(micros).unwrap_or(u64::MAX)
}

/// Reading and fingerprinting a disk's data, and sealing what is new of it.
pub fn out(read: u64, sealed: u64, disk_bytes_per_second: u64) -> u64 {
    micros(read, disk_bytes_per_second)
        .saturating_add(micros(read, FINGERPRINT))
        .saturating_add(micros(sealed, SEAL))
}

/// Opening what was fetched and writing a disk.
pub fn back(written: u64, disk_bytes_per_second: u64) -> u64 {
    micros(written, OPEN).saturating_add(micros(written, disk_bytes_per_second))
}
