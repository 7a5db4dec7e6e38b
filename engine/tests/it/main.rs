//! The engine through its public face, over real stores and real folders.

mod damage;
mod methods;
mod support;
mod trees;
