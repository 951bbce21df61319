//! The meeting as it is now: one value for the UI, the CLI and the tests. No secrets.

use standfast_crypto::Fingerprint;
use standfast_wire::control::{Entry, Hash, Reason, State as EntryState};

use crate::Counters;
use crate::core::Core;
use crate::epoch::Epoch;
use crate::journal::{Charge, EpochRecord};
use crate::people::{Trust, pinned_under, trust_of};
use crate::pulse::Pulse;
use crate::seated::Seated;
use crate::session::Session;
use crate::state::live::Role;
use crate::state::{Joining, LeftWhy, Live, State};

/// Where this device stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Connecting, or reading the board.
    Connecting,
    /// Nobody has opened the meeting yet.
    Waiting,
    /// Asked, and expected: a key is on its way.
    Joining,
    /// Asked, and somebody has to decide.
    Lobby,
    /// The meeting takes nobody new.
    Locked,
    /// In the meeting.
    Live,
    /// In the meeting, without a connection.
    Reconnecting,
    /// Out of it.
    Left(LeftWhy),
}

/// Whether anything of this device's microphone is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Microphone {
    /// Sent.
    Open,
    /// Muted by the user.
    Muted,
    /// 15 s without a heartbeat.
    ClosedNoHeartbeat,
    /// No connection.
    ClosedReconnecting,
    /// Not live, or someone who did not arrive could listen.
    ClosedNotLive,
}

/// How somebody on the roster is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Present.
    In,
    /// Has not confirmed the newest epoch.
    Joining,
    /// Not in the newest epoch, and can hear until it is in use.
    Leaving,
    /// Holds a wrap and has not arrived: can listen.
    Invited,
    /// A bot off the record: it has no key and hears nothing.
    Off,
}

/// Somebody who holds the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Place on the roster.
    pub idx: u16,
    /// Key.
    pub fp: Fingerprint,
    /// Name they came with.
    pub name: String,
    /// This device.
    pub me: bool,
    /// Organizer.
    pub organizer: bool,
    /// May admit, remove and lock.
    pub host: bool,
    /// May open the meeting when the organizer is away.
    pub deputy: bool,
    /// Looks after the key.
    pub generator: bool,
    /// A bot, and who brought it.
    pub bot: Option<Owner>,
    /// The device that this one replaces by a vouch in this session.
    pub replaces: Option<Replaced>,
    /// What this device knows of the key.
    pub trust: Trust,
    /// The key pinned under this name, when it is another.
    pub pinned: Option<Fingerprint>,
    /// How they are there.
    pub presence: Presence,
    /// Signed ack for the newest epoch in hand.
    pub confirmed: bool,
    /// Microphone muted, by their own word.
    pub muted: bool,
    /// Packets of theirs that are lost on the way here, in half per cent.
    pub loss: u8,
}

/// A device whose place another one of the same user took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// Its key.
    pub fp: Fingerprint,
    /// The name it came with.
    pub name: String,
}

/// Who brought a bot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Its owner's key: by the owner's own signature on a roster, by the bot's word in the lobby.
    pub fp: Fingerprint,
    /// Its owner's name.
    pub name: String,
    /// This device is the owner.
    pub me: bool,
}

/// What this device may do in the meeting.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rights {
    /// Admit, remove, lock, rotate.
    pub host: bool,
    /// Readmit, end while others look after the key.
    pub organizer: bool,
    /// End for everyone.
    pub end: bool,
}

/// Somebody who was removed and stays removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// Key.
    pub fp: Fingerprint,
    /// Name.
    pub name: String,
}

/// The meeting was in two parts, as this device saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    /// Since when, ms since 1970.
    pub from_ms: u64,
    /// Until when; `None` while it lasts.
    pub until_ms: Option<u64>,
    /// The epoch in which the parts were joined again.
    pub epoch: Option<u32>,
}

/// A new device of this user that is being vouched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceOffer {
    /// The pairing code to type on the new device: four groups of four.
    pub code: String,
    /// Good until, ms since 1970.
    pub until_ms: u64,
    /// The device that showed the code, and waits for this user's word.
    pub request: Option<(Hash, Fingerprint)>,
}

/// Somebody who asks to come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Knock {
    /// The request.
    pub request: Hash,
    /// Key.
    pub fp: Fingerprint,
    /// Name given.
    pub name: String,
    /// What this device knows of the key.
    pub trust: Trust,
    /// The key pinned under this name, when it is another.
    pub pinned: Option<Fingerprint>,
    /// Waiting since, ms since 1970.
    pub since_ms: u64,
    /// A bot, and whom it names as its owner.
    pub bot: Option<Owner>,
    /// The named owner has said that the bot is theirs; a bot without cannot be let in.
    pub owned: bool,
}

/// One epoch as far as it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochNow {
    /// Number.
    pub number: u32,
    /// Hash of its announce: equal on all devices of one meeting.
    pub h: Hash,
    /// Why it was made.
    pub reason: Reason,
    /// Signed acks.
    pub confirmed: usize,
    /// Members that should confirm.
    pub members: usize,
    /// Who can hear until it is in use.
    pub leavers: Vec<String>,
}

/// Something that was refused and is kept, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// What it shows.
    pub charge: Charge,
    /// Against whom, when that is known.
    pub against: Option<Fingerprint>,
}

/// The spoken code: three words that everyone's device shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpokenNow {
    /// Nobody asked for one.
    Idle,
    /// Devices are answering.
    Running {
        /// Members that have answered.
        have: usize,
        /// Members that have to.
        of: usize,
    },
    /// Compare these, word by word.
    Code([&'static str; 3]),
    /// It did not come.
    Failed {
        /// Runs in a row that somebody or something stopped.
        times: u8,
    },
    /// It failed too often to be chance: compare fingerprints.
    CompareFingerprints,
}

/// Everything there is to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Where this device stands.
    pub phase: Phase,
    /// The session, once known.
    pub session_id: Option<Hash>,
    /// This device's place.
    pub me: Option<u16>,
    /// This device looks after the key.
    pub generator: bool,
    /// Name of the one who does.
    pub generator_name: Option<String>,
    /// Name of whoever looks after the key when this device leaves, while this one does.
    pub successor: Option<String>,
    /// Name of the one who did before, since this one took over.
    pub taken_over_from: Option<String>,
    /// No new fingerprints are let in.
    pub locked: bool,
    /// What this device may do.
    pub rights: Rights,
    /// No meeting runs, and this device's user may open it without the organizer ([`Input::Open`]).
    ///
    /// [`Input::Open`]: crate::Input::Open
    pub may_open: bool,
    /// Who was removed in this session; outside of it, only whether this device was.
    pub removed: Vec<Removed>,
    /// The newest split of the meeting.
    pub split: Option<Split>,
    /// A new device that is being vouched for.
    pub device: Option<DeviceOffer>,
    /// The epoch that is sealed under.
    pub active: Option<EpochNow>,
    /// A newer one that is coming.
    pub coming: Option<EpochNow>,
    /// Holders of the key, in roster order.
    pub members: Vec<Member>,
    /// The lobby, as this device sees it; only hosts decide.
    pub lobby: Vec<Knock>,
    /// Code of the active epoch: 30 digits.
    pub code: Option<String>,
    /// Generator's sign of life.
    pub pulse: Pulse,
    /// How long ago the last was, ms.
    pub pulse_age_ms: u64,
    /// This device's microphone.
    pub microphone: Microphone,
    /// How what this device says reaches the others.
    pub reach: Reach,
    /// The spoken code, as far as it has come.
    pub spoken: SpokenNow,
    /// What was refused and is kept, oldest first.
    pub evidence: Vec<Kept>,
    /// The journal, oldest first.
    pub journal: Vec<EpochRecord>,
    /// Figures.
    pub counters: Counters,
    /// When this device was out of the meeting with everything erased, ms since 1970.
    pub erased_ms: Option<u64>,
}

/// How what this device says reaches the others, by their pings of the last 12 s.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reach {
    /// The largest loss that anyone reported, in half per cent.
    pub loss: u8,
    /// Copies of earlier packets in each frame, for that.
    pub copies: usize,
}

pub(crate) fn take(core: &Core, state: &State) -> Snapshot {
    let mut snapshot = empty(core);
    match state {
        State::Connecting(_) => {
            snapshot.phase =
                if core.offline_since_ms.is_some() { Phase::Connecting } else { Phase::Waiting };
            snapshot.may_open = snapshot.phase == Phase::Waiting && may_be_asked(core);
        }
        State::Joining(joining) => joining_view(core, joining, &mut snapshot),
        State::Live(live) => live_view(core, live, &mut snapshot),
        State::Left(left) => {
            snapshot.phase = Phase::Left(left.why);
            snapshot.erased_ms = Some(left.at.wall_ms);
        }
    }
    snapshot
}

/// A deputy who was not asked yet. The organizer opens unasked.
fn may_be_asked(core: &Core) -> bool {
    core.opening.is_none() && core.may_open()
}

fn empty(core: &Core) -> Snapshot {
    Snapshot {
        phase: Phase::Connecting,
        session_id: None,
        me: None,
        generator: false,
        generator_name: None,
        successor: None,
        taken_over_from: None,
        locked: false,
        rights: Rights::default(),
        may_open: false,
        removed: Vec::new(),
        split: core.split,
        device: core.device_view(),
        active: None,
        coming: None,
        members: Vec::new(),
        lobby: Vec::new(),
        code: None,
        pulse: Pulse::Steady,
        pulse_age_ms: 0,
        microphone: Microphone::ClosedNotLive,
        reach: Reach::default(),
        spoken: SpokenNow::Idle,
        evidence: core.evidence.kept().collect(),
        journal: core.journal.records(),
        counters: core.counters,
        erased_ms: None,
    }
}

fn joining_view(core: &Core, joining: &Joining, snapshot: &mut Snapshot) {
    let history = joining.history();
    snapshot.session_id = Some(history.session.id());
    let generator = history.chain.generator().unwrap_or(core.cfg.organizer);
    snapshot.generator_name = name(&history.session, generator);
    snapshot.locked = joining.locked();
    snapshot.may_open = joining.lifeless(core) && may_be_asked(core);
    if joining.removed(core) {
        snapshot.removed = vec![Removed { fp: core.me(), name: core.cfg.name.clone() }];
    }
    snapshot.phase = match joining {
        _ if core.offline_since_ms.is_some() => Phase::Reconnecting,
        j if !j.asked() => Phase::Connecting,
        j if j.removed(core) => Phase::Lobby,
        j if j.expected(core) => Phase::Joining,
        j if j.locked() => Phase::Locked,
        _ => Phase::Lobby,
    };
}

fn live_view(core: &Core, live: &Live, snapshot: &mut Snapshot) {
    let s = &live.seated;
    let offline = core.offline_since_ms.is_some() || s.resuming();
    snapshot.phase = if offline { Phase::Reconnecting } else { Phase::Live };
    snapshot.session_id = Some(s.session.id());
    snapshot.me = Some(s.idx);
    let generator = s.chain.generator().unwrap_or(core.cfg.organizer);
    snapshot.generator_name = name(&s.session, generator);
    snapshot.successor = live.heir(core).map(|fp| name_of(core, s, fp));
    snapshot.taken_over_from = core.taken_over_from.clone();
    snapshot.locked = s.chain.head().is_some_and(|head| head.announce.locked);
    snapshot.rights = Rights {
        host: s.session.is_host(core.me()),
        organizer: core.me() == core.cfg.organizer,
        end: live.may_end(core),
    };
    snapshot.removed = s.chain.removed().map(|fp| removed(core, s, fp)).collect();
    let (active, newest) = (s.epochs.active(), s.epochs.newest());
    snapshot.active = active.map(|e| epoch_now(&s.session, e, None));
    snapshot.coming =
        newest.filter(|n| n.active_ms.is_none()).map(|n| epoch_now(&s.session, n, active));
    snapshot.code = active.map(|e| e.code().digits().to_owned());
    snapshot.members = members(core, live);
    snapshot.lobby =
        s.door.lobby.iter().map(|(h, w)| knock(core, s, h, w.fp, w.since_wall_ms)).collect();
    snapshot.lobby.sort_by_key(|k| (k.trust != Trust::KeyChanged, k.since_ms));
    snapshot.spoken = s.spoken_now(core);
    snapshot.reach = live.media.reach(core.ms());
    match &live.role {
        Role::Generator(_) => snapshot.generator = true,
        Role::Follower(follower) => {
            snapshot.pulse = follower.watch.pulse(core.ms());
            snapshot.pulse_age_ms = follower.watch.silence_ms(core.ms());
        }
    }
    snapshot.microphone = match snapshot.pulse {
        _ if offline => Microphone::ClosedReconnecting,
        Pulse::Cut | Pulse::Gone => Microphone::ClosedNoHeartbeat,
        _ if !live.may_speak(core) => Microphone::ClosedNotLive,
        _ if core.muted => Microphone::Muted,
        _ => Microphone::Open,
    };
}

fn removed(core: &Core, s: &Seated, fp: Fingerprint) -> Removed {
    Removed { fp, name: name_of(core, s, fp) }
}

/// The name that somebody came with, or is pinned under.
fn name_of(core: &Core, s: &Seated, fp: Fingerprint) -> String {
    let pinned = || core.cfg.known.iter().find(|k| k.fp == fp).map(|k| k.name.clone());
    name(&s.session, fp).or_else(pinned).unwrap_or_default()
}

fn owner(core: &Core, s: &Seated, fp: Fingerprint) -> Owner {
    Owner { fp, name: name_of(core, s, fp), me: fp == core.me() }
}

fn name(session: &Session, fp: Fingerprint) -> Option<String> {
    session.name_of(fp).map(str::to_owned)
}

fn epoch_now(session: &Session, epoch: &Epoch, active: Option<&Epoch>) -> EpochNow {
    let old = active.map(|a| a.roster.as_slice()).unwrap_or_default();
    let gone = old.iter().map(|e| Fingerprint(e.fp)).filter(|fp| epoch.entry_of(*fp).is_none());
    EpochNow {
        number: epoch.number,
        h: epoch.h,
        reason: epoch.reason,
        confirmed: epoch.confirmed(),
        members: epoch.present().count(),
        leavers: gone.filter_map(|fp| name(session, fp)).collect(),
    }
}

/// Everyone who can hear: on the newest roster, or still on the active one. A bot off the record has
/// no epoch, and sees the roster that the last announce signed.
fn members(core: &Core, live: &Live) -> Vec<Member> {
    let s = &live.seated;
    let Some(newest) = s.epochs.newest() else {
        let head = s.chain.head().into_iter().flat_map(|head| head.roster());
        return head.map(|e| member(core, live, None, e)).collect();
    };
    let leaving = s
        .epochs
        .active()
        .into_iter()
        .flat_map(|a| a.roster.iter())
        .filter(|e| newest.entry_of(Fingerprint(e.fp)).is_none());
    let all = newest.roster.iter().chain(leaving);
    let mut members: Vec<Member> = all.map(|e| member(core, live, Some(newest), e)).collect();
    members.sort_by_key(|m| m.idx);
    members
}

fn member(core: &Core, live: &Live, newest: Option<&Epoch>, entry: &Entry) -> Member {
    let (s, fp) = (&live.seated, Fingerprint(entry.fp));
    let me = fp == core.me();
    let confirmed = newest.is_some_and(|e| e.acked.contains(&entry.idx));
    // The name of the join that the roster names: a later request changes nothing by itself.
    let join_h = newest.and_then(|e| e.join_of(entry)).unwrap_or(entry.join_h);
    let given = s.session.request(&join_h).map(|r| r.name.clone());
    let pinned_name = || core.cfg.known.iter().find(|k| k.fp == fp).map(|k| k.name.clone());
    let name = given.or_else(pinned_name).unwrap_or_else(|| name_of(core, s, fp));
    let replaced = entry.replaces.map(Fingerprint);
    Member {
        idx: entry.idx,
        fp,
        me,
        organizer: fp == core.cfg.organizer,
        host: s.session.is_host(fp),
        deputy: core.is_deputy(fp),
        generator: s.chain.generator() == Some(fp),
        bot: entry.owner.map(|fp| owner(core, s, Fingerprint(fp))),
        replaces: replaced.map(|fp| Replaced { fp, name: name_of(core, s, fp) }),
        trust: trust(core, fp, &name, replaced),
        pinned: pinned_under(&core.cfg.known, fp, &name).filter(|_| !me),
        presence: presence(newest, entry, confirmed),
        confirmed,
        muted: if me { core.muted } else { live.media.muted(entry.idx) },
        loss: live.media.loss(entry.idx),
        name,
    }
}

fn presence(newest: Option<&Epoch>, entry: &Entry, confirmed: bool) -> Presence {
    let listed = newest.is_none_or(|e| e.entry_of(Fingerprint(entry.fp)).is_some());
    let arrived = newest.is_some_and(|e| e.arrived.contains_key(&entry.idx));
    match entry.state {
        _ if !listed => Presence::Leaving,
        EntryState::Off => Presence::Off,
        EntryState::Invited if !arrived => Presence::Invited,
        // Without an epoch of its own this device cannot tell.
        _ if newest.is_some() && !confirmed => Presence::Joining,
        _ => Presence::In,
    }
}

/// A key that is not pinned, vouched for by one that is, is that person's new device.
fn trust(core: &Core, fp: Fingerprint, name: &str, replaces: Option<Fingerprint>) -> Trust {
    let known = |fp| core.cfg.known.iter().any(|k| k.fp == fp);
    match replaces {
        Some(old) if !known(fp) && known(old) => Trust::NewDevice,
        _ => trust_of(&core.cfg.known, fp, name),
    }
}

fn knock(core: &Core, s: &Seated, h: &Hash, fp: Fingerprint, since_ms: u64) -> Knock {
    let request = s.session.request(h);
    let name = request.map(|r| r.name.clone()).unwrap_or_default();
    let claimed = request.and_then(|r| r.own);
    let known = &core.cfg.known;
    Knock {
        request: *h,
        fp,
        trust: trust_of(known, fp, &name),
        pinned: pinned_under(known, fp, &name),
        since_ms,
        bot: claimed.map(|fp| owner(core, s, fp)),
        owned: claimed.is_some() && s.posted.owner_of(&s.session, h) == claimed,
        name,
    }
}
