//! The program as a user runs it: wiring, exit codes, documents. What a lower test can show is there.

mod compare;
mod forget;
mod full_disk;
mod input;
mod journey;
mod kill;
mod plan;
mod series;
mod support;
