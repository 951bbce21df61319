//! The engine as a whole: several of them around one board.
#![expect(clippy::unwrap_used, reason = "tests")]
#![allow(unreachable_pub, reason = "a test binary exports nothing")]

mod life;
mod room;
