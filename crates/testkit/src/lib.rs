//! Seeded network, clock and randomness, and the invariants that tests hold.

pub mod evil;
pub mod measure;
pub mod model;
pub mod path;
pub mod sim;
