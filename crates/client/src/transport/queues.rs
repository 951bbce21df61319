//! What waits between the rest of the client and the socket, all of it bounded.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use standfast_wire::relay::ToClient;
use tokio::sync::Notify;

use super::{LinkEvent, Lost, SendError};

/// Control messages waiting to be sent: one rotation for 100 people, twice.
const OUT_MESSAGES: usize = 256;
/// Bytes of them.
const OUT_BYTES: usize = 1 << 20;
/// Frames waiting to be sent, 50 or 100 ms of them. Older ones are dropped: late sound helps nobody.
const OUT_FRAMES: usize = 5;
/// Events waiting to be taken; with more, nothing more is read from the socket.
const IN_MESSAGES: usize = 1_024;
/// Frames waiting to be taken: 200 ms of a dozen talkers. The oldest is dropped.
const IN_FRAMES: usize = 128;
/// Frames that one flush writes together.
const FLUSH_FRAMES: usize = 5;
/// Control bytes that one flush writes, so that frames need not wait long behind them.
const FLUSH_BYTES: usize = 16 << 10;

/// Shared by the two halves of a link and the task at the socket.
#[derive(Debug, Default)]
pub(super) struct Queues {
    out: Mutex<Out>,
    pub(super) out_ready: Notify,
    inbox: Mutex<In>,
    in_ready: Notify,
    pub(super) in_room: Notify,
    requests: AtomicU32,
    round_trip_us: AtomicU64,
    stale_frames: AtomicU64,
}

#[derive(Debug, Default)]
struct Out {
    control: VecDeque<Bytes>,
    control_bytes: usize,
    media: VecDeque<Bytes>,
    closed: bool,
}

#[derive(Debug, Default)]
struct In {
    control: VecDeque<ToClient>,
    media: VecDeque<Bytes>,
    /// Nothing more comes, for this reason.
    lost: Option<Lost>,
    /// The reason has been told.
    over: bool,
}

/// What the socket is to write next.
pub(super) enum Next {
    Write(Vec<Bytes>),
    Wait,
    /// The link was closed and everything is written.
    Close,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Queues {
    pub(super) fn next_request(&self) -> u32 {
        self.requests.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn send(&self, message: Bytes) -> Result<(), SendError> {
        let mut out = lock(&self.out);
        if out.closed {
            return Err(SendError::Closed);
        }
        if out.control.len() >= OUT_MESSAGES || out.control_bytes + message.len() > OUT_BYTES {
            return Err(SendError::Full);
        }
        out.control_bytes += message.len();
        out.control.push_back(message);
        drop(out);
        self.out_ready.notify_one();
        Ok(())
    }

    pub(super) fn send_media(&self, frame: Bytes) -> Result<(), SendError> {
        let mut out = lock(&self.out);
        if out.closed {
            return Err(SendError::Closed);
        }
        if out.media.len() >= OUT_FRAMES {
            out.media.pop_front();
            self.stale_frames.fetch_add(1, Ordering::Relaxed);
        }
        out.media.push_back(frame);
        drop(out);
        self.out_ready.notify_one();
        Ok(())
    }

    /// Nothing more is taken for sending; what waits is still sent.
    pub(super) fn close(&self) {
        lock(&self.out).closed = true;
        self.out_ready.notify_one();
    }

    pub(super) fn next(&self) -> Next {
        let mut out = lock(&self.out);
        let frames = out.media.len().min(FLUSH_FRAMES);
        let mut messages: Vec<_> = out.media.drain(..frames).collect();
        let mut room = FLUSH_BYTES;
        while room > 0
            && let Some(message) = out.control.pop_front()
        {
            out.control_bytes -= message.len();
            room = room.saturating_sub(message.len());
            messages.push(message);
        }
        match (messages.is_empty(), out.closed) {
            (false, _) => Next::Write(messages),
            (true, false) => Next::Wait,
            (true, true) => Next::Close,
        }
    }

    /// Whether there is room for more.
    pub(super) fn received(&self, message: ToClient) -> bool {
        let mut inbox = lock(&self.inbox);
        inbox.control.push_back(message);
        let room = inbox.control.len() < IN_MESSAGES;
        drop(inbox);
        self.in_ready.notify_one();
        room
    }

    pub(super) fn has_room(&self) -> bool {
        lock(&self.inbox).control.len() < IN_MESSAGES
    }

    pub(super) fn received_media(&self, frame: Bytes) {
        let mut inbox = lock(&self.inbox);
        if inbox.media.len() >= IN_FRAMES {
            inbox.media.pop_front();
            self.stale_frames.fetch_add(1, Ordering::Relaxed);
        }
        inbox.media.push_back(frame);
        drop(inbox);
        self.in_ready.notify_one();
    }

    /// The socket is gone. What was received before can still be taken.
    pub(super) fn lose(&self, why: Lost) {
        let mut out = lock(&self.out);
        *out = Out { closed: true, ..Out::default() };
        drop(out);
        lock(&self.inbox).lost.get_or_insert(why);
        self.in_ready.notify_one();
    }

    pub(super) async fn recv(&self) -> Option<LinkEvent> {
        loop {
            // Registered before looking, so that nothing is missed in between.
            let ready = self.in_ready.notified();
            if let Some(event) = self.try_recv()? {
                return Some(event);
            }
            ready.await;
        }
    }

    /// `None` when over, `Some(None)` when nothing waits.
    #[expect(clippy::option_option, reason = "over and nothing yet are two things")]
    pub(super) fn try_recv(&self) -> Option<Option<LinkEvent>> {
        let mut inbox = lock(&self.inbox);
        // Control first: frames under a new epoch are nothing without its announce.
        if let Some(message) = inbox.control.pop_front() {
            self.in_room.notify_one();
            return Some(Some(LinkEvent::Control(message)));
        }
        if let Some(frame) = inbox.media.pop_front() {
            return Some(Some(LinkEvent::Media(frame)));
        }
        match inbox.lost {
            Some(_) if inbox.over => None,
            Some(why) => {
                inbox.over = true;
                Some(Some(LinkEvent::Lost(why)))
            }
            None => Some(None),
        }
    }

    pub(super) fn set_round_trip(&self, round_trip: Duration) {
        let us = u64::try_from(round_trip.as_micros()).unwrap_or(u64::MAX).max(1);
        self.round_trip_us.store(us, Ordering::Relaxed);
    }

    pub(super) fn round_trip(&self) -> Option<Duration> {
        match self.round_trip_us.load(Ordering::Relaxed) {
            0 => None,
            us => Some(Duration::from_micros(us)),
        }
    }

    pub(super) fn stale_frames(&self) -> u64 {
        self.stale_frames.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use standfast_wire::relay::Done;

    #[test]
    fn stale_frames_make_room_for_fresh_ones() {
        let queues = Queues::default();
        for i in 0..OUT_FRAMES as u8 + 3 {
            queues.send_media(Bytes::from(vec![i])).unwrap();
        }
        let Next::Write(messages) = queues.next() else { panic!("frames wait") };
        assert_eq!(messages.first().map(|frame| frame[0]), Some(3));
        assert_eq!((messages.len(), queues.stale_frames()), (OUT_FRAMES, 3));
    }

    #[test]
    fn control_is_never_dropped_silently() {
        let queues = Queues::default();
        for _ in 0..OUT_MESSAGES {
            queues.send(Bytes::from_static(b"x")).unwrap();
        }
        assert_eq!(queues.send(Bytes::from_static(b"x")), Err(SendError::Full));
        let large = Queues::default();
        assert_eq!(large.send(Bytes::from(vec![0; OUT_BYTES + 1])), Err(SendError::Full));
    }

    #[test]
    fn closing_sends_what_waits_and_takes_nothing_more() {
        let queues = Queues::default();
        queues.send(Bytes::from_static(b"bye")).unwrap();
        queues.close();
        assert_eq!(queues.send(Bytes::new()), Err(SendError::Closed));
        assert_eq!(queues.send_media(Bytes::new()), Err(SendError::Closed));
        assert!(matches!(queues.next(), Next::Write(_)));
        assert!(matches!(queues.next(), Next::Close));
    }

    #[test]
    fn the_loss_comes_last_and_once() {
        let queues = Queues::default();
        queues.received_media(Bytes::from_static(b"frame"));
        queues.received(Done { request: 1 }.into());
        queues.lose(Lost::Silent);
        queues.lose(Lost::Broken);
        assert!(matches!(queues.try_recv(), Some(Some(LinkEvent::Control(_)))));
        assert!(matches!(queues.try_recv(), Some(Some(LinkEvent::Media(_)))));
        assert_eq!(queues.try_recv(), Some(Some(LinkEvent::Lost(Lost::Silent))));
        assert_eq!(queues.try_recv(), None);
    }
}
