//! What may go wrong in a simulated meeting.

use super::dice::Dice;

/// How a simulated meeting is set up.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Devices, the organizer's included; at least 2.
    pub members: usize,
    /// How long things go wrong, ms of simulated time. Then they have to come right.
    pub trouble_ms: u64,
    /// What may go wrong. Of each seed a random part of it does.
    pub faults: Faults,
}

impl Plan {
    /// A meeting of `members` with everything that the engine is meant to stand.
    #[must_use]
    pub fn new(members: usize) -> Self {
        Self { members: members.max(2), trouble_ms: 90_000, faults: Faults::ALL }
    }
}

/// Declares the switches and what is done with all of them alike.
macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Kinds of trouble.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct Faults { $($(#[$doc])* pub $name: bool),* }

        impl Faults {
            /// Nothing goes wrong.
            pub const NONE: Self = Self { $($name: false),* };
            /// Everything goes wrong.
            pub const ALL: Self = Self { $($name: true),* };
            /// What each is called.
            pub const NAMES: &[&str] = &[$(stringify!($name)),*];

            /// Turns one on or off, by its name. False for a name that does not exist.
            pub fn set(&mut self, name: &str, on: bool) -> bool {
                match name {
                    $(stringify!($name) => self.$name = on,)*
                    _ => return false,
                }
                true
            }

            /// A random part of these: few kinds of trouble at a time go further than all at once,
            /// where one hides the other.
            pub(crate) fn some(self, dice: &mut Dice) -> Self {
                Self { $($name: self.$name && dice.chance(60)),* }
            }

            /// The names of those that are on.
            pub(crate) fn told(&self) -> String {
                let on = [$((stringify!($name), self.$name)),*].into_iter();
                on.filter(|(_, on)| *on).map(|(name, _)| name).collect::<Vec<_>>().join(" ")
            }
        }
    };
}

faults! {
    /// Media is lost, doubled and overtaken.
    media,
    /// Connections break, with what is on them.
    breaks,
    /// Connections turn into black holes that both sides notice late.
    black_holes,
    /// A device has no network for a while.
    outage,
    /// A member's process ends without a word, and may come back.
    crash,
    /// So does the generator's.
    generator_crash,
    /// A generator that crashed is not started again before the trouble is over, and the organizer
    /// perhaps not then.
    generator_gone,
    /// A device sleeps: its clock jumps.
    sleep,
    /// A device gets no time to run for up to 3 s.
    stall,
    /// Two relay nodes lose each other, or a relay shows two boards; healed later.
    partition,
    /// A device reconnects to the other node.
    moves,
    /// The relay is restarted and knows nothing any more.
    relay_restart,
    /// Members leave, and may come again.
    leave,
    /// The generator's user leaves.
    generator_leave,
    /// Members come late.
    late,
    /// The key is rotated by hand.
    rotate,
    /// Unknown members wait in a lobby, where they are let in or kept out.
    lobby,
    /// Hosts remove somebody, and the organizer lets them ask again.
    remove,
    /// Hosts lock the meeting.
    lock,
    /// The relay hears a device no more, and goes on telling it everything.
    one_way,
    /// The relay drops, repeats, delays and reorders what is on its boards.
    evil,
}
