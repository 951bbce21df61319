//! The meeting's state machine: a sans-IO engine for roster, epochs and key agreement.
//!
//! **Owns** who holds which key, since when and why: the session, the chain of announces, wraps
//! and confirmations, the epochs on this device, sealing and opening of frames, the journal.
//! **Knows nothing** of sockets, clocks, the OS random source, sound devices or storage: they are
//! [`Input`]s and [`Output`]s. Every message from outside is checked before anything is recorded,
//! and every doubt closes the microphone ([`Microphone`]).
//!
//! **The caller's contract:** outputs are carried out in order, [`Meeting::handle`] is given a
//! [`Now`] that never runs backwards, and [`Input::Tick`] comes when
//! [`Meeting::timeout_ms`] says so.

mod authority;
mod branch;
mod chain;
mod config;
mod copies;
mod core;
mod counters;
mod deputies;
mod device;
mod door;
mod epoch;
mod evidence;
mod follower;
mod generator;
mod io;
mod journal;
pub mod limits;
mod media;
mod passphrase;
mod peers;
mod people;
mod posted;
mod prekey;
mod pulse;
mod recent;
mod reception;
mod refusal;
mod seat;
mod seated;
mod session;
mod snapshot;
mod split;
mod spoken;
mod state;
mod tagged;
mod waiting;

pub use config::{Config, Known, Now, Opening, PacketLength, PacketShape, Part};
pub use counters::Counters;
pub use evidence::{EVIDENCE_MAX, Exhibit, Statement};
pub use io::{Command, Input, Output};
pub use journal::{
    Cause, Charge, EpochRecord, Event, Journal, JournalEntry, JournalFault, JournalHead, Listed,
    Named, Out, Sign, SignedJournal, Spoke,
};
pub use people::{Trust, pinned_under, trust_of};
pub use pulse::Pulse;
pub use refusal::Refusal;
pub use snapshot::{
    DeviceOffer, EpochNow, Kept, Knock, Member, Microphone, Owner, Phase, Presence, Reach, Removed,
    Replaced, Rights, Snapshot, Split, SpokenNow,
};
pub use spoken::{SPOKEN_FAILURES_MAX, SPOKEN_MAX, SPOKEN_MS};
pub use standfast_wire::control::{Admission, Hosts, Policy, Reason, Role};
pub use state::left::LeftWhy;

use standfast_crypto::{Entropy, Fingerprint};

use crate::core::Core;
use crate::state::{Connecting, Left, State};

/// One meeting on one device, from connecting to erased.
pub struct Meeting {
    core: Core,
    state: State,
}

impl Meeting {
    /// A meeting that waits for [`Input::Connected`].
    #[must_use]
    pub fn new(config: Config, entropy: Box<dyn Entropy + Send>, now: Now) -> Self {
        Self {
            core: Core::new(config, entropy, now),
            state: State::Connecting(Box::<Connecting>::default()),
        }
    }

    /// The highest `seq` of members' prekey bundles that earlier processes of this profile were given
    /// by [`take_bundles_seen`](Self::take_bundles_seen). Before [`Input::Connected`].
    pub fn know_bundles(&mut self, seen: impl IntoIterator<Item = (Fingerprint, u64)>) {
        seen.into_iter().for_each(|(fp, seq)| self.core.bundles.know(fp, seq));
    }

    /// Of whose prekey bundles a higher `seq` was seen since the last call: to be kept, so that a
    /// relay cannot show an older one tomorrow.
    pub fn take_bundles_seen(&mut self) -> impl Iterator<Item = (Fingerprint, u64)> + use<> {
        self.core.bundles.take_raised().into_iter()
    }

    /// Something happened. Never fails: what does not pass is counted and changes nothing.
    pub fn handle(&mut self, input: Input<'_>, now: Now) {
        self.core.before_ms = self.core.now.mono_ms;
        self.core.now = now;
        if matches!(input, Input::Connected) {
            self.core.journal.note(Event::Line { up: true }, now);
        }
        self.note_pulse();
        // The placeholder is replaced in the next line; `handle` cannot unwind past it because
        // nothing in it panics.
        let placeholder = State::Left(Left { why: LeftWhy::Left, at: now });
        let state = std::mem::replace(&mut self.state, placeholder);
        self.state = state.handle(&mut self.core, input);
        self.note_pulse();
    }

    /// The generator's signs of life come and go with time: looked at before and after each input.
    fn note_pulse(&mut self) {
        if let Some(pulse) = self.state.pulse(&self.core) {
            self.core.journal.pulse(pulse, self.core.now);
        }
    }

    /// The next thing to do, in order, until there is none.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.core.out.pop_front()
    }

    /// When [`Input::Tick`] is wanted, on the clock of [`Now::mono_ms`].
    #[must_use]
    pub fn timeout_ms(&self) -> Option<u64> {
        self.state.timeout_ms(&self.core)
    }

    /// Whether captured sound has any use: muted, cut or not live, it has none.
    #[must_use]
    pub fn microphone_open(&self) -> bool {
        matches!(&self.state, State::Live(live) if !self.core.muted && live.may_speak(&self.core))
    }

    /// What happened so far, signed by this device. Messages that were only counted until now are
    /// written down with it.
    pub fn signed_journal(&mut self) -> SignedJournal {
        let Core { cfg, journal, evidence, now, .. } = &mut self.core;
        journal.sign(&cfg.identity, cfg.meeting_id, evidence.exhibits(), *now)
    }

    /// Everything there is to show.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        snapshot::take(&self.core, &self.state)
    }
}
