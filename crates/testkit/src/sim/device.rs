//! A device: identity and keychain, which stay, and the process of the app, which comes and goes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use standfast_crypto::{Fingerprint, Identity, PRIVATE_BUNDLE, PrivateBundle, Pseudonym, Secret};
use standfast_meeting::{LeftWhy, Meeting, Now, Phase, Snapshot};
use standfast_wire::boards::Boards;
use standfast_wire::control::Hash;

use super::announced::Removed;
use super::dice::Dice;
use super::net::LineId;
use super::queue::Happening;
use super::relay::NAME;

pub(crate) struct Device {
    pub(crate) name: String,
    pub(crate) identity: Arc<Identity>,
    pub(crate) fp: Fingerprint,
    pub(crate) pseudonym: Pseudonym,
    /// The node it connects to.
    pub(crate) node: usize,
    /// The keychain: private prekeys by bundle id.
    pub(crate) keychain: BTreeMap<[u8; 16], Secret<PRIVATE_BUNDLE>>,
    /// The newest list of deputies that it was told to keep.
    pub(crate) deputies: Option<Vec<u8>>,
    pub(crate) process: Option<Process>,
    /// What its monotonic clock showed when the world began.
    clock_ms: u64,
    /// No network.
    pub(crate) offline: bool,
    /// Gets no time to run, or sleeps: what happens meanwhile.
    pub(crate) paused: Option<Pause>,
    /// Somebody will start the app again.
    pub(crate) starting: bool,
    /// The user wants to be in the meeting.
    pub(crate) wanted: bool,
}

pub(crate) struct Pause {
    pub(crate) asleep: bool,
    pub(crate) held: Vec<Happening>,
}

/// One run of the app.
pub(crate) struct Process {
    /// No two are equal.
    pub(crate) id: u64,
    pub(crate) meeting: Meeting,
    /// Connected, and welcomed.
    pub(crate) line: Option<LineId>,
    /// Connecting.
    pub(crate) dialling: Option<LineId>,
    pub(crate) failures: usize,
    pub(crate) boards: Boards,
    pub(crate) bundle_requests: BTreeMap<u32, [u8; 32]>,
    pub(crate) requests: u32,
    /// For when the next tick is planned.
    pub(crate) tick_ms: Option<u64>,
    /// Ticks without any time between them.
    pub(crate) ticks_in_place: u32,
    pub(crate) shown: Shown,
    /// Epochs in the order of their install, and when that was.
    pub(crate) installed: Vec<(Hash, u64)>,
    /// Epochs that it has confirmed.
    pub(crate) held: BTreeSet<Hash>,
    /// Packets played.
    pub(crate) played: BTreeSet<u32>,
    /// Session, term and epoch of what it last sealed with, and which that was.
    pub(crate) highest: Option<(Hash, u32, u32, Hash)>,
    /// Announces and join requests that it was told, or made.
    pub(crate) heard: BTreeSet<Hash>,
    /// Announces of those that it could check.
    pub(crate) checked: BTreeSet<Hash>,
    /// The session whose board it can delete: what it has opened, and been in ever since.
    pub(crate) opened: Option<Hash>,
    /// Whom it has seen removed.
    pub(crate) saw_removed: Removed,
    pub(crate) looking_at_lobby: bool,
    pub(crate) talks_until_ms: u64,
}

/// What the last snapshot said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) phase: Option<Phase>,
    pub(crate) session: Option<Hash>,
    pub(crate) generator: bool,
    pub(crate) active: Option<(Hash, u32)>,
    pub(crate) coming: Option<(Hash, u32)>,
    pub(crate) confirmed: usize,
    pub(crate) members: Vec<Fingerprint>,
    pub(crate) lobby: Vec<(Hash, Fingerprint)>,
    pub(crate) host: bool,
    pub(crate) locked: bool,
    pub(crate) removed: Vec<Fingerprint>,
    /// The user is told that the meeting is in two parts.
    pub(crate) split: bool,
}

impl Shown {
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let newest = snapshot.coming.as_ref().or(snapshot.active.as_ref());
        Self {
            phase: Some(snapshot.phase),
            session: snapshot.session_id,
            generator: snapshot.generator,
            active: snapshot.active.as_ref().map(|e| (e.h, e.number)),
            coming: snapshot.coming.as_ref().map(|e| (e.h, e.number)),
            confirmed: newest.map_or(0, |e| e.confirmed),
            members: snapshot.members.iter().map(|m| m.fp).collect(),
            host: snapshot.rights.host,
            locked: snapshot.locked,
            removed: snapshot.removed.iter().map(|r| r.fp).collect(),
            split: snapshot.split.is_some_and(|split| split.until_ms.is_none()),
            lobby: snapshot.lobby.iter().map(|k| (k.request, k.fp)).collect(),
        }
    }

    pub(crate) fn left(&self) -> Option<LeftWhy> {
        match self.phase {
            Some(Phase::Left(why)) => Some(why),
            _ => None,
        }
    }

    pub(crate) fn live(&self) -> bool {
        matches!(self.phase, Some(Phase::Live))
    }
}

impl Process {
    pub(crate) fn new(id: u64, meeting: Meeting) -> Self {
        Self {
            id,
            meeting,
            line: None,
            dialling: None,
            failures: 0,
            boards: Boards::default(),
            bundle_requests: BTreeMap::new(),
            requests: 0,
            tick_ms: None,
            ticks_in_place: 0,
            shown: Shown::default(),
            installed: Vec::new(),
            held: BTreeSet::new(),
            played: BTreeSet::new(),
            highest: None,
            heard: BTreeSet::new(),
            checked: BTreeSet::new(),
            opened: None,
            saw_removed: Removed::new(),
            looking_at_lobby: false,
            talks_until_ms: 0,
        }
    }

    pub(crate) fn next_request(&mut self) -> u32 {
        self.requests += 1;
        self.requests
    }
}

impl Device {
    pub(crate) fn new(name: String, node: usize, meeting_id: &[u8; 16], dice: &mut Dice) -> Self {
        let seed = dice.bytes::<32>();
        let identity = Identity::from_seed(Secret::from_fn(|out| out.copy_from_slice(&seed)));
        Self {
            name,
            fp: identity.fingerprint(),
            pseudonym: identity.pseudonym(NAME, meeting_id),
            identity: Arc::new(identity),
            node,
            keychain: BTreeMap::new(),
            deputies: None,
            process: None,
            clock_ms: dice.below(1 << 40),
            offline: false,
            paused: None,
            starting: false,
            wanted: false,
        }
    }

    /// What its clocks show.
    pub(crate) fn now(&self, world_ms: u64) -> Now {
        Now { mono_ms: self.clock_ms + world_ms, wall_ms: 1_800_000_000_000 + world_ms }
    }

    /// When its monotonic clock shows `mono_ms`.
    pub(crate) fn world_ms(&self, mono_ms: u64) -> u64 {
        mono_ms.saturating_sub(self.clock_ms)
    }

    pub(crate) fn prekeys(&self) -> Vec<PrivateBundle> {
        self.keychain.values().map(PrivateBundle::from_secret).collect()
    }

    /// The process, if it is still that one.
    pub(crate) fn run(&mut self, id: u64) -> Option<&mut Process> {
        self.process.as_mut().filter(|process| process.id == id)
    }

    pub(crate) fn shown(&self) -> Option<&Shown> {
        self.process.as_ref().map(|process| &process.shown)
    }
}
