//! The engine as a whole: several of them around one board.
#![expect(clippy::unwrap_used, reason = "tests")]
#![allow(unreachable_pub, reason = "a test binary exports nothing")]

mod authority;
mod branches;
mod comebacks;
mod deputies;
mod hostile;
mod insider;
mod journal;
mod life;
mod mallory;
mod moved;
mod passphrase;
mod prekeys;
mod redundancy;
mod rogue;
mod room;
mod seized;
mod sessions;
mod spoken;
mod storm;
mod withheld;
