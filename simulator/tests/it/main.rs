//! Trials from outside: what a seed gives, it gives everywhere.

mod agreement;
mod emulated;
mod trial;
