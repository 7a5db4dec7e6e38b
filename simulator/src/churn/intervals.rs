//! What was written, interval by interval: what the model needs to know of a trace, and a protection tells of itself.

/// What disks were written in intervals of one length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Churn {
    /// How long an interval is.
    pub interval_micros: u64,
    /// How long was watched, in whole intervals.
    pub span_micros: u64,
    /// When the watching began, in Unix seconds; a trace does not tell.
    pub start_seconds: Option<i64>,
    /// Names of the disks that were written.
    pub disks: Vec<String>,
    /// Intervals in which something was written, by time and disk.
    pub intervals: Vec<Interval>,
}

/// What one disk was written in one interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interval {
    /// Its number: it begins so many intervals after the watching.
    pub number: u64,
    /// The disk's place in [`Churn::disks`].
    pub disk: u32,
    /// Bytes of all writes.
    pub written_bytes: u64,
    /// What is left of them if a block counts once, however often it was written: no more than its size, and no
    /// more than was written to it.
    pub unique_bytes: u64,
    /// What of that was sent, after compression, where it was measured.
    pub shipped_bytes: Option<u64>,
    /// Writes.
    pub writes: u64,
}

/// What stands for what on the wire: `out` bytes for each `of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    /// Bytes before.
    pub of: u64,
    /// Bytes after.
    pub out: u64,
}

/// What is sent of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Each block once: its last content in the batch.
    Coalesced,
    /// Every write.
    EveryWrite,
}

/// What goes over the link together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Its first instant.
    pub opens_micros: u64,
    /// Its end, at which it can leave.
    pub closes_micros: u64,
    /// Bytes on the wire.
    pub bytes: u64,
    /// Bytes in the journal until it has arrived: all that was written.
    pub journal_bytes: u64,
}

impl Compression {
    /// Nothing is compressed.
    pub const NONE: Self = Self { of: 1, out: 1 };

    /// Bytes after compression, rounded up.
    pub fn after(self, bytes: u64) -> u64 {
        let out = u128::from(bytes) * u128::from(self.out);
        u64::try_from(out.div_ceil(u128::from(self.of.max(1)))).unwrap_or(u64::MAX)
    }

    /// How many times smaller, in thousandths.
    pub fn thousandths(self) -> u64 {
        let of = u128::from(self.of) * 1000;
        u64::try_from(of / u128::from(self.out.max(1))).unwrap_or(u64::MAX)
    }
}

impl Churn {
    /// A batch for each interval in which something has to be sent, of all disks together; what was measured on the
    /// wire stands for itself if `measured`.
    pub fn batches(
        &self,
        payload: Payload,
        compression: Compression,
        measured: bool,
    ) -> Vec<Batch> {
        let mut batches: Vec<Batch> = Vec::new();
        for interval in &self.intervals {
            let bytes = match (payload, interval.shipped_bytes) {
                (Payload::Coalesced, Some(shipped)) if measured => shipped,
                (Payload::Coalesced, _) => compression.after(interval.unique_bytes),
                (Payload::EveryWrite, _) => compression.after(interval.written_bytes),
            };
            let opens_micros = interval.number * self.interval_micros;
            match batches.last_mut() {
                Some(last) if last.opens_micros == opens_micros => {
                    last.bytes = last.bytes.saturating_add(bytes);
                    last.journal_bytes = last.journal_bytes.saturating_add(interval.written_bytes);
                }
                _ => batches.push(Batch {
                    opens_micros,
                    closes_micros: opens_micros + self.interval_micros,
                    bytes,
                    journal_bytes: interval.written_bytes,
                }),
            }
        }
        batches.retain(|batch| batch.bytes > 0);
        batches
    }

    /// A batch for each interval in which a disk was written (`None`: any of them), with every byte as it was written.
    pub fn written(&self, disk: Option<u32>) -> Vec<Batch> {
        let one = |interval: &&Interval| disk.is_none_or(|disk| interval.disk == disk);
        let alone = Self {
            intervals: self.intervals.iter().filter(one).copied().collect(),
            disks: Vec::new(),
            ..*self
        };
        alone.batches(Payload::EveryWrite, Compression::NONE, false)
    }

    /// A sum over all intervals.
    pub fn sum(&self, of: impl Fn(&Interval) -> u64) -> u64 {
        let parts = self.intervals.iter().map(of);
        parts.fold(0, u64::saturating_add)
    }

    /// What compression and sealing left of what had to be sent, where it was measured.
    pub fn measured(&self) -> Option<Compression> {
        let shipped = self.intervals.iter().map(|interval| interval.shipped_bytes);
        let out = shipped.sum::<Option<u64>>()?;
        let of = self.sum(|interval| interval.unique_bytes);
        (of > 0 && out > 0).then_some(Compression { of, out })
    }
}
