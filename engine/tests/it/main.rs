//! The engine through its public face, over real stores and real folders.

mod crash;
mod damage;
mod fixture;
mod loss;
mod methods;
mod proxy;
mod reader;
mod servers;
mod stores;
mod support;
mod trees;
