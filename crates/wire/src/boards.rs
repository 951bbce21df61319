//! What a client remembers of a relay's boards: which holds which session, and how far it was read.

use crate::limits::MAX_SESSIONS;
use crate::relay::{Board, BoardId, BoardPosition, SessionId};

/// Boards of this meeting, at most as many as a relay keeps.
#[derive(Debug, Default)]
pub struct Boards {
    boards: Vec<(Board, u64)>,
    /// The request to read all again, until the relay has begun with it.
    asked: Option<u32>,
}

impl Boards {
    /// A board runs at the relay.
    pub fn seen(&mut self, board: Board) {
        self.boards
            .retain(|(b, _)| b.session_id != board.session_id || b.board_id == board.board_id);
        if !self.boards.iter().any(|(b, _)| b.board_id == board.board_id) {
            if self.boards.len() >= MAX_SESSIONS {
                self.boards.remove(0);
            }
            self.boards.push((board, 0));
        }
    }

    /// A board does not run any more.
    pub fn gone(&mut self, board_id: &BoardId) {
        self.boards.retain(|(b, _)| b.board_id != *board_id);
    }

    /// Read up to `seq`.
    pub fn read(&mut self, board_id: &BoardId, seq: u64) {
        if let Some((_, at)) = self.boards.iter_mut().find(|(b, _)| b.board_id == *board_id) {
            *at = seq.max(*at);
        }
    }

    /// All are read again, by this request where there is a line.
    pub fn read_again(&mut self, request: Option<u32>) {
        self.boards.iter_mut().for_each(|(_, at)| *at = 0);
        self.asked = request;
    }

    /// A request is done. What came since it was made was on its way already.
    pub fn done(&mut self, request: u32) {
        if self.asked == Some(request) {
            self.read_again(None);
        }
    }

    /// A connection ended.
    pub fn lost(&mut self) {
        if self.asked.is_some() {
            self.read_again(None);
        }
    }

    /// Whether "all was shown" is said of what is read now.
    #[must_use]
    pub fn is_read(&self) -> bool {
        self.asked.is_none()
    }

    /// The session that a board holds.
    #[must_use]
    pub fn session_of(&self, board_id: &BoardId) -> Option<SessionId> {
        self.boards.iter().find(|(b, _)| b.board_id == *board_id).map(|(b, _)| b.session_id)
    }

    /// The board that holds a session.
    #[must_use]
    pub fn board_of(&self, session_id: &SessionId) -> Option<BoardId> {
        self.boards.iter().find(|(b, _)| b.session_id == *session_id).map(|(b, _)| b.board_id)
    }

    /// Where to go on after a reconnect.
    #[must_use]
    pub fn positions(&self) -> Vec<BoardPosition> {
        self.boards
            .iter()
            .map(|(b, seq)| BoardPosition { board_id: b.board_id, seq: *seq })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_on_its_way_is_no_part_of_what_is_read_again() {
        let mut boards = Boards::default();
        boards.seen(Board { session_id: [1; 32], board_id: [2; 16] });
        boards.read(&[2; 16], 9);
        boards.read_again(Some(7));
        // Of the reading before, and live: neither says how far the new one is.
        boards.read(&[2; 16], 10);
        assert!(!boards.is_read());
        boards.done(6);
        assert!(!boards.is_read(), "another request");
        boards.done(7);
        assert!(boards.is_read());
        assert_eq!(boards.positions()[0].seq, 0);
        boards.read(&[2; 16], 3);
        assert_eq!(boards.positions()[0].seq, 3);
    }

    #[test]
    fn a_line_that_breaks_first_leaves_all_to_be_read() {
        let mut boards = Boards::default();
        boards.seen(Board { session_id: [1; 32], board_id: [2; 16] });
        boards.read_again(Some(7));
        boards.read(&[2; 16], 10);
        boards.lost();
        assert!(boards.is_read());
        assert_eq!(boards.positions()[0].seq, 0);
    }
}
