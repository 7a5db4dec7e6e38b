//! Site recovery from end to end: real processes, real clients, kills and cuts at bad moments.

mod backup;
mod choice;
mod group;
mod journey;
mod kills;
mod nbd;
mod network;
mod outage;
mod points;
mod postgres;
mod records;
mod recover;
mod regional;
mod seeded;
mod sites;
mod witness;
