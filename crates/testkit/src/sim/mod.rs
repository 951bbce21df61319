//! The meeting's engine in a simulated world: devices, a relay and a network that do everything
//! that the protocol must stand, from one seed.
//!
//! [`run`] lets one meeting happen: the real engines of its members, the real hub of the relay (or
//! two nodes of it), and a network that delays, loses, doubles, breaks and splits. After every step
//! it holds what devices show, seal, open and post against what is so (section 10 of
//! `docs/protocol.md`), and when the trouble is over it waits until all have come together, lets
//! them talk through a rotation, and ends the meeting. The same seed does the same again.
//!
//! ```
//! use standfast_testkit::sim::{Faults, Plan, run};
//!
//! let plan = Plan { trouble_ms: 2_000, faults: Faults::NONE, ..Plan::new(2) };
//! let figures = run(7, &plan, None)?;
//! assert!(figures.epochs >= 1);
//! # Ok::<(), standfast_testkit::sim::Violation>(())
//! ```

mod announced;
mod boxes;
mod device;
pub(crate) mod dice;
mod drive;
mod engine;
mod finale;
mod mischief;
mod net;
mod plan;
mod queue;
mod relay;
mod speech;
mod told;
mod truth;
mod world;

pub use plan::{Faults, Plan};
pub use world::Trace;

/// What one meeting came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Things that happened.
    pub events: u64,
    /// Simulated time, ms.
    pub simulated_ms: u64,
    /// Announces.
    pub epochs: u64,
    /// Frames sealed.
    pub frames: u64,
    /// Packets heard.
    pub opened: u64,
    /// Times that a device read its boards anew.
    pub read_again: u64,
    /// From the end of the trouble until all were in one epoch, ms.
    pub converged_ms: u64,
    /// Of everything that happened: equal for equal seeds.
    pub digest: u64,
}

/// An invariant that did not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("seed {seed}, step {step}, at {at_ms} ms: {what}")]
pub struct Violation {
    /// Repeats it.
    pub seed: u64,
    /// When, ms of simulated time.
    pub at_ms: u64,
    /// The how manieth thing that happened.
    pub step: u64,
    /// Which.
    pub what: String,
}

/// Lets one meeting happen. `trace` is given a line for everything of interest.
///
/// # Errors
/// The first [`Violation`].
pub fn run(seed: u64, plan: &Plan, trace: Trace<'_>) -> Result<Figures, Violation> {
    let mut world = world::World::new(seed, plan, trace);
    world.run()?;
    Ok(Figures {
        events: world.events,
        simulated_ms: world.now_ms,
        epochs: world.truth.announces.len() as u64,
        frames: world.truth.frames,
        opened: world.truth.opened,
        digest: world.digest,
        ..world.figures
    })
}
