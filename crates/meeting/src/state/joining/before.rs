//! A device that was live in this session before: in its branch or another, and in whose care the
//! key is when nobody comes back.

use standfast_wire::control::Hash;

use super::{Asked, Before, Joining, Trial};
use crate::core::Core;
use crate::limits::{BRANCH_TRIAL_MS, FOUND_MS, HEAD_ASK_MS, TAKEOVER_MS, TAKEOVER_RANK_MS};
use crate::pulse::Watch;
use crate::seated::{History, Seated};
use crate::state::{Left, LeftWhy, Live, State};

impl Joining {
    /// The verified history stays, every secret is gone, the seat is new. We ask at once, or when
    /// the board is read.
    pub(crate) fn again(core: &mut Core, history: History, watch: Watch) -> State {
        core.journal.erased_all(core.now);
        let head = history.chain.tip();
        let mut joining = Box::new(Self::new(history, watch));
        joining.before = Some(Before { since_ms: core.ms(), head, asks: Vec::new(), claim: None });
        joining.found_until_ms = joining.forsaken_at_ms(core);
        joining.ask(core);
        core.changed();
        State::Joining(joining)
    }

    /// The same in another branch of the session. `was`: the head of the one in which this device was
    /// live, if that is not the head of `history`.
    pub(crate) fn branch(
        core: &mut Core,
        mut history: History,
        h: Hash,
        was: Option<Hash>,
    ) -> State {
        core.journal.erased_all(core.now);
        let from = history.chain.tip();
        let head = was.unwrap_or(from);
        history.follow(core, h);
        let watch = Watch::new(core.ms());
        let mut joining = Box::new(Self::new(history, watch));
        joining.before = Some(Before { since_ms: core.ms(), head, asks: Vec::new(), claim: None });
        joining.found_until_ms = joining.forsaken_at_ms(core);
        joining.trial = Some(Trial { from, until_ms: core.ms() + BRANCH_TRIAL_MS });
        joining.ask(core);
        core.changed();
        State::Joining(joining)
    }

    /// Nobody answered in the other branch: back to where we came from.
    pub(super) fn end_trial(mut self: Box<Self>, core: &mut Core, trial: &Trial) -> State {
        if let Some(generator) = self.history.chain.generator() {
            self.history.others.failed(generator, core.ms());
        }
        self.history.follow(core, trial.from);
        let watch = Watch::new(core.ms());
        let found_until_ms = self.found_until_ms.map(|at| at.max(core.ms() + 1));
        match Self::again(core, self.history, watch) {
            State::Joining(joining) => {
                State::Joining(Box::new(Self { found_until_ms, ..*joining }))
            }
            other => other,
        }
    }

    /// When whoever may open a session opens the next, if nobody in this one is heard until then:
    /// all of its succession have had their turn.
    pub(super) fn forsaken_at_ms(&self, core: &Core) -> Option<u64> {
        core.opening.as_ref()?;
        let turns = self.history.chain.head().map_or(0, |head| head.roster().len() as u64);
        Some(core.ms() + TAKEOVER_MS + turns * TAKEOVER_RANK_MS + FOUND_MS)
    }

    /// When a device that was live before looks after the key itself, if nobody comes back. Not one
    /// that found its own removal in another branch, though nobody lives there any more.
    pub(super) fn claim_at_ms(&self, core: &Core) -> Option<u64> {
        let may = core.offline_since_ms.is_none() && !self.removed(core);
        let before = self.before.as_ref().filter(|_| may)?;
        let head = self.history.chain.head().filter(|_| self.asked.is_some())?;
        // Only in the branch in which it was.
        let here = self.history.chain.descends(&head.h, &before.head);
        let rank = match head.rank_of(core.me()) {
            Some(rank) => rank,
            None if head.generator() == core.me() => 0,
            None => return None,
        };
        let silent_ms = self.watch.last_ms().max(before.since_ms);
        here.then_some(silent_ms + TAKEOVER_MS + TAKEOVER_RANK_MS * u64::from(rank))
    }

    pub(super) fn claims(&mut self, core: &mut Core) -> bool {
        let due = self.claim_at_ms(core).is_some_and(|at| at <= core.ms());
        let tip = self.history.chain.tip();
        let Some(before) = &mut self.before else { return false };
        match before.claim {
            _ if !due => before.claim = None,
            Some((at_h, until)) if at_h == tip => return core.ms() >= until,
            _ => {
                before.claim = Some((tip, core.ms() + HEAD_ASK_MS));
                self.history.ask_head(core);
            }
        }
        false
    }

    pub(super) fn take_over(self: Box<Self>, core: &mut Core) -> State {
        let Self { history, asked: Some(Asked { seat, .. }), before, early_acks, .. } = *self
        else {
            return Left::enter(core, LeftWhy::Left);
        };
        let Some(idx) = history.chain.place_of(core.me()) else {
            return Left::enter(core, LeftWhy::Left);
        };
        let asks = before.map(|b| b.asks).unwrap_or_default();
        Live::succeed(core, Seated::new(history, seat, idx, early_acks), asks)
    }
}
