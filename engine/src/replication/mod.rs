//! Continuous replication: a disk's writes on their way to another site.

pub mod nbd;
