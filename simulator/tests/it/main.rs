//! Trials from outside: what a seed gives, it gives everywhere.

mod emulated;
mod trial;
