//! Prekey bundles of one meeting under opaque slots.
//!
//! Whoever has the link can compute the slot of a fingerprint it knows, so a slot belongs to the
//! pseudonym that wrote it first, until the bundle is deleted or expires. What a link holder can
//! still do is occupy the slot of somebody who has no bundle there: that person then joins like
//! someone unscheduled, a little later and never unseen.

use std::collections::HashMap;
use std::time::Duration;

use standfast_wire::codec::Blob;
use standfast_wire::limits::MAX_BUNDLE;
use standfast_wire::relay::{BundleSlot, ErrorCode, Pseudonym};

use crate::limits::{ENTRY_OVERHEAD, Limits};

/// The bundles of one meeting.
#[derive(Debug, Default)]
pub(super) struct Bundles {
    stored: HashMap<BundleSlot, Stored>,
    bytes: usize,
}

#[derive(Debug)]
struct Stored {
    owner: Pseudonym,
    blob: Blob<MAX_BUNDLE>,
    written: Duration,
}

impl Stored {
    fn cost(&self) -> usize {
        self.blob.as_slice().len() + ENTRY_OVERHEAD
    }
}

impl Bundles {
    pub(super) fn is_empty(&self) -> bool {
        self.stored.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn get(&self, slot: &BundleSlot) -> Option<&Blob<MAX_BUNDLE>> {
        self.stored.get(slot).map(|stored| &stored.blob)
    }

    /// `room` is how many bytes all meetings together have left.
    pub(super) fn put(
        &mut self,
        owner: Pseudonym,
        slot: BundleSlot,
        blob: Blob<MAX_BUNDLE>,
        limits: &Limits,
        room: usize,
        now: Duration,
    ) -> Result<(), ErrorCode> {
        let new = Stored { owner, blob, written: now };
        let freed = match self.stored.get(&slot) {
            Some(stored) if stored.owner != owner => return Err(ErrorCode::SlotTaken),
            Some(stored) => stored.cost(),
            None => {
                let owned = self.stored.values().filter(|stored| stored.owner == owner).count();
                if owned >= limits.bundles_per_pseudonym
                    || self.stored.len() >= limits.bundles_per_meeting
                {
                    return Err(ErrorCode::TooManyBundles);
                }
                0
            }
        };
        if new.cost() > room + freed {
            return Err(ErrorCode::TooManyBundles);
        }
        self.bytes = self.bytes - freed + new.cost();
        self.stored.insert(slot, new);
        Ok(())
    }

    /// Deleting what is not there is done already.
    pub(super) fn delete(&mut self, owner: Pseudonym, slot: BundleSlot) -> Result<(), ErrorCode> {
        if self.stored.get(&slot).is_some_and(|stored| stored.owner != owner) {
            return Err(ErrorCode::SlotTaken);
        }
        if let Some(stored) = self.stored.remove(&slot) {
            self.bytes -= stored.cost();
        }
        Ok(())
    }

    /// Drops what is older than `age`, and says how many bytes that were.
    pub(super) fn expire(&mut self, age: Duration, now: Duration) -> usize {
        let before = self.bytes;
        self.stored.retain(|_, stored| {
            let keep = now.saturating_sub(stored.written) < age;
            if !keep {
                self.bytes -= stored.cost();
            }
            keep
        });
        before - self.bytes
    }
}
