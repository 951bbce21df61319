//! The receiving side: parsed → screened → opened.

use sframe::crypto::DecryptionBufferView;

use standfast_crypto::Secret;

use crate::{
    context::{Binding, FrameContext, SetupError, TAG_BYTES},
    keys::{Candidate, StepKeys},
    kid::Kid,
    parsed::ParsedFrame,
    payload::{Payload, PayloadError},
    ratchet::Chain,
    refused::Refused,
    replay::{ReplayWindow, Seen},
    suite::BASE_BYTES,
};

/// Opens the frames of one other member, stream and epoch.
///
/// Make none for one's own idx: then nothing that is reflected finds a key. Times are milliseconds
/// of any clock that does not run backwards. Dropping erases all keys.
pub struct Opener {
    binding: Binding,
    keys: StepKeys,
    replay: ReplayWindow,
}

impl Opener {
    /// An opener that has heard nothing yet.
    pub fn new(base: Secret<BASE_BYTES>, context: &FrameContext) -> Result<Self, SetupError> {
        let binding = Binding::new(context)?;
        let keys = StepKeys::new(Chain::new(base), binding.kid())?;
        Ok(Self { binding, keys, replay: ReplayWindow::new() })
    }

    /// Whether a frame with this key id is to be screened here.
    pub fn answers_to(&self, kid: Kid) -> bool {
        self.binding.kid().same_sender(kid)
    }

    /// Decides whether a frame is worth opening, and with which one key. Records nothing that
    /// would change the fate of another frame, save that a long catch-up was tried.
    pub fn screen<'o, 'f>(
        &'o mut self,
        frame: ParsedFrame<'f>,
        now_ms: u64,
    ) -> Result<ScreenedFrame<'o, 'f>, Refused> {
        self.expire(now_ms);
        if !self.answers_to(frame.kid()) {
            return Err(Refused::OtherSender);
        }
        match self.replay.check(frame.ctr()) {
            Seen::Fresh => {}
            Seen::Before => return Err(Refused::Replayed),
            Seen::Behind => return Err(Refused::TooLate),
        }
        let candidate = self.keys.candidate(frame.step(), now_ms)?;
        Ok(ScreenedFrame { opener: self, frame, candidate, now_ms })
    }

    /// Erases the previous step's key if its 2 s are over. [`screen`](Self::screen) does so too;
    /// this is for the time in which nothing arrives.
    pub fn expire(&mut self, now_ms: u64) {
        self.keys.expire(now_ms);
    }

    /// When [`expire`](Self::expire) has something to do.
    pub fn expires_ms(&self) -> Option<u64> {
        self.keys.expires_ms()
    }
}

/// A frame that may be opened. It holds the opener, so nothing can come between.
pub struct ScreenedFrame<'o, 'f> {
    opener: &'o mut Opener,
    frame: ParsedFrame<'f>,
    candidate: Candidate,
    now_ms: u64,
}

impl ScreenedFrame<'_, '_> {
    /// Opens the frame and only then records it. The plaintext is appended to `out`; on refusal
    /// `out` is as it was. Allocates only if `out` has no room.
    pub fn open(self, out: &mut Vec<u8>) -> Result<OpenedFrame<'_>, Refused> {
        let Self { opener, frame, candidate, now_ms } = self;
        let start = out.len();
        out.extend_from_slice(frame.sealed());
        if opener.decrypt(&frame, candidate, &mut out[start..]).is_none() {
            out.truncate(start);
            return Err(Refused::NotAuthentic);
        }
        out.truncate(out.len() - TAG_BYTES);
        opener.replay.record(frame.ctr());
        opener.keys.authenticated(candidate, now_ms);
        Ok(OpenedFrame { kid: frame.kid(), ctr: frame.ctr(), plaintext: &out[start..] })
    }
}

impl Opener {
    fn decrypt(&mut self, frame: &ParsedFrame<'_>, with: Candidate, data: &mut [u8]) -> Option<()> {
        let aad = self.binding.aad_with(frame.header());
        let key = self.keys.key(with)?;
        key.decrypt(DecryptionBufferView { aad, data }, u64::from(frame.ctr())).ok()
    }
}

/// What a frame said. Only [`ScreenedFrame::open`] makes one, so holding it is proof that the
/// sender's key sealed these bytes, and that they are seen for the first time.
pub struct OpenedFrame<'b> {
    kid: Kid,
    ctr: u32,
    plaintext: &'b [u8],
}

impl<'b> OpenedFrame<'b> {
    /// Sender, stream and epoch.
    pub fn kid(&self) -> Kid {
        self.kid
    }

    /// The sender's frame counter.
    pub fn ctr(&self) -> u32 {
        self.ctr
    }

    /// The bytes that were sealed.
    pub fn plaintext(&self) -> &'b [u8] {
        self.plaintext
    }

    /// The bytes that were sealed, read as a [`Payload`].
    pub fn payload(&self) -> Result<Payload<'b>, PayloadError> {
        Payload::parse(self.plaintext)
    }
}
