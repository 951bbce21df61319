//! The testkit's own rooms, in small numbers: the same code runs in large ones from `cargo xtask`.
#![expect(clippy::unwrap_used, reason = "tests")]
#![allow(unreachable_pub, reason = "a test binary exports nothing")]

mod evil;
mod model;
mod sim;
