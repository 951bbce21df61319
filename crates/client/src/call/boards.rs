//! Which board holds which session, and how far it was read.

use standfast_wire::relay::{Board, BoardId, BoardPosition, SessionId};

/// Boards of this meeting, at most as many as a relay keeps.
#[derive(Default)]
pub(super) struct Boards(Vec<(Board, u64)>);

impl Boards {
    /// A board runs at the relay.
    pub(super) fn seen(&mut self, board: Board) {
        self.0.retain(|(b, _)| b.session_id != board.session_id || b.board_id == board.board_id);
        if !self.0.iter().any(|(b, _)| b.board_id == board.board_id) {
            if self.0.len() >= standfast_wire::limits::MAX_SESSIONS {
                self.0.remove(0);
            }
            self.0.push((board, 0));
        }
    }

    pub(super) fn gone(&mut self, board_id: &BoardId) {
        self.0.retain(|(b, _)| b.board_id != *board_id);
    }

    /// Read up to `seq`.
    pub(super) fn read(&mut self, board_id: &BoardId, seq: u64) {
        if let Some((_, at)) = self.0.iter_mut().find(|(b, _)| b.board_id == *board_id) {
            *at = seq.max(*at);
        }
    }

    /// All are read again.
    pub(super) fn rewind(&mut self) {
        self.0.iter_mut().for_each(|(_, at)| *at = 0);
    }

    pub(super) fn session_of(&self, board_id: &BoardId) -> Option<SessionId> {
        self.0.iter().find(|(b, _)| b.board_id == *board_id).map(|(b, _)| b.session_id)
    }

    pub(super) fn board_of(&self, session_id: &SessionId) -> Option<BoardId> {
        self.0.iter().find(|(b, _)| b.session_id == *session_id).map(|(b, _)| b.board_id)
    }

    /// Where to go on after a reconnect.
    pub(super) fn positions(&self) -> Vec<BoardPosition> {
        self.0.iter().map(|(b, seq)| BoardPosition { board_id: b.board_id, seq: *seq }).collect()
    }
}
