//! The key timeline: one entry per epoch. Facts only, no words.

use std::collections::BTreeMap;

use standfast_crypto::Fingerprint;
use standfast_ipc::{Confirmation, KeyPhase, KeyReason, TimelineEntry};
use standfast_meeting::limits::RETIRE_MS;
use standfast_meeting::{EpochRecord, Member, Reason};

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

    /// Somebody of whom a journal tells.
    pub(crate) fn learn(&mut self, fp: Fingerprint, name: &str, bot: bool) {
        if !name.is_empty() {
            self.0.insert(fp, Met { name: name.to_owned(), bot });
        }
    }

    /// The name, or nothing where none was given.
    pub(crate) fn owned(&self, fp: Fingerprint) -> String {
        self.of(fp).unwrap_or_default().to_owned()
    }

    fn of(&self, fp: Fingerprint) -> Option<&str> {
        self.0.get(&fp).map(|met| met.name.as_str())
    }

    pub(crate) fn is_bot(&self, name: &str) -> bool {
        self.0.values().any(|met| met.bot && met.name == name)
    }
}

/// The key timeline, newest first. `active` is the epoch in use, if there is one.
pub(crate) fn timeline(
    records: &[EpochRecord],
    active: Option<u32>,
    names: &Names,
    now_ms: u64,
) -> Vec<TimelineEntry> {
    records.iter().rev().map(|r| entry(r, active, names, now_ms)).collect()
}

fn entry(r: &EpochRecord, active: Option<u32>, names: &Names, now_ms: u64) -> TimelineEntry {
    let phase = match (r.erased_ms, r.in_use_ms) {
        (Some(_), _) => KeyPhase::Erased,
        (None, Some(_)) if active == Some(r.epoch) => KeyPhase::InUse,
        (None, Some(_)) => KeyPhase::Retiring,
        (None, None) => KeyPhase::Shared,
    };
    let erased_at_ms = match phase {
        KeyPhase::Retiring => Some(r.retired_ms.unwrap_or(now_ms) + RETIRE_MS),
        _ => r.erased_ms,
    };
    let confirmation =
        |(fp, at_ms): &(Fingerprint, u64)| Confirmation { name: names.owned(*fp), at_ms: *at_ms };
    TimelineEntry {
        epoch: r.epoch,
        reason: reason(r, names),
        made_by: names.owned(r.generator),
        made_here: r.made_here,
        shared_with: r.wrapped.iter().map(|fp| names.owned(*fp)).collect(),
        confirmations: r.acks.iter().map(confirmation).collect(),
        confirmed: count(r.confirmed),
        members: count(r.members),
        phase,
        made_at_ms: r.made_ms,
        in_use_at_ms: r.in_use_ms,
        retired_at_ms: r.retired_ms,
        erased_at_ms,
    }
}

/// Why an epoch was made. Who asked for a new key, or took a bot off the record, is not in the
/// record.
pub(crate) fn reason(r: &EpochRecord, names: &Names) -> KeyReason {
    let who = r.who.clone();
    let one = || r.who.first().cloned().unwrap_or_default();
    let by = r.by.map(|fp| names.owned(fp));
    match r.reason {
        Reason::Open => KeyReason::Started,
        Reason::Join if r.who.len() == 1 && names.is_bot(&one()) => {
            KeyReason::BotAdmitted { name: one(), by }
        }
        Reason::Join => KeyReason::Joined { names: who },
        Reason::Leave => KeyReason::Left { names: who },
        Reason::Drop if r.who.is_empty() => KeyReason::Back { name: names.owned(r.generator) },
        Reason::Drop => KeyReason::Dropped { names: who },
        Reason::Removal => KeyReason::Removed { name: one(), by },
        Reason::Timer => KeyReason::Timer { minutes: ROTATE_MINUTES },
        Reason::Manual => KeyReason::Requested { by: None },
        Reason::OffRecord => KeyReason::OffRecord { name: one() },
        Reason::OnRecord => KeyReason::OnRecord { name: one() },
        Reason::Takeover => KeyReason::Takeover { name: names.owned(r.generator) },
        Reason::Device => KeyReason::DeviceChanged { name: one() },
        Reason::Merge => KeyReason::SplitHealed,
    }
}
