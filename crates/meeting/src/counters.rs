//! Figures of one meeting, for measuring and for the diagnostics page.

use crate::Refusal;

/// Counts since the meeting began on this device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Audio frames sealed.
    pub frames_sealed: u64,
    /// Audio frames opened.
    pub frames_opened: u64,
    /// Frames that did not open, for whatever reason.
    pub frames_refused: u64,
    /// Packets missing between a speaker's last frame of one epoch and the first of the next.
    pub frames_lost_at_rekey: u64,
    /// Control messages refused, by cause.
    pub malformed: u64,
    /// See [`Refusal::NotAuthentic`].
    pub not_authentic: u64,
    /// See [`Refusal::NotAllowed`].
    pub not_allowed: u64,
    /// See [`Refusal::Stale`].
    pub stale: u64,
    /// See [`Refusal::Missing`].
    pub missing: u64,
    /// See [`Refusal::Inconsistent`].
    pub inconsistent: u64,
    /// See [`Refusal::Unsupported`].
    pub unsupported: u64,
}

impl Counters {
    pub(crate) fn refuse(&mut self, refusal: Refusal) {
        let counter = match refusal {
            Refusal::Malformed => &mut self.malformed,
            Refusal::NotAuthentic => &mut self.not_authentic,
            Refusal::NotAllowed => &mut self.not_allowed,
            Refusal::Stale => &mut self.stale,
            Refusal::Missing => &mut self.missing,
            Refusal::Inconsistent => &mut self.inconsistent,
            Refusal::Unsupported => &mut self.unsupported,
        };
        *counter = counter.saturating_add(1);
    }
}
