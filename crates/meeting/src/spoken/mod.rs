//! The spoken code: three words with commit and reveal (`docs/protocol.md` §8, *Spoken code*).
//!
//! [`Spoken`] is one device's part in it, without clock, keys or board: letters whose signatures
//! were checked go in, [`Say`]s come out. It stands and falls with its epoch. A run that ends is
//! gone with its values; whoever wants a code starts another.

mod seated;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use standfast_crypto::{Entropy, Fingerprint, SpokenCode, SpokenShare};
use standfast_wire::control::{Hash, SasCommit, SasReveal};

use crate::Refusal;
use crate::journal::Spoke;

/// A run whose commitments, or whose values, are not all there after this time is over.
pub const SPOKEN_MS: u64 = 10_000;
/// Members with whom a spoken code can be had: above, acks do not go to all.
pub const SPOKEN_MAX: usize = 32;
/// After so many failed runs in a row people are told to compare fingerprints instead.
pub const SPOKEN_FAILURES_MAX: u8 = 3;
/// Runs of one epoch that are remembered so that none comes twice; then there is no other until
/// the next epoch.
const RUNS_MAX: usize = 64;

/// Names one run.
type RunId = [u8; 16];

/// The epoch that a code is to be for, as this device has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) h_e: Hash,
    /// Everyone who holds the key, in idx order.
    pub(crate) holders: Vec<(u16, Fingerprint)>,
    /// A signed ack of each of them is in hand.
    pub(crate) confirmed: bool,
}

impl Table {
    fn idx_of(&self, fp: Fingerprint) -> Option<u16> {
        self.holders.iter().find(|(_, of)| *of == fp).map(|(idx, _)| *idx)
    }

    fn all_in<V>(&self, of: &BTreeMap<u16, V>) -> bool {
        self.holders.iter().all(|(idx, _)| of.contains_key(idx))
    }
}

/// What a device posts, or writes down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Say {
    Commit(SasCommit),
    Reveal(SasReveal),
    Ended { run_id: RunId, h_e: Hash, how: Spoke, by: Option<Fingerprint> },
}

/// One run.
struct Run {
    run_id: RunId,
    h_e: Hash,
    /// Ours, until it is shown.
    share: Option<SpokenShare>,
    /// Whether our commitment is out. Whoever starts waits until everyone holds the epoch.
    committed: bool,
    commitments: BTreeMap<u16, Hash>,
    shares: BTreeMap<u16, SpokenShare>,
    until_ms: u64,
}

#[derive(Default)]
enum Standing {
    #[default]
    Idle,
    Running(Box<Run>),
    /// With the members that it was spoken among.
    Code(SpokenCode, Vec<(u16, Fingerprint)>),
    Failed,
}

/// How far a device is. Counting failures is its owner's: they outlive a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    Idle,
    Running { have: usize, of: usize },
    Code([&'static str; 3]),
    Failed,
}

#[derive(Default)]
pub(crate) struct Spoken {
    standing: Standing,
    /// The epoch of the last letter or turn, and the runs that were seen in it.
    h_e: Hash,
    runs: BTreeSet<RunId>,
}

impl Spoken {
    /// The user wants a code.
    pub(crate) fn start(
        &mut self,
        me: Fingerprint,
        table: &Table,
        entropy: &mut dyn Entropy,
        now_ms: u64,
    ) -> Result<Vec<Say>, Refusal> {
        if matches!(self.standing, Standing::Running(_)) {
            return Err(Refusal::Stale);
        }
        let mut run_id = [0; 16];
        entropy.fill(&mut run_id);
        self.begin(run_id, (me, table), entropy, now_ms + SPOKEN_MS)?;
        Ok(self.turn(me, table, now_ms))
    }

    fn begin(
        &mut self,
        run_id: RunId,
        (me, table): (Fingerprint, &Table),
        entropy: &mut dyn Entropy,
        until_ms: u64,
    ) -> Result<(), Refusal> {
        let idx = table.idx_of(me).ok_or(Refusal::NotAllowed)?;
        if table.holders.len() > SPOKEN_MAX {
            return Err(Refusal::Unsupported);
        }
        self.at(table.h_e);
        if self.runs.len() >= RUNS_MAX || !self.runs.insert(run_id) {
            return Err(Refusal::Stale);
        }
        let share = SpokenShare::draw(entropy);
        let commitments = BTreeMap::from([(idx, share.commitment(me, &run_id))]);
        self.standing = Standing::Running(Box::new(Run {
            run_id,
            h_e: table.h_e,
            share: Some(share),
            committed: false,
            commitments,
            shares: BTreeMap::new(),
            until_ms,
        }));
        Ok(())
    }

    /// Runs are remembered for one epoch: in another, their letters name another hash.
    fn at(&mut self, h_e: Hash) {
        if self.h_e != h_e {
            (self.h_e, self.runs) = (h_e, BTreeSet::new());
        }
    }

    /// A member commits itself. The first commitment of a run makes this device take part. Of runs
    /// that were started at the same time the one with the smallest id goes on.
    pub(crate) fn commit(
        &mut self,
        (me, from): (Fingerprint, Fingerprint),
        table: &Table,
        said: &SasCommit,
        entropy: &mut dyn Entropy,
        now_ms: u64,
    ) -> Result<Vec<Say>, Refusal> {
        let idx = table.idx_of(from).ok_or(Refusal::NotAllowed)?;
        if said.h_e != table.h_e || from == me {
            return Err(Refusal::Stale);
        }
        let mut says = Vec::new();
        let until_ms = match &self.standing {
            Standing::Running(run) if run.run_id == said.run_id => None,
            Standing::Running(run) if run.share.is_none() || run.run_id < said.run_id => {
                return Err(Refusal::Stale);
            }
            // The first run's time goes on: nobody can put the end off.
            Standing::Running(run) => Some(run.until_ms),
            _ => Some(now_ms + SPOKEN_MS),
        };
        if let Some(until_ms) = until_ms {
            if self.h_e == table.h_e && self.runs.contains(&said.run_id) {
                return Err(Refusal::Stale);
            }
            says.extend(self.end_as(Spoke::Replaced, Standing::Idle));
            self.begin(said.run_id, (me, table), entropy, until_ms)?;
            says.extend(self.say_commitment(me));
        }
        let Standing::Running(run) = &mut self.standing else { return Ok(says) };
        match run.commitments.insert(idx, said.commitment) {
            Some(before) if before != said.commitment => says.extend(self.cheated(from)),
            _ => says.extend(self.turn(me, table, now_ms)),
        }
        Ok(says)
    }

    /// A member shows its value. Nothing is looked at before its commitment is in hand.
    pub(crate) fn reveal(
        &mut self,
        (me, from): (Fingerprint, Fingerprint),
        table: &Table,
        said: &SasReveal,
        now_ms: u64,
    ) -> Result<Vec<Say>, Refusal> {
        let idx = table.idx_of(from).ok_or(Refusal::NotAllowed)?;
        let Standing::Running(run) = &mut self.standing else { return Err(Refusal::Stale) };
        let ours = said.run_id == run.run_id && said.h_e == run.h_e && run.h_e == table.h_e;
        if !ours || from == me || run.shares.contains_key(&idx) {
            return Err(Refusal::Stale);
        }
        let commitment = run.commitments.get(&idx).ok_or(Refusal::Missing)?;
        let share = SpokenShare::shown(&said.sas_r);
        if share.commitment(from, &run.run_id) != *commitment {
            return Ok(self.cheated(from).into_iter().collect());
        }
        run.shares.insert(idx, share);
        Ok(self.turn(me, table, now_ms))
    }

    /// Goes on as far as time, epoch and letters allow.
    pub(crate) fn turn(&mut self, me: Fingerprint, table: &Table, now_ms: u64) -> Vec<Say> {
        if matches!(&self.standing, Standing::Code(_, among) if *among != table.holders) {
            self.standing = Standing::Idle;
        }
        let Standing::Running(run) = &mut self.standing else { return Vec::new() };
        if run.h_e != table.h_e {
            return self.fail(Spoke::Rotated).into_iter().collect();
        }
        if now_ms >= run.until_ms {
            return self.fail(Spoke::Missing).into_iter().collect();
        }
        let mut says = Vec::new();
        if table.confirmed {
            says.extend(self.say_commitment(me));
            says.extend(self.show(me, table, now_ms));
        }
        says.extend(self.finish(table));
        says
    }

    fn say_commitment(&mut self, me: Fingerprint) -> Option<Say> {
        let Standing::Running(run) = &mut self.standing else { return None };
        let share = run.share.as_ref().filter(|_| !run.committed)?;
        run.committed = true;
        let commitment = share.commitment(me, &run.run_id);
        Some(Say::Commit(SasCommit { h_e: run.h_e, run_id: run.run_id, commitment }))
    }

    /// Shows our value, once every holder is bound to its own.
    fn show(&mut self, me: Fingerprint, table: &Table, now_ms: u64) -> Option<Say> {
        let idx = table.idx_of(me)?;
        let Standing::Running(run) = &mut self.standing else { return None };
        if !table.all_in(&run.commitments) {
            return None;
        }
        let share = run.share.take()?;
        let sas_r = share.reveal();
        run.shares.insert(idx, share);
        run.until_ms = now_ms + SPOKEN_MS;
        Some(Say::Reveal(SasReveal { h_e: run.h_e, run_id: run.run_id, sas_r }))
    }

    fn finish(&mut self, table: &Table) -> Option<Say> {
        let Standing::Running(run) = &mut self.standing else { return None };
        if run.share.is_some() || !table.all_in(&run.shares) {
            return None;
        }
        let shares = std::mem::take(&mut run.shares);
        let of = |(idx, share)| Some((*run.commitments.get(&idx)?, share));
        let roster: Vec<_> = shares.into_iter().filter_map(of).collect();
        let code = SpokenCode::derive(&run.h_e, &roster);
        self.end_as(Spoke::Shown, Standing::Code(code, table.holders.clone()))
    }

    /// A run that ends before our commitment was out told nobody anything.
    fn fail(&mut self, how: Spoke) -> Option<Say> {
        let early = matches!(&self.standing, Standing::Running(run) if !run.committed);
        self.end_as(if early { Spoke::TooEarly } else { how }, Standing::Failed)
    }

    /// Two commitments of one member, or a value that does not fit.
    fn cheated(&mut self, by: Fingerprint) -> Option<Say> {
        match self.fail(Spoke::Cheated)? {
            Say::Ended { run_id, h_e, how, .. } => {
                Some(Say::Ended { run_id, h_e, how, by: Some(by) })
            }
            say => Some(say),
        }
    }

    /// Ends a run, if there is one. Its values are erased with it.
    fn end_as(&mut self, how: Spoke, standing: Standing) -> Option<Say> {
        match std::mem::replace(&mut self.standing, standing) {
            Standing::Running(run) => {
                Some(Say::Ended { run_id: run.run_id, h_e: run.h_e, how, by: None })
            }
            _ => None,
        }
    }

    /// Nothing changes by itself.
    pub(crate) fn rests(&self) -> bool {
        matches!(self.standing, Standing::Idle | Standing::Failed)
    }

    pub(crate) fn progress(&self, table: &Table) -> Progress {
        match &self.standing {
            Standing::Idle => Progress::Idle,
            Standing::Running(run) => {
                Progress::Running { have: run.commitments.len(), of: table.holders.len() }
            }
            Standing::Code(code, _) => Progress::Code(code.words()),
            Standing::Failed => Progress::Failed,
        }
    }

    /// When [`turn`](Self::turn) next has something to do by itself.
    pub(crate) fn timeout_ms(&self) -> Option<u64> {
        match &self.standing {
            Standing::Running(run) => Some(run.until_ms),
            _ => None,
        }
    }
}
