//! The engine through its public face, over real stores and real folders.

mod crash;
mod damage;
mod fixture;
mod history;
mod interleave;
mod loss;
mod methods;
mod reader;
mod retention;
mod support;
mod trees;
