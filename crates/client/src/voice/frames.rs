//! The way of coded frames from the capture thread to whoever sends them.

use std::sync::Arc;
use std::time::Instant;

use standfast_media::{Level, Packet, VoiceProfile};
use tokio::sync::mpsc::{Receiver, Sender, channel as bounded, error::TrySendError};

use super::shared::Shared;

/// Frames that may wait to be sent: 100 ms in packets of 10. Older sound is not worth sending.
const QUEUE: usize = 10;

/// 10 or 20 ms of coded sound.
#[derive(Debug, Clone, PartialEq)]
pub struct CapturedFrame {
    /// When its first sample was captured, in samples; wraps. Continues through mute.
    pub media_ts: u32,
    /// How it is coded.
    pub profile: VoiceProfile,
    /// Opus, always as long as the profile says.
    pub packet: Packet,
    /// How loud it is.
    pub level: Level,
    /// When it was complete.
    pub captured_at: Instant,
}

/// Receives what the microphone captured, as long as it is not muted.
pub struct CapturedFrames {
    queue: Receiver<CapturedFrame>,
    shared: Arc<Shared>,
}

pub(super) fn channel(shared: Arc<Shared>) -> (FramesIn, CapturedFrames) {
    let (sender, queue) = bounded(QUEUE);
    (FramesIn { sender, shared: Arc::clone(&shared) }, CapturedFrames { queue, shared })
}

impl CapturedFrames {
    /// The next frame; `None` once the voice is dropped. Cancel-safe. Frames that wait while the
    /// voice becomes muted are thrown away.
    pub async fn recv(&mut self) -> Option<CapturedFrame> {
        loop {
            let frame = self.queue.recv().await?;
            if !self.shared.is_muted() {
                return Some(frame);
            }
        }
    }

    /// The next frame, if one is there.
    pub fn try_recv(&mut self) -> Option<CapturedFrame> {
        loop {
            let frame = self.queue.try_recv().ok()?;
            if !self.shared.is_muted() {
                return Some(frame);
            }
        }
    }
}

/// The capture thread's end.
pub(super) struct FramesIn {
    sender: Sender<CapturedFrame>,
    shared: Arc<Shared>,
}

impl FramesIn {
    /// Hands a frame over unless muted. Drops it if nobody took the ones before.
    pub(super) fn offer(&self, frame: CapturedFrame) {
        if self.shared.is_muted() {
            return;
        }
        match self.sender.try_send(frame) {
            Ok(()) => self.shared.count_captured(),
            Err(TrySendError::Full(_)) => self.shared.count_dropped(),
            // Nobody sends; the meter still works.
            Err(TrySendError::Closed(_)) => {}
        }
    }
}
