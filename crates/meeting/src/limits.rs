//! Times and counts of the protocol, each with its reason. `docs/protocol.md` §6 is their source.

use standfast_wire::control::Reason;

/// The generator shows that it lives this often.
pub const HEARTBEAT_MS: u64 = 2_000;
/// Three missed heartbeats, or this much lag: the UI says "Stale".
pub const STALE_MS: u64 = 6_000;
/// Without a valid heartbeat for so long the microphone is cut.
pub const CUT_MS: u64 = 15_000;
/// Without a valid heartbeat for so long everything is erased and the device joins again.
pub const FORGET_MS: u64 = 60_000;
/// Every member seals a ping this often, muted or not.
pub const PING_MS: u64 = 5_000;
/// A member silent for so long is dropped: three pings.
pub const SILENT_MS: u64 = 15_000;
/// After the relay's hint that a connection ended, silence of this length is enough.
pub const HINTED_SILENT_MS: u64 = 3_000;
/// Scheduled members who have not arrived lose their invitation.
pub const INVITED_MS: u64 = 30_000;
/// Members seal nothing while unarrived members hold a wrap longer than this after the term began.
pub const INVITED_SEAL_MS: u64 = 35_000;
/// Joins after the first are gathered for so long, so that a team arriving at once costs few epochs.
pub const GATHER_MS: u64 = 300;
/// The first join after so much quiet is announced at once.
pub const QUIET_MS: u64 = 1_000;
/// A missing wrap is asked for after this time, and then at most this often.
pub const KEY_REQUEST_MS: u64 = 1_000;
/// The generator keeps the epoch secret for those who ask again, at most so long.
pub const SECRET_MS: u64 = 30_000;
/// The generator waits so long for prekey bundles before it opens.
pub const BUNDLE_WAIT_MS: u64 = 1_000;
/// An old epoch opens late frames for so long after the next is in use.
pub const RETIRE_MS: u64 = 5_000;
/// The same after a removal.
pub const RETIRE_REMOVAL_MS: u64 = 1_000;
/// A join request must name something that the generator sent within this time.
pub const SEEN_MS: u64 = 10_000;
/// A sender without a frame for so long takes a ratchet step.
pub const SILENCE_MS: u64 = 1_000;
/// Frames of an epoch not installed yet wait so long.
pub const UNKNOWN_FRAME_MS: u64 = 200;
/// And at most this many of one sender, so that nobody takes the others' room.
pub const UNKNOWN_FRAMES_EACH: usize = 16;
/// And at most this many over all senders: a team of 15.
pub const UNKNOWN_FRAMES: usize = 240;
/// End: the board is deleted and the generator's keys are erased when all have said goodbye, or
/// after this time. Every key is to be gone within a second.
pub const END_MS: u64 = 1_000;
/// People in the lobby, at most. Each holds about 2 KiB.
pub const LOBBY_MAX: usize = 64;
/// Join requests remembered per session, at most.
pub const REQUESTS_MAX: usize = 1_024;
/// Payload bytes of a ping before sealing.
pub const PING_BYTES: usize = 32;
/// Packets before the newest that a frame carries again, at most.
pub const COPIES_MAX: usize = 2;
/// A copy goes with the packet at most so long after its own: what a burst may last, and what is
/// worth waiting for.
pub const COPY_REACH_MS: u32 = 80;
/// And at most so many packets later.
pub const COPY_REACH_MAX: usize = 8;
/// Copies go on for so much speech after the last report that called for them, then one less for as
/// long, and so on.
pub const CALM_MS: u64 = 20_000;
/// Packets of which even the fastest waits so long, in steps of [`WAIT_STEP_MS`], wait behind
/// others that fill the line.
pub const JAM_WAIT: u8 = 4;
/// What a report counts waiting in, ms.
pub const WAIT_STEP_MS: u64 = 20;
/// So much loss, in half per cent, may come of copies whenever they are sent.
pub const JAM_SURE: u8 = 60;
/// Loss that grows by so much, in half per cent, …
pub const JAM_LOSS: u16 = 40;
/// … and to so many times as much, …
pub const JAM_FACTOR: u16 = 2;
/// … within this time after copies were added, may come of them: two pings.
pub const JAM_SIGN_MS: u64 = 10_000;
/// Then none are sent for so long: until the next ping tells, and what waited has passed.
pub const JAM_TRIAL_MS: u64 = 8_000;
/// A line that was found full is spared copies for so long, twice as long the next time, …
pub const JAM_PAUSE_MS: u64 = 30_000;
/// … and so long at most.
pub const JAM_PAUSE_MAX_MS: u64 = 300_000;
/// A line that was found bad is not tried again for so long.
pub const NO_JAM_MS: u64 = 300_000;
/// Senders of whom one ping reports the loss, at most: what fits into it.
pub const REPORTS_MAX: usize = 6;
/// A report of loss counts for so long: two pings.
pub const REPORT_MS: u64 = 12_000;
/// Loss is measured over so many packets at least: one second.
pub const LOSS_MIN_PACKETS: u32 = 50;
/// A ping is sent before its time when loss has grown, this seldom.
pub const HASTY_PING_MS: u64 = 1_000;
/// A gap of more samples than this is a pause, not a loss: half a second.
pub const PAUSE_SAMPLES: u32 = 24_000;
/// Who is expected and got no answer asks again after this time.
pub const ASK_AGAIN_MS: u64 = 5_000;
/// Who waits in the lobby asks again this seldom: each request stays on the board.
pub const KNOCK_AGAIN_MS: u64 = 60_000;
/// A reconnect within this time goes on as if nothing had been.
pub const BRIEF_OFFLINE_MS: u64 = 3_000;
/// An invited member confirms with its request; without, it comes in by a new epoch after this.
pub const ARRIVAL_ACK_MS: u64 = 500;
/// Board slot of key requests: only a member's newest is of use.
pub const SLOT_KEY_REQUEST: u8 = 3;
/// Board slots of the spoken code: a member's newest commitment, and its newest value.
pub const SLOT_SPOKEN_COMMIT: u8 = 5;
/// See [`SLOT_SPOKEN_COMMIT`].
pub const SLOT_SPOKEN_REVEAL: u8 = 6;
/// A follower that cannot install the head for so long joins again.
pub const STUCK_MS: u64 = 8_000;

/// A statement names a head at most so many epochs before the announce that carries it.
pub const ORDER_EPOCHS: usize = 5;
/// A follower of rank 0 takes over after so long without a valid heartbeat: four missed.
pub const TAKEOVER_MS: u64 = 8_000;
/// And each further rank after so much more.
pub const TAKEOVER_RANK_MS: u64 = 1_000;
/// Whoever asks for a newer head waits so long for an answer.
pub const HEAD_ASK_MS: u64 = 500;
/// The organizer takes the term back once its epoch has been quiet for so long.
pub const TAKE_BACK_MS: u64 = 1_500;
/// A vouch ends so long after it was signed, by the generator's age.
pub const VOUCH_MS: u64 = 120_000;
/// Members follow an announce with a vouch that ended so much earlier: it was made in time, and was
/// long on the way.
pub const VOUCH_LATE_MS: u64 = STALE_MS;
/// A pairing code is good for so long.
pub const PAIRING_MS: u64 = 120_000;
/// Announces of one session that are kept to verify branches against, at most: an hour of five
/// epochs a minute.
pub const NODES_MAX: usize = 320;
/// Orders to remove one person that are kept, at most: a lifted one makes room for the next.
pub const REMOVALS_MAX: usize = 64;
/// A branch lives while its generator was heard within this time.
pub const BRANCH_ALIVE_MS: u64 = 6_000;
/// A branch that another one goes on beside is shown to it so often, at most: in a minute both have
/// read what there is, and a board is no place for more.
pub const BRANCH_SHOWN_MAX: u8 = 4;
/// And only one of so many messages, where somebody is to hear the generator meanwhile: half of what
/// a relay takes at once. What is more waits, with heartbeats and sound behind it.
pub const BRANCH_SHOWN_ENTRIES: usize = 128;
/// A branch in which nobody answered is not tried again for so long.
pub const FAILED_MS: u64 = 30_000;
/// A join request in another branch is given so long to be answered.
pub const BRANCH_TRIAL_MS: u64 = 15_000;
/// A device whose clock jumped further than this past the time at which it wanted to be woken slept.
pub const SLEPT_MS: u64 = 3_000;
/// An organizer who finds a session waits so long for its generator's heartbeat before it opens
/// another: two, and a second of delay.
pub const FOUND_MS: u64 = 5_000;
/// A generator that is back waits so long for the board to be read, at most.
pub const READ_WAIT_MS: u64 = 5_000;
/// Board slot of a bot's signs of life while it is off the record.
pub const SLOT_ALIVE: u8 = 4;
/// Whoever asks for a newer head makes the generator show itself at most this often.
pub const SHOW_MS: u64 = 500;
/// A bot without its owner is dropped with the owner's epoch; a bot off the record says that it is
/// there this often.
pub const ALIVE_MS: u64 = 5_000;

/// For a sign of life of somebody whom no announce that came lists, so often at most: everyone with
/// the link can make one.
pub const STRANGER_READS_MAX: u8 = 8;
/// When something is missing on a board it is read from its start, at most this often.
pub const READ_AGAIN_MS: u64 = 10_000;
/// How often everybody is asked to post their acks of one epoch again, by whoever misses one.
pub const ACK_ASKS: u8 = 3;

/// Sessions of one meeting that a device remembers to have tried: four times what a relay keeps.
pub const TRIED_MAX: usize = 16;

/// The organizer tells those in another session where it is this seldom, …
pub const MOVED_MS: u64 = 10_000;
/// … and so often at most: a board is no place for more.
pub const MOVED_MAX: u8 = 6;
/// For what the organizer names the boards are read again so often, at most: each costs the line.
pub const MOVED_READS_MAX: u8 = 6;
/// Heartbeats of the organizer in another session, with a growing age, before one goes there.
pub const MOVED_BEATS: u32 = 2;

/// Sessions given up are tried again at a sign of life so often, at most: everyone with the link can
/// make one, and a meeting has to be opened some time.
pub const REVIVALS_MAX: u8 = 4;

/// Latest use of a new epoch after its install, by reason.
#[must_use]
pub const fn max_ms(reason: Reason) -> u32 {
    match reason {
        Reason::Open => 0,
        Reason::Removal | Reason::OffRecord => 300,
        Reason::Leave | Reason::Drop => 1_000,
        _ => 2_000,
    }
}

/// Latest use of a new epoch when somebody of the old one is not in it, whatever it was made for:
/// `urgent` after a removal or a bot off the record.
#[must_use]
pub const fn max_ms_without(somebody_goes: bool, urgent: bool) -> u32 {
    match (somebody_goes, urgent) {
        (_, true) => max_ms(Reason::Removal),
        (true, false) => max_ms(Reason::Drop),
        (false, false) => u32::MAX,
    }
}
