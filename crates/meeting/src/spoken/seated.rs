//! The spoken code of a live device: its table is the newest epoch, its letters are signed.

use standfast_crypto::Fingerprint;
use standfast_wire::control::{Kind, SasCommit, SasReveal, State};

use super::{Progress, SPOKEN_FAILURES_MAX, Say, Spoken, Table};
use crate::Refusal;
use crate::core::Core;
use crate::epoch::Epoch;
use crate::journal::{Event, Spoke};
use crate::limits::{SLOT_SPOKEN_COMMIT, SLOT_SPOKEN_REVEAL};
use crate::seated::Seated;
use crate::session::Letter;
use crate::snapshot::SpokenNow;

fn table(epoch: &Epoch) -> Table {
    let holders = || epoch.roster.iter().filter(|e| e.state != State::Off);
    Table {
        h_e: epoch.h,
        holders: holders().map(|e| (e.idx, Fingerprint(e.fp))).collect(),
        confirmed: holders().all(|e| epoch.acked.contains(&e.idx)),
    }
}

impl Seated {
    /// The user wants a code.
    ///
    /// # Errors
    /// [`Refusal::NotAllowed`] after too many failed runs, [`Refusal::Stale`] while one is going on.
    pub(crate) fn start_spoken(&mut self, core: &mut Core) -> Result<(), Refusal> {
        let table = self.spoken_table(core)?;
        let says = self.spoken.start(core.me(), &table, &mut core.rng, core.now.mono_ms)?;
        self.carry_out_spoken(core, says);
        core.changed();
        Ok(())
    }

    /// A commitment or a value.
    ///
    /// # Errors
    /// [`Refusal`] for one that is not of this epoch, or not by a holder of its key.
    pub(crate) fn spoken_letter(
        &mut self,
        core: &mut Core,
        letter: &Letter,
    ) -> Result<(), Refusal> {
        let table = self.spoken_table(core)?;
        let identity = self.session.identity_of(letter.from).ok_or(Refusal::NotAllowed)?;
        let (who, now_ms) = ((core.me(), letter.from), core.ms());
        let says = if letter.kind == Kind::SasCommit {
            let said = letter.authentic::<SasCommit>(identity, &self.session.scope)?.message;
            self.spoken.commit(who, &table, &said, &mut core.rng, now_ms)?
        } else {
            let said = letter.authentic::<SasReveal>(identity, &self.session.scope)?.message;
            self.spoken.reveal(who, &table, &said, now_ms)?
        };
        self.carry_out_spoken(core, says);
        core.changed();
        Ok(())
    }

    /// Time, acks and epochs go on.
    pub(crate) fn turn_spoken(&mut self, core: &mut Core) {
        if self.spoken.rests() {
            return;
        }
        let Some(epoch) = self.epochs.newest() else {
            // Without a key there is nothing to speak of.
            self.spoken = Spoken::default();
            return;
        };
        let says = self.spoken.turn(core.me(), &table(epoch), core.ms());
        if !says.is_empty() {
            self.carry_out_spoken(core, says);
            core.changed();
        }
    }

    fn spoken_table(&self, core: &Core) -> Result<Table, Refusal> {
        if core.spoken_failures >= SPOKEN_FAILURES_MAX {
            return Err(Refusal::NotAllowed);
        }
        self.epochs.newest().map(table).ok_or(Refusal::Stale)
    }

    fn carry_out_spoken(&mut self, core: &mut Core, says: Vec<Say>) {
        for say in says {
            match say {
                Say::Commit(commit) => {
                    core.post(&self.session, Kind::SasCommit, SLOT_SPOKEN_COMMIT, &commit, None);
                }
                Say::Reveal(reveal) => {
                    core.post(&self.session, Kind::SasReveal, SLOT_SPOKEN_REVEAL, &reveal, None);
                }
                Say::Ended { run_id, h_e, how, by } => {
                    core.spoken_failures = match how {
                        Spoke::Shown => 0,
                        Spoke::Replaced | Spoke::TooEarly => core.spoken_failures,
                        Spoke::Rotated | Spoke::Missing | Spoke::Cheated => {
                            core.spoken_failures.saturating_add(1)
                        }
                    };
                    let by = by.map(|fp| fp.0);
                    core.journal.note(Event::Spoken { run_id, h_e, how, by }, core.now);
                }
            }
        }
    }

    /// How far the spoken code is, for people.
    pub(crate) fn spoken_now(&self, core: &Core) -> SpokenNow {
        let Some(epoch) = self.epochs.newest() else { return SpokenNow::Idle };
        match self.spoken.progress(&table(epoch)) {
            _ if core.spoken_failures >= SPOKEN_FAILURES_MAX => SpokenNow::CompareFingerprints,
            Progress::Idle => SpokenNow::Idle,
            Progress::Running { have, of } => SpokenNow::Running { have, of },
            Progress::Code(words) => SpokenNow::Code(words),
            Progress::Failed => SpokenNow::Failed { times: core.spoken_failures },
        }
    }
}
