//! What the developer commands share: where things are, and how to run another program.

pub mod paths;
pub mod run;
