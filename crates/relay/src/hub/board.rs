//! One session's bulletin board: numbered messages, kept until the session ends.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::time::Duration;

use bytes::Bytes;
use standfast_wire::relay::{
    BoardId, Delivered, Envelope, ErrorCode, Pseudonym, SLOT_LOG, SessionId, ToClient, pack,
};

use super::ConnectionId;
use crate::limits::{ENTRY_OVERHEAD, Limits};

/// Messages in order, each already packed for its receivers.
#[derive(Debug)]
pub(super) struct Board {
    pub(super) session_id: SessionId,
    pub(super) id: BoardId,
    pub(super) end_hash: [u8; 32],
    pub(super) last_post: Duration,
    next_seq: u64,
    entries: BTreeMap<u64, Entry>,
    /// Where the one kept message of a sender and slot is.
    slots: HashMap<(Pseudonym, u8), u64>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    from: ConnectionId,
    to: Option<Pseudonym>,
    message: Bytes,
}

/// A reader's place on a board.
#[derive(Debug)]
pub(super) struct Cursor {
    pub(super) board: BoardId,
    /// The first number not read yet.
    next: u64,
    /// The same before it began to read again.
    read: u64,
    /// The number at which the reader has caught up, until it was told so.
    catch_up_at: Option<u64>,
}

impl Board {
    pub(super) fn new(
        session_id: SessionId,
        id: BoardId,
        end_hash: [u8; 32],
        now: Duration,
    ) -> Self {
        Self {
            session_id,
            id,
            end_hash,
            last_post: now,
            next_seq: 1,
            entries: BTreeMap::new(),
            slots: HashMap::new(),
            bytes: 0,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// A cursor behind `seen`, or at the start.
    pub(super) fn cursor(&self, seen: Option<u64>) -> Cursor {
        let next = seen.map_or(0, |seen| seen.saturating_add(1)).min(self.next_seq);
        Cursor { board: self.id, next, read: next, catch_up_at: Some(self.next_seq) }
    }

    /// Adds a message; in a slot it takes the place of the sender's last one there. The slot is the
    /// sender's across its connections: a reconnect leaves nothing stale behind.
    ///
    /// # Errors
    /// [`ErrorCode::BoardFull`].
    pub(super) fn post(
        &mut self,
        from: ConnectionId,
        sender: Pseudonym,
        envelope: Envelope,
        limits: &Limits,
        now: Duration,
    ) -> Result<u64, ErrorCode> {
        let seq = self.next_seq;
        let (to, slot) = (envelope.to, envelope.slot);
        let delivered = Delivered { board_id: self.id, seq, from: sender, envelope };
        let message = Bytes::from(pack(&ToClient::from(delivered)));
        let replaced = (slot != SLOT_LOG).then(|| self.slots.get(&(sender, slot))).flatten();
        let freed = replaced.and_then(|seq| self.entries.get(seq)).map_or(0, Entry::cost);
        let entry = Entry { from, to, message };
        if self.bytes - freed + entry.cost() > limits.board_bytes
            || self.entries.len() - usize::from(freed > 0) >= limits.board_entries
        {
            return Err(ErrorCode::BoardFull);
        }
        if slot != SLOT_LOG
            && let Some(old) = self.slots.insert((sender, slot), seq)
        {
            self.entries.remove(&old);
        }
        self.bytes = self.bytes - freed + entry.cost();
        self.entries.insert(seq, entry);
        self.next_seq += 1;
        self.last_post = now;
        Ok(seq)
    }

    /// The next message that the reader has not seen and may see.
    pub(super) fn read(
        &self,
        cursor: &mut Cursor,
        reader: ConnectionId,
        pseudonym: &Pseudonym,
    ) -> Option<Bytes> {
        let unread = self.entries.range((Bound::Included(cursor.next), Bound::Unbounded));
        for (seq, entry) in unread {
            cursor.next = seq + 1;
            // One's own are shown to who reads again.
            let again = cursor.catch_up_at.is_some_and(|at| *seq < at);
            if (entry.from != reader || again) && entry.to.is_none_or(|to| to == *pseudonym) {
                return Some(entry.message.clone());
            }
        }
        cursor.next = self.next_seq;
        None
    }

    /// Whether the reader has just reached the point where it is to be told that it caught up. Says
    /// so once.
    pub(super) fn caught_up(&self, cursor: &mut Cursor) -> bool {
        let caught_up = cursor.catch_up_at.is_some_and(|at| cursor.next >= at);
        if caught_up {
            cursor.catch_up_at = None;
        }
        caught_up
    }
}

impl Cursor {
    /// Begins again at the start of the board.
    pub(super) fn rewind(&mut self, board: &Board) {
        self.read = self.read.max(self.next);
        (self.next, self.catch_up_at) = (0, Some(board.next_seq));
    }

    /// Leaves out what was read before.
    pub(super) fn go_on(&mut self) {
        self.next = self.next.max(self.read);
        self.catch_up_at = None;
    }
}

impl Entry {
    fn cost(&self) -> usize {
        self.message.len() + ENTRY_OVERHEAD
    }
}
