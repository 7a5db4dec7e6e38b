//! The engine through its public face, over real stores and real folders.

mod crash;
mod damage;
mod fixture;
mod loss;
mod methods;
mod quiesce;
mod reader;
mod sqlite;
mod support;
mod trees;
