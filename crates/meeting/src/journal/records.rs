//! The life of each epoch, told from the entries: what the key timeline shows.

use std::collections::BTreeSet;

use standfast_crypto::Fingerprint;
use standfast_wire::control::{Hash, Reason, State};

use super::{Event, JournalEntry, Listed};

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
    /// The host whose signed order let somebody in or removed them with it.
    pub by: Option<Fingerprint>,
    /// Who made it.
    pub generator: Fingerprint,
    /// This device made it.
    pub made_here: bool,
    /// Everyone on its roster.
    pub roster: Vec<Fingerprint>,
    /// Who got the secret wrapped for them.
    pub wrapped: Vec<Fingerprint>,
    /// Signed acks of those present, this device's included.
    pub confirmed: usize,
    /// Members that should confirm.
    pub members: usize,
    /// Whose signed ack came when, ms since 1970, in the order of arrival.
    pub acks: Vec<(Fingerprint, u64)>,
    /// When this device made it or first saw it, ms since 1970.
    pub made_ms: u64,
    /// When all had confirmed, counted from the making, ms.
    pub all_confirmed_after_ms: Option<u64>,
    /// When this device began to seal under it.
    pub in_use_ms: Option<u64>,
    /// When another came into use after it.
    pub retired_ms: Option<u64>,
    /// When its keys were erased here.
    pub erased_ms: Option<u64>,
}

/// A record and what its counts are made from.
#[derive(Debug)]
struct Life {
    record: EpochRecord,
    present: BTreeSet<Hash>,
    acked: BTreeSet<Hash>,
    listed: Vec<Listed>,
}

impl Life {
    fn count(&mut self) {
        self.record.members = self.present.len();
        self.record.confirmed = self.present.intersection(&self.acked).count();
    }
}

/// Records, oldest first, at most [`Records::MAX`].
#[derive(Debug, Default)]
pub(crate) struct Records {
    lives: Vec<Life>,
    /// Who let in or removed somebody, as the next announce says.
    ordered: Option<Hash>,
}

impl Records {
    /// Epochs remembered: more than 15 h of one every minute. Older ones make room.
    const MAX: usize = 1_000;

    pub(crate) fn to_vec(&self) -> Vec<EpochRecord> {
        self.lives.iter().map(|life| life.record.clone()).collect()
    }

    /// The newest epoch of this number.
    pub(super) fn get(&self, epoch: u32) -> Option<&EpochRecord> {
        self.lives.iter().rev().map(|life| &life.record).find(|record| record.epoch == epoch)
    }

    pub(super) fn has_acked(&self, epoch: u32, fp: &Hash) -> bool {
        let life = self.lives.iter().rev().find(|life| life.record.epoch == epoch);
        life.is_some_and(|life| life.acked.contains(fp))
    }

    pub(super) fn has_arrived(&self, epoch: u32, fp: &Hash) -> bool {
        let life = self.lives.iter().rev().find(|life| life.record.epoch == epoch);
        life.is_some_and(|life| life.present.contains(fp))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &EpochRecord> {
        self.lives.iter().map(|life| &life.record)
    }

    /// Takes one more entry into account. `me` is whose device wrote it.
    pub(super) fn apply(&mut self, entry: &JournalEntry, me: Fingerprint) {
        let at = entry.wall_ms;
        match &entry.event {
            Event::EpochAnnounced { .. } => self.announced(entry, me),
            Event::Admitted { by, .. } | Event::Removed { by, .. } => self.ordered = Some(*by),
            Event::Acked { epoch, by } => self.change(*epoch, |life| {
                if life.acked.insert(*by) {
                    life.record.acks.push((Fingerprint(*by), at));
                }
                life.count();
            }),
            Event::Arrived { epoch, idx } => self.change(*epoch, |life| {
                life.present.extend(life.listed.iter().filter(|l| l.idx == *idx).map(|l| l.fp));
                life.count();
            }),
            Event::AllConfirmed { epoch, after_ms, .. } => self.change(*epoch, |life| {
                life.record.all_confirmed_after_ms.get_or_insert(*after_ms);
            }),
            Event::InUse { epoch } => self.change(*epoch, |life| {
                life.record.in_use_ms.get_or_insert(at);
            }),
            Event::Retired { epoch } => self.change(*epoch, |life| {
                life.record.retired_ms.get_or_insert(at);
            }),
            Event::Erased { epoch } => self.change(*epoch, |life| {
                life.record.erased_ms.get_or_insert(at);
            }),
            Event::AllErased {} => {
                for life in &mut self.lives {
                    life.record.erased_ms.get_or_insert(at);
                }
            }
            _ => {}
        }
    }

    fn change(&mut self, epoch: u32, change: impl FnOnce(&mut Life)) {
        if let Some(life) = self.lives.iter_mut().rev().find(|life| life.record.epoch == epoch) {
            change(life);
        }
    }

    fn announced(&mut self, entry: &JournalEntry, me: Fingerprint) {
        let Event::EpochAnnounced { epoch, term, reason, generator, roster, wrapped, who, .. } =
            &entry.event
        else {
            return;
        };
        let by = self.ordered.take().filter(|_| matches!(reason, Reason::Join | Reason::Removal));
        let listed = roster.as_slice();
        let got = |l: &&Listed| wrapped.as_slice().contains(&l.idx);
        let present: BTreeSet<Hash> =
            listed.iter().filter(|l| l.state == State::In).map(|l| l.fp).collect();
        let record = EpochRecord {
            epoch: *epoch,
            term: *term,
            reason: *reason,
            who: who.as_slice().iter().map(|named| named.name.as_str().to_owned()).collect(),
            by: by.map(Fingerprint),
            generator: Fingerprint(*generator),
            made_here: *generator == me.0,
            roster: listed.iter().map(|l| Fingerprint(l.fp)).collect(),
            wrapped: listed.iter().filter(got).map(|l| Fingerprint(l.fp)).collect(),
            confirmed: 0,
            members: present.len(),
            acks: Vec::new(),
            made_ms: entry.wall_ms,
            all_confirmed_after_ms: None,
            in_use_ms: None,
            retired_ms: None,
            erased_ms: None,
        };
        if self.lives.len() == Self::MAX {
            self.lives.remove(0);
        }
        let listed = listed.to_vec();
        self.lives.push(Life { record, present, acked: BTreeSet::new(), listed });
    }
}
