//! When the meeting was in two parts, for the people in it.

use standfast_wire::control::{Hash, Reason};

use crate::Split;
use crate::core::Core;
use crate::journal::Event;
use crate::limits::BRANCH_ALIVE_MS;
use crate::seated::History;

/// The branch that a device moved to.
pub(crate) struct MovedInto {
    head: Hash,
    at_ms: u64,
    /// Of its first key after that.
    epoch: Option<u32>,
}

impl Core {
    /// This device moves to another branch. One that builds on its own head is no split.
    pub(crate) fn note_split(&mut self, s: &History, theirs: &Hash) {
        let fork = s.chain.fork(&s.chain.tip(), theirs);
        let Some(ours) = fork.ours else { return };
        let theirs_ms = fork.theirs.map_or(ours.seen.wall_ms, |node| node.seen.wall_ms);
        let from_ms = ours.seen.wall_ms.min(theirs_ms);
        self.split = Some(Split { from_ms, until_ms: None, epoch: None });
        self.moved_into = Some(MovedInto { head: *theirs, at_ms: self.ms(), epoch: None });
        if let Some(generator) = s.chain.node(theirs).map(|node| node.link.generator().0) {
            let event = Event::SplitSeen { from_ms, their_h: *theirs, generator };
            self.journal.note(event, self.now);
        }
        self.changed();
    }

    /// The head is an announce that joins two branches.
    pub(crate) fn note_merge(&mut self, s: &History) {
        let Some(head) = s.chain.head().filter(|h| h.announce.reason == Reason::Merge) else {
            return;
        };
        let Some(merged) = head.announce.merged_h else { return };
        if self.split.is_none_or(|split| split.until_ms.is_some()) {
            let fork = s.chain.fork(&head.announce.prev_h, &merged);
            let firsts = [fork.ours, fork.theirs].into_iter().flatten();
            let from_ms = firsts.map(|node| node.seen.wall_ms).min().unwrap_or(self.now.wall_ms);
            self.split = Some(Split { from_ms, until_ms: None, epoch: None });
        }
        if let Some(split) = &mut self.split {
            let (from_ms, until_ms) = (split.from_ms, self.now.wall_ms);
            (split.until_ms, split.epoch) = (Some(until_ms), Some(head.announce.epoch));
            let (epoch, merged_h) = (head.announce.epoch, merged);
            let event = Event::Merged { epoch, merged_h, from_ms, until_ms };
            self.journal.note(event, self.now);
        }
        self.changed();
    }

    /// No other branch is heard any more, and none was named as one that ended in ours: this device
    /// came to the others and the rest followed, or it is back where it was and cannot tell.
    pub(crate) fn settle_split(&mut self, s: &History, epoch: u32) {
        let (now_ms, wall_ms) = (self.ms(), self.now.wall_ms);
        let lasts = self.split.filter(|split| split.until_ms.is_none());
        let (Some(Split { from_ms, .. }), Some(moved)) = (lasts, &mut self.moved_into) else {
            return;
        };
        let came = s.chain.descends(&s.chain.tip(), &moved.head);
        let epoch = *moved.epoch.get_or_insert(epoch);
        // The branch that was left is heard again first, if anybody is in it still.
        let early = now_ms < moved.at_ms + BRANCH_ALIVE_MS;
        if early || self.offline_since_ms.is_some() || s.hears_beside(now_ms) {
            return;
        }
        self.split = came.then_some(Split { from_ms, until_ms: Some(wall_ms), epoch: Some(epoch) });
        self.changed();
    }
}
