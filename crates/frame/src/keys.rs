//! The receiver's keys of one sender: the current step, the one before, and one kept aside.

use crate::{
    context::KeyScheduleError, kid::Kid, ratchet::Chain, refused::Refused, suite::OpeningKey,
};

/// The most steps that a frame may lie ahead: 87 minutes of speech at 50 frames a second, more
/// than a device may be out of contact for before it has to re-join.
pub const CATCH_UP_STEPS: u32 = 4_096;

/// Catch-ups of up to this many steps cost less than opening a few frames and are not rationed.
pub const FREE_CATCH_UP_STEPS: u32 = 16;

/// The least time between two longer ones: a forged header must not buy much work.
pub const LONG_CATCH_UP_INTERVAL_MS: u64 = 1_000;

/// How long the key of the previous step opens packets that were overtaken.
pub const PREVIOUS_STEP_MS: u64 = 2_000;

/// Which key a frame is to be tried with. There is never a second candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Candidate {
    Previous,
    Current,
    Aside,
}

struct Previous {
    step: u32,
    key: OpeningKey,
    expires_ms: u64,
}

/// A step that some frame claims and none has authenticated yet.
struct Aside {
    /// The key one step earlier, where that is not the current one.
    before: Option<OpeningKey>,
    chain: Chain,
    key: OpeningKey,
}

pub(crate) struct StepKeys {
    sender: Kid,
    previous: Option<Previous>,
    chain: Chain,
    key: OpeningKey,
    aside: Option<Aside>,
    long_catch_up_ms: Option<u64>,
}

impl StepKeys {
    pub(crate) fn new(chain: Chain, sender: Kid) -> Result<Self, KeyScheduleError> {
        let key = chain.opening_key(sender)?;
        Ok(Self { sender, previous: None, chain, key, aside: None, long_catch_up_ms: None })
    }

    /// The candidate for a step, deriving it if it lies ahead.
    pub(crate) fn candidate(&mut self, step: u32, now_ms: u64) -> Result<Candidate, Refused> {
        if step == self.chain.step() {
            return Ok(Candidate::Current);
        }
        if step < self.chain.step() {
            let held = self.previous.as_ref().is_some_and(|p| p.step == step);
            return held.then_some(Candidate::Previous).ok_or(Refused::TooLate);
        }
        self.reach(step, now_ms)?;
        Ok(Candidate::Aside)
    }

    /// The key of a candidate, while it is there.
    pub(crate) fn key(&self, candidate: Candidate) -> Option<&OpeningKey> {
        match candidate {
            Candidate::Previous => self.previous.as_ref().map(|previous| &previous.key),
            Candidate::Current => Some(&self.key),
            Candidate::Aside => self.aside.as_ref().map(|aside| &aside.key),
        }
    }

    /// A frame authenticated under this candidate. If it was the one kept aside, that becomes the
    /// current step and everything older than its predecessor is erased.
    pub(crate) fn authenticated(&mut self, candidate: Candidate, now_ms: u64) {
        if candidate != Candidate::Aside {
            return;
        }
        if let Some(Aside { before, chain, key }) = self.aside.take() {
            let step = chain.step() - 1;
            let overtaken = std::mem::replace(&mut self.key, key);
            let expires_ms = now_ms.saturating_add(PREVIOUS_STEP_MS);
            self.previous = Some(Previous { step, key: before.unwrap_or(overtaken), expires_ms });
            self.chain = chain;
        }
    }

    /// Erases the previous step's key once its time is over.
    pub(crate) fn expire(&mut self, now_ms: u64) {
        self.previous.take_if(|previous| previous.expires_ms <= now_ms);
    }

    pub(crate) fn expires_ms(&self) -> Option<u64> {
        self.previous.as_ref().map(|previous| previous.expires_ms)
    }

    /// Puts the key of a step ahead aside, unless it is there already.
    fn reach(&mut self, step: u32, now_ms: u64) -> Result<(), Refused> {
        if step - self.chain.step() > CATCH_UP_STEPS {
            return Err(Refused::TooFarAhead);
        }
        let from = self.aside.as_ref().map(|aside| aside.chain.step()).filter(|&at| at <= step);
        if from == Some(step) {
            return Ok(());
        }
        self.ration(step - from.unwrap_or(self.chain.step()), now_ms)?;
        self.walk(step).map_err(|KeyScheduleError| Refused::NotAuthentic)
    }

    /// Allows a long catch-up once in a while. Counted when tried, not when it succeeds.
    fn ration(&mut self, steps: u32, now_ms: u64) -> Result<(), Refused> {
        if steps <= FREE_CATCH_UP_STEPS {
            return Ok(());
        }
        let last = self.long_catch_up_ms;
        if last.is_some_and(|last| now_ms.saturating_sub(last) < LONG_CATCH_UP_INTERVAL_MS) {
            return Err(Refused::TooOften);
        }
        self.long_catch_up_ms = Some(now_ms);
        Ok(())
    }

    /// Derives the step's key from the nearest chain behind it.
    fn walk(&mut self, step: u32) -> Result<(), KeyScheduleError> {
        let (mut chain, mut before) = match self.aside.take() {
            Some(Aside { chain, key, .. }) if chain.step() < step => {
                let key = (chain.step() + 1 == step).then_some(key);
                (chain, key)
            }
            _ => (self.chain.next()?, None),
        };
        if chain.step() < step {
            chain.advance_to(step - 1)?;
            if before.is_none() {
                before = Some(chain.opening_key(self.sender)?);
            }
            chain.advance_to(step)?;
        }
        let key = chain.opening_key(self.sender)?;
        self.aside = Some(Aside { before, chain, key });
        Ok(())
    }
}
