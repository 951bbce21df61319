//! What happened to the keys: one record per epoch. No secrets.

use standfast_crypto::Fingerprint;
use standfast_wire::control::Reason;

use crate::Now;

/// One epoch's life on this device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochRecord {
    /// Its number.
    pub epoch: u32,
    /// Its term.
    pub term: u32,
    /// Why it was made.
    pub reason: Reason,
    /// Who came or went with it, by the names they came with.
    pub who: Vec<String>,
    /// Who made it.
    pub generator: Fingerprint,
    /// This device made it.
    pub made_here: bool,
    /// Everyone on its roster.
    pub roster: Vec<Fingerprint>,
    /// Signed acks, this device's included.
    pub confirmed: usize,
    /// Members that should confirm.
    pub members: usize,
    /// When this device made it or first saw it, ms since 1970.
    pub made_ms: u64,
    /// When all had confirmed, counted from the making, ms.
    pub all_confirmed_after_ms: Option<u64>,
    /// When this device began to seal under it.
    pub in_use_ms: Option<u64>,
    /// When its keys were erased here.
    pub erased_ms: Option<u64>,
    made_mono_ms: u64,
}

/// The records of a meeting, oldest first, at most [`Journal::MAX`].
#[derive(Debug, Default)]
pub struct Journal(Vec<EpochRecord>);

impl Journal {
    /// Epochs remembered: more than 15 h of one every minute. Older ones make room.
    pub const MAX: usize = 1_000;

    /// All records.
    #[must_use]
    pub fn records(&self) -> &[EpochRecord] {
        &self.0
    }

    pub(crate) fn made(&mut self, mut record: EpochRecord, now: Now) {
        (record.made_ms, record.made_mono_ms) = (now.wall_ms, now.mono_ms);
        if self.0.len() == Self::MAX {
            self.0.remove(0);
        }
        self.0.push(record);
    }

    pub(crate) fn confirmed(&mut self, epoch: u32, confirmed: usize, members: usize, now: Now) {
        if let Some(record) = self.record(epoch) {
            (record.confirmed, record.members) = (confirmed, members);
            if confirmed == members {
                let after = now.mono_ms.saturating_sub(record.made_mono_ms);
                record.all_confirmed_after_ms.get_or_insert(after);
            }
        }
    }

    pub(crate) fn in_use(&mut self, epoch: u32, now: Now) {
        if let Some(record) = self.record(epoch) {
            record.in_use_ms.get_or_insert(now.wall_ms);
        }
    }

    pub(crate) fn erased(&mut self, epoch: u32, now: Now) {
        if let Some(record) = self.record(epoch) {
            record.erased_ms.get_or_insert(now.wall_ms);
        }
    }

    /// Every key is gone.
    pub(crate) fn erased_all(&mut self, now: Now) {
        for record in &mut self.0 {
            record.erased_ms.get_or_insert(now.wall_ms);
        }
    }

    fn record(&mut self, epoch: u32) -> Option<&mut EpochRecord> {
        self.0.iter_mut().rev().find(|r| r.epoch == epoch)
    }
}

impl EpochRecord {
    pub(crate) fn new(link: &crate::chain::Link, who: Vec<String>, me: Fingerprint) -> Self {
        let a = &link.announce;
        Self {
            epoch: a.epoch,
            term: a.term,
            reason: a.reason,
            who,
            generator: Fingerprint(a.generator),
            made_here: a.generator == me.0,
            roster: link.roster().iter().map(|e| Fingerprint(e.fp)).collect(),
            confirmed: 0,
            members: 0,
            made_ms: 0,
            all_confirmed_after_ms: None,
            in_use_ms: None,
            erased_ms: None,
            made_mono_ms: 0,
        }
    }
}
