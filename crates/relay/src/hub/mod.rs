//! What happens between connections: boards, bundles, fan-out. No socket, no clock, no randomness.
//!
//! A driver calls [`Hub::admit`] for a checked login, [`Hub::receive`] for every message that comes
//! in, and [`Hub::take`] whenever a connection can write; [`Hub::woken`] names the connections that
//! have something new to take. Time is the time since the driver started.
//!
//! Receivers pull: a message on a board is stored once and read through a cursor for each
//! connection, so a late joiner and a slow one cost no copies, and of a slot a slow one sees only
//! the newest. Only answers and media have queues, both bounded: an overfull queue of answers
//! closes its own connection, an overfull queue of media loses its oldest frame.

mod board;
mod bundles;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use standfast_wire::codec::{List, from_bytes};
use standfast_wire::limits::{MAX_PEERS, MAX_SESSIONS};
use standfast_wire::relay::{
    BoardEnd, BoardGone, BoardId, BoardPosition, Bundle, CaughtUp, Closing, Done, EndSession,
    ErrorCode, MeetingId, OpenSession, Packet, PacketError, Peer, PeerGone, PeerHere, Post, Posted,
    Pseudonym, Refused, SessionId, ToClient, ToRelay, VERSION, Welcome, end_hash_input, pack,
};

use self::board::{Board, Cursor};
use self::bundles::Bundles;
use crate::bucket::Bucket;
use crate::limits::{Limits, SECONDS_A_READ};
use crate::login::Admitted;

/// A connection that has logged in. Numbers are never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(u64);

/// Why a connection must be closed. It never concerns another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A control message that does not decode.
    #[error("malformed message")]
    Malformed,
    /// A message of no known channel.
    #[error("unknown kind of message")]
    Unknown,
    /// A message that is too long for its channel.
    #[error("message too long")]
    TooLong,
    /// A second login, an envelope of another version, or boards read again too often.
    #[error("not allowed here")]
    NotAllowed,
    /// It does not take its answers.
    #[error("receiver too slow")]
    TooSlow,
    /// The hub no longer knows the connection: the same pseudonym has connected so often since that
    /// this, its oldest, made room.
    #[error("replaced by a newer connection")]
    Replaced,
}

/// What a connection is to write next, media first.
#[derive(Debug, Default)]
pub struct Batch {
    /// Media messages.
    pub media: Vec<Bytes>,
    /// Control messages.
    pub control: Vec<Bytes>,
}

impl Batch {
    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.media.is_empty() && self.control.is_empty()
    }
}

/// Sums for an operator; nothing about anyone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections now.
    pub connections: usize,
    /// Meetings now, those with only bundles included.
    pub meetings: usize,
    /// Boards now.
    pub boards: usize,
    /// Bytes on boards now.
    pub board_bytes: usize,
    /// Bytes of bundles now.
    pub bundle_bytes: usize,
    /// Frames that came in since the start.
    pub frames_in: u64,
    /// Frames given to receivers since the start.
    pub frames_out: u64,
    /// Frames refused because their sender sent too many.
    pub frames_over_rate: u64,
    /// Frames dropped because their receiver was slow.
    pub frames_stale: u64,
}

/// All meetings of one relay.
#[derive(Debug)]
pub struct Hub {
    limits: Limits,
    seed: [u8; 32],
    ids: u64,
    connections: HashMap<ConnectionId, Connection>,
    meetings: HashMap<MeetingId, Meeting>,
    woken: Vec<ConnectionId>,
    counters: Counters,
}

#[derive(Debug, Default)]
struct Meeting {
    connections: Vec<ConnectionId>,
    boards: Vec<Board>,
    bundles: Bundles,
    /// Since when nobody is connected.
    empty_since: Duration,
}

#[derive(Debug)]
struct Connection {
    meeting: MeetingId,
    pseudonym: Pseudonym,
    /// Answers, and which boards there are: read before the boards.
    replies: VecDeque<Bytes>,
    /// Who came and went: read after the boards, so that a farewell comes before its peer is gone.
    hints: VecDeque<Bytes>,
    media: VecDeque<Bytes>,
    cursors: Vec<Cursor>,
    control: Bucket,
    control_bytes: Bucket,
    reads: Bucket,
    media_rate: Bucket,
    media_bytes: Bucket,
    /// The driver was told that there is something to take, and has not yet found nothing.
    woken: bool,
    fault: Option<Fault>,
}

impl Hub {
    /// An empty hub. `seed` must be random: board ids come from it.
    #[must_use]
    pub fn new(limits: Limits, seed: [u8; 32]) -> Self {
        Self {
            limits,
            seed,
            ids: 0,
            connections: HashMap::new(),
            meetings: HashMap::new(),
            woken: Vec::new(),
            counters: Counters::default(),
        }
    }

    /// Lets a checked login into its meeting. Its [`Welcome`] and the boards follow through
    /// [`Hub::take`].
    ///
    /// # Errors
    /// [`ErrorCode::MeetingFull`].
    pub fn admit(&mut self, login: Admitted, now: Duration) -> Result<ConnectionId, ErrorCode> {
        let Admitted { meeting_id, pseudonym, have } = login;
        self.replace_oldest(&meeting_id, &pseudonym, now);
        let present = self.meetings.get(&meeting_id).map_or(0, |m| m.connections.len());
        if present >= self.limits.connections_per_meeting.min(MAX_PEERS) {
            return Err(ErrorCode::MeetingFull);
        }
        let id = ConnectionId(self.next_id());
        let peers = self.peers(&meeting_id);
        let meeting = self.meetings.entry(meeting_id).or_default();
        let boards = meeting
            .boards
            .iter()
            .map(|b| standfast_wire::relay::Board { session_id: b.session_id, board_id: b.id });
        let welcome = Welcome {
            connection: id.0,
            boards: List::new(boards.collect()).unwrap_or_default(),
            peers: List::new(peers).unwrap_or_default(),
        };
        let cursors = meeting.boards.iter().map(|b| b.cursor(seen(&have, b.id))).collect();
        meeting.connections.push(id);
        let connection = Connection::new(meeting_id, pseudonym, cursors, &self.limits, now);
        self.connections.insert(id, connection);
        self.reply(id, welcome);
        let peer = Peer { pseudonym, connection: id.0 };
        self.hint(&meeting_id, id, PeerHere { peer });
        Ok(id)
    }

    /// Takes one message of a connection. Until the time that it returns nothing more should be
    /// read from it; a time that has passed means nothing.
    ///
    /// # Errors
    /// [`Fault`]: the connection is to be closed, and [`Hub::gone`] called.
    pub fn receive(
        &mut self,
        id: ConnectionId,
        message: &Bytes,
        now: Duration,
    ) -> Result<Duration, Fault> {
        let body = match Packet::parse(message) {
            Ok(Packet::Media(_)) => {
                self.media(id, message, now)?;
                return Ok(Duration::ZERO);
            }
            Ok(Packet::Control(body)) => body,
            Err(PacketError::TooLong) => return Err(Fault::TooLong),
            Err(PacketError::Unknown) => return Err(Fault::Unknown),
        };
        let connection = self.connections.get_mut(&id).ok_or(Fault::Replaced)?;
        let wait = connection
            .control
            .borrow(1, now)
            .max(connection.control_bytes.borrow(message.len(), now));
        let message = from_bytes::<ToRelay>(body).map_err(|_| Fault::Malformed)?;
        self.control(id, message, now)?;
        Ok(now.saturating_add(wait))
    }

    /// Counts a message that carries nothing, such as a WebSocket ping. Returns as
    /// [`Hub::receive`].
    pub fn idle_message(&mut self, id: ConnectionId, now: Duration) -> Duration {
        let wait = self.connections.get_mut(&id).map(|c| c.control.borrow(1, now));
        now.saturating_add(wait.unwrap_or_default())
    }

    /// What a connection is to write now. Empty: wait until it is [`Hub::woken`]. Otherwise write,
    /// flush, and come again.
    ///
    /// # Errors
    /// [`Fault`] when the connection is to be closed instead.
    pub fn take(&mut self, id: ConnectionId) -> Result<Batch, Fault> {
        let connection = self.connections.get_mut(&id).ok_or(Fault::Replaced)?;
        if let Some(fault) = connection.fault {
            return Err(fault);
        }
        let mut batch = Batch::default();
        let frames = connection.media.len().min(self.limits.flush_media);
        batch.media.extend(connection.media.drain(..frames));
        self.counters.frames_out += frames as u64;
        let mut room = self.limits.flush_control_bytes;
        let boards = self.meetings.get(&connection.meeting).map_or(&[][..], |m| &m.boards);
        while let Some(message) = connection.next_control(id, boards) {
            room = room.saturating_sub(message.len());
            batch.control.push(message);
            if room == 0 {
                break;
            }
        }
        connection.woken = !batch.is_empty();
        Ok(batch)
    }

    /// The connections that have something new to [`Hub::take`] since the last call.
    pub fn woken(&mut self) -> impl Iterator<Item = ConnectionId> {
        self.woken.drain(..)
    }

    /// A connection is closed, by whomever.
    pub fn gone(&mut self, id: ConnectionId, now: Duration) {
        let Some(connection) = self.connections.remove(&id) else { return };
        let meeting_id = connection.meeting;
        if let Some(meeting) = self.meetings.get_mut(&meeting_id) {
            meeting.connections.retain(|other| *other != id);
            if meeting.connections.is_empty() {
                meeting.empty_since = now;
            }
            if meeting.is_over() {
                self.meetings.remove(&meeting_id);
            }
        }
        let peer = Peer { pseudonym: connection.pseudonym, connection: id.0 };
        self.hint(&meeting_id, id, PeerGone { peer });
    }

    /// Forgets what is due. To be called every few seconds.
    pub fn tick(&mut self, now: Duration) {
        let limits = &self.limits;
        let counters = &mut self.counters;
        self.meetings.retain(|_, meeting| {
            counters.bundle_bytes -= meeting.bundles.expire(limits.bundle_age, now);
            let empty = meeting.connections.is_empty();
            if empty && now.saturating_sub(meeting.empty_since) >= limits.board_linger {
                for board in meeting.boards.drain(..) {
                    counters.boards -= 1;
                    counters.board_bytes -= board.bytes();
                }
            }
            !meeting.is_over()
        });
    }

    /// Tells everyone that the relay stops.
    pub fn closing(&mut self, retry_ms: u32) {
        let all: Vec<_> = self.connections.keys().copied().collect();
        for id in all {
            self.reply(id, Closing { retry_ms });
        }
    }

    /// Sums for an operator.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters {
            connections: self.connections.len(),
            meetings: self.meetings.len(),
            ..self.counters
        }
    }

    fn next_id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    fn random_board_id(&mut self) -> BoardId {
        let count = self.next_id();
        let digest = Sha256::new().chain_update(self.seed).chain_update(count.to_be_bytes());
        let mut id = BoardId::default();
        id.copy_from_slice(&digest.finalize()[..16]);
        id
    }

    fn peers(&self, meeting_id: &MeetingId) -> Vec<Peer> {
        let ids = self.meetings.get(meeting_id).map_or(&[][..], |m| &m.connections);
        let peer = |id: &ConnectionId| {
            let pseudonym = self.connections.get(id)?.pseudonym;
            Some(Peer { pseudonym, connection: id.0 })
        };
        ids.iter().filter_map(peer).collect()
    }

    /// Makes room for one more connection of `pseudonym`.
    fn replace_oldest(&mut self, meeting_id: &MeetingId, pseudonym: &Pseudonym, now: Duration) {
        let Some(meeting) = self.meetings.get(meeting_id) else { return };
        let is_own = |id: &&ConnectionId| {
            self.connections.get(id).is_some_and(|c| c.pseudonym == *pseudonym)
        };
        let own: Vec<_> = meeting.connections.iter().filter(is_own).copied().collect();
        if own.len() < self.limits.connections_per_pseudonym {
            return;
        }
        // Connections are listed in the order in which they came. Its driver finds it gone.
        if let Some(oldest) = own.first() {
            self.wake(*oldest);
            self.gone(*oldest, now);
        }
    }

    fn media(&mut self, id: ConnectionId, message: &Bytes, now: Duration) -> Result<(), Fault> {
        let sender = self.connections.get_mut(&id).ok_or(Fault::Replaced)?;
        self.counters.frames_in += 1;
        if !(sender.media_rate.take(1, now) && sender.media_bytes.take(message.len(), now)) {
            self.counters.frames_over_rate += 1;
            return Ok(());
        }
        let Some(meeting) = self.meetings.get(&sender.meeting) else { return Ok(()) };
        for receiver_id in meeting.connections.iter().filter(|other| **other != id) {
            let Some(receiver) = self.connections.get_mut(receiver_id) else { continue };
            if receiver.media.len() >= self.limits.media_queue {
                receiver.media.pop_front();
                self.counters.frames_stale += 1;
            }
            receiver.media.push_back(message.clone());
            receiver.wake(*receiver_id, &mut self.woken);
        }
        Ok(())
    }

    fn control(&mut self, id: ConnectionId, message: ToRelay, now: Duration) -> Result<(), Fault> {
        match message {
            ToRelay::Login(_) => return Err(Fault::NotAllowed),
            ToRelay::OpenSession(open) => {
                let result = self.open_session(id, &open, now);
                self.answer(id, open.request, result.map(|()| Done { request: open.request }));
            }
            ToRelay::EndSession(end) => {
                if let Err(code) = self.end_session(id, &end) {
                    self.reply(id, Refused { request: None, code });
                }
            }
            ToRelay::Post(post) if post.envelope.v != VERSION => return Err(Fault::NotAllowed),
            ToRelay::Post(post) => {
                let request = post.request;
                let result = self.post(id, post, now);
                self.answer(id, request, result);
            }
            ToRelay::PutBundle(put) => {
                let request = put.request;
                let result = self.with_bundles(id, |bundles, owner, limits, room| {
                    bundles.put(owner, put.slot, put.blob, limits, room, now)
                });
                self.answer(id, request, result.map(|()| Done { request }));
            }
            ToRelay::GetBundle(get) => {
                let request = get.request;
                let blob = self.meeting_of(id).and_then(|m| m.bundles.get(&get.slot)).cloned();
                self.reply(id, Bundle { request, blob });
            }
            ToRelay::DeleteBundle(delete) => {
                let request = delete.request;
                let result = self
                    .with_bundles(id, |bundles, owner, _, _| bundles.delete(owner, delete.slot));
                self.answer(id, request, result.map(|()| Done { request }));
            }
            ToRelay::ReadAgain(read) => self.read_again(id, read.request, now)?,
        }
        Ok(())
    }

    /// Costs what a board costs to send, so that it is taken seldom; who asks more often is to
    /// connect anew.
    fn read_again(&mut self, id: ConnectionId, request: u32, now: Duration) -> Result<(), Fault> {
        let connection = self.connections.get_mut(&id).ok_or(Fault::Replaced)?;
        if !connection.reads.take(SECONDS_A_READ, now) {
            return Err(Fault::NotAllowed);
        }
        let boards = self.meetings.get(&connection.meeting).map_or(&[][..], |m| &m.boards);
        for cursor in &mut connection.cursors {
            if let Some(board) = boards.iter().find(|board| board.id == cursor.board) {
                cursor.rewind(board);
            }
        }
        self.reply(id, Done { request });
        Ok(())
    }

    fn open_session(
        &mut self,
        id: ConnectionId,
        open: &OpenSession,
        now: Duration,
    ) -> Result<(), ErrorCode> {
        let meeting_id = self.connections.get(&id).ok_or(ErrorCode::NoSession)?.meeting;
        if let Some(board) = self.board(&meeting_id, &open.session_id) {
            let same = board.end_hash == open.end_hash;
            return if same { Ok(()) } else { Err(ErrorCode::SessionTaken) };
        }
        self.evict_idle(&meeting_id, now)?;
        if self.counters.boards >= self.limits.boards {
            return Err(ErrorCode::TooManySessions);
        }
        let board_id = self.random_board_id();
        let board = Board::new(open.session_id, board_id, open.end_hash, now);
        let Some(meeting) = self.meetings.get_mut(&meeting_id) else { return Ok(()) };
        for member in &meeting.connections {
            if let Some(connection) = self.connections.get_mut(member) {
                connection.cursors.push(board.cursor(None));
            }
        }
        meeting.boards.push(board);
        self.counters.boards += 1;
        let opened = standfast_wire::relay::Board { session_id: open.session_id, board_id };
        self.tell_all(&meeting_id, opened);
        Ok(())
    }

    /// Makes room for one more board of the meeting, if there is none.
    fn evict_idle(&mut self, meeting_id: &MeetingId, now: Duration) -> Result<(), ErrorCode> {
        let Some(meeting) = self.meetings.get(meeting_id) else { return Ok(()) };
        if meeting.boards.len() < MAX_SESSIONS {
            return Ok(());
        }
        let oldest = meeting.boards.iter().min_by_key(|board| board.last_post);
        match oldest {
            Some(board) if now.saturating_sub(board.last_post) >= self.limits.board_idle => {
                let session_id = board.session_id;
                self.delete_board(meeting_id, &session_id, BoardEnd::Evicted);
                Ok(())
            }
            _ => Err(ErrorCode::TooManySessions),
        }
    }

    fn end_session(&mut self, id: ConnectionId, end: &EndSession) -> Result<(), ErrorCode> {
        let meeting_id = self.connections.get(&id).ok_or(ErrorCode::NoSession)?.meeting;
        let board = self.board(&meeting_id, &end.session_id).ok_or(ErrorCode::NoSession)?;
        let shown = Sha256::digest(end_hash_input(&end.preimage));
        if shown.as_slice() != board.end_hash {
            return Err(ErrorCode::WrongPreimage);
        }
        self.delete_board(&meeting_id, &end.session_id, BoardEnd::Ended);
        Ok(())
    }

    fn delete_board(&mut self, meeting_id: &MeetingId, session_id: &SessionId, why: BoardEnd) {
        let Some(meeting) = self.meetings.get_mut(meeting_id) else { return };
        let Some(at) = meeting.boards.iter().position(|b| b.session_id == *session_id) else {
            return;
        };
        let board = meeting.boards.remove(at);
        self.counters.boards -= 1;
        self.counters.board_bytes -= board.bytes();
        // What was posted last, such as the farewell itself, still reaches those who listen.
        let members = meeting.connections.clone();
        for id in &members {
            let Some(connection) = self.connections.get_mut(id) else { continue };
            let at = connection.cursors.iter().position(|c| c.board == board.id);
            let Some(mut cursor) = at.map(|at| connection.cursors.remove(at)) else { continue };
            cursor.go_on();
            while connection.replies.len() < self.limits.reply_queue / 2
                && let Some(message) = board.read(&mut cursor, *id, &connection.pseudonym)
            {
                connection.replies.push_back(message);
            }
        }
        let gone = BoardGone { session_id: *session_id, board_id: board.id, why };
        self.tell_all(meeting_id, gone);
    }

    fn post(&mut self, id: ConnectionId, post: Post, now: Duration) -> Result<Posted, ErrorCode> {
        let connection = self.connections.get(&id).ok_or(ErrorCode::NoSession)?;
        let (meeting_id, sender) = (connection.meeting, connection.pseudonym);
        let meeting = self.meetings.get_mut(&meeting_id).ok_or(ErrorCode::NoSession)?;
        let session_id = post.envelope.session_id;
        let board = meeting.boards.iter_mut().find(|b| b.session_id == session_id);
        let board = board.ok_or(ErrorCode::NoSession)?;
        let size = post.envelope.sealed.as_slice().len();
        if self.counters.board_bytes + size > self.limits.all_board_bytes {
            return Err(ErrorCode::BoardFull);
        }
        let to = post.envelope.to;
        let before = board.bytes();
        let seq = board.post(id, sender, post.envelope, &self.limits, now)?;
        self.counters.board_bytes = self.counters.board_bytes - before + board.bytes();
        let board_id = board.id;
        for member in meeting.connections.iter().filter(|member| **member != id) {
            let Some(connection) = self.connections.get_mut(member) else { continue };
            if to.is_none_or(|to| to == connection.pseudonym) {
                connection.wake(*member, &mut self.woken);
            }
        }
        Ok(Posted { request: post.request, board_id, seq })
    }

    fn with_bundles(
        &mut self,
        id: ConnectionId,
        change: impl FnOnce(&mut Bundles, Pseudonym, &Limits, usize) -> Result<(), ErrorCode>,
    ) -> Result<(), ErrorCode> {
        let connection = self.connections.get(&id).ok_or(ErrorCode::NoSession)?;
        let meeting = self.meetings.get_mut(&connection.meeting).ok_or(ErrorCode::NoSession)?;
        let room = self.limits.all_bundle_bytes.saturating_sub(self.counters.bundle_bytes);
        let before = meeting.bundles.bytes();
        let result = change(&mut meeting.bundles, connection.pseudonym, &self.limits, room);
        let after = meeting.bundles.bytes();
        self.counters.bundle_bytes = self.counters.bundle_bytes - before + after;
        result
    }

    fn meeting_of(&self, id: ConnectionId) -> Option<&Meeting> {
        self.meetings.get(&self.connections.get(&id)?.meeting)
    }

    fn board(&self, meeting_id: &MeetingId, session_id: &SessionId) -> Option<&Board> {
        self.meetings.get(meeting_id)?.boards.iter().find(|b| b.session_id == *session_id)
    }

    fn answer<T: Into<ToClient>>(
        &mut self,
        id: ConnectionId,
        request: u32,
        result: Result<T, ErrorCode>,
    ) {
        match result {
            Ok(done) => self.reply(id, done),
            Err(code) => self.reply(id, Refused { request: Some(request), code }),
        }
    }

    fn reply(&mut self, id: ConnectionId, message: impl Into<ToClient>) {
        let message = Bytes::from(pack(&message.into()));
        self.queue(id, message, |connection| &mut connection.replies);
    }

    fn tell_all(&mut self, meeting_id: &MeetingId, message: impl Into<ToClient>) {
        let message = Bytes::from(pack(&message.into()));
        for member in self.members(meeting_id) {
            self.queue(member, message.clone(), |connection| &mut connection.replies);
        }
    }

    fn hint(&mut self, meeting_id: &MeetingId, about: ConnectionId, message: impl Into<ToClient>) {
        let message = Bytes::from(pack(&message.into()));
        for member in self.members(meeting_id).into_iter().filter(|member| *member != about) {
            self.queue(member, message.clone(), |connection| &mut connection.hints);
        }
    }

    fn members(&self, meeting_id: &MeetingId) -> Vec<ConnectionId> {
        self.meetings.get(meeting_id).map(|m| m.connections.clone()).unwrap_or_default()
    }

    fn queue(
        &mut self,
        id: ConnectionId,
        message: Bytes,
        queue: impl FnOnce(&mut Connection) -> &mut VecDeque<Bytes>,
    ) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let queue = queue(connection);
        if queue.len() < self.limits.reply_queue {
            queue.push_back(message);
        } else {
            connection.fault = Some(Fault::TooSlow);
            connection.replies.clear();
            connection.hints.clear();
            connection.media.clear();
        }
        connection.wake(id, &mut self.woken);
    }

    fn wake(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.wake(id, &mut self.woken);
        }
    }
}

impl Meeting {
    fn is_over(&self) -> bool {
        self.connections.is_empty() && self.boards.is_empty() && self.bundles.is_empty()
    }
}

impl Connection {
    fn new(
        meeting: MeetingId,
        pseudonym: Pseudonym,
        cursors: Vec<Cursor>,
        limits: &Limits,
        now: Duration,
    ) -> Self {
        Self {
            meeting,
            pseudonym,
            replies: VecDeque::new(),
            hints: VecDeque::new(),
            media: VecDeque::new(),
            cursors,
            control: Bucket::new(limits.control, now),
            control_bytes: Bucket::new(limits.control_bytes, now),
            reads: Bucket::new(limits.reads, now),
            media_rate: Bucket::new(limits.media, now),
            media_bytes: Bucket::new(limits.media_bytes, now),
            woken: false,
            fault: None,
        }
    }

    fn wake(&mut self, id: ConnectionId, woken: &mut Vec<ConnectionId>) {
        if !self.woken {
            self.woken = true;
            woken.push(id);
        }
    }

    /// Answers first: they say which boards the rest belongs to.
    fn next_control(&mut self, id: ConnectionId, boards: &[Board]) -> Option<Bytes> {
        if let Some(reply) = self.replies.pop_front() {
            return Some(reply);
        }
        for cursor in &mut self.cursors {
            let Some(board) = boards.iter().find(|board| board.id == cursor.board) else {
                continue;
            };
            if board.caught_up(cursor) {
                let caught_up = CaughtUp { board_id: board.id };
                return Some(Bytes::from(pack(&ToClient::from(caught_up))));
            }
            if let Some(message) = board.read(cursor, id, &self.pseudonym) {
                return Some(message);
            }
            if board.caught_up(cursor) {
                let caught_up = CaughtUp { board_id: board.id };
                return Some(Bytes::from(pack(&ToClient::from(caught_up))));
            }
        }
        self.hints.pop_front()
    }
}

fn seen(have: &[BoardPosition], board: BoardId) -> Option<u64> {
    have.iter().find(|position| position.board_id == board).map(|position| position.seq)
}
