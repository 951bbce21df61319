//! An evil relay and evil members against the real engine: named attacks, each tried in as many
//! variations as are asked for.
//!
//! **A try** is one hostile message, or one hostile course of events, that differs from every other:
//! the seed decides who attacks whom, when, with what and in which order. It is accepted when an
//! honest device shows, plays, counts or follows anything because of it that it must not.
//!
//! **Every batch has a control:** the honest counterpart of what was tried has to be accepted in the
//! same room, or the batch is no proof and the run fails ([`Fault`]). An attack cannot pass because
//! its message was malformed, or came to nobody.

mod attacks;
mod dice;
pub(crate) mod forge;
pub(crate) mod look;
mod relay;
mod rogue;
pub(crate) mod stage;
mod wires;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use attacks::ATTACKS;
pub use dice::Dice;

/// The room of an attack did not behave as an honest one does: the attack was not really tried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no proof: {0}")]
pub struct Fault(String);

impl Fault {
    pub(crate) fn of(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

/// What every step of a room gives.
pub(crate) type Held<T = ()> = Result<T, Fault>;

/// One attack.
pub struct Attack {
    /// As the issue names it.
    pub name: &'static str,
    /// Tries at most `most` variations in one room made from the seed, then the control.
    pub batch: fn(seed: u64, most: u64) -> Result<Outcome, Fault>,
}

/// What one batch came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Variations that were tried.
    pub tries: u64,
    /// Those that an honest device accepted, each in words.
    pub accepted: Vec<String>,
}

impl Outcome {
    /// Counts a try, accepted or not.
    pub(crate) fn tried(&mut self, accepted: bool, what: impl FnOnce() -> String) {
        self.tries += 1;
        if accepted {
            self.accepted.push(what());
        }
    }
}

/// All batches of one attack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// The attack.
    pub attack: &'static str,
    /// Variations that were tried.
    pub tries: u64,
    /// How many of them were accepted.
    pub accepted: u64,
    /// Batches in which something panicked.
    pub panics: u64,
    /// Batches, each with a control that was accepted.
    pub controls: u64,
    /// The first few that were accepted, and panics, with their seeds.
    pub found: Vec<String>,
}

/// Found things that are told, at most.
const TOLD: usize = 5;

impl Attack {
    /// Tries at least `tries` variations, in as many rooms as that takes. The first room's seed is
    /// `from`, the next one's 1 more.
    ///
    /// # Errors
    /// [`Fault`] when a control was not accepted.
    pub fn campaign(&self, tries: u64, from: u64) -> Result<Tally, Fault> {
        let mut tally = Tally { attack: self.name, ..Tally::default() };
        let mut seed = from;
        while tally.tries < tries {
            let left = tries - tally.tries;
            let batch = catch_unwind(AssertUnwindSafe(|| (self.batch)(seed, left)));
            match batch {
                Ok(Ok(outcome)) if outcome.tries == 0 => {
                    return Err(Fault::of(format!("{}: seed {seed} tried nothing", self.name)));
                }
                Ok(Ok(outcome)) => {
                    tally.tries += outcome.tries;
                    tally.accepted += outcome.accepted.len() as u64;
                    tally.controls += 1;
                    let found = outcome.accepted.iter().map(|what| format!("seed {seed}: {what}"));
                    let room = TOLD.saturating_sub(tally.found.len());
                    tally.found.extend(found.take(room));
                }
                Ok(Err(Fault(what))) => {
                    return Err(Fault(format!("{}, seed {seed}: {what}", self.name)));
                }
                Err(_) => {
                    tally.tries += 1;
                    tally.panics += 1;
                    tally.found.push(format!("seed {seed}: a panic, printed above"));
                }
            }
            seed += 1;
        }
        Ok(tally)
    }
}
