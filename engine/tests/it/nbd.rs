//! The NBD server, to the field's own clients, to a small one that says which bytes go when, and to noise.

mod client;
mod field;
mod hostile;
mod memory;
mod model;
mod order;
mod served;
mod tls;
