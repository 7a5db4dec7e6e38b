//! The engine through its public face, over real stores and real folders.

mod copy;
mod crash;
mod damage;
mod drill;
mod faults;
mod faulty;
mod fixture;
mod foreign;
mod held;
mod history;
mod interleave;
mod loss;
mod methods;
mod nbd;
mod proxy;
mod quiesce;
mod reader;
mod replication;
mod retention;
mod servers;
mod sqlite;
mod stores;
mod support;
mod trees;
