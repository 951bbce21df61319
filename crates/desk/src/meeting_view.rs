//! From the engine's snapshot to the UI's view of the meeting. Facts only, no words.

use standfast_client::call::{CallView, LineState};
use standfast_client::profile::hex;
use standfast_client::voice::{AudioError, DeviceState, Devices, Levels};
use standfast_crypto::Fingerprint;
use standfast_ipc::{
    Connection, EpochView, EvidenceView, Heartbeat, KeyReason, LeftReason, MeetingPhase,
    MeetingView, Microphone, PendingEpoch, Quality, Rights, Split, Spoken, Takeover,
};
use standfast_meeting::{
    EpochNow, EpochRecord, Kept, LeftWhy, Member, Microphone as Mic, Phase, Presence as Place,
    Pulse, Reason, SPOKEN_MAX, Snapshot, Split as Healing, SpokenNow,
};

use crate::call::Running;
use crate::journal_view::charged;
use crate::people_view::{device, knock, member, removed};
use crate::prints::Prints;
use crate::standups::Book;
use crate::timeline::{reason, timeline};

/// Everything that a view is made from.
pub(crate) struct Source<'a> {
    pub(crate) running: &'a Running,
    /// This device.
    pub(crate) me: Fingerprint,
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
        organizer_name: organizer_name(source, s),
        link: source.running.link.to_string(),
        phase: phase(source, s),
        started_at_ms: s.journal.first().map(|r| r.made_ms),
        me: s.me,
        rights: if live { rights(s) } else { Rights::default() },
        locked: s.locked,
        successor: s.successor.clone(),
        epoch: s.active.as_ref().map(|e| epoch(s, e)),
        pending: s.coming.as_ref().map(|e| pending(source, s, e)),
        heartbeat: heartbeat(source, s),
        takeover: takeover(source, s),
        split: split(source, s),
        members: s.members.iter().map(|m| member(source, m, prints)).collect(),
        awaited: awaited(source, s),
        lobby: s.lobby.iter().map(|k| knock(source, k, prints)).collect(),
        device: s.device.as_ref().map(|d| device(source, d, prints)),
        as_new_device: source.running.as_new_device,
        removed: s.removed.iter().map(|r| removed(r, prints)).collect(),
        code: s.code.clone(),
        spoken: live.then(|| spoken(s)).flatten(),
        evidence: s.evidence.iter().enumerate().map(|(at, e)| evidence(source, at, e)).collect(),
        timeline: timeline(
            &s.journal,
            s.active.as_ref().map(|e| e.number),
            &source.running.names,
            source.now_ms,
        ),
        microphone: microphone(source, s),
        connection: connection(source.call.line),
    }
}

fn organizer_name(source: &Source<'_>, s: &Snapshot) -> Option<String> {
    let here = s.members.iter().find(|m| m.organizer).map(|m| m.name.clone());
    here.or_else(|| source.book.name_of(source.running.organizer))
}

fn rights(s: &Snapshot) -> Rights {
    Rights { host: s.rights.host, organizer: s.rights.organizer, end: s.rights.end }
}

fn phase(source: &Source<'_>, s: &Snapshot) -> MeetingPhase {
    let organizer =
        || s.generator_name.clone().or_else(|| source.book.name_of(source.running.organizer));
    // Looked for where the engine looks: a board on which nobody lives is no meeting.
    if s.may_open {
        let for_name = source.book.name_of(source.running.organizer);
        return MeetingPhase::Waiting { for_name, may_open: true };
    }
    match s.phase {
        Phase::Connecting | Phase::Joining => MeetingPhase::Connecting,
        Phase::Waiting => MeetingPhase::Waiting { for_name: organizer(), may_open: false },
        Phase::Lobby if s.removed.iter().any(|r| r.fp == source.me) => {
            MeetingPhase::RemovedBefore { organizer: source.book.name_of(source.running.organizer) }
        }
        Phase::Lobby => MeetingPhase::Lobby { organizer: organizer() },
        Phase::Locked => MeetingPhase::Locked,
        Phase::Live => MeetingPhase::Live,
        Phase::Reconnecting => MeetingPhase::Reconnecting { since_ms: down_since(source) },
        Phase::Left(LeftWhy::KeptOut) => MeetingPhase::Refused { by: organizer() },
        Phase::Left(LeftWhy::WrongPassphrase) => {
            MeetingPhase::Passphrase { given: source.running.with_passphrase }
        }
        Phase::Left(why) => MeetingPhase::Ended {
            at_ms: s.erased_ms.unwrap_or(source.now_ms),
            erased_at_ms: s.erased_ms,
            why: left(why),
        },
    }
}

fn left(why: LeftWhy) -> LeftReason {
    match why {
        LeftWhy::Left => LeftReason::Left,
        LeftWhy::Ended => LeftReason::Ended,
        LeftWhy::KeptOut => LeftReason::KeptOut,
        LeftWhy::Removed => LeftReason::Removed,
        LeftWhy::Elsewhere => LeftReason::Elsewhere,
        LeftWhy::Replaced => LeftReason::Replaced,
        LeftWhy::WrongPassphrase => LeftReason::WrongPassphrase,
    }
}

fn down_since(source: &Source<'_>) -> u64 {
    match source.call.line {
        LineState::Down { since_ms, .. } => since_ms,
        _ => source.now_ms,
    }
}

pub(crate) fn count(n: usize) -> u32 {
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

fn pending(source: &Source<'_>, s: &Snapshot, e: &EpochNow) -> PendingEpoch {
    let record = s.journal.iter().rev().find(|r| r.epoch == e.number);
    PendingEpoch {
        number: e.number,
        reason: record.map_or(KeyReason::Started, |r| reason(r, &source.running.names)),
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

/// Scheduled members who are not on the roster, nor another device of theirs.
fn awaited(source: &Source<'_>, s: &Snapshot) -> Vec<String> {
    let missing = source
        .book
        .members_of(&source.running.meeting_id)
        .into_iter()
        .filter(|fp| !s.members.iter().any(|m| is_of(m, *fp)));
    missing.filter_map(|fp| source.book.name_of(fp)).collect()
}

fn is_of(m: &Member, fp: Fingerprint) -> bool {
    m.fp == fp || m.replaces.as_ref().is_some_and(|old| old.fp == fp)
}

fn takeover(source: &Source<'_>, s: &Snapshot) -> Option<Takeover> {
    let active = s.active.as_ref()?;
    let (before, first) = changed_hands(&s.journal, s.split)?;
    let name = source.running.names.owned(before.generator);
    // Whoever changed the device is still there.
    let same = |m: &Member| m.fp == before.generator || m.name == name;
    let gone = !s.members.iter().any(|m| same(m) && m.presence != Place::Leaving);
    Some(Takeover {
        name: source.running.names.owned(first.generator),
        before: name,
        gone,
        epoch: first.epoch,
        at_ms: first.made_ms,
        // A later key has its own reason to be told.
        settled: active.number > first.epoch
            || (active.number == first.epoch && active.confirmed == active.members),
    })
}

/// The newest epoch that somebody else made than the one before it, and that one. What came with a
/// split is told as a split once it has healed, also where this device's first key after it is a
/// later one than the merge's.
fn changed_hands(
    journal: &[EpochRecord],
    split: Option<Healing>,
) -> Option<(&EpochRecord, &EpochRecord)> {
    let pairs = journal.iter().zip(journal.iter().skip(1)).rev();
    let (before, first) = pairs.into_iter().find(|(a, b)| a.generator != b.generator)?;
    let healed = split.and_then(|split| split.epoch);
    let of_a_split = first.reason == Reason::Merge
        || healed.is_some_and(|at| before.epoch < at || first.epoch <= at);
    (!of_a_split).then_some((before, first))
}

/// Alone, and among too many people, there is none.
fn spoken(s: &Snapshot) -> Option<Spoken> {
    let present = s.active.as_ref().map_or(0, |e| e.members);
    Some(match s.spoken {
        SpokenNow::Idle if !(2..=SPOKEN_MAX).contains(&present) => return None,
        SpokenNow::Idle => Spoken::Idle,
        SpokenNow::Running { have, of } => Spoken::Running { have: count(have), of: count(of) },
        SpokenNow::Code(words) => Spoken::Code { words: words.map(str::to_owned).to_vec() },
        SpokenNow::Failed { times } => Spoken::Failed { times: times.into() },
        SpokenNow::CompareFingerprints => Spoken::CompareFingerprints,
    })
}

/// Exhibits are only added: their place names them.
fn evidence(source: &Source<'_>, at: usize, kept: &Kept) -> EvidenceView {
    EvidenceView {
        id: at.to_string(),
        what: charged(kept.charge),
        against: kept.against.map(|fp| source.running.names.owned(fp)),
    }
}

fn split(source: &Source<'_>, s: &Snapshot) -> Option<Split> {
    let split = s.split?;
    Some(Split {
        from_ms: split.from_ms,
        to_ms: split.until_ms,
        epoch: split.epoch,
        read: source.running.split_read == Some(split.from_ms),
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn key(epoch: u32, reason: Reason, by: u8) -> EpochRecord {
        EpochRecord {
            epoch,
            term: 1,
            reason,
            who: Vec::new(),
            by: None,
            generator: Fingerprint([by; 32]),
            made_here: false,
            roster: Vec::new(),
            wrapped: Vec::new(),
            confirmed: 1,
            members: 1,
            acks: Vec::new(),
            made_ms: 0,
            all_confirmed_after_ms: None,
            in_use_ms: None,
            retired_ms: None,
            erased_ms: None,
        }
    }

    fn healed_in(epoch: u32) -> Option<Healing> {
        Some(Healing { from_ms: 0, until_ms: Some(1), epoch: Some(epoch) })
    }

    #[test]
    fn who_came_back_late_to_a_merge_is_told_of_a_split_and_of_no_takeover() {
        let alone = [key(5, Reason::Timer, 1), key(6, Reason::Takeover, 2)];
        let told = |journal: &[EpochRecord], split| {
            changed_hands(journal, split).map(|(_, first)| first.epoch)
        };
        assert_eq!(told(&alone, None), Some(6));
        assert_eq!(
            told(&alone, Some(Healing { from_ms: 0, until_ms: None, epoch: None })),
            Some(6)
        );
        let [a, b] = alone;
        let merged = [a.clone(), b.clone(), key(7, Reason::Merge, 1)];
        let late = [a, b, key(8, Reason::Join, 1)];
        assert_eq!(told(&merged, healed_in(7)), None);
        assert_eq!(told(&late, None), Some(8), "the control");
        assert_eq!(told(&late, healed_in(7)), None);
        // Who came to a branch with lower numbers, which no announce joined.
        let lower = [key(12, Reason::Timer, 2), key(8, Reason::Join, 1)];
        assert_eq!(told(&lower, healed_in(8)), None);
        let again = [key(8, Reason::Join, 1), key(9, Reason::Takeover, 3)];
        assert_eq!(told(&again, healed_in(7)), Some(9));
    }
}
