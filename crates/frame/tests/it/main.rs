//! Behaviour of sealers and openers as their users see it.

#![expect(clippy::unwrap_used, reason = "the harness is test code too")]

mod adversary;
mod catch_up;
mod lateness;
mod lifetime;
mod other_backend;
mod pair;
