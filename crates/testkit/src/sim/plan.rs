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
        Self { members: members.max(2), trouble_ms: 90_000, faults: Faults::all() }
    }
}

/// Kinds of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a set of independent switches")]
pub struct Faults {
    /// Media is lost, doubled and overtaken.
    pub media: bool,
    /// Connections break, with what is on them.
    pub breaks: bool,
    /// Connections turn into black holes that both sides notice late.
    pub black_holes: bool,
    /// A device has no network for a while.
    pub outage: bool,
    /// A member's process ends without a word, and may come back.
    pub crash: bool,
    /// So does the generator's.
    pub generator_crash: bool,
    /// The generator crashes and nobody starts it again before the trouble is over.
    pub generator_gone: bool,
    /// A device sleeps: its clock jumps.
    pub sleep: bool,
    /// A device gets no time to run for up to 3 s.
    pub stall: bool,
    /// Two relay nodes lose each other, or a relay shows two boards; healed later.
    pub partition: bool,
    /// A device reconnects to the other node.
    pub moves: bool,
    /// The relay is restarted and knows nothing any more.
    pub relay_restart: bool,
    /// Members leave, and may come again.
    pub leave: bool,
    /// The generator's user leaves.
    pub generator_leave: bool,
    /// Members come late.
    pub late: bool,
    /// The key is rotated by hand.
    pub rotate: bool,
    /// Unknown members wait in a lobby, where they are let in or kept out.
    pub lobby: bool,
    /// Hosts remove somebody, and the organizer lets them ask again.
    pub remove: bool,
    /// Hosts lock the meeting.
    pub lock: bool,
    /// The relay hears a device no more, and goes on telling it everything.
    pub one_way: bool,
    /// The relay drops, repeats, delays and reorders what is on its boards.
    pub evil: bool,
}

impl Faults {
    /// Nothing goes wrong.
    pub const NONE: Self = Self {
        media: false,
        breaks: false,
        black_holes: false,
        outage: false,
        crash: false,
        generator_crash: false,
        generator_gone: false,
        sleep: false,
        stall: false,
        partition: false,
        moves: false,
        relay_restart: false,
        leave: false,
        generator_leave: false,
        late: false,
        rotate: false,
        lobby: false,
        remove: false,
        lock: false,
        one_way: false,
        evil: false,
    };

    /// Everything that the engine is meant to stand.
    #[must_use]
    pub const fn all() -> Self {
        Self {
            media: true,
            breaks: true,
            black_holes: true,
            outage: true,
            crash: true,
            generator_crash: true,
            generator_gone: true,
            sleep: true,
            stall: true,
            partition: true,
            moves: true,
            relay_restart: true,
            leave: true,
            generator_leave: true,
            late: true,
            rotate: true,
            lobby: true,
            remove: true,
            lock: true,
            one_way: true,
            evil: true,
        }
    }

    /// A random part of these: few kinds of trouble at a time go further than all at once, where
    /// one hides the other.
    pub(crate) fn some(self, dice: &mut Dice) -> Self {
        let mut keep = |on: bool| on && dice.chance(60);
        Self {
            media: keep(self.media),
            breaks: keep(self.breaks),
            black_holes: keep(self.black_holes),
            outage: keep(self.outage),
            crash: keep(self.crash),
            generator_crash: keep(self.generator_crash),
            generator_gone: keep(self.generator_gone),
            sleep: keep(self.sleep),
            stall: keep(self.stall),
            partition: keep(self.partition),
            moves: keep(self.moves),
            relay_restart: keep(self.relay_restart),
            leave: keep(self.leave),
            generator_leave: keep(self.generator_leave),
            late: keep(self.late),
            rotate: keep(self.rotate),
            lobby: keep(self.lobby),
            remove: keep(self.remove),
            lock: keep(self.lock),
            one_way: keep(self.one_way),
            evil: keep(self.evil),
        }
    }
}
