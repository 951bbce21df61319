//! The key timeline: one entry per epoch. Facts only, no words.

use std::collections::BTreeMap;

use standfast_crypto::Fingerprint;
use standfast_ipc::{KeyPhase, KeyReason, TimelineEntry};
use standfast_meeting::limits::RETIRE_MS;
use standfast_meeting::{EpochRecord, Member, Reason, Snapshot};

use crate::meeting_view::count;

/// Minutes between keys, as the policy of this version says.
const ROTATE_MINUTES: u32 = standfast_client::profile::ROTATE_MS / 60_000;

/// Everyone who was on a roster of this meeting, under the name they came with: a timeline names
/// people who have gone since.
#[derive(Debug, Default)]
pub(crate) struct Names(BTreeMap<Fingerprint, Met>);

#[derive(Debug)]
struct Met {
    name: String,
    bot: bool,
}

impl Names {
    pub(crate) fn meet(&mut self, members: &[Member]) {
        for m in members {
            let met = self.0.entry(m.fp).or_insert_with(|| Met { name: String::new(), bot: false });
            if met.name != m.name {
                met.name.clone_from(&m.name);
            }
            met.bot = m.bot.is_some();
        }
    }

    pub(crate) fn of(&self, fp: Fingerprint) -> Option<&str> {
        self.0.get(&fp).map(|met| met.name.as_str())
    }

    fn is_bot(&self, name: &str) -> bool {
        self.0.values().any(|met| met.bot && met.name == name)
    }
}

/// The key timeline, newest first.
pub(crate) fn timeline(s: &Snapshot, names: &Names, now_ms: u64) -> Vec<TimelineEntry> {
    let active = s.active.as_ref().map(|e| e.number);
    s.journal.iter().rev().map(|r| entry(r, s, names, active, now_ms)).collect()
}

fn entry(
    r: &EpochRecord,
    s: &Snapshot,
    names: &Names,
    active: Option<u32>,
    now_ms: u64,
) -> TimelineEntry {
    let phase = match (r.erased_ms, r.in_use_ms) {
        (Some(_), _) => KeyPhase::Erased,
        (None, Some(_)) if active == Some(r.epoch) => KeyPhase::InUse,
        (None, Some(_)) => KeyPhase::Retiring,
        (None, None) => KeyPhase::Shared,
    };
    let next_in_use = s.journal.iter().filter(|n| n.epoch > r.epoch).find_map(|n| n.in_use_ms);
    let retired_at_ms = r.in_use_ms.and(next_in_use).filter(|_| phase != KeyPhase::InUse);
    let erased_at_ms = match phase {
        KeyPhase::Retiring => Some(next_in_use.unwrap_or(now_ms) + RETIRE_MS),
        _ => r.erased_ms,
    };
    let others = r.roster.iter().filter(|fp| **fp != r.generator);
    TimelineEntry {
        epoch: r.epoch,
        reason: reason(r, names),
        made_by: names.of(r.generator).unwrap_or_default().to_owned(),
        made_here: r.made_here,
        shared_with: others.filter_map(|fp| names.of(*fp)).map(str::to_owned).collect(),
        confirmations: Vec::new(),
        confirmed: count(r.confirmed),
        members: count(r.members),
        phase,
        made_at_ms: r.made_ms,
        in_use_at_ms: r.in_use_ms,
        retired_at_ms,
        erased_at_ms,
    }
}

/// Why an epoch was made. Who asked for it is not in the record.
pub(crate) fn reason(r: &EpochRecord, names: &Names) -> KeyReason {
    let who = r.who.clone();
    let one = || r.who.first().cloned().unwrap_or_default();
    match r.reason {
        Reason::Open => KeyReason::Started,
        Reason::Join if r.who.len() == 1 && names.is_bot(&one()) => {
            KeyReason::BotAdmitted { name: one(), by: None }
        }
        Reason::Join => KeyReason::Joined { names: who },
        Reason::Leave => KeyReason::Left { names: who },
        Reason::Drop => KeyReason::Dropped { names: who },
        Reason::Removal => KeyReason::Removed { name: one(), by: None },
        Reason::Timer => KeyReason::Timer { minutes: ROTATE_MINUTES },
        Reason::Manual => KeyReason::Requested { by: None },
        Reason::OffRecord => KeyReason::OffRecord { name: one() },
        Reason::OnRecord => KeyReason::OnRecord { name: one() },
        Reason::Takeover => {
            KeyReason::Takeover { name: names.of(r.generator).unwrap_or_default().to_owned() }
        }
        Reason::Device => KeyReason::DeviceChanged { name: one() },
        Reason::Merge => KeyReason::SplitHealed,
    }
}
