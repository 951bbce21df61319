//! From the engine's snapshot to the UI's view of the meeting. Facts only, no words.

use standfast_client::call::{CallView, LineState};
use standfast_client::profile::hex;
use standfast_client::voice::{AudioError, DeviceState, Devices, Levels};
use standfast_ipc::{
    Arrival, Connection, EpochView, Heartbeat, KeyPhase, KeyReason, LobbyEntry, MeetingPhase,
    MeetingView, MemberView, Microphone, PendingEpoch, Presence, Quality, RemovedView, Rights,
    Role, TimelineEntry,
};
use standfast_meeting::limits::RETIRE_MS;
use standfast_meeting::{
    EpochNow, EpochRecord, Knock, LeftWhy, Member, Microphone as Mic, Phase, Presence as Place,
    Pulse, Reason, Removed, Snapshot,
};

use crate::call::Running;
use crate::prints::Prints;
use crate::standups::{Book, view_trust};

/// Minutes between keys, as the policy of this version says.
const ROTATE_MINUTES: u32 = standfast_client::profile::ROTATE_MS / 60_000;

/// Everything that a view is made from.
pub(crate) struct Source<'a> {
    pub(crate) running: &'a Running,
    pub(crate) call: &'a CallView,
    pub(crate) levels: Option<Levels>,
    pub(crate) devices: Option<Devices>,
    pub(crate) book: &'a Book,
    pub(crate) now_ms: u64,
}

pub(crate) fn view(source: &Source<'_>, prints: &mut Prints) -> MeetingView {
    let s = &*source.call.meeting;
    let live = matches!(s.phase, Phase::Live | Phase::Reconnecting);
    MeetingView {
        standup: hex(&source.running.meeting_id),
        title: source.running.title.clone(),
        link: source.running.link.to_string(),
        phase: phase(source, s),
        started_at_ms: s.journal.first().map(|r| r.made_ms),
        me: s.me,
        rights: if live { rights(s) } else { Rights::default() },
        locked: s.locked,
        successor: None,
        epoch: s.active.as_ref().map(|e| epoch(s, e)),
        pending: s.coming.as_ref().map(|e| pending(s, e)),
        heartbeat: heartbeat(source, s),
        takeover: None,
        split: None,
        members: s.members.iter().map(|m| member(source, m, prints)).collect(),
        awaited: awaited(source, s),
        lobby: s.lobby.iter().map(|k| knock(source, k, prints)).collect(),
        removed: s.removed.iter().map(|r| removed(r, prints)).collect(),
        code: s.code.clone(),
        timeline: timeline(s, source.now_ms),
        microphone: microphone(source, s),
        connection: connection(source.call.line),
    }
}

fn rights(s: &Snapshot) -> Rights {
    Rights { host: s.rights.host, organizer: s.rights.organizer, end: s.rights.end }
}

fn removed(r: &Removed, prints: &mut Prints) -> RemovedView {
    RemovedView { name: r.name.clone(), fingerprint: prints.view(r.fp) }
}

fn phase(source: &Source<'_>, s: &Snapshot) -> MeetingPhase {
    let organizer =
        || s.generator_name.clone().or_else(|| source.book.name_of(source.running.organizer));
    match s.phase {
        Phase::Connecting | Phase::Joining => MeetingPhase::Connecting,
        Phase::Waiting => MeetingPhase::Waiting { for_name: organizer() },
        Phase::Lobby => MeetingPhase::Lobby { organizer: organizer() },
        Phase::Locked => MeetingPhase::Locked,
        Phase::Live => MeetingPhase::Live,
        Phase::Reconnecting => MeetingPhase::Reconnecting { since_ms: down_since(source) },
        Phase::Left(LeftWhy::KeptOut) => MeetingPhase::Refused { by: organizer() },
        Phase::Left(why) => MeetingPhase::Ended {
            at_ms: s.erased_ms.unwrap_or(source.now_ms),
            erased_at_ms: s.erased_ms,
            for_everyone: why == LeftWhy::Ended,
        },
    }
}

fn down_since(source: &Source<'_>) -> u64 {
    match source.call.line {
        LineState::Down { since_ms, .. } => since_ms,
        _ => source.now_ms,
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn epoch(s: &Snapshot, e: &EpochNow) -> EpochView {
    let made_at_ms = s.journal.iter().rev().find(|r| r.epoch == e.number).map_or(0, |r| r.made_ms);
    EpochView {
        number: e.number,
        made_at_ms,
        confirmed: count(e.confirmed),
        members: count(e.members),
    }
}

fn pending(s: &Snapshot, e: &EpochNow) -> PendingEpoch {
    let record = s.journal.iter().rev().find(|r| r.epoch == e.number);
    PendingEpoch {
        number: e.number,
        reason: record.map_or(KeyReason::Started, |r| reason(r, s)),
        leavers: e.leavers.clone(),
        confirmed: count(e.confirmed),
        members: count(e.members),
    }
}

fn heartbeat(source: &Source<'_>, s: &Snapshot) -> Option<Heartbeat> {
    let generator = s.generator_name.clone()?;
    let last_at_ms = source.now_ms.saturating_sub(s.pulse_age_ms) / 1_000 * 1_000;
    // A fresh sign of life is not worth a new view each time.
    let stale = s.pulse >= Pulse::Stale;
    Some(Heartbeat {
        generator,
        here: s.generator,
        last_at_ms: if stale { last_at_ms } else { 0 },
        stale,
    })
}

fn member(source: &Source<'_>, m: &Member, prints: &mut Prints) -> MemberView {
    let speaking = source.levels.as_ref().is_some_and(|levels| speaking(levels, m));
    MemberView {
        idx: m.idx,
        name: m.name.clone(),
        me: m.me,
        organizer: m.organizer,
        host: m.host,
        generator: m.generator,
        role: Role::Person,
        owner: None,
        trust: view_trust(m.trust),
        presence: match m.presence {
            Place::In => Presence::In,
            Place::Joining => Presence::Joining,
            Place::Leaving => Presence::Leaving,
            Place::Invited => Presence::Invited,
            Place::Off => Presence::Off,
        },
        confirmed: m.confirmed,
        muted: m.muted,
        speaking: speaking && !m.muted,
        volume: source.book.volume(m.fp),
        muted_here: source.running.muted_here.contains(&m.idx),
        fingerprint: prints.view(m.fp),
        pinned: m.pinned.map(|fp| prints.view(fp)),
        first_met_ms: source.book.first_met(m.fp),
        connection: None,
    }
}

fn speaking(levels: &Levels, m: &Member) -> bool {
    if m.me {
        return levels.input_speaking;
    }
    levels.speakers.iter().any(|s| s.speaker == u64::from(m.idx) && s.speaking)
}

/// Scheduled members who are not on the roster.
fn awaited(source: &Source<'_>, s: &Snapshot) -> Vec<String> {
    let missing = source
        .book
        .members_of(&source.running.meeting_id)
        .into_iter()
        .filter(|fp| !s.members.iter().any(|m| m.fp == *fp));
    missing.filter_map(|fp| source.book.name_of(fp)).collect()
}

fn knock(source: &Source<'_>, k: &Knock, prints: &mut Prints) -> LobbyEntry {
    let known = source.book.name_of(k.fp).is_some();
    LobbyEntry {
        id: hex(&k.request),
        name: k.name.clone(),
        role: Role::Person,
        owner: None,
        trust: view_trust(k.trust),
        fingerprint: prints.view(k.fp),
        pinned: k.pinned.map(|fp| prints.view(fp)),
        verified_at_ms: k.pinned.and_then(|fp| source.book.verified_at(fp)),
        arrival: if known { Arrival::KnownContact } else { Arrival::FirstTime },
        since_ms: k.since_ms,
    }
}

/// The key timeline, newest first.
pub(crate) fn timeline(s: &Snapshot, now_ms: u64) -> Vec<TimelineEntry> {
    let active = s.active.as_ref().map(|e| e.number);
    s.journal.iter().rev().map(|r| entry(r, s, active, now_ms)).collect()
}

fn entry(r: &EpochRecord, s: &Snapshot, active: Option<u32>, now_ms: u64) -> TimelineEntry {
    let phase = match (r.erased_ms, r.in_use_ms) {
        (Some(_), _) => KeyPhase::Erased,
        (None, Some(_)) if active == Some(r.epoch) => KeyPhase::InUse,
        (None, Some(_)) => KeyPhase::Retiring,
        (None, None) => KeyPhase::Shared,
    };
    let next_in_use = s.journal.iter().filter(|n| n.epoch > r.epoch).find_map(|n| n.in_use_ms);
    let erased_at_ms = match phase {
        KeyPhase::Retiring => Some(next_in_use.unwrap_or(now_ms) + RETIRE_MS),
        _ => r.erased_ms,
    };
    TimelineEntry {
        epoch: r.epoch,
        reason: reason(r, s),
        made_by: s.generator_name.clone().unwrap_or_default(),
        made_here: r.made_here,
        confirmed: count(r.confirmed),
        members: count(r.members),
        phase,
        made_at_ms: r.made_ms,
        in_use_at_ms: r.in_use_ms,
        erased_at_ms,
    }
}

fn reason(r: &EpochRecord, s: &Snapshot) -> KeyReason {
    let names = r.who.clone();
    let one = || r.who.first().cloned().unwrap_or_default();
    let by = || s.generator_name.clone().unwrap_or_default();
    match r.reason {
        Reason::Open => KeyReason::Started,
        Reason::Join => KeyReason::Joined { names },
        Reason::Leave => KeyReason::Left { names },
        Reason::Drop => KeyReason::Dropped { names },
        Reason::Removal => KeyReason::Removed { name: one(), by: by() },
        Reason::Timer => KeyReason::Timer { minutes: ROTATE_MINUTES },
        Reason::Manual => KeyReason::Requested { by: by() },
        Reason::OffRecord => KeyReason::OffRecord { name: one() },
        Reason::OnRecord => KeyReason::OnRecord { name: one() },
        Reason::Takeover => KeyReason::Takeover { name: by() },
        Reason::Device => KeyReason::DeviceChanged { name: one() },
        Reason::Merge => KeyReason::SplitHealed,
    }
}

fn microphone(source: &Source<'_>, s: &Snapshot) -> Microphone {
    let input = source.devices.as_ref().map(|d| &d.input);
    let no_device = matches!(
        input,
        Some(DeviceState::Failed(AudioError::NoDevice | AudioError::Gone) | DeviceState::Off)
    );
    match s.microphone {
        Mic::Open | Mic::Muted if no_device => Microphone::NoDevice,
        Mic::Open => Microphone::Open,
        Mic::Muted => Microphone::Muted,
        Mic::ClosedNoHeartbeat => Microphone::ClosedNoHeartbeat,
        Mic::ClosedReconnecting => Microphone::ClosedReconnecting,
        Mic::ClosedNotLive => Microphone::ClosedNotLive,
    }
}

fn connection(line: LineState) -> Connection {
    match line {
        LineState::Up { rtt_ms } => Connection {
            quality: match rtt_ms {
                Some(301..) => Quality::Weak,
                Some(150..) => Quality::Fair,
                _ => Quality::Good,
            },
            rtt_ms,
        },
        LineState::Connecting | LineState::Down { .. } => {
            Connection { quality: Quality::Reconnecting, rtt_ms: None }
        }
    }
}
